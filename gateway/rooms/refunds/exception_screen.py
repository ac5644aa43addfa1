"""Exceptions 异常缴款 on the console: money that arrived as no bill foresaw, and the way out that two people choose."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.foundation.acts import by_name
from gateway.foundation.narrowing import AUTHORITY, Whose, among, authorities_asked, chosen
from gateway.foundation.screens import (
    ActPage,
    Beside,
    Block,
    Choice,
    Code,
    Done,
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
    Waits,
    Wanted,
    Yuan,
    reason_for,
)
from gateway.foundation.taking import assigning, holder, waits_mine
from gateway.rooms.payments import Payments
from gateway.rooms.payments.records import Payment
from gateway.rooms.payments.states import BESIDE_THE_BILL, PAYS_IF_KEPT, ExceptionState, UnforeseenKind
from gateway.rooms.refunds.acts import ACTS
from gateway.rooms.refunds.exception_records import MOST, ExceptionDetails, ExceptionFilter, ExceptionWithRefund
from gateway.rooms.refunds.payee_form import document_fields, payee_fields, typed_documents, typed_payee
from gateway.rooms.refunds.proposals import Resolution
from gateway.rooms.refunds.states import WayOut
from gateway.rooms.refunds.unforeseen_money import Exceptions
from gateway.words.errors import InvalidProblem
from gateway.words.saying import Word, say

_NAME: Final = "exceptions"
_ACTS: Final = by_name(*ACTS)
_READ: Final = "payments:read"
_TONES: Final[dict[ExceptionState, Tone]] = {
    ExceptionState.OPEN: "warn",
    ExceptionState.PROPOSED: "wait",
    ExceptionState.RESOLVED: "good",
}
_DAY: Final = 86_400_000_000


# --- list and page ----------------------------------------------------------------------------------------------------


async def _find(look: Look, wanted: Wanted) -> Found:
    exceptions, sought = look.get(Exceptions), _sought(look)
    found = await exceptions.find(replace(sought, before=wanted.cursor, limit=wanted.limit))
    total = await exceptions.count(sought)
    return Found.page([_row(look, one.odd) for one in found], wanted, total, MOST)


def _row(look: Look, one: ExceptionWithRefund) -> Row:
    return Row(
        one.id,
        (
            one.kind,
            _state(one),
            one.decision_number,
            Yuan(one.amount),
            Code(one.code),
            Moment(one.opened_at),
            _age(look, one),
            Word(one.resolution) if one.resolution else None,
            one.proposed_name,
        ),
    )


def _state(one: ExceptionWithRefund) -> Tag:
    return Tag(one.state, _TONES[one.state])


def _age(look: Look, one: ExceptionWithRefund) -> Value:
    end = one.resolved_at or int(look.base.clock.now().timestamp() * 1_000_000)
    return say("refunds.screen_days", days=max(end - one.opened_at, 0) // _DAY)


def _sought(look: Look) -> ExceptionFilter:
    """What the address asks for."""
    hands = Whose.asked(look)
    return ExceptionFilter(
        authorities=tuple(authorities_asked(look)),
        state=chosen(look, "state", ExceptionState),
        kind=chosen(look, "kind", UnforeseenKind),
        number=look.asked.get("number"),
        held_by=hands.mine,
        proposed_by=hands.others,
        proposed_besides=hands.second,
    )


_WHOSE = Whose(
    screen=_NAME,
    told=say("refunds.wait_ways_out"),
    label=say("refunds.screen_whose"),
    second=say("refunds.screen_second"),
    others=say("refunds.screen_others"),
    wide=True,
)
_LIST = Listing(
    filters=(
        Filter("number", say("refunds.screen_number"), wide=True),
        among("state", ExceptionState),
        among("kind", UnforeseenKind),
        _WHOSE.filter,
        AUTHORITY,
    ),
    heads=(
        Head(Named("kind")),
        Head(Named("state")),
        Head(Named("decision_number"), small=True),
        Head(Named("amount"), number=True),
        Head(Named("code"), small=True),
        Head(Named("opened_at"), small=True),
        Head(say("refunds.screen_age")),
        Head(Named("way_out"), small=True),
        Head(Named("proposed_by"), small=True),
    ),
    find=_find,
    empty=say("refunds.screen_no_exceptions"),
)


async def _seen(look: Look, exception_id: str) -> ExceptionDetails:
    found = await look.get(Exceptions).view(exception_id)
    look.require_seen(found.odd.authority, "exception")
    return found


async def _one(look: Look, exception_id: str) -> Page:
    found = await _seen(look, exception_id)
    odd = found.odd
    acts = [] if odd.state is ExceptionState.RESOLVED else ["propose", "assign"]
    payment = await look.get(Payments).held(odd.payment_id)
    told_of = say(f"refunds.odd_{odd.kind}")
    notes: list[Block] = [] if odd.state is ExceptionState.RESOLVED else [Note(told_of, "warn")]
    if odd.state is ExceptionState.PROPOSED:
        told, confirm = await look.to_confirm(found.matter, _ACTS["confirm_exception"], odd.authority)
        notes += told
        acts = [*confirm, *acts]
    return Page(
        title=say("refunds.screen_exception", kind=odd.kind, yuan=f"{odd.amount / 100:,.2f}"),
        tags=[_state(odd)],
        lead=Code(odd.id),
        blocks=[*notes, _beside(odd, payment), *([] if odd.state is ExceptionState.OPEN else [_decided(found)])],
        side=[_about(look, odd, await holder(look, odd.id))],
        acts=acts,
    )


def _beside(odd: ExceptionWithRefund, payment: Payment) -> Beside:
    """The money beside the bill that it came for: what does not fit is seen at once."""
    money: list[Fact] = [
        (Named("amount"), Yuan(odd.amount)),
        (Named("code"), Code(odd.code)),
        (Named("bank_serial"), Code(odd.bank_serial)),
        (Named("paid_at"), Moment(odd.paid_at)),
    ]
    bill: list[Fact] = [
        (Named("amount"), Yuan(payment.amount)),
        (Named("code"), Code(payment.code)),
        (Named("status"), payment.status),
        (Named("paid_amount"), Yuan(payment.paid_amount)),
        (Named("paid_at"), Moment(payment.paid_at)),
        (Named("payment"), To(odd.decision_number or Code(odd.payment_id), "payments", odd.payment_id)),
    ]
    sides = (Facts(say("refunds.screen_of_money"), money), Facts(say("refunds.screen_of_bill"), bill))
    return Beside(say("refunds.screen_both"), sides)


def _about(look: Look, odd: ExceptionWithRefund, held: Fact) -> Facts:
    offered = None if odd.resolution else Word(odd.proposal)
    facts: list[Fact] = [
        (say("refunds.screen_age"), _age(look, odd)),
        held,
        (Named("opened_at"), Moment(odd.opened_at)),
        (say("refunds.screen_offered"), offered),
        (Named("closed_at"), Moment(odd.resolved_at)),
    ]
    return Facts(say("refunds.screen_about"), facts)


def _money(odd: ExceptionWithRefund) -> Facts:
    facts: list[Fact] = [
        (Named("kind"), odd.kind),
        (Named("amount"), Yuan(odd.amount)),
        (Named("payment"), To(odd.decision_number or Code(odd.payment_id), "payments", odd.payment_id)),
        (Named("code"), Code(odd.code)),
        (Named("bank_serial"), Code(odd.bank_serial)),
        (Named("paid_at"), Moment(odd.paid_at)),
        (Named("opened_at"), Moment(odd.opened_at)),
        (say("refunds.screen_offered"), Word(odd.proposal)),
    ]
    return Facts(say("refunds.screen_of_money"), facts)


def _decided(found: ExceptionDetails) -> Facts:
    odd = found.odd
    refund: Value = None
    if odd.refund_id is not None:
        refund = Many((To(Code(odd.refund_id), "refunds", odd.refund_id), odd.refund_status))
    words = odd.confirmed_name or (Many(found.confirmations) if found.confirmations else None)
    facts: list[Fact] = [
        (Named("way_out"), Word(odd.resolution) if odd.resolution else say("refunds.screen_undecided")),
        (Named("reason"), odd.reason),
        (Named("proposed_by"), odd.proposed_name),
        (Named("confirmed_by"), words),
        (say("refunds.screen"), refund),
        (Named("closed_at"), Moment(odd.resolved_at)),
    ]
    return Facts(say("refunds.screen_way_out"), facts)


# --- acts -------------------------------------------------------------------------------------------------------------


async def _propose_form(look: Look, exception_id: str) -> Form:
    odd = (await _seen(look, exception_id)).odd
    ways = [one for one in WayOut if one is not WayOut.REFUND or odd.kind in BESIDE_THE_BILL]
    keeps = say("refunds.act_keep_pays" if odd.kind in PAYS_IF_KEPT else "refunds.act_keep_holds")
    fields = (
        Field(
            "way_out",
            Named("way_out"),
            "choice",
            choices=[Choice(one.value, one) for one in ways],
            value=odd.proposal if odd.proposal in ways else "",
        ),
        reason_for(_ACTS["resolve_exception"]),
        *payee_fields(),
        *document_fields(),
    )
    what = (_money(odd), Note(keeps), Note(say("refunds.act_propose_note")))
    return Form(say("refunds.act_way_out_button"), what, fields)


async def _propose(look: Look, exception_id: str) -> Done | None:
    await _seen(look, exception_id)
    try:
        way = WayOut(look.asked["way_out"])
    except ValueError:
        raise InvalidProblem(say("console.needed", field=Named("way_out")), field="way_out") from None
    ask = Resolution(way, look.asked["reason"], typed_payee(look.asked), typed_documents(look))
    await look.get(Exceptions).propose(exception_id, ask, by=look.person, once=look.once)
    refund = (await _seen(look, exception_id)).odd.refund_id
    return None if refund is None else Done(To("", "refunds", refund))


async def _confirm_form(look: Look, exception_id: str) -> Form:
    found = await _seen(look, exception_id)
    odd = found.odd
    what = (_money(odd), _decided(found), Note(say("refunds.act_confirm_way_out_note"), "warn"))
    button = say(
        "refunds.act_confirm_way_out_button", way_out=Word(odd.resolution or "none"), amount=f"{odd.amount / 100:,.2f}"
    )
    return Form(button, what, seen=found.seen or "")


async def _confirm(look: Look, exception_id: str) -> None:
    await _seen(look, exception_id)
    seen = look.asked.get("seen", "")
    await look.get(Exceptions).confirm(exception_id, by=look.person, seen=seen, once=look.once)


async def _authority(look: Look, exception_id: str) -> str:
    return (await _seen(look, exception_id)).odd.authority


SCREEN = Screen(
    name=_NAME,
    title=say("refunds.screen_exceptions"),
    scope=_READ,
    place=12,
    group=Group.BOOKS,
    ids="exc",
    lists=_LIST,
    one=_one,
    acts=(
        ActPage(name="confirm", of=_ACTS["confirm_exception"], form=_confirm_form, do=_confirm, money=True),
        ActPage(name="propose", of=_ACTS["resolve_exception"], form=_propose_form, do=_propose),
        assigning(_authority),
    ),
)


# --- elsewhere --------------------------------------------------------------------------------------------------------


async def exceptions_of(look: Look, payment_id: str) -> tuple[Block, ...]:
    """The exceptions of a payment's money, below its own page."""
    found = await look.get(Exceptions).find(ExceptionFilter(payment=payment_id))
    if not found:
        return ()
    heads = (Head(Named("kind")), Head(Named("state")), Head(Named("amount"), number=True), Head(Named("opened_at")))
    rows = [
        Row(None, (To(one.odd.kind, _NAME, one.id), _state(one.odd), Yuan(one.odd.amount), Moment(one.odd.opened_at)))
        for one in found
    ]
    return (Table(say("refunds.screen_exceptions"), heads, rows, ""),)


async def waiting_exceptions(look: Look) -> tuple[Waits, ...]:
    """Exceptions that nobody has decided, and ways out that wait for a second person's word."""
    exceptions, mine, me = look.get(Exceptions), tuple(look.who.authorities), look.who.client_id
    undecided = await exceptions.count(ExceptionFilter(mine, ExceptionState.OPEN.value))
    second = await exceptions.count(ExceptionFilter(mine, proposed_besides=me))
    others = await exceptions.count(ExceptionFilter(mine, proposed_by=me))
    held = await exceptions.count(ExceptionFilter(mine, held_by=me))
    opened = To("", _NAME, asked={"state": ExceptionState.OPEN.value})
    return (
        Waits(say("refunds.wait_exceptions"), undecided, opened, tone="warn", most=MOST),
        waits_mine(say("refunds.screen_exceptions"), held, _NAME, MOST),
        *_WHOSE.waits(second, others, MOST),
    )
