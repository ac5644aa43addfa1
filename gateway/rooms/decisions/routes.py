"""Decisions over HTTP: facts as versions, events, and the one view of everything about a decision."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Response
from sqlalchemy import Connection

from gateway.app import App
from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import Gateway, may, own
from gateway.foundation.http.idempotency import OnceKey
from gateway.foundation.http.problems import responses
from gateway.foundation.http.views import View, instant
from gateway.rooms.decisions import Decision, DecisionEvent, DecisionFacts
from gateway.rooms.disclosures import records as disclosure_records
from gateway.rooms.disclosures.states import SHOWN
from gateway.rooms.disclosures.views import DisclosureView
from gateway.rooms.payments import records as payment_records
from gateway.rooms.payments.views import PaymentSummary
from gateway.rooms.seals import records as seal_records
from gateway.rooms.seals.states import Status
from gateway.rooms.seals.views import SealedDocumentView

router = APIRouter(prefix="/v1/decisions", tags=["decisions"], responses=responses(401, 403, 404, 422, 503))

Reader = Annotated[Principal, Depends(may("decisions:read"))]
Writer = Annotated[Principal, Depends(may("decisions:write"))]
Authority = Annotated[str, Path(min_length=1, max_length=40)]
Number = Annotated[str, Path(min_length=1, max_length=128, description="decision number 决定书文号, percent-encoded")]


class DueView(View):
    """The last day to pay; ``provisional`` while the holidays of that time are not published yet."""

    on: date
    provisional: bool
    because: str


class DecisionView(View):
    """A decision with everything that hangs on it."""

    id: str
    authority: str
    number: str
    version: int
    facts: DecisionFacts
    events: list[DecisionEvent]
    due: DueView | None
    payments: list[PaymentSummary]
    disclosures: list[DisclosureView]
    sealed_documents: list[SealedDocumentView]
    next_duty: str | None
    created_at: str
    updated_at: str


@router.put(
    "/{authority}/{number:path}",
    response_model=DecisionView,
    responses={201: {"model": DecisionView, "description": "Recorded as new"}, **responses(400, 409, 413)},
)
async def put_decision(
    gateway: Gateway, who: Writer, authority: Authority, number: Number, facts: DecisionFacts, response: Response
) -> DecisionView:
    """Record the facts of a decision, or a new version of them. The same facts again change nothing."""
    own(who, authority, "authority")
    decision, new = await gateway.decisions.put(authority, number, facts, by=who.name)
    response.status_code = 201 if new else 200
    return await _view(gateway, decision)


@router.get(
    "/{authority}/{number:path}",
    response_model=DecisionView,
    responses={304: {"description": "Unchanged since the ETag"}},
)
async def get_decision(
    gateway: Gateway,
    who: Reader,
    authority: Authority,
    number: Number,
    response: Response,
    if_none_match: Annotated[str | None, Header()] = None,
) -> DecisionView | Response:
    """The one view: facts, events, money, seal, disclosures, and what is due next."""
    own(who, authority, "decision")
    view = await _view(gateway, await gateway.decisions.get(authority, number))
    tag = f'W/"{sha256(view.model_dump_json().encode()).hexdigest()[:32]}"'  # many rooms change it: the view itself
    if if_none_match == tag:
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    return view


@router.post("/{authority}/{number:path}/events", response_model=DecisionView, responses=responses(400, 409, 413))
async def record_event(
    gateway: Gateway, who: Writer, authority: Authority, number: Number, event: DecisionEvent, once: OnceKey
) -> DecisionView:
    """Record that the decision was served, appealed, deferred, changed or revoked."""
    own(who, authority, "decision")
    await once.open(who, event)
    if once.subject is None:
        decision = await gateway.decisions.record_event(authority, number, event, by=who.name, remember=once.remember)
        await once.finish(200)
    else:
        decision = await gateway.decisions.get(authority, number)
    gateway.delivery.wake()
    return await _view(gateway, decision)


async def _view(gateway: App, decision: Decision) -> DecisionView:
    def query(conn: Connection) -> tuple[list[PaymentSummary], list[DisclosureView], list[SealedDocumentView]]:
        paid = [PaymentSummary.of(one) for one in payment_records.of_decision(conn, decision.id)]
        shown = [DisclosureView.of(row) for row in disclosure_records.of_decision(conn, decision.id)]
        sealed = [SealedDocumentView.of(row) for row in seal_records.of_decision(conn, decision.id)]
        return paid, shown, sealed

    payments, disclosures, sealed = await gateway.store.read(query)
    due = gateway.decisions.due(decision)
    return DecisionView(
        id=decision.id,
        authority=decision.authority,
        number=decision.number,
        version=decision.version,
        facts=decision.facts,
        events=list(decision.events),
        due=DueView(on=due.on, provisional=due.provisional, because=due.because) if due else None,
        payments=payments,
        disclosures=disclosures,
        sealed_documents=sealed,
        next_duty=_next_duty(
            decision, payments, any(one.status is Status.SEALED for one in sealed), due.on if due else None, disclosures
        ),
        created_at=instant(decision.created_at) or "",
        updated_at=instant(decision.updated_at) or "",
    )


def _next_duty(
    decision: Decision,
    payments: list[PaymentSummary],
    sealed: bool,
    due_on: date | None,
    disclosures: list[DisclosureView],
) -> str | None:
    """What somebody has to do next, in the order of acts of an ordinary procedure."""
    if decision.revoked:
        open_ones = [one for one in disclosures if one.status in SHOWN]
        return "withdraw the publications within 3 working days (行政处罚法 art. 48)" if open_ones else None
    owed = decision.facts.fine or decision.facts.confiscated
    if owed and not payments:
        return "request a payment code"
    if not sealed:
        return "have the decision document sealed"
    if due_on is None:
        return "serve the decision within 7 working days (行政处罚法 art. 61)"
    if any(one.in_doubt_since for one in payments):
        return "none: the outcome at the platform is being found out"
    if any(one.status == "ISSUED" for one in payments):
        return f"the party pays by {due_on} (行政处罚法 art. 67)"
    return None
