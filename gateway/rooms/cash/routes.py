"""Cash taken on the spot and its remittance, over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response

from gateway.app import App
from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import Gateway, may, operator, own
from gateway.foundation.http.idempotency import OnceKey
from gateway.foundation.http.problems import responses
from gateway.foundation.http.views import Ask, Cursor, Limit, Page, View, after, cursor_after, instant
from gateway.rooms.cash.records import CashFilter, CashTaken
from gateway.rooms.cash.service import REMITTANCE, CashInput, RemittanceInput
from gateway.rooms.cash.states import CashStatus
from gateway.rooms.payments import Status
from gateway.rooms.payments.routes import FINAL
from gateway.words.errors import NotFoundProblem
from gateway.words.money import YuanOut

router = APIRouter(prefix="/v1", tags=["cash"], responses=responses(401, 403, 422, 503))

Reader = Annotated[Principal, Depends(may("payments:read"))]
Writer = Annotated[Principal, Depends(may("payments:write"))]
OperatorWriter = Annotated[Principal, Depends(operator("payments:write"))]


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


class OnDay(Ask):
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


@router.post("/cash", status_code=201, response_model=CashView, responses=responses(400, 404, 409, 413))
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
    return _cash_view(gateway, await gateway.cash.held(cash_id))


@router.get("/cash", response_model=Page[CashView])
async def list_cash(
    gateway: Gateway,
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
    found = await gateway.cash.find(wanted)
    return Page(items=[_cash_view(gateway, cash) for cash in found], next=cursor_after(found, limit))


@router.get("/cash/{cash_id}", response_model=CashView, responses=responses(404))
async def get_cash(gateway: Gateway, who: Reader, cash_id: str) -> CashView:
    """One sum of cash."""
    return _cash_view(gateway, await _own_cash(gateway, who, cash_id))


@router.post("/cash/{cash_id}/landing", response_model=CashView, responses=responses(400, 404, 409, 413))
async def land_cash(gateway: Gateway, who: Writer, cash_id: str, ask: OnDay, once: OnceKey) -> CashView:
    """Cash taken on the water has come ashore; the two days to hand it in begin (art. 71)."""
    await _own_cash(gateway, who, cash_id)
    await once.open(who, ask)
    if once.subject is None:
        await gateway.cash.landed(cash_id, ask.on, remember=once.remember)
        await once.finish(200)
    return _cash_view(gateway, await gateway.cash.held(cash_id))


@router.post("/cash/{cash_id}/hand-in", response_model=CashView, responses=responses(400, 404, 409, 413))
async def hand_in_cash(gateway: Gateway, who: Writer, cash_id: str, ask: OnDay, once: OnceKey) -> CashView:
    """The officer handed it in to the authority; two more days to pay the bank begin (art. 71)."""
    await _own_cash(gateway, who, cash_id)
    await once.open(who, ask)
    if once.subject is None:
        await gateway.cash.hand_in(cash_id, ask.on, remember=once.remember)
        await once.finish(200)
    return _cash_view(gateway, await gateway.cash.held(cash_id))


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


@router.get("/remittances/{payment_id}", response_model=RemittanceView, responses=responses(404))
async def get_remittance(gateway: Gateway, who: Reader, payment_id: str) -> RemittanceView:
    """One remittance with each decision's part."""
    own(who, (await gateway.payments.held(payment_id)).authority, "remittance")
    return await _remittance(gateway, payment_id)


async def _own_cash(gateway: App, who: Principal, cash_id: str) -> CashTaken:
    cash = await gateway.cash.held(cash_id)
    own(who, cash.authority, "cash")
    return cash


def _cash_view(gateway: App, cash: CashTaken) -> CashView:
    return CashView(
        id=cash.id,
        authority=cash.authority,
        decision_number=cash.decision_number,
        amount=cash.amount,
        ground=cash.ground,
        explanation=cash.explanation,
        receipt_number=cash.receipt_number,
        officer=gateway.cash.officer(cash),
        status=cash.status.value,
        taken_on=cash.taken_on,
        on_water=cash.on_water,
        ashore_on=cash.ashore_on,
        hand_in_due_on=cash.hand_in_due_on,
        handed_in_on=cash.handed_in_on,
        bank_due_on=cash.bank_due_on,
        remittance=cash.payment_id,
        remitted_at=instant(cash.remitted_at),
    )


async def _remittance(gateway: App, payment_id: str) -> RemittanceView:
    bill = await gateway.payments.held(payment_id)
    if bill.line_group != REMITTANCE:
        raise NotFoundProblem("no such remittance")
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
            for cash in await gateway.cash.parts(payment_id)
        ],
    )
