"""The conformance suite of the port ``EntityRegistry``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from gateway.ports.registry import EntityChange, EntityRegistry
from gateway.testing.bench import Bench
from gateway.testing.conformance import Conformance, Trial, answered, declared, fails, noticed
from gateway.words.errors import RejectedError


class RegistryBench(Bench):
    """A registry adapter at work, over a registry that knows ``uscc`` under ``name`` and behind ``token``.

    ``unknown_uscc`` is a good code that nobody has, ``expired_token`` None where tokens do not expire.
    """

    adapter: EntityRegistry
    uscc: str
    name: str
    token: str
    unknown_uscc: str
    unknown_token: str
    expired_token: str | None

    @abstractmethod
    async def change(self) -> str:
        """Let the registration of some entity change; its unified code."""


class RegistryConformance(Conformance):
    """What every adapter of a registration authority 市场主体登记 promises."""

    methods: ClassVar[tuple[str, ...]] = ("by_code", "by_name", "changes", "resolve_licence")
    primary: ClassVar[str] = "by_code"

    async def trial(self, bench: RegistryBench, method: str) -> Trial:
        """One question, ready to be asked."""
        calls: dict[str, Callable[[], Awaitable[Any]]] = {
            "by_code": lambda: bench.adapter.by_code(bench.uscc),
            "by_name": lambda: bench.adapter.by_name(bench.name),
            "changes": lambda: bench.adapter.changes(""),
            "resolve_licence": lambda: bench.adapter.resolve_licence(bench.token),
        }
        return Trial(method, calls[method])

    async def test_a_code_leads_to_its_record_and_an_unknown_one_to_none(self, bench: RegistryBench) -> None:
        declared(bench, "by_code")
        record = await answered(bench.adapter.by_code(bench.uscc), "by_code")
        assert record is not None, "by_code of a registered entity: nothing"
        assert (record.uscc, record.name) == (bench.uscc, bench.name), f"by_code: the record of {record.name}"
        unknown = await answered(bench.adapter.by_code(bench.unknown_uscc), "by_code of an unknown code")
        assert unknown is None, f"by_code of an unknown code: {unknown!r}"

    async def test_a_name_finds_the_entity(self, bench: RegistryBench) -> None:
        declared(bench, "by_name")
        found = await answered(bench.adapter.by_name(bench.name), "by_name")
        assert (bench.uscc, bench.name) in [(one.uscc, one.name) for one in found], f"by_name: found {found!r}"

    async def test_an_answer_about_another_entity_is_noticed(self, bench: RegistryBench) -> None:
        declared(bench, "by_code")
        await bench.fault("wrong_code", "by_code")
        await noticed(
            lambda: bench.adapter.by_code(bench.uscc),
            lambda record: record is None or record.uscc == bench.uscc,
            "by_code, answered with another entity's record",
        )

    async def test_a_licence_leads_to_its_record_while_it_is_good(self, bench: RegistryBench) -> None:
        declared(bench, "resolve_licence")
        record = await answered(bench.adapter.resolve_licence(bench.token), "resolve_licence")
        assert record is not None, "resolve_licence of a good token: nothing"
        assert record.uscc == bench.uscc, f"resolve_licence: the record of {record.name}"
        unknown = await answered(bench.adapter.resolve_licence(bench.unknown_token), "resolve_licence, unknown token")
        assert unknown is None, f"resolve_licence of an unknown token: {unknown!r}"
        if bench.expired_token is not None:
            expired = bench.adapter.resolve_licence(bench.expired_token)
            await fails(expired, RejectedError, "resolve_licence of an expired token")

    async def test_changes_are_complete_stable_and_told_once(self, bench: RegistryBench) -> None:
        declared(bench, "changes")
        known, cursor = await self._changes(bench, "")
        changed = [await bench.change() for _ in range(3)]
        new, end = await self._changes(bench, cursor)
        told = [change.uscc for change in new]
        assert told == changed, f"after changes of {', '.join(changed)}, {len(told)} were told: {', '.join(told)}"
        again, _ = await self._changes(bench, "")
        assert again == known + new, "the feed, read again from the beginning, tells something else"
        nothing, _ = await self._changes(bench, end)
        assert not nothing, f"{len(nothing)} changes were told again after the last cursor"

    async def _changes(self, bench: RegistryBench, cursor: str) -> tuple[list[EntityChange], str]:
        """Everything since a cursor, and where that ends."""
        told: list[EntityChange] = []
        while True:
            page = await answered(bench.adapter.changes(cursor), f"changes since {cursor!r}")
            assert not page.more or page.next_cursor != cursor, f"changes since {cursor!r}: more, but no other cursor"
            told += page.changes
            cursor = page.next_cursor
            if not page.more:
                return told, cursor
