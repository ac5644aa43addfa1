"""Channels 通道 on the console: how each stands, what went out lately, what failed, how old its credentials are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from gateway.foundation.acts import by_name
from gateway.foundation.credentials import Credential
from gateway.foundation.screens import (
    ActPage,
    Bar,
    Block,
    Chart,
    Choice,
    Code,
    Done,
    Fact,
    Facts,
    Field,
    Filter,
    Form,
    Found,
    Head,
    Listing,
    Look,
    Many,
    Moment,
    Named,
    Note,
    Page,
    Row,
    Screen,
    Table,
    Tag,
    To,
    Tone,
    Value,
    Waits,
    Wanted,
    failed,
    reason_for,
)
from gateway.rooms.operations.acts import ACTS
from gateway.rooms.operations.channel_sights import ChannelSight, ChannelSights, Lately, Standing
from gateway.rooms.operations.reloading import reload
from gateway.rooms.operations.resuming import resume, stop
from gateway.words.clock import SHANGHAI, from_micros, to_micros
from gateway.words.failures import what_happened
from gateway.words.saying import Both, Language, Word, say

_NAME: Final = "channels"
_READ: Final = "operations:read"
_ACTS: Final = by_name(*ACTS)
_TONES: Final[dict[Standing, Tone]] = {
    Standing.STOPPED: "bad",
    Standing.CIRCUIT: "warn",
    Standing.QUIET: "wait",
    Standing.WORKING: "good",
}
_ONLY: Final[dict[str, Callable[[ChannelSight], bool]]] = {
    "drift": lambda one: one.news > 0,
    "credentials": lambda one: one.ending > 0,
}


class Capability(Word):
    """What a channel is for, as routes name it, said by the catalogue's word."""

    __slots__ = ()


# --- the list ---------------------------------------------------------------------------------------------------------


async def _find(look: Look, _wanted: Wanted) -> Found:
    asked = look.asked
    word, standing, only = asked.get("name", "").lower(), asked.get("state"), _ONLY.get(asked.get("only", ""))
    rows = [
        Row(
            one.channel.name,
            (
                Code(one.channel.name),
                _tag(one),
                one.channel.info.name,
                one.condition.failures or None,
                sum(one.unfinished.values()) or None,
                _notes(one),
            ),
        )
        for one in await look.get(ChannelSights).all()
        if word in f"{one.channel.name} {one.channel.info.name} {one.channel.url}".lower()
        and standing in (None, one.standing.value)
        and (only is None or only(one))
    ]
    return Found(rows, None, len(rows))


def _tag(one: ChannelSight) -> Tag:
    return Tag(say(f"channels.is_{one.standing.value.lower()}"), _TONES[one.standing])


def _notes(one: ChannelSight) -> Value:
    said: list[Value] = []
    if one.news:
        said.append(Tag(say("channels.screen_news", number=one.news), "warn"))
    if one.ending:
        said.append(Tag(say("channels.screen_ending"), "warn"))
    return Many(said) if said else None


_LIST = Listing(
    filters=(
        Filter("name", say("channels.screen_name"), wide=True),
        Filter(
            "state",
            Named("state"),
            "choice",
            tuple(Choice(one.value, say(f"channels.is_{one.value.lower()}")) for one in Standing),
        ),
        Filter(
            "only",
            say("console.only"),
            "choice",
            (
                Choice("drift", say("channels.screen_with_news")),
                Choice("credentials", say("channels.screen_ending")),
            ),
        ),
    ),
    heads=(
        Head(Named("channel")),
        Head(Named("state")),
        Head(Named("adapter"), small=True),
        Head(say("channels.screen_failures"), number=True, small=True),
        Head(say("channels.screen_unfinished"), number=True),
        Head(say("channels.screen_told")),
    ),
    find=_find,
    empty=say("channels.screen_empty"),
)


# --- one channel ------------------------------------------------------------------------------------------------------


async def _one(look: Look, name: str) -> Page:
    sights = look.get(ChannelSights)
    one = await sights.held(name)
    lately = await sights.lately(name, look.who.authorities)
    return Page(
        title=one.channel.name,
        tags=(_tag(one),),
        blocks=[*_warnings(one), await _facts(look, one), *_charts(lately), _errors(lately), _drift(one)],
        side=[_unfinished(one), _credentials(look, one)],
        acts=["check", "resume" if one.standing is Standing.STOPPED else "stop", "reload"],
    )


def _stopped(one: ChannelSight, tone: Tone) -> Note:
    """That it is stopped, and why: in a person's words, or what happened with the technical words behind it."""
    reason = one.condition.stopped or ""
    known = what_happened(reason)
    return Note(say("channels.screen_stopped", reason=known or reason), tone, reason if known else None)


def _warnings(one: ChannelSight) -> list[Block]:
    notes: list[Block] = []
    if one.condition.stopped is not None:
        notes.append(_stopped(one, "bad"))
    if one.condition.open_until is not None:
        words = say("channels.screen_circuit", failures=one.condition.failures, seconds=one.tried_in)
        notes.append(Note(words, "warn"))
    if one.closed_until is not None:
        until = one.closed_until.astimezone(SHANGHAI)
        notes.append(Note(say("channels.screen_quiet", until=f"{until:%m-%d %H:%M}"), "wait"))
    return notes


async def _facts(look: Look, one: ChannelSight) -> Facts:
    channel, keys = one.channel, one.channel.keys
    routes = [route for route in look.base.settings.routes if channel.name in route.channels]
    names = {one.code: one.name for one in await look.base.access.authorities()}
    told: list[Value] = [
        say(
            "channels.screen_serves",
            authority=names.get(route.authority, route.authority) if route.authority != "*" else _EVERYBODY,
            what=Capability(route.capability),
        )
        for route in routes
    ]
    circuit = say("channels.limit_circuit", failures=keys.circuit_failures, seconds=f"{keys.circuit_seconds:g}")
    facts: list[Fact] = [
        (Named("adapter"), channel.info.name),
        (Named("contract"), channel.info.contract),
        (Named("address"), Code(channel.url)),
        (Named("serves"), Many(told) if told else say("channels.serves_nobody")),
        (say("channels.screen_hours"), Many([str(hours) for hours in keys.quiet]) if keys.quiet else None),
        (say("channels.screen_rate"), None if keys.rate is None else f"{keys.rate:g}/s"),
        (say("channels.screen_at_once"), keys.concurrency),
        (say("channels.screen_breaker"), circuit if keys.circuit_failures else None),
    ]
    return Facts(None, [one for one in facts if one[1] is not None])


def _charts(lately: Lately) -> list[Block]:
    """How much went out, and how long it took, by the hours of the last day."""
    hours = lately.hours
    labels = [f"{from_micros(one.begins_at).astimezone(SHANGHAI):%H:%M}" for one in hours]
    most, longest = max(one.number for one in hours), max(one.mean for one in hours)
    empty = say("channels.screen_silent")
    rate = Chart(
        say("channels.screen_traffic"),
        [
            Bar(label, one.number, one.failed, (Moment(one.begins_at), one.number, one.failed))
            for label, one in zip(labels, hours, strict=True)
        ],
        (Head(say("channels.screen_hour")), Head(Named("count"), number=True), Head(_FAILED, number=True)),
        say("channels.screen_most", number=most),
        empty,
    )
    latency = Chart(
        say("channels.screen_latency"),
        [
            Bar(label, one.mean, 0, (Moment(one.begins_at), *(_seconds(each) for each in (one.mean, one.longest))))
            for label, one in zip(labels, hours, strict=True)
        ],
        (Head(say("channels.screen_hour")), Head(_MEAN, number=True), Head(_LONGEST, number=True)),
        say("channels.screen_slowest", seconds=f"{longest:.2f}"),
        empty,
    )
    return [rate, latency]


_EVERYBODY: Final = say("channels.screen_everybody")
_FAILED: Final = say("channels.screen_failed")
_MEAN: Final = say("channels.screen_mean")
_LONGEST: Final = say("channels.screen_longest")


def _seconds(value: float) -> str | None:
    return f"{value:.2f}" if value else None


def _errors(lately: Lately) -> Table:
    heads = (
        Head(Named("at")),
        Head(Named("action"), small=True),
        Head(Named("outcome")),
        Head(Named("reason")),
        Head(Named("operation"), small=True),
    )
    rows = []
    for one, reason in lately.failures:
        known = what_happened(one.outcome) if one.status is None else None
        came: Value = Word(one.outcome) if one.status is None else f"HTTP {one.status}"
        if known is not None:
            came, reason = say("channels.screen_no_answer"), reason or one.outcome
        operation: Value = None
        if one.operation_id is not None:
            operation = To(Code(f"…{one.operation_id[-6:]}"), "operations", one.operation_id)
        rows.append(Row(None, (Moment(one.at), one.action, came, failed(reason), operation)))
    return Table(say("channels.screen_errors"), heads, rows, say("channels.screen_no_errors"))


def _drift(one: ChannelSight) -> Table:
    heads = (
        Head(Named("element")),
        Head(Named("action"), small=True),
        Head(Named("first_seen")),
        Head(Named("last_seen"), small=True),
        Head(Named("times"), number=True),
    )
    rows = [
        Row(None, (each.element, each.action, Moment(each.first_seen_at), Moment(each.last_seen_at), each.seen))
        for each in one.drift
    ]
    note = say("channels.screen_drift_note")
    return Table(say("channels.screen_drift"), heads, rows, say("channels.screen_no_drift"), note if rows else None)


def _unfinished(one: ChannelSight) -> Table:
    heads = (Head(Named("state")), Head(Named("count"), number=True))
    rows = [Row(None, (Word(state.value), number)) for state, number in sorted(one.unfinished.items())]
    return Table(say("channels.screen_unfinished"), heads, rows, say("channels.screen_none_unfinished"))


def _credentials(look: Look, one: ChannelSight) -> Table:
    heads = (Head(Named("key")), Head(say("channels.screen_changed")), Head(Named("valid_until")))
    rows = [Row(None, (Code(each.name), _age(look, each), _end(look, each))) for each in one.credentials]
    return Table(say("channels.screen_credentials"), heads, rows, say("channels.screen_no_credentials"))


def _age(look: Look, one: Credential) -> Value:
    if one.wrong is not None:
        return Tag(say("channels.screen_unread"), "bad")
    if one.changed_at is None:
        return say("channels.screen_environment")
    days = (look.base.clock.now() - one.changed_at).days
    return Many((Moment(to_micros(one.changed_at)), say("channels.screen_age", days=max(0, days))))


def _end(look: Look, one: Credential) -> Value:
    if one.ends_at is None:
        return None
    until = Moment(to_micros(one.ends_at))
    return Many((until, Tag(say("channels.screen_ending"), "warn"))) if one.ends_soon(look.base.clock.now()) else until


# --- acts -------------------------------------------------------------------------------------------------------------


async def _standing(look: Look, name: str) -> Facts:
    one = await look.get(ChannelSights).held(name)
    left = sum(one.unfinished.values())
    facts: list[Fact] = [
        (Named("channel"), Code(one.channel.name)),
        (Named("address"), Code(one.channel.url)),
        (Named("state"), _tag(one)),
        (say("channels.screen_unfinished"), left),
    ]
    return Facts(None, facts)


async def _check_form(look: Look, name: str) -> Form:
    note = Note(say("channels.act_check_note", node=look.base.settings.delivery.node))
    return Form(say("channels.act_check_button"), (await _standing(look, name), note))


async def _check(look: Look, name: str) -> Done:
    found = await look.base.channels.check(name)
    notes: list[Block] = [Note(found.said, "good" if found.ok else "bad")]
    cure = Both(found.cure_in(Language.CHINESE), found.cure_in(Language.ENGLISH))
    notes += [] if found.ok or not cure.zh else [Note(cure)]
    word = say("channels.works") if found.ok else say("channels.fails")
    page = Page(title=name, tags=(Tag(word, "good" if found.ok else "bad"),), blocks=notes)
    return Done(page=page)


async def _stop_form(look: Look, name: str) -> Form:
    note = Note(say("channels.act_stop_note"), "warn")
    fields = (reason_for(_ACTS["stop_channel"]),)
    return Form(say("channels.act_stop_button", name=name), (await _standing(look, name), note), fields)


async def _stop(look: Look, name: str) -> None:
    await _standing(look, name)
    await stop(look.base, name, look.asked["reason"], by=look.person, once=look.once)


async def _resume_form(look: Look, name: str) -> Form:
    one = await look.get(ChannelSights).held(name)
    notes = [_stopped(one, "warn")]
    fields = (reason_for(_ACTS["resume_channel"]),)
    return Form(say("channels.act_resume_button", name=name), (await _standing(look, name), *notes), fields)


async def _resume(look: Look, name: str) -> None:
    await _standing(look, name)
    await resume(look.base, name, look.asked["reason"], by=look.person, once=look.once)


async def _reload_form(look: Look, name: str) -> Form:
    note = Note(say("channels.act_reload_note", node=look.base.settings.delivery.node))
    fields = (
        reason_for(_ACTS["reload_channel"]),
        Field("unasked", say("channels.act_reload_unasked"), "flag", required=False),
    )
    return Form(say("channels.act_reload_button", name=name), (await _standing(look, name), note), fields)


async def _reload(look: Look, name: str) -> None:
    asked = look.asked
    await _standing(look, name)
    await reload(look.base, name, asked["reason"], by=look.person, ask=not asked.get("unasked"), once=look.once)


SCREEN = Screen(
    name=_NAME,
    title=say("channels.screen"),
    scope=_READ,
    place=70,
    lists=_LIST,
    one=_one,
    acts=(
        ActPage(name="check", of=_ACTS["check_channel"], form=_check_form, do=_check),
        ActPage(name="stop", of=_ACTS["stop_channel"], form=_stop_form, do=_stop, danger=True),
        ActPage(name="resume", of=_ACTS["resume_channel"], form=_resume_form, do=_resume),
        ActPage(name="reload", of=_ACTS["reload_channel"], form=_reload_form, do=_reload),
    ),
)


# --- what waits -------------------------------------------------------------------------------------------------------


async def waiting(look: Look) -> Sequence[Waits]:
    """Channels that are stopped or do not answer, that send what is new, whose certificates end."""
    if not look.may(_READ):
        return ()
    found = await look.get(ChannelSights).all(counted=False)

    def number(standing: Standing) -> int:
        return sum(one.standing is standing for one in found)

    stopped, circuit = Standing.STOPPED, Standing.CIRCUIT
    return (
        Waits(say("channels.wait_stopped"), number(stopped), _to(state=stopped.value), tone="bad"),
        Waits(say("channels.wait_circuit"), number(circuit), _to(state=circuit.value), tone="warn"),
        Waits(say("channels.wait_drift"), sum(_ONLY["drift"](one) for one in found), _to(only="drift")),
        Waits(
            say("channels.wait_credentials"),
            sum(_ONLY["credentials"](one) for one in found),
            _to(only="credentials"),
            tone="warn",
        ),
    )


def _to(**asked: str) -> To:
    return To("", _NAME, asked=asked)
