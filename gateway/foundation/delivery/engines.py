"""What wakes delivery. The ledger is the truth: an engine that forgets everything only makes it a little slower.

*Embedded*: one process wakes itself. *Cluster*: several nodes on one PostgreSQL; Procrastinate carries the ids of
operations between them, so that a busy node's work is begun by an idle one within milliseconds. A job means no more
than "look at this operation"; who may send is decided by the claim in the ledger, and whether a job is lost, doubled or
stalled changes nothing: pumps look by themselves, and the sweep notifies again what is due.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from sqlalchemy.engine import make_url

from gateway.foundation.store.engine import IDLE_SECONDS, LINE, VANISHED
from gateway.words.errors import SettingsError
from gateway.words.saying import say

if TYPE_CHECKING:
    import procrastinate

log = structlog.get_logger(__name__)

Deliver = Callable[[str], Awaitable[None]]

QUEUE = "gateway"
SCHEMA = "gateway_jobs"
STALLED_SECONDS = 60
_HELD = 10_000
_STOP_SECONDS = 3.0
"""How long a stop waits for the jobs' worker, which may be waiting for a database that is away."""
_RESTART = (0.2, 1.0, 5.0)
_LETS_GO = " ".join(
    f"-c {name}={value}"
    for name, value in {**VANISHED, "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s"}.items()
)
"""What the jobs' sessions ask for. Nodes that make the schema wait for each other as long as it takes."""


class Engine(Protocol):
    """Carries "look at this operation" to whoever can."""

    async def start(self, deliver: Deliver) -> None:
        """Begin to listen; ``deliver(operation_id)`` claims and begins an operation if it is due, and returns soon."""
        ...

    async def stop(self) -> None:
        """Listen no more. What was carried and not looked at may be lost."""
        ...

    def notify(self, operation_id: str) -> None:
        """An operation is in the ledger, committed. Never blocks, never raises; may forget."""
        ...

    async def renotify(self, operation_ids: Sequence[str]) -> None:
        """These are due and nobody has begun them: tell again, unless somebody is told already."""
        ...


class Embedded:
    """One process: the one that writes the ledger is the one that sends, and has been woken already."""

    async def start(self, deliver: Deliver) -> None:
        """Nothing to listen to."""

    async def stop(self) -> None:
        """Nothing to end."""

    def notify(self, operation_id: str) -> None:
        """The pumps of this process were woken by who wrote the operation."""

    async def renotify(self, operation_ids: Sequence[str]) -> None:
        """The sweep wakes every pump."""


class Cluster:
    """Several nodes: jobs of Procrastinate in the schema ``gateway_jobs`` of the same PostgreSQL."""

    def __init__(self, url: str, node: str) -> None:
        self._node = node
        self._address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._told: asyncio.Queue[str] = asyncio.Queue(_HELD)
        self._tasks: list[asyncio.Task[None]] = []
        self._app: procrastinate.App | None = None
        self._job: Any = None
        self._stopping = False

    @staticmethod
    def installed() -> bool:
        """Whether the extra ``cluster`` is there."""
        return importlib.util.find_spec("procrastinate") is not None

    async def start(self, deliver: Deliver) -> None:
        """Make the jobs' schema if need be, and begin to tell and to listen."""
        from procrastinate import App, PsycopgConnector

        connector = PsycopgConnector(
            conninfo=self._address,
            kwargs={"options": f"-c search_path={SCHEMA} {_LETS_GO}", **LINE},
            min_size=1,
            max_size=6,
            timeout=10.0,
        )
        self._app = App(connector=connector)

        @self._app.task(name="deliver", queue=QUEUE)
        async def job(operation_id: str) -> None:
            await deliver(operation_id)

        self._job = job
        await self._make_schema()
        await self._app.open_async()
        self._tasks = [
            asyncio.create_task(self._tell(), name="jobs out"),
            asyncio.create_task(self._listen(), name="jobs in"),
        ]

    async def stop(self) -> None:
        """Finish no more than what is being looked at."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_STOP_SECONDS)
        if self._app is not None:
            with contextlib.suppress(Exception):  # the database is away, and with it what was to be closed
                await asyncio.wait_for(self._app.close_async(), _STOP_SECONDS)

    def notify(self, operation_id: str) -> None:
        """Tell some node, soon. What finds no room is found by the sweep."""
        with contextlib.suppress(asyncio.QueueFull):
            self._told.put_nowait(operation_id)

    async def renotify(self, operation_ids: Sequence[str]) -> None:
        """Clear away the jobs of nodes that died with them, then tell again."""
        assert self._app is not None
        from procrastinate.jobs import Status

        manager = self._app.job_manager
        for stalled in await manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=STALLED_SECONDS):
            await manager.finish_job(stalled, status=Status.FAILED, delete_job=True)
        await manager.delete_old_jobs(nb_hours=24, queue=QUEUE, include_failed=True)
        for operation_id in operation_ids:
            await self._defer(operation_id)

    # --- inside -----------------------------------------------------------------------------------------------------

    async def _make_schema(self) -> None:
        """Once for all nodes: they take turns, and find it done."""
        import psycopg
        from procrastinate.schema import SchemaManager

        async with await psycopg.AsyncConnection.connect(self._address, options=_LETS_GO, **LINE) as conn:
            await conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (SCHEMA,))
            found = await conn.execute("select to_regclass(%s)", (f"{SCHEMA}.procrastinate_jobs",))
            row = await found.fetchone()
            if row is None or row[0] is None:
                await conn.execute(f"create schema if not exists {SCHEMA}")
                await conn.execute(f"set local search_path = {SCHEMA}")
                await conn.execute(SchemaManager.get_schema())

    async def _defer(self, operation_id: str) -> None:
        from procrastinate.exceptions import AlreadyEnqueued

        with contextlib.suppress(AlreadyEnqueued):
            await self._job.configure(queueing_lock=operation_id).defer_async(operation_id=operation_id)

    async def _tell(self) -> None:
        while True:
            operation_id = await self._told.get()
            try:
                await self._defer(operation_id)
            except Exception as problem:
                log.warning("a job could not be told; the sweep will", operation=operation_id, reason=str(problem))

    async def _listen(self) -> None:
        assert self._app is not None
        failures = 0
        while not self._stopping:  # where the database is away the worker answers its cancelling with another error
            began = asyncio.get_running_loop().time()
            try:
                await self._app.run_worker_async(
                    queues=[QUEUE],
                    name=self._node,
                    concurrency=8,
                    fetch_job_polling_interval=5.0,  # a lost LISTEN must not stop delivery
                    delete_jobs="always",
                    install_signal_handlers=False,
                    shutdown_graceful_timeout=1.0,
                )
                return
            except asyncio.CancelledError:
                raise
            except Exception as problem:
                failures = 0 if asyncio.get_running_loop().time() - began > 60 else failures + 1
                log.warning("jobs cannot be listened to; trying again", node=self._node, reason=str(problem))
            await asyncio.sleep(_RESTART[min(failures, len(_RESTART)) - 1])


def choose(name: str, url: str, dialect: str, node: str) -> Engine:
    """The engine that settings ask for; ``auto`` takes the cluster on PostgreSQL where its extra is installed.

    Raises SettingsError for a cluster that cannot be.
    """
    possible = dialect == "postgresql"
    if name == "cluster" and not possible:
        raise SettingsError("delivery.engine", say("delivery.needs_postgres"))
    if name == "cluster" and not Cluster.installed():
        raise SettingsError("delivery.engine", say("delivery.needs_extra"))
    wanted = name == "cluster" or (name == "auto" and possible and Cluster.installed())
    return Cluster(url, node) if wanted else Embedded()
