"""Many breaks explained in a spreadsheet, at the console: fetched, filled in, looked at row by row, and confirmed."""

from __future__ import annotations

import io
import re
from typing import Any

import xlsxwriter

from gateway.foundation.sheets import Number, SheetRow, parse_sheet
from gateway.rooms.reconciliation import break_records
from gateway.words.saying import Language, head_in
from tests.journeys.test_console import look_over, two_people
from tests.journeys.test_jobs_over_http import broken, results

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def saved(rows: list[SheetRow]) -> bytes:
    """The sheet as a spreadsheet saves it: each row where it stood, numbers as numbers, texts as texts."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet("导出")
        for row in rows:
            for column, cell in enumerate(row.cells):
                if isinstance(cell, Number):
                    sheet.write_number(row.number - 1, column, float(cell))
                elif cell:
                    sheet.write_string(row.number - 1, column, cell)
        book.add_worksheet("说明").write_string(0, 0, "x")
    return out.getvalue()


async def test_a_sheet_goes_round_and_each_row_has_its_result(site: Any) -> None:
    """One explained, one that changed since, one that is nobody's, one that slipped, one without a word, one overtaken
    between proposal and confirmation: the look names each by its row, and the end says what became of it."""
    await site.travel("2026-09-16 10:00")
    await site.paid()
    await site.travel("2026-09-17 08:00")
    run = (await site.post("/v1/reconciliations", {"channel": "nontax", "day": "2026-09-16"})).json()
    codes = [f"9901022630000000{number:04}" for number in range(1, 7)]
    for one in (broken(run["id"], code) for code in codes):
        await site.app.base.store.write(lambda conn, one=one: break_records.add(conn, one))
    lin, gao = await two_people(site)

    form = await lin.see("/console/breaks/-/sheet")
    (link,) = re.findall(r'href="([^"]+breaks\.xlsx)"', form)
    head, *rows = parse_sheet(await lin.fetch(link), "导出").rows
    at = {
        name: head.cells.index(head_in(name, Language.CHINESE)) for name in ("break_id", "code", "ours", "explanation")
    }
    place = {row.cells[at["code"]]: row for row in rows}
    assert sorted(place) == codes
    assert not any(isinstance(row.cells[at["code"]], Number) for row in rows), "a code is text"
    assert all(isinstance(row.cells[at["ours"]], Number) for row in rows), "an amount is a number"

    def fill(code: str, **cells: str) -> int:
        row = place[code]
        row.cells.extend([""] * (len(head.cells) - len(row.cells)))
        for name, cell in cells.items():
            row.cells[at[name]] = cell
        return row.number

    done = fill(codes[0], explanation="次日到账", ours="200")  # typed as text
    changed = fill(codes[1], explanation="次日到账")
    wrong_id = fill(codes[2], explanation="次日到账", break_id="brk_" + "0" * 32)
    slipped = fill(codes[3], explanation="次日到账", ours=Number("310.5"))
    wordless = fill(codes[4], explanation="   ")
    overtaken = fill(codes[5], explanation="次日到账")
    gao_closes = {"reason_usual": "bank_error", "reason": ""}
    await gao.do(f"/console/breaks/brk_{codes[1]}/explain", **gao_closes)

    file = {"file": ("差错.xlsx", saved([head, *rows]), XLSX)}
    shown, do = await look_over(lin, "/console/breaks/-/sheet", file, reason="按银行回单")
    told = dict(re.findall(r"#(\d+) [^<]*</td><td>(.*?)</td>", shown))
    assert set(map(int, told)) == {done, changed, wrong_id, slipped, overtaken}
    assert "已不是未处理状态" in told[str(changed)]
    assert "没有该差错" in told[str(wrong_id)]
    assert "“本方”与该差错不符" in told[str(slipped)]
    assert f"如第 {wordless} 行" in shown
    page = await do(reason="按银行回单")
    (job,) = set(re.findall(r"job_[0-9a-f]{32}", page))
    assert f"/console/jobs/{job}/confirm" not in page, "who proposed it gives no second word"

    await gao.do(f"/console/breaks/brk_{codes[5]}/explain", **gao_closes)
    await gao.do(f"/console/jobs/{job}/confirm")
    outcome = dict(zip(sorted((done, changed, wrong_id, slipped, overtaken)), await results(site, job), strict=True))
    assert outcome[done] == ("done", None)
    assert {number: result for number, (result, _) in outcome.items() if number != done} == dict.fromkeys(
        (changed, wrong_id, slipped, overtaken), "not_applicable"
    )
    assert "原为" in (outcome[overtaken][1] or "")
    assert f"#{slipped} " in await gao.see(f"/console/jobs/{job}")
    left = (await site.get("/v1/breaks?state=open&limit=200"))["items"]
    assert {one["code"] for one in left} >= {codes[2], codes[3], codes[4]}
    assert codes[0] not in {one["code"] for one in left}
