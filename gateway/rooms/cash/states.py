"""The life of cash taken on the spot 当场收缴: from the officer's hand to the bank."""

from __future__ import annotations

from enum import StrEnum

from gateway.foundation.lives import Edge, Life
from gateway.rooms.cash.tables import cash_taken


class CashStatus(StrEnum):
    """Where a sum of cash is: with the officer, with the authority, on a bill, or at the bank."""

    TAKEN = "TAKEN"
    HANDED_IN = "HANDED_IN"
    BILLED = "BILLED"
    REMITTED = "REMITTED"


class CashGround(StrEnum):
    """What allows cash: a small fine, one hard to enforce later (art. 68), a remote place on request (art. 69)."""

    SMALL = "small"
    HARD_TO_ENFORCE = "hard_to_enforce"
    REMOTE = "remote"


class Duty(StrEnum):
    """What the law gives two working days for (art. 71): the officer hands in, the authority pays to the bank."""

    HAND_IN = "hand_in"
    BANK = "bank"


_S = CashStatus
EDGES = (  # ``event`` None: the bill tells it, for a remittance is a payment and lives as one
    Edge(None, _S.TAKEN, "cash.taken", "an officer took it for a fine, against the finance department's receipt"),
    Edge(_S.TAKEN, _S.HANDED_IN, "cash.handed_in", "the officer handed it in to the authority"),
    Edge(_S.HANDED_IN, _S.BILLED, None, "one bill that remits it was asked for"),
    Edge(_S.BILLED, _S.HANDED_IN, None, "that bill was refused or cancelled: it waits for another"),
    Edge(_S.BILLED, _S.REMITTED, "cash.remitted", "that bill was paid"),
)

LIFE = Life("cash", cash_taken, EDGES)
