"""The surcharge 加处罚款: a pure function of dated facts, explained day range by day range.

Source: 行政处罚法 (2021) art. 72(1)1: so much a day of the fine, never above the fine (``Rate``); art. 73(3): days of
an appeal 复议 or suit 诉讼 do not count; art. 66: a deferral moves the due date, what had accrued before stays. The
decision must state it (国务院令235号 art. 7). Only the fine bears it, never confiscated gains. Boundary days are given:
the case system says on which day an appeal began and ended; nothing is derived from filing or delivery.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from gateway.rooms.decisions import DuePeriod, Suspension
from gateway.words.law import Matter, Rule
from gateway.words.money import format_yuan
from gateway.words.saying import Sentence, say

_DAY = timedelta(days=1)

Base = Literal["original", "outstanding"]


@dataclass(frozen=True)
class Rate:
    """How much is added: so many per cent a day of a base, up to ``cap`` per cent of the fine.

    ``why``: by which rule, in words; ``rules``: the rows of the law that say all this.
    """

    per_cent: int
    cap: int
    base: Base
    why: Sentence
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class PrincipalPaid:
    """Part of the fine paid on a day (instalments). Amount in fen."""

    on: date
    amount: int


@dataclass(frozen=True)
class Stretch:
    """Successive days that were counted, or not, for one reason. ``base`` and ``accrued`` in fen, unrounded × 100."""

    first: date
    last: date
    days: int
    counted: bool
    base: int
    hundredths: int
    why: Sentence


@dataclass(frozen=True)
class Surcharge:
    """What has accrued up to and including a day. ``amount`` in fen, after cap, agreement and one rounding half up.

    ``rules``: the rows of the law by which it was counted.
    """

    on: date
    days: int
    amount: int
    capped: bool
    reduced_by: int
    stretches: tuple[Stretch, ...]
    rules: tuple[Rule, ...] = ()

    def figure(self, matter: Matter) -> int:
        """The number that a row of the law gives. StopIteration for one by which nothing was counted."""
        return next(one.number for one in self.rules if one.matter is matter)


def surcharge(
    fine: int,
    due: Sequence[DuePeriod],
    on: date,
    *,
    rate: Rate,
    stated: bool,
    suspensions: Sequence[Suspension] = (),
    paid: Sequence[PrincipalPaid] = (),
    reduced_by: int = 0,
) -> Surcharge:
    """The surcharge of a fine (fen) up to and including ``on``, usually the day of payment.

    ``due``: every last day to pay, in order of ``known_on``; day 1 is the day after it, once it is rolled over
    holidays. ``rate.base``: of the whole fine, or of what of it is outstanding that day. ``reduced_by``: fen taken off
    by an agreement 执行协议 (行政强制法 art. 42), which reduces the surcharge only. Rounded half up once.
    """
    if not stated or not due or fine <= 0:
        return Surcharge(on, 0, 0, False, 0, ())
    stretches: list[Stretch] = []
    day = due[0].due_on + _DAY
    anew = max((one.since for one in suspensions if one.anew and one.since <= on), default=day)
    if anew > day:
        suspensions = (Suspension(day, anew - _DAY, say("payments.day_before_anew", since=anew)), *suspensions)
    while day <= on:
        counted, why = _judge(day, due, suspensions, rate)
        bears = fine if rate.base == "original" else max(0, fine - sum(one.amount for one in paid if one.on < day))
        last = _last_alike(day, on, due, suspensions, paid if rate.base == "outstanding" else ())
        days = (last - day).days + 1
        hundredths = days * bears * rate.per_cent if counted else 0
        stretches.append(Stretch(day, last, days, counted, bears, hundredths, why))
        day = last + _DAY
    total = sum(one.hundredths for one in stretches)
    accrued = (total + 50) // 100
    most = fine * rate.cap // 100
    capped = accrued >= most
    amount = max(0, min(accrued, most) - reduced_by)
    return Surcharge(
        on,
        sum(one.days for one in stretches if one.counted),
        amount,
        capped,
        min(reduced_by, min(accrued, most)),
        tuple(stretches),
        rate.rules,
    )


def in_short(found: Surcharge, fine: int) -> Sentence:
    """How it comes about as one sum: days and rate, the cap where it is reached, what was taken off, the result."""
    rate, cap = (found.figure(one) for one in (Matter.SURCHARGE_RATE, Matter.SURCHARGE_CAP))
    accrued = (sum(one.hundredths for one in found.stretches) + 50) // 100
    given = {"on": found.on, "days": found.days, "rate": rate, "accrued": format_yuan(accrued)}
    bases = {one.base for one in found.stretches if one.counted}
    daily = [base * rate // 100 for base in bases if base * rate % 100 == 0]
    made = say("payments.sum_varied", **given)
    if len(bases) == 1 and daily:
        made = say("payments.sum_even", **given, daily=format_yuan(daily[0]))
    if found.capped:
        made = say("payments.sum_capped", before=made, cap=format_yuan(fine * cap // 100))
    if found.reduced_by:
        made = say("payments.sum_reduced", before=made, yuan=format_yuan(found.reduced_by))
    changed = found.capped or found.reduced_by
    return say("payments.sum_result", before=made, amount=format_yuan(found.amount)) if changed else made


def _judge(day: date, due: Sequence[DuePeriod], suspensions: Sequence[Suspension], rate: Rate) -> tuple[bool, Sentence]:
    """Whether a day counts, and why."""
    for one in suspensions:
        if one.since <= day and (one.until is None or day <= one.until):
            return False, one.why
    for period in due[1:]:
        if period.known_on <= day <= period.due_on:
            return False, say("payments.day_deferred", until=period.due_on)
    return True, rate.why


def _last_alike(
    day: date, on: date, due: Sequence[DuePeriod], suspensions: Sequence[Suspension], paid: Sequence[PrincipalPaid]
) -> date:
    """The last day up to ``on`` before anything changes after ``day``: the day before the next boundary."""
    begins = [one.since for one in suspensions] + [one.until + _DAY for one in suspensions if one.until]
    begins += [one.known_on for one in due[1:]] + [one.due_on + _DAY for one in due[1:]]
    begins += [one.on + _DAY for one in paid]
    following = [begin for begin in begins if begin > day]
    return min([on, *(begin - _DAY for begin in following)])
