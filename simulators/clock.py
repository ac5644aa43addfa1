"""The simulators' own clock: real time plus an offset that the control API sets and that a restart keeps."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from simulators.naming import mistakes
from simulators.state import Document, State

SHANGHAI = ZoneInfo("Asia/Shanghai")

CHANGE: Document = {
    "type": "object",
    "properties": {
        "now": {"type": "string", "format": "date-time", "title": "现在是（如 2026-10-09T09:00:00+08:00）"},
        "advance_seconds": {"type": "number", "title": "向前拨（秒）"},
        "frozen": {"type": "boolean", "title": "停住"},
    },
    "additionalProperties": False,
}


def rfc3339(moment: datetime) -> str:
    """An instant as text with the offset +08:00, to the microsecond where there are any."""
    return moment.astimezone(SHANGHAI).isoformat()


class SimulatedClock:
    """Civil time as the outside world has it; it may be set, moved on, and stopped."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.offset = timedelta(0)
        self.frozen: datetime | None = None
        self.load()

    def load(self) -> None:
        """Take over what the state file remembers (after a restart or a reset)."""
        with self._state.transaction() as tx:
            kept = tx.get("", "clock", "clock") or {}
        self.offset = timedelta(seconds=kept.get("offset", 0.0))
        self.frozen = datetime.fromisoformat(kept["frozen"]) if kept.get("frozen") else None

    def now(self) -> datetime:
        """The present instant, aware, UTC."""
        return self.frozen or datetime.now(UTC) + self.offset

    def today(self) -> date:
        """The present day in Asia/Shanghai."""
        return self.now().astimezone(SHANGHAI).date()

    def change(self, asked: Document) -> None:
        """``{"frozen": …, "now": RFC 3339, "advance_seconds": …}``, in this order. ValueError: not so."""
        if wrong := mistakes(CHANGE, asked):
            raise ValueError("; ".join(wrong))
        if "frozen" in asked:
            self.freeze(asked["frozen"])
        if "now" in asked:
            moment = datetime.fromisoformat(asked["now"])
            if moment.tzinfo is None:
                raise ValueError(f"now: {asked['now']} needs an offset, such as {asked['now']}+08:00")
            self.set(moment)
        if "advance_seconds" in asked:
            self.advance(asked["advance_seconds"])

    def set(self, moment: datetime) -> None:
        """Make it ``moment`` now; time runs on from there unless it is stopped."""
        if self.frozen:
            self.frozen = moment.astimezone(UTC)
        self.offset = moment - datetime.now(UTC)
        self._keep()

    def advance(self, seconds: float) -> None:
        """Move on by ``seconds``."""
        self.set(self.now() + timedelta(seconds=seconds))

    def freeze(self, frozen: bool) -> None:
        """Stop the clock where it stands, or let it run on from there."""
        moment = self.now()
        self.frozen = moment if frozen else None
        self.set(moment)

    def _keep(self) -> None:
        kept = {
            "offset": self.offset.total_seconds(),
            "frozen": self.frozen.isoformat() if self.frozen else None,
        }
        with self._state.transaction() as tx:
            tx.put("", "clock", "clock", kept)
