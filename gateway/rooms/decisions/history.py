"""Whether an event may stand beside the others of its decision: pure rules, said once for recording and correcting."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from gateway.rooms.decisions.facts import DecisionEvent, DecisionFacts, EventKind
from gateway.words.errors import ConflictProblem, InvalidProblem
from gateway.words.law import Matter
from gateway.words.saying import FieldName, say
from gateway.words.terms import Terms


def check_day(event: DecisionEvent, today: date) -> None:
    """Nothing is recorded before it has happened. Raises InvalidProblem."""
    if event.on > today:
        raise InvalidProblem(say("decisions.event_in_future", on=event.on), field="on")


def check_unmasked(new: DecisionEvent | DecisionFacts, known: DecisionEvent | DecisionFacts | None = None) -> None:
    """What somebody was shown masked is never stored in the place of what it hides. Raises InvalidProblem.

    ``known``: of the same kind, what ``new`` is to take the place of.
    """
    if (field := new.left_masked(known)) is not None:  # type: ignore[arg-type]
        raise InvalidProblem(say("decisions.written_masked", field=FieldName(field)), field=field)


def check_event(event: DecisionEvent, facts: DecisionFacts, others: Sequence[DecisionEvent], terms: Terms) -> None:
    """An event by itself, and beside ``others`` in force. Raises InvalidProblem, ConflictProblem.

    Electronic service rests upon what the law's row for this field says: the arrival in the addressee's own system
    (民事诉讼法 art. 90), or the sender's record, against which the party may prove another day.
    """
    if event.on < facts.decided_on:
        raise InvalidProblem(say("decisions.event_before", on=event.on, decided_on=facts.decided_on), field="on")
    if event.kind is EventKind.SERVED and any(one.kind is EventKind.SERVED for one in others):
        raise ConflictProblem(say("decisions.served_otherwise"), type="already-served")
    row = terms.rule(Matter.ELECTRONIC_SERVICE, facts.decided_on, facts.field_of_law)
    if event.shown_by is not None and event.shown_by != row.reading:
        if row.reading == "arrival":
            raise InvalidProblem(say("decisions.arrival_counts", citation=row.cited), field="shown_by")
        if event.evidence is None:
            raise InvalidProblem(say("decisions.other_day_proved", citation=row.cited), field="evidence")


def check_appeals(events: Sequence[DecisionEvent]) -> None:
    """Every appeal has an id of its own, and every end names an appeal that began before and ends once.

    Raises InvalidProblem, ConflictProblem.
    """
    began: dict[str, date] = {}
    for event in events:
        if event.kind is EventKind.APPEALED and event.appeal is not None:
            if event.appeal in began:
                raise ConflictProblem(say("decisions.appeal_twice", appeal=event.appeal), type="appeal-exists")
            began[event.appeal] = event.on
    ended = set()
    for event in events:
        if event.kind is not EventKind.APPEAL_ENDED:
            continue
        since = began.get(event.appeal or "")
        if since is None or event.appeal in ended:
            raise ConflictProblem(say("decisions.no_appeal", appeal=event.appeal or ""), type="no-open-appeal")
        if event.on < since:
            raise InvalidProblem(say("decisions.ended_before", on=event.on, since=since), field="on")
        ended.add(event.appeal)
