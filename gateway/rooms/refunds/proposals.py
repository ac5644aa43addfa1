"""What people say about a refund 退付: to whom, why, and with which documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Base64Bytes, Field

from gateway.foundation.two_persons import Person
from gateway.rooms.refunds.states import DocumentKind, RefundReason, WayOut
from gateway.words.identifiers import clean_text
from gateway.words.masking import mask_account, mask_person
from gateway.words.money import Yuan
from gateway.words.text import Ask
from gateway.words.wrong import shaped

if TYPE_CHECKING:  # a record opens the payee that is said here
    from gateway.rooms.refunds.records import RefundDocument

Short = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(clean_text)]


class Payee(Ask):
    """Who gets the money: name, account and bank as finance needs them. Kept sealed, shown masked."""

    name: Annotated[Short, Field(pattern=shaped(r"^[^*]+$", "shapes.unmasked"))]
    account: Annotated[str, Field(pattern=shaped(r"^[0-9A-Za-z-]{4,50}$", "shapes.account"))]
    bank: Short

    def masked(self) -> Payee:
        """As views show it: the first character of the name, the last four digits of the account."""
        name, account = mask_person(self.name), mask_account(self.account)
        return Payee.model_construct(name=name, account=account, bank=self.bank)


class DocumentInput(Ask):
    """A document that finance wants. ``digest``: SM3 in lower-case hex; may be left out when the file itself comes."""

    kind: DocumentKind
    reference: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(clean_text)]
    digest: Annotated[str, Field(pattern=shaped(r"^[0-9a-f]{64}$", "shapes.sm3"))] | None = None
    file: Base64Bytes | None = None
    media_type: Annotated[str, Field(pattern=shaped(r"^[a-z]+/[a-z0-9.+-]{1,60}$", "shapes.media_type"))] | None = None


class RefundProposal(Ask):
    """What is to go back, to whom and why.

    ``bank_serial`` names the money where several sums arrived; ``amount`` is all that is left of it if not given.
    Payee and documents may follow: without them nobody can confirm it. ``officer``: who speaks through a case system,
    "name and certificate number 执法证号"; needed where a client's key proposes.
    """

    reason: RefundReason
    explanation: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(clean_text)]
    payee: Payee | None = None
    bank_serial: Annotated[str, Field(min_length=1, max_length=80), AfterValidator(clean_text)] | None = None
    amount: Yuan | None = None
    documents: Annotated[tuple[DocumentInput, ...], Field(max_length=20)] = ()
    officer: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(clean_text)] | None = None


@dataclass(frozen=True)
class Resolution:
    """What one person wants done with unforeseen money, and why; payee and documents belong to a refund."""

    way_out: WayOut
    reason: str
    payee: Payee | None = None
    documents: Sequence[DocumentInput] = ()


@dataclass(frozen=True)
class Draft:
    """A proposal ready to be stored: sealed, under the id that it will have, by whom.

    ``said``: what an exception keeps as the reason of its way out.
    """

    id: str
    ask: RefundProposal
    payee: bytes | None
    documents: tuple[RefundDocument, ...]
    by: Person
    said: str
