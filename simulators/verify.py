"""Whether what a test expected was asked: how often each thing, in which order, and nothing else.

Expectations are data, so that a test in any language can send them to ``POST /_sim/verify``, or a file be held against
running simulators by ``simulators verify``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulators.naming import mistakes
from simulators.state import Document

_NUMBER: Document = {"type": "integer", "minimum": 0}
NAMED = ("system", "operation", "key", "method", "path", "outcome", "fault")
_EXPECTED: Document = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "properties": {
        **{name: {"type": "string"} for name in NAMED},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "contains": {"type": "string", "minLength": 1},
        "times": {
            "anyOf": [
                _NUMBER,
                {
                    "type": "object",
                    "additionalProperties": False,
                    "minProperties": 1,
                    "properties": {"at_least": _NUMBER, "at_most": _NUMBER},
                },
            ]
        },
    },
}
SCHEMA: Document = {
    "type": "object",
    "additionalProperties": False,
    "required": ["asked"],
    "properties": {
        "asked": {"type": "array", "items": _EXPECTED},
        "in_order": {"type": "boolean"},
        "nothing_else": {"type": "boolean"},
        "after": _NUMBER,
    },
}
"""``asked``: what fits an entry of the journal by the members that it names; ``title``: of the
case, for reports; ``contains``: a text in its request;
``times``: how often, at least once unless said. ``in_order``: the first that fits each comes after the first that fits
the one before. ``nothing_else``: no entry of the systems named fits none. ``after``: only entries above this id."""


@dataclass(frozen=True)
class Case:
    """What came of one expectation. ``otherwise``: "times" or "order", each in a sentence; empty: it passed."""

    title: str
    times: int | Document
    came: int
    otherwise: Mapping[str, str]


def cases(entries: Sequence[Document], told: Any) -> list[Case]:
    """What came of each expectation. ValueError for what is no such expectation."""
    if wrong := mistakes(SCHEMA, told):
        raise ValueError("\n".join(wrong))
    made, last = [], 0
    for place, one in enumerate(told["asked"]):
        came, times, said = [entry for entry in entries if _fits(entry, one)], one.get("times", {"at_least": 1}), {}
        if not _right(len(came), times):
            said["times"] = f"wanted {_wanted(one)}, came {len(came)} times{_near(entries, one, came)}"
        if told.get("in_order"):
            later = [entry["id"] for entry in came if entry["id"] > last]
            if came and not later:
                said["order"] = f"came only before asked[{place - 1}] did"
            last = min(later, default=last)
        words = {kind: f"asked[{place}], {_words(one)}: {sentence}" for kind, sentence in said.items()}
        made.append(Case(one.get("title") or _words(one), times, len(came), words))
    return made


def verify(entries: Sequence[Document], told: Any) -> list[str]:
    """What is otherwise than expected, a sentence each; nothing: all is as expected. ValueError for what is no such
    expectation."""
    said = [sentence for case in cases(entries, told) for sentence in case.otherwise.values()]
    if told.get("nothing_else"):
        expected: list[Document] = told["asked"]
        systems = {one["system"] for one in expected if "system" in one}
        strange = [
            entry
            for entry in entries
            if not any(_fits(entry, one) for one in expected) and (not systems or entry["system"] in systems)
        ]
        said += [
            f"nobody expected entry {one['id']}: {one['system']} {one['operation']} {one['key']}" for one in strange
        ]
    return said


def _fits(entry: Document, one: Document) -> bool:
    named = {name: value for name, value in one.items() if name not in ("times", "contains", "title")}
    return all(entry[name] == value for name, value in named.items()) and one.get("contains", "") in entry["request"]


def _right(number: int, times: int | Document) -> bool:
    if isinstance(times, int):
        return number == times
    return bool(times.get("at_least", 0) <= number <= times.get("at_most", number))


def _words(one: Document) -> str:
    return " ".join(f"{name}={value}" for name, value in one.items() if name not in ("times", "title"))


def _wanted(one: Document) -> str:
    times = one.get("times", {"at_least": 1})
    if isinstance(times, int):
        return f"{times} times"
    return " and ".join(f"{name.replace('_', ' ')} {number} times" for name, number in times.items())


def _near(entries: Sequence[Document], one: Document, came: Sequence[Document]) -> str:
    """Where nothing came: what did come to that system, so that a misspelt name shows."""
    if came:
        return ""
    others = {
        f"{entry['operation']} {entry['key']}".strip() for entry in entries if entry["system"] == one.get("system")
    }
    return f"; there came {', '.join(sorted(others)[:8])}" if others else ""
