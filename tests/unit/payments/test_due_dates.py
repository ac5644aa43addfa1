"""A last day to pay that comes near, or is over, is told once, whatever is run again, missed or moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from foundation import foundation
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.store import Store
from gateway.ports.nontax import BillLine, IssueRequest
from gateway.rooms.decisions import DecisionEvent, DecisionFacts, Decisions
from gateway.rooms.payments import LineInput, LineKind, Payments, Status, due, records
from gateway.rooms.payments.due import DueClock, first_look, look
from gateway.rooms.payments.options import LONGEST, PaymentOptions
from gateway.settings import Settings
from gateway.words.clock import ManualClock
from gateway.words.errors import SettingsError

DUE = date(2026, 10, 8)
NUMBER = "望综罚〔2026〕1号"
SOON, OVER = "payment.due_soon", "payment.overdue"


def days(number: int) -> timedelta:
    return timedelta(days=number)


# --- the rule ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "event", "next_"),
    [
        (10, None, 3),
        (4, None, 3),
        (3, SOON, 1),
        (2, SOON, 1),  # the third day before was missed, or the due date came to be known late
        (1, SOON, -1),
        (0, SOON, -1),
        (-1, OVER, None),
        (-400, OVER, None),
    ],
)
def test_what_a_day_says_of_a_due_date_and_when_it_is_looked_at_next(left, event, next_):
    seen = look(DUE, DUE - days(left), (3, 1))
    assert (seen.event, seen.next_on) == (event, None if next_ is None else DUE - days(next_))


def test_an_installation_that_wants_no_word_before_still_hears_of_the_day_after():
    assert look(DUE, DUE - days(2), ()) == due.Look(None, DUE + days(1))
    assert look(DUE, DUE + days(1), ()).event == OVER


@given(
    soon=st.frozensets(st.integers(1, LONGEST), max_size=5),
    began=st.integers(-3, 80),
    runs=st.lists(st.integers(0, 20), max_size=30),
)
def test_each_day_before_is_told_at_most_once_and_the_end_exactly_once(soon, began, runs):
    today, told = DUE - days(began), []
    waits = first_look(DUE)
    for step in [*runs, 100]:
        today += days(step)
        while waits is not None and waits <= today:
            seen = look(DUE, today, soon)
            assert seen.next_on is None or seen.next_on > today
            told += [(seen.event, (DUE - today).days)] if seen.event else []
            waits = seen.next_on
    assert [event for event, _ in told].count(OVER) == 1
    assert told[-1][0] == OVER
    near = [left for event, left in told if event == SOON]
    assert len(near) <= len(soon)
    assert len({min(one for one in soon if one >= left) for left in near}) == len(near), "no day before twice"


# --- at work ----------------------------------------------------------------------------------------------------------


class Bench:
    """Payments over a store whose clock stands at eight in the morning."""

    def __init__(self, base: Foundation, clock: ManualClock) -> None:
        self.base, self.clock = base, clock
        self.decisions = Decisions(base)
        self.payments = Payments(base, self.decisions)
        self.due = DueClock(base, (3, 1))
        for word in ("served", "deferred", "revoked"):
            base.events.subscribe(f"decision.{word}", self.payments.following.decision_moved)

    def at(self, day: date) -> None:
        self.clock.set(datetime.combine(day, time(0), UTC))

    async def decide(self) -> str:
        facts = {
            "procedure": "ordinary",
            "party": {"kind": "individual_business", "name": "味安副食店", "uscc": "92990102MA0WA4562J"},
            "violation": "经营超过保质期的食品",
            "facts": "2026年9月3日检查发现货架上有过期糕点。",
            "basis": "《中华人民共和国食品安全法》第一百二十四条",
            "penalty_kinds": ["罚款"],
            "content": "罚款100元",
            "fine": "100.00",
            "decided_on": "2026-09-14",
        }
        decision, _ = await self.decisions.put("A1", NUMBER, DecisionFacts.model_validate(facts), by="x")
        return decision.id

    async def pay(self, decision_id: str | None, status: Status = Status.ISSUED, due_on: date | None = DUE) -> str:
        """A payment in this state; its id."""
        bill = IssueRequest(
            reference=f"REF{len(await self.payments.find(records.PaymentFilter()))}",
            region="990102",
            unit_code="990102001",
            unit_name="望川区综合行政执法局",
            payer_name="味安副食店",
            decision_number=NUMBER,
            lines=(BillLine(item_code="103050199", item_name="其他一般罚没收入", amount=100_00),),
            total=100_00,
            bill_date=date(2026, 9, 16),
        )
        plain = records.new_payment(self.base.envelope, bill, authority="A1", channel="nontax", at=5)
        made = replace(
            plain,
            decision_id=decision_id,
            line_group=plain.id[-20:],
            status=status,
            code=None if status is Status.REQUESTED else f"{hash(plain.id) % 10**20:020d}",
            due_on=due_on,
            due_look_on=first_look(due_on),
        )
        line = LineInput(kind=LineKind.FINE, amount="100.00")
        await self.base.store.write(lambda conn: records.add(conn, made, [line], bill.lines, bill.reference))
        return made.id

    async def run(self, day: date) -> int:
        self.at(day)
        return await self.due.tell()

    async def told(self, payment_id: str) -> list[tuple[str, dict[str, Any]]]:
        found = await self.base.store.read(lambda conn: records.timeline(conn, payment_id))
        return [(one.type, one.data) for one in found if one.type in (SOON, OVER)]


@pytest.fixture
async def make(tmp_path: Path) -> Callable[[Store], Bench]:
    def bench(store: Store) -> Bench:
        clock = ManualClock(datetime(2026, 9, 16, tzinfo=UTC))
        return Bench(foundation(store, tmp_path, clock), clock)

    return bench


async def test_a_due_date_is_told_three_days_before_one_day_before_and_the_day_after(store, make):
    bench = make(store)
    payment = await bench.pay(await bench.decide())
    for number in range(-6, 9):
        await bench.run(DUE + days(number))
        assert await bench.run(DUE + days(number)) == 0, "a run again tells nothing"
    assert await bench.told(payment) == [
        (SOON, {"decision_number": NUMBER, "due_on": "2026-10-08", "days_left": 3}),
        (SOON, {"decision_number": NUMBER, "due_on": "2026-10-08", "days_left": 1}),
        (OVER, {"decision_number": NUMBER, "due_on": "2026-10-08", "days_over": 1}),
    ]


@pytest.mark.parametrize("status", [Status.PAID, Status.REJECTED, Status.CANCELLED, Status.CANCELLING])
async def test_nothing_is_told_of_what_is_not_to_be_paid_any_more(one_store, make, status):
    bench = make(one_store)
    payment = await bench.pay(await bench.decide(), status)
    assert await bench.run(DUE + days(1)) == 0
    assert await bench.told(payment) == []


@pytest.mark.parametrize("status", [Status.REQUESTED, Status.EXPIRED])
async def test_a_duty_stays_while_its_code_is_not_there_or_has_expired(one_store, make, status):
    bench = make(one_store)
    payment = await bench.pay(await bench.decide(), status)
    await bench.run(DUE + days(1))
    assert [event for event, _ in await bench.told(payment)] == [OVER]


async def test_a_due_date_that_moves_is_told_anew(one_store, make):
    bench = make(one_store)
    payment = await bench.pay(await bench.decide(), due_on=None)
    bench.at(date(2026, 9, 18))
    served = DecisionEvent(kind="served", on=date(2026, 9, 16), method="direct")
    await bench.decisions.record_event("A1", NUMBER, served, by="x")
    first = (await bench.payments.held(payment)).due_on
    await bench.run(first - days(3))
    until = first + days(30)
    deferred = DecisionEvent(kind="deferred", on=first - days(3), until=until)
    await bench.decisions.record_event("A1", NUMBER, deferred, by="x")
    for number in range(-2, 35):
        await bench.run(first + days(number))
    assert [(event, data["due_on"]) for event, data in await bench.told(payment)] == [
        (SOON, str(first)),
        (SOON, str(until)),
        (SOON, str(until)),
        (OVER, str(until)),
    ]


async def test_nothing_is_told_of_a_revoked_decision_nor_of_a_remittance_of_cash(one_store, make):
    bench = make(one_store)
    payment = await bench.pay(await bench.decide(), Status.EXPIRED)
    remittance = await bench.pay(None)
    bench.at(date(2026, 9, 18))
    revoked = DecisionEvent(kind="revoked", on=date(2026, 9, 17), reason="事实不清")
    await bench.decisions.record_event("A1", NUMBER, revoked, by="x")
    assert await bench.run(DUE + days(1)) == 2
    assert await bench.run(DUE + days(2)) == 0
    assert await bench.told(payment) == await bench.told(remittance) == []


async def test_a_run_reads_what_has_come_up_in_as_many_transactions_as_it_takes(one_store, make, monkeypatch):
    monkeypatch.setattr(due, "_TOGETHER", 2)
    bench = make(one_store)
    decision = await bench.decide()
    payments = [await bench.pay(decision) for _ in range(5)]
    await bench.pay(decision, due_on=DUE + days(100))
    assert [await bench.run(DUE - days(3)), await bench.run(DUE - days(2)), await bench.run(DUE - days(1))] == [5, 0, 5]
    assert [len(await bench.told(one)) for one in payments] == [2] * 5


async def test_a_look_at_a_due_date_that_has_moved_meanwhile_changes_nothing(one_store, make):
    bench = make(one_store)
    payment = await bench.payments.held(await bench.pay(await bench.decide()))

    def late(conn: Connection) -> tuple[bool, bool]:
        records.change(conn, payment.id, 6, due_on=DUE + days(9))
        moved = records.looked_at(conn, payment, DUE)
        return moved, records.looked_at(conn, records.held(conn, payment.id), DUE)

    assert await one_store.write(late) == (False, True)


def test_days_that_make_no_sense_stop_the_start(one_store, tmp_path):
    wrong = Settings.model_validate({"rooms": {"payments": {"due_soon_days": [0]}}})
    base = foundation(one_store, tmp_path, ManualClock(datetime(2026, 9, 16, tzinfo=UTC)), settings=wrong)
    with pytest.raises(SettingsError, match="due_soon_days"):
        base.settings_of("payments", PaymentOptions)
