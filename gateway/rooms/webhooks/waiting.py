"""What of webhooks waits for a person: endpoints that were given up, or where nothing arrives."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.foundation.screens import Look, Waits
from gateway.words.saying import say

_LISTED = "gateway webhooks list"


async def waiting(look: Look) -> Sequence[Waits]:
    """Endpoints that are disabled since nothing arrived, and those that fail and may be."""
    if not look.may("events:read"):
        return ()
    found = await look.base.webhooks.endpoints.find(sorted(look.who.authorities))
    given_up = sum(one.disabled_at is not None for one in found)
    failing = sum(one.disabled_at is None and one.failing_since_at is not None for one in found)
    return (
        Waits(say("webhooks.wait_disabled"), given_up, instead=_LISTED, tone="bad"),
        Waits(say("webhooks.wait_failing"), failing, instead=_LISTED, tone="warn"),
    )
