"""The door to disclosure targets: Credit China 信用中国, portals 公示平台."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, Protocol, runtime_checkable

from gateway.ports.base import Adapter, Fen, Incoming, Message, Notice, OpenedCallback, Pending, Refused
from gateway.words.masking import Public, is_mask, mask_document, mask_name, may_be_a_person
from gateway.words.personal import Held, Personal

KIND = "credit"


class VerdictNotice(Notice):
    """A callback's content once opened: a target decided about a submission. A hint to ask, unless authenticated."""

    kind: Literal["verdict"] = "verdict"
    reference: str


Category = Literal["organisation", "individual_business", "natural_person"]
"""What a party is: 法人及非法人组织, 个体工商户, 自然人."""


Name = Annotated[Personal, Held(str, mask_name, refuses_masks=True)]
"""A party's name, or that of who represents it: whatever prints it shows a mask, and a target is given it by name."""
Number = Annotated[Personal, Held(str, mask_document, refuses_masks=True)]


def named(name: str) -> Personal:
    """A name as it is told to a target."""
    return Personal(name, mask_name)


def numbered(number: str) -> Personal:
    """A document's number as it is told to a target."""
    return Personal(number, mask_document)


class DisclosedParty(Message):
    """The party as disclosed. ``category`` is organisation, individual_business or natural_person.

    ``id_type`` and ``id_number`` are a natural person's own document, ``representative_…`` that of the legal
    representative 法定代表人 or operator 经营者 of the other two.
    """

    category: Category
    name: Name
    uscc: str | None = None
    registration_number: str | None = None
    organisation_code: str | None = None
    institution_number: str | None = None
    social_organisation_number: str | None = None
    tax_number: str | None = None
    legal_representative: Name | None = None
    representative_id_type: str | None = None
    representative_id_number: Number | None = None
    id_type: str | None = None
    id_number: Number | None = None

    @property
    def may_name_a_person(self) -> bool:
        """Whether its name may be that of a natural person."""
        return may_be_a_person(self.name.for_official_use())

    @property
    def public_name(self) -> Public | None:
        """The name as anybody may read it: None for that of a natural person which is not masked."""
        name = Public(self.name.for_official_use())
        return None if self.category == "natural_person" and not is_mask(name) else name


class DisclosureRecord(Message):
    """One decision as it is to be published: the one record of which every target's table is a mapping.

    ``fine`` and ``confiscated`` in fen, None when not imposed. ``publish_until`` 公示截止期. ``valid_until`` 处罚有效期
    is None where nobody said it; no day stands in for it. ``case_name``: the name of the case 案件名称.
    Natural persons are already masked where the target's profile says so. What people write in their own words is
    ``Public``: nothing that the rules find in it goes to any target, a private link among them.
    """

    decision_number: str
    authority_name: str
    authority_code: str
    source_name: str
    source_code: str
    party: DisclosedParty
    violation: Public
    facts: Public
    basis: Public
    penalty_kinds: tuple[Public, ...]
    content: Public
    fine: Fen | None = None
    confiscated: Fen | None = None
    licence: Public | None = None
    decided_on: date
    valid_until: date | None = None
    publish_until: date
    full_text: Public | None = None
    remark: Public | None = None
    case_name: Public | None = None


class SubmitRequest(Message):
    """Publish one decision under our reference."""

    reference: str
    record: DisclosureRecord


class FieldError(Message):
    """One field the target refused: its name on the wire, its code and the target's words.

    ``title`` is its Chinese name there, ``fact`` the fact's name in the record, ``source`` the document that asks for
    it; empty where the target's table does not have such a field.
    """

    field: str
    code: str
    message: str
    title: str = ""
    fact: str = ""
    source: str = ""


Fault = Literal["missing", "too_long", "check", "early", "personal"]
"""What is wrong with a field: not there, too many characters, no such number, before the decision, personal data."""


class FieldFault(Message):
    """One thing that a target would refuse about a record. ``field`` is the fact's name in the record.

    ``wire`` and ``title`` are the field's two names at the target, ``source`` the document that asks for it;
    ``longest`` is in characters.
    """

    field: str
    wire: str
    title: str
    fault: Fault
    longest: int | None = None
    source: str = ""


class SubmissionState(StrEnum):
    """What the target has decided so far."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Submission(Message):
    """What the target knows about one submission."""

    reference: str
    state: SubmissionState
    receipt: str
    field_errors: tuple[FieldError, ...] = ()


class DisclosureKey(Message):
    """What identifies a published decision: number, authority code, party name."""

    decision_number: str
    authority_code: str
    party_name: Name

    @property
    def may_name_a_person(self) -> bool:
        """Whether the party may be a natural person, by its name."""
        return may_be_a_person(self.party_name.for_official_use())


class CorrectRequest(Message):
    """Replace what is published by a corrected record 更正; the key stays."""

    reference: str
    record: DisclosureRecord
    reason: Public


class WithdrawRequest(Message):
    """Take a publication back 撤回 with an explanation (行政处罚法 art. 48)."""

    reference: str
    key: DisclosureKey
    reason: Public


class RepairRequest(Message):
    """End a publication early after repair 信用修复.

    ``inspections``: results of inspections with the same breach, where the target shows them, stop too.
    """

    reference: str
    key: DisclosureKey
    repair_number: str
    inspections: bool = False


MarkName = Literal["objection", "under_appeal", "shielded"]


class MarkRequest(Message):
    """Set a mark on what is shown, or lift it. ``reason`` is read by the public where the target shows reasons.

    objection 异议标注, under_appeal 复议或诉讼期间: it stays shown, marked. shielded 暂时屏蔽: it is not shown until
    the mark is lifted.
    """

    reference: str
    key: DisclosureKey
    mark: MarkName
    lifted: bool = False
    reason: Public


class Shown(Message):
    """What the public can see at the target.

    None: the target does not show it, or does not tell. What is told is held against what was sent, field by field;
    ``objection``, ``under_appeal``: whether it is marked so. ``inspections``: whether results of inspections with the
    same breach stand there.
    """

    key: DisclosureKey
    state: Literal["published", "withdrawn", "repaired", "ended", "shielded"]
    content: str | None = None
    published_on: date | None = None
    url: str | None = None
    party_code: str | None = None
    violation: str | None = None
    authority_name: str | None = None
    decided_on: date | None = None
    publish_until: date | None = None
    full_text: str | None = None
    objection: bool | None = None
    under_appeal: bool | None = None
    inspections: bool | None = None


@runtime_checkable
class DisclosureTarget(Adapter, Protocol):
    """Credit China, or one disclosure portal.

    Two things take time there. A submission in state PENDING has a receipt and waits for its verdict. An answer
    ``Pending`` has not even that: the target took the request and will number it later.
    """

    def examine(self, record: DisclosureRecord) -> tuple[FieldFault, ...]:
        """Everything that the target would refuse of a record, by its own table. It calls nobody."""
        ...

    async def submit(self, request: SubmitRequest) -> Submission | Pending:
        """Submit one decision. PENDING is normal: the verdict comes later by ``find`` or callback."""
        ...

    async def find(self, reference: str) -> Submission | Pending | Refused | None:
        """The submission under our reference; None when the target says there is none."""
        ...

    async def correct(self, request: CorrectRequest) -> Submission | Pending:
        """Correct a publication."""
        ...

    async def withdraw(self, request: WithdrawRequest) -> Submission | Pending:
        """Withdraw a publication. Already withdrawn is a success."""
        ...

    async def repair(self, request: RepairRequest) -> Submission | Pending:
        """End a publication after repair."""
        ...

    async def mark(self, request: MarkRequest) -> Submission | Pending:
        """Mark what is shown, or shield it from the public; or lift that. Once more is a success."""
        ...

    async def read_back(self, key: DisclosureKey) -> Shown | None:
        """What is publicly shown for this decision; None when nothing ever was."""
        ...

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        """Authenticate and read a callback without any network."""
        ...
