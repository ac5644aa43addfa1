"""What must stand of receipts, by what platforms answered. Pure but for reading the rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from gateway.foundation.books import Amiss, Books, Said
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.sm import sm3
from gateway.ports.nontax import FiscalReceipt
from gateway.rooms.receipts import records
from gateway.rooms.receipts.records import Receipt
from gateway.rooms.receipts.states import LIFE, ReceiptStatus
from gateway.rooms.receipts.tables import fiscal_receipt
from gateway.words.clock import to_micros
from gateway.words.saying import say

_THERE = (ReceiptStatus.ISSUED, ReceiptStatus.REVERSED)


def _page(conn: Connection, envelope: Envelope, after: str, most: int) -> Sequence[Receipt]:  # noqa: ARG001
    return records.after(conn, after, most)


def must(one: Receipt, said: Said) -> Iterator[Amiss]:
    """What is amiss with a receipt."""
    if not any(one.status in LIFE.led(story) for story in _stories(said)):
        yield Amiss(say("books.state", state=one.status.value))
    answers = said.of("nontax.receipt")
    given = [
        FiscalReceipt.model_validate_json(json.dumps(answer.proven)) for answer in answers if answer.proven is not None
    ]
    spoken = any(answer.refused for answer in answers) if one.status is ReceiptStatus.REFUSED else bool(given)
    if one.status is not ReceiptStatus.REQUESTED and not spoken:
        yield Amiss(say("books.nobody_said", state=one.status.value), unproven=True)
    elif one.status in _THERE and all(_given(answer) != _kept(one) for answer in given):
        yield Amiss(say("books.other_answer"))


def _stories(said: Said) -> list[list[str]]:
    """The events of each receipt that was asked for: one that was refused may be asked for again."""
    stories: list[list[str]] = []
    for event in said.events:
        if event.type == "receipt.requested":
            stories.append([])
        if stories:
            stories[-1].append(event.type)
    return stories


def _given(answer: FiscalReceipt) -> tuple[object, ...]:
    numbers = (answer.receipt_code, answer.receipt_number, answer.check_code)
    return (answer.code, answer.amount, *numbers, to_micros(answer.issued_at), sm3(answer.document))


def _kept(one: Receipt) -> tuple[object, ...]:
    numbers = (one.receipt_code, one.receipt_number, one.check_code)
    return (one.code, one.amount, *numbers, one.issued_at, one.digest)


BOOKS = (
    Books(
        "receipts", _page, lambda one: one.id, lambda one: (one.id, one.payment_id), must, fiscal_receipt.c.id, "rcp"
    ),
)
