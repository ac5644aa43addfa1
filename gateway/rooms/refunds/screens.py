"""Refunds 退付 on the console: proposed on a payment's page, completed and confirmed here by two people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from mimetypes import guess_extension
from typing import Final

from pydantic import ValidationError

from gateway.foundation.acts import by_name
from gateway.foundation.narrowing import Whose, among, chosen
from gateway.foundation.screens import (
    ActPage,
    Block,
    Choice,
    Code,
    Done,
    Fact,
    Facts,
    Field,
    FileOf,
    Files,
    Form,
    Found,
    Group,
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
    Served,
    Table,
    Tag,
    To,
    Tone,
    Value,
    Waits,
    Wanted,
    Yuan,
    in_doubt,
    reason_for,
)
from gateway.foundation.taking import assigning, holder, waits_mine
from gateway.rooms.payments import Payments
from gateway.rooms.refunds import records
from gateway.rooms.refunds.acts import ACTS
from gateway.rooms.refunds.exception_screen import exceptions_of, waiting_exceptions
from gateway.rooms.refunds.payee_form import document_fields, payee_fields, typed_documents, typed_payee, wrong
from gateway.rooms.refunds.proposals import RefundProposal
from gateway.rooms.refunds.records import Refund, RefundFilter
from gateway.rooms.refunds.service import RefundDetails, Refunds
from gateway.rooms.refunds.states import DONE, RefundReason, RefundStatus
from gateway.words.saying import Sentence, Word, say

_NAME: Final = "refunds"
_ACTS: Final = by_name(*ACTS)
_TONES: Final[dict[RefundStatus, Tone]] = {
    RefundStatus.PROPOSED: "wait",
    RefundStatus.REFUNDED: "good",
    RefundStatus.REFUSED: "bad",
}


# --- list and page ----------------------------------------------------------------------------------------------------


def _asked(look: Look) -> RefundFilter:
    hands = Whose.asked(look)
    return RefundFilter(
        look.who.authorities,
        chosen(look, "status", RefundStatus),
        proposed_by=hands.others,
        proposed_besides=hands.second,
        held_by=hands.mine,
    )


async def _find(look: Look, wanted: Wanted) -> Found:
    asked = replace(_asked(look), before=wanted.cursor, limit=wanted.limit)
    found = await look.base.store.read(lambda conn: records.find(conn, asked))
    known = asked.status is None  # those of one status are not counted: that would be to read on
    total = await look.base.store.read(lambda conn: records.count(conn, asked)) if known else None
    return Found.page([_row(look, one) for one in found], wanted, total, records.MOST)


def _row(look: Look, one: Refund) -> Row:
    payee = one.payee(look.base.envelope)
    return Row(
        one.id,
        (
            one.decision_number,
            Tag(one.status, _TONES.get(one.status, "plain")),
            Yuan(one.amount),
            Word(one.reason),
            None if payee is None else Many((payee.masked().name, Code(payee.masked().account))),
            one.proposed_name,
            Moment(one.created_at),
        ),
    )


_WHOSE: Final = Whose(screen=_NAME, told=say("refunds.wait"), label=say("refunds.screen_whose"), wide=True)
_LIST = Listing(
    filters=(
        among("status", RefundStatus),
        _WHOSE.filter,
    ),
    heads=(
        Head(Named("decision_number")),
        Head(Named("status")),
        Head(Named("amount"), number=True),
        Head(Named("reason"), small=True),
        Head(say("refunds.screen_payee"), small=True),
        Head(Named("proposed_by"), small=True),
        Head(Named("created_at"), small=True),
    ),
    find=_find,
    empty=say("refunds.screen_empty"),
)


async def _seen(look: Look, refund_id: str) -> RefundDetails:
    found = await look.get(Refunds).view(refund_id)
    look.require_seen(found.refund.authority, "refund")
    return found


async def _one(look: Look, refund_id: str) -> Page:
    found = await _seen(look, refund_id)
    one = found.refund
    notes: list[Block] = []
    if found.missing:
        notes.append(Note(say("refunds.screen_missing", missing=[_either(part) for part in found.missing]), "warn"))
    if one.refusal:
        notes.append(Note(say("refunds.screen_refusal", refusal=one.refusal), "bad"))
    if one.in_doubt_since_at is not None:
        notes.append(in_doubt("refunds.screen_doubt", one.doubt_reason))
    acts = []
    if one.status is RefundStatus.PROPOSED:
        elsewhere = await look.second_word(one.id, _ACTS["confirm_refund"], one.authority)
        notes += [] if elsewhere is None else [elsewhere]
        acts = [] if found.missing or elsewhere is not None else ["confirm"]
        acts += ["payee", "document"]
    if one.status in (RefundStatus.PROPOSED, RefundStatus.CONFIRMED):
        acts.append("dismiss")
    if one.status not in (RefundStatus.PROPOSED, *DONE):
        acts.insert(0, "ask")
    acts += [] if one.status in DONE else ["assign"]
    return Page(
        title=say("refunds.screen_title", yuan=f"{one.amount / 100:,.2f}", number=one.decision_number),
        tags=[Tag(one.status, _TONES.get(one.status, "plain"))],
        lead=Code(one.id),
        blocks=[*notes, Facts(None, [await holder(look, one.id)]), _facts(found), _documents(found), *_files(found)],
        acts=acts,
    )


def _either(part: str) -> Sentence:
    """Documents of which one is enough, in words."""
    one, _, other = part.partition(" or ")
    return (
        say("refunds.screen_either", one=Word(one), other=Word(other))
        if other
        else say("refunds.screen_just", one=Word(one))
    )


def _facts(found: RefundDetails) -> Facts:
    one = found.refund
    payee: Value = None
    if found.payee is not None:
        masked = found.payee.masked()
        payee = Many((masked.name, Code(masked.account), masked.bank))
    facts: list[Fact] = [
        (Named("amount"), Yuan(one.amount)),
        (say("refunds.screen_payee"), payee),
        (Named("reason"), Word(one.reason)),
        (say("refunds.screen_why"), one.explanation),
        (Named("payment"), To(Code(one.code), "payments", one.payment_id)),
        (Named("bank_serial"), Code(one.bank_serial)),
        (Named("proposed_by"), one.proposed_name),
        (Named("confirmed_by"), one.confirmed_name or (Many(found.confirmations) if found.confirmations else None)),
        (Named("created_at"), Moment(one.created_at)),
        (say("refunds.screen_refunded_at"), Moment(one.refunded_at)),
    ]
    return Facts(None, facts)


def _documents(found: RefundDetails) -> Table:
    heads = (Head(Named("kind")), Head(say("refunds.screen_reference")), Head("SM3", small=True))
    rows = [Row(None, (Word(one.kind), one.reference, Code(one.digest.hex()[:16] + "…"))) for one in found.documents]
    return Table(say("refunds.screen_documents"), heads, rows, say("refunds.screen_no_documents"))


def _files(found: RefundDetails) -> list[Files]:
    """What was uploaded, for whoever confirms to read."""
    files = [
        FileOf(one.id, say("refunds.screen_file_of", kind=Word(one.kind), reference=one.reference))
        for one in found.documents
        if one.file_sealed is not None
    ]
    return [Files(say("refunds.screen_file"), files)] if files else []


async def _file(look: Look, refund_id: str, name: str) -> Served:
    await _seen(look, refund_id)
    document, content = await look.get(Refunds).file_of(refund_id, name)
    media_type = document.media_type or "application/octet-stream"
    return Served(content, media_type, f"{document.id}{guess_extension(media_type) or ''}")


# --- acts -------------------------------------------------------------------------------------------------------------


async def _propose_form(look: Look, payment_id: str) -> Form:
    payment = await look.get(Payments).held(payment_id)
    look.require_seen(payment.authority, "payment")
    facts: list[Fact] = [
        (Named("decision_number"), payment.decision_number),
        (Named("paid_amount"), Yuan(payment.paid_amount)),
        (Named("code"), Code(payment.code)),
    ]
    fields = (
        Field("reason", Named("reason"), "choice", choices=tuple(Choice(one.value, one) for one in RefundReason)),
        Field("explanation", say("refunds.screen_why"), "area"),
        Field("amount", Named("amount"), "amount", required=False, hint=say("refunds.screen_all")),
        *payee_fields(),
    )
    return Form(say("refunds.act_propose_button"), (Facts(None, facts), Note(say("refunds.act_propose_note"))), fields)


async def _propose(look: Look, payment_id: str) -> Done:
    asked = look.asked
    told = {
        "reason": asked["reason"],
        "explanation": asked["explanation"],
        "amount": asked.get("amount", "").replace(",", "") or None,
        "payee": typed_payee(asked),
    }
    try:
        ask = RefundProposal.model_validate(told)
    except ValidationError as error:
        raise wrong(error) from None
    of = look.who.authorities
    made = await look.get(Refunds).propose(payment_id, ask, by=look.person, of=of, once=look.once)
    return Done(To("", _NAME, made))


async def _payee_form(look: Look, refund_id: str) -> Form:
    found = await _seen(look, refund_id)
    return Form(
        say("refunds.act_payee_button"),
        (_facts(found), Note(say("refunds.act_payee_note"))),
        payee_fields(required=True),
    )


async def _name_payee(look: Look, refund_id: str) -> None:
    payee = typed_payee(look.asked)
    assert payee is not None, "each of its fields is asked for"
    await look.get(Refunds).name_payee(refund_id, payee, by=look.person, of=look.who.authorities)


async def _document_form(look: Look, refund_id: str) -> Form:
    found = await _seen(look, refund_id)
    return Form(say("refunds.act_document_button"), (_documents(found),), document_fields(required=True))


async def _add_document(look: Look, refund_id: str) -> None:
    (document,), of = typed_documents(look), look.who.authorities
    await look.get(Refunds).add_document(refund_id, document, by=look.person, of=of, once=look.once)


async def _confirm_form(look: Look, refund_id: str) -> Form:
    found = await _seen(look, refund_id)
    account = "" if found.payee is None else found.payee.account[-4:]
    button = say("refunds.act_confirm_button", amount=f"{found.refund.amount / 100:,.2f}", last=account)
    what = (_facts(found), _documents(found), Note(say("refunds.act_confirm_note"), "warn"))
    return Form(button, what, seen=found.seen or "")


async def _confirm(look: Look, refund_id: str) -> None:
    seen, of = look.asked.get("seen", ""), look.who.authorities
    await look.get(Refunds).confirm(refund_id, by=look.person, seen=seen, of=of, once=look.once)


async def _ask_form(look: Look, refund_id: str) -> Form:
    found = await _seen(look, refund_id)
    return Form(say("refunds.act_ask_button"), (_facts(found), Note(say("refunds.act_ask_note"))))


async def _ask(look: Look, refund_id: str) -> None:
    await look.get(Refunds).inquire(refund_id, of=look.who.authorities)


async def _dismiss_form(look: Look, refund_id: str) -> Form:
    found = await _seen(look, refund_id)
    return Form(say("refunds.act_dismiss_button"), (_facts(found),), (reason_for(_ACTS["dismiss_refund"]),))


async def _dismiss(look: Look, refund_id: str) -> None:
    reason, of = look.asked["reason"], look.who.authorities
    await look.get(Refunds).dismiss(refund_id, reason, by=look.person, of=of, once=look.once)


async def _authority(look: Look, refund_id: str) -> str:
    return (await _seen(look, refund_id)).refund.authority


SCREEN = Screen(
    name=_NAME,
    title=say("refunds.screen"),
    scope="payments:read",
    place=45,
    group=Group.WORK,
    ids="rfd",
    lists=_LIST,
    one=_one,
    file=_file,
    acts=(
        ActPage(name="confirm", of=_ACTS["confirm_refund"], form=_confirm_form, do=_confirm, money=True),
        ActPage(name="payee", of=_ACTS["name_payee"], form=_payee_form, do=_name_payee),
        ActPage(name="document", of=_ACTS["add_refund_document"], form=_document_form, do=_add_document),
        ActPage(name="ask", of=_ACTS["inquire_refund"], form=_ask_form, do=_ask),
        ActPage(name="dismiss", of=_ACTS["dismiss_refund"], form=_dismiss_form, do=_dismiss, danger=True),
        assigning(_authority),
    ),
)


async def _of_payment(look: Look, payment_id: str) -> Sequence[Block]:
    """The refunds of a payment and the exceptions of its money, below its own page."""
    found = await look.get(Refunds).of_payment(payment_id)
    odd = await exceptions_of(look, payment_id)
    if not found:
        return odd
    heads = (
        Head(Named("amount"), number=True),
        Head(Named("status")),
        Head(Named("reason")),
        Head(Named("created_at")),
    )
    rows = [
        Row(
            None,
            (
                To(Yuan(one.refund.amount), _NAME, one.refund.id),
                Tag(one.refund.status, _TONES.get(one.refund.status, "plain")),
                Word(one.refund.reason),
                Moment(one.refund.created_at),
            ),
        )
        for one in found
    ]
    return (Table(say("refunds.screen"), heads, rows, ""), *odd)


ON_PAYMENTS = Joins(
    screen="payments",
    acts=(ActPage(name="refund", of=_ACTS["propose_refund"], form=_propose_form, do=_propose),),
    blocks=_of_payment,
)


async def waiting(look: Look) -> Sequence[Waits]:
    """Refunds that wait for a second person's word, mine and others', and exceptions."""
    if not look.may("payments:read"):
        return ()
    mine, me = look.who.authorities, look.who.client_id

    async def count(asked: RefundFilter) -> int:
        return await look.base.store.read(lambda conn: records.count(conn, asked))

    second = await count(RefundFilter(mine, proposed_besides=me))
    others = await count(RefundFilter(mine, proposed_by=me))
    held = waits_mine(say("refunds.screen"), await count(RefundFilter(mine, held_by=me)), _NAME, records.MOST)
    return (*_WHOSE.waits(second, others, records.MOST), held, *await waiting_exceptions(look))
