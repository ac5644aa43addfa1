"""Whether a decision's duties are performed, as far as the money that came here tells."""

from __future__ import annotations

from sqlalchemy import Connection

from gateway.rooms.decisions import DecisionFacts
from gateway.rooms.payments import Status
from gateway.rooms.payments import records as payments
from gateway.rooms.payments.bill import LineKind


def paid_in_full(conn: Connection, decision_id: str, facts: DecisionFacts) -> bool:
    """Whether fine and confiscated sum were paid here. A decision that asks for no money owes none.

    A surcharge 加处罚款 is no part of the penalty (行政处罚法 art. 72): it is a coercive act of its own.
    """
    owed = {LineKind.FINE: facts.fine or 0, LineKind.CONFISCATED: facts.confiscated or 0}
    for one in payments.of_decision(conn, decision_id):
        if one.status is Status.PAID:
            for line in payments.lines(conn, one.id):
                owed[line.kind] = owed.get(line.kind, 0) - line.amount
    return all(left <= 0 for left in owed.values())
