"""What of cash waits for a person: sums that should have been handed in, or brought to the bank, by now."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.foundation.screens import Look, Waits
from gateway.rooms.cash.service import Cash
from gateway.rooms.cash.states import Duty
from gateway.words.saying import say


async def waiting(look: Look) -> Sequence[Waits]:
    """Cash that is late, by whose duty it is."""
    if not look.may("payments:read"):
        return ()
    late = await look.get(Cash).late(look.who.authorities)
    return [
        Waits(
            say(f"cash.wait_{duty.value}"),
            sum(one.duty is duty for one in late),
            due=min((one.due_on for one in late if one.duty is duty and one.due_on is not None), default=None),
            instead=f"gateway cash list --status {status}",
            tone="bad",
        )
        for duty, status in ((Duty.HAND_IN, "TAKEN"), (Duty.BANK, "HANDED_IN"))
    ]
