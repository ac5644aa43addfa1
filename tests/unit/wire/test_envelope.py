"""A platform's JSON envelope: only the contract's own words are believed, and each means one thing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from gateway.foundation.wire import ChannelWire, MessageSigner, WireTerms
from gateway.foundation.wire.envelope import Answer, Head, Results
from gateway.foundation.wire.signed import SignedCaller, SignedSettings
from gateway.foundation.wire.signing import SignatureScheme
from gateway.foundation.wire.tokens import AccessToken, TokenRefusedError
from gateway.ports.base import RawExchange
from gateway.words.clock import ManualClock
from gateway.words.errors import (
    BusyError,
    ContractError,
    DeniedError,
    ExchangeError,
    NotSentError,
    OutcomeUnknownError,
    RejectedError,
    UnusableError,
)

NOW = datetime(2026, 9, 17, 2, 0, tzinfo=UTC)
RESULTS = Results(
    {"code": code, "status": status, "effect": effect}
    for code, status, effect in [
        ("0", "200", "ok"),
        ("1", "202", "pending"),
        ("4", "200", "absent"),
        ("5", "400", "rejected"),
        ("6", "401", "denied"),
        ("7", "429", "busy"),
        ("8", "401", "token"),
    ]
)


def told(status: int, code: str = "0", **more: Any) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "message": "话", **more})


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (told(400, "5"), RejectedError),
        (told(409, "5"), RejectedError),
        (told(400, "6"), DeniedError),
        (told(401, "6"), DeniedError),
        (told(403, "5"), DeniedError),
        (told(401, "8"), TokenRefusedError),
        (told(429, "7"), BusyError),
        (told(503, "7"), BusyError),
        (told(503, "0"), OutcomeUnknownError),
        (told(503, "1"), OutcomeUnknownError),
        (told(404, "4"), OutcomeUnknownError),
        (told(400, "9"), ContractError),
        (httpx.Response(401, html="<html>"), DeniedError),
        (httpx.Response(403), DeniedError),
        (httpx.Response(429, html="<html>"), OutcomeUnknownError),
        (httpx.Response(503, json={"code": "7"}), OutcomeUnknownError),
        (httpx.Response(503, json={"code": 7, "message": "话"}), OutcomeUnknownError),
        (httpx.Response(400, json=["5"]), OutcomeUnknownError),
        (httpx.Response(400, text='{"code":"5","message":"话"}'), OutcomeUnknownError),
    ],
    ids=lambda value: f"{value.status_code} {value.text[:20]}" if isinstance(value, httpx.Response) else value.__name__,
)
def test_a_refusal_means_what_the_table_says_and_nothing_when_others_speak(
    response: httpx.Response, expected: type[ExchangeError]
) -> None:
    assert type(RESULTS.refusal(response)) is expected


def test_a_refusal_keeps_words_and_patience() -> None:
    rejected = RESULTS.refusal(told(400, "5"))
    assert isinstance(rejected, RejectedError)
    assert (rejected.reason, rejected.code) == ("话", "5")
    busy = RESULTS.refusal(httpx.Response(429, json={"code": "7", "message": "话"}, headers={"Retry-After": "9"}))
    assert isinstance(busy, BusyError)
    assert busy.retry_after == 9.0


def test_the_statuses_of_refusals_are_those_of_the_table() -> None:
    assert list(RESULTS.declared()) == [400, 401, 429]


def test_content_is_there_absent_or_a_contradiction() -> None:
    def content(code: str, data: int | None) -> int | None:
        return RESULTS.content(Answer[int](code=code, message="话", data=data))

    assert content("0", 7) == 7
    assert content("4", None) is None
    for code, data in (("0", None), ("4", 7), ("9", 7), ("9", None), ("7", None), ("1", 7)):
        with pytest.raises(ContractError):
            content(code, data)
    with pytest.raises(RejectedError):
        content("5", None)
    with pytest.raises(TokenRefusedError):
        content("8", None)


def test_what_stands_beside_a_code_is_read_only_if_the_code_is_a_success() -> None:
    class Receipt(Head):
        number: str

    assert RESULTS.read(told(200, number="R1"), Receipt).number == "R1"
    assert RESULTS.read(told(202, "1", number="R1"), Receipt, ("ok", "pending")).number == "R1"
    for response in (told(200, "1", number="R1"), told(200, "9", number="R1"), told(200)):
        with pytest.raises(ContractError):
            RESULTS.read(response, Receipt)


# --- tokens ---------------------------------------------------------------------------------------------------------


class Issuer:
    """Gives tokens T1, T2, … that are good for ``life``, or raises what it is told to."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.life = timedelta(hours=1)
        self.error: ExchangeError | None = None
        self.issued = 0
        self.token = AccessToken(self.fetch, self.clock)

    async def fetch(self) -> tuple[str, timedelta]:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        self.issued += 1
        return f"T{self.issued}", self.life


async def test_one_token_serves_many_calls_until_shortly_before_its_end() -> None:
    issuer = Issuer()
    assert await asyncio.gather(*(issuer.token.get() for _ in range(20))) == ["T1"] * 20
    issuer.clock.advance(timedelta(seconds=3569))
    assert await issuer.token.get() == "T1"
    issuer.clock.advance(timedelta(seconds=1))
    assert await issuer.token.get() == "T2"


async def test_a_short_lived_token_is_used_for_half_its_life() -> None:
    issuer = Issuer()
    issuer.life = timedelta(seconds=10)
    assert await issuer.token.get() == "T1"
    issuer.clock.advance(timedelta(seconds=4.9))
    assert await issuer.token.get() == "T1"
    issuer.clock.advance(timedelta(seconds=0.1))
    assert await issuer.token.get() == "T2"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OutcomeUnknownError("cut"), NotSentError),
        (UnusableError("html"), NotSentError),
        (RejectedError("no", "5"), NotSentError),
        (TokenRefusedError("old"), NotSentError),
        (NotSentError("refused"), NotSentError),
        (BusyError("later", 3.0), BusyError),
        (DeniedError("key"), DeniedError),
    ],
)
async def test_without_a_token_nothing_was_sent(error: ExchangeError, expected: type[ExchangeError]) -> None:
    issuer = Issuer()
    issuer.error = error
    with pytest.raises(expected) as raised:
        await issuer.token.get()
    assert type(raised.value) is expected
    issuer.error = None
    assert await issuer.token.get() == "T1"


async def test_a_refused_token_is_fetched_anew_once() -> None:
    issuer = Issuer()

    def refuses(*old: str) -> Any:
        async def call(token: str) -> str:
            if token in old:
                raise TokenRefusedError("A0002")
            return token

        return call

    assert await issuer.token.use(refuses()) == "T1"
    assert await issuer.token.use(refuses("T1")) == "T2"
    with pytest.raises(DeniedError, match="A0002"):
        await issuer.token.use(refuses("T2", "T3"))
    issuer.token.forget("T1")
    issued = issuer.issued
    assert await issuer.token.use(refuses()) == f"T{issued + 1}"


# --- signed questions -----------------------------------------------------------------------------------------------

SECRET = "0123456789abcdef"


class Platform(httpx.AsyncBaseTransport):
    """Answers one question, signed as a test says."""

    def __init__(self, clock: ManualClock) -> None:
        self.signer = MessageSigner("N1", SECRET.encode(), clock)
        self.body = b'{"code":"0","message":"ok","data":7}'
        self.status = 200
        self.nonce: str | None = None
        self.broken = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        from gateway.foundation.wire.signing import NONCE, sign

        self.signer.verify(request.headers, await request.aread())
        nonce = self.nonce or request.headers[NONCE]
        headers = sign("N1", SECRET.encode(), self.body + (b" " if self.broken else b""), NOW, nonce)
        return httpx.Response(self.status, content=self.body, headers={"Content-Type": "application/json", **headers})


@pytest.fixture
def platform() -> Platform:
    return Platform(ManualClock(NOW))


@pytest.fixture
def caller(platform: Platform) -> SignedCaller:
    def forget(_: RawExchange) -> None:
        pass

    clock = ManualClock(NOW)
    wire = ChannelWire("a", "http://127.0.0.1:9", WireTerms(forget, clock=clock))
    wire.http = httpx.AsyncClient(transport=platform)
    settings = SignedSettings.model_validate({"node": "N1", "secret": SECRET})
    return SignedCaller(wire, settings.signer(clock), RESULTS)


async def test_a_signed_question_gets_its_signed_answer(platform: Platform, caller: SignedCaller) -> None:
    assert await caller.ask("a", "a", {"名": 1}, int) == 7
    platform.body = b'{"code":"4","message":"-","data":null}'
    assert await caller.ask("a", "a", {}, int) is None
    platform.body = '{"code":"0","message":"好","data":null}'.encode()
    assert await caller.ready("ready") == "好"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"broken": True}, UnusableError),
        ({"nonce": "another-nonce"}, ContractError),
        ({"body": b'{"code":"0","message":"ok","data":"x"}'}, ContractError),
        ({"body": b'{"code":"5","message":"ok","data":null}'}, RejectedError),
        ({"body": b'{"code":"5","message":"ok","data":null}', "status": 400, "broken": True}, RejectedError),
        ({"body": b"<html>", "status": 502}, OutcomeUnknownError),
    ],
)
async def test_an_answer_that_is_not_ours_or_not_the_contracts_is_no_answer(
    platform: Platform, caller: SignedCaller, change: dict[str, Any], expected: type[ExchangeError]
) -> None:
    for name, value in change.items():
        setattr(platform, name, value)
    with pytest.raises(expected) as raised:
        await caller.ask("a", "a", {}, int)
    assert type(raised.value) is expected


async def test_a_token_goes_along_and_one_that_is_refused_under_signature_is_fetched_anew(
    platform: Platform, caller: SignedCaller
) -> None:
    issued: list[str] = []

    async def fetch() -> tuple[str, timedelta]:
        issued.append(f"T{len(issued) + 1}")
        if len(issued) > 1:
            platform.status, platform.body = 200, b'{"code":"0","message":"ok","data":7}'
        return issued[-1], timedelta(hours=1)

    token = AccessToken(fetch, ManualClock(NOW))
    strict = MessageSigner("N1", SECRET.encode(), ManualClock(NOW), scheme=SignatureScheme(echo=True))
    ours = SignedCaller(caller._wire, strict, RESULTS, token)
    assert await ours.told("a", "a", {}, int) == 7
    platform.status, platform.body = 401, b'{"code":"8","message":"-","data":null}'
    platform.broken = True
    with pytest.raises(UnusableError):  # anybody could say so, and it may have happened all the same
        await ours.told("a", "a", {}, int)
    platform.broken = False
    assert await ours.told("a", "a", {}, int) == 7
    assert issued == ["T1", "T2"]
    platform.body = b'{"code":"4","message":"-","data":null}'
    with pytest.raises(RejectedError, match="4"):
        await ours.told("a", "a", {}, int)


async def test_ready_needs_a_yes(platform: Platform, caller: SignedCaller) -> None:
    for code in ("4", "5", "9"):
        platform.body = f'{{"code":"{code}","message":"-","data":null}}'.encode()
        with pytest.raises(ContractError, match="whether we are known"):
            await caller.ready("ready")
