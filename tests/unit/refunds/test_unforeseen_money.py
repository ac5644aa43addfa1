"""Money that no bill foresaw: it always opens an exception, and two people say what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest
from by_day import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from money_bench import DOCUMENTS, NOW, ONE, OTHER, PAYEE, THIRD, Bench, a_file, a_row
from sqlalchemy import Connection

from gateway.rooms.payments import Status, records
from gateway.rooms.payments.lives import CodeKey
from gateway.rooms.payments.states import CodeState, ExceptionState, UnforeseenKind
from gateway.rooms.payments.tables import payment
from gateway.rooms.refunds import records as refund_records
from gateway.rooms.refunds.proposals import Resolution
from gateway.rooms.refunds.states import RefundOrigin, RefundStatus
from gateway.rooms.refunds.unforeseen_money import WayOut
from gateway.words.clock import to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem

WHOLE: dict[str, Any] = {"payee": PAYEE, "documents": DOCUMENTS}


async def twice(bench: Bench) -> tuple[str, str]:
    """A payment that was paid twice, and its exception."""
    payment_id = await bench.paid(100_00, 100_00)
    return payment_id, (await bench.unforeseen(payment_id))[0].id


async def late(bench: Bench, steps: tuple[Status, ...], code: CodeState, amount: int = 100_00) -> str:
    """A bill of 100 yuan that went these steps before money came for it; its payment's id."""
    report = await bench.imports.run(a_file([a_row(fine="100.00")]), by="test")
    payment_id = report.rows[0].payment

    def unit(conn: Connection) -> None:
        for step in steps:
            assert bench.payments.lives.payment.move(conn, records.held(conn, payment_id), step)
        if code is not CodeState.LIVE:
            assert bench.payments.lives.code.move(conn, CodeKey("nontax", "OLD0001"), code)

    await bench.store.write(unit)
    await bench.arrive(amount, "S1")
    return payment_id


CANCELLED = (Status.CANCELLING, Status.CANCELLED)


@pytest.mark.parametrize(
    ("steps", "code", "amount", "kind", "proposal"),
    [
        ((), CodeState.LIVE, 99_99, "amount_differs", "refund"),
        ((), CodeState.LIVE, 100_01, "amount_differs", "refund"),
        ((), CodeState.VOID, 100_00, "paid_on_dead_code", "refund"),
        (CANCELLED, CodeState.VOID, 100_00, "paid_after_cancel", "refund"),
        ((Status.EXPIRED,), CodeState.EXPIRED, 100_00, "paid_after_expiry", "keep"),
        ((Status.EXPIRED,), CodeState.EXPIRED, 1, "amount_differs", "refund"),
    ],
)
async def test_no_money_is_dropped_and_none_moves_a_bill_that_did_not_foresee_it(
    quick, steps, code, amount, kind, proposal
):
    payment_id = await late(quick, steps, code, amount)
    odd = await quick.unforeseen(payment_id)
    assert [(one.kind, one.proposal, one.state) for one in odd] == [(kind, proposal, "open")]
    held = await quick.store.read(lambda conn: records.held(conn, payment_id))
    assert held.status is (steps[-1] if steps else Status.ISSUED)
    assert await quick.arrive(amount, "S1") == "known"
    assert len(await quick.unforeseen(payment_id)) == 1


async def test_one_sum_that_is_told_with_two_amounts_is_a_question_and_no_refund(quick):
    payment_id = await quick.paid(100_00)
    await quick.arrive(99_00, "S1")
    (odd,) = await quick.unforeseen(payment_id)
    assert odd.kind is UnforeseenKind.TOLD_DIFFERENTLY
    with pytest.raises(InvalidProblem, match="question about one sum"):
        await quick.exceptions.propose(odd.id, Resolution(WayOut.REFUND, "退回"), by=ONE)
    await quick.exceptions.propose(odd.id, Resolution(WayOut.KEEP, "平台已更正"), by=ONE)
    await quick.agree(odd.id, OTHER)
    assert (await quick.exceptions.held(odd.id)).state is ExceptionState.RESOLVED


async def test_two_people_keep_money_and_neither_of_them_is_both(bench):
    payment_id, odd_id = await twice(bench)
    with pytest.raises(ConflictProblem) as refused:
        await bench.agree(odd_id, OTHER)
    assert refused.value.type == "exception-not-proposed"
    await bench.exceptions.propose(odd_id, Resolution(WayOut.KEEP, "当事人同意入库"), by=ONE)
    with pytest.raises(ConflictProblem) as refused:
        await bench.agree(odd_id, ONE)
    assert refused.value.type == "second-person-needed"
    await bench.agree(odd_id, OTHER)
    odd = await bench.exceptions.held(odd_id)
    assert (odd.state, odd.resolution, odd.proposed_by, odd.confirmed_by) == ("resolved", "keep", "p1", "p2")
    with pytest.raises(ConflictProblem) as refused:
        await bench.exceptions.propose(odd_id, Resolution(WayOut.REFUND, "退回"), by=ONE)
    assert refused.value.type == "exception-resolved"
    assert await bench.going_back(payment_id) == [0, 0]


async def test_late_money_that_is_kept_pays_its_bill(quick):
    payment_id = await late(quick, (Status.EXPIRED,), CodeState.EXPIRED)
    (odd,) = await quick.unforeseen(payment_id)
    await quick.exceptions.propose(odd.id, Resolution(WayOut.KEEP, "逾期一日"), by=ONE)
    await quick.agree(odd.id, OTHER)
    held = await quick.store.read(lambda conn: records.held(conn, payment_id))
    assert (held.status, held.paid_amount, held.paid_at) == (Status.PAID, 100_00, to_micros(NOW))
    assert not (await quick.unforeseen(payment_id))[0].is_beside, "it paid the bill after all"


async def test_late_money_cannot_be_kept_for_a_bill_that_waits_for_none_and_nothing_is_half_done(quick):
    payment_id = await late(quick, (Status.EXPIRED,), CodeState.EXPIRED)
    (odd,) = await quick.unforeseen(payment_id)
    await quick.exceptions.propose(odd.id, Resolution(WayOut.KEEP, "逾期一日"), by=ONE)
    life = quick.payments.lives.payment
    await quick.store.write(lambda conn: life.move(conn, records.held(conn, payment_id), Status.CANCELLING))
    with pytest.raises(ConflictProblem) as refused:
        await quick.agree(odd.id, OTHER)
    assert refused.value.type == "payment-not-payable"
    assert (await quick.exceptions.held(odd.id)).state is ExceptionState.PROPOSED


async def test_to_propose_refund_is_to_propose_the_refund_of_all_that_is_left(bench):
    payment_id, odd_id = await twice(bench)
    await bench.exceptions.propose(odd_id, Resolution(WayOut.REFUND, "重复\n缴款", **WHOLE), by=ONE)
    odd = await bench.exceptions.held(odd_id)
    shown = (await bench.refunds.of_payment(payment_id))[0]
    assert (odd.refund_id, odd.refund_status, odd.reason) == (shown.refund.id, "PROPOSED", "重复\n缴款")
    assert (shown.refund.amount, shown.refund.reason, shown.refund.bank_serial) == (100_00, "paid_twice", "S2")
    assert (shown.refund.explanation, shown.missing, shown.payee) == ("重复 缴款", [], PAYEE)
    await bench.agree(odd_id, OTHER)
    odd, refund = await bench.exceptions.held(odd_id), await bench.refunds.held(shown.refund.id)
    assert (odd.state, odd.confirmed_by, refund.status, refund.confirmed_by) == ("resolved", "p2", "CONFIRMED", "p2")


async def test_a_refund_that_lacks_its_payee_resolves_nothing_until_somebody_else_names_one(quick):
    _, odd_id = await twice(quick)
    await quick.exceptions.propose(odd_id, Resolution(WayOut.REFUND, "重复缴款"), by=ONE)
    refund_id = (await quick.exceptions.held(odd_id)).refund_id
    with pytest.raises(ConflictProblem) as refused:
        await quick.agree(odd_id, OTHER)
    assert refused.value.type == "payee-missing"
    await quick.refunds.name_payee(refund_id, PAYEE, by=THIRD)
    for document in DOCUMENTS:
        await quick.refunds.add_document(refund_id, document, by=THIRD)
    with pytest.raises(ConflictProblem) as refused:
        await quick.agree(odd_id, THIRD)
    assert refused.value.type == "second-person-needed"
    await quick.agree(odd_id, OTHER)
    with pytest.raises(ConflictProblem, match="keeps its payee"):
        await quick.refunds.name_payee(refund_id, PAYEE, by=THIRD)
    with pytest.raises(ConflictProblem, match="takes no more documents"):
        await quick.refunds.add_document(refund_id, DOCUMENTS[0], by=THIRD)


async def test_another_way_out_dismisses_the_refund_that_was_proposed(quick):
    payment_id, odd_id = await twice(quick)
    await quick.exceptions.propose(odd_id, Resolution(WayOut.REFUND, "重复缴款", **WHOLE), by=ONE)
    first = (await quick.exceptions.held(odd_id)).refund_id
    await quick.exceptions.propose(odd_id, Resolution(WayOut.KEEP, "当事人同意入库"), by=OTHER)
    odd = await quick.exceptions.held(odd_id)
    assert (await quick.refunds.held(first)).status is RefundStatus.DISMISSED
    assert (odd.state, odd.resolution, odd.proposed_by, odd.refund_id) == ("proposed", "keep", "p2", None)
    assert await quick.going_back(payment_id) == [0, 0]


async def test_a_refund_that_leads_nowhere_opens_its_exception_again(quick):
    payment_id, odd_id = await twice(quick)
    quick.delivery.node.stopping = True  # what is confirmed has not left
    for confirmed in (False, True):
        await quick.exceptions.propose(odd_id, Resolution(WayOut.REFUND, "重复缴款", **WHOLE), by=ONE)
        refund_id = (await quick.exceptions.held(odd_id)).refund_id
        if confirmed:
            await quick.agree(odd_id, OTHER)
        await quick.refunds.dismiss(refund_id, "当事人撤回", by=OTHER)
        odd = await quick.exceptions.held(odd_id)
        assert (odd.state, odd.resolution, odd.proposed_by, odd.confirmed_by) == ("open", None, None, None)
    assert (await quick.told(payment_id)).count("payment.exception_reopened") == 2


async def test_what_the_platform_had_returned_cannot_be_asked_for_again(quick):
    payment_id, odd_id = await twice(quick)
    await quick.exceptions.propose(odd_id, Resolution(WayOut.RETURNED_BY_PLATFORM, "平台已原路退回"), by=ONE)
    await quick.agree(odd_id, OTHER)
    (shown,) = await quick.refunds.of_payment(payment_id)
    refund = shown.refund
    assert (refund.status, refund.origin, refund.amount) == (RefundStatus.REFUNDED, RefundOrigin.PLATFORM, 100_00)
    assert (refund.exception_id, refund.bank_serial, shown.missing) == (odd_id, "S2", [])
    with pytest.raises(ConflictProblem) as refused:
        await quick.refunds.propose(payment_id, quick.proposal("paid_twice"), by=ONE)
    assert refused.value.type == "refund-exceeds-paid"


async def test_words_that_do_not_belong_together_are_refused(quick):
    _, odd_id = await twice(quick)
    with pytest.raises(InvalidProblem):
        await quick.exceptions.propose(odd_id, Resolution(WayOut.KEEP, "入库", payee=PAYEE), by=ONE)
    for reason in ("", " \n ", "撤\u202e回"):
        with pytest.raises(InvalidProblem):
            await quick.exceptions.propose(odd_id, Resolution(WayOut.KEEP, reason), by=ONE)
    with pytest.raises(NotFoundProblem):
        await quick.exceptions.propose("xpt_none", Resolution(WayOut.KEEP, "入库"), by=ONE)


async def test_a_part_of_the_money_is_no_way_out(quick):
    payment_id, odd_id = await twice(quick)
    await quick.refunds.propose(payment_id, quick.proposal("paid_twice", amount="99.99"), by=ONE)
    assert (await quick.exceptions.held(odd_id)).state is ExceptionState.OPEN
    await quick.refunds.propose(payment_id, quick.proposal("paid_twice"), by=ONE)  # all that is left: one fen
    odd = await quick.exceptions.held(odd_id)
    assert (odd.state, odd.resolution) == (ExceptionState.PROPOSED, "refund")


_PERSON = st.sampled_from([ONE, OTHER, THIRD])


@settings(max_examples=examples(8, 30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("propose"), _PERSON, st.sampled_from(list(WayOut))),
            st.tuples(st.just("confirm"), _PERSON, st.none()),
            st.tuples(st.just("dismiss"), _PERSON, st.none()),
            st.tuples(st.just("payee"), _PERSON, st.none()),
        ),
        max_size=10,
    )
)
async def test_whatever_people_say_an_exception_and_its_refund_tell_one_story(quick, steps):
    def wipe(conn: Connection) -> None:
        for table in ("refund_document", "refund", "payment_exception", "collection", "payment_code", "payment_line"):
            conn.exec_driver_sql(f"delete from {table}")
        conn.execute(payment.delete())

    await quick.store.write(wipe)
    quick.delivery.node.stopping = True  # what is confirmed has not left
    payment_id, odd_id = await twice(quick)
    for step, who, way_out in steps:
        odd = await quick.exceptions.held(odd_id)
        try:
            if step == "propose":
                more = WHOLE if way_out is WayOut.REFUND else {}
                await quick.exceptions.propose(odd_id, Resolution(way_out, "说明", **more), by=who)
            elif step == "confirm":
                await quick.agree(odd_id, who)
            elif odd.refund_id is not None and step == "dismiss":
                await quick.refunds.dismiss(odd.refund_id, "不退", by=who)
            elif odd.refund_id is not None:
                await quick.refunds.name_payee(odd.refund_id, PAYEE, by=who)
        except ConflictProblem:
            pass
        odd = await quick.exceptions.held(odd_id)
        going = await quick.store.read(lambda conn: refund_records.of_payment(conn, payment_id))
        live = [one for one in going if one.status not in (RefundStatus.DISMISSED, RefundStatus.REFUSED)]
        assert [one.id for one in live] == ([] if odd.refund_id is None else [odd.refund_id])
        assert (odd.state is ExceptionState.RESOLVED) == (odd.confirmed_by is not None)
        assert odd.confirmed_by is None or odd.confirmed_by != odd.proposed_by
        assert (odd.state is ExceptionState.OPEN) == (odd.resolution is None)
        if odd.resolution == "refund":
            resolved = odd.state is ExceptionState.RESOLVED
            assert live[0].status is (RefundStatus.CONFIRMED if resolved else RefundStatus.PROPOSED)
        assert sum(await quick.going_back(payment_id)) <= 100_00
