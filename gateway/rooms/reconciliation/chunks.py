"""Long lists of values for SQL, cut into pieces that every database takes as parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

_CHUNK = 500  # below every database's limit of parameters


def chunks(values: Iterable[str]) -> Iterator[Sequence[str]]:
    """Each value once, in order, at most 500 at a time."""
    every = sorted(set(values))
    for start in range(0, len(every), _CHUNK):
        yield every[start : start + _CHUNK]
