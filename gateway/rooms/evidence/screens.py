"""Evidence 交互留痕 on the console: one exchange as it may be shown; its exact bytes for who sees persons plainly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.foundation.evidence import Exchange
from gateway.foundation.screens import (
    Beside,
    Block,
    Code,
    Fact,
    Facts,
    Filter,
    Found,
    Head,
    Listing,
    Look,
    Moment,
    Named,
    Note,
    Page,
    Row,
    Screen,
    Value,
    Verbatim,
    Wanted,
    failed,
)
from gateway.foundation.screens import To as Link
from gateway.rooms.evidence.routes import exact_of
from gateway.words.errors import InvalidProblem
from gateway.words.failures import what_happened
from gateway.words.saying import Sentence, Word, say

_LONGEST: Final = 64 * 1024
"""So much of one side is shown; ``gateway evidence show`` has all of it."""


async def _find(look: Look, _wanted: Wanted) -> Found:
    """What crossed the wire for an operation, or the one exchange of an id. Raises InvalidProblem for another word."""
    number = look.asked.get("number", "")
    if not number:
        return Found(())
    if number.startswith("xch_"):
        found: Sequence[Exchange] = [await look.base.evidence.held(number)]
    elif number.startswith("opn_"):
        found = await look.base.store.read(lambda conn: look.base.evidence.of_operation(conn, number))
    else:
        raise InvalidProblem(say("evidence.screen_which"), field="number")
    mine = [one for one in found if one.authority is None or one.authority in look.who.authorities]
    return Found([_row(one) for one in mine], None, len(mine))


def _row(one: Exchange) -> Row:
    at, came = Moment(one.started_at), what_happened(one.outcome) or Word(one.outcome)
    return Row(one.id, (at, Word(one.action), Code(one.channel), one.status, came, Code(one.id)))


async def _one(look: Look, exchange_id: str) -> Page:
    found = await look.base.evidence.held(exchange_id)
    if found.authority is not None:
        look.require_seen(found.authority, "exchange")
    sent, came = found.request, found.response
    blocks: list[Block] = []
    if look.plainly:
        exact = await exact_of(look.base, exchange_id, look.who.name)
        sent, came = exact.request, exact.decrypted or exact.response
        blocks.append(Note(say("evidence.screen_exact"), "warn"))
        if exact.read_length is not None:
            blocks.append(Note(say("evidence.screen_cut", bytes=exact.read_length, digest=exact.read_digest or "")))
    label = say("evidence.screen_raw" if look.plainly else "operations.screen_text")
    sides = (_side("operations.screen_sent", label, sent), _side("operations.screen_came", label, came))
    return Page(
        title=say("evidence.screen_title", action=Word(found.action), channel=found.channel),
        lead=Code(found.id),
        blocks=[*blocks, Beside(say("evidence.screen_both"), sides)],
        side=[_facts(found)],
        masked=True,
    )


def _side(title: str, label: Sentence, text: str) -> Facts:
    shown: Value = Verbatim(text[:_LONGEST]) if text else say("operations.nothing")
    return Facts(say(title), [(label, shown)])


def _facts(one: Exchange) -> Facts:
    facts: list[Fact] = [
        (Named("started_at"), Moment(one.started_at)),
        (Named("ended_at"), Moment(one.ended_at)),
        (Named("channel"), Link(Code(one.channel), "channels", one.channel)),
        (Named("method"), Code(one.method)),
        (Named("url"), Code(one.url)),
        (Named("status"), one.status),
        (Named("outcome"), Word(one.outcome) if what_happened(one.outcome) is None else failed(one.outcome)),
        (Named("node"), Code(f"{one.node} {one.seq}")),
        ("SM3", Code(one.chain.hex())),
    ]
    if one.operation_id is not None:
        facts.insert(2, (Named("operation"), Link(Code(one.operation_id), "operations", one.operation_id)))
    return Facts(say("evidence.screen_about"), facts)


SCREEN = Screen(
    name="evidence",
    title=say("evidence.screen"),
    scope="evidence:read",
    place=78,
    lists=Listing(
        filters=(Filter("number", say("evidence.screen_number"), wide=True),),
        heads=(
            Head(Named("started_at")),
            Head(Named("action")),
            Head(Named("channel"), small=True),
            Head(Named("status"), number=True, small=True),
            Head(Named("outcome")),
            Head(Named("exchange"), small=True),
        ),
        find=_find,
        empty=say("evidence.screen_empty"),
    ),
    one=_one,
)
