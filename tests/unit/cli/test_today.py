"""What waits for a person, told by a command: each number leads to exactly the list that it counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.foundation.store import Store

Call = Callable[..., Any]


def test_what_waits_is_counted_and_the_number_before_it_lists_exactly_that(
    call: Call, add: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    add("opn_1")
    add("opn_2")
    add("opn_3", "done")
    waiting = call("today", "--json").json["items"]
    place, parked = next((place, one) for place, one in enumerate(waiting, 1) if "operations" in (one["list"] or ""))
    assert (parked["number"], parked["at_least"], parked["whose"]) == (2, False, "all")
    listed = call("today", str(place), "--json").json
    assert [row["id"] for row in listed["rows"]] == ["opn_2", "opn_1"]
    assert {"gateway operations retry", "gateway operations resolve"} <= set(listed["commands"])
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    said = call("today").out
    assert f"gateway today {place}" in said
    assert "待办理" in said
    assert "opn_1" in call("today", str(place)).out


def test_a_number_under_which_nothing_waits_is_refused(call: Call, database: Store) -> None:
    said = call("today", "99")
    assert (said.code, said.out, "nothing waits under number 99" in said.err) == (4, "", True)


def test_what_no_screen_lists_names_the_command_that_does(call: Call, database: Store) -> None:
    for place, one in enumerate(call("today", "--json").json["items"], 1):
        assert (one["list"] is None) == (one["command"] is not None)
        if one["command"]:
            assert one["command"] in call("today", str(place)).out
