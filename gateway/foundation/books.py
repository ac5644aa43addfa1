"""Books against evidence: what a room's rows must be, by what was exchanged, and which of them are not.

An insider can change a row, or delete an event, without touching the evidence. So each room says what must stand of one
of its records, given all that evidence says of it (``Books.must``, a pure function). Here that is gathered: the answers
of its operations, each held against the exchange that brought it; the notices in kept callbacks, read again by their
adapter as they came; its events. All in pages, in time that is linear in the store.

What is concluded here is worth as much as the evidence: ``gateway evidence verify`` proves that it is what it was.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar

from sqlalchemy import ColumnElement, Connection, exists, select

from gateway.foundation.channels import Channel
from gateway.foundation.crypto.envelope import Envelope, EnvelopeError
from gateway.foundation.delivery import event_records, operation_records
from gateway.foundation.delivery.event_records import Event
from gateway.foundation.delivery.operation_records import AttemptRecord, OperationRecord
from gateway.foundation.delivery.tables import event as event_table
from gateway.foundation.evidence import Evidence, EvidenceError, Exact
from gateway.foundation.evidence import records as evidence_records
from gateway.foundation.evidence.records import Link
from gateway.foundation.evidence.tables import exchange
from gateway.ports.base import Incoming, Notice
from gateway.words.clock import ManualClock, from_micros
from gateway.words.errors import ExchangeError, NotFoundProblem
from gateway.words.saying import Sentence, say

B = TypeVar("B")

PAGE: Final = 200
_ANSWERED: Final = frozenset({"done", "found", "ready"})
_REFUSED: Final = frozenset({"rejected", "refused later"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation came to, as the ledger has it. ``asked`` and ``told`` as JSON objects; ``told`` None: nothing.

    ``by``: whose word it is: that of the exchange under the chain, of people who resolved it, or nobody's that is known
    here, perhaps a notice's. ``state``: the ledger's.
    """

    action: str
    channel: str
    reference: str | None
    state: str
    asked: dict[str, Any]
    told: dict[str, Any] | None
    by: Literal["exchange", "people", "nobody"]

    @property
    def refused(self) -> bool:
        """Whether the other side said no."""
        return self.state == "rejected" and self.by != "nobody"

    @property
    def proven(self) -> dict[str, Any] | None:
        """What was answered, where evidence or people say so."""
        return None if self.by == "nobody" or self.state != "done" else self.told


@dataclass(frozen=True, slots=True)
class Said:
    """All that is said of one record. ``notices``: channel and notice of each callback. ``notes``: our own words in the
    chain, by action.

    ``whole``: every callback about it could be read again. Otherwise (shredded, or under a secret that is no longer
    known) what nothing speaks for may still have been so.
    """

    answers: tuple[Answer, ...] = ()
    notices: tuple[tuple[str, Notice], ...] = ()
    events: tuple[Event, ...] = ()
    whole: bool = True
    notes: tuple[tuple[str, dict[str, str]], ...] = ()

    def of(self, *actions: str) -> list[Answer]:
        """The answers to these actions."""
        return [one for one in self.answers if one.action in actions]


@dataclass(frozen=True, slots=True)
class Amiss:
    """What is wrong with a row. ``unproven``: nothing speaks for it; no finding where evidence was shredded."""

    said: Sentence
    unproven: bool = False


@dataclass(frozen=True)
class Books(Generic[B]):
    """A kind of record of a room, named by ``Room.books``.

    ``page(conn, envelope, after, most)``: records after an id, in the order of ids. ``id_of``: a record's own.
    ``subjects``: under which ids evidence and events speak of it, its own first. ``must``: what is amiss with it; pure.
    ``key``: the column of its ids and ``prefix`` their first letters, to find what speaks of records that are gone;
    without them that is not looked for. ``told``: where records have no id of their own in what speaks of them, ``key``
    is by what callbacks name them, and this says what is amiss where none is there; pure.
    """

    what: str
    page: Callable[[Connection, Envelope, str, int], Sequence[B]]
    id_of: Callable[[B], str]
    subjects: Callable[[B], tuple[str, ...]]
    must: Callable[[B, Said], Iterable[Amiss]]
    key: ColumnElement[str] | None = None
    prefix: str = ""
    told: Callable[[Said], Iterable[Amiss]] | None = None


@dataclass(frozen=True, slots=True)
class Wrong:
    """A row that is not what evidence says: whose, which, and what is wrong with it."""

    what: str
    subject: str
    said: Sentence


@dataclass
class Audit:
    """An audit under way. ``checked``: records so far; ``unread``: callbacks that could not be read again.

    ``unproven``: statements of rows that nothing speaks for, where what might have is gone.
    """

    conn: Connection
    evidence: Evidence
    envelope: Envelope
    channels: Mapping[str, Channel]
    clock: ManualClock
    progress: Callable[[str, int], None] = lambda _what, _number: None
    checked: int = 0
    unread: int = 0
    unproven: int = 0

    def run(self, books: Iterable[Books[Any]]) -> Iterator[Wrong]:
        """Everything that is wrong, page by page."""
        with asyncio.Runner() as runner:
            self._runner = runner
            yield from self._ledger()
            for one in books:
                yield from self._gone(one)
                yield from self._rows(one)

    # --- one kind of record -----------------------------------------------------------------------------------------

    def _rows(self, books: Books[B]) -> Iterator[Wrong]:
        after = ""
        while page := books.page(self.conn, self.envelope, after, PAGE):
            of = {books.id_of(one): books.subjects(one) for one in page}
            gathered = self._gathered({subject for those in of.values() for subject in those})
            for one in page:
                mine = books.id_of(one)
                said = _joined([gathered[subject] for subject in dict.fromkeys(of[mine]) if subject in gathered])
                for amiss in books.must(one, said):
                    if amiss.unproven and not said.whole:
                        self.unproven += 1
                    else:
                        yield Wrong(books.what, mine, amiss.said)
            self._count(books.what, len(page))
            after = books.id_of(page[-1])

    def _gone(self, books: Books[Any]) -> Iterator[Wrong]:
        """Records of which evidence or an event speaks, and which are not there."""
        if books.key is None:
            return
        if books.told is not None:
            yield from self._not_booked(books.what, books.key, books.told)
            return
        first, last = f"{books.prefix}_", f"{books.prefix}`"
        lost: dict[str, None] = {}
        for column in (exchange.c.subject, event_table.c.subject):
            there = exists(select(books.key).where(books.key == column))
            query = select(column).where(column >= first, column < last, ~there).distinct()
            lost |= dict.fromkeys(self.conn.execute(query.order_by(column)).scalars())
        for subject in lost:
            yield Wrong(books.what, subject, say("books.gone"))

    def _not_booked(
        self, what: str, key: ColumnElement[str], told: Callable[[Said], Iterable[Amiss]]
    ) -> Iterator[Wrong]:
        """What callbacks told of that no record has, by the words in which they name it."""
        after = ""
        while page := evidence_records.called_back(self.conn, key, after, PAGE):
            gathered = self._gathered(page)
            for subject in page:
                for amiss in told(gathered[subject]):
                    yield Wrong(what, subject, amiss.said)
            after = page[-1]

    # --- what is said -----------------------------------------------------------------------------------------------

    def _gathered(self, subjects: Collection[str]) -> dict[str, Said]:
        """All that is said of these, by subject."""
        answers = self._answers(operation_records.of_subjects(self.conn, subjects))
        events: dict[str, list[Event]] = defaultdict(list)
        for event in event_records.about(self.conn, subjects):
            events[event.subject].append(event)
        notices: dict[str, list[tuple[str, Notice]]] = defaultdict(list)
        unread: set[str] = set()
        for link in evidence_records.callbacks_about(self.conn, subjects):
            assert link.subject is not None
            notice = self._notice(link)
            if notice is None:
                unread.add(link.subject)
            else:
                notices[link.subject].append((link.channel, notice))
        notes: dict[str, list[tuple[str, dict[str, str]]]] = defaultdict(list)
        for subject, action, told in self.evidence.notes(self.conn, subjects):
            notes[subject].append((action, told))
        return {
            one: Said(
                tuple(answers[one]), tuple(notices[one]), tuple(events[one]), one not in unread, tuple(notes[one])
            )
            for one in subjects
        }

    def _answers(self, operations: Sequence[OperationRecord]) -> dict[str, list[Answer]]:
        attempts, links = self._made(operations)
        answers: dict[str, list[Answer]] = defaultdict(list)
        for one in operations:
            try:
                asked, told = one.asked(self.envelope), one.answer(self.envelope)
            except EnvelopeError:
                asked, told = b"{}", None
            wanted = _ANSWERED if one.state.value == "done" else _REFUSED
            labels = {label for each in attempts[one.id] if (label := each.label) in wanted}
            spoken = any(
                self.evidence.told(link, label, told or b"") for link in links[one.id] for label in labels if link.told
            )
            by: Literal["exchange", "people", "nobody"] = "exchange" if spoken else "nobody"
            if not spoken and one.resolution_id is not None:
                by = "people"
            read = None if told is None else json.loads(told)
            answers[one.subject].append(
                Answer(one.action, one.channel, one.reference, one.state.value, json.loads(asked), read, by)
            )
        return answers

    def _made(
        self, operations: Sequence[OperationRecord]
    ) -> tuple[dict[str, list[AttemptRecord]], dict[str, list[Link]]]:
        """The attempts and the exchanges of operations."""
        ids = [one.id for one in operations]
        attempts: dict[str, list[AttemptRecord]] = defaultdict(list)
        for attempt in operation_records.attempts_at(self.conn, ids):
            attempts[attempt.operation_id].append(attempt)
        links: dict[str, list[Link]] = defaultdict(list)
        for link in evidence_records.links_of_operations(self.conn, ids):
            links[link.operation_id or ""].append(link)
        return attempts, links

    def _notice(self, link: Link) -> Notice | None:
        """What a kept callback says, read by its adapter as on the day; None where it cannot be read any more."""
        channel = self.channels.get(link.channel)
        try:
            exact = self.evidence.open(self.conn, link.id).exact
        except (EvidenceError, NotFoundProblem):
            exact = None
        if channel is None or exact is None:
            self.unread += 1
            return None
        self.clock.set(from_micros(link.started_at))
        try:
            return self._runner.run(_opened(channel, exact, link))
        except ExchangeError:
            self.unread += 1
            return None

    # --- the ledger -------------------------------------------------------------------------------------------------

    def _ledger(self) -> Iterator[Wrong]:
        """Exchanges whose operation is gone, or whose attempt is told otherwise than when it ended."""
        after = ""
        while page := evidence_records.of_attempts(self.conn, after, PAGE):
            ids = sorted({one.operation_id for one in page if one.operation_id is not None})
            operations = {one.id: one for one in operation_records.with_ids(self.conn, ids)}
            attempts = {
                exchange_id: one
                for one in operation_records.attempts_at(self.conn, ids)
                for exchange_id in one.exchanges
            }
            for link in page:
                operation = operations.get(link.operation_id or "")
                if operation is None:
                    yield Wrong("operations", link.operation_id or "", say("books.operation_gone", exchange=link.id))
                elif (attempt := attempts.get(link.id)) is None:
                    yield Wrong("operations", operation.id, say("books.attempt_gone", exchange=link.id))
                elif not self._as_it_ended(link, attempt, operation):
                    yield Wrong("operations", operation.id, say("books.told_otherwise", exchange=link.id))
            self._count("exchanges", len(page))
            after = page[-1].id

    def _as_it_ended(self, link: Link, attempt: AttemptRecord, operation: OperationRecord) -> bool:
        """Whether the ledger still says of an attempt what its exchange was bound to."""
        if attempt.label not in _ANSWERED:
            return self.evidence.told(link, attempt.label, b"")
        try:
            told = operation.answer(self.envelope)
        except EnvelopeError:
            return False
        overtaken = attempt.outcome != attempt.label  # its answer was not taken, and is kept in the exchange alone
        return overtaken or (told is not None and self.evidence.told(link, attempt.label, told))

    def _count(self, what: str, number: int) -> None:
        self.checked += number
        self.progress(what, number)


async def _opened(channel: Channel, exact: Exact, link: Link) -> Notice:
    headers = {name.lower(): value for name, value in exact.request_headers}
    incoming = Incoming(headers, exact.request_body, from_micros(link.started_at), exact.url)
    return (await channel.opened(incoming)).notice


def _joined(said: Sequence[Said]) -> Said:
    return Said(
        tuple(one for each in said for one in each.answers),
        tuple(one for each in said for one in each.notices),
        tuple(sorted((one for each in said for one in each.events), key=lambda one: one.seq)),
        all(one.whole for one in said),
        tuple(one for each in said for one in each.notes),
    )
