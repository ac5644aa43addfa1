"""A short torture in every test run, and the proof that the torture notices: each protection off once."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

NIGHTLY = os.environ.get("GATEWAY_TEST_TIMES", "1") != "1"


def _load(name: str) -> ModuleType:
    """A module beside this file, under its own name: forked nodes import it by that."""
    folder = str(Path(__file__).parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


async def test_a_kill_at_each_point_and_five_at_random_under_load_lose_nothing_and_double_nothing(tmp_path):
    torture = _load("torture")
    points = _load("torture_node").POINTS
    options = torture.Options(kills=10, seed=1, seconds=12, pauses=0.0, clients=4, points=points)
    result = await torture.torture(options, tmp_path)
    print(result.table(options))
    assert set(points) <= set(result.kills)
    assert result.kills.total() >= len(points) + 1  # a slow machine deals fewer in its time
    assert result.accepted >= 1
    assert result.lost == []
    assert result.doubled == []


async def test_nodes_that_share_a_server_meet_strikes_and_lose_nothing_and_double_nothing(tmp_path):
    """In every run ten strikes that end a node or the server; by night, and in `make torture`, every kind of them."""
    torture = _load("torture")
    order = (*torture.KINDS, "kill", "kill") if NIGHTLY else ("kill", "postgresql", "name", *("kill",) * 7)
    options = torture.Options(
        engine="cluster", kills=len(order), seed=1, seconds=0, clients=3, longest=2.0, order=order
    )
    result = await torture.torture(options, tmp_path)
    print(result.table(options))
    assert set(order) <= set(result.kills)
    assert result.kills.total() == len(order)
    assert result.accepted >= 1
    assert result.lost == []
    assert result.doubled == []


@pytest.mark.parametrize(
    ("sabotage", "seen", "how"),
    [
        ("reference", "live codes", {}),
        ("index", "live codes", {}),
        ("fence", "recorded over another", {"pauses": 1.0, "late": 3.5, "clients": 6}),
    ],
)
@pytest.mark.nightly
async def test_the_torture_turns_red_when_a_protection_is_off(tmp_path, sabotage, seen, how):
    torture = _load("torture")
    how = {"clients": 4, "kills": 60, "seconds": 240} | how  # it ends at the first thing that is seen
    options = torture.Options(seed=1, sabotage=sabotage, stop_when_red=True, **how)
    result = await torture.torture(options, tmp_path)
    assert any(seen in one for one in result.doubled), result.table(options)
