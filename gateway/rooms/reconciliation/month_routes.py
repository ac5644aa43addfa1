"""Reports, balance and the month over HTTP: what a reconciler hands in, signed, as a file, and frozen once closed."""

from __future__ import annotations

import asyncio
import io
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from gateway.foundation.access import Principal
from gateway.foundation.base import Foundation
from gateway.foundation.http.authorization import require_authority
from gateway.foundation.http.downloads import download
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.problems import responses
from gateway.foundation.http.services import Base, service
from gateway.foundation.http.two_persons import Confirmation, person
from gateway.foundation.http.views import Ask, Cursor, Limit, Page, View, after, cursor_after, instant
from gateway.foundation.sheets import XLSX
from gateway.rooms.reconciliation import Months, month_records, report_files
from gateway.rooms.reconciliation.balance import Balance, canonical, chinese, month_days
from gateway.rooms.reconciliation.report import Kind
from gateway.rooms.reconciliation.routes import ChannelName, Operator, Reader
from gateway.rooms.reconciliation.whose import channels_of, serves
from gateway.words.days import read_day
from gateway.words.errors import InvalidProblem, NotFoundProblem
from gateway.words.money import YuanOut
from gateway.words.saying import said_of, say
from gateway.words.wrong import shaped

router = APIRouter(prefix="/v1", tags=["months"], responses=responses(401, 403, 422, 503))

TheMonths = Annotated[Months, Depends(service(Months))]
Month = Annotated[str, Query(pattern=shaped(r"^20\d\d-(0[1-9]|1[0-2])$", "shapes.month"), description="as 2026-06")]
_WHOSE = ("ledger", "authority")  # reports in which every row is somebody's


class ReportTable(View):
    """One table, each cell as text: yuan, days, local time. ``totals``: a cell a column, empty where none is."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    totals: list[str]


class ReportContent(View):
    """A report. ``note``: under which close it stands, if its month is closed. ``by``: who asked for it.

    ``authorities``: whose rows these are alone; null: everybody's. ``zone``: of every moment in it.
    """

    kind: Kind
    title: str
    channel: str
    first: date
    last: date
    authorities: list[str] | None
    made_at: str
    zone: str
    by: str
    note: str
    tables: list[ReportTable]


class SignedReport(View):
    """A report with its SM3 digest and an SM2 signature, in hex.

    Both are over the UTF-8 bytes of ``report`` as JSON with sorted keys and no blanks.
    """

    report: ReportContent
    digest: str
    signature: str
    public_key: str


class ItemView(View):
    """One amount between the two balances, and the break that names it; ``timing`` is in the neighbouring month."""

    kind: str
    kind_zh: str
    code: str
    bank_serial: str
    to_books: YuanOut
    to_statements: YuanOut
    break_id: str | None


class BalanceView(View):
    """The balance statement 余额调节表: both balances, and each fen between them named."""

    channel: str
    first: date
    last: date
    books: YuanOut
    statements: YuanOut
    adjusted_books: YuanOut
    adjusted_statements: YuanOut
    balanced: bool
    items: list[ItemView]

    @classmethod
    def of(cls, balance: Balance) -> BalanceView:
        """From the room's value."""
        names = ("channel", "first", "last", "books", "statements", "adjusted_books", "adjusted_statements", "balanced")
        return cls(
            **{name: getattr(balance, name) for name in names},
            items=[
                ItemView(
                    kind=one.kind,
                    kind_zh=chinese(one.kind),
                    code=one.code,
                    bank_serial=one.bank_serial,
                    to_books=one.books,
                    to_statements=one.statements,
                    break_id=one.break_id,
                )
                for one in balance.items
            ],
        )


class BalanceNow(BalanceView):
    """A balance statement that may be closed. ``seen``: what the close sends back; null once the month is closed."""

    seen: str | None


class MonthClose(View):
    """A closed month 月结. ``digest`` (SM3) and ``signature`` (SM2) are over the text ``signed``, amounts in fen.

    ``seen``: what the second person sends back who opens it again; null while nobody has asked for that.
    """

    id: str
    channel: str
    month: str
    state: Literal["closed", "reopening", "reopened"]
    balance: BalanceView
    signed: str
    digest: str
    signature: str
    closed_by: str
    closed_at: str
    reason: str | None
    asked_by: str | None
    reopened_by: str | None
    reopened_at: str | None
    seen: str | None

    @classmethod
    def of(cls, close: month_records.MonthClose, seen: str | None) -> MonthClose:
        """From the room's value."""
        return cls(
            id=close.id,
            channel=close.channel,
            month=close.month,
            state=close.state.value,
            balance=BalanceView.of(close.balance),
            signed=canonical(close.figures).decode(),
            digest=close.digest.hex(),
            signature=close.signature.hex(),
            closed_by=close.closed_name,
            closed_at=instant(close.closed_at),
            reason=close.reason,
            asked_by=close.asked_name,
            reopened_by=close.reopened_name,
            reopened_at=instant(close.reopened_at),
            seen=seen,
        )


class CloseRequest(Ask):
    """Which month of which channel to close; ``seen`` of the balance that was looked at before, if it was."""

    channel: str = Field(min_length=1, max_length=60)
    month: str = Field(pattern=shaped(r"^20\d\d-(0[1-9]|1[0-2])$", "shapes.month"))
    seen: str | None = Field(default=None, max_length=4000)


class ReopenRequest(Ask):
    """Why a closed month must be opened again."""

    reason: str = Field(min_length=1, max_length=2000)


class ReportQuery(BaseModel):
    """Of what a report is, and in which form."""

    channel: ChannelName
    period: str = Field(
        pattern=shaped(r"^20\d\d-\d\d(-\d\d)?$", "shapes.period"),
        description="a day as 2026-06-30, or a month as 2026-06",
    )
    format: Literal["json", "csv", "xlsx"] = "json"
    table: int = Field(default=1, ge=1, le=9, description="which table of the report, for csv")
    authority: str | None = Field(default=None, max_length=40, description="only what is this authority's")


@router.get(
    "/reports/{kind}",
    response_model=SignedReport,
    responses={
        200: {
            "description": "The report, as signed JSON, CSV of one table, or a workbook",
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                XLSX: {"schema": {"type": "string", "format": "binary"}},
            },
        },
        **responses(404),
    },
)
async def get_month_report(
    base: Base, months: TheMonths, who: Reader, kind: Kind, asked: Annotated[ReportQuery, Query()]
) -> SignedReport | Response:
    """A report: day, month, by authority, by unit, receivables ledger 应收台账, balance statement 余额调节表.

    No cell of a file is a formula. Reports over all of a channel that several authorities share are for operators.
    """
    first, last = _days(asked.period)
    if asked.authority is not None:
        require_authority(who, asked.authority, "authority")
    if kind not in _WHOSE:
        await serves(base, who, asked.channel)
    else:
        _exists(base, asked.channel)
    whose = {asked.authority} if asked.authority is not None else None if who.kind == "operator" else who.authorities
    made = await months.report(kind, asked.channel, first, last, authorities=whose)
    if asked.format == "json":
        return SignedReport.model_validate(months.signed(made, who.name))
    name = f"{made.zh}-{asked.channel}-{asked.period}"
    await base.audit.taken(who, f"GET /v1/reports/{kind}", f"channel={asked.channel}, period={asked.period}")
    if asked.format == "csv":
        if asked.table > len(made.tables):
            raise InvalidProblem(say("reconciliation.tables", tables=len(made.tables)), field="table")
        content = report_files.to_csv(made, asked.table - 1, who.name).encode()
        return download(content, "text/csv; charset=utf-8", f"{name}.csv")
    out = io.BytesIO()
    await asyncio.to_thread(report_files.to_xlsx, made, out, who.name)
    return download(out.getvalue(), XLSX, f"{name}.xlsx")


@router.get("/balance", response_model=BalanceNow, responses=responses(404))
async def get_balance(base: Base, months: TheMonths, who: Reader, channel: ChannelName, month: Month) -> BalanceNow:
    """The balance statement 余额调节表 of a month: as it was signed if the month is closed, else as it stands."""
    await serves(base, who, channel)
    balance = await months.balance(channel, month)
    closed = await months.closed(channel, month) is not None
    return BalanceNow(**dict(BalanceView.of(balance)), seen=None if closed else months.seen(balance))


@router.post("/month-closes", status_code=201, response_model=MonthClose, responses=responses(400, 404, 409, 413))
async def close_month(
    base: Base, months: TheMonths, who: Operator, ask: CloseRequest, key: KeyedRequest, response: Response
) -> MonthClose:
    """Close a month 月结: its statements, runs and books are frozen, and the balance statement is signed."""
    await serves(base, who, ask.channel)
    close_id = await key.once(
        who, ask, lambda once: months.close(ask.channel, ask.month, by=person(who), seen=ask.seen, once=once)
    )
    response.headers["Location"] = f"/v1/month-closes/{close_id}"
    return await _view(months, close_id)


@router.get("/month-closes", response_model=Page[MonthClose], responses=responses(404))
async def list_month_closes(
    base: Base,
    months: TheMonths,
    who: Reader,
    channel: ChannelName | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[MonthClose]:
    """Closed months, newest first; also those that were opened again."""
    mine = await channels_of(base, who)
    if channel is not None:
        await serves(base, who, channel)
        mine = {channel}
    found = await months.find(mine, before=after(cursor), limit=limit)
    return Page(items=[MonthClose.of(one, months.seen(one)) for one in found], next=cursor_after(found, limit))


@router.get("/month-closes/{close_id}", response_model=MonthClose, responses=responses(404))
async def get_month_close(base: Base, months: TheMonths, who: Reader, close_id: str) -> MonthClose:
    """One close, with the figures that were signed."""
    close = await _mine(base, months, who, close_id)
    return MonthClose.of(close, months.seen(close))


@router.post("/month-closes/{close_id}/reopening", response_model=MonthClose, responses=responses(400, 404, 409, 413))
async def ask_to_reopen_month(
    base: Base, months: TheMonths, who: Operator, close_id: str, ask: ReopenRequest, key: KeyedRequest
) -> MonthClose:
    """Ask to open a closed month again, with a reason; it stays frozen until another operator confirms."""
    await _mine(base, months, who, close_id)
    await key.once(who, ask, lambda once: months.ask_to_reopen(close_id, ask.reason, by=person(who), once=once))
    return await _view(months, close_id)


@router.post(
    "/month-closes/{close_id}/confirmation", response_model=MonthClose, responses=responses(400, 404, 409, 413)
)
async def confirm_reopening(
    base: Base, months: TheMonths, who: Operator, close_id: str, ask: Confirmation, key: KeyedRequest
) -> MonthClose:
    """Open the month again, as the second person 复核, with ``seen`` of the close that was looked at."""
    await _mine(base, months, who, close_id)
    await key.once(who, ask, lambda once: months.confirm_reopening(close_id, by=person(who), seen=ask.seen, once=once))
    return await _view(months, close_id)


async def _mine(base: Foundation, months: Months, who: Principal, close_id: str) -> month_records.MonthClose:
    close = await months.held(close_id)
    if close.channel not in await channels_of(base, who):
        raise NotFoundProblem(say("reconciliation.no_close"))
    return close


async def _view(months: Months, close_id: str) -> MonthClose:
    close = await months.held(close_id)
    return MonthClose.of(close, months.seen(close))


def _exists(base: Foundation, channel: str) -> None:
    try:
        base.channels.get(channel)
    except KeyError:
        raise NotFoundProblem(say("reconciliation.no_channel", channel=channel), field="channel") from None


def _days(period: str) -> tuple[date, date]:
    if len(period) == len("2026-06"):
        return month_days(period)
    try:
        day = read_day(period)
    except ValueError as problem:
        raise InvalidProblem(said_of(problem), field="period") from None
    return day, day
