"""Cash taken on the spot 当场收缴 on the console: with an officer, waiting for a bill, on its way to the bank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final

from gateway.foundation.acts import by_name
from gateway.foundation.delivery.events import Event
from gateway.foundation.narrowing import AUTHORITY, MINE, Whose, among, authorities_asked, chosen
from gateway.foundation.screens import (
    ActPage,
    Block,
    Choice,
    Code,
    Due,
    Fact,
    Facts,
    Filter,
    Found,
    Group,
    Happened,
    Head,
    Joins,
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
    Wanted,
    Yuan,
)
from gateway.foundation.taking import assigning, holder
from gateway.rooms.cash import records
from gateway.rooms.cash.acts import ACTS
from gateway.rooms.cash.forms import hand_in, hand_in_form, land, land_form, remit, remit_form, take, take_form
from gateway.rooms.cash.records import MOST, CashFilter, CashTaken
from gateway.rooms.cash.service import Cash, CashSight
from gateway.rooms.cash.states import CashStatus, Duty
from gateway.rooms.payments.told import told
from gateway.words.errors import InvalidProblem
from gateway.words.identifiers import clean_text
from gateway.words.masking import mask_person
from gateway.words.money import parse_yuan
from gateway.words.saying import Word, say

_NAME: Final = "cash"
_READ: Final = "payments:read"
_ACTS: Final = by_name(*ACTS)
_TONES: Final[dict[CashStatus, Tone]] = {
    CashStatus.TAKEN: "wait",
    CashStatus.HANDED_IN: "wait",
    CashStatus.BILLED: "plain",
    CashStatus.REMITTED: "good",
}
_SOON: Final = 7
"""Days ahead that a list of what is due soon looks."""
_TOLD: Final = ("on", "duty", "due_on", "due_on_before", "amount", "code", "bank_serial", "settlement", "reason")
"""What of an event's data is worth a line in the story."""


# --- the list ---------------------------------------------------------------------------------------------------------


async def _find(look: Look, wanted: Wanted) -> Found:
    cash, sought = look.get(Cash), _sought(look)
    found = await cash.find(replace(sought, before=wanted.cursor, limit=wanted.limit))
    total = await look.base.store.read(lambda conn: records.count(conn, sought))
    return Found.page([_row(look, one) for one in found], wanted, total, MOST)


def _row(look: Look, one: CashTaken) -> Row:
    return Row(
        one.id,
        (
            one.decision_number,
            _tag(one),
            Yuan(one.amount),
            _due(one),
            Code(one.receipt_number),
            mask_person(look.get(Cash).officer(one)),
            one.taken_on,
        ),
    )


def _tag(one: CashTaken) -> Tag:
    return Tag(one.status, _TONES[one.status])


def _due(one: CashTaken) -> Value:
    """The last day of what must be done with it next."""
    if one.status is CashStatus.REMITTED:
        return None
    if one.due_on is None:
        return say("cash.screen_afloat")
    return Due(one.due_on, True, one.due_provisional, one.authority)


def _sought(look: Look) -> CashFilter:
    """What the address asks for."""
    asked, due = look.asked, look.asked.get("due")
    ends = {"late": look.today - timedelta(days=1), "soon": look.today + timedelta(days=_SOON)}
    return CashFilter(
        authorities=authorities_asked(look),
        status=chosen(look, "status", CashStatus),
        number=asked.get("number"),
        officer=_officer(look) if asked.get("officer") else None,
        by=ends.get(due or ""),
        afloat=due == "afloat",
        held_by=Whose.asked(look).mine,
    )


def _officer(look: Look) -> Sequence[bytes]:
    """Under what the cash of the officer who is asked for is found. Raises InvalidProblem."""
    try:
        return records.officer_indexes(look.base.envelope, clean_text(look.asked["officer"]))
    except ValueError as error:
        raise InvalidProblem(say("wrong.told", reason=str(error)), field="officer") from None


_LIST = Listing(
    filters=(
        Filter("number", say("cash.screen_number"), wide=True),
        among("status", CashStatus),
        Filter(
            "due",
            say("cash.screen_due"),
            "choice",
            tuple(Choice(one, say(f"cash.screen_{one}")) for one in ("late", "soon", "afloat")),
        ),
        Filter("officer", say("cash.screen_officer")),
        Filter("whose", say("console.whose"), "choice", (MINE,)),
        AUTHORITY,
    ),
    heads=(
        Head(Named("decision_number")),
        Head(Named("status")),
        Head(Named("amount"), number=True),
        Head(say("cash.screen_due")),
        Head(Named("receipt_number"), small=True),
        Head(Named("officer"), small=True),
        Head(Named("taken_on"), small=True),
    ),
    find=_find,
    empty=say("cash.screen_empty"),
    acts=("take", "remit"),
)


# --- one sum of cash --------------------------------------------------------------------------------------------------


async def _seen(look: Look, cash_id: str) -> CashTaken:
    found = await look.get(Cash).held(cash_id)
    look.require_seen(found.authority, "cash")
    return found


async def _one(look: Look, cash_id: str) -> Page:
    one = await _seen(look, cash_id)
    sight = await look.get(Cash).view(cash_id)
    blocks: list[Block] = []
    if one.status is not CashStatus.REMITTED and one.due_on is not None and one.due_on < look.today:
        blocks.append(Note(say(f"cash.wait_{one.duty.value}"), "bad"))
    blocks += [await _facts(look, one), _duties(one, sight)]
    if sight.parts:
        blocks.append(_parts(sight.parts, cash_id))
    blocks.append(_story(sight.events))
    if look.may("evidence:read"):
        blocks.append(await _evidence(look, one))
    return Page(
        title=say("cash.screen_title", yuan=f"{one.amount / 100:,.2f}", number=one.decision_number),
        tags=[_tag(one)],
        lead=Code(one.id),
        blocks=blocks,
        acts=_next_acts(one),
        masked=True,
    )


def _next_acts(one: CashTaken) -> list[str]:
    """What can be done with it now."""
    if one.status is CashStatus.TAKEN:
        return [*(["land"] if one.on_water and one.ashore_on is None else []), "hand-in", "assign"]
    if one.status is CashStatus.HANDED_IN:
        return ["remit", "assign"]
    return ["assign"] if one.status is CashStatus.BILLED else []


async def _facts(look: Look, one: CashTaken) -> Facts:
    known = {each.code: each.name for each in await look.base.access.authorities()}
    officer = look.get(Cash).officer(one)
    facts: list[Fact] = [
        (Named("decision_number"), one.decision_number),
        (Named("amount"), Yuan(one.amount)),
        (Named("ground"), one.ground),
        (Named("explanation"), one.explanation),
        (Named("receipt_number"), Code(one.receipt_number)),
        (Named("officer"), officer if look.plainly else mask_person(officer)),
        (Named("authority"), known.get(one.authority, one.authority)),
        await holder(look, one.id),
    ]
    return Facts(None, facts)


def _duties(one: CashTaken, sight: CashSight) -> Facts:
    """The two duties, each with its last day, when it was done, and the row of the law."""
    open_to = {Duty.HAND_IN: one.status is CashStatus.TAKEN, Duty.BANK: one.status is not CashStatus.REMITTED}
    ends = {Duty.HAND_IN: one.hand_in_due_on, Duty.BANK: one.bank_due_on}

    def due(duty: Duty) -> Value:
        is_open = open_to[duty]
        return Due(ends[duty], is_open, is_open and one.due_provisional, one.authority)

    facts: list[Fact] = [(Named("taken_on"), one.taken_on)]
    if one.on_water:
        facts.append((Named("ashore_on"), one.ashore_on or say("cash.screen_afloat")))
    facts += [
        (Named("hand_in_due_on"), due(Duty.HAND_IN)),
        (Named("handed_in_on"), one.handed_in_on),
        (Named("bank_due_on"), due(Duty.BANK)),
        (Named("remittance"), None if one.payment_id is None else To(Code(one.payment_id), "payments", one.payment_id)),
        (Named("remitted_at"), Moment(one.remitted_at)),
        (say("cash.screen_law"), Many(list(dict.fromkeys(rule.cited for rule in sight.rules)))),
    ]
    return Facts(say("cash.screen_duties"), facts)


def _parts(parts: Sequence[CashTaken], this: str | None = None) -> Table:
    """The decisions that one bill is for; their sums add up to the bill's."""
    heads = (
        Head(Named("decision_number")),
        Head(Named("receipt_number"), small=True),
        Head(Named("status")),
        Head(Named("amount"), number=True),
    )
    rows = [
        Row(
            None,
            (
                one.decision_number if one.id == this else To(one.decision_number, _NAME, one.id),
                Code(one.receipt_number),
                _tag(one),
                Yuan(one.amount),
            ),
        )
        for one in parts
    ]
    whole = say("cash.screen_sum", number=len(parts), yuan=f"{sum(one.amount for one in parts) / 100:,.2f}")
    return Table(say("cash.screen_parts"), heads, rows, "", whole)


def _story(events: Sequence[Event]) -> Story:
    entries = [
        Happened(
            one.at,
            (say(f"cash.told_{one.type.partition('.')[2]}") if one.type.startswith("cash.") else told(one.type))
            or one.type,
            [
                (Named(name), _said(name, one.data[name]))
                for name in _TOLD
                if isinstance(one.data.get(name), (str, int)) and not (name == "amount" and one.type != "cash.taken")
            ],
        )
        for one in events
    ]
    return Story(say("cash.screen_story"), entries)


def _said(name: str, value: str | int) -> Value:
    """What an event says, as the page shows such values elsewhere."""
    if name == "amount":
        return Yuan(parse_yuan(str(value)))
    return Word(str(value)) if name in ("duty", "settlement") else str(value)


async def _evidence(look: Look, one: CashTaken) -> Table:
    """What was said with the platform about the bill that remits it."""
    heads = (
        Head(Named("started_at")),
        Head(Named("action")),
        Head(Named("outcome")),
        Head(Named("exchange"), small=True),
    )
    wire = [] if one.payment_id is None else await look.get(Cash).exchanges(one.payment_id)
    rows = [
        Row(
            None,
            (To(Moment(each.started_at), "evidence", each.id), Word(each.action), Word(each.outcome), Code(each.id)),
        )
        for each in wire
    ]
    return Table(say("cash.screen_evidence"), heads, rows, say("cash.screen_no_evidence"))


async def _authority(look: Look, cash_id: str) -> str:
    return (await _seen(look, cash_id)).authority


SCREEN = Screen(
    name=_NAME,
    title=say("cash.screen"),
    scope=_READ,
    place=43,
    group=Group.WORK,
    ids="csh",
    lists=_LIST,
    one=_one,
    acts=(
        ActPage(name="take", of=_ACTS["take_cash"], form=take_form, do=take),
        ActPage(name="land", of=_ACTS["land_cash"], form=partial(land_form, _seen), do=partial(land, _seen)),
        ActPage(
            name="hand-in", of=_ACTS["hand_in_cash"], form=partial(hand_in_form, _seen), do=partial(hand_in, _seen)
        ),
        ActPage(name="remit", of=_ACTS["remit_cash"], form=remit_form, do=remit),
        assigning(_authority),
    ),
)


async def _of_payment(look: Look, payment_id: str) -> Sequence[Block]:
    """The cash that a bill remits, below the bill's own page."""
    parts = await look.get(Cash).parts(payment_id)
    return [_parts(parts)] if parts else []


ON_PAYMENTS = Joins(screen="payments", blocks=_of_payment)
