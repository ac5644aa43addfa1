"""Many documents sealed at one asking: each is a sealing of its own, and has a result of its own.

A batch is no record. An item is known again by its decision, its file and its seal, so that the same batch sent again
goes on where the first one stopped, says what became of the rest, and seals nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from gateway.foundation.crypto.sm import sm3
from gateway.foundation.store import Store
from gateway.rooms.seals import records
from gateway.rooms.seals.records import SealedDocument
from gateway.rooms.seals.service import SealAsk, Seals
from gateway.rooms.seals.states import Status
from gateway.words.errors import ConflictProblem, Problem, UnavailableProblem

MOST: Final = 500
_AT_ONCE: Final = 4
"""Files made ready at the same time: each takes its size some times over in memory."""

Result = Literal["accepted", "known", "refused", "not_tried"]


@dataclass(frozen=True, slots=True)
class Item:
    """One document of a batch."""

    ask: SealAsk
    content: bytes


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What became of an item: accepted now, known from before, refused for its ``problem``, or not tried.

    An item is not tried once the service, or the gateway, could not take more.
    """

    result: Result
    document: SealedDocument | None = None
    problem: Problem | None = None


class SealBatches:
    """Has many documents sealed."""

    def __init__(self, store: Store, seals: Seals) -> None:
        self._store = store
        self._seals = seals

    async def seal(
        self, items: Sequence[Item], *, asked_by: str, refused_again: bool = False
    ) -> tuple[ItemResult, ...]:
        """The results in the order of the items, without waiting for any signature.

        ``refused_again``: what was refused before is asked for anew; else it is known, with its reason.
        """
        turns, full = asyncio.Semaphore(_AT_ONCE), asyncio.Event()

        async def one(item: Item) -> ItemResult:
            async with turns:
                known = await self._known(item, refused_again)
                if known is not None:
                    return ItemResult("known", known)
                if full.is_set():
                    return ItemResult("not_tried")
                try:
                    made = await self._seals.seal_document(item.ask, item.content, wait=0, asked_by=asked_by)
                except UnavailableProblem as problem:
                    full.set()
                    return ItemResult("not_tried", problem=problem)
                except ConflictProblem as problem:  # the same item stands twice in the batch, or in another one
                    known = await self._known(item, refused_again)
                    return ItemResult("refused", problem=problem) if known is None else ItemResult("known", known)
                except Problem as problem:
                    return ItemResult("refused", problem=problem)
                return ItemResult("accepted", await self._seals.held(made))

        return tuple(await asyncio.gather(*(one(item) for item in items)))

    async def _known(self, item: Item, refused_again: bool) -> SealedDocument | None:
        """The latest sealing of this file with this seal for this decision."""
        digest = await asyncio.to_thread(sm3, item.content)
        ask = item.ask
        found = await self._store.read(
            lambda conn: records.latest(conn, (ask.authority, digest, ask.seal_id), ask.decision_number)
        )
        return None if found is not None and refused_again and found.status is Status.REFUSED else found
