"""What has happened to the decision of a payment, on the payment's page: recorded, corrected, voided, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

from pydantic import ValidationError

from gateway.foundation.acts import by_name
from gateway.foundation.delivery.events import Event
from gateway.foundation.narrowing import day
from gateway.foundation.screens import (
    ActPage,
    Block,
    Choice,
    Fact,
    Facts,
    Field,
    Form,
    Head,
    Look,
    Many,
    Moment,
    Named,
    Note,
    Row,
    Table,
    Tag,
    Value,
    reason_for,
)
from gateway.rooms.decisions import Decision, DecisionEvent, Decisions, EventKind
from gateway.rooms.decisions.acts import ACTS
from gateway.rooms.decisions.corrections import At, Corrections, CorrectionSight
from gateway.rooms.decisions.history import check_appeals, check_day, check_event
from gateway.rooms.decisions.records import RecordedEvent
from gateway.rooms.decisions.states import CorrectionStatus
from gateway.rooms.decisions.told import CODES
from gateway.rooms.payments import records
from gateway.rooms.payments.records import Payment
from gateway.rooms.payments.service import Payments
from gateway.words.errors import InvalidProblem, NotFoundProblem
from gateway.words.saying import Word, say
from gateway.words.wrong import reason_of

_ACTS: Final = by_name(*ACTS)
_REASON: Final = reason_for(_ACTS["correct_event"])
_DETAILS: Final = ("method", "undelivered", "shown_by", "appeal_kind", "appeal", "party", "applied_on", "until")
_TEXTS: Final = ("evidence", "reason")


# --- what has happened ------------------------------------------------------------------------------------------------


async def payment_seen(look: Look, payment_id: str) -> Payment:
    """A payment that who looks may see. Raises NotFoundProblem."""
    found = await look.get(Payments).held(payment_id)
    look.require_seen(found.authority, "payment")
    return found


async def events_of(look: Look, decision: Decision, corrections: Sequence[CorrectionSight]) -> list[Block]:
    """What has happened to a decision, who recorded it and when; what was corrected, by whom, why, what followed."""
    heads = (
        Head(Named("event")),
        Head(Named("on")),
        Head(say("payments.screen_event_more"), small=True),
        Head(Named("recorded_by"), small=True),
        Head(Named("recorded_at"), small=True),
        Head(Named("in_force")),
    )
    rows = [
        Row(
            None,
            (
                Word(one.event.kind.value),
                one.event.on,
                Many(_more(look, one.event)),
                one.recorded_by,
                Moment(one.recorded_at),
                one.ended_by is None,
            ),
        )
        for one in decision.recorded
    ]
    blocks: list[Block] = [Table(say("payments.screen_events"), heads, rows, say("payments.screen_no_events"))]
    waits = waiting_for(corrections)
    if waits is not None:
        by = waits.correction.proposed_name
        blocks.insert(0, Note(say("payments.screen_correction_waits", by=by, reason=waits.correction.reason), "wait"))
    if corrections:
        told = await look.base.store.read(lambda conn: records.timeline(conn, decision.id))
        blocks.append(_corrected(look, decision, corrections, told))
    return blocks


def _more(look: Look, event: DecisionEvent) -> list[Value]:
    """What an event says besides its kind and day."""
    shown = event if look.plainly else event.masked()
    found: list[Value] = []
    for name in (*_DETAILS, *_TEXTS):
        value = getattr(shown, name)
        if value is not None:
            found.append(say("payments.event_detail", name=say(f"payments.of_{name}"), value=_said(name, value)))
    return found


def _said(name: str, value: object) -> str:
    return CODES.get(name, str)(str(value))


def _corrected(look: Look, decision: Decision, corrections: Sequence[CorrectionSight], told: Sequence[Event]) -> Table:
    """Every correction: from what to what, who and why, and from which last day to pay to which."""
    recorded = {one.id: one.event for one in decision.recorded}
    due = {one.data.get("correction"): one.data for one in told if one.type.startswith("decision.correct")}
    heads = (
        Head(Named("event")),
        Head(say("payments.screen_from_to")),
        Head(say("payments.screen_due_from_to")),
        Head(say("payments.screen_corrected_by"), small=True),
        Head(Named("reason")),
    )
    rows = []
    for sight in corrections:
        one, old = sight.correction, recorded[sight.correction.event_id]
        state = _STATES[one.status]
        by: list[Value] = [one.proposed_name, *([one.officer] if one.officer else []), Moment(one.created_at)]
        by += [say("payments.screen_agreed", by=one.confirmed_name)] if one.confirmed_name else []
        why: list[Value] = [one.reason]
        why += [say("payments.screen_taken_back", why=one.withdrawn_because)] if one.withdrawn_because else []
        days = due.get(one.id, {})
        cells = (
            Many((Word(old.kind.value), state)),
            Many(_changes(look, old, sight.event)),
            Many([_day(days.get(name)) for name in ("due_on_before", "due_on")]),
            Many(by),
            Many(why),
        )
        rows.append(Row(None, cells))
    return Table(say("payments.screen_corrections"), heads, rows, "")


def _day(told: object) -> date | None:
    return date.fromisoformat(told) if isinstance(told, str) else None


def _changes(look: Look, old: DecisionEvent, new: DecisionEvent | None) -> list[Value]:
    """What of an event a correction changes."""
    if new is None:
        return [old.on, say("payments.act_void")]
    was, is_ = (old, new) if look.plainly else (old.masked(), new.masked())
    found: list[Value] = [] if old.on == new.on else [old.on, new.on]
    for name in (*_DETAILS, *_TEXTS):
        if getattr(old, name) != getattr(new, name):
            before, after = ("-" if (one := getattr(each, name)) is None else _said(name, one) for each in (was, is_))
            change = say("payments.screen_change", old=before, new=after)
            found.append(say("payments.event_detail", name=say(f"payments.of_{name}"), value=change))
    return found


_STATES: Final = {
    CorrectionStatus.PROPOSED: Tag(say("payments.correction_proposed"), "wait"),
    CorrectionStatus.APPLIED: Tag(say("payments.correction_applied"), "good"),
    CorrectionStatus.WITHDRAWN: Tag(say("payments.correction_withdrawn"), "plain"),
}


# --- recording and voiding --------------------------------------------------------------------------------------------


async def _event_form(look: Look, payment_id: str) -> Form:
    decision = await held_decision(look, payment_id)
    kinds = [Choice(one.value, Word(one.value)) for one in EventKind]
    open_appeals = [one.id or "" for one in look.get(Decisions).clocks(decision).appeals() if one.until is None]
    fields = (
        Field("kind", Named("event"), "choice", choices=kinds),
        Field("on", Named("on"), "day", hint=say("payments.act_event_on")),
        _choice("method", "direct", "left", "entrusted", "post", "electronic", "publication"),
        _choice("undelivered", "refused", "returned"),
        _optional("evidence", "text"),
        _optional("applied_on", "day"),
        _optional("until", "day"),
        _choice("appeal_kind", "reconsideration", "suit"),
        replace(_optional("appeal", "text"), value=open_appeals[-1] if open_appeals else ""),
        _optional("reason", "area"),
    )
    what: list[Block] = [Note(say("payments.act_event_note"))]
    if look.asked.get("kind") and look.asked.get("on"):
        what += _recorded(look, decision)
    return Form(say("payments.act_event_button"), what, fields, reviewed=True)


def _choice(name: str, *values: str) -> Field:
    none = Choice("", "-")
    return replace(_optional(name, "choice"), choices=[none, *(Choice(one, _said(name, one)) for one in values)])


def _optional(name: str, kind: Any) -> Field:
    return Field(name, say(f"payments.of_{name}"), kind, required=False, hint=say(f"payments.act_event_{name}"))


def _event(look: Look) -> DecisionEvent:
    """What was typed, as an event; what says nothing of its kind is left out. Raises InvalidProblem."""
    names = (
        "kind",
        "on",
        "method",
        "undelivered",
        "evidence",
        "applied_on",
        "until",
        "appeal_kind",
        "appeal",
        "reason",
    )
    told = {name: look.asked[name] for name in names if look.asked.get(name)}
    if told.get("kind") not in (EventKind.APPEALED, EventKind.APPEAL_ENDED):
        told.pop("appeal", None)
    try:
        return DecisionEvent.model_validate(told, strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else "kind"
        raise InvalidProblem(reason_of(first), field=field) from None


def _recorded(look: Look, decision: Decision) -> list[Block]:
    """What is recorded, and what follows from it."""
    event = _event(look)
    check_day(event, look.today)
    check_event(event, decision.facts, decision.events, look.get(Decisions).clocks(decision).terms)
    check_appeals([*decision.events, event])
    row = (Word(event.kind.value), None, event.on)
    blocks: list[Block] = [_followed(look, decision, row, [*decision.events, event])]
    if event.kind in (EventKind.CHANGED, EventKind.REVOKED):
        blocks.append(Note(say(f"payments.act_event_{event.kind.value}"), "warn"))
    return blocks


async def _record(look: Look, payment_id: str) -> None:
    decision = await held_decision(look, payment_id)
    await look.get(Decisions).record_event(
        decision.authority, decision.number, _event(look), by=look.who.name, once=look.once
    )


async def _void_form(look: Look, payment_id: str) -> Form:
    decision = await held_decision(look, payment_id)
    what: list[Block] = [Note(say("payments.act_correct_note"))]
    if look.asked.get("event_id"):
        old = _meant(look, decision)
        look.get(Corrections).fitting(decision, old, None)
        row = (Word(old.event.kind.value), old.event.on, say("payments.act_void"))
        what.append(_followed(look, decision, row, [one for one in decision.events if one is not old.event]))
    return Form(say("payments.act_void_button"), what, (_which(decision), _REASON), reviewed=True)


async def _void(look: Look, payment_id: str) -> None:
    decision = await held_decision(look, payment_id)
    at = At(decision.authority, decision.number, _meant(look, decision).id)
    await look.get(Corrections).correct(at, None, look.asked["reason"], by=look.person, once=look.once)


def _which(decision: Decision) -> Field:
    choices = [
        Choice(one.id, say("payments.act_event", kind=one.event.kind, on=one.event.on)) for one in in_force(decision)
    ]
    return Field("event_id", Named("event"), "choice", choices=choices, value=choices[-1].value if choices else "")


def _meant(look: Look, decision: Decision) -> RecordedEvent:
    """The event that is meant. Raises InvalidProblem."""
    old = next((one for one in in_force(decision) if one.id == look.asked.get("event_id")), None)
    if old is None:
        raise InvalidProblem(say("decisions.no_event"), field="event_id")
    return old


# --- dates of the decision --------------------------------------------------------------------------------------------


async def decision_behind(look: Look, payment: Payment) -> Decision | None:
    """The decision of a payment; none where it remits cash."""
    if payment.decision_id is None:
        return None
    return await look.get(Decisions).get(payment.authority, payment.decision_number)


async def held_decision(look: Look, payment_id: str) -> Decision:
    found = await decision_behind(look, await payment_seen(look, payment_id))
    if found is None:
        raise NotFoundProblem(say("http.no_such", what=Word("decision")))
    return found


def in_force(decision: Decision) -> list[RecordedEvent]:
    """Its events that can be corrected or voided."""
    return [one for one in decision.recorded if one.ended_by is None]


def waiting_for(corrections: Sequence[CorrectionSight]) -> CorrectionSight | None:
    """The correction that waits for a second person."""
    return next((one for one in corrections if one.correction.status is CorrectionStatus.PROPOSED), None)


async def _correct_form(look: Look, payment_id: str) -> Form:
    decision = await held_decision(look, payment_id)
    fields = (_which(decision), Field("on", say("payments.act_correct_on"), "day"), _REASON)
    what: list[Block] = [Note(say("payments.act_correct_note"))]
    if look.asked.get("event_id") and look.asked.get("on"):
        what.append(_difference(look, decision))
    return Form(say("payments.act_correct_button"), what, fields, reviewed=True)


def _difference(look: Look, decision: Decision) -> Table:
    """The event's day and the last day to pay, before and after."""
    old, on = _chosen(look, decision)
    new = old.event.model_copy(update={"on": on})
    look.get(Corrections).fitting(decision, old, new)
    others = [one for one in decision.events if one is not old.event]
    return _followed(look, decision, (Word(old.event.kind.value), old.event.on, on), [*others, new])


def _followed(look: Look, decision: Decision, row: tuple[Value, ...], events: Sequence[DecisionEvent]) -> Table:
    """What is changed, and the last day to pay with the decision's events as they are, and as they will be."""
    clocks = look.get(Decisions).clocks(decision)
    before, after = clocks.due(), replace(clocks, events=list(events)).due()
    heads = (Head(say("payments.act_correct_of")), Head(say("payments.act_now")), Head(say("payments.act_then")))
    due = (Named("due_on"), None if before is None else before.on, None if after is None else after.on)
    return Table(say("payments.act_what"), heads, [Row(None, row), Row(None, due)], "")


def _chosen(look: Look, decision: Decision) -> tuple[RecordedEvent, date]:
    """The event that is meant, and its new day. Raises InvalidProblem."""
    old, on = _meant(look, decision), day(look, "on")
    if on is None:
        raise InvalidProblem(say("decisions.no_event"), field="on")
    return old, on


async def _correct(look: Look, payment_id: str) -> None:
    decision = await held_decision(look, payment_id)
    old, on = _chosen(look, decision)
    at = At(decision.authority, decision.number, old.id)
    event = old.event.model_copy(update={"on": on})
    await look.get(Corrections).correct(at, event, look.asked["reason"], by=look.person, once=look.once)


async def _waiting_correction(look: Look, payment_id: str) -> tuple[Decision, CorrectionSight]:
    decision = await held_decision(look, payment_id)
    found = waiting_for(await look.get(Corrections).of(decision))
    if found is None:
        raise NotFoundProblem(say("decisions.no_correction_waits"))
    return decision, found


async def _confirm_form(look: Look, payment_id: str) -> Form:
    decision, found = await _waiting_correction(look, payment_id)
    return Form(say("payments.act_confirm_button"), _proposed(decision, found), seen=found.seen or "")


def _proposed(decision: Decision, found: CorrectionSight) -> list[Block]:
    old = next(one for one in decision.recorded if one.id == found.correction.event_id)
    facts: list[Fact] = [
        (Named("event"), Word(old.event.kind.value)),
        (say("payments.act_now"), old.event.on),
        (say("payments.act_then"), say("payments.act_void") if found.event is None else found.event.on),
        (Named("reason"), found.correction.reason),
        (Named("proposed_by"), found.correction.proposed_name),
    ]
    return [Facts(None, facts)]


async def _confirm(look: Look, payment_id: str) -> None:
    decision, found = await _waiting_correction(look, payment_id)
    at = At(decision.authority, decision.number, found.correction.event_id)
    await look.get(Corrections).confirm(at, by=look.person, seen=look.asked.get("seen", ""), once=look.once)


async def _withdraw_form(look: Look, payment_id: str) -> Form:
    decision, found = await _waiting_correction(look, payment_id)
    return Form(say("payments.act_withdraw_button"), _proposed(decision, found), (_REASON,))


async def _withdraw(look: Look, payment_id: str) -> None:
    decision, found = await _waiting_correction(look, payment_id)
    at = At(decision.authority, decision.number, found.correction.event_id)
    await look.get(Corrections).withdraw(at, look.asked["reason"], by=look.person, once=look.once)


EVENT_PAGES: Final = (
    ActPage(name="event", of=_ACTS["record_event"], form=_event_form, do=_record),
    ActPage(name="correct", of=_ACTS["correct_event"], form=_correct_form, do=_correct),
    ActPage(name="void-event", of=_ACTS["void_event"], form=_void_form, do=_void, danger=True),
    ActPage(name="confirm-correction", of=_ACTS["confirm_correction"], form=_confirm_form, do=_confirm),
    ActPage(name="withdraw-correction", of=_ACTS["withdraw_correction"], form=_withdraw_form, do=_withdraw),
)
"""What can be done to what has happened to a decision, at the page of its payment."""
