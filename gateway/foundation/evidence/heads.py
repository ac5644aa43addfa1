"""Signed heads of the evidence chains: one file of JSON lines per node, outside the database.

Each line signs (SM2, standard ID) how far the chain had come: ``node, first, seq, chain, marks, at, previous``.
``marks`` holds the first eight bytes of every chain value from ``first`` to ``seq``, so that even after the whole
chain was re-hashed the first altered record can be named; ``previous`` is the SM3 of the line before, so that a cut
line shows. The database remembers the last line, so that cutting the end of the file shows as well. Keep the directory
where who administers the database cannot write, and back it up with the keys.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from gateway.foundation.crypto.keys import HEAD_KEY, KeyProvider
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.crypto.sm2 import Sm2Provider, default_provider
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
        body = {
            "node": self._node,
            "first": self.seq + 1,
            "seq": self.seq + len(chains),
            "chain": chains[-1].hex(),
            "marks": base64.b64encode(b"".join(chain[:MARK_BYTES] for chain in chains)).decode(),
            "at": rfc3339(at),
            "previous": self._digest.hex(),
        }
        signature = self._keys.sign(HEAD_KEY, _signed_bytes(body))
        line = json.dumps({**body, "signature": signature.hex()}).encode()
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


def read_heads(path: Path, node: str, public: bytes, size: int, provider: Sm2Provider | None = None) -> Iterator[Head]:
    """The lines within the first ``size`` bytes of a file, each checked. Raises HeadsError at the first bad one."""
    provider = provider or default_provider()
    previous, seq = _NOTHING, 0
    for number, line in enumerate(whole_lines(path, size), start=1):
        where = f"{path.name} line {number}"
        try:
            fields: dict[str, Any] = json.loads(line)
            signature = bytes.fromhex(fields.pop("signature"))
            marks = base64.b64decode(fields["marks"], validate=True)
            head = Head(
                str(fields["node"]),
                int(fields["first"]),
                int(fields["seq"]),
                bytes.fromhex(fields["chain"]),
                marks,
                str(fields["at"]),
                sm3(line),
            )
            linked = bytes.fromhex(fields["previous"]) == previous
        except (ValueError, KeyError, TypeError, AttributeError):
            raise HeadsError(f"{where} is not a signed head") from None
        if not provider.verify(public, _signed_bytes(fields), signature):
            raise HeadsError(f"{where}: the signature does not verify")
        if head.node != node or not linked or head.first != seq + 1:
            raise HeadsError(f"{where} does not follow the line before it: lines are missing or were moved")
        if len(head.marks) != MARK_BYTES * (head.seq - head.first + 1):
            raise HeadsError(f"{where}: marks and numbers disagree")
        previous, seq = head.digest, head.seq
        yield head


def whole_lines(path: Path, size: int | None = None) -> Iterator[bytes]:
    """The complete lines within the first ``size`` bytes; none if there is no file."""
    if not path.exists():
        return
    at = 0
    with open(path, "rb") as file:
        for line in file:
            at += len(line)
            if not line.endswith(b"\n") or (size is not None and at > size):
                return
            yield line[:-1]


def _signed_bytes(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
