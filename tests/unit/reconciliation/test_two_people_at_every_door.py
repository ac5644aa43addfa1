"""Whatever operators, a supervisor and a key do at these doors, nobody moves money or opens a month alone."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from by_day import examples
from foundation import foundation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from money_bench import CODE, DOCUMENTS, NOW, PAYEE, Bench
from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.store import Store
from gateway.foundation.two_persons import Part, Person, TwoPersons
from gateway.rooms.decisions import Decisions
from gateway.rooms.reconciliation import (
    Ask,
    Break,
    BreakKind,
    Breaks,
    BreakState,
    Months,
    MonthState,
    Proposals,
    ProposalState,
    Rules,
    Run,
    RunState,
    Side,
    break_records,
    run_records,
)
from gateway.rooms.refunds.states import RefundStatus
from gateway.rooms.refunds.unforeseen_money import Exceptions
from gateway.words.clock import SHANGHAI, ManualClock, to_micros
from gateway.words.errors import Problem

LI = Person("opr_li", "李强", operator=True)
WANG = Person("opr_wang", "王敏", operator=True)
CHIEF = Person("opr_chief", "主管", operator=True)
KEY = Person("cli_1", "办案系统", operator=False)
REFUND = Ask("refund", "重复缴款,应退", payee=PAYEE, documents=DOCUMENTS)
_numbers = itertools.count(1)
BLIND = "e30"  # the token of nothing

people = st.sampled_from([LI, WANG, CHIEF, KEY])
look = st.integers(0, 2)  # how many looks ago: 0 is what stands there now
walks = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@contextmanager
def a_store(template: Path) -> Iterator[tuple[Store, Path]]:
    """A migrated store for one walk, and a folder for its keys."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(template, folder / "gateway.db")
        opened = Store.open(f"sqlite:///{folder / 'gateway.db'}")
        try:
            yield opened, folder
        finally:
            opened.close()


@pytest.fixture
def template(_migrated_sqlite: Path) -> Path:
    """A migrated database, to be copied."""
    return _migrated_sqlite


@pytest.fixture
def base(template: Path) -> Iterator[Foundation]:
    """What months stand on; each walk has a channel of its own."""
    with a_store(template) as (store, folder):
        yield foundation(store, folder, ManualClock(datetime(2026, 7, 1, 9, 0, tzinfo=SHANGHAI)))


@dataclass
class Doors:
    """A fine that was paid twice, its break, and everything that can be said about it."""

    bench: Bench
    breaks: Breaks
    proposals: Proposals
    looks: list[str] = field(default_factory=list)
    namers: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    async def open(cls, store: Store, folder: Path) -> Doors:
        bench = Bench(store, folder)
        await bench.open()
        base: Any = SimpleNamespace(**vars(bench), two_persons=TwoPersons(bench.envelope, bench.clock))
        breaks = Breaks(store, bench.events, bench.clock)
        exceptions = Exceptions(base, bench.refunds)
        proposals = Proposals(base, breaks, exceptions, bench.payments.quoted)
        bench.events.subscribe("payment.exception_resolved", proposals.exception_resolved)
        bench.events.subscribe("payment.exception_reopened", proposals.exception_reopened)
        payment_id = await bench.paid(500000, 500000)
        day = date(2026, 9, 16)
        run = Run("rec_1", "nontax", Side.PLATFORM, day, RunState.DONE, None, None, False, "x", 1)
        one = Break(
            id="brk_1",
            channel="nontax",
            side=Side.PLATFORM,
            day_on=day,
            kind=BreakKind.PAID_TWICE,
            code=CODE,
            bank_serial="S2",
            authority="A1",
            payment_id=payment_id,
            ours=None,
            theirs=500000,
            state=BreakState.OPEN,
            run_id=run.id,
            opened_at=to_micros(NOW),
            closed_at=None,
            closed_by=None,
            reason=None,
        )

        def unit(conn: Connection) -> None:
            run_records.add(conn, run)
            break_records.add(conn, one)

        await store.write(unit)
        return cls(bench, breaks, proposals)

    async def act(self, what: str, who: Person, ago: int) -> None:
        """Do one thing, or be refused."""
        waiting = [one for one in await self.proposals.of_break("brk_1") if one.state is ProposalState.PROPOSED]
        one = waiting[0] if waiting else None
        if what == "propose":
            await self.proposals.propose("brk_1", REFUND, by=who)
        elif what == "explain":
            await self.breaks.resolve("brk_1", "已核实", by=who)
        elif one is None:
            return
        elif what == "withdraw":
            await self.proposals.withdraw(one.id, by=who)
        elif what == "name":
            payee = PAYEE.model_copy(update={"name": who.name})
            await self.bench.refunds.name_payee(one.proposal.refund_id or "", payee, by=who)
            self.namers.setdefault(one.id, set()).add(who.id)
        elif what == "look":
            self.looks.append(one.seen or "")
        else:
            seen = [BLIND, *self.looks, one.seen or ""][-1 - min(ago, len(self.looks) + 1)]
            await self.proposals.confirm(one.id, by=who, seen=seen, wait=0)
            assert seen == one.seen, "what was confirmed is what was there"
            assert who.operator
            assert who.id not in {one.proposal.proposed_by, *self.namers.get(one.id, ())}

    async def check(self) -> None:
        """What has moved was proposed by one operator and confirmed by another."""
        known = await self.breaks.held("brk_1")
        confirmed = 0
        for one in await self.proposals.of_break("brk_1"):
            said = one.proposal
            moved = said.refund_status not in (RefundStatus.PROPOSED, RefundStatus.DISMISSED)
            assert moved == (one.state is ProposalState.CONFIRMED)
            assert (one.seen is None) == (one.state is not ProposalState.PROPOSED)
            confirmed += moved
            if moved:
                assert said.confirmed_by not in (None, KEY.id, said.proposed_by)
                assert known.state is BreakState.RESOLVED
        assert confirmed <= 1
        assert known.closed_by != KEY.name


@settings(walks, max_examples=examples(3, 12))
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["propose", "look", "name", "confirm", "withdraw", "explain"]), people, look),
        max_size=8,
    )
)
def test_nobody_moves_the_money_of_a_break_alone(template: Path, steps: list[tuple[str, Person, int]]) -> None:
    async def walk(store: Store, folder: Path) -> None:
        doors = await Doors.open(store, folder)
        for what, who, ago in [("propose", LI, 0), *steps]:
            refused = None
            try:
                await doors.act(what, who, ago)
            except Problem as problem:
                refused = problem.status
            assert refused in (None, 403, 409)
            await doors.check()

    with a_store(template) as (store, folder):
        asyncio.run(walk(store, folder))


@settings(walks, max_examples=examples(8, 40))
@given(steps=st.lists(st.tuples(st.sampled_from(["close", "ask", "confirm"]), people, st.booleans()), max_size=8))
def test_nobody_opens_a_month_alone(base: Foundation, steps: list[tuple[str, Person, bool]]) -> None:
    months, channel = Months(base, Rules().window, Decisions(base).clocks_of), f"channel-{next(_numbers)}"

    def matched(conn: Connection) -> None:
        for number in range(1, 31):
            day, id = date(2026, 6, number), f"{channel}-{number}"
            run_records.add(conn, Run(id, channel, Side.PLATFORM, day, RunState.DONE, None, None, False, "x", 1))

    async def act(what: str, who: Person, sees: bool) -> None:
        held = await months.closed(channel, "2026-06")
        if what == "close":
            await months.close(channel, "2026-06", by=who)
        elif held is not None and what == "ask":
            await months.ask_to_reopen(held.id, f"{who.name}:更正", by=who)
        elif held is not None:
            seen = (months.seen(held) if sees else None) or BLIND
            await months.confirm_reopening(held.id, by=who, seen=seen)
            assert sees, "what was confirmed was seen"

    async def walk() -> None:
        await base.store.write(matched)
        for what, who, sees in [("close", LI, True), *steps]:
            refused = None
            try:
                await act(what, who, sees)
            except Problem as problem:
                refused = problem.status
            assert refused in (None, 403, 409)
        for close in await months.find({channel}):
            those = await base.store.read(lambda conn, id=close.id: base.two_persons.participants(conn, id))
            asked = [one.person for one in those if one.part is Part.PROPOSED]
            agreed = [one.person for one in those if one.part is Part.CONFIRMED]
            assert KEY.id not in (close.closed_by, *asked, *agreed)
            assert asked == ([] if close.state is MonthState.CLOSED else [close.asked_by])
            assert agreed == ([close.reopened_by] if close.state is MonthState.REOPENED else [])
            assert not set(asked) & set(agreed)

    asyncio.run(walk())
