"""One pump a channel, so that a slow one slows no other: claims what is due, as far as the channel lets it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy import Connection

from gateway.foundation.channels import Channel
from gateway.foundation.delivery import limits, operation_records
from gateway.foundation.delivery.attempts import Attempts, give_back
from gateway.foundation.delivery.conditions import Conditions
from gateway.foundation.delivery.limits import SECOND, Condition
from gateway.foundation.delivery.node import LOOK_SECONDS, Node
from gateway.foundation.delivery.operation_records import Claimed, Wanted
from gateway.foundation.delivery.states import WAITING
from gateway.words.clock import rfc3339, to_micros
from gateway.words.errors import UnavailableProblem

REST_SECONDS = 5.0
"""The longest that a pump trusts its last look, while nothing is stored and nothing has become due."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Rest:
    """Nothing was due when there had been so many commits: there is nothing to look for before the next one, or
    before ``due``. ``until``: by the monotonic clock."""

    commits: int
    due: int | None
    until: float


class Pumps:
    """The pumps of this node. Each looks at the ledger by itself, now and then, and at once when it is woken."""

    def __init__(self, node: Node, attempts: Attempts, conditions: Conditions) -> None:
        self._node = node
        self._attempts = attempts
        self._conditions = conditions
        self._tasks: list[asyncio.Task[None]] = []
        self._rests: dict[str, _Rest] = {}

    def start(self) -> None:
        """Begin to look, for every channel."""
        for channel in self._node.channels.all():
            self._node.wakes[channel.name] = asyncio.Event()
            self._tasks.append(asyncio.create_task(self._pump(channel), name=f"pump {channel.name}"))

    async def rest(self) -> None:
        """Wait, no longer than the grace, until nothing more is claimed: one that is just claiming gives it back."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._node.settings.grace)

    async def stop(self) -> None:
        """End at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def may_begin(self, channel: str) -> bool:
        """Whether a call may begin at once, as far as this node knows. What must be counted by all nodes may not."""
        bound = self._node.channels.get(channel).keys
        return (
            not self._node.stopping
            and self._attempts.room(channel) > 0
            and (bound.concurrency is None or self._node.alone)
            and self._conditions.of(channel).clear
            and limits.closed_until(bound.quiet, self._node.clock.now()) is None
        )

    async def take(self, operation_id: str) -> None:
        """Claim and begin one operation that somebody told us about, if it is due and its channel has room here."""
        node = self._node
        told = await node.store.read(lambda conn: operation_records.fetch(conn, operation_id))
        if told is None or told.state not in WAITING or told.channel not in node.wakes:
            return
        if not node.stopping and self._conditions.of(told.channel).clear:
            await self._look(node.channels.get(told.channel), only=operation_id)

    async def _pump(self, channel: Channel) -> None:
        wake = self._node.wakes[channel.name]
        while not self._node.stopping:
            if wake.is_set():
                self._rests.pop(channel.name, None)
            wake.clear()
            try:
                pause = await self._look(channel)
            except asyncio.CancelledError:
                raise
            except UnavailableProblem:
                pause = 0.2
            except Exception:
                log.exception("delivery could not look at its ledger", channel=channel.name)
                pause = 1.0
            if pause and not self._node.stopping:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await wake.wait()

    async def _look(self, channel: Channel, only: str | None = None) -> float:
        """Claim what is due and start it; seconds until it is worth looking again."""
        name, bound, node, store = channel.name, channel.keys, self._node, self._node.store
        room = self._attempts.room(name)
        if room <= 0 or await self._closed(channel):
            return LOOK_SECONDS
        now, commits = self._node.now(), store.commits
        if only is None and (rest := self._resting(name, now, commits)) is not None:
            return _pause(rest.due, now)
        due, condition = await store.read(
            lambda conn: (operation_records.next_due(conn, name, node.actions), limits.condition(conn, name))
        )
        self._conditions.learn(name, condition)
        if due is None or due > now:
            self._rests[name] = _Rest(commits, due, time.monotonic() + REST_SECONDS)
            return _pause(due, now)
        if condition.stopped is not None:
            return LOOK_SECONDS
        if condition.open_until is not None:
            pause = await self._probe(name, condition, condition.open_until)
            if pause is not None:
                return pause
            room = 1
        if bound.rate is not None:
            room = min(room, bound.burst + max(1, int(bound.rate * LOOK_SECONDS)))
        claimed = await self._claim(channel, now, room, only)
        if len(claimed) == room:
            return 0.0 if room > 1 else LOOK_SECONDS / 4
        return 0.05 if claimed or self._shared(channel) is not None else LOOK_SECONDS

    def _resting(self, name: str, now: int, commits: int) -> _Rest | None:
        """The last look, if another one would find the same; only where no other process can write."""
        rest = self._rests.get(name)
        if rest is None or not self._node.alone or rest.commits != commits or time.monotonic() >= rest.until:
            return None
        return rest if rest.due is None or rest.due > now else None

    async def _closed(self, channel: Channel) -> bool:
        """Whether the platform is closed now 日切停服; what is due meanwhile is put off until it opens, and says so."""
        name, store = channel.name, self._node.store
        closed = limits.closed_until(channel.keys.quiet, self._node.clock.now())
        if closed is None:
            return False
        until, words = to_micros(closed), f"the channel is closed until {rfc3339(closed)} 日切停服"
        due = await store.read(lambda conn: operation_records.next_due(conn, name, self._node.actions))
        if due is not None and due < until:
            await store.write_beside(lambda conn: operation_records.postpone(conn, name, until=until, reason=words))
        return True

    async def _probe(self, name: str, condition: Condition, open_until: int) -> float | None:
        """None when this node may try one call through the open circuit; otherwise seconds until the next look."""
        left = (open_until - condition.read_at) / SECOND
        if left > 0:
            return min(LOOK_SECONDS, left + 0.005)
        mine = await self._node.store.write_apart(lambda conn: limits.take_probe(conn, name))
        return None if mine else LOOK_SECONDS / 4

    def _shared(self, channel: Channel) -> int | None:
        """The channel's calls in flight that all nodes must count together; None where nobody else can call."""
        return channel.keys.concurrency if not self._node.alone else None

    async def _claim(self, channel: Channel, now: int, room: int, only: str | None) -> list[Claimed]:
        """Claim up to ``room`` due operations and start them."""
        name, node, shared = channel.name, self._node, self._shared(channel)
        began = time.monotonic()

        def claim(conn: Connection) -> list[Claimed]:
            free = room
            if shared is not None:
                limits.hold(conn, name)
                free = min(room, shared - operation_records.waiting(conn, name))
            if free <= 0:
                return []
            wanted = Wanted(name, node.actions, now, free, only, node.by_deadline(channel.info.kind))
            return operation_records.claim_due(conn, wanted, node=node.name, lease=node.lease)

        claimed = await (node.store.write_beside if shared is None else node.store.write_apart)(claim)
        for record, was in claimed:
            operation = record.operation(claimed=began)
            if node.stopping:
                await give_back(node, operation, was, record.due_at)
            else:
                self._attempts.start(operation, was, partial(node.request_of, record))
        return claimed


def _pause(due: int | None, now: int) -> float:
    """Seconds until something may be due."""
    return LOOK_SECONDS if due is None else min(LOOK_SECONDS, max(0.01, (due - now) / SECOND))
