"""The ledger's SQL: plain functions of a connection. Each state change is a compare-and-set on state and attempt."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Executable, RowMapping, bindparam, case, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.foundation.delivery.actions import Operation
from gateway.foundation.delivery.tables import (
    attempt as attempt_table,
)
from gateway.foundation.delivery.tables import (
    operation,
)
from gateway.foundation.store import database_clock
from gateway.foundation.store.base import constant

_OPEN = operation.c.state.in_([constant("queued"), constant("uncertain")])
_SENDING = operation.c.state == constant("sending")
_NOT_ENDED = ("queued", "sending", "uncertain", "parked")
_UNFINISHED = operation.c.state.in_([constant(state) for state in _NOT_ENDED])
_INSERT = insert(operation)
_INSERT_CLAIMED = insert(operation).values(lease_until_at=database_clock() + bindparam("lease"))
_BY_ID = select(operation).where(operation.c.id == bindparam("id"))
_DUE = (
    select(operation.c.id)
    .where(
        operation.c.channel == bindparam("channel"),
        _OPEN,
        operation.c.due_at <= bindparam("now"),
    )
    .order_by(operation.c.due_at)
    .limit(bindparam("room"))
    .with_for_update(skip_locked=True)
)
_DUE_ONE = _DUE.where(operation.c.id == bindparam("op"))
_CLAIM = (
    update(operation)
    .where(operation.c.id == bindparam("op"), operation.c.state == bindparam("was"))
    .values(
        state="sending",
        attempt=operation.c.attempt + 1,
        node=bindparam("at_node"),
        lease_until_at=database_clock() + bindparam("lease"),
        updated_at=bindparam("now"),
    )
)
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
    .where(operation.c.id == bindparam("op"), operation.c.state == "sending", operation.c.attempt == bindparam("mine"))
    .values(lease_until_at=database_clock() + bindparam("lease"))
)
_GIVE_BACK = (
    update(operation)
    .where(operation.c.id == bindparam("op"), operation.c.state == "sending", operation.c.attempt == bindparam("mine"))
    .values(
        state=bindparam("was"), node=None, lease_until_at=None, due_at=bindparam("due"), updated_at=bindparam("now")
    )
)
_CLOSE = (
    update(operation)
    .where(operation.c.id == bindparam("op"), operation.c.state == "sending", operation.c.attempt == bindparam("mine"))
    .values(
        state=bindparam("new_state"),
        node=None,
        lease_until_at=None,
        due_at=bindparam("due"),
        tries=bindparam("new_tries"),
        sent_at=bindparam("sent"),
        doubt_since_at=bindparam("doubt_since"),
        answer_sealed=bindparam("answer"),
        reason=bindparam("new_reason"),
        code=bindparam("new_code"),
        updated_at=bindparam("now"),
    )
)
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
_UNDER_WAY = select(func.count()).where(operation.c.channel == bindparam("channel"), _SENDING)
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
        operation.c.state.in_(("queued", "uncertain")),
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
_NEXT_DUE = select(func.min(operation.c.due_at)).where(operation.c.channel == bindparam("channel"), _OPEN)


def as_operation(row: RowMapping) -> Operation:
    """The row as the value that actions see."""
    return Operation(
        id=row["id"],
        action=row["action"],
        channel=row["channel"],
        authority=row["authority"],
        subject=row["subject"],
        reference=row["reference"],
        effectful=bool(row["effectful"]),
        state=row["state"],
        attempt=row["attempt"],
        tries=row["tries"],
        sent_at=row["sent_at"],
        doubt_since_at=row["doubt_since_at"],
        created_at=row["created_at"],
    )


def add(conn: Connection, values: dict[str, Any], lease: int | None) -> None:
    """Insert one operation; with a ``lease`` (microseconds) it is claimed at birth."""
    if lease is None:
        conn.execute(_INSERT, values)
    else:
        conn.execute(_INSERT_CLAIMED, {**values, "lease": lease})


def fetch(conn: Connection, operation_id: str) -> RowMapping | None:
    """One operation's row."""
    return conn.execute(_BY_ID, {"id": operation_id}).mappings().first()


def claim_due(
    conn: Connection, channel: str, *, now: int, room: int, node: str, lease: int, only: str | None = None
) -> list[tuple[RowMapping, str]]:
    """Take up to ``room`` due operations of a channel, or ``only`` one; each with the state it was in.

    ``lease`` in microseconds, from now by the database's clock.
    """
    values: dict[str, Any] = {"channel": channel, "now": now, "room": room}
    statement = _DUE if only is None else _DUE_ONE
    taken = []
    for operation_id in conn.execute(statement, values | ({} if only is None else {"op": only})).scalars().all():
        row = fetch(conn, operation_id)
        assert row is not None
        claimed = conn.execute(
            _CLAIM,
            {"op": operation_id, "was": row["state"], "at_node": node, "lease": lease, "now": now},
        )
        if claimed.rowcount == 1:
            again = fetch(conn, operation_id)
            assert again is not None
            taken.append((again, row["state"]))
    return taken


def waiting(conn: Connection, channel: str) -> int:
    """How many calls of a channel are under way, on all nodes."""
    return int(conn.execute(_UNDER_WAY, {"channel": channel}).scalar_one())


def postpone(conn: Connection, channel: str, *, until: int, reason: str) -> int:
    """Let everything that a channel has waiting be due at ``until`` at the earliest, and say why."""
    return conn.execute(_POSTPONE, {"of": channel, "until": until, "why": reason}).rowcount


def overdue(conn: Connection, now: int, limit: int = 500) -> list[str]:
    """What is due and not begun, oldest first."""
    query = select(operation.c.id).where(_OPEN, operation.c.due_at <= now)
    return list(conn.execute(query.order_by(operation.c.due_at).limit(limit)).scalars())


def bring_back(conn: Connection, now: int) -> int:
    """What a clock that ran far ahead has written waits for a day that is not to come: let it be due now; how many."""
    return conn.execute(_BRING_BACK, {"now": now, "ahead": now + AHEAD}).rowcount


def next_due(conn: Connection, channel: str) -> int | None:
    """When the next operation of a channel is due."""
    return conn.execute(_NEXT_DUE, {"channel": channel}).scalar_one_or_none()


def close(conn: Connection, operation: Operation, **values: Any) -> bool:
    """Move a claimed operation on; False when the fence says that another attempt has taken over."""
    return conn.execute(_CLOSE, {"op": operation.id, "mine": operation.attempt, **values}).rowcount == 1


def renew(conn: Connection, node: str, operations: Sequence[str], lease: int) -> int:
    """Move the end of the leases of calls that are still under way; how many there are."""
    values = {"at_node": node, "ops": sorted(operations), "lease": lease}
    return conn.execute(_RENEW, values).rowcount


def hold(conn: Connection, operation: Operation, lease: int) -> bool:
    """The fence, asked just before a call: whether the claim still stands. If so its lease begins again."""
    return conn.execute(_HOLD, {"op": operation.id, "mine": operation.attempt, "lease": lease}).rowcount == 1


def give_back(conn: Connection, operation: Operation, *, was: str, due: int, now: int) -> bool:
    """Undo a claim under which nothing was sent."""
    values = {"op": operation.id, "mine": operation.attempt, "was": was, "due": due, "now": now}
    return conn.execute(_GIVE_BACK, values).rowcount == 1


def recorded(conn: Connection, operation: Operation) -> bool | None:
    """Whether this attempt's record counted (False: it came too late); None when there is no record of it."""
    outcome = conn.execute(_ATTEMPT_KNOWN, {"op": operation.id, "mine": operation.attempt}).scalar_one_or_none()
    return None if outcome is None or outcome == CUT else not str(outcome).endswith(FENCED)


@lru_cache(maxsize=2)
def _log_attempt(dialect: str) -> Executable:
    made = (sqlite if dialect == "sqlite" else postgresql).insert(attempt_table)
    known = {name: getattr(made.excluded, name) for name in _ATTEMPT_VALUES}
    statement: Executable = made.on_conflict_do_update(index_elements=["operation_id", "number"], set_=known)
    return statement


def add_attempt(conn: Connection, **values: Any) -> None:
    """Log one attempt with the exchanges it made; the record of one that was thought cut is completed."""
    conn.execute(_log_attempt(conn.dialect.name), values)


def release_expired(conn: Connection, *, now: int, node: str | None) -> Sequence[RowMapping]:
    """Free leases: those of ``node`` at its start (EVERYBODY's by a sole process), or with None those that ran out.

    An effect becomes doubt, never "queued again"; a question is simply asked again. An effect counts as sent until
    now: who knows how long the one who held the lease was at it.
    """
    query = select(operation).where(_SENDING, _UNFINISHED).order_by(operation.c.id)
    if node is None:
        query = query.where(operation.c.lease_until_at < database_clock())
    elif node != EVERYBODY:
        query = query.where(operation.c.node == node)
    rows = conn.execute(query.with_for_update(skip_locked=True)).mappings().all()
    for row in rows:
        doubt = bool(row["effectful"])
        was_asked = row["doubt_since_at"] is not None
        reason = f"{row['node']} stopped while the call was under way"
        conn.execute(
            update(operation)
            .where(operation.c.id == row["id"], operation.c.state == "sending", operation.c.attempt == row["attempt"])
            .values(
                state="uncertain" if doubt else "queued",
                node=None,
                lease_until_at=None,
                due_at=now,
                sent_at=row["sent_at"] if was_asked or not doubt else now,
                doubt_since_at=(row["doubt_since_at"] or now) if doubt else None,
                reason=reason,
                updated_at=now,
            )
        )
        add_attempt(
            conn,
            operation_id=row["id"],
            number=row["attempt"],
            kind="find" if was_asked else "call",
            node=row["node"],
            outcome=CUT,
            reason=reason,
            exchanges=[],
            started_at=row["updated_at"],
            ended_at=now,
        )
    return rows


def search(
    conn: Connection,
    *,
    authorities: Sequence[str] | None = None,
    state: str | None = None,
    channel: str | None = None,
    subject: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> Sequence[RowMapping]:
    """Operations, newest first."""
    query = select(operation).order_by(operation.c.id.desc()).limit(limit)
    if authorities is not None:
        query = query.where(operation.c.authority.in_(authorities))
    if state is not None:
        query = query.where(operation.c.state == state, *([_UNFINISHED] if state in _NOT_ENDED else []))
    if channel is not None:
        query = query.where(operation.c.channel == channel)
    if subject is not None:
        query = query.where(operation.c.subject == subject)
    if before is not None:
        query = query.where(operation.c.id < before)
    return conn.execute(query).mappings().all()


def attempts_of(conn: Connection, operation_id: str) -> Sequence[RowMapping]:
    """The attempts of an operation, oldest first."""
    return (
        conn.execute(
            select(attempt_table).where(attempt_table.c.operation_id == operation_id).order_by(attempt_table.c.number)
        )
        .mappings()
        .all()
    )


def hurry(conn: Connection, channel: str, now: int, *, reference: str | None, subject: str | None) -> None:
    """Make queued and uncertain operations of a reference or a subject due now."""
    who = operation.c.reference == reference if reference is not None else operation.c.subject == subject
    conn.execute(
        update(operation)
        .where(operation.c.channel == channel, who, _OPEN)
        .where(operation.c.due_at > now)
        .values(due_at=now)
    )


def cancel(conn: Connection, operation_id: str, *, reason: str, now: int) -> bool:
    """End an operation that has provably not left us; False when it has, or may have."""
    done = conn.execute(
        update(operation)
        .where(
            operation.c.id == operation_id,
            operation.c.state.in_(("queued", "parked")),
            operation.c.doubt_since_at.is_(None),
            operation.c.sent_at.is_(None),
        )
        .values(state="rejected", reason=reason, code="cancelled", updated_at=now)
    )
    return done.rowcount == 1


def resolve_parked(conn: Connection, operation_id: str, *, state: str, due: int, reason: str, now: int) -> bool:
    """Send a parked or uncertain operation on its way again (queued: call; uncertain: ask first)."""
    done = conn.execute(
        update(operation)
        .where(operation.c.id == operation_id, or_(operation.c.state == "parked", operation.c.state == "uncertain"))
        .values(state=state, due_at=due, tries=0, reason=reason, updated_at=now)
    )
    return done.rowcount == 1


def unserved(conn: Connection, channels: Collection[str]) -> list[tuple[str, int]]:
    """Channels that nobody serves any more, and how many operations wait for them."""
    rows = conn.execute(select(operation.c.channel, func.count()).where(_OPEN).group_by(operation.c.channel))
    return [(channel, number) for channel, number in rows if channel not in channels]


def counts(conn: Connection) -> dict[tuple[str, str], int]:
    """How many operations have not ended, by channel and state; those that have are too many to count each time."""
    rows = conn.execute(
        select(operation.c.channel, operation.c.state, func.count())
        .where(_UNFINISHED)
        .group_by(operation.c.channel, operation.c.state)
    )
    return {(channel, state): number for channel, state, number in rows}
