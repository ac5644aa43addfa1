"""Reconciliation 对账: every fen explained, every difference named.

- A statement of a day: asked for page by page (``statement``) or read from a file (``files``,
  ``profiles``; its rows in ``line_reader``, its ``running_balance``).
- A run: who asks and what is kept (``service``, ``rules``), inside its transaction (``day_run``, ``run_breaks``), by
  the clock (``schedule``). Matching both ways is pure (``matching``), for big days in DuckDB (``bulk``).
- A break: what people do about it (``breaks``), its story (``explanation``), what moves its money (``proposals``), and
  where its payment's settlement stands after that (``settlement``).
- The month: close and reopen (``months``), balance statement (``balance``), reports (``report``, ``report_tables``,
  ``report_files``).

Rows are in ``tables`` and the modules named ``…_records``; the lives of what is kept in ``states``.
"""

from typing import TYPE_CHECKING

from gateway.foundation.late import late

if TYPE_CHECKING:
    from gateway.rooms.reconciliation.break_records import Break, BreakFilter
    from gateway.rooms.reconciliation.breaks import Breaks
    from gateway.rooms.reconciliation.matching import CHINESE, BreakKind, Finding, Side, match
    from gateway.rooms.reconciliation.month_records import MonthClose
    from gateway.rooms.reconciliation.months import Months
    from gateway.rooms.reconciliation.proposal_records import Proposal, Proposed
    from gateway.rooms.reconciliation.proposals import Ask, Proposals
    from gateway.rooms.reconciliation.rules import Grace, Rules
    from gateway.rooms.reconciliation.run_records import Run, RunFilter
    from gateway.rooms.reconciliation.schedule import StatementSchedule
    from gateway.rooms.reconciliation.service import Reconciliation, StatementFile
    from gateway.rooms.reconciliation.states import BreakState, MonthState, ProposalState, RunState
else:
    __getattr__ = late(
        __name__,
        {
            "break_records": "Break BreakFilter",
            "breaks": "Breaks",
            "matching": "CHINESE BreakKind Finding Side match",
            "month_records": "MonthClose",
            "months": "Months",
            "proposal_records": "Proposal Proposed",
            "proposals": "Ask Proposals",
            "rules": "Grace Rules",
            "run_records": "Run RunFilter",
            "schedule": "StatementSchedule",
            "service": "Reconciliation StatementFile",
            "states": "BreakState MonthState ProposalState RunState",
        },
    )

__all__ = [
    "CHINESE",
    "Ask",
    "Break",
    "BreakFilter",
    "BreakKind",
    "BreakState",
    "Breaks",
    "Finding",
    "Grace",
    "MonthClose",
    "MonthState",
    "Months",
    "Proposal",
    "ProposalState",
    "Proposals",
    "Proposed",
    "Reconciliation",
    "Rules",
    "Run",
    "RunFilter",
    "RunState",
    "Side",
    "StatementFile",
    "StatementSchedule",
    "match",
]
