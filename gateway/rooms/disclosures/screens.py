"""Disclosures 公示 on the console: what is published where, by when, what was refused, why, and what may be done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Final, Literal

from gateway.foundation.acts import by_name
from gateway.foundation.delivery import Event
from gateway.foundation.narrowing import AUTHORITY, MINE, Whose, among, authorities, authorities_asked, chosen, day
from gateway.foundation.screens import (
    ActPage,
    Block,
    Calendar,
    Choice,
    Code,
    Day,
    Done,
    Due,
    Fact,
    Facts,
    Field,
    Filter,
    Form,
    Found,
    Group,
    Happened,
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
    Story,
    Table,
    Tag,
    To,
    Tone,
    Value,
    Waits,
    Wanted,
    in_doubt,
    reason_for,
)
from gateway.foundation.taking import assigning, holder, waits_mine
from gateway.rooms.disclosures import Disclosure, Disclosures, Status
from gateway.rooms.disclosures.acts import ACTS
from gateway.rooms.disclosures.explanation import AtTarget, Explanation, said
from gateway.rooms.disclosures.finding_screens import kind_of
from gateway.rooms.disclosures.findings import FindingFilter
from gateway.rooms.disclosures.inspection import Inspection
from gateway.rooms.disclosures.judging import Judgement, Refusal, Wanting
from gateway.rooms.disclosures.marks import Marks
from gateway.rooms.disclosures.planning import Told
from gateway.rooms.disclosures.questions import EffectWord
from gateway.rooms.disclosures.seeking import MOST, ONLY, Only, Seeking, Sought, Watched
from gateway.rooms.disclosures.states import CHINESE, OVER, SHOWN, STANDING, FindingStatus
from gateway.rooms.disclosures.text_form import TEXT, standing
from gateway.words.clock import SHANGHAI, from_micros
from gateway.words.errors import Problem
from gateway.words.saying import Both, Language, Sentence, Word, say, sentences

_NAME: Final = "disclosures"
_DAYS: Final = "deadlines"
_READ: Final = "disclosures:read"
_ACTS: Final = by_name(*ACTS)
_TONES: Final[dict[Status, Tone]] = {
    Status.DRAFT: "wait",
    Status.PLANNED: "wait",
    Status.SUBMITTED: "wait",
    Status.ACCEPTED: "wait",
    Status.PUBLISHED: "good",
    Status.CORRECTED: "good",
    Status.SHIELDED: "warn",
    Status.REJECTED: "bad",
}
_TOLD: Final = ("reason", "by", "due", "last_day", "publish_until_on", "outcome", "receipt", "place")
"""What of an event's data is worth a line in the story."""
_FORTNIGHTS: Final = 2


# --- the list ---------------------------------------------------------------------------------------------------------


async def _find(look: Look, wanted: Wanted) -> Found:
    found, total = await look.get(Seeking).find(_sought(look), wanted.cursor, wanted.limit)
    rows = [
        Row(
            one.disclosure.id,
            (
                one.disclosure.decision_number,
                Code(one.disclosure.target),
                Many(_tags(one.disclosure)),
                _due(one),
                one.disclosure.publish_until_on,
                _told(one.disclosure),
                Moment(one.disclosure.created_at),
            ),
        )
        for one in found
    ]
    return Found.page(rows, wanted, total, MOST)


def _sought(look: Look) -> Sought:
    """What the address asks for. Raises InvalidProblem for what is no day."""
    asked = look.asked
    only: list[Only] = [one for one in ONLY if one == asked.get("only")]
    return replace(
        look.get(Seeking).sought(authorities_asked(look)),
        number=asked.get("number"),
        target=asked.get("target"),
        status=chosen(look, "status", Status),
        only=only[0] if only else None,
        due=day(look, "due"),
        held_by=Whose.asked(look).mine,
    )


def _due(one: Watched) -> Due:
    known = one.disclosure
    owed = known.withdraw_wanted_at is not None
    provisional = known.withdraw_by_provisional if owed else known.submit_by_provisional
    return Due(one.last_day, one.last_day is not None, provisional, known.authority)


def _tags(one: Disclosure) -> list[Tag]:
    tags = [_status(one.status)]
    if one.withdraw_wanted_at is not None and one.status in STANDING:
        tags.append(Tag(say("disclosures.screen_withdrawing"), "warn"))
    if one.in_doubt_since_at is not None:
        tags.append(Tag(say("disclosures.screen_doubt"), "warn"))
    if one.objection_at is not None and one.status in STANDING:
        tags.append(Tag(say("disclosures.screen_objected"), "warn"))
    if one.end_held_at is not None and one.status in (*SHOWN, Status.SHIELDED) and one.end_reason is None:
        tags.append(Tag(say("disclosures.screen_held"), "warn"))
    return tags


def _status(status: Status) -> Tag:
    return Tag(_word(status), _TONES.get(status, "plain"))


def _word(status: Status) -> Both:
    return Both(CHINESE[status], status.value.lower().replace("_", " "))


def _told(one: Disclosure) -> Value:
    """In a few words what stands against it."""
    if one.field_errors and one.status is Status.REJECTED:
        return say("disclosures.screen_fields", number=len(one.field_errors))
    return one.reason if one.status in (Status.REJECTED, Status.NOT_PUBLISHABLE) else None


async def _targets(look: Look) -> Sequence[Choice]:
    return [Choice(one, one) for one in await look.get(Seeking).targets(look.who.authorities)]


_ONLY: Final = tuple(Choice(one, say(f"disclosures.only_{one}")) for one in ONLY)

_LIST: Final = Listing(
    filters=(
        Filter("number", say("disclosures.screen_number"), wide=True),
        among("status", Status, words=_word),
        Filter("only", say("console.only"), "choice", _ONLY),
        Filter("whose", say("console.whose"), "choice", (MINE,)),
        Filter("target", Named("target"), "choice", _targets),
        Filter("due", say("disclosures.screen_due"), "day"),
        AUTHORITY,
    ),
    heads=(
        Head(Named("decision_number")),
        Head(Named("target"), small=True),
        Head(Named("status")),
        Head(say("disclosures.screen_due")),
        Head(say("disclosures.clock_end"), small=True),
        Head(Named("reason"), small=True),
        Head(Named("created_at"), small=True),
    ),
    find=_find,
    empty=say("disclosures.screen_empty"),
)


# --- one publication --------------------------------------------------------------------------------------------------


async def _one(look: Look, disclosure_id: str) -> Page:
    disclosures = look.get(Disclosures)
    known, events = await disclosures.view(disclosure_id)
    look.require_seen(known.authority, "disclosure")
    watched = await look.get(Seeking).held(disclosure_id)
    explained = await _explained(look, known)
    here = None if explained is None else next((one for one in explained.targets if one.target == known.target), None)
    newer = here.disclosure.id if here is not None and here.disclosure and here.disclosure.id != known.id else None
    blocks: list[Block] = [*_notes(known)]
    if here is not None and explained is not None and newer is None:
        blocks.append(_next(here, explained))
    blocks.append(await _facts(look, watched, newer))
    if known.field_errors:
        blocks.append(_refused(known))
    if here is not None and explained is not None and newer is None:
        blocks += [*await _wanting(look, known), _why(here, explained), _clocks(here)]
    text = None if known.status in OVER else await standing(look, known)
    blocks += [*([] if text is None else [text]), *await _amiss(look, known), _story(events)]
    return Page(
        title=known.decision_number,
        tags=_tags(known),
        lead=Many((Code(known.target), Code(known.id))),
        blocks=blocks,
        side=[] if explained is None else [_elsewhere(known, explained)],
        acts=[*_acts(known, newer), *([] if text is None else ["text"])],
    )


async def _explained(look: Look, known: Disclosure) -> Explanation | None:
    """What the rules of today say; None where they cannot be asked, as when the authority publishes no more."""
    try:
        return await look.get(Disclosures).explanations.of(known.authority, known.decision_number)
    except Problem:
        return None


def _acts(one: Disclosure, newer: str | None) -> list[str]:
    """What this publication takes now."""
    idle = one.effect is None and one.withdraw_wanted_at is None
    names = ["assign"] if one.status not in OVER else []
    if one.status is Status.DRAFT and idle:
        names.append("release")
    if (one.status is Status.REJECTED or one.status is Status.WITHDRAWN) and newer is None:
        names.append("submit")
    if one.status in SHOWN and idle:
        names += ["correct", "shield"]
    if one.status is Status.SHIELDED and idle:
        names.append("unshield")
    if one.status in SHOWN and one.objection_at is None:
        names.append("object")
    if one.objection_at is not None:
        names.append("settle")
    if one.status in (*SHOWN, Status.SHIELDED) and idle:
        names.append("repair")
    if one.end_held_at is not None and one.end_reason is None and one.status in (*SHOWN, Status.SHIELDED):
        names.append("end")
    if one.status in (*SHOWN, Status.SHIELDED, *OVER):
        names.append("look")
    if one.status in STANDING and one.withdraw_wanted_at is None:
        names.append("withdraw")
    return names


def _notes(one: Disclosure) -> list[Block]:
    notes: list[Block] = []
    if one.in_doubt_since_at is not None:
        notes.append(in_doubt("disclosures.screen_doubt_note", one.doubt_reason, since=_at(one.in_doubt_since_at)))
    if one.status is Status.REJECTED and one.reason:
        notes.append(Note(say("disclosures.why_rejected", reason=one.reason), "bad"))
    if one.withdraw_wanted_at is not None and one.status in STANDING:
        given = {"since": _at(one.withdraw_wanted_at), "reason": one.withdraw_reason or ""}
        notes.append(Note(say("disclosures.screen_withdrawing_note", **given), "warn"))
    elif one.effect is not None:
        effect = EffectWord(one.effect)
        notes.append(Note(say(f"disclosures.screen_way_{one.awaiting or 'answer'}", effect=effect), "wait"))
    if one.objection_at is not None and one.status in STANDING:
        marked = "screen_marked" if one.objection_marked_at is not None else "screen_unmarked"
        given = {"since": _at(one.objection_at), "reason": one.objection_reason or ""}
        notes.append(Note(say(f"disclosures.{marked}", **given), "warn"))
    if one.end_held_at is not None and one.end_reason is None and one.status in (*SHOWN, Status.SHIELDED):
        notes.append(Note(say("disclosures.screen_held_note", since=_at(one.end_held_at)), "warn"))
    return notes


def _at(micros: int) -> str:
    return f"{from_micros(micros).astimezone(SHANGHAI):%m-%d %H:%M}"


def _next(here: AtTarget, explained: Explanation) -> Note:
    """Who acts next, and by when."""
    who, by = say(f"disclosures.who_{here.next.who}"), here.next.by
    if here.next.who == "nobody":
        return Note(here.next.what)
    word = "next_who" if by is None else "next_late" if by < explained.on else "next_by"
    tone: Tone = "bad" if word == "next_late" else "wait"
    return Note(say(f"disclosures.{word}", who=who, what=here.next.what, by=by), tone)


async def _facts(look: Look, watched: Watched, newer: str | None) -> Facts:
    one = watched.disclosure
    organisation = (await look.base.access.authority(one.authority)).name
    facts: list[Fact] = [
        await holder(look, one.id),
        (Named("target"), Code(one.target)),
        (Named("authority"), organisation),
        (say("disclosures.screen_due"), _due(watched)),
        (say("disclosures.screen_published"), one.published_on),
        (say("disclosures.clock_end"), one.publish_until_on),
        (say("disclosures.clock_repair"), one.repair_from_on),
        (say("disclosures.screen_receipt"), Code(one.receipt)),
        (say("disclosures.screen_url"), Code(one.url)),
        (say("disclosures.screen_looked"), Moment(one.looked_at)),
    ]
    if one.override_reason:
        facts.append((Named("override_reason"), one.override_reason))
    if newer is not None:
        facts.append((say("disclosures.screen_newer"), To(Code(newer), _NAME, newer)))
    return Facts(None, facts)


def _refused(one: Disclosure) -> Table:
    """What the target refused: the field by its names there and in our API, its words, and the rule behind it."""
    heads = (
        Head(say("disclosures.screen_field")),
        Head(say("disclosures.screen_api_field"), small=True),
        Head(say("disclosures.screen_said")),
        Head(Named("rule"), small=True),
    )
    rows = [
        Row(
            None,
            (
                Many([each.title or each.field, Code(each.field)]) if each.title else Code(each.field or None),
                Code(each.fact or None),
                Many([each.message, Code(each.code)]),
                each.source or None,
            ),
        )
        for each in one.field_errors
    ]
    return Table(say("disclosures.screen_refused"), heads, rows, "")


async def _wanting(look: Look, one: Disclosure) -> list[Block]:
    """What the target's own table would refuse of the facts as they are now: to be mended before it is sent again."""
    if one.status not in (Status.REJECTED, Status.NOT_PUBLISHABLE, Status.WITHDRAWN):
        return []
    try:
        intents = await look.get(Disclosures).examine(one.authority, one.decision_number, targets=[one.target])
    except Problem:
        return []
    found = [told for each in intents if isinstance(each.found, Wanting) for told in _wanted(each.found)]
    if not found:
        return []
    heads = (Head(say("disclosures.screen_api_field")), Head(Named("reason")), Head(Named("rule"), small=True))
    rows = [Row(None, (Code(field), words, rule)) for field, words, rule in found]
    return [Table(say("disclosures.screen_wanting"), heads, rows, "", say("disclosures.screen_wanting_note"))]


def _wanted(found: Wanting) -> list[tuple[str, Sentence, str]]:
    rules = {one.field: one.fault.source for one in found.objections}
    return [(field, words, rules.get(field) or found.citation) for field, words in found.fields.items()]


def _why(here: AtTarget, explained: Explanation) -> Facts:
    """Why it is public or not, until when, and by which rule."""
    facts: list[Fact] = [
        (Named("why"), here.why),
        (Named("rule"), here.citation),
    ]
    if here.degree is not None:
        facts.append((Named("seriousness"), said(here.degree, explained.decision)))
    if here.basis is not None:
        ground = say(f"disclosures.ground_{here.basis.ground}")
        sure = say("disclosures.basis_confirm", confirm=here.basis.confirm) if here.basis.confirm else ""
        facts.append(
            (
                say("disclosures.screen_basis"),
                say("disclosures.screen_based", ground=ground, citation=here.basis.citation, sure=sure),
            )
        )
    return Facts(say("disclosures.screen_why"), facts)


def _clocks(here: AtTarget) -> Table:
    heads = (
        Head(Named("clock")),
        Head(Named("day")),
        Head(Named("state")),
        Head(Named("rule"), small=True),
    )
    rows = [
        Row(
            None,
            (
                say(f"disclosures.clock_{one.name}"),
                Due(one.day, one.state in ("running", "late") and one.name != "end", one.provisional),
                Tag(Word(one.state), "bad" if one.state == "late" else "plain"),
                one.citation,
            ),
        )
        for one in here.clocks
    ]
    return Table(say("disclosures.screen_clocks"), heads, rows, say("disclosures.screen_no_clocks"))


async def _amiss(look: Look, one: Disclosure) -> list[Block]:
    """What the inspection found of it."""
    wanted = FindingFilter(authorities=look.who.authorities, disclosure=one.id)
    found = await look.get(Inspection).find(wanted)
    if not found:
        return []
    heads = (Head(Named("at")), Head(say("disclosures.finding")), Head(say("disclosures.place")), Head(Named("status")))
    rows = [
        Row(
            None,
            (
                Moment(each.seen_at),
                Many([To(kind_of(each.kind), "findings", each.id), *each.fields]),
                Code(each.place),
                Tag(Word(each.status.value), "warn" if each.status is FindingStatus.OPEN else "plain"),
            ),
        )
        for each in found
    ]
    return [Table(say("disclosures.screen_findings"), heads, rows, "")]


def _elsewhere(one: Disclosure, explained: Explanation) -> Table:
    """The decision at every target of its authority."""
    heads = (Head(Named("target")), Head(Named("status")))
    rows = []
    for each in explained.targets:
        known = each.disclosure
        name: Value = Code(each.target)
        if known is not None and known.id != one.id:
            name = To(Code(each.target), _NAME, known.id)
        state = say("disclosures.screen_not_asked") if known is None else _status(known.status)
        rows.append(Row(None, (name, state)))
    return Table(say("disclosures.screen_elsewhere"), heads, rows, "")


def _story(events: Sequence[Event]) -> Story:
    return Story(
        say("disclosures.screen_story"),
        [
            Happened(
                one.at,
                _what(one.type),
                [
                    (Named(name), Word(str(one.data[name])) if name in ("due", "outcome") else str(one.data[name]))
                    for name in _TOLD
                    if isinstance(one.data.get(name), (str, int))
                ],
            )
            for one in events
        ],
    )


def _what(event: str) -> Sentence | str:
    """An event in words; one that has none by its name."""
    id = f"disclosures.told_{event.partition('.')[2]}"
    return say(id) if id in sentences(Language.ENGLISH) else event


# --- acts -------------------------------------------------------------------------------------------------------------


async def _held(look: Look, disclosure_id: str) -> Watched:
    found = await look.get(Seeking).held(disclosure_id)
    look.require_seen(found.disclosure.authority, "disclosure")
    return found


def _meant(watched: Watched) -> Facts:
    one = watched.disclosure
    facts: list[Fact] = [
        (Named("decision_number"), one.decision_number),
        (Named("target"), Code(one.target)),
        (Named("status"), Many(_tags(one))),
        (say("disclosures.screen_due"), _due(watched)),
        (say("disclosures.clock_end"), one.publish_until_on),
    ]
    return Facts(None, facts)


Doing = Callable[[Look, str], Awaitable[Form]]


def _asking(act: str, words: str, *more: Field, tone: Tone = "plain", reason: bool = True) -> Doing:
    """The form of an act on one publication: what it is, what will happen, and why, where that is asked."""

    async def form(look: Look, disclosure_id: str) -> Form:
        what = (_meant(await _held(look, disclosure_id)), Note(say(f"disclosures.act_{words}_note"), tone))
        why = (reason_for(_ACTS[act]),) if reason else ()
        return Form(say(f"disclosures.act_{words}_button"), what, (*more, *why))

    return form


async def _release(look: Look, disclosure_id: str) -> None:
    await look.get(Disclosures).release(disclosure_id, of=look.who.authorities, once=look.once)


async def _correct(look: Look, disclosure_id: str) -> None:
    asked, mine = look.asked, look.who.authorities
    await look.get(Disclosures).correct(disclosure_id, asked["reason"], of=mine, once=look.once)


async def _withdraw(look: Look, disclosure_id: str) -> None:
    asked, mine = look.asked, look.who.authorities
    await look.get(Disclosures).withdraw(disclosure_id, asked["reason"], of=mine, once=look.once)


async def _repair(look: Look, disclosure_id: str) -> None:
    asked, mine = look.asked, look.who.authorities
    performed = asked.get("performed") or None
    await look.get(Disclosures).repair(
        disclosure_id, asked["repair_number"], performed=performed, of=mine, once=look.once
    )


async def _end(look: Look, disclosure_id: str) -> None:
    asked, mine = look.asked, look.who.authorities
    await look.get(Disclosures).end(disclosure_id, asked["reason"], by=look.person, of=mine, once=look.once)


async def _look_now(look: Look, disclosure_id: str) -> None:
    await look.get(Inspection).look_now(disclosure_id, of=look.who.authorities, once=look.once)


async def _object(look: Look, disclosure_id: str) -> None:
    await look.get(Marks).object(disclosure_id, look.asked["reason"], of=look.who.authorities, once=look.once)


async def _settle(look: Look, disclosure_id: str) -> None:
    asked, mine = look.asked, look.who.authorities
    outcome: Literal["upheld", "dismissed"] = "upheld" if asked["outcome"] == "upheld" else "dismissed"
    await look.get(Marks).settle(disclosure_id, outcome, asked["reason"], of=mine, once=look.once)


async def _shield(look: Look, disclosure_id: str) -> None:
    await look.get(Marks).shield(disclosure_id, look.asked["reason"], of=look.who.authorities, once=look.once)


async def _unshield(look: Look, disclosure_id: str) -> None:
    await look.get(Marks).unshield(disclosure_id, look.asked["reason"], of=look.who.authorities, once=look.once)


# --- publishing -------------------------------------------------------------------------------------------------------

_OVERRIDE: Final = Field(
    "override_reason", Named("override_reason"), "area", required=False, hint=say("disclosures.act_override_hint")
)
_DRAFT: Final = Field("draft", say("disclosures.act_draft"), "flag", required=False)


async def _publish_form(look: Look, _id: str) -> Form:
    """A decision by its number, at all targets of its authority; looked over before anything is entered."""
    choices = await authorities(look)
    fields = (
        Field("authority", Named("authority"), "choice", choices=choices, value=_alone(choices)),
        Field("decision_number", Named("decision_number")),
        _OVERRIDE,
        _DRAFT,
    )
    asked = look.asked
    what: list[Block] = [Note(say("disclosures.act_publish_note"))]
    if asked.get("authority") and asked.get("decision_number"):
        look.require_seen(asked["authority"], "decision")
        what.append(await _examined(look, asked["authority"], asked["decision_number"], None))
    return Form(say("disclosures.act_publish_button"), what, fields, reviewed=True)


async def _publish(look: Look, _id: str) -> Done:
    asked = look.asked
    look.require_seen(asked["authority"], "decision")
    ids = await look.get(Disclosures).request(
        asked["authority"], asked["decision_number"], told=_what_is_told(look), once=look.once
    )
    return Done(To("", _NAME, ids[0]) if len(ids) == 1 else To("", _NAME, asked={"number": asked["decision_number"]}))


async def _submit_form(look: Look, disclosure_id: str) -> Form:
    watched = await _held(look, disclosure_id)
    one = watched.disclosure
    what = (_meant(watched), await _examined(look, one.authority, one.decision_number, [one.target]))
    return Form(say("disclosures.act_submit_button", target=one.target), what, (_OVERRIDE, _DRAFT))


async def _submit(look: Look, disclosure_id: str) -> Done:
    one = (await _held(look, disclosure_id)).disclosure
    ids = await look.get(Disclosures).request(
        one.authority, one.decision_number, targets=[one.target], told=_what_is_told(look), once=look.once
    )
    return Done(To("", _NAME, ids[0]))


def _what_is_told(look: Look) -> Told:
    return Told(look.asked.get("override_reason") or None, {}, bool(look.asked.get("draft")))


def _alone(choices: Sequence[Choice]) -> str:
    return choices[0].value if len(choices) == 1 else ""


async def _examined(look: Look, authority: str, number: str, targets: list[str] | None) -> Table:
    """What publishing would come to at each target, and all that each would refuse."""
    intents = await look.get(Disclosures).examine(authority, number, targets=targets, told=_what_is_told(look))
    heads = (Head(Named("target")), Head(Named("outcome")), Head(Named("explanation")), Head(Named("rule"), small=True))
    rows = [Row(None, (Code(one.target), *_judged(one.found))) for one in intents]
    return Table(say("disclosures.act_examined"), heads, rows, "")


def _judged(found: Judgement) -> tuple[Value, Value, Value]:
    match found:
        case Refusal():
            return Tag(say("disclosures.act_not"), "bad"), found.reason, found.citation
        case Wanting():
            words = Many([words for _, words, _ in _wanted(found)])
            return Tag(say("disclosures.act_incomplete"), "warn"), words, found.citation
        case _:
            until = say("disclosures.act_until", by=found.by.on, until=found.until)
            return Tag(say("disclosures.act_fit"), "good"), until, found.citation


_OUTCOMES: Final = (
    Choice("upheld", say("disclosures.act_upheld")),
    Choice("dismissed", say("disclosures.act_rejected")),
)
_REPAIR: Final = (
    Field("repair_number", Named("repair_number")),
    Field(
        "performed",
        say("disclosures.act_performed"),
        "area",
        required=False,
        hint=say("disclosures.act_performed_hint"),
    ),
)


async def _authority(look: Look, disclosure_id: str) -> str:
    return (await _held(look, disclosure_id)).disclosure.authority


SCREEN = Screen(
    name=_NAME,
    title=say("disclosures.screen"),
    scope=_READ,
    place=60,
    group=Group.PUBLIC,
    ids="dsc",
    lists=replace(_LIST, acts=("publish",)),
    one=_one,
    acts=(
        ActPage(name="publish", of=_ACTS["publish_decision"], form=_publish_form, do=_publish),
        assigning(_authority),
        TEXT,
        ActPage(name="submit", of=_ACTS["publish_decision"], form=_submit_form, do=_submit),
        ActPage(
            name="release",
            of=_ACTS["release_disclosure"],
            form=_asking("release_disclosure", "release", reason=False),
            do=_release,
        ),
        ActPage(
            name="correct", of=_ACTS["correct_disclosure"], form=_asking("correct_disclosure", "correct"), do=_correct
        ),
        ActPage(
            name="object", of=_ACTS["object_to_disclosure"], form=_asking("object_to_disclosure", "object"), do=_object
        ),
        ActPage(
            name="settle",
            of=_ACTS["settle_objection"],
            form=_asking("settle_objection", "settle", Field("outcome", Named("outcome"), "choice", choices=_OUTCOMES)),
            do=_settle,
        ),
        ActPage(
            name="shield",
            of=_ACTS["shield_disclosure"],
            form=_asking("shield_disclosure", "shield", tone="warn"),
            do=_shield,
        ),
        ActPage(
            name="unshield",
            of=_ACTS["unshield_disclosure"],
            form=_asking("unshield_disclosure", "unshield"),
            do=_unshield,
        ),
        ActPage(
            name="repair",
            of=_ACTS["repair_disclosure"],
            form=_asking("repair_disclosure", "repair", *_REPAIR, tone="warn", reason=False),
            do=_repair,
        ),
        ActPage(name="end", of=_ACTS["end_disclosure"], form=_asking("end_disclosure", "end", tone="warn"), do=_end),
        ActPage(
            name="look",
            of=_ACTS["look_at_disclosure"],
            form=_asking("look_at_disclosure", "look", reason=False),
            do=_look_now,
        ),
        ActPage(
            name="withdraw",
            of=_ACTS["withdraw_disclosure"],
            form=_asking("withdraw_disclosure", "withdraw", tone="warn"),
            do=_withdraw,
            danger=True,
        ),
    ),
)


# --- the calendar of last days ----------------------------------------------------------------------------------------


async def _calendar(look: Look) -> Page:
    """Last days of four weeks from this one on, by target; before them what is late."""
    seeking, mine, today = look.get(Seeking), look.who.authorities, look.today
    first = today - timedelta(days=today.weekday())
    sought = seeking.sought(mine)
    spans = [first + timedelta(days=14 * one) for one in range(_FORTNIGHTS)]
    found = await seeking.last_days(sought, first, spans[-1] + timedelta(days=13))
    number, earliest = (await seeking.waits(sought, "late"))["late"]
    blocks: list[Block] = []
    if number:
        late = To(say("disclosures.days_late", number=number), _NAME, asked={"only": "late"})
        blocks.append(Facts(None, [(say("disclosures.only_late"), late), (say("console.today_due"), Due(earliest))]))
    targets = sorted({one.target for one in found})
    known = {(one.target, one.on): one.number for one in found}
    for begins in spans:
        days = [begins + timedelta(days=one) for one in range(14)]
        rows = [
            (Code(target), [_day_of(look, target, on, known.get((target, on), 0)) for on in days]) for target in targets
        ]
        title = say("disclosures.days_of", first=days[0], last=days[-1])
        if targets:
            blocks.append(Calendar(title, rows, say("disclosures.days_note")))
    if not targets:
        blocks.append(Note(say("disclosures.days_none"), "good"))
    return Page(title=say("disclosures.days"), blocks=blocks)


def _day_of(look: Look, target: str, on: date, number: int) -> Day:
    """How many last days there are on a day at a target."""
    working = look.base.reckoning.of(None).calendar.is_working(on).value
    if not number:
        return Day(on, "" if working else "·", "" if working else say("disclosures.days_off"))
    tone: Tone = "bad" if on < look.today else "warn" if on == look.today else "wait"
    to = To("", _NAME, asked={"target": target, "due": str(on)})
    return Day(on, str(number), say("disclosures.days_number", number=number), tone, to)


DAYS = Screen(name=_DAYS, title=say("disclosures.days"), scope=_READ, place=61, group=Group.PUBLIC, page=_calendar)


# --- what waits -------------------------------------------------------------------------------------------------------


async def waiting(look: Look) -> Sequence[Waits]:
    """Publications that are late or come near, were refused, are objected to, or wait for a person otherwise."""
    if not look.may(_READ):
        return ()
    seeking = look.get(Seeking)
    sought = seeking.sought(look.who.authorities)
    found = await seeking.waits(sought, *ONLY)
    tones: dict[Only, Tone] = {"late": "bad", "near": "warn", "refused": "bad", "doubt": "warn"}
    waits = [
        Waits(
            say(f"disclosures.wait_{one}"),
            number,
            To("", _NAME, asked={"only": one}),
            due,
            tone=tones.get(one, "plain"),
            most=MOST,
        )
        for one, (number, due) in found.items()
    ]
    _, held = await seeking.find(replace(sought, held_by=look.who.client_id), None, 1)
    waits.append(waits_mine(say("disclosures.screen"), held, _NAME, MOST))
    drafts, total = await seeking.find(replace(sought, status=Status.DRAFT), None, 1)
    draft = To("", _NAME, asked={"status": Status.DRAFT.value})
    waits.append(Waits(say("disclosures.wait_draft"), total, draft, drafts[0].last_day if drafts else None, most=MOST))
    return waits
