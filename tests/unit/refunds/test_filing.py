"""What the platform says about a refund: it is followed step by step, doubt is kept with its date, nothing is believed
that does not follow.
"""

from __future__ import annotations

from typing import Any

import pytest
from money_bench import CODE, NOW, ONE, OTHER, Bench

from gateway.foundation.delivery import Absent, Doubt, Operation, Parked, Rejected, operation_records
from gateway.ports.nontax import Refund as RefundAnswer
from gateway.ports.nontax import RefundNotice, RefundState
from gateway.rooms.payments import records as payment_records
from gateway.rooms.refunds.records import Refund
from gateway.rooms.refunds.states import RefundStatus
from gateway.words.clock import to_micros


async def confirmed(bench: Bench) -> tuple[str, Refund]:
    """A payment and its confirmed refund, which has not left."""
    bench.delivery.node.stopping = True
    payment_id = await bench.paid(100_00)
    refund_id = await bench.refunds.propose(payment_id, bench.proposal(), by=ONE)
    await bench.confirm(refund_id, OTHER)
    return payment_id, await bench.refunds.held(refund_id)


async def hear(bench: Bench, refund: Refund, state: RefundState, **more: Any) -> Refund:
    """The platform says how far a refund is; how it stands then."""
    told = RefundAnswer(reference=refund.reference or "", code=CODE, amount=refund.amount, state=state, **more)
    known = await bench.refunds.held(refund.id)
    await bench.store.write(lambda conn: bench.refunds.filing.apply_state(conn, known, told))
    return await bench.refunds.held(refund.id)


async def end(bench: Bench, refund: Refund, outcome: Any) -> Refund:
    """The filing of a refund ends so; how it stands then."""

    def unit(conn: Any) -> None:
        asked = next(one for one in operation_records.find(conn) if one.id == refund.operation_id)
        operation: Operation = asked.operation()
        bench.refunds.filing.record_filing(conn, operation, outcome)

    await bench.store.write(unit)
    return await bench.refunds.held(refund.id)


async def test_finance_is_followed_to_its_end_and_each_step_is_told(quick):
    payment_id, refund = await confirmed(quick)
    assert (await hear(quick, refund, RefundState.APPROVED)).status is RefundStatus.APPROVED
    done = await hear(quick, refund, RefundState.REFUNDED, refunded_at=NOW)
    assert (done.status, done.refunded_at) == (RefundStatus.REFUNDED, to_micros(NOW))
    told = [one for one in await quick.told(payment_id) if one.startswith("refund.")]
    assert told == [f"refund.{one}" for one in ("proposed", "confirmed", "filed", "approved", "refunded")]


@pytest.mark.parametrize("state", [RefundState.REFUSED, RefundState.FILED, RefundState.APPROVED])
async def test_what_contradicts_an_end_is_told_and_changes_nothing(quick, state):
    payment_id, refund = await confirmed(quick)
    await hear(quick, refund, RefundState.REFUNDED, refunded_at=NOW)
    assert (await hear(quick, refund, state)).status is RefundStatus.REFUNDED
    assert (await quick.told(payment_id))[-1] == "refund.contradiction"


async def test_a_refusal_keeps_the_words_and_frees_the_money(quick):
    payment_id, refund = await confirmed(quick)
    refused = await end(quick, refund, Rejected("账户不符", "18031"))
    assert (refused.status, refused.refusal) == (RefundStatus.REFUSED, "账户不符")
    assert await quick.going_back(payment_id) == [0]


async def test_doubt_is_a_flag_with_its_date_and_goes_when_it_is_resolved(quick):
    _, refund = await confirmed(quick)
    doubted = await end(quick, refund, Doubt("no answer"))
    assert (doubted.status, doubted.in_doubt_since_at) == (RefundStatus.CONFIRMED, to_micros(NOW))
    parked = await end(quick, refund, Parked("asked too often"))
    assert (parked.in_doubt_since_at, parked.doubt_reason) == (to_micros(NOW), "asked too often")
    absent = await end(quick, refund, Absent())
    assert (absent.in_doubt_since_at, absent.doubt_reason) == (None, None)
    await end(quick, refund, Doubt("no answer"))
    filed = await hear(quick, refund, RefundState.FILED)
    assert (filed.status, filed.in_doubt_since_at) == (RefundStatus.FILED, None)


async def tell(bench: Bench, refund: Refund, answer: RefundAnswer | None, reference: str | None = None) -> Any:
    """The platform's notice about a refund; whom it concerned."""
    notice = RefundNotice(reference=reference or refund.reference or "", refund=answer)
    return await bench.store.write(lambda conn: bench.refunds.filing.told(conn, "nontax", notice, "exc"))


async def test_a_notice_before_the_answer_files_the_refund_and_later_ones_move_it(quick):
    _, refund = await confirmed(quick)
    told = RefundAnswer(
        reference=refund.reference or "", code=CODE, amount=refund.amount, state=RefundState.FILED, number="TF1"
    )
    assert (await tell(quick, refund, told)).subject == refund.id
    filed = await quick.refunds.held(refund.id)
    assert (filed.status, filed.number) == (RefundStatus.FILED, "TF1")
    assert filed.operation_id is not None
    ended = await quick.store.read(lambda conn: operation_records.fetch(conn, filed.operation_id))
    assert ended.state == "done"
    done = told.model_copy(update={"state": RefundState.REFUNDED, "refunded_at": NOW})
    for _ in range(2):
        await tell(quick, refund, done)
    moved = await quick.refunds.held(refund.id)
    assert (moved.status, moved.refunded_at) == (RefundStatus.REFUNDED, to_micros(NOW))


async def test_a_notice_about_another_sum_moves_nothing_and_one_about_no_refund_is_nobodys(quick):
    _, refund = await confirmed(quick)
    other = RefundAnswer(
        reference=refund.reference or "", code=CODE, amount=refund.amount + 1, state=RefundState.REFUNDED
    )
    await tell(quick, refund, other)
    assert (await quick.refunds.held(refund.id)).status is RefundStatus.CONFIRMED
    await tell(quick, refund, other.model_copy(update={"amount": refund.amount, "state": RefundState.FILED}))
    await tell(quick, refund, other)
    assert (await quick.refunds.held(refund.id)).status is RefundStatus.FILED
    assert await tell(quick, refund, None, "R0") is None


async def test_a_refund_names_the_bill_that_it_is_about(quick):
    _, refund = await confirmed(quick)
    record = await quick.store.read(lambda conn: operation_records.fetch(conn, refund.operation_id))
    code = await quick.store.read(lambda conn: payment_records.by_code(conn, "nontax", CODE))
    assert code is not None
    assert quick.delivery.request_of(record).bill_reference == code.reference
