"""Where an attempt has led: stored with its evidence and its room's record in one transaction, as long as it takes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlalchemy import Connection

from gateway.foundation import handovers
from gateway.foundation.delivery import operation_records
from gateway.foundation.delivery.actions import Action, Done, Doubt, Operation
from gateway.foundation.delivery.node import Node
from gateway.foundation.delivery.retry_rules import Step, after_call, after_find, unusable
from gateway.foundation.delivery.states import SETTLED, State
from gateway.foundation.handovers import HandsOver
from gateway.words.errors import ContractError, UnavailableProblem
from gateway.words.personal import in_full

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Ending:
    """One attempt that has ended. ``action`` None: the room is not told. ``began`` and ``ended`` in microseconds.

    ``handed``: the personal data that may have left with its call, or with an earlier one that was cut.
    """

    operation: Operation
    action: Action | None
    asked: bool
    step: Step
    exchanges: Sequence[Any]
    began: int
    ended: int
    handed: HandsOver | None = None

    def write(self, conn: Connection, node: Node) -> bool:
        """Evidence, the ledger's row, the attempt, the room, the word that a person is needed; False when fenced."""
        operation, step = self.operation, self.step
        read = b"" if step.answer is None else in_full(step.answer)
        ids = [
            node.evidence.append(
                conn,
                raw,
                operation_id=operation.id,
                subject=operation.subject,
                authority=operation.authority,
                told=(step.label, read if step.state is State.DONE else b"") if place == len(self.exchanges) else None,
            )
            for place, raw in enumerate(self.exchanges, start=1)
        ]
        answer = operation_records.sealed_answer(node.envelope, operation.id, read) if read else None
        mine = operation_records.close(
            conn,
            operation,
            step.state,
            due=step.due,
            new_tries=step.tries,
            sent=step.sent if step.sent is not None else (None if step.state is State.QUEUED else operation.sent_at),
            doubt_since=step.doubt_since,
            pending_since=step.pending_since,
            answer=answer,
            new_reason=step.reason,
            new_code=step.code,
            now=self.ended,
        )
        operation_records.add_attempt(
            conn,
            operation_id=operation.id,
            number=operation.attempt,
            kind="find" if self.asked else "call",
            node=node.name,
            outcome=step.label if mine else f"{step.label}{operation_records.FENCED}",
            reason=step.reason,
            exchanges=ids,
            started_at=self.began,
            ended_at=self.ended,
        )
        if self.handed is not None:
            handovers.note_operation(
                conn,
                self.handed.on(node.bases, operation.action),
                self.ended,
                operation_id=operation.id,
                subject=operation.subject,
                authority=operation.authority,
                to=(operation.channel, node.channels.get(operation.channel).info.name),
            )
        if not mine:
            return False
        doubt_told = isinstance(step.tell, Doubt) and operation.doubt_since_at is not None
        if self.action is not None and step.tell is not None and not doubt_told:
            self.action.record(conn, operation, step.tell)
        if self.action is not None and self.action.not_sent is not None and step.state is State.QUEUED:
            self.action.not_sent(conn, operation)
        if step.state is State.PARKED:
            node.events.emit(
                conn,
                type="operation.parked",
                subject=operation.subject,
                authority=operation.authority,
                data={
                    "operation": operation.id,
                    "action": operation.action,
                    "channel": operation.channel,
                    "reason": step.reason,
                },
            )
        once = node.asked_under.get(operation.id)
        if once is not None and step.state in SETTLED and operation.id not in node.followed:
            once.end(conn, once.pending if step.state is State.PARKED else once.done)
        return True

    def refused(self, node: Node, refusal: ContractError) -> Ending:
        """The same attempt, when the room does not take its answer: doubt, as if the adapter had refused it."""
        operation, patience = self.operation, node.settings.patience
        if self.asked:
            guarantee = node.channels.get(operation.channel).find
            step = after_find(operation, refusal, now=self.ended, guarantee=guarantee, patience=patience)
        else:
            can_find = node.can_ask(operation.action, operation.channel)
            step = after_call(
                operation, refusal, now=self.ended, began=self.began, can_find=can_find, patience=patience
            )
        return replace(self, step=step)

    def parked(self, fault: Exception) -> Ending:
        """The same attempt, when its outcome cannot be recorded for a fault of ours: a person sees it."""
        operation, step = self.operation, self.step
        sent = step.sent or operation.sent_at
        since = step.doubt_since or operation.doubt_since_at or (self.ended if sent is not None else None)
        known = replace(operation, sent_at=sent, doubt_since_at=since if operation.effectful else None)
        return replace(self, step=unusable(known, fault, self.ended, step.answer))


@dataclass(frozen=True)
class Kept:
    """What was stored. ``mine``: it counts; False when another attempt had taken over."""

    mine: bool
    step: Step


async def keep(node: Node, ending: Ending) -> Kept | None:
    """Store an outcome, as long as it takes; where it led. None when the gateway stops first: the lease ends it.

    An answer that contradicts what the room knows (ContractError) is no answer: doubt, as if the adapter had
    refused it. Any other outcome that the room cannot take is a fault of ours: the operation is parked with it,
    so that a person sees it, rather than asked about for ever.
    """
    pause, again = 0.05, False
    ending = replace(ending, exchanges=await node.evidence.ready(ending.exchanges))

    def unit(conn: Connection) -> bool:
        nonlocal again
        known = operation_records.recorded(conn, ending.operation) if again else None
        again = True
        return ending.write(conn, node) if known is None else known

    while True:
        try:
            return Kept(await node.store.write_beside(unit), ending.step)
        except UnavailableProblem as problem:
            if node.stopping and pause > 1:
                log.error("an outcome could not be stored before the stop", reason=str(problem))
                return None
        except Exception as fault:
            if isinstance(fault, ContractError) and isinstance(ending.step.tell, Done):
                log.error("an answer contradicts what is known", operation=ending.operation.id, reason=str(fault))
                ending, again = ending.refused(node, fault), False
                continue
            log.exception("an outcome could not be recorded: the operation is parked", operation=ending.operation.id)
            return await _park(node, ending.parked(fault))
        await asyncio.sleep(pause)
        pause = min(2.0, pause * 2)


async def _park(node: Node, ending: Ending) -> Kept | None:
    for told in (ending, replace(ending, action=None)):  # the room is told, unless it cannot even take that

        def unit(conn: Connection, told: Ending = told) -> bool:
            return told.write(conn, node)

        with contextlib.suppress(Exception):
            return Kept(await node.store.write_beside(unit), ending.step)
    for exchange in ending.exchanges:
        node.evidence.record(exchange)
    log.error(
        "a failed operation could not be parked: it stays claimed until its lease ends", operation=ending.operation.id
    )
    return None
