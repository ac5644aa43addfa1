"""Finding publications by what people watch: a number, a target, what is late or near, what waits for a person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final, Literal

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Date,
    Select,
    and_,
    case,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    type_coerce,
    union_all,
)

from gateway.foundation.access.desk import of_person
from gateway.foundation.base import Foundation
from gateway.foundation.store.rows import reader
from gateway.rooms.decisions.records import with_number
from gateway.rooms.disclosures.records import UNPUBLISHED_ONES, WITHDRAWAL_OWED, Disclosure
from gateway.rooms.disclosures.states import OVER, SHOWN, STANDING, Status
from gateway.rooms.disclosures.tables import HELD, PASSED_ON, disclosure
from gateway.words.clock import day_of
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say

MOST: Final = 1000
"""Beyond so many a list says "or more"."""
NEAR: Final = 3
"""A last day comes near so many working days before."""
Only = Literal["late", "near", "refused", "objection", "held", "doubt"]
ONLY: Final[tuple[Only, ...]] = ("late", "near", "refused", "objection", "held", "doubt")

DATED: Final[tuple[Only, ...]] = ("late", "near", "refused")
"""Of these the first last day is told."""

_row = disclosure.c
_disclosure = reader(Disclosure)
_PASSED_ON: Final = and_(literal_column(f"({PASSED_ON})"), _row.pass_on_by_on < _row.submit_by_on)
_OPEN: Final = or_(UNPUBLISHED_ONES, WITHDRAWAL_OWED)
_LAST_DAY: Final[ColumnElement[date]] = type_coerce(
    case(
        (_row.withdraw_wanted_at.is_not(None), _row.withdraw_by_on),
        (_PASSED_ON, _row.pass_on_by_on),
        else_=_row.submit_by_on,
    ),
    Date,
)
"""By when something must happen next: taken back, passed on to who shows it, or public."""
_DAYS: Final[tuple[tuple[ColumnElement[bool], Column[Any]], ...]] = (
    (WITHDRAWAL_OWED, _row.withdraw_by_on),
    (and_(UNPUBLISHED_ONES, _PASSED_ON), _row.pass_on_by_on),
    (and_(UNPUBLISHED_ONES, not_(func.coalesce(_PASSED_ON, false()))), _row.submit_by_on),
)
"""What is open is exactly one of these, each with its last day. Each has an index by that day: asked as one, all that
was ever published is gone through."""


_WATCHED: Final = select(disclosure, _LAST_DAY.label("last_day"), _OPEN.label("is_open"))


@dataclass(frozen=True, slots=True)
class Sought:
    """Which publications; what is None does not narrow. ``number``: of the decision, or the publication's own id.

    ``only``: what is late on ``today`` or comes near by ``soon``; refused and never sent again; objected to; over, and
    not ended because duties are not performed; in doubt. ``due``: what is open has this last day.
    ``held_by``: in this person's hands, and not over.
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

        def read(conn: Connection) -> tuple[list[Watched], int]:
            number, span = counted(conn, sought), _span(sought)
            query = _WATCHED.where(*_fitting(sought)).order_by(_row.id.desc()).limit(limit)
            if before is not None:
                query = query.where(_row.id < before)
            if span is not None and number < MOST:  # so few that going back through everything would not find them soon
                ids = union_all(*_by_day(sought, *span)).subquery()
                query = query.where(_row.id.in_(select(ids.c.id)))
            return _watched(conn, query), number

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
            return {one: waiting(conn, replace(sought, only=one)) for one in only}

        return await self._base.store.read(read)

    async def last_days(self, sought: Sought, first: date, last: date) -> list[LastDay]:
        """How many open publications have their last day on which day, by target."""
        days = union_all(*_by_day(sought, first, last, _row.target)).subquery()
        query = (
            select(days.c.target, days.c.on, func.count().label("number"))
            .group_by(days.c.target, days.c.on)
            .order_by(days.c.target, days.c.on)
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


def waiting(conn: Connection, sought: Sought) -> tuple[int, date | None]:
    """How many there are, not counted beyond ``MOST``, and the first last day among what has one to keep."""
    number = counted(conn, sought)
    if not number or sought.only not in DATED:
        return number, None
    days = [each.order_by("on").limit(1) for each in _by_day(sought, *(_span(sought) or (None, None)))]
    found = [row.on for each in days for row in conn.execute(each)]
    return number, min(found, default=None)


def counted(conn: Connection, sought: Sought) -> int:
    """How many there are; not counted beyond ``MOST``."""
    span = _span(sought)
    ids = [select(_row.id).where(*_fitting(sought))] if span is None else _by_day(sought, *span)
    some = union_all(*ids).limit(MOST).subquery()
    return int(conn.execute(select(func.count()).select_from(some)).scalar_one())


def _span(sought: Sought) -> tuple[date | None, date | None] | None:
    """The last days between which what is open is sought; None where they do not matter."""
    if sought.due is not None:
        return sought.due, sought.due
    if sought.only == "late":
        return None, sought.today - timedelta(days=1)
    return (sought.today, sought.soon) if sought.only == "near" else None


def _by_day(
    sought: Sought, first: date | None, last: date | None, what: ColumnElement[Any] = _row.id
) -> list[Select[Any]]:
    """What is open and has its last day between these, each kind by its index."""
    narrow = replace(sought, due=None) if sought.due or sought.only == "refused" else replace(sought, only=None)
    found = []
    for kind, day in _DAYS:
        query = select(what, day.label("on")).where(kind, day.is_not(None), *_fitting(narrow, by_day=True))
        if first is not None:
            query = query.where(day >= first)
        found.append(query if last is None else query.where(day <= last))
    return found


def _fitting(sought: Sought, by_day: bool = False) -> Sequence[ColumnElement[bool]]:
    # By a day or a number the authority is an expression: SQLite goes by that, and not through all of the authority.
    owner = _row.authority.concat("") if by_day or sought.number is not None else _row.authority
    found: list[ColumnElement[bool]] = [owner.in_(sorted(sought.authorities))]
    if sought.number is not None:
        own = re.fullmatch(r"dsc_[0-9a-f]{32}", sought.number)
        found.append(_row.id == sought.number if own else _row.decision_id.in_(with_number(sought.number)))
    if sought.target is not None:
        found.append(_row.target == sought.target)
    if sought.status is not None:
        found.append(_row.status == sought.status.value)
    if sought.held_by is not None:
        found += [_row.status.not_in(OVER), _row.id.in_(of_person(sought.held_by))]
    if sought.due is not None:
        found += [_OPEN, _LAST_DAY.in_([sought.due])]
    if sought.only is not None:
        found += _only(sought)
    return found


def _in_one_of(*states: Status) -> ColumnElement[bool]:
    """In one of these states, said by those in which it is not: SQLite would ask the index of states otherwise."""
    return _row.status.not_in([one.value for one in Status if one not in states])


def _only(sought: Sought) -> list[ColumnElement[bool]]:
    match sought.only:
        case "late":
            return [_OPEN, sought.today > _LAST_DAY]
        case "near":
            return [_OPEN, _LAST_DAY.between(sought.today, sought.soon)]
        case "refused":
            return [_row.status == Status.REJECTED.value, UNPUBLISHED_ONES]
        case "objection":
            return [_row.objection_at.is_not(None), _in_one_of(*STANDING)]
        case "held":
            return [literal_column(f"({HELD})"), _in_one_of(*SHOWN, Status.SHIELDED)]
        case _:
            return [_row.in_doubt_since_at.is_not(None)]
