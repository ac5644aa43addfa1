"""Operator audit 操作审计: every act of a person, and every unmasked look at one, in the chain and in a list.

An act is written before it is carried out and answered when it is over, both as records of the evidence chain under
``OPERATORS`` instead of a channel. The list ``operator_act`` finds them; ``check`` holds it against the chain.
Level 3 of GB/T 22239-2019, 8.1.4.3: time, person, kind and result of every important act, protected against change.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Literal

from sqlalchemy import Connection, bindparam, insert, select, update

from gateway.foundation.access.tables import operator_act
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.evidence import Evidence, EvidenceError, Prepared
from gateway.foundation.evidence.tables import exchange
from gateway.foundation.store import Store
from gateway.foundation.store.rows import columns, reader
from gateway.ports.base import RawExchange
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import NotFoundProblem, Problem, UnavailableProblem

if TYPE_CHECKING:
    from gateway.foundation.access.sign_in import Principal

OPERATORS: Final = "(operators)"
"""Instead of a channel: what people did here. No channel of the settings can have such a name."""
KEPT_BYTES: Final = 64 * 1024
SIGN_IN: Final = "sign-in"
"""The action of somebody who was not let in."""
MOST_FAILED: Final = 30
"""So many failed sign-ins an hour are written down of one person or system, and of all who are unknown together."""
_HOUR: Final = 3_600_000_000
_ACT: Final = "act"
_END: Final = "end"

_row = operator_act.c
_INSERT = insert(operator_act)
_FAILED_BEFORE = (
    select(_row.at)
    .where(_row.operator_id == bindparam("of"), _row.action == SIGN_IN)
    .order_by(_row.id.desc())
    .limit(1)
    .offset(MOST_FAILED - 1)
)
_ENDED = update(operator_act).where(_row.id == bindparam("of"))


@dataclass(frozen=True, slots=True)
class Who:
    """Who acts: an operator, or whoever has a shell on this machine (``os:`` and the account's name)."""

    id: str
    name: str
    role: str


UNKNOWN: Final = Who("(unknown)", "", "")
"""Somebody whom nobody here knows."""


@dataclass(frozen=True, slots=True)
class Act:
    """One act at ``subject``, with the reason if one was given. Of ``kind`` read: an unmasked look, a file taken."""

    kind: Literal["act", "read"]
    action: str
    subject: str
    authority: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """An act as it is listed. ``id``: its evidence. ``status``: as in HTTP; None while it is not over, or was cut."""

    id: str
    operator_id: str
    operator: str
    role: str
    kind: str
    action: str
    subject: str
    authority: str | None
    reason: str | None
    at: int
    status: int | None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which acts: all of None are any. ``operator`` is an id or a name; ``action`` a part of one; instants in micros.

    ``before``: an act's id, for the next page.
    """

    operator: str | None = None
    subject: str | None = None
    action: str | None = None
    kind: str | None = None
    since: int | None = None
    until: int | None = None
    before: str | None = None
    limit: int = 50


_record = reader(AuditRecord)


def find(conn: Connection, wanted: AuditFilter) -> list[AuditRecord]:
    """Acts, newest first."""
    query = select(operator_act).order_by(_row.id.desc()).limit(wanted.limit)
    if wanted.operator is not None:
        query = query.where((_row.operator_id == wanted.operator) | (_row.operator == wanted.operator))
    if wanted.subject is not None:
        query = query.where(_row.subject == wanted.subject)
    if wanted.action is not None:
        query = query.where(_row.action.contains(wanted.action, autoescape=True))
    if wanted.kind is not None:
        query = query.where(_row.kind == wanted.kind)
    if wanted.since is not None:
        query = query.where(_row.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(_row.at < wanted.until)
    if wanted.before is not None:
        query = query.where(_row.id < wanted.before)
    return [_record(row) for row in conn.execute(query).mappings()]


class Audit:
    """Writes acts down, and finds them."""

    def __init__(self, store: Store, evidence: Evidence, clock: Clock) -> None:
        self._store, self._evidence, self._clock = store, evidence, clock
        self._enough: dict[str, int] = {}  # until when nothing more is written down of whom

    async def begin(self, who: Who, act: Act) -> AuditRecord:
        """Write an act down before it is carried out. What cannot be written down is not to be done: raises."""
        one, kept = self._made(who, act)
        await self._store.write(lambda conn: self._add(conn, one, kept))
        return one

    async def not_let_in(self, who: Who, presented: str, source: str) -> None:
        """Write down that somebody was not let in: as whom (``UNKNOWN``), what was presented, and from where.

        No more than ``MOST_FAILED`` an hour, so that nobody fills the disk with it. Never raises for a database that
        cannot be written: who is refused is refused all the same.
        """
        if self._enough.get(who.id, 0) > to_micros(self._clock.now()):
            return
        one, kept = self._made(who, Act("act", SIGN_IN, presented[:200], reason=source[:200]), 401)

        def unit(conn: Connection) -> None:
            before = conn.execute(_FAILED_BEFORE, {"of": who.id}).scalar()
            if before is not None and before + _HOUR > one.at:
                self._enough[who.id] = before + _HOUR
            else:
                self._add(conn, one, kept)

        with suppress(UnavailableProblem):
            await self._store.write(unit)

    def _made(self, who: Who, act: Act, status: int | None = None) -> tuple[AuditRecord, Prepared]:
        now = to_micros(self._clock.now())
        told = {**asdict(who), **asdict(act)}
        kept = self._evidence.prepare(_said(_ACT, act, json.dumps(told, ensure_ascii=False).encode(), None, now))
        one = AuditRecord(
            id=kept.id,
            operator_id=who.id,
            operator=who.name,
            role=who.role,
            kind=act.kind,
            action=act.action,
            subject=act.subject,
            authority=act.authority,
            reason=act.reason,
            at=now,
            status=status,
        )
        return one, kept

    def _add(self, conn: Connection, one: AuditRecord, kept: Prepared) -> None:
        self._evidence.append(conn, kept, subject=one.subject, authority=one.authority)
        conn.execute(_INSERT, columns(one))

    async def end(self, begun: AuditRecord, status: int, asked: bytes = b"") -> None:
        """It is over, with this status as in HTTP. ``asked``: what was asked for, of which 64 KiB are kept.

        A reason that stands in it as JSON is listed, where none was known before.
        """
        now = to_micros(self._clock.now())
        told = {"act": begun.id, "status": status, "length": len(asked), "digest": sm3(asked).hex()}
        body = json.dumps(told).encode() + b"\n" + asked[:KEPT_BYTES]
        act = Act("act", begun.action, begun.subject)
        kept = self._evidence.prepare(_said(_END, act, body, status, now))

        def unit(conn: Connection) -> None:
            self._evidence.append(conn, kept, subject=begun.subject, authority=begun.authority)
            reason = _reason_in(asked) if begun.reason is None else begun.reason
            conn.execute(_ENDED, {"of": begun.id, "status": status, "reason": reason})

        await self._store.write(unit)

    async def taken(self, who: Principal, action: str, what: str) -> None:
        """Write down that a person takes a list or a report as a file, or looks for a party, and of what: a filter or a
        screen. A key is no person.
        """
        if who.kind == "operator":
            about = Act("read", action, what[:200])
            await self.end(await self.begin(Who(who.client_id, who.name, who.role or ""), about), 200)

    @asynccontextmanager
    async def ending(self, begun: AuditRecord) -> AsyncIterator[None]:
        """The act itself: it ends with 200, or with the status of the Problem that it raises."""
        try:
            yield
        except Problem as refused:
            await self.end(begun, refused.status)
            raise
        await self.end(begun, 200)

    async def find(self, wanted: AuditFilter) -> list[AuditRecord]:
        """Acts, newest first."""
        return await self._store.read(lambda conn: find(conn, wanted))


def check(conn: Connection, evidence: Evidence) -> list[str]:
    """What the list says otherwise than the chain, by the ids of acts; that the chain itself holds is for ``verify``.

    What retention has shredded is compared by its subject and its time alone.
    """
    listed = {one.id: one for one in map(_record, conn.execute(select(operator_act)).mappings())}
    chained = conn.execute(
        select(exchange.c.id).where(exchange.c.channel == OPERATORS, exchange.c.action == _ACT)
    ).scalars()
    told = set(chained)
    wrong = told ^ listed.keys()
    for act_id in sorted(told & listed.keys()):
        one = listed[act_id]
        try:
            opened = evidence.open(conn, act_id)
        except (EvidenceError, NotFoundProblem):
            wrong.add(act_id)
            continue
        same = (opened.exchange.subject, opened.exchange.started_at) == (one.subject, one.at)
        if opened.exact is not None:
            said = json.loads(opened.exact.request_body)
            known = {**asdict(one), "id": one.operator_id, "name": one.operator}
            if said["reason"] is None:  # then it stands in what ended the act, if anywhere
                said.pop("reason")
            same = same and all(known[name] == value for name, value in said.items())
        if not same:
            wrong.add(act_id)
    return sorted(wrong)


def _reason_in(asked: bytes) -> str | None:
    try:
        told = json.loads(asked)
    except (ValueError, RecursionError):
        return None
    # It may be one that the route refuses: PostgreSQL keeps no NUL.
    return str(told["reason"]).replace("\x00", "")[:500] if isinstance(told, dict) and told.get("reason") else None


def _said(action: str, act: Act, body: bytes, status: int | None, now: int) -> RawExchange:
    return RawExchange(
        channel=OPERATORS,
        direction="in",
        action=action,
        method="",
        url=act.action,
        request_headers=(),
        request_body=body,
        status=status,
        response_headers=(),
        response_body=b"",
        outcome="answered",
        started_at=now,
        ended_at=now,
    )
