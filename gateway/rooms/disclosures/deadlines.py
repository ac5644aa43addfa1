"""Clocks of publication: pure functions of a decision's facts, the rules and the calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from gateway.rooms.disclosures.conditions import Case
from gateway.rooms.disclosures.rules import Regime, Rules, Seriousness
from gateway.words.calendar import WorkingCalendar
from gateway.words.saying import Both

_GRAVITY: tuple[Seriousness, ...] = ("minor", "general", "serious")


@dataclass(frozen=True)
class Deadline:
    """A last day, whether it rests on holidays that are not published yet, and where it comes from.

    ``pass_on``: of these days the last one to hand it over, where somebody else has to publish it after that.
    """

    on: date
    provisional: bool
    citation: str
    pass_on: date | None = None

    @property
    def ours(self) -> date:
        """The last day on which it can leave us in time."""
        return self.pass_on or self.on


@dataclass(frozen=True)
class Degree:
    """The class 失信程度 and who says so: the ``authority``, or a row about the ``procedure`` or a ``kind`` of penalty.

    ``default``: no row names its kinds. ``kind``: the one that counts. ``confirm``: what is to be confirmed of it.
    """

    word: Seriousness
    by: str
    kind: str = ""
    confirm: Both | None = None


def submit_by(case: Case, rules: Rules, calendar: WorkingCalendar) -> Deadline | None:
    """The last day to have a decision public at a target: working days after the day of the decision.

    None where no rule says how soon.
    """
    term = rules.term(case)
    if term is None:
        return None
    ours = calendar.add_working_days(case.facts.decided_on, term.working_days)
    if not term.further_working_days:
        return Deadline(ours.value, ours.provisional, term.citation)
    all_of_it = calendar.add_working_days(ours.value, term.further_working_days)
    return Deadline(all_of_it.value, ours.provisional or all_of_it.provisional, term.citation, ours.value)


def withdraw_by(happened_on: date, rules: Rules, calendar: WorkingCalendar) -> Deadline:
    """The last day to take a publication back: working days after its reason arose (行政处罚法 art. 48, art. 85)."""
    rule = rules.withdrawal_on(happened_on)
    last = calendar.add_working_days(happened_on, rule.working_days)
    return Deadline(last.value, last.provisional, rule.citation)


def degree(case: Case, regime: Regime) -> Degree | None:
    """The class of a decision under an order: the authority's word where there is one, which applies its standard.

    Without it what the order says of the procedure, else of each kind of penalty: of several the gravest counts. None
    where only the authority can say, as for a fine whose class hangs on thresholds of the sector.
    """
    facts = case.facts
    if facts.seriousness is not None:
        return Degree(facts.seriousness, "authority")
    for one in regime.classes:
        if one.procedure == facts.procedure and one.word != "authority":
            return Degree(one.word, "procedure", confirm=one.confirm)
    found, asks = [], False
    for kind in facts.penalty_kinds:
        row = next((one for one in regime.classes if one.fits(case, kind)), None)
        if row is None:
            found.append(Degree(regime.unclassified, "default", kind))
        elif row.word == "authority":
            asks = True
        else:
            found.append(Degree(row.word, "kind", kind, row.confirm))
    gravest = max(found, key=lambda one: _GRAVITY.index(one.word), default=None)
    return None if asks and (gravest is None or gravest.word != "serious") else gravest


def needs_standard(case: Case, regime: Regime) -> bool:
    """Whether the class hangs on a standard of the sector, which is then named with the day from which it holds."""
    asking, kinds = [row for row in regime.classes if row.word == "authority"], case.facts.penalty_kinds
    return any(row.fits(case, kind) for row in asking for kind in kinds)
