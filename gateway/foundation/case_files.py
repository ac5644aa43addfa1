"""What rooms put into a case's evidence bundle 证据包: files, and the records whose exchanges and events belong to it.

A room names its function in its ``Room`` value (``case_files``); the room of evidence knows none of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.foundation.base import Foundation
    from gateway.foundation.rooms import Services


@dataclass(frozen=True)
class CaseFile:
    """One file: its path in the bundle, its content, and what it is, in Chinese."""

    path: str
    content: bytes
    title: str


@dataclass(frozen=True)
class CasePart:
    """A room's part: ``subjects`` are ids of records of the case."""

    subjects: tuple[str, ...] = ()
    files: tuple[CaseFile, ...] = ()


CaseFiles = Callable[["Foundation", "Services", str, bool], Awaitable[CasePart]]
"""Of a decision's id; the flag says that persons are shown plainly."""
