"""A range of days reconciled as one job, and a sheet of breaks explained by two people: each row has its result."""

from __future__ import annotations

import itertools
from datetime import date
from typing import Any

import pytest

from gateway.demo import story
from gateway.foundation.access import Principal
from gateway.foundation.access.audit import AuditFilter
from gateway.foundation.sheets import parse_sheet
from gateway.rooms.exports.files import as_workbook
from gateway.rooms.jobs.break_sheets import written
from gateway.rooms.reconciliation import break_records
from gateway.rooms.reconciliation.break_records import Break
from gateway.rooms.reconciliation.matching import BreakKind, Side
from gateway.rooms.reconciliation.states import BreakState
from gateway.words.errors import Problem
from gateway.words.saying import Language, head_in
from tests.journeys.test_months_over_http import kind, reconcilers

OLD_CODE = "99010223000000000019"
_keys = itertools.count(1)


async def post(http: Any, path: str, body: Any = None, content: bytes | None = None) -> Any:
    headers = {"Idempotency-Key": f"job-{next(_keys)}", "Accept-Language": "zh"}
    return await http.post(path, headers=headers, **({"json": body} if content is None else {"content": content}))


async def results(site: Any, job: str) -> list[tuple[str, str | None]]:
    await site.until(f"/v1/jobs/{job}", lambda now: now["state"] == "done", 120)
    rows = (await site.get(f"/v1/jobs/{job}/rows?limit=200"))["items"]
    return [(row["result"], row["why"]) for row in rows]


def broken(run: str, code: str) -> Break:
    """A difference of money that a run found."""
    about = {"channel": "nontax", "side": Side.PLATFORM, "day_on": date(2026, 9, 16), "kind": BreakKind.OURS_ONLY}
    ends = {"closed_at": None, "closed_by": None, "reason": None, "payment_id": None, "theirs": None}
    known = {"state": BreakState.OPEN, "run_id": run, "opened_at": 1, "authority": story.AUTHORITY, "ours": 20000}
    return Break(id=f"brk_{code}", code=code, bank_serial="S1", **about, **ends, **known)


async def test_days_are_one_job_and_breaks_are_explained_in_a_sheet_by_two(site):
    await site.travel("2026-09-16 10:00")
    await site.paid()
    await site.travel("2026-09-19 08:00")
    async with reconcilers(site) as (first, second):
        days = {"kind": "reconcile", "first": "2026-09-15", "last": "2026-09-18", "channels": ["nontax"]}
        assert kind(await post(site.http, "/v1/jobs", {**days, "reason": "补对账"})) == "operator-needed"
        made = (await post(first, "/v1/jobs", {**days, "reason": "补对账"})).json()
        before, *rest = await results(site, made["id"])
        assert before == ("not_applicable", "早于该通道启用之日 2026-09-16")
        assert rest == [("done", None)] * 3
        (run,) = (await site.get("/v1/reconciliations?channel=nontax&day=2026-09-16"))["items"]
        for code in ("1", "2"):
            one = broken(run["id"], code)
            await site.app.base.store.write(lambda conn, one=one: break_records.add(conn, one))

        exported = (await first.get("/v1/break-sheets?channel=nontax")).content
        sheet = [row.cells for row in parse_sheet(exported, "导出").rows]
        about = dict(row.cells[:2] for row in parse_sheet(exported, "说明").rows)
        assert about["筛选 filter"] == "state=open, channel=nontax"
        assert (about["导出人 by"], about["时区 zone"]) == ("高远", "+08:00 (Asia/Shanghai)")
        assert (await first.get("/v1/reports/day?channel=nontax&period=2026-09-16&format=xlsx")).is_success
        files = await site.app.base.audit.find(AuditFilter(kind="read"))
        assert [(one.operator, one.action, one.subject) for one in files] == [
            ("高远", "GET /v1/reports/day", "channel=nontax, period=2026-09-16"),
            ("高远", "GET /v1/break-sheets", "state=open, channel=nontax"),
        ]
        looking = Principal("opr_1", "operator", frozenset({"reconciliation:write"}), frozenset(), "白露")
        with pytest.raises(Problem, match="exports:make"):
            await written(site.app.base, looking, None, None)
        names = [head_in(name, Language.CHINESE) for name in ("break_id", "version")]
        at = [sheet[0].index(name) for name in names]
        lines = [{"break_id": row[at[0]], "version": row[at[1]], "explanation": "次日到账"} for row in sheet[1:]]
        assert {"brk_1", "brk_2"} <= {line["break_id"] for line in lines}
        lines = sorted((line for line in lines if line["break_id"] in ("brk_1", "brk_2")), key=str)
        filled_in = as_workbook([*lines, {**lines[0], "break_id": "brk_9"}], {})
        proposed = (await post(first, "/v1/break-sheets?reason=x", content=filled_in)).json()
        assert (proposed["state"], proposed["left"], proposed["not_applicable"]) == ("proposed", 2, 1)
        told = await post(first, "/v1/breaks/brk_2/resolution", {"reason": "银行重复"})
        assert told.is_success, told.text
        path = f"/v1/jobs/{proposed['id']}/confirmation"
        assert kind(await post(first, path, {"seen": proposed["seen"]})) == "second-person-needed"
        assert (await post(second, path, {"seen": proposed["seen"]})).is_success
        done, moved_on, unknown = await results(site, proposed["id"])
        assert done == ("done", None)
        assert (moved_on[0], "原为" in (moved_on[1] or "")) == ("not_applicable", True)
        assert unknown[0] == "not_applicable"
        one = await site.get("/v1/breaks/brk_1")
        assert (one["difference"]["state"], one["difference"]["reason"]) == ("resolved", "次日到账")
        exported = (await post(first, "/v1/jobs", {"kind": "export", "list": "breaks", "reason": "月报"})).json()
        assert await results(site, exported["id"]) == [("done", None)]
        assert (await first.get(f"/v1/jobs/{exported['id']}/file")).content.startswith(b"PK")
        assert (await second.get(f"/v1/jobs/{exported['id']}/file")).status_code == 404

        await rows_of_files_are_taken_in(site, first, second)


async def rows_of_files_are_taken_in(site: Any, first: Any, second: Any) -> None:
    """Nothing is written by one person; what cannot be taken says why; what is known changes nothing."""
    about = {"authority": story.AUTHORITY, "decided_on": "2026-09-01", "party_kind": "individual_business"}
    about |= {"party_name": "味安副食店", "party_uscc": "92990102MA0WA4562J", "fine": "200.00"}
    bill = {**about, "decision_number": "望综罚〔2025〕1号", "code": OLD_CODE, "reference": "OLD1"}
    bills = [bill, {**bill, "code": "123", "decision_number": "望综罚〔2025〕2号"}]
    words = {"violation": "占道经营", "facts": "占道", "basis": "条例", "penalty_kinds": "罚款", "content": "罚款200元"}
    decision = {**about, **words, "decision_number": "望综罚〔2026〕9号"}
    for kind_, rows, path in (("bills", bills, "/v1/payments"), ("decisions", [decision], "/v1/decisions")):
        content = "\n".join(",".join(row) for row in (rows[0].keys(), *(one.values() for one in rows))).encode()
        address = f"/v1/import-files?kind={kind_}&reason=x"
        made = (await post(first, address, content=content)).json()
        assert (made["state"], made["two_persons"], made["not_applicable"]) == ("proposed", True, len(rows) - 1), made
        if kind_ == "bills":
            assert (await site.get(f"{path}?code={OLD_CODE}"))["items"] == []
        for again in (made, (await post(first, address, content=content)).json()):
            confirmed = await post(second, f"/v1/jobs/{again['id']}/confirmation", {"seen": again["seen"]})
            assert confirmed.is_success, confirmed.text
            taken, *bad = await results(site, again["id"])
            assert taken == ("done", None)
            assert [one[0] for one in bad] == ["not_applicable"] * (len(rows) - 1)
    assert [one["status"] for one in (await site.get(f"/v1/payments?code={OLD_CODE}"))["items"]] == ["ISSUED"]
    there = await site.get(f"/v1/decisions/{story.AUTHORITY}/{decision['decision_number']}")
    assert (there["version"], there["facts"]["fine"]) == (1, "200.00")
