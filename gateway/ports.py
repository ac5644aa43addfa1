"""The doors to external systems: one Protocol per adapter kind, with its request and result models.

Amounts are integer fen, instants are aware datetimes, days are dates in Asia/Shanghai. Every effect carries
``reference``: ours, durable before the call, never reused, by which the other side is asked when the answer is lost.
Adapters raise only the errors of ``gateway.errors``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Protocol, runtime_checkable

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Fen = Annotated[int, Field(ge=0, le=999_999_999_999)]


class Message(BaseModel):
    """A value that crosses a port: immutable, closed to unknown fields, JSON both ways."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")


# --- all adapters --------------------------------------------------------------------------------------------------


class Kind(StrEnum):
    """What an adapter is for; also the first part of its name."""

    NONTAX = "nontax"
    CREDIT = "credit"
    REGISTRY = "registry"
    SEAL = "seal"


@dataclass(frozen=True)
class ReferenceFormat:
    """What the other side accepts as our reference: at most ``length`` characters of ``alphabet``."""

    length: int
    alphabet: str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    prefix: str = ""


@dataclass(frozen=True)
class FindGuarantee:
    """How far "not found" can be trusted.

    ``consistent``: an effect is visible to ``find`` as soon as it happened. Otherwise "not found" counts only
    ``settle_seconds`` after the call. ``offered=False``: there is no query, and doubt waits for a person.
    """

    offered: bool = True
    consistent: bool = False
    settle_seconds: float = 120.0


@dataclass(frozen=True)
class AdapterInfo:
    """What an adapter declares about itself; ``gateway adapters`` prints it and the conformance kit reads it.

    ``capabilities`` names the port methods that work. ``sensitive`` names the fields of the wire format (XML local
    names or JSON keys) whose values must not appear in the redacted copy of an exchange. ``encoding`` is the wire's
    character set: text it cannot hold is refused before sending. ``idempotent``: the same reference sent twice has
    one effect there. ``schemes`` are those of the addresses it calls: http and https, or tcp and tls for frames.
    """

    kind: Kind
    name: str
    contract: str
    capabilities: frozenset[str]
    reference: ReferenceFormat = field(default_factory=lambda: ReferenceFormat(32))
    find: FindGuarantee = field(default_factory=FindGuarantee)
    sensitive: frozenset[str] = frozenset()
    encoding: str = "utf-8"
    idempotent: bool = True
    schemes: frozenset[str] = frozenset({"http", "https"})


@dataclass(frozen=True)
class Incoming:
    """One message that an external system sent to ``/callbacks/{channel}``: the exact bytes, and when they came."""

    headers: Mapping[str, str]  # names in lower case
    body: bytes
    received_at: datetime
    path: str = ""


@dataclass(frozen=True)
class Reply:
    """What to answer an incoming message with, in the other side's format."""

    status: int
    body: bytes
    content_type: str


@runtime_checkable
class Adapter(Protocol):
    """What every adapter has. Built by ``gateway.plugins`` as ``AdapterClass(settings, wire, clock)``:

    ``settings`` an instance of the class's own ``Settings`` model, ``wire`` a ``gateway.wire.ChannelWire`` bound to the
    channel, ``clock`` a ``gateway.clock.Clock``.
    """

    info: ClassVar[AdapterInfo]
    Settings: ClassVar[type[BaseModel]]

    async def check(self) -> str:
        """Prove with a harmless call that the other side is reachable and accepts our credentials.

        Returns one line for people. Raises NotSentError, DeniedError or OutcomeUnknownError.
        """
        ...

    async def close(self) -> None:
        """Let go of everything opened."""
        ...


# --- non-tax revenue platform 非税收入收缴平台 ---------------------------------------------------------------------


class BillLine(Message):
    """One line of a bill: income item 收入项目 and amount in fen."""

    item_code: str
    item_name: str
    amount: Fen


class IssueRequest(Message):
    """One bill to be given a payment code 缴款码. ``total`` equals the sum of the lines.

    ``code`` is set only in the issuing modes where the unit composes the code or takes it from a range.
    """

    reference: str
    region: str
    unit_code: str
    unit_name: str
    payer_name: str
    payer_code: str | None = None
    payer_phone: str | None = None
    decision_number: str
    lines: tuple[BillLine, ...]
    total: Fen
    bill_date: date
    due_on: date | None = None
    code: str | None = None
    memo: str = ""


class Issued(Message):
    """The platform gave a code. ``valid_until`` is the platform's date for the code, not the legal due date."""

    reference: str
    code: str
    total: Fen
    pay_url: str | None = None
    valid_until: date | None = None
    check_code: str | None = None


class PaidFact(Message):
    """That money arrived: the business key is ``code`` and ``bank_serial``."""

    code: str
    amount: Fen
    paid_at: AwareDatetime
    bank_serial: str
    pay_mode: str
    payer_name: str | None = None


class BillState(StrEnum):
    """States of a bill on the platform's wire (PayStats 0, 1, 2)."""

    UNPAID = "unpaid"
    PAID = "paid"
    VOID = "void"


class Bill(Message):
    """What the platform knows about one bill, found by our reference or by its code."""

    reference: str
    code: str
    total: Fen
    state: BillState
    pay_url: str | None = None
    valid_until: date | None = None
    check_code: str | None = None
    paid: tuple[PaidFact, ...] = ()


class FindRequest(Message):
    """Ask by our reference, or by the code, exactly one of them."""

    reference: str | None = None
    code: str | None = None


class CancelRequest(Message):
    """Void an unpaid bill. ``bill_reference`` is the reference it was issued under."""

    reference: str
    bill_reference: str
    code: str
    reason: str


class Cancelled(Message):
    """The platform has voided the bill."""

    code: str


class RefundRequest(Message):
    """File a refund 退付; finance decides later."""

    reference: str
    code: str
    bank_serial: str
    amount: Fen
    reason: str
    payee_name: str
    payee_account: str
    payee_bank: str


class RefundState(StrEnum):
    """States of a refund at the platform."""

    FILED = "filed"
    APPROVED = "approved"
    REFUNDED = "refunded"
    REFUSED = "refused"


class Refund(Message):
    """What the platform knows about one refund."""

    reference: str
    code: str
    amount: Fen
    state: RefundState
    reason: str | None = None
    refunded_at: AwareDatetime | None = None


class StatementLine(Message):
    """One collected or refunded amount on a statement 对账文件."""

    kind: Literal["paid", "refunded"]
    reference: str
    code: str
    amount: Fen
    paid_at: AwareDatetime
    bank_serial: str
    unit_code: str
    item_codes: tuple[str, ...] = ()


class StatementPage(Message):
    """One page of a day's statement. ``count`` and ``amount`` (of paid lines) are totals of the whole day."""

    day: date
    page: int
    pages: int
    count: int
    amount: Fen
    lines: tuple[StatementLine, ...]


class ReceiptRequest(Message):
    """Ask for the fiscal receipt of a paid bill to be issued."""

    reference: str
    code: str


class ReceiptSignature(Message):
    """A detached SM2 signature over the exact bytes of a receipt's file: by the issuing unit or finance's supervisor.

    ``certificate`` is DER; ``value`` the DER signature; ``signed_at`` stands beside it and is not covered by it.
    """

    role: Literal["issuer", "supervisor"]
    signed_at: AwareDatetime
    certificate: bytes
    value: bytes


class FiscalReceipt(Message):
    """A fiscal receipt 财政电子票据: 8-digit code, 10-digit number, 6-character check code, and its file.

    ``signatures`` is empty where the platform sends none beside the file.
    """

    code: str
    receipt_code: str
    receipt_number: str
    check_code: str
    amount: Fen
    issued_at: AwareDatetime
    document: bytes
    media_type: str
    signatures: tuple[ReceiptSignature, ...] = ()


class PaymentNotice(Message):
    """A callback's content once opened: money arrived."""

    kind: Literal["paid"] = "paid"
    fact: PaidFact
    bill_reference: str | None = None


class VerdictNotice(Message):
    """A callback's content once opened: a target decided about a submission. A hint to ask, unless authenticated."""

    kind: Literal["verdict"] = "verdict"
    reference: str


class SealNotice(Message):
    """A callback's content once opened: a seal job moved. Always only a hint to ask."""

    kind: Literal["seal"] = "seal"
    reference: str


@dataclass(frozen=True)
class OpenedCallback:
    """A callback after authentication: what it says, how to acknowledge it, how to say "not now, send it again"."""

    notice: PaymentNotice | VerdictNotice | SealNotice
    event_key: str
    nonce: str
    acknowledge: Reply
    retry_later: Reply


@runtime_checkable
class NonTaxPlatform(Adapter, Protocol):
    """Non-tax revenue platform."""

    async def issue(self, request: IssueRequest) -> Issued:
        """Ask for a payment code for one bill. The same reference sent twice yields the same code."""
        ...

    async def find(self, request: FindRequest) -> Bill | None:
        """What the platform knows of a bill; None when it says that there is none."""
        ...

    async def cancel(self, request: CancelRequest) -> Cancelled:
        """Void an unpaid bill. A bill already void is a success; a paid one raises RejectedError."""
        ...

    async def refund(self, request: RefundRequest) -> Refund:
        """File a refund; the answer is only that it was filed."""
        ...

    async def find_refund(self, reference: str) -> Refund | None:
        """State of a refund by our reference."""
        ...

    async def statement(self, day: date, page: int) -> StatementPage:
        """One page (from 1) of the statement of one platform day."""
        ...

    async def receipt(self, request: ReceiptRequest) -> FiscalReceipt:
        """Have the receipt of a paid bill issued, or fetch it again. The same code yields the same receipt."""
        ...

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        """Authenticate and read a callback without any network. Raises ForgedCallbackError or ContractError."""
        ...


# --- disclosure targets: Credit China 信用中国, portals 公示平台 ----------------------------------------------------


class DisclosedParty(Message):
    """The party as disclosed. ``category`` is organisation, individual_business or natural_person."""

    category: Literal["organisation", "individual_business", "natural_person"]
    name: str
    uscc: str | None = None
    registration_number: str | None = None
    legal_representative: str | None = None
    id_type: str | None = None
    id_number: str | None = None


class DisclosureRecord(Message):
    """One decision as it is to be published: what the 30-field penalty table (发改办财金〔2018〕424号) needs.

    ``fine`` and ``confiscated`` in fen, None when not imposed. ``publish_until`` 公示截止期;
    ``valid_until`` 处罚有效期.
    Natural persons are already masked where the target's profile says so.
    """

    decision_number: str
    authority_name: str
    authority_code: str
    source_name: str
    source_code: str
    party: DisclosedParty
    violation: str
    facts: str
    basis: str
    penalty_kinds: tuple[str, ...]
    content: str
    fine: Fen | None = None
    confiscated: Fen | None = None
    licence: str | None = None
    decided_on: date
    valid_until: date
    publish_until: date
    full_text: str | None = None
    remark: str = ""


class SubmitRequest(Message):
    """Publish one decision under our reference."""

    reference: str
    record: DisclosureRecord


class FieldError(Message):
    """One field the target refused: its name on the wire, its code and the target's words."""

    field: str
    code: str
    message: str


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
    party_name: str


class CorrectRequest(Message):
    """Replace what is published by a corrected record 更正; the key stays."""

    reference: str
    record: DisclosureRecord
    reason: str


class WithdrawRequest(Message):
    """Take a publication back 撤回 with an explanation (行政处罚法 art. 48)."""

    reference: str
    key: DisclosureKey
    reason: str


class RepairRequest(Message):
    """End a publication early after repair 信用修复."""

    reference: str
    key: DisclosureKey
    repair_number: str


class Shown(Message):
    """What the public can see at the target: ``digest`` covers nothing here, compare the fields that matter."""

    key: DisclosureKey
    state: Literal["published", "withdrawn", "repaired", "ended"]
    content: str | None = None
    published_on: date | None = None
    url: str | None = None


@runtime_checkable
class DisclosureTarget(Adapter, Protocol):
    """Credit China, or one disclosure portal."""

    async def submit(self, request: SubmitRequest) -> Submission:
        """Submit one decision. PENDING is normal: the verdict comes later by ``find`` or callback."""
        ...

    async def find(self, reference: str) -> Submission | None:
        """The submission under our reference; None when the target says there is none."""
        ...

    async def correct(self, request: CorrectRequest) -> Submission:
        """Correct a publication."""
        ...

    async def withdraw(self, request: WithdrawRequest) -> Submission:
        """Withdraw a publication. Already withdrawn is a success."""
        ...

    async def repair(self, request: RepairRequest) -> Submission:
        """End a publication after repair."""
        ...

    async def read_back(self, key: DisclosureKey) -> Shown | None:
        """What is publicly shown for this decision; None when nothing ever was."""
        ...

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        """Authenticate and read a callback without any network."""
        ...


# --- registration authority 市场主体登记 ---------------------------------------------------------------------------


class RegistrationRecord(Message):
    """Registration facts of one entity as of ``as_of``. ``status`` is normalised (facts D3); ``raw_status`` as sent."""

    uscc: str | None
    name: str
    registration_number: str | None = None
    status: Literal[
        "operating", "suspended", "liquidating", "revoked", "deregistered", "annulled", "moved_out", "other"
    ]
    raw_status: str
    entity_type: str
    category: Literal["organisation", "individual_business"]
    legal_representative: str | None = None
    established_on: date | None = None
    registered_capital: str | None = None
    address: str | None = None
    service_address: str | None = None
    scope: str | None = None
    authority: str | None = None
    as_of: AwareDatetime


class EntitySummary(Message):
    """One hit of a search by name."""

    uscc: str | None
    name: str
    status: str


class EntityChange(Message):
    """One change of registration: what was altered, before and after."""

    uscc: str
    item: str
    before: str
    after: str
    changed_on: date


class ChangePage(Message):
    """Changes since a cursor; ask again with ``next_cursor`` until ``more`` is false."""

    changes: tuple[EntityChange, ...]
    next_cursor: str
    more: bool


@runtime_checkable
class EntityRegistry(Adapter, Protocol):
    """Registration authority. All reads: no effect, so a lost answer is simply asked again."""

    async def by_code(self, uscc: str) -> RegistrationRecord | None:
        """The record for a unified social credit code; None when not registered."""
        ...

    async def by_name(self, name: str) -> tuple[EntitySummary, ...]:
        """Entities whose name matches; possibly none."""
        ...

    async def changes(self, cursor: str) -> ChangePage:
        """Changes since ``cursor`` ("" = from the beginning)."""
        ...

    async def resolve_licence(self, token: str) -> RegistrationRecord | None:
        """The record behind a licence QR's token; None when the token is unknown. Raises RejectedError if expired."""
        ...


# --- seal service 电子签章 -----------------------------------------------------------------------------------------


class SealInfo(Message):
    """One seal that may be applied. ``eseal`` is the DER SESeal (GB/T 38540), which holds the picture."""

    seal_id: str
    name: str
    owner_code: str
    owner_name: str
    status: Literal["active", "suspended", "cancelled", "expired"]
    eseal: bytes | None = None


class Placement(Message):
    """Where a seal goes: page from 1, lower-left corner and size in millimetres."""

    page: Annotated[int, Field(ge=1)]
    x: float
    y: float
    width: float
    height: float


class ApplyRequest(Message):
    """Seal a digest: SM3 of the bytes to be covered, 32 bytes as lower-case hex. The document does not leave us."""

    reference: str
    seal_id: str
    digest: str
    property_info: str
    placements: tuple[Placement, ...]
    document_title: str
    approval: str


class SealJob(Message):
    """What the service knows about one sealing. ``signature`` is the DER SES_Signature once done."""

    reference: str
    job_id: str
    state: Literal["pending", "done", "refused", "void"]
    signature: bytes | None = None
    reason: str | None = None


@runtime_checkable
class SealService(Adapter, Protocol):
    """Electronic seal service. Its private keys never reach us."""

    async def list_seals(self, owner_code: str) -> tuple[SealInfo, ...]:
        """Seals of one organ."""
        ...

    async def apply(self, request: ApplyRequest) -> SealJob:
        """Have a digest sealed. PENDING is normal."""
        ...

    async def find(self, reference: str) -> SealJob | None:
        """The job under our reference; None when the service says there is none."""
        ...

    async def verify(self, signature: bytes, digest: str) -> bool:
        """The service's own opinion of a signature. We verify ourselves as well."""
        ...

    async def void(self, reference: str, reason: str) -> SealJob:
        """Void a sealing: adds a record at the service."""
        ...

    async def seal_status(self, seal_id: str) -> SealInfo | None:
        """State of one seal, with its DER."""
        ...

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        """Authenticate and read a callback without any network."""
        ...


# --- evidence ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RawExchange:
    """One request and answer as they crossed the wire, handed by ``wire`` to whoever keeps evidence.

    Bodies are exact bytes. ``outcome`` is "answered" or the name of the transport's error. Times in UTC microseconds.
    """

    channel: str
    direction: Literal["out", "in"]
    action: str
    method: str
    url: str
    request_headers: tuple[tuple[str, str], ...]
    request_body: bytes
    status: int | None
    response_headers: tuple[tuple[str, str], ...]
    response_body: bytes
    outcome: str
    started_at: int
    ended_at: int
    sensitive: frozenset[str] = frozenset()


class Recorder(Protocol):
    """Takes finished exchanges; never blocks, never raises."""

    def __call__(self, exchange: RawExchange) -> None: ...


JsonObject = dict[str, Any]
