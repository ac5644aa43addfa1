"""Records as they are published, for tests of pages and targets."""

from __future__ import annotations

from datetime import date
from typing import Any

from gateway.ports.credit import DisclosedParty, DisclosureRecord

NUMBER = "安望市监罚决〔2026〕57号"


def record(**other: Any) -> DisclosureRecord:
    """One of a firm, with whatever is to be otherwise."""
    party = other.pop("party", None) or DisclosedParty(
        category="organisation", name="恒筑建设有限公司", uscc="91990102MA0HD1233R", legal_representative="齐远山"
    )
    known: dict[str, Any] = {
        "decision_number": NUMBER,
        "authority_name": "安澜市望川区市场监督管理局",
        "authority_code": "11990102002100216D",
        "source_name": "安澜市信用信息中心",
        "source_code": "119901000031003146",
        "violation": "经营超过保质期的食品",
        "facts": "货架上有过期糕点",
        "basis": "食品安全法第一百二十四条",
        "penalty_kinds": ("罚款",),
        "content": "罚款5000元",
        "fine": 500_000,
        "decided_on": date(2026, 9, 14),
        "valid_until": date(2027, 9, 14),
        "publish_until": date(2027, 9, 14),
    }
    return DisclosureRecord(party=party, **(known | other))
