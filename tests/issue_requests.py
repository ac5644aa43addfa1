"""A request for a code, for tests of adapters of non-tax platforms."""

from __future__ import annotations

from datetime import date
from typing import Any

from gateway.ports.nontax import BillLine, IssueRequest


def request(**changes: Any) -> IssueRequest:
    """A fine of 200 yuan, but for what a test says otherwise."""
    fields: dict[str, Any] = {
        "reference": "R1",
        "region": "990102",
        "unit_code": "990102002",
        "unit_name": "望川区市场监督管理局",
        "payer_name": "味安",
        "decision_number": "望市监罚决〔2026〕18号",
        "lines": (BillLine(item_code="103050199001", item_name="罚款", amount=20000),),
        "total": 20000,
        "bill_date": date(2026, 11, 20),
    }
    return IssueRequest(**(fields | changes))
