"""A job does each of its rows once, tells what became of it, and goes on where it was cut."""

from __future__ import annotations

import asyncio
import io
import typing
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import xlsxwriter

from gateway.cli.serve import prepare_database, working
from gateway.foundation.access import Principal, roles
from gateway.foundation.access.sign_in import MACHINE
from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Services
from gateway.foundation.screens import Look, Wanted
from gateway.foundation.sheets import parse_sheet
from gateway.foundation.store import Store
from gateway.foundation.two_persons import Person
from gateway.rooms.disclosures.questions import REQUESTS
from gateway.rooms.exports.files import as_workbook
from gateway.rooms.jobs import forms
from gateway.rooms.jobs.kinds import JobAsk
from gateway.rooms.jobs.records import JobRow
from gateway.rooms.jobs.screens import SCREEN, waiting
from gateway.rooms.jobs.service import Jobs, Plan, Request, digest_of
from gateway.rooms.jobs.sheet import Line, filled, lines, request
from gateway.settings import Settings, StoreSettings
from gateway.words.clock import SHANGHAI, ManualClock
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem, Problem
from gateway.words.saying import Language, head_in, say, sentences
from tests.foundation import foundation

SHELL = Principal("os:wei", "operator", frozenset(), frozenset({"A1"}), "wei", role=MACHINE)
WORKS = Principal("os:wei", "operator", roles()["operator"], frozenset(), "wei", role=MACHINE)
ROWS = [Request(f"row {number}", path=f"/v1/things/{number}", body={"n": number}) for number in range(1, 6)]
BREAK = {
    **{"id": "brk_1", "state": "open", "kind": "ours_only", "kind_zh": "短款", "code": "9901", "bank_serial": "S1"},
    **{"ours": "200.00", "theirs": None, "payment": None, "channel": "nontax", "day": "2026-06-16", "age_days": 3},
    "assignee": None,
}


class Api:
    """Answers as it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None]] = []
        self.answers: Callable[[str, str], httpx.Response] = lambda method, path: httpx.Response(201, json={})

    async def ask(self, who: Principal, method: str, path: str, body: Any = None, headers: Any = None) -> Any:
        self.asked.append((method, path, (headers or {}).get("Idempotency-Key")))
        answer = self.answers(method, path)
        return await answer if asyncio.iscoroutine(answer) else answer


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 7, 1, 9, 0, tzinfo=SHANGHAI))


@pytest.fixture
def base(one_store: Store, tmp_path: Path, clock: ManualClock) -> Foundation:
    return foundation(one_store, tmp_path, clock)


@pytest.fixture
def api(base: Foundation, monkeypatch: pytest.MonkeyPatch) -> Api:
    made = Api()
    monkeypatch.setattr(base.inside, "ask", made.ask)
    base.inside.made_by = object  # type: ignore[assignment]
    return made


async def ended(jobs: Jobs, job_id: str) -> list[JobRow]:
    async with asyncio.timeout(60):
        while (await jobs.of(job_id)).job.ended_at is None:
            await asyncio.sleep(0.01)
    return await jobs.rows(job_id)


async def operators(base: Foundation) -> tuple[Principal, Person]:
    made = [
        await base.access.create_operator(login, name, "operator", "long enough a password")
        for login, name in (("wang", "王敏"), ("li", "李强"))
    ]
    first = Principal(made[0].id, "operator", frozenset(), frozenset(), made[0].name, role="operator")
    return first, Person(made[1].id, made[1].name, operator=True)


def refusing(method: str, path: str) -> httpx.Response:
    if path.endswith("/2"):
        return httpx.Response(409, json={"type": "x:month-closed", "detail": "已月结"})
    return httpx.Response(200, json={})


async def test_each_row_is_asked_under_a_key_of_its_own_and_has_its_result(base: Foundation, api: Api) -> None:
    api.answers = refusing
    jobs = Jobs(base)
    rows = [*ROWS[:3], Request("before", why=say("jobs.no_break"))]
    job_id = await jobs.propose(Plan("reconcile", "补对账", rows), who=SHELL, language=Language.CHINESE)
    told = await ended(jobs, job_id)
    assert [(one.result, one.why) for one in told[:3]] == [
        ("done", None), ("not_applicable", "已月结"), ("done", None)
    ]  # fmt: skip
    assert told[3].result == "not_applicable"
    assert [key for _, _, key in api.asked] == [f"{job_id}-{number}" for number in (1, 2, 3)]
    sight = await jobs.of(job_id)
    assert (sight.job.standing, sight.results) == ("done", {"done": 2, "not_applicable": 2})


async def test_what_was_killed_goes_on_with_its_next_row_under_the_same_key(
    base: Foundation, api: Api, clock: ManualClock
) -> None:
    reached = asyncio.Event()

    async def silent() -> httpx.Response:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    api.answers = lambda _, path: silent() if path.endswith("/3") else httpx.Response(200, json={})  # type: ignore[return-value, assignment]
    first = Jobs(base)
    job_id = await first.propose(Plan("reconcile", "补", ROWS), who=SHELL, language=Language.CHINESE)
    await asyncio.wait_for(reached.wait(), 60)
    await first.close()
    api.answers = lambda *_: httpx.Response(200, json={})
    second = Jobs(base)
    await second.go_on(clock.now())
    await asyncio.sleep(0)
    clock.set(clock.now() + timedelta(seconds=31))
    while (await second.of(job_id)).job.ended_at is None:
        await second.go_on(clock.now())
        await asyncio.sleep(0.01)
    assert [one.result for one in await second.rows(job_id)] == ["done"] * 5
    assert [key for _, _, key in api.asked] == [f"{job_id}-{number}" for number in (1, 2, 3, 3, 4, 5)]


async def test_where_two_are_needed_another_person_confirms_what_was_seen(base: Foundation, api: Api) -> None:
    jobs, (first, second) = Jobs(base), await operators(base)
    plan = Plan("breaks", "按台账说明", ROWS[:1], two_persons=True)
    with pytest.raises(Problem):
        await jobs.propose(plan, who=SHELL, language=Language.CHINESE)
    job_id = await jobs.propose(plan, who=first, language=Language.CHINESE)
    seen = (await jobs.of(job_id)).seen or ""
    with pytest.raises(ConflictProblem):
        await jobs.confirm(job_id, by=Person(first.client_id, first.name, operator=True), seen=seen)
    other = await jobs.propose(plan, who=first, language=Language.CHINESE)
    with pytest.raises(ConflictProblem):
        await jobs.confirm(other, by=second, seen=seen)
    assert api.asked == []
    await jobs.confirm(job_id, by=second, seen=seen)
    assert [one.result for one in await ended(jobs, job_id)] == ["done"]
    with pytest.raises(Problem):
        await jobs.stop(other, by=second)
    await jobs.stop(other, by=Person(first.client_id, first.name, operator=True))
    assert (await jobs.of(other)).job.standing == "stopped"


async def test_a_stopped_job_asks_for_no_further_row(base: Foundation, api: Api) -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    async def waiting() -> httpx.Response:
        reached.set()
        await go.wait()
        return httpx.Response(200, json={})

    api.answers = lambda *_: waiting()  # type: ignore[return-value, assignment]
    jobs = Jobs(base)
    job_id = await jobs.propose(Plan("reconcile", "补", ROWS), who=SHELL, language=Language.CHINESE)
    await asyncio.wait_for(reached.wait(), 60)
    await jobs.stop(job_id, by=Person("os:wei", "wei", operator=True))
    go.set()
    while jobs._running:
        await asyncio.sleep(0.01)
    assert [one.result for one in await jobs.rows(job_id)] == ["done", None, None, None, None]
    assert len(api.asked) == 1
    with pytest.raises(NotFoundProblem):
        await jobs.stop(job_id, by=Person("os:wei", "wei", operator=True))


async def test_a_row_whose_record_is_another_one_by_now_is_not_asked_for(base: Foundation, api: Api) -> None:
    api.answers = lambda *_: httpx.Response(200, json={"difference": {**BREAK, "ours": "210.00"}})
    row = request(Line(2, "brk_1", str(next(lines([BREAK]))["version"]), "跨日入账", {}), BREAK)
    jobs = Jobs(base)
    job_id = await jobs.propose(Plan("breaks", "说明", [row]), who=SHELL, language=Language.CHINESE)
    (told,) = await ended(jobs, job_id)
    assert told.result == "not_applicable"
    assert "原为 200.00，现为 210.00" in (told.why or "")
    assert [method for method, _, _ in api.asked] == ["GET"]


async def test_each_count_of_today_leads_to_the_jobs_that_it_counts(base: Foundation, api: Api) -> None:
    jobs, (first, second) = Jobs(base), await operators(base)
    services = Services()
    services.add(jobs)
    job_id = await jobs.propose(Plan("breaks", "说明", ROWS, two_persons=True), who=first, language=Language.CHINESE)
    for who, whose, acts in ((first.client_id, "others", ["stop"]), (second.id, "second", ["confirm", "stop"])):
        seen = Principal(who, "operator", roles()["operator"], frozenset(), "王敏", role="operator")
        found = {one.whose: one for one in await waiting(Look(seen, base, services))}
        assert {name for name, one in found.items() if one.number} == {whose}
        to = found[whose].to
        assert to is not None
        assert SCREEN.lists is not None
        assert SCREEN.one is not None
        listed = await SCREEN.lists.find(Look(seen, base, services, to.asked), Wanted())
        assert [row.id for row in listed.rows] == [job_id]
        assert (await SCREEN.one(Look(seen, base, services), job_id)).acts == acts


async def test_what_begins_at_a_form_is_what_was_shown(
    base: Foundation, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the rows are others by now, nothing begins."""
    jobs, (first, _) = Jobs(base), await operators(base)
    services = Services()
    services.add(jobs)
    plan = Plan("reconcile", "补", ROWS)

    async def planned(*_: Any) -> Plan:
        return plan

    monkeypatch.setattr(forms, "_plan", planned)
    who = Principal(first.client_id, "operator", roles()["operator"], frozenset(), "王敏", role="operator")
    for seen in ("", digest_of(ROWS[:-1]).hex()):
        with pytest.raises(ConflictProblem) as refused:
            await forms._do("reconcile", Look(who, base, services, {"seen": seen}), "")
        assert refused.value.type == "changed-since-seen"
    assert await jobs.find(frozenset()) == []
    await forms._do("reconcile", Look(who, base, services, {"seen": digest_of(ROWS).hex()}), "")
    assert [one.kind for one in await jobs.find(frozenset())] == ["reconcile"]


def test_the_sheet_of_breaks_comes_back_with_ids_versions_and_words() -> None:
    rows = list(lines([BREAK, {**BREAK, "id": "brk_2"}]))
    rows[1]["explanation"] = "次日到账"
    (line,), left_out = filled(parse_sheet(as_workbook(rows, {"a": "b"}), "导出"))
    assert (line.break_id, line.version, line.words, line.number) == ("brk_2", rows[1]["version"], "次日到账", 3)
    assert left_out == [2], "the first one was left as it was"
    made = request(line, {**BREAK, "id": "brk_2"})
    assert (made.why, made.subject.startswith("#3 brk_2 ")) == (None, True)
    for changed in ({"state": "resolved"}, {"theirs": "200.00"}):
        assert request(line, {**BREAK, **changed}).why is not None
    assert request(line, None).why is not None
    with pytest.raises(InvalidProblem):
        filled(parse_sheet(as_workbook([{"code": "1"}], {}), "导出"))


@pytest.mark.parametrize(
    ("typed", "agrees"),
    [
        ({}, True),
        ({"ours": 200.1}, True),
        ({"ours": "200.1"}, True),
        ({"ours": " 200.10 "}, True),
        ({"ours": 200.11}, False),
        ({"ours": ""}, False),
        ({"theirs": "0.00"}, False),
        ({"code": "99010226300000000002"}, False),
        ({"code": 99010226300000000001}, False),
        ({"bank_serial": 7, "explanation": 2026}, True),
        ({"bank_serial": "S7"}, False),
    ],
)
def test_a_row_is_that_of_its_break_or_is_not_applicable(typed: dict[str, Any], agrees: bool) -> None:
    """Amounts typed as numbers or texts are one amount; a code that became a number has lost digits; what slipped in
    sorting would explain another break."""
    view = {**BREAK, "ours": "200.10", "theirs": None, "code": "99010226300000000001", "bank_serial": "7"}
    (row,) = lines([view])
    row |= {"explanation": "次日到账", "code": view["code"]} | typed
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet("导出")
        for column, (name, value) in enumerate(row.items()):
            sheet.write_string(0, column, head_in(name, Language.CHINESE))
            (sheet.write_number if isinstance(value, int | float) else sheet.write_string)(1, column, value or "")
    (line,), _ = filled(parse_sheet(out.getvalue(), "导出"))
    made = request(line, view)
    assert (made.why is None) is agrees
    if "explanation" in typed:
        assert made.body == {"reason": "2026"}


async def test_a_worker_does_jobs_although_it_listens_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where keys and folders of evidence are made
    settings = Settings(store=StoreSettings(url=f"sqlite:///{tmp_path / 'gateway.sqlite'}"))
    prepare_database(settings)
    async with working(settings) as gateway:
        jobs = gateway.get(Jobs)
        plan = Plan("reconcile", "补对账", [Request("jobs", method="GET", path="/v1/jobs")])
        job_id = await jobs.propose(plan, who=WORKS, language=Language.CHINESE)
        assert [(one.result, one.why) for one in await ended(jobs, job_id)] == [("done", None)]


def test_what_can_be_chosen_is_said_in_chinese() -> None:
    """Lists that are exported, and what is asked of a platform that shows publications."""
    listed = typing.get_args(typing.get_args(typing.get_type_hints(JobAsk)["list"])[0])
    words = [*listed, *(f"credit.{effect}" for effect in REQUESTS)]
    assert len(listed) == 5
    assert [one for one in words if f"terms.{one}" not in sentences(Language.CHINESE)] == []
