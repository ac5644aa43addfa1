"""Delivery, the door: takes operations from rooms, in their transactions, and follows each until its outcome is known.

Behind it: ``pumps`` claim what is due, ``attempts`` call or ask, ``endings`` record where that has led, ``leases`` are
renewed and freed. A claim is a lease by the database's clock; whoever lost it finds itself fenced. What wakes the pumps
is the engine's business (``engines``), and none of it is needed for an operation to end: each pump looks at the ledger
by itself, and a sweep frees what was cut.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date

import structlog
from sqlalchemy import Connection

from gateway.foundation.channels import Channels
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.delivery import limits, operation_records
from gateway.foundation.delivery.actions import Action, Done, Operation, Rejected, Sent
from gateway.foundation.delivery.attempts import Attempts
from gateway.foundation.delivery.conditions import Conditions
from gateway.foundation.delivery.doubts import DoubtAges
from gateway.foundation.delivery.engines import Embedded, Engine
from gateway.foundation.delivery.events import Events
from gateway.foundation.delivery.leases import Leases
from gateway.foundation.delivery.node import DeliverySettings, Node
from gateway.foundation.delivery.operation_records import OperationRecord
from gateway.foundation.delivery.pumps import Pumps
from gateway.foundation.delivery.sending_on import Waiting
from gateway.foundation.delivery.states import FINAL, State
from gateway.foundation.evidence import Evidence
from gateway.foundation.once import NEVER, Once
from gateway.foundation.store import Store
from gateway.ports.base import Message, Refused
from gateway.words.clock import Clock
from gateway.words.errors import ContractError
from gateway.words.identifiers import new_id, new_reference
from gateway.words.personal import in_full

log = structlog.get_logger(__name__)


class Delivery:
    """What rooms use, and ``waiting`` what people use. ``node``, ``pumps``, ``attempts``, ``conditions`` and ``leases``
    do the work.

    ``events``: where it tells of operations that wait for a person and of channels that were stopped.
    """

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
        self.settings = settings or DeliverySettings()
        self.events = Events(clock)
        self.node = Node(store, channels, evidence, envelope, clock, self.settings, self.events)
        doubts = DoubtAges(clock)
        self.conditions = Conditions(self.node)
        self.attempts = Attempts(self.node, self.conditions, doubts)
        self.pumps = Pumps(self.node, self.attempts, self.conditions)
        self.waiting = Waiting(self.node)
        self._engine = engine or Embedded()
        self.leases = Leases(self.node, self.attempts, doubts, self._engine)

    # --- what rooms use ---------------------------------------------------------------------------------------------

    def register(self, action: Action) -> None:
        """Make a kind of operation known; at assembly, before ``start``."""
        if action.name in self.node.actions:
            raise ValueError(f"action {action.name} is registered twice")
        self.node.actions[action.name] = action

    def action(self, name: str) -> Action:
        """The kind of operation of this name. Raises NotFoundProblem."""
        return self.node.action(name)

    def request_of(self, record: OperationRecord) -> Message:
        """What an operation asks for. Holds personal data."""
        return self.node.request_of(record)

    def new_reference(self, channel: str) -> str:
        """A fresh reference in the format that the channel's adapter declares."""
        form = self.node.channels.get(channel).info.reference
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
        follows: Operation | None = None,
        wanted_by: date | None = None,
    ) -> Operation:
        """Write one operation in the caller's transaction; it leaves once that has committed and ``begin`` is called.

        ``claim``: taken by this node at birth, if the channel has room. Should the process die before ``begin``, the
        lease ends as doubt and the other side is asked first. ``follows``: it carries on what that operation began, and
        a request that waits for the one waits for the other too. ``wanted_by``: the last day of the law for it.
        """
        known = self.node.actions[action]
        now = self.node.now()
        operation_id = operation_id or new_id("opn")
        claim = claim and not_before is None and self.pumps.may_begin(channel)
        operation = Operation(
            id=operation_id,
            action=action,
            channel=channel,
            authority=authority,
            subject=subject,
            reference=getattr(request, "reference", None) if known.effectful else None,
            effectful=known.effectful,
            state=State.SENDING if claim else State.QUEUED,
            attempt=1 if claim else 0,
            tries=0,
            sent_at=None,
            doubt_since_at=None,
            created_at=now,
            claimed=time.monotonic(),
        )
        values = {name: getattr(operation, name) for name in operation_records.OPERATION}
        values |= {
            "request_sealed": operation_records.sealed_request(self.node.envelope, operation_id, request),
            "node": self.node.name if claim else None,
            "due_at": not_before or now,
            "rerun_of": rerun_of,
            "wanted_by_on": wanted_by,
            "two_persons": known.two_persons,
            "updated_at": now,
        }
        operation_records.add(conn, values, self.node.lease if claim else None)
        if follows is not None and follows.id in self.node.asked_under:
            self.node.followed[follows.id] = operation_id
        return operation

    def begin(self, operation: Operation, request: Message) -> None:
        """After the commit of an ``enqueue``: call now if it was claimed at birth, otherwise look at what is due."""
        if operation.state is not State.SENDING:
            self.wake(operation.channel)
            self._engine.notify(operation.id)
            return
        if self.node.stopping:  # nothing was sent, yet nobody would hear of the answer: the lease ends it
            log.warning("an operation was accepted while stopping; it is asked about later", operation=operation.id)
            return
        self.attempts.start(operation, State.QUEUED, lambda: request)

    async def carry_out(
        self, unit: Callable[[Connection], Sent | None], once: Once = NEVER, wait: float = 3.0, *, beside: bool = False
    ) -> bool:
        """Do an effect: write the unit, begin the call, wait for its end at most ``wait`` seconds; whether it ended.

        ``unit(conn)`` writes the operation, or returns None where there is nothing to send. ``once`` is remembered in
        the same transaction, and its status is kept with the outcome, or when the waiting is over. The call itself is
        never cancelled. ``beside``: the unit is right beside any other, and need not wait for its turn among the nodes.
        """

        def remembered(conn: Connection) -> Sent | None:
            once.begin(conn, None if wait > 0 else once.pending)
            sent = unit(conn)
            once.wrote(conn)
            if sent is None:
                once.end(conn, once.done)
            return sent

        write = self.node.store.write_beside if beside else self.node.store.write
        sent = await write(remembered)
        if sent is None:
            once.answered(once.done)
            return True
        waited = sent.operation.id
        if wait > 0:
            self.node.asked_under[waited] = once
        try:
            self.begin(sent.operation, sent.request)
            state, waited = await self._ended(waited, 0 if self.node.stopping else wait)
        finally:
            unkept = self.node.asked_under.pop(waited, None) is not None
        ended = state in FINAL
        status = kept = once.done if ended else once.pending
        if unkept and once is not NEVER:  # should it have ended, or parked, in this very moment: that status counts
            kept = await self.node.store.write_beside(lambda conn: once.end(conn, status))
        once.answered(kept)
        return ended or kept != status

    async def _ended(self, operation_id: str, seconds: float) -> tuple[State | None, str]:
        """The final state of an operation, or of the last that carried on what it began; and which that was."""
        until = time.monotonic() + seconds
        while True:
            left = until - time.monotonic()
            state = await self.settled(operation_id, left) if left > 0 else None
            next_ = self.node.followed.pop(operation_id, None)
            if state is None or next_ is None:
                return state, operation_id
            operation_id = next_

    def hurry(
        self, conn: Connection, channel: str, *, reference: str | None = None, subject: str | None = None
    ) -> None:
        """Something hints that the answer is there: let what waits for it be due now, or when its call has ended."""
        operation_records.hurry(conn, channel, self.node.now(), reference=reference, subject=subject)

    def answered(
        self, conn: Connection, action: str, channel: str, reference: str, answer: Message
    ) -> Operation | None:
        """The other side says by itself what became of an effect: end it, in the caller's transaction.

        ``answer`` is the effect's own, or ``Refused``, from a message that is authentic. It may come before the call
        has its answer: that one finds itself overtaken. What has ended stays as it is. An answer that contradicts the
        request or what the room knows ends nothing: the other side is asked at once. The operation as it was before,
        or None when there is none of this kind under this reference.
        """
        record = operation_records.under(conn, channel, reference)
        if record is None or record.action != action:
            return None
        known, operation, now = self.node.action(action), record.operation(), self.node.now()
        if record.state in FINAL:
            return operation
        refused = answer if isinstance(answer, Refused) else None
        try:
            if refused is None and known.check is not None:
                known.check(self.node.request_of(record), answer)
            known.record(conn, operation, Rejected(refused.reason, refused.code) if refused else Done(answer))
        except ContractError as contradiction:
            log.error("a notice contradicts what is known", operation=record.id, reason=str(contradiction))
            self.hurry(conn, channel, reference=reference)
            return operation
        read = in_full(answer)
        sealed = None if refused else operation_records.sealed_answer(self.node.envelope, record.id, read)
        operation_records.end_by_notice(
            conn,
            record,
            State.REJECTED if refused else State.DONE,
            answer=sealed,
            new_reason=refused.reason if refused else None,
            new_code=refused.code if refused else None,
            now=now,
        )
        return operation

    def want_by(self, conn: Connection, subject: str, last_day: date) -> None:
        """The last day of the law for what waits for a record is another one."""
        operation_records.want_by(conn, subject, last_day)

    def cancel(self, conn: Connection, operation_id: str, reason: str) -> bool:
        """End an operation that has provably not left us, in the caller's transaction. Its action is not told.

        False when it was sent, may have been sent, or is being sent: then its outcome must be waited for.
        """
        return operation_records.cancel(conn, operation_id, reason=reason, now=self.node.now())

    def wake(self, channel: str | None = None) -> None:
        """Something may be due: look now."""
        self.node.wake(channel)

    async def settled(self, operation_id: str, seconds: float) -> State | None:
        """Wait until an operation has ended; its final state, or None when it has not within ``seconds``."""
        return await self.attempts.waiters.wait(operation_id, seconds)

    # --- life -------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Free the leases of an earlier life, then start the pumps. Nobody else may work under this node's name."""
        names, now = [channel.name for channel in self.node.channels.all()], self.node.now()
        await self.node.store.write_apart(lambda conn: limits.add_channels(conn, names, now))
        await self.leases.free_own()
        for words in await self.waiting.strange():
            log.error(str(words))
        self.pumps.start()
        self.leases.start()
        await self._engine.start(self.pumps.take)

    def let_go(self) -> None:
        """Requests wait no longer for what is under way: a stop has one grace for it, and it is that of the calls."""
        self.attempts.waiters.let_go()

    async def stop(self) -> None:
        """Claim nothing more, let calls end within the grace, mark the rest as in doubt."""
        self.node.stopping = True
        self.wake()
        await self._engine.stop()
        await self.pumps.rest()
        await self.attempts.stop()
        await self.pumps.stop()
        await self.leases.stop()

    def fall(self) -> None:
        """Claim nothing more: this node has lost its standing. What is under way ends as it would have."""
        self.node.stopping = True
        self.wake()

    async def sweep(self) -> int:
        """Free leases that ran out by the database's clock, whoever held them, and look everywhere; how many."""
        return await self.leases.sweep()
