"""A blind index that is made again under a new key. A room says of each of its own how that is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column

from gateway.foundation.crypto.envelope import Envelope


@dataclass(frozen=True)
class Indexed:
    """A column of blind indexes.

    ``again``: the index of a row (a mapping) under the current key, made from its sealed columns; empty bytes where it
    cannot be made again and may be lost. ``follows``: columns of other tables that hold the same index, each with the
    column there that names this row's primary key.
    """

    column: Column[Any]
    again: Callable[[Envelope, Any], bytes]
    follows: tuple[tuple[Column[Any], Column[Any]], ...] = ()
