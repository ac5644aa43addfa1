"""The simulators' frame: a process that remembers, faults that repeat, a transport that misbehaves on purpose."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from collecting_unit import Unit

from simulators import systems
from simulators.clock import SimulatedClock
from simulators.contract import OpenApiContract
from simulators.faults import Fault, Faults
from simulators.foundation import Foundation
from simulators.state import State
from simulators.testing import Simulation
from simulators.world import World
from simulators.xml import MOST_BYTES, parse_xml


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state.sqlite")


# --- state ---------------------------------------------------------------------------------------------------------


def test_what_was_committed_is_there_in_the_next_process_and_what_was_not_is_gone(tmp_path: Path) -> None:
    first = State(tmp_path / "state.sqlite")
    with first.transaction() as tx:
        tx.put("nontax", "bills", "1", {"amount": 1})
        tx.effect("nontax", "CreateBill", "A")
    with pytest.raises(RuntimeError), first.transaction() as tx:
        tx.put("nontax", "bills", "2", {"amount": 2})
        raise RuntimeError
    second = State(tmp_path / "state.sqlite")
    with second.transaction() as tx:
        assert tx.list("nontax", "bills") == [("1", {"amount": 1})]
    assert second.effects("nontax") == {"nontax": {"CreateBill": {"A": 1}}}


def test_hooks_run_after_the_commit_and_never_after_a_rollback(state: State) -> None:
    ran: list[str] = []
    with state.transaction() as tx:
        tx.after_commit(lambda: ran.append("done"))
        assert ran == []
    with pytest.raises(RuntimeError), state.transaction() as tx:
        tx.after_commit(lambda: ran.append("undone"))
        raise RuntimeError
    assert ran == ["done"]


def test_counters_grow_lists_keep_their_order_and_groups_part_them(state: State) -> None:
    with state.transaction() as tx:
        assert [tx.next("a", "n"), tx.next("a", "n"), tx.next("b", "n")] == [1, 2, 1]
        for key in ("z", "a", "m"):
            tx.put("a", "k", key, {"key": key}, group="odd" if key == "a" else "even")
        tx.put("a", "k", "z", {"key": "z2"}, group="even")
        assert [key for key, _ in tx.list("a", "k")] == ["z", "a", "m"]
        assert tx.list("a", "k", "even") == [("z", {"key": "z2"}), ("m", {"key": "m"})]


def test_a_reset_forgets_all_but_what_begins_with_an_underscore(state: State) -> None:
    with state.transaction() as tx:
        tx.put("seal", "_keys", "root", {"kept": True})
        tx.put("seal", "jobs", "1", {})
        tx.next("seal", "n")
    state.reset()
    assert state.dump() == {"seal": {"_keys": {"root": {"kept": True}}}}
    with state.transaction() as tx:
        assert tx.next("seal", "n") == 1


# --- clock ---------------------------------------------------------------------------------------------------------


def test_the_clock_is_set_moved_and_stopped_and_a_restart_keeps_it(state: State) -> None:
    clock = SimulatedClock(state)
    moment = datetime(2026, 9, 16, 8, 50, tzinfo=UTC)
    clock.freeze(True)
    clock.set(moment)
    clock.advance(90)
    assert SimulatedClock(state).now() == clock.now() == moment.replace(minute=51, second=30)
    assert clock.today().isoformat() == "2026-09-16"
    clock.freeze(False)
    assert 0 <= (clock.now() - moment).total_seconds() - 90 < 60


# --- faults --------------------------------------------------------------------------------------------------------


def test_a_fault_meets_the_nth_matching_request_and_so_many_times(state: State) -> None:
    faults = Faults(state)
    faults.plant({"system": "nontax", "operation": "CreateBill", "kind": "silence", "nth": 2, "times": 2})
    met = [
        faults.pick("nontax", operation, "k") is not None for operation in ["CreateBill", "Ping"] + ["CreateBill"] * 4
    ]
    assert met == [False, False, True, True, False, False]


def test_a_fault_for_a_key_leaves_others_alone_and_survives_a_restart(state: State) -> None:
    Faults(state).plant({"system": "nontax", "kind": "busy", "key": "A", "times": 0})
    faults = Faults(state)
    assert faults.pick("nontax", "x", "B") is None
    assert faults.pick("credit", "x", "A") is None
    assert all(faults.pick("nontax", "x", "A") for _ in range(3))


def test_a_dice_depends_on_seed_and_key_and_not_on_the_order_of_arrival() -> None:
    def outcomes(order: list[str], seed: int) -> dict[str, list[bool]]:
        fault = Fault("nontax", "silence", times=0, probability=0.5, seed=seed)
        found: dict[str, list[bool]] = {}
        for key in order:
            found.setdefault(key, []).append(fault.meets("x", key))
        return found

    keys = [str(number) for number in range(40)]
    straight, mixed = outcomes(keys * 2, 7), outcomes(sorted(keys * 2, reverse=True), 7)
    assert straight == mixed
    assert straight != outcomes(keys * 2, 8)
    assert 20 < sum(map(sum, straight.values())) < 60


@pytest.mark.parametrize("wrong", [{"kind": "explode"}, {"kind": "busy", "oops": 1}, {"kind": "busy", "system": 3}])
def test_a_fault_that_does_not_exist_is_refused(state: State, wrong: dict) -> None:
    with pytest.raises(ValueError):
        Faults(state).plant({"system": "nontax", **wrong})


# --- contracts -----------------------------------------------------------------------------------------------------


def test_a_document_with_a_doctype_is_no_message() -> None:
    with pytest.raises(ValueError, match="DOCTYPE"):
        parse_xml(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<a>" * 65 + b"</a>" * 65, "deeper than 64"),
        (b"<a>" + b"<b/>" * 200_000 + b"</a>", "more than 200000 elements"),
        (b"<a>" + b" " * MOST_BYTES + b"</a>", "bytes"),
        (b"<a>", "not XML"),
    ],
    ids=["deep", "many", "long", "cut"],
)
def test_xml_is_bounded(body: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_xml(body)


def test_comments_and_instructions_part_no_value() -> None:
    assert parse_xml(b"<a>1<!-- x -->2<?y z?>3</a>").text == "123"


def test_openapi_errors_name_the_place(tmp_path: Path) -> None:
    document = {
        "openapi": "3.1.0",
        "paths": {
            "/things/{id}": {
                "put": {
                    "operationId": "put",
                    "parameters": [
                        {
                            "name": "id",
                            "in": "path",
                            "required": True,
                            "schema": {"type": "string", "pattern": "^[a-z]+$"},
                        },
                        {"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 1}},
                    ],
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                    },
                    "responses": {
                        "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}
                    },
                }
            }
        },
        "components": {
            "schemas": {
                "Thing": {
                    "type": "object",
                    "required": ["name"],
                    "additionalProperties": False,
                    "properties": {"name": {"type": "string"}, "on": {"type": "string", "format": "date"}},
                }
            }
        },
    }
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document))
    contract = OpenApiContract(file)
    assert contract.operations == {"put": ("PUT", "/things/{id}")}
    assert contract.request_errors("put", b'{"name": "x"}', id="abc", page="2") == []
    errors = contract.request_errors("put", b'{"name": 1, "on": "32.13."}', id="A1", page="0")
    assert [error.split(":")[0] for error in errors] == ["id", "page", "body.name", "body.on"]
    assert contract.request_errors("put", b"", id="abc") == ["body: is missing"]
    assert contract.request_errors("put", b"{}", "text/plain", id="abc")[0].startswith("body: media type")
    assert contract.answer_errors("put", 200, {"name": "x"}) == []
    assert contract.answer_errors("put", 200, {"nam": "x"})
    assert contract.answer_errors("put", 404, {}) == ["status 404 is not declared"]


# --- the process ---------------------------------------------------------------------------------------------------


def test_every_system_loads(tmp_path: Path) -> None:
    world = World(Foundation(State(tmp_path / "state.sqlite")))
    for system in systems.load(list(systems.installed())):
        world.add(system)
    assert set(world.services) == set(systems.installed())


def test_serve_prints_one_ready_line_and_ends_cleanly_on_sigterm(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path, only="nontax")
    simulation.start()
    assert set(simulation.ready["systems"]) == {"nontax"}
    assert httpx.get(simulation.url("nontax") + "/cashier?billId=0", trust_env=False).status_code == 404
    assert simulation.stop() == 0
    assert simulation.process is not None
    assert "Traceback" not in simulation.log()


def test_a_killed_process_comes_back_at_the_same_addresses_with_its_state_and_faults(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path, only="nontax")
    simulation.start()
    simulation.clock(now="2030-01-01T00:00:00+08:00")
    simulation.faults({"system": "nontax", "kind": "busy"})
    simulation.seed(nontax={"units": [{"code": "990102123", "name": "青禾镇"}]})
    before = simulation.url("nontax")
    simulation.kill()
    simulation.start()
    assert simulation.url("nontax") == before
    assert simulation.clock()["now"].startswith("2030-01-01")
    assert [fault["kind"] for fault in simulation.ask("GET", "/faults")["faults"]] == ["busy"]
    assert simulation.ask("GET", "/state")["nontax"]["units"]["990102123"]["name"] == "青禾镇"
    simulation.reset()
    assert simulation.ask("GET", "/faults")["faults"] == []
    assert "990102123" not in simulation.ask("GET", "/state")["nontax"]["units"]
    assert simulation.clock()["offset_seconds"] == 0
    simulation.stop()


def test_a_wrong_use_is_told_on_stderr_with_status_2(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "simulators", "serve", "--state", str(tmp_path / "s"), "--only", "moon"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "moon" in done.stderr


def test_ports_that_somebody_listens_on_are_never_shared(tmp_path: Path) -> None:
    first, second = (Simulation(tmp_path / name, only="nontax") for name in ("first", "second"))
    for one in (first, second):
        one.folder.mkdir()
    first.start()
    port = first.ready["url"].rpartition(":")[2]
    command = [sys.executable, "-m", "simulators", "serve", "--only", "nontax", "--port", port]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"port {port} is taken" in refused.stderr
    # A restart takes other ports than its last ones if those are gone.
    with sqlite3.connect(first.folder / "simulators.sqlite") as source:
        source.backup(sqlite3.connect(second.folder / "simulators.sqlite"))
    second.start()
    assert second.url("nontax") != first.url("nontax")
    for one in (first, second):
        assert one.stop() == 0


def test_control_refuses_what_it_does_not_understand_with_words(simulators: Simulation) -> None:
    for path, body in (
        ("/clock", {"noon": 1}),
        ("/clock", {"now": "2026-01-01T00:00:00"}),
        ("/faults", {"system": "nontax", "kind": "explode"}),
        ("/seed", {"nontax": {"moons": []}}),
        ("/seed", []),
        ("/seed", {"moon": {}}),
        ("/seed", {"nontax": {"units": [{"name": "青禾镇"}]}}),
        ("/nontax/settings", {"moon": 1}),
        ("/nontax/settings", {"valid_days": "soon"}),
        ("/registry/settings", {"moon": 1}),
        ("/nontax/pay", {"code": "0"}),
        ("/callbacks", {"system": "moon", "url": "http://127.0.0.1"}),
        ("/callbacks", {"system": "nontax", "url": "127.0.0.1:80"}),
    ):
        answer = simulators.control.post(path, json=body)
        assert (answer.status_code, "error" in answer.json()) == (422, True), path


def test_every_request_is_journalled_with_what_was_done_about_it(simulators: Simulation) -> None:
    answer = httpx.post(simulators.url("nontax") + "/services", content=b"<a/>", trust_env=False)
    assert answer.status_code == 500
    assert "19200" in answer.text
    (entry,) = simulators.journal(system="nontax")
    assert (entry["outcome"], entry["status"], entry["request"]) == ("refused", 500, "<a/>")


def test_a_refusing_system_leaves_the_others_reachable_and_comes_back(simulators: Simulation) -> None:
    url = simulators.url("nontax") + "/cashier?billId=0"
    simulators.faults({"system": "nontax", "kind": "refuse"})
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)
    assert simulators.ask("GET", "/clock")
    simulators.clear_faults()
    assert httpx.get(url, trust_env=False).status_code == 404


@pytest.mark.parametrize("phase", ["before_effect", "after_effect"])
def test_a_request_that_was_slow_before_a_reset_does_nothing_after_it(
    simulators: Simulation, unit: Unit, phase: str
) -> None:
    simulators.faults({"system": "nontax", "kind": "slow", "seconds": 0.5, "phase": phase})
    with pytest.raises(httpx.ReadTimeout):
        unit.create(timeout=0.2)
    simulators.reset()
    assert simulators.ask("GET", "/journal", wait=0.6)["entries"] == []
    assert unit.bills() == []
