"""What the decision's one view shows of disclosures."""

from __future__ import annotations

from sqlalchemy import Connection

from gateway.rooms.decisions import Decision
from gateway.rooms.decisions.duties import Mark
from gateway.rooms.decisions.parts import Contribution, Part
from gateway.rooms.disclosures import records
from gateway.rooms.disclosures.states import SHOWN
from gateway.rooms.disclosures.views import DisclosureView


def _of(conn: Connection, decision: Decision) -> Contribution:
    disclosures = records.of_decision(conn, decision.id)
    public = any(one.status in SHOWN for one in disclosures)
    return Contribution([DisclosureView.of(one) for one in disclosures], frozenset({Mark.PUBLIC} if public else ()))


PART = Part("disclosures", DisclosureView, _of, rank=20)
