"""What delivery tells a room about what became of an operation."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.ports.base import Message


@dataclass(frozen=True)
class Done:
    """The other side answered, and the answer was checked. ``found``: the answer came from asking, after doubt."""

    answer: Message
    found: bool = False


@dataclass(frozen=True)
class Rejected:
    """A business "no" in the other side's words. Final."""

    reason: str
    code: str


class Unsettled:
    """What is said of an operation short of its end: the record stays in its state. ``Living.doubt`` keeps it."""


@dataclass(frozen=True)
class Doubt(Unsettled):
    """We do not know whether the effect happened. Told once, when doubt begins."""

    reason: str


@dataclass(frozen=True)
class Absent(Unsettled):
    """Doubt has ended: the other side proved that nothing had happened. It is being sent again."""


@dataclass(frozen=True)
class Accepted(Unsettled):
    """The other side has taken it and is not ready. Told once. Doubt, if there was any, has ended."""

    words: str


@dataclass(frozen=True)
class Parked(Unsettled):
    """Waits for a person."""

    reason: str


Outcome = Done | Rejected | Doubt | Absent | Accepted | Parked
