"""What a case system tells us about a decision, and what may happen to it afterwards."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.words.days import Day
from gateway.words.identifiers import check_registration_number, check_resident_id, check_uscc, clean_text
from gateway.words.money import Yuan
from gateway.words.text import Ask

Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(clean_text)]
LongText = Annotated[
    str, Field(min_length=1, max_length=20_000), AfterValidator(lambda text: clean_text(text, multiline=True))
]


class PartyKind(StrEnum):
    """Who was penalised: 自然人, 个体工商户, 法人或非法人组织."""

    NATURAL_PERSON = "natural_person"
    INDIVIDUAL_BUSINESS = "individual_business"
    ORGANISATION = "organisation"


class Party(Ask):
    """The party 当事人 / 行政相对人.

    A natural person is told apart by a document number; an organisation by its unified social credit code
    (GB 32100-2015); an individual business registered before unified codes by its registration number alone.
    """

    kind: PartyKind
    name: Name
    uscc: str | None = None
    registration_number: str | None = None
    legal_representative: Name | None = None
    id_type: (
        Literal["身份证", "护照号", "港澳居民来往内地通行证", "台湾居民来往大陆通行证", "外国人永久居留身份证"] | None
    ) = None
    id_number: Annotated[str, Field(min_length=5, max_length=64), AfterValidator(clean_text)] | None = None
    phone: Annotated[str, Field(pattern=r"^[0-9+ -]{5,30}$")] | None = None
    address: Annotated[str, Field(max_length=300), AfterValidator(clean_text)] | None = None

    @model_validator(mode="after")
    def _identified(self) -> Self:
        if self.uscc is not None:
            check_uscc(self.uscc)
        if self.registration_number is not None:
            check_registration_number(self.registration_number)
        if (self.id_type is None) != (self.id_number is None):
            raise ValueError("id_type and id_number go together: give both or neither")
        if self.id_type == "身份证" and self.id_number is not None:
            check_resident_id(self.id_number)
        if self.kind is PartyKind.NATURAL_PERSON and self.id_number is None:
            raise ValueError("a natural person needs id_type and id_number")
        if self.kind is PartyKind.ORGANISATION and self.uscc is None:
            raise ValueError("an organisation needs its uscc")
        if self.kind is PartyKind.INDIVIDUAL_BUSINESS and self.uscc is None and self.registration_number is None:
            raise ValueError("an individual business needs its uscc, or its registration_number if it has no uscc")
        return self


class Officer(Ask):
    """An officer 执法人员 who works the case. ``number``: of the certificate 执法证号. Personal data."""

    name: Name
    number: Annotated[str, Field(min_length=3, max_length=40), AfterValidator(clean_text)]


class DecisionFacts(Ask):
    """The facts of one penalty decision 行政处罚决定书.

    Amounts are decimal yuan on the wire. ``surcharge_stated``: whether the document itself states the surcharge
    加处罚款 (国务院令235号 art. 7); without it none is ever computed. ``payment_days``: calendar days from receipt
    (行政处罚法 art. 67: fifteen). ``seriousness`` 失信程度 is classified by the sector authority, never by us.
    ``officers`` 执法人员 are told what happens to their case; they are in no event and nothing that is published.
    """

    procedure: Literal["simple", "ordinary"]
    party: Party
    violation: LongText
    facts: LongText
    basis: LongText
    penalty_kinds: Annotated[tuple[Name, ...], Field(min_length=1, max_length=20)]
    content: LongText
    fine: Yuan | None = None
    confiscated: Yuan | None = None
    licence: Name | None = None
    decided_on: Day
    valid_until: Day | None = None
    surcharge_stated: bool = False
    payment_days: Annotated[int, Field(ge=1, le=365)] = 15
    seriousness: Literal["minor", "general", "serious"] | None = None
    field_of_law: Literal["public_security", "food", "drug", "special_equipment", "work_safety", "fire", "other"] = (
        "other"
    )
    withheld: Literal["state_secret", "forbidden_by_law", "security", "privacy"] | None = None
    party_is_minor: bool = False
    full_text: LongText | None = None
    officers: Annotated[tuple[Officer, ...], Field(max_length=20)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        kinds = "".join(self.penalty_kinds)
        if self.fine is not None and self.fine == 0:
            raise ValueError("fine must be above 0.00, or left out when no fine was imposed")
        if self.confiscated is not None and self.confiscated == 0:
            raise ValueError("confiscated must be above 0.00, or left out when nothing was confiscated")
        if self.fine is not None and "罚款" not in kinds:
            raise ValueError("a fine is given but penalty_kinds does not name 罚款")
        if self.confiscated is not None and "没收" not in kinds:
            raise ValueError("confiscated is given but penalty_kinds names no 没收")
        if self.surcharge_stated and self.fine is None:
            raise ValueError("surcharge_stated needs a fine: the surcharge runs on the fine only")
        if self.valid_until is not None and self.valid_until < self.decided_on:
            raise ValueError("valid_until lies before decided_on")
        if len({one.number for one in self.officers}) < len(self.officers):
            raise ValueError("officers names one certificate twice")
        return self


class EventKind(StrEnum):
    """What can happen to a decision."""

    SERVED = "served"
    APPEALED = "appealed"
    APPEAL_ENDED = "appeal_ended"
    DEFERRED = "deferred"
    CHANGED = "changed"
    REVOKED = "revoked"


class DecisionEvent(Ask):
    """One event, and the day on which it happened.

    served 送达: ``method`` (直接 留置 委托 邮寄 电子 公告) and ``evidence``; ``on`` is the day of receipt.
    deferred 延期: ``until``, the new last day to pay (行政处罚法 art. 66).
    appealed / appeal_ended: 复议 or 诉讼, between which no surcharge runs (art. 73).
    changed / revoked: ``reason``; both make publications be withdrawn (art. 48).
    """

    kind: EventKind
    on: Day
    method: Literal["direct", "left", "entrusted", "post", "electronic", "publication"] | None = None
    evidence: Annotated[str, Field(max_length=500), AfterValidator(clean_text)] | None = None
    until: Day | None = None
    reason: Annotated[str, Field(max_length=2000), AfterValidator(clean_text)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind is EventKind.SERVED and self.method is None:
            raise ValueError("served needs the method of service")
        if self.kind is EventKind.DEFERRED and self.until is None:
            raise ValueError("deferred needs until, the new last day to pay")
        if self.kind in (EventKind.CHANGED, EventKind.REVOKED) and not self.reason:
            raise ValueError(f"{self.kind} needs a reason")
        return self

    def data(self) -> dict[str, Any]:
        """Everything but kind and day, as JSON values."""
        return self.model_dump(mode="json", exclude={"kind", "on"}, exclude_none=True)
