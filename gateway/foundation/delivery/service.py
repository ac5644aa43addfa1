"""Follows each operation until its outcome is recorded: claims what is due, calls, records.

One pump a channel, so that a slow one slows no other. A claim is a lease by the database's clock, renewed while the
call is under way; whoever lost it finds itself fenced. What wakes the pumps is the engine's business (``engines``), and
none of it is needed for an operation to end: each pump looks at the ledger by itself, and a sweep frees what was cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from sqlalchemy import Connection, RowMapping

from gateway.foundation.channels import Channel, Channels
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.delivery import ledger, limits
from gateway.foundation.delivery.actions import Action, Done, Doubt, Operation
from gateway.foundation.delivery.engines import Embedded, Engine
from gateway.foundation.delivery.limits import SECOND, Condition
from gateway.foundation.delivery.retry_rules import Patience, Step, after_call, after_find, unusable, without_question
from gateway.foundation.evidence import Evidence
from gateway.foundation.store import Store
from gateway.foundation.store.engine import SQLITE
from gateway.ports.base import Message
from gateway.words.clock import Clock, rfc3339, to_micros
from gateway.words.errors import (
    ConflictProblem,
    ContractError,
    GatewayError,
    NotFoundProblem,
    NotSentError,
    OutcomeUnknownError,
    UnavailableProblem,
)
from gateway.words.identifiers import new_id, new_reference

log = structlog.get_logger(__name__)

FINAL = ("done", "rejected", "parked")
LOOK_SECONDS = 1.0
"""How long a pump or a waiter trusts what it last saw."""
FENCE_SECONDS = 2.0
"""A claim older than this is looked at again just before the call."""


@dataclass(frozen=True)
class DeliverySettings:
    """``concurrency``: calls in flight per channel here. ``grace``: seconds that a stop waits for calls to end.

    ``lease``: seconds after which a call that is not heard of counts as cut; ``sweep``: seconds between two looks for
    such calls.
    """

    node: str = "node-1"
    concurrency: int = 32
    grace: float = 20.0
    lease: float = 60.0
    sweep: float = 60.0
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True)
class _Known:
    """A doubt as this process has met it: which one, when by a clock that nobody sets, and how old it was then."""

    since: int | None
    at: float
    age: float


class Delivery:
    """Takes operations from rooms, inside their transactions, and follows each until its outcome is recorded."""

    def __init__(
        self,
        store: Store,
        channels: Channels,
        evidence: Evidence,
        envelope: Envelope,
        clock: Clock,
        settings: DeliverySettings | None = None,
        engine: Engine | None = None,
    ) -> None:
        self._store = store
        self._channels = channels
        self._evidence = evidence
        self._envelope = envelope
        self._clock = clock
        self.settings = settings or DeliverySettings()
        self._actions: dict[str, Action] = {}
        self._wakes: dict[str, asyncio.Event] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._keeping: set[asyncio.Task[tuple[bool, Step] | None]] = set()
        self._conditions: dict[str, Condition] = {}
        self._in_flight: dict[str, int] = {}
        self._waiters: dict[str, list[asyncio.Future[str]]] = {}
        self._doubts: dict[str, _Known] = {}
        self._pumps: list[asyncio.Task[None]] = []
        self._lease = int(self.settings.lease * SECOND)
        self._engine = engine or Embedded()
        self._stopping = False

    # --- what rooms use ---------------------------------------------------------------------------------------------

    def register(self, action: Action) -> None:
        """Make a kind of operation known; at assembly, before ``start``."""
        if action.name in self._actions:
            raise ValueError(f"action {action.name} is registered twice")
        self._actions[action.name] = action

    def action(self, name: str) -> Action:
        """The kind of operation of this name. Raises NotFoundProblem."""
        if name not in self._actions:
            raise NotFoundProblem(f"nothing here knows {name} any more")
        return self._actions[name]

    def request_of(self, row: RowMapping) -> Message:
        """What an operation asks for. Holds personal data."""
        body = self._envelope.open(row["request_sealed"], f"operation|request|{row['id']}")
        return self.action(row["action"]).request_model.model_validate_json(body)

    def new_reference(self, channel: str) -> str:
        """A fresh reference in the format that the channel's adapter declares."""
        form = self._channels.get(channel).info.reference
        return new_reference(form.length, form.alphabet, form.prefix)

    def enqueue(
        self,
        conn: Connection,
        *,
        action: str,
        channel: str,
        authority: str,
        subject: str,
        request: Message,
        operation_id: str | None = None,
        not_before: int | None = None,
        rerun_of: str | None = None,
        claim: bool = False,
    ) -> Operation:
        """Write one operation in the caller's transaction; it leaves once that has committed and ``begin`` is called.

        ``claim``: taken by this node at birth, if the channel has room. Should the process die before ``begin``, the
        lease ends as doubt and the other side is asked first.
        """
        known = self._actions[action]
        now = to_micros(self._clock.now())
        operation_id = operation_id or new_id("opn")
        claim = claim and not_before is None and self._may_begin(channel)
        body = request.model_dump_json().encode()
        operation = Operation(
            id=operation_id,
            action=action,
            channel=channel,
            authority=authority,
            subject=subject,
            reference=getattr(request, "reference", None) if known.effectful else None,
            effectful=known.effectful,
            state="sending" if claim else "queued",
            attempt=1 if claim else 0,
            tries=0,
            sent_at=None,
            doubt_since_at=None,
            created_at=now,
            claimed=time.monotonic(),
        )
        values = {name: getattr(operation, name) for name in ledger.OPERATION}
        values |= {
            "request_sealed": self._envelope.seal(body, f"operation|request|{operation_id}"),
            "node": self.settings.node if claim else None,
            "due_at": not_before or now,
            "rerun_of": rerun_of,
            "two_persons": known.two_persons,
            "updated_at": now,
        }
        ledger.add(conn, values, self._lease if claim else None)
        return operation

    def begin(self, operation: Operation, request: Message) -> None:
        """After the commit of an ``enqueue``: call now if it was claimed at birth, otherwise look at what is due."""
        if operation.state != "sending":
            self.wake(operation.channel)
            self._engine.notify(operation.id)
            return
        if self._stopping:  # nothing was sent, yet nobody would hear of the answer: the lease ends it
            log.warning("an operation was accepted while stopping; it is asked about later", operation=operation.id)
            return
        self._start(operation, self._attempt(operation, request, was="queued"))

    def hurry(
        self, conn: Connection, channel: str, *, reference: str | None = None, subject: str | None = None
    ) -> None:
        """Something hints that the answer is there: let what is queued or in doubt for it be due now."""
        ledger.hurry(conn, channel, to_micros(self._clock.now()), reference=reference, subject=subject)

    def cancel(self, conn: Connection, operation_id: str, reason: str) -> bool:
        """End an operation that has provably not left us, in the caller's transaction. Its action is not told.

        False when it was sent, may have been sent, or is being sent: then its outcome must be waited for.
        """
        return ledger.cancel(conn, operation_id, reason=reason, now=to_micros(self._clock.now()))

    def wake(self, channel: str | None = None) -> None:
        """Something may be due: look now."""
        for name, event in self._wakes.items():
            if channel is None or name == channel:
                event.set()

    async def settled(self, operation_id: str, seconds: float) -> str | None:
        """Wait until an operation has ended; its final state, or None when it has not within ``seconds``.

        It may end elsewhere: called by another node, or cancelled by a room. So the ledger is looked at as well,
        unless the call is under way here.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str] = loop.create_future()
        self._waiters.setdefault(operation_id, []).append(future)
        until, pause = loop.time() + seconds, 0.02
        try:
            while True:
                if operation_id not in self._running:
                    row = await self._store.read(lambda conn: ledger.fetch(conn, operation_id))
                    if row is not None and row["state"] in FINAL:
                        return str(row["state"])
                    pause = min(0.25, pause * 2)
                left = until - loop.time()
                await asyncio.wait([future], timeout=max(0.0, min(left, pause)))
                if future.done():
                    return future.result()
                if left <= pause:
                    return None
        finally:
            waiting = self._waiters.get(operation_id, [])
            if future in waiting:
                waiting.remove(future)
            if not waiting:
                self._waiters.pop(operation_id, None)

    # --- what people use --------------------------------------------------------------------------------------------

    async def resolve(
        self,
        operation_id: str,
        *,
        ask: bool,
        reason: str,
        remember: Callable[[Connection, str], None] | None = None,
    ) -> None:
        """Send a parked operation on its way again: ``ask`` the other side first, or call.

        An effect whose outcome is unknown can only be asked about. ``remember(conn, operation_id)`` joins the
        transaction. Raises NotFoundProblem, ConflictProblem.
        """
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> str:
            row = ledger.fetch(conn, operation_id)
            if row is None:
                raise NotFoundProblem("no such operation")
            if row["state"] not in ("parked", "uncertain"):
                raise ConflictProblem(
                    f"the operation is {row['state']}; only parked or uncertain ones can be retried",
                    type="operation-not-parked",
                )
            if row["doubt_since_at"] is not None and not ask:
                raise ConflictProblem(
                    "it is not known whether this effect happened; it must be asked about, never sent again",
                    type="operation-in-doubt",
                    cure="Retry with ask=true.",
                )
            if row["doubt_since_at"] is not None and not self._can_ask(row["action"], row["channel"]):
                raise ConflictProblem(
                    "it is not known whether this effect happened, and this system offers no query",
                    type="operation-not-askable",
                    cure="Find out by other means, and resolve the operation with what you found.",
                )
            state = "uncertain" if row["doubt_since_at"] is not None else "queued"
            if remember is not None:
                remember(conn, operation_id)
            if not ledger.resolve_parked(conn, operation_id, state=state, due=now, reason=reason, now=now):
                raise ConflictProblem("the operation has just moved on", type="operation-not-parked")
            return str(row["channel"])

        self.wake(await self._store.write(unit))

    async def resume_channel(self, channel: str) -> None:
        """Let a stopped channel go again."""
        now = to_micros(self._clock.now())
        await self._store.write_apart(lambda conn: limits.stop_channel(conn, channel, None, now))
        self.wake(channel)

    # --- life -------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Free the leases of an earlier life, then start the pumps. Nobody else may work under this node's name."""
        names = [channel.name for channel in self._channels.all()]
        now = to_micros(self._clock.now())
        await self._store.write_apart(lambda conn: limits.add_channels(conn, names, now))
        await self._free(self.settings.node if self._store.dialect != SQLITE else ledger.EVERYBODY)
        for channel in self._channels.all():
            self._wakes[channel.name] = asyncio.Event()
            self._pumps.append(asyncio.create_task(self._pump(channel), name=f"pump {channel.name}"))
        self._pumps.append(asyncio.create_task(self._renew_leases(), name="leases"))
        self._pumps.append(asyncio.create_task(self._sweep(), name="sweep"))
        await self._engine.start(self.take)

    async def stop(self) -> None:
        """Claim nothing more, let calls end within the grace, mark the rest as in doubt."""
        self._stopping = True
        self.wake()
        await self._engine.stop()
        pumps, keepers = self._pumps[:-2], self._pumps[-2:]
        if pumps:  # a pump that is just claiming gives back what it got
            await asyncio.wait(pumps, timeout=self.settings.grace)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self.settings.grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._keeping:
            await asyncio.wait(self._keeping, timeout=self.settings.grace)
        for task in (*pumps, *keepers):
            task.cancel()
        await asyncio.gather(*pumps, *keepers, return_exceptions=True)

    # --- the engine -------------------------------------------------------------------------------------------------

    async def take(self, operation_id: str) -> None:
        """Claim and begin one operation that somebody told us about, if it is due and its channel has room here."""
        row = await self._store.read(lambda conn: ledger.fetch(conn, operation_id))
        if row is None or row["state"] not in ("queued", "uncertain") or row["channel"] not in self._wakes:
            return
        if not self._stopping and self._conditions.get(row["channel"], Condition()).clear:
            await self._claim_and_start(self._channels.get(row["channel"]), only=operation_id)

    def _room(self, channel: str) -> int:
        most = self._channels.get(channel).keys.concurrency or self.settings.concurrency
        return min(most, self.settings.concurrency) - self._in_flight.get(channel, 0)

    def _may_begin(self, channel: str) -> bool:
        """Whether a call may begin at once, as far as this node knows. What must be counted by all nodes may not."""
        bound = self._channels.get(channel).keys
        return (
            not self._stopping
            and self._room(channel) > 0
            and (bound.concurrency is None or self._store.dialect == SQLITE)
            and self._conditions.get(channel, Condition()).clear
            and limits.closed_until(bound.quiet, self._clock.now()) is None
        )

    def _can_ask(self, action: str, channel: str) -> bool:
        return self._actions[action].find is not None and self._channels.get(channel).find.offered

    async def _pump(self, channel: Channel) -> None:
        wake = self._wakes[channel.name]
        while not self._stopping:
            wake.clear()
            try:
                pause = await self._claim_and_start(channel)
            except asyncio.CancelledError:
                raise
            except UnavailableProblem:
                pause = 0.2
            except Exception:
                log.exception("delivery could not look at its ledger", channel=channel.name)
                pause = 1.0
            if pause and not self._stopping:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await wake.wait()

    async def _claim_and_start(self, channel: Channel, only: str | None = None) -> float:
        """Claim what is due and start it; seconds until it is worth looking again."""
        name, bound = channel.name, channel.keys
        room = self._room(name)
        if room <= 0:
            return LOOK_SECONDS
        civil = self._clock.now()
        closed = limits.closed_until(bound.quiet, civil)
        if closed is not None:
            words = f"the channel is closed until {rfc3339(closed)} 日切停服"
            due = await self._store.read(lambda conn: ledger.next_due(conn, name))
            if due is not None and due < to_micros(closed):
                until = to_micros(closed)
                await self._store.write(lambda conn: ledger.postpone(conn, name, until=until, reason=words))
            return LOOK_SECONDS
        now = to_micros(civil)
        due, condition = await self._store.read(
            lambda conn: (ledger.next_due(conn, name), limits.condition(conn, name))
        )
        self._conditions[name] = condition
        if due is None or due > now:
            return LOOK_SECONDS if due is None else min(LOOK_SECONDS, max(0.01, (due - now) / SECOND))
        if condition.stopped is not None:
            return LOOK_SECONDS
        if condition.open_until is not None:
            left = (condition.open_until - condition.read_at) / SECOND
            if left > 0:
                return min(LOOK_SECONDS, left + 0.005)
            if not await self._store.write_apart(lambda conn: limits.take_probe(conn, name)):
                return LOOK_SECONDS / 4
            room = 1
        if bound.rate is not None:
            room = min(room, bound.burst + max(1, int(bound.rate * LOOK_SECONDS)))
        shared = bound.concurrency if self._store.dialect != SQLITE else None
        began = time.monotonic()

        def claim(conn: Connection) -> list[tuple[RowMapping, str]]:
            free = room
            if shared is not None:
                limits.hold(conn, name)
                free = min(room, shared - ledger.waiting(conn, name))
            if free <= 0:
                return []
            return ledger.claim_due(
                conn, name, now=now, room=free, node=self.settings.node, lease=self._lease, only=only
            )

        claimed = await (self._store.write if shared is None else self._store.write_apart)(claim)
        for row, was in claimed:
            operation = replace(ledger.as_operation(row), claimed=began)
            if self._stopping:
                await self._give_back(operation, was, row["due_at"])
            else:
                self._start(operation, self._resume(operation, row, was))
        if len(claimed) == room:
            return 0.0 if room > 1 else LOOK_SECONDS / 4
        return 0.05 if claimed or shared is not None else LOOK_SECONDS

    def _start(self, operation: Operation, attempt: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(attempt)
        name = operation.channel
        self._running[operation.id] = task
        self._tasks.add(task)
        self._in_flight[name] = self._in_flight.get(name, 0) + 1

        def ended(_: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if self._running.get(operation.id) is task:
                del self._running[operation.id]
            was_full = self._room(name) <= 0
            self._in_flight[name] -= 1
            if was_full:  # what is due may have waited for this
                self.wake(name)
            if not task.cancelled() and (fault := task.exception()) is not None:
                log.error("an attempt failed for a fault of ours", operation=operation.id, exc_info=fault)

        task.add_done_callback(ended)

    async def _resume(self, operation: Operation, row: RowMapping, was: str) -> None:
        try:
            request = self.request_of(row)
        except Exception as fault:  # nobody can call with a request that cannot be read
            now = to_micros(self._clock.now())
            log.exception("an operation cannot be read", operation=operation.id, action=operation.action)
            await self._settle_as(operation, unusable(operation, fault, now), fault, was, (), now, None)
            return
        await self._attempt(operation, request, was=was)

    async def _attempt(self, operation: Operation, request: Message, *, was: str) -> None:
        """One attempt: call or ask, decide, record. Cut by a stop, an effect becomes doubt."""
        action = self._actions[operation.action]
        channel = self._channels.get(operation.channel)
        asking = was == "uncertain"
        began = to_micros(self._clock.now())
        if asking and not self._can_ask(operation.action, operation.channel):
            await self._settle_as(operation, without_question(operation, began), None, was, (), began, action)
            return
        if not await self._may_call(operation, channel, was):
            return
        began = to_micros(self._clock.now())
        waited, age = self._waited(operation) if asking else (0.0, 0.0)
        cut: asyncio.CancelledError | None = None
        with self._evidence.collecting() as exchanges:
            result: Message | BaseException | None
            try:
                if asking:
                    assert action.find is not None
                    result = await action.find(channel.adapter, request)
                else:
                    result = await action.call(channel.adapter, request)
                if result is not None and action.check is not None:
                    action.check(request, result)
            except asyncio.CancelledError as stop:
                cut, result = stop, OutcomeUnknownError("the gateway stopped while the call was under way")
            except Exception as error:
                result = error
        now = to_micros(self._clock.now())
        patience = self.settings.patience
        if asking:
            step = after_find(
                operation, result, now=now, guarantee=channel.find, patience=patience, waited=waited, age=age
            )
        else:
            if result is None:
                result = RuntimeError(f"{operation.action} answered nothing")
            can_find = self._can_ask(operation.action, operation.channel)
            step = after_call(operation, result, now=now, began=began, can_find=can_find, patience=patience)
        if step.stop_channel is not None:  # first of all: what was denied is queued again, and must not be sent
            await self._weigh(channel, result, step)
        if step.state == "uncertain" and not asking:
            self._doubts[operation.id] = _Known(step.doubt_since, self._clock.elapsed(), 0.0)
        elif step.state != "uncertain":
            self._doubts.pop(operation.id, None)
        await self._settle_as(operation, step, result, was, exchanges, began, action)
        if cut is not None:
            raise cut
        if step.stop_channel is None:
            await self._weigh(channel, result, step)

    def _waited(self, operation: Operation) -> tuple[float, float]:
        """Seconds that this process has known of the doubt, and the doubt's age, however the civil clock is set."""
        since, known = operation.doubt_since_at, self._doubts.get(operation.id)
        if known is None or known.since != since:  # it began elsewhere, or in an earlier life
            age = 0.0 if since is None else (to_micros(self._clock.now()) - since) / SECOND
            known = self._doubts[operation.id] = _Known(since, self._clock.elapsed(), age)
        waited = self._clock.elapsed() - known.at
        return waited, known.age + waited

    async def _may_call(self, operation: Operation, channel: Channel, was: str) -> bool:
        """Wait for the channel's rate, then look at the fence again if the claim is old. False: nothing is sent."""
        bound, name = channel.keys, channel.name
        try:
            if bound.rate is not None:
                wait = await self._store.write_apart(lambda conn: limits.take_slot(conn, name, bound, LOOK_SECONDS))
                if wait is None:
                    later = to_micros(self._clock.now()) + int(LOOK_SECONDS * SECOND)
                    await self._give_back(operation, was, later)
                    return False
                await asyncio.sleep(wait)
            if time.monotonic() - operation.claimed < FENCE_SECONDS:
                return True
            if await self._store.write(lambda conn: ledger.hold(conn, operation, self._lease)):
                return True
        except (asyncio.CancelledError, UnavailableProblem) as stop:
            await asyncio.shield(self._give_back(operation, was, to_micros(self._clock.now())))
            if isinstance(stop, asyncio.CancelledError):
                raise
            return False
        log.warning("fenced before the call: another attempt has taken over", operation=operation.id)
        return False

    async def _give_back(self, operation: Operation, was: str, due: int) -> None:
        """Undo a claim under which nothing was sent. Should that fail, the lease ends it."""
        now = to_micros(self._clock.now())
        try:
            await self._store.write(lambda conn: ledger.give_back(conn, operation, was=was, due=due, now=now))
        except UnavailableProblem as problem:
            log.warning("a claim could not be given back", operation=operation.id, reason=str(problem))

    async def _weigh(self, channel: Channel, result: Message | BaseException | None, step: Step) -> None:
        """Tell the channel's condition what the attempt showed: the other side answers, or it does not."""
        name, bound = channel.name, channel.keys
        known = self._conditions.get(name, Condition())
        answered = not isinstance(result, NotSentError | OutcomeUnknownError) and (
            not isinstance(result, BaseException) or isinstance(result, GatewayError)
        )
        now = to_micros(self._clock.now())
        try:
            if step.stop_channel is not None:
                reason = step.stop_channel
                await self._store.write_apart(lambda conn: limits.stop_channel(conn, name, reason, now))
                self._conditions[name] = replace(known, stopped=reason)
            elif bound.circuit_failures and not answered:
                await self._store.write_apart(lambda conn: limits.note_failure(conn, name, bound))
                self._conditions[name] = await self._store.read(lambda conn: limits.condition(conn, name))
                if self._conditions[name].open_until is not None and known.open_until is None:
                    log.error("circuit open: the channel does not answer", channel=name, failures=known.failures + 1)
            elif answered and known.troubled:
                await self._store.write_apart(lambda conn: limits.note_success(conn, name))
                self._conditions[name] = Condition(stopped=known.stopped)
                if known.open_until is not None:
                    log.info("circuit closed: the channel answers", channel=name)
                self.wake(name)
        except UnavailableProblem as problem:
            log.warning("a channel's condition could not be noted", channel=name, reason=str(problem))

    async def _settle_as(
        self,
        operation: Operation,
        step: Step,
        result: object,
        was: str,
        exchanges: Sequence[Any],
        began: int,
        action: Action | None,
    ) -> None:
        """Record where an attempt has led, and tell those who wait."""
        now = to_micros(self._clock.now())
        kind = "find" if was == "uncertain" else "call"
        keeping = asyncio.ensure_future(self._keep(operation, step, kind, exchanges, began, now, action))
        self._keeping.add(keeping)
        keeping.add_done_callback(self._keeping.discard)
        kept = await asyncio.shield(keeping)
        if kept is not None:
            mine, step = kept
            self._tell(operation, step, result, mine)

    async def _keep(
        self,
        operation: Operation,
        step: Step,
        kind: str,
        exchanges: Sequence[Any],
        began: int,
        now: int,
        action: Action | None,
    ) -> tuple[bool, Step] | None:
        """Store an outcome, as long as it takes; where it led. None when the gateway stops first: the lease ends it.

        An answer that contradicts what the room knows (ContractError) is no answer: doubt, as if the adapter had
        refused it. Any other outcome that the room cannot take is a fault of ours: the operation is parked with it,
        so that a person sees it, rather than asked about for ever.
        """
        pause, again = 0.05, False
        exchanges = await self._evidence.ready(exchanges)

        def unit(conn: Connection) -> bool:
            nonlocal again
            known = ledger.recorded(conn, operation) if again else None
            again = True
            return self._record(conn, action, operation, step, kind, exchanges, began, now) if known is None else known

        while True:
            try:
                return await self._store.write(unit), step
            except UnavailableProblem as problem:
                if self._stopping and pause > 1:
                    log.error("an outcome could not be stored before the stop", reason=str(problem))
                    return None
            except Exception as fault:
                if isinstance(fault, ContractError) and isinstance(step.tell, Done):
                    log.error("an answer contradicts what is known", operation=operation.id, reason=str(fault))
                    step, again = self._refused(operation, fault, kind, began, now), False
                    continue
                log.exception("an outcome could not be recorded: the operation is parked", operation=operation.id)
                return await self._park(operation, step, fault, kind, exchanges, began, now, action)
            await asyncio.sleep(pause)
            pause = min(2.0, pause * 2)

    def _refused(self, operation: Operation, refusal: ContractError, kind: str, began: int, now: int) -> Step:
        """What follows from an answer that the room does not take."""
        channel, patience = self._channels.get(operation.channel), self.settings.patience
        if kind == "find":
            return after_find(operation, refusal, now=now, guarantee=channel.find, patience=patience)
        can_find = self._can_ask(operation.action, operation.channel)
        return after_call(operation, refusal, now=now, began=began, can_find=can_find, patience=patience)

    async def _park(
        self,
        operation: Operation,
        step: Step,
        fault: Exception,
        kind: str,
        exchanges: Sequence[Any],
        began: int,
        now: int,
        action: Action | None,
    ) -> tuple[bool, Step] | None:
        sent = step.sent or operation.sent_at
        since = step.doubt_since or operation.doubt_since_at or (now if sent is not None else None)
        known = replace(operation, sent_at=sent, doubt_since_at=since if operation.effectful else None)
        parked = unusable(known, fault, now, step.answer)
        for told in (action, None):  # the room is told, unless it cannot even take that

            def unit(conn: Connection, told: Action | None = told) -> bool:
                return self._record(conn, told, operation, parked, kind, exchanges, began, now)

            with contextlib.suppress(Exception):
                return await self._store.write(unit), parked
        for exchange in exchanges:
            self._evidence.record(exchange)
        log.error(
            "a failed operation could not be parked: it stays claimed until its lease ends", operation=operation.id
        )
        return None

    def _record(
        self,
        conn: Connection,
        action: Action | None,
        operation: Operation,
        step: Step,
        kind: str,
        exchanges: Sequence[Any],
        began: int,
        now: int,
    ) -> bool:
        ids = [
            self._evidence.append(
                conn, raw, operation_id=operation.id, subject=operation.subject, authority=operation.authority
            )
            for raw in exchanges
        ]
        answer = None
        if step.answer is not None:
            body = step.answer.model_dump_json().encode()
            answer = self._envelope.seal(body, f"operation|answer|{operation.id}")
        mine = ledger.close(
            conn,
            operation,
            new_state=step.state,
            due=step.due,
            new_tries=step.tries,
            sent=step.sent if step.sent is not None else (None if step.state == "queued" else operation.sent_at),
            doubt_since=step.doubt_since,
            answer=answer,
            new_reason=step.reason,
            new_code=step.code,
            now=now,
        )
        ledger.add_attempt(
            conn,
            operation_id=operation.id,
            number=operation.attempt,
            kind=kind,
            node=self.settings.node,
            outcome=step.label if mine else f"{step.label}{ledger.FENCED}",
            reason=step.reason,
            exchanges=ids,
            started_at=began,
            ended_at=now,
        )
        if not mine:
            return False
        doubt_told = isinstance(step.tell, Doubt) and operation.doubt_since_at is not None
        if action is not None and step.tell is not None and not doubt_told:
            action.record(conn, operation, step.tell)
        return True

    def _tell(self, operation: Operation, step: Step, result: object, mine: bool) -> None:
        level = log.error if step.alarm else log.info
        known = isinstance(result, NotSentError) or not step.alarm
        level(
            f"{operation.action}: {step.label}",
            operation=operation.id,
            channel=operation.channel,
            state=step.state,
            reason=step.reason,
            fenced=not mine,
            exc_info=result if isinstance(result, BaseException) and not known else None,
        )
        if mine and step.state in FINAL:
            for future in self._waiters.get(operation.id, ()):
                if not future.done():
                    future.set_result(step.state)
        if mine and step.state in ("queued", "uncertain"):
            self.wake(operation.channel)

    # --- leases -----------------------------------------------------------------------------------------------------

    async def _renew_leases(self) -> None:
        """While a call is under way its lease does not end."""
        while True:
            await asyncio.sleep(self.settings.lease / 3)
            try:
                if self._running:
                    await self._renew(list(self._running))
            except UnavailableProblem as problem:
                log.warning("leases could not be renewed", reason=str(problem))
            except Exception:
                log.exception("leases could not be renewed")

    async def _renew(self, under_way: list[str]) -> None:
        await self._store.write(lambda conn: ledger.renew(conn, self.settings.node, under_way, self._lease))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self.settings.sweep)
            try:
                await self.sweep()
            except UnavailableProblem as problem:
                log.warning("the sweep could not look at the ledger", reason=str(problem))
            except Exception:
                log.exception("the sweep failed")

    async def sweep(self) -> int:
        """Free leases that ran out by the database's clock, whoever held them, and look everywhere; how many."""
        freed = await self._free(None)
        now, oldest = to_micros(self._clock.now()), self._clock.elapsed() - self.settings.patience.doubt_deadline
        self._doubts = {name: known for name, known in self._doubts.items() if known.at > oldest}
        await self._store.write(lambda conn: ledger.bring_back(conn, now))
        self.wake()
        await self._engine.renotify(await self._store.read(lambda conn: ledger.overdue(conn, now)))
        return freed

    async def _free(self, node: str | None) -> int:
        """Free leases; rooms are told of the doubt that begins."""
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> int:
            rows = ledger.release_expired(conn, now=now, node=node)
            for row in rows:
                if row["effectful"] and row["doubt_since_at"] is None and row["action"] in self._actions:
                    told = Doubt(f"{row['node']} stopped while the call was under way")
                    self._actions[row["action"]].record(conn, ledger.as_operation(row), told)
            return len(rows)

        freed = await self._store.write(unit)
        if freed:
            log.warning("calls were cut; the other side is asked what became of them", operations=freed)
        return freed
