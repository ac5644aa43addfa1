"""Payments over HTTP."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import Field

from gateway.app import App
from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import Gateway, may, operator, own
from gateway.foundation.http.idempotency import Once, OnceKey
from gateway.foundation.http.problems import responses
from gateway.foundation.http.views import (
    Ask,
    Cursor,
    Limit,
    Page,
    View,
    after,
    cursor_after,
)
from gateway.rooms.payments import (
    ExceptionFilter,
    Payment,
    PaymentDetails,
    PaymentFilter,
    PaymentRequest,
    Payments,
    Status,
)
from gateway.rooms.payments.surcharge import Surcharge
from gateway.rooms.payments.views import ExceptionView, PaymentSummary, PaymentView
from gateway.rooms.refunds.proposals import DocumentInput, Payee
from gateway.rooms.refunds.unforeseen_money import Exceptions, WayOut
from gateway.words.money import Yuan, YuanOut

router = APIRouter(prefix="/v1", tags=["payments"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("payments:read"))]
Writer = Annotated[Principal, Depends(may("payments:write"))]
OperatorWriter = Annotated[Principal, Depends(operator("payments:write"))]
FINAL = (Status.ISSUED, Status.PAID, Status.REJECTED, Status.CANCELLED)


class CancelRequest(Ask):
    """Why the bill is voided."""

    reason: str = Field(min_length=1, max_length=200)


@router.post(
    "/payments",
    status_code=201,
    response_model=PaymentView,
    responses={
        202: {"model": PaymentView, "description": "Accepted; the outcome is being found out, a webhook tells it"},
        **responses(400, 404, 409, 413),
    },
)
async def request_payment(
    gateway: Gateway, who: Writer, ask: PaymentRequest, once: OnceKey, response: Response
) -> PaymentView:
    """Ask the non-tax platform for a payment code 缴款码. Waits up to 3 s for its answer."""
    own(who, ask.authority, "decision")
    await once.open(who, ask)
    if once.subject is None:
        payment_id = await _payments(gateway).request(ask, remember=once.remember)
        found = await once.finish_with(_payments(gateway).viewing(payment_id), lambda known: _status(known, 201))
    else:
        found = await _payments(gateway).view(once.subject)
    response.status_code = once.status or 202
    response.headers["Location"] = f"/v1/payments/{found.payment.id}"
    return _shown(gateway, found)


@router.get("/payments", response_model=Page[PaymentSummary])
async def list_payments(
    gateway: Gateway,
    who: Reader,
    authority: Annotated[str | None, Query(max_length=40)] = None,
    status: Status | None = None,
    code: Annotated[str | None, Query(max_length=20)] = None,
    decision_number: Annotated[str | None, Query(max_length=128)] = None,
    in_doubt: bool | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[PaymentSummary]:
    """Payments, newest first."""
    found = await _payments(gateway).find(
        PaymentFilter(
            authorities=tuple(name for name in who.authorities if authority in (None, name)),
            status=status,
            code=code,
            decision_number=decision_number,
            in_doubt=in_doubt,
            before=after(cursor),
            limit=limit,
        )
    )
    return Page(items=[PaymentSummary.of(one) for one in found], next=cursor_after(found, limit))


@router.get(
    "/payments/{payment_id}",
    response_model=PaymentView,
    responses={304: {"description": "Unchanged since the ETag"}, **responses(404)},
)
async def get_payment(
    gateway: Gateway,
    who: Reader,
    payment_id: str,
    response: Response,
    if_none_match: Annotated[str | None, Header()] = None,
) -> PaymentView | Response:
    """One payment with its timeline."""
    await _owned(gateway, who, payment_id)
    view = await _view(gateway, payment_id)
    tag = f'W/"{sha256(view.model_dump_json().encode()).hexdigest()[:32]}"'  # other rooms change it: the view itself
    if if_none_match == tag:
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    return view


@router.post(
    "/payments/{payment_id}/cancel",
    response_model=PaymentView,
    responses={
        202: {"model": PaymentView, "description": "Accepted; the platform has not answered yet"},
        **responses(400, 404, 409, 413),
    },
)
async def cancel_payment(
    gateway: Gateway, who: Writer, payment_id: str, ask: CancelRequest, once: OnceKey, response: Response
) -> PaymentView:
    """Have an unpaid bill voided."""
    await _owned(gateway, who, payment_id)
    await once.open(who, ask)
    if once.subject is None:
        await _payments(gateway).cancel(payment_id, ask.reason, remember=once.remember)
    return await _finish(gateway, payment_id, once, response)


@router.post("/payments/{payment_id}/confirmation", response_model=PaymentView, responses=responses(404, 409))
async def confirm_payment(gateway: Gateway, who: Writer, payment_id: str) -> PaymentView:
    """Ask the platform how the bill stands. A question without effect, so it needs no Idempotency-Key."""
    await _owned(gateway, who, payment_id)
    await _payments(gateway).confirm(payment_id)
    return await _view(gateway, payment_id)


@router.get(
    "/payments/{payment_id}/qr.svg",
    response_class=Response,
    responses={
        200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}, "description": "QR code of the payer page"},
        **responses(404),
    },
)
async def payment_qr(gateway: Gateway, who: Reader, payment_id: str) -> Response:
    """The QR code for the decision document or the notice."""
    payment = await _owned(gateway, who, payment_id)
    return Response(_payments(gateway).pages.qr_svg(payment), media_type="image/svg+xml")


@router.get(
    "/payments/{payment_id}/notice.pdf",
    response_class=Response,
    responses={
        200: {"content": {"application/pdf": {}}, "description": "The notice 缴款通知 on A4"},
        **responses(404, 409),
    },
)
async def payment_notice(gateway: Gateway, who: Reader, payment_id: str) -> Response:
    """The notice to be served on the party, with QR code, due date and legal warning; it is no receipt."""
    payment = await _owned(gateway, who, payment_id)
    authority = await gateway.base.access.authority(payment.authority)
    made = await _payments(gateway).pages.notice(payment, authority.name, authority.telephone)
    return Response(
        made,
        media_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{payment_id}.pdf"', "X-Content-Type-Options": "nosniff"},
    )


class SurchargeReduction(Ask):
    """An agreement 执行协议 that takes an amount off the surcharge."""

    amount: Yuan
    reason: str = Field(min_length=1, max_length=500)


class StretchView(View):
    """Successive days that were counted, or not, and why."""

    first: date
    last: date
    days: int
    counted: bool
    base: YuanOut
    why: str


class SurchargeView(View):
    """The surcharge 加处罚款 up to and including a day, and how it came about."""

    on: date
    days: int
    amount: YuanOut
    capped: bool
    reduced_by: YuanOut
    stretches: list[StretchView]

    @classmethod
    def of(cls, found: Surcharge) -> SurchargeView:
        """From the room's value."""
        return cls(
            on=found.on,
            days=found.days,
            amount=found.amount,
            capped=found.capped,
            reduced_by=found.reduced_by,
            stretches=[
                StretchView(
                    first=one.first, last=one.last, days=one.days, counted=one.counted, base=one.base, why=one.why
                )
                for one in found.stretches
            ],
        )


@router.post(
    "/payments/{payment_id}/reissue",
    response_model=PaymentView,
    responses={
        202: {"model": PaymentView, "description": "Accepted; the void of the old code is not confirmed yet"},
        **responses(400, 404, 409, 413),
    },
)
async def reissue_payment(
    gateway: Gateway, who: Writer, payment_id: str, ask: CancelRequest, once: OnceKey, response: Response
) -> PaymentView:
    """Have the code replaced: void the old one, then ask for a new one, with the surcharge where the channel says so.

    Answers with the payment that the new code belongs to, or with the old one while its void is not confirmed.
    """
    await _owned(gateway, who, payment_id)
    await once.open(who, ask)
    if once.subject is None:
        new = await _payments(gateway).reissue(payment_id, ask.reason, remember=once.remember)
    else:
        new = await _payments(gateway).replacement_of(payment_id)
    return await _finish(gateway, new or payment_id, once, response)


@router.get("/payments/{payment_id}/surcharge", response_model=SurchargeView, responses=responses(404))
async def payment_surcharge(gateway: Gateway, who: Reader, payment_id: str, on: date | None = None) -> SurchargeView:
    """What surcharge has accrued up to a day, explained stretch by stretch from the decision's events."""
    await _owned(gateway, who, payment_id)
    return SurchargeView.of(await _payments(gateway).accrued(payment_id, on))


@router.post(
    "/payments/{payment_id}/surcharge-reduction", response_model=SurchargeView, responses=responses(400, 404, 409, 413)
)
async def reduce_surcharge(
    gateway: Gateway, who: Writer, payment_id: str, ask: SurchargeReduction, once: OnceKey
) -> SurchargeView:
    """Record an agreement that reduces the surcharge, never the fine (行政强制法 art. 42)."""
    await _owned(gateway, who, payment_id)
    await once.open(who, ask)
    if once.subject is None:
        await _payments(gateway).reduce_surcharge(payment_id, ask.amount, reason=ask.reason, remember=once.remember)
        await once.finish(200)
    return SurchargeView.of(await _payments(gateway).accrued(payment_id))


class ExceptionResolution(Ask):
    """The way out of an exception, and why. Another operator confirms it.

    ``payee`` and ``documents`` are of a refund. They may follow (``/v1/refunds/{id}/payee``, ``…/documents``), but
    nobody can confirm a refund without them.
    """

    way_out: WayOut
    reason: str = Field(min_length=1, max_length=2000)
    payee: Payee | None = None
    documents: list[DocumentInput] = Field(default=[], max_length=20)


@router.post(
    "/exceptions/{exception_id}/resolution", response_model=ExceptionView, responses=responses(400, 404, 409, 413)
)
async def resolve_exception(
    gateway: Gateway, who: OperatorWriter, exception_id: str, ask: ExceptionResolution, once: OnceKey
) -> ExceptionView:
    """Propose the way out of an exception 异常缴款. Operators only; a second one confirms."""
    own(who, (await _exceptions(gateway).get(exception_id)).authority, "exception")
    await once.open(who, ask)
    if once.subject is None:
        await _exceptions(gateway).propose(
            exception_id,
            ask.way_out,
            ask.reason,
            by=who.client_id,
            name=who.name,
            payee=ask.payee,
            documents=ask.documents,
            remember=once.remember,
        )
        await once.finish(200)
    return ExceptionView.of(await _exceptions(gateway).get(exception_id))


@router.post(
    "/exceptions/{exception_id}/confirmation", response_model=ExceptionView, responses=responses(400, 404, 409, 413)
)
async def confirm_exception(gateway: Gateway, who: OperatorWriter, exception_id: str, once: OnceKey) -> ExceptionView:
    """Confirm a proposed way out, as the second person (复核). A refund is filed, in the same transaction."""
    own(who, (await _exceptions(gateway).get(exception_id)).authority, "exception")
    await once.open(who, None)
    if once.subject is None:
        await _exceptions(gateway).confirm(exception_id, by=who.client_id, name=who.name, remember=once.remember)
        await once.finish(200)
    return ExceptionView.of(await _exceptions(gateway).get(exception_id))


@router.get("/exceptions", response_model=Page[ExceptionView])
async def list_exceptions(
    gateway: Gateway,
    who: Reader,
    state: Literal["open", "proposed", "resolved"] | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ExceptionView]:
    """Money that arrived in a way no bill foresaw, newest first."""
    found = await _exceptions(gateway).find(
        ExceptionFilter(authorities=tuple(who.authorities), state=state, before=after(cursor), limit=limit)
    )
    return Page(items=[ExceptionView.of(one) for one in found], next=cursor_after(found, limit))


@router.get("/exceptions/{exception_id}", response_model=ExceptionView, responses=responses(404))
async def get_exception(gateway: Gateway, who: Reader, exception_id: str) -> ExceptionView:
    """One exception, and the refund that it leads to."""
    odd = await _exceptions(gateway).get(exception_id)
    own(who, odd.authority, "exception")
    return ExceptionView.of(odd)


def _payments(gateway: App) -> Payments:
    return gateway.get(Payments)


def _exceptions(gateway: App) -> Exceptions:
    return gateway.get(Exceptions)


async def _owned(gateway: App, who: Principal, payment_id: str) -> Payment:
    payment = await _payments(gateway).held(payment_id)
    own(who, payment.authority, "payment")
    return payment


async def _finish(gateway: App, payment_id: str, once: Once, response: Response) -> PaymentView:
    if once.status is None:
        found = await once.finish_with(_payments(gateway).viewing(payment_id), lambda known: _status(known, 200))
    else:
        found = await _payments(gateway).view(payment_id)
    response.status_code = once.status or 202
    return _shown(gateway, found)


async def _view(gateway: App, payment_id: str) -> PaymentView:
    return _shown(gateway, await _payments(gateway).view(payment_id))


def _shown(gateway: App, found: PaymentDetails) -> PaymentView:
    return PaymentView.from_details(found, gateway.base.envelope, _payments(gateway).pages.address(found.payment))


def _status(found: PaymentDetails, ended: int) -> int:
    """The answer's status: ``ended`` where nothing is waited for any more."""
    return ended if found.payment.status in FINAL else 202
