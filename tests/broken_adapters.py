"""Adapters that break one promise each, and how the conformance kit is held to fail every one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from gateway.testing.conformance import Conformance

A = TypeVar("A", bound=type[Any])


@dataclass(frozen=True)
class Case:
    """One broken adapter, the promise that it breaks, and what the kit says of it."""

    adapter: type[Any]
    promise: str
    arguments: tuple[str, ...]
    words: str


class Broken(list[Case]):
    """The broken adapters of one file."""

    def breaks(self, promise: str, *arguments: str, words: str) -> Callable[[A], A]:
        """Marks a broken adapter with the test of the kit that has to fail, and a part of its reason."""

        def mark(adapter: A) -> A:
            self.append(Case(adapter, f"test_{promise}", arguments, words))
            return adapter

        return mark

    def parameters(self) -> list[Any]:
        """Each case under its name."""
        return [pytest.param(case, id=f"{case.adapter.__name__}-{case.promise}") for case in self]


async def failed_by_the_kit(case: Case, suite: type[Conformance], bench: Any) -> None:
    """Hold the kit to fail a broken adapter for the right reason; a skip is no failure. Closes the bench."""
    try:
        with pytest.raises(AssertionError, match=case.words):
            await getattr(suite(), case.promise)(bench, *case.arguments)
    except pytest.skip.Exception as skipped:
        pytest.fail(f"the kit skipped what it should fail: {skipped}")
    finally:
        await bench.close()
