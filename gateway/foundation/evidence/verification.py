"""Proof that the evidence is what it was: every row, every body still kept, and the signed heads against both.

A readable copy that was made before its bytes were shredded is held against the record of that shredding, which may
stand in the chain of another node: that is done when all chains have been walked. Until then a few words of each such
copy are remembered, about 200 bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import Connection

from gateway.foundation.crypto.envelope import Envelope, EnvelopeError
from gateway.foundation.crypto.sm import same, sm3
from gateway.foundation.crypto.sm2 import Sm2Provider
from gateway.foundation.evidence import records
from gateway.foundation.evidence.chain import GENESIS, body_mac, chain_value, unpack
from gateway.foundation.evidence.heads import MARK_BYTES, HeadsError, heads_file, read_heads, whole_lines
from gateway.foundation.evidence.records import OURS, Dictionaries, Exchange, Kept
from gateway.words.errors import SettingsError

_PAGE: Final = 500


@dataclass(frozen=True)
class Finding:
    """The first record of a node that is not what it was. ``heads`` means the file of signed heads itself."""

    node: str
    seq: int
    what: Literal["altered", "missing", "truncated", "heads"]
    detail: str
    exchange_id: str | None = None

    def __str__(self) -> str:
        record = f" ({self.exchange_id})" if self.exchange_id else ""
        return f"node {self.node}, record {self.seq}{record}: {self.what}: {self.detail}"


@dataclass(frozen=True)
class Report:
    """What a verification found. ``exchanges`` that were checked, of which ``shredded`` have no body any more by
    retention and ``unsigned`` came after the last signed head: until it is signed, only the MAC protects these.
    """

    exchanges: int
    ok: bool
    first_problem: Finding | None
    heads_checked: int
    shredded: int
    unsigned: int


@dataclass
class _Tally:
    exchanges: int = 0
    heads: int = 0
    shredded: int = 0
    unsigned: int = 0
    copies: dict[str, tuple[str, int, str | None]] = field(default_factory=dict)
    """Of each shredded exchange of format 2: its node, its number, the digest of its readable copy."""
    said: dict[str, str] = field(default_factory=dict)
    """What records of shredding say of these digests."""
    twice: set[str] = field(default_factory=set)

    def refuse_copies(self) -> Finding | None:
        """The first readable copy that is not the one that was made."""
        for exchange_id, (node, seq, digest) in sorted(self.copies.items(), key=lambda item: item[1][:2]):
            if digest is None:
                return Finding(node, seq, "altered", "its readable copy is gone", exchange_id)
            if exchange_id in self.twice:
                return Finding(node, seq, "altered", "two records say that its bytes were shredded", exchange_id)
            if self.said.get(exchange_id) != digest:
                return Finding(node, seq, "altered", "its readable copy is not the one that was made", exchange_id)
        return None


def verify(
    conn: Connection,
    heads: Path,
    *,
    key: bytes,
    public: bytes,
    envelope: Envelope,
    provider: Sm2Provider | None = None,
) -> Report:
    """Check every node's chain against itself, its bodies and the signed heads in the directory ``heads``.

    ``conn`` must not have read anything yet: the file is looked at first, so that a head signed meanwhile by a running
    gateway is not taken for a missing record. ``key`` is the evidence MAC key, ``public`` the head signing key.
    """
    sizes = {path.stem: path.stat().st_size for path in sorted(heads.glob("*.jsonl"))}
    nodes = {*sizes, *records.nodes(conn)}
    tally, first = _Tally(), None
    for node in sorted(nodes):
        try:
            file = heads_file(heads, node)
        except SettingsError:
            first = first or Finding(node, 1, "altered", "no node of ours has such a name")
            continue
        check = _Check(conn, node, file, sizes.get(node, 0), key, public, envelope, provider, tally)
        first = first or check.run()
    first = first or tally.refuse_copies()
    return Report(tally.exchanges, first is None, first, tally.heads, tally.shredded, tally.unsigned)


@dataclass
class _Check:
    """One node's check; counts into a shared tally."""

    conn: Connection
    node: str
    file: Path
    size: int
    key: bytes
    public: bytes
    envelope: Envelope
    provider: Sm2Provider | None
    tally: _Tally

    def run(self) -> Finding | None:
        self._lines: set[bytes] = set()
        self._read = 0
        self._dictionaries = Dictionaries(self.conn)
        try:
            return self._walk()
        except (TypeError, ValueError) as error:
            return self._finding(self._read + 1, "altered", f"the record cannot be read: {error}")

    def _walk(self) -> Finding | None:
        seq, chain = 0, GENESIS
        marks = self._marks()
        for kept in self._records():
            seq, row = seq + 1, kept.exchange
            if row.seq != seq:
                return self._finding(seq, "missing", f"the next record is number {row.seq}")
            value = chain_value(self.key, chain, row.chained, row.body_mac)
            try:
                mark = next(marks, None)
            except HeadsError as error:
                return self._finding(seq, "heads", str(error))
            chain = row.chain
            if not same(value, chain):
                return self._finding(seq, "altered", "the row does not match its chain value", row)
            if mark is not None and not chain.startswith(mark):
                return self._finding(seq, "altered", "not what was signed; the chain was re-hashed after it", row)
            if reason := self._refuse_body(kept):
                return self._finding(seq, "altered", reason, row)
            self.tally.exchanges += 1
            self.tally.unsigned += mark is None
        return self._refuse_end(seq, chain, marks)

    def _refuse_end(self, seq: int, chain: bytes, marks: Iterator[bytes]) -> Finding | None:
        try:
            if next(marks, None) is not None:
                return self._finding(seq + 1, "truncated", "it was signed, and the chain ends before it")
        except HeadsError as error:
            return self._finding(seq + 1, "heads", str(error))
        head = records.head_of(self.conn, self.node)
        if head is None:
            return self._finding(seq + 1, "truncated", "the chain's head is gone") if seq else None
        if head.seq != seq:
            return self._finding(seq + 1, "truncated", f"the chain's head is record {head.seq}")
        if not same(head.chain, chain):
            return self._finding(seq, "altered", "the chain's head does not match it")
        signed = head.signed_line
        if signed is None or signed in self._lines:
            return None
        # Signed while we were reading, or cut from the file: the file as it is now tells.
        if any(sm3(line) == signed for line in whole_lines(self.file)):
            return None
        return self._finding(seq, "heads", f"{self.file.name}: the last signed line is missing")

    def _records(self) -> Iterator[Kept]:
        """Page by page; one by one once a page holds a value of a wrong type, to come right up to it."""
        most = _PAGE
        while True:
            try:
                page = records.chain_of(self.conn, self.node, after=self._read, most=most)
            except (TypeError, ValueError):
                if most == 1:
                    raise
                most = 1
                continue
            if not page:
                return
            for kept in page:
                yield kept
                self._read = kept.exchange.seq

    def _marks(self) -> Iterator[bytes]:
        """What was signed of each chain value, from record 1: its first bytes, or all of it at a head."""
        for head in read_heads(self.file, self.node, self.public, self.size, self.provider):
            self.tally.heads += 1
            self._lines.add(head.digest)
            for at in range(0, len(head.marks) - MARK_BYTES, MARK_BYTES):
                yield head.marks[at : at + MARK_BYTES]
            yield head.chain

    def _refuse_body(self, kept: Kept) -> str | None:
        if not kept.body_there:
            return "the row of its exact bytes is gone"
        row = kept.exchange
        if kept.shredded:
            self.tally.shredded += 1
            if not kept.early:
                digest = records.digest(kept.shown) if kept.shown is not None else None
                self.tally.copies[row.id] = (self.node, row.seq, digest)
            return None
        if kept.shown is not None:
            return "there is a readable copy beside its exact bytes"
        try:
            container = kept.container(self.envelope, self._dictionaries)
        except (EnvelopeError, ValueError):
            return "its exact bytes do not open"
        if not same(body_mac(self.key, container), row.body_mac):
            return "its exact bytes were altered"
        if row.channel == OURS:
            said: dict[str, str] = json.loads(unpack(container).request_body)
            self.tally.twice |= said.keys() & self.tally.said.keys()
            self.tally.said |= said
        return None

    def _finding(self, seq: int, what: Any, detail: str, row: Exchange | None = None) -> Finding:
        return Finding(self.node, seq, what, detail, row.id if row is not None else None)
