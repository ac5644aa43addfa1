"""How a notice looks from outside: the officer only as the messenger knows them."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from gateway.foundation.delivery import Event
from gateway.foundation.http.views import EventView, View, instant
from gateway.rooms.notices.records import Item, Notice
from gateway.rooms.notices.states import Status


class ItemView(View):
    """One event that a notice tells of."""

    event: str
    subject: str
    decision_number: str | None
    at: str

    @classmethod
    def of(cls, item: Item) -> ItemView:
        """From its record."""
        at = instant(item.created_at)
        return cls(event=item.event, subject=item.subject, decision_number=item.number, at=at)


class NoticeView(View):
    """One message to one officer."""

    id: str
    authority: str
    status: Status
    template: str = Field(description="what it says, as a word; digest where it tells of several events")
    items: int = Field(description="of how many events it tells")
    channel: str | None
    user_id: str | None = Field(description="the officer at the messenger")
    reason: str | None
    due_at: str
    held_until: str | None = Field(description="the messenger keeps it back until then 免打扰时段")
    sent_at: str | None
    delivered_at: str | None
    read_at: str | None
    in_doubt_since: str | None
    doubt_reason: str | None
    created_at: str
    updated_at: str
    tells: list[ItemView] | None = None
    timeline: list[EventView] | None = None

    @classmethod
    def of(
        cls, notice: Notice, items: Sequence[Item] | None = None, timeline: Sequence[Event] | None = None
    ) -> NoticeView:
        """From its record."""
        return cls(
            id=notice.id,
            authority=notice.authority,
            status=notice.status,
            template=notice.template,
            items=notice.items,
            channel=notice.channel,
            user_id=notice.user_id,
            reason=notice.reason,
            due_at=instant(notice.due_at),
            held_until=instant(notice.held_until_at),
            sent_at=instant(notice.sent_at),
            delivered_at=instant(notice.delivered_at),
            read_at=instant(notice.read_at),
            in_doubt_since=instant(notice.in_doubt_since_at),
            doubt_reason=notice.doubt_reason,
            created_at=instant(notice.created_at),
            updated_at=instant(notice.updated_at),
            tells=None if items is None else [ItemView.of(one) for one in items],
            timeline=None if timeline is None else [EventView.of(one) for one in timeline],
        )
