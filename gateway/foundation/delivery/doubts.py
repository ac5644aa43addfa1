"""How old a doubt is, by a clock that nobody sets."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.foundation.delivery.actions import Operation
from gateway.foundation.delivery.limits import SECOND
from gateway.words.clock import Clock, to_micros


@dataclass(frozen=True)
class _Known:
    """A doubt as this process has met it: which one, when by the monotonic clock, and how old it was then."""

    since: int | None
    at: float
    age: float


class DoubtAges:
    """The doubts that this process has met. A restart forgets them: then the waiting begins again, never sooner."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, _Known] = {}

    def begin(self, operation_id: str, since: int | None) -> None:
        """A doubt begins here and now. ``since``: its date in the ledger."""
        self._known[operation_id] = _Known(since, self._clock.elapsed(), 0.0)

    def end(self, operation_id: str) -> None:
        """An operation is in doubt no longer."""
        self._known.pop(operation_id, None)

    def waited(self, operation: Operation) -> tuple[float, float]:
        """Seconds that this process has known of the doubt, and the doubt's age, however the civil clock is set."""
        since, known = operation.doubt_since_at, self._known.get(operation.id)
        if known is None or known.since != since:  # it began elsewhere, or in an earlier life
            age = 0.0 if since is None else (to_micros(self._clock.now()) - since) / SECOND
            known = self._known[operation.id] = _Known(since, self._clock.elapsed(), age)
        waited = self._clock.elapsed() - known.at
        return waited, known.age + waited

    def forget(self, seconds: float) -> None:
        """Forget doubts that were met longer ago than that: they wait for people, or ended elsewhere."""
        oldest = self._clock.elapsed() - seconds
        self._known = {name: known for name, known in self._known.items() if known.at > oldest}
