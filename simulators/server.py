"""The process: one application on one port for everything, and a further port for each system.

A system's own port is what its address in the ready line names: it can be made to refuse connections without the
others noticing. One that takes connections without HTTP has another port for them, ``<name>/stream`` here, that refuses
together with the first. A restart over the same state file takes the ports it had, where they are still free.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount

from simulators.acts import Act
from simulators.control import Control, ready
from simulators.desk import Desk
from simulators.foundation import Foundation
from simulators.service import Service
from simulators.state import Document, State
from simulators.system import System
from simulators.transport import protocol, reset, streamed
from simulators.world import STREAM, World
from simulators.worlds import Worlds

_REUSE = getattr(socket, "SO_REUSEPORT", None)


class Listeners:
    """The ports of one process. A closed port stays bound, without listening, so that nobody else gets it."""

    def __init__(self, world: World, host: str) -> None:
        self.world = world
        self.base = world.base
        self.host = host
        self.ports: dict[str, int] = {}
        self.sockets: dict[str, socket.socket] = {}
        self.reserved: list[socket.socket] = []
        self.servers: dict[str, asyncio.Server] = {}
        self.timers: dict[str, asyncio.TimerHandle] = {}

    @property
    def names(self) -> list[str]:
        """All listeners: the main one, one a system, and one for the streams of those that have them."""
        streams = (f"{name}{STREAM}" for name, service in self.world.services.items() if service.system.streams)
        return ["", *self.world.services, *streams]

    def bind(self, port: int) -> None:
        """Bind the main port (0: any) and the ports of the systems, and tell the world its addresses.

        OSError when one of the ports that were asked for is somebody else's.
        """
        with self.base.state.transaction() as tx:
            kept = tx.get("", "_ports", "ports") or {}
            for index, name in enumerate(self.names):
                wanted = port + index if port else int(kept.get(name, 0))
                if wanted and self._taken(wanted):
                    if port:
                        raise OSError(f"port {wanted} is taken; choose another --port")
                    wanted = 0
                bound = self._bind(wanted, strict=bool(port))
                self.sockets[name], self.ports[name] = bound, bound.getsockname()[1]
                if _REUSE is not None:
                    self.reserved.append(self._bind(self.ports[name], strict=True))
                place = f"{self.host}:{self.ports[name]}"
                base = f"http://{place}/{name}" if name else f"http://{place}"
                self.base.urls[name] = f"tcp://{place}" if name.endswith(STREAM) else base
            tx.put("", "_ports", "ports", {**kept, **self.ports})

    def _taken(self, port: int) -> bool:
        """Whether somebody listens there: sharing a port, which our own sockets do, would split the connections."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, port))
            except OSError:
                return True
        return False

    def _bind(self, port: int, *, strict: bool) -> socket.socket:
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            if _REUSE is not None:
                bound.setsockopt(socket.SOL_SOCKET, _REUSE, 1)
            bound.bind((self.host, port))
        except OSError:
            if strict or not port:
                raise
            bound.bind((self.host, 0))
        return bound

    async def open(self, name: str, server: uvicorn.Server) -> None:
        """Listen on a system's port."""
        loop = asyncio.get_running_loop()
        config = server.config
        sock = self.sockets.pop(name, None) or self._bind(self.ports[name], strict=True)
        if name.endswith(STREAM):
            service = self.world.services[name.removesuffix(STREAM)]
            self.servers[name] = await asyncio.start_server(
                streamed(self.base.connections, service.connected), sock=sock, backlog=config.backlog
            )
            return
        kind = protocol(self.base.connections)
        self.servers[name] = await loop.create_server(
            lambda: kind(config=config, server_state=server.server_state, app_state=server.lifespan.state),  # type: ignore[call-arg]
            sock=sock,
            backlog=config.backlog,
        )

    def close(self, name: str) -> None:
        """Refuse connections on a system's port; those that are open end in RST."""
        if (server := self.servers.pop(name, None)) is not None:
            server.close()
        for transport in self.base.connections.at_port(self.ports[name]):
            reset(transport)

    async def follow_faults(self, server: uvicorn.Server) -> None:
        """Close and open ports as the planted ``refuse`` faults say."""
        loop = asyncio.get_running_loop()
        refusing = {fault.system: fault for fault in self.base.faults.planted if fault.kind == "refuse"}
        for name in self.names[1:]:
            fault = refusing.get(name.removesuffix(STREAM))
            if fault is not None and name in self.servers:
                self.close(name)
                if fault.seconds is not None:
                    self.timers[name] = loop.call_later(fault.seconds, self._expire, fault.id, server)
            elif fault is None and name not in self.servers:
                await self.open(name, server)

    def _expire(self, fault_id: str, server: uvicorn.Server) -> None:
        self.base.faults.remove(fault_id)
        self._following = asyncio.ensure_future(self.follow_faults(server))


class Server(uvicorn.Server):
    """uvicorn over our own listeners; prints the ready line, and hangs up on held connections at the end."""

    def __init__(self, config: uvicorn.Config, world: World, listeners: Listeners) -> None:
        super().__init__(config)
        self.world = world
        self.listeners = listeners

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        for name in self.listeners.names:
            await self.listeners.open(name, self)
        await self.listeners.follow_faults(self)
        print(json.dumps(ready(self.world), ensure_ascii=False), flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.listeners.servers.values():
            server.close()
        await asyncio.sleep(0)
        for transport in list(self.world.base.connections.transports.values()):
            transport.close()
        await super().shutdown(sockets=sockets)


def application(world: World, systems: Sequence[System], listeners: Listeners, server: list[Server]) -> Worlds:
    """Everything that the process serves: the first world, and those beside it."""

    async def changed() -> None:
        await listeners.follow_faults(server[0])

    async def unchanged() -> None:
        """A world beside the first one has no ports that could refuse."""

    def app_of(one: World, more: Sequence[Act]) -> Starlette:
        control = Control(one, changed if one is world else unchanged, more)
        desk = Desk(control)
        return Starlette(
            routes=[
                Mount("/_sim", routes=control.routes()),
                *(Mount(f"/{name}", routes=_routes(service, desk)) for name, service in one.services.items()),
                *desk.routes(),
            ],
            lifespan=lifespan,
        )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await world.start()
        yield
        await world.stop()

    return Worlds(world, systems, listeners.host, app_of)


def _routes(service: Service, desk: Desk) -> list[BaseRoute]:
    """What is served below a system's address: its routes, then its pages."""
    pages = (page.route(service.base.state, service.system.title) for page in service.pages())
    return [*service.routes(), *pages, *desk.of(service)]


@dataclass(frozen=True)
class Served:
    """How to serve: the address, the first of the ports (0: any), the scenario to begin with, whether stdin ends it."""

    host: str
    port: int = 0
    opening: Document | None = None
    until_stdin_closes: bool = False


def serve(how: Served, state_file: Path, systems: Sequence[System]) -> int:
    """Serve these systems until SIGTERM or SIGINT; the exit status. ValueError: the ``opening`` scenario cannot be."""
    world = World(Foundation(State(state_file)), how.opening)
    for system in systems:
        world.add(system)
    world.begin()
    listeners = Listeners(world, how.host)
    listeners.bind(how.port)
    found: list[Server] = []
    config = uvicorn.Config(
        application(world, systems, listeners, found),
        log_config=None,
        access_log=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
        server_header=False,
    )
    server = Server(config, world, listeners)
    found.append(server)
    # uvicorn raises the signal again once it has shut down; by then it has done its work.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    if how.until_stdin_closes:
        Thread(target=_end_with_stdin, args=(server,), daemon=True).start()
    try:
        server.run()
    finally:
        world.base.state.close()
    print("simulators: stopped", file=sys.stderr)
    return 0


def _end_with_stdin(server: Server) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    server.should_exit = True
