"""``gateway serve``: every face on its address, and the engine behind them, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import threading
from collections.abc import AsyncIterator, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import structlog
import typer
import uvicorn
from pydantic import ValidationError

from gateway import logs
from gateway.cli.database import found, left_of
from gateway.foundation import folders, tracing
from gateway.foundation.crypto import selftest
from gateway.foundation.store import promises, schema
from gateway.foundation.store.engine import open_engine, sqlite_path
from gateway.foundation.store.lock import DatabaseLock
from gateway.foundation.store.steps import Fit
from gateway.settings import FACES, DeliverySettings, Face, Settings, known
from gateway.terminal.output import Exit, Json, in_words, session
from gateway.words.errors import SettingsError
from gateway.words.saying import say

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from gateway.app import App
    from gateway.foundation.standing import Standing

log = structlog.get_logger(__name__)

Node = Annotated[str | None, typer.Option("--node", help="This node's name; each of several nodes has its own.")]


def serve(
    ctx: typer.Context,
    faces: Annotated[
        str, typer.Option(help="Which faces, separated by commas; each listens where [server] says.")
    ] = ",".join(FACES),
    node: Node = None,
    as_json: Json = False,
) -> None:
    """Run the gateway until SIGTERM or Ctrl-C. Says on stdout where it listens, once it is ready."""
    chosen = chosen_faces(faces)
    settings = named(session(ctx).settings, node)
    if not settings.server.binds(chosen):
        raise SettingsError("server.public", say("settings.no_public"))
    logs.configure(settings.log)
    logs.take_over()
    selftest.require()
    folders.require(settings)
    prepare_database(settings)
    _to_the_end(_run(settings, chosen, as_json), settings)


def worker(ctx: typer.Context, node: Node = None, as_json: Json = False) -> None:
    """Deliver and do jobs without listening, until SIGTERM or Ctrl-C: one more node of a cluster on PostgreSQL."""
    settings = named(session(ctx).settings, node)
    logs.configure(settings.log)
    logs.take_over()
    selftest.require()
    folders.require(settings)
    prepare_database(settings)

    async def run() -> None:
        stop = Stop(settings)
        for one in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(one, stop.set)
        async with working(settings) as gateway:
            stop.follow(gateway)
            _what_is_loaded_stays()
            name = gateway.base.settings.delivery.node
            typer.echo(
                json.dumps({"ready": True, "node": name}) if as_json else in_words(say("starting.delivers", node=name))
            )
            await stop.wait()
        stop.tell()

    _to_the_end(run(), settings)


@contextlib.asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[App]:
    """A gateway that delivers and does jobs, and listens to nobody."""
    from gateway.app import App

    async with App.open(settings, sending=True) as gateway, renewing(gateway):
        gateway.base.inside.made_by = partial(_api, gateway)
        yield gateway


def _api(gateway: App) -> ASGIApp:
    """What answers the rows of jobs where nobody is listened to: made with the first of them, since it is large."""
    from gateway.faces.build import build

    api: Face = "api"
    return build(gateway, (api,))


def _what_is_loaded_stays() -> None:
    """Leave what stands by now to nobody: the collector of cycles walked through all of it again and again, and held
    everybody up meanwhile, for longer than a request takes."""
    gc.collect()
    gc.freeze()


class Stop(asyncio.Event):
    """Set when the process is to stop: by a signal, or because the node has lost its standing.

    A stop ends: what has not let go after twice the grace (a thread that waits for a database, say) is cut off.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._seconds = 2 * settings.delivery.grace
        self._standing: Standing | None = None

    def set(self) -> None:
        """Stop."""
        if not self.is_set():
            last = threading.Timer(self._seconds, os._exit, (Exit.CUT.value,))
            last.daemon = True
            last.start()
        super().set()

    def follow(self, gateway: App) -> None:
        """Stop also when this gateway has lost its standing."""
        self._standing = gateway.base.standing
        if self._standing is not None:
            self._standing.on_fall(self.set)

    def tell(self) -> None:
        """After the stop. Raises ``typer.Exit`` where it was not asked for."""
        if self._standing is not None and self._standing.lost is not None:  # the log has said what
            raise typer.Exit(Exit.FELL)


@contextlib.asynccontextmanager
async def renewing(gateway: App) -> AsyncIterator[None]:
    """While it lasts SIGHUP has this node read the secrets of all channels anew; what became of it is in the log."""
    loop = asyncio.get_running_loop()
    under_way: set[asyncio.Task[object]] = set()

    def renew() -> None:
        task: asyncio.Task[object] = asyncio.create_task(gateway.base.renewal.renew_all(), name="renew channels")
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    loop.add_signal_handler(signal.SIGHUP, renew)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


def _to_the_end(main: Coroutine[Any, Any, None], settings: Settings) -> None:
    """Run on the fastest event loop that there is (uvloop where it is installed), and tell traces if they are asked."""
    with (
        contextlib.closing(main),
        tracing.told(settings.traces, settings.delivery.node),
        asyncio.Runner(loop_factory=uvicorn.Config("gateway", log_config=None).get_loop_factory()) as runner,
    ):
        runner.run(main)


def named(settings: Settings, node: str | None) -> Settings:
    """The settings with this node's name. SettingsError for one that is none."""
    if node is None:
        return settings
    try:
        block = DeliverySettings.model_validate({**settings.delivery.model_dump(exclude_unset=True), "node": node})
    except ValidationError:
        raise SettingsError("--node", say("settings.node_name", node=node)) from None
    return settings.model_copy(update={"delivery": block})


def chosen_faces(words: str) -> tuple[Face, ...]:
    """The faces named in a list separated by commas. SettingsError for one that does not exist."""
    chosen = [word.strip() for word in words.split(",")]
    for word in chosen:
        if word not in FACES:
            raise SettingsError("--faces", say("settings.no_face", word=word), known(word, FACES))
    return tuple(face for face in FACES if face in chosen)


def prepare_database(settings: Settings) -> None:
    """Embedded: back up and migrate under the lock. Several nodes: refuse a schema that is not ours."""
    url = settings.store.location()
    path = sqlite_path(url)
    if path is None:
        if not settings.store.may_forget:
            promises.require(url)
        engine = open_engine(url)
        try:
            _note(schema.require_current(engine))
        finally:
            engine.dispose()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with DatabaseLock.take(path):
        done = schema.migrate(url)
        if left := found(url):
            _note(left)
    if done.before != done.after:
        new, backup = sorted(done.after - done.before), done.backup and str(done.backup)
        log.info("the database was brought to this version", database=str(path), revisions=new, backup=backup)


def _note(fit: Fit) -> None:
    """Say what the schema has of a newer version, or is still to get."""
    for one in left_of(fit):
        log.warning("the schema is not this version's alone", reason=str(one))


async def _run(settings: Settings, faces: tuple[Face, ...], as_json: bool) -> None:
    from gateway.app import App
    from gateway.faces.serve import serve as serve_faces

    doors: dict[str, str] = {}

    def ready(addresses: dict[str, tuple[Face, ...]]) -> None:
        _what_is_loaded_stays()
        where: dict[str, str] = {face: f"http://{address}" for address, served in addresses.items() for face in served}
        if as_json:
            typer.echo(json.dumps({"ready": True, "faces": where} | ({"frames": doors} if doors else {})))
        else:
            told = dict(where)
            for channel, address in doors.items():
                told[in_words(say("starting.frames_of", channel=channel))] = address
            typer.echo("\n".join(map(" ".join, told.items())))

    stop = Stop(settings)
    async with App.open(settings, sending=True) as gateway, renewing(gateway):
        stop.follow(gateway)
        await serve_faces(gateway, faces, on_ready=ready, on_doors=doors.update, stop=stop)
    stop.tell()
