"""The lives of this room's records as values: breaks 差错, what is proposed about them, closes of months 月结."""

from __future__ import annotations

from enum import StrEnum

from gateway.foundation.lives import Edge


class BreakState(StrEnum):
    """Where a break stands. ``healed``: its money was booked from the statement; ``cleared``: a later run explains it;
    ``resolved``: people did.
    """

    OPEN = "open"
    HEALED = "healed"
    CLEARED = "cleared"
    RESOLVED = "resolved"


class ProposalState(StrEnum):
    """Where that stands which one person proposed about a break and another has to confirm."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"


class MonthState(StrEnum):
    """Where the close of a month stands; ``reopening``: one person asked, the month is still frozen."""

    CLOSED = "closed"
    REOPENING = "reopening"
    REOPENED = "reopened"


class RunState(StrEnum):
    """How a run ended. It has no life: ``refused``, the statement contradicts itself; ``failed``, there was none."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


CHINESE = {
    BreakState.OPEN: "未决",
    BreakState.HEALED: "已补记",
    BreakState.CLEARED: "已消除",
    BreakState.RESOLVED: "已处理",
}


BREAK_EDGES = (
    Edge(None, BreakState.OPEN, "break.opened", "a run found a difference"),
    Edge(None, BreakState.HEALED, "break.closed", "the statement told of money first, and it was booked from there"),
    Edge(BreakState.OPEN, BreakState.OPEN, "break.opened", "a later run finds other figures"),
    Edge(BreakState.OPEN, BreakState.CLEARED, "break.closed", "a later run, or a receipt, explains it"),
    Edge(BreakState.OPEN, BreakState.RESOLVED, "break.closed", "a person explains it, or two move its money"),
    Edge(BreakState.CLEARED, BreakState.OPEN, "break.opened", "a later run finds it again"),
    Edge(BreakState.RESOLVED, BreakState.OPEN, "break.opened", "its figures changed, or what resolved it led nowhere"),
)

PROPOSAL_EDGES = (
    Edge(None, ProposalState.PROPOSED, "break.proposed", "an operator proposes to refund or to attribute the money"),
    Edge(ProposalState.PROPOSED, ProposalState.CONFIRMED, "break.closed", "another operator confirms 复核"),
    Edge(
        ProposalState.PROPOSED,
        ProposalState.WITHDRAWN,
        "break.withdrawn",
        "an operator takes it back; untold, the money's exception was settled at its payment",
    ),
)

MONTH_EDGES = (
    Edge(None, MonthState.CLOSED, "month.closed", "an operator closes a month that balances to the fen"),
    Edge(MonthState.CLOSED, MonthState.REOPENING, "month.reopening", "an operator asks to open it, with a reason"),
    Edge(MonthState.REOPENING, MonthState.REOPENED, "month.reopened", "another operator confirms 复核"),
)
