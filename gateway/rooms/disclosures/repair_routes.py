"""Credit repair 信用修复 over HTTP: a request is taken in, one person answers, another confirms what they saw."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import AfterValidator, Field

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may, require_authority
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.language import in_words
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import service
from gateway.foundation.http.two_persons import Confirmation, person
from gateway.foundation.http.views import Ask, Cursor, Limit, Page, View, after, cursor_after, instant
from gateway.rooms.disclosures.repairs import Answer, Repair, RepairAsk, RepairFilter, Repairs, RepairSight
from gateway.rooms.disclosures.states import RepairStatus
from gateway.words.days import Day
from gateway.words.identifiers import clean_text

router = APIRouter(prefix="/v1/credit-repairs", tags=["disclosures"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("disclosures:read"))]
Writer = Annotated[Principal, Depends(may("disclosures:write"))]
TheRepairs = Annotated[Repairs, Depends(service(Repairs))]
Text = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(clean_text)]


class RepairInput(Ask):
    """A request that was forwarded, or handed in. Texts name the papers; no personal data beyond that."""

    authority: str = Field(min_length=1, max_length=40)
    decision_number: str = Field(min_length=1, max_length=128)
    received_on: Day
    forwarded_by: Text = Field(description="Credit China 信用中国, GSXT, or the party itself")
    corrected: Text | None = Field(default=None, description="proof that the breach is corrected")
    commitment: Text | None = Field(default=None, description="the public commitment 信用承诺")
    performed: Text | None = Field(default=None, description="proof of performance, where the money did not come here")


class AnswerInput(Ask):
    """The authority's answer. ``number`` of the decision on repair where it grants, ``reason`` where it does not."""

    grants: bool
    number: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    reason: Text | None = None
    corrected: Text | None = None
    commitment: Text | None = None
    performed: Text | None = None
    officer: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(clean_text)] | None = None


class RepairView(View):
    """One request for repair. ``wanting``: the conditions that are open; ``seen``: what a confirmation sends back."""

    id: str
    authority: str
    decision_number: str
    status: RepairStatus
    received_on: date
    forwarded_by: str
    answer_by: date
    answer_by_provisional: bool
    citation: str
    grants: bool | None
    number: str | None
    reason: str | None
    end_by: date | None
    late: bool
    created_at: str
    updated_at: str
    wanting: dict[str, str] | None = None
    seen: str | None = None

    @classmethod
    def of(cls, one: Repair, sight: RepairSight | None = None) -> RepairView:
        """From its record."""
        return cls(
            id=one.id,
            authority=one.authority,
            decision_number=one.decision_number,
            status=one.status,
            received_on=one.received_on,
            forwarded_by=one.forwarded_by,
            answer_by=one.answer_by_on,
            answer_by_provisional=one.answer_by_provisional,
            citation=one.answer_citation,
            grants=one.grants,
            number=one.number,
            reason=one.reason,
            end_by=one.end_by_on,
            late=one.late_at is not None,
            created_at=instant(one.created_at),
            updated_at=instant(one.updated_at),
            wanting=None if sight is None else {name: in_words(words) for name, words in sight.wanting.items()},
            seen=None if sight is None else sight.seen,
        )


@router.post("", status_code=201, response_model=RepairView, responses=responses(400, 404, 409, 413))
async def receive_repair(
    repairs: TheRepairs, who: Writer, ask: RepairInput, key: KeyedRequest, response: Response
) -> RepairView:
    """Take a request for repair in; the authority's working days run from ``received_on``."""
    require_authority(who, ask.authority, "decision")
    told = RepairAsk(**ask.model_dump(exclude={"authority", "decision_number"}))
    repair_id = await key.once(
        who, ask, lambda once: repairs.receive(ask.authority, ask.decision_number, told, once=once)
    )
    response.status_code = key.status
    return await _view(repairs, repair_id)


@router.get("", response_model=Page[RepairView])
async def list_repairs(
    repairs: TheRepairs, who: Reader, status: RepairStatus | None = None, cursor: Cursor = None, limit: Limit = 50
) -> Page[RepairView]:
    """Requests for repair, newest first."""
    wanted = RepairFilter(authorities=who.authorities, status=status, before=after(cursor), limit=limit)
    found = await repairs.find(wanted)
    return Page(items=[RepairView.of(one) for one in found], next=cursor_after(found, limit))


@router.get("/{repair_id}", response_model=RepairView, responses=responses(404))
async def get_repair(repairs: TheRepairs, who: Reader, repair_id: str) -> RepairView:
    """One request, with the conditions that are open."""
    return await _own(repairs, who, repair_id)


@router.post("/{repair_id}/answer", response_model=RepairView, responses=responses(400, 404, 409, 413))
async def answer_repair(
    repairs: TheRepairs, who: Writer, repair_id: str, ask: AnswerInput, key: KeyedRequest, response: Response
) -> RepairView:
    """Propose the authority's answer. A grant is not taken while a condition is open (``repair-conditions``)."""
    await _own(repairs, who, repair_id)
    said, by = Answer(**ask.model_dump(exclude={"officer"})), person(who, ask.officer)
    await key.once(who, ask, lambda once: repairs.answer(repair_id, said, by=by, once=once))
    response.status_code = key.status
    return await _view(repairs, repair_id)


@router.post("/{repair_id}/confirmation", response_model=RepairView, responses=responses(400, 404, 409, 413))
async def confirm_repair(
    repairs: TheRepairs, who: Writer, repair_id: str, ask: Confirmation, key: KeyedRequest, response: Response
) -> RepairView:
    """Confirm another one's answer, as you saw it: what is granted ends at every target."""
    await _own(repairs, who, repair_id)
    await key.once(who, ask, lambda once: repairs.confirm(repair_id, ask.seen, by=person(who), once=once))
    response.status_code = key.status
    return await _view(repairs, repair_id)


async def _own(repairs: Repairs, who: Principal, repair_id: str) -> RepairView:
    sight = await repairs.view(repair_id)
    require_authority(who, sight.repair.authority, "credit repair")
    return RepairView.of(sight.repair, sight)


async def _view(repairs: Repairs, repair_id: str) -> RepairView:
    sight = await repairs.view(repair_id)
    return RepairView.of(sight.repair, sight)
