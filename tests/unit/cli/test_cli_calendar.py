"""``gateway doctor`` says in time that the days off of a year are missing, and what is to be confirmed of the law."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import doctor
from gateway.terminal.output import Session

Call = Callable[..., Any]


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """``today("2026-10-01")``: what the clock of doctor says."""

    def set(day: str) -> None:
        class Then(datetime):
            """That day at noon in Shanghai."""

            @classmethod
            def now(cls, tz: Any = None) -> datetime:
                return datetime.fromisoformat(f"{day}T04:00:00+00:00").astimezone(tz or UTC)

        monkeypatch.setattr(doctor, "datetime", Then)

    return set


def test_from_october_on_the_next_year_is_wanted(site: Path, today: Callable[[str], None]) -> None:
    ours = Session(site / "gateway.toml")

    def state(day: str) -> tuple[str, bool]:
        today(day)
        (found,) = doctor.calendar(ours)
        return found.state, "2027" in str(found.said)

    assert [state(day)[0] for day in ("2026-09-30", "2026-10-01", "2026-12-31")] == ["ok", "warn", "warn"]
    assert state("2026-10-01")[1]
    assert state("2027-01-01")[0] == "warn", "and all the more in that year"
    days = {"2027": {"holidays": ["2027-01-01"], "workdays": []}}
    (site / "days.json").write_text(json.dumps(days), encoding="utf-8")
    with (site / "gateway.toml").open("a", encoding="utf-8") as file:
        file.write('\n[calendar]\noverrides = "days.json"\n')
    ours = Session(site / "gateway.toml")
    assert state("2026-10-01")[0] == state("2027-09-30")[0] == "ok"


def test_what_is_to_be_confirmed_of_the_law_is_named_until_an_organ_has_a_row_of_its_own(
    call: Call, site: Path
) -> None:
    def marked() -> str:
        found = {one["name"]: one for one in call("doctor", "--json").json["findings"]}["law"]
        return str(found["detail"])

    before = marked()
    assert "surcharge after an appeal" in before
    row = {"matter": '"after_appeal"', "value": '"restart"', "unit": '"reading"', "from": "2021-07-15"}
    told = "\n".join(f"{name} = {value}" for name, value in {**row, "source": '"本机关规定"'}.items())
    (site / "own.toml").write_text(f"[[rule]]\n{told}\n", encoding="utf-8")
    with (site / "gateway.toml").open("a", encoding="utf-8") as file:
        file.write('\n[law]\nfiles = ["own.toml"]\n')
    assert "surcharge after an appeal" not in marked()
