"""What a case system sends and gets, as far as most of them need it.

Answers are open: a member that this version does not know is kept (``model_extra``), so a newer gateway breaks nobody.
States are plain text for the same reason. Amounts are yuan as ``Decimal``, never floats; instants know their zone.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

T = TypeVar("T")

Yuan = Annotated[
    Decimal, Field(ge=0, decimal_places=2), PlainSerializer(lambda amount: f"{amount:.2f}", return_type=str)
]


class Ask(BaseModel):
    """What is sent. Misspelt names are found here."""

    model_config = ConfigDict(extra="forbid")


class Shown(BaseModel):
    """What comes."""

    model_config = ConfigDict(extra="allow")


class Page(Shown, Generic[T]):
    """One page of a list; ``next`` is null on the last."""

    items: list[T]
    next: str | None


class DryRun(Shown):
    """What a request would do. ``record``: as it would be answered; ``would_send``: each call that would leave."""

    dry_run: Literal[True]
    record: Any
    would_send: list[dict[str, Any]]


class Event(Shown):
    """Something that happened."""

    id: str
    type: str
    subject: str
    authority: str
    at: datetime
    data: dict[str, Any]


class Party(Ask):
    """当事人. ``kind``: natural_person, individual_business or organisation."""

    kind: Literal["natural_person", "individual_business", "organisation"]
    name: str
    uscc: str | None = None
    id_type: str | None = None
    id_number: str | None = None
    legal_representative: str | None = None
    address: str | None = None
    phone: str | None = None


class DecisionFacts(Ask):
    """行政处罚决定."""

    procedure: Literal["simple", "ordinary"]
    party: Party
    violation: str
    facts: str
    basis: str
    penalty_kinds: list[str]
    content: str
    decided_on: date
    fine: Yuan | None = None
    confiscated: Yuan | None = None
    violation_on: date | None = None
    surcharge_stated: bool = False
    seriousness: Literal["minor", "general", "serious"] | None = None
    seriousness_standard: str | None = None
    seriousness_standard_on: date | None = None
    valid_until: date | None = None
    field_of_law: str = "other"


class PaymentSummary(Shown):
    """缴款. ``status`` says what it is, ``in_doubt_since`` whether the platform's answer is still being found out."""

    id: str
    authority: str
    decision_number: str
    status: str
    settlement: str
    amount: Yuan
    paid_amount: Yuan | None
    code: str | None
    due_on: date | None
    in_doubt_since: datetime | None
    reason: str | None
    paid_at: datetime | None


class Payment(PaymentSummary):
    """The same with what leads the party to pay, and all that happened."""

    pay_url: str | None
    payer_page: str
    timeline: list[Event]


class Disclosure(Shown):
    """公示: one decision at one target."""

    id: str
    authority: str
    decision_number: str
    target: str
    status: str
    submit_by: date | None
    publish_until: date | None
    published_on: date | None
    url: str | None
    late: bool
    in_doubt_since: datetime | None
    reason: str | None


class SealedDocument(Shown):
    """用印文件. Fetch its file once ``status`` is SEALED."""

    id: str
    authority: str
    decision_number: str | None
    status: str
    title: str
    seal_id: str
    digest: str
    sealed_at: datetime | None
    in_doubt_since: datetime | None
    reason: str | None


class Decision(Shown):
    """The one view of a decision: facts, money, seal, disclosures, and what is due next."""

    id: str
    authority: str
    number: str
    version: int
    facts: dict[str, Any]
    payments: list[PaymentSummary]
    disclosures: list[Disclosure]
    sealed_documents: list[SealedDocument]
    next_duty: str | None
    updated_at: datetime


class Entity(Shown):
    """市场主体: its registration record, and when it was confirmed."""

    record: dict[str, Any]
    confirmed_at: datetime
    stale: bool


class Seal(Shown):
    """印章 of an authority."""

    seal_id: str
    name: str


class Endpoint(Shown):
    """Where webhooks go. ``secret`` is shown when it is registered, and never again."""

    id: str
    authority: str
    url: str
    types: list[str]
    secret: str | None = None
