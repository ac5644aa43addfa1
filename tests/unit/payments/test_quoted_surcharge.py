"""Money above the bill pays it only where it is the surcharge that the platform quotes that day, to the fen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from money_bench import CODE, NOW, Bench
from sqlalchemy import update

from gateway.foundation.store import Store
from gateway.ports.nontax import BillLine, IssueRequest, PaidFact
from gateway.rooms.decisions import DecisionEvent, DecisionFacts
from gateway.rooms.payments import Heard, LineInput, LineKind, Status, apply_paid, records
from gateway.rooms.payments.channel_keys import PaymentKeys
from gateway.rooms.payments.states import UnforeseenKind
from gateway.rooms.payments.tables import payment
from gateway.words.clock import to_micros

BILL, QUOTED = 500_000, 300
NUMBER, DUE = "望综罚〔2026〕1号", date(2026, 10, 8)
Habit = Literal["quoted_at_payment", "separate_bill", "reissue", "manual"]


@pytest.mark.parametrize(
    ("above", "pays"),
    [
        (-1, False),
        (0, True),
        (1, False),
        (QUOTED // 2, False),
        (QUOTED - 1, False),
        (QUOTED, True),
        (QUOTED + 1, False),
    ],
)
async def test_what_lies_between_the_bill_and_the_quoted_sum_pays_nothing(one_store, tmp_path, above, pays):
    bench = Bench(one_store, tmp_path)
    await bench.open()
    payment_id = await bench.paid(bill=BILL)
    fact = PaidFact(code=CODE, amount=BILL + above, paid_at=NOW, bank_serial="S1", pay_mode="51")

    def arrive(conn):
        now = to_micros(NOW)
        return apply_paid(conn, bench.events, bench.envelope, "nontax", fact, Heard("callback", now, lambda *_: QUOTED))

    assert await bench.store.write(arrive) == ("applied" if pays else "exception")
    payment = await bench.payments.held(payment_id)
    kinds = [one.kind for one in await bench.unforeseen(payment_id)]
    if pays:
        assert (payment.status, payment.paid_amount, payment.surcharge_paid) == (
            Status.PAID,
            BILL + above,
            above or None,
        )
        assert kinds == []
    else:
        assert (payment.status, payment.paid_amount) == (Status.ISSUED, None)
        assert kinds == [UnforeseenKind.AMOUNT_DIFFERS]


@pytest.mark.parametrize(
    ("moved", "becomes", "odd"),
    [
        (Status.CANCELLING, Status.PAID, []),
        (Status.CANCELLED, Status.CANCELLED, [UnforeseenKind.PAID_AFTER_CANCEL]),
        (Status.PAID, Status.PAID, [UnforeseenKind.PAID_TWICE]),
    ],
)
async def test_money_meets_the_bill_as_another_node_has_left_it(one_store, tmp_path, monkeypatch, moved, becomes, odd):
    """What was read of a payment is old where somebody cancels or pays it at the same instant."""
    bench = Bench(one_store, tmp_path)
    await bench.open()
    payment_id = await bench.paid(bill=BILL)
    read = await bench.payments.held(payment_id)
    await bench.store.write(lambda conn: conn.execute(update(payment).values(status=moved.value)))
    fact = PaidFact(code=CODE, amount=BILL, paid_at=NOW, bank_serial="S1", pay_mode="51")
    heard = Heard("callback", to_micros(NOW), lambda *_: 0)

    with monkeypatch.context() as patch:
        patch.setattr(records, "held", lambda *_: read)
        await bench.store.write(lambda conn: apply_paid(conn, bench.events, bench.envelope, "nontax", fact, heard))
    assert read.status is Status.ISSUED
    assert (await bench.payments.held(payment_id)).status is becomes
    assert [one.kind for one in await bench.unforeseen(payment_id)] == odd


async def overdue(store: Store, folder: Path, habit: Habit) -> tuple[Bench, str]:
    """A payment of a fine of 100.00 whose decision states the surcharge, two days over."""
    bench = Bench(store, folder, PaymentKeys(surcharge=habit))
    await bench.open()
    facts = {
        "procedure": "ordinary",
        "party": {"kind": "individual_business", "name": "味安副食店", "uscc": "92990102MA0WA4562J"},
        "violation": "经营超过保质期的食品",
        "facts": "检查发现货架上有过期糕点。",
        "basis": "《中华人民共和国食品安全法》第一百二十四条",
        "penalty_kinds": ["罚款"],
        "content": "罚款100元",
        "fine": "100.00",
        "surcharge_stated": True,
        "decided_on": "2026-09-14",
    }
    decision, _ = await bench.decisions.put("A1", NUMBER, DecisionFacts.model_validate(facts), by="x")
    served = DecisionEvent(kind="served", on=date(2026, 9, 16), method="direct")
    await bench.decisions.record_event("A1", NUMBER, served, by="x")
    bill = IssueRequest(
        reference="REF1",
        region="990102",
        unit_code="990102001",
        unit_name="望川区综合行政执法局",
        payer_name="味安副食店",
        decision_number=NUMBER,
        lines=(BillLine(item_code="103050199", item_name="其他一般罚没收入", amount=100_00),),
        total=100_00,
        bill_date=date(2026, 9, 16),
    )
    plain = records.new_payment(bench.envelope, bill, authority="A1", channel="nontax", at=5)
    made = replace(plain, decision_id=decision.id, status=Status.ISSUED, code=CODE, due_on=DUE)
    line = LineInput(kind=LineKind.FINE, amount="100.00")
    await store.write(lambda conn: records.add(conn, made, [line], bill.lines, bill.reference))
    return bench, made.id


@pytest.mark.parametrize(
    ("habit", "days", "quoted"),
    [
        ("quoted_at_payment", 0, 0),
        ("quoted_at_payment", 1, 300),
        ("quoted_at_payment", 2, 600),
        ("manual", 2, 0),
        ("separate_bill", 2, 0),
        ("reissue", 2, 0),
    ],
)
async def test_a_channel_that_quotes_nothing_at_payment_takes_no_fine_and_surcharge_in_one(
    one_store, tmp_path, habit, days, quoted
):
    bench, payment_id = await overdue(one_store, tmp_path, habit)
    paid_at = to_micros(datetime.combine(DUE, datetime.min.time(), UTC) + timedelta(days=days))

    def ask(conn):
        return bench.payments.quoted(conn, records.held(conn, payment_id), paid_at)

    assert await bench.store.read(ask) == quoted
