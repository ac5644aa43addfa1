"""Every event that others may hear of stands in the catalogue, with an example that a receiver can rely on."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from snapshots.catalogue import ALWAYS, EVENT, FILE, always, emitted, example
from snapshots.collect import when_events_happen
from sources import texts

from gateway.foundation import rooms
from gateway.words.identifiers import PREFIXES

CATALOGUE: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
SECRET = {"name", "party", "payer", "payee", "account", "id_number", "phone", "address", "secret", "token"}


@pytest.fixture(scope="module", autouse=True)
def _rooms() -> None:
    """The rooms are loaded: each claims the prefixes of its own records."""
    for room in rooms.found():
        if room.open:
            room.place(room.open)


def test_every_type_that_the_code_can_emit_has_an_example() -> None:
    found = emitted()
    assert len(found) > 60
    assert found - CATALOGUE.keys() == set(), "see snapshots/catalogue.py: record it, or write it by hand"


def test_who_comes_back_is_told_of_events_that_there_are() -> None:
    told = [type for room in rooms.found() for type in room.happened]
    assert len(set(told)) == len(told) > 20
    assert set(told) <= CATALOGUE.keys()


def test_the_page_says_of_every_event_when_it_happens() -> None:
    assert [name for name, when in when_events_happen().items() if not when] == [], "say it in event_words.toml"


def test_nothing_stands_there_that_the_code_cannot_emit() -> None:
    source = "".join(texts().values())
    endings = {name: name.partition(".")[2].rpartition("_")[2] for name in CATALOGUE.keys() - emitted()}
    assert [name for name, ending in endings.items() if not re.search(rf'["_}}]{ending}"', source)] == []


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_an_example_is_what_a_receiver_gets(name: str) -> None:
    subject, data = CATALOGUE[name]["subject"], CATALOGUE[name]["data"]
    assert EVENT.fullmatch(name)
    known = subject.partition("_")[0] in PREFIXES or re.fullmatch(r"[0-9A-Z]{15,18}", subject)
    assert known or (name.startswith("channel.") and re.fullmatch(r"[a-z][a-z0-9_-]{0,39}", subject))
    assert all(re.fullmatch(r"[a-z][a-z_]*", member) for member in data)
    assert data.keys() & SECRET == set(), "events carry no personal data"
    assert always(CATALOGUE[name]) == CATALOGUE[name], "ids, days and codes in examples are always the same ones"


def test_an_example_holds_every_member_that_was_seen() -> None:
    seen = [
        {"subject": "pay_" + "a" * 32, "data": {"on": "2031-01-02", "reason": None}},
        {"subject": "pay_" + "b" * 32, "data": {"reason": "x", "at": 1_900_000_000_000_000}},
    ]
    made = example(seen)
    assert made["data"] == {"on": "2026-09-16", "reason": "x", "at": 1_789_524_000_000_000}
    assert made["subject"] == example(reversed(seen))["subject"]
    assert len(ALWAYS) > 3
