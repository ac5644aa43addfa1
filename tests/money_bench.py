"""The rooms of money over a real store; the platform is a script that nothing is sent to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from foundation import foundation
from sqlalchemy import Connection, insert

from gateway.foundation.access.tables import authority as authority_table
from gateway.foundation.channels import Channel
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.delivery import DeliverySettings
from gateway.foundation.store import Store
from gateway.foundation.two_persons import Person
from gateway.ports.base import AdapterInfo
from gateway.ports.nontax import PaidFact
from gateway.rooms.cash.service import Cash
from gateway.rooms.decisions import Decisions
from gateway.rooms.imports.service import Imports
from gateway.rooms.payments import Heard, IncomeItem, LineKind, Payments, Unit, apply_paid, records
from gateway.rooms.payments.channel_keys import PaymentKeys
from gateway.rooms.payments.records import Unforeseen
from gateway.rooms.receipts.service import Receipts
from gateway.rooms.refunds import records as refund_records
from gateway.rooms.refunds.proposals import DocumentInput, Payee, RefundProposal
from gateway.rooms.refunds.service import Refunds
from gateway.rooms.refunds.unforeseen_money import Exceptions
from gateway.words.clock import ManualClock, to_micros
from gateway.words.money import format_yuan

NOW = datetime(2026, 9, 16, 2, 0, tzinfo=UTC)
CODE = "99010226300000000001"
PAYEE = Payee(name="罗小满", account="6222021001116245702", bank="安澜农商银行")
ONE, OTHER, THIRD = (Person(f"p{number}", name, operator=True) for number, name in enumerate("甲乙丙", start=1))
KEY = Person("cli_1", "案件系统", operator=False, officer="陈立 33010001")
NOTHING_SEEN = "e30"  # of nothing at all
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
        keys_of_channel: PaymentKeys | None = None,
        lacking: frozenset[str] = frozenset(),
    ) -> None:
        self.store, self.clock = store, ManualClock(NOW)
        info = AdapterInfo("nontax", "nontax.script", "v1", frozenset({"issue", "refund", "receipt"}))
        info = replace(info, capabilities=info.capabilities - lacking)
        channel = Channel("nontax", None, info, info.find, "http://x", None, kind_keys=keys_of_channel)  # type: ignore[arg-type]
        channels: Any = SimpleNamespace(
            get=lambda name: channel, all=lambda: (channel,), route=lambda authority, capability: (channel,)
        )
        self.base = base = foundation(store, folder, self.clock, channels, delivery=DeliverySettings())
        self.envelope, self.events, self.delivery = base.envelope, base.events, base.delivery
        self.decisions = Decisions(base)
        self.payments = Payments(base, self.decisions)
        self.refunds = Refunds(base)
        self.exceptions = Exceptions(base, self.refunds)
        self.events.subscribe("payment.exception_resolved", self.refunds.returns.exception_resolved)
        self.receipts = Receipts(base)
        self.events.subscribe("payment.paid", self.receipts.payment_paid)
        self.cash = Cash(base, self.decisions)
        self.imports = Imports(base)
        for action in (*self.payments.actions(), *self.receipts.actions(), *self.refunds.actions()):
            base.delivery.register(action)

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
            lambda conn: apply_paid(conn, self.events, self.envelope, "nontax", fact, Heard("callback", to_micros(NOW)))
        )

    def proposal(self, reason: str = "wrong_payment", **more: Any) -> RefundProposal:
        known = {"reason": reason, "explanation": "误缴", "payee": PAYEE, "documents": DOCUMENTS, **more}
        return RefundProposal.model_validate(known)

    async def seen(self, refund_id: str) -> str:
        """What a view of a proposed refund shows to whoever confirms it."""
        return (await self.refunds.view(refund_id)).seen or NOTHING_SEEN

    async def confirm(self, refund_id: str, by: Person, wait: float = 0) -> None:
        """Look at a refund and confirm what is seen."""
        await self.refunds.confirm(refund_id, by=by, seen=await self.seen(refund_id), wait=wait)

    async def agree(self, exception_id: str, by: Person, wait: float = 0) -> None:
        """Look at an exception and confirm the way out that is seen."""
        seen = (await self.exceptions.view(exception_id)).seen or NOTHING_SEEN
        await self.exceptions.confirm(exception_id, by=by, seen=seen, wait=wait)

    async def unforeseen(self, payment_id: str) -> list[Unforeseen]:
        """The exceptions of a payment, oldest first."""
        return (await self.store.read(lambda conn: records.exceptions_of(conn, payment_id)))[::-1]

    async def told(self, payment_id: str) -> list[str]:
        """The types of a payment's events, oldest first."""
        return [one.type for one in await self.store.read(lambda conn: records.timeline(conn, payment_id))]

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
async def quick(one_store: Store, tmp_path: Path) -> Bench:
    made = Bench(one_store, tmp_path)
    await made.open()
    return made


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
