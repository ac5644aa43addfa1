"""What it costs to validate a decision and map it to the penalty table, beside plainly parsing it with pydantic.

    python tests/benchmarks/bench_disclosures.py [--records 20000]

CPU time of one core, so that a busy machine changes little; the ratio to parsing is the figure to trust.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

from gateway.adapters.credit.gsxt.mapping import LAYOUT as GSXT
from gateway.adapters.credit.penalty_table import TABLES
from gateway.adapters.credit.portal.mapping import LAYOUT as PORTAL
from gateway.ports.credit import DisclosureRecord
from gateway.words.identifiers import uscc_check_character


def _record(number: int) -> dict[str, Any]:
    """A decision about another firm each time, so that no check is remembered."""
    body = f"91990102MA0K{number % 10**5:05d}"
    return {
        "decision_number": f"安望市监罚决〔2026〕{number}号",
        "authority_name": "安澜市望川区市场监督管理局",
        "authority_code": "11990102002100216D",
        "source_name": "安澜市信用信息中心",
        "source_code": "119901000031003146",
        "party": {
            "category": "organisation",
            "name": f"安澜恒筑建设第{number}有限公司",
            "uscc": body + uscc_check_character(body),
            "legal_representative": "齐远山",
        },
        "violation": "擅自占道经营",
        "facts": "2026年9月3日在望川区临河路占用人行道摆放货架经营。" * 8,
        "basis": "《安澜市市容管理条例》第二十一条",
        "penalty_kinds": ["罚款", "没收违法所得"],
        "content": "没收违法所得36.50元，罚款5000元",
        "fine": 500_000,
        "confiscated": 3_650,
        "decided_on": "2026-09-14",
        "valid_until": "2026-09-29",
        "publish_until": "2027-09-14",
        "full_text": "安澜市望川区市场监督管理局行政处罚决定书" * 20,
    }


def _rate(records: list[Any], work: Callable[[Any], Any]) -> float:
    """Records a second of CPU, the best of three passes."""
    best = float("inf")
    for _ in range(3):
        begun = time.process_time()
        for one in records:
            work(one)
        best = min(best, time.process_time() - begun)
    return len(records) / best


def main() -> None:
    """Measure and print, a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=20_000)
    count = parser.parse_args().records
    written = [json.dumps(_record(number), ensure_ascii=False).encode() for number in range(count)]
    records = [DisclosureRecord.model_validate_json(one) for one in written]
    assert all(not TABLES["2018"].fill(one).faults for one in records[:100])
    parsing = _rate(written, DisclosureRecord.model_validate_json)
    print(f"parse with pydantic        {parsing:>9,.0f} records/s")
    for name, layout in (("Credit China 2018", TABLES["2018"]), ("portal", PORTAL), ("GSXT", GSXT)):
        rate = _rate(records, layout.fill)
        print(f"validate and map {name:<18}{rate:>9,.0f} records/s, {parsing / rate:.2f} x parsing")


if __name__ == "__main__":
    main()
