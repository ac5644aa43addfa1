"""Operation, channel and payment as one machine: the real code on a real store, against a platform that misbehaves.

The platform has an effect for every issue that reaches it, even under a reference that it knows: what must never be
repeated shows at once. A death leaves the old delivery behind as a killed process would: nobody hears of it again,
except that a call of it may come back late, to find itself fenced.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from foundation import foundation
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Connection, insert, select, update

from gateway.foundation.access.tables import authority as authority_table
from gateway.foundation.channels import Channel, ChannelKeys
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.keys import FileKeys
from gateway.foundation.delivery import Delivery, DeliverySettings, operation_records
from gateway.foundation.delivery.retry_rules import Patience
from gateway.foundation.delivery.tables import (
    event,
    operation,
)
from gateway.foundation.store import Store
from gateway.ports.base import AdapterInfo, FindGuarantee, Pending
from gateway.ports.nontax import Bill, BillState, Cancelled, CodeNotice, Issued, PaidFact, PaymentNotice
from gateway.rooms.decisions import DecisionFacts, Decisions
from gateway.rooms.payments import IncomeItem, LineKind, Payments, Unit, records
from gateway.rooms.payments.bill import PaymentRequest
from gateway.rooms.payments.tables import payment, payment_code, payment_line
from gateway.words.clock import ManualClock
from gateway.words.errors import (
    BusyError,
    ConflictProblem,
    DeniedError,
    NotSentError,
    OutcomeUnknownError,
    RejectedError,
)

NOW = datetime(2026, 9, 16, 2, 0, tzinfo=UTC)
FINE = 500_000
FATES = (
    "ok",
    "effect then silence",
    "silence",
    "refused",
    "busy",
    "no",
    "nonsense",
    "effect and hang",
    "hang",
    "later",
    "later and hang",
    "later then silence",
    "denied",
)
INFO = AdapterInfo(
    "nontax",
    "nontax.script",
    "v1",
    frozenset({"issue", "cancel", "find"}),
    find=FindGuarantee(settle_seconds=5),
)
EXAMPLES, STEPS = map(int, os.environ.get("GATEWAY_TEST_MACHINE", "10 12").split())
"""How many runs, and of how many steps; ``make nightly`` takes more."""
FINDS = ("truth", "truth", "silence", "refused", "busy")


class Platform:
    """The other side: what each call meets is said beforehand; what was done, it knows.

    ``queue``: bills that it has taken and not made, and voids that it has taken and not carried out, by reference.
    """

    info = INFO

    def __init__(self) -> None:
        self.queue: dict[str, Bill] = {}
        self.bills: dict[str, Bill] = {}
        self.effects: Counter[str] = Counter()
        self.fates: list[str] = []
        self.finds: list[str] = []
        self.hanging: list[asyncio.Future[None]] = []

    async def _meet(self, fate: str) -> None:
        match fate:
            case "silence" | "effect then silence":
                raise OutcomeUnknownError("read timeout")
            case "refused":
                raise NotSentError("connection refused")
            case "busy":
                raise BusyError("too many", retry_after=0.1)
            case "denied":
                raise DeniedError("401")
            case "no":
                raise RejectedError("无收费权限", "18012")
            case "later then silence":
                raise OutcomeUnknownError("taken, and no word of it")
            case "hang" | "effect and hang" | "later and hang":
                self.hanging.append(asyncio.get_running_loop().create_future())
                await self.hanging[-1]

    def make(self) -> list[str]:
        """Carry out what was taken; the references of bills that have a code now."""
        made = []
        for reference, bill in self.queue.items():
            known = self.bills.get(bill.reference)
            if known is None:
                self.bills[reference] = bill
                made.append(reference)
            elif known.state is BillState.UNPAID:
                self.bills[bill.reference] = bill
        self.queue.clear()
        return made

    def _take(self, request: Any, bill: Bill, fate: str) -> None:
        if request.reference not in self.queue:
            self.effects[request.reference] += 1
        self.queue[request.reference] = bill

    async def issue(self, request: Any) -> Issued | Pending:
        fate = self.fates.pop(0) if self.fates else "ok"
        if fate in ("ok", "nonsense") or fate.startswith("effect"):
            self.effects[request.reference] += 1
            code = f"990102263{len(self.effects):011d}"
            self.bills[request.reference] = Bill(
                reference=request.reference, code=code, total=request.total, state=BillState.UNPAID
            )
        if fate.startswith("later"):
            code = f"990102263{len(self.effects) + 1:011d}"
            bill = Bill(reference=request.reference, code=code, total=request.total, state=BillState.UNPAID)
            self._take(request, bill, fate)
            await self._meet(fate)
            return Pending(ask_after=3)
        await self._meet(fate)
        if fate == "hang":
            raise OutcomeUnknownError("it never got there")
        bill = self.bills[request.reference]
        return Issued(reference=bill.reference, code=bill.code, total=bill.total + (fate == "nonsense"))

    async def cancel(self, request: Any) -> Cancelled | Pending:
        fate = self.fates.pop(0) if self.fates else "ok"
        bill = self.bills[request.bill_reference]
        if fate in ("ok", "nonsense") or fate.startswith("effect"):
            if bill.state is BillState.PAID:
                raise RejectedError("已缴款", "18020")
            self.effects[request.reference] += 1
            self.bills[request.bill_reference] = bill.model_copy(update={"state": BillState.VOID})
        if fate.startswith("later"):
            self._take(request, bill.model_copy(update={"state": BillState.VOID}), fate)
            await self._meet(fate)
            return Pending(ask_after=3)
        await self._meet(fate)
        if fate == "hang":
            raise OutcomeUnknownError("it never got there")
        return Cancelled(code=bill.code)

    async def find(self, request: Any) -> Bill | Pending | None:
        await self._meet(self.finds.pop(0) if self.finds else "truth")
        if request.reference in self.queue:
            return Pending(ask_after=3)
        known = (one for one in self.bills.values() if request.code in (None, one.code))
        return next((one for one in known if request.reference in (None, one.reference)), None)


class Machine(RuleBasedStateMachine):
    """Rules are what case systems, parties, the platform, time and death do; invariants hold after each of them."""

    template: ClassVar[Path]
    decided = Bundle("decided")

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="machine-"))
        shutil.copy(self.template, self.folder / "gateway.db")
        self.runner = asyncio.Runner()
        self.store = Store.open(f"sqlite:///{self.folder / 'gateway.db'}")
        self.clock, self.platform = ManualClock(NOW), Platform()
        self.keys = FileKeys(self.folder / "keys")
        self.envelope = Envelope(self.keys)
        self.dead: list[Delivery] = []
        self.serial = 0
        self.runner.run(self._open())

    async def _open(self) -> None:
        item = IncomeItem("103050199", "其他一般罚没收入")
        unit = Unit("990102001", "望川区综合行政执法局", "990102", {LineKind.FINE: item})
        values = {"code": "A1", "name": "望川区综合行政执法局", "uscc": "11990102MB0000011T", "created_at": 1}

        def write(conn: Connection) -> None:
            conn.execute(insert(authority_table), values)
            records.set_unit(conn, "A1", unit, date(2026, 1, 1))

        await self.store.write(write)
        await self._live()

    async def _live(self) -> None:
        guarantee, info = INFO.find, INFO
        keys = ChannelKeys(circuit_failures=4, circuit_seconds=0.05)
        channel = Channel("nontax", self.platform, info, guarantee, "http://x", None, keys=keys)  # type: ignore[arg-type]
        channels: Any = SimpleNamespace(
            get=lambda _: channel, all=lambda: (channel,), route=lambda authority, capability: (channel,)
        )
        patience = Patience(ask_after=0.01, first=0.01, longest=0.05)
        limits = DeliverySettings(grace=0.5, patience=patience)
        base = foundation(self.store, self.folder, self.clock, channels, delivery=limits)
        self.delivery = base.delivery
        self.decisions = Decisions(base)
        self.payments = Payments(base, self.decisions)
        for action in self.payments.actions():
            self.delivery.register(action)
        await self.delivery.start()

    async def _calm(self) -> None:
        """Let whatever is under way come to where it waits for time, for the platform or for nobody."""
        quiet = 0
        async with asyncio.timeout(5):
            while quiet < 3:
                await asyncio.sleep(0.003)
                held = sum(not one.done() for one in self.platform.hanging)
                alive = len(self.delivery.attempts) + sum(len(one.attempts) for one in self.dead)
                quiet = quiet + 1 if alive <= held and not self.store.waiting else 0

    # --- what happens -----------------------------------------------------------------------------------------------

    @rule(target=decided)
    def decide(self) -> Any:
        """An authority decides."""
        return self.decide_one()

    def decide_one(self) -> str:
        self.serial += 1
        number = f"望市监罚决字〔2026〕第{self.serial}号"
        self.put(number, "2026年9月3日检查发现货架上有过期糕点。")
        return number

    @rule(number=decided, facts=st.sampled_from(["货架上有过期糕点。", "仓库内有过期糕点。"]))
    def correct(self, number: str, facts: str) -> None:
        """What a decision says is corrected, whatever became of its money; the code that was given out stays."""
        before = self._rows(select(payment.c.id, payment.c.status, payment.c.code).order_by(payment.c.id))
        self.put(number, facts)
        assert self._rows(select(payment.c.id, payment.c.status, payment.c.code).order_by(payment.c.id)) == before

    def put(self, number: str, found: str) -> None:
        facts = DecisionFacts.model_validate(
            {
                "procedure": "ordinary",
                "party": {"kind": "individual_business", "name": "味安副食店", "uscc": "92990102MA0WA4562J"},
                "violation": "经营超过保质期的食品",
                "facts": found,
                "basis": "《中华人民共和国食品安全法》第一百二十四条",
                "penalty_kinds": ["罚款"],
                "content": "罚款5000元",
                "fine": "5000.00",
                "decided_on": "2026-09-14",
                "surcharge_stated": True,
            }
        )
        self.runner.run(self.decisions.put("A1", number, facts, by="test"))

    @rule(
        number=decided,
        part=st.sampled_from([None, "2000.00", "3000.00"]),
        fate=st.sampled_from(FATES),
        find=st.lists(st.sampled_from(FINDS), max_size=2),
    )
    def ask(self, number: str, part: str | None, fate: str, find: list[str]) -> None:
        """A case system asks for a code, for the whole fine or for a part of it."""
        body: dict[str, Any] = {"authority": "A1", "decision_number": number}
        if part is not None:
            body |= {"instalment": int(part[0]), "lines": [{"kind": "fine", "amount": part}]}
        self.platform.fates, self.platform.finds = [fate], list(find)

        async def asking() -> None:
            try:
                await self.payments.request(PaymentRequest.model_validate(body), wait=0)
            except ConflictProblem:
                return
            finally:
                await self._calm()

        self.runner.run(asking())

    @rule(pick=st.integers(0, 99), fate=st.sampled_from(FATES), find=st.lists(st.sampled_from(FINDS), max_size=2))
    def cancel(self, pick: int, fate: str, find: list[str]) -> None:
        """A case system takes a code back."""
        rows = self._rows(select(payment.c.id).where(payment.c.status == "ISSUED").order_by(payment.c.id))
        if not rows:
            return
        self.platform.fates, self.platform.finds = [fate], list(find)

        async def cancelling() -> None:
            await self.payments.cancel(rows[pick % len(rows)].id, "文号有误", wait=0)
            await self._calm()

        self.runner.run(cancelling())

    @rule(pick=st.integers(0, 99), told=st.sampled_from([0, 1, 2]))
    def pay(self, pick: int, told: int) -> None:
        """A party pays an unpaid bill; the platform's notice is lost, comes, or comes twice."""
        unpaid = [one for one in self.platform.bills.values() if one.state is BillState.UNPAID]
        if not unpaid:
            return
        bill = unpaid[pick % len(unpaid)]
        fact = PaidFact(
            code=bill.code, amount=bill.total, paid_at=self.clock.now(), bank_serial=f"S{bill.code}", pay_mode="51"
        )
        paid = bill.model_copy(update={"state": BillState.PAID, "paid": (fact,)})
        self.platform.bills[bill.reference] = paid
        notice = PaymentNotice(fact=fact, bill_reference=bill.reference)

        async def arriving() -> None:
            for _ in range(told):
                await self.store.write(lambda conn: self.payments.callbacks.take_paid(conn, "nontax", notice, "exc"))
            self.delivery.wake()
            await self._calm()

        self.runner.run(arriving())

    @rule(told=st.sampled_from(["not at all", "a hint", "whole", "twice"]))
    def make(self, told: str) -> None:
        """The platform carries out what it has taken, and tells of the codes or does not; be it before it answers."""

        async def making() -> None:
            for reference in self.platform.make():
                bill = self.platform.bills[reference]
                whole = Issued(reference=bill.reference, code=bill.code, total=bill.total)
                notice = CodeNotice(reference=reference, issued=None if told == "a hint" else whole)
                for _ in range({"not at all": 0, "twice": 2}.get(told, 1)):
                    await self.store.write(
                        lambda conn, notice=notice: self.payments.callbacks.take_code(conn, "nontax", notice, "exc")
                    )
            self.delivery.wake()
            await self._calm()

        self.runner.run(making())

    @rule(seconds=st.sampled_from([1, 6, 90, 3600]))
    def time_passes(self, seconds: int) -> None:
        """What was to be done later is due."""
        self.clock.advance(timedelta(seconds=seconds))
        self.delivery.wake()
        self.runner.run(self._calm())

    @rule()
    def resume(self) -> None:
        """People let a channel go again that was stopped because credentials were refused."""

        async def resuming() -> None:
            await self.delivery.resume_channel("nontax")
            self.delivery.wake()
            await self._calm()

        self.runner.run(resuming())

    @rule()
    def die(self) -> None:
        """The process is gone, with its calls under way; another one starts over what is stored."""

        async def dying() -> None:
            await self.delivery.pumps.stop()
            await self.delivery.leases.stop()
            self.dead.append(self.delivery)
            await self._live()
            await self._calm()

        self.runner.run(dying())

    @rule()
    def late_answers(self) -> None:
        """What hung comes back, if need be to an attempt that was overtaken."""
        self.runner.run(self._release())

    async def _release(self) -> None:
        for one in self.platform.hanging:
            if not one.done():
                one.set_result(None)
        self.platform.hanging.clear()
        await self._calm()

    # --- what must be true ------------------------------------------------------------------------------------------

    def _rows(self, query: Any) -> Any:
        return self.store.read_sync(lambda conn: conn.execute(query).all())

    @invariant()
    def no_effect_happens_twice(self) -> None:
        if hasattr(self, "platform"):
            assert not [one for one, count in self.platform.effects.items() if count > 1]

    @invariant()
    def a_payment_has_at_most_one_live_code(self) -> None:
        if not hasattr(self, "platform"):
            return
        owner = {row.reference: row.payment_id for row in self._rows(select(payment_code))}
        live = Counter(owner[one.reference] for one in self.platform.bills.values() if one.state is not BillState.VOID)
        assert not [one for one, count in live.items() if count > 1]

    @invariant()
    def live_and_paid_fines_never_exceed_the_decision(self) -> None:
        if not hasattr(self, "platform"):
            return
        demanded: Counter[str] = Counter()
        for row in self._rows(
            select(payment.c.decision_id, payment_line.c.amount)
            .join(payment_line, payment_line.c.payment_id == payment.c.id)
            .where(payment.c.status.not_in(("REJECTED", "CANCELLED")), payment_line.c.kind == "fine")
        ):
            demanded[row.decision_id] += row.amount
        assert all(sum_ <= FINE for sum_ in demanded.values())

    def teardown(self) -> None:
        """Without faults and with time everything ends, or waits where people see it; then the books are compared."""
        if not hasattr(self, "runner"):
            return
        try:
            self.platform.fates, self.platform.finds = [], []
            self.runner.run(self._end())
            self.no_effect_happens_twice()
            self.a_payment_has_at_most_one_live_code()
            self.live_and_paid_fines_never_exceed_the_decision()
            self._books()
        finally:
            self.runner.run(self._stop())
            self.store.close()
            self.runner.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    async def _end(self) -> None:
        await self._release()
        await self.delivery.resume_channel("nontax")
        self.platform.make()
        open_ = select(operation.c.id).where(operation.c.state.in_(("queued", "sending", "uncertain", "pending")))
        for _ in range(60):
            if not self._rows(open_):
                break
            self.clock.advance(timedelta(seconds=7))
            self.delivery.wake()
            await asyncio.sleep(0.02)
            await self._calm()
        assert not self._rows(open_), "accepted work neither ended nor waits for a person"

    async def _stop(self) -> None:
        for one in (*self.dead, self.delivery):
            await one.stop()

    def _books(self) -> None:
        waiting = self._rows(select(operation).where(operation.c.state == "parked"))
        assert not [one.reason for one in waiting if "fault of the gateway" in one.reason]
        parked = {one.subject for one in waiting}
        issued = Counter(row.subject for row in self._rows(select(event).where(event.c.type == "payment.issued")))
        assert not [one for one, count in issued.items() if count > 1]
        theirs = {one.code: one for one in self.platform.bills.values()}
        ours = {row.code for row in self._rows(select(payment_code))}
        for row in self._rows(select(payment)):
            bill = theirs.get(row.code)
            if row.id in parked:
                continue
            match row.status:
                case "ISSUED":  # a lost notice is the daily question's and the statement's business
                    assert bill is not None
                    assert bill.state is not BillState.VOID
                case "PAID":
                    assert bill is not None
                    assert bill.state is BillState.PAID
                case "CANCELLED":
                    assert bill is not None
                    assert bill.state is BillState.VOID
                case "REJECTED":
                    assert bill is None
                case other:
                    raise AssertionError(f"payment {row.id} ended as {other}")
        if not parked:
            assert set(theirs) <= ours


def test_no_order_of_faults_deaths_and_late_answers_breaks_a_promise(sqlite_url: str) -> None:
    Machine.template = Path(sqlite_url.removeprefix("sqlite:///"))
    health = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, suppress_health_check=health, database=None
        ),
    )


@pytest.mark.parametrize("fate", FATES)
def test_each_fate_followed_by_a_death_ends_well(sqlite_url: str, fate: str) -> None:
    """The shortest paths, so that no run of the machine can miss them."""
    Machine.template = Path(sqlite_url.removeprefix("sqlite:///"))
    machine = Machine()
    machine.begin()
    try:
        machine.decide_one()
        machine.ask("望市监罚决字〔2026〕第1号", None, fate, [])
        machine.die()
        machine.time_passes(6)
        machine.no_effect_happens_twice()
        machine.late_answers()
    finally:
        machine.teardown()


def test_the_machine_notices_when_the_fence_is_gone(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    close = operation_records.close

    def unfenced(conn: Connection, overtaken: Any, end: Any, **values: Any) -> bool:
        newest = {"state": "sending", "attempt": overtaken.attempt, "lease_until_at": 1, "doubt_since_at": None}
        conn.execute(update(operation).where(operation.c.id == overtaken.id).values(newest))
        return close(conn, overtaken, end, **values)

    monkeypatch.setattr(operation_records, "close", unfenced)
    with pytest.raises(AssertionError):
        test_each_fate_followed_by_a_death_ends_well(sqlite_url, "effect and hang")


@pytest.mark.parametrize("fate", ["later", "later and hang", "later then silence"])
@pytest.mark.parametrize("told", ["not at all", "a hint", "whole", "twice"])
def test_a_code_that_comes_later_comes_once_over_a_death_whoever_tells_of_it(
    sqlite_url: str, fate: str, told: str
) -> None:
    Machine.template = Path(sqlite_url.removeprefix("sqlite:///"))
    machine = Machine()
    machine.begin()
    try:
        machine.decide_one()
        machine.ask("望市监罚决字〔2026〕第1号", None, fate, [])
        machine.make(told)
        machine.die()
        machine.late_answers()
        for _ in range(60):
            machine.time_passes(6)
            (status,) = machine._rows(select(payment.c.status))
            if status == ("ISSUED",):
                break
        machine.no_effect_happens_twice()
        assert status == ("ISSUED",)
    finally:
        machine.teardown()
