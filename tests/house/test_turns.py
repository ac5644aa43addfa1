"""Rooms write in turn: what a unit has looked at is still so when it inserts, whichever node it runs on."""

from __future__ import annotations

import re
from pathlib import Path

import gateway.rooms

BESIDE = {
    "payments/service.py": "request: holds the decision's row, and the demand's key is unique",
}
"""Where a room writes beside other nodes, and why that is right."""


def test_a_room_writes_beside_other_nodes_only_where_it_is_said_why() -> None:
    places = [Path(one) for one in gateway.rooms.__path__]
    found = {
        str(file.relative_to(place)): len(re.findall(r"write_beside|beside=True", file.read_text(encoding="utf-8")))
        for place in places
        for file in place.rglob("*.py")
    }
    assert {file: number for file, number in found.items() if number} == dict.fromkeys(BESIDE, 1)
