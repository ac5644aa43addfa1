"""The lives of this room's records: breaks 差错, what is proposed about them, closes of months 月结, runs."""

from __future__ import annotations

from enum import StrEnum

from gateway.foundation.lives import Edge, Life
from gateway.rooms.reconciliation.tables import break_action, breaks, month_close, reconciliation_run


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
    """How a run ended: ``refused``, the statement contradicts itself; ``failed``, there was none."""

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
    Edge(BreakState.OPEN, BreakState.HEALED, "break.closed", "a later statement told of its money, and it was booked"),
    Edge(BreakState.OPEN, BreakState.CLEARED, "break.closed", "a later run, or a receipt, explains it"),
    Edge(BreakState.OPEN, BreakState.RESOLVED, "break.closed", "a person explains it, or two move its money"),
    Edge(BreakState.CLEARED, BreakState.OPEN, "break.opened", "a later run finds it again"),
    Edge(BreakState.HEALED, BreakState.OPEN, "break.opened", "a later run finds it again"),
    Edge(BreakState.RESOLVED, BreakState.OPEN, "break.opened", "its figures changed, or what resolved it led nowhere"),
)

PROPOSAL_EDGES = (
    Edge(None, ProposalState.PROPOSED, "break.proposed", "an operator proposes to refund or to attribute the money"),
    Edge(
        ProposalState.PROPOSED,
        ProposalState.CONFIRMED,
        None,
        "another operator confirms 复核, here or at the refund; the break itself tells that it is closed",
    ),
    Edge(
        ProposalState.PROPOSED,
        ProposalState.WITHDRAWN,
        "break.withdrawn",
        "an operator takes it back, or its money's exception goes another way",
    ),
)

MONTH_EDGES = (
    Edge(None, MonthState.CLOSED, "month.closed", "an operator closes a month that balances to the fen"),
    Edge(MonthState.CLOSED, MonthState.REOPENING, "month.reopening", "an operator asks to open it, with a reason"),
    Edge(MonthState.REOPENING, MonthState.REOPENED, "month.reopened", "another operator confirms 复核"),
)

RUN_EDGES = (
    Edge(None, RunState.DONE, None, "the statement was matched with the books"),
    Edge(None, RunState.REFUSED, None, "the statement contradicts itself; nothing of it was used"),
    Edge(None, RunState.FAILED, None, "no statement was to be had"),
)

BREAKS = Life("breaks", breaks, BREAK_EDGES, column="state", stamped=False)
PROPOSALS = Life("break proposals", break_action, PROPOSAL_EDGES, column="state", stamped=False)
MONTHS = Life("months", month_close, MONTH_EDGES, column="state", stamped=False)
RUNS = Life("reconciliations", reconciliation_run, RUN_EDGES, column="state", stamped=False)
