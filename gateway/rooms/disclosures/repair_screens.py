"""Credit repair 信用修复 on the console: requests by their last day, what is still wanting, an answer by two people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Final

from gateway.foundation.acts import by_name
from gateway.foundation.narrowing import Whose, among, authorities, chosen
from gateway.foundation.screens import (
    ActPage,
    Block,
    Choice,
    Code,
    Done,
    Due,
    Fact,
    Facts,
    Field,
    Form,
    Found,
    Group,
    Head,
    Listing,
    Look,
    Moment,
    Named,
    Note,
    Page,
    Row,
    Screen,
    Tag,
    To,
    Tone,
    Waits,
    Wanted,
)
from gateway.foundation.taking import assigning, holder, waits_mine
from gateway.rooms.disclosures.acts import ACTS
from gateway.rooms.disclosures.repairs import Answer, Repair, RepairAsk, RepairFilter, Repairs, RepairSight
from gateway.rooms.disclosures.states import RepairStatus
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say

_NAME: Final = "repairs"
_READ: Final = "disclosures:read"
_ACTS: Final = by_name(*ACTS)
_MOST: Final = 200
_OPEN: Final = (RepairStatus.RECEIVED, RepairStatus.PROPOSED)
_TONES: Final[dict[RepairStatus, Tone]] = {
    RepairStatus.RECEIVED: "warn",
    RepairStatus.PROPOSED: "wait",
    RepairStatus.DONE: "good",
}
_PAPERS: Final = ("corrected", "commitment", "performed")


# --- list and page ----------------------------------------------------------------------------------------------------


async def _find(look: Look, wanted: Wanted) -> Found:
    asked = look.asked
    if asked.get("whose") in ("second", "others"):
        waits = await _proposed(look, asked["whose"])
        return Found([_row(one) for one in waits], None, len(waits), _MOST)
    mine, status, held = look.who.authorities, chosen(look, "status", RepairStatus), Whose.asked(look).mine
    found = await look.get(Repairs).find(
        RepairFilter(authorities=mine, status=status, before=wanted.cursor, limit=wanted.limit, held_by=held)
    )
    return Found.page([_row(one) for one in found], wanted)


async def _of(look: Look, status: RepairStatus) -> list[Repair]:
    return await look.get(Repairs).find(RepairFilter(authorities=look.who.authorities, status=status, limit=_MOST))


async def _proposed(look: Look, whose: str) -> list[Repair]:
    """Answers that wait for a second person's word: mine to give, or another's about mine."""
    two, found = look.base.two_persons, []
    for one in await _of(look, RepairStatus.PROPOSED):
        those = await look.base.store.read(partial(two.participants, matter=one.id))
        if any(each.person == look.who.client_id for each in those) == (whose == "others"):
            found.append(one)
    return found


def _row(one: Repair) -> Row:
    due = Due(one.answer_by_on, one.status in _OPEN, one.answer_by_provisional, one.authority)
    return Row(one.id, (one.decision_number, _tag(one), due, one.received_on, one.forwarded_by, one.end_by_on))


def _tag(one: Repair) -> Tag:
    return Tag(one.status, _TONES.get(one.status, "plain"))


async def _seen(look: Look, repair_id: str) -> RepairSight:
    sight = await look.get(Repairs).view(repair_id)
    look.require_seen(sight.repair.authority, "credit repair")
    return sight


async def _one(look: Look, repair_id: str) -> Page:
    sight = await _seen(look, repair_id)
    one = sight.repair
    notes: list[Block] = []
    acts = ["answer", "assign"] if one.status is RepairStatus.RECEIVED else []
    if one.status is RepairStatus.PROPOSED:
        told, confirm = await look.to_confirm(one.id, _ACTS["confirm_repair"], one.authority)
        notes += told
        acts = [*confirm, "assign"]
    return Page(
        title=say("disclosures.repair_screen_title", number=one.decision_number),
        tags=[_tag(one)],
        lead=Code(one.id),
        blocks=[*notes, *_wanting(sight), await _facts(look, one), _answered(one)],
        acts=acts,
    )


def _wanting(sight: RepairSight) -> list[Block]:
    return [Note(words, "warn") for words in sight.wanting.values()]


async def _facts(look: Look, one: Repair) -> Facts:
    asked = {"number": one.decision_number}
    facts: list[Fact] = [
        await holder(look, one.id),
        (Named("decision_number"), To(one.decision_number, "disclosures", asked=asked)),
        (Named("authority"), (await look.base.access.authority(one.authority)).name),
        (Named("received_on"), one.received_on),
        (Named("forwarded_by"), one.forwarded_by),
        (Named("answer_by"), Due(one.answer_by_on, one.status in _OPEN, one.answer_by_provisional, one.authority)),
        (Named("citation"), one.answer_citation),
        *((Named(name), getattr(one, name)) for name in _PAPERS),
        (Named("created_at"), Moment(one.created_at)),
    ]
    return Facts(say("disclosures.repair_screen_about"), facts)


def _answered(one: Repair) -> Facts:
    said = {True: say("disclosures.repair_screen_yes"), False: say("disclosures.repair_screen_no"), None: None}
    facts: list[Fact] = [
        (say("disclosures.repair_screen_answer"), said[one.grants]),
        (Named("repair_number"), one.number),
        (Named("reason"), one.reason),
        (Named("end_by"), one.end_by_on),
    ]
    return Facts(say("disclosures.repair_screen_answer"), facts)


# --- acts -------------------------------------------------------------------------------------------------------------


async def _receive_form(look: Look, _id: str) -> Form:
    choices = await authorities(look)
    only = choices[0].value if len(choices) == 1 else ""
    papers = [Field(name, Named(name), required=False) for name in _PAPERS]
    fields = (
        Field("authority", Named("authority"), "choice", choices=choices, value=only),
        Field("decision_number", Named("decision_number")),
        Field("received_on", Named("received_on"), "day", value=str(look.today)),
        Field("forwarded_by", Named("forwarded_by"), hint=say("disclosures.repair_screen_from")),
        *papers,
    )
    return Form(say("disclosures.repair_screen_receive"), (Note(say("disclosures.repair_screen_runs")),), fields)


async def _receive(look: Look, _id: str) -> Done:
    asked = look.asked
    look.require_seen(asked["authority"], "decision")
    try:
        received = date.fromisoformat(asked["received_on"])
    except ValueError:
        raise InvalidProblem(say("console.no_day"), field="received_on") from None
    papers = {name: asked.get(name) or None for name in _PAPERS}
    ask = RepairAsk(received_on=received, forwarded_by=asked["forwarded_by"], **papers)
    made = await look.get(Repairs).receive(asked["authority"], asked["decision_number"], ask, once=look.once)
    return Done(To("", _NAME, made))


async def _answer_form(look: Look, repair_id: str) -> Form:
    sight = await _seen(look, repair_id)
    choices = (Choice("yes", say("disclosures.repair_screen_yes")), Choice("no", say("disclosures.repair_screen_no")))
    fields = (
        Field("grants", say("disclosures.repair_screen_answer"), "choice", choices=choices),
        Field("number", Named("repair_number"), required=False, hint=say("disclosures.repair_words")),
        Field("reason", Named("reason"), "area", required=False),
        *(Field(name, Named(name), required=False, value=getattr(sight.repair, name) or "") for name in _PAPERS),
    )
    what = (await _facts(look, sight.repair), *_wanting(sight), Note(say("disclosures.repair_screen_two")))
    return Form(say("disclosures.repair_screen_propose"), what, fields)


async def _answer(look: Look, repair_id: str) -> None:
    await _seen(look, repair_id)
    told = {name: look.asked.get(name) or None for name in ("number", "reason", *_PAPERS)}
    said = Answer(grants=look.asked["grants"] == "yes", **told)
    await look.get(Repairs).answer(repair_id, said, by=look.person, once=look.once)


async def _confirm_form(look: Look, repair_id: str) -> Form:
    sight = await _seen(look, repair_id)
    one = sight.repair
    then = say("disclosures.repair_screen_ends" if one.grants else "disclosures.repair_screen_stays")
    what = (await _facts(look, one), _answered(one), *_wanting(sight), Note(then, "warn"))
    button = say("disclosures.repair_screen_grant" if one.grants else "disclosures.repair_screen_refuse")
    return Form(button, what, seen=sight.seen or "")


async def _confirm(look: Look, repair_id: str) -> None:
    await _seen(look, repair_id)
    await look.get(Repairs).confirm(repair_id, look.asked.get("seen", ""), by=look.person, once=look.once)


async def _authority(look: Look, repair_id: str) -> str:
    return (await _seen(look, repair_id)).repair.authority


_WHOSE: Final = Whose(screen=_NAME, told=say("disclosures.wait_repair_answers"), wide=True)
REPAIRS = Screen(
    name=_NAME,
    title=say("disclosures.repair_screen"),
    scope=_READ,
    place=63,
    group=Group.PUBLIC,
    ids="rpr",
    lists=Listing(
        filters=(
            among("status", RepairStatus),
            _WHOSE.filter,
        ),
        heads=(
            Head(Named("decision_number")),
            Head(Named("status")),
            Head(Named("answer_by")),
            Head(Named("received_on"), small=True),
            Head(Named("forwarded_by"), small=True),
            Head(Named("end_by"), small=True),
        ),
        find=_find,
        empty=say("disclosures.repair_screen_empty"),
        acts=("receive",),
    ),
    one=_one,
    acts=(
        ActPage(name="receive", of=_ACTS["receive_repair"], form=_receive_form, do=_receive),
        ActPage(name="answer", of=_ACTS["answer_repair"], form=_answer_form, do=_answer),
        ActPage(name="confirm", of=_ACTS["confirm_repair"], form=_confirm_form, do=_confirm),
        assigning(_authority),
    ),
)


async def waiting_repairs(look: Look) -> Sequence[Waits]:
    """Requests that wait for an answer, by its last day, and answers that wait for a second person's word."""
    if not look.may(_READ):
        return ()
    open_ones = await _of(look, RepairStatus.RECEIVED)
    first = min((one.answer_by_on for one in open_ones), default=None)
    received = To("", _NAME, asked={"status": RepairStatus.RECEIVED.value})
    second, others = [len(await _proposed(look, whose)) for whose in ("second", "others")]
    mine = RepairFilter(authorities=look.who.authorities, limit=_MOST, held_by=look.who.client_id)
    held = len(await look.get(Repairs).find(mine))
    return (
        Waits(say("disclosures.wait_repairs"), len(open_ones), received, first, tone="warn", most=_MOST),
        waits_mine(say("disclosures.repair_screen"), held, _NAME, _MOST),
        *_WHOSE.waits(second, others, _MOST),
    )
