"""What a target is asked about one disclosure: what it has decided, and what the public sees.

All functions of a connection, in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.rooms.disclosures import questions
from gateway.rooms.disclosures.publication import key_of
from gateway.rooms.disclosures.questions import Effect, LookQuery, PageQuery, VerdictQuery
from gateway.rooms.disclosures.records import Disclosure
from gateway.rooms.disclosures.states import Status


class Asking:
    """Has a target asked; the answers come back to the room's actions."""

    def __init__(self, base: Foundation) -> None:
        self._envelope = base.envelope
        self._delivery = base.delivery

    def verdict(self, conn: Connection, disclosure: Disclosure, reference: str, now: int) -> None:
        """Ask what the target has decided about the effect with this reference."""
        query = VerdictQuery(reference=reference, asked_at=now)
        self._ask(conn, disclosure, "credit.verdict", query, now + int(questions.SHORTEST * 1_000_000))

    def page(self, conn: Connection, disclosure: Disclosure, effect: Effect, about: str, now: int) -> None:
        """Ask what the public sees, until it is what the effect should have brought about."""
        former = disclosure.sent(self._envelope)
        sent = disclosure.correction(self._envelope) if effect == "correct" else former
        query = PageQuery(
            about=about,
            key=key_of(sent),
            shown=effect in questions.STAYS_SHOWN,
            content=sent.content,
            former=former.content if effect == "correct" else None,
            objection={"object": True, "settle": False}.get(effect),
            under_appeal={"appeal": True, "decide": False}.get(effect),
            inspections=False if effect == "repair" else None,
            asked_at=now,
        )
        self._ask(conn, disclosure, "credit.read_back", query)

    def look(self, conn: Connection, disclosure: Disclosure, places: Iterable[str]) -> None:
        """Ask what the public sees now at these channels."""
        key = key_of(disclosure.sent(self._envelope))
        for place in places:
            self._ask(conn, disclosure, "credit.look", LookQuery(about=place, key=key), at=place)

    def _ask(
        self,
        conn: Connection,
        disclosure: Disclosure,
        action: str,
        query: VerdictQuery | PageQuery | LookQuery,
        not_before: int | None = None,
        at: str | None = None,
    ) -> None:
        self._delivery.enqueue(
            conn,
            action=action,
            channel=at or disclosure.target,
            authority=disclosure.authority,
            subject=disclosure.id,
            request=query,
            not_before=not_before,
            wanted_by=last_day_of(disclosure),
        )


def last_day_of(disclosure: Disclosure) -> date | None:
    """The last day of the law for what is under way: to take it back, to pass it on, or to have it public."""
    if disclosure.withdraw_wanted_at is not None:
        return disclosure.withdraw_by_on
    planned = disclosure.status is Status.PLANNED
    return (disclosure.pass_on_by_on if planned else None) or disclosure.submit_by_on
