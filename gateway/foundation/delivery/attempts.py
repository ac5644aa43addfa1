"""One attempt at one operation: call, or ask; decide; record. And the attempts that are under way on this node."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from opentelemetry.trace import get_current_span

from gateway.foundation.channels import Channel
from gateway.foundation.delivery import endings, limits, operation_records
from gateway.foundation.delivery.actions import Action, NotYet, Operation
from gateway.foundation.delivery.conditions import Conditions
from gateway.foundation.delivery.doubts import DoubtAges
from gateway.foundation.delivery.endings import Ending, Kept
from gateway.foundation.delivery.limits import SECOND
from gateway.foundation.delivery.node import LOOK_SECONDS, Node
from gateway.foundation.delivery.retry_rules import Step, after_call, after_find, unusable, without_question
from gateway.foundation.delivery.states import ASKED, SETTLED, WAITING, State
from gateway.foundation.delivery.waiters import Waiters
from gateway.foundation.handovers import HandsOver
from gateway.foundation.tracing import TRACER
from gateway.ports.base import Message, Pending, Refused
from gateway.words.errors import (
    ContractError,
    ContradictionError,
    NotSentError,
    OutcomeUnknownError,
    UnavailableProblem,
    UnsupportedError,
)
from gateway.words.identifiers import in_sandbox

log = structlog.get_logger(__name__)

FENCE_SECONDS = 2.0
"""A claim older than this is looked at again just before the call."""

Result = Message | BaseException | None
Settle = Callable[[Ending, Result], Awaitable[None]]


@dataclass(eq=False)
class Attempt:
    """One attempt: ``operation`` as it was claimed, ``was`` the state in which it was found.

    ``settle`` records where it has led, and tells those who wait.
    """

    node: Node
    conditions: Conditions
    doubts: DoubtAges
    settle: Settle
    operation: Operation
    was: State

    @property
    def asking(self) -> bool:
        """Whether the other side is asked what became of an earlier call; nothing is sent then."""
        return self.was in ASKED

    async def run(self, read: Callable[[], Message]) -> None:
        """From the request to the outcome in the operation_records. Cut by a stop, an effect becomes doubt.

        ``read`` gives the request: nobody can call with one that cannot be read. The span is a part of the request
        that began it, where one did.
        """
        one = self.operation
        about: dict[str, str | int] = {
            "gateway.operation": one.id,
            "gateway.channel": one.channel,
            "gateway.attempt": one.attempt,
        }
        with TRACER.start_as_current_span(f"{one.action} {'find' if self.asking else 'call'}", attributes=about):
            await self._run(read)

    async def _run(self, read: Callable[[], Message]) -> None:
        operation, node = self.operation, self.node
        began = node.now()
        try:
            request = read()
        except Exception as fault:
            log.exception("an operation cannot be read", operation=operation.id, action=operation.action)
            await self._end(unusable(operation, fault, began), fault, None, (), began)
            return
        action, channel = node.actions[operation.action], node.channels.get(operation.channel)
        handed = None if action.hands_over is None else action.hands_over(request)
        if self.asking and not node.can_ask(operation.action, operation.channel):
            await self._end(without_question(operation, began), None, action, (), began, handed)
            return
        if not await self._may_call(channel):
            return
        began = node.now()
        waited, age = self.doubts.waited(operation) if self.was is State.UNCERTAIN else (0.0, 0.0)
        cut: asyncio.CancelledError | None = None
        with node.evidence.collecting() as exchanges:
            result: Result
            try:
                result = await self._exchange(action, channel, request)
            except asyncio.CancelledError as stop:
                cut, result = stop, OutcomeUnknownError("the gateway stopped while the call was under way")
            except Exception as error:
                result = error
        step = self._step(channel, result, began, waited, age)
        if step.stop_channel is not None:  # first of all: what was denied is queued again, and must not be sent
            await self.conditions.weigh(channel, result, step)
        if step.state is State.UNCERTAIN and not self.asking:
            self.doubts.begin(operation.id, step.doubt_since)
        elif step.state is not State.UNCERTAIN:
            self.doubts.end(operation.id)
        left = self.asking or not isinstance(result, NotSentError | UnsupportedError)
        await self._end(step, result, action, exchanges, began, handed if left else None)
        if cut is not None:
            raise cut
        if step.stop_channel is None:
            await self.conditions.weigh(channel, result, step)

    async def _exchange(self, action: Action, channel: Channel, request: Message) -> Message | None:
        """Call or ask, and hold the answer against the request.

        The last look at what keeps sandboxes and the real apart: settings may have changed since it was queued.
        """
        if in_sandbox(self.operation.authority) is not channel.keys.simulator:
            raise UnsupportedError("sandboxes (test-…) are served by channels with simulator = true, and only they are")
        if self.asking:
            assert action.find is not None
            result = await action.find(channel.adapter, request)
        else:
            result = await action.call(channel.adapter, request)
        if isinstance(result, Pending | Refused):
            if isinstance(result, Pending) and not action.effectful:  # a question that was not answered yet
                raise NotYet(result.ask_after, result.words or "no answer yet")
            return result
        if result is not None and action.check is not None:
            try:
                action.check(request, result)
            except ContractError as other:
                raise ContradictionError(str(other)) from other
        return result

    def _step(self, channel: Channel, result: Result, began: int, waited: float, age: float) -> Step:
        """What follows from what happened."""
        operation, now, patience = self.operation, self.node.now(), self.node.settings.patience
        if self.asking:
            return after_find(
                operation, result, now=now, guarantee=channel.find, patience=patience, waited=waited, age=age
            )
        if result is None:
            result = RuntimeError(f"{operation.action} answered nothing")
        can_find = self.node.can_ask(operation.action, operation.channel)
        return after_call(operation, result, now=now, began=began, can_find=can_find, patience=patience)

    async def _end(
        self,
        step: Step,
        result: Result,
        action: Action | None,
        exchanges: Any,
        began: int,
        handed: HandsOver | None = None,
    ) -> None:
        ended = self.node.now()
        get_current_span().set_attribute("gateway.outcome", step.label)
        await self.settle(Ending(self.operation, action, self.asking, step, exchanges, began, ended, handed), result)

    async def _may_call(self, channel: Channel) -> bool:
        """Wait for the channel's rate, then look at the fence again if the claim is old. False: nothing is sent."""
        operation, store, bound, name = self.operation, self.node.store, channel.keys, channel.name
        try:
            if bound.rate is not None:
                wait = await store.write_apart(lambda conn: limits.take_slot(conn, name, bound, LOOK_SECONDS))
                if wait is None:
                    await give_back(self.node, operation, self.was, self.node.now() + int(LOOK_SECONDS * SECOND))
                    return False
                await asyncio.sleep(wait)
            if time.monotonic() - operation.claimed < FENCE_SECONDS:
                return True
            if await store.write_beside(lambda conn: operation_records.hold(conn, operation, self.node.lease)):
                return True
        except (asyncio.CancelledError, UnavailableProblem) as stop:
            await asyncio.shield(give_back(self.node, operation, self.was, self.node.now()))
            if isinstance(stop, asyncio.CancelledError):
                raise
            return False
        log.warning("fenced before the call: another attempt has taken over", operation=operation.id)
        return False


async def give_back(node: Node, operation: Operation, was: State, due: int) -> None:
    """Undo a claim under which nothing was sent. Should that fail, the lease ends it."""
    now = node.now()
    try:
        await node.store.write_beside(
            lambda conn: operation_records.give_back(conn, operation, was=was, due=due, now=now)
        )
    except UnavailableProblem as problem:
        log.warning("a claim could not be given back", operation=operation.id, reason=str(problem))


class Attempts:
    """The attempts under way on this node. Whoever waits for an outcome may go: the call goes on."""

    def __init__(self, node: Node, conditions: Conditions, doubts: DoubtAges) -> None:
        self._node = node
        self._conditions = conditions
        self._doubts = doubts
        self.waiters = Waiters(node.store, self.under_way)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._keeping: set[asyncio.Task[Kept | None]] = set()
        self._in_flight: dict[str, int] = {}

    def __len__(self) -> int:
        """How many are under way, those included that another attempt has overtaken."""
        return len(self._tasks)

    def under_way(self, operation_id: str) -> bool:
        """Whether this operation is being called, or asked about, here and now."""
        return operation_id in self._running

    def operations(self) -> list[str]:
        """The operations whose leases this node must renew."""
        return list(self._running)

    def room(self, channel: str) -> int:
        """How many more calls may be in flight for a channel on this node."""
        most = self._node.channels.get(channel).keys.concurrency or self._node.settings.concurrency
        return min(most, self._node.settings.concurrency) - self._in_flight.get(channel, 0)

    def start(self, operation: Operation, was: State, read: Callable[[], Message]) -> None:
        """Begin an attempt at a claimed operation; ``read`` gives its request."""
        attempt = Attempt(self._node, self._conditions, self._doubts, self._settle, operation, was)
        task = asyncio.get_running_loop().create_task(attempt.run(read))
        name = operation.channel
        self._running[operation.id] = task
        self._tasks.add(task)
        self._in_flight[name] = self._in_flight.get(name, 0) + 1

        def ended(_: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if self._running.get(operation.id) is task:
                del self._running[operation.id]
            was_full = self.room(name) <= 0
            self._in_flight[name] -= 1
            if was_full:  # what is due may have waited for this
                self._node.wake(name)
            if not task.cancelled() and (fault := task.exception()) is not None:
                log.error("an attempt failed for a fault of ours", operation=operation.id, exc_info=fault)

        task.add_done_callback(ended)

    async def stop(self) -> None:
        """Let calls end within the grace, cut the rest, and let what is being stored be stored."""
        grace = self._node.settings.grace
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._keeping:
            await asyncio.wait(self._keeping, timeout=grace)

    async def _settle(self, ending: Ending, result: Result) -> None:
        """Record where an attempt has led, though its task be cut meanwhile, and tell those who wait."""
        keeping = asyncio.ensure_future(endings.keep(self._node, ending))
        self._keeping.add(keeping)
        keeping.add_done_callback(self._keeping.discard)
        kept = await asyncio.shield(keeping)
        if kept is not None:
            operation, kind = ending.operation, "find" if ending.asked else "call"
            seconds = (ending.ended - ending.began) / SECOND
            self._node.meters.call(operation.channel, operation.action, kind, kept.step.label, max(0.0, seconds))
            self.tell(operation, kept, result)

    def tell(self, operation: Operation, kept: Kept, result: Result) -> None:
        """What became of an attempt: to the log, to those who wait, and to the pump if there is more to do."""
        step = kept.step
        _report(operation, kept, result)
        if kept.mine and step.state in SETTLED:
            once, next_ = self._node.asked_under.pop(operation.id, None), self._node.followed.get(operation.id)
            if once is not None and next_ is not None:
                self._node.asked_under[next_] = once
            self.waiters.tell(operation.id, step.state)
        if kept.mine and step.state in WAITING:
            self._node.wake(operation.channel)


def _report(operation: Operation, kept: Kept, result: Result) -> None:
    """One line in the log; at level debug if all went well at once, which the operation and its event tell as well."""
    step = kept.step
    smooth = operation.attempt == 1 and kept.mine and step.state is State.DONE and not step.alarm
    known = isinstance(result, NotSentError) or not step.alarm
    (log.error if step.alarm else log.debug if smooth else log.info)(
        f"{operation.action}: {step.label}",
        operation=operation.id,
        channel=operation.channel,
        state=step.state,
        reason=step.reason,
        fenced=not kept.mine,
        exc_info=result if isinstance(result, BaseException) and not known else None,
    )
