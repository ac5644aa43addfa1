"""What this node knows of its channels, and what each attempt shows: the other side answers, or it does not."""

from __future__ import annotations

from dataclasses import replace

import structlog
from sqlalchemy import Connection

from gateway.foundation.access import records as access_records
from gateway.foundation.channels import Channel
from gateway.foundation.delivery import limits
from gateway.foundation.delivery.limits import SECOND, Condition
from gateway.foundation.delivery.node import Node
from gateway.foundation.delivery.retry_rules import Step
from gateway.foundation.standing import CLOCK_SECONDS
from gateway.ports.base import Message
from gateway.words.clock import SystemClock
from gateway.words.errors import GatewayError, NotSentError, OutcomeUnknownError, UnavailableProblem

log = structlog.get_logger(__name__)


class Conditions:
    """The channels' conditions as this node last saw them: stopped, circuit open, or clear."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._known: dict[str, Condition] = {}

    def of(self, channel: str) -> Condition:
        """How a channel stood when it was last looked at; clear if it never was."""
        return self._known.get(channel, Condition())

    def learn(self, channel: str, condition: Condition) -> None:
        """A channel's condition was read."""
        self._known[channel] = condition

    async def weigh(self, channel: Channel, result: Message | BaseException | None, step: Step) -> None:
        """Tell the channel's condition what an attempt showed: stop it, count a failure, or close its circuit."""
        name, bound, known = channel.name, channel.keys, self.of(channel.name)
        store, now = self._node.store, self._node.now()
        try:
            if step.stop_channel is not None:
                reason = step.stop_channel
                if apart := await self._apart():
                    # Messages of another time are refused; that is this node's fault, and others send on.
                    log.error("refused while this node's clock is wrong", channel=name, seconds=apart, reason=reason)
                    self._node.stopping = True
                    return
                await store.write_apart(lambda conn: self._stop(conn, name, reason, now))
                self.learn(name, replace(known, stopped=reason))
            elif bound.circuit_failures and not _answered(result):
                await store.write_apart(lambda conn: limits.note_failure(conn, name, bound))
                self.learn(name, await store.read(lambda conn: limits.condition(conn, name)))
                if self.of(name).open_until is not None and known.open_until is None:
                    log.error("circuit open: the channel does not answer", channel=name, failures=known.failures + 1)
            elif _answered(result) and known.troubled:
                await store.write_apart(lambda conn: limits.note_success(conn, name))
                self.learn(name, Condition(stopped=known.stopped))
                if known.open_until is not None:
                    log.info("circuit closed: the channel answers", channel=name)
                self._node.wake(name)
        except UnavailableProblem as problem:
            log.warning("a channel's condition could not be noted", channel=name, reason=str(problem))

    async def _apart(self) -> int:
        """By how many seconds this machine's clock is wrong, where that is too many; 0 where it is right."""
        node = self._node
        if node.alone or not isinstance(node.clock, SystemClock):
            return 0
        seconds = abs(await node.store.database_now() - node.now()) // SECOND
        return seconds if seconds > CLOCK_SECONDS else 0

    def _stop(self, conn: Connection, channel: str, reason: str, now: int) -> None:
        """Stop a channel, and tell every authority that it serves."""
        if not limits.stop_channel(conn, channel, reason, now):
            return
        for authority in self._node.channels.served(channel, access_records.codes(conn)):
            self._node.events.emit(
                conn, type="channel.stopped", subject=channel, authority=authority, data={"reason": reason}
            )


def _answered(result: Message | BaseException | None) -> bool:
    """Whether the other side is there. An adapter that fails with an error of its own has heard no answer."""
    if isinstance(result, NotSentError | OutcomeUnknownError):
        return False
    return not isinstance(result, BaseException) or isinstance(result, GatewayError)
