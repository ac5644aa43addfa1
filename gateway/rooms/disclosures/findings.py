"""What is amiss with publications, as work: opened by a look, mended as a later look sees, or settled by a person."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, insert, select, update

from gateway.foundation.base import Foundation
from gateway.foundation.lives import Living
from gateway.foundation.store.rows import columns, reader
from gateway.rooms.disclosures.comparison import Amiss, Kind
from gateway.rooms.disclosures.records import Disclosure
from gateway.rooms.disclosures.states import FINDINGS, FindingStatus
from gateway.rooms.disclosures.tables import disclosure_finding
from gateway.words.identifiers import SANDBOX, new_id

SEEN = (Kind.MISSING, Kind.STALE, Kind.ALTERED, Kind.STILL_THERE)
"""What a look finds, and what a later look finds mended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is amiss with a disclosure at a place: its target, or a copy. Instants in microseconds.

    ``fields``: those that differ, by their Chinese names. ``closed_by``: who settled it; None where a look did.
    """

    id: str
    disclosure_id: str
    authority: str
    decision_number: str
    place: str
    kind: Kind
    fields: tuple[str, ...]
    status: FindingStatus
    url: str | None = None
    seen_at: int
    closed_by: str | None = None
    explanation: str | None = None
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingFilter:
    """Which findings a list shows, newest first. ``before``: the id at which the previous page ended.

    ``authorities`` None: of every authority that is no sandbox.
    """

    authorities: Collection[str] | None
    status: FindingStatus | None = None
    kind: Kind | None = None
    place: str | None = None
    disclosure: str | None = None
    before: str | None = None
    limit: int = 50


_table = disclosure_finding
_finding = reader(Finding)
_BY_ID = select(_table).where(_table.c.id == bindparam("id"))
_LOCKED = _BY_ID.with_for_update()
_OPEN = (
    select(_table)
    .where(_table.c.disclosure_id == bindparam("about"), _table.c.status == FindingStatus.OPEN.value)
    .order_by(_table.c.id)
)
_EXPLAINED = (
    select(_table)
    .where(
        _table.c.disclosure_id == bindparam("about"),
        _table.c.place == bindparam("at"),
        _table.c.status == FindingStatus.SETTLED.value,
    )
    .order_by(_table.c.id.desc())
    .limit(1)
)
_AGAIN = update(_table).where(_table.c.id == bindparam("of"))
_COUNTS = (
    select(_table.c.kind, _table.c.place, func.count().label("many"))
    .where(_table.c.status == FindingStatus.OPEN.value)
    .group_by(_table.c.kind, _table.c.place)
)


def fetch(conn: Connection, finding_id: str) -> Finding | None:
    """One finding."""
    row = conn.execute(_BY_ID, {"id": finding_id}).mappings().first()
    return None if row is None else _finding(row)


def lock(conn: Connection, finding_id: str) -> Finding | None:
    """One finding, held until the end of the transaction."""
    row = conn.execute(_LOCKED, {"id": finding_id}).mappings().first()
    return None if row is None else _finding(row)


def open_of(conn: Connection, disclosure_id: str) -> list[Finding]:
    """What is amiss with a disclosure, oldest first."""
    return [_finding(row) for row in conn.execute(_OPEN, {"about": disclosure_id}).mappings()]


def find(conn: Connection, wanted: FindingFilter) -> list[Finding]:
    """Findings, newest first."""
    query = select(_table).order_by(_table.c.id.desc()).limit(wanted.limit)
    if wanted.authorities is None:
        query = query.where(_table.c.authority.not_like(f"{SANDBOX}%"))
    else:
        query = query.where(_table.c.authority.in_(list(wanted.authorities)))
    for column, value in (
        (_table.c.status, wanted.status),
        (_table.c.kind, wanted.kind),
        (_table.c.place, wanted.place),
        (_table.c.disclosure_id, wanted.disclosure),
    ):
        if value is not None:
            query = query.where(column == str(value))
    if wanted.before is not None:
        query = query.where(_table.c.id < wanted.before)
    return [_finding(row) for row in conn.execute(query).mappings()]


class Findings:
    """The only door for what is amiss, inside the caller's transactions."""

    def __init__(self, base: Foundation) -> None:
        self._life: Living[FindingStatus, Finding] = Living(
            FINDINGS,
            base.events,
            base.clock,
            lambda one: {
                "finding": one.id,
                "decision_number": one.decision_number,
                "place": one.place,
                "kind": one.kind.value,
                "fields": list(one.fields),
            },
            subject="disclosure_id",
        )

    def seen(
        self,
        conn: Connection,
        disclosure: Disclosure,
        place: str,
        amiss: Amiss | None,
        now: int,
        url: str | None = None,
    ) -> None:
        """What a look at a place has found: what it does not find any more is mended."""
        for one in open_of(conn, disclosure.id):
            if one.place == place and one.kind in SEEN and (amiss is None or one.kind is not amiss.kind):
                self._life.move(conn, one, FindingStatus.MENDED)
        if amiss is not None and not _explained(conn, disclosure, place, amiss):
            self.open(conn, disclosure, place, amiss, now, url)

    def open(
        self, conn: Connection, disclosure: Disclosure, place: str, amiss: Amiss, now: int, url: str | None = None
    ) -> None:
        """Something is amiss. What is open already is seen again."""
        for one in open_of(conn, disclosure.id):
            if one.place == place and one.kind is amiss.kind:
                conn.execute(
                    _AGAIN, {"of": one.id, "seen_at": now, "updated_at": now, "fields": list(amiss.fields), "url": url}
                )
                return
        new = Finding(
            id=new_id("dsf"),
            disclosure_id=disclosure.id,
            authority=disclosure.authority,
            decision_number=disclosure.decision_number,
            place=place,
            kind=amiss.kind,
            fields=amiss.fields,
            status=FindingStatus.OPEN,
            url=url,
            seen_at=now,
            created_at=now,
            updated_at=now,
        )
        conn.execute(insert(_table), columns(new))
        self._life.begin(conn, new)

    def mended(self, conn: Connection, disclosure: Disclosure, kind: Kind) -> None:
        """What was amiss in this way is no more."""
        for one in open_of(conn, disclosure.id):
            if one.kind is kind:
                self._life.move(conn, one, FindingStatus.MENDED)

    def settle(self, conn: Connection, finding: Finding, by: str, explanation: str) -> bool:
        """A person says what came of it; False where it is open no more."""
        values = {"closed_by": by, "explanation": explanation}
        return self._life.move(conn, finding, FindingStatus.SETTLED, tell={"by": by}, **values)


def _explained(conn: Connection, disclosure: Disclosure, place: str, amiss: Amiss) -> bool:
    """Whether a person has explained this very difference. What is missing or still there is told of again."""
    if amiss.kind not in (Kind.ALTERED, Kind.STALE):
        return False
    row = conn.execute(_EXPLAINED, {"about": disclosure.id, "at": place}).mappings().first()
    return row is not None and (Kind(row["kind"]), tuple(row["fields"])) == (amiss.kind, amiss.fields)


def counts(conn: Connection) -> Sequence[tuple[Kind, str, int]]:
    """How much is amiss: kind, place, how many."""
    return [(Kind(row.kind), row.place, row.many) for row in conn.execute(_COUNTS)]
