"""What a record to be published becomes on our own page: pure functions, and the last look before the public's.

Nothing is masked here: read-back would find other words than were sent, and what comes unmasked shows a fault that must
not pass in silence. A full text was confirmed by a person as it is; all other texts hold nothing that the rules find.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.ports.credit import DisclosureRecord, FieldFault
from gateway.rooms.bulletin.records import Shown
from gateway.rooms.disclosures.public_text import look
from gateway.words.errors import RejectedError
from gateway.words.masking import Public, is_mask

_SOURCE: Final = "政府信息公开条例第十五条"
_TEXTS: Final = {
    "violation": "违法行为类型",
    "facts": "违法事实",
    "basis": "处罚依据",
    "content": "处罚内容",
    "licence": "证照名称及编号",
}


def faults(record: DisclosureRecord) -> Iterator[FieldFault]:
    """What the public must not read and would: a person's name unmasked, and what the rules find in a text."""
    if _public_name(record) is None:
        yield _fault("party.name", "当事人")
    for field, title in _TEXTS.items():
        if look(getattr(record, field) or ""):
            yield _fault(field, title)


def entry_of(record: DisclosureRecord) -> Shown:
    """What the page says; a document's number and who represents the party are never taken.

    Raises RejectedError for what should have been masked before it came here.
    """
    for found in faults(record):
        raise RejectedError(f"{found.title}中有未隐去的个人信息，不予公示", "unmasked")
    name = _public_name(record)
    assert name is not None, "one that is not masked was refused before"
    return Shown(
        organ_name=Public(record.authority_name),
        party=name,
        violation=Public(record.violation),
        facts=Public(record.facts),
        basis=Public(record.basis),
        penalty_kinds=tuple(Public(kind) for kind in record.penalty_kinds),
        content=Public(record.content),
        fine=record.fine,
        confiscated=record.confiscated,
        licence=None if record.licence is None else Public(record.licence),
        decided_on=record.decided_on,
        full_text=None if record.full_text is None else Public(record.full_text),
        person=_person(record),
    )


def _person(record: DisclosureRecord) -> bool:
    """Whether its party's name is that of a natural person, a shop's own name among them."""
    party = record.party
    return party.category == "natural_person" or (party.category == "individual_business" and party.may_name_a_person)


def _public_name(record: DisclosureRecord) -> Public | None:
    """The name as the page says it; None where it is a person's and not masked."""
    name = record.party.public_name
    return None if name is None or (_person(record) and not is_mask(name)) else name


def _fault(field: str, title: str) -> FieldFault:
    return FieldFault(field=field, wire=field, title=title, fault="personal", source=_SOURCE)
