"""Sending on what waits for a person: the other side is asked where anything is unknown, called where nothing is."""

from __future__ import annotations

from sqlalchemy import Connection

from gateway.foundation.delivery import limits, operation_records
from gateway.foundation.delivery.node import Node
from gateway.foundation.delivery.states import FOR_PEOPLE, State
from gateway.foundation.once import NEVER, Once
from gateway.words.errors import ConflictProblem, NotFoundProblem
from gateway.words.saying import Sentence, say


def send_on(conn: Connection, node: Node, operation_id: str, *, ask: bool, reason: str) -> str:
    """Send an operation on its way again, in the caller's transaction; the channel to wake when that has committed.

    ``ask`` the other side first, or call. An effect whose outcome is unknown can only be asked about. Raises
    NotFoundProblem, ConflictProblem.
    """
    known = operation_records.held(conn, operation_id)
    if known.action not in node.actions:
        raise NotFoundProblem(say("operations.no_room", action=known.action))
    if known.state not in FOR_PEOPLE:
        raise ConflictProblem(say("operations.not_retried", state=known.state), type="operation-not-parked")
    if known.doubt_since_at is not None and not ask:
        raise ConflictProblem(say("operations.in_doubt"), type="operation-in-doubt")
    taken = known.doubt_since_at is None and known.pending_since_at is not None
    if taken and not ask:
        raise ConflictProblem(say("operations.taken"), type="operation-in-doubt")
    unknown = taken or known.doubt_since_at is not None
    if unknown and not node.can_ask(known.action, known.channel):
        raise ConflictProblem(say("operations.not_askable"), type="operation-not-askable")
    state = State.PENDING if taken else State.UNCERTAIN if unknown else State.QUEUED
    if not operation_records.send_on(conn, operation_id, state=state, reason=reason, now=node.now()):
        raise ConflictProblem(say("operations.moved_on"), type="operation-not-parked")
    return known.channel


class Waiting:
    """What waits for people, and goes on by their word."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def send_on(self, operation_id: str, *, ask: bool, reason: str, once: Once = NEVER) -> None:
        """Send a parked operation on its way again, as ``send_on`` has it, and look at its channel."""

        def unit(conn: Connection) -> str:
            return send_on(conn, self._node, operation_id, ask=ask, reason=reason)

        self._node.wake(await self._node.store.write(once.about(operation_id).first(unit)))

    async def resume_channel(self, channel: str) -> None:
        """Let a stopped channel go again."""
        now = self._node.now()
        await self._node.store.write_apart(lambda conn: limits.resume_channel(conn, channel, now))
        self._node.wake(channel)

    async def strange(self) -> list[Sentence]:
        """What waits for a room that is not installed any more, in words; it goes on when the room is back."""
        found = await self._node.store.read(lambda conn: operation_records.strange(conn, self._node.actions))
        return [say("delivery.strange", action=name, number=number) for name, number in found]
