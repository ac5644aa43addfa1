"""The second place of signed heads: a folder on another disk or machine, to which every signed line goes as well.

Whoever rolls database, heads and keys back together leaves no trace here; but the second place then has lines that the
first does not have any more. Files there are only ever appended to: let the account of the gateway do no more (an
append-only mount, ``chattr +a``, a share that takes no deletions).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.foundation.crypto.sm import sm3
from gateway.foundation.evidence.heads import last_line, line_over, whole_lines
from gateway.words.errors import GatewayError
from gateway.words.saying import say

_COMPARED: Final = 64 * 1024


class RolledBackError(GatewayError):
    """The second place has signed heads that the first does not have: the first is of an earlier day, or another's."""


def carry_over(first: Path, second: Path) -> int:
    """Append to the second file what only the first has; how many bytes. Blocking.

    Raises RolledBackError where the second is not the beginning of the first, and OSError.
    """
    begun = _same_until(first, second)
    if begun is None:
        raise RolledBackError(say("evidence.rolled_back", second=second))
    second.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = b"".join(line + b"\n" for _, line in whole_lines(first, start=begun))
    if lines:
        with open(second, "ab", opener=_private) as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
    return len(lines)


def _same_until(first: Path, second: Path) -> int | None:
    """How long the second file is, where it is the beginning of the first; None where it is not.

    Each line holds the digest of the one before, so that the last bytes speak for all. A line that was cut in two by a
    crash is carried on where it ended.
    """
    size = second.stat().st_size if second.exists() else 0
    if not size:
        return 0
    if not first.exists() or first.stat().st_size < size:
        return None
    return size if _tail(first, size) == _tail(second, size) else None


def _tail(path: Path, end: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(max(0, end - _COMPARED))
        return file.read(end - file.tell())


@dataclass(frozen=True)
class Elsewhere:
    """What somebody else kept of a signed head: a line of ``GET /v1/evidence-heads``."""

    node: str
    seq: int
    digest: str


def missing(heads: Path, second: Path) -> Iterator[tuple[str, int]]:
    """Nodes whose second file has what their first does not, and the last record that it speaks of."""
    for path in sorted(second.glob("*.jsonl")):
        if _same_until(heads / path.name, path) is None:
            try:
                seq = int(json.loads(last_line(path, path.stat().st_size))["seq"])
            except (ValueError, KeyError, TypeError):
                seq = 0
            yield path.stem, seq


def contradicted(heads: Path, kept: Path) -> Iterator[tuple[str, int]]:
    """The same of a file of lines that somebody else kept (``node``, ``seq``, ``digest``).

    Raises ValueError, KeyError or TypeError for what is no such file.
    """
    for text in kept.read_text(encoding="utf-8").splitlines():
        if not text.strip():
            continue
        told = json.loads(text)
        node, seq, digest = str(told["node"]), int(told["seq"]), str(told["digest"])
        line = line_over(heads / f"{node}.jsonl", seq)
        if line is None or sm3(line).hex() != digest:
            yield node, seq


def last_lines(heads: Path) -> Iterator[Elsewhere]:
    """The last signed line of every node in a folder: for somebody else to keep."""
    for path in sorted(heads.glob("*.jsonl")):
        if line := last_line(path, path.stat().st_size):
            yield Elsewhere(path.stem, int(json.loads(line)["seq"]), sm3(line).hex())


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
