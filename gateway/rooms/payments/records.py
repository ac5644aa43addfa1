"""Payments as they are kept: the records, and plain functions of a connection that store and read them."""

from __future__ import annotations

import secrets
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Date,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.delivery.events import Event
from gateway.foundation.delivery.tables import (
    event,
)
from gateway.foundation.rotation.indexed import Indexed
from gateway.foundation.store.base import constant
from gateway.foundation.store.engine import SQLITE
from gateway.foundation.store.prepared import HELD
from gateway.foundation.store.rows import columns, reader
from gateway.ports.nontax import BillLine, IssueRequest
from gateway.rooms.decisions.facts import EventKind
from gateway.rooms.decisions.records import numbered, of_party
from gateway.rooms.decisions.tables import decision, decision_event
from gateway.rooms.payments.bill import IncomeItem, LineInput, LineKind, PaymentRequest, Unit
from gateway.rooms.payments.states import (
    BESIDE_THE_BILL,
    CodeState,
    ExceptionState,
    Settlement,
    Status,
    UnforeseenKind,
    is_beside,
)
from gateway.rooms.payments.tables import (
    PROVISIONAL,
    collecting_unit,
    collection,
    income_item,
    payment,
    payment_code,
    payment_exception,
    payment_line,
)
from gateway.words.errors import NotFoundProblem
from gateway.words.identifiers import new_id
from gateway.words.saying import say

Source = Literal["callback", "query", "statement"]
"""Who told us first that money arrived."""


# --- records ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Payment:
    """One demand 缴款. Amounts in fen, instants in microseconds; what is sealed opens by the methods.

    ``decision_id`` is None for a remittance of cash; ``code`` is the live or last code; ``due_on`` is None until the
    decision is served, ``due_look_on`` the day on which it is looked at next (``payments.due``); ``asked_at``: when the
    platform was last asked how the bill stands, ``being_paid_since_at``: since when it says that somebody is paying.
    """

    id: str
    authority: str
    decision_number: str
    channel: str
    amount: int
    bill_sealed: bytes
    token_index: bytes
    token_sealed: bytes
    created_at: int
    updated_at: int
    decision_id: str | None = None
    instalment: int = 0
    line_group: str = "main"
    status: Status = Status.REQUESTED
    settlement: Settlement = Settlement.NONE
    paid_amount: int | None = None
    code: str | None = None
    pay_url: str | None = None
    check_code: str | None = None
    valid_until_on: date | None = None
    due_on: date | None = None
    due_provisional: bool = False
    due_look_on: date | None = None
    planned_due_on: date | None = None
    surcharge_paid: int | None = None
    surcharge_reduced: int = 0
    replaces: str | None = None
    reissue_sealed: bytes | None = None
    asked_at: int | None = None
    being_paid_since_at: int | None = None
    in_doubt_since_at: int | None = None
    doubt_reason: str | None = None
    reason: str | None = None
    paid_at: int | None = None

    def bill(self, envelope: Envelope) -> IssueRequest:
        """The bill as it was sent: payer, unit, lines."""
        return IssueRequest.model_validate_json(envelope.open(self.bill_sealed, _bill_context(self.id)))

    def with_bill(self, envelope: Envelope, bill: IssueRequest) -> Payment:
        """The same payment over a bill that was changed before it was sent."""
        return replace(self, bill_sealed=_sealed_bill(envelope, self.id, bill))

    def token(self, envelope: Envelope) -> str:
        """The token of the payer's page."""
        return envelope.open(self.token_sealed, _token_context(self.id)).decode()

    def asked_again(self, envelope: Envelope) -> PaymentRequest | None:
        """What is to be asked for once the void of this code is confirmed; None when nothing is."""
        if self.reissue_sealed is None:
            return None
        return PaymentRequest.model_validate_json(envelope.open(self.reissue_sealed, _reissue_context(self.id)))


@dataclass(frozen=True, slots=True)
class PaymentLine:
    """One line of a payment: what is collected, under which income item. ``amount`` in fen."""

    payment_id: str
    line: int
    kind: LineKind
    item_code: str
    item_name: str
    amount: int


@dataclass(frozen=True, slots=True)
class Code:
    """A payment code 缴款码, or the request for one: ``code`` is None until the platform gave it."""

    channel: str
    reference: str
    payment_id: str
    code: str | None
    state: CodeState
    asked_at: int
    issued_at: int | None
    closed_at: int | None


@dataclass(frozen=True, slots=True)
class Collection:
    """Money that arrived, in fen. ``payment_id`` is None while no payment has its code."""

    id: str
    channel: str
    code: str
    bank_serial: str
    amount: int
    paid_at: int
    pay_mode: str
    payer_sealed: bytes | None
    source: Source
    payment_id: str | None
    received_at: int

    def payer(self, envelope: Envelope) -> str | None:
        """Who paid, as the bank named them; None where nobody told."""
        return None if self.payer_sealed is None else envelope.open(self.payer_sealed, _payer_context(self.id)).decode()


@dataclass(frozen=True, slots=True)
class Unforeseen:
    """An exception 异常缴款: money that arrived as no bill foresaw.

    ``proposal`` is what was offered when it opened, ``resolution`` the way out that a person chose.
    """

    id: str
    authority: str
    payment_id: str
    collection_id: str
    kind: UnforeseenKind
    proposal: str
    state: ExceptionState
    opened_at: int
    resolution: str | None = None
    reason: str | None = None
    proposed_by: str | None = None
    proposed_name: str | None = None
    confirmed_by: str | None = None
    confirmed_name: str | None = None
    resolved_at: int | None = None

    @property
    def is_beside(self) -> bool:
        """Whether its money pays no bill."""
        return is_beside(self.kind, self.state, self.resolution)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a decision's payments stand; those that were refused or cancelled do not count.

    ``payments``: by instalment and group of lines, the live one. ``demanded``: fen demanded or paid, by kind of line.
    """

    payments: Mapping[tuple[int, str], str] = field(default_factory=dict)
    demanded: Mapping[LineKind, int] = field(default_factory=dict)

    def live(self, instalment: int, line_group: str) -> str | None:
        """The id of the live payment for a demand."""
        return self.payments.get((instalment, line_group))


@dataclass(frozen=True, slots=True)
class Awaited:
    """A payment whose code the platform has just given, and all that this meets here.

    ``owner``: the payment that has this code already, and ``owner_reference`` under which; ``money_waits``: money came
    on the code before. ``amended``, ``revoked``: what became of the decision meanwhile.
    """

    payment: Payment
    owner: str | None
    owner_reference: str | None
    money_waits: bool
    amended: bool
    revoked: bool


@dataclass(frozen=True, slots=True)
class PaymentFilter:
    """Which payments; what is None does not narrow. ``before`` is the id at which the previous page ended.

    ``party``: under what the party of their decision may be found (``decisions.records.party_indexes``).
    """

    authorities: tuple[str, ...] | None = None
    status: str | None = None
    code: str | None = None
    decision_number: str | None = None
    party: tuple[bytes, ...] | None = None
    in_doubt: bool | None = None
    before: str | None = None
    limit: int = 50


_payment = reader(Payment)
_line = reader(PaymentLine)
_code = reader(Code)
_collection = reader(Collection)
_unforeseen = reader(Unforeseen)
_event = reader(Event)


def _bill_context(payment_id: str) -> str:
    return f"payment|bill|{payment_id}"


def _token_context(payment_id: str) -> str:
    return f"payment|token|{payment_id}"


def _reissue_context(payment_id: str) -> str:
    return f"payment|reissue|{payment_id}"


def _payer_context(collection_id: str) -> str:
    return f"collection|payer|{collection_id}"


def _sealed_bill(envelope: Envelope, payment_id: str, bill: IssueRequest) -> bytes:
    return envelope.seal(bill.model_dump_json().encode(), _bill_context(payment_id))


def new_payment(
    envelope: Envelope, bill: IssueRequest, *, authority: str, channel: str, at: int, payment_id: str | None = None
) -> Payment:
    """A payment over a bill, not stored yet, with what every one has: id, sealed bill, the token of its page.

    The rest is told with ``dataclasses.replace``: decision, instalment, state, days. ``at`` in microseconds.
    """
    made_id = payment_id or new_id("pay")
    token = secrets.token_urlsafe(16)
    return Payment(
        id=made_id,
        authority=authority,
        decision_number=bill.decision_number,
        channel=channel,
        amount=bill.total,
        bill_sealed=_sealed_bill(envelope, made_id, bill),
        token_index=token_index(envelope, token),
        token_sealed=envelope.seal(token.encode(), _token_context(made_id)),
        created_at=at,
        updated_at=at,
    )


INDEXES = (
    Indexed(
        payment.c.token_index,
        lambda envelope, row: token_index(
            envelope, envelope.open(row["token_sealed"], _token_context(row["id"])).decode()
        ),
    ),
)
"""How the index of a token is made again under a new key."""


def token_indexes(envelope: Envelope, token: str) -> tuple[bytes, ...]:
    """Under what a token may be found now, the likeliest first."""
    return envelope.blind_indexes(token, _PAGE)


def token_index(envelope: Envelope, token: str) -> bytes:
    """By what the payment behind a payer page's token is found."""
    return envelope.blind_index(token, _PAGE)


def sealed_payer(envelope: Envelope, collection_id: str, name: str | None) -> bytes | None:
    """Who paid a sum, as it is kept."""
    return envelope.seal(name.encode(), _payer_context(collection_id)) if name else None


def sealed_reissue(envelope: Envelope, payment_id: str, ask: PaymentRequest) -> bytes:
    """What to ask for once the void of a code is confirmed, as it is kept."""
    return envelope.seal(ask.model_dump_json().encode(), _reissue_context(payment_id))


# --- statements -------------------------------------------------------------------------------------------------------

_PAGE = "payment.token"
"""What the blind index of a token is for."""
_ADD_PAYMENT = insert(payment)
_ADD_LINES = insert(payment_line)
_ADD_CODE = insert(payment_code).execution_options(**{HELD: True})
_ADD_COLLECTION = insert(collection)
_BY_ID = select(payment).where(payment.c.id == bindparam("id"))
_LOCKED = _BY_ID.with_for_update()
_LINES = select(payment_line).where(payment_line.c.payment_id == bindparam("id")).order_by(payment_line.c.line)
_OPEN = payment.c.status == constant(Status.ISSUED.value)
_UNPAID = payment.c.status.in_([constant(one.value) for one in (Status.REQUESTED, Status.ISSUED, Status.EXPIRED)])
# No Boolean: SQLite would be asked whether it "= 1", and would no longer see the condition of its index.
_PROVISIONAL: ColumnElement[bool] = literal_column(f"({PROVISIONAL})")
_AFTER = select(payment.c.id).where(payment.c.decision_id.is_not(None), payment.c.id > bindparam("after"))
_TURN = _AFTER.order_by(payment.c.id).limit(bindparam("most"))
_RESTING = _TURN.where(_PROVISIONAL)
_ENDING = _TURN.where(or_(_PROVISIONAL, and_(_UNPAID, payment.c.due_on >= bindparam("since", type_=Date))))
_HOW_MANY_REST = select(func.count()).select_from(payment).where(_PROVISIONAL)
_DEMANDS = payment.c.status.not_in([constant(Status.REJECTED.value), constant(Status.CANCELLED.value)])
_STANDING = (
    select(payment.c.id, payment.c.instalment, payment.c.line_group, payment_line.c.kind, payment_line.c.amount)
    .join(payment_line, payment_line.c.payment_id == payment.c.id)
    .where(payment.c.decision_id == bindparam("decision_id"), _DEMANDS)
)
_LOCK_DECISION = select(decision.c.id).where(decision.c.id == bindparam("id")).with_for_update()
_LOCK_ITS_DECISION = (
    select(decision.c.id)
    .where(decision.c.id == select(payment.c.decision_id).where(payment.c.id == bindparam("id")).scalar_subquery())
    .with_for_update()
)
# What is set is named by the values that a statement is executed with.
_CHANGE = update(payment).where(payment.c.id == bindparam("of"))
_LIVE_CODE = select(payment_code).where(
    payment_code.c.payment_id == bindparam("id"),
    payment_code.c.state.in_([constant(one.value) for one in (CodeState.REQUESTED, CodeState.LIVE, CodeState.PAID)]),
)
_UNMATCHED = select(collection).where(
    collection.c.channel == bindparam("channel"),
    collection.c.code == bindparam("code"),
    collection.c.payment_id.is_(None),
)
_COLLECTIONS = (
    select(collection)
    .where(collection.c.payment_id == bindparam("id"))
    .order_by(collection.c.received_at, collection.c.id)
)
_TIMELINE = select(event).where(event.c.subject == bindparam("id")).order_by(event.c.seq)
_UNIT = (
    select(collecting_unit)
    .where(collecting_unit.c.authority == bindparam("authority"), collecting_unit.c.valid_from_on <= bindparam("on"))
    .order_by(collecting_unit.c.valid_from_on.desc())
    .limit(1)
    .subquery("unit")
)
_UNIT_AND_ITEMS = (
    select(
        _UNIT.c.unit_code,
        _UNIT.c.unit_name,
        _UNIT.c.region,
        income_item.c.kind,
        income_item.c.item_code,
        income_item.c.item_name,
    )
    .outerjoin(
        income_item,
        and_(
            income_item.c.unit_code == _UNIT.c.unit_code,
            income_item.c.valid_from_on <= bindparam("on"),
            or_(income_item.c.valid_until_on.is_(None), income_item.c.valid_until_on >= bindparam("on")),
        ),
    )
    .order_by(income_item.c.valid_from_on)
)
_EXCEPTIONS_OF = (
    select(payment_exception)
    .where(payment_exception.c.payment_id == bindparam("id"))
    .order_by(payment_exception.c.id.desc())
)
_BY_CODE = select(payment_code).where(
    payment_code.c.channel == bindparam("channel"), payment_code.c.code == bindparam("code")
)
_SAME_CODE = payment_code.alias("same_code")
_AWAITED = (
    select(
        payment,
        _SAME_CODE.c.payment_id.label("owner"),
        _SAME_CODE.c.reference.label("owner_reference"),
        exists(_UNMATCHED).label("money_waits"),
        (decision.c.version > 1).label("amended"),
        exists(
            select(decision_event.c.id).where(
                decision_event.c.decision_id == payment.c.decision_id,
                decision_event.c.kind == constant(EventKind.REVOKED.value),
                decision_event.c.ended_by.is_(None),
            )
        ).label("revoked"),
    )
    .outerjoin(decision, decision.c.id == payment.c.decision_id)
    .outerjoin(_SAME_CODE, and_(_SAME_CODE.c.channel == bindparam("channel"), _SAME_CODE.c.code == bindparam("code")))
    .where(payment.c.id == bindparam("id"))
)
_BY_TOKEN = select(payment).where(payment.c.token_index == bindparam("token"))
_OF_DECISION = select(payment).where(payment.c.decision_id == bindparam("id")).order_by(payment.c.id)
_REPLACEMENT = select(payment.c.id).where(payment.c.replaces == bindparam("id"))
_CODES = select(payment_code).where(payment_code.c.payment_id == bindparam("id")).order_by(payment_code.c.asked_at)
_LAST_CODE = (
    select(payment_code)
    .where(payment_code.c.payment_id == bindparam("id"), payment_code.c.code.is_not(None))
    .order_by(payment_code.c.asked_at.desc(), payment_code.c.reference.desc())
    .limit(1)
)
_EXPIRED_CODE = (
    select(payment_code)
    .where(payment_code.c.payment_id == bindparam("id"), payment_code.c.state == constant(CodeState.EXPIRED.value))
    .order_by(payment_code.c.asked_at.desc())
    .limit(1)
)
_CODE = select(payment_code).where(
    payment_code.c.channel == bindparam("channel"), payment_code.c.reference == bindparam("reference")
)
_COLLECTION_OF = select(collection).where(
    collection.c.channel == bindparam("channel"),
    collection.c.code == bindparam("code"),
    collection.c.bank_serial == bindparam("bank_serial"),
)
_COLLECTION = select(collection).where(collection.c.id == bindparam("id"))
_MONEY_CAME = (
    select(collection.c.id)
    .join(payment, payment.c.id == collection.c.payment_id)
    .where(payment.c.decision_id == bindparam("id"))
    .limit(1)
)
_CLAIM = (
    update(collection)
    .where(collection.c.id == bindparam("of"), collection.c.payment_id.is_(None))
    .values(payment_id=bindparam("whose"))
)
_ADD_EXCEPTION = insert(payment_exception)
_EXCEPTION = select(payment_exception).where(payment_exception.c.id == bindparam("id"))
_EXCEPTIONS_ABOUT = select(payment_exception).where(payment_exception.c.collection_id == bindparam("id"))
_NOT_RESOLVED = payment_exception.c.state != constant(ExceptionState.RESOLVED.value)
_UNRESOLVED = _EXCEPTIONS_ABOUT.where(
    _NOT_RESOLVED, payment_exception.c.kind.in_([constant(kind.value) for kind in BESIDE_THE_BILL])
)
_LATE_MONEY = select(payment_exception.c.id).where(
    payment_exception.c.payment_id == bindparam("id"),
    payment_exception.c.kind == constant(UnforeseenKind.PAID_AFTER_EXPIRY.value),
    _NOT_RESOLVED,
)


def unit_of(conn: Connection, authority: str, on: date) -> Unit | None:
    """The collecting unit of an authority, with the income items it may collect, as valid on a day."""
    found = conn.execute(_UNIT_AND_ITEMS, {"authority": authority, "on": on}).all()
    if not found:
        return None
    return Unit(
        code=found[0].unit_code,
        name=found[0].unit_name,
        region=found[0].region,
        items={LineKind(one.kind): IncomeItem(one.item_code, one.item_name) for one in found if one.kind is not None},
    )


def set_unit(conn: Connection, authority: str, unit: Unit, valid_from: date) -> None:
    """Record a collecting unit and, exhaustively, what it may collect from a day on; the same again changes nothing.

    What it collected before ends the day before: items change on 1 January.
    """
    same = and_(collecting_unit.c.authority == authority, collecting_unit.c.valid_from_on == valid_from)
    values = {"unit_code": unit.code, "unit_name": unit.name, "region": unit.region}
    if conn.execute(update(collecting_unit).where(same).values(**values)).rowcount == 0:
        conn.execute(insert(collecting_unit), {"authority": authority, "valid_from_on": valid_from, **values})
    for kind, item in unit.items.items():
        key = and_(
            income_item.c.unit_code == unit.code,
            income_item.c.kind == kind.value,
            income_item.c.valid_from_on == valid_from,
        )
        named = {"item_code": item.code, "item_name": item.name}
        if conn.execute(update(income_item).where(key).values(**named)).rowcount == 0:
            conn.execute(
                insert(income_item),
                {"unit_code": unit.code, "kind": kind.value, "valid_from_on": valid_from, **named},
            )
    mine = income_item.c.unit_code == unit.code
    begins = list(
        conn.execute(select(income_item.c.valid_from_on).where(mine).distinct().order_by("valid_from_on")).scalars()
    )
    for begin, following in zip(begins, [*begins[1:], None], strict=True):
        last = None if following is None else following - timedelta(days=1)
        conn.execute(update(income_item).where(mine, income_item.c.valid_from_on == begin).values(valid_until_on=last))


def lock_decision(conn: Connection, decision_id: str) -> None:
    """Hold the decision until the end of the transaction, so that two demands cannot both fit.

    SQLite has one writer, who holds everything.
    """
    if conn.dialect.name != SQLITE:
        conn.execute(_LOCK_DECISION, {"id": decision_id})


def lock_decision_of(conn: Connection, payment_id: str) -> None:
    """Hold the decision behind a payment, if there is one."""
    if conn.dialect.name != SQLITE:
        conn.execute(_LOCK_ITS_DECISION, {"id": payment_id})


def standing(conn: Connection, decision_id: str) -> Standing:
    """How the payments of a decision stand. What other rooms claim of it is added by ``Hooks.demanded``."""
    payments: dict[tuple[int, str], str] = {}
    demanded: dict[LineKind, int] = {}
    for payment_id, instalment, group, kind, amount in conn.execute(_STANDING, {"decision_id": decision_id}):
        payments[instalment, group] = payment_id
        demanded[LineKind(kind)] = demanded.get(LineKind(kind), 0) + amount
    return Standing(payments, demanded)


def awaited(conn: Connection, payment_id: str, channel: str, code: str) -> Awaited:
    """A payment to which the platform gives a code. Its decision is held. Raises NotFoundProblem."""
    row = conn.execute(_AWAITED, {"id": payment_id, "channel": channel, "code": code}).mappings().first()
    if row is None:
        raise NotFoundProblem(say("payments.none"))
    return Awaited(
        payment=_payment(row),
        owner=row["owner"],
        owner_reference=row["owner_reference"],
        money_waits=bool(row["money_waits"]),
        amended=bool(row["amended"]),
        revoked=bool(row["revoked"]),
    )


def add(
    conn: Connection, made: Payment, lines: Sequence[LineInput], bill_lines: Sequence[BillLine], reference: str
) -> None:
    """Insert a payment with its lines and the code that is being asked for."""
    conn.execute(_ADD_PAYMENT, columns(made) | {"due_provisional": int(made.due_provisional)})
    conn.execute(
        _ADD_LINES,
        [
            {
                "payment_id": made.id,
                "line": number,
                "kind": line.kind.value,
                "item_code": sent.item_code,
                "item_name": sent.item_name,
                "amount": line.amount,
            }
            for number, (line, sent) in enumerate(zip(lines, bill_lines, strict=True), start=1)
        ],
    )
    conn.execute(
        _ADD_CODE,
        {
            "channel": made.channel,
            "reference": reference,
            "payment_id": made.id,
            "state": CodeState.REQUESTED.value,
            "asked_at": made.created_at,
        },
    )


def fetch(conn: Connection, payment_id: str) -> Payment | None:
    """One payment."""
    row = conn.execute(_BY_ID, {"id": payment_id}).mappings().first()
    return None if row is None else _payment(row)


def held(conn: Connection, payment_id: str, of: Container[str] | None = None) -> Payment:
    """One payment, if it is of these authorities or none are named. Raises NotFoundProblem."""
    found = fetch(conn, payment_id)
    if found is None or (of is not None and found.authority not in of):
        raise NotFoundProblem(say("payments.none"))
    return found


def locked(conn: Connection, payment_id: str, of: Container[str] | None = None) -> Payment:
    """``held``, and kept from others until the end of the transaction. Raises NotFoundProblem."""
    row = conn.execute(_LOCKED, {"id": payment_id}).mappings().first()
    if row is None or (of is not None and row["authority"] not in of):
        raise NotFoundProblem(say("payments.none"))
    return _payment(row)


def fetch_by_token(conn: Connection, indexes: Iterable[bytes]) -> Payment | None:
    """The payment behind a payer page's token, by its ``token_indexes``."""
    for index in indexes:
        row = conn.execute(_BY_TOKEN, {"token": index}).mappings().first()
        if row is not None:
            return _payment(row)
    return None


def lines(conn: Connection, payment_id: str) -> list[PaymentLine]:
    """The lines of a payment in order."""
    return [_line(row) for row in conn.execute(_LINES, {"id": payment_id}).mappings()]


def change(conn: Connection, payment_id: str, now: int, **values: Any) -> None:
    """Set fields that are not states."""
    conn.execute(_CHANGE, {"of": payment_id, "updated_at": now, **values})


def after(conn: Connection, payment_id: str, most: int) -> list[Payment]:
    """Payments after an id, in the order of ids."""
    query = select(payment).where(payment.c.id > payment_id).order_by(payment.c.id).limit(most)
    return [_payment(row) for row in conn.execute(query).mappings()]


def unowned(conn: Connection, collection_id: str, most: int) -> list[Collection]:
    """Money that no payment has, after an id, in the order of ids."""
    query = select(collection).where(collection.c.payment_id.is_(None), collection.c.id > collection_id)
    return [_collection(row) for row in conn.execute(query.order_by(collection.c.id).limit(most)).mappings()]


def codes_of(conn: Connection, payment_id: str) -> list[Code]:
    """Every code of a payment, and every request for one."""
    return [_code(row) for row in conn.execute(_CODES, {"id": payment_id}).mappings()]


def live_code(conn: Connection, payment_id: str) -> Code | None:
    """The requested, live or paid code of a payment."""
    row = conn.execute(_LIVE_CODE, {"id": payment_id}).mappings().first()
    return None if row is None else _code(row)


def last_code(conn: Connection, payment_id: str) -> Code | None:
    """The newest code of a payment, whatever became of it; None while none was given."""
    row = conn.execute(_LAST_CODE, {"id": payment_id}).mappings().first()
    return None if row is None else _code(row)


def expired_code(conn: Connection, payment_id: str) -> Code | None:
    """The newest code of a payment that the platform let expire."""
    row = conn.execute(_EXPIRED_CODE, {"id": payment_id}).mappings().first()
    return None if row is None else _code(row)


def fetch_code(conn: Connection, channel: str, reference: str) -> Code | None:
    """One code, by the reference it was asked for with."""
    row = conn.execute(_CODE, {"channel": channel, "reference": reference}).mappings().first()
    return None if row is None else _code(row)


def add_code(conn: Connection, asked: Code) -> None:
    """Insert a code that is being asked for."""
    conn.execute(_ADD_CODE, columns(asked))


def replacement_of(conn: Connection, payment_id: str) -> str | None:
    """The id of the payment that re-issues this one's code."""
    return conn.execute(_REPLACEMENT, {"id": payment_id}).scalar()


def to_ask(conn: Connection, today: date, lately: int, now: int, limit: int) -> list[Payment]:
    """Issued payments whose code is past its validity, or about which the platform was not asked since ``lately``.

    Nothing that was asked about since ``now``.
    """

    def not_asked_since(moment: int) -> ColumnElement[bool]:
        return or_(payment.c.asked_at.is_(None), payment.c.asked_at < moment)

    stale = and_(not_asked_since(lately), payment.c.updated_at < lately)
    over = and_(not_asked_since(now), payment.c.valid_until_on < today)
    query = select(payment).where(_OPEN, or_(stale, over)).order_by(payment.c.asked_at.nulls_first()).limit(limit)
    return [_payment(row) for row in conn.execute(query).mappings()]


def resting_on_days(conn: Connection, since: date | None, after: str, most: int) -> Sequence[str]:
    """The ids of unpaid payments of decisions whose last day rests on days that are not published, or with ``since``
    lies on that day or later; those after an id, in order.
    """
    if since is None:
        return conn.execute(_RESTING, {"after": after, "most": most}).scalars().all()
    return conn.execute(_ENDING, {"since": since, "after": after, "most": most}).scalars().all()


def provisional(conn: Connection) -> int:
    """How many unpaid payments have a last day that rests on days that are not published."""
    return int(conn.execute(_HOW_MANY_REST).scalar_one())


def to_look_at(conn: Connection, today: date, limit: int) -> list[Payment]:
    """Unpaid payments whose due date is to be looked at now, those that wait longest first."""
    query = select(payment).where(_UNPAID, payment.c.due_look_on <= today).order_by(payment.c.due_look_on).limit(limit)
    return [_payment(row) for row in conn.execute(query).mappings()]


def looked_at(conn: Connection, seen: Payment, next_on: date | None) -> bool:
    """Say when a due date is looked at next; False where it has moved, or somebody else has looked."""
    same = (payment.c.id == seen.id, payment.c.due_on == seen.due_on, payment.c.due_look_on == seen.due_look_on)
    return conn.execute(update(payment).where(*same, _UNPAID).values(due_look_on=next_on)).rowcount == 1


def open_bills(conn: Connection) -> int:
    """How many codes can still be paid."""
    return int(conn.execute(select(func.count()).where(_OPEN)).scalar_one())


def by_code(conn: Connection, channel: str, code: str) -> Code | None:
    """Whose code this is."""
    row = conn.execute(_BY_CODE, {"channel": channel, "code": code}).mappings().first()
    return None if row is None else _code(row)


def collection_of(conn: Connection, channel: str, code: str, bank_serial: str) -> Collection | None:
    """Money already known under its business key."""
    key = {"channel": channel, "code": code, "bank_serial": bank_serial}
    row = conn.execute(_COLLECTION_OF, key).mappings().first()
    return None if row is None else _collection(row)


def money_came(conn: Connection, decision_id: str) -> bool:
    """Whether money has come in for any payment of a decision."""
    return conn.execute(_MONEY_CAME, {"id": decision_id}).first() is not None


def fetch_collection(conn: Connection, collection_id: str) -> Collection | None:
    """Money that arrived, by its id."""
    row = conn.execute(_COLLECTION, {"id": collection_id}).mappings().first()
    return None if row is None else _collection(row)


def add_collection(conn: Connection, money: Collection) -> None:
    """Keep money that arrived."""
    conn.execute(_ADD_COLLECTION, columns(money))


def unmatched(conn: Connection, channel: str, code: str) -> list[Collection]:
    """Money that arrived for a code before we knew whose it is."""
    return [_collection(row) for row in conn.execute(_UNMATCHED, {"channel": channel, "code": code}).mappings()]


def claim_collection(conn: Connection, collection_id: str, payment_id: str) -> bool:
    """Say whose money it is; False when somebody else has it."""
    return conn.execute(_CLAIM, {"of": collection_id, "whose": payment_id}).rowcount == 1


def collections_of(conn: Connection, payment_id: str) -> list[Collection]:
    """All money that arrived for a payment, in order of arrival."""
    return [_collection(row) for row in conn.execute(_COLLECTIONS, {"id": payment_id}).mappings()]


def collected_between(conn: Connection, channel: str, start: int, end: int) -> list[Collection]:
    """Our books for a statement's day: money paid from ``start`` up to but not including ``end`` (microseconds)."""
    query = (
        select(collection)
        .where(collection.c.channel == channel, collection.c.paid_at >= start, collection.c.paid_at < end)
        .order_by(collection.c.code, collection.c.bank_serial)
    )
    return [_collection(row) for row in conn.execute(query).mappings()]


def add_exception(conn: Connection, odd: Unforeseen) -> None:
    """Keep an exception 异常缴款 that opens."""
    conn.execute(_ADD_EXCEPTION, columns(odd))


def exceptions_of(conn: Connection, payment_id: str) -> list[Unforeseen]:
    """The exceptions of one payment, newest first."""
    return [_unforeseen(row) for row in conn.execute(_EXCEPTIONS_OF, {"id": payment_id}).mappings()]


def exceptions_about(conn: Connection, collection_id: str) -> list[Unforeseen]:
    """The exceptions of one sum of money."""
    return [_unforeseen(row) for row in conn.execute(_EXCEPTIONS_ABOUT, {"id": collection_id}).mappings()]


def fetch_exception(conn: Connection, exception_id: str) -> Unforeseen | None:
    """One exception."""
    row = conn.execute(_EXCEPTION, {"id": exception_id}).mappings().first()
    return None if row is None else _unforeseen(row)


def held_exception(conn: Connection, exception_id: str) -> Unforeseen:
    """One exception. Raises NotFoundProblem."""
    found = fetch_exception(conn, exception_id)
    if found is None:
        raise NotFoundProblem(say("payments.no_exception"))
    return found


def unresolved_exception(conn: Connection, collection_id: str) -> Unforeseen | None:
    """The exception that says that this money did not pay its bill, while nobody has settled it."""
    row = conn.execute(_UNRESOLVED, {"id": collection_id}).mappings().first()
    return None if row is None else _unforeseen(row)


def waits_about_late_money(conn: Connection, payment_id: str) -> bool:
    """Whether money came on the expired code of this payment and nobody has settled what becomes of it."""
    return conn.execute(_LATE_MONEY, {"id": payment_id}).first() is not None


def of_decision(conn: Connection, decision_id: str) -> list[Payment]:
    """All payments of a decision, oldest first."""
    return [_payment(row) for row in conn.execute(_OF_DECISION, {"id": decision_id}).mappings()]


def search(conn: Connection, narrow: PaymentFilter) -> list[Payment]:
    """Payments, newest first."""
    query = select(payment).order_by(payment.c.id.desc()).limit(narrow.limit)
    if narrow.authorities is not None:
        # As an expression where the party says more: SQLite would go through all payments of the authority.
        theirs: ColumnElement[str] = payment.c.authority if narrow.party is None else payment.c.authority.concat("")
        query = query.where(theirs.in_(narrow.authorities))
    if narrow.status is not None:
        query = query.where(payment.c.status == str(narrow.status))
    if narrow.code is not None:
        query = query.where(payment.c.code == narrow.code)
    if narrow.decision_number is not None:
        query = query.where(numbered(payment.c.decision_number, narrow.decision_number))
    if narrow.party is not None:
        query = query.where(payment.c.decision_id.in_(of_party(narrow.party)))
    if narrow.in_doubt is not None:
        flag = payment.c.in_doubt_since_at
        query = query.where(flag.is_not(None) if narrow.in_doubt else flag.is_(None))
    if narrow.before is not None:
        query = query.where(payment.c.id < narrow.before)
    return [_payment(row) for row in conn.execute(query).mappings()]


def timeline(conn: Connection, payment_id: str) -> list[Event]:
    """The events of a payment, oldest first."""
    return [_event(row) for row in conn.execute(_TIMELINE, {"id": payment_id}).mappings()]
