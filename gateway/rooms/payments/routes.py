"""Payments over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field, create_model

from gateway.foundation.access import Principal
from gateway.foundation.base import Foundation
from gateway.foundation.http.authorization import may, require_authority
from gateway.foundation.http.dry_runs import DRY, DryRunAsked, rehearsed
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.language import in_words
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import Base, service
from gateway.foundation.http.views import (
    Ask,
    Cursor,
    EventView,
    Limit,
    Page,
    RuleView,
    View,
    after,
    cursor_after,
)
from gateway.foundation.once import Once
from gateway.rooms.decisions.records import party_indexes
from gateway.rooms.payments import (
    Payment,
    PaymentFilter,
    PaymentRequest,
    Payments,
    Status,
)
from gateway.rooms.payments.details import PaymentDetails
from gateway.rooms.payments.parts import installed
from gateway.rooms.payments.surcharge import Surcharge
from gateway.rooms.payments.views import CollectionView, LineView, PaymentSummary
from gateway.words.days import Day
from gateway.words.money import Yuan, YuanOut

router = APIRouter(prefix="/v1", tags=["payments"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("payments:read"))]
_PARTY = "the party's whole name 当事人, or its whole number; written down where an operator asks"
ThePayments = Annotated[Payments, Depends(service(Payments))]
Writer = Annotated[Principal, Depends(may("payments:write"))]


class _Known(PaymentSummary):
    """What this room itself shows, before the parts of others."""

    pay_url: str | None
    payer_page: str
    lines: list[LineView]
    collections: list[CollectionView]


PARTS = installed()
_members: dict[str, Any] = {part.name: (list[part.view], ...) for part in PARTS}  # type: ignore[name-defined]
PaymentView: type[PaymentSummary] = create_model(
    "PaymentView",
    __base__=_Known,
    __doc__="One payment with everything about it. ``payer_page`` is the address behind the QR code.",
    **_members,
    timeline=(list[EventView], ...),
)


class CancelRequest(Ask):
    """Why the bill is voided."""

    reason: str = Field(min_length=1, max_length=200)


@router.post(
    "/payments",
    status_code=201,
    response_model=PaymentView,
    responses={
        **DRY,
        202: {"model": PaymentView, "description": "Accepted; the outcome is being found out, a webhook tells it"},
        **responses(400, 404, 409, 413),
    },
)
async def request_payment(
    base: Base,
    payments: ThePayments,
    who: Writer,
    ask: PaymentRequest,
    key: KeyedRequest,
    response: Response,
    dry_run: DryRunAsked = False,
) -> PaymentSummary | Response:
    """Ask the non-tax platform for a payment code 缴款码. Waits up to 3 s for its answer."""
    require_authority(who, ask.authority, "decision")

    async def effect(once: Once) -> None:
        await payments.request(ask, once=once)

    if dry_run:
        return await rehearsed(base, effect, payments.looking(PARTS), lambda found: _shown(base, payments, found))
    found = await key.shows(who, ask, effect, payments.looking(PARTS))
    response.status_code = key.status
    response.headers["Location"] = f"/v1/payments/{found.payment.id}"
    return _shown(base, payments, found)


@router.get("/payments", response_model=Page[PaymentSummary])
async def list_payments(
    base: Base,
    payments: ThePayments,
    who: Reader,
    authority: Annotated[str | None, Query(max_length=40)] = None,
    status: Status | None = None,
    code: Annotated[str | None, Query(max_length=20)] = None,
    decision_number: Annotated[str | None, Query(max_length=128)] = None,
    party: Annotated[str | None, Query(max_length=200, description=_PARTY)] = None,
    in_doubt: bool | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[PaymentSummary]:
    """Payments, newest first."""
    found = await payments.find(
        PaymentFilter(
            authorities=tuple(name for name in who.authorities if authority in (None, name)),
            status=status,
            code=code,
            decision_number=decision_number,
            party=None if party is None else party_indexes(base.envelope, party),
            in_doubt=in_doubt,
            before=after(cursor),
            limit=limit,
        )
    )
    return Page(items=[PaymentSummary.of(one) for one in found], next=cursor_after(found, limit))


@router.get(
    "/payments/{payment_id}",
    response_model=PaymentView,
    responses=responses(404),
)
async def get_payment(base: Base, payments: ThePayments, who: Reader, payment_id: str) -> PaymentSummary:
    """One payment with its timeline."""
    await _owned(payments, who, payment_id)
    return await _view(base, payments, payment_id)


@router.post(
    "/payments/{payment_id}/cancel",
    response_model=PaymentView,
    responses={
        202: {"model": PaymentView, "description": "Accepted; the platform has not answered yet"},
        **responses(400, 404, 409, 413),
    },
)
async def cancel_payment(
    base: Base,
    payments: ThePayments,
    who: Writer,
    payment_id: str,
    ask: CancelRequest,
    key: KeyedRequest,
    response: Response,
) -> PaymentSummary:
    """Have an unpaid bill voided."""
    of = who.authorities
    found = await key.shows(
        who,
        ask,
        lambda once: payments.cancel(payment_id, ask.reason, of=of, once=once),
        payments.looking(PARTS),
    )
    response.status_code = key.status
    return _shown(base, payments, found)


@router.post("/payments/{payment_id}/confirmation", response_model=PaymentView, responses=responses(404, 409))
async def confirm_payment(base: Base, payments: ThePayments, who: Writer, payment_id: str) -> PaymentSummary:
    """Ask the platform how the bill stands. A question without effect, so it needs no Idempotency-Key."""
    await _owned(payments, who, payment_id)
    await payments.confirm(payment_id)
    return await _view(base, payments, payment_id)


@router.get(
    "/payments/{payment_id}/qr.svg",
    response_class=Response,
    responses={
        200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}, "description": "QR code of the payer page"},
        **responses(404),
    },
)
async def get_payment_qr(payments: ThePayments, who: Reader, payment_id: str) -> Response:
    """The QR code for the decision document or the notice."""
    payment = await _owned(payments, who, payment_id)
    return Response(payments.pages.qr_svg(payment), media_type="image/svg+xml")


@router.get(
    "/payments/{payment_id}/notice.{kind}",
    response_class=Response,
    responses={
        200: {"content": {"application/pdf": {}, "application/ofd": {}}, "description": "The notice 缴款通知 on A4"},
        **responses(404, 409),
    },
)
async def get_payment_notice(
    base: Base, payments: ThePayments, who: Reader, payment_id: str, kind: Literal["pdf", "ofd"]
) -> Response:
    """The notice to be served on the party, with QR code, due date and legal warning; it is no receipt."""
    payment = await _owned(payments, who, payment_id)
    authority = await base.access.authority(payment.authority)
    made = await payments.pages.notice(payment, authority.name, authority.telephone, kind)
    return Response(
        made,
        media_type=f"application/{kind}",
        headers={"Content-Disposition": f'inline; filename="{payment_id}.{kind}"', "X-Content-Type-Options": "nosniff"},
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
    rules: list[RuleView]

    @classmethod
    def of(cls, found: Surcharge) -> SurchargeView:
        """From the room's value."""
        return cls(
            on=found.on,
            days=found.days,
            amount=found.amount,
            capped=found.capped,
            reduced_by=found.reduced_by,
            stretches=[StretchView.showing(one, why=in_words(one.why)) for one in found.stretches],
            rules=[RuleView.of(one) for one in found.rules],
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
    base: Base,
    payments: ThePayments,
    who: Writer,
    payment_id: str,
    ask: CancelRequest,
    key: KeyedRequest,
    response: Response,
) -> PaymentSummary:
    """Have the code replaced: void the old one, then ask for a new one, with the surcharge where the channel says so.

    Answers with the payment that the new code belongs to, or with the old one while its void is not confirmed.
    """
    of = who.authorities
    found = await key.shows(
        who,
        ask,
        lambda once: payments.reissue(payment_id, ask.reason, of=of, once=once),
        payments.looking(PARTS, replaced=True),
    )
    response.status_code = key.status
    return _shown(base, payments, found)


@router.get("/payments/{payment_id}/surcharge", response_model=SurchargeView, responses=responses(404))
async def get_payment_surcharge(
    payments: ThePayments, who: Reader, payment_id: str, on: Day | None = None
) -> SurchargeView:
    """What surcharge has accrued up to a day, explained stretch by stretch from the decision's events."""
    await _owned(payments, who, payment_id)
    return SurchargeView.of(await payments.accrued(payment_id, on))


@router.post(
    "/payments/{payment_id}/surcharge-reduction", response_model=SurchargeView, responses=responses(400, 404, 409, 413)
)
async def reduce_surcharge(
    payments: ThePayments, who: Writer, payment_id: str, ask: SurchargeReduction, key: KeyedRequest
) -> SurchargeView:
    """Record an agreement that reduces the surcharge, never the fine (行政强制法 art. 42)."""
    await _owned(payments, who, payment_id)
    await key.once(
        who, ask, lambda once: payments.reduce_surcharge(payment_id, ask.amount, reason=ask.reason, once=once)
    )
    return SurchargeView.of(await payments.accrued(payment_id))


async def _owned(payments: Payments, who: Principal, payment_id: str) -> Payment:
    payment = await payments.held(payment_id)
    require_authority(who, payment.authority, "payment")
    return payment


async def _view(base: Foundation, payments: Payments, payment_id: str) -> PaymentSummary:
    return _shown(base, payments, await payments.view(payment_id, PARTS))


def _shown(base: Foundation, payments: Payments, found: PaymentDetails) -> PaymentSummary:
    named = found.payment.bill(base.envelope).payer_name if found.collections else ""
    members: dict[str, Any] = {
        **PaymentSummary.fields(found.payment),
        "pay_url": found.payment.pay_url,
        "payer_page": payments.pages.address(found.payment),
        "lines": [LineView.of(one) for one in found.lines],
        "collections": [CollectionView.of(one, found.days, base.envelope, named) for one in found.collections],
        **found.parts,
        "timeline": [EventView.of(one) for one in found.timeline],
    }
    return PaymentView(**members)
