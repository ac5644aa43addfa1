"""Operation, channel, payment and refund as one machine: the real code on a real store, against a bad platform.

The platform has an effect for every bill and every refund that reaches it, even under a reference that it knows: what
must never be repeated shows at once. What it tells is signed, and comes by the door for callbacks; others sign too, or
change what was signed. A death leaves the old delivery behind as a killed process would: nobody hears of it again,
except that a call of it may come back late, to find itself fenced.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from collections import Counter
from contextlib import suppress
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
from gateway.foundation.two_persons import Person
from gateway.foundation.wire.signing import sign, verify
from gateway.ports.base import AdapterInfo, FindGuarantee, Incoming, Notice, OpenedCallback, Pending, Reply
from gateway.ports.nontax import (
    Bill,
    BillState,
    Cancelled,
    CodeNotice,
    Issued,
    PaidFact,
    PaymentNotice,
    Refund,
    RefundNotice,
    RefundState,
)
from gateway.rooms.decisions import DecisionFacts, Decisions
from gateway.rooms.payments import IncomeItem, LineKind, Payments, Unit, records
from gateway.rooms.payments.bill import PaymentRequest
from gateway.rooms.payments.tables import collection, payment, payment_code, payment_line
from gateway.rooms.refunds.proposals import RefundProposal
from gateway.rooms.refunds.service import Refunds
from gateway.rooms.refunds.tables import refund
from gateway.words.clock import ManualClock
from gateway.words.errors import (
    BusyError,
    ConflictProblem,
    DeniedError,
    ForgedCallbackError,
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
    frozenset({"issue", "cancel", "find", "refund", "find_refund", "open_callback"}),
    find=FindGuarantee(settle_seconds=5),
)
EXAMPLES, STEPS = map(int, os.environ.get("GATEWAY_TEST_MACHINE", "5 12").split())
"""How many runs, and of how many steps; ``make nightly`` takes more."""
FINDS = ("truth", "truth", "silence", "refused", "busy")
SECRET = b"of the platform" * 3
TELLINGS = ("not at all", "once", "twice", "replayed", "forged", "altered", "stale")
"""How a notice comes: twice is with two signatures, replayed with the same one; the last three are not believed."""
NOTICES: dict[str, type[Notice]] = {"paid": PaymentNotice, "code": CodeNotice, "refund": RefundNotice}
PEOPLE = tuple(Person(f"opr_{name}", name, operator=True) for name in "甲乙丙")
PROPOSAL = {
    "reason": "wrong_payment",
    "explanation": "误缴",
    "payee": {"name": "罗小满", "account": "6222021001116245702", "bank": "安澜农商银行"},
    "documents": [
        {"kind": kind, "reference": kind, "digest": f"{number:064x}"}
        for number, kind in enumerate(("opinion_letter", "loss_statement"))
    ],
}
WITH_FINANCE = (RefundState.FILED, RefundState.APPROVED)


class Platform:
    """The other side: what each call meets is said beforehand; what was done, it knows.

    ``queue``: what it has taken and not carried out, by reference: bills that are to be made or voided, and refunds.
    """

    info = INFO

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.queue: dict[str, Bill | Refund] = {}
        self.bills: dict[str, Bill] = {}
        self.refunds: dict[str, Refund] = {}
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
            if isinstance(bill, Refund):
                self.refunds[reference] = bill
                continue
            known = self.bills.get(bill.reference)
            if known is None:
                self.bills[reference] = bill
                made.append(reference)
            elif known.state is BillState.UNPAID:
                self.bills[bill.reference] = bill
        self.queue.clear()
        return made

    def _take(self, request: Any, bill: Bill | Refund) -> None:
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
            self._take(request, bill)
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
            self._take(request, bill.model_copy(update={"state": BillState.VOID}))
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

    async def refund(self, request: Any) -> Refund | Pending:
        fate = self.fates.pop(0) if self.fates else "ok"
        filed = Refund(reference=request.reference, code=request.code, amount=request.amount, state=RefundState.FILED)
        if fate.startswith("later"):
            self._take(request, filed)
            await self._meet(fate)
            return Pending(ask_after=3)
        if fate in ("ok", "nonsense") or fate.startswith("effect"):
            self.effects[request.reference] += 1
            self.refunds[request.reference] = filed
        await self._meet(fate)
        if fate == "hang":
            raise OutcomeUnknownError("it never got there")
        return filed.model_copy(update={"amount": filed.amount + (fate == "nonsense")})

    async def find_refund(self, reference: str) -> Refund | Pending | None:
        await self._meet(self.finds.pop(0) if self.finds else "truth")
        return Pending(ask_after=3) if reference in self.queue else self.refunds.get(reference)

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        told = verify(incoming.headers, incoming.body, {"PLATFORM": SECRET}, self.clock.now())
        kind = json.loads(incoming.body)["kind"]
        notice = NOTICES[kind].model_validate_json(incoming.body)
        return OpenedCallback(notice, kind, told.nonce, Reply(200, b"ok", "text/plain"), Reply(503, b"", "text/plain"))


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
        self.clock = ManualClock(NOW)
        self.platform = Platform(self.clock)
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
        self.refunds = Refunds(base, ask_every=3)
        self.callbacks = base.callbacks
        self.callbacks.on(PaymentNotice, self.payments.callbacks.take_paid)
        self.callbacks.on(CodeNotice, self.payments.callbacks.take_code)
        self.callbacks.on(RefundNotice, self.refunds.filing.told)
        for action in (*self.payments.actions(), *self.refunds.actions()):
            self.delivery.register(action)
        await self.delivery.start()

    async def _calm(self) -> None:
        """Let whatever is under way come to where it waits for time, for the platform or for nobody."""
        quiet = 0
        async with asyncio.timeout(60):
            while quiet < 3:
                await asyncio.sleep(0.003)
                held = sum(not one.done() for one in self.platform.hanging)
                alive = len(self.delivery.attempts) + sum(len(one.attempts) for one in self.dead)
                quiet = quiet + 1 if alive <= held and not self.store.waiting else 0

    async def _tell(self, notice: Notice, how: str) -> None:
        """The platform tells something, or somebody pretends that it does."""
        if how == "not at all":
            return
        body = notice.model_dump_json().encode()
        at = self.clock.now() - timedelta(days=how == "stale")
        key = b"of somebody else" * 3 if how == "forged" else SECRET

        def message() -> Incoming:
            self.serial += 1
            signed = sign("PLATFORM", key, body, at, f"nonce-{self.serial:06}")
            sent = body.replace(b'"kind"', b' "kind"') if how == "altered" else body
            return Incoming({name.lower(): said for name, said in signed.items()}, sent, self.clock.now())

        first = message()
        if how in ("forged", "altered", "stale"):
            before = [self._rows(select(table)) for table in (payment, collection, refund, operation)]
            with pytest.raises(ForgedCallbackError):
                await self.callbacks.take("nontax", first)
            assert [self._rows(select(table)) for table in (payment, collection, refund, operation)] == before
            return
        again = {"twice": message, "replayed": lambda: first}.get(how)
        for one in (first, *(() if again is None else (again(),))):
            assert (await self.callbacks.take("nontax", one)).status == 200

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

    @rule(pick=st.integers(0, 99), told=st.sampled_from(TELLINGS))
    def pay(self, pick: int, told: str) -> None:
        """A party pays an unpaid bill; the platform's notice is lost, comes, comes twice, or is none of its."""
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
            await self._tell(notice, told)
            self.delivery.wake()
            await self._calm()

        self.runner.run(arriving())

    @rule(told=st.sampled_from(["a hint", *TELLINGS]))
    def make(self, told: str) -> None:
        """The platform carries out what it has taken, and tells of the codes or does not; be it before it answers."""

        async def making() -> None:
            for reference in self.platform.make():
                bill = self.platform.bills[reference]
                whole = Issued(reference=bill.reference, code=bill.code, total=bill.total)
                notice = CodeNotice(reference=reference, issued=None if told == "a hint" else whole)
                await self._tell(notice, "once" if told == "a hint" else told)
            self.delivery.wake()
            await self._calm()

        self.runner.run(making())

    @rule(pick=st.integers(0, 99), amount=st.sampled_from([None, "1.00", "1500.00"]))
    def propose(self, pick: int, amount: str | None) -> None:
        """Somebody asks for money to go back, be it for the second time."""
        paid = self._rows(select(payment.c.id).where(payment.c.status == "PAID").order_by(payment.c.id))
        if not paid:
            return
        ask = RefundProposal.model_validate(PROPOSAL | {"amount": amount})

        async def proposing() -> None:
            with suppress(ConflictProblem):  # more than is left of it
                await self.refunds.propose(paid[pick % len(paid)].id, ask, by=PEOPLE[0])

        self.runner.run(proposing())

    @rule(
        pick=st.integers(0, 99),
        by=st.sampled_from(PEOPLE),
        fate=st.sampled_from(FATES),
        find=st.lists(st.sampled_from(FINDS), max_size=2),
    )
    def agree(self, pick: int, by: Person, fate: str, find: list[str]) -> None:
        """Somebody agrees to a refund as it is shown; it is filed, unless that is who had proposed it."""
        waiting = self._rows(select(refund.c.id).where(refund.c.status == "PROPOSED").order_by(refund.c.id))
        if not waiting:
            return
        self.platform.fates, self.platform.finds = [fate], list(find)

        async def agreeing() -> None:
            shown = await self.refunds.view(waiting[pick % len(waiting)].id)
            try:
                await self.refunds.confirm(shown.refund.id, by=by, seen=shown.seen or "", wait=0)
                assert by is not PEOPLE[0]
            except ConflictProblem:
                assert by is PEOPLE[0]
            await self._calm()

        self.runner.run(agreeing())

    @rule(pick=st.integers(0, 99))
    def dismiss(self, pick: int) -> None:
        """Somebody decides against a refund: too late, once it has left or may have."""
        known = self._rows(select(refund.c.id).order_by(refund.c.id))
        if not known:
            return

        async def dismissing() -> None:
            with suppress(ConflictProblem):
                await self.refunds.dismiss(known[pick % len(known)].id, "不予退还", by=PEOPLE[2])
            await self._calm()

        self.runner.run(dismissing())

    @rule(
        pick=st.integers(0, 99),
        state=st.sampled_from([RefundState.APPROVED, RefundState.REFUNDED, RefundState.REFUSED]),
        told=st.sampled_from(["a hint", *TELLINGS]),
    )
    def finance(self, pick: int, state: RefundState, told: str) -> None:
        """Finance decides about a refund, and the platform tells of it or does not; be it before it answers."""
        filed = [one for one in self.platform.refunds.values() if one.state in WITH_FINANCE and one.state is not state]
        if not filed:
            return
        one = filed[pick % len(filed)]
        moved = one.model_copy(update={"state": state})
        self.platform.refunds[one.reference] = moved
        notice = RefundNotice(reference=one.reference, refund=None if told == "a hint" else moved)

        async def deciding() -> None:
            await self._tell(notice, "once" if told == "a hint" else told)
            self.delivery.wake()
            await self._calm()

        self.runner.run(deciding())

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
            await self.delivery.waiting.resume_channel("nontax")
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

    @invariant()
    def money_is_known_once_and_only_as_it_arrived(self) -> None:
        if not hasattr(self, "platform"):
            return
        arrived = {
            (one.code, fact.bank_serial): fact.amount for one in self.platform.bills.values() for fact in one.paid
        }
        known = [(row.code, row.bank_serial) for row in self._rows(select(collection))]
        assert len(known) == len(set(known))
        assert all(row.amount == arrived[row.code, row.bank_serial] for row in self._rows(select(collection)))

    @invariant()
    def no_more_goes_back_than_came_in_and_nothing_by_one_person(self) -> None:
        if not hasattr(self, "platform"):
            return
        paid = {one.code: sum(fact.amount for fact in one.paid) for one in self.platform.bills.values()}
        taken = [one for one in self.platform.queue.values() if isinstance(one, Refund)]
        back: Counter[str] = Counter()
        for one in {one.reference: one for one in (*taken, *self.platform.refunds.values())}.values():
            back[one.code] += one.amount if one.state is not RefundState.REFUSED else 0
        assert all(amount <= paid[code] for code, amount in back.items())
        ours = {row.reference: row for row in self._rows(select(refund)) if row.reference is not None}
        for reference in self.platform.refunds:
            assert ours[reference].confirmed_by not in (None, ours[reference].proposed_by)

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
            self.money_is_known_once_and_only_as_it_arrived()
            self.no_more_goes_back_than_came_in_and_nothing_by_one_person()
            self._books()
        finally:
            self.runner.run(self._stop())
            self.store.close()
            self.runner.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    async def _end(self) -> None:
        await self._release()
        await self.delivery.waiting.resume_channel("nontax")
        self.platform.make()
        open_ = select(operation.c.id).where(operation.c.state.in_(("queued", "sending", "uncertain", "pending")))
        for _ in range(60):
            if not self._rows(open_):
                break
            for one in self.platform.refunds.values():
                if one.state in WITH_FINANCE:
                    self.platform.refunds[one.reference] = one.model_copy(update={"state": RefundState.REFUNDED})
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
        for row in self._rows(select(refund)):
            if row.id in parked:
                continue
            at_platform = self.platform.refunds.get(row.reference)
            match row.status:
                case "REFUNDED":
                    assert at_platform is not None
                    assert at_platform.state is RefundState.REFUNDED
                case "REFUSED":
                    assert at_platform is None or at_platform.state is RefundState.REFUSED
                case "PROPOSED" | "DISMISSED":
                    assert at_platform is None
                case other:
                    raise AssertionError(f"refund {row.id} ended as {other}")


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
@pytest.mark.cases_by_day(7)
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
@pytest.mark.parametrize("told", ["not at all", "a hint", "once", "twice"])
@pytest.mark.cases_by_day(4)
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


@pytest.mark.parametrize("fate", ["ok", "effect then silence", "effect and hang", "hang", "later then silence"])
@pytest.mark.cases_by_day(3)
def test_money_goes_back_once_over_a_death_whatever_filing_met(sqlite_url: str, fate: str) -> None:
    Machine.template = Path(sqlite_url.removeprefix("sqlite:///"))
    machine = Machine()
    machine.begin()
    try:
        machine.decide_one()
        machine.ask("望市监罚决字〔2026〕第1号", None, "ok", [])
        machine.pay(0, "replayed")
        machine.propose(0, None)
        machine.agree(0, PEOPLE[0], fate, [])
        machine.agree(0, PEOPLE[1], fate, [])
        machine.die()
        machine.make("not at all")
        machine.finance(0, RefundState.APPROVED, "forged")
        machine.finance(0, RefundState.REFUNDED, "replayed")
        machine.late_answers()
        machine.time_passes(6)
        machine.propose(0, None)
        machine.agree(0, PEOPLE[1], "ok", [])
        machine.no_effect_happens_twice()
        machine.no_more_goes_back_than_came_in_and_nothing_by_one_person()
    finally:
        machine.teardown()
