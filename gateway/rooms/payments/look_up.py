"""The look-up of a payer's page, for those whose QR code cannot be scanned: code, and end of the decision number.

Somebody may guess. Each wrong try is paid for out of three budgets: of the code, of the source, of everybody together.
Where one is used up nobody is turned away, or whoever guesses would lock out the party that is to pay: the party's name
is asked as well, which stands on the decision beside the other two. Until then a right answer and a wrong one look
alike. Budgets are rows that all nodes share (GCRA, by the database's clock), so many and no more: codes and sources
that fall into one row share it, which costs them a name to type.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, case, func, select, update

from gateway.foundation.base import Foundation
from gateway.foundation.store import database_clock
from gateway.foundation.store.inserting import insert_new
from gateway.rooms.payments import records
from gateway.rooms.payments.records import Payment, PaymentFilter
from gateway.rooms.payments.tables import look_up_budget
from gateway.words.spelling import name_key

ROWS: Final = 4096
"""How many budgets of codes there are, and how many of sources."""
_SECOND: Final = 1_000_000


@dataclass(frozen=True)
class Budget:
    """``tries`` at once, then one in each ``seconds``."""

    tries: int
    seconds: int


OF_CODE: Final = Budget(5, 120)
OF_SOURCE: Final = Budget(10, 60)
OF_ALL: Final = Budget(300, 2)
_BUDGETS: Final = {"code": OF_CODE, "source": OF_SOURCE, "all": OF_ALL}

_row = look_up_budget.c
_NOW = database_clock()
_SPENT = select(_row.full_at - _NOW > bindparam("ahead")).where(_row.budget == bindparam("of"))
_RISEN = case((func.coalesce(_row.full_at, 0) > _NOW, _row.full_at), else_=_NOW) + bindparam("interval")
_SPEND = (
    update(look_up_budget)
    .where(_row.budget == bindparam("of"))
    .values(full_at=case((_NOW + bindparam("most") < _RISEN, _NOW + bindparam("most")), else_=_RISEN))
)


@dataclass(frozen=True)
class Found:
    """What a try has led to: the payment, or none; and whether the party's name is asked from now on."""

    payment: Payment | None
    name_too: bool = False


class LookUp:
    """Finds payments for those who say what only the party can know."""

    def __init__(self, base: Foundation) -> None:
        self._store = base.store
        self._envelope = base.envelope

    async def find(self, code: str, digits: str, name: str, source: str) -> Found:
        """The payment with this code whose decision number ends so; ``name`` counts where it is asked for.

        All three as they were typed. ``source``: the network address of who asks.
        """
        code, digits = _digits(code), _digits(digits).lstrip("0")
        budgets = sorted((self._budget("code", code), self._budget("source", network(source)), "all"))

        def look(conn: Connection) -> tuple[bool, list[Payment]]:
            strict = any(_spent(conn, one) for one in budgets)
            return strict, records.search(conn, PaymentFilter(code=code)) if code else []

        strict, payments = await self._store.read(look)
        for payment in payments:
            number = digits and hmac.compare_digest(_last_number(payment.decision_number), digits)
            if number and (not strict or self._is_named(payment, name)):
                return Found(payment)
        # Rows that all nodes change all the time: in a transaction of their own, in one order.
        await self._store.write_apart(lambda conn: _spend(conn, budgets))
        return Found(None, strict)

    def _budget(self, kind: str, whose: str) -> str:
        index = self._envelope.blind_index(whose, f"look-up.{kind}")
        return f"{kind}:{int.from_bytes(index[:4]) % ROWS}"

    def _is_named(self, payment: Payment, name: str) -> bool:
        ours = name_key(payment.bill(self._envelope).payer_name)
        return hmac.compare_digest(ours.encode(), name_key(name).encode())


def _spent(conn: Connection, budget: str) -> bool:
    of = _BUDGETS[budget.partition(":")[0]]
    ahead = (of.tries - 1) * of.seconds * _SECOND
    return bool(conn.execute(_SPENT, {"of": budget, "ahead": ahead}).scalar())


def _spend(conn: Connection, budgets: Iterable[str]) -> None:
    for one in budgets:
        of = _BUDGETS[one.partition(":")[0]]
        insert_new(conn, look_up_budget, budget=one, full_at=0)
        interval = of.seconds * _SECOND
        conn.execute(_SPEND, {"of": one, "interval": interval, "most": of.tries * interval})


def network(source: str) -> str:
    """What counts as one source: an IPv4 address, or the /64 that one subscriber has of IPv6."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _digits(text: str) -> str:
    """The digits of what somebody typed, full-width or not, whatever stands between them; at most 40."""
    return re.sub("[^0-9]", "", unicodedata.normalize("NFKC", text))[:40]


def _last_number(decision_number: str) -> str:
    """The number at the end of a decision number: 102 of 〔2026〕第102号; empty if there is none."""
    numbers: list[str] = re.findall("[0-9]+", unicodedata.normalize("NFKC", decision_number))
    return numbers[-1].lstrip("0") if numbers else ""
