"""Refunds, cash and imports on a real store; the platform is a script held in the test."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.foundation.access.tables import authority as authority_table
from gateway.foundation.channels import Channel, ChannelKeys
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.keys import FileKeys
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.delivery import Delivery, DeliverySettings, Events, Rejected, ledger
from gateway.foundation.delivery.tables import (
    event,
)
from gateway.foundation.evidence import Evidence
from gateway.foundation.store import Store
from gateway.ports.base import AdapterInfo, Kind
from gateway.ports.nontax import PaidFact
from gateway.rooms.cash.service import Cash, CashInput, RemittanceInput
from gateway.rooms.cash.tables import cash_taken
from gateway.rooms.decisions import DecisionFacts, Decisions
from gateway.rooms.imports.service import Imports, read_csv, read_xlsx
from gateway.rooms.payments import IncomeItem, LineKind, Payments, Unit, apply_paid, records
from gateway.rooms.payments.tables import payment
from gateway.rooms.receipts.records import live
from gateway.rooms.receipts.service import Receipts
from gateway.rooms.refunds import records as refund_records
from gateway.rooms.refunds.proposals import DocumentInput, Payee, RefundProposal
from gateway.rooms.refunds.service import Refunds
from gateway.rooms.refunds.states import EDGES, RELEASED, RefundStatus, edge, sources
from gateway.rooms.refunds.tables import refund
from gateway.words.calendar import WorkingCalendar
from gateway.words.clock import ManualClock, to_micros
from gateway.words.errors import ConflictProblem, InvalidProblem
from gateway.words.money import format_yuan

NOW = datetime(2026, 9, 16, 2, 0, tzinfo=UTC)
CODE = "99010226300000000001"
PAYEE = Payee(name="罗小满", account="6222021001116245702", bank="安澜农商银行")
DOCUMENTS = tuple(
    DocumentInput(kind=kind, reference=kind, digest=sm3(kind.encode()).hex())
    for kind in ("opinion_letter", "loss_statement")
)


class Bench:
    """The rooms over a store, with one channel that nothing leaves through."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        keys_of_channel: ChannelKeys | None = None,
        lacking: frozenset[str] = frozenset(),
    ) -> None:
        self.store, self.clock = store, ManualClock(NOW)
        keys = FileKeys(folder / "keys")
        self.envelope = Envelope(keys)
        self.events = Events(self.clock)
        info = AdapterInfo(Kind.NONTAX, "nontax.script", "v1", frozenset({"issue", "refund", "receipt"}))
        info = replace(info, capabilities=info.capabilities - lacking)
        channel = Channel("nontax", None, info, info.find, "http://x", None, keys=keys_of_channel or ChannelKeys())  # type: ignore[arg-type]
        channels: Any = SimpleNamespace(
            get=lambda name: channel, all=lambda: (channel,), route=lambda authority, capability: (channel,)
        )
        evidence = Evidence(store, keys, self.envelope, self.clock, node="node-1", heads=folder / "heads")
        self.delivery = Delivery(store, channels, evidence, self.envelope, self.clock, DeliverySettings())
        calendar = WorkingCalendar()
        self.decisions = Decisions(store, self.events, self.envelope, calendar, self.clock)
        self.payments = Payments(
            store,
            self.delivery,
            self.decisions,
            self.events,
            channels,
            self.envelope,
            calendar,
            self.clock,
            "http://127.0.0.1",
        )
        self.refunds = Refunds(store, self.delivery, self.events, channels, self.envelope, self.clock)
        self.receipts = Receipts(store, self.delivery, self.events, channels, self.envelope, self.clock)
        self.events.subscribe("payment.paid", self.receipts.payment_paid)
        self.cash = Cash(
            store, self.delivery, self.decisions, self.events, channels, self.envelope, calendar, self.clock
        )
        self.imports = Imports(store, self.events, channels, self.envelope, self.clock)

    async def open(self) -> None:
        item = IncomeItem("103050199", "其他一般罚没收入")
        unit = Unit("990102001", "望川区综合行政执法局", "990102", {LineKind.FINE: item, LineKind.CONFISCATED: item})

        def write(conn: Connection) -> None:
            conn.execute(
                insert(authority_table),
                {"code": "A1", "name": "望川区综合行政执法局", "uscc": "11990102MB0000011T", "created_at": 1},
            )
            records.set_unit(conn, "A1", unit, date(2026, 1, 1))

        await self.store.write(write)

    async def paid(self, *amounts: int, bill: int | None = None) -> str:
        """An imported bill to which these sums arrived; its payment's id."""
        fine = bill or amounts[0]
        report = await self.imports.run(a_file([a_row(fine=format_yuan(fine))]), by="test")
        payment_id = report.rows[0].payment
        for number, amount in enumerate(amounts, start=1):
            await self.arrive(amount, f"S{number}")
        return payment_id

    async def arrive(self, amount: int, serial: str) -> str:
        fact = PaidFact(code=CODE, amount=amount, paid_at=NOW, bank_serial=serial, pay_mode="51")
        return await self.store.write(
            lambda conn: apply_paid(conn, self.events, self.envelope, "nontax", fact, "callback", to_micros(NOW))
        )

    def proposal(self, reason: str = "wrong_payment", **more: Any) -> RefundProposal:
        known = {"reason": reason, "explanation": "误缴", "payee": PAYEE, "documents": DOCUMENTS, **more}
        return RefundProposal.model_validate(known)

    async def going_back(self, payment_id: str) -> list[int]:
        def query(conn: Connection) -> list[int]:
            return [refund_records.going_back(conn, one.id) for one in records.collections_of(conn, payment_id)]

        return await self.store.read(query)


@pytest.fixture
async def bench(store: Store, tmp_path: Path) -> Bench:
    made = Bench(store, tmp_path)
    await made.open()
    return made


@pytest.fixture
async def quick(sqlite_store: Store, tmp_path: Path) -> Bench:
    made = Bench(sqlite_store, tmp_path)
    await made.open()
    return made


# --- refunds --------------------------------------------------------------------------------------------------------


def test_every_edge_of_a_refund_leads_on_and_its_ends_are_ends():
    assert len({(one.start, one.end) for one in EDGES}) == len(EDGES)
    for end in (RefundStatus.REFUNDED, *RELEASED):
        assert not [one for one in EDGES if one.start is end]
        assert sources(end)
    assert edge(RefundStatus.PROPOSED, RefundStatus.FILED) is None, "nobody files what no second person confirmed"


async def test_many_who_ask_at_once_never_get_more_back_than_was_paid(bench):
    payment_id = await bench.paid(100_00)
    asked = [bench.refunds.propose(payment_id, bench.proposal(amount="40.00"), by="p1", name="甲") for _ in range(6)]
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(one, str) for one in done) == 2
    assert {one.type for one in done if isinstance(one, ConflictProblem)} == {"refund-exceeds-paid"}
    assert await bench.going_back(payment_id) == [80_00]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("propose"), st.integers(1, 150_00)),
            st.tuples(st.sampled_from(["dismiss", "refuse", "return"]), st.integers(0, 5)),
            st.tuples(st.just("returned"), st.integers(1, 150_00)),
        ),
        max_size=12,
    )
)
async def test_whatever_happens_no_more_principal_goes_back_than_came_in(quick, steps):
    def wipe(conn: Connection) -> None:
        for table in ("refund_document", "refund", "payment_exception", "collection", "payment_code", "payment_line"):
            conn.exec_driver_sql(f"delete from {table}")
        conn.execute(payment.delete())

    await quick.store.write(wipe)
    payment_id = await quick.paid(100_00, 100_00)
    made: list[str] = []
    for number, (step, value) in enumerate(steps):
        try:
            if step == "propose":
                serial = f"S{1 + value % 2}"
                ask = quick.proposal(amount=format_yuan(value), bank_serial=serial)
                made.append(await quick.refunds.propose(payment_id, ask, by="p1", name="甲"))
            elif step == "returned":
                await quick.store.write(
                    lambda conn, number=number, value=value: quick.refunds.returns.money_returned(
                        conn, "nontax", CODE, value, f"R{number}", 1
                    )
                )
            elif made and step == "dismiss":
                await quick.refunds.dismiss(made[value % len(made)], "不退", by="p2")
            elif made:
                end = RefundStatus.REFUSED if step == "refuse" else RefundStatus.REFUNDED
                await quick.store.write(
                    lambda conn, value=value, end=end: refund_records.move(
                        conn,
                        refund_records.held(conn, made[value % len(made)]),
                        end,
                        1,
                        confirmed_by="p2",
                        refunded_at=1,
                    )
                )
        except ConflictProblem:
            pass
        assert all(one <= 100_00 for one in await quick.going_back(payment_id))


async def test_one_person_alone_cannot_confirm_and_neither_can_a_statement_of_sql(bench):
    payment_id = await bench.paid(100_00)
    refund_id = await bench.refunds.propose(payment_id, bench.proposal(), by="p1", name="甲")
    with pytest.raises(ConflictProblem) as refused:
        await bench.refunds.confirm(refund_id, by="p1", name="甲")
    assert refused.value.type == "second-person-needed"
    for values in ({"confirmed_by": "p1"}, {"status": "FILED"}, {"status": "CONFIRMED"}):
        with pytest.raises(IntegrityError):
            await bench.store.write(lambda conn, values=values: conn.execute(update(refund).values(**values)).rowcount)
    await bench.refunds.confirm(refund_id, by="p2", name="乙", wait=0)
    assert (await bench.refunds.held(refund_id)).status == "CONFIRMED"


async def test_a_confirmed_refund_that_has_not_left_can_still_be_dismissed_and_frees_its_money(quick):
    payment_id = await quick.paid(100_00)
    refund_id = await quick.refunds.propose(payment_id, quick.proposal(), by="p1", name="甲")
    quick.delivery.node.stopping = True  # nothing is claimed at birth
    await quick.refunds.confirm(refund_id, by="p2", name="乙", wait=0)
    await quick.refunds.dismiss(refund_id, "当事人撤回", by="p2")
    assert (await quick.refunds.held(refund_id)).status == "DISMISSED"
    assert await quick.going_back(payment_id) == [0]


async def test_documents_are_held_to_their_digest_and_files_are_kept_sealed(quick):
    payment_id = await quick.paid(100_00)
    ask = quick.proposal(documents=())
    refund_id = await quick.refunds.propose(payment_id, ask, by="p1", name="甲")
    with pytest.raises(ConflictProblem, match="opinion_letter, loss_statement or original_voucher"):
        await quick.refunds.confirm(refund_id, by="p2", name="乙")
    letter = DocumentInput(kind="opinion_letter", reference="1号", file="bGV0dGVy", media_type="application/pdf")
    with pytest.raises(InvalidProblem):
        await quick.refunds.add_document(refund_id, letter.model_copy(update={"digest": "0" * 64}), by="p1")
    await quick.refunds.add_document(refund_id, letter, by="p1")
    document = (await quick.refunds.view(refund_id)).documents[0]
    assert document.digest == sm3(b"letter")
    assert b"letter" not in (document.file_sealed or b"letter")
    assert await quick.refunds.file_of(refund_id, document.id) == (document, b"letter")


async def test_the_payee_is_sealed_and_shown_masked(quick):
    payment_id = await quick.paid(100_00)
    refund_id = await quick.refunds.propose(payment_id, quick.proposal(), by="p1", name="甲")
    shown = await quick.refunds.view(refund_id)
    assert b"6222" not in (shown.refund.payee_sealed or b"6222")
    assert shown.payee == PAYEE
    assert PAYEE.masked().model_dump() == {"name": "罗**", "account": "*" * 15 + "5702", "bank": "安澜农商银行"}


@pytest.mark.parametrize("reason", ["paid_twice", "paid_after_cancel", "decision_revoked", "decision_changed"])
async def test_a_reason_that_the_record_does_not_bear_out_is_refused(quick, reason):
    payment_id = await quick.paid(100_00)
    with pytest.raises(InvalidProblem):
        await quick.refunds.propose(payment_id, quick.proposal(reason, bank_serial="S1"), by="p1", name="甲")


async def test_a_return_that_nobody_asked_for_takes_the_duplicate_first(bench):
    payment_id = await bench.paid(100_00, 100_00)
    told = await bench.store.write(
        lambda conn: bench.refunds.returns.money_returned(conn, "nontax", CODE, 100_00, "R1", to_micros(NOW))
    )
    assert told == "platform"
    rows = await bench.store.read(lambda conn: refund_records.of_payment(conn, payment_id))
    assert [(one.bank_serial, one.origin, one.status) for one in rows] == [("S2", "platform", "REFUNDED")]
    with pytest.raises(ConflictProblem):
        await bench.refunds.propose(payment_id, bench.proposal("paid_twice"), by="p1", name="甲")
    unknown = await bench.store.write(
        lambda conn: bench.refunds.returns.money_returned(conn, "nontax", CODE, 100_01, "R2", to_micros(NOW))
    )
    assert unknown == "unmatched"


async def test_where_a_channel_takes_no_refunds_a_person_files_and_the_statement_ends_it(sqlite_store, tmp_path):
    bench = Bench(sqlite_store, tmp_path, lacking=frozenset({"refund"}))
    await bench.open()
    payment_id = await bench.paid(100_00)
    refund_id = await bench.refunds.propose(payment_id, bench.proposal(), by="p1", name="甲")
    await bench.refunds.confirm(refund_id, by="p2", name="乙")
    row = await bench.refunds.held(refund_id)
    assert (row.status, row.waits_for, row.operation_id) == ("CONFIRMED", "person", None)
    await bench.store.write(lambda conn: bench.refunds.returns.money_returned(conn, "nontax", CODE, 100_00, "R1", 1))
    row = await bench.refunds.held(refund_id)
    assert (row.status, row.waits_for, row.returned_serial) == ("REFUNDED", None, "R1")


@pytest.mark.parametrize("automatic", [True, False])
async def test_a_receipt_is_asked_for_upon_payment_only_where_the_channel_says_so(sqlite_store, tmp_path, automatic):
    bench = Bench(sqlite_store, tmp_path, ChannelKeys(receipt_automatic=automatic, receipt_kind="general_bill"))
    await bench.open()
    payment_id = await bench.paid(100_00, 100_00)  # the second sum asks for no second receipt
    row = await bench.store.read(lambda conn: live(conn, payment_id))
    assert (row is not None) is automatic
    if row is not None:
        assert (row.status, row.kind, row.amount) == ("REQUESTED", "general_bill", 100_00)


async def test_a_refund_that_waits_for_a_receipt_in_flight_is_filed_when_that_is_refused(sqlite_store, tmp_path):
    bench = Bench(sqlite_store, tmp_path, ChannelKeys(receipt_automatic=True))
    await bench.open()
    bench.events.subscribe("receipt.refused", bench.refunds.filing.receipt_reversed)
    payment_id = await bench.paid(100_00)
    refund_id = await bench.refunds.propose(payment_id, bench.proposal(), by="p1", name="甲")
    await bench.refunds.confirm(refund_id, by="p2", name="乙", wait=0)
    assert (await bench.refunds.held(refund_id)).waits_for == "red_receipt"

    def refuse(conn: Connection) -> None:
        asked = next(one for one in ledger.search(conn) if one["action"] == "nontax.receipt")
        bench.receipts.record_outcome(conn, ledger.as_operation(asked), Rejected("不予开具", "18022"))

    await bench.store.write(refuse)
    row = await bench.refunds.held(refund_id)
    assert row.waits_for is None
    assert row.operation_id is not None


async def test_money_beside_the_bill_needs_no_red_receipt_but_money_under_it_does(sqlite_store, tmp_path):
    bench = Bench(sqlite_store, tmp_path, ChannelKeys(receipt_automatic=True))
    await bench.open()
    payment_id = await bench.paid(100_00, 100_00)

    def covers(conn: Connection) -> list[bool]:
        money = records.collections_of(conn, payment_id)
        return [refund_records.receipt_to_reverse(conn, payment_id, one.id) is not None for one in money]

    assert await bench.store.read(covers) == [True, False]


# --- cash -----------------------------------------------------------------------------------------------------------


async def decide(bench: Bench, number: str, fine: str = "100.00", procedure: str = "simple") -> None:
    facts = {
        "procedure": procedure,
        "party": {"kind": "individual_business", "name": "味安副食店", "uscc": "92990102MA0WA4562J"},
        "violation": "占道经营",
        "facts": "占道",
        "basis": "条例",
        "penalty_kinds": ["罚款"],
        "content": "罚款",
        "fine": fine,
        "decided_on": "2026-09-14",
    }
    await bench.decisions.put("A1", number, DecisionFacts.model_validate(facts), by="test")


def cash(number: str, amount: str = "100.00", **more: Any) -> CashInput:
    known = {
        "authority": "A1",
        "decision_number": number,
        "amount": amount,
        "ground": "small",
        "receipt_number": f"R-{number[:-1]}",
        "officer": "执法员甲",
        "taken_on": "2026-09-15",
        **more,
    }
    return CashInput.model_validate(known)


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": "100.01"},
        {"ground": "hard_to_enforce"},
        {"ground": "remote"},
        {"amount": "0.00"},
        {"ashore_on": "2026-09-16"},
        {"ground": "because"},
    ],
)
def test_cash_without_its_legal_condition_is_no_cash(wrong):
    with pytest.raises(ValueError, match=r".+"):
        cash("1号", **wrong)


async def test_cash_needs_a_decision_on_the_spot_unless_the_place_is_remote(quick):
    await decide(quick, "1号", "90.00", procedure="ordinary")
    with pytest.raises(InvalidProblem, match="art"):
        await quick.cash.take(cash("1号", "90.00"))
    await quick.cash.take(cash("1号", "90.00", ground="remote", explanation="当事人在渡船上提出"))
    await decide(quick, "2号", "200.00")
    with pytest.raises(InvalidProblem, match="above 100"):
        await quick.cash.take(cash("2号", "50.00"))


async def test_a_receipt_is_used_once_and_a_fine_is_paid_once(bench):
    await decide(bench, "1号")
    both = await asyncio.gather(
        bench.cash.take(cash("1号")), bench.cash.take(cash("1号", receipt_number="R-9")), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in both) == ["ConflictProblem", "str"]
    await decide(bench, "3号")
    used = next(
        iter(await bench.store.read(lambda conn: conn.execute(select(cash_taken.c.receipt_number)).scalars().all()))
    )
    with pytest.raises(ConflictProblem, match="recorded before"):
        await bench.cash.take(cash("3号", receipt_number=used))


async def test_two_working_days_and_two_more_and_each_late_duty_is_told_once(bench):
    await decide(bench, "1号")
    cash_id = await bench.cash.take(cash("1号"))  # Tuesday 15th
    assert (await bench.cash.held(cash_id)).hand_in_due_on == date(2026, 9, 17)
    assert await bench.cash.alarm() == 0
    bench.clock.set(NOW + timedelta(days=2))  # Friday 18th
    assert [await bench.cash.alarm(), await bench.cash.alarm()] == [1, 0]
    await bench.cash.hand_in(cash_id, date(2026, 9, 18))
    assert (await bench.cash.held(cash_id)).bank_due_on == date(2026, 9, 21)  # the 20th is a working Sunday 调休
    bench.clock.set(NOW + timedelta(days=6))
    assert [await bench.cash.alarm(), await bench.cash.alarm()] == [1, 0]
    query = select(event.c.data).where(event.c.type == "cash.overdue").order_by(event.c.seq)
    told = await bench.store.read(lambda conn: conn.execute(query).scalars().all())
    assert [one["duty"] for one in told] == ["hand_in", "bank"]


async def test_on_the_water_the_days_run_from_landing(quick):
    await decide(quick, "1号")
    cash_id = await quick.cash.take(cash("1号", on_water=True))
    assert (await quick.cash.held(cash_id)).hand_in_due_on is None
    await quick.cash.landed(cash_id, date(2026, 9, 16))
    assert (await quick.cash.held(cash_id)).hand_in_due_on == date(2026, 9, 18)


async def test_a_remittance_is_the_sum_of_its_cash_and_two_bills_never_share_any(bench):
    amounts = ["100.00", "0.07", "35.50"]
    for number, amount in enumerate(amounts):
        await decide(bench, f"{number}号", amount)
        cash_id = await bench.cash.take(cash(f"{number}号", amount))
        await bench.cash.hand_in(cash_id, date(2026, 9, 16))
    bench.delivery.node.stopping = True  # the operation stays queued
    both = await asyncio.gather(
        *(bench.cash.remit(RemittanceInput(authority="A1"), wait=0) for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in both) == ["ConflictProblem", "str"]
    bill = next(one for one in both if isinstance(one, str))
    payment = await bench.store.read(lambda conn: records.held(conn, bill))
    assert (payment.amount, payment.decision_id) == (135_57, None)


# --- imports --------------------------------------------------------------------------------------------------------


def a_row(**more: str) -> dict[str, str]:
    return {
        "authority": "A1",
        "decision_number": "望综罚〔2025〕1号",
        "decided_on": "2026-03-02",
        "code": CODE,
        "reference": "OLD0001",
        "party_kind": "individual_business",
        "party_name": "味安副食店",
        "party_uscc": "92990102MA0WA4562J",
        "fine": "5000.00",
        "confiscated": "",
        **more,
    }


def a_file(rows: list[dict[str, str]], encoding: str = "utf-8") -> bytes:
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    return "\r\n".join(lines).encode(encoding)


def several(count: int) -> list[dict[str, str]]:
    return [
        a_row(code=f"{int(CODE) + one}", reference=f"OLD{one}", decision_number=f"望综罚〔2025〕{one}号")
        for one in range(count)
    ]


async def count(bench: Bench) -> int:
    return len(await bench.store.read(lambda conn: conn.execute(select(payment.c.id)).all()))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
async def test_open_bills_come_over_issued_and_again_changes_nothing(quick, encoding):
    content = a_file(several(3), encoding)
    seen: list[tuple[int, int]] = []
    dry = await quick.imports.run(content, by="test", dry_run=True)
    assert (dry.written, dry.count("new"), await count(quick)) == (False, 3, 0)
    report = await quick.imports.run(content, by="test", progress=lambda *at: seen.append(at))
    assert (report.written, report.count("new"), await count(quick)) == (True, 3, 3)
    assert seen[-1] == (6, 6)
    again = await quick.imports.run(content, by="test")
    assert (again.count("known"), again.count("new"), await count(quick)) == (3, 0, 3)
    assert [one.payment for one in again.rows] == [one.payment for one in report.rows]


async def test_an_imported_bill_is_paid_like_any_other(bench):
    payment_id = await bench.paid(5000_00)
    payment = await bench.store.read(lambda conn: records.held(conn, payment_id))
    assert (payment.status, payment.paid_amount, payment.code) == ("PAID", 5000_00, CODE)


def _bad() -> Iterator[Any]:
    yield pytest.param({"code": "123"}, "code|20", id="code")
    yield pytest.param({"fine": "50.5"}, "fine", id="amount")
    yield pytest.param({"fine": "", "confiscated": ""}, "nothing is to be paid", id="nothing")
    yield pytest.param({"authority": "A9"}, "no authority A9", id="authority")
    yield pytest.param({"party_uscc": "92990102MA0WA4562K"}, "", id="uscc")
    yield pytest.param({"decided_on": "2027-01-01"}, "future", id="future")
    yield pytest.param({"party_kind": "natural_person", "party_uscc": ""}, "id_number", id="person")


@pytest.mark.parametrize(("wrong", "reason"), list(_bad()))
async def test_a_bad_row_is_named_and_keeps_the_file_out_unless_part_of_it_is_wanted(quick, wrong, reason):
    rows = several(3)
    rows[1] |= wrong
    report = await quick.imports.run(a_file(rows), by="test")
    bad = [one for one in report.rows if one.outcome == "bad"]
    assert [one.line for one in bad] == [3]
    assert bad[0].reason
    assert not reason or any(word in bad[0].reason for word in reason.split("|")), bad[0].reason
    assert (report.written, await count(quick)) == (False, 0)
    part = await quick.imports.run(a_file(rows), by="test", partial=True)
    assert (part.written, part.count("new"), part.count("bad"), await count(quick)) == (True, 2, 1, 2)


async def test_a_code_twice_in_a_file_or_known_for_another_demand_is_bad(quick):
    rows = several(2)
    rows[1]["code"] = rows[0]["code"]
    report = await quick.imports.run(a_file(rows), by="test", partial=True)
    assert [(one.line, one.outcome) for one in report.rows] == [(2, "new"), (3, "bad")]
    other = await quick.imports.run(a_file([rows[0] | {"fine": "1.00"}]), by="test")
    assert other.rows[0].outcome == "bad"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"code,reference\r\n1,2",
        a_file([a_row(nonsense="1")]),
        b"\xff\xfe\xfa,\x81",
        a_file([a_row()]).replace(b"authority,", b"authority,authority,"),
        b'"authority\r\n',
    ],
)
def test_a_file_that_is_none_is_refused_as_a_whole(content):
    with pytest.raises(InvalidProblem):
        read_csv(content)


def test_a_row_with_more_cells_than_columns_is_named_by_its_line():
    rows = read_csv(a_file([a_row()]) + b",surplus\r\n")
    assert rows[0][0] == 2
    assert "cells" in rows[0][1][""]


def a_workbook(rows: list[dict[str, str]], cell: Any = None) -> bytes:
    """The same table as people make it: amounts as numbers, days as days, everything else as text."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet, day = book.add_worksheet(), book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, list(rows[0]))
        for number, row in enumerate(rows, start=1):
            for column, (name, value) in enumerate(row.items()):
                if name == "fine" and value:
                    sheet.write_number(number, column, float(value))
                elif name == "decided_on":
                    sheet.write_datetime(number, column, datetime.fromisoformat(value), day)
                else:
                    sheet.write_string(number, column, value)
        if cell is not None:
            cell(sheet)
    return out.getvalue()


async def test_a_workbook_says_the_same_as_its_csv(quick):
    rows = several(3)
    rows[1]["fine"] = "12.5"
    assert read_xlsx(a_workbook(rows)) == read_csv(a_file([rows[0], rows[1] | {"fine": "12.50"}, rows[2]]))
    report = await quick.imports.run(a_workbook(rows), by="test")
    assert (report.written, report.count("new")) == (True, 3), report.rows


def test_days_and_amounts_of_a_workbook_are_exact():
    rows = several(3)
    rows[1]["fine"] = "12.5"
    cells = [row for _, row in read_xlsx(a_workbook(rows))]
    assert [row["fine"] for row in cells] == ["5000.00", "12.50", "5000.00"]
    assert {row["decided_on"] for row in cells} == {"2026-03-02"}


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 and nothing more",
        a_workbook([a_row()], lambda sheet: sheet.write_formula(1, 8, "=1+1", None, "2")),
        a_workbook([a_row(nonsense="1")]),
    ],
    ids=["broken", "formula", "column"],
)
def test_a_workbook_that_is_none_or_computes_is_refused_as_a_whole(content):
    with pytest.raises(InvalidProblem):
        read_xlsx(content)


async def test_a_code_that_a_workbook_holds_as_a_number_has_lost_digits_and_is_bad(quick):
    content = a_workbook([a_row()], lambda sheet: sheet.write_number(1, 3, float(CODE)))
    report = await quick.imports.run(content, by="test")
    assert [one.outcome for one in report.rows] == ["bad"]
