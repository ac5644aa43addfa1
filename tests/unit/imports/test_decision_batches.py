"""Batches of decisions: judged row by row, taken in parts, run again after an interruption."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from disclosure_room import FACTS, ORGAN, Room
from sqlalchemy import insert

from gateway.foundation.access.tables import authority
from gateway.foundation.store import Store
from gateway.rooms.decisions import Decision
from gateway.rooms.disclosures import DisclosureFilter, Status
from gateway.rooms.imports.decisions import DecisionBatches, entries
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem
from gateway.words.saying import say

SHEET = {
    "执法机关代码": "A1",
    "决定书文号": "安望市监罚决〔2026〕1号",
    "决定日期": "2026/9/14",
    "当事人类型": "企业",
    "当事人名称": "恒筑建设有限公司",
    "统一社会信用代码": "91990102MA0HD1233R",
    "法定代表人": "齐远山",
    "违法行为类型": "经营超过保质期的食品",
    "违法事实": "货架上有过期糕点",
    "处罚依据": "食品安全法第一百二十四条",
    "处罚种类": "罚款；警告",
    "处罚内容": "罚款5000元",
    "罚款金额": "5000.00",
    "失信程度": "一般",
    "失信分类标准": "安澜市失信行为分类标准",
    "失信分类标准日期": "2026年3月1日",
    "处罚有效期": "20260929",
}


@pytest.fixture
async def room(one_store: Store, tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(one_store, tmp_path)
    owner = {"code": "A1", "name": ORGAN.name, "uscc": ORGAN.code, "created_at": 1}
    await one_store.write(lambda conn: conn.execute(insert(authority), owner).rowcount)
    await made.organs.set("A1", ORGAN, date(2020, 1, 1))
    yield made
    await made.evidence.close()


def batches(room: Room) -> DecisionBatches:
    return DecisionBatches(room.base, room.decisions, room.disclosures)


def sheet() -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows((SHEET.keys(), SHEET.values()))
    return out.getvalue().encode("gb18030")


def line(number: int, **changes: Any) -> str:
    told = {"authority": "A1", "decision_number": f"安望市监罚决〔2026〕{number}号", **FACTS, **changes}
    return json.dumps(told, ensure_ascii=False)


def told(rows: Any) -> list[tuple[int, str]]:
    return [(one.line, one.outcome) for one in rows]


async def test_a_sheet_as_officials_have_it_becomes_a_decision(room: Room) -> None:
    report = await batches(room).run(sheet(), by="test", publish=True)
    assert [(one.line, one.outcome, one.reasons) for one in report.rows] == [(2, "new", ())]
    facts = (await room.decisions.get("A1", SHEET["决定书文号"])).facts
    assert (facts.fine, facts.penalty_kinds, facts.seriousness) == (500_000, ("罚款", "警告"), "general")
    assert (facts.party.legal_representative, facts.valid_until) == ("齐远山", date(2026, 9, 29))
    planned = await room.disclosures.find(DisclosureFilter(authorities=None))
    assert {one.target for one in planned} == {"city", "portal"}


async def test_a_dry_run_names_every_bad_row_and_writes_nothing(room: Room) -> None:
    lines = [
        line(1),
        line(2, fine=None),
        "{",
        line(1),
        line(3, basis="《治安管理处罚法》第二十六条"),
        "[]",
        '{"authority": "A1"}',
    ]
    report = await batches(room).run("\n".join(lines).encode(), by="test", dry_run=True, publish=True)
    outcomes = [(1, "new"), (2, "bad"), (3, "bad"), (4, "bad"), (5, "new"), (6, "bad"), (7, "bad")]
    assert (told(report.rows), report.written) == (outcomes, False)
    assert len(report.rows[4].reasons) == 2, "a sealed record is public nowhere, and that is said of each target"
    assert await room.disclosures.find(DisclosureFilter(authorities=None)) == []
    assert (await batches(room).run("\n".join(lines).encode(), by="test", publish=True)).written is False


async def test_good_rows_are_taken_although_others_are_bad(room: Room) -> None:
    text = "\n".join((line(1), line(2, authority="nobody"), line(3, decided_on="2026-12-01"), line(4))).encode()
    report = await batches(room).run(text, by="test", partial=True)
    assert told(report.rows) == [(1, "new"), (2, "bad"), (3, "bad"), (4, "new")]
    assert report.written
    again = await batches(room).run(text, by="test", partial=True)
    assert told(again.rows) == [(1, "known"), (2, "bad"), (3, "bad"), (4, "known")]
    other = await batches(room).run(line(1, content="罚款1元").encode(), by="test")
    assert told(other.rows) == [(1, "bad")], "what is known is not changed by a batch"


async def test_a_batch_that_was_killed_is_run_again_and_nothing_happens_twice(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.rooms.imports.decisions._TOGETHER", 10)
    text = "\n".join(line(number) for number in range(1, 41)).encode()

    def killed(done: int, all_: int | None) -> None:
        if all_ is not None and done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await batches(room).run(text, by="test", publish=True, progress=killed)
    report = await batches(room).run(text, by="test", publish=True)
    assert (report.count("known"), report.count("new"), report.count("bad")) == (20, 20, 0)
    found = await room.disclosures.find(DisclosureFilter(authorities=None, status=Status.PLANNED, limit=200))
    assert len(found) == len({(one.decision_id, one.target) for one in found}) == 80


async def test_what_is_refused_while_it_is_written_leaves_nothing_of_its_row_and_harms_no_other(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter = room.disclosures.enter

    def busy(conn: Any, decision: Decision, *told: Any) -> dict[str, str]:
        entered = enter(conn, decision, *told)
        if "2号" in decision.number:
            raise ConflictProblem(say("disclosures.busy", effect="submit"))
        return entered

    monkeypatch.setattr(room.disclosures, "enter", busy)
    text = "\n".join(line(number) for number in (1, 2, 3)).encode()
    report = await batches(room).run(text, by="test", publish=True, partial=True)
    assert told(report.rows) == [(1, "new"), (2, "bad"), (3, "new")]
    planned = await room.disclosures.find(DisclosureFilter(authorities=None))
    assert {one.decision_number[-2] for one in planned} == {"1", "3"}
    with pytest.raises(NotFoundProblem):
        await room.decisions.get("A1", "安望市监罚决〔2026〕2号")


def test_rows_are_read_one_after_another() -> None:
    many = entries(b"\n".join([line(1).encode(), b"", b"  ", line(2).encode()]))
    assert [one.line for one in many] == [1, 4]
    with pytest.raises(InvalidProblem):
        list(entries("甲,乙\n1,2\n".encode()))
