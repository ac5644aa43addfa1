"""From events of other rooms to planned notices, in the transaction that writes the event."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.delivery import Event
from gateway.foundation.lives import Living
from gateway.rooms.decisions import Decision, Decisions
from gateway.rooms.notices import records
from gateway.rooms.notices.occasions import DIGEST, ENDS, OCCASIONS, key_of, occasion_of
from gateway.rooms.notices.options import NoticeOptions
from gateway.rooms.notices.records import Item, Notice
from gateway.rooms.notices.states import Status
from gateway.words.clock import to_micros
from gateway.words.errors import NotFoundProblem
from gateway.words.identifiers import new_id

CAPABILITY = "notices"
_MINUTE = 60_000_000


class Planner:
    """Plans one message for each event and officer; what concerns one officer meanwhile joins it."""

    def __init__(
        self, base: Foundation, decisions: Decisions, options: NoticeOptions, life: Living[Status, Notice]
    ) -> None:
        self._base = base
        self._decisions = decisions
        self._options = options
        self._life = life

    def hear(self, conn: Connection, event: Event) -> None:
        """Something happened of which officers are told, if the settings say so. The same again changes nothing."""
        occasion = occasion_of(event.type)
        if occasion is None or not self._options.tells(event.authority, occasion):
            return
        if not self._base.channels.route(event.authority, CAPABILITY):
            return
        decision = self._decision(conn, event)
        named = [] if decision is None else [one.number for one in decision.officers]
        for certificate in dict.fromkeys(named or self._options.persons_on_duty(event.authority)):
            self._plan(conn, event, OCCASIONS[occasion], certificate, decision)

    def end(self, conn: Connection, event: Event) -> None:
        """There is nothing to tell any more of what went before: what is not sent yet does not tell it."""
        now = to_micros(self._base.clock.now())
        for notice_id in records.end_items(conn, event.subject, ENDS[event.type], now):
            planned = records.lock(conn, notice_id)
            if planned is not None and planned.status is Status.PLANNED and not self.count(conn, planned):
                self._life.move(conn, planned, Status.DROPPED, reason=f"{event.type}: nothing is to be told any more")

    def count(self, conn: Connection, planned: Notice) -> int:
        """Bring a planned notice up to what it tells of; of how many events that is."""
        items = records.items_of(conn, planned.id)
        if items:
            template, number = (items[0].template, items[0].number) if len(items) == 1 else (DIGEST, None)
            now = to_micros(self._base.clock.now())
            records.change(conn, planned.id, now, items=len(items), template=template, number=number)
        return len(items)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _decision(self, conn: Connection, event: Event) -> Decision | None:
        number = event.data.get("decision_number")
        if not isinstance(number, str):
            return None
        try:
            return self._decisions.read(conn, event.authority, number)
        except NotFoundProblem:
            return None

    def _plan(self, conn: Connection, event: Event, template: str, certificate: str, decision: Decision | None) -> None:
        indexes, key = records.officer_indexes(self._base.envelope, certificate), key_of(event)
        if records.is_told(conn, key, indexes):
            return
        notice = self._collecting(conn, event.authority, certificate, indexes, template)
        item = Item(
            event_key=key,
            officer_index=notice.officer_index,
            notice_id=notice.id,
            event=event.type,
            subject=event.subject,
            template=template,
            created_at=event.at,
            decision_id=None if decision is None else decision.id,
            number=None if decision is None else decision.number,
        )
        if records.add_item(conn, item):
            self.count(conn, notice)

    def _collecting(
        self, conn: Connection, authority: str, certificate: str, indexes: Sequence[bytes], template: str
    ) -> Notice:
        """The notice that takes one event more; a new one where none collects, or each event is told alone."""
        alone = self._options.digest_minutes == 0
        known = None if alone else records.collecting(conn, authority, indexes)
        if known is not None:
            return known
        now = to_micros(self._base.clock.now())
        notice_id = new_id("ntc")
        made = Notice(
            id=notice_id,
            authority=authority,
            officer_index=indexes[0],
            officer_sealed=records.seal_officer(self._base.envelope, notice_id, certificate),
            status=Status.PLANNED,
            template=template,
            items=0,
            due_at=now + self._options.digest_minutes * _MINUTE,
            created_at=now,
            updated_at=now,
            reason="told alone" if alone else None,
        )
        if not records.add(conn, made):
            known = records.collecting(conn, authority, indexes)
            assert known is not None, "somebody else has just begun to collect"
            return known
        self._life.begin(conn, made)
        return made
