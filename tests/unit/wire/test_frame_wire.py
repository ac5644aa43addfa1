"""Frames over TCP: what left us is told truly, and nothing but a whole frame is ever an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.foundation.crypto.sm import sm3
from gateway.foundation.wire import FrameWire, Limits, Timeouts, Tls, WireTerms
from gateway.foundation.wire.frame import KEPT_BYTES, USUAL, Length, PassedOver
from gateway.ports.base import RawExchange
from gateway.words.errors import ContractError, NotSentError, OutcomeUnknownError, UnusableError

LENGTH = USUAL.digits


def framed(content: bytes) -> bytes:
    return f"{len(content) + LENGTH:<8}".encode() + content


ASKED, TOLD = framed(b"question"), framed("应答".encode("gbk"))


class Kept(list[RawExchange]):
    """A recorder that tests can read."""

    def __call__(self, exchange: RawExchange) -> None:
        self.append(exchange)


@pytest.fixture
def kept() -> Kept:
    return Kept()


def wire(url: str, kept: Kept, **changes: Any) -> FrameWire:
    timeouts = {"connect": 2.0, "read": 2.0, "write": 2.0, "total": 4.0, "pool": 2.0} | changes.pop("timeouts", {})
    return FrameWire("frames", url, WireTerms(kept, timeouts=Timeouts(**timeouts), **changes))


def url(p: Any) -> str:
    return f"tcp://127.0.0.1:{p.port}"


def saying(*parts: bytes, then: str = "hang up") -> Callable[[Any], Any]:
    """A peer that takes one frame, says these bytes, and hangs up, stays silent or resets."""

    async def behaviour(line: Any) -> None:
        head = await line.reader.readexactly(LENGTH)
        line.peer.requests.append(head + await line.reader.readexactly(USUAL.announced(head) - LENGTH))
        for part in parts:
            await line.say(part)
            await asyncio.sleep(0)
        if then == "reset":
            line.reset()
        elif then == "stay":
            await line.reader.read()

    return behaviour


async def test_one_frame_goes_out_and_one_comes_back_and_both_are_recorded(peer: Any, kept: Kept) -> None:
    async with peer(saying(TOLD[:3], TOLD[3:9], TOLD[9:], then="stay")) as p:
        assert await wire(url(p), kept).exchange("ask", ASKED, bytes) == TOLD
        assert p.requests == [ASKED]
    (exchange,) = kept
    assert (exchange.action, exchange.method, exchange.url) == ("ask", "TCP", url(p))
    assert (exchange.request_body, exchange.response_body, exchange.outcome) == (ASKED, TOLD, "answered")
    assert exchange.started_at <= exchange.ended_at


async def test_every_exchange_has_a_connection_of_its_own(peer: Any, kept: Kept) -> None:
    async with peer(saying(TOLD)) as p:
        channel = wire(url(p), kept)
        assert await asyncio.gather(*(channel.exchange("ask", ASKED, bytes) for _ in range(20))) == [TOLD] * 20
        assert p.connections == 20


async def test_bytes_behind_the_announced_length_are_not_part_of_the_answer(peer: Any, kept: Kept) -> None:
    async with peer(saying(TOLD + b"more")) as p:
        assert await wire(url(p), kept).exchange("ask", ASKED, bytes) == TOLD


OURS = framed(b"ours")


def ours_alone(frame: bytes) -> bytes:
    """Judges frames as an adapter does: one answers, any other is a stranger's."""
    if frame != OURS:
        raise PassedOver(f"{len(frame)} bytes of somebody else")
    return frame


@pytest.mark.parametrize("strays", [(TOLD,), (TOLD, framed(b"heartbeat"), b"8       ", b"0       "), (TOLD,) * 50])
async def test_frames_that_are_not_ours_are_read_over_and_kept(
    peer: Any, kept: Kept, strays: tuple[bytes, ...]
) -> None:
    async with peer(saying(*strays, OURS)) as p:
        assert await wire(url(p), kept).exchange("ask", ASKED, ours_alone) == OURS
        assert p.requests == [ASKED]
    assert kept[0].response_body == b"".join(strays) + OURS


@pytest.mark.parametrize("then", ["hang up", "reset", "stay"])
async def test_strays_with_nothing_behind_them_are_no_answer_and_say_why(peer: Any, kept: Kept, then: str) -> None:
    async with peer(saying(TOLD, TOLD, then=then)) as p:
        with pytest.raises(UnusableError, match=r"after 2 frames that do not answer us: \d+ bytes of somebody else"):
            await wire(url(p), kept, timeouts={"read": 0.3}).exchange("ask", ASKED, ours_alone)


async def test_of_rubbish_64_kib_its_length_and_its_digest_are_kept_and_of_an_answer_all(peer: Any, kept: Kept) -> None:
    rubbish, large = framed(b"x" * (1 << 20)), Limits(max_response_bytes=2 << 20)
    async with peer(saying(rubbish)) as p:
        with pytest.raises(UnusableError):
            await wire(url(p), kept, limits=large).exchange("ask", ASKED, ours_alone)
        assert await wire(url(p), kept, limits=large).exchange("ask", ASKED, bytes) == rubbish
    junk, answer = kept
    assert junk.response_body == rubbish[:KEPT_BYTES]
    assert dict(junk.response_headers) == {"X-Length": str(len(rubbish)), "X-SM3": sm3(rubbish).hex()}
    assert (answer.response_body, answer.response_headers) == (rubbish, ())


async def test_rubbish_again_and_again_does_not_fill_the_database_and_an_answer_ends_that(
    peer: Any, kept: Kept
) -> None:
    rubbish = framed(b"x" * (100 << 10))
    async with peer(saying(rubbish)) as p:
        channel = wire(url(p), kept)
        for _ in range(20):
            with pytest.raises(UnusableError):
                await channel.exchange("ask", ASKED, ours_alone)
        assert sum(len(one.response_body) for one in kept) == 8 * KEPT_BYTES + 12 * 1024
        assert {dict(one.response_headers)["X-SM3"] for one in kept} == {sm3(rubbish).hex()}
        await channel.exchange("ask", ASKED, bytes)
        with pytest.raises(UnusableError):
            await channel.exchange("ask", ASKED, ours_alone)
    assert [len(one.response_body) for one in kept[-2:]] == [len(rubbish), KEPT_BYTES]


async def test_strays_without_end_stop_at_the_largest_answer(peer: Any, kept: Kept) -> None:
    async def endless(line: Any) -> None:
        await line.reader.readexactly(len(ASKED))
        while True:
            await line.say(framed(b"x" * 1000))

    async with peer(endless) as p:
        with pytest.raises(UnusableError, match="exceeds"):
            await wire(url(p), kept, limits=Limits(max_response_bytes=5000)).exchange("ask", ASKED, ours_alone)


def echoing(*before: bytes, most: int = 1000) -> Callable[[Any], Any]:
    """A peer that answers so many questions on a connection with themselves, saying something before each answer."""

    async def behaviour(line: Any) -> None:
        for _ in range(most):
            head = await line.reader.readexactly(LENGTH)
            question = head + await line.reader.readexactly(USUAL.announced(head) - LENGTH)
            line.peer.requests.append(question)
            await line.say(b"".join(before) + question)

    return behaviour


async def test_a_kept_connection_serves_one_exchange_after_another(peer: Any, kept: Kept) -> None:
    async with peer(echoing()) as p:
        channel = wire(url(p), kept)
        channel.keep = True
        for _ in range(5):
            assert await channel.exchange("ask", ASKED, bytes) == ASKED
        assert p.connections == 1
        assert await asyncio.gather(*(channel.exchange("ask", ASKED, bytes) for _ in range(4))) == [ASKED] * 4
        assert p.connections <= 4
        await channel.close()
    assert {one.outcome for one in kept} == {"answered"}


async def test_a_kept_connection_that_has_ended_is_noticed_before_anything_is_sent_on_it(peer: Any, kept: Kept) -> None:
    async with peer(echoing(most=1)) as p:
        channel = wire(url(p), kept)
        channel.keep = True
        for number in range(1, 4):
            assert await channel.exchange("ask", ASKED, bytes) == ASKED
            assert p.connections == number
            while not channel._idle[0].reader.at_eof():
                await asyncio.sleep(0.01)
        await channel.close()


async def test_an_exchange_that_failed_takes_its_connection_with_it(peer: Any, kept: Kept) -> None:
    async with peer(echoing()) as p:
        channel = wire(url(p), kept, timeouts={"read": 0.2})
        channel.keep = True
        with pytest.raises(UnusableError):
            await channel.exchange("ask", ASKED, ours_alone)
        assert await channel.exchange("ask", OURS, ours_alone) == OURS
        assert p.connections == 2
        await channel.close()


async def test_what_comes_unasked_on_a_kept_connection_is_heard_and_answered(peer: Any, kept: Kept) -> None:
    """Between exchanges and within them; heartbeats stay without an answer, and none is taken for one of ours."""
    answered = asyncio.Event()

    async def pushing(line: Any) -> None:
        await line.reader.readexactly(len(OURS))
        await line.say(framed(b"push 1") + OURS)
        line.peer.requests.append(await line.reader.readexactly(LENGTH + 8))
        await line.say(framed(b"beat") + framed(b"push 2"))
        line.peer.requests.append(await line.reader.readexactly(LENGTH + 8))
        answered.set()
        await line.reader.read()

    async def unasked(frame: bytes) -> bytes | None:
        return framed(b"taken " + frame[-1:] + b".") if b"push" in frame else None

    async with peer(pushing) as p:
        channel = wire(url(p), kept)
        channel.keep, channel.unasked = True, unasked
        assert await channel.exchange("ask", OURS, ours_alone) == OURS
        await asyncio.wait_for(answered.wait(), 60)
        assert p.requests == [framed(b"taken 1."), framed(b"taken 2.")]
        await channel.close()


async def test_a_refused_connection_and_an_unknown_name_sent_nothing(kept: Kept, unused: int) -> None:
    for place in (f"127.0.0.1:{unused}", f"no-such-host.invalid:{unused}"):
        with pytest.raises(NotSentError, match="connecting"):
            await wire(f"tcp://{place}", kept).exchange("ask", ASKED, bytes)
    assert [(one.outcome, one.request_body) for one in kept] == [("NotSentError", ASKED)] * 2


@pytest.fixture
async def unused() -> int:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return int(port)


@pytest.mark.parametrize(
    ("parts", "then"),
    [
        ((), "hang up"),
        ((), "reset"),
        ((b"1",), "hang up"),
        ((TOLD[:8],), "hang up"),
        ((TOLD[:-1],), "hang up"),
        ((TOLD[:-1],), "reset"),
    ],
)
async def test_once_written_whatever_is_missing_of_the_answer_is_doubt(
    peer: Any, kept: Kept, parts: tuple[bytes, ...], then: str
) -> None:
    async with peer(saying(*parts, then=then)) as p:
        with pytest.raises(OutcomeUnknownError) as caught:
            await wire(url(p), kept).exchange("ask", ASKED, bytes)
        assert not isinstance(caught.value, ContractError)
    (exchange,) = kept
    assert exchange.outcome == "OutcomeUnknownError"
    assert b"".join(parts).startswith(exchange.response_body)


@pytest.mark.parametrize("parts", [(), (TOLD[:8],), (TOLD[:-1],)])
async def test_silence_after_the_write_is_doubt_and_what_came_is_kept(
    peer: Any, kept: Kept, parts: tuple[bytes, ...]
) -> None:
    async with peer(saying(*parts, then="stay")) as p:
        with pytest.raises(OutcomeUnknownError, match="timed out, reading"):
            await wire(url(p), kept, timeouts={"read": 0.2}).exchange("ask", ASKED, bytes)
    assert kept[0].response_body == b"".join(parts)


async def test_a_drip_ends_with_the_time_for_the_whole(peer: Any, kept: Kept) -> None:
    async def drip(line: Any) -> None:
        await line.reader.readexactly(len(ASKED))
        for byte in framed(b"x" * 1000):
            await line.say(bytes([byte]))
            await asyncio.sleep(0.05)

    async with peer(drip) as p:
        with pytest.raises(OutcomeUnknownError, match="timed out"):
            await wire(url(p), kept, timeouts={"read": 0.2, "total": 0.5}).exchange("ask", ASKED, bytes)
    assert 1 < len(kept[0].response_body) < 100


async def test_a_peer_that_does_not_read_ends_in_doubt_at_the_write_timeout(peer: Any, kept: Kept) -> None:
    async def deaf(line: Any) -> None:
        line.writer.transport.pause_reading()
        await asyncio.Event().wait()

    async with peer(deaf) as p:
        with pytest.raises(OutcomeUnknownError, match="timed out, writing"):
            await wire(url(p), kept, timeouts={"write": 0.3}).exchange("ask", framed(b"x" * (32 << 20)), bytes)


@pytest.mark.parametrize(
    "head", [b"        ", b"00000020", b"      20", b"-20     ", b"2 0     ", b"7       ", b"<html>\r\n"]
)
async def test_what_does_not_begin_with_a_length_is_no_answer(peer: Any, kept: Kept, head: bytes) -> None:
    async with peer(saying(head + b"x" * 12)) as p:
        with pytest.raises(ContractError):
            await wire(url(p), kept).exchange("ask", ASKED, bytes)


async def test_an_answer_that_announces_too_much_is_refused_before_it_is_read(peer: Any, kept: Kept) -> None:
    async with peer(saying(b"99999999", then="stay")) as p:
        with pytest.raises(ContractError, match="99999999 bytes exceeds 1024"):
            await wire(url(p), kept, limits=Limits(max_response_bytes=1024)).exchange("ask", ASKED, bytes)


async def test_waiting_for_a_free_connection_sends_nothing(peer: Any, kept: Kept) -> None:
    async with peer(saying(then="stay")) as p:
        channel = wire(url(p), kept, limits=Limits(max_connections=1), timeouts={"pool": 0.2})
        first = asyncio.create_task(channel.exchange("first", ASKED, bytes))
        while not p.requests:
            await asyncio.sleep(0.01)
        with pytest.raises(NotSentError, match="free connection"):
            await channel.exchange("second", ASKED, bytes)
        assert p.connections == 1
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
    assert [(one.action, one.outcome) for one in kept] == [("second", "NotSentError"), ("first", "CancelledError")]


async def test_a_closed_channel_sends_nothing(peer: Any, kept: Kept) -> None:
    async with peer(saying(TOLD)) as p:
        channel = wire(url(p), kept)
        await channel.close()
        with pytest.raises(NotSentError, match="closed"):
            await channel.exchange("ask", ASKED, bytes)
        assert p.connections == 0


async def test_the_same_inside_tls_and_a_stranger_is_told_nothing(peer: Any, papers: Any, kept: Kept) -> None:
    async with peer(saying(TOLD), tls=papers.server_context()) as p:
        trusting = wire(f"tls://127.0.0.1:{p.port}", kept, tls=Tls(ca_file=papers.ca.cert))
        assert await trusting.exchange("ask", ASKED, bytes) == TOLD
        with pytest.raises(NotSentError, match=r"TLS failed: the issuer of its certificate.*connecting"):
            await wire(f"tls://127.0.0.1:{p.port}", kept).exchange("ask", ASKED, bytes)
        assert p.requests == [ASKED]


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:1", "tcp://127.0.0.1", "tcp://:1", "tcp://u@h:1", "tcp://h:1/path", "tcp://h:1?q=1", "h:1"],
)
def test_only_an_address_of_host_and_port_is_one(kept: Kept, address: str) -> None:
    with pytest.raises(ValueError, match="tcp://host:port"):
        wire(address, kept)


@given(st.binary(max_size=64), st.data())
def test_a_length_is_read_as_it_was_written_and_from_nothing_shorter(content: bytes, data: st.DataObject) -> None:
    frame = framed(content)
    assert USUAL.announced(frame[:LENGTH]) == len(frame)
    cut = data.draw(st.integers(0, LENGTH - 1))
    with pytest.raises(ValueError, match="not the length"):
        USUAL.announced(frame[:cut])


LENGTHS = st.builds(
    Length,
    digits=st.integers(4, 10),
    align=st.just("right"),
    pad=st.sampled_from([" ", "0"]),
    counts_itself=st.booleans(),
) | st.builds(Length, digits=st.integers(4, 10), counts_itself=st.booleans())


@given(LENGTHS, LENGTHS, st.binary(min_size=1, max_size=900))
def test_a_length_is_read_in_its_own_way_and_never_as_another_number(one: Length, other: Length, rest: bytes) -> None:
    frame = one.begin(rest)
    assert one.announced(frame[: one.digits]) == len(frame)
    if one.digits == other.digits and one.counts_itself == other.counts_itself:
        try:
            assert other.announced(frame[: other.digits]) == len(frame)
        except ValueError:
            assert (one.align, one.pad) != (other.align, other.pad)


def test_zeros_behind_a_number_are_no_padding() -> None:
    with pytest.raises(ValueError, match="another"):
        Length(pad="0", align="left")
