"""How disclosures look from outside."""

from __future__ import annotations

from datetime import date

from gateway.foundation.delivery import Event
from gateway.foundation.http.views import EventView, View, instant
from gateway.rooms.disclosures.comparison import CHINESE, Kind
from gateway.rooms.disclosures.findings import Finding
from gateway.rooms.disclosures.inspection_report import InspectionReport
from gateway.rooms.disclosures.records import Disclosure
from gateway.rooms.disclosures.states import FindingStatus, Status
from gateway.words.clock import to_micros


class FieldErrorView(View):
    """One field that the target refused: by its names there, and by the fact's in our record where that is known.

    ``rule``: the document that asks for it.
    """

    field: str
    title: str
    fact: str
    code: str
    message: str
    rule: str


class DisclosureView(View):
    """One decision's publication at one target. ``citation`` is the rule behind its period, or behind the refusal."""

    id: str
    authority: str
    decision_number: str
    target: str
    status: Status
    under_way: str | None
    citation: str
    reason: str | None
    field_errors: list[FieldErrorView]
    submit_by: date | None
    submit_by_provisional: bool
    publish_until: date | None
    repair_from: date | None
    withdraw_by: date | None
    published_on: date | None
    url: str | None
    objection_since: str | None
    objection_marked_since: str | None
    appeal_since: str | None
    appeal_marked_since: str | None
    looked_at: str | None
    end_held_since: str | None
    late: bool
    in_doubt_since: str | None
    doubt_reason: str | None
    created_at: str
    updated_at: str
    timeline: list[EventView] | None = None

    @classmethod
    def of(cls, disclosure: Disclosure, timeline: list[Event] | None = None) -> DisclosureView:
        """From its record."""
        errors = [
            FieldErrorView(
                field=one.field,
                title=one.title,
                fact=one.fact,
                code=one.code,
                message=one.message,
                rule=one.source,
            )
            for one in disclosure.field_errors
        ]
        return cls(
            id=disclosure.id,
            authority=disclosure.authority,
            decision_number=disclosure.decision_number,
            target=disclosure.target,
            status=disclosure.status,
            under_way=disclosure.effect,
            citation=disclosure.citation,
            reason=disclosure.reason,
            field_errors=errors,
            submit_by=disclosure.submit_by_on,
            submit_by_provisional=disclosure.submit_by_provisional,
            publish_until=disclosure.publish_until_on,
            repair_from=disclosure.repair_from_on,
            withdraw_by=disclosure.withdraw_by_on,
            published_on=disclosure.published_on,
            url=disclosure.url,
            objection_since=instant(disclosure.objection_at),
            objection_marked_since=instant(disclosure.objection_marked_at),
            appeal_since=instant(disclosure.appeal_at),
            appeal_marked_since=instant(disclosure.appeal_marked_at),
            looked_at=instant(disclosure.looked_at),
            end_held_since=instant(disclosure.end_held_at),
            late=disclosure.late,
            in_doubt_since=instant(disclosure.in_doubt_since_at),
            doubt_reason=disclosure.doubt_reason,
            created_at=instant(disclosure.created_at),
            updated_at=instant(disclosure.updated_at),
            timeline=None if timeline is None else [EventView.of(one) for one in timeline],
        )


class FindingView(View):
    """One thing that is amiss 巡查问题. ``place``: the channel that shows it so; ``fields``: those that differ."""

    id: str
    disclosure: str
    authority: str
    decision_number: str
    place: str
    kind: Kind
    zh: str
    fields: list[str]
    status: FindingStatus
    url: str | None
    seen_at: str
    closed_by: str | None
    explanation: str | None
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, one: Finding) -> FindingView:
        """From its record."""
        return cls(
            id=one.id,
            disclosure=one.disclosure_id,
            authority=one.authority,
            decision_number=one.decision_number,
            place=one.place,
            kind=one.kind,
            zh=CHINESE[one.kind],
            fields=list(one.fields),
            status=one.status,
            url=one.url,
            seen_at=instant(one.seen_at),
            closed_by=one.closed_by,
            explanation=one.explanation,
            created_at=instant(one.created_at),
            updated_at=instant(one.updated_at),
        )


class LookedAtView(View):
    """One target: what is shown there, how much of it was not looked at in time, and the oldest look."""

    target: str
    shown: int
    overdue: int
    oldest_look_at: str | None


class CountedView(View):
    """Open findings of one kind at one place, by how many days they have been open: up to 1, 7, 30, and longer."""

    place: str
    kind: Kind
    zh: str
    open: int
    day: int
    week: int
    month: int
    older: int
    oldest_at: str


class InspectionReportView(View):
    """The inspection as a report 巡查报告. ``every_days``: how often what is public is looked at."""

    made_at: str
    every_days: int
    targets: list[LookedAtView]
    counts: list[CountedView]

    @classmethod
    def of(cls, told: InspectionReport) -> InspectionReportView:
        """From the report."""
        looked = [
            LookedAtView(
                target=one.target,
                shown=one.shown,
                overdue=one.overdue,
                oldest_look_at=None if one.oldest_at is None else instant(one.oldest_at),
            )
            for one in told.targets
        ]
        counts = [
            CountedView(
                place=one.place,
                kind=one.kind,
                zh=CHINESE[one.kind],
                open=one.number,
                day=one.day,
                week=one.week,
                month=one.month,
                older=one.older,
                oldest_at=instant(one.oldest_at),
            )
            for one in told.counts
        ]
        made_at = instant(to_micros(told.made_at))
        return cls(made_at=made_at, every_days=told.every_days, targets=looked, counts=counts)
