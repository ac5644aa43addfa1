"""What is amiss with publications 巡查问题 on the console: what the public sees otherwise, and what is done of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from gateway.foundation.acts import by_name
from gateway.foundation.narrowing import among, chosen
from gateway.foundation.screens import (
    ActPage,
    Choice,
    Code,
    Fact,
    Facts,
    Field,
    Filter,
    Form,
    Found,
    Group,
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
    Tag,
    To,
    Waits,
    Wanted,
)
from gateway.rooms.disclosures.acts import ACTS
from gateway.rooms.disclosures.comparison import CHINESE, Kind
from gateway.rooms.disclosures.findings import Finding, FindingFilter
from gateway.rooms.disclosures.inspection import Inspection
from gateway.rooms.disclosures.states import FindingStatus
from gateway.words.saying import Both, Word, say

_NAME: Final = "findings"
_READ: Final = "disclosures:read"
_ACTS: Final = by_name(*ACTS)
_MOST: Final = 200


async def _find(look: Look, wanted: Wanted) -> Found:
    sought = FindingFilter(
        authorities=look.who.authorities,
        status=chosen(look, "status", FindingStatus),
        kind=chosen(look, "kind", Kind),
        place=look.asked.get("place"),
        before=wanted.cursor,
        limit=wanted.limit,
    )
    found = await look.get(Inspection).find(sought)
    return Found.page([_row(one) for one in found], wanted)


def _row(one: Finding) -> Row:
    fields = Many(one.fields) if one.fields else None
    return Row(
        one.id, (one.decision_number, kind_of(one.kind), _tag(one), Code(one.place), fields, Moment(one.seen_at))
    )


def kind_of(kind: Kind) -> Both:
    """What is amiss, in words."""
    return Both(CHINESE[kind], kind.value.replace("_", " "))


def _tag(one: Finding) -> Tag:
    return Tag(Word(one.status.value), "warn" if one.status is FindingStatus.OPEN else "plain")


async def _seen(look: Look, finding_id: str) -> Finding:
    found = await look.get(Inspection).held(finding_id)
    look.require_seen(found.authority, "disclosure finding")
    return found


async def _one(look: Look, finding_id: str) -> Page:
    one = await _seen(look, finding_id)
    notes = [] if one.explanation is None else [Note(one.explanation, "good")]
    return Page(
        title=one.decision_number,
        tags=[_tag(one)],
        lead=Code(one.id),
        blocks=[*notes, _facts(one)],
        acts=["handle"] if one.status is FindingStatus.OPEN else [],
    )


def _facts(one: Finding) -> Facts:
    facts: list[Fact] = [
        (say("disclosures.finding"), kind_of(one.kind)),
        (say("disclosures.place"), Code(one.place)),
        (Named("fields"), Many(one.fields) if one.fields else None),
        (Named("disclosure"), To(one.decision_number, "disclosures", one.disclosure_id)),
        (Named("url"), Code(one.url)),
        (Named("seen_at"), Moment(one.seen_at)),
        (Named("created_at"), Moment(one.created_at)),
        (Named("closed_by"), one.closed_by),
    ]
    return Facts(None, facts)


async def _handle_form(look: Look, finding_id: str) -> Form:
    one = await _seen(look, finding_id)
    choices = [
        Choice("explained", say("disclosures.finding_explained")),
        Choice("send_again", say("disclosures.finding_send_again")),
    ]
    fields = (
        Field("action", Named("action"), "choice", choices=choices),
        Field("explanation", Named("explanation"), "area"),
    )
    return Form(say("disclosures.finding_button"), (_facts(one), Note(say("disclosures.finding_note"))), fields)


async def _handle(look: Look, finding_id: str) -> None:
    await _seen(look, finding_id)
    action: Literal["explained", "send_again"] = "send_again" if look.asked["action"] == "send_again" else "explained"
    explanation = look.asked["explanation"]
    await look.get(Inspection).settle(finding_id, action, explanation, by=look.person, once=look.once)


FINDINGS = Screen(
    name=_NAME,
    title=say("disclosures.finding_screen"),
    scope=_READ,
    place=62,
    group=Group.PUBLIC,
    lists=Listing(
        filters=(
            among("status", FindingStatus, words=Word),
            among("kind", Kind, say("disclosures.finding"), kind_of),
            Filter("place", say("disclosures.place")),
        ),
        heads=(
            Head(Named("decision_number")),
            Head(say("disclosures.finding")),
            Head(Named("status")),
            Head(say("disclosures.place"), small=True),
            Head(Named("fields"), small=True),
            Head(Named("seen_at"), small=True),
        ),
        find=_find,
        empty=say("disclosures.finding_empty"),
    ),
    one=_one,
    acts=(ActPage(name="handle", of=_ACTS["handle_finding"], form=_handle_form, do=_handle),),
)


async def waiting_findings(look: Look) -> Sequence[Waits]:
    """What is amiss with publications and nobody has dealt with."""
    if not look.may(_READ):
        return ()
    sought = FindingFilter(authorities=look.who.authorities, status=FindingStatus.OPEN, limit=_MOST)
    number = len(await look.get(Inspection).find(sought))
    to = To("", _NAME, asked={"status": FindingStatus.OPEN.value})
    return (Waits(say("disclosures.finding_screen"), number, to, tone="warn", most=_MOST),)
