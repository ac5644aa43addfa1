"""A month is closed when it is over, complete and balanced, and opened again by two people."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from foundation import foundation
from sqlalchemy import Connection, insert, select

from gateway.foundation.crypto.keys import FileKeys
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.crypto.sm2 import default_provider
from gateway.foundation.delivery.tables import event
from gateway.foundation.store import Store
from gateway.foundation.two_persons import Person
from gateway.rooms.decisions import Decisions
from gateway.rooms.payments.tables import collection
from gateway.rooms.reconciliation import (
    BreakKind,
    BreakState,
    Months,
    MonthState,
    Rules,
    Run,
    RunState,
    Side,
    break_records,
    continuity_records,
    run_records,
)
from gateway.rooms.reconciliation.balance import REPORT_KEY, canonical
from gateway.rooms.reconciliation.break_records import Break, break_id
from gateway.rooms.reconciliation.continuity_records import ChannelDay
from gateway.rooms.reconciliation.months import refuse_frozen
from gateway.words.clock import SHANGHAI, ManualClock, to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem, Problem

CHANNEL, MONTH, CODE = "nontax", "2026-06", "99010226300000000001"
LI, WANG = Person("opr_li", "李强", operator=True), Person("opr_wang", "王敏", operator=True)
KEY = Person("cli_1", "办案系统", operator=False)
NOON = datetime(2026, 6, 16, 12, 0, tzinfo=SHANGHAI)


@dataclass
class Bench:
    """Months over a store, on the first of July."""

    store: Store
    clock: ManualClock
    keys: FileKeys
    months: Months

    async def reconciled(self, *but: int) -> None:
        """Every day of June has its final run, but these."""

        def unit(conn: Connection) -> None:
            for number in range(1, 31):
                day = date(2026, 6, number)
                run = Run(f"rec_{number:02}", CHANNEL, Side.PLATFORM, day, RunState.DONE, None, None, False, "x", 1)
                if number not in but:
                    run_records.add(conn, run)

        await self.store.write(unit)

    async def money(self, amount: int = 20000) -> None:
        """Money in our books of which no statement has told."""
        values = {"id": "col_1", "channel": CHANNEL, "code": CODE, "bank_serial": "S1", "amount": amount}
        when = {"paid_at": to_micros(NOON), "received_at": to_micros(NOON)}
        more = {"source": "callback", "pay_mode": "51"}
        await self.store.write(lambda conn: conn.execute(insert(collection), {**values, **when, **more}))

    async def broken(self, kind: BreakKind = BreakKind.OURS_ONLY) -> str:
        """A break that names this money."""
        day = NOON.date()
        id = break_id(CHANNEL, day, kind, (CODE, "S1"))
        one = Break(
            id=id,
            channel=CHANNEL,
            side=Side.PLATFORM,
            day_on=day,
            kind=kind,
            code=CODE,
            bank_serial="S1",
            authority="A1",
            payment_id=None,
            ours=20000,
            theirs=None,
            state=BreakState.OPEN,
            run_id="rec_16",
            opened_at=1,
            closed_at=None,
            closed_by=None,
            reason=None,
        )
        await self.store.write(lambda conn: break_records.add(conn, one))
        return id

    async def told(self) -> list[tuple[str, Any]]:
        query = select(event.c.type, event.c.data).order_by(event.c.seq)
        return await self.store.read(lambda conn: [(type, data["by"]) for type, data in conn.execute(query)])


@pytest.fixture
def bench(store: Store, tmp_path: Path) -> Bench:
    clock = ManualClock(datetime(2026, 7, 1, 9, 0, tzinfo=SHANGHAI))
    base = foundation(store, tmp_path, clock)
    return Bench(store, clock, base.keys, Months(base, Rules().window, Decisions(base).clocks_of))


async def refused(asked: Any) -> str:
    with pytest.raises(ConflictProblem) as caught:
        await asked
    return caught.value.type


async def test_a_month_that_balances_is_closed_and_its_figures_are_signed(bench: Bench) -> None:
    await bench.reconciled()
    await bench.money()
    named = await bench.broken()
    close = await bench.months.close(CHANNEL, MONTH, by=LI)
    assert (close.state, close.closed_by, close.closed_name) == (MonthState.CLOSED, LI.id, LI.name)
    body = canonical(close.figures)
    assert close.digest == sm3(body)
    assert default_provider().verify(bench.keys.public(REPORT_KEY), body, close.signature)
    assert (close.balance.books, close.balance.adjusted_statements) == (20000, 20000)
    assert [one.break_id for one in close.balance.items] == [named]
    assert await bench.months.held(close.id) == close
    assert await bench.months.closed(CHANNEL, MONTH) == close
    assert await bench.months.find({CHANNEL}) == [close]
    assert await bench.months.find({"another"}) == []
    assert await bench.told() == [("month.closed", LI.name)]


async def test_a_month_is_closed_from_the_day_on_which_its_channel_began(bench: Bench) -> None:
    """Where it was installed in the middle of a month, nobody owes a statement of the days before."""
    await bench.reconciled(*range(1, 10))
    assert await refused(bench.months.close(CHANNEL, "2026-05", by=LI)) == "month-incomplete"
    assert (await bench.months.close(CHANNEL, MONTH, by=LI)).state is MonthState.CLOSED


async def test_a_month_is_not_closed_early_incomplete_or_with_a_fen_that_nothing_names(bench: Bench) -> None:
    assert await refused(bench.months.close(CHANNEL, "2026-07", by=LI)) == "month-not-over"
    await bench.reconciled(7)
    assert await refused(bench.months.close(CHANNEL, MONTH, by=LI)) == "month-incomplete"
    late = Run("rec_07", CHANNEL, Side.PLATFORM, date(2026, 6, 7), RunState.DONE, None, None, False, "x", 1)
    await bench.store.write(lambda conn: run_records.add(conn, late))
    await bench.money()
    assert await refused(bench.months.close(CHANNEL, MONTH, by=LI)) == "month-not-balanced"
    with pytest.raises(InvalidProblem):
        await bench.months.close(CHANNEL, "2026-13", by=LI)


async def test_days_that_do_not_follow_from_each_other_keep_a_month_open_until_a_break_names_them(bench: Bench) -> None:
    await bench.reconciled()

    def count(conn: Connection, day: int, open: int) -> None:
        continuity_records.keep(conn, ChannelDay(CHANNEL, date(2026, 6, day), 0, 0, 0, 0, open, 100 * open, 1))

    await bench.store.write(lambda conn: count(conn, 15, 2))
    await bench.store.write(lambda conn: count(conn, 16, 1))
    assert await refused(bench.months.close(CHANNEL, MONTH, by=LI)) == "month-not-balanced"
    await bench.broken(BreakKind.CONTINUITY)
    assert (await bench.months.close(CHANNEL, MONTH, by=LI)).state is MonthState.CLOSED


async def test_what_was_signed_stays_while_the_books_go_on(bench: Bench) -> None:
    await bench.reconciled()
    close = await bench.months.close(CHANNEL, MONTH, by=LI)
    await bench.money()
    assert await bench.months.balance(CHANNEL, MONTH) == close.balance
    report = await bench.months.report("balance", CHANNEL, date(2026, 6, 1), date(2026, 6, 30))
    assert "已月结 李强" in report.note
    assert close.digest.hex() in report.note
    part = await bench.months.report("balance", CHANNEL, date(2026, 6, 1), date(2026, 6, 29))
    assert part.note == ""
    with pytest.raises(InvalidProblem):
        await bench.months.report("day", CHANNEL, date(2026, 6, 30), date(2026, 6, 1))


@pytest.mark.both_databases
async def test_a_month_is_closed_once_however_many_ask(bench: Bench) -> None:
    await bench.reconciled()
    asked = [bench.months.close(CHANNEL, MONTH, by=who) for who in (LI, WANG, LI)]
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert sorted(one.type for one in done if isinstance(one, ConflictProblem)) == ["month-closed"] * 2
    assert len(await bench.months.find({CHANNEL})) == 1


async def test_a_month_is_opened_again_by_two_people_and_can_then_be_closed_anew(bench: Bench) -> None:
    await bench.reconciled()
    frozen = date(2026, 6, 16)
    close = await bench.months.close(CHANNEL, MONTH, by=LI)
    assert bench.months.seen(close) is None
    assert await refused(bench.months.confirm_reopening(close.id, by=WANG, seen="e30")) == "month-not-closed"
    with pytest.raises(InvalidProblem):
        await bench.months.ask_to_reopen(close.id, "  ", by=LI)
    asked = await bench.months.ask_to_reopen(close.id, "银行更正", by=LI)
    assert (asked.state, asked.asked_name, asked.reason) == (MonthState.REOPENING, LI.name, "银行更正")
    assert await refused(bench.months.ask_to_reopen(close.id, "再次", by=WANG)) == "month-not-closed"
    seen = bench.months.seen(asked) or ""
    assert await refused(bench.months.confirm_reopening(close.id, by=LI, seen=seen)) == "second-person-needed"
    assert await refused(bench.months.confirm_reopening(close.id, by=WANG, seen="e30")) == "changed-since-seen"
    assert await refused(bench.store.read(lambda conn: refuse_frozen(conn, CHANNEL, frozen))) == "month-closed"
    opened = await bench.months.confirm_reopening(close.id, by=WANG, seen=seen)
    assert (opened.state, opened.reopened_name) == (MonthState.REOPENED, WANG.name)
    assert opened == await bench.months.held(close.id)
    await bench.store.read(lambda conn: refuse_frozen(conn, CHANNEL, frozen))
    assert await bench.months.closed(CHANNEL, MONTH) is None
    bench.clock.advance(timedelta(minutes=1))
    again = await bench.months.close(CHANNEL, MONTH, by=WANG)
    assert [one.id for one in await bench.months.find({CHANNEL})] == [again.id, close.id]
    assert [type for type, _ in await bench.told()] == [
        "month.closed",
        "month.reopening",
        "month.reopened",
        "month.closed",
    ]


async def test_a_close_that_is_not_there_is_not_found(bench: Bench) -> None:
    for asked in (
        bench.months.held("cls_none"),
        bench.months.ask_to_reopen("cls_none", "更正", by=LI),
        bench.months.confirm_reopening("cls_none", by=LI, seen="e30"),
    ):
        with pytest.raises(NotFoundProblem):
            await asked


async def test_what_is_closed_is_what_was_seen(bench: Bench) -> None:
    await bench.reconciled()
    seen = bench.months.seen(await bench.months.balance(CHANNEL, MONTH))
    await bench.money()
    await bench.broken()
    with pytest.raises(ConflictProblem) as caught:
        await bench.months.close(CHANNEL, MONTH, by=LI, seen=seen)
    assert caught.value.type == "changed-since-seen"
    assert caught.value.extra["changed"] == ["adjusted_books", "adjusted_statements", "books", "items"]
    seen = bench.months.seen(await bench.months.balance(CHANNEL, MONTH))
    assert (await bench.months.close(CHANNEL, MONTH, by=LI, seen=seen)).state is MonthState.CLOSED


async def test_a_key_neither_closes_a_month_nor_opens_it(bench: Bench) -> None:
    await bench.reconciled()
    close = await bench.months.close(CHANNEL, MONTH, by=LI)
    asked = await bench.months.ask_to_reopen(close.id, "银行更正", by=LI)
    seen = bench.months.seen(asked) or ""
    for act in (
        bench.months.close(CHANNEL, "2026-05", by=KEY),
        bench.months.ask_to_reopen(close.id, "更正", by=KEY),
        bench.months.confirm_reopening(close.id, by=KEY, seen=seen),
    ):
        with pytest.raises(Problem) as caught:
            await act
        assert (caught.value.status, caught.value.type) == (403, "operator-needed")
