"""Finding publications by what people watch: a number, a target, what is late or near, what waits for a person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, Date, Select, and_, case, func, or_, select, type_coerce

from gateway.foundation.access.desk import of_person
from gateway.foundation.base import Foundation
from gateway.foundation.store.rows import reader
from gateway.rooms.decisions.records import numbered
from gateway.rooms.disclosures.records import UNPUBLISHED_ONES, WITHDRAWAL_OWED, Disclosure
from gateway.rooms.disclosures.states import SHOWN, STANDING, Status
from gateway.rooms.disclosures.tables import disclosure
from gateway.words.clock import day_of
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say

MOST: Final = 1000
"""Beyond so many a list says "or more"."""
NEAR: Final = 3
"""A last day comes near so many working days before."""
Only = Literal["late", "near", "refused", "objection", "held", "doubt"]
ONLY: Final[tuple[Only, ...]] = ("late", "near", "refused", "objection", "held", "doubt")

_row = disclosure.c
_disclosure = reader(Disclosure)
_LAST_DAY: Final[ColumnElement[date]] = type_coerce(
    case(
        (_row.withdraw_wanted_at.is_not(None), _row.withdraw_by_on),
        (and_(_row.status == Status.PLANNED.value, _row.pass_on_by_on.is_not(None)), _row.pass_on_by_on),
        else_=_row.submit_by_on,
    ),
    Date,
)
"""By when something must happen next: taken back, passed on to who shows it, or public."""


def _open() -> ColumnElement[bool]:
    return or_(UNPUBLISHED_ONES, WITHDRAWAL_OWED)


_WATCHED: Final = select(disclosure, _LAST_DAY.label("last_day"), _open().label("is_open"))


@dataclass(frozen=True, slots=True)
class Sought:
    """Which publications; what is None does not narrow. ``number``: of the decision, or the publication's own id.

    ``only``: what is late on ``today`` or comes near by ``soon``; refused and never sent again; objected to; over, and
    not ended because duties are not performed; in doubt. ``due``: what is open has this last day.
    ``held_by``: in this person's hands.
    """

    authorities: frozenset[str]
    today: date
    soon: date
    number: str | None = None
    target: str | None = None
    status: Status | None = None
    only: Only | None = None
    due: date | None = None
    held_by: str | None = None


@dataclass(frozen=True, slots=True)
class LastDay:
    """How many open publications of a target have one last day."""

    target: str
    on: date
    number: int


@dataclass(frozen=True, slots=True)
class Watched:
    """A publication, and by when something must happen next with it; None where nothing must."""

    disclosure: Disclosure
    last_day: date | None


class Seeking:
    """Lists and counts publications for people. Reads only."""

    def __init__(self, base: Foundation) -> None:
        self._base = base

    def sought(self, authorities: frozenset[str]) -> Sought:
        """Everything of these authorities, as it stands today."""
        today = day_of(self._base.clock.now())
        calendar = self._base.reckoning.of(None).calendar
        return Sought(authorities, today, calendar.add_working_days(today, NEAR).value)

    async def find(self, sought: Sought, before: str | None, limit: int) -> tuple[list[Watched], int]:
        """Publications, the newest first, and how many there are; not counted beyond ``MOST``."""
        query = _WATCHED.where(*_fitting(sought)).order_by(_row.id.desc()).limit(limit)
        if before is not None:
            query = query.where(_row.id < before)

        def read(conn: Connection) -> tuple[list[Watched], int]:
            return _watched(conn, query), _count(conn, sought)

        return await self._base.store.read(read)

    async def held(self, disclosure_id: str) -> Watched:
        """One publication. Raises NotFoundProblem."""
        query = _WATCHED.where(_row.id == disclosure_id)
        found = await self._base.store.read(lambda conn: _watched(conn, query))
        if not found:
            raise NotFoundProblem(say("disclosures.none"))
        return found[0]

    async def waits(self, sought: Sought, *only: Only) -> dict[Only, tuple[int, date | None]]:
        """Of each kind how many there are, and the first last day among them."""

        def read(conn: Connection) -> dict[Only, tuple[int, date | None]]:
            return {one: _waiting(conn, replace(sought, only=one)) for one in only}

        return await self._base.store.read(read)

    async def last_days(self, sought: Sought, first: date, last: date) -> list[LastDay]:
        """How many open publications have their last day on which day, by target."""
        query = (
            select(_row.target, _LAST_DAY.label("on"), func.count().label("number"))
            .where(*_fitting(sought), _open(), _LAST_DAY.between(first, last))
            .group_by(_row.target, _LAST_DAY)
            .order_by(_row.target, _LAST_DAY)
        )
        rows = await self._base.store.read(lambda conn: conn.execute(query).all())
        return [LastDay(row.target, row.on, row.number) for row in rows]

    async def targets(self, authorities: frozenset[str]) -> list[str]:
        """The targets at which these authorities have publications, or could have."""
        routed = {one.name for each in authorities for one in self._base.channels.route(each, "disclosures")}
        query = select(_row.target).where(_row.authority.in_(sorted(authorities))).distinct()
        known = await self._base.store.read(lambda conn: set(conn.execute(query).scalars()))
        return sorted(routed | known)


def _watched(conn: Connection, query: Select[Any]) -> list[Watched]:
    rows = conn.execute(query).mappings()
    return [Watched(_disclosure(row), row["last_day"] if row["is_open"] else None) for row in rows]


def _waiting(conn: Connection, sought: Sought) -> tuple[int, date | None]:
    number = _count(conn, sought)
    first = conn.execute(select(func.min(_LAST_DAY)).where(*_fitting(sought), _open())).scalar() if number else None
    return number, first


def _count(conn: Connection, sought: Sought) -> int:
    some = select(_row.id).where(*_fitting(sought)).limit(MOST).subquery()
    return int(conn.execute(select(func.count()).select_from(some)).scalar_one())


def _fitting(sought: Sought) -> Sequence[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [_row.authority.in_(sorted(sought.authorities))]
    if sought.number is not None:
        own = re.fullmatch(r"dsc_[0-9a-f]{32}", sought.number)
        found.append(_row.id == sought.number if own else numbered(_row.decision_number, sought.number))
    if sought.target is not None:
        found.append(_row.target == sought.target)
    if sought.status is not None:
        found.append(_row.status == sought.status.value)
    if sought.held_by is not None:
        found.append(_row.id.in_(of_person(sought.held_by)))
    if sought.due is not None:
        found += [_open(), _LAST_DAY.in_([sought.due])]
    if sought.only is not None:
        found += _only(sought)
    return found


def _only(sought: Sought) -> list[ColumnElement[bool]]:
    match sought.only:
        case "late":
            # A last day to pass on is met by passing on: then the last day to be public counts.
            missed = or_(sought.today > _LAST_DAY, and_(UNPUBLISHED_ONES, _row.submit_by_on < sought.today))
            return [_open(), missed]
        case "near":
            return [_open(), _LAST_DAY.between(sought.today, sought.soon)]
        case "refused":
            return [_row.status == Status.REJECTED.value, UNPUBLISHED_ONES]
        case "objection":
            return [_row.objection_at.is_not(None), _row.status.in_([one.value for one in STANDING])]
        case "held":
            standing = _row.status.in_([one.value for one in (*SHOWN, Status.SHIELDED)])
            return [_row.end_held_at.is_not(None), _row.end_reason.is_(None), standing]
        case _:
            return [_row.in_doubt_since_at.is_not(None)]
