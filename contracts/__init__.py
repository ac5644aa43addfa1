"""The machine-readable contracts of every external system, as data that gateway and simulators both read."""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def path(relative: str) -> Path:
    """The file behind a contract-relative name such as ``nontax/v1/nontax.wsdl``. FileNotFoundError if absent."""
    found = ROOT / relative
    if not found.exists():
        raise FileNotFoundError(f"no contract file {relative}")
    return found


def read_text(relative: str) -> str:
    """The text of a contract file, UTF-8."""
    return path(relative).read_text(encoding="utf-8")


@lru_cache
def code_table(system: str, version: str, table: str) -> tuple[dict[str, str], ...]:
    """The rows of ``<system>/<version>/codes/<table>.csv``, each as column name to text."""
    with path(f"{system}/{version}/codes/{table}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))
