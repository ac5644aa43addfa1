"""Webhook endpoints 事件推送 on the console: where events go, what waits or was given up, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.foundation.acts import by_name
from gateway.foundation.delivery.states import DeliveryState
from gateway.foundation.delivery.webhook_records import MOST, DeliveryStory, Endpoint, Tally
from gateway.foundation.delivery.webhooks import OVERLAP_SECONDS
from gateway.foundation.narrowing import AUTHORITY, authorities_asked, names_of
from gateway.foundation.screens import (
    PAGE,
    ActPage,
    Block,
    Choice,
    Code,
    Fact,
    Facts,
    Filter,
    Folded,
    Found,
    Head,
    Listing,
    Look,
    Many,
    Moment,
    Named,
    Page,
    Row,
    Screen,
    Table,
    Tag,
    To,
    Tone,
    Value,
    Verbatim,
    Waits,
    Wanted,
)
from gateway.rooms.webhooks import forms
from gateway.rooms.webhooks.acts import ACTS
from gateway.words.errors import InvalidProblem
from gateway.words.failures import what_happened
from gateway.words.saying import Word, say

_NAME: Final = "webhooks"
_RIGHT: Final = "webhooks:write"
_ACTS: Final = by_name(*ACTS)
_SECOND: Final = 1_000_000
_STATES: Final = {
    "active": Tag(say("webhooks.screen_active"), "good"),
    "failing": Tag(say("webhooks.screen_failing"), "warn"),
    "disabled": Tag(say("webhooks.screen_disabled"), "bad"),
}
_TONES: Final[dict[DeliveryState, Tone]] = {
    DeliveryState.QUEUED: "wait",
    DeliveryState.DELIVERED: "good",
    DeliveryState.FAILED: "bad",
}


def _state(one: Endpoint) -> str:
    if one.disabled_at is not None:
        return "disabled"
    return "active" if one.failing_since_at is None else "failing"


def secret_since(one: Endpoint) -> int:
    """Since when the secret signs: since it was changed, or since the endpoint was made; microseconds."""
    until = one.old_secret_until_at
    return one.created_at if until is None else until - OVERLAP_SECONDS * _SECOND


# --- the list ---------------------------------------------------------------------------------------------------------


async def _find(look: Look, _wanted: Wanted) -> Found:
    ours, names = look.base.webhooks.endpoints, await names_of(look)
    state, word = look.asked.get("state"), look.asked.get("url", "").lower()
    found = [
        one
        for one in await ours.find(sorted(authorities_asked(look)))
        if state in (None, _state(one)) and word in one.url.lower()
    ]
    counts = await ours.tallies([one.id for one in found])
    rows = [Row(one.id, _cells(one, names, counts[one.id])) for one in found]
    return Found(rows, None, len(rows))


def _cells(one: Endpoint, names: dict[str, str], tally: Tally) -> Sequence[Value]:
    given_up = _only(one, DeliveryState.FAILED, tally.failed) if tally.failed else 0
    waiting = _only(one, DeliveryState.QUEUED, tally.queued) if tally.queued else 0
    where = names.get(one.authority, one.authority)
    return (one.url, where, _STATES[_state(one)], Moment(tally.delivered_at), waiting, given_up)


def _only(one: Endpoint, state: DeliveryState, number: int) -> To:
    """So many deliveries in one state, on the page of the endpoint."""
    told = f"{number}+" if number >= MOST else number
    return To(told, _NAME, one.id, {"state": state.value})


# --- one --------------------------------------------------------------------------------------------------------------


async def _one(look: Look, endpoint_id: str) -> Page:
    ours = look.base.webhooks.endpoints
    one = await ours.held(endpoint_id, sorted(look.who.authorities))
    tally = (await ours.tallies([one.id]))[one.id]
    facts: list[Fact] = [
        (Named("authority"), (await names_of(look)).get(one.authority, one.authority)),
        (Named("types"), Many([Code(word) for word in one.types]) if one.types else say("webhooks.screen_every_type")),
        (say("webhooks.screen_ordered"), say("console.yes" if one.ordered else "console.no")),
        (say("webhooks.screen_secret"), Moment(secret_since(one))),
        (say("webhooks.screen_last"), Moment(tally.delivered_at)),
    ]
    if one.failing_since_at is not None:
        facts.append((say("webhooks.screen_failing_since"), Moment(one.failing_since_at)))
    if one.disabled_at is not None:
        facts += [
            (Named("disabled_at"), Moment(one.disabled_at)),
            (say("webhooks.screen_why"), Verbatim(one.disabled_reason or "")),
        ]
    blocks: list[Block] = [Facts(None, facts), _counts(one, tally)]
    table, after = await _deliveries(look, one)
    enabling = ["enable"] if one.disabled_at is not None else ["test"]
    acts = [*enabling, "resend", "secret", "remove"]
    tags = (_STATES[_state(one)],)
    return Page(title=one.url, lead=Code(one.id), tags=tags, blocks=[*blocks, table], acts=acts, after=after)


def _counts(one: Endpoint, tally: Tally) -> Facts:
    """What waits and what was given up, each leading to exactly these."""
    every = To(say("webhooks.screen_all"), _NAME, one.id)
    facts: list[Fact] = [
        (say("webhooks.screen_queued"), _only(one, DeliveryState.QUEUED, tally.queued)),
        (say("webhooks.screen_failed"), _only(one, DeliveryState.FAILED, tally.failed)),
        (say("webhooks.screen_every"), every),
    ]
    return Facts(say("webhooks.screen_counts"), facts)


async def _deliveries(look: Look, one: Endpoint) -> tuple[Table, To | None]:
    """Deliveries, newest event first, in the state and before the event that the address says; where older ones are."""
    ours, word, before = look.base.webhooks.endpoints, look.asked.get("state", ""), look.asked.get("before", "")
    state = DeliveryState(word) if word in tuple(DeliveryState) else None
    if before and not (before.isdigit() and len(before) < 19):
        raise InvalidProblem(say("http.cursor"), field="before")
    found = await ours.deliveries(one.id, state=state, before=int(before) if before else None, limit=PAGE)
    types = await ours.types_of([story.delivery.event_id for story in found])
    heads = (
        Head(say("webhooks.screen_type")),
        Head(Named("event"), small=True),
        Head(say("webhooks.screen_when")),
        Head(Named("attempts"), number=True),
        Head(say("webhooks.screen_answer"), small=True),
    )
    title = say("webhooks.screen_deliveries")
    if state is not None:
        title = say("webhooks.screen_deliveries_in", state=Word(state))
    rows = [Row(None, _row(story, types)) for story in found]
    table = Table(title, heads, rows, say("webhooks.screen_no_deliveries"), say("webhooks.screen_deliveries_note"))
    if len(found) < PAGE:
        return table, None
    more = {**({} if state is None else {"state": word}), "before": str(found[-1].delivery.event_seq)}
    return table, To(say("webhooks.screen_older"), _NAME, one.id, more)


def _row(story: DeliveryStory, types: dict[str, str]) -> Sequence[Value]:
    one = story.delivery
    answer: Value = None
    if one.last_status is not None:
        answer = one.last_status
    elif one.last_error is not None:
        known = what_happened(one.last_error)
        answer = Verbatim(one.last_error) if known is None else Folded(known, one.last_error)
    when = one.delivered_at if one.state is DeliveryState.DELIVERED else one.due_at
    tag = Tag(Word(one.state), _TONES[one.state])
    what = Many([Code(one.event_id), Code(one.subject)])
    return (types.get(one.event_id), what, Many([tag, Moment(when)]), one.attempts, answer)


SCREEN = Screen(
    name=_NAME,
    title=say("webhooks.screen"),
    scope=_RIGHT,
    place=72,
    ids="whe",
    lists=Listing(
        filters=(
            Filter("url", Named("url"), wide=True),
            AUTHORITY,
            Filter("state", Named("status"), "choice", [Choice(word, tag.word) for word, tag in _STATES.items()]),
        ),
        heads=(
            Head(Named("url")),
            Head(Named("authority"), small=True),
            Head(Named("status")),
            Head(say("webhooks.screen_last"), small=True),
            Head(say("webhooks.screen_queued"), number=True),
            Head(say("webhooks.screen_failed"), number=True),
        ),
        find=_find,
        empty=say("webhooks.screen_empty"),
        acts=("add",),
    ),
    one=_one,
    acts=(
        ActPage(name="add", of=_ACTS["add_endpoint"], form=forms.add_form, do=forms.add, money=True),
        ActPage(name="test", of=_ACTS["send_test_event"], form=forms.test_form, do=forms.test),
        ActPage(name="enable", of=_ACTS["enable_endpoint"], form=forms.enable_form, do=forms.enable),
        ActPage(name="resend", of=_ACTS["resend_deliveries"], form=forms.resend_form, do=forms.resend),
        ActPage(name="secret", of=_ACTS["rotate_webhook_secret"], form=forms.secret_form, do=forms.secret, money=True),
        ActPage(name="remove", of=_ACTS["remove_endpoint"], form=forms.remove_form, do=forms.remove, danger=True),
    ),
)


async def waiting(look: Look) -> Sequence[Waits]:
    """Endpoints that are disabled since nothing arrived, and those that fail and may be."""
    if not look.may("events:read"):
        return ()
    found = [_state(one) for one in await look.base.webhooks.endpoints.find(sorted(look.who.authorities))]
    return (
        _waits(look, "webhooks.wait_disabled", "disabled", found),
        _waits(look, "webhooks.wait_failing", "failing", found),
    )


def _waits(look: Look, what: str, state: str, found: Sequence[str]) -> Waits:
    tone: Final = "bad" if state == "disabled" else "warn"
    if not look.may(_RIGHT):
        return Waits(say(what), found.count(state), instead="gateway webhooks list", tone=tone)
    return Waits(say(what), found.count(state), To("", _NAME, asked={"state": state}), tone=tone)
