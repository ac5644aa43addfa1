"""What runs for every change, and what waits for the night (``make nightly``).

A promise that many cases show is shown by some of them by day. All of them run with ``GATEWAY_TEST_WHOLE=1``, and where
somebody names a test on the command line.

- ``nightly``: the test waits for the night.
- ``cases_by_day(n)``: of its cases the first one runs by day, and others up to ``n``, other ones for each test.
- On both databases by day: tests that bear ``both_databases`` themselves, and those of the store. Of others that run
  on both (by the fixture ``store``, or the mark of their module) every third of a file runs on PostgreSQL by day, and
  no journey.
"""

from __future__ import annotations

import os
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

WHOLE = "GATEWAY_TEST_WHOLE"
DATABASES = ("sqlite", "postgresql")
STORE, JOURNEYS = (Path(__file__).parent / folder for folder in ("unit/store", "journeys"))
EVERY = 3


def deselect(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what waits for the night, unless all is asked for."""
    if os.environ.get(WHOLE) or any("::" in argument for argument in config.args):
        return
    waits = set(waiting(items))
    if waits:
        config.hook.pytest_deselected(items=[item for item in items if item in waits])
        items[:] = [item for item in items if item not in waits]


def waiting(items: Iterable[pytest.Item]) -> Iterable[pytest.Item]:
    """Those that wait for the night."""
    tests: dict[tuple[Path, str], list[pytest.Function]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("nightly"):
            yield item
        elif isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            tests[item.path, f"{item.cls and item.cls.__name__}.{item.originalname}"].append(item)
    on_both: dict[Path, int] = defaultdict(int)
    for (path, name), cases in tests.items():
        kept = _few(name, cases)
        on_one = {_database(case) for case in cases} != set(DATABASES)
        if not (on_one or path.is_relative_to(STORE) or _bears_the_mark(cases[0])):
            too = on_both[path] % EVERY == 0 and not path.is_relative_to(JOURNEYS)
            chosen = [case for case in kept if _database(case) == "postgresql"][:too]
            on_both[path] += 1
            kept = [case for case in kept if _database(case) == "sqlite" or case in chosen]
        yield from set(cases) - set(kept)


def _few(name: str, cases: Sequence[pytest.Function]) -> Sequence[pytest.Function]:
    """The cases that run by day; of a case that runs on both databases, both."""
    mark = cases[0].get_closest_marker("cases_by_day")
    each = list(dict.fromkeys(_case(case) for case in cases))
    if mark is None or (count := int(mark.args[0])) >= len(each):
        return cases
    begin, step = zlib.crc32(name.encode()), (len(each) - 1) // max(count - 1, 1)
    kept = {each[0], *(each[1 + (begin + turn * step) % (len(each) - 1)] for turn in range(count - 1))}
    return [case for case in cases if _case(case) in kept]


def _case(item: pytest.Function) -> tuple[str, ...]:
    return tuple(part for part in item.callspec._idlist if part not in DATABASES)


def _database(item: pytest.Function) -> str | None:
    return next((part for part in item.callspec._idlist if part in DATABASES), None)


def _bears_the_mark(item: pytest.Function) -> bool:
    return any(mark.name == "both_databases" for mark in getattr(item.function, "pytestmark", ()))


def examples(by_day: int, at_night: int) -> int:
    """How many examples Hypothesis is to try where each costs much, or where the usual number is too small."""
    return at_night if os.environ.get(WHOLE) else by_day
