"""Signed heads of the evidence chains: one file of JSON lines per node, outside the database.

Each line signs (SM2, standard ID) how far the chain had come: ``node, first, seq, chain, root, marks_sm3, at,
previous``. ``root`` is the top of a tree over the chain values from ``first`` to ``seq`` (``merkle``), by which one
record can be proved without the others; ``marks``, beside what is signed, holds the first eight bytes of each, so that
even after the whole chain was re-hashed the first altered record can be named; ``previous`` is the SM3 of the line
before, so that a cut line shows. The database remembers the last line, so that cutting the end of the file shows as
well. Keep the directory where who administers the database cannot write, and back it up with the keys.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from gateway.foundation.crypto.keys import HEAD_KEY, KeyProvider
from gateway.foundation.crypto.signatures import verifies
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.crypto.sm2 import Sm2Provider
from gateway.foundation.evidence import merkle
from gateway.words.clock import rfc3339
from gateway.words.errors import SettingsError
from gateway.words.saying import say

MARK_BYTES: Final = 8
_NOTHING: Final = bytes(32)


class HeadsError(ValueError):
    """A file of signed heads is not as it was written: says which line and what is wrong."""


@dataclass(frozen=True)
class Head:
    """One signed line: the chain from ``first`` to ``seq``, whose value there is ``chain``."""

    node: str
    first: int
    seq: int
    chain: bytes
    root: bytes
    marks: bytes
    at: str
    digest: bytes


def heads_file(directory: Path, node: str) -> Path:
    """Where the heads of ``node`` are. Raises SettingsError for a name that is not fit for a file."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", node):
        raise SettingsError("node", say("settings.node", node=node))
    return directory / f"{node}.jsonl"


class HeadsWriter:
    """Appends signed lines to one node's file. Blocking; one writer per node."""

    def __init__(self, directory: Path, node: str, keys: KeyProvider) -> None:
        self._path = heads_file(directory, node)
        self._node = node
        self._keys = keys
        self._digest = _NOTHING
        self.seq = 0
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._path.exists():
            self._continue()

    def append(self, chains: Sequence[bytes], at: datetime) -> bytes:
        """Sign the next ``chains``, the values of the records after ``seq``; returns the digest of the line."""
        marks = b"".join(chain[:MARK_BYTES] for chain in chains)
        body = {
            "node": self._node,
            "first": self.seq + 1,
            "seq": self.seq + len(chains),
            "chain": chains[-1].hex(),
            "root": merkle.root(chains).hex(),
            "marks_sm3": sm3(marks).hex(),
            "at": rfc3339(at),
            "previous": self._digest.hex(),
        }
        signature = self._keys.sign(HEAD_KEY, signed_bytes(body))
        beside = {"signature": signature.hex(), "marks": base64.b64encode(marks).decode()}
        line = json.dumps({**body, **beside}).encode()
        with open(self._path, "ab", opener=_private) as file:
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.seq += len(chains)
        self._digest = sm3(line)
        return self._digest

    def _continue(self) -> None:
        """Find the end of the file; a line that a crash cut in two was never used and goes."""
        with open(self._path, "r+b") as file:
            content = file.read()
            whole = content.rfind(b"\n") + 1
            file.truncate(whole)
        lines = content[:whole].splitlines()
        if lines:
            self.seq, self._digest = int(json.loads(lines[-1])["seq"]), sm3(lines[-1])


@dataclass(frozen=True)
class Place:
    """Where in a node's file a part of it begins: at a byte, after a record, behind a line of this digest."""

    offset: int = 0
    seq: int = 0
    line: bytes = _NOTHING


START: Final = Place()


def read_heads(
    path: Path, node: str, publics: Sequence[bytes], end: int, provider: Sm2Provider | None = None, start: Place = START
) -> Iterator[Head]:
    """The lines from a place up to the byte ``end``, each checked. Raises HeadsError at the first bad one.

    ``publics``: every public key that heads were signed with, the oldest first. What a new one has signed, an older one
    never continues.
    """
    previous, seq, signers = start.line, start.seq, list(publics)
    for offset, line in whole_lines(path, end, start.offset):
        where = f"{path.name} line at byte {offset}"
        head, linked, signed, signature = _parsed(line, where)
        while signers and not verifies(signers[0], signed, signature, provider):
            signers.pop(0)
        if not signers:
            raise HeadsError(f"{where}: the signature does not verify")
        if head.node != node or linked != previous or head.first != seq + 1:
            raise HeadsError(f"{where} does not follow the line before it: lines are missing or were moved")
        if len(head.marks) != MARK_BYTES * (head.seq - head.first + 1):
            raise HeadsError(f"{where}: marks and numbers disagree")
        previous, seq = head.digest, head.seq
        yield head


def _parsed(line: bytes, where: str) -> tuple[Head, bytes, bytes, bytes]:
    """A line, the digest of the one before, the bytes that are signed, the signature. Raises HeadsError."""
    try:
        fields: dict[str, Any] = json.loads(line)
        signature, marks = bytes.fromhex(fields.pop("signature")), base64.b64decode(fields.pop("marks"), validate=True)
        head = Head(
            str(fields["node"]),
            int(fields["first"]),
            int(fields["seq"]),
            bytes.fromhex(fields["chain"]),
            bytes.fromhex(fields["root"]),
            marks,
            str(fields["at"]),
            sm3(line),
        )
        if bytes.fromhex(fields["marks_sm3"]) != sm3(marks):
            raise HeadsError(f"{where}: the marks are not those that were signed")
        return head, bytes.fromhex(fields["previous"]), signed_bytes(fields), signature
    except HeadsError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError):
        raise HeadsError(f"{where} is not a signed head") from None


def line_over(path: Path, seq: int) -> bytes | None:
    """The line that covers a record, found by halving the file; None where none does. Its signature is not checked."""
    low, high = 0, path.stat().st_size if path.exists() else 0
    while low < high:
        found = _line_after(path, (low + high) // 2, high)
        if found is None:
            high = (low + high) // 2
            continue
        offset, line = found
        told = json.loads(line)
        if told["first"] <= seq <= told["seq"]:
            return line
        low, high = (offset + len(line) + 1, high) if seq > told["seq"] else (low, (low + high) // 2)
    return None


def split(path: Path, end: int, parts: int) -> list[Place]:
    """Where the file, up to a byte, can be divided into about so many parts; the first begins at its start."""
    places = [START]
    for part in range(1, parts):
        found = _line_after(path, end * part // parts, end)
        if found is not None and found[0] > places[-1].offset:
            with suppress(ValueError, KeyError, TypeError):
                told = json.loads(found[1])
                places.append(Place(found[0], int(told["first"]) - 1, bytes.fromhex(told["previous"])))
    return places


def _line_after(path: Path, offset: int, end: int) -> tuple[int, bytes] | None:
    """The first whole line that begins at a byte or after it, and before ``end``."""
    with open(path, "rb") as file:
        file.seek(max(0, offset - 1))
        if offset:
            file.readline()
        begins = file.tell()
        line = file.readline()
    return (begins, line[:-1]) if begins < end and line.endswith(b"\n") else None


def whole_lines(path: Path, end: int | None = None, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """The complete lines from one byte up to another, each with where it begins; none if there is no file."""
    if not path.exists():
        return
    at = start
    with open(path, "rb") as file:
        file.seek(start)
        for line in file:
            begins, at = at, at + len(line)
            if not line.endswith(b"\n") or (end is not None and at > end):
                return
            yield begins, line[:-1]


def last_line(path: Path, end: int) -> bytes:
    """The last complete line before a byte, looked for from behind; empty where there is none."""
    step = 64 * 1024
    with open(path, "rb") as file:
        while True:
            file.seek(max(0, end - step))
            *lines, _cut = file.read(end - file.tell()).split(b"\n")
            if len(lines) > 1 or (lines and step >= end):
                return lines[-1]
            if step >= end:
                return b""
            step *= 4


def signed_bytes(fields: dict[str, Any]) -> bytes:
    """What a head's signature is over: its fields but ``signature`` and ``marks``, as JSON in one form."""
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
