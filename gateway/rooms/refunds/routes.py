"""Refunds over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import Field
from sqlalchemy import Connection, RowMapping

from gateway.app import App
from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import Gateway, may, operator, own
from gateway.foundation.http.idempotency import OnceKey
from gateway.foundation.http.problems import responses
from gateway.foundation.http.views import Ask, Cursor, Limit, Page, View, after, instant, next_cursor
from gateway.rooms.refunds import records as refund_records
from gateway.rooms.refunds.proposals import DocumentInput, Payee, RefundProposal
from gateway.rooms.refunds.states import RefundStatus
from gateway.words.errors import NotFoundProblem
from gateway.words.money import YuanOut

router = APIRouter(prefix="/v1", tags=["refunds"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("payments:read"))]
Writer = Annotated[Principal, Depends(may("payments:write"))]
OperatorWriter = Annotated[Principal, Depends(operator("payments:write"))]


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
    gateway: Gateway, who: Writer, payment_id: str, ask: RefundProposal, once: OnceKey, response: Response
) -> RefundView:
    """Propose that money goes back. Nothing leaves until somebody else confirms it."""
    own(who, (await gateway.payments.get(payment_id)).authority, "payment")
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
    own(who, (await gateway.payments.get(payment_id)).authority, "payment")
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


def _same(row: RowMapping, names: str) -> dict[str, Any]:
    """Fields that have the same name inside and outside."""
    return {name: row[name] for name in names.split()}


def _download(content: bytes, media_type: str, name: str) -> Response:
    """A file to be saved: what others wrote is never shown in place."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=media_type, headers=headers)
