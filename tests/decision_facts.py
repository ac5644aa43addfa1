"""The facts of a decision for tests of rooms that stand on one."""

from __future__ import annotations

from typing import Any

from gateway.rooms.decisions import DecisionFacts

FACTS: dict[str, Any] = {
    "procedure": "ordinary",
    "party": {"kind": "organisation", "name": "恒筑建设有限公司", "uscc": "91990102MA0HD1233R"},
    "violation": "占用公共场所",
    "facts": "占道经营",
    "basis": "条例第十条",
    "penalty_kinds": ["罚款"],
    "content": "罚款500元",
    "fine": "500.00",
    "decided_on": "2026-09-14",
}


def facts(**changes: Any) -> DecisionFacts:
    """These facts, but for what a test says otherwise."""
    return DecisionFacts.model_validate({**FACTS, **changes}, strict=False)
