"""What one person proposed about a break, and whether another confirmed it, as it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, and_, insert, select, update

from gateway.foundation.store.rows import changes, columns, reader
from gateway.rooms.reconciliation.states import ProposalState
from gateway.rooms.reconciliation.tables import break_action
from gateway.rooms.refunds.states import RefundStatus
from gateway.rooms.refunds.tables import refund
from gateway.words.errors import NotFoundProblem

Action = Literal["refund", "attribute"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """Give the money of a break back (``refund_id``), or say whose it is (``payment_id``). Instants in microseconds.

    ``refund_status`` is where that refund stands.
    """

    id: str
    break_id: str
    action: Action
    payment_id: str | None
    refund_id: str | None
    reason: str
    state: ProposalState
    proposed_by: str
    proposed_name: str
    proposed_at: int
    confirmed_by: str | None = None
    confirmed_name: str | None = None
    confirmed_at: int | None = None
    refund_status: RefundStatus | None = None


_ALL = select(break_action, refund.c.status.label("refund_status")).outerjoin(
    refund, refund.c.id == break_action.c.refund_id
)
_PROPOSED = break_action.c.state == ProposalState.PROPOSED.value
_read = reader(Proposal)


def add(conn: Connection, one: Proposal) -> None:
    """Keep what somebody proposes."""
    values = columns(one)
    values.pop("refund_status", None)  # the refund's own
    conn.execute(insert(break_action), values)


def change(conn: Connection, known: Proposal, fresh: Proposal) -> bool:
    """Confirm or withdraw; False when it is not proposed any more."""
    mine = and_(break_action.c.id == known.id, _PROPOSED)
    values = {"state": fresh.state.value, **changes(known, fresh)}
    return conn.execute(update(break_action).where(mine).values(**values)).rowcount == 1


def withdraw_all(conn: Connection, break_id: str) -> None:
    """What was proposed about a break has been settled, or overtaken, elsewhere."""
    mine = and_(break_action.c.break_id == break_id, _PROPOSED)
    conn.execute(update(break_action).where(mine).values(state=ProposalState.WITHDRAWN.value))


def held(conn: Connection, id: str) -> Proposal:
    """One proposal that must be there. Raises NotFoundProblem."""
    row = conn.execute(_ALL.where(break_action.c.id == id)).mappings().first()
    if row is None:
        raise NotFoundProblem("no such proposal")
    return _read(row)


def of_break(conn: Connection, break_id: str) -> list[Proposal]:
    """What was proposed about a break, oldest first."""
    query = _ALL.where(break_action.c.break_id == break_id).order_by(break_action.c.id)
    return [_read(row) for row in conn.execute(query).mappings()]
