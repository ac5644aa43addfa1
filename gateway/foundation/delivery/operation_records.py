"""The ledger's SQL: plain functions of a connection. Each state change is a compare-and-set on state and attempt."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Select,
    Update,
    and_,
    bindparam,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.delivery.actions import Action, Operation
from gateway.foundation.delivery.states import ASKED, FOR_PEOPLE, LIFE, UNFINISHED, WAITING, ParkedFor, State
from gateway.foundation.delivery.tables import (
    attempt as attempt_table,
)
from gateway.foundation.delivery.tables import (
    operation,
)
from gateway.foundation.store import database_clock
from gateway.foundation.store.base import constant
from gateway.foundation.store.prepared import HELD
from gateway.foundation.store.rows import reader
from gateway.ports.base import Message
from gateway.words.errors import NotFoundProblem
from gateway.words.personal import in_full
from gateway.words.saying import say


@dataclass(frozen=True, slots=True)
class OperationRecord:
    """One intended effect, or one question, as it is kept. Instants in microseconds."""

    id: str
    action: str
    channel: str
    authority: str
    subject: str
    reference: str | None
    effectful: bool
    state: State
    request_sealed: bytes
    answer_sealed: bytes | None
    attempt: int
    node: str | None
    due_at: int
    tries: int
    sent_at: int | None
    doubt_since_at: int | None
    pending_since_at: int | None
    reason: str | None
    code: str | None
    rerun_of: str | None
    two_persons: bool
    resolution_id: str | None
    created_at: int
    updated_at: int

    def operation(self, claimed: float = 0.0) -> Operation:
        """What actions see of it. ``claimed``: when this process claimed it, by its monotonic clock."""
        return Operation(**{name: getattr(self, name) for name in OPERATION}, claimed=claimed)

    def request(self, envelope: Envelope, action: Action) -> Message:
        """What it asks for. Holds personal data."""
        body = envelope.open(self.request_sealed, _request_of(self.id))
        return action.request_model.model_validate_json(body)

    def asked(self, envelope: Envelope) -> bytes:
        """What it asks for, as JSON. Holds personal data."""
        return envelope.open(self.request_sealed, _request_of(self.id))

    def answer(self, envelope: Envelope) -> bytes | None:
        """What it was answered, as JSON; None where nothing was. Holds personal data."""
        return None if self.answer_sealed is None else envelope.open(self.answer_sealed, _answer_of(self.id))


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One attempt that was made: ``kind`` is call or find, ``exchanges`` the ids of what crossed the wire."""

    operation_id: str
    number: int
    kind: str
    node: str
    outcome: str
    reason: str | None
    exchanges: tuple[str, ...]
    started_at: int
    ended_at: int

    @property
    def label(self) -> str:
        """Its outcome, whether or not another attempt had overtaken it."""
        return self.outcome.removesuffix(FENCED)


Claimed = tuple[OperationRecord, State]
"""An operation as it is after its claim, and the state in which it was found."""


def sealed_request(envelope: Envelope, operation_id: str, request: Message) -> bytes:
    """A request as it is kept."""
    return envelope.seal(in_full(request), _request_of(operation_id))


def sealed_answer(envelope: Envelope, operation_id: str, answer: bytes) -> bytes:
    """An answer, as JSON, as it is kept."""
    return envelope.seal(answer, _answer_of(operation_id))


def _request_of(operation_id: str) -> str:
    return f"operation|request|{operation_id}"


def _answer_of(operation_id: str) -> str:
    return f"operation|answer|{operation_id}"


def _step(end: State, *starts: State) -> Update:
    """The compare-and-set of a step by which an operation comes to ``end``. ValueError for one that its life lacks."""
    if missing := [one for one in starts if LIFE.edge(one, end) is None]:
        raise ValueError(f"an operation does not go from {missing[0]} to {end}")
    return LIFE.statement(frozenset(starts), end).values(state=end.value)


_operation = reader(OperationRecord)
_attempt = reader(AttemptRecord)
_MINE = operation.c.attempt == bindparam("mine")
_OPEN = operation.c.state.in_([constant(state.value) for state in WAITING])
_SENDING = operation.c.state == constant(State.SENDING.value)
_UNFINISHED = operation.c.state.in_([constant(state.value) for state in UNFINISHED])
_FOR_PEOPLE = operation.c.state.in_([constant(state.value) for state in FOR_PEOPLE])
_INSERT = insert(operation).execution_options(**{HELD: True})
_INSERT_CLAIMED = _INSERT.values(lease_until_at=database_clock() + bindparam("lease"))
_BY_ID = select(operation).where(operation.c.id == bindparam("id"))
_BY_ID_HELD = _BY_ID.with_for_update()
_OF_CHANNEL = operation.c.channel == bindparam("channel")
_WANT_BY = (
    update(operation)
    .where(operation.c.subject == bindparam("of_subject"), _OPEN)
    .values(wanted_by_on=bindparam("last_day"))
)
_CLAIM = {
    was: _step(State.SENDING, was).values(
        attempt=operation.c.attempt + 1,
        node=bindparam("at_node"),
        lease_until_at=database_clock() + bindparam("lease"),
        updated_at=bindparam("now"),
    )
    for was in WAITING
}
_RENEW = (
    update(operation)
    .where(
        operation.c.node == bindparam("at_node"),
        _SENDING,
        operation.c.id.in_(bindparam("ops", expanding=True)),
    )
    .values(lease_until_at=database_clock() + bindparam("lease"))
)
_HOLD = (
    update(operation)
    .where(operation.c.id == bindparam("op"), _SENDING, _MINE)
    .values(lease_until_at=database_clock() + bindparam("lease"))
)
_GIVE_BACK = {
    was: _step(was, State.SENDING)
    .where(_MINE)
    .values(node=None, lease_until_at=None, due_at=bindparam("due"), updated_at=bindparam("now"))
    for was in WAITING
}
_HINTED = 0
"""When an operation is due about which a hint came while it was being called: at once, when the call has ended."""
_CLOSE = {
    end: _step(end, State.SENDING)
    .where(_MINE)
    .values(
        node=None,
        lease_until_at=None,
        due_at=(
            case((operation.c.due_at == _HINTED, bindparam("now")), else_=bindparam("due"))
            if end in ASKED
            else bindparam("due")
        ),
        tries=bindparam("new_tries"),
        sent_at=bindparam("sent"),
        doubt_since_at=bindparam("doubt_since"),
        pending_since_at=bindparam("pending_since"),
        answer_sealed=bindparam("answer"),
        reason=bindparam("new_reason"),
        code=bindparam("new_code"),
        updated_at=bindparam("now"),
    )
    for end in (State.DONE, State.REJECTED, *WAITING, State.PARKED)
}
_FREE = {
    end: _step(end, State.SENDING)
    .where(_MINE)
    .values(
        node=None,
        lease_until_at=None,
        due_at=bindparam("now"),
        sent_at=bindparam("sent"),
        doubt_since_at=bindparam("since"),
        reason=bindparam("why"),
        updated_at=bindparam("now"),
    )
    for end in WAITING
}
_CANCEL = (
    _step(State.REJECTED, State.QUEUED, State.PARKED)
    .where(operation.c.doubt_since_at.is_(None), operation.c.sent_at.is_(None))
    .values(reason=bindparam("why"), code="cancelled", updated_at=bindparam("now"))
)
_SEND_ON = {
    State.QUEUED: _step(State.QUEUED, State.PARKED),
    State.UNCERTAIN: _step(State.UNCERTAIN, State.UNCERTAIN, State.PARKED),
    State.PENDING: _step(State.PENDING, State.PENDING, State.PARKED),
}
_END_BY_NOTICE = {
    end: _step(end, *UNFINISHED)
    .where(_MINE)
    .values(
        node=None,
        lease_until_at=None,
        due_at=bindparam("now"),
        tries=0,
        sent_at=func.coalesce(operation.c.sent_at, bindparam("now")),
        doubt_since_at=None,
        pending_since_at=None,
        answer_sealed=bindparam("answer"),
        reason=bindparam("new_reason"),
        code=bindparam("new_code"),
        updated_at=bindparam("now"),
    )
    for end in (State.DONE, State.REJECTED)
}
_BY_REFERENCE = (
    select(operation)
    .where(operation.c.channel == bindparam("at"), operation.c.reference == bindparam("under"))
    .with_for_update()
)
_END_BY_PEOPLE = {end: _step(end, *FOR_PEOPLE).where(_MINE) for end in (State.DONE, State.REJECTED)}
_ATTEMPT_KNOWN = select(attempt_table.c.outcome).where(
    attempt_table.c.operation_id == bindparam("op"), attempt_table.c.number == bindparam("mine")
)
_ATTEMPT_VALUES = ("kind", "node", "outcome", "reason", "exchanges", "started_at", "ended_at")
FENCED = " (fenced)"
EVERYBODY = "*"
OPERATION = tuple(one.name for one in fields(Operation) if one.name != "claimed")
CUT = "cut"
AHEAD = 30_000_000
"""How far the clocks of two nodes may be apart: what is written further in the future was written by mistake."""
_UNDER_WAY = select(func.count()).where(_OF_CHANNEL, _SENDING)
_POSTPONE = (
    update(operation)
    .where(
        operation.c.channel == bindparam("of"),
        _OPEN,
        operation.c.due_at < bindparam("until"),
    )
    .values(due_at=bindparam("until"), reason=bindparam("why"))
)
_BRING_BACK = (
    update(operation)
    .where(
        operation.c.state.in_([state.value for state in WAITING]),
        or_(*(operation.c[name] > bindparam("ahead") for name in ("updated_at", "sent_at", "doubt_since_at"))),
    )
    .values(
        updated_at=bindparam("now"),
        **{
            name: case((operation.c[name] > bindparam("now"), bindparam("now")), else_=operation.c[name])
            for name in ("due_at", "sent_at", "doubt_since_at")
        },
    )
)
_GONE = text("""
    select node from (
        select distinct node, hashtextextended('gateway node ' || node, 0) as key
        from operation where state = 'sending' and node <> :me
    ) as sender where not exists (
        select from pg_locks as held where held.locktype = 'advisory' and held.granted and held.objsubid = 1
        and held.database = (select oid from pg_database where datname = current_database())
        and held.classid::bigint = sender.key >> 32 & 4294967295 and held.objid::bigint = sender.key & 4294967295
    )
""")
_STRANGE = (
    select(operation.c.action, func.count())
    .where(_UNFINISHED, operation.c.action.not_in(bindparam("known", expanding=True)))
    .group_by(operation.c.action)
    .order_by(operation.c.action)
)


def add(conn: Connection, values: dict[str, Any], lease: int | None) -> None:
    """Insert one operation; with a ``lease`` (microseconds) it is claimed at birth."""
    if lease is None:
        conn.execute(_INSERT, values)
    else:
        conn.execute(_INSERT_CLAIMED, {**values, "lease": lease})


def fetch(conn: Connection, operation_id: str, *, hold: bool = False) -> OperationRecord | None:
    """One operation; ``hold``: nobody else moves it in this transaction."""
    row = conn.execute(_BY_ID_HELD if hold else _BY_ID, {"id": operation_id}).mappings().first()
    return None if row is None else _operation(row)


def held(conn: Connection, operation_id: str, *, hold: bool = False) -> OperationRecord:
    """The same, where there must be one. Raises NotFoundProblem."""
    found = fetch(conn, operation_id, hold=hold)
    if found is None:
        raise NotFoundProblem(say("operations.none"))
    return found


def under(conn: Connection, channel: str, reference: str) -> OperationRecord | None:
    """The operation that has this reference at a channel; nobody else moves it in this transaction."""
    row = conn.execute(_BY_REFERENCE, {"at": channel, "under": reference}).mappings().first()
    return None if row is None else _operation(row)


def end_by_notice(conn: Connection, record: OperationRecord, end: State, **values: Any) -> bool:
    """End an operation on the other side's own word; an attempt that is under way finds itself overtaken."""
    return conn.execute(_END_BY_NOTICE[end], {"of_id": record.id, "mine": record.attempt, **values}).rowcount == 1


def rerun_of(conn: Connection, operation_id: str) -> str | None:
    """The operation under which the same effect was sent again, if it was."""
    found: str | None = conn.execute(select(operation.c.id).where(operation.c.rerun_of == operation_id)).scalar()
    return found


class _OfKinds(NamedTuple):
    """What is asked of the kinds that a node knows. ``due``: what a pump takes, and one alone of that.

    ``by_deadline``: what it takes where the last day of the law goes before the time of asking.
    """

    due: tuple[Select[Any], Select[Any]]
    by_deadline: Select[Any]
    next_due: Select[Any]


@lru_cache(maxsize=16)
def _of_kinds(known: tuple[str, ...]) -> _OfKinds:
    """The statements of a pump, made once: a node knows the same kinds as long as it lives."""
    mine = (_OF_CHANNEL, _OPEN, operation.c.action.in_([literal(one) for one in known]))
    due = select(operation).where(*mine, operation.c.due_at <= bindparam("now")).order_by(operation.c.due_at)
    due = due.limit(bindparam("room")).with_for_update(skip_locked=True)
    one = due.where(operation.c.id == bindparam("op"))
    by_deadline = due.order_by(None).order_by(operation.c.wanted_by_on.asc().nulls_last(), operation.c.due_at)
    return _OfKinds((due, one), by_deadline, select(func.min(operation.c.due_at)).where(*mine))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a node takes: up to ``room`` operations of a channel due at ``now``, of kinds that it knows; or one.

    ``by_deadline``: those with the earliest last day first, else those that have been due for longest.
    """

    channel: str
    known: Collection[str]
    now: int
    room: int
    only: str | None = None
    by_deadline: bool = False


def claim_due(conn: Connection, wanted: Wanted, *, node: str, lease: int) -> list[Claimed]:
    """Take due operations, each with the state it was in. ``lease`` in microseconds, by the database's clock."""
    values = {"channel": wanted.channel, "now": wanted.now, "room": wanted.room}
    only, now, taken = wanted.only, wanted.now, []
    known = _of_kinds(tuple(sorted(wanted.known)))
    in_turn = known.by_deadline if wanted.by_deadline else known.due[0]
    statement = in_turn if only is None else known.due[1]
    rows = conn.execute(statement, values | ({} if only is None else {"op": only})).mappings().all()
    for found in map(_operation, rows):
        claimed = conn.execute(_CLAIM[found.state], {"of_id": found.id, "at_node": node, "lease": lease, "now": now})
        if claimed.rowcount == 1:
            again = replace(found, state=State.SENDING, attempt=found.attempt + 1, node=node, updated_at=now)
            taken.append((again, found.state))
    return taken


def waiting(conn: Connection, channel: str) -> int:
    """How many calls of a channel are under way, on all nodes."""
    return int(conn.execute(_UNDER_WAY, {"channel": channel}).scalar_one())


def want_by(conn: Connection, subject: str, last_day: date) -> None:
    """Another last day for what waits for a record."""
    conn.execute(_WANT_BY, {"of_subject": subject, "last_day": last_day})


def postpone(conn: Connection, channel: str, *, until: int, reason: str) -> int:
    """Let everything that a channel has waiting be due at ``until`` at the earliest, and say why."""
    return conn.execute(_POSTPONE, {"of": channel, "until": until, "why": reason}).rowcount


def overdue(conn: Connection, known: Collection[str], now: int, limit: int = 500) -> list[str]:
    """What is due and not begun, of kinds that are ``known``, oldest first."""
    query = select(operation.c.id).where(_OPEN, operation.c.action.in_(sorted(known)), operation.c.due_at <= now)
    return list(conn.execute(query.order_by(operation.c.due_at).limit(limit)).scalars())


def bring_back(conn: Connection, now: int) -> int:
    """What a clock that ran far ahead has written waits for a day that is not to come: let it be due now; how many."""
    return conn.execute(_BRING_BACK, {"now": now, "ahead": now + AHEAD}).rowcount


def next_due(conn: Connection, channel: str, known: Collection[str]) -> int | None:
    """When the next operation of a channel is due, of kinds that are ``known``."""
    return conn.execute(_of_kinds(tuple(sorted(known))).next_due, {"channel": channel}).scalar_one_or_none()


def strange(conn: Connection, known: Collection[str]) -> list[tuple[str, int]]:
    """Kinds of operations that have not ended and that nobody here knows, and how many there are of each."""
    rows = conn.execute(_STRANGE, {"known": sorted(known)})
    return [(action, number) for action, number in rows]


def close(conn: Connection, operation: Operation, new_state: State, **values: Any) -> bool:
    """Move a claimed operation on; False when the fence says that another attempt has taken over."""
    known = {"of_id": operation.id, "mine": operation.attempt}
    return conn.execute(_CLOSE[new_state], {**known, **values}).rowcount == 1


def renew(conn: Connection, node: str, operations: Sequence[str], lease: int) -> int:
    """Move the end of the leases of calls that are still under way; how many there are."""
    values = {"at_node": node, "ops": sorted(operations), "lease": lease}
    return conn.execute(_RENEW, values).rowcount


def hold(conn: Connection, operation: Operation, lease: int) -> bool:
    """The fence, asked just before a call: whether the claim still stands. If so its lease begins again."""
    return conn.execute(_HOLD, {"op": operation.id, "mine": operation.attempt, "lease": lease}).rowcount == 1


def give_back(conn: Connection, operation: Operation, *, was: State, due: int, now: int) -> bool:
    """Undo a claim under which nothing was sent."""
    values = {"of_id": operation.id, "mine": operation.attempt, "due": due, "now": now}
    return conn.execute(_GIVE_BACK[was], values).rowcount == 1


def recorded(conn: Connection, operation: Operation) -> bool | None:
    """Whether this attempt's record counted (False: it came too late); None when there is no record of it."""
    outcome = conn.execute(_ATTEMPT_KNOWN, {"op": operation.id, "mine": operation.attempt}).scalar_one_or_none()
    return None if outcome is None or outcome == CUT else not str(outcome).endswith(FENCED)


@lru_cache(maxsize=2)
def _log_attempt(dialect: str) -> Executable:
    made = (sqlite if dialect == "sqlite" else postgresql).insert(attempt_table)
    known = {name: getattr(made.excluded, name) for name in _ATTEMPT_VALUES}
    statement: Executable = made.on_conflict_do_update(index_elements=["operation_id", "number"], set_=known)
    return statement.execution_options(**{HELD: True})


def add_attempt(conn: Connection, **values: Any) -> None:
    """Log one attempt with the exchanges it made; the record of one that was thought cut is completed."""
    conn.execute(_log_attempt(conn.dialect.name), values)


def release_expired(conn: Connection, *, now: int, node: str | None) -> list[OperationRecord]:
    """Free leases: those of ``node`` at its start (EVERYBODY's by a sole process), or with None those that ran out.

    An effect becomes doubt, never "queued again"; a question is simply asked again, one about what the other side has
    taken too. An effect counts as sent until
    now: who knows how long the one who held the lease was at it. The operations as they were before.
    """
    query = select(operation).where(_SENDING, _UNFINISHED).order_by(operation.c.id)
    if node is None:
        query = query.where(operation.c.lease_until_at < database_clock())
    elif node != EVERYBODY:
        query = query.where(operation.c.node == node)
    cut = [_operation(row) for row in conn.execute(query.with_for_update(skip_locked=True)).mappings()]
    for one in cut:
        taken = one.doubt_since_at is None and one.pending_since_at is not None
        was_asked = taken or one.doubt_since_at is not None
        doubtful = one.effectful and not taken
        reason = f"{one.node} stopped while the call was under way"
        conn.execute(
            _FREE[State.PENDING if taken else State.UNCERTAIN if one.effectful else State.QUEUED],
            {
                "of_id": one.id,
                "mine": one.attempt,
                "now": now,
                "sent": one.sent_at if was_asked or not one.effectful else now,
                "since": (one.doubt_since_at or now) if doubtful else None,
                "why": reason,
            },
        )
        add_attempt(
            conn,
            operation_id=one.id,
            number=one.attempt,
            kind="find" if was_asked else "call",
            node=one.node,
            outcome=CUT,
            reason=reason,
            exchanges=[],
            started_at=one.updated_at,
            ended_at=now,
        )
    return cut


def gone(conn: Connection, me: str) -> list[str]:
    """The nodes that hold leases and no longer hold their name (``store.lock``): they died, vanished or hang."""
    return list(conn.execute(_GONE, {"me": me}).scalars())


def find(
    conn: Connection,
    *,
    authorities: Sequence[str] | None = None,
    state: State | None = None,
    channel: str | None = None,
    subject: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[OperationRecord]:
    """Operations, newest first."""
    query = select(operation).order_by(operation.c.id.desc()).limit(limit)
    if authorities is not None:
        query = query.where(operation.c.authority.in_(authorities))
    if state is not None:
        named = [_FOR_PEOPLE] if state in FOR_PEOPLE else [_UNFINISHED] if state in UNFINISHED else []
        query = query.where(operation.c.state == state, *named)
    if channel is not None:
        query = query.where(operation.c.channel == channel)
    if subject is not None:
        query = query.where(operation.c.subject == subject)
    if before is not None:
        query = query.where(operation.c.id < before)
    return [_operation(row) for row in conn.execute(query).mappings()]


@dataclass(frozen=True, slots=True)
class Parked:
    """One kind of parked work, chosen by whatever is not None. ``since`` and ``until``: parked from then, before then.

    ``authorities``: of these alone. Instants in microseconds.
    """

    channel: str | None = None
    action: str | None = None
    parked_for: ParkedFor | None = None
    since: int | None = None
    until: int | None = None
    authorities: Sequence[str] | None = None

    def clauses(self) -> list[ColumnElement[bool]]:
        """The same in SQL. A parked operation was changed last when it was parked."""
        row = operation.c
        found = [_FOR_PEOPLE, row.state == constant(State.PARKED.value)]
        pairs = ((row.channel, self.channel), (row.action, self.action), (row.code, self.parked_for))
        found += [column == value for column, value in pairs if value is not None]
        if self.since is not None:
            found.append(row.updated_at >= self.since)
        if self.until is not None:
            found.append(row.updated_at < self.until)
        if self.authorities is not None:
            found.append(row.authority.in_(self.authorities))
        return found


@dataclass(frozen=True, slots=True)
class ParkedKind:
    """How much parked work there is of one kind, and when it was parked. ``pairs``: how much two people decide about.

    Instants in microseconds.
    """

    channel: str
    action: str
    parked_for: str | None
    number: int
    pairs: int
    first_at: int
    last_at: int


_parked_kind = reader(ParkedKind)


def parked_kinds(conn: Connection, chosen: Parked) -> list[ParkedKind]:
    """The parked work chosen, by channel, action and why."""
    row, number = operation.c, func.count()
    kind = (row.channel, row.action, row.code)
    query = (
        select(
            row.channel,
            row.action,
            row.code.label("parked_for"),
            number.label("number"),
            func.sum(case((and_(row.effectful, row.two_persons), 1), else_=0)).label("pairs"),
            func.min(row.updated_at).label("first_at"),
            func.max(row.updated_at).label("last_at"),
        )
        .where(*chosen.clauses())
        .group_by(*kind)
        .order_by(*kind)
    )
    return [_parked_kind(one) for one in conn.execute(query).mappings()]


def parked(conn: Connection, chosen: Parked, limit: int) -> list[OperationRecord]:
    """The parked work chosen, the oldest first."""
    query = select(operation).where(*chosen.clauses()).order_by(operation.c.id).limit(limit)
    return [_operation(row) for row in conn.execute(query).mappings()]


def attempts_of(conn: Connection, operation_id: str) -> list[AttemptRecord]:
    """The attempts of an operation, oldest first."""
    query = select(attempt_table).where(attempt_table.c.operation_id == operation_id).order_by(attempt_table.c.number)
    return [_attempt(row) for row in conn.execute(query).mappings()]


def attempts_at(conn: Connection, operation_ids: Collection[str]) -> list[AttemptRecord]:
    """The attempts of these operations, oldest first."""
    query = select(attempt_table).where(attempt_table.c.operation_id.in_(list(operation_ids)))
    return [_attempt(row) for row in conn.execute(query.order_by(attempt_table.c.started_at)).mappings()]


def with_ids(conn: Connection, operation_ids: Collection[str]) -> list[OperationRecord]:
    """Those of these operations that are there."""
    query = select(operation).where(operation.c.id.in_(list(operation_ids)))
    return [_operation(row) for row in conn.execute(query).mappings()]


def of_subjects(conn: Connection, subjects: Collection[str]) -> list[OperationRecord]:
    """The operations for these records, oldest first."""
    query = select(operation).where(operation.c.subject.in_(list(subjects))).order_by(operation.c.id)
    return [_operation(row) for row in conn.execute(query).mappings()]


def hurry(conn: Connection, channel: str, now: int, *, reference: str | None, subject: str | None) -> None:
    """Make what waits of a reference or a subject due now; what is being called, when its call has ended."""
    who = operation.c.reference == reference if reference is not None else operation.c.subject == subject
    conn.execute(
        update(operation)
        .where(operation.c.channel == channel, who, or_(and_(_OPEN, operation.c.due_at > now), _SENDING))
        .values(due_at=case((_SENDING, _HINTED), else_=now))
    )


def cancel(conn: Connection, operation_id: str, *, reason: str, now: int) -> bool:
    """End an operation that has provably not left us; False when it has, or may have."""
    return conn.execute(_CANCEL, {"of_id": operation_id, "why": reason, "now": now}).rowcount == 1


def send_on(conn: Connection, operation_id: str, *, state: State, reason: str, now: int) -> bool:
    """Send an operation on its way again (queued: call; uncertain, pending: ask). Patience begins anew."""
    values = {"due_at": now, "tries": 0, "reason": reason, "code": None, "updated_at": now}
    if state is State.PENDING:
        values["pending_since_at"] = now
    return conn.execute(_SEND_ON[state], {"of_id": operation_id, **values}).rowcount == 1


def end_by_people(conn: Connection, record: OperationRecord, end: State, **values: Any) -> bool:
    """End an operation under a resolution that counts; False when it has moved on meanwhile."""
    known = {"of_id": record.id, "mine": record.attempt, "resolution_applied": True}
    return conn.execute(_END_BY_PEOPLE[end], {**known, **values}).rowcount == 1


def unserved(conn: Connection, channels: Collection[str]) -> list[tuple[str, int]]:
    """Channels that nobody serves any more, and how many operations wait for them."""
    rows = conn.execute(select(operation.c.channel, func.count()).where(_OPEN).group_by(operation.c.channel))
    return [(channel, number) for channel, number in rows if channel not in channels]


def counts(conn: Connection) -> dict[tuple[str, str], int]:
    """How many operations have not ended, by channel and state; those that have are too many to count each time."""
    rows = conn.execute(
        select(operation.c.channel, operation.c.state, func.count())
        .where(_UNFINISHED)
        .group_by(operation.c.state, operation.c.channel)
    )
    return {(channel, State(state)): number for channel, state, number in rows}
