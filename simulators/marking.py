"""Marks on what is published, where systems show decisions: 异议标注, 复议诉讼标注, 暂时屏蔽."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MARKS = {"OBJECTION": "异议处理中", "UNDER_APPEAL": "行政复议或者行政诉讼期间"}
"""What people read beside what is marked so. What is SHIELDED nobody reads."""


def marks_after(entry: Mapping[str, Any], content: Mapping[str, Any]) -> list[str]:
    """The marks of an entry once one of them is set, or lifted."""
    others = [one for one in entry.get("marks", ()) if one != content["mark"]]
    return others if content["lifted"] else sorted([*others, content["mark"]])


def state_of(entry: Mapping[str, Any], over: bool) -> str:
    """The state of an entry, whose last day may be ``over``."""
    if entry["state"] != "PUBLISHED":
        return str(entry["state"])
    return "ENDED" if over else "SHIELDED" if "SHIELDED" in entry.get("marks", ()) else "PUBLISHED"
