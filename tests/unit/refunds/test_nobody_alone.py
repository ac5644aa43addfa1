"""Whatever two operators, a supervisor and a case system's key do at whichever door: nobody alone moves money."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import pytest
from by_day import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from money_bench import DOCUMENTS, KEY, ONE, OTHER, PAYEE, THIRD, Bench
from sqlalchemy import Connection, update
from sqlalchemy.exc import IntegrityError

from gateway.foundation.crypto.sm import sm3
from gateway.foundation.two_persons import Part, Person
from gateway.rooms.payments.states import ExceptionState
from gateway.rooms.payments.tables import payment
from gateway.rooms.refunds import records as refund_records
from gateway.rooms.refunds.proposals import DocumentInput, Payee, Resolution
from gateway.rooms.refunds.states import RefundStatus, WayOut
from gateway.rooms.refunds.tables import refund
from gateway.words.errors import ConflictProblem, InvalidProblem, Problem

THIEF = Payee(name="陆某", account="6222999999999999", bank="别处银行")
PAYEES = (PAYEE, THIEF)
NAMELESS = Person(KEY.id, KEY.name, operator=False)
PEOPLE = (ONE, OTHER, THIRD, KEY)


def another(number: int) -> DocumentInput:
    """A document that none of the others is."""
    return DocumentInput(kind="loss_statement", reference=f"{number}号", digest=sm3(str(number).encode()).hex())


async def test_whoever_names_the_payee_takes_part_and_nobody_is_forgotten(quick):
    """The thief's way: have somebody else's proposal, put one's own account in, and confirm."""
    payment_id = await quick.paid(100_00)
    refund_id = await quick.refunds.propose(payment_id, quick.proposal(payee=None), by=ONE)
    await quick.refunds.name_payee(refund_id, THIEF, by=OTHER)
    shown = await quick.refunds.held(refund_id)
    assert (shown.proposed_by, shown.proposed_name) == (ONE.id, ONE.name)
    for who in (ONE, OTHER):
        with pytest.raises(ConflictProblem) as refused:
            await quick.confirm(refund_id, who)
        assert refused.value.type == "second-person-needed"
    await quick.confirm(refund_id, THIRD)
    assert (await quick.refunds.held(refund_id)).status is RefundStatus.CONFIRMED


async def test_a_payee_that_is_swapped_between_look_and_word_is_named(quick):
    payment_id = await quick.paid(100_00)
    refund_id = await quick.refunds.propose(payment_id, quick.proposal(), by=ONE)
    seen = await quick.seen(refund_id)
    await quick.refunds.name_payee(refund_id, THIEF, by=ONE)
    await quick.refunds.add_document(refund_id, another(1), by=ONE)
    with pytest.raises(ConflictProblem) as refused:
        await quick.refunds.confirm(refund_id, by=OTHER, seen=seen)
    problem = refused.value
    assert (problem.status, problem.type, problem.extra["changed"]) == (
        409,
        "changed-since-seen",
        ["documents", "payee"],
    )
    await quick.refunds.name_payee(refund_id, PAYEE, by=ONE)  # the same as before, in another envelope
    with pytest.raises(ConflictProblem) as refused:
        await quick.refunds.confirm(refund_id, by=OTHER, seen=seen)
    assert refused.value.extra["changed"] == ["documents"]
    with pytest.raises(InvalidProblem):
        await quick.refunds.confirm(refund_id, by=OTHER, seen="looks good to me")


async def test_another_way_out_between_look_and_word_is_named(quick):
    payment_id = await quick.paid(100_00, 100_00)
    (odd,) = await quick.unforeseen(payment_id)
    await quick.exceptions.propose(odd.id, Resolution(WayOut.KEEP, "当事人同意入库"), by=ONE)
    seen = (await quick.exceptions.view(odd.id)).seen or ""
    await quick.exceptions.propose(odd.id, Resolution(WayOut.RETURNED_BY_PLATFORM, "平台已退回"), by=ONE)
    with pytest.raises(ConflictProblem) as refused:
        await quick.exceptions.confirm(odd.id, by=OTHER, seen=seen)
    assert refused.value.extra["changed"] == ["reason", "resolution", "time"]
    with pytest.raises(Problem) as refused_key:
        await quick.exceptions.propose(odd.id, Resolution(WayOut.KEEP, "入库"), by=KEY)
    assert (refused_key.value.status, refused_key.value.type) == (403, "operator-needed")


async def test_a_case_system_is_no_person_and_names_its_officer(quick):
    payment_id = await quick.paid(100_00)
    with pytest.raises(InvalidProblem) as refused:
        await quick.refunds.propose(payment_id, quick.proposal(), by=NAMELESS)
    assert refused.value.field == "officer"
    refund_id = await quick.refunds.propose(payment_id, quick.proposal(), by=KEY)
    with pytest.raises(Problem) as refused_key:
        await quick.confirm(refund_id, KEY)
    assert (refused_key.value.status, refused_key.value.type) == (403, "operator-needed")
    await quick.confirm(refund_id, ONE)
    await quick.confirm(refund_id, ONE)
    shown = await quick.refunds.view(refund_id)
    assert (shown.refund.status, shown.confirmations, shown.officer) == ("PROPOSED", (ONE.name,), KEY.officer)
    await quick.refunds.add_document(refund_id, another(1), by=KEY)  # so what was agreed to counts no more
    assert (await quick.refunds.view(refund_id)).confirmations == ()
    await quick.confirm(refund_id, OTHER)
    assert (await quick.refunds.held(refund_id)).status is RefundStatus.PROPOSED
    with pytest.raises(ConflictProblem):
        await quick.refunds.name_payee(refund_id, THIEF, by=OTHER)
    await quick.confirm(refund_id, ONE)
    assert (await quick.refunds.held(refund_id)).status is RefundStatus.CONFIRMED


async def test_the_database_knows_who_takes_part(bench):
    payment_id = await bench.paid(100_00)
    refund_id = await bench.refunds.propose(payment_id, bench.proposal(payee=None), by=ONE)
    await bench.refunds.name_payee(refund_id, THIEF, by=OTHER)
    for who in (OTHER, THIRD, KEY):  # one who named, and two who never said a word
        alone = {"status": "CONFIRMED", "confirmed_by": who.id, "confirmed_side": "confirming"}
        with pytest.raises(IntegrityError):
            await bench.store.write(lambda conn, alone=alone: conn.execute(update(refund).values(**alone)).rowcount)


_BEGIN = st.tuples(st.sampled_from(["propose", "way out"]), st.sampled_from(PEOPLE), st.integers(0, 5))
_WORDS = ("look", "confirm", "confirm at the exception", "look and confirm", "look and confirm at the exception")
_DEEDS = ("payee", "document", "way out", "propose", "dismiss")
_STEP = st.tuples(st.sampled_from(_WORDS + _DEEDS), st.sampled_from(PEOPLE), st.integers(0, 5))


class Room:
    """The doors of refunds and exceptions, and what each person saw last."""

    def __init__(self, bench: Bench, payment_id: str, odd_id: str) -> None:
        self.bench, self.payment_id, self.odd_id = bench, payment_id, odd_id
        self.seen: dict[str, tuple[str, Payee | None]] = {}

    async def act(self, step: str, who: Person, value: int) -> None:
        """One person at one door. Raises Problem."""
        refunds, exceptions = self.bench.refunds, self.bench.exceptions
        live = await self.live()
        if step.startswith("look"):
            await self.look(who, live)
        match step.removeprefix("look and "):
            case "propose":
                payee = None if value == 0 else PAYEES[value % 2]
                await refunds.propose(self.payment_id, self.bench.proposal("paid_twice", payee=payee), by=who)
            case "way out":
                way_out = WayOut.REFUND if value < 3 else list(WayOut)[value % 3]
                more: dict[str, Any] = {"payee": PAYEES[value % 2], "documents": DOCUMENTS}
                ask = Resolution(way_out, "说明", **(more if way_out is WayOut.REFUND else {}))
                await exceptions.propose(self.odd_id, ask, by=who)
            case "payee" if live:
                await refunds.name_payee(live[0].id, PAYEES[value % 2], by=who)
            case "document" if live:
                await refunds.add_document(live[0].id, another(value), by=who)
            case "confirm" if live and who.id in self.seen:
                await refunds.confirm(live[0].id, by=who, seen=self.seen[who.id][0], wait=0)
                await self.is_what_was_seen(who)
            case "confirm at the exception" if who.id in self.seen:
                await exceptions.confirm(self.odd_id, by=who, seen=self.seen[who.id][0], wait=0)
                await self.is_what_was_seen(who)
            case "dismiss" if live:
                await refunds.dismiss(live[0].id, "不退", by=who)

    async def look(self, who: Person, live: Sequence[refund_records.Refund]) -> None:
        """What the view of the exception shows, and whose account the refund names."""
        shown = (await self.bench.exceptions.view(self.odd_id)).seen
        if shown is not None:
            self.seen[who.id] = shown, (await self.bench.refunds.view(live[0].id)).payee if live else None

    async def is_what_was_seen(self, who: Person) -> None:
        """Whoever has just confirmed a refund saw the account to which it goes."""
        for one in await self.live():
            assert (await self.bench.refunds.view(one.id)).payee == self.seen[who.id][1]

    async def live(self) -> Sequence[refund_records.Refund]:
        """The refund that goes back or may."""
        known = await self.bench.store.read(lambda conn: refund_records.of_payment(conn, self.payment_id))
        return [one for one in known if one.status in (RefundStatus.PROPOSED, RefundStatus.CONFIRMED)]


@settings(max_examples=examples(10, 60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(begin=_BEGIN, steps=st.lists(_STEP, min_size=3, max_size=20))
async def test_whatever_they_do_two_operators_agree_to_what_they_saw_before_money_leaves(quick, begin, steps):
    def wipe(conn: Connection) -> None:
        for table in ("refund_document", "refund", "payment_exception", "collection", "payment_code", "payment_line"):
            conn.exec_driver_sql(f"delete from {table}")
        conn.execute(payment.delete())

    await quick.store.write(wipe)
    quick.delivery.node.stopping = True  # what is confirmed has not left
    payment_id = await quick.paid(100_00, 100_00)
    room = Room(quick, payment_id, (await quick.unforeseen(payment_id))[0].id)
    for step, who, value in [begin, *steps]:
        with contextlib.suppress(Problem):
            await room.act(step, who, value)
        await nobody_alone(quick, room)


async def nobody_alone(bench: Bench, room: Room) -> None:
    """What is confirmed has two operators in it, no key, and none of them on both sides."""
    odd = await bench.exceptions.held(room.odd_id)
    assert (odd.state is ExceptionState.RESOLVED) == (odd.confirmed_by is not None)
    assert odd.confirmed_by not in (odd.proposed_by if odd.confirmed_by else 0, KEY.id)
    for one in await bench.store.read(lambda conn: refund_records.of_payment(conn, room.payment_id)):
        refund_id = one.id
        those = await bench.store.read(lambda conn, of=refund_id: bench.base.two_persons.participants(conn, of))
        confirmed = {each.person for each in those if each.part is Part.CONFIRMED}
        taking = {each.person for each in those if each.part is not Part.CONFIRMED}
        assert not confirmed & taking
        assert KEY.id not in confirmed
        if one.origin == "platform" or one.confirmed_by is None:
            assert one.status in (RefundStatus.PROPOSED, RefundStatus.DISMISSED, RefundStatus.REFUNDED)
            continue
        assert one.confirmed_by in confirmed
        assert len((confirmed | taking) - {KEY.id}) >= 2
