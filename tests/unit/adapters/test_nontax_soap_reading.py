"""The cases of answers and callbacks that are a little different: read where nothing used contradicts, else refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.adapters.nontax.soap import SoapNonTax, SoapNonTaxSettings
from gateway.foundation.wire import ChannelWire, MessageSigner, WireTerms
from gateway.foundation.wire.channel import Answer
from gateway.ports.base import Incoming
from gateway.ports.nontax import BillLine, FindRequest, Issued, IssueRequest
from gateway.words.clock import ManualClock
from gateway.words.errors import ContractError
from gateway.words.money import told_sum, told_yuan

CASES = Path(__file__).parents[2] / "cases"
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
SECRET = "anlan-nontax-development-secret"
CLOCK = ManualClock(NOW)
PLATFORM = MessageSigner("F990100", SECRET.encode(), CLOCK)


class Wire(ChannelWire):
    """A wire whose platform answers with what the test has put there, signed over these bytes."""

    says: bytes = b""
    noted: list[tuple[str, str]]

    async def post(self, action: str, path: str, content: bytes, headers: Mapping[str, str]) -> Answer:
        signed = {name.lower(): value for name, value in PLATFORM.sign(self.says).items()}
        return Answer(200, {"content-type": "text/xml; charset=utf-8", **signed}, self.says)


@pytest.fixture
def wire() -> Wire:
    noted: list[tuple[str, str]] = []
    made = Wire(
        "nontax",
        "http://127.0.0.1:1",
        WireTerms(
            lambda _: None,
            clock=CLOCK,
            drift=lambda _channel, action, path: noted.append((action, path)),
        ),
    )
    made.noted = noted
    return made


@pytest.fixture
def platform(wire: Wire) -> SoapNonTax:
    settings = SoapNonTaxSettings(secret=SECRET, node_code="K9901000001", platform_node="F990100")
    return SoapNonTax(settings, wire, CLOCK)


REQUEST = IssueRequest(
    reference="R00000401",
    region="990102",
    unit_code="9901020001",
    unit_name="望川区市场监督管理局",
    payer_name="安澜恒筑建设有限公司",
    decision_number="安望市监罚〔2026〕1号",
    bill_date=date(2026, 11, 20),
    total=20000,
    lines=(BillLine(item_code="103050101", item_name="罚款", amount=20000),),
)


async def issue(platform: SoapNonTax, wire: Wire, answer: bytes) -> Issued:
    wire.says = answer
    return await platform.issue(REQUEST)


@pytest.mark.parametrize(
    ("file", "noted"),
    [
        ("p01_more_element", [("CreateBill", "Bill/TraceId")]),
        ("p02_empty_optional", []),
        ("p03_whole_yuan", []),
        ("p04_three_decimals", []),
    ],
)
async def test_what_is_not_used_or_spelt_otherwise_does_not_refuse_a_code(
    platform: SoapNonTax, wire: Wire, file: str, noted: Any
) -> None:
    issued = await issue(platform, wire, (CASES / "soap" / f"{file}.xml").read_bytes())
    assert (issued.code, issued.total, issued.pay_url) == ("99010226300000000401", 20000, None)
    assert wire.noted == noted


@pytest.mark.parametrize(
    ("of", "to"),
    [
        ("<PayNo>R00000401", "<PayNo>R00000499"),  # p10
        ("<PayNo>", "<PayNo><A/>"),
        ("<PayStats>0", "<PayStats>7"),
        ("200.00", "200.005"),
        ("200.00", "-200.00"),
        ("200.00", "2e-1"),
        ("200.00", "0xC8"),
        ("200.00", "200,00"),
        ("200.00", "２００.00"),
        ("200.00", "NaN"),
        ("200.00", ""),
        ("<Result>00000", "<Result>77777"),
        ("99010226300000000401", "9901022630000000040A"),
    ],
)
async def test_what_is_used_must_be_right_however_much_else_is_passed_over(
    platform: SoapNonTax, wire: Wire, of: str, to: str
) -> None:
    good = (CASES / "soap" / "p01_more_element.xml").read_text(encoding="utf-8")
    assert of in good
    with pytest.raises(ContractError):
        await issue(platform, wire, good.replace(of, to).encode())


async def test_the_other_bill_of_the_case_is_never_a_code(platform: SoapNonTax, wire: Wire) -> None:
    with pytest.raises(ContractError, match="R00000401"):
        await issue(platform, wire, (CASES / "soap" / "p10_other_bill.xml").read_bytes())


@pytest.mark.parametrize(
    "spelling", ["200.00", "200", "200.", "200.0", "200.000", "0200", "+200", "2E+2", "2e2", "20E1"]
)
async def test_spellings_of_one_amount(platform: SoapNonTax, wire: Wire, spelling: str) -> None:
    good = (CASES / "soap" / "p01_more_element.xml").read_text(encoding="utf-8")
    assert (await issue(platform, wire, good.replace("200.00", spelling).encode())).total == 20000


def test_amounts_are_read_exactly_or_not_at_all() -> None:
    assert [told_yuan(text) for text in ("0.29", "1.10", "5036.5", "99999999.990", "1.23E+1", "1.2345E2", ".5")] == [
        29,
        110,
        503650,
        9999999999,
        1230,
        12345,
        50,
    ]
    assert told_sum("12345678901234.5") == 1234567890123450
    for wrong in ("12345678901234.5", "0.001", "1.2345E1", ".", ".e1", "", "1_000", "1 000", "9e99", "1e", "--1", "١"):
        with pytest.raises(ValueError, match=r"amount|fen|more than"):
            told_yuan(wrong)


def callback(body: bytes) -> Incoming:
    headers = {name.lower(): value for name, value in PLATFORM.sign(body).items()}
    return Incoming(headers=headers, body=body, received_at=NOW)


@pytest.mark.parametrize(
    ("file", "noted"),
    [
        ("c01_more_element", [("PaymentConfirm", "ChannelNo")]),
        ("c02_empty_payer", []),
        ("c03_whole_yuan", []),
        ("c04_comment_in_serial", []),
        ("c05_comment_in_amount", []),
    ],
)
async def test_a_callback_is_read_whole_whatever_stands_beside_or_inside_its_text(
    platform: SoapNonTax, wire: Wire, file: str, noted: Any
) -> None:
    opened = await platform.open_callback(callback((CASES / "callbacks" / f"{file}.xml").read_bytes()))
    fact = opened.notice.fact  # type: ignore[attr-defined]
    assert (fact.code, fact.amount, fact.payer_name) == ("99010226300000000501", 20000, None)
    assert fact.bank_serial == "20261120510000000501"
    assert wire.noted == noted


@pytest.mark.parametrize(
    ("encoding", "declared", "charset", "noted"),
    [
        ("gbk", "", "GBK", []),
        ("gb18030", "gb2312", "", ["encoding: gb2312 declared, GB 18030 sent"]),
        ("utf-8", "GBK", "", ["encoding: gbk declared, UTF-8 sent"]),
    ],
)
async def test_a_callback_is_read_in_the_encoding_that_it_has(
    platform: SoapNonTax, wire: Wire, encoding: str, declared: str, charset: str, noted: list[str]
) -> None:
    text = (CASES / "callbacks" / "c02_empty_payer.xml").read_text(encoding="utf-8").partition("?>")[2].strip()
    text = text.replace("<c:PayerName/>", "<c:PayerName>王喆</c:PayerName>")
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    sent = callback((head + text).encode(encoding))
    told = f"text/xml; charset={charset}" if charset else "text/xml"
    opened = await platform.open_callback(replace(sent, headers={**sent.headers, "content-type": told}))
    assert opened.notice.fact.payer_name == "王喆"  # type: ignore[attr-defined]
    assert wire.noted == [("PaymentConfirm", one) for one in noted]


async def test_a_bill_is_found_though_its_answer_has_another_order(platform: SoapNonTax, wire: Wire) -> None:
    wire.says = (
        b'<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body><QueryBillResponse '
        b'xmlns="urn:nontax-platform:v1"><Bill><PayStats>0</PayStats><Amt>200</Amt><PayUrl/>'
        b"<PayCode>99010226300000000401</PayCode><PayNo>R00000401</PayNo></Bill><Information/>"
        b"<Result>00000</Result></QueryBillResponse></S:Body></S:Envelope>"
    )
    bill = await platform.find(FindRequest(reference="R00000401"))
    assert bill is not None
    assert (bill.code, bill.total, bill.pay_url) == ("99010226300000000401", 20000, None)
