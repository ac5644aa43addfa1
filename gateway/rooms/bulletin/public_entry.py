"""What a record to be published becomes on our own page: a pure function, and the last look before the public's."""

from __future__ import annotations

from gateway.ports.credit import DisclosureRecord
from gateway.rooms.bulletin.records import Shown
from gateway.rooms.disclosures.public_text import Finding, look
from gateway.words.errors import RejectedError
from gateway.words.masking import Public, is_mask, may_be_a_person


def entry_of(record: DisclosureRecord) -> Shown:
    """What the page says. Raises RejectedError for what should have been masked before it came here.

    A document's number and who represents the party are never taken. A full text was confirmed by a person as it is;
    all other texts must hold nothing that the rules find. Nothing is masked here: read-back would find other words
    than were sent, and what came unmasked shows a fault that must not pass in silence.
    """
    party = record.party
    person = party.category == "natural_person" or (
        party.category == "individual_business" and may_be_a_person(party.name)
    )
    if person and not is_mask(party.name):
        raise RejectedError("自然人姓名未作隐去处理，不予公示", "unmasked")
    return Shown(
        organ_name=Public(record.authority_name),
        party=Public(party.name),
        violation=_clean(record.violation, "违法行为类型"),
        facts=_clean(record.facts, "违法事实"),
        basis=_clean(record.basis, "处罚依据"),
        penalty_kinds=tuple(Public(kind) for kind in record.penalty_kinds),
        content=_clean(record.content, "处罚内容"),
        fine=record.fine,
        confiscated=record.confiscated,
        licence=None if record.licence is None else _clean(record.licence, "证照名称"),
        decided_on=record.decided_on,
        full_text=None if record.full_text is None else Public(record.full_text),
        person=person,
    )


def _clean(text: str, field: str) -> Public:
    found: list[Finding] = look(text)
    if found:
        raise RejectedError(f"{field}中有未隐去的个人信息（{found[0].kind.chinese}），不予公示", "unmasked")
    return Public(text)
