"""Reconciliation 对账: every fen explained, every difference named.

Statement import (``statement``), matching both ways (``matching``, pure), breaks and settlement (``service``).
"""

from gateway.reconciliation.matching import CHINESE, BreakKind, Finding, Side, match
from gateway.reconciliation.records import Break, Run
from gateway.reconciliation.service import Grace, Reconciliation

__all__ = ["CHINESE", "Break", "BreakKind", "Finding", "Grace", "Reconciliation", "Run", "Side", "match"]
