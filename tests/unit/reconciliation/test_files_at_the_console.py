"""A statement file without totals is believed only where the person has typed the other side's own count and sums."""

from __future__ import annotations

import pytest

from gateway.rooms.reconciliation.totals import require_told
from gateway.words.errors import InvalidProblem

MADE = {"count": 3, "amount": 103650, "refunded": 20000}
TOLD = {"count": "3", "paid": "1036.50", "refunded": "200"}


@pytest.mark.parametrize("typed", [{}, {"paid": "1,036.50"}, {"refunded": "200.00"}])
def test_the_count_and_both_sums_of_the_file_are_believed(typed: dict[str, str]) -> None:
    require_told(TOLD | typed, MADE)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        *(("count", one) for one in ("", "2", "3.00")),
        *(("paid", one) for one in ("", "1036.51", "1036", "0")),
        *(("refunded", one) for one in ("", "0", "200.01")),
    ],
)
def test_what_is_not_typed_or_told_otherwise_confirms_nothing(name: str, typed: str) -> None:
    with pytest.raises(InvalidProblem) as refused:
        require_told(TOLD | {name: typed}, MADE)
    assert refused.value.field == name
