"""Operations as people see them: the list, one with its attempts, and the evidence side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.foundation.access import records as access_records
from gateway.foundation.delivery import doubtful_records, operation_records, resolution_records, unreadable_records
from gateway.foundation.delivery.doubtful_records import Doubtful
from gateway.foundation.delivery.operation_records import AttemptRecord, OperationRecord, Parked, ParkedKind
from gateway.foundation.delivery.resolution_records import Resolution
from gateway.foundation.delivery.states import State
from gateway.foundation.delivery.unreadable_records import Unreadable
from gateway.foundation.drift import Drifted
from gateway.foundation.drift import records as drift_records
from gateway.foundation.evidence import Evidence, Exchange
from gateway.foundation.store import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection

FIRST: Final = 10
"""How many ids of many are shown."""


@dataclass(frozen=True)
class OperationStory:
    """One operation with its attempts, oldest first."""

    operation: OperationRecord
    attempts: Sequence[AttemptRecord]


@dataclass(frozen=True)
class ParkedWork:
    """What a choice comes to before anything is done: how much of which kinds, the first ids, whether it takes two."""

    kinds: Sequence[ParkedKind]
    first: Sequence[str]

    @property
    def number(self) -> int:
        """How many operations there are."""
        return sum(one.number for one in self.kinds)

    @property
    def two_persons(self) -> bool:
        """Whether a second operator must confirm that they are sent on."""
        return any(one.pairs for one in self.kinds)


@dataclass(frozen=True)
class Side:
    """One exchange, and the attempt that made it."""

    attempt: AttemptRecord
    exchange: Exchange


@dataclass(frozen=True)
class Sight:
    """What a person sees who must say what became of an operation.

    ``said``: what stands already. ``names``: of who said or confirmed it, by id. ``rerun``: the operation that was sent
    instead. ``sides``: what crossed the wire, in the order of time.
    """

    operation: OperationRecord
    said: Resolution | None
    names: Mapping[str, str]
    rerun: str | None
    sides: Sequence[Side]


class Operations:
    """Reads the ledger for people. Nothing here changes anything."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(
        self,
        authorities: Sequence[str] | None = None,
        *,
        state: State | None = None,
        channel: str | None = None,
        subject: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[OperationRecord]:
        """Operations, newest first: of these authorities, or of all. ``before``: an operation's id."""
        return await self._store.read(
            lambda conn: operation_records.find(
                conn,
                authorities=authorities,
                state=state,
                channel=channel,
                subject=subject,
                before=before,
                limit=limit,
            )
        )

    async def doubtful(self, wanted: Doubtful, before: str | None, limit: int) -> tuple[Sequence[OperationRecord], int]:
        """Operations that wait for a person or are in doubt, newest first, and how many there are in all."""
        return await self._store.read(
            lambda conn: (
                doubtful_records.find(conn, wanted, before, limit),
                doubtful_records.count(conn, wanted),
            )
        )

    async def count_doubtful(self, wanted: Doubtful) -> int:
        """How many there are, counted up to ``doubtful_records.MOST``."""
        return await self._store.read(lambda conn: doubtful_records.count(conn, wanted))

    async def held(self, operation_id: str) -> OperationRecord:
        """One operation. Raises NotFoundProblem."""
        return await self._store.read(lambda conn: operation_records.held(conn, operation_id))

    async def parked(self, chosen: Parked) -> ParkedWork:
        """What is parked, and would be sent on in bulk by this choice."""

        def read(conn: Connection) -> ParkedWork:
            first = [one.id for one in operation_records.parked(conn, chosen, FIRST)]
            return ParkedWork(operation_records.parked_kinds(conn, chosen), first)

        return await self._store.read(read)

    async def drift(self, channels: Sequence[str]) -> list[Drifted]:
        """What these channels have sent beyond their contracts."""
        return await self._store.read(lambda conn: drift_records.all_of(conn, channels))

    async def unreadable(
        self, authorities: Sequence[str], channels: Sequence[str], *, before: str | None, limit: int
    ) -> list[Unreadable]:
        """Messages that could not be read: about these authorities, or about nobody known on these channels."""
        return await self._store.read(
            lambda conn: unreadable_records.find(
                conn, authorities=authorities, channels=channels, before=before, limit=limit
            )
        )

    async def view(self, operation_id: str) -> OperationStory:
        """One operation with its attempts. Raises NotFoundProblem."""

        def read(conn: Connection) -> OperationStory:
            found = operation_records.held(conn, operation_id)
            return OperationStory(found, operation_records.attempts_of(conn, operation_id))

        return await self._store.read(read)

    async def look(self, evidence: Evidence, operation_id: str) -> Sight:
        """The evidence of an operation side by side, and what is said about it. Raises NotFoundProblem."""

        def read(conn: Connection) -> Sight:
            found = operation_records.held(conn, operation_id)
            said = resolution_records.standing(conn, operation_id)
            people = () if said is None else (said.proposed_by, said.confirmed_by)
            return Sight(
                found,
                said,
                access_records.names_of(conn, [one for one in people if one is not None]),
                operation_records.rerun_of(conn, operation_id),
                _sides(conn, evidence, operation_id),
            )

        return await self._store.read(read)


def _sides(conn: Connection, evidence: Evidence, operation_id: str) -> list[Side]:
    made = {one: attempt for attempt in operation_records.attempts_of(conn, operation_id) for one in attempt.exchanges}
    wire = evidence.of_operation(conn, operation_id)
    return [Side(made[one.id], one) for one in wire if one.id in made]
