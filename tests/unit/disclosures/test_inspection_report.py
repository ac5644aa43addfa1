"""The inspection as a report: counts by target, kind and age, and a workbook in which every number is text."""

from __future__ import annotations

import io
from datetime import date, timedelta
from pathlib import Path

import python_calamine
from disclosure_room import NUMBER, ORGAN, Room

from gateway.foundation.store import Store
from gateway.rooms.disclosures import Status
from gateway.rooms.disclosures.comparison import Kind
from gateway.rooms.disclosures.inspection_report import as_workbook, report


async def test_what_is_amiss_is_counted_once_by_its_age_and_told_with_what_to_do(
    one_store: Store, tmp_path: Path
) -> None:
    room = Room(one_store, tmp_path)
    await room.organs.set("A1", ORGAN, date(2020, 1, 1))
    await room.delivery.start()
    try:
        one = await room.publish()
        await room.until(one, Status.PUBLISHED)
        room.city.page = None
        await room.disclosures.inspection.look_now(one)
        await room.when(one, lambda held: held.looked_at is not None, 0)
    finally:
        await room.delivery.stop()
        await room.evidence.close()
    made, found = await room.disclosures.inspection.report(("A1",), every=True)
    begun, seen = room.clock.now(), []
    for days in (0, 2, 7.5, 31):
        now = begun + timedelta(days=days)
        told = await one_store.read(lambda conn, now=now: report(conn, ("A1",), now, 7))
        (count,), (target,) = told.counts, told.targets
        assert (count.place, count.kind, count.number, target.target) == ("city", Kind.MISSING, 1, "city")
        seen.append((count.day, count.week, count.month, count.older, target.shown, target.overdue))
    assert seen == [(1, 0, 0, 0, 1, 0), (0, 1, 0, 0, 1, 0), (0, 0, 1, 0, 1, 0), (0, 0, 0, 1, 1, 1)]
    nobody, _ = await room.disclosures.inspection.report(("B2",))
    assert (nobody.targets, nobody.counts) == ([], [])

    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(as_workbook(made, found)))
    summary = [row[:3] for row in book.get_sheet_by_name("汇总").to_python()]
    assert ["city", "应公示而未公示", 1.0] in summary
    assert ["合计", "", 1.0] in summary
    head, line = book.get_sheet_by_name("未处理的问题").to_python()
    assert dict(zip(head, line, strict=True))["决定书文号"] == NUMBER
    assert dict(zip(head, line, strict=True))["须做什么"] == "核实后重新报送，或者说明原因"
