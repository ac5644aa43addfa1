"""A day reconciled, and reconciled again: on both databases, through the functions that callbacks use."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update

from gateway.foundation.channels import Channel
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.keys import FileKeys
from gateway.foundation.delivery import Events
from gateway.foundation.delivery.tables import (
    event,
)
from gateway.foundation.evidence import Evidence
from gateway.foundation.store import Store
from gateway.foundation.two_persons import Person
from gateway.ports.base import AdapterInfo, Pending
from gateway.ports.nontax import PaidFact, StatementLine, StatementNone, StatementPage
from gateway.rooms.decisions.tables import decision
from gateway.rooms.payments import Heard, Status, apply_paid, records
from gateway.rooms.payments.collections import keep
from gateway.rooms.payments.lives import CodeKey, PaymentLives
from gateway.rooms.payments.states import CodeState
from gateway.rooms.payments.tables import (
    collecting_unit,
    collection,
    payment,
    payment_code,
    payment_exception,
    payment_line,
)
from gateway.rooms.reconciliation import (
    Break,
    BreakFilter,
    BreakKind,
    BreakState,
    Reconciliation,
    Rules,
    Run,
    RunFilter,
    Side,
    StatementFile,
    statement_records,
)
from gateway.rooms.reconciliation.break_records import EVERY_BREAK
from gateway.rooms.reconciliation.profiles import Profile
from gateway.rooms.reconciliation.service import NotMadeYetProblem
from gateway.rooms.reconciliation.tables import statement
from gateway.words.clock import SHANGHAI, ManualClock, to_micros
from gateway.words.errors import (
    ConflictProblem,
    ContractError,
    ExchangeError,
    InvalidProblem,
    NotFoundProblem,
    NotSentError,
    UnavailableProblem,
)
from gateway.words.money import format_yuan
from gateway.words.saying import Language
from tests.foundation import foundation

DAY = date(2026, 9, 16)
Told = dict[str, str] | None
NEXT = DAY + timedelta(days=1)
NOON = datetime(2026, 9, 16, 12, 0, tzinfo=SHANGHAI)
CHANNEL = "anlan"
LI, WANG = Person("opr_li", "Li", operator=True), Person("opr_wang", "Wang", operator=True)
OPEN = BreakFilter(state=BreakState.OPEN)


class Platform:
    """What the platform would say of each day; pages of two lines. ``trouble`` is raised instead of an answer."""

    def __init__(self) -> None:
        self.days: dict[date, list[StatementLine]] = {}
        self.trouble: ExchangeError | None = None
        self.instead: StatementNone | Pending | None = None

    async def statement(self, day: date, page: int) -> StatementPage | StatementNone | Pending:
        if self.trouble is not None:
            raise self.trouble
        if self.instead is not None:
            return self.instead
        lines = self.days.get(day, [])
        groups = [lines[start : start + 2] for start in range(0, len(lines), 2)] or [[]]
        return StatementPage(
            day=day,
            page=page,
            pages=len(groups),
            count=len(lines),
            amount=sum(line.amount for line in lines if line.kind == "paid"),
            lines=tuple(groups[page - 1]),
        )

    def says(
        self, code: str, amount: int, serial: str = "S1", at: datetime = NOON, day: date = DAY, **more: Any
    ) -> None:
        self.days.setdefault(day, []).append(
            StatementLine(
                **{"kind": "paid", "unit_code": "U1", "reference": f"R{code[-1]}", **more},
                code=code,
                amount=amount,
                paid_at=at,
                bank_serial=serial,
            )
        )


@dataclass
class Bench:
    """A reconciliation over a store, with one scripted platform."""

    store: Store
    envelope: Envelope
    clock: ManualClock
    platform: Platform
    events: Events
    channels: Any
    room: Reconciliation

    async def issue(self, code: str, amount: int, status: str = "ISSUED") -> str:
        """A payment with this live code; its id."""
        name = f"pay_{code[-4:]}"

        def unit(conn: Connection) -> None:
            conn.execute(
                insert(decision),
                {
                    "id": f"dec_{code[-4:]}",
                    "authority": "A1",
                    "number": f"安综执罚〔2026〕{code[-4:]}号",
                    "number_key": code[-4:],
                    "version": 1,
                    "facts_sealed": b"",
                    "created_at": 1,
                    "updated_at": 1,
                },
            )
            conn.execute(
                insert(payment),
                {
                    "id": name,
                    "authority": "A1",
                    "decision_id": f"dec_{code[-4:]}",
                    "decision_number": f"安综执罚〔2026〕{code[-4:]}号",
                    "instalment": 0,
                    "line_group": "main",
                    "channel": CHANNEL,
                    "status": status,
                    "settlement": "none",
                    "amount": amount,
                    "code": code,
                    "bill_sealed": b"",
                    "token_index": name.encode(),
                    "token_sealed": b"",
                    "created_at": 1,
                    "updated_at": 1,
                },
            )
            conn.execute(
                insert(payment_code),
                {
                    "channel": CHANNEL,
                    "reference": f"REF{code[-4:]}",
                    "payment_id": name,
                    "code": code,
                    "state": "void" if status == "CANCELLED" else "live",
                    "asked_at": 1,
                },
            )

        await self.store.write(unit)
        return name

    async def callback(self, code: str, amount: int, serial: str = "S1", at: datetime = NOON) -> str:
        """Money told to us by a callback."""
        fact = PaidFact(code=code, amount=amount, paid_at=at, bank_serial=serial, pay_mode="wechat")
        return await self.store.write(
            lambda conn: apply_paid(conn, self.events, self.envelope, CHANNEL, fact, Heard("callback", to_micros(at)))
        )

    async def differences(self, wanted: BreakFilter = EVERY_BREAK) -> list[Break]:
        """Breaks of money: without those that say that a statement was changed."""
        return [one for one in await self.room.breaks.find(wanted) if one.kind is not BreakKind.STATEMENT_CHANGED]

    async def payment(self, name: str) -> Any:
        return await self.store.read(
            lambda conn: conn.execute(select(payment).where(payment.c.id == name)).mappings().one()
        )

    async def told(self, type: str) -> list[Any]:
        """The data of the events of a type."""
        query = select(event.c.data).where(event.c.type == type).order_by(event.c.seq)
        return await self.store.read(lambda conn: list(conn.execute(query).scalars()))

    async def everything(self) -> list[Any]:
        """All that a run could have changed, except the list of runs."""

        def query(conn: Connection) -> list[Any]:
            tables = (payment, collection, statement, event)
            return [conn.execute(select(one).order_by(*one.primary_key)).all() for one in tables]

        return [*await self.store.read(query), await self.room.breaks.find(limit=200)]


def code(number: int) -> str:
    return f"9901022600000000{number:04}"


@pytest.fixture
def bench(store: Store, tmp_path: Path) -> Bench:
    clock = ManualClock(datetime(2026, 9, 16, 22, 0, tzinfo=UTC))  # the next morning in Shanghai
    platform = Platform()
    info = AdapterInfo("nontax", "nontax.script", "v1", frozenset({"statement"}))
    channel = Channel(CHANNEL, platform, info, info.find, "http://x", None)  # type: ignore[arg-type]
    channels = SimpleNamespace(get={CHANNEL: channel}.__getitem__)
    keys = FileKeys(tmp_path / "keys")
    envelope, events = Envelope(keys), Events(clock)
    evidence = Evidence(store, keys, envelope, clock, node="node-1", heads=tmp_path / "heads")
    base: Any = SimpleNamespace(
        store=store, channels=channels, events=events, evidence=evidence, envelope=envelope, clock=clock
    )
    room = Reconciliation(base)
    return Bench(store, envelope, clock, platform, events, channels, room)


async def test_a_day_that_agrees_is_matched_to_the_fen_and_its_payments_are_settled(bench: Bench) -> None:
    names = [await bench.issue(code(n), 100 * n) for n in (1, 2, 3)]
    for n in (1, 2, 3):
        await bench.callback(code(n), 100 * n)
        bench.platform.says(code(n), 100 * n)
    run = await bench.room.run(CHANNEL, DAY, by="operator Li")
    assert (run.state, run.matched, run.matched_amount, run.breaks, run.healed) == ("done", 3, 600, 0, 0)
    assert not run.provisional
    assert [(await bench.payment(name))["settlement"] for name in names] == ["matched"] * 3
    assert [told["settlement"] for told in await bench.told("payment.settlement")] == ["matched"] * 3
    assert await bench.room.breaks.find() == []


async def test_running_a_day_again_has_no_second_effect(bench: Bench) -> None:
    for n in range(1, 5):
        await bench.issue(code(n), 100)
    await bench.callback(code(1), 100)
    await bench.callback(code(2), 100)
    bench.platform.says(code(1), 100)
    bench.platform.says(code(3), 100)  # healed
    bench.platform.says(code(4), 99)  # wrong amount
    bench.platform.says(code(9), 5)  # unknown
    first = await bench.room.run(CHANNEL, DAY, by="x")
    before = await bench.everything()
    bench.clock.advance(timedelta(hours=1))
    second = await bench.room.run(CHANNEL, DAY, by="x")
    assert await bench.everything() == before
    assert (second.matched, second.breaks, second.statement_id) == (first.matched, first.breaks, first.statement_id)
    assert second.id != first.id


async def test_money_that_nobody_told_us_about_applies_itself_and_is_recorded_as_such(bench: Bench) -> None:
    name = await bench.issue(code(1), 5000)
    bench.platform.says(code(1), 5000)
    run = await bench.room.run(CHANNEL, DAY, by="x")
    assert (run.matched, run.healed, run.breaks) == (1, 1, 0)
    paid = await bench.payment(name)
    assert (paid["status"], paid["settlement"], paid["paid_amount"]) == ("PAID", "matched", 5000)
    assert [told["source"] for told in await bench.told("payment.paid")] == ["statement"]
    (healed,) = await bench.room.breaks.find()
    assert (healed.kind, healed.state, healed.theirs, healed.ours) == (BreakKind.PLATFORM_ONLY, "healed", 5000, None)
    assert (await bench.callback(code(1), 5000)) == "known"


async def test_money_for_a_foreign_code_waits_for_an_explanation_under_the_unit_it_was_sent_to(bench: Bench) -> None:
    await bench.store.write(
        lambda conn: conn.execute(
            insert(collecting_unit),
            {"authority": "A1", "valid_from_on": DAY, "unit_code": "U1", "unit_name": "综合执法局", "region": "990102"},
        )
    )
    bench.platform.says(code(8), 700)
    bench.platform.says(code(9), 700, unit_code="U2")
    assert (await bench.room.run(CHANNEL, DAY, by="x")).breaks == 2
    (mine,) = await bench.room.breaks.find(BreakFilter(authorities=["A1"]))
    assert (mine.kind, mine.code, mine.theirs) == (BreakKind.UNKNOWN_CODE, code(8), 700)
    assert len(await bench.room.breaks.find()) == 2


async def test_money_that_the_platform_denies_breaks_the_payment(bench: Bench) -> None:
    name = await bench.issue(code(1), 100)
    await bench.callback(code(1), 100)
    assert (await bench.room.run(CHANNEL, DAY, by="x")).breaks == 1
    (found,) = await bench.room.breaks.find(OPEN)
    assert (found.kind, found.ours, found.theirs, found.payment_id) == (BreakKind.OURS_ONLY, 100, None, name)
    assert (await bench.payment(name))["settlement"] == "broken"


async def test_a_wrong_amount_is_a_break_and_pays_nothing(bench: Bench) -> None:
    name = await bench.issue(code(1), 5000)
    bench.platform.says(code(1), 4999)
    run = await bench.room.run(CHANNEL, DAY, by="x")
    assert (run.matched, run.breaks) == (0, 1)
    (found,) = await bench.room.breaks.find(OPEN)
    assert (found.kind, found.ours, found.theirs) == (BreakKind.AMOUNT_DIFFERS, 5000, 4999)
    row = await bench.payment(name)
    assert (row["status"], row["settlement"]) == ("ISSUED", "broken")


async def test_a_statement_that_differs_from_a_callback_by_a_fen_is_a_break(bench: Bench) -> None:
    name = await bench.issue(code(1), 5000)
    await bench.callback(code(1), 5000)
    bench.platform.says(code(1), 5001)
    await bench.room.run(CHANNEL, DAY, by="x")
    (found,) = await bench.room.breaks.find(OPEN)
    assert (found.kind, found.ours, found.theirs) == (BreakKind.AMOUNT_DIFFERS, 5000, 5001)
    row = await bench.payment(name)
    assert (row["status"], row["settlement"]) == ("PAID", "broken")


async def test_paid_twice_is_one_match_and_one_break_whoever_told_us(bench: Bench) -> None:
    name = await bench.issue(code(1), 100)
    await bench.callback(code(1), 100, serial="S1")
    bench.platform.says(code(1), 100, serial="S1")
    bench.platform.says(code(1), 100, serial="S2", at=NOON + timedelta(hours=6))
    run = await bench.room.run(CHANNEL, DAY, by="x")
    assert (run.matched, run.breaks, run.healed) == (1, 1, 1)
    (found,) = await bench.room.breaks.find(OPEN)
    assert (found.kind, found.bank_serial) == (BreakKind.PAID_TWICE, "S2")
    assert (await bench.payment(name))["settlement"] == "broken"


async def test_paid_twice_across_the_cut_off_is_seen_on_the_second_day(bench: Bench) -> None:
    await bench.issue(code(1), 100)
    await bench.callback(code(1), 100)
    bench.platform.says(code(1), 100)
    bench.platform.says(code(1), 100, serial="S2", at=NOON + timedelta(days=1), day=NEXT)
    bench.clock.advance(timedelta(days=1))
    assert (await bench.room.run(CHANNEL, DAY, by="x")).breaks == 0
    assert (await bench.room.run(CHANNEL, NEXT, by="x")).breaks == 1
    (found,) = await bench.room.breaks.find(OPEN)
    assert (found.kind, found.day_on) == (BreakKind.PAID_TWICE, NEXT)


async def test_of_two_amounts_that_nobody_told_us_about_the_earlier_pays(bench: Bench) -> None:
    name = await bench.issue(code(1), 100)
    bench.platform.says(code(1), 100, serial="later", at=NOON + timedelta(hours=1))
    bench.platform.says(code(1), 100, serial="sooner", at=NOON)
    await bench.room.run(CHANNEL, DAY, by="x")
    (found,) = await bench.room.breaks.find(OPEN)
    assert (found.kind, found.bank_serial) == (BreakKind.PAID_TWICE, "later")
    assert (await bench.payment(name))["paid_at"] == to_micros(NOON)


async def test_an_exception_that_was_dealt_with_is_no_break_any_more(bench: Bench) -> None:
    name = await bench.issue(code(1), 100)
    for serial in ("S1", "S2"):
        await bench.callback(code(1), 100, serial=serial)
        bench.platform.says(code(1), 100, serial=serial)
    assert (await bench.room.run(CHANNEL, DAY, by="x")).breaks == 1
    await bench.store.write(
        lambda conn: conn.execute(
            update(payment_exception).values(state="resolved", proposed_by="li", confirmed_by="wang")
        )
    )
    run = await bench.room.run(CHANNEL, DAY, by="x")
    assert (run.matched, run.breaks) == (2, 0)
    assert (await bench.payment(name))["settlement"] == "matched"


async def test_a_break_that_a_changed_statement_clears_lets_go_of_its_payment(bench: Bench) -> None:
    last_second = datetime(2026, 9, 16, 23, 59, 59, tzinfo=SHANGHAI)
    name = await bench.issue(code(1), 100)
    await bench.callback(code(1), 100, serial="S1")
    await bench.callback(code(1), 100, serial="S2", at=last_second)
    bench.platform.says(code(1), 100, serial="S1")
    bench.platform.says(code(1), 100, serial="S2", at=last_second + timedelta(seconds=1), day=NEXT)
    bench.clock.advance(timedelta(days=1))
    await bench.room.run(CHANNEL, NEXT, by="x")
    await bench.room.run(CHANNEL, DAY, by="x")
    (twice,) = await bench.differences(OPEN)
    assert (twice.kind, twice.day_on) == (BreakKind.PAID_TWICE, NEXT)
    bench.platform.days[NEXT].clear()
    await bench.room.run(CHANNEL, NEXT, by="x")
    assert (await bench.payment(name))["settlement"] == "matched"
    await bench.room.run(CHANNEL, DAY, by="x")
    (missing,) = await bench.differences(OPEN)
    assert (missing.kind, missing.bank_serial) == (BreakKind.OURS_ONLY, "S2")
    assert (await bench.payment(name))["settlement"] == "broken"


async def test_money_on_a_cancelled_bill_is_a_break_of_status(bench: Bench) -> None:
    await bench.issue(code(1), 100, status="CANCELLED")
    bench.platform.says(code(1), 100)
    await bench.room.run(CHANNEL, DAY, by="x")
    (found,) = await bench.room.breaks.find(OPEN)
    assert found.kind is BreakKind.STATUS_DIFFERS


async def test_money_that_crossed_the_cut_off_is_cleared_by_the_next_days_statement(bench: Bench) -> None:
    late = datetime(2026, 9, 16, 23, 59, 59, tzinfo=SHANGHAI)
    name = await bench.issue(code(1), 100)
    await bench.callback(code(1), 100, at=late)
    bench.clock.advance(timedelta(days=1))
    assert (await bench.room.run(CHANNEL, DAY, by="x")).breaks == 1
    assert (await bench.payment(name))["settlement"] == "broken"
    bench.platform.says(code(1), 100, at=late + timedelta(seconds=2), day=NEXT)
    run = await bench.room.run(CHANNEL, NEXT, by="x")
    assert (run.matched, run.breaks) == (1, 0)
    (cleared,) = await bench.room.breaks.find()
    assert (cleared.state, cleared.day_on) == ("cleared", DAY)
    assert (await bench.payment(name))["settlement"] == "matched"
    assert (await bench.room.run(CHANNEL, DAY, by="x")).breaks == 0


@pytest.mark.both_databases
async def test_a_changed_statement_reopens_only_what_changed(bench: Bench) -> None:
    for n in (1, 2):
        await bench.issue(code(n), 100)
        await bench.callback(code(n), 100)
        bench.platform.says(code(n), 100)
    await bench.room.run(CHANNEL, DAY, by="x")
    bench.platform.days[DAY][1] = replace(bench.platform.days[DAY][1], amount=90)
    run = await bench.room.run(CHANNEL, DAY, by="x")
    assert (run.matched, run.breaks) == (1, 2)
    settlements = [(await bench.payment(f"pay_{code(n)[-4:]}"))["settlement"] for n in (1, 2)]
    assert settlements == ["matched", "broken"]
    versions = await bench.store.read(
        lambda conn: conn.execute(select(statement.c.version, statement.c.superseded_at.is_(None))).all()
    )
    assert [tuple(map(int, row)) for row in sorted(versions)] == [(1, 0), (2, 1)]
    (found,) = await bench.differences(OPEN)
    (changed,) = await bench.room.breaks.find(BreakFilter(kind=BreakKind.STATEMENT_CHANGED))
    assert (changed.ours, changed.theirs, changed.state) == (200, 190, "open")
    bench.platform.days[DAY][1] = replace(bench.platform.days[DAY][1], amount=100)
    await bench.room.run(CHANNEL, DAY, by="x")
    assert await bench.differences(OPEN) == []
    assert (await bench.room.breaks.held(found.id)).state == "cleared"
    assert (await bench.payment(f"pay_{code(2)[-4:]}"))["settlement"] == "matched"


async def test_a_break_keeps_its_id_and_its_first_date_over_reruns(bench: Bench) -> None:
    bench.platform.says(code(9), 5)
    await bench.room.run(CHANNEL, DAY, by="x")
    (first,) = await bench.room.breaks.find()
    bench.platform.days[DAY].clear()
    bench.clock.advance(timedelta(hours=1))
    await bench.room.run(CHANNEL, DAY, by="x")
    assert (await bench.room.breaks.held(first.id)).state == "cleared"
    bench.platform.says(code(9), 5)
    await bench.room.run(CHANNEL, DAY, by="x")
    (again,) = await bench.differences()
    assert (again.id, again.state, again.opened_at) == (first.id, "open", first.opened_at)


async def test_a_resolved_break_stays_resolved_until_its_figures_change(bench: Bench) -> None:
    bench.platform.says(code(9), 500)
    await bench.room.run(CHANNEL, DAY, by="x")
    (found,) = await bench.room.breaks.find()
    resolved = await bench.room.breaks.resolve(found.id, "邻区案件，已移交望川区财政局", by=LI)
    assert (resolved.state, resolved.closed_by, resolved.reason) == (
        "resolved",
        "Li",
        "邻区案件，已移交望川区财政局",
    )
    assert (await bench.room.run(CHANNEL, DAY, by="x")).breaks == 0
    assert (await bench.room.breaks.held(found.id)) == resolved
    bench.platform.days[DAY] = [replace(bench.platform.days[DAY][0], amount=501)]
    assert (await bench.room.run(CHANNEL, DAY, by="x")).breaks == 2  # this, and that the statement was changed
    assert (await bench.room.breaks.held(found.id)).theirs == 501


async def test_a_break_is_resolved_once_by_somebody_with_a_reason(bench: Bench) -> None:
    bench.platform.says(code(9), 500)
    await bench.room.run(CHANNEL, DAY, by="x")
    (found,) = await bench.room.breaks.find()
    with pytest.raises(InvalidProblem):
        await bench.room.breaks.resolve(found.id, "  ", by=LI)
    outcomes = await asyncio.gather(
        *(bench.room.breaks.resolve(found.id, "核实", by=who) for who in (LI, WANG)), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Break", "ConflictProblem"]
    with pytest.raises(NotFoundProblem):
        await bench.room.breaks.resolve("brk_none", "核实", by=LI)
    assert [told["state"] for told in await bench.told("break.closed")] == ["resolved"]


async def test_resolving_one_of_two_breaks_leaves_the_payment_broken(bench: Bench) -> None:
    name = await bench.issue(code(1), 100)
    for serial in ("S1", "S2", "S3"):
        bench.platform.says(code(1), 100, serial=serial)
    await bench.room.run(CHANNEL, DAY, by="x")
    first, second = await bench.room.breaks.find(OPEN)
    await bench.room.breaks.resolve(first.id, "退付", by=LI)
    assert (await bench.payment(name))["settlement"] == "broken"
    await bench.room.breaks.resolve(second.id, "退付", by=LI)
    assert (await bench.payment(name))["settlement"] == "matched"


async def test_an_unbelievable_statement_changes_nothing_and_is_kept_as_a_refused_run(bench: Bench) -> None:
    await bench.issue(code(1), 100)
    bench.platform.says(code(1), 100)
    bench.platform.says(code(1), 100)
    before = await bench.everything()
    with pytest.raises(ConflictProblem, match="line 2") as caught:
        await bench.room.run(CHANNEL, DAY, by="x")
    assert caught.value.type == "statement-refused"
    assert await bench.everything() == before
    (run,) = await bench.room.find(RunFilter(channel=CHANNEL, day_on=DAY))
    assert (run.state, run.statement_id) == ("refused", None)
    assert "line 2" in (run.reason or "")


@pytest.mark.parametrize(
    ("trouble", "problem", "state"),
    [
        (NotSentError("connection refused"), UnavailableProblem, "failed"),
        (ContractError("bad signature"), ConflictProblem, "refused"),
    ],
)
async def test_no_statement_changes_nothing_and_says_why(bench: Bench, trouble, problem, state: str) -> None:
    bench.platform.trouble = trouble
    with pytest.raises(problem, match=str(trouble)):
        await bench.room.run(CHANNEL, DAY, by="x")
    (run,) = await bench.room.find()
    assert run.state == state


async def test_while_the_day_lasts_what_only_we_have_is_waiting_and_not_a_break(bench: Bench) -> None:
    bench.clock.set(NOON + timedelta(hours=1))
    name = await bench.issue(code(1), 100)
    await bench.callback(code(1), 100)
    run = await bench.room.run(CHANNEL, DAY, by="x")
    assert (run.provisional, run.waiting, run.breaks) == (True, 1, 0)
    assert (await bench.payment(name))["settlement"] == "pending"
    with pytest.raises(InvalidProblem):
        await bench.room.run(CHANNEL, NEXT, by="x")


async def test_the_day_of_a_channel_ends_at_its_own_cut_off(bench: Bench) -> None:
    bench.room.rules = Rules({CHANNEL: time(22, 0)})
    evening = datetime(2026, 9, 15, 22, 30, tzinfo=SHANGHAI)
    await bench.issue(code(1), 100)
    await bench.callback(code(1), 100, at=evening)
    bench.platform.says(code(1), 100, at=evening)
    run = await bench.room.run(CHANNEL, DAY, by="x")
    assert (run.matched, run.breaks) == (1, 0)


@pytest.mark.both_databases
async def test_two_runs_of_a_day_at_once_have_one_effect(bench: Bench) -> None:
    await bench.issue(code(1), 100)
    bench.platform.says(code(1), 100)
    bench.platform.says(code(9), 5)
    await asyncio.gather(*(bench.room.run(CHANNEL, DAY, by="x") for _ in range(5)))
    assert len(await bench.told("payment.paid")) == 1
    assert len(await bench.told("break.opened")) == 1


async def test_an_unknown_channel_and_one_without_statements_are_refused(bench: Bench) -> None:
    with pytest.raises(NotFoundProblem):
        await bench.room.run("nowhere", DAY, by="x")
    mute = AdapterInfo("nontax", "nontax.script", "v1", frozenset({"issue"}))
    bench.channels.get = lambda _name: SimpleNamespace(info=mute)
    with pytest.raises(ConflictProblem) as caught:
        await bench.room.run(CHANNEL, DAY, by="x")
    assert caught.value.type == "no-statements"
    assert await bench.room.find() == []


async def test_a_run_can_be_read_back(bench: Bench) -> None:
    run = await bench.room.run(CHANNEL, DAY, by="operator Li")
    assert await bench.room.held(run.id) == run
    assert run.ran_by == "operator Li"
    with pytest.raises(NotFoundProblem):
        await bench.room.held("rec_none")


async def test_money_that_waited_for_its_code_is_explained_once_the_code_is_known(bench: Bench) -> None:
    assert await bench.callback(code(1), 100) == "unmatched"
    bench.platform.says(code(1), 100)
    await bench.room.run(CHANNEL, DAY, by="x")
    (found,) = await bench.room.breaks.find(OPEN)
    assert found.kind is BreakKind.UNKNOWN_CODE
    name = await bench.issue(code(1), 100)
    await bench.store.write(
        lambda conn: conn.execute(update(collection).where(collection.c.code == code(1)).values(payment_id=name))
    )
    assert (await bench.room.run(CHANNEL, DAY, by="x")).breaks == 0
    assert (await bench.room.breaks.held(found.id)).state == "cleared"


@pytest.mark.both_databases
async def test_lists_page_without_gaps_or_doubles(bench: Bench) -> None:
    for n in range(10, 21):
        bench.platform.says(code(n), n)
    await bench.room.run(CHANNEL, DAY, by="x")
    seen: list[str] = []
    before = None
    while page := await bench.room.breaks.find(before=before, limit=4):
        seen += [one.id for one in page]
        before = page[-1].id
    assert len(seen) == len(set(seen)) == 11
    assert {
        one.id for one in await bench.room.breaks.find(BreakFilter(kind=BreakKind.UNKNOWN_CODE, day_on=DAY))
    } == set(seen)


async def test_money_paid_just_before_the_cut_off_may_be_the_next_days_and_is_missing_only_after_it(
    bench: Bench,
) -> None:
    late = datetime(2026, 9, 16, 23, 50, tzinfo=SHANGHAI)
    for n in (1, 2):
        await bench.issue(code(n), 100)
        await bench.callback(code(n), 100, at=late)
    await bench.room.run(CHANNEL, DAY, by="x")
    assert {one.kind for one in await bench.room.breaks.find(OPEN)} == {BreakKind.CROSS_DAY}
    bench.clock.advance(timedelta(days=1))
    bench.platform.says(code(1), 100, at=late, day=NEXT)
    assert (await bench.room.run(CHANNEL, NEXT, by="x")).breaks == 0
    (missing,) = await bench.room.breaks.find(OPEN)
    assert (missing.kind, missing.day_on, missing.code) == (BreakKind.OURS_ONLY, DAY, code(2))
    assert (await bench.payment("pay_0001"))["settlement"] == "matched"
    assert (await bench.payment("pay_0002"))["settlement"] == "broken"


async def test_money_booked_for_another_unit_or_item_is_named(bench: Bench) -> None:
    unit = {"authority": "A1", "valid_from_on": DAY, "unit_code": "U1", "unit_name": "综合执法局", "region": "990102"}
    await bench.store.write(lambda conn: conn.execute(insert(collecting_unit), unit))
    for n in (1, 2, 3):
        name = await bench.issue(code(n), 100)
        line = {"payment_id": name, "line": 1, "kind": "fine", "item_code": "I1", "item_name": "罚款", "amount": 100}
        await bench.store.write(lambda conn, line=line: conn.execute(insert(payment_line), line))
        await bench.callback(code(n), 100)
    bench.platform.says(code(1), 100, unit_code="U2", item_codes=("I1",))
    bench.platform.says(code(2), 100, item_codes=("I2",))
    bench.platform.says(code(3), 100, item_codes=("I1",))
    assert (await bench.room.run(CHANNEL, DAY, by="x")).matched == 1
    found = {one.code: one.kind for one in await bench.room.breaks.find(OPEN)}
    assert found == {code(1): BreakKind.WRONG_UNIT, code(2): BreakKind.WRONG_ITEM}


async def test_a_code_that_vanished_from_the_books_breaks_continuity(bench: Bench) -> None:
    for n in (1, 2):
        await bench.issue(code(n), 100 * n)
    lived = to_micros(NOON - timedelta(days=1))
    await bench.store.write(lambda conn: conn.execute(update(payment_code).values(issued_at=lived)))
    await bench.room.run(CHANNEL, DAY - timedelta(days=1), by="x")
    assert (await bench.room.run(CHANNEL, DAY, by="x")).breaks == 0
    gone = update(payment_code).where(payment_code.c.code == code(2)).values(issued_at=None)
    await bench.store.write(lambda conn: conn.execute(gone))
    await bench.room.run(CHANNEL, DAY, by="x")
    (found,) = await bench.room.breaks.find(OPEN)
    assert (found.kind, found.ours, found.theirs) == (BreakKind.CONTINUITY, 300, 100)
    await bench.store.write(lambda conn: conn.execute(update(payment_code).values(issued_at=lived)))
    assert (await bench.room.run(CHANNEL, DAY, by="x")).breaks == 0


async def test_an_expired_code_that_is_paid_after_all_keeps_continuity(bench: Bench) -> None:
    name = await bench.issue(code(1), 300)
    began = to_micros(NOON - timedelta(days=1))
    await bench.store.write(lambda conn: conn.execute(update(payment_code).values(issued_at=began)))
    await bench.room.run(CHANNEL, DAY - timedelta(days=1), by="x")

    def expire(conn: Connection) -> None:
        lives = PaymentLives(bench.events)
        lives.payment.move(conn, records.held(conn, name), Status.EXPIRED)
        lives.code.move(conn, CodeKey(CHANNEL, "REF0001"), CodeState.EXPIRED, closed_at=to_micros(NOON))

    await bench.store.write(expire)
    await bench.room.run(CHANNEL, DAY, by="x")
    late = NOON + timedelta(days=1)
    bench.clock.set(late + timedelta(hours=1))
    await bench.callback(code(1), 300, at=late)
    bench.platform.says(code(1), 300, at=late, day=NEXT)
    money = await bench.store.read(lambda conn: conn.execute(select(collection.c.id)).scalar_one())
    await bench.store.write(lambda conn: keep(conn, bench.events, name, money))
    bench.clock.set(late + timedelta(days=1))
    await bench.room.run(CHANNEL, NEXT, by="x")
    assert await bench.room.breaks.find(BreakFilter(kind=BreakKind.CONTINUITY)) == []
    assert (await bench.payment(name))["status"] == "PAID"


def of_side(bench: Bench, folder: Path, side: str) -> Callable[..., Awaitable[Run]]:
    """Hand in a file of this side: a day, and the numbers of the codes that it has, 1.00 yuan each."""
    profile = Profile.model_validate(
        {
            "side": side,
            "header": False,
            "columns": {"code": 1, "amount": 2, "paid_at": 3, "bank_serial": 4},
            "totals": {"mark": "T", "count": 2, "amount": 3},
        }
    )

    async def told(day: date, *numbers: int) -> Run:
        rows = [f"{code(n)},1.00,2026-09-16 12:00:00,S1" for n in numbers]
        path = folder / f"{day}.csv"
        path.write_text("\n".join([*rows, f"T,{len(rows)},{len(rows)}.00", ""]))
        return await bench.room.run_file(CHANNEL, day, StatementFile(path, profile), by="x")

    return told


async def test_what_fell_due_while_the_bank_rested_is_asked_of_its_next_file(bench: Bench, tmp_path: Path) -> None:
    told = of_side(bench, tmp_path, "bank")
    for n, day in ((1, 16), (2, 17), (3, 18)):
        await bench.issue(code(n), 100)
        await bench.callback(code(n), 100, at=NOON.replace(day=day))
    bench.clock.set(NOON.replace(day=30))
    assert (await told(date(2026, 9, 18))).breaks == 0  # nothing is due before three days have passed
    assert (await told(date(2026, 9, 21), 3)).breaks == 2  # the 16th and the 17th fell due on a weekend
    late = {one.code for one in await bench.room.breaks.find(BreakFilter(state=BreakState.OPEN, side=Side.BANK))}
    assert late == {code(1), code(2)}
    assert (await told(date(2026, 9, 22))).breaks == 0
    assert (await told(date(2026, 9, 23), 1, 2)).matched == 2
    assert await bench.room.breaks.find(OPEN) == []


async def test_the_treasury_has_its_own_days_and_dates(bench: Bench, tmp_path: Path) -> None:
    told = of_side(bench, tmp_path, "treasury")
    for n in (1, 2):
        await bench.issue(code(n), 100)
        await bench.callback(code(n), 100)
    week = DAY + timedelta(days=7)
    bench.clock.set(NOON + timedelta(days=8))
    early = await told(DAY + timedelta(days=1), 1)
    assert (early.side, early.matched, early.breaks) == (Side.TREASURY, 1, 0)  # the other has a week
    assert (await told(week)).breaks == 1
    (missing,) = await bench.room.breaks.find(OPEN)
    assert (missing.kind, missing.side, missing.code) == (BreakKind.OURS_ONLY, Side.TREASURY, code(2))
    settled = [(await bench.payment(f"pay_{code(n)[-4:]}"))["settlement"] for n in (1, 2)]
    assert settled == ["pending", "pending"]  # that is between us and the platform
    assert (await told(week, 2)).breaks == 1  # the file was told again, and says something else now
    assert (await bench.room.breaks.held(missing.id)).state == "cleared"
    dates = await bench.store.read(lambda conn: statement_records.dates(conn, CHANNEL, [code(1), code(2)]))
    assert dates == {(code(1), "S1"): (None, DAY + timedelta(days=1)), (code(2), "S1"): (None, week)}


async def test_one_reason_explains_many_breaks_or_none_and_each_has_its_owner_and_age(bench: Bench) -> None:
    for n in (7, 8, 9):
        bench.platform.says(code(n), 100)
    await bench.room.run(CHANNEL, DAY, by="x")
    ids = [one.id for one in await bench.room.breaks.find()]
    with pytest.raises(NotFoundProblem):
        await bench.room.breaks.resolve_many([*ids, "brk_none"], "邻区案件", by=LI)
    assert len(await bench.room.breaks.find(OPEN)) == 3
    bench.clock.advance(timedelta(days=2))
    assert [one.age_in_days(bench.clock.now()) for one in await bench.room.breaks.find()] == [2, 2, 2]
    done = await bench.room.breaks.resolve_many([*ids, ids[0]], "邻区案件", by=LI)
    assert {(one.state, one.reason, one.closed_by) for one in done} == {("resolved", "邻区案件", "Li")}
    bench.clock.advance(timedelta(days=5))
    assert {one.age_in_days(bench.clock.now()) for one in await bench.room.breaks.find()} == {2}


async def test_a_break_is_taken_on_at_the_desk_as_every_record(bench: Bench, tmp_path: Path) -> None:
    """A run that finds the difference again leaves it in whose hands it is; who is called so finds it by the name."""
    base = foundation(bench.store, tmp_path, bench.clock)
    lin, gao = [
        await base.access.create_operator(one, name, "operator", "long enough a password")
        for one, name in (("lin", "林溪"), ("gao", "高远"))
    ]
    for n in (7, 8):
        bench.platform.says(code(n), 100)
    await bench.room.run(CHANNEL, DAY, by="x")
    ids = [one.id for one in await bench.room.breaks.find()]
    await base.desk.assign(ids[0], gao.id)
    await base.desk.assign(ids[0], lin.id)
    bench.platform.days[DAY] = [replace(one, amount=101) for one in bench.platform.days[DAY]]
    await bench.room.run(CHANNEL, DAY, by="x")
    held = {one.id: (one.theirs, one.assignee) for one in await bench.room.breaks.find()}
    assert (held[ids[0]], held[ids[1]]) == ((101, "林溪"), (101, None))
    for narrowed in (BreakFilter(assignee="林溪"), BreakFilter(held_by=lin.id)):
        found, total = await bench.room.breaks.seek(narrowed)
        assert ([one.id for one in found], total) == ([ids[0]], 1)
    assert await bench.room.breaks.count(BreakFilter(held_by=gao.id)) == 0
    await base.desk.assign(ids[0], None)
    assert (await bench.room.breaks.held(ids[0])).assignee is None


async def test_a_statement_that_was_late_is_fetched_again_until_it_is_there(bench: Bench) -> None:
    await bench.issue(code(1), 100)
    assert await bench.room.catch_up(CHANNEL, by="schedule") == []  # nothing was ever run: nothing is missed
    bench.platform.trouble = NotSentError("connection refused")
    with pytest.raises(UnavailableProblem):
        await bench.room.run(CHANNEL, DAY, by="schedule")
    assert await bench.room.catch_up(CHANNEL, by="schedule") == []
    bench.platform.trouble = None
    bench.platform.says(code(1), 100)
    bench.clock.advance(timedelta(days=2))
    days = [DAY, NEXT, NEXT + timedelta(days=1)]
    assert await bench.room.catch_up(CHANNEL, by="schedule") == days  # what was missed meanwhile as well
    assert await bench.room.catch_up(CHANNEL, by="schedule") == []
    assert (await bench.payment("pay_0001"))["status"] == "PAID"
    assert [run.state for run in await bench.room.find()] == ["done"] * 3 + ["failed"] * 2


async def test_a_statement_that_is_not_made_yet_is_no_failure_and_is_asked_for_again(bench: Bench) -> None:
    """The platform is there and says "later": nobody has to look at it, and the day is not over with."""
    await bench.issue(code(1), 50000)
    bench.platform.says(code(1), 50000)
    bench.platform.instead = Pending(ask_after=600, words="对账文件生成中")
    with pytest.raises(UnavailableProblem, match="对账文件生成中") as caught:
        await bench.room.run(CHANNEL, DAY, by="schedule")
    assert caught.value.type == "statement-unavailable"
    assert isinstance(caught.value, NotMadeYetProblem)
    (run,) = await bench.room.find()
    assert (run.state, run.statement_id, run.reason) == ("failed", None, caught.value.detail)
    assert await bench.room.catch_up(CHANNEL, by="schedule") == []
    bench.platform.instead = None
    assert await bench.room.catch_up(CHANNEL, by="schedule") == [DAY]
    assert await bench.room.catch_up(CHANNEL, by="schedule") == []


async def test_a_day_of_which_nothing_is_told_is_booked_empty(bench: Bench) -> None:
    """ "None, nothing happened" is a statement: it ends the day, and our own money on it is missing there."""
    await bench.issue(code(1), 50000)
    await bench.callback(code(1), 50000)
    bench.platform.instead = StatementNone(day=DAY)
    run = await bench.room.run(CHANNEL, DAY, by="x")
    assert (run.state, run.matched, run.statement_id is not None) == ("done", 0, True)
    assert [one.kind for one in await bench.differences(OPEN)] == [BreakKind.OURS_ONLY]
    assert await bench.room.catch_up(CHANNEL, by="schedule") == [], "the day is done"
    bench.platform.instead = StatementNone(day=NEXT)
    with pytest.raises(ConflictProblem, match=str(NEXT)):
        await bench.room.run(CHANNEL, DAY, by="x")


# --- files as they are -----------------------------------------------------------------------------------------------

HEADED = {"code": "缴款码", "amount": "金额", "paid_at": "缴款时间", "bank_serial": "流水号", "note": "备注"}
TOTALS = {"mark": "合计", "count": 2, "amount": 3}


async def hand_in(bench: Bench, folder: Path, *rows: str, typed: Told = None, **profile: Any) -> Run:
    path = folder / "bill.csv"
    path.write_text("\n".join(("缴款码,金额,缴款时间,流水号,备注", *rows, "")))
    told = Profile(**{"columns": HEADED, "totals": TOTALS, **profile})
    return await bench.room.run_file(CHANNEL, DAY, StatementFile(path, told, typed=typed), by="li")


async def test_a_strangers_line_is_a_break_and_not_the_end_of_the_day(bench: Bench, tmp_path: Path) -> None:
    await bench.issue(code(1), 20000)
    await bench.callback(code(1), 20000)
    bench.clock.set(NOON + timedelta(days=1))
    run = await hand_in(
        bench,
        tmp_path,
        f"{code(1)},200.00,2026-09-16 12:00:00,S1,罚款",
        ",50.00,2026-09-16 12:00:00,S2,考试费",
        "SD-2026-00017,30.00,2026-09-16 12:00:00,S3,水费",
        "ZL/望川/0098-2026/甲-补缴-很长的一个编号,12.00,2026-09-16 12:00:00,,停车",
        "合计,4,292.00",
    )
    assert (run.matched, run.breaks) == (1, 3)
    found = await bench.room.breaks.find(OPEN)
    assert {(one.code[:4], one.theirs) for one in found} == {("", 5000), ("SD-2", 3000), ("ZL/望", 1200)}
    assert {one.kind for one in found} == {BreakKind.UNKNOWN_CODE}


async def test_what_a_profile_calls_not_ours_is_counted_and_shown_unless_it_is_ours(
    bench: Bench, tmp_path: Path
) -> None:
    await bench.issue(code(1), 20000)
    bench.clock.set(NOON + timedelta(days=1))
    run = await hand_in(
        bench,
        tmp_path,
        f"{code(1)},200.00,2026-09-16 12:00:00,S1,停车",
        ",50.00,2026-09-16 12:00:00,S2,停车",
        ",0.00,2026-09-16 12:00:00,S3,停车",
        "合计,3,250.00",
        not_ours={"note": "停车"},
    )
    assert (run.not_ours, run.not_ours_amount, run.passed_over, run.breaks) == (1, 5000, 1, 0)
    assert run.healed == 1  # money on our code is ours whatever the profile says


async def test_a_line_of_ours_that_cannot_be_read_is_a_break_until_it_can_be(bench: Bench, tmp_path: Path) -> None:
    owner = await bench.issue(code(1), 20000)
    bench.clock.set(NOON + timedelta(days=1))
    odd = await hand_in(bench, tmp_path, f"{code(1)},200.00,16.09.2026,S1,罚款", "合计,1,200.00")
    (found,) = await bench.room.breaks.find(OPEN)
    assert (found.kind, found.code, found.bank_serial, found.theirs, found.payment_id) == (
        BreakKind.UNREADABLE_LINE,
        code(1),
        "S1",
        20000,
        owner,
    )
    assert ["16.09.2026" in str(one.sentence) for one in odd.remarks] == [True]
    assert (await bench.room.held(odd.id)).remarks == odd.remarks
    await hand_in(bench, tmp_path, f"{code(1)},200.00,2026-09-16 12:00:00,S1,罚款", "合计,1,200.00")
    assert {one.kind for one in await bench.room.breaks.find(OPEN)} == {BreakKind.STATEMENT_CHANGED}


async def test_a_file_without_totals_is_believed_by_count_and_sums_as_the_other_side_told_them(
    bench: Bench, tmp_path: Path
) -> None:
    await bench.issue(code(1), 20000)
    bench.clock.set(NOON + timedelta(days=1))
    rows = (
        f"{code(1)},200.00,2026-09-16 12:00:00,S1,罚款",
        f"{code(2)},-3.00,2026-09-16 13:00:00,S2,退款",
    )

    async def none_told(*those: str, typed: Told = None) -> Run:
        return await hand_in(bench, tmp_path, *those, typed=typed, totals="none", signed=True)

    with pytest.raises(ConflictProblem) as shown:
        await none_told(*rows)
    assert (shown.value.type, shown.value.extra) == ("statement-unconfirmed", {"unread": 0, "not_ours": 0})
    told = {"count": "2", "paid": "200.00", "refunded": "3.00"}
    for wrong in ({"count": "3"}, {"paid": "203.00"}, {"refunded": "0"}, {"refunded": ""}):
        with pytest.raises(InvalidProblem):
            await none_told(*rows, typed=told | wrong)
    assert await bench.room.find() == []
    run = await none_told(*rows, typed=told)
    assert run.healed == 1
    assert ["confirmed by li" in str(one.sentence) for one in run.remarks] == [True]


async def test_an_answer_saved_as_the_days_file_leaves_the_day_without_a_statement(
    bench: Bench, tmp_path: Path
) -> None:
    bench.clock.set(NOON + timedelta(days=1))
    path = tmp_path / "bill.xml"
    path.write_text("<answer><code>NO_STATEMENT</code><message>当日无账单</message></answer>")
    with pytest.raises(ConflictProblem, match="NO_STATEMENT 当日无账单") as refused:
        await bench.room.run_file(CHANNEL, DAY, StatementFile(path, Profile(columns=HEADED, totals=TOTALS)), by="li")
    assert refused.value.type == "statement-refused"
    assert "without a statement" in (refused.value.cure or "")
    assert "没有对账文件" in (refused.value.cure_in(Language.CHINESE) or "")
    assert [(run.state.value, run.statement_id) for run in await bench.room.find()] == [("refused", None)]


# --- a month of three layouts ----------------------------------------------------------------------------------------

BACKTICKS = Profile(
    prefix="`",
    columns={
        "code": "商户单号",
        "amount": "应结金额",
        "refunded": "退款金额",
        "paid_at": "交易时间",
        "bank_serial": "平台订单号",
        "kind": "交易状态",
    },
    kinds={"SUCCESS": "paid", "REFUND": "refunded", "REVOKED": "ignored"},
    totals={"lines": 2, "mark": "总单数", "count": "总单数", "amount": "应结总金额", "refunded": "退款总金额"},
)
CLEARING = Profile(
    side="bank",
    shape="fixed",
    encoding="gbk",
    amount="fen",
    time_format="%m%d%H%M%S",
    columns={"code": (0, 20), "kind": (20, 1), "amount": (21, 12), "paid_at": (33, 10), "bank_serial": (43, 12)},
    kinds={"C": "paid", "D": "refunded"},
    totals={"mark": "T", "count": (1, 6), "amount": (8, 12), "refunded": (21, 12)},
)
RECEIPTS = Profile(
    side="treasury",
    encoding="gb18030",
    columns={"code": "附言", "amount": "收入金额", "refunded": "支出金额", "paid_on": "日期", "bank_serial": "流水号"},
    code_pattern="[0-9]{20}",
    not_ours={"code": "结息"},
    totals="none",
)


async def test_a_month_is_reconciled_from_files_of_three_layouts_at_once(bench: Bench, tmp_path: Path) -> None:
    """Platform, bank and treasury each hand out files of their own; every payment is matched and gets three dates."""
    month = [date(2026, 9, 1) + timedelta(days=number) for number in range(30)]
    money = {day: [(number, 10_000 + number) for number in range(day.day * 10, day.day * 10 + 2)] for day in month}
    for day, paid in money.items():
        for number, fen in paid:
            await bench.issue(code(number), fen)
            at = NOON.replace(day=day.day)
            await bench.callback(code(number), fen, serial=f"S{number:011}", at=at)

    def written(name: str, *lines: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes("\r\n".join((*lines, "")).encode(encoding))
        return path

    def of_platform(day: date) -> Path:
        paid = money[day]
        rows = [f"`{day} 12:00:00,`S{n:011},`{code(n)},`SUCCESS,`{fen / 100:.2f},`0.00" for n, fen in paid]
        revoked = f"`{day} 12:01:00,`S0,`{code(9999)},`REVOKED,`0.00,`0.00"
        total = sum(fen for _, fen in paid) / 100
        head = "交易时间,平台订单号,商户单号,交易状态,应结金额,退款金额"
        return written("bill.csv", head, *rows, revoked, "总单数,应结总金额,退款总金额", f"`3,`{total:.2f},`0.00")

    def of_bank(day: date) -> Path:
        paid = money[day]
        rows = [f"{code(n)}C{fen:012}{day:%m%d}120000S{n:011}" for n, fen in paid]
        total = sum(fen for _, fen in paid)
        return written("ZM", *rows, f"T{len(paid):06}C{total:012}D{0:012}", encoding="gbk")

    def of_treasury(day: date) -> Path:
        rows = [f"{day:%Y%m%d},{fen / 100:,.2f},,S{n:011},罚款{code(n)}" for n, fen in money[day]]
        head = ("国库待报解户明细", "日期,收入金额,支出金额,流水号,附言")
        return written("book.csv", *head, *rows, f"{day:%Y%m%d},0.31,,J{day:%d},结息", encoding="gb18030")

    async def handed(day: date, path: Path, profile: Profile, typed: Told = None) -> Run:
        return await bench.room.run_file(CHANNEL, day, StatementFile(path, profile, typed=typed), by="li")

    bench.clock.set(datetime(2026, 10, 20, 9, tzinfo=SHANGHAI))
    matched = 0
    for day in month:
        runs = [await handed(day, of_platform(day), BACKTICKS), await handed(day, of_bank(day), CLEARING)]
        assert runs[0].passed_over == 1
        paid = sum(fen for _, fen in money[day])
        typed = {"count": str(len(money[day]) + 1), "paid": format_yuan(paid + 31), "refunded": "0"}
        runs.append(await handed(day, of_treasury(day), RECEIPTS, typed))
        assert (runs[2].not_ours, runs[2].not_ours_amount) == (1, 31)
        matched += runs[0].matched
    assert matched == 60
    assert await bench.room.breaks.find(OPEN) == []
    codes = {code(number) for paid in money.values() for number, _ in paid}
    dates = await bench.store.read(lambda conn: statement_records.dates(conn, CHANNEL, codes))
    assert len(dates) == 60
    assert all(cleared is not None and treasury is not None for cleared, treasury in dates.values())


async def test_a_refund_that_was_only_accepted_is_not_yet_money_out(bench: Bench, tmp_path: Path) -> None:
    await bench.issue(code(1), 20000)
    bench.clock.set(NOON + timedelta(days=1))
    asked: list[int] = []

    def returned(*about: Any) -> str:
        asked.append(about[3])
        return "ours"

    bench.room.rules = Rules(returned=returned, expected=lambda *about: about[3] == 5000)
    rows = (
        f"{code(1)},200.00,2026-09-16 12:00:00,S1,罚款",
        f"{code(1)},-50.00,2026-09-16 13:00:00,S1,退款",
        f"{code(1)},-60.00,2026-09-16 13:00:00,S1,退款",
        "合计,3,200.00",
    )
    await hand_in(bench, tmp_path, *rows, signed=True, refunds="accepted")
    assert asked == []
    (open_one,) = await bench.room.breaks.find(OPEN)
    assert (open_one.kind, open_one.theirs) == (BreakKind.REFUND_UNMATCHED, 6000)
    await hand_in(bench, tmp_path, *rows, signed=True)
    assert asked == [5000, 6000]
