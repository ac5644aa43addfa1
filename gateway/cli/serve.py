"""``gateway serve``: every face on its address, and the engine behind them, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
from collections.abc import Iterator
from typing import Annotated

import typer
import uvicorn

from gateway import logs
from gateway.cli.output import Json, progress, session
from gateway.crypto import selftest
from gateway.errors import SettingsError
from gateway.settings import FACES, Face, Settings, known
from gateway.store import schema
from gateway.store.engine import open_engine, sqlite_path
from gateway.store.lock import DatabaseLock


class _Server(uvicorn.Server):
    """One listener among several: signals are handled once, for all of them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve(
    ctx: typer.Context,
    faces: Annotated[
        str, typer.Option(help="Which faces, separated by commas; each listens where [server] says.")
    ] = ",".join(FACES),
    as_json: Json = False,
) -> None:
    """Run the gateway until SIGTERM or Ctrl-C. Says on stdout where it listens once it is ready."""
    chosen = chosen_faces(faces)
    settings = session(ctx).settings
    logs.configure(settings.log)
    selftest.require()
    prepare_database(settings)
    asyncio.run(_run(settings, chosen, as_json))


def chosen_faces(words: str) -> tuple[Face, ...]:
    """The faces named in a list separated by commas. SettingsError for one that does not exist."""
    chosen = []
    for word in (word.strip() for word in words.split(",")):
        if word not in FACES:
            raise SettingsError("--faces", f'there is no face "{word}"', known(word, FACES))
        chosen.append(word)
    return tuple(face for face in FACES if face in chosen)


def prepare_database(settings: Settings) -> None:
    """Embedded: back up and migrate under the lock. Several nodes: refuse a schema that is not ours."""
    url = settings.store.location()
    path = sqlite_path(url)
    if path is None:
        engine = open_engine(url)
        try:
            schema.require_current(engine)
        finally:
            engine.dispose()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with DatabaseLock.take(path):
        done = schema.migrate(url)
    if done.before != done.after:
        progress().print(f"Database {path}: schema {done.after}" + (f", backup {done.backup}" if done.backup else ""))


def listen(bind: str, face: Face) -> socket.socket:
    """A listening socket for HOST:PORT. SettingsError if it cannot be had."""
    host, _, port = bind.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), int(port)), family=family, backlog=2048)
    except OSError as error:
        raise SettingsError(
            f"server.{face}", f"cannot listen on {bind}: {error.strerror}", "Choose a free address of this machine."
        ) from error


async def _run(settings: Settings, faces: tuple[Face, ...], as_json: bool) -> None:
    from gateway.app import App
    from gateway.faces.build import build

    sockets = {bind: listen(bind, served[0]) for bind, served in settings.server.binds(faces).items()}
    stop = asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    async with App.open(settings, sending=True) as gateway:
        servers = {
            bind: _Server(
                uvicorn.Config(
                    build(gateway, served),
                    log_config=None,
                    access_log=False,
                    server_header=False,
                    date_header=True,
                    lifespan="off",
                    timeout_graceful_shutdown=int(settings.delivery.grace),
                )
            )
            for bind, served in settings.server.binds(faces).items()
        }
        tasks = [asyncio.create_task(server.serve(sockets=[sockets[bind]])) for bind, server in servers.items()]
        while not all(server.started for server in servers.values()):
            await asyncio.sleep(0.01)
            for task in tasks:
                if task.done():
                    task.result()
        _say_where(settings, faces, sockets, as_json)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
        gateway.stopping = True  # not ready any more: proxies look elsewhere
        for server in servers.values():
            server.should_exit = True
        await asyncio.gather(*tasks)
        stopped.cancel()


def _say_where(settings: Settings, faces: tuple[Face, ...], sockets: dict[str, socket.socket], as_json: bool) -> None:
    where: dict[str, str] = {}
    for bind, served in settings.server.binds(faces).items():
        host, port = sockets[bind].getsockname()[:2]
        where |= dict.fromkeys(served, f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
    if as_json:
        typer.echo(json.dumps({"ready": True, "faces": where}))
    else:
        typer.echo("\n".join(f"{face}: {url}" for face, url in where.items()))
