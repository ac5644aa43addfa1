"""Refunds over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may, operator, require_authority
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import service
from gateway.foundation.http.two_persons import Confirmation, person
from gateway.foundation.http.views import Ask, Cursor, Limit, Page, View, after, cursor_after, instant
from gateway.rooms.payments import Payments
from gateway.rooms.refunds.proposals import DocumentInput, Payee, RefundProposal
from gateway.rooms.refunds.records import RefundFilter
from gateway.rooms.refunds.service import RefundDetails, Refunds
from gateway.rooms.refunds.states import RefundStatus
from gateway.words.money import YuanOut

router = APIRouter(prefix="/v1", tags=["refunds"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("payments:read"))]
Writer = Annotated[Principal, Depends(may("payments:write"))]
OperatorWriter = Annotated[Principal, Depends(operator("payments:write"))]
TheRefunds = Annotated[Refunds, Depends(service(Refunds))]
ThePayments = Annotated[Payments, Depends(service(Payments))]


class PayeeView(View):
    """Who gets the money, masked."""

    name: str
    account: str
    bank: str


class DocumentView(View):
    """A document of a refund. ``digest``: SM3 in hex; ``file``: its address, if the file itself was given."""

    id: str
    kind: str
    reference: str
    digest: str
    file: str | None
    media_type: str | None


class RefundView(View):
    """One refund 退付. ``origin`` platform: the platform returned the money of its own accord.

    ``exception`` is what it is the way out of. ``missing`` tells what a proposed one lacks before it can be confirmed;
    ``seen`` is what a confirmation of it sends back, and ``confirmations`` names the operators who have agreed to it as
    it is: two of them where a case system proposed it, for ``officer``.
    ``waits_for`` red_receipt: the receipt over this money must be reversed 红票 first; person: this channel takes no
    refunds, so it is filed on paper and recognised when the statement shows it.
    """

    id: str
    payment: str
    exception: str | None
    authority: str
    decision_number: str
    code: str
    bank_serial: str
    amount: YuanOut
    reason: str
    explanation: str
    status: RefundStatus
    origin: Literal["filed", "platform"]
    payee: PayeeView | None
    missing: list[str]
    proposed_by: str | None
    confirmed_by: str | None
    waits_for: Literal["red_receipt", "person"] | None
    in_doubt_since: str | None
    doubt_reason: str | None
    refusal: str | None
    refunded_at: str | None
    created_at: str
    updated_at: str
    documents: list[DocumentView]
    officer: str | None
    confirmations: list[str]
    seen: str | None


class Reason(Ask):
    """Why."""

    reason: str = Field(min_length=1, max_length=200)


@router.post(
    "/payments/{payment_id}/refunds",
    status_code=201,
    response_model=RefundView,
    responses=responses(400, 404, 409, 413),
)
async def propose_refund(
    refunds: TheRefunds,
    who: Writer,
    payment_id: str,
    ask: RefundProposal,
    key: KeyedRequest,
    response: Response,
) -> RefundView:
    """Propose that money goes back. Nothing leaves until others confirm it: two operators, where a key proposes."""
    by, of = person(who, ask.officer), who.authorities
    found = await key.shows(
        who, ask, lambda once: refunds.propose(payment_id, ask, by=by, of=of, once=once), refunds.look
    )
    response.headers["Location"] = f"/v1/refunds/{found.refund.id}"
    return _refund_view(found)


@router.get("/payments/{payment_id}/refunds", response_model=list[RefundView], responses=responses(404))
async def list_payment_refunds(
    refunds: TheRefunds, payments: ThePayments, who: Reader, payment_id: str
) -> list[RefundView]:
    """The refunds of a payment, oldest first."""
    require_authority(who, (await payments.held(payment_id)).authority, "payment")
    return [_refund_view(one) for one in await refunds.of_payment(payment_id)]


@router.get("/refunds", response_model=Page[RefundView])
async def list_refunds(
    refunds: TheRefunds, who: Reader, status: RefundStatus | None = None, cursor: Cursor = None, limit: Limit = 50
) -> Page[RefundView]:
    """Refunds, newest first."""
    wanted = RefundFilter(authorities=who.authorities, status=status, before=after(cursor), limit=limit)
    found = await refunds.find(wanted)
    last = cursor_after([one.refund for one in found], limit)
    return Page(items=[_refund_view(one) for one in found], next=last)


@router.get("/refunds/{refund_id}", response_model=RefundView, responses=responses(404))
async def get_refund(refunds: TheRefunds, who: Reader, refund_id: str) -> RefundView:
    """One refund with its documents."""
    found = await refunds.view(refund_id)
    require_authority(who, found.refund.authority, "refund")
    return _refund_view(found)


@router.put("/refunds/{refund_id}/payee", response_model=RefundView, responses=responses(400, 404, 409, 413))
async def name_payee(refunds: TheRefunds, who: Writer, refund_id: str, ask: Payee) -> RefundView:
    """Say who gets the money, while the refund is not confirmed. Whoever does so cannot confirm it."""
    return _refund_view(await refunds.name_payee(refund_id, ask, by=person(who), of=who.authorities))


@router.post("/refunds/{refund_id}/documents", response_model=RefundView, responses=responses(400, 404, 409, 413))
async def add_refund_document(
    refunds: TheRefunds, who: Writer, refund_id: str, ask: DocumentInput, key: KeyedRequest
) -> RefundView:
    """Add a document that finance wants to see, while the refund is not confirmed."""
    by, of = person(who), who.authorities
    found = await key.shows(
        who, ask, lambda once: refunds.add_document(refund_id, ask, by=by, of=of, once=once), refunds.look
    )
    return _refund_view(found)


@router.get(
    "/refunds/{refund_id}/documents/{document_id}/file",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "The file"}, **responses(404)},
)
async def get_refund_document_file(refunds: TheRefunds, who: Reader, refund_id: str, document_id: str) -> Response:
    """The file of a document, to be saved and never shown in place."""
    require_authority(who, (await refunds.held(refund_id)).authority, "refund")
    document, content = await refunds.file_of(refund_id, document_id)
    return _download(content, document.media_type or "application/octet-stream", document_id)


@router.post("/refunds/{refund_id}/confirmation", response_model=RefundView, responses=responses(400, 404, 409, 413))
async def confirm_refund(
    refunds: TheRefunds, who: OperatorWriter, refund_id: str, ask: Confirmation, key: KeyedRequest
) -> RefundView:
    """An operator without a part in it confirms the refund that was seen; then it is filed.

    Where a case system proposed it, it stays proposed until a second operator agrees.
    """
    by, of = person(who), who.authorities
    found = await key.shows(
        who, ask, lambda once: refunds.confirm(refund_id, by=by, seen=ask.seen, of=of, once=once), refunds.look
    )
    return _refund_view(found)


@router.post("/refunds/{refund_id}/dismissal", response_model=RefundView, responses=responses(400, 404, 409, 413))
async def dismiss_refund(
    refunds: TheRefunds, who: OperatorWriter, refund_id: str, ask: Reason, key: KeyedRequest
) -> RefundView:
    """An operator decides against a refund that has not left."""
    by, of = person(who), who.authorities
    found = await key.shows(
        who, ask, lambda once: refunds.dismiss(refund_id, ask.reason, by=by, of=of, once=once), refunds.look
    )
    return _refund_view(found)


@router.post("/refunds/{refund_id}/inquiry", status_code=202, response_model=RefundView, responses=responses(404))
async def inquire_refund(refunds: TheRefunds, who: Writer, refund_id: str) -> RefundView:
    """Ask the platform now how far the refund is. A question without effect, so it needs no Idempotency-Key."""
    return _refund_view(await refunds.inquire(refund_id, of=who.authorities))


def _refund_view(shown: RefundDetails) -> RefundView:
    refund = shown.refund
    return RefundView(
        id=refund.id,
        payment=refund.payment_id,
        exception=refund.exception_id,
        authority=refund.authority,
        decision_number=refund.decision_number,
        code=refund.code,
        bank_serial=refund.bank_serial,
        amount=refund.amount,
        reason=refund.reason,
        explanation=refund.explanation,
        status=refund.status,
        origin=refund.origin.value,
        payee=None if shown.payee is None else PayeeView(**shown.payee.masked().model_dump()),
        missing=shown.missing,
        proposed_by=refund.proposed_name,
        confirmed_by=refund.confirmed_name,
        waits_for=None if refund.waits_for is None else refund.waits_for.value,
        in_doubt_since=instant(refund.in_doubt_since_at),
        doubt_reason=refund.doubt_reason,
        refusal=refund.refusal,
        refunded_at=instant(refund.refunded_at),
        created_at=instant(refund.created_at),
        updated_at=instant(refund.updated_at),
        documents=[
            DocumentView(
                id=one.id,
                kind=one.kind,
                reference=one.reference,
                digest=one.digest.hex(),
                file=None if one.file_sealed is None else f"/v1/refunds/{refund.id}/documents/{one.id}/file",
                media_type=one.media_type,
            )
            for one in shown.documents
        ],
        officer=shown.officer,
        confirmations=list(shown.confirmations),
        seen=shown.seen,
    )


def _download(content: bytes, media_type: str, name: str) -> Response:
    """A file to be saved: what others wrote is never shown in place."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=media_type, headers=headers)
