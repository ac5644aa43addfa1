"""Runs the faces: one listener per address, stopped in the order that loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Collection, Iterator
from typing import Final

import structlog
import uvicorn
from fastapi import FastAPI

from gateway.app import App
from gateway.faces import local
from gateway.faces.build import build
from gateway.faces.frames import FrameDoors
from gateway.faces.guarded import GuardedConfig
from gateway.faces.local import LocalConfig
from gateway.foundation.http.local import AtThisMachine
from gateway.foundation.local_socket import socket_of
from gateway.settings import FACES, Face
from gateway.words.errors import SettingsError
from gateway.words.saying import say

_API: Final[tuple[Face, ...]] = ("api",)
log = structlog.get_logger(__name__)


class _Listener(uvicorn.Server):
    """A uvicorn server that leaves signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ours are handled in ``serve``."""
        yield


async def serve(
    app: App,
    faces: Collection[Face] = FACES,
    *,
    on_ready: Callable[[dict[str, tuple[Face, ...]]], None] | None = None,
    on_doors: Callable[[dict[str, str]], None] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve until SIGTERM, SIGINT or ``stop``. ``on_ready`` gets the addresses (host:port) with their faces.

    ``on_doors`` gets, before that, the addresses where platforms connect and speak in frames, by channel; they belong
    to the face ``callbacks``.

    On the way out readiness turns red first, then no connection is accepted, then requests end, which wait for no
    outcome any more; delivery is stopped by ``App.open``, which lets calls end and marks the rest as in doubt. Raises
    SettingsError for an address in use.
    """
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    listeners: list[tuple[_Listener, socket.socket]] = []
    served: dict[str, tuple[Face, ...]] = {}
    settings = app.base.settings
    server, grace = settings.server, settings.delivery.grace
    at_hand: FastAPI | None = None
    for bind, group in server.binds(faces).items():
        sock = _listen(bind)
        host, port = sock.getsockname()[:2]
        served[f"{host}:{port}"] = group
        made = build(app, group)
        at_hand = made if "api" in group else at_hand
        listeners.append((_Listener(GuardedConfig(made, server, grace)), sock))
    place = socket_of(settings)
    if place is not None:
        machine = AtThisMachine(at_hand or build(app, _API), app.base.access.sign_in, app.base.audit)
        listeners.append((_Listener(LocalConfig(machine, server, grace)), local.listen(place)))
    doors = FrameDoors(app)
    if "callbacks" in faces:
        await doors.open()
        if on_doors is not None:
            on_doors(doors.addresses)
    tasks = [asyncio.create_task(listener.serve(sockets=[sock])) for listener, sock in listeners]
    try:
        while not all(listener.started for listener, _ in listeners):
            if any(task.done() for task in tasks):
                break
            await asyncio.sleep(0.005)
        if on_ready is not None:
            on_ready(served)
        log.info("serving", addresses={bind: list(group) for bind, group in served.items()})
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
    finally:
        app.stopping = True
        app.base.delivery.let_go()
        for listener, _ in listeners:
            listener.should_exit = True
        await doors.close()
        await asyncio.gather(*tasks, return_exceptions=True)
        if place is not None:
            place.unlink(missing_ok=True)
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(name)


def _listen(bind: str) -> socket.socket:
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named; without it every answer waits 40 ms for an ACK
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, int(port)))
    except OSError as error:
        sock.close()
        raise SettingsError("server", say("settings.cannot_listen", bind=bind, reason=error.strerror)) from error
    sock.listen(1024)
    sock.setblocking(False)
    return sock
