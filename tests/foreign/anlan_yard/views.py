"""How an impounded vehicle looks from outside: without the name of its driver."""

from __future__ import annotations

from datetime import date

from anlan_yard.records import Impound
from anlan_yard.states import Status
from gateway.foundation.delivery import Event
from gateway.foundation.http.views import EventView, View, instant


class ImpoundView(View):
    """One vehicle."""

    id: str
    authority: str
    channel: str
    status: Status
    plate: str
    seized_on: date
    slot: str | None
    reason: str | None
    left_at: str | None
    in_doubt_since: str | None
    doubt_reason: str | None
    created_at: str
    timeline: list[EventView] | None = None

    @classmethod
    def of(cls, one: Impound, timeline: list[Event] | None = None) -> ImpoundView:
        """From its record."""
        return cls(
            id=one.id,
            authority=one.authority,
            channel=one.channel,
            status=one.status,
            plate=one.plate,
            seized_on=one.seized_on,
            slot=one.slot,
            reason=one.reason,
            left_at=instant(one.left_at),
            in_doubt_since=instant(one.in_doubt_since_at),
            doubt_reason=one.doubt_reason,
            created_at=instant(one.created_at) or "",
            timeline=None if timeline is None else [EventView.of(event) for event in timeline],
        )
