"""Every non-tax adapter against the simulated platform that speaks its wire, over sockets: the same promises."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from gateway.adapters.nontax.cnnontax import CnNonTax
from gateway.adapters.nontax.soap import SoapNonTax
from gateway.foundation.evidence import redact
from gateway.foundation.wire import ChannelWire, FrameWire, Timeouts, WireTerms
from gateway.foundation.wire.frame import PassedOver
from gateway.ports.base import Incoming, RawExchange
from gateway.ports.nontax import (
    BillLine,
    BillState,
    CancelRequest,
    FindRequest,
    IssueRequest,
    NonTaxPlatform,
    ReceiptRequest,
    RefundRequest,
    RefundState,
)
from gateway.words.clock import SHANGHAI, SystemClock
from gateway.words.errors import (
    BusyError,
    ContractError,
    DeniedError,
    ForgedCallbackError,
    NotSentError,
    OutcomeUnknownError,
    RejectedError,
    UnsupportedError,
    UnusableError,
)
from simulators.cnnontax import frames
from simulators.nontax.soap import element
from simulators.testing import Simulation

Make = Callable[..., Any]


@dataclass(frozen=True)
class Door:
    """One adapter, and the simulated platform that speaks with it.

    ``confirms`` is the operation whose answer tells amount and code of a bill just issued, ``stale`` how far off a
    clock is that is not believed, ``spoilt`` the callbacks that can be made of a true one without the key.
    """

    adapter: type[Any]
    wire: type[Any]
    system: str
    address: str
    secret: str
    platform: str
    confirms: str
    stale: timedelta
    spoilt: Callable[[Incoming], list[Incoming]]


def _spoilt_messages(true: Incoming) -> list[Incoming]:
    """Altered, from a stranger, unsigned."""
    return [
        replace(true, body=true.body.replace(b"5036.50", b"0005.00")),
        replace(true, headers={**true.headers, "x-node-code": "F000000"}),
        replace(true, headers={"content-type": "application/xml"}),
    ]


def _spoilt_frames(true: Incoming) -> list[Incoming]:
    """Altered under the old MAC; another number on the outside; MAC missing, zero, or of another token; cut; longer."""
    told = frames.read(true.body)
    amount = told.voucher.find("Amt")
    assert amount is not None
    amount.text = "5.00"
    head = {"SRC": told.sender, "DES": told.receiver, "MsgNo": told.number, "MsgID": told.id}
    altered = frames.write({**head, "MsgRef": "", "WorkDate": told.work_date}, told.voucher)
    bodies = [
        frames.join(told.number, altered, told.mac),
        frames.join(told.number, altered, frames.NO_MAC),
        frames.join(told.number, told.xml, ""),
        frames.join(told.number, told.xml, frames.mac("another token", told.xml)),
        frames.join(told.number, told.xml + b"\x80" + b" " * 40, told.mac),
        true.body[:-1],
        true.body + b" ",
        b"",
    ]
    return [replace(true, body=body) for body in bodies]


SOAP = Door(
    adapter=SoapNonTax,
    wire=ChannelWire,
    system="nontax",
    address="services",
    secret="secret",
    platform="安澜市非税收入收缴平台",
    confirms="CreateBill",
    stale=timedelta(minutes=6),
    spoilt=_spoilt_messages,
)
FRAMES = Door(
    adapter=CnNonTax,
    wire=FrameWire,
    system="cnnontax",
    address="frames",
    secret="token",
    platform="F990100",
    confirms="QueryBill",
    stale=timedelta(days=2),
    spoilt=_spoilt_frames,
)

soap_only = pytest.mark.parametrize("door", [SOAP], ids=["soap"], indirect=True)
frames_only = pytest.mark.parametrize("door", [FRAMES], ids=["cnnontax"], indirect=True)


@pytest.fixture(params=[SOAP, FRAMES], ids=["soap", "cnnontax"])
def door(request: pytest.FixtureRequest) -> Door:
    """Each promise is held to every adapter, unless a test says otherwise."""
    found: Door = request.param
    return found


@pytest.fixture
async def make(simulators: Simulation, door: Door) -> AsyncIterator[Make]:
    """Makes adapters for the simulated platform; ``exchanges`` of each hold what crossed the wire."""
    made: list[Any] = []

    def one(**settings: Any) -> Any:
        known = simulators.credentials(door.system)
        chosen = {name: known[name] for name in ("node_code", "platform_node", door.secret)} | settings
        read = chosen.pop("read", 5.0)
        exchanges: list[RawExchange] = []
        clock = chosen.pop("clock", None) or SystemClock()
        wire = door.wire(
            door.system,
            known[door.address].removesuffix("/services"),
            WireTerms(
                exchanges.append,
                timeouts=Timeouts(connect=2.0, read=read, total=read + 2.0),
                sensitive=door.adapter.info.sensitive,
                clock=clock,
            ),
        )
        adapter = door.adapter(door.adapter.Settings(**chosen), wire, clock)
        adapter.exchanges = exchanges
        made.append(adapter)
        return adapter

    yield one
    for adapter in made:
        await adapter.close()


@pytest.fixture
def platform(make: Make) -> Any:
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


def pay(simulators: Simulation, door: Door, code: str, **how: Any) -> dict[str, Any]:
    return dict(simulators.ask("POST", f"/{door.system}/pay", {"code": code, "callback": False, **how}))


def today() -> date:
    return datetime.now(SHANGHAI).date()


# --- the ordinary way ----------------------------------------------------------------------------------------------


async def test_the_adapter_is_a_non_tax_platform_and_proves_itself(platform: Any, door: Door) -> None:
    assert isinstance(platform, NonTaxPlatform)
    assert door.platform in await platform.check()


async def test_a_bill_is_issued_with_a_twenty_digit_code_of_its_region_and_year(platform: Any) -> None:
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
    platform: Any, simulators: Simulation, door: Door
) -> None:
    asked = bill()
    first, second = await platform.issue(asked), await platform.issue(asked)
    assert first == second
    assert simulators.effects(door.system)["CreateBill"] == {asked.reference: 1}


async def test_the_same_reference_with_another_body_is_refused(
    platform: Any, simulators: Simulation, door: Door
) -> None:
    asked = bill()
    await platform.issue(asked)
    with pytest.raises(RejectedError) as refused:
        await platform.issue(asked.model_copy(update={"payer_name": "望川区另一家店"}))
    assert refused.value.code == "18010"
    assert simulators.effects(door.system)["CreateBill"] == {asked.reference: 1}


async def test_many_bills_at_once_have_different_codes(platform: Any) -> None:
    issued = await asyncio.gather(*(platform.issue(bill()) for _ in range(32)))
    assert len({one.code for one in issued}) == 32


async def test_a_bill_is_found_by_reference_and_by_code_and_absence_is_none(platform: Any) -> None:
    issued = await platform.issue(bill())
    by_reference = await platform.find(FindRequest(reference=issued.reference))
    assert by_reference is not None
    assert (by_reference.code, by_reference.state, by_reference.paid) == (issued.code, BillState.UNPAID, ())
    assert await platform.find(FindRequest(code=issued.code)) == by_reference
    assert await platform.find(FindRequest(reference=reference())) is None


async def test_money_shows_in_the_bill_with_serial_and_payer(platform: Any, simulators: Simulation, door: Door) -> None:
    issued = await platform.issue(bill())
    paid = pay(simulators, door, issued.code, channel="wechat", payer="李店员")
    found = await platform.find(FindRequest(code=issued.code))
    assert found is not None
    assert found.state is BillState.PAID
    (fact,) = found.paid
    assert (fact.amount, fact.bank_serial, fact.pay_mode, fact.payer_name) == (503650, paid["serial"], "51", "李店员")
    assert abs(fact.paid_at - datetime.now(UTC)) < timedelta(minutes=1)


async def test_an_unpaid_bill_is_voided_once_and_a_paid_one_is_not(
    platform: Any, simulators: Simulation, door: Door
) -> None:
    issued = await platform.issue(bill())
    ask = CancelRequest(
        reference=reference(), bill_reference=issued.reference, code=issued.code, reason="决定书文号录入错误"
    )
    assert (await platform.cancel(ask)).code == issued.code
    assert (await platform.cancel(ask)).code == issued.code
    assert simulators.effects(door.system)["VoidBill"] == {ask.reference: 1}
    paid = await platform.issue(bill())
    pay(simulators, door, paid.code)
    with pytest.raises(RejectedError) as refused:
        await platform.cancel(ask.model_copy(update={"bill_reference": paid.reference, "code": paid.code}))
    assert refused.value.code == "18021"


async def test_money_for_a_void_bill_is_told_and_not_hidden(platform: Any, simulators: Simulation, door: Door) -> None:
    issued = await platform.issue(bill())
    await platform.cancel(
        CancelRequest(reference=reference(), bill_reference=issued.reference, code=issued.code, reason="作废")
    )
    pay(simulators, door, issued.code, force=True)
    found = await platform.find(FindRequest(code=issued.code))
    assert found is not None
    assert (found.state, len(found.paid)) == (BillState.VOID, 1)


async def test_a_refund_is_filed_and_finance_moves_it_on(platform: Any, simulators: Simulation, door: Door) -> None:
    issued = await platform.issue(bill())
    paid = pay(simulators, door, issued.code)
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
    simulators.ask("POST", f"/{door.system}/refunds/{ask.reference}", {"state": "approved"})
    simulators.ask("POST", f"/{door.system}/refunds/{ask.reference}", {"state": "refunded"})
    done = await platform.find_refund(ask.reference)
    assert done is not None
    assert done.state is RefundState.REFUNDED
    assert done.refunded_at is not None
    assert await platform.find_refund(reference()) is None
    page = await platform.statement(today(), 1)
    assert [(line.kind, line.amount) for line in page.lines] == [("paid", 503650), ("refunded", 503650)]


async def test_refunds_never_exceed_the_payment(platform: Any, simulators: Simulation, door: Door) -> None:
    issued = await platform.issue(bill())
    paid = pay(simulators, door, issued.code)
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
    platform: Any, simulators: Simulation, door: Door
) -> None:
    simulators.ask("POST", f"/{door.system}/settings", {"page_size": 3})
    issued = [await platform.issue(bill()) for _ in range(7)]
    for one in issued:
        pay(simulators, door, one.code)
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


async def test_a_day_without_money_has_one_empty_page_and_a_day_to_come_has_none_yet(platform: Any) -> None:
    page = await platform.statement(today() - timedelta(days=1), 1)
    assert (page.pages, page.count, page.amount, page.lines) == (1, 0, 0, ())
    with pytest.raises(BusyError):
        await platform.statement(today() + timedelta(days=1), 1)


async def test_money_after_the_cut_off_is_on_the_next_days_statement(
    platform: Any, simulators: Simulation, door: Door
) -> None:
    simulators.ask("POST", f"/{door.system}/settings", {"cutoff": "22:00"})
    issued = await platform.issue(bill())
    yesterday = today() - timedelta(days=1)
    pay(simulators, door, issued.code, at=f"{yesterday - timedelta(days=1)}T22:58:00+08:00")
    assert (await platform.statement(yesterday - timedelta(days=1), 1)).count == 0
    assert (await platform.statement(yesterday, 1)).count == 1


async def test_the_receipt_of_a_paid_bill_is_issued_once(platform: Any, simulators: Simulation, door: Door) -> None:
    issued = await platform.issue(bill())
    ask = ReceiptRequest(reference=reference(), code=issued.code)
    with pytest.raises(RejectedError):
        await platform.receipt(ask)
    pay(simulators, door, issued.code)
    receipt = await platform.receipt(ask)
    assert (len(receipt.receipt_code), len(receipt.receipt_number), len(receipt.check_code)) == (8, 10, 6)
    assert receipt.amount == 503650
    assert receipt.media_type == "application/xml"
    assert issued.code.encode() in receipt.document
    assert await platform.receipt(ask.model_copy(update={"reference": reference()})) == receipt
    assert simulators.effects(door.system)["IssueReceipt"] == {ask.reference: 1}


@pytest.mark.parametrize("mode", ["unit", "range"])
async def test_a_code_made_by_the_unit_is_taken_as_it_is(
    make: Make, simulators: Simulation, mode: str, door: Door
) -> None:
    code = "99010226309000000001"
    simulators.ask(
        "POST",
        f"/{door.system}/settings",
        {"issuing": mode, "ranges": [["99010226309000000000", "99010226309000000999"]]},
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


async def test_a_code_outside_the_range_is_refused(make: Make, simulators: Simulation, door: Door) -> None:
    simulators.ask("POST", f"/{door.system}/settings", {"issuing": "range", "ranges": []})
    with pytest.raises(RejectedError) as refused:
        await make(issuing="range").issue(bill(code="99010226309000000001"))
    assert refused.value.code == "18015"


# --- refusals ------------------------------------------------------------------------------------------------------


async def test_a_unit_without_permission_is_refused_in_the_platforms_words(platform: Any) -> None:
    with pytest.raises(RejectedError, match="收缴权限") as refused:
        await platform.issue(bill(unit_code="990102999"))
    assert refused.value.code == "18012"


async def test_a_name_that_gbk_cannot_hold_is_refused_before_anything_is_sent(platform: Any) -> None:
    with pytest.raises(RejectedError, match="U\\+20BB7"):
        await platform.issue(bill(payer_name="𠮷野家"))
    assert platform.exchanges == []


@soap_only
async def test_the_platform_refuses_such_a_name_itself(make: Make) -> None:
    with pytest.raises(RejectedError) as refused:
        await make(encoding="utf-8").issue(bill(payer_name="𠮷野家"))
    assert refused.value.code == "18016"


async def test_what_breaks_the_schema_is_refused_before_anything_is_sent(platform: Any) -> None:
    with pytest.raises(RejectedError, match="PayerName"):
        await platform.issue(bill(payer_name="长" * 101))
    assert platform.exchanges == []


async def test_wrong_credentials_are_denied_without_effect(make: Make, simulators: Simulation, door: Door) -> None:
    for wrong in ({door.secret: "another"}, {"node_code": "K9901009999"}):
        # A refusal that anybody could have written proves nothing about an effect, and stops no channel.
        with pytest.raises(UnusableError if door is FRAMES else DeniedError):
            await make(**wrong).issue(bill())
        with pytest.raises(DeniedError):
            await make(**wrong).check()
    assert simulators.effects(door.system) == {}


async def test_a_clock_that_is_far_off_is_denied(make: Make, door: Door) -> None:
    with pytest.raises(DeniedError):
        await make(clock=SystemClock(door.stale)).check()


@soap_only
async def test_a_replayed_request_is_refused_by_its_nonce(platform: Any, simulators: Simulation) -> None:
    await platform.issue(bill())
    (sent,) = platform.exchanges
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(sent.url, content=sent.request_body, headers=dict(sent.request_headers))
    assert answer.status_code == 500
    assert "19102" in answer.text
    assert sum(simulators.effects("nontax")["CreateBill"].values()) == 1


@frames_only
async def test_a_replayed_frame_is_refused_by_its_id(platform: Any, simulators: Simulation) -> None:
    await platform.issue(bill())
    sent = platform.exchanges[0]
    wire = FrameWire("replay", sent.url, WireTerms(lambda exchange: None))
    answer = frames.read(await wire.exchange("replay", sent.request_body, bytes))
    assert (answer.number, answer.voucher.findtext("Result")) == ("5001", "19102")
    assert sum(simulators.effects("cnnontax")["CreateBill"].values()) == 1


async def test_quiet_hours_are_busy_until_they_end(platform: Any, simulators: Simulation, door: Door) -> None:
    now = datetime.now(SHANGHAI)
    begin, end = now - timedelta(minutes=30), now + timedelta(minutes=30)
    simulators.ask("POST", f"/{door.system}/settings", {"quiet": [f"{begin:%H:%M}", f"{end:%H:%M}"]})
    with pytest.raises(BusyError) as busy:
        await platform.issue(bill())
    assert busy.value.retry_after is not None
    assert 1700 < busy.value.retry_after <= 1800
    assert simulators.effects(door.system) == {}


# --- doubt ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["apply_then_silence", "apply_then_reset", "truncated", "empty", "malformed"])
@pytest.mark.cases_by_day(4)
async def test_an_answer_lost_after_the_effect_is_doubt_and_find_recovers_the_one_bill(
    make: Make, simulators: Simulation, kind: str, door: Door
) -> None:
    platform = make(read=1.5)
    simulators.faults({"system": door.system, "operation": "CreateBill", "kind": kind})
    asked = bill()
    with pytest.raises(OutcomeUnknownError):
        await platform.issue(asked)
    found = await platform.find(FindRequest(reference=asked.reference))
    assert found is not None
    assert found.total == asked.total
    assert simulators.effects(door.system)["CreateBill"] == {asked.reference: 1}
    assert (await platform.issue(asked)).code == found.code


async def test_silence_before_the_effect_is_doubt_too_and_find_says_none(
    make: Make, simulators: Simulation, door: Door
) -> None:
    platform = make(read=1.5)
    simulators.faults({"system": door.system, "operation": "CreateBill", "kind": "silence"})
    asked = bill()
    with pytest.raises(OutcomeUnknownError):
        await platform.issue(asked)
    assert await platform.find(FindRequest(reference=asked.reference)) is None


@pytest.mark.cases_by_day(1)
async def test_a_drip_ends_at_the_total_deadline(make: Make, simulators: Simulation, door: Door) -> None:
    simulators.faults({"system": door.system, "operation": "CreateBill", "kind": "drip", "seconds": 0.05})
    with pytest.raises(OutcomeUnknownError):
        await make(read=1.0).issue(bill())


async def test_a_refused_connection_was_not_sent(platform: Any, simulators: Simulation, door: Door) -> None:
    await platform.check()
    (fault,) = (await simulators.aask("POST", "/faults", {"system": door.system, "kind": "refuse"}))["ids"]
    await asyncio.sleep(0.2)  # an idle connection that the platform closed is noticed; to send on it would be doubt
    with pytest.raises(NotSentError):
        await platform.issue(bill())
    assert simulators.effects(door.system) == {}
    simulators.ask("DELETE", "/faults", id=fault)
    await platform.issue(bill())


async def test_busy_tells_when_to_come_back_and_has_no_effect(
    platform: Any, simulators: Simulation, door: Door
) -> None:
    simulators.faults({"system": door.system, "operation": "CreateBill", "kind": "busy", "seconds": 7})
    with pytest.raises(BusyError) as busy:
        await platform.issue(bill())
    assert busy.value.retry_after == 7.0
    assert simulators.effects(door.system) == {}


async def test_an_undeclared_500_is_doubt(platform: Any, simulators: Simulation, door: Door) -> None:
    simulators.faults({"system": door.system, "operation": "CreateBill", "kind": "error_500"})
    with pytest.raises(OutcomeUnknownError):
        await platform.issue(bill())


@pytest.mark.parametrize("kind", ["malformed", "malformed_doctype", "empty", "bad_signature", "unknown_status"])
@pytest.mark.cases_by_day(4)
async def test_an_answer_that_breaks_the_contract_is_never_a_success(
    platform: Any, simulators: Simulation, kind: str, door: Door
) -> None:
    simulators.faults({"system": door.system, "operation": "CreateBill", "kind": kind})
    with pytest.raises(ContractError):
        await platform.issue(bill())


@soap_only
async def test_a_doctype_is_refused_for_being_one(platform: Any, simulators: Simulation) -> None:
    simulators.faults({"system": "nontax", "operation": "CreateBill", "kind": "malformed_doctype"})
    with pytest.raises(ContractError, match=r"(?i)dtd"):
        await platform.issue(bill())


async def test_an_unknown_bill_state_is_not_final(platform: Any, simulators: Simulation, door: Door) -> None:
    issued = await platform.issue(bill())
    simulators.faults({"system": door.system, "operation": "QueryBill", "kind": "unknown_status"})
    with pytest.raises(ContractError, match="PayStats 9"):
        await platform.find(FindRequest(code=issued.code))


async def test_an_amount_the_platform_got_wrong_reaches_the_core_unchanged(
    platform: Any, simulators: Simulation, door: Door
) -> None:
    simulators.faults({"system": door.system, "operation": door.confirms, "kind": "wrong_amount"})
    assert (await platform.issue(bill())).total == 503651


async def test_a_code_told_wrong_when_issuing_is_refused_or_is_what_the_core_sees(
    platform: Any, simulators: Simulation, door: Door
) -> None:
    simulators.faults({"system": door.system, "operation": "CreateBill", "kind": "wrong_code"})
    asked = bill()
    try:
        told = (await platform.issue(asked)).code
    except ContractError:
        return
    found = await platform.find(FindRequest(reference=asked.reference))
    assert found.code != told


async def test_an_answer_about_another_bill_is_refused(platform: Any, simulators: Simulation, door: Door) -> None:
    issued = await platform.issue(bill())
    simulators.faults({"system": door.system, "operation": "QueryBill", "kind": "wrong_code"})
    with pytest.raises(ContractError):
        await platform.find(FindRequest(code=issued.code))


async def test_not_found_may_be_wrong_for_a_while(platform: Any, simulators: Simulation, door: Door) -> None:
    issued = await platform.issue(bill())
    simulators.faults({"system": door.system, "operation": "QueryBill", "kind": "not_found_then_found"})
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
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/callbacks/channel"
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
        return await asyncio.wait_for(self.messages.get(), 60)


@pytest.fixture
async def inbox(simulators: Simulation, door: Door) -> AsyncIterator[Inbox]:
    receiver = Inbox()
    server = await receiver.start()
    simulators.callbacks_to(door.system, receiver.url)
    yield receiver
    server.close()


async def _paid(platform: Any, simulators: Simulation, door: Door) -> str:
    issued = await platform.issue(bill())
    await simulators.aask("POST", f"/{door.system}/pay", {"code": issued.code, "channel": "alipay", "payer": "王会计"})
    return issued.code


def answering(platform: Any, reply: str = "acknowledge", body: bytes | None = None) -> Callable[[Incoming], Any]:
    """Answers each message with 200 and the body of what its opening offers, or with these bytes."""

    async def answer(incoming: Incoming) -> tuple[int, bytes]:
        return 200, getattr(await platform.open_callback(incoming), reply).body if body is None else body

    return answer


async def test_a_callback_is_opened_and_its_acknowledgement_ends_the_retries(
    platform: Any, simulators: Simulation, inbox: Inbox, door: Door
) -> None:
    code = await _paid(platform, simulators, door)
    first = await platform.open_callback(await inbox.next())
    assert first.notice.kind == "paid"
    assert (first.notice.fact.code, first.notice.fact.amount) == (code, 503650)
    assert first.notice.fact.payer_name == "王会计"
    assert first.event_key == f"{code}:{first.notice.fact.bank_serial}"
    inbox.answer = answering(platform)
    second = await platform.open_callback(await inbox.next())
    assert second.event_key == first.event_key
    assert second.nonce != first.nonce
    assert await simulators.flush_callbacks(door.system) == []


async def test_only_a_true_acknowledgement_counts(
    platform: Any, simulators: Simulation, inbox: Inbox, door: Door
) -> None:
    await _paid(platform, simulators, door)
    await platform.open_callback(await inbox.next())
    for answer in (answering(platform, body=b"success"), answering(platform, "retry_later")):
        inbox.answer = answer
        assert len(await simulators.flush_callbacks(door.system)) == 1
    inbox.answer = answering(platform)
    assert await simulators.flush_callbacks(door.system) == []


@soap_only
async def test_an_acknowledgement_is_about_the_payment_and_not_the_message(
    platform: Any, simulators: Simulation, inbox: Inbox, door: Door
) -> None:
    await _paid(platform, simulators, door)
    first = await platform.open_callback(await inbox.next())
    inbox.answer = answering(platform, body=first.acknowledge.body)
    assert await simulators.flush_callbacks(door.system) == []


@frames_only
async def test_an_acknowledgement_is_about_the_message_and_not_the_payment(
    platform: Any, simulators: Simulation, inbox: Inbox, door: Door
) -> None:
    await _paid(platform, simulators, door)
    first = await platform.open_callback(await inbox.next())
    inbox.answer = answering(platform, body=first.acknowledge.body)
    assert len(await simulators.flush_callbacks(door.system)) == 1


async def test_callbacks_open_without_any_network(
    platform: Any, simulators: Simulation, inbox: Inbox, door: Door
) -> None:
    await _paid(platform, simulators, door)
    message = await inbox.next()
    sent = len(platform.exchanges)
    await asyncio.to_thread(simulators.kill)
    await platform.open_callback(message)
    assert len(platform.exchanges) == sent


@pytest.mark.cases_by_day(1)
async def test_pending_callbacks_survive_a_kill_of_the_platform(
    platform: Any, simulators: Simulation, inbox: Inbox, door: Door
) -> None:
    code = await _paid(platform, simulators, door)
    await inbox.next()
    await asyncio.to_thread(simulators.kill)
    while not inbox.messages.empty():
        inbox.messages.get_nowait()
    await asyncio.to_thread(simulators.restart)
    assert (await platform.open_callback(await inbox.next())).notice.fact.code == code


async def test_forged_stale_and_altered_callbacks_are_refused(
    make: Make, simulators: Simulation, inbox: Inbox, door: Door
) -> None:
    platform = make()
    await _paid(platform, simulators, door)
    genuine = await inbox.next()
    await platform.open_callback(genuine)
    for forged in door.spoilt(genuine):
        assert forged != genuine
        with pytest.raises(ForgedCallbackError):
            await platform.open_callback(forged)
    with pytest.raises(ForgedCallbackError):
        await make(clock=SystemClock(door.stale)).open_callback(genuine)
    other = {"platform_node": "F000000"} if door is FRAMES else {door.secret: "another"}
    with pytest.raises(ForgedCallbackError):
        await make(**other).open_callback(genuine)


async def test_the_simulated_forger_is_caught_and_the_true_callback_follows(
    platform: Any, simulators: Simulation, inbox: Inbox, door: Door
) -> None:
    simulators.faults({"system": door.system, "kind": "callback_forged"})
    await _paid(platform, simulators, door)
    with pytest.raises(ForgedCallbackError):
        await platform.open_callback(await inbox.next())
    assert (await platform.open_callback(await inbox.next())).notice.fact.amount == 503650


async def test_a_callback_twice_is_the_same_event_under_another_nonce(
    platform: Any, simulators: Simulation, inbox: Inbox, door: Door
) -> None:
    inbox.answer = answering(platform)
    simulators.faults({"system": door.system, "kind": "callback_twice"})
    await _paid(platform, simulators, door)
    one, two = [await platform.open_callback(await inbox.next()) for _ in range(2)]
    assert (one.event_key, one.nonce != two.nonce) == (two.event_key, True)


async def test_a_late_callback_leaves_when_time_has_passed_and_a_lost_one_never(
    platform: Any, simulators: Simulation, inbox: Inbox, door: Door
) -> None:
    simulators.faults(
        {"system": door.system, "kind": "callback_late"}, {"system": door.system, "kind": "callback_lost"}
    )
    late = await _paid(platform, simulators, door)
    await _paid(platform, simulators, door)
    states = [one["state"] for one in simulators.ask("GET", "/callbacks")["callbacks"]]
    assert states == ["pending", "lost"]
    assert inbox.messages.empty()
    await simulators.aask("POST", "/clock", {"advance_seconds": 30})
    assert (await platform.open_callback(await inbox.next())).notice.fact.code == late


async def test_money_can_be_told_before_our_answer_arrives(
    platform: Any, simulators: Simulation, inbox: Inbox, door: Door
) -> None:
    simulators.faults({"system": door.system, "operation": "CreateBill", "kind": "callback_before_reply"})
    issuing = asyncio.create_task(platform.issue(bill()))
    told = await platform.open_callback(await inbox.next())
    assert (await issuing).code == told.notice.fact.code


# --- the cashier ---------------------------------------------------------------------------------------------------


async def test_a_party_pays_at_the_cashier_and_cannot_pay_twice_there(
    platform: Any, simulators: Simulation, door: Door
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
        done = await browser.post(simulators.url(door.system) + "/cashier/pay", data=form)
        assert "缴款成功" in done.text
        again = await browser.post(simulators.url(door.system) + "/cashier/pay", data=form)
        assert again.status_code == 409
    found = await platform.find(FindRequest(code=issued.code))
    assert found is not None
    assert [fact.payer_name for fact in found.paid] == ["<b>李</b>"]


async def test_nothing_secret_crosses_the_wire_or_lands_in_a_url(
    platform: Any, simulators: Simulation, door: Door
) -> None:
    await platform.issue(bill(payer_phone="13900001111"))
    secret = simulators.credentials(door.system)[door.secret].encode()
    for exchange in platform.exchanges:
        assert secret not in exchange.request_body
        assert secret.decode() not in str(exchange.request_headers) + exchange.url
        assert {"PayerName", "MobilePhone"} <= exchange.sensitive


# --- what only frames have -----------------------------------------------------------------------------------------


@frames_only
async def test_the_evidence_of_a_frame_shows_nobodys_name(platform: Any) -> None:
    await platform.issue(bill(payer_name="罗巧云", payer_phone="13900001111"))
    for exchange in platform.exchanges:
        shown = redact(exchange)
        text = shown.url + shown.request + shown.response
        assert "CNNONTAX" in text
        assert "罗巧云" not in text
        assert base64.b64encode("罗巧云".encode("gbk")).decode()[:6] not in text
        assert "13900001111" not in text


@frames_only
@pytest.mark.parametrize("kind", ["refuse", "busy", "silence", "apply_then_reset", "not_found_then_found"])
@pytest.mark.cases_by_day(2)
async def test_a_bill_taken_in_that_cannot_be_read_back_is_doubt_and_not_a_failure(
    make: Make, simulators: Simulation, kind: str
) -> None:
    platform = make(read=1.5)
    asked = bill()
    if kind == "refuse":
        original = platform._wire.exchange

        async def once(action: str, frame: bytes, judge: Callable[[bytes], Any]) -> Any:
            if action != "CreateBill":
                raise NotSentError("refused")
            return await original(action, frame, judge)

        platform._wire.exchange = once
    else:
        simulators.faults({"system": "cnnontax", "operation": "QueryBill", "kind": kind})
    with pytest.raises(OutcomeUnknownError):
        await platform.issue(asked)
    assert simulators.effects("cnnontax")["CreateBill"] == {asked.reference: 1}
    found = await make().find(FindRequest(reference=asked.reference))
    assert found.total == asked.total


@frames_only
async def test_a_bill_is_void_only_once_it_has_been_seen_void(platform: Any, simulators: Simulation) -> None:
    issued = await platform.issue(bill())
    ask = CancelRequest(reference=reference(), bill_reference=issued.reference, code=issued.code, reason="录入错误")
    simulators.faults({"system": "cnnontax", "operation": "QueryBill", "kind": "unknown_status"})
    with pytest.raises(ContractError):
        await platform.cancel(ask)
    assert (await platform.cancel(ask)).code == issued.code
    assert simulators.effects("cnnontax")["VoidBill"] == {ask.reference: 1}


@frames_only
async def test_numbers_of_messages_are_those_of_the_settings(make: Make) -> None:
    platform = make(void_message="8995", statement_message="4711")
    with pytest.raises(RejectedError, match="8995") as refused:
        await platform.cancel(CancelRequest(reference="V1", bill_reference="R1", code="9", reason="录入错误"))
    assert refused.value.code == "19200"
    with pytest.raises(RejectedError, match="4711"):
        await platform.statement(today(), 1)
    assert [exchange.request_body[19:23] for exchange in platform.exchanges] == [b"8995", b"4711"]


def answered_with(platform: Any, answer: Callable[[bytes], bytes]) -> None:
    """Let the wire hear this frame and no other in place of an answer."""

    async def exchange(action: str, frame: bytes, judge: Callable[[bytes], Any]) -> Any:
        try:
            return judge(answer(frame))
        except PassedOver as reason:
            raise UnusableError(str(reason)) from None

    platform._wire.exchange = exchange


@frames_only
async def test_an_answer_to_another_message_is_no_answer(make: Make) -> None:
    """The MAC of an old answer is right for ever: what binds it to a question is the question's id."""
    platform, other = make(), make()
    await other.find(FindRequest(reference=reference()))
    old = other.exchanges[0].response_body
    answered_with(platform, lambda asked: bytes(old))
    with pytest.raises(UnusableError, match="not about ours"):
        await platform.find(FindRequest(reference=reference()))


@frames_only
async def test_our_own_question_sent_back_is_no_answer(platform: Any) -> None:
    answered_with(platform, lambda asked: asked)
    with pytest.raises(UnusableError, match="from K9901000002 to F990100"):
        await platform.issue(bill())


@frames_only
@pytest.mark.parametrize("result", ["00000", "18020", "19001", "19100", "19103", "19200"])
async def test_without_a_mac_nothing_is_heard_as_an_answer(platform: Any, result: str) -> None:
    def unsigned(frame: bytes) -> bytes:
        asked = frames.read(frame)
        head = {"SRC": asked.receiver, "DES": asked.sender, "MsgNo": "5001", "MsgID": "X1", "MsgRef": asked.id}
        told = {"OriMsgNo": asked.number, "Result": result, "Information": "https://h/?billId=99010226310000000001"}
        xml = frames.write({**head, "WorkDate": asked.work_date}, element("Reply", told, ""))
        return frames.join("5001", xml, frames.NO_MAC)

    answered_with(platform, unsigned)
    with pytest.raises(UnusableError, match="an unsigned"):
        await platform.issue(bill())


async def test_what_is_no_frame_is_not_answered(simulators: Simulation) -> None:
    place = httpx.URL(simulators.credentials("cnnontax")["frames"])
    for nonsense in (b"GET / HTTP/1.1\r\n\r\n", b"99999999", b"20      CNNONTAX1.0899", b"95      " + b"x" * 87):
        reader, writer = await asyncio.open_connection(place.host, place.port)
        writer.write(nonsense)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
