"""The story of a break as sentences: what both sides say, the likely cause, what happened, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection

from gateway.rooms.payments.states import Settlement, UnforeseenKind
from gateway.rooms.payments.told import told
from gateway.rooms.reconciliation import closing, explanation_records, proposal_records, statement_records
from gateway.rooms.reconciliation.break_records import Break
from gateway.rooms.reconciliation.explanation_records import Arrival, Bill, Crossing, Happening
from gateway.rooms.reconciliation.matching import BreakKind, Side
from gateway.rooms.reconciliation.proposal_records import Proposal
from gateway.rooms.reconciliation.statement_records import KeptLine
from gateway.rooms.refunds.states import WayOut
from gateway.words.clock import SHANGHAI, from_micros
from gateway.words.money import format_yuan
from gateway.words.saying import Sentence, Word, say

_MOST_EXCHANGES: Final = 20
_BESIDE: Final = frozenset(
    {
        "payment.due_date",
        "payment.due_soon",
        "payment.overdue",
        "payment.exceeds_decision",
        "payment.surcharge_changed",
        "payment.surcharge_reduced",
        "receipt.requested",
    }
)
"""What happened to a payment and explains no difference: its terms and its surcharge."""

_ODD: Final = ("amount_differs", "paid_after_expiry", "paid_after_cancel")
"""Where payments know more than the kind of the break says: what was unforeseen about the money."""


@dataclass(frozen=True)
class Explanation:
    """What is known of a break: sentences in order, the proposed cause and way out, what crossed the wire.

    ``closed``: what closed it. Whoever shows a sentence words it.

    ``line``: what the side's statement says of its money now; ``money``: what our books say of it; ``bill``: what it is
    for, where that is known. ``happened``: instants (microseconds) with what happened then.
    """

    about: Break
    age: int
    cause: Sentence
    proposal: Sentence
    closed: Sentence | str | None
    story: tuple[Sentence, ...]
    crossed: tuple[Crossing, ...]
    line: KeptLine | None
    money: tuple[Arrival, ...]
    bill: Bill | None
    happened: tuple[tuple[int, Sentence], ...]

    @property
    def exchanges(self) -> tuple[str, ...]:
        """Evidence by its ids, the newest first."""
        return tuple(one.id for one in self.crossed)


def explained(conn: Connection, one: Break, now: datetime) -> Explanation:
    """The explanation of a break."""
    odd = _odd(conn, one)
    about = f"odd_{odd}" if odd in _ODD else one.kind.value
    code, serial = one.code or "—", one.bank_serial or "—"
    story = [
        say("reconciliation.story_kind", day=one.day_on, channel=one.channel, kind=one.kind, code=code, serial=serial),
        say("reconciliation.story_sides", side=one.side, ours=_yuan(one.ours), theirs=_yuan(one.theirs)),
    ]
    line = statement_records.fetch_line(conn, one.channel, one.code, one.bank_serial, one.side)
    if line is not None:
        where = say("reconciliation.screen_where", day=line.day_on, version=line.version, line=line.line)
        yuan, at = _yuan(line.amount), _at(line.paid_at)
        story.append(say("reconciliation.story_line", side=one.side, where=where, yuan=yuan, at=at))
    elif one.code and one.kind is not BreakKind.RECEIPT_MISSING:
        story.append(say("reconciliation.story_no_line", side=one.side))
    bill = None if one.payment_id is None else explanation_records.fetch_bill(conn, one.payment_id)
    if bill is not None:
        number, yuan = bill.decision_number or "—", _yuan(bill.amount)
        story.append(say("reconciliation.story_bill", number=number, yuan=yuan, status=bill.status))
    money = tuple(explanation_records.arrivals(conn, one))
    proposals = proposal_records.of_break(conn, one.id)
    closed = None if one.closed_at is None else closing.said(one.reason or "")
    handling = _handling(one, proposals, closed)
    happened = sorted([*_money(money), *_life(conn, one), *handling], key=lambda step: step[0])
    story += [say("reconciliation.story_at", at=_at(at), what=what) for at, what in happened]
    return Explanation(
        about=one,
        age=one.age_in_days(now),
        cause=say(f"reconciliation.cause_{about}", side=one.side),
        proposal=say(f"reconciliation.advice_{about}", side=one.side),
        closed=closed,
        story=tuple(story),
        crossed=explanation_records.crossings(conn, one, _MOST_EXCHANGES),
        line=line,
        money=money,
        bill=bill,
        happened=tuple(happened),
    )


def _odd(conn: Connection, one: Break) -> str:
    """What payments found unforeseen about the money of a break; banks and treasuries know nothing of bills."""
    return explanation_records.kind_of_exception(conn, one) if one.side is Side.PLATFORM else ""


def _money(arrivals: Sequence[Arrival]) -> Iterator[tuple[int, Sentence]]:
    """When the money came, and how we learnt of it."""
    for money in arrivals:
        came = say("reconciliation.story_paid", yuan=_yuan(money.amount), serial=money.bank_serial)
        yield money.paid_at, came
        source = say(f"reconciliation.source_{money.source}")
        yield money.received_at, say("reconciliation.story_learnt", source=source)


def _life(conn: Connection, one: Break) -> Iterator[tuple[int, Sentence]]:
    """What happened to the payment, in words; what nobody asks about here is left out."""
    if one.payment_id is None:
        return
    for happened in explanation_records.happenings(conn, one.payment_id):
        if happened.type in _BESIDE or (what := told(happened.type)) is None:
            continue
        details = _details(happened)
        more = say("reconciliation.story_event", what=what, details=details)
        yield happened.at, more if details else say("reconciliation.story_bare_event", what=what)


def _details(happened: Happening) -> list[Sentence | StrEnum]:
    """What of an event is worth saying beside its name."""
    data = happened.data
    details: list[Sentence | StrEnum] = []
    if happened.type.startswith("payment.exception"):
        known: tuple[tuple[str, type[StrEnum]], ...] = (("kind", UnforeseenKind), ("way_out", WayOut))
        details += [of(data[name]) for name, of in known if data.get(name) in list(of)]
    if happened.type.startswith(("refund.", "payment.paid")) and "amount" in data:
        details.append(say("reconciliation.story_yuan", yuan=data["amount"]))
    if happened.type in ("payment.paid", "payment.settlement") and data.get("settlement") in list(Settlement):
        details.append(Settlement(data["settlement"]))
    return details


def _handling(
    one: Break, proposals: Sequence[Proposal], closed: Sentence | str | None
) -> Iterator[tuple[int, Sentence]]:
    """What people and runs did about the break itself."""
    yield one.opened_at, say("reconciliation.story_found")
    for proposal in proposals:
        by, way_out = proposal.proposed_name, Word(proposal.action)
        yield (
            proposal.proposed_at,
            say("reconciliation.story_proposed", by=by, way_out=way_out, reason=proposal.reason),
        )
        if proposal.confirmed_at:
            yield proposal.confirmed_at, say("reconciliation.story_confirmed", by=proposal.confirmed_name)
    if one.closed_at is not None:
        by_whom = one.closed_by or say("reconciliation.screen_by_run")
        yield one.closed_at, say("reconciliation.story_closed", state=one.state, by=by_whom, reason=closed)


def _yuan(amount: int | None) -> Sentence:
    if amount is None:
        return say("reconciliation.story_nothing")
    return say("reconciliation.story_yuan", yuan=format_yuan(amount))


def _at(instant: int) -> str:
    return f"{from_micros(instant).astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
