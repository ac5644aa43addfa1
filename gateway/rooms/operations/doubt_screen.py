"""Doubt 存疑外呼 on the console: what we sent, what came, what was asked later, and what a person can say of it."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from gateway.foundation.acts import by_name
from gateway.foundation.delivery.doubtful_records import MOST, Doubtful
from gateway.foundation.delivery.operation_records import OperationRecord
from gateway.foundation.delivery.resolutions import Possible
from gateway.foundation.delivery.states import FOR_PEOPLE, ParkedFor, ResolutionState, State
from gateway.foundation.narrowing import AUTHORITY, Whose, among, authorities_asked, chosen
from gateway.foundation.screens import (
    ActPage,
    Beside,
    Block,
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
    Table,
    Tag,
    To,
    Tone,
    Value,
    Verbatim,
    Waits,
    Wanted,
    Yuan,
    failed,
    reason_for,
)
from gateway.foundation.taking import assigning, holder, waits_mine
from gateway.foundation.two_persons import FEN
from gateway.rooms.operations.acts import ACTS
from gateway.rooms.operations.answers import in_fen, in_yuan
from gateway.rooms.operations.service import Operations, Sight
from gateway.rooms.operations.service import Side as Exchanged
from gateway.words.errors import InvalidProblem
from gateway.words.failures import what_happened
from gateway.words.saying import Sentence, Word, say

_NAME: Final = "operations"
_ACTS: Final = by_name(*ACTS)
_READ: Final = "operations:read"
_TONES: Final[dict[State, Tone]] = {State.PARKED: "bad", State.UNCERTAIN: "warn", State.PENDING: "wait"}
_SHOWN: Final = 6
"""So many exchanges are shown, the newest."""
_LONGEST: Final = 6000
_SCREENS: Final = {"pay": "payments", "rfd": "refunds", "dis": "disclosures"}
"""Where the records stand whose ids begin so."""


class Came(Word):
    """What came of an attempt, said by the catalogue's word."""

    __slots__ = ()


# --- the list ---------------------------------------------------------------------------------------------------------


async def _find(look: Look, wanted: Wanted) -> Found:
    found, total = await look.get(Operations).doubtful(_sought(look), wanted.cursor, wanted.limit)
    return Found.page([_row(one) for one in found], wanted, total, MOST)


def _row(one: OperationRecord) -> Row:
    return Row(
        one.id,
        (
            Word(one.action),
            _state(one),
            Code(one.channel),
            _subject(one),
            what_happened(one.reason) or one.reason,
            Moment(one.doubt_since_at or one.updated_at),
            one.attempt or None,
            None if one.state is State.PARKED else Moment(one.due_at),
        ),
    )


def _state(one: OperationRecord) -> Tag:
    return Tag(one.state, _TONES.get(one.state, "plain"))


def _subject(one: OperationRecord) -> Value:
    screen = _SCREENS.get(one.subject.partition("_")[0])
    return Code(one.subject) if screen is None else To(Code(one.subject), screen, one.subject)


def _sought(look: Look) -> Doubtful:
    """What the address asks for."""
    asked, hands, state = look.asked, Whose.asked(look), chosen(look, "state", State)
    return Doubtful(
        authorities=authorities_asked(look),
        states=[state] if state in FOR_PEOPLE else FOR_PEOPLE,
        channel=asked.get("channel"),
        parked_for=chosen(look, "why", ParkedFor),
        number=asked.get("number"),
        held_by=hands.mine,
        said_by=hands.others,
        said_besides=hands.second,
    )


async def _channels(look: Look) -> Sequence[Choice]:
    return [Choice(one.name, one.name) for one in look.base.channels.all()]


def _why(one: ParkedFor) -> Sentence:
    return say(f"operations.why_{one.value.replace('-', '_')}")


_WHOSE = Whose(
    screen=_NAME,
    told=say("operations.wait_said"),
    label=say("operations.screen_whose"),
    second=say("operations.screen_second"),
    others=say("operations.screen_others"),
)
_LIST = Listing(
    filters=(
        Filter("number", say("operations.screen_number"), wide=True),
        among("state", FOR_PEOPLE),
        among("why", ParkedFor, say("operations.screen_why"), _why),
        _WHOSE.filter,
        Filter("channel", Named("channel"), "choice", _channels),
        AUTHORITY,
    ),
    heads=(
        Head(Named("action")),
        Head(Named("state")),
        Head(Named("channel"), small=True),
        Head(Named("subject"), small=True),
        Head(say("operations.screen_last"), small=True),
        Head(say("operations.screen_since")),
        Head(say("operations.screen_tries"), number=True, small=True),
        Head(say("operations.screen_next"), small=True),
    ),
    find=_find,
    empty=say("operations.screen_empty"),
    acts=("retry-all",),
)


# --- one operation ----------------------------------------------------------------------------------------------------


async def _seen(look: Look, operation_id: str) -> Sight:
    found = await look.get(Operations).look(look.base.evidence, operation_id)
    look.require_seen(found.operation.authority, "operation")
    return found


async def _one(look: Look, operation_id: str) -> Page:
    sight = await _seen(look, operation_id)
    one, possible = sight.operation, look.base.resolutions.possible(sight.operation)
    notes: list[Block] = [_waits_for(one)]
    acts: list[str] = []
    if one.state in FOR_PEOPLE:
        acts = ["retry", "assign"]
    if sight.said is not None:
        notes.append(_said(look, sight))
    if sight.said is not None and sight.said.state is ResolutionState.PROPOSED:
        told, confirm = await look.to_confirm(sight.said.id, _ACTS["confirm_outcome"], one.authority)
        notes[:0] = told
        acts = [*confirm, "withdraw", *acts]
    elif possible.happened or possible.did_not_happen:
        acts.insert(0, "say")
    if one.state in FOR_PEOPLE:
        notes.append(_answers(one, possible))
    return Page(
        title=say("operations.screen_title", action=Word(one.action), channel=one.channel),
        tags=[_state(one)],
        lead=Code(one.id),
        blocks=[*notes, *(_exchange(side) for side in sight.sides[-_SHOWN:])],
        side=[_facts(sight, await holder(look, one.id))],
        acts=acts,
    )


def _waits_for(one: OperationRecord) -> Note:
    """Why it stands where it stands, in words."""
    if one.state is State.PARKED and one.code in tuple(ParkedFor):
        return Note(_why(ParkedFor(one.code)), "bad")
    words = {
        State.PARKED: "operations.screen_parked",
        State.UNCERTAIN: "operations.screen_uncertain",
        State.PENDING: "operations.screen_pending",
    }
    return Note(say(words.get(one.state, "operations.screen_ended")), _TONES.get(one.state, "good"))


def _facts(sight: Sight, held: Fact) -> Facts:
    one = sight.operation
    facts: list[Fact] = [
        held,
        (Named("subject"), _subject(one)),
        (Named("reference"), Code(one.reference)),
        (Named("channel"), To(Code(one.channel), "channels", one.channel)),
        (say("operations.screen_last"), failed(one.reason)),
        (say("operations.screen_tries"), one.attempt),
        (say("operations.screen_next"), None if one.state is State.PARKED else Moment(one.due_at)),
        (say("operations.screen_doubt_since"), Moment(one.doubt_since_at)),
        (Named("created_at"), Moment(one.created_at)),
    ]
    if sight.rerun is not None:
        facts.append((say("operations.screen_rerun"), To(Code(sight.rerun), _NAME, sight.rerun)))
    return Facts(say("operations.screen_about"), facts)


def _exchange(side: Exchanged) -> Beside:
    """What we sent beside what came."""
    made, wire = side.attempt, side.exchange
    kind = say("operations.screen_call" if made.kind == "call" else "operations.screen_question")
    title = say("operations.screen_attempt", number=made.number, kind=kind)
    sent: list[Fact] = [
        (Named("started_at"), Moment(wire.started_at)),
        (Named("exchange"), To(Code(wire.id), "evidence", wire.id)),
        (say("operations.screen_text"), Verbatim(_body(wire.request))),
    ]
    came: list[Fact] = [
        (Named("outcome"), Many((Came(made.label), failed(made.reason)))),
        (
            say("operations.screen_text"),
            Verbatim(_body(wire.response)) if wire.response else say("operations.nothing"),
        ),
    ]
    return Beside(title, (Facts(say("operations.screen_sent"), sent), Facts(say("operations.screen_came"), came)))


def _body(wire: str) -> str:
    """What was said, without what the transport adds: what stands behind the first empty line."""
    head, _, body = wire.replace("\r\n", "\n").partition("\n\n")
    return (body.strip() or head)[:_LONGEST]


def _answers(one: OperationRecord, possible: Possible) -> Table:
    """What a person can say, and what each will cause."""
    no = Tag(say("operations.screen_not_possible"), "plain")
    yes = Tag(say("operations.screen_possible"), "good")
    heads = (
        Head(say("operations.screen_answer")),
        Head(say("operations.screen_can")),
        Head(say("operations.screen_then")),
    )
    judgement, question = (
        say("operations.judgement", action=one.action),
        say("operations.a_question", action=one.action),
    )
    not_again = say("operations.not_renewable", action=one.action) if one.effectful else question
    two = say("operations.screen_by_two" if one.two_persons else "operations.screen_by_one")
    rows = [
        Row(
            None,
            (
                say("operations.it_happened"),
                yes if possible.happened else no,
                Many((say("operations.then_happened"), two)) if possible.happened else judgement,
            ),
        ),
        Row(
            None,
            (
                say("operations.it_did_not_happen"),
                yes if possible.did_not_happen else no,
                Many((say("operations.then_again"), two)) if possible.did_not_happen else not_again,
            ),
        ),
        Row(None, (_ACTS["retry_operation"].sentence, yes, say("operations.then_asked"))),
    ]
    return Table(say("operations.screen_answers"), heads, rows, "")


def _said(look: Look, sight: Sight) -> Facts:
    """What people have said became of it."""
    said = sight.said
    assert said is not None, "somebody has said something"
    facts: list[Fact] = [
        (say("operations.screen_answer"), _outcome(happened=said.happened)),
        (Named("reason"), said.reason),
        (Named("proposed_by"), Many((sight.names.get(said.proposed_by, said.proposed_by), Moment(said.proposed_at)))),
        (Named("confirmed_by"), sight.names.get(said.confirmed_by or "")),
    ]
    for name, value in (look.base.resolutions.answer_of(said) or {}).items():
        if value is not None:
            facts.append((Named(name), _shown(name, value)))
    return Facts(say("operations.screen_said"), facts)


def _outcome(*, happened: bool) -> Tag:
    return Tag(say("operations.it_happened" if happened else "operations.it_did_not_happen"), "wait")


def _shown(name: str, value: Any) -> Value:
    if name in FEN and isinstance(value, int):
        return Yuan(value)
    return Code(value if isinstance(value, str) else json.dumps(in_yuan(name, value), ensure_ascii=False))


# --- acts -------------------------------------------------------------------------------------------------------------


def _meant(one: OperationRecord) -> Facts:
    facts: list[Fact] = [
        (Named("action"), Word(one.action)),
        (Named("channel"), Code(one.channel)),
        (Named("subject"), _subject(one)),
        (Named("reference"), Code(one.reference)),
        (Named("state"), _state(one)),
        (say("operations.screen_last"), failed(one.reason)),
    ]
    return Facts(None, facts)


async def _retry_form(look: Look, operation_id: str) -> Form:
    one = (await _seen(look, operation_id)).operation
    choices = [Choice("ask", say("operations.act_ask_first"))]
    if one.doubt_since_at is None and one.pending_since_at is None:
        choices.append(Choice("send", say("operations.act_send")))
    fields = (
        Field("how", say("operations.act_how"), "choice", choices=choices, value="ask"),
        reason_for(_ACTS["retry_operation"]),
    )
    return Form(say("operations.act_retry_button"), (_meant(one), Note(say("operations.act_retry_note"))), fields)


async def _retry(look: Look, operation_id: str) -> None:
    await _seen(look, operation_id)
    reason = f"{look.who.name}: {look.asked['reason']}"
    ask = look.asked.get("how") != "send"
    await look.base.delivery.waiting.send_on(operation_id, ask=ask, reason=reason, once=look.once)


async def _say_form(look: Look, operation_id: str) -> Form:
    sight = await _seen(look, operation_id)
    one, possible = sight.operation, look.base.resolutions.possible(sight.operation)
    outcomes = [Choice("happened", say("operations.it_happened"))] if possible.happened else []
    outcomes += [Choice("did_not_happen", say("operations.it_did_not_happen"))] if possible.did_not_happen else []
    what: list[Block] = [_meant(one), _answers(one, possible), Note(say("operations.act_say_note"), "warn")]
    fields = [
        Field("outcome", say("operations.screen_answer"), "choice", choices=outcomes),
        reason_for(_ACTS["propose_outcome"]),
        *(_answer_fields(possible) if possible.happened else ()),
    ]
    return Form(say("operations.act_say_button"), what, fields)


def _answer_fields(possible: Possible) -> list[Field]:
    """One field for each member of the answer; what the request says already stands there."""
    made = []
    for name, field in possible.fields.items():
        plain, known = _plain(field.annotation), in_yuan(name, possible.known.get(name))
        value = "" if known is None else str(known) if plain else json.dumps(known, ensure_ascii=False, default=str)
        hint = say("operations.act_if_happened") if field.is_required() else None
        made.append(
            Field(f"answer.{name}", Named(name), "text" if plain else "area", required=False, hint=hint, value=value)
        )
    return made


def _plain(annotation: Any) -> bool:
    """Whether a member is one value that can be typed."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _plain(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return all(_plain(one) for one in typing.get_args(annotation) if one is not types.NoneType)
    if typing.get_origin(annotation) is typing.Literal:
        return True
    return isinstance(annotation, type) and issubclass(annotation, (str, int, bool, date))


def _answer(asked: Mapping[str, str], possible: Possible) -> dict[str, Any]:
    """The answer as it was typed. Raises InvalidProblem for what is no amount, or no JSON."""
    found: dict[str, Any] = {}
    for name, field in possible.fields.items():
        typed = asked.get(f"answer.{name}", "")
        if not typed:
            continue
        try:
            found[name] = in_fen(name, typed if _plain(field.annotation) else json.loads(typed))
        except ValueError:
            wrong = say("console.no_amount") if name in FEN else say("operations.no_object")
            raise InvalidProblem(wrong, field=f"answer.{name}") from None
    return found


async def _say(look: Look, operation_id: str) -> None:
    sight = await _seen(look, operation_id)
    happened = look.asked["outcome"] == "happened"
    answer = _answer(look.asked, look.base.resolutions.possible(sight.operation)) if happened else None
    await look.base.resolutions.propose(
        operation_id, look.person, happened=happened, reason=look.asked["reason"], answer=answer, once=look.once
    )


async def _confirm_form(look: Look, operation_id: str) -> Form:
    sight = await _seen(look, operation_id)
    if sight.said is None:
        return Form(say("operations.act_confirm_button"), (Note(say("operations.not_resolved")),))
    then = say("operations.then_happened" if sight.said.happened else "operations.then_again")
    what: list[Block] = [_meant(sight.operation), _said(look, sight)]
    what += [_exchange(side) for side in sight.sides[-2:]]
    what.append(Note(then, "warn"))
    seen = look.base.resolutions.seen(sight.said, sight.operation) or ""
    return Form(say("operations.act_confirm_button"), what, seen=seen)


async def _confirm(look: Look, operation_id: str) -> None:
    await _seen(look, operation_id)
    seen = look.asked.get("seen", "")
    await look.base.resolutions.confirm(operation_id, look.person, seen=seen, once=look.once)


async def _withdraw_form(look: Look, operation_id: str) -> Form:
    sight = await _seen(look, operation_id)
    what: list[Block] = [_meant(sight.operation), *([] if sight.said is None else [_said(look, sight)])]
    return Form(say("operations.act_withdraw_button"), what)


async def _withdraw(look: Look, operation_id: str) -> None:
    await _seen(look, operation_id)
    await look.base.resolutions.withdraw(operation_id, look.person)


async def _authority(look: Look, operation_id: str) -> str:
    return (await _seen(look, operation_id)).operation.authority


SCREEN = Screen(
    name=_NAME,
    title=say("operations.screen"),
    scope=_READ,
    place=6,
    group=Group.WORK,
    ids="opn",
    lists=_LIST,
    one=_one,
    acts=(
        ActPage(name="confirm", of=_ACTS["confirm_outcome"], form=_confirm_form, do=_confirm, money=True),
        ActPage(name="withdraw", of=_ACTS["withdraw_outcome"], form=_withdraw_form, do=_withdraw),
        ActPage(name="say", of=_ACTS["propose_outcome"], form=_say_form, do=_say),
        ActPage(name="retry", of=_ACTS["retry_operation"], form=_retry_form, do=_retry),
        assigning(_authority),
    ),
)


# --- what waits -------------------------------------------------------------------------------------------------------


async def waiting(look: Look) -> Sequence[Waits]:
    """Operations that wait for a person, those in doubt, and what was said of one and waits for a second person."""
    if not look.may(_READ):
        return ()
    operations, mine, me = look.get(Operations), look.who.authorities, look.who.client_id
    parked = await operations.count_doubtful(Doubtful(mine, [State.PARKED]))
    doubt = await operations.count_doubtful(Doubtful(mine, [State.UNCERTAIN]))
    second = await operations.count_doubtful(Doubtful(mine, said_besides=me))
    others = await operations.count_doubtful(Doubtful(mine, said_by=me))
    held = await operations.count_doubtful(Doubtful(mine, held_by=me))

    def to(**asked: str) -> To:
        return To("", _NAME, asked=asked)

    return (
        Waits(say("operations.wait_parked"), parked, to(state=State.PARKED.value), tone="bad", most=MOST),
        Waits(say("operations.wait_doubt"), doubt, to(state=State.UNCERTAIN.value), tone="warn", most=MOST),
        waits_mine(say("operations.screen"), held, _NAME, MOST),
        *_WHOSE.waits(second, others, MOST),
    )
