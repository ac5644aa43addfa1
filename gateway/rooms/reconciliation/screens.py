"""Breaks 差错 on the console: what differs and for how long, its story, both sides, and what people do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from gateway.foundation.acts import by_name
from gateway.foundation.narrowing import AUTHORITY, Whose, among, chosen, day
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
    Waits,
    Wanted,
    Yuan,
    reason_for,
)
from gateway.foundation.taking import assigning, waits_mine
from gateway.rooms.payments import Payments
from gateway.rooms.payments.searching import Sought
from gateway.rooms.payments.states import Status
from gateway.rooms.reconciliation.acts import ACTS
from gateway.rooms.reconciliation.break_records import MOST, Break, BreakFilter
from gateway.rooms.reconciliation.breaks import Breaks
from gateway.rooms.reconciliation.explanation import Explanation
from gateway.rooms.reconciliation.explanation_records import Crossing
from gateway.rooms.reconciliation.matching import BreakKind, Side
from gateway.rooms.reconciliation.proposal_records import Action, Proposed
from gateway.rooms.reconciliation.proposals import Ask, Proposals, way_out
from gateway.rooms.reconciliation.states import BreakState, ProposalState
from gateway.rooms.refunds.exception_records import ExceptionFilter
from gateway.rooms.refunds.payee_form import document_fields, payee_fields, typed_documents, typed_payee
from gateway.rooms.refunds.service import Refunds
from gateway.rooms.refunds.unforeseen_money import Exceptions
from gateway.words.clock import SHANGHAI, from_micros
from gateway.words.errors import InvalidProblem, NotFoundProblem
from gateway.words.saying import Sentence, Word, say

NAME: Final = "breaks"
_ACTS: Final = by_name(*ACTS)
_READ: Final = "reconciliation:read"
_DAY: Final = 86_400_000_000
_OLD: Final = 7
"""From so many days on an open break is marked."""
_EVIDENCE: Final = 5
_PROPOSING: Final[dict[Action, str]] = {"attribute": "propose", "refund": "refund"}
"""The act that proposes each way out."""
_PROPOSED: Final[dict[ProposalState, Tone]] = {ProposalState.PROPOSED: "wait", ProposalState.CONFIRMED: "good"}
_TONES: Final[dict[BreakState, Tone]] = {
    BreakState.OPEN: "warn",
    BreakState.RESOLVED: "good",
    BreakState.HEALED: "good",
}


# --- the list ---------------------------------------------------------------------------------------------------------


def seen_by(look: Look) -> frozenset[str]:
    """Whose breaks somebody sees; those that are nobody's yet (empty) every operator sees."""
    return frozenset((*look.who.authorities, ""))


async def _find(look: Look, wanted: Wanted) -> Found:
    found, total = await look.get(Breaks).seek(_sought(look), before=wanted.cursor, limit=wanted.limit)
    names = {one.code: one.name for one in await look.base.access.authorities()}
    return Found.page([_row(look, one, names) for one in found], wanted, total, MOST)


def _row(look: Look, one: Break, names: Mapping[str, str]) -> Row:
    return Row(
        one.id,
        (
            one.kind,
            Tag(one.state, _TONES.get(one.state, "plain")),
            one.day_on,
            Yuan(one.ours),
            Yuan(one.theirs),
            _age(look, one),
            Code(one.code or None),
            Many((Word(one.side), Code(one.channel))),
            names.get(one.authority) if one.authority else say("reconciliation.screen_nobodys"),
            one.assignee,
        ),
    )


def _age(look: Look, one: Break) -> Value:
    days = one.age_in_days(look.base.clock.now())
    words = say("reconciliation.screen_days", days=days)
    return Tag(words, "bad") if one.state is BreakState.OPEN and days >= _OLD else words


def _sought(look: Look) -> BreakFilter:
    """What the address asks for. Raises InvalidProblem for what is no day."""
    asked, hands, age = look.asked, Whose.asked(look), look.asked.get("age")
    authority = asked.get("authority")
    return BreakFilter(
        authorities=seen_by(look) if authority is None else seen_by(look) & {authority},
        channel=asked.get("channel"),
        side=chosen(look, "side", Side),
        day_on=day(look, "day"),
        kind=chosen(look, "kind", BreakKind),
        state=BreakState.OPEN if age else chosen(look, "state", BreakState),
        number=asked.get("number"),
        held_by=hands.mine,
        opened_before=_before(look, age),
        proposed_by=hands.others,
        proposed_besides=hands.second,
    )


def _before(look: Look, age: str | None) -> int | None:
    if age is None or not age.isdigit() or len(age) > 3:
        return None
    return int(look.base.clock.now().timestamp() * 1_000_000) - int(age) * _DAY


_WHOSE = Whose(
    screen=NAME,
    told=say("reconciliation.wait_attributions"),
    label=say("reconciliation.screen_whose"),
    second=say("reconciliation.screen_second"),
    others=say("reconciliation.screen_others"),
)
_LIST = Listing(
    filters=(
        Filter("number", say("reconciliation.screen_number"), wide=True),
        among("state", BreakState),
        among("kind", BreakKind),
        Filter(
            "age",
            say("reconciliation.screen_age"),
            "choice",
            tuple(Choice(str(days), say("reconciliation.screen_older", days=days)) for days in (3, 7, 30)),
        ),
        _WHOSE.filter,
        Filter("day", Named("day"), "day"),
        among("side", Side, words=Word),
        Filter("channel", Named("channel")),
        AUTHORITY,
    ),
    heads=(
        Head(Named("kind")),
        Head(Named("state")),
        Head(Named("day"), small=True),
        Head(Named("ours"), number=True),
        Head(Named("theirs"), number=True),
        Head(say("reconciliation.screen_age")),
        Head(Named("code"), small=True),
        Head(Named("side"), small=True),
        Head(Named("authority"), small=True),
        Head(Named("assignee"), small=True),
    ),
    find=_find,
    empty=say("reconciliation.screen_empty"),
    acts=("sheet",),
)


# --- one break --------------------------------------------------------------------------------------------------------


async def _seen(look: Look, break_id: str) -> Break:
    found = await look.get(Breaks).held(break_id)
    if found.authority not in seen_by(look):
        raise NotFoundProblem(say("http.no_such", what=Word("break")))
    return found


async def _one(look: Look, break_id: str) -> Page:
    known = await _seen(look, break_id)
    story = await look.get(Breaks).explain(break_id)
    proposals = await look.get(Proposals).of_break(break_id)
    waits = next((one for one in proposals if one.state is ProposalState.PROPOSED), None)
    notes: list[Block] = []
    acts: list[str] = []
    if known.state is BreakState.OPEN:
        notes.append(Note(say("reconciliation.screen_cause", cause=story.cause, proposal=story.proposal), "warn"))
        acts = ["assign", "explain", *([_PROPOSING[way]] if waits is None and (way := way_out(known)) else [])]
    elif story.closed:
        by = known.closed_by or say("reconciliation.screen_by_run")
        notes.append(Note(say("reconciliation.screen_closed", by=by, reason=story.closed), "good"))
    if waits is not None:
        told, confirm = await look.to_confirm(_matter(waits), _ACTS["confirm_break_proposal"], known.authority)
        notes += told
        acts = [*confirm, "withdraw", *acts]
    blocks = [*notes, _beside(story), *await _proposed(look, proposals), _story(story)]
    return Page(
        title=say("reconciliation.screen_title", kind=known.kind, day=known.day_on),
        tags=[Tag(known.state, _TONES.get(known.state, "plain"))],
        lead=Code(known.id),
        blocks=blocks,
        side=[await _facts(look, story), *await _odd(look, known)],
        acts=acts,
    )


def _matter(one: Proposed) -> str:
    """What two people agree about: a refund is theirs wherever it was proposed."""
    return one.proposal.refund_id or one.id


async def _facts(look: Look, story: Explanation) -> Facts:
    one, bill = story.about, story.bill
    names = {known.code: known.name for known in await look.base.access.authorities()}
    facts: list[Fact] = [
        (say("reconciliation.screen_age"), _age(look, one)),
        (Named("assignee"), one.assignee or say("console.nobody")),
        (Named("day"), one.day_on),
        (Named("channel"), Code(one.channel)),
        (Named("side"), Word(one.side)),
        (Named("authority"), names.get(one.authority) if one.authority else say("reconciliation.screen_nobodys")),
        (Named("opened_at"), Moment(one.opened_at)),
        (Named("closed_at"), Moment(one.closed_at)),
    ]
    if bill is not None:
        number = bill.decision_number or Code(one.payment_id)
        facts.insert(2, (Named("payment"), To(number, "payments", one.payment_id)))
    if story.crossed:
        facts.append((Named("exchanges"), Many([_crossed(each) for each in story.crossed[:_EVIDENCE]])))
    return Facts(say("reconciliation.screen_about"), facts)


class Crossed(Word):
    """What was asked or told across the wire, said by the catalogue's word."""

    __slots__ = ()


def _crossed(one: Crossing) -> To:
    """A piece of evidence by what it was about, and when: ids tell nobody which one to open."""
    at = f"{from_micros(one.started_at).astimezone(SHANGHAI):%m-%d %H:%M}"
    return To(say("reconciliation.screen_crossed", action=Crossed(one.action), at=at), "evidence", one.id)


async def _odd(look: Look, one: Break) -> list[Table]:
    """The exceptions of its money: what is decided there is decided here."""
    if one.payment_id is None or not one.bank_serial:
        return []
    found = await look.get(Exceptions).find(ExceptionFilter(payment=one.payment_id))
    mine = [each.odd for each in found if each.odd.bank_serial == one.bank_serial]
    rows = [Row(None, (To(odd.kind, "exceptions", odd.id), odd.state)) for odd in mine]
    heads = (Head(Named("kind")), Head(Named("state")))
    return [Table(say("refunds.screen_exceptions"), heads, rows, "")] if rows else []


async def _of_exception(look: Look, exception_id: str) -> Sequence[Block]:
    """The breaks of an exception's money, below its own page."""
    odd = (await look.get(Exceptions).view(exception_id)).odd
    found = await look.get(Breaks).find(BreakFilter(seen_by(look), payment_id=odd.payment_id, number=odd.bank_serial))
    heads = (Head(Named("kind")), Head(Named("state")), Head(Named("day")), Head(Named("side")))
    rows = [
        Row(
            None,
            (To(one.kind, NAME, one.id), Tag(one.state, _TONES.get(one.state, "plain")), one.day_on, Word(one.side)),
        )
        for one in found
    ]
    return [Table(say("reconciliation.screen_breaks"), heads, rows, "")] if rows else []


ON_EXCEPTIONS = Joins(screen="exceptions", blocks=_of_exception)


def _beside(story: Explanation) -> Beside:
    """The statement's line beside our own."""
    one, line, bill = story.about, story.line, story.bill
    theirs: list[Fact] = [(Named("amount"), Yuan(one.theirs))]
    if line is None:
        theirs.append((say("reconciliation.screen_line"), say("reconciliation.screen_no_line")))
    else:
        where = say("reconciliation.screen_where", day=line.day_on, version=line.version, line=line.line)
        theirs += [
            (Named("code"), Code(line.code)),
            (Named("bank_serial"), Code(line.bank_serial)),
            (Named("paid_at"), Moment(line.paid_at)),
            (say("reconciliation.screen_line"), where),
        ]
    ours: list[Fact] = [(Named("amount"), Yuan(one.ours))]
    if story.money or bill is not None:
        ours.append((Named("code"), Code(one.code or None)))
    for money in story.money:
        ours += [
            (Named("bank_serial"), Code(money.bank_serial)),
            (Named("paid_at"), Moment(money.paid_at)),
            (
                say("reconciliation.screen_learnt"),
                Many((Moment(money.received_at), say(f"reconciliation.source_{money.source}"))),
            ),
        ]
    if not story.money:
        ours.append((say("reconciliation.screen_money"), say("reconciliation.screen_no_money")))
    if bill is not None:
        ours.append((say("reconciliation.screen_bill"), Many((Yuan(bill.amount), bill.status))))
    theirs_of = say("reconciliation.screen_theirs", side=Word(one.side))
    return Beside(
        say("reconciliation.screen_both"), (Facts(theirs_of, theirs), Facts(say("reconciliation.screen_ours"), ours))
    )


async def _proposed(look: Look, found: Sequence[Proposed]) -> list[Table]:
    if not found:
        return []
    heads = (
        Head(Named("way_out")),
        Head(Named("state")),
        Head(Named("reason")),
        Head(Named("proposed_by"), small=True),
        Head(Named("confirmed_by"), small=True),
    )
    rows = [
        Row(
            None,
            (
                await _leads_to(look, one),
                Tag(one.state, _PROPOSED.get(one.state, "plain")),
                one.proposal.reason,
                Many((one.proposal.proposed_name, Moment(one.proposal.proposed_at))),
                one.proposal.confirmed_name,
            ),
        )
        for one in found
    ]
    return [Table(say("reconciliation.screen_proposals"), heads, rows, "")]


async def _leads_to(look: Look, one: Proposed) -> Value:
    """What was proposed, with its refund or its payment."""
    proposal = one.proposal
    words = Word(proposal.action)
    if proposal.refund_id is not None:
        return Many((To(words, "refunds", proposal.refund_id), proposal.refund_status))
    assert proposal.payment_id is not None, "what is no refund is an attribution"
    payment = await look.get(Payments).held(proposal.payment_id)
    return Many((words, To(payment.decision_number, "payments", payment.id), Yuan(payment.amount), payment.status))


def _story(story: Explanation) -> Story:
    return Story(say("reconciliation.screen_story"), [Happened(at, words) for at, words in story.happened])


# --- acts -------------------------------------------------------------------------------------------------------------


def _meant(one: Break) -> Facts:
    facts: list[Fact] = [
        (Named("kind"), one.kind),
        (Named("day"), one.day_on),
        (Named("code"), Code(one.code or None)),
        (Named("bank_serial"), Code(one.bank_serial or None)),
        (Named("ours"), Yuan(one.ours)),
        (Named("theirs"), Yuan(one.theirs)),
    ]
    return Facts(None, facts)


async def _explain_form(look: Look, break_id: str) -> Form:
    one = await _seen(look, break_id)
    what = (_meant(one), Note(say("reconciliation.act_explain_note"), "warn"))
    return Form(say("reconciliation.act_explain_button"), what, (reason_for(_ACTS["resolve_break"]),))


async def _explain(look: Look, break_id: str) -> None:
    await _seen(look, break_id)
    await look.get(Breaks).resolve(break_id, look.asked["reason"], by=look.person, once=look.once)


async def _propose_form(look: Look, break_id: str) -> Form:
    one = await _seen(look, break_id)
    reason = reason_for(_ACTS["propose_break_outcome"])
    amount = f"{(one.theirs or 0) / 100:,.2f}"
    if way_out(one) == "attribute":
        payment = Field("payment", say("reconciliation.act_payment"), hint=say("reconciliation.act_payment_hint"))
        what = (_meant(one), Note(say("reconciliation.act_attribute_note")))
        return Form(say("reconciliation.act_attribute_button", amount=amount), what, (payment, reason))
    what = (_meant(one), Note(say("reconciliation.act_refund_note")))
    return Form(
        say("reconciliation.act_refund_button", amount=amount), what, (reason, *payee_fields(), *document_fields())
    )


async def _propose(look: Look, break_id: str) -> Done | None:
    one, asked = await _seen(look, break_id), look.asked
    if way_out(one) == "attribute":
        ask = Ask("attribute", asked["reason"], payment_id=await _payment(look, asked["payment"]))
    else:
        ask = Ask("refund", asked["reason"], payee=typed_payee(asked), documents=typed_documents(look))
    made = await look.get(Proposals).propose(break_id, ask, by=look.person, once=look.once)
    return None if made.refund_id is None else Done(To("", "refunds", made.refund_id))


async def _payment(look: Look, number: str) -> str:
    """The one payment of a number of any kind. Raises InvalidProblem for none or several."""
    found, _ = await look.get(Payments).seek(Sought(frozenset(look.who.authorities), number=number), None, 2)
    if len(found) != 1:
        raise InvalidProblem(say("reconciliation.act_which_payment", number=number), field="payment")
    return found[0].id


async def _waiting_proposal(look: Look, break_id: str) -> Proposed:
    await _seen(look, break_id)
    for one in await look.get(Proposals).of_break(break_id):
        if one.state is ProposalState.PROPOSED:
            return one
    raise NotFoundProblem(say("reconciliation.no_proposal"))


async def _not_as_billed(look: Look, one: Proposed) -> Sentence | None:
    """What becomes of money that is attributed to a bill which did not ask for it: who confirms hears it before."""
    assert one.proposal.payment_id is not None, "an attribution names its payment"
    payments = look.get(Payments)
    payment = await payments.held(one.proposal.payment_id)
    line = (await look.get(Breaks).explain(one.about.id)).line
    added = (one.about.theirs or 0) - payment.amount
    if added > 0 and line is not None:
        added -= await look.base.store.read(lambda conn: payments.quoted(conn, payment, line.paid_at))
    if payment.status is Status.ISSUED and added == 0:
        return None
    return say("reconciliation.act_not_as_billed", yuan=f"{payment.amount / 100:,.2f}", status=payment.status)


async def _confirm_form(look: Look, break_id: str) -> Form:
    one = await _waiting_proposal(look, break_id)
    amount = f"{(one.about.theirs or 0) / 100:,.2f}"
    proposal = one.proposal
    facts: list[Fact] = [
        (Named("way_out"), await _leads_to(look, one)),
        (Named("reason"), proposal.reason),
        (Named("proposed_by"), proposal.proposed_name),
    ]
    if proposal.refund_id is None:
        button = say("reconciliation.act_confirm_button", amount=amount)
        note = await _not_as_billed(look, one) or say("reconciliation.act_confirm_note")
    else:
        refund = await look.get(Refunds).view(proposal.refund_id)
        payee = None if refund.payee is None else refund.payee.masked()
        papers = [Many((Word(paper.kind), paper.reference)) for paper in refund.documents]
        facts += [
            (
                say("refunds.screen_payee"),
                None if payee is None else Many((payee.name, Code(payee.account), payee.bank)),
            ),
            (say("refunds.screen_documents"), Many(papers) if papers else say("refunds.screen_no_documents")),
        ]
        last = "" if refund.payee is None else refund.payee.account[-4:]
        button = say("refunds.act_confirm_button", amount=f"{refund.refund.amount / 100:,.2f}", last=last)
        note = say("refunds.act_confirm_note")
    return Form(button, (_meant(one.about), Facts(None, facts), Note(note, "warn")), seen=one.seen or "")


async def _confirm(look: Look, break_id: str) -> None:
    one = await _waiting_proposal(look, break_id)
    seen = look.asked.get("seen", "")
    await look.get(Proposals).confirm(one.id, by=look.person, seen=seen, once=look.once)


async def _withdraw_form(look: Look, break_id: str) -> Form:
    one = await _waiting_proposal(look, break_id)
    facts: list[Fact] = [(Named("way_out"), await _leads_to(look, one)), (Named("reason"), one.proposal.reason)]
    return Form(say("reconciliation.act_withdraw_button"), (_meant(one.about), Facts(None, facts)))


async def _withdraw(look: Look, break_id: str) -> None:
    one = await _waiting_proposal(look, break_id)
    await look.get(Proposals).withdraw(one.id, by=look.person)


def _proposing(way: Action) -> ActPage:
    """What is proposed about the money, by its own name: whoever reads the button knows what becomes of it."""
    called = {"attribute": say("reconciliation.called_attribute"), "refund": say("reconciliation.called_refund")}
    act = _ACTS["propose_break_outcome"]
    return ActPage(name=_PROPOSING[way], of=act, form=_propose_form, do=_propose, called=called[way])


async def _authority(look: Look, break_id: str) -> str:
    return (await _seen(look, break_id)).authority


BREAKS = Screen(
    name=NAME,
    title=say("reconciliation.screen_breaks"),
    scope=_READ,
    place=10,
    group=Group.BOOKS,
    ids="brk",
    lists=_LIST,
    one=_one,
    acts=(
        ActPage(name="confirm", of=_ACTS["confirm_break_proposal"], form=_confirm_form, do=_confirm, money=True),
        ActPage(name="withdraw", of=_ACTS["withdraw_break_proposal"], form=_withdraw_form, do=_withdraw),
        _proposing("attribute"),
        _proposing("refund"),
        assigning(_authority),
        ActPage(name="explain", of=_ACTS["resolve_break"], form=_explain_form, do=_explain),
    ),
)


# --- what waits -------------------------------------------------------------------------------------------------------


async def waiting_breaks(look: Look) -> Sequence[Waits]:
    """Open breaks, mine among them, and attributions that wait for a second person."""
    if not look.may(_READ):
        return ()
    breaks, open_ones = look.get(Breaks), BreakFilter(authorities=seen_by(look), state=BreakState.OPEN)
    me = look.who
    every = await breaks.count(open_ones)
    mine = await breaks.count(replace(open_ones, held_by=me.client_id))
    second = await breaks.count(BreakFilter(authorities=seen_by(look), proposed_besides=me.client_id))
    others = await breaks.count(BreakFilter(authorities=seen_by(look), proposed_by=me.client_id))
    opened = {"state": BreakState.OPEN.value}
    return (
        Waits(say("reconciliation.wait_breaks"), every, To("", NAME, asked=opened), tone="warn", most=MOST),
        waits_mine(say("reconciliation.wait_mine"), mine, NAME, MOST, **opened),
        *_WHOSE.waits(second, others, MOST),
    )
