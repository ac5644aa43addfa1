"""The kit as a third party meets it: an installed pytest plugin, one class, one fixture, no further settings."""

from __future__ import annotations

import subprocess
import sys

import pytest

import gateway.adapters.registry.sharing
import gateway.testing.registry  # noqa: F401 - imported once here, or each inner run would import them anew
from gateway.foundation.channels import served_kinds
from gateway.testing.suites import suite_for
from gateway.words.errors import SettingsError

pytest_plugins = ["pytester"]
KINDS = served_kinds()  # loads the rooms, once, for the same reason
LOOPS = ("-o", "asyncio_default_fixture_loop_scope=function")

BENCH = """
import pytest
from gateway.adapters.registry.sharing import SharingRegistry
from gateway.words.clock import SystemClock
from gateway.testing.registry import RegistryBench, RegistryConformance
from gateway.foundation.wire import ChannelWire, WireTerms


class NobodyThere(RegistryBench):
    exchanges = ()
    clock = SystemClock()

    def __init__(self):
        settings = SharingRegistry.Settings(node="RK1", secret="x" * 16)
        wire = ChannelWire("registry", "http://127.0.0.1:9", WireTerms(lambda exchange: None))
        self.adapter = SharingRegistry(settings, wire, self.clock)

    async def fault(self, kind, method, **more): ...
    async def clear(self): ...
    async def effects(self, reference): return 0
    async def advance(self, seconds): ...
    async def violations(self): return ()
    async def change(self): return ""
"""


def test_promises_kept_and_broken_are_summed_up_for_each_adapter(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_mine=f"""{BENCH}
class TestMine(RegistryConformance):
    @pytest.fixture
    def bench(self):
        return NobodyThere()
"""
    )
    result = pytester.runpytest_inprocess(*LOOPS, "-k", "what_is_declared or the_check_proves or by_name")
    result.assert_outcomes(passed=1, failed=6)
    result.stdout.fnmatch_lines(["*AssertionError: check: expected an answer, got NotSentError: *"])
    result.stdout.fnmatch_lines(["registry.sharing: 1 promises kept, 6 broken, 0 not declared"])


def test_a_promise_is_not_skipped_at_will(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_mine=f"""{BENCH}
class TestMine(RegistryConformance):
    @pytest.fixture
    def bench(self):
        pytest.skip("no time")
"""
    )
    result = pytester.runpytest_inprocess(*LOOPS, "-k", "what_is_declared")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["only what is not declared may be skipped, and this was: no time"])


def test_what_is_not_declared_is_skipped_and_counted(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_mine=f"""{BENCH}
from dataclasses import replace

class Less(SharingRegistry):
    info = replace(SharingRegistry.info, capabilities=frozenset({{"by_code"}}))

class TestMine(RegistryConformance):
    @pytest.fixture
    def bench(self):
        bench = NobodyThere()
        bench.adapter.__class__ = Less
        return bench
"""
    )
    result = pytester.runpytest_inprocess(*LOOPS, "-k", "a_name_finds or a_licence_leads", "-rs")
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["*not declared: registry.sharing has no by_name*"])
    result.stdout.fnmatch_lines(["registry.sharing: 0 promises kept, 0 broken, 2 not declared"])


def test_the_plugin_costs_those_who_do_not_use_it_nothing() -> None:
    """It is loaded by every pytest that runs where the gateway is installed."""
    names = "sorted(name for name in sys.modules if name.partition('.')[0] == 'gateway')"
    command = [sys.executable, "-c", f"import sys, gateway.testing.plugin; print({names})"]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "['gateway', 'gateway.testing', 'gateway.testing.plugin']"


def test_a_suite_of_a_kind_from_outside_is_held_to_the_same(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        ferry_kit="""
import pytest
from gateway.testing.conformance import Conformance


class FerryConformance(Conformance):
    methods, primary = ("sail",), "sail"

    async def trial(self, bench, method): ...

    async def test_the_ferry_sails(self, bench):
        pytest.skip("the river is low")
""",
        test_ferry=f"""{BENCH}
from ferry_kit import FerryConformance


class TestFerry(FerryConformance):
    @pytest.fixture
    def bench(self):
        return NobodyThere()

    def test_of_our_own(self):
        pytest.skip("not a promise")
""",
    )
    result = pytester.runpytest_inprocess(*LOOPS, "-k", "sails or of_our_own")
    result.assert_outcomes(failed=1, skipped=1)
    result.stdout.fnmatch_lines(["*only what is not declared may be skipped, and this was: *the river is low*"])


def test_every_kind_that_a_room_serves_has_a_suite_for_its_port() -> None:
    for kind, served in KINDS.items():
        suite = suite_for(kind)
        assert {method for method in suite.methods if not hasattr(served.port, method)} == set(), kind
    with pytest.raises(SettingsError, match="no installed room serves"):
        suite_for("ferry")
