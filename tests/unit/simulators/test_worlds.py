"""Tests that run at the same time do not meet: each world has its own clock, state, faults, journal and callbacks."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from collecting_unit import Inbox, Unit, exchange, text
from starlette.responses import PlainTextResponse

from simulators import worlds
from simulators.foundation import Foundation
from simulators.state import State
from simulators.testing import Control, Simulation, simulated_world
from simulators.world import World

__all__ = ["simulated_world"]


def names(simulators: Simulation) -> list[str]:
    return list(simulators.ask("GET", "/worlds")["worlds"])


def test_two_worlds_share_nothing_but_their_keys(simulators: Simulation) -> None:
    with simulators.world("one") as one, simulators.world("two") as two:
        one.clock(now="2027-03-01T09:00:00+08:00", frozen=True)
        two.faults({"system": "nontax", "kind": "answer_code", "code": "18012", "times": 0})
        with ThreadPoolExecutor(3) as at_once:
            made = list(at_once.map(lambda world: Unit(world).create("N1"), (simulators, one, two)))
        assert [text(answer, "Result") for answer in made] == ["00000", "00000", "18012"]
        assert [len(world.journal(system="nontax")) for world in (simulators, one, two)] == [1, 1, 1]
        assert [world.effects("nontax") != {} for world in (simulators, one, two)] == [True, True, False]
        assert one.clock()["now"].startswith("2027-03-01")
        assert not two.clock()["frozen"]
        assert one.credentials("seal") == two.credentials("seal") == simulators.credentials("seal")
        one.reset()
        assert one.effects("nontax") == {}
        assert simulators.effects("nontax") != {}


def test_a_world_is_found_by_its_header_too_and_begins_when_it_is_first_asked(simulators: Simulation) -> None:
    named = {"X-Simulator-World": "by-header"}
    planted = {"system": "credit", "kind": "busy"}
    assert httpx.post(simulators.ready["control"] + "/faults", json=planted, headers=named, trust_env=False).is_success
    by_path = httpx.get(f"{simulators.ready['url']}/worlds/by-header/_sim/faults", trust_env=False).json()
    assert [fault["kind"] for fault in by_path["faults"]] == ["busy"]
    assert simulators.ask("GET", "/faults")["faults"] == []
    assert "by-header" in names(simulators)
    simulators.ask("DELETE", "/worlds/by-header")
    assert "by-header" not in names(simulators)


def test_callbacks_pages_and_frames_of_a_world_are_its_own(simulators: Simulation, simulated_world: Control) -> None:
    inbox = Inbox()
    simulated_world.callbacks_to("nontax", inbox.url)
    code = text(Unit(simulated_world).create("N2"), "PayCode")
    simulated_world.ask("POST", "/nontax/pay", {"code": code})
    assert inbox.next() == code
    inbox.close()
    page = httpx.get(simulated_world.url("nontax") + "/bills", trust_env=False).text
    assert f"/worlds/{simulated_world.ready['url'].rsplit('/', 1)[1]}/nontax/cashier?billId={code}" in page
    ping = exchange(simulated_world, "8997", "BillQuery", {"PayCode": "9" * 20})
    assert ping is not None
    assert simulated_world.journal(system="cnnontax")
    assert not simulators.journal(system="cnnontax")


def test_what_a_world_cannot_do_is_refused_in_words(simulators: Simulation, simulated_world: Control) -> None:
    refused = simulated_world.control.post("/faults", json={"system": "nontax", "kind": "refuse"})
    assert refused.status_code == 422
    assert "shares its port" in refused.text
    assert simulators.control.post("/worlds", json={"name": "../up"}).status_code == 422
    assert simulators.control.delete("/worlds/nobody").status_code == 422


def test_there_are_only_so_many_worlds_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worlds, "MOST", 2)
    first = World(Foundation(State(":memory:")))
    first.base.urls[""] = "http://127.0.0.1:1"

    async def begin() -> None:
        several = worlds.Worlds(first, [], "127.0.0.1", lambda world, acts: PlainTextResponse(""))
        for name in ("one", "two", "one"):
            await several.get(name)
        with pytest.raises(ValueError, match="2 worlds are open; end one"):
            await several.get("three")
        await several.end("one")
        assert (await several.get("three")).world.base.urls[""] == "http://127.0.0.1:1/worlds/three"
        for name in ("two", "three"):
            await several.end(name)

    asyncio.run(begin())
