"""What can be asked about registered businesses, and how their changes reach those who asked."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.channels import Channel, for_every_channel
from gateway.foundation.evidence import Batch
from gateway.foundation.handovers import DataKind, HandsOver, note
from gateway.foundation.unanswered import Unanswered
from gateway.ports.registry import (
    KIND,
    ChangePage,
    EntityChange,
    EntityRegistry,
    EntitySummary,
    RegistrationRecord,
    SetAside,
)
from gateway.rooms.entities import records
from gateway.rooms.entities.changes import Alert, differences
from gateway.rooms.entities.licence import read_licence
from gateway.rooms.entities.records import EntitySnapshot, RecordedChange
from gateway.words.clock import to_micros
from gateway.words.errors import (
    ConflictProblem,
    ContractError,
    ExchangeError,
    InvalidProblem,
    NotFoundProblem,
    NotSentError,
    Problem,
    UnavailableProblem,
    UnsupportedError,
)
from gateway.words.identifiers import check_uscc, clean_text
from gateway.words.masking import may_be_a_person
from gateway.words.saying import said_of, say

log = structlog.get_logger(__name__)

T = TypeVar("T")

FRESH = timedelta(hours=24)
"""How old a snapshot may be by default. Before a decision and at service, ask with ``max_age`` zero."""

_UNANSWERED = Unanswered(
    system=say("entities.system"),
    rejected="rejected-by-registry",
    busy="registry-busy",
    broken="registry-answer-broken",
    unreachable="registry-unreachable",
    later=say("entities.later"),
    denied="registry-denied",
    not_offered="not-offered",
    instead=say("entities.instead"),
)


@dataclass(frozen=True)
class EntityView:
    """Registration facts with their dates.

    ``record.as_of`` is the day of the registry's books 数据截至, ``confirmed_at`` when the registry last told us.
    ``asked``: it was asked just now. ``stale``: it could not be asked, and this is older than the caller wanted.
    """

    record: RegistrationRecord
    channel: str
    version: int
    confirmed_at: datetime
    asked: bool
    stale: bool


class Entities:
    """Looks businesses up for an authority, keeps dated snapshots, and tells of changes to whoever looked.

    Emits ``entity.<alert>`` (``changes.Alert``) to each authority that has looked the entity up, in
    the transaction that records the change; the subject is the unified code.
    """

    def __init__(self, base: Foundation) -> None:
        self._base = base
        self._envelope = base.envelope

    # --- looking up ------------------------------------------------------------------------------------------------

    async def by_code(
        self, authority: str, uscc: str, *, max_age: timedelta = FRESH, allow_stale: bool = False
    ) -> EntityView:
        """The record for a unified social credit code, from a snapshot not older than ``max_age`` or from the registry.

        ``max_age`` zero asks the registry in any case.
        With ``allow_stale`` an older snapshot is served, marked and dated, when the registry cannot be asked.
        Raises InvalidProblem, NotFoundProblem, UnavailableProblem.
        """
        code = _checked(uscc)
        channels = self._route(authority)
        known, watched = await self._known(channels, code, authority)
        if known is not None and self._fresh(known, max_age):
            if not watched:
                await self._watch(known, authority)
            return _view(known, asked=False, stale=False)
        try:
            found = await self._find(authority, channels, code, lambda registry: registry.by_code(code))
        except UnavailableProblem as problem:
            if known is None or not allow_stale:
                raise
            log.warning(
                "registry cannot be asked; an old snapshot is served", reason=problem.detail, age=known.confirmed_at
            )
            if not watched:
                await self._watch(known, authority)
            return _view(known, asked=False, stale=True)
        if found is None:
            raise NotFoundProblem(say("entities.none"))
        return found

    async def by_name(self, authority: str, name: str) -> tuple[EntitySummary, ...]:
        """Businesses whose name contains ``name`` (two characters or more), as the registry knows them now."""
        try:
            name = clean_text(name)
        except ValueError as error:
            raise InvalidProblem(say("entities.name", error=error), field="name") from None
        if not 2 <= len(name) <= 200:
            raise InvalidProblem(say("entities.name_length"), field="name")
        failure: Problem | None = None
        found: tuple[EntitySummary, ...] = ()
        for channel in self._route(authority):
            try:
                found += await self._names(channel, authority, name)
            except Problem as problem:
                failure = problem
        if not found and failure is not None:
            raise failure
        return tuple(dict.fromkeys(found))

    async def scan(self, authority: str, text: str, *, allow_stale: bool = False) -> EntityView:
        """The record behind the text of a licence QR, always asked for anew. The text is read, never followed.

        Raises InvalidProblem (not a licence, or expired), NotFoundProblem, UnavailableProblem.
        """
        try:
            reading = read_licence(text)
        except ValueError as error:
            raise InvalidProblem(
                said_of(error),
                field="text",
                type="licence-unreadable",
                cure=say("entities.scan_again"),
            ) from None
        if reading.uscc is not None:
            return await self.by_code(authority, reading.uscc, max_age=timedelta(0), allow_stale=allow_stale)
        token = reading.token or ""
        found = await self._find(
            authority, self._route(authority), None, lambda registry: registry.resolve_licence(token)
        )
        if found is None:
            raise NotFoundProblem(say("entities.unknown_licence"))
        return found

    # --- changes ---------------------------------------------------------------------------------------------------

    async def changes(self, authority: str, code: str, *, after: str = "", limit: int = 50) -> list[RecordedChange]:
        """Changes recorded since the entity was first looked up, oldest first, after the change with the id ``after``.

        ``code``: unified code, or registration number where there is none. NotFoundProblem when this authority never
        looked it up: changes are kept from then on.
        """
        if not re.fullmatch(r"[0-9A-Z]{13,18}|[\w〔〕()（）-]{4,50}", code):
            raise InvalidProblem(say("entities.no_number"), field="uscc", type="invalid-uscc")
        if after and not re.fullmatch(r"chg_[0-9a-f]{32}", after):
            raise InvalidProblem(say("http.cursor"), field="cursor")
        channels = self._route(authority)

        def query(conn: Connection) -> list[RecordedChange] | None:
            for channel in channels:
                if authority in records.watchers(conn, channel.name, code):
                    return records.changes_of(conn, self._envelope, channel.name, code, after, limit)
            return None

        found = await self._base.store.read(query)
        if found is None:
            raise NotFoundProblem(say("entities.no_changes"))
        return found

    async def pull_changes(self, channel_name: str) -> int:
        """Take in a registry's change feed from where it stood, page by page; how many changes the pages held.

        Each page and the cursor behind it are one transaction, so nothing is skipped or told twice. Only entities
        that somebody looked up are recorded. Raises UnavailableProblem, and InvalidProblem for a cursor refused.
        """
        channel = self._base.channels.get(channel_name)
        taken, more = 0, True
        while more:
            count, more = await self._pull_page(channel)
            taken += count
        return taken

    async def pull_every_feed(self) -> None:
        """``pull_changes`` of every registry. One that fails does not keep the others from their turn.

        Raises the first error that one of them met, after all had their turn.
        """
        registries = [channel.name for channel in self._base.channels.all() if channel.info.kind == KIND]
        await for_every_channel(registries, self.pull_changes)

    async def _pull_page(self, channel: Channel) -> tuple[int, bool]:
        """Take in one page; how many changes it held, and whether it is for us to go on."""
        cursor = await self._base.store.read(lambda conn: records.cursor_of(conn, channel.name))
        exchanges, page, error = await self._exchange(channel, lambda registry: registry.changes(cursor))
        moved = await self._keep_page(channel.name, cursor, exchanges, page)
        if error is not None:
            raise _UNANSWERED.problem(error) from error
        assert page is not None, "a registry answers, or fails"
        return len(page.changes), page.more and moved

    async def _keep_page(self, channel: str, cursor: str, exchanges: Batch, page: ChangePage | None) -> bool:
        now = to_micros(self._base.clock.now())

        def unit(conn: Connection) -> bool:
            kept = [self._base.evidence.append(conn, exchange) for exchange in exchanges]
            if page is None or not records.move_cursor(conn, channel, cursor, page.next_cursor, now):
                return False
            for change in page.changes:
                if authorities := records.watchers(conn, channel, change.uscc):
                    alert = records.add_told(conn, self._envelope, channel, change, now)
                    if alert is not None:
                        self._alert(conn, channel, change, alert, authorities)
            if page.set_aside:
                self._tell_set_aside(conn, channel, page.set_aside, kept)
            return True

        return await self._stored(unit, exchanges)

    def _tell_set_aside(
        self, conn: Connection, channel: str, entries: Sequence[SetAside], exchanges: Sequence[str]
    ) -> None:
        """Alarm about entries that nobody could read. Their text is in the evidence of the exchange, nowhere else."""
        told = [{"place": one.place, "members": list(one.members)} for one in entries]
        log.error("entries of a change feed were set aside", channel=channel, entries=told)
        about, kind = exchanges[-1] if exchanges else channel, "entity.entry_set_aside"
        data = {"channel": channel, "entries": told}
        for authority in records.watching(conn, channel):
            self._base.events.emit(conn, type=kind, subject=about, authority=authority, data=data)

    def _alert(
        self, conn: Connection, channel: str, change: EntityChange, alert: Alert, authorities: Sequence[str]
    ) -> None:
        """Tell everybody who looked the entity up. No names: whoever hears of it looks again."""
        data = {"uscc": change.uscc, "channel": channel, "changed_on": change.changed_on.isoformat()}
        for authority in authorities:
            self._base.events.emit(conn, type=f"entity.{alert}", subject=change.uscc, authority=authority, data=data)

    # --- asking ----------------------------------------------------------------------------------------------------

    def _route(self, authority: str) -> tuple[Channel, ...]:
        channels = self._base.channels.route(authority, "entities")
        if not channels:
            raise ConflictProblem(
                say("entities.no_registry"),
                type="no-channel",
            )
        return channels

    async def _known(
        self, channels: tuple[Channel, ...], code: str, authority: str
    ) -> tuple[EntitySnapshot | None, bool]:
        """The most recently confirmed snapshot that these channels gave; whether the authority hears of changes."""

        def query(conn: Connection) -> tuple[EntitySnapshot | None, bool]:
            found = [records.latest(conn, self._envelope, channel.name, code) for channel in channels]
            known = max(filter(None, found), key=lambda one: one.confirmed_at, default=None)
            return known, known is not None and authority in records.watchers(conn, known.channel, code)

        return await self._base.store.read(query)

    def _fresh(self, known: EntitySnapshot, max_age: timedelta) -> bool:
        """Whether a snapshot may answer. Never where nothing but the registry itself may."""
        age = self._base.clock.now() - known.confirmed_at
        return not known.outdated and max_age > timedelta(0) and age <= max_age

    async def _watch(self, known: EntitySnapshot, authority: str) -> None:
        now = to_micros(self._base.clock.now())
        await self._base.store.write(lambda conn: records.watch(conn, known.channel, known.code, authority, now))

    async def _find(
        self,
        authority: str,
        channels: tuple[Channel, ...],
        code: str | None,
        question: Callable[[EntityRegistry], Awaitable[RegistrationRecord | None]],
    ) -> EntityView | None:
        """Ask the channels in turn until one knows the entity; None when all say that there is none.

        A channel that cannot be asked leaves the answer open: its problem is raised unless another one knows.
        """
        failure: Problem | None = None
        for channel in channels:
            try:
                snapshot = await self._look(channel, authority, code, question)
            except Problem as problem:
                failure = problem
                continue
            if snapshot is not None:
                return _view(snapshot, asked=True, stale=False)
        if failure is not None:
            raise failure
        return None

    async def _look(
        self,
        channel: Channel,
        authority: str,
        code: str | None,
        question: Callable[[EntityRegistry], Awaitable[RegistrationRecord | None]],
    ) -> EntitySnapshot | None:
        """One question about one entity; what came back is kept in one transaction with the evidence of asking."""
        exchanges, record, error = await self._exchange(channel, question)
        if record is not None and record.uscc is None and record.registration_number is None:
            record, error = None, ContractError("a registration record without any number")
        subject = code if record is None else records.code_of(record)
        now = to_micros(self._base.clock.now())

        def unit(conn: Connection) -> EntitySnapshot | None:
            for exchange in exchanges:
                self._base.evidence.append(conn, exchange, subject=subject, authority=authority)
            if record is None:
                return None
            snapshot, before = records.keep(conn, self._envelope, channel.name, record, now)
            for change in () if before is None else differences(before, record):
                alert = records.add_found(conn, self._envelope, channel.name, change, now)
                if alert is not None:
                    self._alert(conn, channel.name, change, alert, records.watchers(conn, channel.name, snapshot.code))
            records.watch(conn, channel.name, snapshot.code, authority, now)
            return snapshot

        snapshot = await self._stored(unit, exchanges)
        if error is not None:
            raise _UNANSWERED.problem(error) from error
        return snapshot

    async def _names(self, channel: Channel, authority: str, name: str) -> tuple[EntitySummary, ...]:
        exchanges, found, error = await self._exchange(channel, lambda registry: registry.by_name(name))

        def unit(conn: Connection) -> None:
            for exchange in exchanges:
                self._base.evidence.append(conn, exchange, authority=authority)
            if may_be_a_person(name) and not isinstance(error, NotSentError | UnsupportedError):
                at, bases = to_micros(self._base.clock.now()), self._base.settings.handovers.basis
                told = HandsOver((DataKind.NAME,)).on(bases, "entities.by_name")
                note(conn, told, at, "channel", channel.name, system=channel.info.name, authority=authority)

        await self._stored(unit, exchanges)
        if error is not None:
            raise _UNANSWERED.problem(error) from error
        return found or ()

    async def _exchange(
        self, channel: Channel, question: Callable[[EntityRegistry], Awaitable[T]]
    ) -> tuple[Batch, T | None, ExchangeError | None]:
        """One call: the exchanges it made, and its answer or its error."""
        with self._base.evidence.collecting() as exchanges:
            try:
                return exchanges, await question(channel.adapter), None
            except ExchangeError as error:
                return exchanges, None, error
            except BaseException:  # cancelled: what was exchanged is evidence all the same
                exchanges.open = False
                for exchange in exchanges:
                    self._base.evidence.record(exchange)
                raise

    async def _stored(self, unit: Callable[[Connection], T], exchanges: Batch) -> T:
        try:
            return await self._base.store.write(unit)
        except Exception:
            for exchange in exchanges:
                self._base.evidence.record(exchange)
            raise


def _checked(uscc: str) -> str:
    try:
        return check_uscc(uscc).code
    except ValueError as error:
        raise InvalidProblem(say("entities.uscc", error=error), field="uscc", type="invalid-uscc") from None


def _view(snapshot: EntitySnapshot, *, asked: bool, stale: bool) -> EntityView:
    return EntityView(snapshot.record, snapshot.channel, snapshot.version, snapshot.confirmed_at, asked, stale)
