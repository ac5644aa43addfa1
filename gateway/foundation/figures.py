"""What a room measures for ``/metrics``: a name, one sentence, labels and a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One number as it is now. ``name`` begins with ``gateway_``; the same name always has the same labels."""

    name: str
    help: str
    labels: Mapping[str, str]
    value: float
