"""Parked work sent on in bulk: one kind of work that was parked for one reason, when that reason is gone.

What is chosen is frozen when it is proposed: these operations, and no others that are parked meanwhile. An operation is
sent on as a single one is (asked about where anything is unknown, called where nothing is), or has its result with the
reason why not. Where effects are among them about which people decide in pairs, an operator who has no part in it
confirms the list first. It is done in steps of few operations, so that nobody waits for it, and goes on after a crash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.delivery import operation_records
from gateway.foundation.delivery.operation_records import Parked
from gateway.foundation.delivery.sending_on import send_on
from gateway.foundation.delivery.states import State
from gateway.foundation.once import NEVER, Once
from gateway.foundation.two_persons import Part, Person, Side, require_operator
from gateway.rooms.operations import bulk_records
from gateway.rooms.operations.bulk_records import BulkRetry, Item, Result
from gateway.rooms.operations.service import FIRST
from gateway.words.errors import InvalidProblem, NotFoundProblem, Problem
from gateway.words.identifiers import new_id
from gateway.words.saying import say

MOST: Final = 5000
"""Operations in one bulk retry: the oldest. What is left over takes another one."""
_STEP: Final = 100  # operations in one transaction
_SENDING_ON: Final = "sending on parked operations in bulk"


@dataclass(frozen=True)
class BulkSight:
    """A bulk retry as people see it. ``seen``: what its confirmation sends back; None where nobody need confirm."""

    bulk: BulkRetry
    results: Mapping[Result | None, int]
    first: Sequence[str]
    seen: str | None


class BulkRetries:
    """Chooses parked operations, and sends them on by the word of one operator, or of two."""

    def __init__(self, base: Foundation) -> None:
        self._base = base
        self._node = base.delivery.node

    async def propose(self, chosen: Parked, reason: str, *, by: Person, once: Once = NEVER) -> str:
        """Choose parked operations and say why they are sent on; begins at once where one person is enough. Its id.

        Raises InvalidProblem where nothing is chosen by, NotFoundProblem where nothing is parked so, a 403 Problem for
        a key.
        """
        require_operator(by, _SENDING_ON)
        if (chosen.channel, chosen.action, chosen.parked_for) == (None, None, None):
            raise InvalidProblem(say("operations.bulk_choice"), field="channel")
        bulk_id, now = new_id("brt"), self._node.now()

        def unit(conn: Connection) -> bool:
            found = operation_records.parked(conn, chosen, MOST)
            if not found:
                raise NotFoundProblem(say("operations.bulk_none"))
            pairs = any(one.effectful and one.two_persons for one in found)
            new = BulkRetry(
                id=bulk_id,
                channel=chosen.channel,
                action=chosen.action,
                parked_for=chosen.parked_for,
                since_at=chosen.since,
                until_at=chosen.until,
                authorities=sorted({one.authority for one in found}),
                reason=reason,
                number=len(found),
                two_persons=pairs,
                proposed_by=by.id,
                proposed_name=by.name,
                proposed_at=now,
                begun_at=None if pairs else now,
            )
            bulk_records.add(conn, new, found)
            self._base.two_persons.took_part(conn, bulk_id, by, Part.PROPOSED)
            return not pairs

        if await self._base.store.write(once.about(bulk_id).first(unit)):
            await self._send(bulk_id)
        return bulk_id

    async def confirm(self, bulk_id: str, *, by: Person, seen: str, once: Once = NEVER) -> None:
        """A second person confirms the list that they saw; it begins. Raises NotFoundProblem, ConflictProblem, 403."""
        require_operator(by, _SENDING_ON)
        now = self._node.now()

        def unit(conn: Connection) -> None:
            bulk = _waiting(conn, bulk_id)
            face = _face(bulk, bulk_records.all_items(conn, bulk_id))
            self._base.two_persons.confirm(conn, bulk_id, by, seen=seen, face=face)
            side = Side.CONFIRMING.value
            bulk_records.change(
                conn, bulk_id, begun_at=now, confirmed_by=by.id, confirmed_name=by.name, confirmed_side=side
            )

        await self._base.store.write(once.about(bulk_id).first(unit))
        await self._send(bulk_id)

    async def withdraw(self, bulk_id: str, *, by: Person) -> None:
        """Take it back before it counts. Raises NotFoundProblem, and a 403 Problem for a key."""
        require_operator(by, _SENDING_ON)
        now = self._node.now()

        def unit(conn: Connection) -> bool:
            if bulk_records.held(conn, bulk_id).standing == "proposed":
                self._base.two_persons.withdraws(conn, bulk_id, by)
            return bulk_records.change(conn, bulk_id, withdrawn_at=now)

        if not await self._base.store.write(unit):
            raise NotFoundProblem(say("operations.bulk_not_waiting"))

    async def of(self, bulk_id: str) -> BulkSight:
        """One bulk retry. Raises NotFoundProblem."""

        def read(conn: Connection) -> BulkSight:
            bulk = bulk_records.held(conn, bulk_id)
            first = [one.operation_id for one in bulk_records.items(conn, bulk_id, None, FIRST)]
            seen = None
            if bulk.standing == "proposed":
                seen = self._base.two_persons.seen(_face(bulk, bulk_records.all_items(conn, bulk_id)))
            return BulkSight(bulk, bulk_records.results(conn, bulk_id), first, seen)

        return await self._base.store.read(read)

    async def find(
        self, authorities: Sequence[str] | None = None, before: str | None = None, limit: int = 50
    ) -> list[BulkRetry]:
        """Bulk retries whose operations are all of these authorities, newest first."""

        def read(conn: Connection) -> list[BulkRetry]:
            found: list[BulkRetry] = []
            last = before
            while page := bulk_records.find(conn, last, limit):
                last = page[-1].id
                found += [one for one in page if authorities is None or set(one.authorities) <= set(authorities)]
                if len(found) >= limit:
                    break
            return found[:limit]

        return await self._base.store.read(read)

    async def items(self, bulk_id: str, after: str | None = None, limit: int = 200) -> list[Item]:
        """The operations of a bulk retry with their results, the oldest first."""
        return await self._base.store.read(lambda conn: bulk_records.items(conn, bulk_id, after, limit))

    async def go_on(self, _slot: datetime) -> None:
        """What was begun and cut by a stop goes on."""
        for bulk_id in await self._base.store.read(bulk_records.going_on):
            await self._send(bulk_id)

    # --- inside -----------------------------------------------------------------------------------------------------

    async def _send(self, bulk_id: str) -> None:
        """Send on what is left, step by step."""
        while channels := await self._base.store.write(lambda conn: self._step(conn, bulk_id)):
            for channel in channels - {""}:
                self._base.delivery.wake(channel)

    def _step(self, conn: Connection, bulk_id: str) -> set[str]:
        """One step; the channels to wake, "" where there is none. Empty when nothing is left."""
        bulk = bulk_records.held(conn, bulk_id)
        left = bulk_records.left(conn, bulk_id, _STEP)
        if not left:
            bulk_records.end(conn, bulk_id, self._node.now())
            return set()
        woken = {""}
        for item in left:
            try:
                woken.add(self._sent_on(conn, bulk, item))
            except Problem as refused:
                bulk_records.tell(conn, item, "not_applicable", refused.detail)
            else:
                bulk_records.tell(conn, item, "sent_on", None)
        return woken

    def _sent_on(self, conn: Connection, bulk: BulkRetry, item: Item) -> str:
        """Send one operation on as it was chosen. Raises a Problem that says why not."""
        known = operation_records.held(conn, item.operation_id)
        if known.action not in self._node.actions:
            raise NotFoundProblem(say("operations.bulk_no_room", action=known.action))
        if known.state is not State.PARKED or known.attempt != item.attempt:
            raise NotFoundProblem(say("operations.bulk_moved_on", state=known.state))
        reason = f"{bulk.proposed_name}: {bulk.reason} ({bulk.id})"
        return send_on(conn, self._node, known.id, ask=True, reason=reason)


def _waiting(conn: Connection, bulk_id: str) -> BulkRetry:
    """What waits for a second person. Raises NotFoundProblem."""
    bulk = bulk_records.held(conn, bulk_id)
    if bulk.standing != "proposed":
        raise NotFoundProblem(say("operations.bulk_not_waiting"))
    return bulk


def _face(bulk: BulkRetry, items: Sequence[Item]) -> dict[str, Any]:
    """What two people must agree about: which operations, and why."""
    listed = "\n".join(f"{one.operation_id} {one.attempt}" for one in items)
    return {"bulk": bulk.id, "number": bulk.number, "operations": sm3(listed.encode()).hex(), "reason": bulk.reason}
