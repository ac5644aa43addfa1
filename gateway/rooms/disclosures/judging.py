"""Whether, by when and until when a decision is public at a target, and by which rows of the law: pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from gateway.rooms.decisions import DecisionFacts, PartyKind
from gateway.rooms.decisions.facts import age_on
from gateway.rooms.disclosures.conditions import Case
from gateway.rooms.disclosures.deadlines import Deadline, Degree, degree, needs_standard, submit_by
from gateway.rooms.disclosures.rules import Older, Regime, Rules, TargetProfile
from gateway.rooms.disclosures.validation import Objection
from gateway.words.calendar import WorkingCalendar
from gateway.words.saying import Sentence, say
from gateway.words.terms import add_months

_ADULT, _LONGEST_AGO = 18, 5


@dataclass(frozen=True)
class Plan:
    """To be published: by when, until when, and from when on a repair is possible; by which order and class."""

    by: Deadline
    until: date
    repair_from: date
    citation: str
    regime: Regime
    degree: Degree
    starts_on: date


@dataclass(frozen=True)
class Refusal:
    """Not to be published, why, and by which rule. ``overridable``: a recorded reason would change that.

    ``kind``: what the law or the target ``never`` shows, what is ``minor``, a period that is ``over``, or ``no_rule``.
    ``since``: the day from which the rule forbids it. ``plan``: what it was shown by, where its period is over.
    """

    reason: str
    citation: str
    overridable: bool = False
    kind: Literal["never", "minor", "over", "no_rule"] = "never"
    since: date | None = None
    plan: Plan | None = None


@dataclass(frozen=True)
class Wanting:
    """Facts without which it is not planned: a sentence for each, by its name in our API.

    ``by``: when it is to be public all the same. ``objections``: what of it the target's own table asks for.
    """

    fields: dict[str, Sentence]
    citation: str
    by: Deadline
    objections: tuple[Objection, ...] = ()


Judgement = Plan | Refusal | Wanting
BecameMinor = Literal["withdraw", "shorten"]


@dataclass(frozen=True)
class Reading:
    """How an installation reads the rules where they leave a choice.

    ``older``: decisions from before an order are under the order of their day (``own``), under the ``milder`` of the
    two, or under the ``newest`` for all. ``confirmed_only``: a basis of publication still to be confirmed is none.
    ``minor``: what is public and turns out to be minor is withdrawn, or its period becomes that of minor ones.
    """

    older: Older = "own"
    confirmed_only: bool = False
    minor: BecameMinor = "withdraw"


AS_WRITTEN = Reading()


@dataclass(frozen=True)
class Bench:
    """By what is judged: the rules, the calendar of the authority, today, and how older decisions are read."""

    rules: Rules
    calendar: WorkingCalendar
    today: date
    older: Older = "own"

    def judge(
        self,
        case: Case,
        profile: TargetProfile,
        *,
        override_reason: str | None = None,
        published_on: date | None = None,
    ) -> Judgement:
        """What the rules say about a decision at a target. No reason overrides what the law never shows."""
        refused = self.forbidden(case, profile, override_reason)
        if refused is not None:
            return refused
        by = submit_by(case, self.rules, self.calendar)
        if by is None:
            return Refusal("没有规定该渠道公示期限的规则", "规则表 terms.toml", kind="no_rule")
        found = self._by_regime(case, profile, by, override_reason, published_on)
        if isinstance(found, Plan) and found.until < self.today:
            return Refusal(f"公示期限已于{found.until}届满", found.citation, kind="over", plan=found)
        if not isinstance(found, Refusal) and (fields := unknown_age(case.facts)):
            more = found.fields if isinstance(found, Wanting) else {}
            return Wanting({**fields, **more}, "预防未成年人犯罪法 第五十九条第二款", by)
        return found

    def forbidden(self, case: Case, profile: TargetProfile, override_reason: str | None = None) -> Refusal | None:
        """What the law does not let be shown at all, or at this target."""
        for row in self.rules.exclusions:
            if row.holds(case, self.today) and not (row.overridable and override_reason):
                return Refusal(row.reason, row.citation, row.overridable, since=row.since)
        if case.facts.party.kind is PartyKind.NATURAL_PERSON and profile.natural_persons == "withheld":
            return Refusal("当事人为自然人，本渠道不公示自然人", profile.persons_citation)
        if profile.fields and case.facts.field_of_law not in profile.fields:
            return Refusal("本渠道不公示该执法领域的处罚决定", profile.fields_citation)
        return None

    def _by_regime(
        self, case: Case, profile: TargetProfile, by: Deadline, override_reason: str | None, published_on: date | None
    ) -> Judgement:
        regimes = self.regimes(case, profile, published_on)
        if not regimes:
            return Refusal(
                f"没有适用于{case.facts.decided_on}所作决定的公示规则", "规则表 periods.toml", kind="no_rule"
            )
        found = [self._under(one, case, by, override_reason, published_on) for one in regimes]
        plans = [one for one in found if isinstance(one, Plan)]
        return min(plans, key=lambda one: one.until) if len(plans) == len(found) else _first_no(found)

    def regimes(self, case: Case, profile: TargetProfile, published_on: date | None = None) -> list[Regime]:
        """The order that counts; two, where the milder of two counts."""
        rules, family = self.rules, profile.periods
        shown = rules.regime_of(family, published_on or self.today)
        if shown is not None and shown.chosen_by == "publication":
            return [shown]
        own, newest = rules.regime_of(family, case.facts.decided_on), rules.regime_of(family, self.today)
        chosen = {"own": [own], "newest": [newest], "milder": [own, newest]}[self.older]
        return list(dict.fromkeys(one for one in chosen if one is not None))

    def _under(
        self, regime: Regime, case: Case, by: Deadline, override_reason: str | None, published_on: date | None
    ) -> Judgement:
        facts, found = case.facts, degree(case, regime)
        if found is None:
            wanted = {"seriousness": say("disclosures.class_wanted", regime=regime.citation)}
            return Wanting(wanted, regime.citation, by)
        if found.by == "authority" and needs_standard(case, regime):
            names = ("seriousness_standard", "seriousness_standard_on")
            if lacking := [name for name in names if getattr(facts, name) is None]:
                said = say("disclosures.standard_wanted", regime=regime.citation)
                return Wanting(dict.fromkeys(lacking, said), regime.citation, by)
        period = regime.period(found.word)
        if not period.published and not override_reason:
            words = "轻微失信信息（简易程序，或仅警告、通报批评）原则上不予公示"
            return Refusal(words, regime.citation, overridable=True, kind="minor")
        starts_on = facts.decided_on if regime.start == "decision" else published_on or self.today
        until, citation = add_months(starts_on, period.maximum), regime.citation
        if facts.valid_until and set(facts.penalty_kinds) & set(regime.as_long_as):
            until = max(until, facts.valid_until)
        most = self.rules.most(case, self.today)
        if most is not None:
            acted_on = facts.violation_on if most.counts_from == "violation" else None
            latest = add_months(acted_on or facts.decided_on, most.months)
            if latest < until:
                until, citation = latest, f"{citation}；{most.citation}"
        minimum = regime.minimum(found.word, facts.field_of_law)
        repair_from = min(add_months(starts_on, minimum), until)
        return Plan(by, until, repair_from, citation, regime, found, starts_on)


def _first_no(found: list[Judgement]) -> Judgement:
    return next(one for one in found if not isinstance(one, Plan))


def unknown_age(facts: DecisionFacts) -> dict[str, Sentence]:
    """What must be told so that nobody is shown who was a minor on the day of the act; nothing where that is known.

    A document that tells no birthday needs the word of the case system; one that tells that the party may have been a
    minor needs the day of the act.
    """
    if facts.party_is_minor is not None or facts.party.id_number is None or facts.party.kind is PartyKind.ORGANISATION:
        return {}
    born_on = facts.party.born_on
    if born_on is None:
        return {"party_is_minor": say("disclosures.age_wanted")}
    if facts.violation_on is None and age_on(born_on, facts.decided_on) < _ADULT + _LONGEST_AGO:
        return {"violation_on": say("disclosures.act_wanted")}
    return {}
