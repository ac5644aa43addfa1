"""Payment codes 缴款码 that we make ourselves: composed by a local layout, or taken in order from ranges issued to us.

The layout of the twenty digits differs by region and is configuration: ``code_layout`` is a format of ``region`` (six
digits), ``year`` and ``serial``. A number that was taken is never used again, not even when its bill was refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from gateway.foundation.store.inserting import insert_new
from gateway.rooms.payments.tables import code_series
from gateway.words.errors import ConflictProblem
from gateway.words.identifiers import check_payment_code
from gateway.words.saying import say

LENGTH = 20


def compose(layout: str, region: str, year: int, serial: int) -> str:
    """A code by its layout. Raises ValueError when the layout does not give a payment code."""
    code = layout.format(region=region, year=year % 100, serial=serial)
    check_payment_code(code)
    return code


def next_composed(conn: Connection, channel: str, layout: str, region: str, year: int) -> str:
    """The next code of a region and year; its serial is taken for good. Raises ValueError for a bad layout."""
    width = LENGTH - len(layout.format(region=region, year=year % 100, serial=0).rstrip("0"))
    serial = _take(conn, channel, f"{region}-{year}", 1, 10 ** max(1, min(width, 10)) - 1)
    if serial is None:
        raise ConflictProblem(say("payments.codes_out", region=region, year=year), type="codes-exhausted")
    return compose(layout, region, year, serial)


def next_from_ranges(conn: Connection, channel: str, ranges: Sequence[tuple[str, str]]) -> str:
    """The next code of the first range that has one left. Raises ConflictProblem when all are used up."""
    for first, last in ranges:
        number = _take(conn, channel, first, int(first), int(last))
        if number is not None:
            code = f"{number:0{LENGTH}d}"
            check_payment_code(code)
            return code
    raise ConflictProblem(
        say("payments.range_used"),
        type="codes-exhausted",
    )


def _take(conn: Connection, channel: str, series: str, first: int, last: int) -> int | None:
    """Take one number: a compare-and-set, so that two takers never get the same."""
    mine = (code_series.c.channel == channel, code_series.c.series == series)
    for _ in range(20):
        row = conn.execute(select(code_series).where(*mine)).mappings().first()
        if row is None:
            values = {"channel": channel, "series": series, "next_serial": str(first + 1), "last_serial": str(last)}
            if insert_new(conn, code_series, **values):
                return first
            continue
        number = int(row["next_serial"])
        if number > int(row["last_serial"]):
            return None
        took = conn.execute(
            update(code_series)
            .where(*mine, code_series.c.next_serial == row["next_serial"])
            .values(next_serial=str(number + 1))
        )
        if took.rowcount == 1:
            return number
    raise ConflictProblem(say("payments.codes_busy"))
