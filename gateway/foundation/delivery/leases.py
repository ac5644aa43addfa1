"""Leases: renewed while a call is under way, freed when they ran out. A cut effect is doubt, never a second call."""

from __future__ import annotations

import asyncio
import time

import structlog
from sqlalchemy import Connection

from gateway.foundation.delivery import operation_records
from gateway.foundation.delivery.actions import Doubt
from gateway.foundation.delivery.attempts import Attempts
from gateway.foundation.delivery.doubts import DoubtAges
from gateway.foundation.delivery.engines import Engine
from gateway.foundation.delivery.node import LOOK_SECONDS, Node
from gateway.words.errors import UnavailableProblem

log = structlog.get_logger(__name__)

GONE_SECONDS = 2.0
"""For how long a node must be without its name: one that takes it again after the server was away is not gone."""


class Leases:
    """The leases that this node holds, and the sweep for those that ran out, whoever held them."""

    def __init__(self, node: Node, attempts: Attempts, doubts: DoubtAges, engine: Engine) -> None:
        self._node = node
        self._attempts = attempts
        self._doubts = doubts
        self._engine = engine
        self._tasks: list[asyncio.Task[None]] = []
        self._missed: dict[str, float] = {}

    async def free_own(self) -> None:
        """Free what an earlier life under this node's name held; a sole process frees everybody's."""
        await self._free(operation_records.EVERYBODY if self._node.alone else self._node.name)

    def start(self) -> None:
        """Begin to renew and to sweep."""
        self._tasks = [
            asyncio.create_task(self._renewing(), name="leases"),
            asyncio.create_task(self._sweeping(), name="sweep"),
        ]
        if self._node.settings.named:
            self._tasks.append(asyncio.create_task(self._missing(), name="nodes"))

    async def stop(self) -> None:
        """Renew no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def sweep(self) -> int:
        """Free leases that ran out by the database's clock, whoever held them, and look everywhere; how many."""
        store = self._node.store
        freed = await self._free(None)
        now = self._node.now()
        self._doubts.forget(self._node.settings.patience.doubt_deadline)
        await store.write_beside(lambda conn: operation_records.bring_back(conn, now))
        self._node.wake()
        await self._engine.renotify(
            await store.read(lambda conn: operation_records.overdue(conn, self._node.actions, now))
        )
        return freed

    async def look_for_the_gone(self) -> int:
        """Free what nodes have left that are gone: seen twice without their name, some seconds apart; how many."""
        gone = await self._node.store.read(lambda conn: operation_records.gone(conn, self._node.name))
        now = time.monotonic()
        self._missed = {node: self._missed.get(node, now) for node in gone}
        freed = 0
        for node, since in self._missed.items():
            if now - since >= GONE_SECONDS:
                freed += await self._free(node, gone=True)
        return freed

    async def _missing(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look_for_the_gone()
            except UnavailableProblem as problem:
                log.warning("it could not be seen whether a node is gone", reason=str(problem))
            except Exception:
                log.exception("it could not be seen whether a node is gone")

    async def _renewing(self) -> None:
        """While a call is under way its lease does not end."""
        node = self._node
        while True:
            await asyncio.sleep(node.settings.lease / 3)
            try:
                if under_way := self._attempts.operations():
                    await self._renew(under_way)
            except UnavailableProblem as problem:
                log.warning("leases could not be renewed", reason=str(problem))
            except Exception:
                log.exception("leases could not be renewed")

    async def _renew(self, under_way: list[str]) -> None:
        node = self._node
        await node.store.write_beside(lambda conn: operation_records.renew(conn, node.name, under_way, node.lease))

    async def _sweeping(self) -> None:
        while True:
            await asyncio.sleep(self._node.settings.sweep)
            try:
                await self.sweep()
            except UnavailableProblem as problem:
                log.warning("the sweep could not look at the ledger", reason=str(problem))
            except Exception:
                log.exception("the sweep failed")

    async def _free(self, node: str | None, *, gone: bool = False) -> int:
        """Free leases; rooms are told of the doubt that begins. ``gone``: unless the node has its name again."""
        now, actions = self._node.now(), self._node.actions

        def unit(conn: Connection) -> int:
            if gone and node not in operation_records.gone(conn, self._node.name):
                return 0
            cut = operation_records.release_expired(conn, now=now, node=node)
            for one in cut:
                if (
                    one.effectful
                    and one.doubt_since_at is None
                    and one.pending_since_at is None
                    and one.action in actions
                ):
                    told = Doubt(f"{one.node} stopped while the call was under way")
                    actions[one.action].record(conn, one.operation(), told)
            return len(cut)

        freed = await self._node.store.write_beside(unit)
        if freed:
            log.warning("calls were cut; the other side is asked what became of them", operations=freed)
        return freed
