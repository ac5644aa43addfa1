"""Doubt that people end: two of them where money moves, with an answer that passes the checks of one from outside."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from by_day import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError

from gateway.foundation.delivery import Absent, Action, Done, Parked, Resolutions
from gateway.foundation.delivery.tables import (
    operation,
    resolution,
)
from gateway.foundation.two_persons import Person, TwoPersons
from gateway.ports.base import FindGuarantee
from gateway.ports.nontax import Cancelled, FindRequest
from gateway.words.errors import (
    ConflictProblem,
    ContractError,
    InvalidProblem,
    OutcomeUnknownError,
    Problem,
    RejectedError,
)


def _bench_module():
    """The engine's bench, which lives in the test beside this one."""
    name = "test_engine_bench"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("test_engine.py"))
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


ANNA = Person("opr_anna", "安娜", operator=True)
BORIS = Person("opr_boris", "李波", operator=True)
VERA = Person("opr_vera", "薇拉", operator=True)
KEY = Person("cli_1", "办案系统", operator=False)


def check(request: FindRequest, answer: Cancelled) -> None:
    if answer.code != request.reference:
        raise ContractError("another bill")


@pytest.fixture
async def parked(store, tmp_path):
    """A bench with one operation whose outcome nobody could find out, and the people's desk."""
    bench = _bench_module().Bench(store, tmp_path, FindGuarantee(settle_seconds=5))
    known = bench.delivery.action("test.effect")
    bench.delivery.node.actions["test.effect"] = Action(
        **{**known.__dict__, "check": check}  # the same, with a check of its answers
    )
    bench.renewed = []
    bench.desk = Resolutions(store, bench.delivery, TwoPersons(bench.envelope, bench.clock), bench.envelope)
    bench.desk.renews("test.effect", lambda conn, old, request, new: bench.renewed.append((old.id, new.id)))
    await bench.delivery.start()
    bench.side.calls = [OutcomeUnknownError("reset")]
    bench.side.finds = [RejectedError("no permission", "9")]
    bench.operation = await bench.send()
    await bench.until(bench.operation, "parked")
    bench.reference = (await bench.row(bench.operation)).reference
    yield bench
    await bench.delivery.stop()


async def seen(bench, of=None):
    """What the view of an operation shows as seen now."""
    of = of or bench.operation
    return bench.desk.seen(await bench.desk.of(of), await bench.row(of))


async def test_what_happened_counts_only_when_a_second_person_confirms(parked):
    said = await parked.desk.propose(
        parked.operation, ANNA, happened=True, reason="电话核实", answer={"code": parked.reference}
    )
    assert not said.applied
    assert (await parked.row(parked.operation)).state == "parked"
    assert parked.desk.answer_of(said)["code"] == parked.reference
    with pytest.raises(Problem, match="somebody else") as refused:
        await parked.desk.confirm(parked.operation, ANNA, seen=await seen(parked))
    assert (refused.value.status, refused.value.type) == (409, "second-person-needed")
    said = await parked.desk.confirm(parked.operation, BORIS, seen=await seen(parked))
    assert await seen(parked) is None
    assert (said.proposed_by, said.confirmed_by, said.applied) == (ANNA.id, BORIS.id, True)
    row = await parked.row(parked.operation)
    assert row.state == "done"
    assert row.resolution_id == said.id
    assert parked.told[-1] == Done(Cancelled(code=parked.reference), found=True)
    assert parked.side.effects == []


async def test_what_did_not_happen_is_sent_again_as_a_new_operation_linked_to_the_old(parked):
    await parked.desk.propose(parked.operation, ANNA, happened=False, reason="平台无此单")
    await parked.desk.confirm(parked.operation, BORIS, seen=await seen(parked))
    old = await parked.row(parked.operation)
    assert (old.state, old.code) == ("rejected", "did-not-happen")
    ((was, again),) = parked.renewed
    assert was == parked.operation
    new = await parked.until(again, "done")
    assert new.rerun_of == parked.operation
    assert new.reference != parked.reference
    assert parked.side.effects == [new.reference]
    assert [type(one) for one in parked.told] == [
        type(parked.told[0]), Parked, Absent, Done,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "field"),
    [(None, "answer"), ({}, "answer.code"), ({"code": "another"}, "answer"), ({"code": 1, "x": 2}, "answer.code")],
)
@pytest.mark.cases_by_day(3)
async def test_an_answer_typed_in_is_held_against_the_same_checks_as_one_from_outside(parked, answer, field):
    with pytest.raises(InvalidProblem) as refused:
        await parked.desk.propose(parked.operation, ANNA, happened=True, reason="r", answer=answer)
    assert refused.value.field == field


async def test_no_case_system_says_what_happened_nor_confirms_or_withdraws_it(parked):
    with pytest.raises(Problem) as refused:
        await parked.desk.propose(parked.operation, KEY, happened=False, reason="r")
    assert (refused.value.status, refused.value.type) == (403, "operator-needed")
    await parked.desk.propose(parked.operation, ANNA, happened=False, reason="r")
    with pytest.raises(Problem) as refused:
        await parked.desk.confirm(parked.operation, KEY, seen=await seen(parked))
    assert refused.value.status == 403
    with pytest.raises(Problem) as refused:
        await parked.desk.withdraw(parked.operation, KEY)
    assert refused.value.status == 403


async def test_what_is_confirmed_is_what_was_seen(parked):
    answer = {"code": parked.reference}
    await parked.desk.propose(parked.operation, ANNA, happened=True, reason="first", answer=answer)
    shown = await seen(parked)
    await parked.desk.withdraw(parked.operation, ANNA)
    await parked.desk.propose(parked.operation, ANNA, happened=False, reason="second")
    with pytest.raises(ConflictProblem) as refused:
        await parked.desk.confirm(parked.operation, BORIS, seen=shown)
    assert refused.value.type == "changed-since-seen"
    assert refused.value.extra["changed"] == ["answer", "happened", "reason"]
    shown = await seen(parked)
    await parked.store.write(lambda conn: conn.execute(update(operation).values(attempt=7)).rowcount)
    with pytest.raises(ConflictProblem, match="attempt"):
        await parked.desk.confirm(parked.operation, BORIS, seen=shown)
    assert (await parked.row(parked.operation)).state == "parked"


DOORS = ("happened", "did not happen", "withdraw", "look", "confirm")
acts = st.tuples(st.sampled_from([ANNA, BORIS, VERA, KEY]), st.sampled_from(DOORS), st.integers(0, 1))


@settings(max_examples=examples(8, 40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(acts, min_size=3, max_size=10))
async def test_through_whatever_doors_nobody_ends_a_doubt_alone(one_store, tmp_path, steps):
    """However words, looks and confirmations of three operators and a key follow each other."""
    bench = _bench_module().Bench(one_store, tmp_path, FindGuarantee(settle_seconds=5))
    desk = bench.desk = Resolutions(one_store, bench.delivery, TwoPersons(bench.envelope, bench.clock), bench.envelope)
    desk.renews("test.effect", lambda *_: None)
    one = await bench.send(claim=False)
    code = (await bench.row(one)).reference
    stuck = update(operation).where(operation.c.id == one).values(state="parked", sent_at=1, doubt_since_at=1)
    await one_store.write(lambda conn: conn.execute(stuck).rowcount)
    shown: list[tuple[str, tuple]] = []
    for person, door, ago in steps:
        before = (await bench.row(one)).state
        try:
            if door == "happened":
                await desk.propose(one, person, happened=True, reason="r", answer={"code": code})
            elif door == "did not happen":
                await desk.propose(one, person, happened=False, reason="r")
            elif door == "withdraw":
                await desk.withdraw(one, person)
            elif door == "look" and (token := await seen(bench, one)) is not None:
                shown.append((token, (await desk.of(one)).happened))
            elif door == "confirm" and shown:
                token, meant = shown[max(0, len(shown) - 1 - ago)]
                said = await desk.confirm(one, person, seen=token)
                assert said.applied
                assert said.happened is meant, "what was confirmed is what was seen"
        except Problem:
            assert (await bench.row(one)).state == before
            continue
        assert door == "look" or door == "confirm" or person.operator
        row = await bench.row(one)
        if row.state != "parked":
            said = await desk.of(one)
            assert {said.proposed_by, said.confirmed_by} <= {ANNA.id, BORIS.id, VERA.id}
            assert said.proposed_by != said.confirmed_by
            assert row.resolution_id == said.id


async def test_one_thing_is_said_at_a_time_and_can_be_taken_back_until_it_counts(parked):
    await parked.desk.propose(parked.operation, ANNA, happened=False, reason="first")
    with pytest.raises(ConflictProblem, match="already"):
        await parked.desk.propose(parked.operation, BORIS, happened=False, reason="second")
    with pytest.raises(Problem, match="only whoever proposed it"):
        await parked.desk.withdraw(parked.operation, BORIS)
    await parked.desk.withdraw(parked.operation, replace(BORIS, supervisor=True))
    await parked.desk.propose(parked.operation, BORIS, happened=False, reason="second")
    shown = await seen(parked)
    await parked.desk.confirm(parked.operation, ANNA, seen=shown)
    with pytest.raises(ConflictProblem, match="only parked"):
        await parked.desk.confirm(parked.operation, BORIS, seen=shown)


async def test_what_needs_no_second_person_counts_at_once(parked):
    await parked.store.write(lambda conn: conn.execute(update(operation).values(two_persons=False)).rowcount)
    said = await parked.desk.propose(
        parked.operation, ANNA, happened=True, reason="r", answer={"code": parked.reference}
    )
    assert said.applied
    assert (await parked.row(parked.operation)).state == "done"


async def test_a_question_is_answered_in_pairs_or_asked_again_but_has_no_effect_that_did_not_happen(parked):
    await parked.store.write(lambda conn: conn.execute(update(operation).values(effectful=False)).rowcount)
    with pytest.raises(ConflictProblem, match="a question") as refused:
        await parked.desk.propose(parked.operation, ANNA, happened=False, reason="r")
    assert "Retry" in refused.value.cure
    said = await parked.desk.propose(
        parked.operation, ANNA, happened=True, reason="r", answer={"code": parked.reference}
    )
    assert not said.applied


async def test_nobody_gives_a_judgement_that_is_our_own(parked):
    known = parked.delivery.action("test.effect")
    parked.delivery.node.actions["test.effect"] = replace(known, by_hand=False)
    with pytest.raises(ConflictProblem, match="judgement") as refused:
        await parked.desk.propose(parked.operation, ANNA, happened=True, reason="r", answer={"code": parked.reference})
    assert refused.value.type == "operation-not-answerable"


async def test_an_effect_whose_room_does_not_know_how_is_not_sent_again(parked):
    parked.desk._renewals.clear()
    with pytest.raises(ConflictProblem, match="cannot be sent again") as refused:
        await parked.desk.propose(parked.operation, ANNA, happened=False, reason="r")
    assert refused.value.type == "operation-not-renewable"


# --- the database itself ----------------------------------------------------------------------------------------------


def a_resolution(bench, **values):
    row = {
        "id": "res_1",
        "operation_id": bench.operation,
        "two_persons": True,
        "happened": False,
        "reason": "r",
        "proposed_by": "a",
        "proposed_at": 1,
        "applied": False,
    }
    return insert(resolution).values(**row | values)


async def refused_by_the_database(bench, *statements):
    def unit(conn):
        for statement in statements:
            conn.execute(statement)

    with pytest.raises(IntegrityError):
        await bench.store.write(unit)


@pytest.mark.both_databases
async def test_the_database_refuses_every_way_around_the_second_person(parked):
    end = update(operation).where(operation.c.id == parked.operation)
    under = end.values(state="done", resolution_id="res_1", resolution_applied=True)
    confirmed = {"confirmed_by": "b", "confirmed_at": 2}
    applied = {"applied": True, "applied_at": 2}
    await refused_by_the_database(parked, end.values(state="done"))
    await refused_by_the_database(parked, end.values(state="rejected"))
    await refused_by_the_database(parked, under)
    await refused_by_the_database(parked, a_resolution(parked, **applied))
    await refused_by_the_database(parked, a_resolution(parked, **confirmed | {"confirmed_by": "a"}, **applied))
    await refused_by_the_database(parked, a_resolution(parked), under)
    await refused_by_the_database(parked, a_resolution(parked, **confirmed), under)
    await refused_by_the_database(parked, a_resolution(parked, two_persons=False, **applied), under)
    await refused_by_the_database(parked, a_resolution(parked, operation_id="opn_other", **confirmed, **applied), under)
    await refused_by_the_database(
        parked, a_resolution(parked), end.values(state="done", resolution_id="res_1", resolution_applied=False)
    )

    def allowed(conn):
        conn.execute(a_resolution(parked, **confirmed, **applied))
        return conn.execute(under).rowcount

    assert await parked.store.write(allowed) == 1
