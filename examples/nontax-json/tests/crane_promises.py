"""``nontax.papercrane`` against its simulator over sockets: every promise of the kit, and what is its own."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

import pytest
from paper_crane import contract
from paper_crane.adapter import SCHEME, PaperCrane

from gateway.foundation.crypto.signature_keys import RsaKey
from gateway.foundation.evidence import redact
from gateway.foundation.wire import ChannelWire, Limits, MessageSigner, Timeouts, WireTerms
from gateway.foundation.wire.encrypted import MessageCipher
from gateway.foundation.wire.files import FileRules, declared_host
from gateway.foundation.wire.signing import Signable, verify_as
from gateway.ports.base import Incoming, Pending, RawExchange, Reply, UnreadableCallbackError
from gateway.ports.nontax import (
    BillLine,
    BillState,
    CodeNotice,
    FindRequest,
    IssueRequest,
    ReceiptNotice,
    ReceiptRequest,
    RefundNotice,
    RefundRequest,
    RefundState,
    StatementNone,
    UnreadableNotice,
)
from gateway.testing.bench import Code
from gateway.testing.nontax import NonTaxBench, NonTaxConformance
from gateway.testing.simulated import Inbox
from gateway.words.clock import SystemClock, day_of
from gateway.words.errors import ContractError, DeniedError, RejectedError
from gateway.words.money import format_yuan
from simulators.testing import Simulation, simulation_process, simulators

__all__ = ["simulation_process", "simulators"]

SYSTEM = "papercrane"
START = datetime(2026, 11, 29, 2, 30, tzinfo=UTC)
OPERATIONS = {
    "issue": "create",
    "find": "query",
    "cancel": "close",
    "refund": "refund",
    "find_refund": "query_refund",
    "receipt": "receipt",
    "statement": "statement",
    "check": "ready",
}
MEANINGS: Mapping[str, Any] = {"token": "denied"}  # refused again when it was fetched anew


class Bench(NonTaxBench):
    """The adapter, and a hand on the simulator."""

    personal = ("罗巧云", "13900001111", "6217990100200300400")
    unknown_code = "C0999"
    statement_files = True
    bill_states: ClassVar[Mapping[str, str]] = {
        "MAKING": "pending",
        "UNPAID": "unpaid",
        "PAYING": "being_paid",
        "PAID": "paid",
        "CLOSED": "void",
        "EXPIRED": "expired",
        "REFUNDED": "refunded",
    }
    refund_states: ClassVar[Mapping[str, str]] = {
        "FILED": "filed",
        "APPROVED": "approved",
        "DONE": "refunded",
        "REFUSED": "refused",
    }

    def __init__(self, simulators: Simulation, hosts: Sequence[str] = ()) -> None:
        self.simulators = simulators
        simulators.clock(now=START.isoformat())
        self.clock = SystemClock(START - datetime.now(UTC))
        self.exchanges: list[RawExchange] = []
        known = simulators.credentials(SYSTEM)
        self.secrets = (known["secret"], known["notice_key"])
        self.codes = [Code(one["code"], MEANINGS.get(one["effect"], one["effect"])) for one in contract.results()]
        wire = ChannelWire(
            SYSTEM,
            simulators.url(SYSTEM),
            WireTerms(
                self.exchanges.append,
                timeouts=Timeouts(connect=2, read=1, write=2, total=4),
                limits=Limits(keepalive=0),  # a refusal meets every call, and not an idle connection first
                sensitive=PaperCrane.info.sensitive,
                clock=self.clock,
            ),
            files=FileRules(frozenset(declared_host(one) for one in hosts)),
        )
        given = {name: known[name] for name in ("app", "secret", "private_key", "notice_key")}
        settings = PaperCrane.Settings(platform_keys=(known["platform_key"],), **given)
        self.adapter = PaperCrane(settings, wire, self.clock)
        self.inbox = Inbox()
        self.seen: list[str] = []

    def bill(self, reference: str, total: int | None = None) -> IssueRequest:
        lines = (
            BillLine(item_code="103050199002", item_name="没收违法所得", amount=3650),
            BillLine(item_code="103050199001", item_name='罚款<初次> & "从轻"', amount=500000),
        )
        if total is not None:
            lines = (lines[1].model_copy(update={"amount": total}),)
        return IssueRequest(
            reference=reference,
            region="990102",
            unit_code="990102002",
            unit_name="望川区市场监督管理局",
            payer_name="罗巧云",
            payer_phone="13900001111",
            decision_number="望市监罚决〔2026〕18号",
            lines=lines,
            total=sum(line.amount for line in lines),
            bill_date=day_of(self.clock.now()),
        )

    async def pay(self, code: str, amount: int | None = None) -> str:
        other = {} if amount is None else {"amount": format_yuan(amount), "force": True}
        return await self.paid(code=code, callback=False, **other)

    async def give_back(self, reference: str) -> None:
        await self.simulators.aask("POST", f"/papercrane/refunds/{reference}", {"state": "DONE"})

    def asks(self, exchange: RawExchange) -> bool:
        return exchange.method == "GET" or exchange.url.endswith(("query", "ready", "token", "statements/apply"))

    async def paid(self, **how: Any) -> str:
        """Money comes; the bank's serial."""
        return str((await self.simulators.aask("POST", "/papercrane/pay", {"payer": "罗巧云", **how}))["serial"])

    async def settings(self, **change: Any) -> None:
        """Change how the platform behaves."""
        await self.simulators.aask("POST", "/papercrane/settings", change)

    async def fault(self, kind: str, method: str, **more: Any) -> None:
        more |= {"seconds": self.busy_seconds} if kind == "busy" else {}
        planted = {"system": SYSTEM, "operation": OPERATIONS[method], "kind": kind, "times": 0, **more}
        await self.simulators.aask("POST", "/faults", planted)

    async def clear(self) -> None:
        await self.simulators.aask("DELETE", "/faults")

    async def effects(self, reference: str) -> int:
        counted = (await self.simulators.aask("GET", "/effects", system=SYSTEM)).get(SYSTEM, {})
        return sum(by_reference.get(reference, 0) for by_reference in counted.values())

    async def advance(self, seconds: float) -> None:
        self.clock.offset += timedelta(seconds=seconds)
        await self.simulators.aask("POST", "/clock", {"advance_seconds": seconds})

    async def violations(self) -> Sequence[str]:
        entries = (await self.simulators.aask("GET", "/journal", system=SYSTEM))["entries"]
        return [f"{one['operation']}: {one['answer']}" for one in entries if one["outcome"] in ("refused", "broken")]

    # --- notices

    async def listen(self) -> None:
        """Have notices sent here."""
        if self.inbox.server is None:
            self.simulators.callbacks_to(SYSTEM, await self.inbox.open())

    async def told(self, kind: str = "", number: str = "") -> Incoming:
        """The next notice: of this kind, under this number or, without one, under one that has not come before."""
        while True:
            incoming = await self.inbox.next()
            notice = json.loads(incoming.body)
            if kind in ("", notice["type"]) and (notice["id"] == number if number else notice["id"] not in self.seen):
                self.seen.append(notice["id"])
                return Incoming(incoming.headers, incoming.body, self.clock.now(), "/callbacks/channel")

    async def paid_callback(self, code: str, amount: int) -> Incoming:
        await self.listen()
        await self.paid(code=code, amount=format_yuan(amount), force=True)
        return await self.told("bill.paid")

    async def callback(self, kind: str, about: str) -> Incoming:
        if kind == "again":
            number = self.seen[-1]
            self.inbox.drain()
            await self.simulators.flush_callbacks(SYSTEM)
            return await self.told("bill.paid", number)
        await self.listen()
        if kind == "forged":
            forged = {"system": SYSTEM, "operation": "bill.paid", "kind": "callback_forged"}
            await self.simulators.aask("POST", "/faults", forged)
        await self.paid(code=about)
        return await self.told("bill.paid")

    async def acknowledged(self, about: str, answer: Callable[[Incoming], Awaitable[Reply]]) -> bool:
        self.inbox.answer = answer
        await self.simulators.flush_callbacks(SYSTEM)
        queued = (await self.simulators.aask("GET", "/callbacks"))["callbacks"]
        for failure in self.inbox.failures:
            raise failure
        return {one["state"] for one in queued if one["key"] == about} == {"acknowledged"}

    async def close(self) -> None:
        """Let go of everything."""
        await self.adapter.close()
        if self.inbox.server is not None:
            self.inbox.server.close()


@pytest.fixture
async def bench(simulators: Simulation) -> AsyncIterator[Bench]:
    made = Bench(simulators)
    yield made
    await made.close()


class TestPaperCrane(NonTaxConformance):
    """Every promise, while codes and receipts come half a minute later."""

    @pytest.fixture
    async def bench(self, bench: Bench) -> Bench:
        await bench.settings(code_seconds=30, receipt_seconds=30)
        return bench


NUMBER = "7Q3K9M2X4R8T6V1W5Y0Z"
KNOWN: dict[str, Any] = json.loads(contract.VECTORS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", KNOWN["vectors"], ids=lambda vector: vector["name"])
def test_the_vectors_of_the_contract_hold(vector: dict[str, Any]) -> None:
    unit, platform = KNOWN["unit"], KNOWN["platform"]
    sender, signer = (unit, platform) if vector["kind"] == "request" else (platform, unit)
    key = RsaKey(signer["private"], [sender["public"]])
    names = SCHEME.headers
    headers = {names.node: vector["node"], names.timestamp: vector["timestamp"], names.nonce: vector["nonce"]}
    headers[names.signature] = vector["signature"]
    message = Signable(vector["body"].encode(), vector["method"], vector["url"], vector["status"])
    then = datetime.fromtimestamp(int(vector["timestamp"]), UTC)
    assert verify_as(SCHEME, headers, message, {vector["node"]: key}, then, vector["kind"]).nonce == vector["nonce"]
    if "text" in vector:
        notice = json.loads(vector["body"])
        cipher = MessageCipher(bytes.fromhex(KNOWN["notice_key"]), "aes-256-gcm")
        opened = cipher.open(b64decode(notice["nonce"]), b64decode(notice["sealed"]), notice["type"].encode())
        assert opened.decode() == vector["text"]


async def test_a_code_comes_later_by_asking_and_by_notice(bench: Bench) -> None:
    await bench.settings(code_seconds=30)
    await bench.listen()
    bill = bench.bill(NUMBER)
    assert await bench.adapter.issue(bill) == Pending(ask_after=30, words="缴款码生成中")
    assert await bench.adapter.issue(bill) == Pending(ask_after=30, words="缴款码生成中")
    assert await bench.adapter.find(FindRequest(reference=NUMBER)) == Pending(ask_after=30, words="缴款码生成中")
    assert await bench.effects(NUMBER) == 1
    await bench.advance(30)
    opened = await bench.adapter.open_callback(await bench.told())
    found = await bench.adapter.find(FindRequest(reference=NUMBER))
    assert isinstance(opened.notice, CodeNotice)
    assert opened.notice.issued is not None
    assert (opened.notice.reference, opened.notice.issued.code) == (NUMBER, found.code)
    assert opened.notice.issued == await bench.adapter.issue(bill)
    assert found.state is BillState.UNPAID


async def test_what_was_encrypted_is_shown_masked(bench: Bench) -> None:
    issued = await bench.adapter.issue(bench.bill(NUMBER))
    incoming = await bench.callback("new", issued.code)
    opened = await bench.adapter.open_callback(incoming)
    assert "罗巧云" not in incoming.body.decode()
    assert json.loads(opened.decrypted)["payments"][0]["payerName"] == "罗巧云"
    raw = RawExchange(
        channel="c",
        direction="in",
        action="callback",
        method="POST",
        url="/",
        request_headers=tuple(incoming.headers.items()),
        request_body=incoming.body,
        status=200,
        response_headers=(),
        response_body=b"",
        outcome="answered",
        started_at=1,
        ended_at=2,
        sensitive=PaperCrane.info.sensitive,
        decrypted=opened.decrypted,
    )
    shown = redact(raw).request
    assert issued.code in shown
    assert "罗巧云" not in shown


def notice(bench: Bench, content: dict[str, Any], key: str = KNOWN["notice_key"]) -> Incoming:
    """What the platform would send: an authentic ``bill.paid`` with this content."""
    nonce = b"0123456789ab"
    sealed = MessageCipher(bytes.fromhex(key), "aes-256-gcm").seal(nonce, json.dumps(content).encode(), b"bill.paid")
    told = {"id": "N1", "type": "bill.paid", "nonce": b64encode(nonce).decode(), "sealed": b64encode(sealed).decode()}
    body = json.dumps(told).encode()
    signed = RsaKey(KNOWN["platform"]["private"], [KNOWN["unit"]["public"]])
    headers = MessageSigner("PAPERCRANE", signed, bench.clock, scheme=SCHEME).sign(body, kind="notice")
    return Incoming({name.lower(): value for name, value in headers.items()}, body, bench.clock.now())


@pytest.mark.parametrize(
    "content",
    [
        {"outBillNo": NUMBER, "state": "PAID"},
        {"outBillNo": NUMBER, "state": "PAID", "totalAmount": "5,036.50", "payCode": "9" * 20, "payments": []},
        {"outBillNo": NUMBER, "state": "PAID", "totalAmount": "5036.50", "payCode": "9" * 20, "payments": []},
    ],
)
async def test_an_authentic_notice_that_cannot_be_read_says_whom_to_ask_about(
    bench: Bench, content: dict[str, Any]
) -> None:
    with pytest.raises(UnreadableCallbackError) as raised:
        await bench.adapter.open_callback(notice(bench, content))
    assert raised.value.about == UnreadableNotice(bill_reference=NUMBER)
    assert json.loads(raised.value.decrypted) == content


async def test_a_notice_under_another_encryption_key_is_theirs_and_unreadable(bench: Bench) -> None:
    """Keys were changed on one side alone: that is for people to see, and no forgery."""
    with pytest.raises(UnreadableCallbackError, match="breaks the contract") as raised:
        await bench.adapter.open_callback(notice(bench, {}, "00" * 32))
    assert raised.value.about is None


async def test_refunds_of_one_payment_have_numbers_of_their_own(bench: Bench) -> None:
    issued = await bench.adapter.issue(bench.bill(NUMBER))
    serial = await bench.pay(issued.code)
    await bench.listen()

    def ask(reference: str, amount: int) -> RefundRequest:
        return RefundRequest(
            reference=reference,
            code=issued.code,
            bank_serial=serial,
            amount=amount,
            reason="决定变更",
            payee_name="罗巧云",
            payee_account="6217990100200300400",
            payee_bank="安澜银行",
        )

    filed = [await bench.adapter.refund(ask(f"{NUMBER}{place}", 1000)) for place in (1, 2)]
    assert len({one.number for one in filed}) == 2
    with pytest.raises(RejectedError, match="C1431"):
        await bench.adapter.refund(ask(f"{NUMBER}3", 502650))
    for one in filed:
        await bench.simulators.aask("POST", f"/papercrane/refunds/{one.reference}", {"state": "DONE"})
    opened = await bench.adapter.open_callback(await bench.told())
    assert isinstance(opened.notice, RefundNotice)
    assert opened.notice.refund is not None
    assert opened.notice.refund.state is RefundState.REFUNDED
    day = day_of(bench.clock.now())
    lines = (await bench.adapter.statement(day, 1)).lines
    assert [one.refund_number for one in lines if one.kind == "refunded"] == [one.number for one in filed]


async def test_a_receipt_comes_later(bench: Bench) -> None:
    issued = await bench.adapter.issue(bench.bill(NUMBER))
    await bench.pay(issued.code)
    await bench.settings(receipt_seconds=60)
    await bench.listen()
    ask = ReceiptRequest(reference=f"{NUMBER}R", code=issued.code)
    assert await bench.adapter.receipt(ask) == Pending(ask_after=60, words="票据开具中")
    await bench.advance(60)
    opened = await bench.adapter.open_callback(await bench.told())
    assert opened.notice == ReceiptNotice(code=issued.code)
    assert (await bench.adapter.receipt(ask)).amount == 503650
    assert await bench.effects(f"{NUMBER}R") == 1


async def test_a_statement_is_not_made_yet_or_says_that_nothing_happened(bench: Bench) -> None:
    day = day_of(bench.clock.now())
    assert await bench.adapter.statement(day, 1) == StatementNone(day=day)
    await bench.settings(statement="making")
    assert await bench.adapter.statement(day, 1) == Pending(ask_after=600, words="对账文件生成中")
    assert isinstance(await bench.adapter.statement(date(2027, 1, 1), 1), Pending)


async def test_a_statement_lies_on_a_second_host_only_if_that_is_declared(simulators: Simulation) -> None:
    second = simulators.url(SYSTEM).replace("127.0.0.1", "localhost").removesuffix(f"/{SYSTEM}")
    for hosts in ((), (second,)):
        bench = Bench(simulators, hosts)
        await bench.settings(second_host=True)
        issued = await bench.adapter.issue(bench.bill(f"{NUMBER}{len(hosts)}"))
        await bench.pay(issued.code)
        day = day_of(bench.clock.now())
        if hosts:
            assert len((await bench.adapter.statement(day, 1)).lines) == 2
        else:
            with pytest.raises(ContractError, match="file_hosts"):
                await bench.adapter.statement(day, 1)
        await bench.close()


async def test_a_token_that_another_has_ended_is_fetched_anew_once(bench: Bench, simulators: Simulation) -> None:
    await bench.adapter.check()
    other = Bench(simulators)
    await other.adapter.check()
    assert await bench.adapter.find(FindRequest(reference=NUMBER)) is None
    assert [one.action for one in bench.exchanges] == ["token", "ready", "find", "token", "find"]
    await bench.fault("answer_code", "find", code="C0402")
    with pytest.raises(DeniedError, match="just issued"):
        await bench.adapter.find(FindRequest(reference=NUMBER))
    await other.close()
