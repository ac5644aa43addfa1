"""Cash taken on the spot on a real store: its legal conditions, its two duties, its one bill."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest
from money_bench import NOW, Bench
from sqlalchemy import select

from gateway.foundation.delivery.tables import (
    event,
)
from gateway.rooms.cash.service import CashInput, RemittanceInput
from gateway.rooms.cash.tables import cash_taken
from gateway.rooms.decisions import DecisionFacts
from gateway.rooms.payments import records
from gateway.words.errors import ConflictProblem, InvalidProblem


async def decide(bench: Bench, number: str, fine: str = "100.00", procedure: str = "simple") -> None:
    facts = {
        "procedure": procedure,
        "party": {"kind": "individual_business", "name": "味安副食店", "uscc": "92990102MA0WA4562J"},
        "violation": "占道经营",
        "facts": "占道",
        "basis": "条例",
        "penalty_kinds": ["罚款"],
        "content": "罚款",
        "fine": fine,
        "decided_on": "2026-09-14",
    }
    await bench.decisions.put("A1", number, DecisionFacts.model_validate(facts), by="test")


def cash(number: str, amount: str = "100.00", **more: Any) -> CashInput:
    known = {
        "authority": "A1",
        "decision_number": number,
        "amount": amount,
        "ground": "small",
        "receipt_number": f"R-{number[:-1]}",
        "officer": "执法员甲",
        "taken_on": "2026-09-15",
        **more,
    }
    return CashInput.model_validate(known)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ground": "hard_to_enforce"},
        {"ground": "remote"},
        {"amount": "0.00"},
        {"ashore_on": "2026-09-16"},
        {"ground": "because"},
    ],
)
def test_cash_without_its_legal_condition_is_no_cash(wrong):
    with pytest.raises(ValueError, match=r".+"):
        cash("1号", **wrong)


async def test_cash_needs_a_decision_on_the_spot_unless_the_place_is_remote(quick):
    await decide(quick, "1号", "90.00", procedure="ordinary")
    with pytest.raises(InvalidProblem, match="art"):
        await quick.cash.take(cash("1号", "90.00"))
    await quick.cash.take(cash("1号", "90.00", ground="remote", explanation="当事人在渡船上提出"))
    await decide(quick, "2号", "200.00")
    with pytest.raises(InvalidProblem, match="above 100"):
        await quick.cash.take(cash("2号", "50.00"))


@pytest.mark.both_databases
async def test_a_receipt_is_used_once_and_a_fine_is_paid_once(bench):
    await decide(bench, "1号")
    both = await asyncio.gather(
        bench.cash.take(cash("1号")), bench.cash.take(cash("1号", receipt_number="R-9")), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in both) == ["ConflictProblem", "str"]
    await decide(bench, "3号")
    used = next(
        iter(await bench.store.read(lambda conn: conn.execute(select(cash_taken.c.receipt_number)).scalars().all()))
    )
    with pytest.raises(ConflictProblem, match="recorded before"):
        await bench.cash.take(cash("3号", receipt_number=used))


async def test_two_working_days_and_two_more_and_each_late_duty_is_told_once(bench):
    await decide(bench, "1号")
    cash_id = await bench.cash.take(cash("1号"))  # Tuesday 15th
    assert (await bench.cash.held(cash_id)).hand_in_due_on == date(2026, 9, 17)
    assert await bench.cash.alarm() == 0
    bench.clock.set(NOW + timedelta(days=2))  # Friday 18th
    assert [await bench.cash.alarm(), await bench.cash.alarm()] == [1, 0]
    await bench.cash.hand_in(cash_id, date(2026, 9, 18))
    assert (await bench.cash.held(cash_id)).bank_due_on == date(2026, 9, 21)  # the 20th is a working Sunday 调休
    bench.clock.set(NOW + timedelta(days=6))
    assert [await bench.cash.alarm(), await bench.cash.alarm()] == [1, 0]
    query = select(event.c.data).where(event.c.type == "cash.overdue").order_by(event.c.seq)
    told = await bench.store.read(lambda conn: conn.execute(query).scalars().all())
    assert [one["duty"] for one in told] == ["hand_in", "bank"]


async def test_on_the_water_the_days_run_from_landing(quick):
    await decide(quick, "1号")
    cash_id = await quick.cash.take(cash("1号", on_water=True))
    assert (await quick.cash.held(cash_id)).hand_in_due_on is None
    await quick.cash.landed(cash_id, date(2026, 9, 16))
    assert (await quick.cash.held(cash_id)).hand_in_due_on == date(2026, 9, 18)


async def test_a_remittance_is_the_sum_of_its_cash_and_two_bills_never_share_any(bench):
    amounts = ["100.00", "0.07", "35.50"]
    for number, amount in enumerate(amounts):
        await decide(bench, f"{number}号", amount)
        cash_id = await bench.cash.take(cash(f"{number}号", amount))
        await bench.cash.hand_in(cash_id, date(2026, 9, 16))
    bench.delivery.node.stopping = True  # the operation stays queued
    both = await asyncio.gather(
        *(bench.cash.remit(RemittanceInput(authority="A1"), wait=0) for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in both) == ["ConflictProblem", "str"]
    bill = next(one for one in both if isinstance(one, str))
    payment = await bench.store.read(lambda conn: records.held(conn, bill))
    assert (payment.amount, payment.decision_id) == (135_57, None)
