"""Who collects for an authority 执收单位: said over HTTP, by a command, or at the console, in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from gateway.foundation.base import Foundation
from gateway.rooms.payments import IncomeItem, LineKind, Unit, records
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say


async def set_unit(
    base: Foundation,
    authority: str,
    region: str,
    items: Mapping[LineKind, IncomeItem],
    since: date,
    named: tuple[str | None, str | None] = (None, None),
) -> Unit:
    """Say which unit collects from a day on. ``named``: its code and name, the authority's own where they are not said.

    Raises NotFoundProblem for an unknown authority, InvalidProblem where neither has a code.
    """
    owner = await base.access.authority(authority)
    code, name = named
    code = code or owner.unit_code
    if code is None:
        raise InvalidProblem(say("payments.no_unit_code", authority=authority), field="unit_code")
    unit = Unit(code, name or owner.name, region, items)
    await base.store.write(lambda conn: records.set_unit(conn, authority, unit, since))
    return unit


async def unit_on(base: Foundation, authority: str, day: date) -> Unit | None:
    """Which unit collects for an authority on a day, and under which income items."""
    return await base.store.read(lambda conn: records.unit_of(conn, authority, day))
