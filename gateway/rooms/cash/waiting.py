"""What of cash waits for a person: to be handed in, to get a bill, to be brought to the bank, by its last day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from gateway.foundation.screens import Look, To, Waits
from gateway.foundation.taking import waits_mine
from gateway.rooms.cash import records
from gateway.rooms.cash.records import MOST, CashFilter
from gateway.rooms.cash.states import CashStatus
from gateway.words.saying import say

_OPEN: Final = (CashStatus.TAKEN, CashStatus.HANDED_IN, CashStatus.BILLED)


async def waiting(look: Look) -> Sequence[Waits]:
    """Cash by where it is, each with the earliest last day among it; and what is in the hands of who looks."""
    if not look.may("payments:read"):
        return ()
    mine, me = look.who.authorities, look.who.client_id

    async def of(status: CashStatus) -> tuple[int, date | None]:
        return await look.base.store.read(
            lambda conn: (
                records.count(conn, CashFilter(authorities=mine, status=status)),
                records.first_due(conn, mine, status),
            )
        )

    found = []
    for status in _OPEN:
        number, due = await of(status)
        late = due is not None and due < look.today
        to = To("", "cash", asked={"status": status.value})
        told = say(f"cash.waits_{status.value.lower()}")
        found.append(Waits(told, number, to, due, tone="bad" if late else "plain", most=MOST))
    held = await look.base.store.read(lambda conn: records.count(conn, CashFilter(authorities=mine, held_by=me)))
    return [*found, waits_mine(say("cash.screen"), held, "cash", MOST)]
