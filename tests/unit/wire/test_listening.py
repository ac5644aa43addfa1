"""A port where a platform connects to us: silent, many, unknown or forged, it keeps nobody else out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.app import App
from gateway.faces.frames import FrameDoors
from gateway.foundation.wire import Tls
from gateway.foundation.wire.frame import USUAL
from gateway.foundation.wire.listening import FrameDoor, ListenSettings
from gateway.ports.base import Incoming, Reply, UnreadableCallbackError
from gateway.words.clock import SystemClock
from gateway.words.errors import ContractError, ForgedCallbackError, SettingsError, UnavailableProblem


def framed(content: bytes) -> bytes:
    return USUAL.begin(content)


@dataclass
class Callbacks:
    """Takes messages as told, in place of the gateway's own."""

    answer: Callable[[bytes], Reply] = lambda body: Reply(200, framed(b"taken " + body[8:]), "")
    taken: list[bytes] = field(default_factory=list)

    async def take(self, channel: str, incoming: Incoming) -> Reply:
        assert (channel, incoming.path) == ("nontax", "frames/nontax")
        self.taken.append(incoming.body)
        return self.answer(incoming.body)


@asynccontextmanager
async def doors(callbacks: Callbacks, **settings: Any) -> AsyncIterator[tuple[str, int]]:
    """The port of one channel that listens; messages begin with "push"."""
    listening = ListenSettings(listen="127.0.0.1:0", **settings)
    door = FrameDoor(USUAL, lambda frame: frame[8:12] == b"push", listening)
    channel = SimpleNamespace(
        name="nontax",
        adapter=SimpleNamespace(door=door),
        info=SimpleNamespace(capabilities={"open_callback"}),
        wire=None,
    )
    base = SimpleNamespace(
        channels=SimpleNamespace(all=lambda: (channel,), get=lambda _: channel),
        callbacks=callbacks,
        clock=SystemClock(),
    )
    opened = FrameDoors(cast(App, SimpleNamespace(base=base)))
    await opened.open()
    try:
        host, _, port = opened.addresses["nontax"].partition("://")[2].rpartition(":")
        yield host, int(port)
    finally:
        await opened.close()


async def said(reader: asyncio.StreamReader) -> bytes:
    """What comes until the connection ends."""
    return await asyncio.wait_for(reader.read(), 60)


async def test_messages_are_answered_in_turn_on_one_connection_and_strays_are_not(peer: Any) -> None:
    callbacks = Callbacks()
    async with doors(callbacks) as place:
        reader, writer = await asyncio.open_connection(*place)
        writer.write(framed(b"beat") + framed(b"push 1") + b"8       " + framed(b"push 2"))
        assert await reader.readexactly(40) == framed(b"taken push 1") + framed(b"taken push 2")
        writer.write_eof()
        assert await said(reader) == b""
    assert callbacks.taken == [framed(b"push 1"), framed(b"push 2")]


@pytest.mark.parametrize(
    "rubbish", [b"GET / HTTP/1.1\r\n\r\n", b"99999999", framed(b"push")[:9], b"\x16\x03\x01\x02\x00\x01"]
)
async def test_what_is_no_frame_ends_the_connection_without_a_word(rubbish: bytes) -> None:
    callbacks = Callbacks()
    async with doors(callbacks) as place:
        reader, writer = await asyncio.open_connection(*place)
        writer.write(rubbish)
        writer.write_eof()
        assert await said(reader) == b""
    assert callbacks.taken == []


async def test_a_forgery_ends_its_connection_and_no_other() -> None:
    def answer(body: bytes) -> Reply:
        if b"forged" in body:
            raise ForgedCallbackError("no")
        return Reply(200, framed(b"taken"), "")

    async with doors(Callbacks(answer)) as place:
        (reader, writer), (other, also) = [await asyncio.open_connection(*place) for _ in range(2)]
        writer.write(framed(b"push forged"))
        assert await said(reader) == b""
        also.write(framed(b"push"))
        assert await other.readexactly(13) == framed(b"taken")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (UnreadableCallbackError("odd", refuse=Reply(400, framed(b"no"), "")), framed(b"no")),
        (UnreadableCallbackError("odd"), b""),
        (ContractError("odd"), b""),
        (UnavailableProblem("the database is away"), b""),
    ],
)
async def test_what_cannot_be_taken_is_refused_in_their_words_or_not_answered(error: Exception, told: bytes) -> None:
    def answer(body: bytes) -> Reply:
        if b"odd" in body:
            raise error
        return Reply(200, framed(b"taken"), "")

    async with doors(Callbacks(answer)) as place:
        reader, writer = await asyncio.open_connection(*place)
        writer.write(framed(b"push odd") + framed(b"push"))
        assert await reader.readexactly(len(told) + 13) == told + framed(b"taken")


async def test_silence_ends_a_connection() -> None:
    async with doors(Callbacks(), listen_idle=0.2) as place:
        reader, _ = await asyncio.open_connection(*place)
        assert await said(reader) == b""


async def test_one_too_many_is_sent_away_and_the_others_are_served() -> None:
    async with doors(Callbacks(), listen_connections=2) as place:
        lines = []
        for number in range(2):
            reader, writer = await asyncio.open_connection(*place)
            writer.write(framed(b"push"))
            assert await reader.readexactly(18) == framed(b"taken push"), number
            lines.append((reader, writer))
        reader, writer = await asyncio.open_connection(*place)
        with suppress(ConnectionError):
            writer.write(framed(b"push"))
            assert await said(reader) == b""
        for reader, writer in lines:
            writer.write(framed(b"push"))
            assert await reader.readexactly(18) == framed(b"taken push")


async def test_a_message_under_way_is_answered_before_the_port_closes() -> None:
    slow = asyncio.Event()

    class Slow(Callbacks):
        async def take(self, channel: str, incoming: Incoming) -> Reply:
            slow.set()
            await asyncio.sleep(0.2)
            return await super().take(channel, incoming)

    async with doors(Slow()) as place:
        reader, writer = await asyncio.open_connection(*place)
        writer.write(framed(b"push"))
        await slow.wait()
    assert await said(reader) == framed(b"taken push")


async def test_inside_tls_only_who_shows_a_certificate_of_ours_is_heard(papers: Any) -> None:
    callbacks = Callbacks()
    keys = {"listen_cert": papers.server.cert, "listen_key": papers.server.key, "listen_ca": papers.ca.cert}
    async with doors(callbacks, **keys) as place:
        known = Tls(ca_file=papers.ca.cert, client_cert=papers.client.cert, client_key=papers.client.key).context()
        reader, writer = await asyncio.open_connection(*place, ssl=known)
        writer.write(framed(b"push"))
        assert await reader.readexactly(18) == framed(b"taken push")
        writer.close()
        with pytest.raises(OSError):
            reader, writer = await asyncio.open_connection(*place, ssl=Tls(ca_file=papers.ca.cert).context())
            writer.write(framed(b"push"))
            if await said(reader) == b"":
                raise ConnectionResetError
    assert callbacks.taken == [framed(b"push")]


async def test_an_address_in_use_and_a_missing_file_stop_the_start(papers: Any, tmp_path: Any) -> None:
    async with doors(Callbacks()) as (host, port):
        with pytest.raises(SettingsError, match="cannot listen"):
            async with doors_at(f"{host}:{port}"):
                pass
    with pytest.raises(SettingsError, match="listen"):
        async with doors(Callbacks(), listen_cert=tmp_path / "none.pem", listen_key=tmp_path / "none.key"):
            pass


def doors_at(address: str) -> Any:
    door = FrameDoor(USUAL, lambda frame: True, ListenSettings(listen=address))
    channel = SimpleNamespace(
        name="nontax",
        adapter=SimpleNamespace(door=door),
        info=SimpleNamespace(capabilities={"open_callback"}),
        wire=None,
    )
    base = SimpleNamespace(channels=SimpleNamespace(all=lambda: (channel,), get=lambda _: channel))

    @asynccontextmanager
    async def opening() -> AsyncIterator[None]:
        await FrameDoors(cast(App, SimpleNamespace(base=base))).open()
        yield

    return opening()


@pytest.mark.parametrize(
    "keys", [{"listen_cert": "a"}, {"listen_key": "a"}, {"listen_ca": "a"}, {"listen": "nowhere"}, {"listen_idle": 0}]
)
def test_keys_that_cannot_be_stop_the_start(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="listen"):
        ListenSettings(**keys)
