"""The party 当事人 of a decision: everybody who exists, as far as documents tell who it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.words.documents import (
    DocumentCheck,
    check_document,
    check_document_type,
    check_organisation_code,
    old_registration_number,
)
from gateway.words.identifiers import check_uscc, clean_text
from gateway.words.masking import mask_address, mask_document, mask_phone
from gateway.words.personal import Held, Personal
from gateway.words.saying import Sentence, UnfitError, say
from gateway.words.text import Ask
from gateway.words.wrong import shaped

Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(clean_text)]
Number = Annotated[str, Field(min_length=3, max_length=120), AfterValidator(clean_text)]
_DOCUMENT = Annotated[str, Field(min_length=3, max_length=64), AfterValidator(clean_text)]
_PHONE = Annotated[str, Field(pattern=shaped(r"^[0-9+ -]{5,30}$", "shapes.phone"))]
_ADDRESS = Annotated[str, Field(max_length=300), AfterValidator(clean_text)]
IdNumber = Annotated[Personal, Held(_DOCUMENT, mask_document)]
_PERSONAL = ("id_number", "representative_id_number", "phone", "address")


class PartyKind(StrEnum):
    """Who was penalised: 自然人, 个体工商户, 法人或非法人组织."""

    NATURAL_PERSON = "natural_person"
    INDIVIDUAL_BUSINESS = "individual_business"
    ORGANISATION = "organisation"


@dataclass(frozen=True)
class Warned:
    """Something unusual that is taken nevertheless: the field by its name in the API, and a sentence."""

    field: str
    reason: Sentence


class Party(Ask):
    """The party 当事人 / 行政相对人.

    A natural person is told apart by a document: ``id_type`` is a kind of document, or 其他- and its name. An
    organisation has its unified social credit code (GB 32100-2015), or an older code of its own, or ``no_uscc_reason``:
    why it has none (an owners' committee 业主委员会, a company abroad). An individual business has its unified code or
    registration number; a trader without a licence 无照经营 has the document of the person. ``representative_id_…`` is
    the document of the legal representative 法定代表人 or operator 经营者. ``wire_name`` with ``wire_name_reason``: how
    the name is written towards payment platforms whose character set lacks a character of it.
    """

    kind: PartyKind
    name: Name
    uscc: str | None = None
    no_uscc_reason: Name | None = Field(default=None, description="why an organisation has no unified code")
    registration_number: Number | None = Field(default=None, description="注册号: 15 or 13 digits, or a 字号")
    organisation_code: Number | None = Field(default=None, description="组织机构代码 (GB 11714)")
    institution_number: Number | None = Field(default=None, description="事业单位证书号")
    social_organisation_number: Number | None = Field(default=None, description="社会组织登记证号")
    tax_number: Number | None = Field(default=None, description="税务登记号")
    legal_representative: Name | None = None
    representative_id_type: Annotated[str, AfterValidator(check_document_type)] | None = None
    representative_id_number: IdNumber | None = None
    id_type: Annotated[str, AfterValidator(check_document_type)] | None = None
    id_number: IdNumber | None = None
    phone: Annotated[Personal, Held(_PHONE, mask_phone)] | None = None
    address: Annotated[Personal, Held(_ADDRESS, mask_address)] | None = None
    wire_name: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(clean_text)] | None = None
    wire_name_reason: Name | None = None

    def personal(self) -> Iterator[tuple[str, Personal]]:
        """What is known of the person: documents, telephone and address, by the names of their fields."""
        for name in _PERSONAL:
            if (value := getattr(self, name)) is not None:
                yield name, value

    def for_official_use(self) -> Self:
        """The same, written in full where it is written as JSON; without it what is ``personal`` is masked there."""
        return self.model_copy(update={name: value.shown() for name, value in self.personal()})

    @model_validator(mode="after")
    def _identified(self) -> Self:
        if self.uscc is not None:
            check_uscc(self.uscc)
        if (self.id_type is None) != (self.id_number is None):
            raise UnfitError(say("decisions.id_together"))
        if (self.representative_id_type is None) != (self.representative_id_number is None):
            raise UnfitError(say("decisions.representative_id_together"))
        if (self.wire_name is None) != (self.wire_name_reason is None):
            raise UnfitError(say("decisions.wire_name_together"))
        if self.no_uscc_reason is not None and self.uscc is not None:
            raise UnfitError(say("decisions.uscc_and_reason"))
        self.warnings()  # raises for numbers that none can have
        self._told_apart()
        return self

    def _told_apart(self) -> None:
        older = self.registration_number, self.organisation_code, self.institution_number
        coded = any((self.uscc, self.social_organisation_number, *older))
        if self.kind is PartyKind.NATURAL_PERSON and self.id_number is None:
            raise UnfitError(say("decisions.person_without_id"))
        if self.kind is PartyKind.ORGANISATION and not (coded or self.no_uscc_reason):
            raise UnfitError(say("decisions.organisation_without_code"))
        if self.kind is PartyKind.INDIVIDUAL_BUSINESS and not (coded or self.id_number):
            raise UnfitError(say("decisions.business_without_code"))

    def _document(self) -> DocumentCheck:
        if self.id_type is None or self.id_number is None:
            return DocumentCheck()
        return check_document(self.id_type, self.id_number.for_official_use())

    @property
    def number(self) -> str | None:
        """The number by which it is known: the unified code, else of its document, else an older one of its own."""
        if self.uscc is not None or self.id_number is None:
            older = self.registration_number, self.organisation_code, self.institution_number
            return next((one for one in (self.uscc, *older, self.social_organisation_number) if one is not None), None)
        return self.id_number.for_official_use()

    @property
    def born_on(self) -> date | None:
        """The birthday of the person penalised, where the document's number tells it."""
        return None if self.kind is PartyKind.ORGANISATION else self._document().born_on

    def warnings(self) -> tuple[Warned, ...]:
        """What is unusual about its numbers. ValueError where a number is none at all."""
        found = [Warned("party.id_number", one) for one in self._document().warnings]
        if self.representative_id_type is not None and self.representative_id_number is not None:
            number = self.representative_id_number.for_official_use()
            told = check_document(self.representative_id_type, number).warnings
            found += [Warned("party.representative_id_number", one) for one in told]
        if self.registration_number is not None:
            told = old_registration_number(self.registration_number)
            found += [Warned("party.registration_number", one) for one in told]
        if self.organisation_code is not None:
            found += [Warned("party.organisation_code", one) for one in check_organisation_code(self.organisation_code)]
        if self.uscc is not None:
            found += [Warned("party.uscc", one) for one in check_uscc(self.uscc).warnings]
        if self.no_uscc_reason is not None:
            found.append(Warned("party.uscc", say("decisions.warn_no_uscc", reason=self.no_uscc_reason)))
        return tuple(found)
