"""A notice is believed within reason: paid while its bill was there, for the bill that it names, and of some amount."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from money_bench import CODE, NOW, ONE, OTHER, Bench

from gateway.ports.nontax import PaidFact, PaymentNotice
from gateway.rooms.payments import Heard, apply_paid, records
from gateway.rooms.payments.states import ExceptionState, Status
from gateway.rooms.refunds.proposals import Resolution
from gateway.rooms.refunds.states import WayOut
from gateway.words.clock import from_micros, to_micros


async def told(
    bench: Bench,
    paid_at: datetime = NOW,
    *,
    amount: int = 100_00,
    reference: str | None = None,
    serial: str = "S1",
) -> None:
    """A notice of money for the bench's bill."""
    fact = PaidFact(code=CODE, amount=amount, paid_at=paid_at, bank_serial=serial, pay_mode="51")
    notice = PaymentNotice(fact=fact, bill_reference=reference)
    await bench.store.write(lambda conn: bench.payments.callbacks.take_paid(conn, "nontax", notice, "xch_1"))


async def stands(bench: Bench, payment_id: str) -> tuple[Status, list[str]]:
    held = await bench.store.read(lambda conn: records.held(conn, payment_id))
    return held.status, [one.kind.value for one in await bench.unforeseen(payment_id)]


@pytest.mark.parametrize("off", [timedelta(0), timedelta(minutes=29), timedelta(minutes=-29), timedelta(days=-1)])
async def test_what_can_be_is_believed(quick: Bench, off: timedelta) -> None:
    payment_id = await quick.paid(bill=100_00)
    await told(quick, NOW + off)
    assert await stands(quick, payment_id) == (Status.PAID, [])


@pytest.mark.parametrize("year", [1, 1970, 2016, 2025, 2027, 2099, 9999])
async def test_money_of_another_year_is_an_exception(quick: Bench, year: int) -> None:
    payment_id = await quick.paid(bill=100_00)
    await told(quick, NOW.replace(year=year))
    assert await stands(quick, payment_id) == (Status.ISSUED, ["time"])
    await told(quick, NOW.replace(year=year))
    assert await stands(quick, payment_id) == (Status.ISSUED, ["time"])


@pytest.mark.parametrize("off", [timedelta(minutes=31), timedelta(hours=1), timedelta(days=1)])
async def test_money_of_the_future_is_an_exception(quick: Bench, off: timedelta) -> None:
    payment_id = await quick.paid(bill=100_00)
    await told(quick, NOW + off)
    assert await stands(quick, payment_id) == (Status.ISSUED, ["time"])


async def test_two_people_may_keep_it_and_it_was_paid_when_we_heard_of_it(quick: Bench) -> None:
    payment_id = await quick.paid(bill=100_00)
    await told(quick, NOW.replace(year=2027))
    (odd,) = await quick.unforeseen(payment_id)
    await quick.exceptions.propose(odd.id, Resolution(WayOut.KEEP, "平台更正了日期"), by=ONE)
    await quick.agree(odd.id, OTHER)
    assert (await quick.exceptions.held(odd.id)).state is ExceptionState.RESOLVED
    held = await quick.store.read(lambda conn: records.held(conn, payment_id))
    assert held.status is Status.PAID
    assert held.paid_at is not None
    assert from_micros(held.paid_at) == NOW


async def test_the_number_of_another_bill_is_an_exception(quick: Bench) -> None:
    payment_id = await quick.paid(bill=100_00)
    owner = await quick.store.read(lambda conn: records.by_code(conn, "nontax", CODE))
    assert owner is not None
    await told(quick, reference=owner.reference + "9")
    assert await stands(quick, payment_id) == (Status.ISSUED, ["other_bill"])


async def test_its_own_number_or_none_is_believed(quick: Bench) -> None:
    payment_id = await quick.paid(bill=100_00)
    owner = await quick.store.read(lambda conn: records.by_code(conn, "nontax", CODE))
    assert owner is not None
    await told(quick, reference=owner.reference)
    assert await stands(quick, payment_id) == (Status.PAID, [])


async def test_no_money_is_no_exception(quick: Bench) -> None:
    payment_id = await quick.paid(bill=100_00)
    await told(quick, amount=0)
    assert await stands(quick, payment_id) == (Status.ISSUED, [])
    assert await quick.store.read(lambda conn: records.collections_of(conn, payment_id)) == []
    await told(quick)
    assert await stands(quick, payment_id) == (Status.PAID, [])


async def test_a_statement_has_its_own_window(quick: Bench) -> None:
    """A statement's line may tell the day alone; reconciliation holds it against the statement's day."""
    payment_id = await quick.paid(bill=100_00)
    fact = PaidFact(code=CODE, amount=100_00, paid_at=NOW.replace(hour=16), bank_serial="S1", pay_mode="51")
    await quick.store.write(
        lambda conn: apply_paid(conn, quick.events, quick.envelope, "nontax", fact, Heard("statement", to_micros(NOW)))
    )
    assert await stands(quick, payment_id) == (Status.PAID, [])
