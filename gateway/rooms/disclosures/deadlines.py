"""Clocks of publication: pure functions of a decision's facts, the rules and the calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from gateway.rooms.decisions import DecisionFacts
from gateway.rooms.disclosures.rules import Regime, Rules, Seriousness, TargetProfile
from gateway.words.calendar import WorkingCalendar

MINOR_KINDS = frozenset({"警告", "通报批评"})


@dataclass(frozen=True)
class Deadline:
    """A last day, whether it rests on holidays that are not published yet, and where it comes from."""

    on: date
    provisional: bool
    citation: str


def submit_by(decided_on: date, profile: TargetProfile, calendar: WorkingCalendar) -> Deadline:
    """The last day to have a decision published at a target: working days after the day of the decision."""
    last = calendar.add_working_days(decided_on, profile.submit_working_days)
    return Deadline(last.value, last.provisional, profile.submit_citation)


def withdraw_by(happened_on: date, rules: Rules, calendar: WorkingCalendar) -> Deadline:
    """The last day to take a publication back: working days after its reason arose (行政处罚法 art. 48, art. 85)."""
    rule = rules.withdrawal_on(happened_on)
    last = calendar.add_working_days(happened_on, rule.working_days)
    return Deadline(last.value, last.provisional, rule.citation)


def seriousness(facts: DecisionFacts, regime: Regime) -> Seriousness:
    """The class 失信程度: the sector authority's word where there is one.

    Without it: minor for the simple procedure and for warnings and criticism alone (the orders' own examples), serious
    for the sectors that a regime lists, else the regime's default.
    """
    if facts.seriousness is not None:
        return facts.seriousness
    if facts.procedure == "simple" or set(facts.penalty_kinds) <= MINOR_KINDS:
        return "minor"
    return "serious" if facts.field_of_law in regime.sectors else regime.unclassified
