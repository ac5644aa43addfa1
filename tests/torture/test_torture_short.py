"""A short torture in every test run, and the proof that the torture notices: each protection off once."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _load(name: str) -> ModuleType:
    """A module beside this file, under its own name: forked nodes import it by that."""
    folder = str(Path(__file__).parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


async def test_ten_kills_under_load_lose_nothing_and_double_nothing(tmp_path):
    torture = _load("torture")
    options = torture.Options(kills=10, seed=1, seconds=20, pauses=0.0, clients=4)
    result = await torture.torture(options, tmp_path)
    print(result.table(options))
    assert result.kills.total() >= 3  # a slow machine deals fewer in its time
    assert result.accepted >= 1
    assert result.lost == []
    assert result.doubled == []


@pytest.mark.parametrize("sabotage", ["reference", "index"])
async def test_the_torture_turns_red_when_a_protection_is_off(tmp_path, sabotage):
    torture = _load("torture")
    options = torture.Options(kills=2, seed=1, seconds=12, clients=4, sabotage=sabotage, stop_when_red=True)
    result = await torture.torture(options, tmp_path)
    assert any("live codes" in one for one in result.doubled), result.table(options)
