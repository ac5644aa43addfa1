"""Reconciliation 对账: every fen explained, every difference named.

Statement import (``statement``, ``files``), matching both ways (``matching``, pure), runs (``service``), breaks
(``breaks``), what moves money (``proposals``), the month (``months``, ``balance``, ``report``).
"""

from gateway.rooms.reconciliation.matching import CHINESE, BreakKind, Finding, Side, match
from gateway.rooms.reconciliation.months import Months
from gateway.rooms.reconciliation.proposals import Proposals
from gateway.rooms.reconciliation.records import Break, Run
from gateway.rooms.reconciliation.service import Grace, Reconciliation

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
