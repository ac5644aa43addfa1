"""Disclosures as records, and all SQL about them: plain functions of a connection."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypedDict, Unpack

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Date,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
    union_all,
    update,
)

from gateway.foundation.access.tables import authority as owner
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.figures import Figure, Figures, Measure
from gateway.foundation.store.base import constant
from gateway.foundation.store.rows import columns, reader
from gateway.ports.credit import DisclosureRecord, FieldError
from gateway.rooms.decisions.records import numbered
from gateway.rooms.disclosures.publication import Organ
from gateway.rooms.disclosures.questions import Effect
from gateway.rooms.disclosures.rules import Ground
from gateway.rooms.disclosures.states import SHOWN, UNPUBLISHED, Status
from gateway.rooms.disclosures.tables import OWED, PROVISIONAL, PUBLIC, UNMARKED, disclosing_organ, disclosure
from gateway.rooms.disclosures.tables import UNPUBLISHED as UNPUBLISHED_WHERE
from gateway.words.personal import in_full

Awaiting = Literal["answer", "verdict", "page"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """One decision's publication at one target. Days are of Asia/Shanghai, instants UTC microseconds.

    ``target`` is the channel, ``decision_version`` the facts that were sent, ``citation`` the rule behind period or
    refusal. ``effect`` is what is under way at the target, and ``awaiting`` what of it. ``withdraw_wanted_at``: a
    withdrawal is owed since. ``objection_at`` and ``objection_marked_at``: objected to since, and shown so at the
    target since; ``appeal_at`` and ``appeal_marked_at``: the same of an appeal, where the target is to show it.
    ``look_on``: the day of the next look at what the public sees. ``end_held_at``: its period is over,
    and it is not ended because duties are not performed. ``late_at``, ``withdraw_late_at`` and ``end_late_at``: when
    the alarm was raised. ``due_soon_days`` and
    ``withdraw_due_soon_days``: for how many working days before the last day it was told last that it comes near.
    """

    id: str
    authority: str
    decision_id: str
    decision_number: str
    decision_version: int
    target: str
    status: Status
    record_sealed: bytes | None = None
    pending_sealed: bytes | None = None
    pending_version: int | None = None
    former_sealed: bytes | None = None
    citation: str
    override_reason: str | None = None
    basis_ground: Ground | None = None
    basis_citation: str | None = None
    judged_under: str | None = None
    submit_by_on: date | None = None
    submit_by_provisional: bool = False
    submit_citation: str | None = None
    pass_on_by_on: date | None = None
    publish_until_on: date | None = None
    repair_from_on: date | None = None
    effect: Effect | None = None
    awaiting: Awaiting | None = None
    effect_operation: str | None = None
    effect_reference: str | None = None
    withdraw_wanted_at: int | None = None
    withdraw_reason_on: date | None = None
    withdraw_by_on: date | None = None
    withdraw_by_provisional: bool = False
    withdraw_reason: str | None = None
    repair_number: str | None = None
    objection_at: int | None = None
    objection_reason: str | None = None
    objection_marked_at: int | None = None
    appeal_at: int | None = None
    appeal_marked_at: int | None = None
    shield_reason: str | None = None
    look_on: date | None = None
    looked_at: int | None = None
    end_held_at: int | None = None
    end_reason: str | None = None
    end_late_at: int | None = None
    receipt: str | None = None
    field_errors: tuple[FieldError, ...] = ()
    reason: str | None = None
    url: str | None = None
    published_on: date | None = None
    in_doubt_since_at: int | None = None
    doubt_reason: str | None = None
    late_at: int | None = None
    withdraw_late_at: int | None = None
    pass_on_late_at: int | None = None
    foreseen_late_at: int | None = None
    due_soon_days: int | None = None
    withdraw_due_soon_days: int | None = None
    created_at: int
    updated_at: int

    @property
    def late(self) -> bool:
        """Whether an alarm was raised about it."""
        return any((self.late_at, self.withdraw_late_at, self.pass_on_late_at, self.end_late_at))

    def sent(self, envelope: Envelope) -> DisclosureRecord:
        """The decision in the words in which it left us. ValueError where nothing may be published."""
        return self._opened(envelope, self.record_sealed)

    def correction(self, envelope: Envelope) -> DisclosureRecord:
        """The correction that is under way. ValueError where none is."""
        return self._opened(envelope, self.pending_sealed)

    def former(self, envelope: Envelope) -> DisclosureRecord | None:
        """What was shown before the last correction; None where nothing was corrected."""
        return None if self.former_sealed is None else self._opened(envelope, self.former_sealed)

    def _opened(self, envelope: Envelope, sealed: bytes | None) -> DisclosureRecord:
        if sealed is None:
            raise ValueError(f"the disclosure {self.id} holds no such record")
        return DisclosureRecord.model_validate_json(envelope.open(sealed, _record_context(self.id)))


def seal_record(envelope: Envelope, disclosure_id: str, record: DisclosureRecord) -> bytes:
    """A record as a disclosure keeps it."""
    return envelope.seal(in_full(record), _record_context(disclosure_id))


def _record_context(disclosure_id: str) -> str:
    return f"disclosure|record|{disclosure_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosureFilter:
    """Which disclosures a list shows, newest first. ``before``: the id at which the previous page ended.

    ``authorities`` None: of every authority.
    """

    authorities: Collection[str] | None
    status: Status | None = None
    target: str | None = None
    decision_number: str | None = None
    late: bool | None = None
    in_doubt: bool | None = None
    before: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Window:
    """The last days that lie within ``days`` working days, and not within fewer: from ``first`` to ``last``."""

    days: int
    first: date
    last: date


class Change(TypedDict, total=False):
    """Columns that change while the state stays."""

    decision_version: int
    record_sealed: bytes
    pending_sealed: bytes | None
    pending_version: int | None
    citation: str
    judged_under: str
    former_sealed: bytes | None
    submit_by_on: date
    submit_by_provisional: bool
    submit_citation: str
    pass_on_by_on: date | None
    publish_until_on: date
    repair_from_on: date
    effect: Effect | None
    awaiting: Awaiting | None
    effect_operation: str
    effect_reference: str | None
    withdraw_wanted_at: int | None
    withdraw_reason_on: date | None
    withdraw_by_on: date | None
    withdraw_by_provisional: bool
    withdraw_reason: str | None
    repair_number: str
    objection_at: int | None
    objection_reason: str | None
    objection_marked_at: int | None
    appeal_at: int | None
    appeal_marked_at: int | None
    shield_reason: str
    look_on: date | None
    looked_at: int
    end_held_at: int | None
    end_reason: str
    end_late_at: int
    receipt: str | None
    field_errors: list[dict[str, Any]]
    reason: str | None
    in_doubt_since_at: int | None
    doubt_reason: str | None
    late_at: int
    withdraw_late_at: int | None
    pass_on_late_at: int | None
    foreseen_late_at: int | None
    due_soon_days: int | None
    withdraw_due_soon_days: int | None


class Idle(TypedDict):
    """The part of a change by which nothing is under way any more."""

    effect: None
    awaiting: None


class Sure(TypedDict):
    """The part of a change by which doubt ends."""

    in_doubt_since_at: None
    doubt_reason: None


IDLE = Idle(effect=None, awaiting=None)
NOTHING_OWED = Change(
    withdraw_wanted_at=None,
    withdraw_reason_on=None,
    withdraw_by_on=None,
    withdraw_by_provisional=False,
    withdraw_reason=None,
    withdraw_late_at=None,
    withdraw_due_soon_days=None,
)
SURE = Sure(in_doubt_since_at=None, doubt_reason=None)

NOT_LIVE = (Status.NOT_PUBLISHABLE.value, Status.REJECTED.value, Status.WITHDRAWN.value)

# No Boolean: SQLite would be asked whether it "= 1", and would no longer see the condition of its index.
_PROVISIONAL: ColumnElement[bool] = literal_column(f"({PROVISIONAL})")
_SINCE = bindparam("since", type_=Date)
WITHDRAWAL_OWED: ColumnElement[bool] = literal_column(f"({OWED})")
"""Still public, or on the way, while a withdrawal is owed."""
_ON_THE_WAY = disclosure.c.status.in_([status.value for status in UNPUBLISHED])
_TURN = select(disclosure.c.id).where(disclosure.c.id > bindparam("after"))
_TURN = _TURN.order_by(disclosure.c.id).limit(bindparam("most"))
_RESTING = _TURN.where(_PROVISIONAL)
_ENDING = _TURN.where(
    or_(
        _PROVISIONAL,
        and_(_ON_THE_WAY, disclosure.c.submit_by_on >= _SINCE),
        and_(WITHDRAWAL_OWED, disclosure.c.withdraw_by_on >= _SINCE),
    )
)
_OTHERWISE = _TURN.where(
    literal_column(f"({PUBLIC})"),
    or_(
        disclosure.c.judged_under < bindparam("digest"),
        disclosure.c.judged_under > bindparam("digest"),
        disclosure.c.judged_under.is_(None),
    ),
)
_NO_ORDER: Select[Any] = (
    select(literal_column("1")).select_from(disclosure).where(literal_column(f"({PUBLIC})")).limit(1)
)
_ANY_OTHERWISE = (
    _NO_ORDER.where(disclosure.c.judged_under < bindparam("digest")),
    _NO_ORDER.where(disclosure.c.judged_under > bindparam("digest")),
    _NO_ORDER.where(disclosure.c.judged_under.is_(None)),
)
"""Asked in order of ids, all that is public would be gone through to find that nothing is to be judged."""
_OWED_OF = select(
    *(
        disclosure.c[name]
        for name in (
            *("id", "authority", "decision_number", "target", "status", "submit_by_on", "pass_on_by_on"),
            *("withdraw_by_on", "withdraw_wanted_at", "foreseen_late_at"),
        )
    )
)
_OWED_NOW = (
    _OWED_OF.where(disclosure.c.status == constant(Status.PLANNED.value), disclosure.c.withdraw_wanted_at.is_(None)),
    _OWED_OF.where(WITHDRAWAL_OWED, or_(disclosure.c.effect.is_(None), disclosure.c.awaiting == constant("answer"))),
)
"""Two questions, since each has an index."""


def _again() -> ColumnElement[bool]:
    """Whether it was sent again since, so that another row is about that."""
    sibling = disclosure.alias()
    return exists().where(
        sibling.c.decision_id == disclosure.c.decision_id,
        sibling.c.target == disclosure.c.target,
        sibling.c.id > disclosure.c.id,
    )


UNPUBLISHED_ONES = and_(
    literal_column(f"({UNPUBLISHED_WHERE})"),
    or_(disclosure.c.status != constant(Status.REJECTED.value), not_(_again())),
)
"""What should become public and is not: on the way, or refused and never sent again. No withdrawal is owed."""
_TODAY, _MOST = bindparam("today", type_=Date), bindparam("most", type_=Integer)


def _near(last_day: Column[Any], told: Column[Any]) -> ColumnElement[bool]:
    first, last = bindparam("first", type_=Date), bindparam("last", type_=Date)
    return and_(last_day.between(first, last), or_(told.is_(None), told > bindparam("days")))


_of = disclosure.c
_SEVERAL = select(disclosure).limit(_MOST)
_OPEN_ONES = _SEVERAL.where(UNPUBLISHED_ONES).order_by(_of.submit_by_on)
_LATE_SUBMISSIONS = _OPEN_ONES.where(_of.submit_by_on < _TODAY, _of.late_at.is_(None))
_DUE_PUBLICATIONS = _OPEN_ONES.where(_near(_of.submit_by_on, _of.due_soon_days))
_LATE_TO_PASS_ON = _SEVERAL.where(
    _of.status == constant(Status.PLANNED.value), _of.pass_on_by_on < _TODAY, _of.pass_on_late_at.is_(None)
).order_by(_of.pass_on_by_on)
_OWED_ONES = _SEVERAL.where(WITHDRAWAL_OWED).order_by(_of.withdraw_by_on)
_LATE_WITHDRAWALS = _OWED_ONES.where(_of.withdraw_by_on < _TODAY, _of.withdraw_late_at.is_(None))
_DUE_WITHDRAWALS = _OWED_ONES.where(_near(_of.withdraw_by_on, _of.withdraw_due_soon_days))
_TO_LOOK_AT = _SEVERAL.where(_of.look_on <= _TODAY).order_by(_of.look_on, _of.id)
# By what it is not, as in the tables: asked by the index of states, all that is shown would be gone through.
_UNMARKED = _SEVERAL.where(
    literal_column(f"({UNMARKED})"),
    and_(*(_of.status != constant(one.value) for one in Status if one not in SHOWN)),
    _of.effect.is_(None),
    _of.withdraw_wanted_at.is_(None),
).order_by(_of.id)


_HOW_MANY_REST = select(func.count()).select_from(disclosure).where(_PROVISIONAL)
_BY_ID = select(disclosure).where(disclosure.c.id == bindparam("id"))
_BY_REFERENCE = select(disclosure).where(
    disclosure.c.target == bindparam("target"), disclosure.c.effect_reference == bindparam("reference")
)
_LOCKED = _BY_ID.with_for_update()
_ADD = insert(disclosure)
_OF_DECISION = select(disclosure).where(disclosure.c.decision_id == bindparam("of")).order_by(disclosure.c.id)
_LATEST = (
    select(disclosure)
    .where(disclosure.c.decision_id == bindparam("of"), disclosure.c.target == bindparam("at"))
    .order_by(disclosure.c.id.desc())
    .limit(1)
)
_CHANGE = update(disclosure).where(disclosure.c.id == bindparam("of"))
_LOOKED = update(disclosure).where(disclosure.c.id == bindparam("of"))
_ORGAN = (
    select(disclosing_organ)
    .where(disclosing_organ.c.authority == bindparam("of"), disclosing_organ.c.valid_from_on <= bindparam("on"))
    .order_by(disclosing_organ.c.valid_from_on.desc())
    .limit(1)
)
_OWN_NAME = select(owner.c.name, owner.c.uscc).where(owner.c.code == bindparam("of"))


_disclosure = reader(Disclosure)


def _one(conn: Connection, query: Select[Any], **parameters: object) -> Disclosure | None:
    row = conn.execute(query, parameters).mappings().first()
    return None if row is None else _disclosure(row)


def _all(conn: Connection, query: Select[Any], **parameters: object) -> list[Disclosure]:
    return [_disclosure(row) for row in conn.execute(query, parameters).mappings()]


def set_organ(conn: Connection, authority: str, organ: Organ, valid_from: date) -> None:
    """Record who publishes for an authority from a day on; the same again changes nothing."""
    same = and_(disclosing_organ.c.authority == authority, disclosing_organ.c.valid_from_on == valid_from)
    if conn.execute(update(disclosing_organ).where(same).values(**vars(organ))).rowcount == 0:
        conn.execute(insert(disclosing_organ), {"authority": authority, "valid_from_on": valid_from, **vars(organ)})


def organ_of(conn: Connection, authority: str, on: date) -> Organ | None:
    """Who publishes for an authority, as valid on a day; where nothing was said, the authority under its own name."""
    row = conn.execute(_ORGAN, {"of": authority, "on": on}).mappings().first()
    if row is not None:
        return Organ(row["name"], row["code"], row["source_name"], row["source_code"])
    own = conn.execute(_OWN_NAME, {"of": authority}).first()
    return None if own is None else Organ(own.name, own.uscc, own.name, own.uscc)


def add(conn: Connection, new: Disclosure) -> None:
    """Insert one disclosure. IntegrityError if the decision is already live at the target."""
    conn.execute(_ADD, columns(new))


def fetch(conn: Connection, disclosure_id: str) -> Disclosure | None:
    """One disclosure."""
    return _one(conn, _BY_ID, id=disclosure_id)


def lock(conn: Connection, disclosure_id: str) -> Disclosure | None:
    """One disclosure, held until the end of the transaction."""
    return _one(conn, _LOCKED, id=disclosure_id)


def fetch_by_reference(conn: Connection, target: str, reference: str) -> Disclosure | None:
    """The disclosure whose present effect has this reference."""
    return _one(conn, _BY_REFERENCE, target=target, reference=reference)


def latest(conn: Connection, decision_id: str, target: str) -> Disclosure | None:
    """The newest disclosure of a decision at a target, whatever its state."""
    return _one(conn, _LATEST, of=decision_id, at=target)


def leans(conn: Connection, decision_id: str) -> bool:
    """Whether a publication leans on a decision: whatever was planned or refused by a target, has ended or not."""
    return any(one.status is not Status.NOT_PUBLISHABLE for one in of_decision(conn, decision_id))


def of_decision(conn: Connection, decision_id: str) -> list[Disclosure]:
    """All disclosures of a decision, oldest first."""
    return _all(conn, _OF_DECISION, of=decision_id)


def change(conn: Connection, disclosure_id: str, now: int, **values: Unpack[Change]) -> None:
    """Set fields that are not states."""
    conn.execute(_CHANGE, {"of": disclosure_id, "updated_at": now, **values})


def look_next(conn: Connection, disclosure_id: str, on: date | None, **seen: int) -> None:
    """On which day it is looked at next; ``looked_at``: when it was. Not a change of the disclosure."""
    conn.execute(_LOOKED, {"of": disclosure_id, "look_on": on, **seen})


def after(conn: Connection, disclosure_id: str, most: int) -> list[Disclosure]:
    """Disclosures after an id, in the order of ids."""
    query = select(disclosure).where(disclosure.c.id > disclosure_id).order_by(disclosure.c.id).limit(most)
    return [_disclosure(row) for row in conn.execute(query).mappings()]


def find(conn: Connection, wanted: DisclosureFilter) -> list[Disclosure]:
    """Disclosures, newest first."""
    query = select(disclosure).order_by(disclosure.c.id.desc()).limit(wanted.limit)
    if wanted.authorities is not None:
        query = query.where(disclosure.c.authority.in_(list(wanted.authorities)))
    if wanted.status is not None:
        query = query.where(disclosure.c.status == wanted.status.value)
    if wanted.target is not None:
        query = query.where(disclosure.c.target == wanted.target)
    if wanted.decision_number is not None:
        query = query.where(numbered(disclosure.c.decision_number, wanted.decision_number))
    if wanted.late is not None:
        of = disclosure.c
        alarms = of.late_at, of.withdraw_late_at, of.pass_on_late_at, of.end_late_at
        flags = or_(*(one.is_not(None) for one in alarms))
        query = query.where(flags if wanted.late else ~flags)
    if wanted.in_doubt is not None:
        flag = disclosure.c.in_doubt_since_at
        query = query.where(flag.is_not(None) if wanted.in_doubt else flag.is_(None))
    if wanted.before is not None:
        query = query.where(disclosure.c.id < wanted.before)
    return _all(conn, query)


def late_submissions(conn: Connection, today: date, limit: int) -> list[Disclosure]:
    """What should be public by now and is not, without an alarm so far."""
    return _all(conn, _LATE_SUBMISSIONS, today=today, most=limit)


def late_to_pass_on(conn: Connection, today: date, limit: int) -> list[Disclosure]:
    """What should have been handed over by now to whoever shows it, has not, and no alarm was raised."""
    return _all(conn, _LATE_TO_PASS_ON, today=today, most=limit)


def late_withdrawals(conn: Connection, today: date, limit: int) -> list[Disclosure]:
    """Withdrawals that are owed and overdue, without an alarm so far."""
    return _all(conn, _LATE_WITHDRAWALS, today=today, most=limit)


def due_publications(conn: Connection, window: Window, limit: int) -> list[Disclosure]:
    """What is not public yet and has its last day in the window, where that was not told for so few days."""
    return _all(conn, _DUE_PUBLICATIONS, **_days_of(window), most=limit)


def due_withdrawals(conn: Connection, window: Window, limit: int) -> list[Disclosure]:
    """Withdrawals that are owed and have their last day in the window, where that was not told for so few days."""
    return _all(conn, _DUE_WITHDRAWALS, **_days_of(window), most=limit)


def _days_of(window: Window) -> dict[str, object]:
    return {"first": window.first, "last": window.last, "days": window.days}


def to_look_at(conn: Connection, today: date, limit: int) -> list[Disclosure]:
    """What the public's view of is to be read today."""
    return _all(conn, _TO_LOOK_AT, today=today, most=limit)


def unmarked(conn: Connection, limit: int) -> list[Disclosure]:
    """What is shown without the mark that it should have, or with one that it should not, with nothing under way."""
    return _all(conn, _UNMARKED, most=limit)


def judged_otherwise(conn: Connection, digest: str, after: str, most: int) -> Sequence[str]:
    """The ids of what is on the way or public and was judged by other rules; those after an id, in order."""
    if not any(conn.execute(asked, {"digest": digest}).first() for asked in _ANY_OTHERWISE):
        return ()
    return conn.execute(_OTHERWISE, {"digest": digest, "after": after, "most": most}).scalars().all()


def resting_on_days(conn: Connection, since: date | None, after: str, most: int) -> Sequence[str]:
    """The ids of what is on the way, or owed, under a last day that rests on days that are not published, or with
    ``since`` lies on that day or later; those after an id, in order.
    """
    if since is None:
        return conn.execute(_RESTING, {"after": after, "most": most}).scalars().all()
    return conn.execute(_ENDING, {"since": since, "after": after, "most": most}).scalars().all()


@dataclass(frozen=True, slots=True)
class Owed:
    """Something that has not left us, or is being sent, with its last day.

    ``what``: ``publication``, ``pass_on`` to whoever shows it, or ``withdrawal``.
    """

    id: str
    authority: str
    decision_number: str
    target: str
    what: Literal["publication", "pass_on", "withdrawal"]
    last_day: date
    foreseen_late_at: int | None = None

    @property
    def withdrawal(self) -> bool:
        """Whether it is to be taken back."""
        return self.what == "withdrawal"


def owed(conn: Connection) -> Iterator[Owed]:
    """What is still to be sent: first publications, and withdrawals of what has left us."""
    for row in (row for asked in _OWED_NOW for row in conn.execute(asked)):
        taken_back = row.withdraw_by_on is not None and row.withdraw_wanted_at is not None
        passed = row.pass_on_by_on is not None and row.status == Status.PLANNED.value
        last_day = row.withdraw_by_on if taken_back else row.pass_on_by_on if passed else row.submit_by_on
        yield Owed(
            id=row.id,
            authority=row.authority,
            decision_number=row.decision_number,
            target=row.target,
            what="withdrawal" if taken_back else "pass_on" if passed else "publication",
            last_day=last_day,
            foreseen_late_at=row.foreseen_late_at,
        )


@dataclass(frozen=True, slots=True)
class Alarms:
    """How many disclosures at a target have missed a last day and still are not where they should be."""

    target: str
    number: int


def alarms(conn: Connection, today: date) -> list[Alarms]:
    """By target, what is not passed on, not public, or not taken back, although its last day has passed."""
    here = disclosure.c.status == Status.PLANNED.value
    due = or_(disclosure.c.submit_by_on < today, and_(here, disclosure.c.pass_on_by_on < today))
    missed = or_(and_(UNPUBLISHED_ONES, due), and_(WITHDRAWAL_OWED, disclosure.c.withdraw_by_on < today))
    query = select(disclosure.c.target, func.count()).where(missed).group_by(disclosure.c.target)
    return [Alarms(target, number) for target, number in conn.execute(query.order_by(disclosure.c.target))]


def codes(conn: Connection) -> list[str]:
    """The unified codes under which organs publish here."""
    named = conn.execute(select(disclosing_organ.c.code)).scalars()
    return sorted({*named, *conn.execute(select(owner.c.uscc)).scalars()})


OPEN_ONES = Measure("gateway_disclosures_open", "Publications and withdrawals under way, by target", ("target",))
LATE_ONES = Measure("gateway_disclosures_late", "Those of them whose last day has passed, by target", ("target",))


def figures(conn: Connection) -> list[Figure]:
    """For ``/metrics``: what stands open, and what of it has missed its last day, by target."""
    late = or_(*(disclosure.c[name].is_not(None) for name in ("late_at", "withdraw_late_at", "pass_on_late_at")))
    each = select(disclosure.c.target, case((late, 1), else_=0).label("late"))
    # Two questions, since each has an index: asked as one, all that was ever published is gone through.
    open_ones = union_all(each.where(_ON_THE_WAY), each.where(WITHDRAWAL_OWED, not_(_ON_THE_WAY))).subquery()
    query = select(open_ones.c.target, func.count(), func.sum(open_ones.c.late)).group_by(open_ones.c.target)
    found = conn.execute(query).all()
    return [
        one for target, number, missed in found for one in (OPEN_ONES.at(number, target), LATE_ONES.at(missed, target))
    ]


FIGURES = Figures((OPEN_ONES, LATE_ONES), lambda conn, _: figures(conn))


def provisional(conn: Connection) -> int:
    """How many last days to publish or to withdraw rest on days that are not published."""
    return int(conn.execute(_HOW_MANY_REST).scalar_one())
