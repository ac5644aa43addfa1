"""A fine by the simple procedure above what its row of the law allows is taken with a warning that cites the row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from decision_facts import facts
from foundation import foundation

from gateway.foundation.store import Store
from gateway.rooms.decisions import Decisions
from gateway.rooms.decisions.spot_fines import over_spot_limit
from gateway.words.clock import SystemClock
from gateway.words.terms import Terms

PERSON = {"kind": "natural_person", "name": "乔木", "id_type": "其他-船员证", "id_number": "C12345"}
BUSINESS = {"kind": "individual_business", "name": "味安副食店", "uscc": "92990102MA0WA4562J"}


@pytest.mark.parametrize(
    ("party", "law", "most", "over", "cited"),
    [
        (PERSON, "other", "200.00", "200.01", "行政处罚法 第五十一条"),
        (BUSINESS, "market", "200.00", "200.01", "行政处罚法 第五十一条"),
        (None, "other", "3000.00", "3000.01", "行政处罚法 第五十一条"),
        (PERSON, "public_security", "500.00", "500.01", "治安管理处罚法 第一百一十九条"),
        (None, "public_security", "500.00", "500.01", "治安管理处罚法 第一百一十九条"),
    ],
)
def test_the_limit_is_that_of_party_and_field(party: Any, law: str, most: str, over: str, cited: str) -> None:
    told: dict[str, Any] = {"procedure": "simple", "field_of_law": law, **({"party": party} if party else {})}
    assert over_spot_limit(facts(**told, fine=most), Terms()) == ()
    (warned,) = over_spot_limit(facts(**told, fine=over), Terms())
    assert warned.field == "fine"
    words = str(warned.reason)
    assert over in words
    assert most in words
    assert cited in words


@pytest.mark.parametrize("changes", [{"procedure": "ordinary"}, {"fine": None, "penalty_kinds": ["警告"]}])
def test_other_decisions_have_no_such_limit(changes: dict[str, Any]) -> None:
    assert over_spot_limit(facts(**{"procedure": "simple", "fine": "50000.00", **changes}), Terms()) == ()


def test_police_decisions_before_the_new_law_have_the_general_limit() -> None:
    of_2025 = facts(
        procedure="simple", field_of_law="public_security", party=PERSON, fine="300.00", decided_on="2025-12-31"
    )
    (warned,) = over_spot_limit(of_2025, Terms())
    assert "200.00" in str(warned.reason)


def test_what_an_organ_must_confirm_is_said_with_it() -> None:
    (warned,) = over_spot_limit(facts(procedure="simple", party=BUSINESS), Terms())
    assert "个体工商户按公民还是按其他组织掌握须确认" in str(warned.reason)


async def test_it_stands_among_the_warnings_of_the_decision(one_store: Store, tmp_path: Path) -> None:
    decisions = Decisions(foundation(one_store, tmp_path, SystemClock()))
    decision, _ = await decisions.put("A1", "望综罚〔2026〕1号", facts(procedure="simple", fine="3000.01"), by="test")
    assert [one.field for one in decisions.warnings(decision)] == ["fine"]
