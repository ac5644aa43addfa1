"""A statement file without totals is believed only where the person has typed the other side's own count and sum."""

from __future__ import annotations

import pytest

from gateway.rooms.reconciliation.month_screen import _as_told
from gateway.words.errors import ConflictProblem
from gateway.words.saying import say

UNCONFIRMED = ConflictProblem(
    say("files.unconfirmed", count=2, paid="1036.50", refunded="0.00"),
    type="statement-unconfirmed",
    count=2,
    paid="1036.50",
)


@pytest.mark.parametrize(
    ("count", "paid", "believed"),
    [
        ("2", "1036.50", True),
        ("2", "1,036.50", True),
        ("3", "1036.50", False),
        ("2", "1036.51", False),
        ("2", "1036", False),
        ("", "1036.50", False),
        ("2", "", False),
    ],
)
def test_only_the_count_and_the_sum_of_the_file_are_taken_for_them(count: str, paid: str, believed: bool) -> None:
    assert _as_told({"count": count, "paid": paid}, UNCONFIRMED) is believed


def test_who_types_nothing_confirms_nothing() -> None:
    assert not _as_told({}, UNCONFIRMED)
