"""The catalogue of events: every type that the code can emit, with an example of its subject and its data.

Examples are taken from events that tests made happen:

    GATEWAY_TEST_EVENTS=events.jsonl make test TEST_ARGS="-p snapshots.recording tests/journeys"
    PYTHONPATH=tests .venv/bin/python -m snapshots.catalogue events.jsonl

An example holds every member that was seen; ids, days, instants and codes in it are always the same ones. A type that
no test brings about is written into the file by hand.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sources import called, every

from gateway.foundation import rooms

FILE = Path(__file__).with_name("events.json")
EVENT = re.compile(r"[a-z_]+\.[a-z_]+")
TELLERS = re.compile(r"emit|tell|Edge")
ALWAYS = (
    (re.compile(r"\b([a-z]{3,8})_[0-9a-f]{32}\b"), r"\1_01a224b6483e7bd29a29fba9287060c1"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)"), "2026-09-16T10:00:00+08:00"),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b(?!T)"), "2026-09-16"),
    (re.compile(r"\b\d{20,32}\b"), "99010226300000000001"),
    (re.compile(r"第\d+号"), "第1号"),
    (re.compile(r"127\.0\.0\.1:\d+"), "platform.anlan.example"),
)
MICROS = 1_789_524_000_000_000


def emitted() -> set[str]:
    """Every type that the code can emit: what rooms declare, and what is spelled where something is told."""
    return set(rooms.events_of(rooms.found())) | set(spelled())


def spelled() -> Iterator[str]:
    """Types that stand in a call that emits or tells."""
    for _, node in every(ast.Call):
        if TELLERS.search(called(node)):
            for one in [*node.args, *(word.value for word in node.keywords)]:
                for part in ast.walk(one):
                    if isinstance(part, ast.Constant) and EVENT.fullmatch(str(part.value)):
                        yield str(part.value)


def example(lines: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """One example from all events of a type: each member as it was seen in the first of them that has it."""
    told = sorted((always(line) for line in lines), key=lambda one: json.dumps(one, sort_keys=True))
    data: dict[str, Any] = {}
    for one in told:
        for name, value in one["data"].items():
            if data.get(name) is None:
                data[name] = value
    return {"subject": told[0]["subject"], "data": data}


def always(value: Any) -> Any:
    """A value with what differs from run to run put the same."""
    if isinstance(value, dict):
        return {name: always(one) for name, one in value.items()}
    if isinstance(value, list):
        return [always(one) for one in value]
    if isinstance(value, int) and not isinstance(value, bool) and value > 10**15:
        return MICROS
    if isinstance(value, str):
        for pattern, instead in ALWAYS:
            value = pattern.sub(instead, value)
    return value


def main() -> None:
    """Put the recorded events into the catalogue; a type whose members are those that stand there stays as it is."""
    stands = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    recorded: dict[str, list[dict[str, Any]]] = {}
    for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        recorded.setdefault(event["type"], []).append({"subject": event["subject"], "data": event["data"]})
    for type_, lines in recorded.items():
        made = example(lines)
        if type_ not in stands or made["data"].keys() - stands[type_]["data"].keys():
            stands[type_] = made
    kept = {name: one for name, one in stands.items() if name in emitted() | recorded.keys()}
    FILE.write_text(json.dumps(kept, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
