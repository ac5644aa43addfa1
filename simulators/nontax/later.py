"""A platform that takes a request and carries it out later 异步受理: asked meanwhile, it says so; done, it tells.

``later`` of the settings names the operations that it does so with. They are carried out when the control API says
``make``, or ``later_seconds`` after they were taken, by the platform's clock, when somebody asks.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from simulators.frame import Document, Transaction, rfc3339
from simulators.nontax import books

TAKEN, RETURNED = "00100", "00101"
OPERATIONS = {"CreateBill": "PayNo", "Refund": "RefundNo", "IssueReceipt": "PayCode"}
_QUESTIONS = {"QueryBill": "CreateBill", "QueryRefund": "Refund"}

DEFAULTS: Document = {
    "later": [],  # operations that are carried out later: CreateBill, Refund, IssueReceipt
    "later_seconds": None,  # after which what was taken is carried out by itself; None: only by "make"
}
SCHEMAS: dict[str, Document] = {
    "later": {"type": "array", "items": {"enum": list(OPERATIONS)}, "uniqueItems": True},
    "later_seconds": {"type": ["number", "null"], "exclusiveMinimum": 0},
}


class Queue:
    """What was taken and not carried out, kept as documents of the system of that name."""

    def __init__(self, system: str) -> None:
        self.system = system

    def answer(
        self, tx: Transaction, node: str, operation: str, asked: Document, now: datetime, rules: Document
    ) -> str | None:
        """``taken`` or ``returned`` where that is the answer, ``due`` to carry it out first, None: as ever."""
        meant = _QUESTIONS.get(operation, operation)
        number = asked.get(OPERATIONS.get(meant, ""))
        if number is None:
            return None
        key = f"{meant}/{node}/{number}"
        known = tx.get(self.system, "later", key)
        if known is None:
            if operation not in rules["later"]:
                return None
            tx.put(
                self.system,
                "later",
                key,
                {"node": node, "operation": operation, "asked": asked, "at": rfc3339(now), "state": "taken"},
                group="taken",
            )
            return "taken"
        if known["state"] != "taken":
            return "returned" if known["state"] == "returned" else None
        wait = rules["later_seconds"]
        if wait is not None and now >= datetime.fromisoformat(known["at"]) + timedelta(seconds=wait):
            return "due"
        return "taken"

    def waiting(self, tx: Transaction) -> list[tuple[str, Document]]:
        """What was taken and not carried out, by its key."""
        return tx.list(self.system, "later", "taken")

    def ended(self, tx: Transaction, key: str, known: Document, refused: books.No | None) -> None:
        """It was carried out, or came back with a refusal."""
        state = "done" if refused is None else "returned"
        words = None if refused is None else books.MEANINGS[refused.code]
        tx.put(self.system, "later", key, {**known, "state": state, "words": words}, group=state)

    def words(self, tx: Transaction, node: str, operation: str, asked: Document) -> str:
        """Why what was taken came back."""
        meant = _QUESTIONS.get(operation, operation)
        known = tx.get(self.system, "later", f"{meant}/{node}/{asked[OPERATIONS[meant]]}")
        return str((known or {}).get("words") or "")
