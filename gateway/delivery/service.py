"""The embedded engine: claims what is due, calls, records; one pump a channel, so that a slow one slows no other."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import structlog
from sqlalchemy import Connection, RowMapping

from gateway.clock import Clock, to_micros
from gateway.crypto.envelope import Envelope
from gateway.delivery import ledger
from gateway.delivery.actions import Action, Doubt, Operation
from gateway.delivery.next_step import Patience, Step, after_call, after_find
from gateway.errors import ConflictProblem, NotFoundProblem, NotSentError, UnavailableProblem
from gateway.evidence import Batch, Evidence
from gateway.identifiers import new_id, new_reference
from gateway.plugins import Channel, Channels
from gateway.ports import Message
from gateway.store import Store

log = structlog.get_logger(__name__)

LEASE_SECONDS = 120
FINAL = ("done", "rejected", "parked")


@dataclass(frozen=True)
class DeliverySettings:
    """``concurrency``: calls in flight per channel. ``grace``: seconds that a stop waits for calls to end."""

    node: str = "node-1"
    concurrency: int = 32
    grace: float = 20.0
    patience: Patience = field(default_factory=Patience)


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
        self._in_flight: dict[str, int] = {}
        self._waiters: dict[str, list[asyncio.Future[str]]] = {}
        self._pumps: list[asyncio.Task[None]] = []
        self._stopping = False

    # --- what rooms use ---------------------------------------------------------------------------------------------

    def register(self, action: Action) -> None:
        """Make a kind of operation known; at assembly, before ``start``."""
        if action.name in self._actions:
            raise ValueError(f"action {action.name} is registered twice")
        self._actions[action.name] = action

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
        claim = claim and not_before is None and not self._stopping and self._room(channel) > 0
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
        )
        ledger.add(
            conn,
            {
                **asdict(operation),
                "request_sealed": self._envelope.seal(body, f"operation|request|{operation_id}"),
                "node": self.settings.node if claim else None,
                "lease_until_at": _lease() if claim else None,
                "due_at": not_before or now,
                "rerun_of": rerun_of,
                "updated_at": now,
            },
        )
        return operation

    def begin(self, operation: Operation, request: Message) -> None:
        """After the commit of an ``enqueue``: call now if it was claimed at birth, otherwise look at what is due."""
        if operation.state != "sending":
            self.wake(operation.channel)
            return
        task = asyncio.get_running_loop().create_task(self._attempt(operation, request, asking=False))
        self._track(operation.id, operation.channel, task)

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
        """Wait until an operation has ended; its final state, or None when it has not within ``seconds``."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(operation_id, []).append(future)
        try:
            if operation_id not in self._running:
                row = await self._store.read(lambda conn: ledger.fetch(conn, operation_id))
                if row is not None and row["state"] in FINAL:
                    return str(row["state"])
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
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
            state = "uncertain" if row["doubt_since_at"] is not None else "queued"
            if remember is not None:
                remember(conn, operation_id)
            ledger.resolve_parked(conn, operation_id, state=state, due=now, reason=reason, now=now)
            return str(row["channel"])

        self.wake(await self._store.write(unit))

    async def resume_channel(self, channel: str) -> None:
        """Let a stopped channel go again."""
        now = to_micros(self._clock.now())
        await self._store.write(lambda conn: ledger.stop_channel(conn, channel, None, now))
        self.wake(channel)

    # --- life -------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Free the leases of an earlier life, then start the pumps. Only the holder of the store's lock may call it."""
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> int:
            rows = ledger.release_expired(conn, now=now, everything=True)
            for row in rows:
                if row["effectful"] and row["action"] in self._actions:
                    outcome = Doubt("the gateway stopped while the call was under way")
                    self._actions[row["action"]].record(conn, ledger.as_operation(row), outcome)
            return len(rows)

        released = await self._store.write(unit)
        if released:
            log.warning("operations were cut by the last stop; asking the other side", operations=released)
        for channel in self._channels.all():
            self._wakes[channel.name] = asyncio.Event()
            self._pumps.append(asyncio.create_task(self._pump(channel), name=f"pump {channel.name}"))

    async def stop(self) -> None:
        """Claim nothing more, let calls end within the grace, mark the rest as in doubt."""
        self._stopping = True
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        tasks = list(self._running.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self.settings.grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    # --- the engine -------------------------------------------------------------------------------------------------

    def _room(self, channel: str) -> int:
        return self.settings.concurrency - self._in_flight.get(channel, 0)

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
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await wake.wait()

    async def _claim_and_start(self, channel: Channel) -> float:
        """Claim what is due and start it; seconds until it is worth looking again."""
        room = self._room(channel.name)
        if room <= 0:
            return 1.0
        now = to_micros(self._clock.now())
        due = await self._store.read(lambda conn: ledger.next_due(conn, channel.name))
        if due is None or due > now:
            return 1.0 if due is None else min(1.0, max(0.01, (due - now) / 1_000_000))
        lease = _lease()
        claimed = await self._store.write(
            lambda conn: ledger.claim_due(
                conn, channel.name, now=now, room=room, node=self.settings.node, lease_until=lease
            )
        )
        for row, was in claimed:
            task = asyncio.get_running_loop().create_task(self._resume(row, was))
            self._track(row["id"], channel.name, task)
        return 0.0 if len(claimed) == room else (0.05 if claimed else 1.0)

    def _track(self, operation_id: str, channel: str, task: asyncio.Task[None]) -> None:
        self._running[operation_id] = task
        self._in_flight[channel] = self._in_flight.get(channel, 0) + 1

        def ended(_: asyncio.Task[None]) -> None:
            self._running.pop(operation_id, None)
            self._in_flight[channel] -= 1
            self.wake(channel)

        task.add_done_callback(ended)

    async def _resume(self, row: RowMapping, was: str) -> None:
        action = self._actions[row["action"]]
        body = self._envelope.open(row["request_sealed"], f"operation|request|{row['id']}")
        request = action.request_model.model_validate_json(body)
        await self._attempt(ledger.as_operation(row), request, asking=was == "uncertain")

    async def _attempt(self, operation: Operation, request: Message, *, asking: bool) -> None:
        """One attempt: call or ask, decide, record. Cut by a stop, an effect becomes doubt."""
        action = self._actions[operation.action]
        channel = self._channels.get(operation.channel)
        began = to_micros(self._clock.now())
        cut: asyncio.CancelledError | None = None
        with self._evidence.collecting() as exchanges:
            result: Message | BaseException | None
            try:
                if asking and action.find is not None:
                    result = await action.find(channel.adapter, request)
                else:
                    result = await action.call(channel.adapter, request)
                if result is not None and action.check is not None:
                    action.check(request, result)
            except asyncio.CancelledError as stop:
                cut, result = stop, RuntimeError("the gateway stopped while the call was under way")
            except Exception as error:
                result = error
        now = to_micros(self._clock.now())
        patience, find = self.settings.patience, channel.info.find
        if asking:
            step = after_find(operation, result, now=now, guarantee=channel.find, patience=patience)
        else:
            if result is None:
                result = RuntimeError(f"{operation.action} answered nothing")
            can_find = action.find is not None and find.offered
            step = after_call(operation, result, now=now, began=began, can_find=can_find, patience=patience)
        kind = "find" if asking else "call"

        def unit(conn: Connection) -> bool:
            return self._record(conn, action, operation, step, kind, exchanges, began, now)

        mine = await asyncio.shield(asyncio.ensure_future(self._keep(unit, exchanges)))
        if mine is not None:
            self._tell(operation, step, result, mine)
        if cut is not None:
            raise cut

    async def _keep(self, unit: Callable[[Connection], bool], exchanges: Batch) -> bool | None:
        """Store an outcome, as long as it takes. None when the gateway stops first: then the lease ends as doubt."""
        pause = 0.05
        while True:
            try:
                return await self._store.write(unit)
            except UnavailableProblem as problem:
                if self._stopping and pause > 1:
                    log.error("an outcome could not be stored before the stop", reason=str(problem))
                    return None
            except Exception:
                for exchange in exchanges:
                    self._evidence.record(exchange)
                log.exception("an outcome could not be recorded: the operation stays claimed until its lease ends")
                return None
            await asyncio.sleep(pause)
            pause = min(2.0, pause * 2)

    def _record(
        self,
        conn: Connection,
        action: Action,
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
            outcome=step.label if mine else f"{step.label} (fenced)",
            reason=step.reason,
            exchanges=ids,
            started_at=began,
            ended_at=now,
        )
        if not mine:
            return False
        doubt_told = isinstance(step.tell, Doubt) and operation.doubt_since_at is not None
        if step.tell is not None and not doubt_told:
            action.record(conn, operation, step.tell)
        if step.stop_channel is not None:
            ledger.stop_channel(conn, operation.channel, step.stop_channel, now)
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


def _lease() -> int:
    """When a lease taken now ends. Real time: a test's civil clock must not end leases."""
    return time.time_ns() // 1000 + LEASE_SECONDS * 1_000_000
