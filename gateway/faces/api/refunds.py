"""What follows payment, over HTTP: refunds, receipts, cash and its remittance."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, RowMapping

from gateway.access import Principal
from gateway.app import App
from gateway.errors import NotFoundProblem
from gateway.faces.api.access import Gateway, may, operator, own
from gateway.faces.api.once import OnceKey
from gateway.faces.api.payments import FINAL
from gateway.faces.api.problems import responses
from gateway.faces.api.views import Cursor, Limit, Page, View, after, instant, next_cursor
from gateway.money import YuanOut
from gateway.payments import Status, refund_records
from gateway.payments import cash as cash_room
from gateway.payments.cash import CashInput, RemittanceInput
from gateway.payments.refund_proposals import DocumentInput, Payee, RefundProposal
from gateway.payments.refund_states import RefundStatus

router = APIRouter(prefix="/v1", tags=["refunds"], responses=responses(401, 403, 422, 503))
receipts = APIRouter(prefix="/v1", tags=["receipts"], responses=responses(401, 403, 422, 503))
cash = APIRouter(prefix="/v1", tags=["cash"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("payments:read"))]
Writer = Annotated[Principal, Depends(may("payments:write"))]
OperatorWriter = Annotated[Principal, Depends(operator("payments:write"))]


class _Ask(BaseModel):
    model_config = ConfigDict(extra="forbid")


# --- refunds --------------------------------------------------------------------------------------------------------


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

    ``exception`` is what it is the way out of. ``missing`` tells what a proposed one lacks before it can be confirmed.
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


class Reason(_Ask):
    """Why."""

    reason: str = Field(min_length=1, max_length=200)


@router.post(
    "/payments/{payment_id}/refunds",
    status_code=201,
    response_model=RefundView,
    responses=responses(400, 404, 409, 413),
)
async def propose_refund(
    gateway: Gateway, who: Writer, payment_id: str, ask: RefundProposal, once: OnceKey, response: Response
) -> RefundView:
    """Propose that money goes back. Nothing leaves until somebody else confirms it."""
    own(who, (await gateway.payments.get(payment_id))["authority"], "payment")
    await once.open(who, ask)
    if once.subject is None:
        refund_id = await gateway.refunds.propose(
            payment_id, ask, by=who.client_id, name=who.name, remember=once.remember
        )
        await once.finish(201)
    else:
        refund_id = once.subject
    response.headers["Location"] = f"/v1/refunds/{refund_id}"
    return await _refund(gateway, refund_id)


@router.get("/payments/{payment_id}/refunds", response_model=list[RefundView], responses=responses(404))
async def refunds_of_payment(gateway: Gateway, who: Reader, payment_id: str) -> list[RefundView]:
    """The refunds of a payment, oldest first."""
    own(who, (await gateway.payments.get(payment_id))["authority"], "payment")
    return await gateway.store.read(
        lambda conn: [_refund_view(gateway, conn, row) for row in refund_records.of_payment(conn, payment_id)]
    )


@router.get("/refunds", response_model=Page[RefundView])
async def list_refunds(
    gateway: Gateway, who: Reader, status: RefundStatus | None = None, cursor: Cursor = None, limit: Limit = 50
) -> Page[RefundView]:
    """Refunds, newest first."""

    def query(conn: Connection) -> Page[RefundView]:
        rows = refund_records.search(
            conn,
            authorities=list(who.authorities),
            status=status.value if status else None,
            before=after(cursor),
            limit=limit,
        )
        return Page(items=[_refund_view(gateway, conn, row) for row in rows], next=next_cursor(rows, limit))

    return await gateway.store.read(query)


@router.get("/refunds/{refund_id}", response_model=RefundView, responses=responses(404))
async def get_refund(gateway: Gateway, who: Reader, refund_id: str) -> RefundView:
    """One refund with its documents."""
    await _own_refund(gateway, who, refund_id)
    return await _refund(gateway, refund_id)


@router.put("/refunds/{refund_id}/payee", response_model=RefundView, responses=responses(400, 404, 409, 413))
async def name_payee(gateway: Gateway, who: Writer, refund_id: str, ask: Payee) -> RefundView:
    """Say who gets the money, while the refund is not confirmed. Whoever does so cannot confirm it."""
    await _own_refund(gateway, who, refund_id)
    await gateway.refunds.name_payee(refund_id, ask, by=who.client_id, name=who.name)
    return await _refund(gateway, refund_id)


@router.post("/refunds/{refund_id}/documents", response_model=RefundView, responses=responses(400, 404, 409, 413))
async def add_refund_document(
    gateway: Gateway, who: Writer, refund_id: str, ask: DocumentInput, once: OnceKey
) -> RefundView:
    """Add a document that finance wants to see, while the refund is not confirmed."""
    await _own_refund(gateway, who, refund_id)
    await once.open(who, ask)
    if once.subject is None:
        await gateway.refunds.add_document(refund_id, ask, by=who.client_id, remember=once.remember)
        await once.finish(200)
    return await _refund(gateway, refund_id)


@router.get(
    "/refunds/{refund_id}/documents/{document_id}/file",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "The file"}, **responses(404)},
)
async def refund_document_file(gateway: Gateway, who: Reader, refund_id: str, document_id: str) -> Response:
    """The file of a document, to be saved and never shown in place."""
    await _own_refund(gateway, who, refund_id)
    rows = await gateway.store.read(lambda conn: refund_records.documents(conn, refund_id))
    row = next((one for one in rows if one["id"] == document_id), None)
    content = None if row is None else gateway.refunds.file(row)
    if row is None or content is None:
        raise NotFoundProblem("no such file")
    return _download(content, row["media_type"] or "application/octet-stream", document_id)


@router.post("/refunds/{refund_id}/confirmation", response_model=RefundView, responses=responses(400, 404, 409, 413))
async def confirm_refund(gateway: Gateway, who: OperatorWriter, refund_id: str, once: OnceKey) -> RefundView:
    """An operator who did not propose it confirms the refund; then it is filed."""
    await _own_refund(gateway, who, refund_id)
    await once.open(who, None)
    if once.subject is None:
        await gateway.refunds.confirm(refund_id, by=who.client_id, name=who.name, remember=once.remember)
        await once.finish(200)
    return await _refund(gateway, refund_id)


@router.post("/refunds/{refund_id}/dismissal", response_model=RefundView, responses=responses(400, 404, 409, 413))
async def dismiss_refund(
    gateway: Gateway, who: OperatorWriter, refund_id: str, ask: Reason, once: OnceKey
) -> RefundView:
    """An operator decides against a refund that has not left."""
    await _own_refund(gateway, who, refund_id)
    await once.open(who, ask)
    if once.subject is None:
        await gateway.refunds.dismiss(refund_id, ask.reason, by=who.client_id, remember=once.remember)
        await once.finish(200)
    return await _refund(gateway, refund_id)


@router.post("/refunds/{refund_id}/inquiry", status_code=202, response_model=RefundView, responses=responses(404))
async def inquire_refund(gateway: Gateway, who: Writer, refund_id: str) -> RefundView:
    """Ask the platform now how far the refund is. A question without effect, so it needs no Idempotency-Key."""
    await _own_refund(gateway, who, refund_id)
    await gateway.refunds.inquire(refund_id)
    return await _refund(gateway, refund_id)


async def _own_refund(gateway: App, who: Principal, refund_id: str) -> None:
    own(who, (await gateway.refunds.get(refund_id))["authority"], "refund")


async def _refund(gateway: App, refund_id: str) -> RefundView:
    def query(conn: Connection) -> RefundView:
        row = refund_records.fetch(conn, refund_id)
        assert row is not None
        return _refund_view(gateway, conn, row)

    return await gateway.store.read(query)


def _refund_view(gateway: App, conn: Connection, row: RowMapping) -> RefundView:
    payee = gateway.refunds.payee(row)
    return RefundView(
        **_same(
            row,
            "id authority decision_number code bank_serial amount reason explanation status origin waits_for "
            "doubt_reason refusal",
        ),
        payment=row["payment_id"],
        exception=row["exception_id"],
        missing=gateway.refunds.wanting(conn, row),
        payee=None if payee is None else PayeeView(**payee.masked().model_dump()),
        proposed_by=row["proposed_name"],
        confirmed_by=row["confirmed_name"],
        in_doubt_since=instant(row["in_doubt_since_at"]),
        refunded_at=instant(row["refunded_at"]),
        created_at=instant(row["created_at"]) or "",
        updated_at=instant(row["updated_at"]) or "",
        documents=[
            DocumentView(
                **_same(one, "id kind reference media_type"),
                digest=bytes(one["digest"]).hex(),
                file=f"/v1/refunds/{row['id']}/documents/{one['id']}/file" if one["file_sealed"] is not None else None,
            )
            for one in refund_records.documents(conn, row["id"])
        ],
    )


# --- receipts -------------------------------------------------------------------------------------------------------


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


class RedReceipt(_Ask):
    """The red receipt that a person had issued at the platform."""

    red_code: str = Field(pattern=r"^\d{8}$")
    red_number: str = Field(pattern=r"^\d{10}$")


@receipts.post(
    "/payments/{payment_id}/receipt",
    status_code=201,
    response_model=ReceiptView,
    responses={
        202: {"model": ReceiptView, "description": "Accepted; the platform has not answered yet"},
        **responses(400, 404, 409, 413),
    },
)
async def request_receipt(
    gateway: Gateway, who: Writer, payment_id: str, once: OnceKey, response: Response
) -> ReceiptView:
    """Have the receipt of a paid bill issued; the same one if it was issued before."""
    own(who, (await gateway.payments.get(payment_id))["authority"], "payment")
    await once.open(who, None)
    if once.subject is None:
        await gateway.receipts.request(payment_id, remember=once.remember)
        view = await _receipt(gateway, payment_id)
        once.status = 202 if view.status == "REQUESTED" else 201
        await once.finish(once.status)
    response.status_code = once.status or 202
    return await _receipt(gateway, payment_id)


@receipts.get("/payments/{payment_id}/receipt", response_model=ReceiptView, responses=responses(404))
async def get_receipt(gateway: Gateway, who: Reader, payment_id: str) -> ReceiptView:
    """The receipt of a payment, and where its file is."""
    own(who, (await gateway.payments.get(payment_id))["authority"], "payment")
    return await _receipt(gateway, payment_id)


@receipts.get(
    "/payments/{payment_id}/receipt/file",
    response_class=Response,
    responses={
        200: {"content": {"application/xml": {}, "application/pdf": {}}, "description": "The receipt's file"},
        **responses(404),
    },
)
async def receipt_file(gateway: Gateway, who: Reader, payment_id: str) -> Response:
    """The receipt's file, byte for byte as the platform gave it."""
    own(who, (await gateway.payments.get(payment_id))["authority"], "payment")
    row = await gateway.receipts.of_payment(payment_id)
    name = f"{row['receipt_code']}-{row['receipt_number']}"
    return _download(gateway.receipts.file(row), row["media_type"] or "application/octet-stream", name)


@receipts.post(
    "/payments/{payment_id}/receipt/reversal", response_model=ReceiptView, responses=responses(400, 404, 409, 413)
)
async def record_reversal(
    gateway: Gateway, who: OperatorWriter, payment_id: str, ask: RedReceipt, once: OnceKey
) -> ReceiptView:
    """Record the red receipt 红票 that a person had issued at the platform; refunds that waited for it are filed."""
    own(who, (await gateway.payments.get(payment_id))["authority"], "payment")
    await once.open(who, ask)
    if once.subject is None:
        await gateway.receipts.record_reversal(
            payment_id, ask.red_code, ask.red_number, by=who.client_id, remember=once.remember
        )
        await once.finish(200)
    return await _receipt(gateway, payment_id)


async def _receipt(gateway: App, payment_id: str) -> ReceiptView:
    row = await gateway.receipts.of_payment(payment_id)
    has_file = row["document_sealed"] is not None
    return ReceiptView(
        **_same(
            row,
            "id kind status code amount receipt_code receipt_number check_code media_type signers doubt_reason "
            "refusal red_code red_number",
        ),
        payment=payment_id,
        issued_at=instant(row["issued_at"]),
        file=f"/v1/payments/{payment_id}/receipt/file" if has_file else None,
        digest=bytes(row["digest"]).hex() if has_file else None,
        in_doubt_since=instant(row["in_doubt_since_at"]),
        red_at=instant(row["red_at"]),
    )


# --- cash -----------------------------------------------------------------------------------------------------------


class CashView(View):
    """Cash taken on the spot: its two duties, and the bill that remits it."""

    id: str
    authority: str
    decision_number: str
    amount: YuanOut
    ground: str
    explanation: str | None
    receipt_number: str
    officer: str
    status: Literal["TAKEN", "HANDED_IN", "BILLED", "REMITTED"]
    taken_on: date
    on_water: bool
    ashore_on: date | None
    hand_in_due_on: date | None
    handed_in_on: date | None
    bank_due_on: date | None
    remittance: str | None
    remitted_at: str | None


class OnDay(_Ask):
    """On which day it happened."""

    on: date


class PartView(View):
    """One decision's part of a remittance."""

    cash: str
    decision_number: str
    amount: YuanOut
    receipt_number: str
    status: str


class RemittanceView(View):
    """One bill over the cash of many decisions 集中汇缴; ``parts`` add up to ``amount`` to the fen."""

    id: str
    authority: str
    status: Status
    settlement: str
    amount: YuanOut
    code: str | None
    pay_url: str | None
    due_on: date | None
    paid_at: str | None
    reason: str | None
    parts: list[PartView]


@cash.post("/cash", status_code=201, response_model=CashView, responses=responses(400, 404, 409, 413))
async def take_cash(gateway: Gateway, who: Writer, ask: CashInput, once: OnceKey, response: Response) -> CashView:
    """Record cash that an officer took for a fine (行政处罚法 arts. 68-70)."""
    own(who, ask.authority, "decision")
    await once.open(who, ask)
    if once.subject is None:
        cash_id = await gateway.cash.take(ask, remember=once.remember)
        await once.finish(201)
    else:
        cash_id = once.subject
    response.headers["Location"] = f"/v1/cash/{cash_id}"
    return _cash_view(gateway, await gateway.cash.get(cash_id))


@cash.get("/cash", response_model=Page[CashView])
async def list_cash(
    gateway: Gateway,
    who: Reader,
    status: Literal["TAKEN", "HANDED_IN", "BILLED", "REMITTED"] | None = None,
    decision_number: Annotated[str | None, Query(max_length=128)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[CashView]:
    """Cash, newest first."""
    rows = await gateway.store.read(
        lambda conn: cash_room.search(
            conn,
            authorities=list(who.authorities),
            status=status,
            decision_number=decision_number,
            before=after(cursor),
            limit=limit,
        )
    )
    return Page(items=[_cash_view(gateway, row) for row in rows], next=next_cursor(rows, limit))


@cash.get("/cash/{cash_id}", response_model=CashView, responses=responses(404))
async def get_cash(gateway: Gateway, who: Reader, cash_id: str) -> CashView:
    """One sum of cash."""
    return _cash_view(gateway, await _own_cash(gateway, who, cash_id))


@cash.post("/cash/{cash_id}/landing", response_model=CashView, responses=responses(400, 404, 409, 413))
async def land_cash(gateway: Gateway, who: Writer, cash_id: str, ask: OnDay, once: OnceKey) -> CashView:
    """Cash taken on the water has come ashore; the two days to hand it in begin (art. 71)."""
    await _own_cash(gateway, who, cash_id)
    await once.open(who, ask)
    if once.subject is None:
        await gateway.cash.landed(cash_id, ask.on, remember=once.remember)
        await once.finish(200)
    return _cash_view(gateway, await gateway.cash.get(cash_id))


@cash.post("/cash/{cash_id}/hand-in", response_model=CashView, responses=responses(400, 404, 409, 413))
async def hand_in_cash(gateway: Gateway, who: Writer, cash_id: str, ask: OnDay, once: OnceKey) -> CashView:
    """The officer handed it in to the authority; two more days to pay the bank begin (art. 71)."""
    await _own_cash(gateway, who, cash_id)
    await once.open(who, ask)
    if once.subject is None:
        await gateway.cash.hand_in(cash_id, ask.on, remember=once.remember)
        await once.finish(200)
    return _cash_view(gateway, await gateway.cash.get(cash_id))


@cash.post(
    "/remittances",
    status_code=201,
    response_model=RemittanceView,
    responses={
        202: {"model": RemittanceView, "description": "Accepted; the platform has not answered yet"},
        **responses(400, 404, 409, 413),
    },
)
async def remit_cash(
    gateway: Gateway, who: Writer, ask: RemittanceInput, once: OnceKey, response: Response
) -> RemittanceView:
    """Ask for one bill over cash that was handed in. The bill is a payment: it can be followed and cancelled as one."""
    own(who, ask.authority, "authority")
    await once.open(who, ask)
    if once.subject is None:
        payment_id = await gateway.cash.remit(ask, remember=once.remember)
        view = await _remittance(gateway, payment_id)
        once.status = 201 if view.status in FINAL else 202
        await once.finish(once.status)
    else:
        view = await _remittance(gateway, once.subject)
    response.status_code = once.status or 202
    response.headers["Location"] = f"/v1/remittances/{view.id}"
    return view


@cash.get("/remittances/{payment_id}", response_model=RemittanceView, responses=responses(404))
async def get_remittance(gateway: Gateway, who: Reader, payment_id: str) -> RemittanceView:
    """One remittance with each decision's part."""
    own(who, (await gateway.payments.get(payment_id))["authority"], "remittance")
    return await _remittance(gateway, payment_id)


async def _own_cash(gateway: App, who: Principal, cash_id: str) -> RowMapping:
    row = await gateway.cash.get(cash_id)
    own(who, row["authority"], "cash")
    return row


def _cash_view(gateway: App, row: RowMapping) -> CashView:
    return CashView(
        **_same(
            row,
            "id authority decision_number amount ground explanation receipt_number status taken_on ashore_on "
            "hand_in_due_on handed_in_on bank_due_on",
        ),
        officer=gateway.cash.officer(row),
        on_water=bool(row["on_water"]),
        remittance=row["payment_id"],
        remitted_at=instant(row["remitted_at"]),
    )


async def _remittance(gateway: App, payment_id: str) -> RemittanceView:
    row = await gateway.payments.get(payment_id)
    if row["line_group"] != cash_room.REMITTANCE:
        raise NotFoundProblem("no such remittance")
    parts = await gateway.store.read(lambda conn: cash_room.allocation(conn, payment_id))
    return RemittanceView(
        **_same(row, "id authority status settlement amount code pay_url due_on reason"),
        paid_at=instant(row["paid_at"]),
        parts=[PartView(cash=one["id"], **_same(one, "decision_number amount receipt_number status")) for one in parts],
    )


# --- all ------------------------------------------------------------------------------------------------------------


def _same(row: RowMapping, names: str) -> dict[str, Any]:
    """Fields that have the same name inside and outside."""
    return {name: row[name] for name in names.split()}


def _download(content: bytes, media_type: str, name: str) -> Response:
    """A file to be saved: what others wrote is never shown in place."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=media_type, headers=headers)
