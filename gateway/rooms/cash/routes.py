"""Cash taken on the spot and its remittance, over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import may, require_authority
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import service
from gateway.foundation.http.views import Ask, Cursor, Limit, Page, View, after, cursor_after, instant
from gateway.rooms.cash.records import CashFilter, CashTaken
from gateway.rooms.cash.service import REMITTANCE, Cash, CashInput, RemittanceInput
from gateway.rooms.cash.states import CashStatus
from gateway.rooms.payments import Payment, Payments, Status
from gateway.words.days import Day
from gateway.words.errors import NotFoundProblem
from gateway.words.money import YuanOut
from gateway.words.saying import say

router = APIRouter(prefix="/v1", tags=["cash"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("payments:read"))]
Writer = Annotated[Principal, Depends(may("payments:write"))]
TheCash = Annotated[Cash, Depends(service(Cash))]
ThePayments = Annotated[Payments, Depends(service(Payments))]


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
    due_provisional: bool = Field(description="whether the last day of its next duty may still move")
    remittance: str | None
    remitted_at: str | None


class OnDay(Ask):
    """On which day it happened."""

    on: Day


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


@router.post("/cash", status_code=201, response_model=CashView, responses=responses(400, 404, 409, 413))
async def take_cash(cash: TheCash, who: Writer, ask: CashInput, key: KeyedRequest, response: Response) -> CashView:
    """Record cash that an officer took for a fine (行政处罚法 arts. 68-70)."""
    require_authority(who, ask.authority, "decision")
    cash_id = await key.once(who, ask, lambda once: cash.take(ask, once=once))
    response.headers["Location"] = f"/v1/cash/{cash_id}"
    return _cash_view(cash, await cash.held(cash_id))


@router.get("/cash", response_model=Page[CashView])
async def list_cash(
    cash: TheCash,
    who: Reader,
    status: Literal["TAKEN", "HANDED_IN", "BILLED", "REMITTED"] | None = None,
    decision_number: Annotated[str | None, Query(max_length=128)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[CashView]:
    """Cash, newest first."""
    wanted = CashFilter(
        authorities=who.authorities,
        status=None if status is None else CashStatus(status),
        decision_number=decision_number,
        before=after(cursor),
        limit=limit,
    )
    found = await cash.find(wanted)
    return Page(items=[_cash_view(cash, one) for one in found], next=cursor_after(found, limit))


@router.get("/cash/{cash_id}", response_model=CashView, responses=responses(404))
async def get_cash(cash: TheCash, who: Reader, cash_id: str) -> CashView:
    """One sum of cash."""
    return _cash_view(cash, await _own_cash(cash, who, cash_id))


@router.post("/cash/{cash_id}/landing", response_model=CashView, responses=responses(400, 404, 409, 413))
async def land_cash(cash: TheCash, who: Writer, cash_id: str, ask: OnDay, key: KeyedRequest) -> CashView:
    """Cash taken on the water has come ashore; the days to hand it in begin (art. 71)."""
    await _own_cash(cash, who, cash_id)
    await key.once(who, ask, lambda once: cash.landed(cash_id, ask.on, once=once))
    return _cash_view(cash, await cash.held(cash_id))


@router.post("/cash/{cash_id}/hand-in", response_model=CashView, responses=responses(400, 404, 409, 413))
async def hand_in_cash(cash: TheCash, who: Writer, cash_id: str, ask: OnDay, key: KeyedRequest) -> CashView:
    """The officer handed it in to the authority; the days to pay the bank begin (art. 71)."""
    await _own_cash(cash, who, cash_id)
    await key.once(who, ask, lambda once: cash.hand_in(cash_id, ask.on, once=once))
    return _cash_view(cash, await cash.held(cash_id))


@router.post(
    "/remittances",
    status_code=201,
    response_model=RemittanceView,
    responses={
        202: {"model": RemittanceView, "description": "Accepted; the platform has not answered yet"},
        **responses(400, 404, 409, 413),
    },
)
async def remit_cash(
    cash: TheCash, payments: ThePayments, who: Writer, ask: RemittanceInput, key: KeyedRequest, response: Response
) -> RemittanceView:
    """Ask for one bill over cash that was handed in. The bill is a payment: it can be followed and cancelled as one."""
    require_authority(who, ask.authority, "authority")
    payment_id = await key.once(who, ask, lambda once: cash.remit(ask, once=once))
    response.status_code = key.status
    response.headers["Location"] = f"/v1/remittances/{payment_id}"
    return await _remittance(cash, await payments.held(payment_id))


@router.get("/remittances/{payment_id}", response_model=RemittanceView, responses=responses(404))
async def get_remittance(cash: TheCash, payments: ThePayments, who: Reader, payment_id: str) -> RemittanceView:
    """One remittance with each decision's part."""
    bill = await payments.held(payment_id)
    require_authority(who, bill.authority, "remittance")
    return await _remittance(cash, bill)


async def _own_cash(cash: Cash, who: Principal, cash_id: str) -> CashTaken:
    taken = await cash.held(cash_id)
    require_authority(who, taken.authority, "cash")
    return taken


def _cash_view(room: Cash, cash: CashTaken) -> CashView:
    return CashView(
        id=cash.id,
        authority=cash.authority,
        decision_number=cash.decision_number,
        amount=cash.amount,
        ground=cash.ground,
        explanation=cash.explanation,
        receipt_number=cash.receipt_number,
        officer=room.officer(cash),
        status=cash.status.value,
        taken_on=cash.taken_on,
        on_water=cash.on_water,
        ashore_on=cash.ashore_on,
        hand_in_due_on=cash.hand_in_due_on,
        handed_in_on=cash.handed_in_on,
        bank_due_on=cash.bank_due_on,
        due_provisional=cash.due_provisional,
        remittance=cash.payment_id,
        remitted_at=instant(cash.remitted_at),
    )


async def _remittance(room: Cash, bill: Payment) -> RemittanceView:
    if bill.line_group != REMITTANCE:
        raise NotFoundProblem(say("cash.no_remittance"))
    return RemittanceView(
        id=bill.id,
        authority=bill.authority,
        status=bill.status,
        settlement=bill.settlement,
        amount=bill.amount,
        code=bill.code,
        pay_url=bill.pay_url,
        due_on=bill.due_on,
        paid_at=instant(bill.paid_at),
        reason=bill.reason,
        parts=[
            PartView(
                cash=cash.id,
                decision_number=cash.decision_number,
                amount=cash.amount,
                receipt_number=cash.receipt_number,
                status=cash.status,
            )
            for cash in await room.parts(bill.id)
        ],
    )
