"""The end of a publication: nothing is called ended before it was looked at, and nothing ends in silence.

At its maximum a publication ends where its duties are performed, or where the sector's rule or a person says so. Where
nobody does, it is told of and waits. Most targets end by themselves; one that does not is told to after the grace.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from sqlalchemy import Connection

from gateway.foundation.crypto.envelope import Envelope
from gateway.rooms.decisions import Decision
from gateway.rooms.decisions import fetch as fetch_decision
from gateway.rooms.disclosures import records
from gateway.rooms.disclosures.comparison import Amiss, Kind
from gateway.rooms.disclosures.effects import Effects
from gateway.rooms.disclosures.findings import Findings
from gateway.rooms.disclosures.performance import paid_in_full
from gateway.rooms.disclosures.records import Disclosure
from gateway.rooms.disclosures.states import Status

OVER = "公示期限届满"
"""What the public reads where a target is told to end a publication."""

Sector = Callable[[Connection, Decision, Disclosure, date], tuple[bool, str] | None]
"""What a sector says of duties that are not performed at the maximum: whether it ends, by which rule; or nothing."""


class Ending:
    """Ends publications whose period is over. All inside the caller's transactions."""

    def __init__(
        self, effects: Effects, findings: Findings, envelope: Envelope, grace_days: int, sector: Sector
    ) -> None:
        self._effects = effects
        self._findings = findings
        self._envelope = envelope
        self._grace = timedelta(days=grace_days)
        self._sector = sector

    def reached(self, conn: Connection, disclosure: Disclosure, public: bool, today: date, now: int) -> None:
        """Its period is over, and its target's page was read: whether the public still sees it."""
        until = disclosure.publish_until_on
        assert until is not None, "what is public has an end"
        rule = self._waits_for(conn, disclosure, today)
        if rule is not None:
            self._hold(conn, disclosure, rule, now)
            if public:
                return
            if rule:  # the sector wants it shown, and its target has ended it
                self._findings.seen(conn, disclosure, disclosure.target, Amiss(Kind.MISSING), now)
                return
        elif disclosure.end_held_at is not None:
            records.change(conn, disclosure.id, now, end_held_at=None)
            self._findings.mended(conn, disclosure, Kind.UNPERFORMED)
        if not public:
            self._effects.move(conn, disclosure, Status.ENDED, publish_until_on=until)
            self._findings.seen(conn, disclosure, disclosure.target, None, now)
        elif today > until + self._grace:
            self._effects.take_off(conn, disclosure, "end", OVER, now)

    def is_late(self, disclosure: Disclosure, today: date) -> bool:
        """Whether it should have ended by now, and nobody was told so."""
        until = disclosure.publish_until_on
        told = disclosure.end_held_at is not None or disclosure.end_late_at is not None
        return until is not None and today > until + self._grace + timedelta(days=1) and not told

    def _waits_for(self, conn: Connection, disclosure: Disclosure, today: date) -> str | None:
        """For what it is not ended: the sector's rule, or "" where nobody has said anything. None: nothing."""
        if disclosure.end_reason is not None:
            return None
        decision = fetch_decision(conn, self._envelope, disclosure.decision_id)
        assert decision is not None
        if paid_in_full(conn, decision.id, decision.facts):
            return None
        said = self._sector(conn, decision, disclosure, today)
        if said is None:
            return ""
        ends, citation = said
        return None if ends else citation

    def _hold(self, conn: Connection, disclosure: Disclosure, rule: str, now: int) -> None:
        self._findings.open(conn, disclosure, disclosure.target, Amiss(Kind.UNPERFORMED), now)
        if disclosure.end_held_at is None:
            records.change(conn, disclosure.id, now, end_held_at=now)
            until = str(disclosure.publish_until_on)
            self._effects.tell(conn, disclosure, "end_held", publish_until_on=until, citation=rule or None)
