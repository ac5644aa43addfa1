"""What rooms put into a case's evidence bundle 证据包: files, and the records whose exchanges and events belong to it.

A room names its function in its ``Room`` value (``case_files``); the room of evidence knows none of them.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from gateway.words.clock import from_micros, rfc3339

if TYPE_CHECKING:
    from gateway.foundation.base import Foundation
    from gateway.foundation.rooms import Services


@dataclass(frozen=True)
class CaseFile:
    """One file: its path in the bundle, its content, and what it is, in Chinese."""

    path: str
    content: bytes
    title: str

    @classmethod
    def of_json(cls, path: str, value: object, title: str) -> CaseFile:
        """A file of JSON that people can read."""
        content = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, default=str).encode()
        return cls(path, content, title)


@dataclass(frozen=True)
class CasePart:
    """A room's part: ``subjects`` are ids of records of the case."""

    subjects: tuple[str, ...] = ()
    files: tuple[CaseFile, ...] = ()


def told(record: Any, without: Collection[str] = ()) -> dict[str, Any]:
    """A record as a bundle tells it: by the names of its columns, but for what is sealed or ours alone; instants as
    RFC 3339, amounts in fen.
    """
    known = {one.name: getattr(record, one.name) for one in fields(record)}
    plain = {name: value for name, value in known.items() if name not in without and not isinstance(value, bytes)}
    return {
        name: rfc3339(from_micros(value)) if name.endswith("_at") and isinstance(value, int) else value
        for name, value in plain.items()
    }


CaseFiles = Callable[["Foundation", "Services", str, bool], Awaitable[CasePart]]
"""Of a decision's id; the flag says that persons are shown plainly."""
