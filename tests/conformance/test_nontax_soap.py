"""The SOAP adapter against the simulated non-tax platform, over sockets."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from gateway.adapters.nontax.soap import SoapNonTax, SoapNonTaxSettings
from gateway.clock import SHANGHAI, SystemClock
from gateway.errors import (
    BusyError,
    ContractError,
    DeniedError,
    ForgedCallbackError,
    NotSentError,
    OutcomeUnknownError,
    RejectedError,
    UnsupportedError,
)
from gateway.ports import (
    BillLine,
    BillState,
    CancelRequest,
    FindRequest,
    Incoming,
    IssueRequest,
    NonTaxPlatform,
    RawExchange,
    ReceiptRequest,
    RefundRequest,
    RefundState,
)
from gateway.wire import ChannelWire, Timeouts
from simulators.testing import Simulation

Make = Callable[..., SoapNonTax]


@pytest.fixture
async def make(simulators: Simulation) -> AsyncIterator[Make]:
    """Makes adapters for the simulated platform; ``exchanges`` of each hold what crossed the wire."""
    made: list[SoapNonTax] = []

    def one(**settings: Any) -> SoapNonTax:
        known = simulators.credentials("nontax")
        chosen = {name: known[name] for name in ("node_code", "platform_node", "secret")} | settings
        read = chosen.pop("read", 5.0)
        exchanges: list[RawExchange] = []
        clock = chosen.pop("clock", None) or SystemClock()
        wire = ChannelWire(
            "nontax",
            simulators.url("nontax"),
            recorder=exchanges.append,
            timeouts=Timeouts(connect=2.0, read=read, total=read + 2.0),
            sensitive=SoapNonTax.info.sensitive,
            clock=clock,
        )
        adapter = SoapNonTax(SoapNonTaxSettings(**chosen), wire, clock)
        adapter.exchanges = exchanges  # type: ignore[attr-defined]
        made.append(adapter)
        return adapter

    yield one
    for adapter in made:
        await adapter.close()


@pytest.fixture
def platform(make: Make) -> SoapNonTax:
    return make()


def reference() -> str:
    return uuid.uuid4().hex[:20].upper()


def bill(**changes: Any) -> IssueRequest:
    fields: dict[str, Any] = {
        "reference": reference(),
        "region": "990102",
        "unit_code": "990102002",
        "unit_name": "望川区市场监督管理局",
        "payer_name": "望川区味安副食店",
        "decision_number": "望市监罚决〔2026〕18号",
        "lines": (
            BillLine(item_code="103050199002", item_name="没收违法所得", amount=3650),
            BillLine(item_code="103050199001", item_name="罚款", amount=500000),
        ),
        "total": 503650,
        "bill_date": datetime.now(SHANGHAI).date(),
    }
    return IssueRequest(**(fields | changes))


def pay(simulators: Simulation, code: str, **how: Any) -> dict[str, Any]:
    return dict(simulators.ask("POST", "/nontax/pay", {"code": code, "callback": False, **how}))


def today() -> date:
    return datetime.now(SHANGHAI).date()


# --- the ordinary way ----------------------------------------------------------------------------------------------


async def test_the_adapter_is_a_non_tax_platform_and_proves_itself_by_a_ping(platform: SoapNonTax) -> None:
    assert isinstance(platform, NonTaxPlatform)
    assert "安澜市非税收入收缴平台" in await platform.check()


async def test_a_bill_is_issued_with_a_twenty_digit_code_of_its_region_and_year(platform: SoapNonTax) -> None:
    asked = bill()
    issued = await platform.issue(asked)
    assert len(issued.code) == 20
    assert issued.code.startswith(f"990102{asked.bill_date:%y}")
    assert (issued.reference, issued.total) == (asked.reference, 503650)
    assert issued.pay_url
    assert issued.code in issued.pay_url
    assert issued.valid_until is not None
    assert issued.valid_until > asked.bill_date


async def test_the_same_reference_yields_the_same_code_and_one_effect(
    platform: SoapNonTax, simulators: Simulation
) -> None:
    asked = bill()
    first, second = await platform.issue(asked), await platform.issue(asked)
    assert first == second
    assert simulators.effects("nontax")["CreateBill"] == {asked.reference: 1}


async def test_the_same_reference_with_another_body_is_refused(platform: SoapNonTax, simulators: Simulation) -> None:
    asked = bill()
    await platform.issue(asked)
    with pytest.raises(RejectedError) as refused:
        await platform.issue(asked.model_copy(update={"payer_name": "望川区另一家店"}))
    assert refused.value.code == "18010"
    assert simulators.effects("nontax")["CreateBill"] == {asked.reference: 1}


async def test_many_bills_at_once_have_different_codes(platform: SoapNonTax) -> None:
    issued = await asyncio.gather(*(platform.issue(bill()) for _ in range(32)))
    assert len({one.code for one in issued}) == 32


async def test_a_bill_is_found_by_reference_and_by_code_and_absence_is_none(platform: SoapNonTax) -> None:
    issued = await platform.issue(bill())
    by_reference = await platform.find(FindRequest(reference=issued.reference))
    assert by_reference is not None
    assert (by_reference.code, by_reference.state, by_reference.paid) == (issued.code, BillState.UNPAID, ())
    assert await platform.find(FindRequest(code=issued.code)) == by_reference
    assert await platform.find(FindRequest(reference=reference())) is None


async def test_money_shows_in_the_bill_with_serial_and_payer(platform: SoapNonTax, simulators: Simulation) -> None:
    issued = await platform.issue(bill())
    paid = pay(simulators, issued.code, channel="wechat", payer="李店员")
    found = await platform.find(FindRequest(code=issued.code))
    assert found is not None
    assert found.state is BillState.PAID
    (fact,) = found.paid
    assert (fact.amount, fact.bank_serial, fact.pay_mode, fact.payer_name) == (503650, paid["serial"], "51", "李店员")
    assert abs(fact.paid_at - datetime.now(UTC)) < timedelta(minutes=1)


async def test_an_unpaid_bill_is_voided_once_and_a_paid_one_is_not(
    platform: SoapNonTax, simulators: Simulation
) -> None:
    issued = await platform.issue(bill())
    ask = CancelRequest(
        reference=reference(), bill_reference=issued.reference, code=issued.code, reason="决定书文号录入错误"
    )
    assert (await platform.cancel(ask)).code == issued.code
    assert (await platform.cancel(ask)).code == issued.code
    assert simulators.effects("nontax")["VoidBill"] == {ask.reference: 1}
    paid = await platform.issue(bill())
    pay(simulators, paid.code)
    with pytest.raises(RejectedError) as refused:
        await platform.cancel(ask.model_copy(update={"bill_reference": paid.reference, "code": paid.code}))
    assert refused.value.code == "18021"


async def test_money_for_a_void_bill_is_told_and_not_hidden(platform: SoapNonTax, simulators: Simulation) -> None:
    issued = await platform.issue(bill())
    await platform.cancel(
        CancelRequest(reference=reference(), bill_reference=issued.reference, code=issued.code, reason="作废")
    )
    pay(simulators, issued.code, force=True)
    found = await platform.find(FindRequest(code=issued.code))
    assert found is not None
    assert (found.state, len(found.paid)) == (BillState.VOID, 1)


async def test_a_refund_is_filed_and_finance_moves_it_on(platform: SoapNonTax, simulators: Simulation) -> None:
    issued = await platform.issue(bill())
    paid = pay(simulators, issued.code)
    ask = RefundRequest(
        reference=reference(),
        code=issued.code,
        bank_serial=paid["serial"],
        amount=503650,
        reason="行政处罚决定已被撤销",
        payee_name="望川区味安副食店",
        payee_account="990100200300400500",
        payee_bank="安澜银行望川支行",
    )
    filed = await platform.refund(ask)
    assert (filed.state, filed.refunded_at) == (RefundState.FILED, None)
    assert await platform.refund(ask) == filed
    simulators.ask("POST", f"/nontax/refunds/{ask.reference}", {"state": "approved"})
    simulators.ask("POST", f"/nontax/refunds/{ask.reference}", {"state": "refunded"})
    done = await platform.find_refund(ask.reference)
    assert done is not None
    assert done.state is RefundState.REFUNDED
    assert done.refunded_at is not None
    assert await platform.find_refund(reference()) is None
    page = await platform.statement(today(), 1)
    assert [(line.kind, line.amount) for line in page.lines] == [("paid", 503650), ("refunded", 503650)]


async def test_refunds_never_exceed_the_payment(platform: SoapNonTax, simulators: Simulation) -> None:
    issued = await platform.issue(bill())
    paid = pay(simulators, issued.code)
    ask = RefundRequest(
        reference=reference(),
        code=issued.code,
        bank_serial=paid["serial"],
        amount=300000,
        reason="部分退付",
        payee_name="味安",
        payee_account="1",
        payee_bank="安澜银行",
    )
    await platform.refund(ask)
    with pytest.raises(RejectedError) as refused:
        await platform.refund(ask.model_copy(update={"reference": reference()}))
    assert refused.value.code == "18031"


async def test_statement_pages_are_complete_and_stable_and_totals_are_of_the_day(
    platform: SoapNonTax, simulators: Simulation
) -> None:
    simulators.ask("POST", "/nontax/settings", {"page_size": 3})
    issued = [await platform.issue(bill()) for _ in range(7)]
    for one in issued:
        pay(simulators, one.code)
    pages = [await platform.statement(today(), number) for number in (1, 2, 3)]
    assert [(page.page, page.pages, page.count, page.amount) for page in pages] == [
        (number, 3, 7, 7 * 503650) for number in (1, 2, 3)
    ]
    assert [line.code for page in pages for line in page.lines] == [one.code for one in issued]
    assert pages[1] == await platform.statement(today(), 2)
    line = pages[0].lines[0]
    assert (line.unit_code, line.item_codes) == ("990102002", ("103050199002", "103050199001"))
    with pytest.raises(RejectedError):
        await platform.statement(today(), 4)


async def test_a_day_without_money_has_one_empty_page_and_a_day_to_come_has_none_yet(platform: SoapNonTax) -> None:
    page = await platform.statement(today() - timedelta(days=1), 1)
    assert (page.pages, page.count, page.amount, page.lines) == (1, 0, 0, ())
    with pytest.raises(BusyError):
        await platform.statement(today() + timedelta(days=1), 1)


async def test_money_after_the_cut_off_is_on_the_next_days_statement(
    platform: SoapNonTax, simulators: Simulation
) -> None:
    simulators.ask("POST", "/nontax/settings", {"cutoff": "22:00"})
    issued = await platform.issue(bill())
    yesterday = today() - timedelta(days=1)
    pay(simulators, issued.code, at=f"{yesterday - timedelta(days=1)}T22:58:00+08:00")
    assert (await platform.statement(yesterday - timedelta(days=1), 1)).count == 0
    assert (await platform.statement(yesterday, 1)).count == 1


async def test_the_receipt_of_a_paid_bill_is_issued_once(platform: SoapNonTax, simulators: Simulation) -> None:
    issued = await platform.issue(bill())
    ask = ReceiptRequest(reference=reference(), code=issued.code)
    with pytest.raises(RejectedError):
        await platform.receipt(ask)
    pay(simulators, issued.code)
    receipt = await platform.receipt(ask)
    assert (len(receipt.receipt_code), len(receipt.receipt_number), len(receipt.check_code)) == (8, 10, 6)
    assert receipt.amount == 503650
    assert receipt.media_type == "application/xml"
    assert issued.code.encode() in receipt.document
    assert await platform.receipt(ask.model_copy(update={"reference": reference()})) == receipt
    assert simulators.effects("nontax")["IssueReceipt"] == {ask.reference: 1}


@pytest.mark.parametrize("mode", ["unit", "range"])
async def test_a_code_made_by_the_unit_is_taken_as_it_is(make: Make, simulators: Simulation, mode: str) -> None:
    code = "99010226309000000001"
    simulators.ask(
        "POST", "/nontax/settings", {"issuing": mode, "ranges": [["99010226309000000000", "99010226309000000999"]]}
    )
    platform = make(issuing=mode)
    assert (await platform.issue(bill(code=code))).code == code
    with pytest.raises(RejectedError) as used:
        await platform.issue(bill(code=code))
    assert used.value.code == "18017"
    with pytest.raises(RejectedError) as foreign:
        await platform.issue(bill(code="99010126309000000002"))
    assert foreign.value.code == "LOCAL-CODE"
    with pytest.raises(UnsupportedError):
        await platform.issue(bill())


async def test_a_code_outside_the_range_is_refused(make: Make, simulators: Simulation) -> None:
    simulators.ask("POST", "/nontax/settings", {"issuing": "range", "ranges": []})
    with pytest.raises(RejectedError) as refused:
        await make(issuing="range").issue(bill(code="99010226309000000001"))
    assert refused.value.code == "18015"


# --- refusals ------------------------------------------------------------------------------------------------------


async def test_a_unit_without_permission_is_refused_in_the_platforms_words(platform: SoapNonTax) -> None:
    with pytest.raises(RejectedError, match="收缴权限") as refused:
        await platform.issue(bill(unit_code="990102999"))
    assert refused.value.code == "18012"


async def test_a_name_that_gbk_cannot_hold_is_refused_before_anything_is_sent(platform: SoapNonTax) -> None:
    with pytest.raises(RejectedError, match="U\\+20BB7"):
        await platform.issue(bill(payer_name="𠮷野家"))
    assert platform.exchanges == []  # type: ignore[attr-defined]


async def test_the_platform_refuses_such_a_name_itself(make: Make) -> None:
    with pytest.raises(RejectedError) as refused:
        await make(encoding="utf-8").issue(bill(payer_name="𠮷野家"))
    assert refused.value.code == "18016"


async def test_what_breaks_the_schema_is_refused_before_anything_is_sent(platform: SoapNonTax) -> None:
    with pytest.raises(RejectedError, match="PayerName"):
        await platform.issue(bill(payer_name="长" * 101))
    assert platform.exchanges == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("wrong", [{"secret": "another"}, {"node_code": "K9901009999"}])
async def test_wrong_credentials_are_denied_without_effect(
    make: Make, simulators: Simulation, wrong: dict[str, str]
) -> None:
    with pytest.raises(DeniedError):
        await make(**wrong).issue(bill())
    assert simulators.effects("nontax") == {}


async def test_a_clock_that_is_ten_minutes_off_is_denied(make: Make) -> None:
    with pytest.raises(DeniedError):
        await make(clock=SystemClock(timedelta(minutes=10))).check()


async def test_a_replayed_request_is_refused_by_its_nonce(platform: SoapNonTax, simulators: Simulation) -> None:
    await platform.issue(bill())
    (sent,) = platform.exchanges  # type: ignore[attr-defined]
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(sent.url, content=sent.request_body, headers=dict(sent.request_headers))
    assert answer.status_code == 500
    assert "19102" in answer.text
    assert sum(simulators.effects("nontax")["CreateBill"].values()) == 1


async def test_quiet_hours_are_busy_until_they_end(platform: SoapNonTax, simulators: Simulation) -> None:
    now = datetime.now(SHANGHAI)
    begin, end = now - timedelta(minutes=30), now + timedelta(minutes=30)
    simulators.ask("POST", "/nontax/settings", {"quiet": [f"{begin:%H:%M}", f"{end:%H:%M}"]})
    with pytest.raises(BusyError) as busy:
        await platform.issue(bill())
    assert busy.value.retry_after is not None
    assert 1700 < busy.value.retry_after <= 1800
    assert simulators.effects("nontax") == {}


# --- doubt ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["apply_then_silence", "apply_then_reset", "truncated", "empty", "malformed"])
async def test_an_answer_lost_after_the_effect_is_doubt_and_find_recovers_the_one_bill(
    make: Make, simulators: Simulation, kind: str
) -> None:
    platform = make(read=0.4)
    simulators.faults({"system": "nontax", "operation": "CreateBill", "kind": kind})
    asked = bill()
    with pytest.raises(OutcomeUnknownError):
        await platform.issue(asked)
    found = await platform.find(FindRequest(reference=asked.reference))
    assert found is not None
    assert found.total == asked.total
    assert simulators.effects("nontax")["CreateBill"] == {asked.reference: 1}
    assert (await platform.issue(asked)).code == found.code


async def test_silence_before_the_effect_is_doubt_too_and_find_says_none(make: Make, simulators: Simulation) -> None:
    platform = make(read=0.4)
    simulators.faults({"system": "nontax", "operation": "CreateBill", "kind": "silence"})
    asked = bill()
    with pytest.raises(OutcomeUnknownError):
        await platform.issue(asked)
    assert await platform.find(FindRequest(reference=asked.reference)) is None


async def test_a_drip_ends_at_the_total_deadline(make: Make, simulators: Simulation) -> None:
    simulators.faults({"system": "nontax", "operation": "CreateBill", "kind": "drip", "seconds": 0.05})
    with pytest.raises(OutcomeUnknownError):
        await make(read=0.3).issue(bill())


async def test_a_refused_connection_was_not_sent(platform: SoapNonTax, simulators: Simulation) -> None:
    await platform.check()
    (fault,) = (await simulators.aask("POST", "/faults", {"system": "nontax", "kind": "refuse"}))["ids"]
    with pytest.raises(NotSentError):
        await platform.issue(bill())
    assert simulators.effects("nontax") == {}
    simulators.ask("DELETE", "/faults", id=fault)
    await platform.issue(bill())


async def test_busy_tells_when_to_come_back_and_has_no_effect(platform: SoapNonTax, simulators: Simulation) -> None:
    simulators.faults({"system": "nontax", "operation": "CreateBill", "kind": "busy", "seconds": 7})
    with pytest.raises(BusyError) as busy:
        await platform.issue(bill())
    assert busy.value.retry_after == 7.0
    assert simulators.effects("nontax") == {}


async def test_an_undeclared_500_is_doubt(platform: SoapNonTax, simulators: Simulation) -> None:
    simulators.faults({"system": "nontax", "operation": "CreateBill", "kind": "error_500"})
    with pytest.raises(OutcomeUnknownError):
        await platform.issue(bill())


@pytest.mark.parametrize("kind", ["malformed", "malformed_doctype", "empty", "bad_signature", "unknown_status"])
async def test_an_answer_that_breaks_the_contract_is_never_a_success(
    platform: SoapNonTax, simulators: Simulation, kind: str
) -> None:
    simulators.faults({"system": "nontax", "operation": "CreateBill", "kind": kind})
    with pytest.raises(ContractError):
        await platform.issue(bill())


async def test_a_doctype_is_refused_for_being_one(platform: SoapNonTax, simulators: Simulation) -> None:
    simulators.faults({"system": "nontax", "operation": "CreateBill", "kind": "malformed_doctype"})
    with pytest.raises(ContractError, match=r"(?i)dtd"):
        await platform.issue(bill())


async def test_an_unknown_bill_state_is_not_final(platform: SoapNonTax, simulators: Simulation) -> None:
    issued = await platform.issue(bill())
    simulators.faults({"system": "nontax", "operation": "QueryBill", "kind": "unknown_status"})
    with pytest.raises(ContractError, match="PayStats 9"):
        await platform.find(FindRequest(code=issued.code))


async def test_an_amount_the_platform_got_wrong_reaches_the_core_unchanged(
    platform: SoapNonTax, simulators: Simulation
) -> None:
    simulators.faults({"system": "nontax", "operation": "CreateBill", "kind": "wrong_amount"})
    assert (await platform.issue(bill())).total == 503651


async def test_an_answer_about_another_bill_is_refused(platform: SoapNonTax, simulators: Simulation) -> None:
    issued = await platform.issue(bill())
    simulators.faults({"system": "nontax", "operation": "QueryBill", "kind": "wrong_code"})
    with pytest.raises(ContractError):
        await platform.find(FindRequest(code=issued.code))


async def test_not_found_may_be_wrong_for_a_while(platform: SoapNonTax, simulators: Simulation) -> None:
    issued = await platform.issue(bill())
    simulators.faults({"system": "nontax", "operation": "QueryBill", "kind": "not_found_then_found"})
    assert await platform.find(FindRequest(code=issued.code)) is None
    assert await platform.find(FindRequest(code=issued.code)) is not None
    assert not platform.info.find.consistent


# --- callbacks -----------------------------------------------------------------------------------------------------


class Inbox:
    """A small receiver on a socket: keeps what comes, answers what it is told to."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[Incoming] = asyncio.Queue()
        self.answer: Callable[[Incoming], Any] = lambda incoming: (503, b"")
        self.url = ""

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/callbacks/nontax"
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        parts = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in parts}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        incoming = Incoming(headers, body, datetime.now(UTC))
        answer = self.answer(incoming)
        status, content = await answer if asyncio.iscoroutine(answer) else answer
        writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode() + content
        )
        await writer.drain()
        writer.close()
        self.messages.put_nowait(incoming)

    async def next(self) -> Incoming:
        return await asyncio.wait_for(self.messages.get(), 10)


@pytest.fixture
async def inbox(simulators: Simulation) -> AsyncIterator[Inbox]:
    receiver = Inbox()
    server = await receiver.start()
    simulators.callbacks_to("nontax", receiver.url)
    yield receiver
    server.close()


async def _paid(platform: SoapNonTax, simulators: Simulation) -> str:
    issued = await platform.issue(bill())
    await simulators.aask("POST", "/nontax/pay", {"code": issued.code, "channel": "alipay", "payer": "王会计"})
    return issued.code


async def test_a_callback_is_opened_and_its_acknowledgement_ends_the_retries(
    platform: SoapNonTax, simulators: Simulation, inbox: Inbox
) -> None:
    code = await _paid(platform, simulators)
    first = await platform.open_callback(await inbox.next())
    assert first.notice.kind == "paid"
    assert (first.notice.fact.code, first.notice.fact.amount) == (code, 503650)
    assert first.notice.fact.payer_name == "王会计"
    assert first.event_key == f"{code}:{first.notice.fact.bank_serial}"
    inbox.answer = lambda incoming: (200, first.acknowledge.body)
    second = await platform.open_callback(await inbox.next())
    assert second.event_key == first.event_key
    assert second.nonce != first.nonce
    assert await simulators.flush_callbacks("nontax") == []


async def test_only_a_true_acknowledgement_counts(platform: SoapNonTax, simulators: Simulation, inbox: Inbox) -> None:
    await _paid(platform, simulators)
    opened = await platform.open_callback(await inbox.next())
    inbox.answer = lambda incoming: (200, b"success")
    assert len(await simulators.flush_callbacks("nontax")) == 1
    inbox.answer = lambda incoming: (200, opened.retry_later.body)
    assert len(await simulators.flush_callbacks("nontax")) == 1
    inbox.answer = lambda incoming: (200, opened.acknowledge.body)
    assert await simulators.flush_callbacks("nontax") == []


async def test_callbacks_open_without_any_network(platform: SoapNonTax, simulators: Simulation, inbox: Inbox) -> None:
    await _paid(platform, simulators)
    message = await inbox.next()
    sent = len(platform.exchanges)  # type: ignore[attr-defined]
    await asyncio.to_thread(simulators.kill)
    await platform.open_callback(message)
    assert len(platform.exchanges) == sent  # type: ignore[attr-defined]


async def test_pending_callbacks_survive_a_kill_of_the_platform(
    platform: SoapNonTax, simulators: Simulation, inbox: Inbox
) -> None:
    code = await _paid(platform, simulators)
    await inbox.next()
    await asyncio.to_thread(simulators.kill)
    while not inbox.messages.empty():
        inbox.messages.get_nowait()
    await asyncio.to_thread(simulators.restart)
    assert (await platform.open_callback(await inbox.next())).notice.fact.code == code


async def test_forged_stale_and_altered_callbacks_are_refused(make: Make, simulators: Simulation, inbox: Inbox) -> None:
    platform = make()
    await _paid(platform, simulators)
    genuine = await inbox.next()
    await platform.open_callback(genuine)
    altered = Incoming(genuine.headers, genuine.body.replace(b"5036.50", b"0005.00"), genuine.received_at)
    nameless = Incoming({**genuine.headers, "x-node-code": "F000000"}, genuine.body, genuine.received_at)
    unsigned = Incoming({"content-type": "application/xml"}, genuine.body, genuine.received_at)
    for forged in (altered, nameless, unsigned):
        with pytest.raises(ForgedCallbackError):
            await platform.open_callback(forged)
    with pytest.raises(ForgedCallbackError):
        await make(clock=SystemClock(timedelta(minutes=6))).open_callback(genuine)


async def test_the_simulated_forger_is_caught_and_the_true_callback_follows(
    platform: SoapNonTax, simulators: Simulation, inbox: Inbox
) -> None:
    simulators.faults({"system": "nontax", "kind": "callback_forged"})
    await _paid(platform, simulators)
    with pytest.raises(ForgedCallbackError):
        await platform.open_callback(await inbox.next())
    assert (await platform.open_callback(await inbox.next())).notice.fact.amount == 503650


async def test_a_callback_twice_is_the_same_event_under_another_nonce(
    platform: SoapNonTax, simulators: Simulation, inbox: Inbox
) -> None:
    async def acknowledge(incoming: Incoming) -> tuple[int, bytes]:
        return 200, (await platform.open_callback(incoming)).acknowledge.body

    inbox.answer = acknowledge
    simulators.faults({"system": "nontax", "kind": "callback_twice"})
    await _paid(platform, simulators)
    one, two = [await platform.open_callback(await inbox.next()) for _ in range(2)]
    assert (one.event_key, one.nonce != two.nonce) == (two.event_key, True)


async def test_a_late_callback_leaves_when_time_has_passed_and_a_lost_one_never(
    platform: SoapNonTax, simulators: Simulation, inbox: Inbox
) -> None:
    simulators.faults({"system": "nontax", "kind": "callback_late"}, {"system": "nontax", "kind": "callback_lost"})
    late = await _paid(platform, simulators)
    await _paid(platform, simulators)
    states = [one["state"] for one in simulators.ask("GET", "/callbacks")["callbacks"]]
    assert states == ["pending", "lost"]
    assert inbox.messages.empty()
    await simulators.aask("POST", "/clock", {"advance_seconds": 30})
    assert (await platform.open_callback(await inbox.next())).notice.fact.code == late


async def test_money_can_be_told_before_our_answer_arrives(
    platform: SoapNonTax, simulators: Simulation, inbox: Inbox
) -> None:
    simulators.faults({"system": "nontax", "operation": "CreateBill", "kind": "callback_before_reply"})
    issuing = asyncio.create_task(platform.issue(bill()))
    told = await platform.open_callback(await inbox.next())
    assert (await issuing).code == told.notice.fact.code


# --- the cashier ---------------------------------------------------------------------------------------------------


async def test_a_party_pays_at_the_cashier_and_cannot_pay_twice_there(
    platform: SoapNonTax, simulators: Simulation
) -> None:
    issued = await platform.issue(bill())
    assert issued.pay_url
    async with httpx.AsyncClient(trust_env=False) as browser:
        page = await browser.get(issued.pay_url)
        assert page.status_code == 200
        assert "5036.50" in page.text
        assert "望川区市场监督管理局" in page.text
        assert "http" not in page.text.replace(issued.pay_url, "")
        form = {"billId": issued.code, "channel": "wechat", "payer": "<b>李</b>"}
        done = await browser.post(simulators.url("nontax") + "/cashier/pay", data=form)
        assert "缴款成功" in done.text
        again = await browser.post(simulators.url("nontax") + "/cashier/pay", data=form)
        assert again.status_code == 409
    found = await platform.find(FindRequest(code=issued.code))
    assert found is not None
    assert [fact.payer_name for fact in found.paid] == ["<b>李</b>"]


async def test_nothing_secret_crosses_the_wire_or_lands_in_a_url(platform: SoapNonTax, simulators: Simulation) -> None:
    await platform.issue(bill(payer_phone="13900001111"))
    (exchange,) = platform.exchanges  # type: ignore[attr-defined]
    secret = simulators.credentials("nontax")["secret"].encode()
    assert secret not in exchange.request_body
    assert secret.decode() not in str(exchange.request_headers) + exchange.url
    assert {"PayerName", "MobilePhone"} <= exchange.sensitive
