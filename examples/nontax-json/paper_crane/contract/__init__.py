"""What Paper Crane's interface is, as data that adapter and simulator both read."""

from __future__ import annotations

import csv
from pathlib import Path

OPENAPI = Path(__file__).with_name("openapi.yaml")
VECTORS = Path(__file__).with_name("vectors") / "signatures.json"


def results() -> list[dict[str, str]]:
    """The table of result codes: code, HTTP status, effect, meaning."""
    with Path(__file__).with_name("results.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
