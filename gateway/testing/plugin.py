"""The pytest plugin of the kit, loaded through the entry point ``pytest11`` wherever the gateway is installed.

It lets nobody skip a promise but for want of a declaration, and sums up which promises each adapter keeps. It imports
none of the gateway until a suite of the kit is used.
"""

from __future__ import annotations

import pkgutil
import sys
from collections import Counter, defaultdict
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

_PROPERTY = "gateway conformance"
_NOT_DECLARED = "not declared: "  # as in gateway.testing.conformance, which is not imported here

_MODULES = [one.name for one in pkgutil.iter_modules([str(Path(__file__).parent)]) if one.name != "plugin"]
pytest.register_assert_rewrite(*(f"gateway.testing.{name}" for name in _MODULES))


def _is_ours(item: pytest.Item) -> bool:
    """Whether a test is a promise: inherited from a suite, of this kit or of a stranger's kind."""
    kit = sys.modules.get("gateway.testing.conformance")
    if kit is None or not isinstance(item, pytest.Function) or item.cls is None:
        return False
    return issubclass(item.cls, kit.Conformance) and item.function.__module__ != item.cls.__module__


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A promise that is skipped for another reason than a missing declaration is broken."""
    report = yield
    if not _is_ours(item):
        return report
    reason = str(call.excinfo.value) if call.excinfo is not None else ""
    if report.skipped and not hasattr(report, "wasxfail") and not reason.startswith(_NOT_DECLARED):
        report.outcome = "failed"
        report.longrepr = f"only what is not declared may be skipped, and this was: {reason or report.longrepr}"
    if report.when == "call" or report.outcome != "passed":
        assert isinstance(item, pytest.Function)
        adapter = getattr(item.funcargs.get("bench"), "adapter", None)
        name = adapter.info.name if adapter is not None else item.cls.__name__
        report.user_properties.append((_PROPERTY, name))
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line an adapter: promises kept, broken, not declared."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, ()):
            for key, name in getattr(report, "user_properties", ()):
                if key == _PROPERTY:
                    counts[name][outcome] += 1
    if counts and terminalreporter.verbosity >= 0:
        terminalreporter.section("conformance")
        for name, count in sorted(counts.items()):
            broken = count["failed"] + count["error"]
            terminalreporter.line(
                f"{name}: {count['passed']} promises kept, {broken} broken, {count['skipped']} not declared",
                red=broken > 0,
                green=broken == 0,
            )
