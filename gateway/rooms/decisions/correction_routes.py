"""Correcting and voiding a decision's events over HTTP. Every answer is the decision's one view."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import AfterValidator, Field

from gateway.foundation.http.authorization import require_authority
from gateway.foundation.http.idempotency import KeyedRequest
from gateway.foundation.http.problems import responses
from gateway.foundation.http.two_persons import Confirmation, person
from gateway.foundation.http.views import Ask, View
from gateway.rooms.decisions import DecisionEvent
from gateway.rooms.decisions.corrections import At
from gateway.rooms.decisions.routes import (
    Authority,
    DecisionView,
    Number,
    TheCorrections,
    TheView,
    Writer,
)
from gateway.words.identifiers import clean_text

router = APIRouter(
    prefix="/v1/decisions/{authority}/{number:path}/events/{event_id}",
    tags=["decisions"],
    responses=responses(401, 403, 404, 422, 503),
)


async def _event(
    authority: Authority, number: Number, event_id: Annotated[str, Path(min_length=1, max_length=40)]
) -> At:
    """The event of the address."""
    return At(authority, number, event_id)


TheEvent = Annotated[At, Depends(_event)]
Reason = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(clean_text)]


class VoidingAsk(Ask):
    """Why an event is to be void. ``officer``: for whom a case system asks, name and certificate number 执法证号."""

    reason: Reason
    officer: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(clean_text)] | None = None


class CorrectionAsk(VoidingAsk):
    """What is to stand in an event's place, whole, and why. Its kind is that of the event."""

    event: DecisionEvent


class WithdrawalAsk(Ask):
    """Why a correction is taken back."""

    reason: Reason


@router.post("/correction", response_model=DecisionView, responses=responses(400, 409, 413))
async def correct_event(
    view: TheView,
    corrections: TheCorrections,
    who: Writer,
    at: TheEvent,
    ask: CorrectionAsk,
    key: KeyedRequest,
) -> View:
    """Correct an event 更正: the one recorded stays visible, and every clock follows the new one.

    Once money has moved, or a publication leans on the decision, it waits for a second person.
    """
    require_authority(who, at.authority, "decision")
    by = person(who, ask.officer)
    await key.once(who, ask, lambda once: corrections.correct(at, ask.event, ask.reason, by=by, once=once))
    return await view.at(at.authority, at.number)


@router.post("/voiding", response_model=DecisionView, responses=responses(400, 409, 413))
async def void_event(
    view: TheView,
    corrections: TheCorrections,
    who: Writer,
    at: TheEvent,
    ask: VoidingAsk,
    key: KeyedRequest,
) -> View:
    """Void an event 作废 that never happened: it stays visible, and counts no longer. Two people as in a correction."""
    require_authority(who, at.authority, "decision")
    by = person(who, ask.officer)
    await key.once(who, ask, lambda once: corrections.correct(at, None, ask.reason, by=by, once=once))
    return await view.at(at.authority, at.number)


@router.post("/confirmation", response_model=DecisionView, responses=responses(400, 409, 413))
async def confirm_correction(
    view: TheView,
    corrections: TheCorrections,
    who: Writer,
    at: TheEvent,
    ask: Confirmation,
    key: KeyedRequest,
) -> View:
    """Agree to a correction or voiding that waits, with ``seen`` of the one that was looked at (复核)."""
    require_authority(who, at.authority, "decision")
    by = person(who)
    await key.once(who, ask, lambda once: corrections.confirm(at, by=by, seen=ask.seen, once=once))
    return await view.at(at.authority, at.number)


@router.post("/withdrawal", response_model=DecisionView, responses=responses(400, 409, 413))
async def withdraw_correction(
    view: TheView,
    corrections: TheCorrections,
    who: Writer,
    at: TheEvent,
    ask: WithdrawalAsk,
    key: KeyedRequest,
) -> View:
    """Take back a correction that nobody has agreed to yet. Operators only."""
    require_authority(who, at.authority, "decision")
    by = person(who)
    await key.once(who, ask, lambda once: corrections.withdraw(at, ask.reason, by=by, once=once))
    return await view.at(at.authority, at.number)
