"""A tree of hashes over the records that one signed head covers: one of them is proved with a handful of digests. Pure.

The shape is that of RFC 6962 (2.1), with SM3: leaves and inner nodes begin with different bytes, so that neither passes
for the other, and what has no partner goes up unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.foundation.crypto.sm import sm3

Step = tuple[str, bytes]
"""A neighbour on the way up, and on which side it stands: "left" or "right"."""


def leaf(value: bytes) -> bytes:
    """The lowest node over a value."""
    return sm3(b"\x00" + value)


def root(values: Sequence[bytes]) -> bytes:
    """The top of the tree over these values, of which there is at least one."""
    row = [leaf(value) for value in values]
    while len(row) > 1:
        row = _above(row)
    return row[0]


def path(values: Sequence[bytes], place: int) -> tuple[Step, ...]:
    """The neighbours on the way from the value at a place, counted from 0, to the top."""
    row, steps = [leaf(value) for value in values], list[Step]()
    while len(row) > 1:
        if place % 2:
            steps.append(("left", row[place - 1]))
        elif place + 1 < len(row):
            steps.append(("right", row[place + 1]))
        row, place = _above(row), place // 2
    return tuple(steps)


def climbed(value: bytes, steps: Sequence[Step]) -> bytes:
    """The top to which these neighbours lead from a value."""
    node = leaf(value)
    for side, other in steps:
        node = sm3(b"\x01" + (other + node if side == "left" else node + other))
    return node


def _above(row: Sequence[bytes]) -> list[bytes]:
    made = [sm3(b"\x01" + left + right) for left, right in zip(row[::2], row[1::2], strict=False)]
    return made if len(row) % 2 == 0 else [*made, row[-1]]
