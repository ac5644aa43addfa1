"""Payments 缴款 on the console: found by any number, with their story, what they owe and why, and what may be done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gateway.foundation.acts import by_name
from gateway.foundation.delivery.events import Event
from gateway.foundation.narrowing import AUTHORITY, among, authorities_asked, chosen, day
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
    FileOf,
    Files,
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
    Period,
    Picture,
    Row,
    Screen,
    Served,
    Story,
    Table,
    Tag,
    To,
    Tone,
    Value,
    Waits,
    Wanted,
    Yuan,
    failed,
    in_doubt,
    reason_for,
)
from gateway.rooms.decisions import Decision, Decisions, PartyKind
from gateway.rooms.decisions.acts import ACTS as OF_DECISIONS
from gateway.rooms.decisions.corrections import Corrections, CorrectionSight
from gateway.rooms.decisions.records import party_indexes
from gateway.rooms.payments.accrual import fine_in
from gateway.rooms.payments.acts import ACTS
from gateway.rooms.payments.decision_screens import (
    EVENT_PAGES,
    decision_behind,
    events_of,
    in_force,
    payment_seen,
    waiting_for,
)
from gateway.rooms.payments.details import PaymentDetails
from gateway.rooms.payments.records import Payment
from gateway.rooms.payments.searching import MOST, Sought
from gateway.rooms.payments.service import Payments
from gateway.rooms.payments.states import Settlement, Status
from gateway.rooms.payments.surcharge import Stretch, Surcharge, in_short
from gateway.rooms.payments.told import told
from gateway.words.clock import SHANGHAI, from_micros
from gateway.words.errors import InvalidProblem, NotFoundProblem
from gateway.words.law import basis
from gateway.words.masking import mask_name, mask_payer, mask_person
from gateway.words.money import parse_yuan
from gateway.words.saying import Sentence, Word, say

_NAME: Final = "payments"
_ACTS: Final = by_name(*ACTS, *OF_DECISIONS)
_TONES: Final[dict[Status, Tone]] = {
    Status.PAID: "good",
    Status.REQUESTED: "wait",
    Status.CANCELLING: "wait",
    Status.REJECTED: "bad",
    Status.EXPIRED: "warn",
}
_SETTLED: Final[dict[Settlement, Tone]] = {Settlement.MATCHED: "good", Settlement.BROKEN: "bad"}
_OWED: Final = (Status.REQUESTED, Status.ISSUED, Status.EXPIRED)
_TOLD: Final = ("reason", "amount", "code", "due_on", "bank_serial", "old", "new", "doubt_reason")
"""What of an event's data is worth a line in the story."""


# --- the list ---------------------------------------------------------------------------------------------------------


async def _find(look: Look, wanted: Wanted) -> Found:
    payments, sought = look.get(Payments), _sought(look)
    if sought.party and wanted.cursor is None:
        await _written_down(look, sought)
    found, total = await payments.seek(sought, wanted.cursor, wanted.limit)
    rows = [
        Row(
            one.id,
            (
                one.decision_number,
                Tag(one.status, _TONES.get(one.status, "plain")) if not one.in_doubt_since_at else _in_doubt(one),
                Yuan(one.amount),
                Code(one.code),
                Due(one.due_on, one.status in _OWED, one.due_provisional, one.authority),
                Yuan(one.paid_amount),
                Moment(one.paid_at),
                Moment(one.created_at),
            ),
        )
        for one in found
    ]
    return Found.page(rows, wanted, total, MOST)


async def _written_down(look: Look, sought: Sought) -> None:
    """Who looks for a party by name or number is written down before; not whom they look for."""
    if await look.get(Decisions).knows_party(sought.party):
        await look.base.audit.taken(look.who, "look-for-party", _NAME)


def _in_doubt(one: Payment) -> Many:
    return Many((Tag(one.status, _TONES.get(one.status, "plain")), Tag(say("payments.screen_doubt"), "warn")))


def _sought(look: Look) -> Sought:
    """What the address asks for. Raises InvalidProblem for what is no amount, no day, no state."""
    asked = look.asked
    return Sought(
        authorities=authorities_asked(look),
        number=asked.get("number"),
        party=party_indexes(look.base.envelope, asked.get("number", "")),
        amount=None if "amount" not in asked else _fen(asked["amount"], "amount"),
        status=chosen(look, "status", Status),
        settlement=chosen(look, "settlement", Settlement),
        since=day(look, "since"),
        until=day(look, "until"),
        overdue=look.today if asked.get("only") == "overdue" else None,
        in_doubt=asked.get("only") == "doubt",
    )


_LIST = Listing(
    filters=(
        Filter("number", say("payments.screen_number"), wide=True),
        among("status", Status),
        Filter(
            "only",
            say("payments.screen_only"),
            "choice",
            (Choice("overdue", say("payments.screen_overdue")), Choice("doubt", say("payments.screen_doubt"))),
        ),
        among("settlement", Settlement),
        Filter("amount", Named("amount")),
        Filter("since", say("payments.screen_since"), "day"),
        Filter("until", say("payments.screen_until"), "day"),
        AUTHORITY,
    ),
    heads=(
        Head(Named("decision_number")),
        Head(Named("status")),
        Head(Named("amount"), number=True),
        Head(Named("code"), small=True),
        Head(Named("due_on"), small=True),
        Head(Named("paid_amount"), number=True, small=True),
        Head(Named("paid_at"), small=True),
        Head(Named("created_at"), small=True),
    ),
    find=_find,
    empty=say("payments.screen_empty"),
)


# --- one payment ------------------------------------------------------------------------------------------------------


async def _one(look: Look, payment_id: str) -> Page:
    payments = look.get(Payments)
    seen = await payments.view(payment_id)
    payment = seen.payment
    look.require_seen(payment.authority, "payment")
    decision = await decision_behind(look, payment)
    accrued = None if decision is None else await payments.accrued(payment.id)
    money = [_money(look, seen, decision)] if seen.collections else []
    blocks: list[Block] = [*_notes(payment), *money, await _facts(look, seen, decision), _lines(seen)]
    if accrued is not None and accrued.stretches:
        blocks.append(_surcharge(accrued, fine_in(seen.lines)))
    waits: CorrectionSight | None = None
    elsewhere: Note | None = None
    if decision is not None:
        corrections = await look.get(Corrections).of(decision)
        waits = waiting_for(corrections)
        blocks += await events_of(look, decision, corrections)
    if waits is not None:
        elsewhere = await look.second_word(waits.correction.id, _ACTS["confirm_correction"], payment.authority)
        blocks[:0] = [] if elsewhere is None else [elsewhere]
    blocks.append(_story(seen.timeline))
    side: list[Block] = []
    if payment.code is not None and payment.status is Status.ISSUED:  # nobody is to pay by one that is paid or void
        svg = payments.pages.qr_svg(payment)
        side.append(Picture(say("payments.screen_qr"), svg, say("payments.screen_qr_words")))
        files = (FileOf("notice.pdf", say("payments.screen_notice_pdf")),)
        side.append(
            Files(say("payments.screen_files"), (*files, FileOf("notice.ofd", say("payments.screen_notice_ofd"))))
        )
    return Page(
        title=payment.decision_number,
        tags=_tags(payment),
        lead=Many((Code(payment.id),)),
        blocks=blocks,
        side=side,
        acts=[one for one in _acts(payment, decision, waits) if elsewhere is None or one != "confirm-correction"],
        masked=True,
    )


def _tags(payment: Payment) -> list[Tag]:
    tags = [Tag(payment.status, _TONES.get(payment.status, "plain"))]
    if payment.settlement is not Settlement.NONE:
        tags.append(Tag(payment.settlement, _SETTLED.get(payment.settlement, "plain")))
    if payment.in_doubt_since_at is not None:
        tags.append(Tag(say("payments.screen_doubt"), "warn"))
    return tags


def _acts(payment: Payment, decision: Decision | None, waits: CorrectionSight | None) -> list[str]:
    """What this payment takes now; acts that no room brings are not drawn."""
    names = []
    if payment.status is Status.ISSUED:
        names.append("cancel")
    if payment.status in (Status.ISSUED, Status.EXPIRED) and decision is not None:
        names.append("reissue")
    if payment.paid_amount:
        names.append("refund")
    if payment.code is not None:
        names.append("ask")
    if decision is not None and decision.facts.surcharge_stated and payment.status in (*_OWED, Status.PAID):
        names.append("reduce")
    if decision is not None and not decision.revoked:
        names.append("event")
    if waits is not None:
        names += ["confirm-correction", "withdraw-correction"]
    elif decision is not None and in_force(decision):
        names += ["correct", "void-event"]
    return names


def _notes(payment: Payment) -> list[Block]:
    notes: list[Block] = []
    if payment.in_doubt_since_at is not None:
        since = from_micros(payment.in_doubt_since_at).astimezone(SHANGHAI)
        notes.append(in_doubt("payments.screen_doubt_note", payment.doubt_reason, since=f"{since:%m-%d %H:%M}"))
    if payment.being_paid_since_at is not None:
        notes.append(Note(say("payments.screen_being_paid"), "wait"))
    if payment.reason:
        notes.append(Note(say("payments.screen_reason", reason=payment.reason), "warn"))
    return notes


async def _facts(look: Look, seen: PaymentDetails, decision: Decision | None) -> Facts:
    payment, payments = seen.payment, look.get(Payments)
    name = payment.bill(look.base.envelope).payer_name
    organisation = (await look.base.access.authority(payment.authority)).name
    renewed = await payments.replacement_of(payment.id)
    because = None if decision is None else look.get(Decisions).clocks(decision).due()
    due: Value = Due(payment.due_on, payment.status in _OWED, payment.due_provisional, payment.authority)
    facts: list[Fact] = [
        (Named("party"), name if look.plainly else _masked(name, name, decision)),
        (Named("authority"), organisation),
        (Named("amount"), Yuan(payment.amount)),
        (Named("code"), Code(payment.code)),
        (Named("valid_until"), payment.valid_until_on),
        (Named("due_on"), due if because is None else Many((due, because.because))),
        (Named("paid_amount"), Yuan(payment.paid_amount)),
        (Named("channel"), Code(payment.channel)),
        (Named("created_at"), Moment(payment.created_at)),
    ]
    if payment.instalment:
        facts.insert(2, (Named("instalment"), payment.instalment))
    if payment.replaces is not None:
        facts.append((say("payments.screen_replaces"), To(Code(payment.replaces), _NAME, payment.replaces)))
    if renewed is not None:
        facts.append((say("payments.screen_renewed"), To(Code(renewed), _NAME, renewed)))
    return Facts(None, facts)


def _lines(seen: PaymentDetails) -> Table:
    heads = (Head(Named("kind")), Head(Named("item_name")), Head(Named("amount"), number=True))
    rows = [
        Row(None, (Word(one.kind.value), Many((one.item_name, Code(one.item_code))), Yuan(one.amount)))
        for one in seen.lines
    ]
    return Table(Named("lines"), heads, rows, "")


def _masked(name: str, bill: str, decision: Decision | None) -> str:
    """A payer's name, masked by what the decision says that the party is, or by its words where it is another's."""
    if decision is None or name not in (bill, decision.facts.party.name):
        return mask_payer(name)
    person = decision.facts.party.kind is PartyKind.NATURAL_PERSON
    return mask_person(name) if person else mask_name(name)


def _money(look: Look, seen: PaymentDetails, decision: Decision | None) -> Table:
    heads = (
        Head(Named("paid_at")),
        Head(Named("amount"), number=True),
        Head(Named("bank_serial")),
        Head(Named("payer"), small=True),
        Head(Named("cleared_on"), small=True),
        Head(Named("treasury_on"), small=True),
    )
    rows, bill = [], seen.payment.bill(look.base.envelope).payer_name
    for one in seen.collections:
        payer = one.payer(look.base.envelope)
        cleared, treasury = seen.days.get((one.code, one.bank_serial), (None, None))
        shown = payer if payer is None or look.plainly else _masked(payer, bill, decision)
        cells = (Moment(one.paid_at), Yuan(one.amount), Code(one.bank_serial), shown, cleared, treasury)
        rows.append(Row(None, cells))
    return Table(Named("money"), heads, rows, "")


def _day(one: Stretch) -> Sentence:
    """Why days count, or do not; the law by which they do is named once, below."""
    if one.why.id != "payments.day_counted":
        return one.why
    return say("payments.day_at", rate=one.why.given["rate"])


def _surcharge(found: Surcharge, fine: int) -> Table:
    heads = (
        Head(say("payments.screen_days")),
        Head(Named("days"), number=True),
        Head(Named("base"), number=True, small=True),
        Head(Named("counted"), small=True),
        Head(Named("why")),
    )
    rows = [
        Row(None, (Period(one.first, one.last), one.days, Yuan(one.base), one.counted, _day(one)))
        for one in found.stretches
    ]
    return Table(say("payments.screen_surcharge"), heads, rows, "", in_short(found, fine), basis=basis(found.rules))


def _story(events: Sequence[Event]) -> Story:
    return Story(
        say("payments.screen_story"),
        [
            Happened(
                one.at,
                told(one.type) or one.type,
                [
                    (Named(name), _told(name, one.data[name]))
                    for name in _TOLD
                    if isinstance(one.data.get(name), (str, int))
                ],
            )
            for one in events
        ],
    )


def _told(name: str, value: str | int) -> Value:
    """What an event says, as the page shows such values elsewhere."""
    if name != "amount":
        return failed(str(value)) if name in ("reason", "doubt_reason") else str(value)
    try:
        return Yuan(parse_yuan(str(value)))
    except ValueError:
        return str(value)


async def _file(look: Look, payment_id: str, name: str) -> Served:
    payments = look.get(Payments)
    payment = await payments.held(payment_id)
    look.require_seen(payment.authority, "payment")
    if name not in ("notice.pdf", "notice.ofd"):
        raise NotFoundProblem(say("http.no_such", what=Word("file")))
    kind: Any = name.rpartition(".")[2]
    authority = await look.base.access.authority(payment.authority)
    made = await payments.pages.notice(payment, authority.name, authority.telephone, kind)
    return Served(made, f"application/{kind}", f"{payment.decision_number}.{kind}", inline=kind == "pdf")


# --- acts -------------------------------------------------------------------------------------------------------------

_REASON = reason_for(_ACTS["cancel_payment"])


def _meant(payment: Payment) -> Facts:
    facts: list[Fact] = [
        (Named("decision_number"), payment.decision_number),
        (Named("amount"), Yuan(payment.amount)),
        (Named("code"), Code(payment.code)),
        (Named("status"), Tag(payment.status, _TONES.get(payment.status, "plain"))),
    ]
    return Facts(None, facts)


def _sum(payment: Payment) -> dict[str, str]:
    return {"amount": f"{payment.amount / 100:,.2f}", "last": (payment.code or "")[-4:]}


async def _cancel_form(look: Look, payment_id: str) -> Form:
    payment = await payment_seen(look, payment_id)
    what = (_meant(payment), Note(say("payments.act_cancel_note"), "warn"))
    return Form(say("payments.act_cancel_button", **_sum(payment)), what, (_REASON,))


async def _cancel(look: Look, payment_id: str) -> None:
    await look.get(Payments).cancel(payment_id, look.asked["reason"], of=look.who.authorities, once=look.once)


async def _reissue_form(look: Look, payment_id: str) -> Form:
    payment = await payment_seen(look, payment_id)
    what = (_meant(payment), Note(say("payments.act_reissue_note"), "warn"))
    return Form(say("payments.act_reissue_button", **_sum(payment)), what, (_REASON,))


async def _reissue(look: Look, payment_id: str) -> Done | None:
    renewed = await look.get(Payments).reissue(
        payment_id, look.asked["reason"], of=look.who.authorities, once=look.once
    )
    return None if renewed is None else Done(To("", _NAME, renewed))


async def _ask_form(look: Look, payment_id: str) -> Form:
    payment = await payment_seen(look, payment_id)
    return Form(say("payments.act_ask_button"), (_meant(payment), Note(say("payments.act_ask_note"))))


async def _ask(look: Look, payment_id: str) -> None:
    await payment_seen(look, payment_id)
    await look.get(Payments).confirm(payment_id)


async def _reduce_form(look: Look, payment_id: str) -> Form:
    payment = await payment_seen(look, payment_id)
    accrued = await look.get(Payments).accrued(payment_id)
    whole = accrued.amount + accrued.reduced_by
    facts: list[Fact] = [
        (Named("decision_number"), payment.decision_number),
        (say("payments.act_reduce_accrued", on=accrued.on), Yuan(whole)),
        (say("payments.act_reduce_before"), Yuan(payment.surcharge_reduced)),
    ]
    if look.asked.get("amount"):
        taken = _fen(look.asked["amount"], "amount")
        facts += [
            (say("payments.act_reduce_by"), Yuan(taken)),
            (say("payments.act_reduce_left"), Yuan(max(0, whole - taken))),
        ]
    fields = (Field("amount", say("payments.act_reduce_by"), "amount"), reason_for(_ACTS["reduce_surcharge"]))
    what = (Facts(None, facts), Note(say("payments.act_reduce_note"), "warn"))
    return Form(say("payments.act_reduce_button"), what, fields, reviewed=True)


async def _reduce(look: Look, payment_id: str) -> None:
    await payment_seen(look, payment_id)
    amount = _fen(look.asked["amount"], "amount")
    await look.get(Payments).reduce_surcharge(payment_id, amount, reason=look.asked["reason"], once=look.once)


SCREEN = Screen(
    name=_NAME,
    title=say("payments.screen"),
    scope="payments:read",
    place=40,
    group=Group.WORK,
    ids="pay",
    lists=_LIST,
    one=_one,
    file=_file,
    acts=(
        ActPage(name="cancel", of=_ACTS["cancel_payment"], form=_cancel_form, do=_cancel, danger=True),
        ActPage(name="reissue", of=_ACTS["reissue_payment"], form=_reissue_form, do=_reissue),
        ActPage(name="ask", of=_ACTS["confirm_payment"], form=_ask_form, do=_ask),
        ActPage(name="reduce", of=_ACTS["reduce_surcharge"], form=_reduce_form, do=_reduce),
        *EVENT_PAGES,
    ),
)


# --- what waits -------------------------------------------------------------------------------------------------------


async def waiting(look: Look) -> Sequence[Waits]:
    """Payments in doubt, and those that are overdue."""
    if not look.may("payments:read"):
        return ()
    payments, mine = look.get(Payments), look.who.authorities
    doubt, _ = await payments.waits(Sought(mine, in_doubt=True))
    late, first = await payments.waits(Sought(mine, overdue=look.today))
    return (
        Waits(say("payments.wait_doubt"), doubt, To("", _NAME, asked={"only": "doubt"}), tone="warn", most=MOST),
        Waits(say("payments.wait_overdue"), late, To("", _NAME, asked={"only": "overdue"}), first, most=MOST),
    )


# --- inside -----------------------------------------------------------------------------------------------------------


def _fen(text: str, name: str) -> int:
    plain = text.replace(",", "").removeprefix("¥")
    try:
        return parse_yuan(plain if "." in plain else f"{plain}.00")
    except ValueError:
        raise InvalidProblem(say("console.no_amount"), field=name) from None
