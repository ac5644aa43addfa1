"""Where platforms that speak in frames tell us what happened: on a port where they connect, and on connections of ours.

Each channel that says ``listen`` has a port of its own. A frame that is such a message goes the way of every callback,
and the adapter's words go back on the same connection, which stays open for the next one. Heartbeats and strays are
read over. What is not authentic, or no frame, ends the connection without a word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import structlog

from gateway.app import App
from gateway.foundation.channels import Channel
from gateway.foundation.wire import FrameWire
from gateway.foundation.wire.frame import KEPT_BYTES, Line, Unasked
from gateway.foundation.wire.listening import FrameDoor, ListenSettings
from gateway.ports.base import Incoming, UnreadableCallbackError
from gateway.words.errors import ContractError, ForgedCallbackError, Problem, SettingsError, UnusableError
from gateway.words.saying import say

log = structlog.get_logger(__name__)

_GRACE = 5.0


@dataclass
class _Port:
    """One open port, and the connections on it."""

    channel: Channel
    door: FrameDoor
    server: asyncio.Server | None = None
    open: set[asyncio.Task[None]] = field(default_factory=set)
    busy: set[asyncio.Task[None]] = field(default_factory=set)


def doors_of(app: App) -> Iterator[tuple[Channel, FrameDoor]]:
    """The channels whose platforms tell us things in frames."""
    for channel in app.base.channels.all():
        door = getattr(channel.adapter, "door", None)
        if isinstance(door, FrameDoor) and "open_callback" in channel.info.capabilities:
            yield channel, door


def cannot_listen(channel: str, settings: ListenSettings, error: OSError) -> SettingsError:
    """Why a channel's port cannot be opened."""
    told = say("channels.cannot_listen", address=settings.listen, error=error.strerror or str(error))
    return SettingsError(f"channels.{channel}.listen", told)


class FrameDoors:
    """The ports of all channels whose platforms connect to us. ``addresses``: by channel, once they are open."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._ports: list[_Port] = []
        self.addresses: dict[str, str] = {}

    async def open(self) -> None:
        """Listen, and hear what comes on connections of ours. Raises SettingsError for an address in use."""
        for channel, door in doors_of(self._app):
            if isinstance(channel.wire, FrameWire):
                channel.wire.unasked = self._unasked(channel, door)
            if door.listening.listen is not None:
                await self._listen(_Port(channel, door))

    async def close(self) -> None:
        """Take no connection any more, let messages under way be answered, end the rest."""
        for port in self._ports:
            if port.server is not None:
                port.server.close()
            now = self._app.base.channels.get(port.channel.name)  # which may have other secrets than when we opened
            if isinstance(now.wire, FrameWire):
                now.wire.unasked = None
        if busy := {task for port in self._ports for task in port.busy}:
            await asyncio.wait(busy, timeout=_GRACE)
        waiting = {task for port in self._ports for task in port.open}
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    # --- connections ------------------------------------------------------------------------------------------------

    async def _listen(self, port: _Port) -> None:
        name, settings = port.channel.name, port.door.listening
        assert settings.listen is not None
        host, _, number = settings.listen.rpartition(":")

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            if len(port.open) >= settings.listen_connections:
                log.warning("too many connections for frames", channel=name, most=settings.listen_connections)
                writer.transport.abort()
                return
            port.open.add(task)
            try:
                await self._serve(port, task, Line(reader, writer))
            except asyncio.CancelledError:
                pass  # the gateway stops
            finally:
                port.open.discard(task)
                writer.transport.abort()

        try:
            port.server = await asyncio.start_server(connected, host.strip("[]"), int(number), ssl=settings.context())
        except OSError as error:
            raise cannot_listen(name, settings, error) from error
        at = port.server.sockets[0].getsockname()
        scheme = "tcp" if settings.listen_cert is None else "tls"
        self.addresses[name] = f"{scheme}://{at[0]}:{at[1]}"
        self._ports.append(port)
        log.info("listening for frames", channel=name, address=self.addresses[name])

    async def _serve(self, port: _Port, task: asyncio.Task[None], line: Line) -> None:
        """Frames of one connection, until it ends, is silent for too long, or brings what nobody should answer."""
        who = line.writer.get_extra_info("peername")
        take = self._unasked(port.channel, port.door, str(who[0]) if isinstance(who, tuple) else "")
        try:
            while True:
                frame = await line.frame(port.door.length, KEPT_BYTES, port.door.listening.listen_idle)
                port.busy.add(task)
                try:
                    if (reply := await take(frame)) is not None:
                        line.writer.write(reply)
                        await line.writer.drain()
                finally:
                    port.busy.discard(task)
        except (OSError, EOFError):
            return  # it left, or was silent
        except UnusableError as error:
            fits = port.channel.wire.explain if isinstance(port.channel.wire, FrameWire) else None
            reason = fits(await line.look_further()) if fits is not None else None
            log.warning("no frame", channel=port.channel.name, peer=who, reason=str(error), setting=reason)
        except ForgedCallbackError:
            log.warning("a connection for frames was ended", channel=port.channel.name, peer=who)

    # --- messages ---------------------------------------------------------------------------------------------------

    def _unasked(self, channel: Channel, door: FrameDoor, source: str = "") -> Unasked:
        async def take(frame: bytes) -> bytes | None:
            """What to answer a frame with; None for one that is not answered. Raises ForgedCallbackError."""
            if not door.pushed(frame):
                return None
            now = self._app.base.clock.now()
            path = f"frames/{channel.name}"
            incoming = Incoming(headers={}, body=frame, received_at=now, path=path, source=source)
            try:
                return (await self._app.base.callbacks.take(channel.name, incoming)).body
            except UnreadableCallbackError as error:
                return None if error.refuse is None else error.refuse.body
            except ContractError:
                return None
            except Problem as problem:  # the database is away: it is sent again
                log.warning("a frame could not be taken", channel=channel.name, reason=str(problem))
                return None

        return take
