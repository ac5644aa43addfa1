"""What the decision's one view shows of notices."""

from __future__ import annotations

from sqlalchemy import Connection

from gateway.rooms.decisions import Decision
from gateway.rooms.decisions.parts import Contribution, Part
from gateway.rooms.notices import records
from gateway.rooms.notices.views import NoticeView


def _of(conn: Connection, decision: Decision) -> Contribution:
    return Contribution([NoticeView.of(one) for one in records.of_decision(conn, decision.id)])


PART = Part("notices", NoticeView, _of, rank=60)
