"""Days off 节假日安排 on the console: which years' are known, since every last day is counted by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.foundation.screens import Head, Look, Page, Row, Screen, Table, To, Waits
from gateway.words.calendar import statutory_days
from gateway.words.saying import say

_NAME: Final = "days-off"
_RIGHT: Final = "decisions:read"
_YEARS: Final = 3


def _unknown(look: Look) -> list[int]:
    """Years whose days off should be known: this one, from October on also the next, when the notice of it is due."""
    return look.base.reckoning.of(None).calendar.unknown_years(look.today)


async def _page(look: Look) -> Page:
    """The years that are lacking first: they are what Today counts."""
    known, this = look.base.reckoning.of(None).calendar, look.today.year
    heads = (Head(say("calendar.year")), Head(say("calendar.statutory")))
    lacking = [Row(None, (str(year), _statutory(year))) for year in _unknown(look)]
    every = [
        Row(None, (str(year), say("calendar.yes" if known.knows(year) else "calendar.no"), _statutory(year)))
        for year in range(this, this + _YEARS)
    ]
    return Page(
        title=say("accounts.days_off"),
        lead=say("accounts.days_off_lead"),
        blocks=[
            Table(say("accounts.days_off_lacking"), heads, lacking, say("accounts.days_off_all_known")),
            Table(
                say("accounts.days_off_years"),
                (heads[0], Head(say("calendar.published")), heads[1]),
                every,
                "",
                say("accounts.days_off_how", command="gateway calendar check", setting="[calendar] overrides"),
            ),
        ],
    )


def _statutory(year: int) -> str:
    """Its feasts, none broken between its month and its day."""
    return " ".join(f"{day:%m\u2011%d}" for day in sorted(statutory_days(year)))


DAYS_OFF: Final = Screen(name=_NAME, title=say("accounts.days_off"), scope=_RIGHT, place=82, page=_page)


async def waiting(look: Look) -> Sequence[Waits]:
    """Years whose days off are not known."""
    if not look.may(_RIGHT):
        return ()
    years = _unknown(look)
    return (Waits(say("console.wait_days_off", years=years), len(years), To("", _NAME), tone="warn"),)
