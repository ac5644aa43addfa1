"""The ledger's SQL: plain functions of a connection. Each state change is a compare-and-set on state and attempt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, bindparam, func, insert, or_, select, update

from gateway.delivery.actions import Operation
from gateway.store.tables.delivery import attempt as attempt_table
from gateway.store.tables.delivery import channel_condition, operation

_INSERT = insert(operation)
_BY_ID = select(operation).where(operation.c.id == bindparam("id"))
_DUE = (
    select(operation.c.id)
    .where(
        operation.c.channel == bindparam("channel"),
        operation.c.state.in_(("queued", "uncertain")),
        operation.c.due_at <= bindparam("now"),
    )
    .order_by(operation.c.due_at)
    .limit(bindparam("room"))
)
_CLAIM = (
    update(operation)
    .where(operation.c.id == bindparam("op"), operation.c.state == bindparam("was"))
    .values(
        state="sending",
        attempt=operation.c.attempt + 1,
        node=bindparam("at_node"),
        lease_until_at=bindparam("lease"),
        updated_at=bindparam("now"),
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
_ATTEMPT = insert(attempt_table)
_NEXT_DUE = select(func.min(operation.c.due_at)).where(
    operation.c.channel == bindparam("channel"), operation.c.state.in_(("queued", "uncertain"))
)


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


def add(conn: Connection, values: dict[str, Any]) -> None:
    """Insert one operation."""
    conn.execute(_INSERT, values)


def fetch(conn: Connection, operation_id: str) -> RowMapping | None:
    """One operation's row."""
    return conn.execute(_BY_ID, {"id": operation_id}).mappings().first()


def claim_due(
    conn: Connection, channel: str, *, now: int, room: int, node: str, lease_until: int
) -> list[tuple[RowMapping, str]]:
    """Take up to ``room`` due operations of a channel; each with the state it was in (queued or uncertain)."""
    stopped = conn.execute(
        select(channel_condition.c.stopped).where(channel_condition.c.channel == channel)
    ).scalar_one_or_none()
    if stopped:
        return []
    statement = _DUE if conn.dialect.name == "sqlite" else _DUE.with_for_update(skip_locked=True)
    taken = []
    for operation_id in conn.execute(statement, {"channel": channel, "now": now, "room": room}).scalars().all():
        row = fetch(conn, operation_id)
        assert row is not None
        claimed = conn.execute(
            _CLAIM,
            {"op": operation_id, "was": row["state"], "at_node": node, "lease": lease_until, "now": now},
        )
        if claimed.rowcount == 1:
            again = fetch(conn, operation_id)
            assert again is not None
            taken.append((again, row["state"]))
    return taken


def next_due(conn: Connection, channel: str) -> int | None:
    """When the next operation of a channel is due."""
    return conn.execute(_NEXT_DUE, {"channel": channel}).scalar_one_or_none()


def close(conn: Connection, operation: Operation, **values: Any) -> bool:
    """Move a claimed operation on; False when the fence says that another attempt has taken over."""
    return conn.execute(_CLOSE, {"op": operation.id, "mine": operation.attempt, **values}).rowcount == 1


def add_attempt(conn: Connection, **values: Any) -> None:
    """Log one attempt with the exchanges it made."""
    conn.execute(_ATTEMPT, values)


def release_expired(conn: Connection, *, now: int, everything: bool) -> Sequence[RowMapping]:
    """Free leases: all of them (sole process at its start), or only those that ran out.

    An effect becomes doubt, never "queued again"; a question is simply asked again.
    """
    condition = operation.c.state == "sending"
    if not everything:
        condition = and_(condition, operation.c.lease_until_at < now)
    rows = conn.execute(select(operation).where(condition).order_by(operation.c.id)).mappings().all()
    for row in rows:
        doubt = bool(row["effectful"])
        conn.execute(
            update(operation)
            .where(operation.c.id == row["id"], operation.c.state == "sending", operation.c.attempt == row["attempt"])
            .values(
                state="uncertain" if doubt else "queued",
                attempt=operation.c.attempt + 1,
                node=None,
                lease_until_at=None,
                due_at=now,
                sent_at=row["sent_at"] or row["updated_at"],
                doubt_since_at=(row["doubt_since_at"] or now) if doubt else None,
                reason="the gateway stopped while the call was under way",
                updated_at=now,
            )
        )
    return rows


def stop_channel(conn: Connection, channel: str, reason: str | None, now: int) -> None:
    """Stop a channel with a reason, or let it go again with None."""
    values = {"stopped": reason is not None, "reason": reason, "updated_at": now}
    changed = conn.execute(update(channel_condition).where(channel_condition.c.channel == channel).values(**values))
    if changed.rowcount == 0:
        conn.execute(insert(channel_condition), {"channel": channel, "failures": 0, **values})


def stopped_channels(conn: Connection) -> dict[str, str]:
    """Stopped channels and why."""
    rows = conn.execute(select(channel_condition).where(channel_condition.c.stopped)).mappings()
    return {row["channel"]: row["reason"] or "" for row in rows}


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
        query = query.where(operation.c.state == state)
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
        .where(operation.c.channel == channel, who, operation.c.state.in_(("queued", "uncertain")))
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


def counts(conn: Connection) -> dict[tuple[str, str], int]:
    """How many operations there are by channel and state."""
    rows = conn.execute(
        select(operation.c.channel, operation.c.state, func.count()).group_by(operation.c.channel, operation.c.state)
    )
    return {(channel, state): number for channel, state, number in rows}
