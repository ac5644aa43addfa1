"""The changes that tests must notice are about lines that are there; ``make mutants`` tries them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent)] if str(Path(__file__).parent) not in sys.path else []

from listed_changes import CHANGES, ROOT, Change  # noqa: E402


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: one.name)
def test_each_listed_change_is_about_a_line_that_stands_once_and_about_tests_that_are_there(change: Change) -> None:
    compile(change.text(), change.file, "exec")
    assert (ROOT / change.tests).is_file()


def test_no_change_is_listed_twice() -> None:
    assert len({one.name for one in CHANGES}) == len({(one.file, one.was) for one in CHANGES}) == len(CHANGES)
