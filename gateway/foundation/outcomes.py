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


@dataclass(frozen=True)
class Doubt:
    """We do not know whether the effect happened. Told once, when doubt begins."""

    reason: str


@dataclass(frozen=True)
class Absent:
    """Doubt has ended: the other side proved that nothing had happened. It is being sent again."""


@dataclass(frozen=True)
class Parked:
    """Waits for a person."""

    reason: str


Outcome = Done | Rejected | Doubt | Absent | Parked
