"""Cash at the console on a real store: what a list finds and Today counts, and what one bill is asked over."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from money_bench import Bench
from sqlalchemy import insert, update

from gateway.foundation.access import Principal
from gateway.foundation.access.tables import authority as authority_table
from gateway.foundation.access.tables import operator
from gateway.foundation.rooms import Services
from gateway.foundation.screens import Look, Wanted
from gateway.rooms.cash import forms
from gateway.rooms.cash.screens import SCREEN
from gateway.rooms.cash.service import CashInput
from gateway.rooms.cash.tables import cash_taken
from gateway.rooms.cash.waiting import waiting
from gateway.rooms.decisions import DecisionFacts
from gateway.words.errors import ConflictProblem, InvalidProblem

ME = "opr_1"
SCOPES = frozenset({"payments:read", "payments:write", "evidence:read"})


def look(bench: Bench, *authorities: str, **asked: str) -> Look:
    services = Services()
    services.add(bench.cash)
    who = Principal(ME, "operator", SCOPES, frozenset(authorities or ("A1",)), "张三", "operator")
    return Look(who, bench.base, services, asked)


async def taken(bench: Bench, number: str, officer: str = "张三", authority: str = "A1", **more: Any) -> str:
    facts = {
        "procedure": "simple",
        "party": {"kind": "individual_business", "name": "味安副食店", "uscc": "92990102MA0WA4562J"},
        "violation": "占道经营",
        "facts": "占道",
        "basis": "条例",
        "penalty_kinds": ["罚款"],
        "content": "罚款",
        "fine": "50.00",
        "decided_on": "2026-09-14",
    }
    await bench.decisions.put(authority, number, DecisionFacts.model_validate(facts), by="test")
    known = {"authority": authority, "decision_number": number, "amount": "50.00", "ground": "small"}
    known |= {"receipt_number": f"R-{number[:-1]}", "officer": officer, "taken_on": "2026-09-15", **more}
    return await bench.cash.take(CashInput.model_validate(known))


async def four(bench: Bench) -> dict[str, str]:
    """One in an officer's hand, one of another officer, one on the water, one handed in."""
    made = {
        "taken": await taken(bench, "1号"),
        "other": await taken(bench, "2号", "李四"),
        "afloat": await taken(bench, "3号", on_water=True),
        "handed": await taken(bench, "4号"),
    }
    await bench.cash.hand_in(made["handed"], date(2026, 9, 15))
    known = {"id": ME, "login": "zhang", "name": "张三", "role": "operator", "password": b"", "created_at": 1}
    await bench.store.write(lambda conn: conn.execute(insert(operator), known))
    await bench.base.desk.assign(made["other"], ME)
    return made


async def listed(bench: Bench, **asked: str) -> set[str | None]:
    assert SCREEN.lists is not None
    return {row.id for row in (await SCREEN.lists.find(look(bench, **asked), Wanted())).rows}


@pytest.mark.both_databases
async def test_each_filter_finds_its_cash_and_no_other(bench):
    made = await four(bench)
    for asked, names in (
        ({}, "taken other afloat handed"),
        ({"status": "TAKEN"}, "taken other afloat"),
        ({"number": "2号"}, "other"),
        ({"number": "Ｒ-4"}, "handed"),
        ({"officer": "李四"}, "other"),
        ({"officer": "李"}, ""),
        ({"due": "soon"}, "taken other handed"),
        ({"due": "late"}, ""),
        ({"due": "afloat"}, "afloat"),
        ({"whose": "mine"}, "other"),
        ({"authority": "A2"}, ""),
    ):
        assert await listed(bench, **asked) == {made[one] for one in names.split()}, asked
    assert SCREEN.lists is not None
    for asked in ({"number": "1号"}, {"number": "R-1"}, {"officer": "张三"}, {"status": "TAKEN"}, {}):
        of_others = await SCREEN.lists.find(look(bench, "A2", **asked), Wanted())
        assert (of_others.rows, of_others.total) == ([], 0), f"another authority's cash by {asked}"
    bench.clock.set(bench.clock.now().replace(day=18))
    assert await listed(bench, due="late") == {made["taken"], made["other"], made["handed"]}


async def test_a_number_of_decision_and_receipt_alike_finds_its_cash_once(quick):
    cash_id = await taken(quick, "R-5", receipt_number="R-5")
    assert SCREEN.lists is not None
    found = await SCREEN.lists.find(look(quick, number="R-5"), Wanted())
    assert ([row.id for row in found.rows], found.total) == ([cash_id], 1)


async def test_today_counts_what_its_lists_show_by_the_first_last_day(quick):
    await four(quick)
    for one in await waiting(look(quick)):
        if one.number:
            assert one.to is not None
            assert len(await listed(quick, **one.to.asked)) == one.number
    found = {tuple(one.to.asked.values()): (one.number, one.due, one.tone) for one in await waiting(look(quick))}
    assert found == {
        ("TAKEN",): (3, date(2026, 9, 17), "plain"),
        ("HANDED_IN",): (1, date(2026, 9, 17), "plain"),
        ("BILLED",): (0, None, "plain"),
        ("mine",): (1, None, "warn"),
    }
    quick.clock.set(quick.clock.now().replace(day=18))
    assert [one.tone for one in await waiting(look(quick))][:2] == ["bad", "bad"], "their last day is over"
    assert not any(one.number for one in await waiting(look(quick, "A2")))


async def test_one_bill_is_asked_over_what_was_seen_and_of_one_authority(quick):
    made = [await taken(quick, f"{number}号") for number in (1, 2, 3)]
    for one in made:
        await quick.cash.hand_in(one, date(2026, 9, 16))
    first = await forms.remit_form(look(quick), "-")
    assert set(first.fields[0].value.split()) == set(made), "all of it, unless somebody takes some out"
    assert (await forms.remit_form(look(quick), made[1])).fields[0].value == made[1], "from its own page it alone"
    two = " ".join(made[:2])
    seen = (await forms.remit_form(look(quick, cash=two), "-")).seen
    for asked in ({"seen": seen, "cash": " ".join(made)}, {"seen": seen, "cash": made[0]}, {"seen": "", "cash": two}):
        with pytest.raises(ConflictProblem):
            await forms.remit(look(quick, **asked), "-")
    await quick.store.write(lambda conn: conn.execute(update(cash_taken).values(updated_at=1)))
    with pytest.raises(ConflictProblem):
        await forms.remit(look(quick, seen=seen, cash=two), "-")
    with pytest.raises(ConflictProblem):
        await forms.remit_form(look(quick, "A2", cash=two), "-")


async def test_cash_of_two_authorities_is_no_one_bill(quick):
    other = {"code": "A2", "name": "青禾镇", "uscc": "11990102MB0000012R", "created_at": 1}
    await quick.store.write(lambda conn: conn.execute(insert(authority_table), other))
    made = [await taken(quick, "1号"), await taken(quick, "1号", authority="A2")]
    for one in made:
        await quick.cash.hand_in(one, date(2026, 9, 16))
    with pytest.raises(InvalidProblem):
        await forms.remit_form(look(quick, "A1", "A2", cash=" ".join(made)), "-")
    only = await forms.remit_form(look(quick, "A1", cash=made[0]), "-")
    assert only.seen, "of one it is"
