"""Voiding a sealing over HTTP: one person asks, another confirms what they saw, and the record is signed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AfterValidator, Field

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may, require_authority
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import service
from gateway.foundation.http.two_persons import Confirmation, person
from gateway.foundation.http.views import Ask, View, instant
from gateway.rooms.seals import Seals
from gateway.rooms.seals.states import VoidingStatus
from gateway.rooms.seals.voidings import SealVoidings, VoidingSight
from gateway.words.identifiers import clean_text
from gateway.words.text import JsonObject

router = APIRouter(
    prefix="/v1/sealed-documents/{document_id}/voiding", tags=["seals"], responses=responses(401, 403, 404, 422, 503)
)

Reader = Annotated[Principal, Depends(may("seals:read"))]
Writer = Annotated[Principal, Depends(may("seals:write"))]
TheSeals = Annotated[Seals, Depends(service(Seals))]
TheVoidings = Annotated[SealVoidings, Depends(service(SealVoidings))]
Reason = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(clean_text)]


class VoidingAsk(Ask):
    """Why a sealing is to be void. ``officer``: for whom a case system asks, name and certificate number 执法证号."""

    reason: Reason
    officer: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(clean_text)] | None = None


class VoidingView(View):
    """One voiding 用印作废. ``seen`` stands for what a second person must have looked at: the confirmation says it."""

    id: str
    document: str
    authority: str
    status: VoidingStatus
    why: str
    reason: str | None = Field(description="what the service said against it, or why it was taken back")
    proposed_by: str
    officer: str | None
    confirmed_by: str | None
    confirmed_at: str | None
    voided_at: str | None
    in_doubt_since: str | None
    doubt_reason: str | None
    created_at: str
    seen: str | None

    @classmethod
    def of(cls, sight: VoidingSight) -> VoidingView:
        """From its record."""
        one = sight.voiding
        return cls(
            id=one.id,
            document=one.document_id,
            authority=one.authority,
            status=one.status,
            why=one.why,
            reason=one.reason,
            proposed_by=one.proposed_name,
            officer=one.officer,
            confirmed_by=one.confirmed_name,
            confirmed_at=instant(one.confirmed_at),
            voided_at=instant(one.voided_at),
            in_doubt_since=instant(one.in_doubt_since_at),
            doubt_reason=one.doubt_reason,
            created_at=instant(one.created_at),
            seen=sight.seen,
        )


class VoidingRecord(View):
    """The signed record: SM2 (DER, hexadecimal) over the canonical JSON of ``record``, whose SM3 is ``digest``."""

    record: JsonObject
    digest: str
    signature: str
    public_key: str


@router.post("", status_code=201, response_model=VoidingView, responses=responses(400, 409, 413))
async def propose_voiding(
    seals: TheSeals,
    voidings: TheVoidings,
    who: Writer,
    document_id: str,
    ask: VoidingAsk,
    key: KeyedRequest,
    response: Response,
) -> VoidingView:
    """Ask for a sealing to be voided 作废. Nothing happens before an operator who has no part in it confirms."""
    await _own(seals, who, document_id)
    await key.once(
        who,
        ask,
        lambda once: voidings.propose(document_id, ask.reason, by=person(who, ask.officer), once=once),
    )
    response.status_code = key.status
    return VoidingView.of(await voidings.of(document_id))


@router.get("", response_model=VoidingView)
async def get_voiding(seals: TheSeals, voidings: TheVoidings, who: Reader, document_id: str) -> VoidingView:
    """The latest voiding of a document."""
    await _own(seals, who, document_id)
    return VoidingView.of(await voidings.of(document_id))


@router.post(
    "/confirmation",
    response_model=VoidingView,
    responses={
        202: {"model": VoidingView, "description": "Confirmed; the service has not answered yet, a webhook tells"},
        **responses(400, 409, 413),
    },
)
async def confirm_voiding(
    seals: TheSeals,
    voidings: TheVoidings,
    who: Writer,
    document_id: str,
    ask: Confirmation,
    key: KeyedRequest,
    response: Response,
) -> VoidingView:
    """Confirm what another one has asked for, as you saw it; the seal service records it, and the sealing is void."""
    await _own(seals, who, document_id)
    await key.once(who, ask, lambda once: voidings.confirm(document_id, by=person(who), seen=ask.seen, once=once))
    response.status_code = key.status
    return VoidingView.of(await voidings.of(document_id))


@router.delete("", status_code=204)
async def withdraw_voiding(
    seals: TheSeals,
    voidings: TheVoidings,
    who: Writer,
    document_id: str,
    reason: Annotated[str, Query(min_length=1, max_length=200)] = "撤回",
) -> Response:
    """Take it back before anybody has confirmed it."""
    await _own(seals, who, document_id)
    await voidings.withdraw(document_id, reason, by=person(who))
    return Response(status_code=204)


@router.get("/record", response_model=VoidingRecord, responses=responses(409))
async def get_voiding_record(seals: TheSeals, voidings: TheVoidings, who: Reader, document_id: str) -> dict[str, Any]:
    """The signed record of a voided sealing, kept for as long as the document."""
    await _own(seals, who, document_id)
    return voidings.signed((await voidings.of(document_id)).voiding)


async def _own(seals: Seals, who: Principal, document_id: str) -> None:
    require_authority(who, (await seals.held(document_id)).authority, "sealed document")
