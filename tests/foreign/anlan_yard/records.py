"""Impounded vehicles as records, and all SQL about them: plain functions of a connection."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, Select, insert, select, update

from anlan_yard.states import Status
from anlan_yard.tables import impound
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.store.rows import columns, reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Impound:
    """One vehicle. Instants in UTC microseconds."""

    id: str
    authority: str
    decision_id: str | None
    channel: str
    status: Status
    plate: str
    driver_sealed: bytes
    seized_on: date
    reference: str
    slot: str | None = None
    reason: str | None = None
    left_at: int | None = None
    warned_at: int | None = None
    in_doubt_since_at: int | None = None
    doubt_reason: str | None = None
    created_at: int
    updated_at: int

    def driver(self, envelope: Envelope) -> str:
        """The name of whoever had the vehicle."""
        return envelope.open(self.driver_sealed, _driver_of(self.id)).decode()


def seal_driver(envelope: Envelope, impound_id: str, name: str) -> bytes:
    """A name as it is kept."""
    return envelope.seal(name.encode(), _driver_of(impound_id))


def _driver_of(impound_id: str) -> str:
    return f"impound|driver|{impound_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpoundFilter:
    """Which vehicles a list shows, newest first. ``before``: the id at which the previous page ended."""

    authorities: Collection[str] | None
    status: Status | None = None
    before: str | None = None
    limit: int = 50


_read = reader(Impound)


def add(conn: Connection, new: Impound) -> None:
    """Insert one vehicle."""
    conn.execute(insert(impound), columns(new))


def fetch(conn: Connection, impound_id: str) -> Impound | None:
    """One vehicle by its id."""
    return _first(conn, select(impound).where(impound.c.id == impound_id))


def fetch_by_reference(conn: Connection, channel: str, reference: str) -> Impound | None:
    """The vehicle that the yard knows under this reference."""
    return _first(conn, select(impound).where(impound.c.channel == channel, impound.c.reference == reference))


def of_decision(conn: Connection, decision_id: str) -> list[Impound]:
    """The vehicles of a decision, oldest first."""
    return _all(conn, select(impound).where(impound.c.decision_id == decision_id).order_by(impound.c.id))


def held_since(conn: Connection, last_day: date, *, warned: bool = False) -> list[Impound]:
    """Vehicles in a yard that were seized on ``last_day`` or before; only those that nobody was told of, or all."""
    query = select(impound).where(impound.c.status == Status.STORED.value, impound.c.seized_on <= last_day)
    return _all(conn, query if warned else query.where(impound.c.warned_at.is_(None)))


def find(conn: Connection, wanted: ImpoundFilter) -> list[Impound]:
    """Vehicles, newest first."""
    query = select(impound)
    if wanted.authorities is not None:
        query = query.where(impound.c.authority.in_(list(wanted.authorities)))
    if wanted.status is not None:
        query = query.where(impound.c.status == wanted.status.value)
    if wanted.before is not None:
        query = query.where(impound.c.id < wanted.before)
    return _all(conn, query.order_by(impound.c.id.desc()).limit(wanted.limit))


def set_reference(conn: Connection, impound_id: str, reference: str, now: int) -> None:
    """It is asked for anew, under another reference."""
    conn.execute(update(impound).where(impound.c.id == impound_id).values(reference=reference, updated_at=now))


def set_slot(conn: Connection, impound_id: str, slot: str) -> None:
    """Where it stood, learnt after it has left."""
    conn.execute(update(impound).where(impound.c.id == impound_id).values(slot=slot))


def set_warned(conn: Connection, impound_id: str, now: int) -> bool:
    """Somebody is told that it is held too long; False where that was done before."""
    mine = (impound.c.id == impound_id, impound.c.warned_at.is_(None))
    return conn.execute(update(impound).where(*mine).values(warned_at=now)).rowcount == 1


def _first(conn: Connection, query: Select[tuple[object, ...]]) -> Impound | None:
    row = conn.execute(query).mappings().first()
    return None if row is None else _read(row)


def _all(conn: Connection, query: Select[tuple[object, ...]]) -> list[Impound]:
    return [_read(row) for row in conn.execute(query).mappings()]
