"""A licence QR is read, never followed, and never trusted further than a question to the registry."""

from __future__ import annotations

import socket
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rooms.entities import LicenceReading, read_licence

CODE = "92990102MA0WA4562J"
OTHER = "91990102MA0HD1233R"
HEX = "7d1f0c5ab2e94c0f8e6a3b17c2d49f05"


def test_a_printed_licence_gives_its_token_and_the_time_stamped_into_it():
    assert read_licence("http://www.gsxt.gov.cn/%7BPFXuY0aBcd83kqPw51ZmTn-1716192000000%7D") == LicenceReading(
        token="PFXuY0aBcd83kqPw51ZmTn",
        host="www.gsxt.gov.cn",
        stamped_at=datetime(2024, 5, 20, 8, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "address",
    [
        f"https://al.gsxt.gov.cn/{HEX}",
        f"https://scjg.anlan.gov.cn/licence?id={HEX}&v=2",
        f"HTTPS://SCJG.ANLAN.GOV.CN/l#k={HEX}",
        f"http://www.gsxt.gov.cn./{{{HEX}-1716192000000}}",
    ],
)
def test_provincial_addresses_give_their_token(address):
    assert read_licence(address).token == HEX


def test_an_address_may_hold_the_code_itself():
    reading = read_licence(f"https://scjg.anlan.gov.cn/ent?uniscid={CODE}&t={HEX}")
    assert (reading.uscc, reading.token) == (CODE, HEX)


@pytest.mark.parametrize(
    "text",
    [
        CODE,
        f"  {CODE}\r\n",
        f"统一社会信用代码:{CODE};名称:味安副食店;登记机关:安澜市望川区市场监督管理局;登记日期:2019年03月11日",
        f"名称：味安副食店\r\n统一社会信用代码：{CODE}\r\n经营者：罗巧云",
        f"味安副食店,{CODE},安澜市望川区市场监督管理局,2019-03-11",
        f"uniscId={CODE}|regNo=990102600001188",
        f"统一社会信用代码/注册号: {CODE}",
    ],
)
def test_text_on_newer_licences_gives_the_unified_code(text):
    assert read_licence(text) == LicenceReading(uscc=CODE)


def test_an_electronic_licence_gives_its_short_token():
    assert read_licence("EL20240520T0930x8Qm2") == LicenceReading(token="EL20240520T0930x8Qm2")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not the text"),
        ("恭喜您中奖了", "no valid unified code"),
        ("hello world", "not the text"),
        ("990102600001188", "registration number"),
        ("weixin://wxpay/bizpayurl?pr=abc", "not the text"),
        (f"http://www.gsxt.gov.cn@evil.example/{HEX}", "not one of a registration authority"),
        (f"http://user:pw@www.gsxt.gov.cn/{HEX}", "not one of a registration authority"),
        (f"http://www.gsxt.gov.cn.evil.example/{HEX}", "not one of a registration authority"),
        (f"http://gsxtgov.cn/{HEX}", "not one of a registration authority"),
        (f"http://127.0.0.1/{HEX}", "not one of a registration authority"),
        (f"http://www.gsxt.gov.cn:8080/{HEX}", "not one of a registration authority"),
        (f"http://www.gsxt.gov.cn:99999/{HEX}", "broken address"),
        (f"http://[www.gsxt.gov.cn/{HEX}", "broken address"),
        (f"http://ｇsxt.gov.cn/{HEX}", "not one of a registration authority"),
        ("http://www.gsxt.gov.cn/index.html", "neither a unified code nor a licence token"),
        ("http://www.gsxt.gov.cn/%7B..%2F..%2Fetc-1716192000000%7D", "neither"),
        (f"https://a.gov.cn/{HEX}/{HEX[::-1]}", "more than one licence token"),
        (f"https://a.gov.cn/?a={CODE}&b={OTHER}", "more than one unified code"),
        (f"统一社会信用代码:{CODE} 统一社会信用代码:{OTHER}", "more than one unified code"),
        (f"味安副食店 {CODE} {OTHER}", "more than one unified code"),
        ("统一社会信用代码:92990102MA0WA4562K", "check character"),
        ("92990102MA0WA4562K", "check character"),
        (f"{CODE}\x00", "U\\+0000"),
        (f"名称:味安\u202e副食店 {CODE}", "U\\+202E"),
        ("味" * 3001, "no QR code holds that"),
    ],
)
def test_what_is_no_licence_is_refused_with_its_reason(text, reason):
    with pytest.raises(ValueError, match=reason):
        read_licence(text)


@given(st.text(max_size=200))
def test_whatever_the_code_holds_nothing_is_fetched_and_only_a_value_error_comes_out(text):
    for candidate in (
        text,
        f"http://www.gsxt.gov.cn/{text}",
        f"统一社会信用代码:{text}",
        f"https://{text}.gov.cn/{HEX}",
    ):
        try:
            reading = read_licence(candidate)
        except ValueError:
            continue
        assert reading.uscc or reading.token


def test_reading_opens_no_socket(monkeypatch):
    def forbidden(*args, **kwargs):
        raise AssertionError("a licence QR must never be followed")

    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    monkeypatch.setattr(socket.socket, "connect", forbidden)
    assert read_licence(f"https://al.gsxt.gov.cn/{HEX}").token == HEX
