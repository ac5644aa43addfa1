"""Story of the demo: a food shop sold goods past their date. All names, numbers and codes are fictional."""

from __future__ import annotations

from datetime import date
from typing import Any

AUTHORITY = "wangchuan-scjg"
AUTHORITY_NAME = "望川区市场监督管理局"
AUTHORITY_USCC = "11990102003003012Y"
AUTHORITY_TELEPHONE = "0990-5550123"
UNIT_CODE = "990102002"
REGION = "990102"
ITEM = ("103050199", "其他一般罚没收入")
CLIENT = "望川区行政执法办案系统"
OPERATOR = ("duizhang", "望川区对账岗")
SECOND = ("fuhe", "望川区复核岗")
PAYER = "罗小满"


def decision_number(today: date) -> str:
    """决定书文号 of the story."""
    return f"望市监罚决字〔{today.year}〕第102号"


def facts(today: date, record: dict[str, Any]) -> dict[str, Any]:
    """The decision: confiscation of 36.50 and a fine of 5,000.00 yuan, for the party that the registry knows."""
    return {
        "procedure": "ordinary",
        "party": {
            "kind": record["category"],
            "name": record["name"],
            "uscc": record["uscc"],
            "legal_representative": record["legal_representative"],
            "address": record["address"],
        },
        "violation": "经营超过保质期的食品",
        "facts": f"经查，当事人{record['name']}在其经营场所货架上陈列销售超过保质期的食品，违法所得36.50元。",
        "basis": "《中华人民共和国食品安全法》第一百二十四条第一款第五项",
        "penalty_kinds": ["没收违法所得", "罚款"],
        "content": "没收违法所得36.50元；罚款5000.00元。",
        "fine": "5000.00",
        "confiscated": "36.50",
        "decided_on": str(today),
        "valid_until": str(today.replace(year=today.year + 3, day=min(today.day, 28))),
        "surcharge_stated": True,
        "seriousness": "general",
        "seriousness_standard": "安澜市市场监管领域失信行为分类标准",
        "seriousness_standard_on": "2026-03-01",
        "field_of_law": "food",
    }
