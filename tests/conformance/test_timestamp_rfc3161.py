"""``timestamp.rfc3161`` against a time stamp service that misbehaves on demand, and against the simulated one."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from asn1crypto import tsp

from gateway.adapters.timestamp.rfc3161 import Rfc3161TimeStamps
from gateway.adapters.timestamp.rfc3161.mapping import FAILURES, PASSING, answer, question
from gateway.foundation.wire import ChannelWire, Timeouts, WireTerms
from gateway.ports.base import RawExchange
from gateway.ports.timestamp import DIGEST_OIDS, StampRequest
from gateway.testing.bench import Code
from gateway.testing.timestamp import TimeStampBench, TimeStampConformance
from gateway.words.clock import ManualClock
from gateway.words.errors import BusyError, ContractError, RejectedError, UnusableError
from simulators.seal import der, stamps

START = datetime(2026, 11, 3, 2, 0, tzinfo=UTC)
QUICK = Timeouts(connect=5, read=1.5, write=5, total=5, pool=5)
DIGEST = hashlib.sha256(b"a document").digest()


def failure(bit: int) -> bytes:
    """A rejection with one bit of PKIFailureInfo."""
    raw = bytearray(bit // 8 + 1)
    raw[-1] = 0x80 >> bit % 8
    words = der.seq(der.utf8("not this"))
    return der.seq(der.seq(der.integer(2), words, der.bits(bytes(raw), 7 - bit % 8)))


class ScriptedBench(TimeStampBench):
    """The service is a server in the test; its tokens are made as the simulator makes them."""

    secrets = ("stamp-me-if-you-can",)
    personal = ()
    codes = tuple(Code(name, "busy" if name in PASSING else "rejected") for name in FAILURES.values())
    unknown_code = "bit 9"
    answers_signed = False

    def __init__(self) -> None:
        self.exchanges: Sequence[RawExchange] = []
        self.clock = ManualClock(START)
        self.stamper = {DIGEST_OIDS["sha256"]: self._stamper()}
        self.kind, self.more = "", {}
        self.asked: list[bytes] = []

    @staticmethod
    def _stamper() -> stamps.Stamper:
        authority, key = stamps.P256Authority.found("时间戳根"), stamps.P256Key.generate()
        certificate = authority.issue("时间戳服务", key, time_stamping=True)
        return stamps.Stamper(key, (certificate, authority.certificate), DIGEST_OIDS["sha256"])  # type: ignore[arg-type]

    async def open(self) -> None:
        application = web.Application()
        application.router.add_post("/tsa", self._answer)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self._open(f"http://127.0.0.1:{port}/tsa")
        self._good = self.adapter

    def _open(self, url: str) -> None:
        wire = ChannelWire(
            "stamps",
            url,
            WireTerms(
                self.exchanges.append,  # type: ignore[attr-defined]
                timeouts=QUICK,
                sensitive=Rfc3161TimeStamps.info.sensitive,
                clock=self.clock,
            ),
        )
        settings = Rfc3161TimeStamps.Settings(user="gateway", password=self.secrets[0])
        self.adapter = Rfc3161TimeStamps(settings, wire, self.clock)

    async def close(self) -> None:
        await self.adapter.close()
        await self._good.close()
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        asked = await request.read()
        self.asked.append(asked)
        if request.content_type != "application/timestamp-query":
            return web.Response(status=415)
        right = stamps.answer(self.stamper, asked, self.clock.now())
        headers, status, body = {"Content-Type": "application/timestamp-reply"}, 200, right
        match self.kind:
            case "silence":
                await asyncio.sleep(4)
            case "busy":
                headers, status = headers | {"Retry-After": "7"}, 503
            case "error_500":
                headers, status, body = {"Content-Type": "text/html"}, 500, b"<html>"
            case "malformed":
                body = b"<html>no</html>"
            case "empty":
                body = b""
            case "truncated":
                body = right[:-40]
            case "answer_code":
                bits = {name: bit for bit, name in FAILURES.items()}
                body = failure(bits.get(self.more["code"], 9))
            case "wrong_code" | "unknown_status":
                changed = tsp.TimeStampReq.load(asked)
                if self.kind == "wrong_code":
                    changed["message_imprint"]["hashed_message"] = hashlib.sha256(b"another").digest()
                else:
                    changed["nonce"] = changed["nonce"].native ^ 1
                body = stamps.answer(self.stamper, changed.dump(force=True), self.clock.now())
        return web.Response(status=status, headers=headers, body=body)

    async def fault(self, kind: str, method: str, **more: Any) -> None:
        self.kind, self.more = kind, more
        if kind == "refuse":
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                self._open(f"http://127.0.0.1:{taken.getsockname()[1]}/tsa")

    async def clear(self) -> None:
        self.kind, self.more, self.adapter = "", {}, self._good

    async def effects(self, reference: str) -> int:
        return 0

    async def advance(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    async def violations(self) -> Sequence[str]:
        """What does not parse as a request of RFC 3161."""
        found = []
        for asked in self.asked:
            try:
                tsp.TimeStampReq.load(asked, strict=True).native  # noqa: B018
            except ValueError as error:
                found.append(str(error))
        return found


class TestRfc3161(TimeStampConformance):
    """The kit."""

    @pytest.fixture
    async def bench(self) -> AsyncIterator[ScriptedBench]:
        made = ScriptedBench()
        await made.open()
        yield made
        await made.close()


@pytest.mark.parametrize("algorithm", ["sha256", "sm3"])
async def test_the_simulated_service_stamps_both_digests(simulators, algorithm):
    wire = ChannelWire("stamps", f"{simulators.url('seal')}/tsa", WireTerms(lambda _: None, timeouts=QUICK))
    adapter = Rfc3161TimeStamps(Rfc3161TimeStamps.Settings(), wire, ManualClock(START))
    made = await adapter.stamp(StampRequest(algorithm=algorithm, digest=DIGEST, nonce=7))
    assert DIGEST in made.token
    assert "reachable" in await adapter.check()
    await adapter.close()


def test_a_policy_that_was_asked_for_is_held_against_the_answer():
    bench, request = ScriptedBench(), StampRequest(digest=DIGEST, nonce=7)
    asked = question(request, "1.2.3")
    given = stamps.answer(bench.stamper, asked, START)
    assert answer(given, request, "1.2.3").at == START
    with pytest.raises(ContractError, match=r"policy 1\.2\.3"):
        answer(given, request, "1.2.4")


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (2, RejectedError, "rejection"),
        (3, BusyError, None),
        (4, RejectedError, "revocationWarning"),
        (9, ContractError, None),
    ],
)
def test_a_status_without_a_reason_means_what_it_says(status, error, code):
    with pytest.raises(error) as told:
        answer(der.seq(der.seq(der.integer(status))), StampRequest(digest=DIGEST, nonce=7), None)
    assert code is None or told.value.code == code


@pytest.mark.parametrize("at", range(0, 400, 7))
@pytest.mark.cases_by_day(12)
def test_an_answer_with_a_damaged_byte_is_no_stamp_of_something_else(at):
    """Whatever a byte is changed to, the adapter says so in its own errors, or the stamp is over our digest."""
    bench, request = _DAMAGED, StampRequest(digest=DIGEST, nonce=7)
    given = bytearray(stamps.answer(bench.stamper, question(request, None), START))
    given[at] ^= 0x41
    try:
        made = answer(bytes(given), request, None)
    except (ContractError, UnusableError, RejectedError, BusyError):
        return
    assert DIGEST in made.token


_DAMAGED = ScriptedBench()
