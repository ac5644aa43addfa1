"""Whether, until when and in which words a decision is published at a target: pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from gateway.ports.credit import DisclosedParty, DisclosureKey, DisclosureRecord
from gateway.rooms.decisions import Decision, DecisionFacts, PartyKind
from gateway.rooms.disclosures.deadlines import Deadline, seriousness, submit_by
from gateway.rooms.disclosures.public_text import redact
from gateway.rooms.disclosures.rules import Rules, TargetProfile
from gateway.words.calendar import WorkingCalendar
from gateway.words.masking import Public, mask_published, may_be_a_person
from gateway.words.terms import add_months


@dataclass(frozen=True)
class Organ:
    """Who publishes: the organ 处罚机关 and the unit supplying the data 数据来源单位, each with its unified code."""

    name: str
    code: str
    source_name: str
    source_code: str


@dataclass(frozen=True)
class Plan:
    """To be published: by when, until when, and from when on a repair is possible."""

    by: Deadline
    until: date
    repair_from: date
    citation: str


@dataclass(frozen=True)
class Refusal:
    """Not to be published, why, and by which rule. ``overridable``: a recorded reason would change that."""

    reason: str
    citation: str
    overridable: bool = False


def plan(
    facts: DecisionFacts,
    profile: TargetProfile,
    rules: Rules,
    calendar: WorkingCalendar,
    *,
    today: date,
    override_reason: str | None = None,
) -> Plan | Refusal:
    """What the rules say about publishing a decision at a target, today.

    ``override_reason`` publishes a minor decision nevertheless; no reason overrides an exclusion.
    """
    for exclusion in rules.exclusions:
        if exclusion.holds(facts, today):
            return Refusal(exclusion.reason, exclusion.citation)
    if facts.party.kind is PartyKind.NATURAL_PERSON and profile.natural_persons == "withheld":
        return Refusal("当事人为自然人，本渠道不公示自然人", profile.period_citation or profile.submit_citation)
    by = submit_by(facts.decided_on, profile, calendar)
    if profile.years is not None:
        until = add_months(facts.decided_on, 12 * profile.years)
        found: Plan | Refusal = Plan(by, until, facts.decided_on, profile.period_citation)
    else:
        found = _by_regime(facts, rules, by, override_reason)
    if isinstance(found, Plan) and found.until < today:
        return Refusal(f"公示期限已于{found.until}届满", found.citation)
    return found


def _by_regime(facts: DecisionFacts, rules: Rules, by: Deadline, override_reason: str | None) -> Plan | Refusal:
    regime = rules.regime_of(facts.decided_on)
    if regime is None:
        return Refusal(f"没有适用于{facts.decided_on}所作决定的公示规则", "规则表 periods.toml")
    degree = seriousness(facts, regime)
    period = regime.period(degree)
    if not period.published and not override_reason:
        words = "轻微失信信息（简易程序，或仅警告、通报批评）原则上不予公示"
        return Refusal(words, regime.citation, overridable=True)
    decided = facts.decided_on
    return Plan(by, add_months(decided, period.maximum), add_months(decided, period.minimum), regime.citation)


def record(
    decision: Decision, organ: Organ, profile: TargetProfile, until: date, full_text: Public | None = None
) -> DisclosureRecord:
    """The decision in the words in which it leaves us: texts redacted, a natural person as the profile says.

    ``full_text``: as it may be public; sent where the profile asks for it. The name of an individual business that may
    be a person's is masked wherever persons are not shown in full.

    ``valid_until`` 处罚有效期 falls back to the end of publication where the case system gave none.
    """
    facts, party = decision.facts, decision.facts.party
    natural = party.kind is PartyKind.NATURAL_PERSON
    masked = profile.natural_persons != "full" and (
        natural or (party.kind is PartyKind.INDIVIDUAL_BUSINESS and may_be_a_person(party.name))
    )

    def public(text: str) -> str:
        return redact(text, party, decision.officers, mask_party=masked)

    return DisclosureRecord(
        decision_number=decision.number,
        authority_name=organ.name,
        authority_code=organ.code,
        source_name=organ.source_name,
        source_code=organ.source_code,
        party=DisclosedParty(
            category=party.kind.value,
            name=mask_published(party.name) if masked else party.name,
            uscc=party.uscc,
            registration_number=party.registration_number,
            organisation_code=party.organisation_code,
            institution_number=party.institution_number,
            social_organisation_number=party.social_organisation_number,
            legal_representative=None if masked else party.legal_representative,
            id_type=party.id_type if natural and not masked else None,
            id_number=party.id_number if natural and not masked else None,
        ),
        violation=public(facts.violation),
        facts=public(facts.facts),
        basis=facts.basis,
        penalty_kinds=facts.penalty_kinds,
        content=public(facts.content),
        fine=facts.fine,
        confiscated=facts.confiscated,
        licence=facts.licence,
        decided_on=facts.decided_on,
        valid_until=facts.valid_until or until,
        publish_until=until,
        full_text=full_text if profile.full_text else None,
    )


def key_of(record: DisclosureRecord) -> DisclosureKey:
    """What identifies the publication at its target: the name is the one that was sent."""
    return DisclosureKey(
        decision_number=record.decision_number,
        authority_code=record.authority_code,
        party_name=record.party.name,
    )
