"""Whose channels are: the sums of one that several authorities share are nobody's alone."""

from __future__ import annotations

from gateway.foundation.access import Principal
from gateway.foundation.base import Foundation
from gateway.ports.nontax import KIND
from gateway.words.errors import NotFoundProblem
from gateway.words.identifiers import in_sandbox
from gateway.words.saying import say


async def channels_of(base: Foundation, who: Principal) -> set[str]:
    """Channels whose sums the caller may see: where nobody else's payments are.

    An operator who sees every authority sees every channel that is no simulator's, also one that no route leads to.
    """
    known = await base.access.authorities()
    real = [one.code for one in known if not in_sandbox(one.code)]
    every: set[str] = set()
    if who.kind == "operator" and who.authorities.issuperset(real):
        every = {one.name for one in base.channels.all() if one.info.kind == KIND and not one.keys.simulator}
    mine: set[str] = set()
    others: set[str] = set()
    for authority in known:
        group = mine if authority.code in who.authorities else others
        group |= {one.name for one in base.channels.route(authority.code, "payments")}
    return every | (mine - others)


async def serves(base: Foundation, who: Principal, channel: str) -> None:
    """Raises NotFoundProblem for a channel whose sums are not the caller's to see."""
    if channel not in await channels_of(base, who):
        raise NotFoundProblem(
            say("reconciliation.channel_shared", channel=channel),
            field="channel",
        )
