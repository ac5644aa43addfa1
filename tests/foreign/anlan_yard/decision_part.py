"""What the decision's one view shows of impounded vehicles."""

from __future__ import annotations

from sqlalchemy import Connection

from anlan_yard import records
from anlan_yard.views import ImpoundView
from gateway.rooms.decisions import Decision
from gateway.rooms.decisions.parts import Contribution, Part


def _of(conn: Connection, decision: Decision) -> Contribution:
    return Contribution([ImpoundView.of(one) for one in records.of_decision(conn, decision.id)])


PART = Part("impounds", ImpoundView, _of, rank=60)
