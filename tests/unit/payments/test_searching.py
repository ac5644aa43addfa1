"""A list of payments is all that fit and nothing else, newest first, however it is looked for and cut into pages."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
from payment_records import a_payment
from sqlalchemy import Connection, insert

from gateway.foundation.store.rows import columns
from gateway.rooms.payments import searching
from gateway.rooms.payments.records import Payment
from gateway.rooms.payments.searching import Sought
from gateway.rooms.payments.states import Settlement, Status
from gateway.rooms.payments.tables import payment
from gateway.words.clock import start_of, to_micros

pytestmark = pytest.mark.both_databases

DAY = date(2026, 9, 14)
MANY = frozenset(f"A{number}" for number in range(30))
UNPAID = (Status.REQUESTED, Status.ISSUED, Status.EXPIRED)
SOUGHT = [
    Sought(frozenset({"A1"})),
    Sought(frozenset({"A1", "A2"})),
    Sought(frozenset()),
    Sought(MANY),
    *(Sought(frozenset({"A1", "A2"}), status=one) for one in Status),
    *(Sought(frozenset({"A1"}), settlement=one) for one in Settlement),
    Sought(MANY, amount=100),
    Sought(frozenset({"A2"}), amount=300),
    Sought(frozenset({"A1", "A2"}), amount=300, status=Status.PAID, settlement=Settlement.MATCHED),
    Sought(frozenset({"A1", "A2"}), overdue=DAY),
    Sought(MANY, overdue=DAY, since=DAY, status=Status.EXPIRED),
    Sought(frozenset({"A1", "A2"}), since=DAY),
    Sought(MANY, until=DAY, status=Status.PAID),
    Sought(frozenset({"A1", "A3"}), since=DAY, until=DAY),
    Sought(frozenset({"A1"}), until=DAY, settlement=Settlement.PENDING),
    Sought(frozenset({"A1", "A2"}), in_doubt=True),
    Sought(frozenset({"A1", "A2"}), number="code-7"),
]


def some() -> list[Payment]:
    """Of every kind; their instants do not follow their ids, as where a clock was set."""
    kinds = itertools.product(("A1", "A2", "A3"), Status, (100, 300))
    made = []
    for number, (authority, status, amount) in enumerate(kinds):
        paid = status is Status.PAID
        made.append(
            a_payment(
                id=f"pay_{number:02}",
                decision_id=None,
                authority=authority,
                status=status,
                amount=amount,
                paid_amount=(amount if number % 4 else 300) if paid else None,
                settlement=(Settlement.PENDING, Settlement.MATCHED, Settlement.BROKEN)[number % 3] if paid else "none",
                code=f"code-{number}",
                token_index=f"{number}".encode(),
                due_on=DAY + timedelta(days=number % 5 - 2) if status in UNPAID else None,
                in_doubt_since_at=1 if number % 7 == 0 else None,
                created_at=to_micros(start_of(DAY)) + (number * 7 % 3 - 1) * 86_400_000_000 + number * 31 % 11,
            )
        )
    return made


def keep(conn: Connection, kept: list[Payment]) -> None:
    for one in kept:
        conn.execute(insert(payment), columns(one))


def fits(one: Payment, sought: Sought) -> bool:
    """The same as people would say it."""
    day = 86_400_000_000
    return (
        one.authority in sought.authorities
        and sought.number in (None, one.code)
        and sought.amount in (None, one.amount, one.paid_amount)
        and sought.status in (None, one.status)
        and sought.settlement in (None, one.settlement)
        and (sought.since is None or one.created_at >= to_micros(start_of(sought.since)))
        and (sought.until is None or one.created_at < to_micros(start_of(sought.until)) + day)
        and (not sought.in_doubt or one.in_doubt_since_at is not None)
        and (sought.overdue is None or _overdue(one, sought.overdue))
    )


def _overdue(one: Payment, day: date) -> bool:
    return one.status in (Status.ISSUED, Status.EXPIRED) and one.due_on is not None and one.due_on < day


async def test_every_way_of_looking_finds_what_fits_page_by_page(one_store):
    kept = some()
    await one_store.write(lambda conn: keep(conn, kept))
    for sought in SOUGHT:
        wanted = {one.id for one in kept if fits(one, sought)}
        found: list[Payment] = []
        while page := await one_store.read(
            lambda conn, sought=sought, last=found[-1].id if found else None: searching.find(conn, sought, last, 3)
        ):
            found += page
        assert [one.id for one in found] == list(dict.fromkeys(one.id for one in found)), sought
        assert {one.id for one in found} == wanted, sought
        assert await one_store.read(lambda conn, sought=sought: searching.count(conn, sought)) == len(wanted), sought
        by_id, by_day = ([key(one) for one in found] for key in (lambda one: one.id, lambda one: one.created_at))
        assert sorted(by_id, reverse=True) == by_id or sorted(by_day, reverse=True) == by_day, sought
    assert any(fits(one, Sought(frozenset({"A2"}), amount=300)) and one.amount != 300 for one in kept), "paid otherwise"


async def test_the_first_last_day_is_that_of_what_is_overdue(one_store):
    kept, sought = some(), Sought(frozenset({"A1", "A2"}), overdue=DAY)
    await one_store.write(lambda conn: keep(conn, kept))
    first = min(one.due_on for one in kept if one.due_on is not None and fits(one, sought))
    assert await one_store.read(lambda conn: searching.earliest_due(conn, sought)) == first
