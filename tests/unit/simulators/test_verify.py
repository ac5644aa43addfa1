"""A test is told whether the simulators were asked what it expected, how often and in what order, and by whom else."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from simulators.verify import verify

ROOT = Path(__file__).parents[3]


def entry(number: int, operation: str, key: str = "", system: str = "nontax", request: str = "") -> dict[str, Any]:
    told = {"id": number, "system": system, "operation": operation, "key": key, "request": request}
    return told | {"method": "POST", "path": "/", "status": 200, "outcome": "answered", "fault": None}


JOURNAL = [
    entry(1, "CreateBill", "N1", request="<Amt>200.00</Amt>"),
    entry(2, "QueryBill", "N1"),
    entry(3, "submit", system="credit"),
    entry(4, "CreateBill", "N2"),
]
BILL = {"system": "nontax", "operation": "CreateBill"}
ASKED = {"system": "nontax", "operation": "QueryBill"}


@pytest.mark.parametrize(
    "told",
    [
        {"asked": [BILL]},
        {"asked": [BILL | {"times": 2}, BILL | {"key": "N1", "times": {"at_most": 1}}]},
        {"asked": [BILL | {"contains": "200.00", "times": 1}]},
        {"asked": [{"system": "seal", "times": 0}]},
        {"asked": [BILL, ASKED, {"system": "credit"}, BILL], "in_order": True, "nothing_else": True},
        {"asked": [ASKED], "nothing_else": True, "after": 1} | {"asked": [ASKED, BILL]},
    ],
)
def test_what_was_asked_is_as_expected(told: dict[str, Any]) -> None:
    assert verify([one for one in JOURNAL if one["id"] > told.get("after", 0)], told) == []


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"asked": [BILL | {"times": 1}]}, "wanted 1 times, came 2 times"),
        ({"asked": [BILL | {"times": {"at_least": 3}}]}, "wanted at least 3 times, came 2 times"),
        ({"asked": [{"system": "nontax", "operation": "CreateBil"}]}, "there came CreateBill N1"),
        ({"asked": [ASKED, BILL | {"key": "N1"}], "in_order": True}, "came only before asked[0] did"),
        ({"asked": [BILL], "nothing_else": True}, "nobody expected entry 2: nontax QueryBill N1"),
    ],
)
def test_what_was_asked_otherwise_is_said(told: dict[str, Any], words: str) -> None:
    (said,) = verify(JOURNAL, told)
    assert words in said


def test_a_misspelt_expectation_is_refused_and_not_passed_over() -> None:
    with pytest.raises(ValueError, match="opration"):
        verify(JOURNAL, {"asked": [{"opration": "CreateBill"}]})


def test_the_wheel_of_the_simulators_has_the_systems_and_versions_of_the_gateways() -> None:
    both = [
        tomllib.loads((ROOT / one).read_text()) for one in ("pyproject.toml", "packaging/simulators/pyproject.toml")
    ]
    whole, alone = [one["project"] for one in both]
    assert alone["entry-points"]["simulators.systems"] == whole["entry-points"]["simulators.systems"]
    assert alone["version"] == whole["version"]
    known = {
        one.replace("[standard]", "") for one in (*whole["dependencies"], *whole["optional-dependencies"]["simulators"])
    }
    assert [one for one in alone["dependencies"] if one not in known] == ["httptools>=0.6.3"]  # of uvicorn's standard
