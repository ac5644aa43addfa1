"""What one person proposed about a break, and whether another confirmed it, as it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, insert, select

from gateway.foundation.store.rows import columns, reader
from gateway.rooms.reconciliation.break_records import Break
from gateway.rooms.reconciliation.states import ProposalState
from gateway.rooms.reconciliation.tables import break_action
from gateway.rooms.refunds.states import RefundStatus
from gateway.rooms.refunds.tables import refund
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say

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


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal with the break that it is about. ``seen``: what a second person sends back; None once it has ended."""

    proposal: Proposal
    about: Break
    seen: str | None = None

    @property
    def id(self) -> str:
        """The proposal's."""
        return self.proposal.id

    @property
    def state(self) -> ProposalState:
        """The proposal's."""
        return self.proposal.state

    @property
    def break_id(self) -> str:
        """The subject of its events."""
        return self.proposal.break_id

    @property
    def authority(self) -> str:
        """Whose difference it is."""
        return self.about.authority


_ALL = select(break_action, refund.c.status.label("refund_status")).outerjoin(
    refund, refund.c.id == break_action.c.refund_id
)
_read = reader(Proposal)


def add(conn: Connection, one: Proposal) -> None:
    """Keep what somebody proposes."""
    values = columns(one)
    values.pop("refund_status", None)  # the refund's own
    conn.execute(insert(break_action), values)


def held(conn: Connection, id: str) -> Proposal:
    """One proposal that must be there. Raises NotFoundProblem."""
    row = conn.execute(_ALL.where(break_action.c.id == id)).mappings().first()
    if row is None:
        raise NotFoundProblem(say("reconciliation.no_proposal"))
    return _read(row)


def of_break(conn: Connection, break_id: str) -> list[Proposal]:
    """What was proposed about a break, oldest first."""
    query = _ALL.where(break_action.c.break_id == break_id).order_by(break_action.c.id)
    return [_read(row) for row in conn.execute(query).mappings()]
