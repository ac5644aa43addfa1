"""Storing and reading disclosures: plain functions of a connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, bindparam, exists, insert, or_, select, update

from gateway.foundation.access.tables import authority as owner
from gateway.foundation.delivery.tables import (
    event,
)
from gateway.rooms.decisions.tables import decision
from gateway.rooms.disclosures.publication import Organ
from gateway.rooms.disclosures.states import SHOWN, UNPUBLISHED, Status, sources
from gateway.rooms.disclosures.tables import disclosing_organ, disclosure

NOT_LIVE = (Status.NOT_PUBLISHABLE.value, Status.REJECTED.value, Status.WITHDRAWN.value)

_BY_ID = select(disclosure).where(disclosure.c.id == bindparam("id"))
_BY_REFERENCE = select(disclosure).where(
    disclosure.c.target == bindparam("target"), disclosure.c.effect_reference == bindparam("reference")
)


def set_organ(conn: Connection, authority: str, organ: Organ, valid_from: date) -> None:
    """Record who publishes for an authority from a day on; the same again changes nothing."""
    same = and_(disclosing_organ.c.authority == authority, disclosing_organ.c.valid_from_on == valid_from)
    if conn.execute(update(disclosing_organ).where(same).values(**vars(organ))).rowcount == 0:
        conn.execute(insert(disclosing_organ), {"authority": authority, "valid_from_on": valid_from, **vars(organ)})


def organ_of(conn: Connection, authority: str, on: date) -> Organ | None:
    """Who publishes for an authority, as valid on a day; where nothing was said, the authority under its own name."""
    row = (
        conn.execute(
            select(disclosing_organ)
            .where(disclosing_organ.c.authority == authority, disclosing_organ.c.valid_from_on <= on)
            .order_by(disclosing_organ.c.valid_from_on.desc())
            .limit(1)
        )
        .mappings()
        .first()
    )
    if row is not None:
        return Organ(row["name"], row["code"], row["source_name"], row["source_code"])
    own = conn.execute(select(owner.c.name, owner.c.uscc).where(owner.c.code == authority)).first()
    return None if own is None else Organ(own.name, own.uscc, own.name, own.uscc)


def lock_decision(conn: Connection, decision_id: str) -> None:
    """Hold the decision until the end of the transaction, so that two requests cannot both find it unpublished."""
    conn.execute(select(decision.c.id).where(decision.c.id == decision_id).with_for_update())


def add(conn: Connection, values: Mapping[str, Any]) -> None:
    """Insert one disclosure. IntegrityError if the decision is already live at the target."""
    conn.execute(insert(disclosure), {"field_errors": [], **values})


def fetch(conn: Connection, disclosure_id: str) -> RowMapping | None:
    """One disclosure's row."""
    return conn.execute(_BY_ID, {"id": disclosure_id}).mappings().first()


def hold(conn: Connection, disclosure_id: str) -> RowMapping | None:
    """One disclosure's row, held until the end of the transaction."""
    return conn.execute(_BY_ID.with_for_update(), {"id": disclosure_id}).mappings().first()


def by_reference(conn: Connection, target: str, reference: str) -> RowMapping | None:
    """The disclosure whose present effect has this reference."""
    return conn.execute(_BY_REFERENCE, {"target": target, "reference": reference}).mappings().first()


def latest(conn: Connection, decision_id: str, target: str) -> RowMapping | None:
    """The newest disclosure of a decision at a target, whatever its state."""
    return (
        conn.execute(
            select(disclosure)
            .where(disclosure.c.decision_id == decision_id, disclosure.c.target == target)
            .order_by(disclosure.c.id.desc())
            .limit(1)
        )
        .mappings()
        .first()
    )


def of_decision(conn: Connection, decision_id: str) -> Sequence[RowMapping]:
    """All disclosures of a decision, oldest first."""
    query = select(disclosure).where(disclosure.c.decision_id == decision_id).order_by(disclosure.c.id)
    return conn.execute(query).mappings().all()


def move(conn: Connection, disclosure_id: str, end: Status, now: int, **values: Any) -> bool:
    """Compare-and-set along the state table; False when the disclosure is in no state from which ``end`` follows."""
    done = conn.execute(
        update(disclosure)
        .where(disclosure.c.id == disclosure_id, disclosure.c.status.in_([start.value for start in sources(end)]))
        .values(status=end.value, updated_at=now, **values)
    )
    return done.rowcount == 1


def change(conn: Connection, disclosure_id: str, now: int, **values: Any) -> None:
    """Set fields that are not states."""
    conn.execute(update(disclosure).where(disclosure.c.id == disclosure_id).values(updated_at=now, **values))


def search(
    conn: Connection,
    *,
    authorities: Sequence[str] | None,
    status: str | None = None,
    target: str | None = None,
    decision_number: str | None = None,
    late: bool | None = None,
    in_doubt: bool | None = None,
    before: str | None = None,
    limit: int = 50,
) -> Sequence[RowMapping]:
    """Disclosures, newest first; ``before`` is the id at which the previous page ended."""
    query = select(disclosure).order_by(disclosure.c.id.desc()).limit(limit)
    if authorities is not None:
        query = query.where(disclosure.c.authority.in_(authorities))
    if status is not None:
        query = query.where(disclosure.c.status == status)
    if target is not None:
        query = query.where(disclosure.c.target == target)
    if decision_number is not None:
        query = query.where(disclosure.c.decision_number == decision_number)
    if late is not None:
        flags = or_(disclosure.c.late_at.is_not(None), disclosure.c.withdraw_late_at.is_not(None))
        query = query.where(flags if late else ~flags)
    if in_doubt is not None:
        flag = disclosure.c.in_doubt_since_at
        query = query.where(flag.is_not(None) if in_doubt else flag.is_(None))
    if before is not None:
        query = query.where(disclosure.c.id < before)
    return conn.execute(query).mappings().all()


def late_submissions(conn: Connection, today: date, limit: int) -> Sequence[RowMapping]:
    """What should be public and is not, without an alarm so far: on the way, or refused and never sent again."""
    sibling = disclosure.alias()
    again = exists().where(
        sibling.c.decision_id == disclosure.c.decision_id,
        sibling.c.target == disclosure.c.target,
        sibling.c.id > disclosure.c.id,
    )
    open_ones = disclosure.c.status.in_([status.value for status in UNPUBLISHED])
    refused = and_(disclosure.c.status == Status.REJECTED.value, ~again)
    query = select(disclosure).where(
        or_(open_ones, refused),
        disclosure.c.submit_by_on < today,
        disclosure.c.late_at.is_(None),
        disclosure.c.withdraw_wanted_at.is_(None),
    )
    return conn.execute(query.order_by(disclosure.c.submit_by_on).limit(limit)).mappings().all()


def late_withdrawals(conn: Connection, today: date, limit: int) -> Sequence[RowMapping]:
    """Withdrawals that are owed and overdue, without an alarm so far."""
    query = select(disclosure).where(
        disclosure.c.withdraw_wanted_at.is_not(None),
        disclosure.c.status.not_in(NOT_LIVE),
        disclosure.c.withdraw_by_on < today,
        disclosure.c.withdraw_late_at.is_(None),
    )
    return conn.execute(query.order_by(disclosure.c.withdraw_by_on).limit(limit)).mappings().all()


def over(conn: Connection, today: date, limit: int) -> Sequence[RowMapping]:
    """What is shown beyond its maximum period, with nothing else under way."""
    query = select(disclosure).where(
        disclosure.c.status.in_([status.value for status in SHOWN]),
        disclosure.c.publish_until_on < today,
        disclosure.c.effect.is_(None),
        disclosure.c.withdraw_wanted_at.is_(None),
    )
    return conn.execute(query.order_by(disclosure.c.publish_until_on).limit(limit)).mappings().all()


def provisional(conn: Connection, limit: int) -> Sequence[RowMapping]:
    """What is on the way under a deadline that rests on an unpublished calendar."""
    query = select(disclosure).where(
        disclosure.c.status.in_([status.value for status in UNPUBLISHED]), disclosure.c.submit_by_provisional
    )
    return conn.execute(query.order_by(disclosure.c.submit_by_on).limit(limit)).mappings().all()


def timeline(conn: Connection, disclosure_id: str) -> Sequence[RowMapping]:
    """The events of a disclosure, oldest first."""
    return conn.execute(select(event).where(event.c.subject == disclosure_id).order_by(event.c.seq)).mappings().all()
