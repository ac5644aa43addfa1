"""Frames as provinces send them, over a socket: read where nothing hangs on it, doubt where something does."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from issue_requests import request

from gateway.adapters.nontax.cnnontax import CnNonTax, CnNonTaxSettings
from gateway.adapters.nontax.cnnontax import frame as frames
from gateway.foundation.wire import FrameWire, Timeouts, WireTerms
from gateway.foundation.wire.frame import Length
from gateway.ports.base import Incoming, Pending, Refused, UnreadableCallbackError
from gateway.ports.nontax import Bill, FindRequest, UnreadableNotice
from gateway.words.clock import SystemClock, day_of
from gateway.words.errors import ContractError, DeniedError, RejectedError, UnusableError

TOKEN, UNIT, PLATFORM = "token-of-the-tests", "K9901020001", "F990100"
CODE = "99010226300000000018"
ADDRESS = f"http://pay.anlan.example/qr?billId={CODE}"
Told = tuple[str, str | bytes]
"""The number of an answer, and its voucher."""


def frame(number: str, voucher: str | bytes, about: str, *, signed: bool = True, **changes: Any) -> bytes:
    """A frame of the platform, by hand. ``heads``, ``head``: other and more parts of HEAD; ``dialect``: its frame."""
    content = voucher if isinstance(voucher, bytes) else voucher.encode("gb18030")
    head = {"SRC": PLATFORM, "DES": UNIT, "MsgNo": number, "MsgID": "A1", "MsgRef": about}
    head |= {"WorkDate": f"{day_of(datetime.now(UTC)):%Y%m%d}"} | changes.get("heads", {})
    told = "".join(f"<{name}>{value}</{name}>" for name, value in head.items())
    body = f"<MSG><MOF><VoucherCount>1</VoucherCount><VoucherBody><Voucher>{base64.b64encode(content).decode()}"
    told += changes.get("head", "")
    xml = (
        f'<?xml version="1.0" encoding="GBK"?><CFX><HEAD><APP>CNNONTAX</APP><VER>1.0</VER>{told}'
        f"</HEAD>{body}</Voucher></VoucherBody></MOF></MSG></CFX>"
    ).encode()
    mac = hashlib.sha256(TOKEN.encode() + xml).hexdigest().upper() if signed else "0" * 64
    return frames.join(number, xml, mac, changes.get("dialect", frames.CONTRACT))


def reply(result: str = "00000", words: str = ADDRESS, root: str = "Voucher", more: str = "") -> str:
    words = words.replace("&", "&amp;")
    told = f"<OriMsgNo>8994</OriMsgNo><Result>{result}</Result><Information>{words}</Information>"
    return f"<{root}>{told}{more}</{root}>"


def state(amount: str = "200.00", root: str = "Voucher", code: str = CODE, more: str = "") -> str:
    told = f"<PayCode>{code}</PayCode><Amt>{amount}</Amt><PayStats>0</PayStats>"
    return f"<{root}>{told}{more}</{root}>"


class Stub:
    """A platform that answers 8994 and 8997 as told. ``bill``, ``query``: from the asker's MsgID to frames."""

    def __init__(self) -> None:
        self.bill: Callable[[str], bytes] = lambda about: frame("5001", reply(), about)
        self.query: Callable[[str], bytes] = lambda about: frame("5997", state(), about)
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readexactly(8)
        asked = head + await reader.readexactly(int(head) - 8)
        number, about = asked[19:23].decode(), re.search(rb"<MsgID>([^<]*)", asked)
        assert about is not None
        self.asked.append(number)
        writer.write((self.bill if number == "8994" else self.query)(about[1].decode()))
        await writer.drain()
        writer.close()


@asynccontextmanager
async def platform(stub: Stub, **settings: Any) -> AsyncIterator[CnNonTax]:
    """The adapter, connected to a stub."""
    server = await asyncio.start_server(stub.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    timeouts = Timeouts(connect=2.0, read=2.0, total=4.0)
    wire = FrameWire("nontax", f"tcp://127.0.0.1:{port}", WireTerms(lambda exchange: None, timeouts=timeouts))
    known = {"token": TOKEN, "node_code": UNIT, "platform_node": PLATFORM}
    adapter = CnNonTax(CnNonTaxSettings(**known | settings), wire, SystemClock())
    try:
        yield adapter
    finally:
        await adapter.close()
        server.close()


async def found(query: Callable[[str], bytes], **settings: Any) -> Bill:
    """The bill that a stub tells of when it is asked by code."""
    stub = Stub()
    stub.query = query
    async with platform(stub, **settings) as adapter:
        bill = await adapter.find(FindRequest(code=CODE))
    assert isinstance(bill, Bill)
    return bill


# --- what vouchers look like (t01, t02, t07, t08, t12) --------------------------------------------------------------

LABELS = {
    "none": b"",
    "gbk": b'<?xml version="1.0" encoding="GBK"?>',
    "standalone": b'<?xml version="1.0" encoding="GBK" standalone="yes"?>',
    "gb18030": b"<?xml version='1.0' encoding='GB18030' ?>",
    "gb2312": b'<?xml version="1.0" encoding="gb2312"?>\r\n',
    "no encoding": b'<?xml version="1.0"?>',
    "blank line before": b'\r\n\r\n<?xml version="1.0" encoding="GBK"?>',
    "says utf-8 and is not": b'<?xml version="1.0" encoding="UTF-8"?>',
}


@pytest.mark.parametrize("label", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("root", ["Voucher", "Reply"])
async def test_a_refusal_is_read_in_any_declaration_and_under_either_root(label: bytes, root: str) -> None:
    stub = Stub()
    words = "执收单位没有该项目的收缴权限"
    stub.bill = lambda about: frame("5001", label + reply("18012", words, root).encode("gbk"), about)
    async with platform(stub) as adapter:
        with pytest.raises(RejectedError, match=words) as refused:
            await adapter.issue(request())
    assert refused.value.code == "18012"
    assert stub.asked == ["8994"]


@pytest.mark.parametrize("label", LABELS.values(), ids=LABELS)
@pytest.mark.cases_by_day(4)
async def test_a_bill_is_issued_with_code_and_address_in_any_declaration(label: bytes) -> None:
    stub = Stub()
    stub.query = lambda about: frame("5997", label + state().encode(), about)
    async with platform(stub) as adapter:
        issued = await adapter.issue(request())
    assert (issued.reference, issued.code, issued.total, issued.pay_url) == ("R1", CODE, 20000, ADDRESS)


@pytest.mark.parametrize(
    "more",
    [
        "<CrcCode/><PayUrl></PayUrl><ValidDate> </ValidDate>",
        "<TraceId>T</TraceId>",
        "<Hold3><Deep>1</Deep></Hold3>",
        "<PayNo/><Payment/>",
    ],
)
async def test_empty_is_absent_and_what_is_unknown_is_passed_over(more: str) -> None:
    bill = await found(lambda about: frame("5997", state(more=more), about, head="<Trace>9</Trace>"))
    assert (bill.total, bill.pay_url, bill.valid_until, bill.check_code, bill.paid) == (20000, None, None, None, ())


async def test_what_is_passed_over_is_noted_and_what_is_empty_is_not() -> None:
    noted: list[tuple[str, str, str]] = []
    stub = Stub()
    stub.query = lambda about: frame("5997", state(more="<CrcCode/><TraceId>T</TraceId>"), about, head="<New>1</New>")
    async with platform(stub) as adapter:
        adapter._wire._drift = lambda *told: noted.append(told)
        await adapter.find(FindRequest(code=CODE))
    assert noted == [("nontax", "QueryBill", "HEAD/New"), ("nontax", "QueryBill", "TraceId")]


async def test_the_order_of_fields_is_free_but_one_that_says_two_things_is_not_read() -> None:
    turned = f"<Voucher><PayStats>0</PayStats><Amt>200.00</Amt><PayCode>{CODE}</PayCode></Voucher>"
    assert (await found(lambda about: frame("5997", turned, about))).total == 20000
    twice = turned.replace("</Voucher>", "<Amt>20.00</Amt></Voucher>")
    with pytest.raises(UnusableError, match="two things"):
        await found(lambda about: frame("5997", twice, about))


# --- whose frame it is (t04, t05, t06, t14) --------------------------------------------------------------------------

STRAYS: dict[str, Callable[[str], bytes]] = {
    "about another message": lambda about: frame("5997", state("1.00", code="9" * 20), "OTHER"),
    "about none": lambda about: frame("5997", state("1.00"), ""),
    "heartbeat": lambda about: frame("5001", reply(words=""), "HB"),
    "bare heartbeat": lambda about: b"8       ",
    "for another unit": lambda about: frame("5001", reply("18012"), about, heads={"DES": "K9901020009"}),
    "from another platform": lambda about: frame("5001", reply("18012"), about, heads={"SRC": "F990200"}),
    "another token": lambda about: frame("5001", reply("18012"), about)[:-64] + b"A" * 64,
    "unreadable": lambda about: frame("5997", b"\x00\x01", about),
    "rubbish": lambda about: b"80      " + b"x" * 72,
}


@pytest.mark.parametrize("stray", STRAYS.values(), ids=STRAYS)
async def test_a_frame_that_is_none_of_ours_is_read_over(stray: Callable[[str], bytes]) -> None:
    stub = Stub()
    bill, query = stub.bill, stub.query
    stub.bill = lambda about: stray(about) * 2 + bill(about)
    stub.query = lambda about: stray(about) + query(about)
    async with platform(stub) as adapter:
        assert (await adapter.issue(request())).code == CODE


@pytest.mark.parametrize("stray", STRAYS.values(), ids=STRAYS)
async def test_and_alone_it_contradicts_nothing(stray: Callable[[str], bytes]) -> None:
    with pytest.raises(UnusableError):
        await found(stray)


@pytest.mark.parametrize("result", ["19100", "19103", "00000", "18012", "19001"])
async def test_what_is_unsigned_is_doubt_with_an_alarm_and_denies_nothing(result: str) -> None:
    stub = Stub()
    stub.bill = stub.query = lambda about: frame("5001", reply(result, "MAC"), about, signed=False)
    async with platform(stub) as adapter:
        with pytest.raises(UnusableError, match="unsigned"):
            await adapter.issue(request())
        with pytest.raises(DeniedError):  # for the one who asks whether our key is known it is a hint
            await adapter.check()


async def test_a_bill_that_was_taken_and_has_no_code_yet_is_pending_and_no_doubt() -> None:
    stub = Stub()
    stub.bill = stub.query = lambda about: frame("5001", reply("00100", "正在取码"), about)
    async with platform(stub, ask_after=7) as adapter:
        assert await adapter.issue(request()) == Pending(ask_after=7, words="正在取码")
        stub.query = lambda about: frame("5001", reply("00101", "收入项目已停用").replace("8994", "8997"), about)
        assert await adapter.find(FindRequest(code=CODE)) == Refused(reason="收入项目已停用", code="00101")


async def test_only_an_authentic_answer_about_our_message_contradicts() -> None:
    with pytest.raises(ContractError) as other:
        await found(lambda about: frame("5997", state(code="9" * 20), about))
    assert not isinstance(other.value, UnusableError)
    for strange in (state().replace("<PayStats>0", "<PayStats>7"), state("200,00"), reply("77777"), "<Voucher/>"):
        number = "5001" if "Result" in strange else "5997"
        with pytest.raises(UnusableError):
            await found(lambda about, told=strange, number=number: frame(number, told, about))


# --- amounts and names (t09, t11, t16) -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "fen"),
    [("200", 20000), ("200.0", 20000), ("0200.00", 20000), (" 200.00 ", 20000), ("200.000", 20000), ("0", 0),
     ("20000", 2000000), ("1.00", 100), ("\u3000200.00", 20000)],
)  # fmt: skip
async def test_spellings_of_one_amount(told: str, fen: int) -> None:
    assert (await found(lambda about: frame("5997", state(told), about))).total == fen


@pytest.mark.parametrize(
    "told", ["200,00", "2E2", "2e+2", "200.005", "-200.00", "+200", "￥200.00", "200.00元", "", "１２"]
)
async def test_what_is_no_amount_is_not_understood_and_asked_again(told: str) -> None:
    with pytest.raises(UnusableError):
        await found(lambda about: frame("5997", state(told), about))


NAMES: dict[str, tuple[bytes, str | None]] = {
    "empty": (b"", None),
    "outside GBK": ("𠮷田".encode("gb18030"), "𠮷田"),
    "FE9F": (b"\xfe\x9f", "\u4dae"),
    "AAA1": (b"\xaa\xa1", "\ue000"),
    "80": (b"\x80", "\ufffd"),
    "cut in half": ("罗巧".encode("gbk") + "云".encode("gbk")[:1], "罗巧\ufffd"),
    "no character of XML": (b"A\x01B" + b"\x84\x31\xa4\x38", "A\ufffdB\ufffd"),
    "bare ampersand": (b"A&B &amp; C", "A&B & C"),
    "very long": (b"x" * 5000, "x" * 200),
    "blanks": (b" \t\xa1\xa1", None),
}


@pytest.mark.parametrize(("content", "shown"), NAMES.values(), ids=NAMES)
async def test_a_name_never_hides_money(content: bytes, shown: str | None) -> None:
    told = (
        b"<Payment><CfmDate>20261120</CfmDate><CfmTime>101500</CfmTime><Amt>200.00</Amt><PayMode>51</PayMode>"
        b"<TraNoBus>S1</TraNoBus><PayerName>" + content + b"</PayerName></Payment></Voucher>"
    )
    voucher = state().encode().replace(b"</Voucher>", told)
    (fact,) = (await found(lambda about: frame("5997", voucher, about))).paid
    assert (fact.amount, fact.bank_serial, fact.payer_name) == (20000, "S1", shown)


@pytest.mark.parametrize(
    "address",
    [f"http://pay.anlan.example/#/pay?billId={CODE}", f"https://h.example/p?x={'y' * 600}&billId={CODE}", "成功", ""],
)
async def test_the_address_may_be_any_and_the_bill_is_issued_without_one_too(address: str) -> None:
    stub = Stub()
    stub.bill = lambda about: frame("5001", reply(words=address), about)
    async with platform(stub) as adapter:
        issued = await adapter.issue(request())
    assert (issued.code, issued.pay_url) == (CODE, address if address.startswith("http") else None)


# --- pushes (t03, t18, t19) ------------------------------------------------------------------------------------------


def push(more: str = "", amount: str = "200.00", day: str = "20261120", serial: str = "S1") -> bytes:
    told = f"<PayCode>{CODE}</PayCode><CfmDate>{day}</CfmDate><CfmTime>101500</CfmTime><Amt>{amount}</Amt>"
    return frame("5996", f"<Voucher>{told}<TraNoBus>{serial}</TraNoBus>{more}</Voucher>", "A1")


async def test_a_push_in_the_published_dialect_is_opened() -> None:
    empty = "".join(
        f"<{name}></{name}>" for name in ["PayerAcct", "PayerOpBk", "PayerOpBkNo", "Hold1", "Hold2", "PayMode"]
    )
    async with platform(Stub()) as adapter:
        opened = await adapter.open_callback(Incoming({}, push(empty), datetime.now(UTC)))
    assert (opened.notice.fact.code, opened.notice.fact.amount, opened.nonce) == (CODE, 20000, "A1")


@pytest.mark.parametrize(
    "body",
    [push(amount="0.00"), push(day="00010101"), push(day="20260231"), push(serial=" "), push(serial="\u3000"),
     push(serial="\u200b\u2060"),
     push(amount="1E3"), frame("5997", state(), "A1")],
)  # fmt: skip
@pytest.mark.cases_by_day(4)
async def test_a_push_that_cannot_be_is_refused_under_our_mac_and_hints_at_its_bill(body: bytes) -> None:
    async with platform(Stub()) as adapter:
        with pytest.raises(UnreadableCallbackError) as refused:
            await adapter.open_callback(Incoming({}, body, datetime.now(UTC)))
    assert refused.value.about == UnreadableNotice(code=CODE)
    assert refused.value.refuse is not None
    answer = frames.split(refused.value.refuse.body)
    letter = frames.open_letter(answer)
    assert answer.genuine(TOKEN.encode())
    assert (letter.number, letter.answers, letter.values["Result"]) == ("8001", "A1", "19200")


# --- how we write, and how frames begin (t21) ------------------------------------------------------------------------


async def test_a_bill_is_written_as_published() -> None:
    stub, sent = Stub(), []
    more = {"RecName": "望川区财政局", "Operator": "01"}
    async with platform(stub, dialect="published", issuing="unit", bill_fields=more, encoding="gb18030") as adapter:
        exchange = adapter._wire.exchange

        async def noted(action: str, content: bytes, judge: Any) -> Any:
            sent.append(content)
            return await exchange(action, content, judge)

        adapter._wire.exchange = noted  # type: ignore[method-assign]
        issued = await adapter.issue(request(code=CODE, payer_name="𠮷田"))
    assert (issued.code, issued.reference) == (CODE, "R1")
    xml = frames.split(sent[0]).xml
    assert re.search(rb"<MsgID>([^<]+)</MsgID><MsgRef>\1</MsgRef>", xml)
    voucher = base64.b64decode(re.search(rb"<Voucher>([^<]*)", xml)[1]).decode("gb18030")  # type: ignore[index]
    assert voucher.startswith(f"<Voucher><AdmDivCode>990102</AdmDivCode><PayCode>{CODE}</PayCode>")
    assert "<PayerName>𠮷田</PayerName><PayerAcct></PayerAcct>" in voucher
    assert "<RecName>望川区财政局</RecName>" in voucher
    assert "<Operator>01</Operator>" in voucher
    assert "PayNo" not in voucher
    assert "SetYear" not in voucher


def test_a_bill_that_could_never_be_asked_about_stops_the_start() -> None:
    known = {"token": TOKEN, "node_code": UNIT, "platform_node": PLATFORM}
    with pytest.raises(ValueError, match="could not be asked about"):
        CnNonTaxSettings(**known, dialect="published")
    assert CnNonTaxSettings(**known, dialect="published", left_out=("SetYear",)).written.left_out == {"SetYear"}


def test_local_result_codes_mean_what_the_settings_say() -> None:
    known = {"token": TOKEN, "node_code": UNIT, "platform_node": PLATFORM}
    wire = FrameWire("nontax", "tcp://127.0.0.1:1", WireTerms(lambda exchange: None))
    adapter = CnNonTax(CnNonTaxSettings(**known, results={"28012": "rejected", "18012": "busy"}), wire, SystemClock())
    assert isinstance(adapter._codes.refusal("28012", "无权"), RejectedError)
    assert type(adapter._codes.refusal("18012", "")).__name__ == "BusyError"


OURS = frames.CONTRACT
FITS = {
    "frame.length_pad": replace(OURS, length=Length(align="right", pad="0")),
    "frame.length_align": replace(OURS, length=Length(align="right")),
    "frame.length_counts_itself": replace(OURS, length=Length(counts_itself=False)),
    "frame.length_digits": replace(OURS, length=Length(digits=6)),
    "frame.mac": replace(OURS, mac="before"),
    "frame.version": replace(OURS, version="2.0"),
    "frame.application": replace(OURS, application="ANNONTAX"),
}


@pytest.mark.parametrize(("key", "spoken"), FITS.items(), ids=FITS)
async def test_a_frame_that_does_not_fit_names_the_key_and_is_read_once_it_is_set(
    key: str, spoken: frames.Dialect
) -> None:
    stub = Stub()
    stub.query = lambda about: frame("5997", state(), about, dialect=spoken)
    async with platform(stub) as adapter:
        with pytest.raises(UnusableError, match=re.escape(key)):
            await adapter.find(FindRequest(code=CODE))
        post = adapter._post
        post.dialect = spoken
        asked = post._letter("8997", "BillQuery", {"PayCode": CODE})
        assert post.judge(asked, "8997")(frame("5997", state(), asked.id, dialect=spoken)).values["PayCode"] == CODE


@given(st.sampled_from(sorted(FITS)), st.sampled_from(sorted(FITS)), st.integers(1, 3000))
def test_whatever_does_not_fit_is_named_and_what_fits_is_not(one: str, other: str, size: int) -> None:
    spoken = frame("5001", "<Voucher>" + "x" * size + "</Voucher>", "B1", dialect=FITS[one])
    assert frames.misfit(spoken, FITS[one]) is None
    if one != other:
        named = frames.misfit(spoken, FITS[other])
        assert named is not None
        assert "frame." in named
