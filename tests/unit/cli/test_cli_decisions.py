"""``gateway decisions`` and ``gateway evidence bundle``: what was wrong is put right, explained, and proved."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from decision_facts import facts

from gateway.app import App
from gateway.rooms.decisions import Corrections, DecisionEvent, Decisions
from gateway.rooms.evidence import verify_bundle
from gateway.settings import load

Call = Callable[..., Any]
A, NUMBER = "A1", "望综执罚决字〔2026〕第7号"
PASSWORD = "long enough a password"


@pytest.fixture
def served(call: Call, site: Path, installed: str) -> str:
    """A decision that was served, and two operators and a supervisor; the id of the event."""
    people = (("gao", "高远", "operator"), ("lin", "林溪", "operator"), ("meng", "孟长", "supervisor"))
    for login, name, role in people:
        made = call("operators", "create", login, name, "--role", role, "--password-stdin", typed=PASSWORD + "\n")
        assert made.code == 0, made.err

    async def record() -> str:
        async with App.open(load(site / "gateway.toml")) as gateway:
            told = facts(fine="1000.00", surcharge_stated=True, decided_on="2026-03-02")
            await gateway.get(Decisions).put(A, NUMBER, told, by="案件系统")
            event = {"kind": "served", "on": "2026-03-05", "method": "post", "evidence": "邮件号 XA1234"}
            known = await gateway.get(Decisions).record_event(
                A, NUMBER, DecisionEvent.model_validate(event, strict=False), by="案件系统"
            )
            return known.recorded[0].id

    return asyncio.run(record())


def by(login: str) -> list[str]:
    return ["--login", login, "--password-stdin"]


def test_a_mistyped_day_is_corrected_by_one_where_nothing_leans_on_it(call: Call, served: str) -> None:
    said = call("decisions", "correct", A, NUMBER, served, "--set", "on=2026-03-03", "--reason", "录入有误", *by("gao"),
                typed=PASSWORD)  # fmt: skip
    assert said.code == 0, said.err
    assert ["served 2026-03-05" in line for line in said.out.splitlines() if "served" in line][:1] == [True]
    told = call("decisions", "events", A, NUMBER, "--json").json
    assert [(one["on"], one["in_force"]) for one in told["events"]] == [("2026-03-05", False), ("2026-03-03", True)]
    assert told["events"][1]["evidence"] == "邮件号 XA1234", "what is not said stays"
    (correction,) = told["corrections"]
    assert (correction["status"], correction["reason"], correction["proposed_by"]) == ("APPLIED", "录入有误", "高远")


def test_an_event_that_never_was_is_voided(call: Call, served: str) -> None:
    void = ["decisions", "correct", A, NUMBER, served, "--void", "--reason", "误录他案"]
    assert call(*void, *by("gao"), typed="another password").code == 4
    assert call(*void, *by("gao"), typed=PASSWORD).code == 0
    assert not any(one["in_force"] for one in call("decisions", "events", A, NUMBER, "--json").json["events"])
    assert "nothing is left" not in call("decisions", "explain", A, NUMBER).out
    again = call(*void, *by("gao"), typed=PASSWORD)
    assert (again.code, again.out) == (4, "")
    (failed,) = call("audit", "list", "--action", "sign-in", "--json").json["acts"]
    assert (failed["operator"], failed["status"], failed["subject"]) == ("高远", 401, "gao")


def test_where_something_leans_on_it_a_second_person_agrees_to_what_they_saw(
    call: Call, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Corrections, "leaned_on", lambda self, _: self._leans.append(lambda *_: True))
    this = ["decisions", "correct", A, NUMBER, served]
    asked = [*this, "--set", "on=2026-03-03", "--set", "method=direct", "--set", "evidence=", "--reason", "回证为准"]
    assert call(*asked, *by("gao"), typed=PASSWORD).code == 0
    told = call("decisions", "events", A, NUMBER, "--json").json
    (waits,) = told["corrections"]
    assert (waits["status"], [one["in_force"] for one in told["events"]]) == ("PROPOSED", [True])
    unseen = call(*this, "--confirm", *by("lin"), typed=PASSWORD)
    assert (unseen.code, waits["seen"] in unseen.err) == (4, True), "nobody agrees to what they were not shown"
    assert call(*this, "--confirm", "--seen", waits["seen"], *by("gao"), typed=PASSWORD).code == 4, "nor alone"
    done = call(*this, "--confirm", "--seen", waits["seen"], "--json", *by("lin"), typed=PASSWORD)
    assert done.json["corrections"][0]["confirmed_by"] == "林溪"
    assert done.json["events"][1] | {"id": "", "replaces": "", "recorded_at": ""} == {
        **{"kind": "served", "on": "2026-03-03", "method": "direct", "evidence": None, "undelivered": None},
        **{"shown_by": None, "appeal": None, "appeal_kind": None, "party": None, "applied_on": None, "until": None},
        **{"reason": None, "id": "", "in_force": True, "replaces": "", "recorded_by": "高远", "recorded_at": ""},
    }


def test_what_nobody_agreed_to_is_taken_back(call: Call, served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Corrections, "leaned_on", lambda self, _: self._leans.append(lambda *_: True))
    this = ["decisions", "correct", A, NUMBER, served]
    assert call(*this, "--void", "--reason", "误录", *by("gao"), typed=PASSWORD).code == 0
    assert call(*this, "--withdraw", "--reason", "原登记无误", *by("gao"), typed=PASSWORD).code == 0
    (gone,) = call("decisions", "events", A, NUMBER, "--json").json["corrections"]
    assert gone["status"] == "WITHDRAWN"
    assert call(*this, "--confirm", "--seen", "x", *by("lin"), typed=PASSWORD).code == 4


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "--set"),
        (["--set", "on=2026-03-03", "--void", "--reason", "x"], "--set"),
        (["--set", "on=2026-03-03"], "--reason"),
        (["--confirm", "--reason", "x"], "--reason"),
        (["--set", "on", "--reason", "误录"], "on"),
        (["--set", "on=2026-02-30", "--reason", "误录"], ""),
        (["--set", "party=姜**", "--reason", "误录"], ""),
    ],
)
def test_what_cannot_be_meant_is_refused(call: Call, served: str, given: list[str], said: str) -> None:
    refused = call("decisions", "correct", A, NUMBER, served, *given, *by("gao"), typed=PASSWORD)
    assert (refused.code, refused.out) == (4, "")
    assert said in refused.err


def test_the_sum_that_a_reminder_names_is_explained_with_its_clocks_and_rows(call: Call, served: str) -> None:
    told = call("decisions", "explain", A, NUMBER, "--on", "2026-04-01", "--json").json
    assert (told["received_on"], told["due_on"], told["to_pay"]) == ("2026-03-05", "2026-03-20", "1360.00")
    assert [(one["kind"], one["left"]) for one in told["owed"]] == [("fine", "1000.00"), ("surcharge", "360.00")]
    said = call("decisions", "explain", A, NUMBER, "--on", "2026-04-01").out
    for words in ("1360.00", "received 2026-03-05, 15 days", "3 % a day (行政处罚法", "yes", "第六十七条第三款"):
        assert words in said, words


def test_an_official_reads_it_in_chinese(call: Call, served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    said = call("decisions", "explain", A, NUMBER, "--on", "2026-04-01").out
    for words in ("2026-03-05收到，15日", "每日百分之3（行政处罚法", "加处罚款", "是"):
        assert words in said, words
    shown = call("decisions", "events", A, NUMBER).out
    assert "送达 2026-03-05, 邮寄送达, 证据：邮件号 XA1234" in shown
    for english in ("True", "received", "served", "post", "a day", "surcharge", "evidence", "交互留痕"):
        assert english not in said + shown, english


def test_a_bundle_is_made_by_a_supervisor_and_proves_itself(call: Call, served: str, site: Path) -> None:
    ask = ["evidence", "bundle", A, NUMBER, "--to", "case.zip", "--for", "望川区人民法院", "--reason", "行政诉讼举证"]
    assert call(*ask, *by("gao"), typed=PASSWORD).code == 4, "an operator has no such right"
    made = call(*ask, "--json", *by("meng"), typed=PASSWORD)
    assert made.json["bytes"] == (site / "case.zip").stat().st_size
    manifest = verify_bundle.verify(str(site / "case.zip"))
    assert (manifest["number"], manifest["recipient"], manifest["made_by"]) == (NUMBER, "望川区人民法院", "孟长")
    with zipfile.ZipFile(site / "case.zip") as archive:
        assert {"decision/version-1.json", "decision/events.json", "index.pdf", "verify.py"} <= {*archive.namelist()}
    assert call(*ask, *by("meng"), typed=PASSWORD).code == 4, "a file that is there is not written over"
    short = [*ask[:4], "--to", "b.zip", "--for", "x", "--reason", "行政诉讼"]
    assert call(*short, *by("meng"), typed=PASSWORD).code == 4
    assert not (site / "b.zip").exists()
    (handed,) = call("handovers", "list", "--json").json["handovers"] or [{"way": "none"}]
    assert handed["way"] == "none", "a firm without a representative is no person"


def test_a_database_of_another_version_is_said_to_be_one(call: Call, site: Path) -> None:
    for command in (["events"], ["explain"], ["correct", "--void", "--reason", "误录", *by("gao")]):
        more = ["dev_1"] if command[0] == "correct" else []
        refused = call("decisions", command[0], A, NUMBER, *more, *command[1:], typed=PASSWORD)
        assert (refused.code, refused.out) == (3, ""), command
        assert "gateway migrate" in refused.err
