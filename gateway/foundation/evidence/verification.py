"""Proof that the evidence is what it was: every record, every body still kept, and the signed heads against both.

Each chain is divided into parts, which are checked by themselves: a part begins with the chain value that the part
before it has to end with. So a large store is checked by several processes, in little memory, and what was found good
up to a trusted checkpoint need not be looked at again.

A readable copy that was made before its bytes were shredded is held against the record of that shredding, which the
row of the bytes names; and each such record against the rows that it names, so that a second one proves nothing.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from sqlalchemy import Connection

from gateway.foundation.crypto.envelope import Envelope, EnvelopeError
from gateway.foundation.crypto.keys import KeyProvider
from gateway.foundation.crypto.sm import same, sm3
from gateway.foundation.crypto.sm2 import Sm2Provider
from gateway.foundation.evidence import records, stamps
from gateway.foundation.evidence.chain import GENESIS, chain_value, fits, key_of, unpack
from gateway.foundation.evidence.heads import (
    MARK_BYTES,
    START,
    HeadsError,
    Place,
    heads_file,
    last_line,
    read_heads,
    split,
    whole_lines,
)
from gateway.foundation.evidence.records import OURS, SHRED, Dictionaries, Kept, Link
from gateway.foundation.evidence.second import contradicted, missing
from gateway.words.errors import NotFoundProblem, SettingsError

_PAGE: Final = 500
_LINES_REMEMBERED: Final = 10_000

Progress = Callable[[int], None]
"""Told how many more records were checked."""


@dataclass(frozen=True)
class Finding:
    """The first record of a node that is not what it was. ``heads`` means the file of signed heads itself.

    ``rolled back``: a second place has signed heads up to this record that are not here.
    """

    node: str
    seq: int
    what: Literal["altered", "missing", "truncated", "heads", "rolled back"]
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

    exchanges: int = 0
    heads_checked: int = 0
    shredded: int = 0
    unsigned: int = 0
    first_problem: Finding | None = None

    @property
    def ok(self) -> bool:
        """Whether everything is as it was."""
        return self.first_problem is None

    def __add__(self, other: Report) -> Report:
        """Both; the first problem of them is that of the first that has one."""
        return Report(
            self.exchanges + other.exchanges,
            self.heads_checked + other.heads_checked,
            self.shredded + other.shredded,
            self.unsigned + other.unsigned,
            self.first_problem or other.first_problem,
        )


@dataclass(frozen=True)
class Part:
    """A part of a node's chain: from a place in its file of signed heads up to a byte; ``last``: up to the chain's end.

    ``chain``: the value of the record before it, where that is known by more than the database; else None.
    """

    node: str
    begins: Place
    ends: int
    last: bool
    chain: bytes | None = None


@dataclass(frozen=True)
class Verifier:
    """What a verification needs beside the database: the folder of heads, the keys, the public keys of heads."""

    heads: Path
    keys: KeyProvider
    publics: tuple[bytes, ...]
    envelope: Envelope
    provider: Sm2Provider | None = None
    second: Path | None = None

    def rolled_back(self, seen: Path | None = None) -> Finding | None:
        """What a second place, or a file that somebody else kept (``seen``), has and this folder has not.

        Raises ValueError, KeyError or TypeError where ``seen`` is no such file.
        """
        gone = [] if self.second is None else list(missing(self.heads, self.second))
        for folder in (self.heads, self.second):
            gone += [] if folder is None else list(stamps.contradicted(self.heads, folder))
        gone += [] if seen is None else list(contradicted(self.heads, seen))
        for node, seq in gone:
            return Finding(node, seq, "rolled back", "elsewhere it was signed otherwise, or further than here")
        return None

    def trusted(self, sizes: Mapping[str, int]) -> list[Part]:
        """Where a later verification may begin, after one of everything signed up to these sizes has found no fault."""
        made = []
        for node, size in sorted(sizes.items()):
            if line := last_line(heads_file(self.heads, node), size):
                told = json.loads(line)
                place = Place(size, int(told["seq"]), sm3(line))
                made.append(Part(node, place, size, last=True, chain=bytes.fromhex(told["chain"])))
        return made

    def sizes(self) -> dict[str, int]:
        """How long each node's file of signed heads is now."""
        return {path.stem: path.stat().st_size for path in self.heads.glob("*.jsonl")}

    def parts(
        self,
        sizes: Mapping[str, int],
        nodes: Set[str],
        number: int = 1,
        since: Mapping[str, Part] = MappingProxyType({}),
    ) -> list[Part]:
        """All there is to check, each node's chain in about so many parts. ``since``: where to begin, by node.

        The sizes are measured before the database is read, so that a head signed meanwhile is not taken for a missing
        record.
        """
        made: list[Part] = []
        for node in sorted(nodes | sizes.keys()):
            try:
                file = heads_file(self.heads, node)
            except SettingsError:
                made.append(Part(node, START, 0, last=True))
                continue
            size = sizes.get(node, 0)
            known = since.get(node)
            begins = split(file, size, number if size else 1)
            if known is not None:
                begins = [known.begins, *(one for one in begins if one.offset > known.begins.offset)]
            ends = [*(one.offset for one in begins[1:]), size]
            made += [
                Part(node, place, end, place is begins[-1], known.chain if known is not None and not at else None)
                for at, (place, end) in enumerate(zip(begins, ends, strict=True))
            ]
        return made

    def check(self, conn: Connection, part: Part, progress: Progress = lambda _: None) -> Report:
        """Check one part. ``conn`` must not have read anything before the sizes were measured."""
        try:
            file = heads_file(self.heads, part.node)
        except SettingsError:
            return Report(first_problem=Finding(part.node, 1, "altered", "no node of ours has such a name"))
        return _Check(conn, self, part, file, progress).run()


def verify(conn: Connection, verifier: Verifier) -> Report:
    """Check every node's chain against itself, its bodies and the signed heads, here and now.

    ``conn`` must not have read anything yet.
    """
    sizes, rolled_back = verifier.sizes(), verifier.rolled_back()
    begun = Report(first_problem=rolled_back)
    return sum((verifier.check(conn, part) for part in verifier.parts(sizes, records.nodes(conn))), begun)


@dataclass
class _Check:
    """The check of one part."""

    conn: Connection
    by: Verifier
    part: Part
    file: Path
    progress: Progress
    exchanges: int = 0
    heads: int = 0
    shredded: int = 0
    unsigned: int = 0
    _lines: deque[bytes] = field(default_factory=lambda: deque(maxlen=_LINES_REMEMBERED))
    _said: dict[str, dict[str, str]] = field(default_factory=dict)
    """What the records of shredding say that were looked at last."""

    def run(self) -> Report:
        self._read = self.part.begins.seq
        self._dictionaries = Dictionaries(self.conn)
        try:
            found = self._walk()
        except (TypeError, ValueError) as error:
            found = self._finding(self._read + 1, "altered", f"the record cannot be read: {error}")
        return Report(self.exchanges, self.heads, self.shredded, self.unsigned, found)

    def _walk(self) -> Finding | None:
        seq, chain = self._read, GENESIS
        if seq:
            before = records.chains(self.conn, self.part.node, seq, seq).get(seq)
            if before is None:
                return self._finding(seq, "missing", "the record before is gone")
            if self.part.chain is not None and not same(before, self.part.chain):
                return self._finding(seq, "altered", "not what the trusted checkpoint says")
            chain = before
        marks = self._marks()
        for kept in self._records():
            seq, link = seq + 1, kept.link
            if link.seq != seq:
                return self._finding(seq, "missing", f"the next record is number {link.seq}")
            try:
                mark = next(marks, None)
            except HeadsError as error:
                return self._finding(seq, "heads", str(error))
            if mark is None and not self.part.last:
                return None
            value = chain_value(key_of(self.by.keys, link.id, link.body_mac), chain, link.chained, link.body_mac)
            chain = link.chain
            if not same(value, chain):
                return self._finding(seq, "altered", "the row does not match its chain value", link)
            if mark is not None and not chain.startswith(mark):
                return self._finding(seq, "altered", "not what was signed; the chain was re-hashed after it", link)
            if reason := self._refuse_body(kept):
                return self._finding(seq, "altered", reason, link)
            self.exchanges += 1
            self.unsigned += mark is None
        return self._refuse_end(seq, chain, marks)

    def _refuse_end(self, seq: int, chain: bytes, marks: Iterator[bytes]) -> Finding | None:
        try:
            if next(marks, None) is not None:
                return self._finding(seq + 1, "truncated", "it was signed, and the chain ends before it")
        except HeadsError as error:
            return self._finding(seq + 1, "heads", str(error))
        if not self.part.last:
            return None
        head = records.head_of(self.conn, self.part.node)
        if head is None:
            return self._finding(seq + 1, "truncated", "the chain's head is gone") if seq else None
        if head.seq != seq:
            return self._finding(seq + 1, "truncated", f"the chain's head is record {head.seq}")
        if not same(head.chain, chain):
            return self._finding(seq, "altered", "the chain's head does not match it")
        signed = head.signed_line
        if signed is None or signed in self._lines or signed == self.part.begins.line:
            return None
        # Signed while we were reading, or cut from the file: the file as it is now tells.
        if any(sm3(line) == signed for _, line in whole_lines(self.file, start=self.part.ends)):
            return None
        return self._finding(seq, "heads", f"{self.file.name}: the last signed line is missing")

    def _records(self) -> Iterator[Kept]:
        """Page by page; one by one once a page holds a value of a wrong type, to come right up to it."""
        most = _PAGE
        while True:
            try:
                page = records.chain_of(self.conn, self.part.node, after=self._read, most=most)
            except (TypeError, ValueError):
                if most == 1:
                    raise
                most = 1
                continue
            if not page:
                return
            for kept in page:
                yield kept
                self._read = kept.link.seq
            self.progress(len(page))

    def _marks(self) -> Iterator[bytes]:
        """What was signed of each chain value of this part: its first bytes, or all of it at a head."""
        by, part = self.by, self.part
        for head in read_heads(self.file, part.node, by.publics, part.ends, by.provider, part.begins):
            self.heads += 1
            self._lines.append(head.digest)
            for at in range(0, len(head.marks) - MARK_BYTES, MARK_BYTES):
                yield head.marks[at : at + MARK_BYTES]
            yield head.chain

    def _refuse_body(self, kept: Kept) -> str | None:
        if not kept.body_there:
            return "the row of its exact bytes is gone"
        link = kept.link
        if kept.shredded:
            self.shredded += 1
            return self._refuse_copy(kept)
        if kept.shown is not None:
            return "there is a readable copy beside its exact bytes"
        container, reason = self._opened(kept)
        if container is not None and _is_shredding(link):
            return self._refuse_record(link.id, self._words(link.id, container))
        return reason

    def _opened(self, kept: Kept) -> tuple[bytes | None, str | None]:
        """The exact bytes, or why they are not those that were kept."""
        try:
            container = kept.container(self.by.envelope, self._dictionaries)
        except (EnvelopeError, ValueError):
            return None, "its exact bytes do not open"
        if not fits(key_of(self.by.keys, kept.link.id, kept.link.body_mac), container, kept.link.body_mac):
            return None, "its exact bytes were altered"
        return container, None

    def _refuse_copy(self, kept: Kept) -> str | None:
        """Bytes are gone only where a record in the chain says so, and what may be read since is what it says."""
        said = self._shredding(kept.shredded_by)
        if said is None or kept.link.id not in said:
            return "its exact bytes are gone, and no record in the chain says that they were shredded"
        if kept.shown is None:
            return "its readable copy is gone"
        if said[kept.link.id] != records.digest(kept.shown):
            return "its readable copy is not the one that was made"
        return None

    def _refuse_record(self, record_id: str, said: dict[str, str]) -> str | None:
        """What a record says that it shredded names it, each of them."""
        named = records.shredded_by(self.conn, said)
        other = next((one for one in said if named.get(one) != record_id), None)
        return None if other is None else f"it says that it shredded {other}, which does not name it"

    def _shredding(self, record_id: str | None) -> dict[str, str] | None:
        """What a record says was shredded; None where it is no such record."""
        if record_id is None:
            return None
        if record_id not in self._said:
            try:
                kept = records.kept(self.conn, record_id)
            except NotFoundProblem:
                return None
            if not _is_shredding(kept.link) or kept.shredded:
                return None
            container, _ = self._opened(kept)
            if container is None:
                return None
            self._words(record_id, container)
        return self._said[record_id]

    def _words(self, record_id: str, container: bytes) -> dict[str, str]:
        if len(self._said) > 100:
            self._said.clear()
        said = self._said[record_id] = dict(json.loads(unpack(container).request_body))
        return said

    def _finding(self, seq: int, what: Any, detail: str, link: Link | None = None) -> Finding:
        return Finding(self.part.node, seq, what, detail, link.id if link is not None else None)


def _is_shredding(link: Link) -> bool:
    return (link.channel, link.action) == (OURS, SHRED)
