"""What leaves a channel is recorded, and each answer becomes the error that says what to do next."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from pydantic import BaseModel

from gateway.foundation.wire import ChannelWire, Limits, Timeouts, Tls, WireSettings, WireTerms, busy
from gateway.ports.base import RawExchange
from gateway.words.clock import ManualClock, to_micros
from gateway.words.errors import (
    BusyError,
    ContractError,
    DeniedError,
    ExchangeError,
    NotSentError,
    OutcomeUnknownError,
    RejectedError,
)

NOW = datetime(2026, 11, 2, tzinfo=UTC)
BASE = "https://platform.test/api"


@pytest.fixture
def kept() -> list[RawExchange]:
    return []


@pytest.fixture
def wire(kept: list[RawExchange]) -> Any:
    return ChannelWire("credit", BASE, WireTerms(kept.append, sensitive=frozenset({"name"}), clock=ManualClock(NOW)))


def answering(response: httpx.Response) -> Any:
    mock = respx.mock(using="httpx")
    mock.route().mock(return_value=response)
    return mock


# --- what a status means ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, None),
        (201, None),
        (204, None),
        (301, OutcomeUnknownError),
        (302, OutcomeUnknownError),
        (304, OutcomeUnknownError),
        (400, OutcomeUnknownError),
        (401, DeniedError),
        (403, DeniedError),
        (404, OutcomeUnknownError),
        (409, OutcomeUnknownError),
        (422, OutcomeUnknownError),
        (429, OutcomeUnknownError),
        (500, OutcomeUnknownError),
        (502, OutcomeUnknownError),
        (503, OutcomeUnknownError),
        (599, OutcomeUnknownError),
    ],
)
async def test_a_status_the_contract_does_not_declare_is_doubt(
    wire: ChannelWire, status: int, expected: type[ExchangeError] | None
) -> None:
    with answering(httpx.Response(status, headers={"Location": "/elsewhere", "Retry-After": "1"})):
        if expected is None:
            assert (await wire.request("submit", "POST", "records")).status_code == status
        else:
            with pytest.raises(ExchangeError) as caught:
                await wire.request("submit", "POST", "records")
            assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "Mon, 02 Nov 2026 00:01:00 GMT", "Date": "Mon, 02 Nov 2026 00:00:30 GMT"}, 30.0),
        ({"Retry-After": "Mon, 02 Nov 2026 00:00:00 GMT", "Date": "Mon, 02 Nov 2026 00:00:30 GMT"}, 0.0),
        ({"Retry-After": "Mon, 02 Nov 2026 00:01:00 GMT"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": "9" * 400}, None),
    ],
)
async def test_busy_is_only_what_the_contract_declares_as_such(
    wire: ChannelWire, headers: dict[str, str], seconds: float | None
) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    with answering(httpx.Response(429, headers=raw)), pytest.raises(BusyError) as caught:
        await wire.request("submit", "POST", "records", declared={429: busy})
    assert caught.value.retry_after == seconds


async def test_a_declared_status_means_what_the_contract_says(wire: ChannelWire) -> None:
    def refused(response: httpx.Response) -> RejectedError:
        return RejectedError(wire.json(response)["message"], "C0042")

    answer = httpx.Response(422, json={"message": "统一社会信用代码有误"})
    with answering(answer), pytest.raises(RejectedError, match="统一社会信用代码有误"):
        await wire.request("submit", "POST", "records", declared={422: refused})
    with answering(httpx.Response(404, json={})):
        assert (await wire.request("find", "GET", "records/1", declared={404: lambda _: None})).status_code == 404
    with answering(httpx.Response(403)), pytest.raises(BusyError):
        await wire.request("find", "GET", "records/1", declared={403: busy})


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (httpx.ConnectError, NotSentError),
        (httpx.ConnectTimeout, NotSentError),
        (httpx.PoolTimeout, NotSentError),
        (httpx.ReadTimeout, OutcomeUnknownError),
        (httpx.WriteTimeout, OutcomeUnknownError),
        (httpx.ReadError, OutcomeUnknownError),
        (httpx.WriteError, OutcomeUnknownError),
        (httpx.RemoteProtocolError, OutcomeUnknownError),
        (httpx.LocalProtocolError, OutcomeUnknownError),
        (httpx.CloseError, OutcomeUnknownError),
    ],
)
async def test_only_three_transport_failures_mean_not_sent(
    wire: ChannelWire, failure: type[Exception], expected: type[ExchangeError]
) -> None:
    with respx.mock(using="httpx") as mock:
        mock.route().mock(side_effect=failure("x"))
        with pytest.raises(ExchangeError) as caught:
            await wire.request("submit", "POST", "records")
    assert type(caught.value) is expected


# --- what a body is ---------------------------------------------------------------------------------------------------


def of(body: bytes, content_type: str | None = "application/json") -> httpx.Response:
    return httpx.Response(200, headers={"Content-Type": content_type} if content_type else {}, content=body)


@pytest.mark.parametrize(
    "response",
    [
        of(b"7", None),
        of(b"<html>log in</html>", "text/html"),
        of(b"<html>log in</html>"),
        httpx.Response(400, headers={"Content-Type": "text/plain"}, content=b"{}"),
        of(b""),
        of(b"{"),
        of(b'{"a":1} extra'),
        of('{"a":"罚"}'.encode("gbk")),
        of(b'{"a":NaN}'),
        of(b'{"a":"\\ud800"}'),
        of(b"[" * 100_000),
    ],
)
def test_a_body_that_is_not_json_breaks_the_contract(response: httpx.Response) -> None:
    with pytest.raises(ContractError):
        ChannelWire.json(response)


@pytest.mark.parametrize("content_type", ["application/json", "application/JSON; charset=utf-8", "application/a+json"])
def test_json_is_read_under_its_media_types(content_type: str) -> None:
    assert ChannelWire.json(of('{"a":"罚"}'.encode(), content_type)) == {"a": "罚"}


@pytest.mark.parametrize("content_type", ["text/json", "text/html", "text/plain;charset=UTF-8", None])
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\r\n"])
def test_json_is_judged_by_its_bytes_and_a_deviation_is_noted(content_type: str | None, before: bytes) -> None:
    noted: list[str] = []
    response = of(before + '{"a":"罚"}'.encode(), content_type)
    response.extensions["note"] = noted.append
    assert ChannelWire.json(response) == {"a": "罚"}
    assert (
        f"media type: {content_type.partition(';')[0] if content_type else 'none'} instead of application/json" in noted
    )
    assert len(noted) == 1 + bool(before)


def test_json_is_read_by_the_charset_of_its_media_type() -> None:
    assert ChannelWire.json(of('{"a":"罚"}'.encode("gbk"), "application/json; charset=GBK")) == {"a": "罚"}


def test_a_model_that_does_not_fit_names_the_field_and_never_the_value() -> None:
    class Answer(BaseModel):
        state: int

    assert ChannelWire.model(of(b'{"state":1}'), Answer).state == 1
    with pytest.raises(ContractError, match=r"state: .*integer") as caught:
        ChannelWire.model(of(b'{"state":"Zhang San"}'), Answer)
    assert "Zhang" not in str(caught.value)
    assert caught.value.__cause__ is None


# --- where requests go, and what is kept of them ----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["https://elsewhere.test/", "//elsewhere.test/", "http://platform.test.elsewhere/"])
async def test_a_channel_sends_to_its_own_address_alone(wire: ChannelWire, path: str) -> None:
    with pytest.raises(ValueError, match="leaves the channel"):
        await wire.request("submit", "POST", path)


@pytest.mark.parametrize(
    "url", ["ftp://platform.test", "platform.test", "https://", "https://u:p@platform.test", "https://p.test/?a=1"]
)
def test_an_address_that_is_no_channel_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not an http or https address"):
        ChannelWire("credit", url, WireTerms(lambda _: None))


async def test_every_exchange_is_kept_byte_for_byte(peer: Any, kept: list[RawExchange]) -> None:
    async def answers(line: Any) -> None:
        await line.request()
        await line.answer(b'{"a": 1}', head="Content-Type: application/json\nX-Note: 1")

    async with peer(answers) as platform:
        wire = ChannelWire(
            "credit",
            f"{platform.url}/api/",
            WireTerms(kept.append, sensitive=frozenset({"name"}), clock=ManualClock(NOW)),
        )
        await wire.request(
            "submit", "POST", "/records", content="当事人".encode(), params={"q": "罚"}, headers={"X-A": "b"}
        )
        await wire.close()
    (exchange,) = kept
    assert (exchange.channel, exchange.direction, exchange.action) == ("credit", "out", "submit")
    assert (exchange.method, exchange.url) == ("POST", f"{platform.url}/api/records?q=%E7%BD%9A")
    assert exchange.request_body == "当事人".encode()
    assert ("X-A", "b") in exchange.request_headers
    assert ("Accept-Encoding", "identity") in exchange.request_headers
    assert (exchange.status, exchange.response_body, exchange.outcome) == (200, b'{"a": 1}', "answered")
    assert ("X-Note", "1") in exchange.response_headers
    assert exchange.started_at == exchange.ended_at == to_micros(NOW)
    assert exchange.sensitive == {"name"}


async def test_an_answer_that_came_compressed_is_kept_as_read(peer: Any, kept: list[RawExchange]) -> None:
    async def compresses(line: Any) -> None:
        await line.request()
        await line.answer(gzip.compress(b"{}"), head="Content-Encoding: gzip")

    async with peer(compresses) as platform:
        wire = ChannelWire("credit", platform.url, WireTerms(kept.append))
        await wire.request("find", "GET", "")
        await wire.close()
    assert kept[0].response_body == b"{}"
    assert "content-encoding" not in {name.lower() for name, _ in kept[0].response_headers}


async def test_failed_and_abandoned_exchanges_are_kept_too(peer: Any, kept: list[RawExchange]) -> None:
    async def is_silent(line: Any) -> None:
        await line.request()
        await asyncio.sleep(60)

    async with peer(is_silent) as platform:
        wire = ChannelWire("credit", platform.url, WireTerms(kept.append))
        with pytest.raises(OutcomeUnknownError):
            await wire.request("submit", "POST", "x", content=b"1", timeouts=Timeouts(read=0.1))
        with pytest.raises(OutcomeUnknownError):
            await wire.request("submit", "POST", "x", content=b"2", timeouts=Timeouts(total=0.1))
        platform.arrived.clear()
        call = asyncio.create_task(wire.request("submit", "POST", "x", content=b"3"))
        await platform.arrived.wait()
        call.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await call
        await wire.close()
    wire = ChannelWire("credit", platform.url, WireTerms(kept.append))
    with pytest.raises(NotSentError):
        await wire.request("submit", "POST", "x", content=b"4")
    await wire.close()
    with pytest.raises(NotSentError, match="closed"):
        await wire.request("submit", "POST", "x", content=b"5")
    assert [(exchange.request_body, exchange.outcome, exchange.status) for exchange in kept] == [
        (b"1", "ReadTimeout", None),
        (b"2", "ReadTimeout", None),
        (b"3", "CancelledError", None),
        (b"4", "ConnectError", None),
    ]


async def test_an_answer_over_the_size_cap_breaks_the_contract(peer: Any, kept: list[RawExchange]) -> None:
    async def answers(line: Any) -> None:
        await line.request()
        await line.answer(bytes(100_000))

    async with peer(answers) as platform:
        wire = ChannelWire("credit", platform.url, WireTerms(kept.append, limits=Limits(max_response_bytes=4096)))
        with pytest.raises(ContractError, match="4096 bytes"):
            await wire.request("find", "GET", "")
        await wire.close()
    assert kept[0].outcome == "AnswerTooLargeError"


async def test_redirects_are_not_followed_and_cookies_not_sent_back(peer: Any, kept: list[RawExchange]) -> None:
    async def redirects(line: Any) -> None:
        while True:
            await line.request()
            await line.answer(head="Location: /other\nSet-Cookie: track=1; Path=/", status="307 Temporary Redirect")

    async with peer(redirects) as platform:
        wire = ChannelWire("credit", platform.url, WireTerms(kept.append))
        for _ in range(2):
            with pytest.raises(OutcomeUnknownError):
                await wire.request("submit", "POST", "records")
        await wire.close()
    assert len(platform.requests) == 2
    assert not any(b"cookie" in request.lower() for request in platform.requests)


async def test_proxies_of_the_environment_are_ignored(peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

    async def answers(line: Any) -> None:
        await line.request()
        await line.answer()

    async with peer(answers) as platform:
        wire = ChannelWire("credit", platform.url, WireTerms(lambda _: None))
        assert (await wire.request("find", "GET", "")).text == "ok"
        await wire.close()


# --- TLS and settings -------------------------------------------------------------------------------------------------


async def test_a_channel_shows_its_certificate_and_trusts_its_own_authority(peer: Any, papers: Any) -> None:
    async def answers(line: Any) -> None:
        await line.request()
        await line.answer()

    ours = Tls(ca_file=papers.ca.cert, client_cert=papers.client.cert, client_key=papers.client.key, min_version="1.3")
    async with peer(answers, tls=papers.server_context(client_needed=True)) as platform:
        for tls, answered in ((ours, True), (Tls(), False), (Tls(ca_file=papers.stranger.cert), False)):
            wire = ChannelWire("seal", platform.url, WireTerms(lambda _: None, tls=tls))
            if answered:
                assert (await wire.request("list", "GET", "")).text == "ok"
            else:
                with pytest.raises(NotSentError):
                    await wire.request("list", "GET", "")
            await wire.close()


def test_a_missing_certificate_file_is_named_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"missing\.pem"):
        ChannelWire("seal", BASE, WireTerms(lambda _: None, tls=Tls(ca_file=tmp_path / "missing.pem")))


def test_the_settings_of_a_channel_become_its_limits() -> None:
    settings = WireSettings(
        connect_timeout=1,
        read_timeout=2,
        write_timeout=3,
        total_timeout=4,
        pool_timeout=5,
        max_connections=6,
        max_response_bytes=7000,
        ca_file="ca.pem",
        client_cert="cert.pem",
        client_key="key.pem",
        min_tls_version="1.3",
        tls_ciphers="ALL",
        tls_legacy_renegotiation=True,
        ends_with_connection=True,
    )
    assert settings.timeouts == Timeouts(connect=1, read=2, write=3, total=4, pool=5)
    assert settings.limits == Limits(max_connections=6, max_response_bytes=7000, ends_with_connection=True)
    files = {"ca_file": "ca.pem", "client_cert": "cert.pem", "client_key": "key.pem"}
    assert settings.tls == Tls(**files, min_version="1.3", ciphers="ALL", legacy_renegotiation=True)
    with pytest.raises(ValueError, match="total_timeout"):
        WireSettings(total_timeout=0)


async def test_two_channels_with_the_same_tls_options_read_the_authorities_once(papers: Any, tmp_path: Path) -> None:
    assert Tls().context() is Tls().context()
    assert Tls().context() is not Tls(min_version="1.3").context()
    mine = tmp_path / "ca.pem"
    mine.write_bytes(papers.ca.cert.read_bytes())
    before = Tls(ca_file=mine).context()
    mine.write_bytes(papers.stranger.cert.read_bytes() + b"\n")
    assert Tls(ca_file=mine).context() is not before, "a file that was exchanged is read again"


# --- the short way ----------------------------------------------------------------------------------------------------


async def test_what_is_posted_is_on_the_wire_as_the_evidence_says(peer: Any, kept: list[RawExchange]) -> None:
    async def answers(line: Any) -> None:
        await line.request()
        await line.answer(b"<ok/>", head="X-Twice: 1\nx-twice: 2\nContent-Type: text/xml")

    async with peer(answers) as platform:
        wire = ChannelWire("nontax", f"{platform.url}/api", WireTerms(kept.append, sensitive=frozenset({"name"})))
        answer = await wire.post("issue", "a b/c", "当事人".encode(), {"SOAPAction": '"x"', "Content-Type": "text/xml"})
        await wire.close()
    head, _, body = platform.requests[0].partition(b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    (exchange,) = kept
    assert line == "POST /api/a%20b/c HTTP/1.1"
    assert sorted(headers) == sorted(f"{name}: {value}" for name, value in exchange.request_headers)
    assert body == exchange.request_body == "当事人".encode()
    assert (exchange.action, exchange.method, exchange.url) == ("issue", "POST", f"{platform.url}/api/a%20b/c")
    assert (exchange.status, exchange.response_body, exchange.outcome) == (200, b"<ok/>", "answered")
    assert (answer.status, answer.content) == (200, b"<ok/>")
    assert answer.headers["x-twice"] == "1, 2", "a header that is there twice is not one of the two"


async def test_the_short_way_sends_the_same_headers_as_the_long_one(peer: Any, kept: list[RawExchange]) -> None:
    async def answers(line: Any) -> None:
        while True:
            await line.request()
            await line.answer()

    async with peer(answers) as platform:
        wire = ChannelWire("nontax", platform.url, WireTerms(kept.append))
        await wire.post("issue", "x", b"1", {"X-A": "b"})
        await wire.send("issue", "POST", "x", content=b"1", headers={"X-A": "b"})
        await wire.close()
    short, long = (sorted((name.lower(), value) for name, value in one.request_headers) for one in kept)
    assert short == long
    assert platform.connections == 1


async def test_the_short_way_tells_the_same_truth_about_what_left(peer: Any, kept: list[RawExchange]) -> None:
    async def cuts(line: Any) -> None:
        await line.request()
        await line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    async with peer(cuts) as platform:
        wire = ChannelWire("nontax", platform.url, WireTerms(kept.append))
        with pytest.raises(OutcomeUnknownError):
            await wire.post("issue", "", b"1", {})
        await wire.close()
    with pytest.raises(NotSentError, match="closed"):
        await wire.post("issue", "", b"2", {})
    wire = ChannelWire("nontax", platform.url, WireTerms(kept.append))
    with pytest.raises(NotSentError):
        await wire.post("issue", "", b"3", {})
    with pytest.raises(ValueError, match="leaves the channel"):
        await wire.post("issue", "https://elsewhere.test/", b"4", {})
    await wire.close()
    assert [(one.request_body, one.outcome, one.status, one.response_body) for one in kept] == [
        (b"1", "RemoteProtocolError", 200, b"half"),
        (b"3", "ConnectError", None, b""),
    ]
