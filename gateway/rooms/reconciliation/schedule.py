"""What comes round by the clock: the statements of the day before, and those that were late."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta

from gateway.foundation.channels import Channels, for_every_channel
from gateway.rooms.reconciliation.service import NotMadeYetProblem, Reconciliation
from gateway.words.clock import day_of

_BY = "schedule"


class StatementSchedule:
    """Runs that nobody asks for, over every channel that offers statements.

    A channel that fails does not keep the others from theirs; its error is raised when all have had their turn.
    """

    def __init__(self, reconciliation: Reconciliation, channels: Channels) -> None:
        self._reconciliation = reconciliation
        self._channels = channels

    async def day_before(self, slot: datetime) -> None:
        """One statement a channel: of the day before ``slot``. ``catch_up`` asks for one that is not made yet."""
        day = day_of(slot) - timedelta(days=1)

        async def run(name: str) -> None:
            with contextlib.suppress(NotMadeYetProblem):
                await self._reconciliation.run(name, day, by=_BY)

        await for_every_channel(self._names(), run)

    async def catch_up(self, _slot: datetime) -> None:
        """Days of the last week whose statement was not to be had, or not to be believed, when its turn came."""
        await for_every_channel(self._names(), lambda name: self._reconciliation.catch_up(name, by=_BY))

    def _names(self) -> list[str]:
        return [one.name for one in self._channels.all() if "statement" in one.info.capabilities]
