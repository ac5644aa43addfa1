"""What the decision's one view shows of seals."""

from __future__ import annotations

from sqlalchemy import Connection

from gateway.rooms.decisions import Decision
from gateway.rooms.decisions.duties import Mark
from gateway.rooms.decisions.parts import Contribution, Part
from gateway.rooms.seals import records
from gateway.rooms.seals.states import Status
from gateway.rooms.seals.views import SealedDocumentView


def _of(conn: Connection, decision: Decision) -> Contribution:
    documents = records.of_decision(conn, decision.id)
    sealed = any(one.status is Status.SEALED for one in documents)
    return Contribution([SealedDocumentView.of(one) for one in documents], frozenset({Mark.SEALED} if sealed else ()))


PART = Part("sealed_documents", SealedDocumentView, _of, rank=30)
