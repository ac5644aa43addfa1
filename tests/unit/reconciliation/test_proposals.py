"""Two people about the money of a break: give it back, or say whose it is; nothing moves before the second one."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from money_bench import CODE, DOCUMENTS, NOW, PAYEE, Bench, bench
from sqlalchemy import Connection, insert, select

from gateway.foundation.delivery.tables import event
from gateway.foundation.two_persons import Person, TwoPersons
from gateway.rooms.payments import records as payment_records
from gateway.rooms.payments.records import Unforeseen
from gateway.rooms.payments.tables import collection
from gateway.rooms.reconciliation import (
    Ask,
    Break,
    BreakKind,
    Breaks,
    BreakState,
    Proposals,
    ProposalState,
    Run,
    RunState,
    Side,
    break_records,
    proposal_records,
    run_records,
)
from gateway.rooms.refunds.proposals import Resolution
from gateway.rooms.refunds.states import RefundStatus, WayOut
from gateway.rooms.refunds.unforeseen_money import Exceptions
from gateway.words.clock import to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem

__all__ = ["bench"]

LI, WANG = Person("opr_li", "李强", operator=True), Person("opr_wang", "王敏", operator=True)
KEY = Person("cli_1", "办案系统", operator=False)
DAY, STRAY = date(2026, 9, 16), "99010226309999999901"
REFUND = Ask("refund", "重复缴款,应退", payee=PAYEE, documents=DOCUMENTS)


class Room:
    """Proposals over the rooms of money."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.store = bench, bench.store
        self.breaks = Breaks(bench.store, bench.events, bench.clock)
        self.exceptions = Exceptions(bench.base, bench.refunds)
        base: Any = SimpleNamespace(**vars(bench), two_persons=TwoPersons(bench.envelope, bench.clock))
        self.proposals = Proposals(base, self.breaks, self.exceptions, bench.payments.quoted)
        bench.events.subscribe("payment.exception_resolved", self.proposals.exception_resolved)
        bench.events.subscribe("payment.exception_reopened", self.proposals.exception_reopened)

    async def broken(self, kind: BreakKind, code: str = CODE, serial: str = "S2", **more: Any) -> Break:
        """A break as a run would have kept it."""
        known: dict[str, Any] = {"side": Side.PLATFORM, "theirs": 500000, "authority": "A1", "payment_id": None}
        run = Run("rec_1", "nontax", known["side"], DAY, RunState.DONE, None, None, False, "x", 1)
        one = Break(
            id=f"brk_{kind.value}",
            channel="nontax",
            day_on=DAY,
            kind=kind,
            code=code,
            bank_serial=serial,
            ours=None,
            state=BreakState.OPEN,
            run_id=run.id,
            opened_at=to_micros(NOW),
            closed_at=None,
            closed_by=None,
            reason=None,
            **{**known, **more},
        )

        def unit(conn: Connection) -> None:
            run_records.add(conn, run)
            break_records.add(conn, one)

        await self.store.write(unit)
        return one

    async def twice(self) -> Break:
        """A fine that was paid twice, and the break that names the second sum."""
        payment_id = await self.bench.paid(500000, 500000)
        return await self.broken(BreakKind.PAID_TWICE, payment_id=payment_id)

    async def confirm(self, proposal_id: str, by: Person, seen: str | None = None) -> Break:
        """This person's word on what they see now, unless they saw something else."""
        shown = await self.proposals.view(proposal_id)
        return await self.proposals.confirm(proposal_id, by=by, seen=seen or shown.seen or "e30", wait=0)

    async def state(self, known: Break) -> BreakState:
        return (await self.breaks.held(known.id)).state

    async def told(self) -> list[str]:
        query = select(event.c.type).where(event.c.type.like("break.%")).order_by(event.c.seq)
        return await self.store.read(lambda conn: list(conn.execute(query).scalars()))


@pytest.fixture
def room(bench: Bench) -> Room:
    return Room(bench)


async def refused(asked: Any) -> str:
    with pytest.raises(ConflictProblem) as caught:
        await asked
    return caught.value.type


@pytest.mark.both_databases
async def test_a_refund_is_proposed_by_one_and_confirmed_by_another_who_closes_the_break(room: Room) -> None:
    known = await room.twice()
    made = await room.proposals.propose(known.id, REFUND, by=LI)
    assert (made.state, made.action, made.proposed_name) == (ProposalState.PROPOSED, "refund", LI.name)
    assert (made.refund_status, made.payment_id) == (RefundStatus.PROPOSED, None)
    assert (await room.proposals.view(made.id)).proposal == made
    assert await refused(room.proposals.propose(known.id, REFUND, by=WANG)) == "already-proposed"
    assert await refused(room.confirm(made.id, LI)) == "second-person-needed"
    assert await room.state(known) is BreakState.OPEN
    closed = await room.confirm(made.id, WANG)
    assert (closed.state, closed.closed_by) == (BreakState.RESOLVED, WANG.name)
    assert closed.reason is not None
    assert "重复缴款,应退 (提出 李强, 复核 王敏)" in closed.reason
    (confirmed,) = await room.proposals.of_break(known.id)
    assert (confirmed.state, confirmed.proposal.confirmed_by) == (ProposalState.CONFIRMED, WANG.id)
    assert confirmed.seen is None
    assert await refused(room.confirm(made.id, WANG)) == "not-proposed"
    assert await refused(room.proposals.withdraw(made.id, by=LI)) == "not-proposed"
    assert await refused(room.proposals.propose(known.id, REFUND, by=LI)) == "break-not-open"
    assert await room.told() == ["break.proposed", "break.closed"]


async def test_a_withdrawn_proposal_takes_its_refund_with_it_and_makes_room_for_another(room: Room) -> None:
    known = await room.twice()
    made = await room.proposals.propose(known.id, REFUND, by=LI)
    await room.proposals.withdraw(made.id, by=LI)
    gone = (await room.proposals.view(made.id)).proposal
    assert (gone.state, gone.refund_status) == (ProposalState.WITHDRAWN, RefundStatus.DISMISSED)
    assert await room.state(known) is BreakState.OPEN
    again = await room.proposals.propose(known.id, REFUND, by=WANG)
    assert [one.id for one in await room.proposals.of_break(known.id)] == [made.id, again.id]


async def test_what_two_people_say_at_the_exception_resolves_the_break(room: Room) -> None:
    known = await room.twice()

    def undecided(conn: Connection) -> Unforeseen:
        money = payment_records.collection_of(conn, "nontax", CODE, "S2")
        assert money is not None
        odd = payment_records.unresolved_exception(conn, money.id)
        assert odd is not None
        return odd

    odd = await room.store.read(undecided)
    await room.exceptions.propose(odd.id, Resolution(WayOut.REFUND, "退回", PAYEE, DOCUMENTS), by=LI)
    await room.bench.agree(odd.id, WANG)
    closed = await room.breaks.held(known.id)
    assert (closed.state, closed.closed_by) == (BreakState.RESOLVED, WANG.name)


async def test_money_on_a_strange_code_is_attributed_by_two_and_pays_the_bill(room: Room) -> None:
    payment_id = await room.bench.paid(500000)
    known = await room.broken(BreakKind.UNKNOWN_CODE, STRAY, "S9", authority="", theirs=700)
    values = {"id": "col_9", "channel": "nontax", "code": STRAY, "bank_serial": "S9", "amount": 700}
    when = {"paid_at": to_micros(NOW), "received_at": to_micros(NOW), "source": "statement", "pay_mode": "unknown"}
    await room.store.write(lambda conn: conn.execute(insert(collection), {**values, **when}))
    assert await refused(room.proposals.propose(known.id, REFUND, by=LI)) == "money-without-owner"
    made = await room.proposals.propose(known.id, Ask("attribute", "输错一位", payment_id), by=LI)
    closed = await room.confirm(made.id, WANG)
    assert (closed.state, closed.payment_id, closed.authority) == (BreakState.RESOLVED, payment_id, "A1")
    money = await room.store.read(lambda conn: payment_records.collection_of(conn, "nontax", STRAY, "S9"))
    assert money is not None
    assert money.payment_id == payment_id


@pytest.mark.parametrize(
    "ask",
    [
        Ask("attribute", "认领"),
        Ask("refund", "退回", "pay_1"),
        Ask("attribute", "认领", "pay_1", PAYEE),
        Ask("refund", "  "),
    ],
)
@pytest.mark.cases_by_day(3)
async def test_words_that_do_not_belong_together_are_refused(room: Room, ask: Ask) -> None:
    with pytest.raises(InvalidProblem):
        await room.proposals.propose("brk_1", ask, by=LI)


async def test_only_money_that_could_move_is_proposed_about(room: Room) -> None:
    payment_id = await room.bench.paid(500000)
    at_bank = await room.broken(BreakKind.AMOUNT_DIFFERS, serial="S1", side=Side.BANK)
    assert await refused(room.proposals.propose(at_bank.id, REFUND, by=LI)) == "no-money"
    owned = Ask("attribute", "认领", payment_id)
    assert await refused(room.proposals.propose(at_bank.id, owned, by=LI)) == "money-has-an-owner"
    for asked in (
        room.proposals.propose("brk_none", REFUND, by=LI),
        room.proposals.confirm("act_none", by=LI, seen="e30"),
        room.proposals.withdraw("act_none", by=LI),
        room.proposals.view("act_none"),
    ):
        with pytest.raises(NotFoundProblem):
            await asked
    assert await room.store.read(lambda conn: proposal_records.of_break(conn, at_bank.id)) == []


async def test_money_that_pays_its_bill_does_not_go_back_through_a_break(room: Room) -> None:
    payment_id = await room.bench.paid(500000)
    healed = await room.broken(BreakKind.PLATFORM_ONLY, serial="S1", payment_id=payment_id)
    assert await refused(room.proposals.propose(healed.id, REFUND, by=LI)) == "money-pays-its-bill"
