"""Refunds on a real store: two people, never more than came in, and what is kept is sealed."""

from __future__ import annotations

import asyncio

import pytest
from by_day import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from money_bench import CODE, NOW, ONE, OTHER, PAYEE, Bench
from sqlalchemy import Connection, update
from sqlalchemy.exc import IntegrityError

from gateway.foundation.crypto.sm import sm3
from gateway.foundation.delivery import Rejected, operation_records
from gateway.ports.nontax import Refund as RefundAnswer
from gateway.ports.nontax import RefundState
from gateway.rooms.payments import records
from gateway.rooms.payments.channel_keys import PaymentKeys
from gateway.rooms.payments.tables import payment
from gateway.rooms.refunds import records as refund_records
from gateway.rooms.refunds.proposals import DocumentInput
from gateway.rooms.refunds.states import EDGES, LIFE, RELEASED, RefundStatus
from gateway.rooms.refunds.tables import refund
from gateway.words.clock import to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem
from gateway.words.money import format_yuan


def test_every_edge_of_a_refund_leads_on_and_its_ends_are_ends():
    assert len({(one.start, one.end) for one in EDGES}) == len(EDGES)
    for end in (RefundStatus.REFUNDED, *RELEASED):
        assert not [one for one in EDGES if one.start is end]
        assert LIFE.sources(end)
    assert LIFE.edge(RefundStatus.PROPOSED, RefundStatus.FILED) is None, "nobody files what no second person confirmed"


@pytest.mark.both_databases
async def test_many_who_ask_at_once_never_get_more_back_than_was_paid(bench):
    payment_id = await bench.paid(100_00)
    asked = [bench.refunds.propose(payment_id, bench.proposal(amount="40.00"), by=ONE) for _ in range(6)]
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(one, str) for one in done) == 2
    assert {one.type for one in done if isinstance(one, ConflictProblem)} == {"refund-exceeds-paid"}
    assert await bench.going_back(payment_id) == [80_00]


@settings(max_examples=examples(8, 25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("propose"), st.integers(1, 150_00)),
            st.tuples(st.sampled_from(["dismiss", "refuse", "return"]), st.integers(0, 5)),
            st.tuples(st.just("returned"), st.integers(1, 150_00)),
        ),
        max_size=12,
    )
)
async def test_whatever_happens_no_more_principal_goes_back_than_came_in(quick, steps):
    def wipe(conn: Connection) -> None:
        for table in ("refund_document", "refund", "payment_exception", "collection", "payment_code", "payment_line"):
            conn.exec_driver_sql(f"delete from {table}")
        conn.execute(payment.delete())

    await quick.store.write(wipe)
    payment_id = await quick.paid(100_00, 100_00)
    made: list[str] = []
    for number, (step, value) in enumerate(steps):
        try:
            if step == "propose":
                serial = f"S{1 + value % 2}"
                ask = quick.proposal(amount=format_yuan(value), bank_serial=serial)
                made.append(await quick.refunds.propose(payment_id, ask, by=ONE))
            elif step == "returned":
                await quick.store.write(
                    lambda conn, number=number, value=value: quick.refunds.returns.money_returned(
                        conn, "nontax", CODE, value, f"R{number}", 1
                    )
                )
            elif made and step == "dismiss":
                await quick.refunds.dismiss(made[value % len(made)], "不退", by=OTHER)
            elif made:
                refund_id = made[value % len(made)]
                if (await quick.refunds.held(refund_id)).status is RefundStatus.PROPOSED:
                    await quick.confirm(refund_id, OTHER)
                state = RefundState.REFUSED if step == "refuse" else RefundState.REFUNDED
                told = RefundAnswer(reference="", code=CODE, amount=1, state=state, refunded_at=NOW, reason="不予退付")
                known = await quick.refunds.held(refund_id)
                await quick.store.write(
                    lambda conn, known=known, told=told: quick.refunds.filing.apply_state(conn, known, told)
                )
        except ConflictProblem:
            pass
        assert all(one <= 100_00 for one in await quick.going_back(payment_id))


@pytest.mark.both_databases
async def test_one_person_alone_cannot_confirm_and_neither_can_a_statement_of_sql(bench):
    payment_id = await bench.paid(100_00)
    refund_id = await bench.refunds.propose(payment_id, bench.proposal(), by=ONE)
    with pytest.raises(ConflictProblem) as refused:
        await bench.confirm(refund_id, ONE)
    assert refused.value.type == "second-person-needed"
    for values in ({"confirmed_by": "p1"}, {"status": "FILED"}, {"status": "CONFIRMED"}):
        with pytest.raises(IntegrityError):
            await bench.store.write(lambda conn, values=values: conn.execute(update(refund).values(**values)).rowcount)
    await bench.confirm(refund_id, OTHER)
    assert (await bench.refunds.held(refund_id)).status == "CONFIRMED"


async def test_a_confirmed_refund_that_has_not_left_can_still_be_dismissed_and_frees_its_money(quick):
    payment_id = await quick.paid(100_00)
    refund_id = await quick.refunds.propose(payment_id, quick.proposal(), by=ONE)
    quick.delivery.node.stopping = True  # nothing is claimed at birth
    await quick.confirm(refund_id, OTHER)
    await quick.refunds.dismiss(refund_id, "当事人撤回", by=OTHER)
    assert (await quick.refunds.held(refund_id)).status == "DISMISSED"
    assert await quick.going_back(payment_id) == [0]


async def test_documents_are_held_to_their_digest_and_files_are_kept_sealed(quick):
    payment_id = await quick.paid(100_00)
    ask = quick.proposal(documents=())
    refund_id = await quick.refunds.propose(payment_id, ask, by=ONE)
    with pytest.raises(ConflictProblem, match="opinion_letter, loss_statement or original_voucher"):
        await quick.confirm(refund_id, OTHER)
    letter = DocumentInput(kind="opinion_letter", reference="1号", file="bGV0dGVy", media_type="application/pdf")
    with pytest.raises(InvalidProblem):
        await quick.refunds.add_document(refund_id, letter.model_copy(update={"digest": "0" * 64}), by=ONE)
    await quick.refunds.add_document(refund_id, letter, by=ONE)
    document = (await quick.refunds.view(refund_id)).documents[0]
    assert document.digest == sm3(b"letter")
    assert b"letter" not in (document.file_sealed or b"letter")
    assert await quick.refunds.file_of(refund_id, document.id) == (document, b"letter")


async def test_the_payee_is_sealed_and_shown_masked(quick):
    payment_id = await quick.paid(100_00)
    refund_id = await quick.refunds.propose(payment_id, quick.proposal(), by=ONE)
    shown = await quick.refunds.view(refund_id)
    assert b"6222" not in (shown.refund.payee_sealed or b"6222")
    assert shown.payee == PAYEE
    assert PAYEE.masked().model_dump() == {"name": "罗**", "account": "*" * 15 + "5702", "bank": "安澜农商银行"}


@pytest.mark.parametrize("reason", ["paid_twice", "paid_after_cancel", "decision_revoked", "decision_changed"])
async def test_a_reason_that_the_record_does_not_bear_out_is_refused(quick, reason):
    payment_id = await quick.paid(100_00)
    with pytest.raises(InvalidProblem):
        await quick.refunds.propose(payment_id, quick.proposal(reason, bank_serial="S1"), by=ONE)


async def test_a_return_that_nobody_asked_for_takes_the_duplicate_first(bench):
    payment_id = await bench.paid(100_00, 100_00)
    told = await bench.store.write(
        lambda conn: bench.refunds.returns.money_returned(conn, "nontax", CODE, 100_00, "R1", to_micros(NOW))
    )
    assert told == "platform"
    rows = await bench.store.read(lambda conn: refund_records.of_payment(conn, payment_id))
    assert [(one.bank_serial, one.origin, one.status) for one in rows] == [("S2", "platform", "REFUNDED")]
    with pytest.raises(ConflictProblem):
        await bench.refunds.propose(payment_id, bench.proposal("paid_twice"), by=ONE)
    unknown = await bench.store.write(
        lambda conn: bench.refunds.returns.money_returned(conn, "nontax", CODE, 100_01, "R2", to_micros(NOW))
    )
    assert unknown == "unmatched"


async def test_several_refunds_of_a_day_under_one_serial_are_told_apart_by_the_platforms_number(bench):
    """Three of one amount and one serial: each line ends its own refund, once."""
    payment_id = await bench.paid(100_00, 100_00, 100_00)

    def unit(conn: Connection) -> list[str]:
        back = bench.refunds.returns.money_returned
        lines = [(number, 100_00) for number in ("TF1", "TF2", "TF2", "TF3", "TF1")] + [("TF1", 99_00)]
        return [back(conn, "nontax", CODE, amount, "R1", to_micros(NOW), number) for number, amount in lines]

    told = await bench.store.write(unit)
    assert told == ["platform", "platform", "known", "platform", "known", "unmatched"]
    rows = await bench.store.read(lambda conn: refund_records.of_payment(conn, payment_id))
    assert sorted((one.number, one.returned_serial, one.status) for one in rows) == [
        (number, "R1", "REFUNDED") for number in ("TF1", "TF2", "TF3")
    ]


async def test_a_line_with_a_number_ends_the_refund_of_that_number_and_no_other_of_its_amount(bench):
    payment_id = await bench.paid(100_00, 100_00)
    first = await bench.refunds.propose(payment_id, bench.proposal(bank_serial="S1"), by=ONE)
    second = await bench.refunds.propose(payment_id, bench.proposal(bank_serial="S2"), by=ONE)
    for refund_id in (first, second):
        await bench.confirm(refund_id, OTHER)

    def number(conn: Connection) -> None:
        for refund_id, value in ((first, "TF1"), (second, "TF2")):
            refund_records.change(conn, refund_records.held(conn, refund_id), to_micros(NOW), number=value)

    await bench.store.write(number)
    await bench.store.write(
        lambda conn: bench.refunds.returns.money_returned(conn, "nontax", CODE, 100_00, "R1", to_micros(NOW), "TF2")
    )
    assert [(await bench.refunds.held(one)).returned_serial for one in (first, second)] == [None, "R1"]
    strange = await bench.store.write(
        lambda conn: bench.refunds.returns.money_returned(conn, "nontax", CODE, 100_00, "R2", to_micros(NOW), "TF9")
    )
    assert strange == "unmatched"
    assert (await bench.refunds.held(first)).returned_serial is None


async def test_where_a_channel_takes_no_refunds_a_person_files_and_the_statement_ends_it(one_store, tmp_path):
    bench = Bench(one_store, tmp_path, lacking=frozenset({"refund"}))
    await bench.open()
    payment_id = await bench.paid(100_00)
    refund_id = await bench.refunds.propose(payment_id, bench.proposal(), by=ONE)
    await bench.confirm(refund_id, OTHER)
    row = await bench.refunds.held(refund_id)
    assert (row.status, row.waits_for, row.operation_id) == ("CONFIRMED", "person", None)
    await bench.store.write(lambda conn: bench.refunds.returns.money_returned(conn, "nontax", CODE, 100_00, "R1", 1))
    row = await bench.refunds.held(refund_id)
    assert (row.status, row.waits_for, row.returned_serial) == ("REFUNDED", None, "R1")


async def test_a_refund_that_waits_for_a_receipt_in_flight_is_filed_when_that_is_refused(one_store, tmp_path):
    bench = Bench(one_store, tmp_path, PaymentKeys(receipt_automatic=True))
    await bench.open()
    bench.events.subscribe("receipt.refused", bench.refunds.filing.receipt_reversed)
    payment_id = await bench.paid(100_00)
    refund_id = await bench.refunds.propose(payment_id, bench.proposal(), by=ONE)
    await bench.confirm(refund_id, OTHER)
    assert (await bench.refunds.held(refund_id)).waits_for == "red_receipt"

    def refuse(conn: Connection) -> None:
        asked = next(one for one in operation_records.find(conn) if one.action == "nontax.receipt")
        bench.receipts.record_outcome(conn, asked.operation(), Rejected("不予开具", "18022"))

    await bench.store.write(refuse)
    row = await bench.refunds.held(refund_id)
    assert row.waits_for is None
    assert row.operation_id is not None


async def test_money_beside_the_bill_needs_no_red_receipt_but_money_under_it_does(one_store, tmp_path):
    bench = Bench(one_store, tmp_path, PaymentKeys(receipt_automatic=True))
    await bench.open()
    payment_id = await bench.paid(100_00, 100_00)

    def covers(conn: Connection) -> list[bool]:
        money = records.collections_of(conn, payment_id)
        return [refund_records.receipt_to_reverse(conn, payment_id, one.id) is not None for one in money]

    assert await bench.store.read(covers) == [True, False]
