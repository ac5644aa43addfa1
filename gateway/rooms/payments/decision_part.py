"""What the decision's one view shows of payments."""

from __future__ import annotations

from sqlalchemy import Connection

from gateway.rooms.decisions import Decision
from gateway.rooms.decisions.duties import Mark
from gateway.rooms.decisions.parts import Contribution, Part
from gateway.rooms.payments import records
from gateway.rooms.payments.states import Status
from gateway.rooms.payments.views import PaymentSummary


def _of(conn: Connection, decision: Decision) -> Contribution:
    payments = records.of_decision(conn, decision.id)
    marks = {Mark.BILLED} if payments else set()
    if any(one.in_doubt_since_at for one in payments):
        marks.add(Mark.IN_DOUBT)
    if any(one.status is Status.ISSUED for one in payments):
        marks.add(Mark.PAYABLE)
    return Contribution([PaymentSummary.of(one) for one in payments], frozenset(marks))


PART = Part("payments", PaymentSummary, _of, rank=10)
