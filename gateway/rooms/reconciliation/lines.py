"""The lines of a large statement as text, a block at a time: they take the room of their letters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Final, Literal, cast, overload

from gateway.ports.nontax import StatementLine
from gateway.words.clock import to_micros

FIELD: Final = "\x1f"
LINE: Final = "\x1e"
NUMBER: Final = "#"
BLOCK: Final = 10_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def word(line: StatementLine) -> str:
    """A line as text: what its statement's digest is made of. A refund's own number stands beside its kind."""
    kind = line.kind if line.refund_number is None else f"{line.kind}{NUMBER}{line.refund_number}"
    plain = (kind, line.code, line.bank_serial, line.reference, str(line.amount), str(to_micros(line.paid_at)))
    return FIELD.join((*plain, line.unit_code, *line.item_codes))


def line(text: str) -> StatementLine:
    """The line whose ``word`` this is."""
    kind, code, serial, reference, amount, paid_at, unit, *items = text.split(FIELD)
    kind, _, number = kind.partition(NUMBER)
    return StatementLine(
        kind=cast(Literal["paid", "refunded"], kind),
        reference=reference,
        code=code,
        amount=int(amount),
        paid_at=_EPOCH + timedelta(microseconds=int(paid_at)),
        bank_serial=serial,
        unit_code=unit,
        item_codes=tuple(items),
        refund_number=number or None,
    )


class Lines(Sequence[StatementLine]):
    """Lines from blocks of ``BLOCK`` words each, the last with fewer; each becomes a value when it is looked at."""

    def __init__(self, blocks: Sequence[bytes], number: int) -> None:
        self._blocks, self._number = tuple(blocks), number
        self._open: tuple[int, list[str]] = (-1, [])

    def __len__(self) -> int:
        return self._number

    def __iter__(self) -> Iterator[StatementLine]:
        return map(line, chain.from_iterable(map(self._words, range(len(self._blocks)))))

    @overload
    def __getitem__(self, place: int) -> StatementLine: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[StatementLine]: ...
    def __getitem__(self, place: int | slice) -> StatementLine | Sequence[StatementLine]:
        """One line; a slice is a tuple."""
        if isinstance(place, slice):
            return tuple(self[one] for one in range(*place.indices(self._number)))
        block, inside = divmod(range(self._number)[place], BLOCK)
        number, words = self._open
        if number != block:
            words = self._words(block)
            self._open = (block, words)
        return line(words[inside])

    def _words(self, block: int) -> list[str]:
        return self._blocks[block].decode().split(LINE)
