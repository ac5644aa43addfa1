"""A scenario is the control requests as one file: applied whole or not at all, and again on each first day."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from collecting_unit import Unit, text
from jsonschema import Draft202012Validator

from simulators import cli, scenario
from simulators.testing import Simulation

PAGE = Path(__file__).resolve().parents[3] / "docs" / "simulators.md"

TOML = """
title = "One of everything"

[clock]
now = 2026-10-09T09:00:00+08:00
frozen = true

[seed.nontax]
units = [{ code = "990102123", name = "青禾镇" }]

[seed.registry]
alter = [{ uniscId = "92990102MA0WA4562J", set = { regState_CN = "注销" }, on = 2026-10-01 }]

[settings.nontax]
valid_days = 30
quiet = ["23:30", "00:30"]

[settings.credit]
verdict_seconds = 2.5

[callbacks]
nontax = "http://127.0.0.1:9/callbacks/nontax"

[[faults]]
system = "nontax"
operation = "CreateBill"
kind = "answer_code"
code = "18012"

[[faults]]
system = "nontax"
operation = "CreateBill"
kind = "answer_code"
code = "18011"
"""

#: What is wrong, and what is said of it.
WRONG: list[tuple[str, list[str]]] = [
    ("[fault]\nkind = 'busy'", ["no part 'fault'; did you mean 'faults'?"]),
    ("faults = 'all'", ["faults: 'all' is not of type 'array'"]),
    ("settings = { nontax = 1 }", ["settings.nontax: 1 is not of type 'object'"]),
    (
        "[clock]\nnow = 2026-10-09T09:00:00",
        ["clock: now: 2026-10-09T09:00:00 needs an offset, such as 2026-10-09T09:00:00+08:00"],
    ),
    ("[clock]\nnow = 'tomorrow'", ["clock: Invalid isoformat string: 'tomorrow'"]),
    ("[seed.nontax]\nunits = [{ code = '1' }]", ["seed.nontax: units[0]: 'name' is a required property"]),
    (
        "[seed.registry]\nalter = [{ pripid = 'x', set = {} }]\n[seed.moon]",
        ["seed.registry: no entity x", "seed.moon: no system 'moon'; there are "],
    ),
    (
        "[settings.nontax]\nvalid_days = 'soon'\nmagic_amount = true\n[settings.registry]\na = 1",
        [
            "settings.nontax: no setting 'magic_amount'; did you mean 'magic_amounts'?",
            "settings.nontax: valid_days: 'soon' is not of type 'integer'",
            "settings.registry: registry has no settings",
        ],
    ),
    ("[callbacks]\nnontax = 'localhost'", ["callbacks.nontax: 'localhost' is not an address such as "]),
    (
        "[[faults]]\nsystem = 'nontax'\nkind = 'slow'\n[[faults]]\nsystem = 'nontax'\nkind = 'slwo'",
        ["faults[1].kind: no kind 'slwo'; did you mean 'slow'?"],
    ),
]


def file(folder: Path, content: str) -> Path:
    written = folder / "scenario.toml"
    written.write_text(content, encoding="utf-8")
    return written


def serve(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "simulators", "serve", "--only", "nontax", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def test_everything_in_it_is_applied_as_the_requests_would(simulators: Simulation, unit: Unit, tmp_path: Path) -> None:
    simulators.faults({"system": "nontax", "kind": "busy"})
    planted = simulators.scenario(file(tmp_path, TOML))
    assert simulators.clock()["now"] == "2026-10-09T09:00:00+08:00"
    state = simulators.ask("GET", "/state")
    assert state["nontax"]["units"]["990102123"]["name"] == "青禾镇"
    assert "注销" in json.dumps(state["registry"]["change"], ensure_ascii=False)
    assert simulators.ask("GET", "/nontax/settings")["valid_days"] == 30
    assert simulators.ask("GET", "/credit/settings")["verdict_seconds"] == 2.5
    assert simulators.ask("GET", "/callbacks")["urls"] == {"nontax": "http://127.0.0.1:9/callbacks/nontax"}
    assert [fault["id"] for fault in simulators.ask("GET", "/faults")["faults"]] == planted  # the old one is gone
    assert [text(unit.create(), "Result") for _ in range(3)] == ["18012", "18011", "00000"]


def test_json_and_toml_say_the_same() -> None:
    told = scenario.read(TOML)
    assert scenario.read(json.dumps(told)) == told


def test_a_toml_file_can_be_posted_as_it_is(simulators: Simulation) -> None:
    answer = simulators.control.post("/scenario", content=TOML.encode())
    assert (answer.status_code, len(answer.json()["faults"])) == (200, 2)


@pytest.mark.parametrize(("wrong", "said"), WRONG, ids=[said[0].split(":")[0] for _, said in WRONG])
@pytest.mark.cases_by_day(4)
def test_one_wrong_place_and_nothing_is_applied(simulators: Simulation, wrong: str, said: list[str]) -> None:
    simulators.faults({"system": "nontax", "kind": "busy"})
    simulators.clock(now="2030-01-01T00:00:00+08:00", frozen=True)

    def everything() -> list[Any]:
        return [simulators.ask("GET", path) for path in ("/state", "/clock", "/faults", "/callbacks")]

    before = everything()
    good = {name: part for name, part in scenario.read(TOML).items() if name not in wrong}
    answer = simulators.control.post("/scenario", json=good | scenario.read(wrong))
    assert answer.status_code == 422
    assert all(words in answer.json()["error"] for words in said)
    assert everything() == before


@pytest.mark.parametrize("named", list(scenario.shipped()))
def test_each_shipped_scenario_can_be_applied_and_says_what_it_is_about(simulators: Simulation, named: str) -> None:
    told = scenario.load(named)
    assert told["title"]
    assert len(simulators.scenario(told)) == len(told["faults"])


def test_the_example_of_the_page_can_be_applied(simulators: Simulation) -> None:
    example, *_ = re.findall(r"```toml\n(title.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(simulators.scenario(scenario.read(example))) == 2
    assert simulators.ask("GET", "/nontax/settings")["quiet"] == ["23:30", "00:30"]


def test_lost_answers_go_astray_as_its_comments_say(simulators: Simulation, unit: Unit) -> None:
    simulators.scenario(scenario.load("lost-answers"))
    with pytest.raises(Exception, match="timed out"):
        unit.create("A1", timeout=0.3)
    asked = [text(unit.ask("QueryBill", {"PayNo": "A1"}), "Result") for _ in range(2)]
    assert asked == ["18020", "00000"]
    assert [text(unit.create(number), "Code") for number in ("A2", "A2", "A3")] == ["19001", None, None]


def test_a_process_begins_with_it_once_and_again_after_a_reset(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path, only="nontax", options=["--scenario", "lost-answers", "--magic-amounts"])
    simulation.start()
    unit = Unit(simulation)
    assert simulation.ask("GET", "/nontax/settings")["magic_amounts"] is True
    planted = [fault["kind"] for fault in simulation.ask("GET", "/faults")["faults"]]
    unit.ask("QueryBill", {"PayNo": "A1"})
    simulation.restart()
    fired = {fault["kind"]: fault["fired"] for fault in simulation.ask("GET", "/faults")["faults"]}
    assert (list(fired), fired["not_found_then_found"]) == (planted, 1)
    simulation.reset()
    assert simulation.ask("GET", "/nontax/settings")["magic_amounts"] is True
    assert {fault["fired"] for fault in simulation.ask("GET", "/faults")["faults"]} == {0}
    unit.client.close()
    simulation.stop()


def test_a_process_does_not_start_with_one_that_is_wrong_and_says_where(tmp_path: Path) -> None:
    wrong = serve("--scenario", str(file(tmp_path, "[seed.credit]\n[settings.nontax]\nvalid_days = 'soon'")))
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "seed.credit: no system 'credit'; there are nontax" in wrong.stderr
    assert "settings.nontax: valid_days: 'soon' is not of type 'integer'" in wrong.stderr
    cut = serve("--scenario", str(file(tmp_path, "title = \n")))
    assert (cut.returncode, "scenario.toml: Invalid value (at line 1, column 9)" in cut.stderr) == (2, True)
    absent = serve("--scenario", "lost-answer")
    assert (absent.returncode, "did you mean 'lost-answers'?" in absent.stderr) == (2, True)


def test_the_schema_for_editors_fits_what_is_shipped_and_refuses_what_is_misspelt(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["check", "--schema"]) == 0
    schema = Draft202012Validator(json.loads(capsys.readouterr().out))
    for shipped in scenario.shipped().values():
        assert list(schema.iter_errors(scenario.read(shipped.read_text(encoding="utf-8")))) == []
    wrong = {"settings": {"nontax": {"valid_day": 3}}, "faults": [{"system": "nontx", "kind": "busy"}]}
    assert len(list(schema.iter_errors(wrong))) == 2
