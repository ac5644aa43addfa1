"""Fiscal receipts over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may, operator, require_authority
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.persons import WHOLE
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import service
from gateway.foundation.http.views import Ask, View, instant
from gateway.rooms.payments import Payments
from gateway.rooms.receipts.records import Receipt
from gateway.rooms.receipts.service import Receipts
from gateway.words.money import YuanOut
from gateway.words.wrong import shaped

router = APIRouter(prefix="/v1", tags=["receipts"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("payments:read"))]
Writer = Annotated[Principal, Depends(may("payments:write"))]
OperatorWriter = Annotated[Principal, Depends(operator("payments:write"))]
TheReceipts = Annotated[Receipts, Depends(service(Receipts))]
ThePayments = Annotated[Payments, Depends(service(Payments))]


class SignerView(View):
    """Who signed a receipt: the unit (issuer) or finance (supervisor)."""

    role: str
    name: str
    certificate: str
    signed_at: str


class ReceiptView(View):
    """The receipt of a payment. ``signers`` is null where the channel's receipts bear no signatures beside the file.

    ``kind`` fiscal_receipt: 财政电子票据; general_bill: 电子一般缴款书, completed after payment. ``red_*``: of the red
    receipt 红票.
    """

    id: str
    payment: str
    kind: Literal["fiscal_receipt", "general_bill"]
    status: Literal["REQUESTED", "ISSUED", "REFUSED", "REVERSED"]
    code: str
    amount: YuanOut
    receipt_code: str | None
    receipt_number: str | None
    check_code: str | None
    issued_at: str | None
    file: str | None
    media_type: str | None
    digest: str | None
    signers: list[SignerView] | None
    in_doubt_since: str | None
    doubt_reason: str | None
    refusal: str | None
    red_code: str | None
    red_number: str | None
    red_at: str | None


class RedReceipt(Ask):
    """The red receipt that a person had issued at the platform."""

    red_code: str = Field(pattern=shaped(r"^\d{8}$", "shapes.digits_8"))
    red_number: str = Field(pattern=shaped(r"^\d{10}$", "shapes.digits_10"))


@router.post(
    "/payments/{payment_id}/receipt",
    status_code=201,
    response_model=ReceiptView,
    responses={
        202: {"model": ReceiptView, "description": "Accepted; the platform has not answered yet"},
        **responses(400, 404, 409, 413),
    },
)
async def request_receipt(
    receipts: TheReceipts, payments: ThePayments, who: Writer, payment_id: str, key: KeyedRequest, response: Response
) -> ReceiptView:
    """Have the receipt of a paid bill issued; the same one if it was issued before."""
    require_authority(who, (await payments.held(payment_id)).authority, "payment")
    await key.once(who, None, lambda once: receipts.request(payment_id, once=once))
    response.status_code = key.status
    return _view(await receipts.of_payment(payment_id))


@router.get("/payments/{payment_id}/receipt", response_model=ReceiptView, responses=responses(404))
async def get_receipt(receipts: TheReceipts, payments: ThePayments, who: Reader, payment_id: str) -> ReceiptView:
    """The receipt of a payment, and where its file is."""
    require_authority(who, (await payments.held(payment_id)).authority, "payment")
    return _view(await receipts.of_payment(payment_id))


@router.get(
    "/payments/{payment_id}/receipt/file",
    response_class=Response,
    dependencies=[WHOLE],
    responses={
        200: {"content": {"application/xml": {}, "application/pdf": {}}, "description": "The receipt's file"},
        **responses(404),
    },
)
async def get_receipt_file(receipts: TheReceipts, payments: ThePayments, who: Reader, payment_id: str) -> Response:
    """The receipt's file, byte for byte as the platform gave it."""
    require_authority(who, (await payments.held(payment_id)).authority, "payment")
    receipt = await receipts.of_payment(payment_id)
    name = f"{receipt.receipt_code}-{receipt.receipt_number}"
    return _download(receipts.file(receipt), receipt.media_type or "application/octet-stream", name)


@router.post(
    "/payments/{payment_id}/receipt/reversal", response_model=ReceiptView, responses=responses(400, 404, 409, 413)
)
async def record_reversal(
    receipts: TheReceipts,
    payments: ThePayments,
    who: OperatorWriter,
    payment_id: str,
    ask: RedReceipt,
    key: KeyedRequest,
) -> ReceiptView:
    """Record the red receipt 红票 that a person had issued at the platform; refunds that waited for it are filed."""
    require_authority(who, (await payments.held(payment_id)).authority, "payment")
    await key.once(
        who,
        ask,
        lambda once: receipts.record_reversal(payment_id, ask.red_code, ask.red_number, by=who.client_id, once=once),
    )
    return _view(await receipts.of_payment(payment_id))


def _view(receipt: Receipt) -> ReceiptView:
    return ReceiptView(
        id=receipt.id,
        payment=receipt.payment_id,
        kind=receipt.kind.value,
        status=receipt.status.value,
        code=receipt.code,
        amount=receipt.amount,
        receipt_code=receipt.receipt_code,
        receipt_number=receipt.receipt_number,
        check_code=receipt.check_code,
        issued_at=instant(receipt.issued_at),
        file=f"/v1/payments/{receipt.payment_id}/receipt/file" if receipt.document_sealed is not None else None,
        media_type=receipt.media_type,
        digest=None if receipt.digest is None else receipt.digest.hex(),
        signers=None if receipt.signers is None else [SignerView(**one) for one in receipt.signers],
        in_doubt_since=instant(receipt.in_doubt_since_at),
        doubt_reason=receipt.doubt_reason,
        refusal=receipt.refusal,
        red_code=receipt.red_code,
        red_number=receipt.red_number,
        red_at=instant(receipt.red_at),
    )


def _download(content: bytes, media_type: str, name: str) -> Response:
    """A file to be saved: what others wrote is never shown in place."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=media_type, headers=headers)
