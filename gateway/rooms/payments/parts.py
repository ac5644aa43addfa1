"""What other rooms show of a payment: each contributes its part, and this room knows none of them.

A room names its ``Part`` in its ``Room`` value (``payment_part``); parts are found as rooms are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from gateway.foundation import rooms
from gateway.rooms.decisions.parts import in_order
from gateway.rooms.payments.details import PaymentDetails, known_as

if TYPE_CHECKING:
    from gateway.foundation.http.views import View


@dataclass(frozen=True)
class Section:
    """A table at the terminal, and a list in what programs get. ``columns``: those that people see; all if none."""

    name: str
    rows: Sequence[Mapping[str, Any]]
    columns: tuple[str, ...] = ()


def _nothing(_conn: Connection, _found: PaymentDetails) -> Sequence[Section]:
    return ()


@dataclass(frozen=True)
class Part:
    """A room's part of a payment: the member's ``name`` in JSON, the ``view`` of its items, and how they are read.

    ``of`` runs inside one query with all that this room knows. ``sections``: what ``gateway payments show`` shows.
    ``rank``: parts stand in this order, those of one rank by name.
    """

    name: str
    view: type[View]
    of: Callable[[Connection, PaymentDetails], Sequence[View]]
    sections: Callable[[Connection, PaymentDetails], Sequence[Section]] = _nothing
    rank: int = 100


def installed() -> tuple[Part, ...]:
    """The parts of all rooms, in their order. Raises SettingsError where two have one name."""
    found = [room.place(room.payment_part) for room in rooms.found() if room.payment_part is not None]
    return in_order(found, "a payment")


def with_sections(word: str) -> Callable[[Connection], tuple[PaymentDetails, list[Section]]]:
    """The payment with this id or code, with what other rooms show of it at the terminal. Raises NotFoundProblem."""

    def query(conn: Connection) -> tuple[PaymentDetails, list[Section]]:
        found = known_as(conn, word)
        return found, [section for part in installed() for section in part.sections(conn, found)]

    return query
