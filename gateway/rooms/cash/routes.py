"""Cash taken on the spot and its remittance, over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy import RowMapping

from gateway.app import App
from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import Gateway, may, operator, own
from gateway.foundation.http.idempotency import OnceKey
from gateway.foundation.http.problems import responses
from gateway.foundation.http.views import Ask, Cursor, Limit, Page, View, after, instant, next_cursor
from gateway.rooms.cash import service as cash_room
from gateway.rooms.cash.service import CashInput, RemittanceInput
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
    return _cash_view(gateway, await gateway.cash.get(cash_id))


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
    return _cash_view(gateway, await gateway.cash.get(cash_id))


@router.post("/cash/{cash_id}/hand-in", response_model=CashView, responses=responses(400, 404, 409, 413))
async def hand_in_cash(gateway: Gateway, who: Writer, cash_id: str, ask: OnDay, once: OnceKey) -> CashView:
    """The officer handed it in to the authority; two more days to pay the bank begin (art. 71)."""
    await _own_cash(gateway, who, cash_id)
    await once.open(who, ask)
    if once.subject is None:
        await gateway.cash.hand_in(cash_id, ask.on, remember=once.remember)
        await once.finish(200)
    return _cash_view(gateway, await gateway.cash.get(cash_id))


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


def _same(row: RowMapping, names: str) -> dict[str, Any]:
    """Fields that have the same name inside and outside."""
    return {name: row[name] for name in names.split()}
