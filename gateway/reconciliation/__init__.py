"""Reconciliation 对账: every fen explained, every difference named.

Statement import (``statement``, ``files``), matching both ways (``matching``, pure), runs (``service``), breaks
(``breaks``), what moves money (``proposals``), the month (``months``, ``balance``, ``report``).
"""

from gateway.reconciliation.matching import CHINESE, BreakKind, Finding, Side, match
from gateway.reconciliation.months import Months
from gateway.reconciliation.proposals import Proposals
from gateway.reconciliation.records import Break, Run
from gateway.reconciliation.service import Grace, Reconciliation

__all__ = [
    "CHINESE",
    "Break",
    "BreakKind",
    "Finding",
    "Grace",
    "Months",
    "Proposals",
    "Reconciliation",
    "Run",
    "Side",
    "match",
]
