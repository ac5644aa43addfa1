"""In which words a decision leaves us for a target: pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from gateway.ports.credit import DisclosedParty, DisclosureKey, DisclosureRecord, named, numbered
from gateway.rooms.decisions import Decision, PartyKind
from gateway.rooms.disclosures.public_text import cut, look, redact
from gateway.rooms.disclosures.rules import TargetProfile
from gateway.words.masking import Public, mask_published, may_be_a_person
from gateway.words.personal import Personal


@dataclass(frozen=True)
class Organ:
    """Who publishes: the organ 处罚机关 and the unit supplying the data 数据来源单位, each with its unified code."""

    name: str
    code: str
    source_name: str
    source_code: str


def record(
    decision: Decision, organ: Organ, profile: TargetProfile, until: date, full_text: Public | None = None
) -> DisclosureRecord:
    """The decision in the words in which it leaves us: texts redacted, a natural person as the profile says.

    ``full_text``: as it may be public; sent where the profile asks for it. The name of an individual business that may
    be a person's is masked wherever persons are not shown in full. In texts a natural person is masked everywhere: a
    target masks the name that it has in a field, and shows the texts as they are.

    ``valid_until`` 处罚有效期 is told or absent: no other day stands in for it. Documents of persons go only where
    natural persons are shown in full, over a private link.
    """
    facts, party = decision.facts, decision.facts.party
    natural = party.kind is PartyKind.NATURAL_PERSON
    trader = party.kind is PartyKind.INDIVIDUAL_BUSINESS and not profile.registered_names
    masked = profile.natural_persons != "full" and (natural or (trader and may_be_a_person(party.name)))
    private = profile.natural_persons == "full"

    def public(text: str) -> Public:
        return redact(text, party, decision.officers, mask_party=masked or natural)

    return DisclosureRecord(
        decision_number=decision.number,
        authority_name=organ.name,
        authority_code=organ.code,
        source_name=organ.source_name,
        source_code=organ.source_code,
        party=DisclosedParty(
            category=party.kind.value,
            name=named(mask_published(party.name) if masked else party.name),
            uscc=party.uscc,
            registration_number=party.registration_number,
            organisation_code=party.organisation_code,
            institution_number=party.institution_number,
            social_organisation_number=party.social_organisation_number,
            tax_number=party.tax_number,
            legal_representative=None if masked else _named(party.legal_representative),
            representative_id_type=party.representative_id_type if private else None,
            representative_id_number=_told(party.representative_id_number) if private else None,
            id_type=party.id_type if natural and not masked else None,
            id_number=_told(party.id_number) if natural and not masked else None,
        ),
        violation=public(facts.violation),
        facts=public(facts.facts),
        basis=public(facts.basis),
        penalty_kinds=tuple(map(public, facts.penalty_kinds)),
        content=public(facts.content),
        fine=facts.fine,
        confiscated=facts.confiscated,
        licence=public(facts.licence) if facts.licence else None,
        decided_on=facts.decided_on,
        valid_until=facts.valid_until,
        publish_until=until,
        full_text=full_text if profile.full_text else None,
        remark=public(facts.remark) if facts.remark else None,
        case_name=public(facts.case_name) if facts.case_name else None,
    )


def reason(text: str, decision: Decision | None) -> Public:
    """Why something is corrected, marked or taken off, as the public may read it: no natural person is named in it.

    None: the case is not kept any more, so only what the rules find is cut.
    """
    if decision is None:
        return cut(text, look(text))
    party = decision.facts.party
    person = party.kind is PartyKind.NATURAL_PERSON or may_be_a_person(party.name)
    return redact(text, party, decision.officers, mask_party=person)


def _named(name: str | None) -> Personal | None:
    return None if name is None else named(name)


def _told(number: Personal | None) -> Personal | None:
    """A document's number as a private link wants it."""
    return None if number is None else numbered(number.for_official_use())


def key_of(record: DisclosureRecord) -> DisclosureKey:
    """What identifies the publication at its target: the name is the one that was sent."""
    return DisclosureKey(
        decision_number=record.decision_number,
        authority_code=record.authority_code,
        party_name=record.party.name,
    )
