"""Queries that run all the time read what they need and not the whole table, however full the store is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection, event

from gateway.foundation.delivery import (
    doubtful_records,
    event_records,
    operation_records,
    schedule_records,
    webhook_records,
)
from gateway.foundation.delivery.states import State
from gateway.foundation.store import schema
from gateway.foundation.store.engine import open_engine
from gateway.rooms.cash import records as cash
from gateway.rooms.cash.records import CashFilter
from gateway.rooms.cash.states import CashStatus
from gateway.rooms.decisions import records as decisions
from gateway.rooms.disclosures import records as disclosures
from gateway.rooms.disclosures import seeking
from gateway.rooms.payments import records as payments
from gateway.rooms.payments import searching
from gateway.rooms.payments.states import Settlement, Status
from gateway.rooms.reconciliation import bill_records
from gateway.rooms.reconciliation import break_records as breaks
from gateway.rooms.reconciliation.states import BreakState
from gateway.rooms.refunds import exception_records as exceptions
from gateway.rooms.refunds import records as refunds
from gateway.words.errors import NotFoundProblem

GROWING = (
    "schedule_run",
    "operation",
    "payment",
    "payment_code",
    "payment_line",
    "event",
    "collection",
    "disclosure",
    "decision",
    "refund",
    "payment_exception",
    "cash_taken",
)
NARROW = (
    "ix_operation_due",
    "ix_operation_lease",
    "ix_operation_unfinished",
    "ix_payment_open",
    "ix_operation_for_people",
    "ix_payment_due",
    "ix_payment_unpaid",
    "ix_payment_ended",
    "ix_webhook_delivery",
    "ix_schedule_run_unfinished",
    "ix_disclosure_mark",
    "ix_disclosure_withdrawal",
)
"""Partial indexes of what has not ended: to read one of them whole is to read little."""
TODAY = date(2026, 9, 14)
SOON = disclosures.Window(3, TODAY, date(2026, 9, 17))
WANTED = operation_records.Wanted("nontax", ["nontax.issue"], 1, 3)
DOUBT = doubtful_records.Doubtful(("a",), (State.PARKED,))
WAITS = doubtful_records.Doubtful(("a", "b"))
PAYMENTS = searching.Sought(frozenset({"a", "b"}))
SOUGHT = seeking.Sought(frozenset({"a"}), TODAY, date(2026, 9, 17))
OVERDUE = searching.Sought(frozenset({"a"}), overdue=TODAY)
SINCE = event_records.Since("evt_1", 1, ["a", "b"], ["payment.paid"])
WAITING = refunds.RefundFilter(("a",), proposed_besides="opr_1")
QUERIES: dict[str, Callable[[Connection], Any]] = {
    "what a pump looks at": lambda conn: operation_records.next_due(conn, "nontax", ["nontax.issue"]),
    "what a pump takes": lambda conn: operation_records.claim_due(conn, WANTED, node="n", lease=1),
    "calls under way": lambda conn: operation_records.waiting(conn, "nontax"),
    "what is overdue": lambda conn: operation_records.overdue(conn, ["nontax.issue"], 1),
    "leases that ran out": lambda conn: operation_records.release_expired(conn, now=1, node=None),
    "leases of one node": lambda conn: operation_records.release_expired(conn, now=1, node="n"),
    "channels nobody serves": lambda conn: operation_records.unserved(conn, ["nontax"]),
    "metrics": operation_records.counts,
    "a closed channel": lambda conn: operation_records.postpone(conn, "nontax", until=1, reason="r"),
    "a hint": lambda conn: operation_records.hurry(conn, "nontax", 1, reference="r", subject=None),
    "parked operations": lambda conn: operation_records.find(conn, state=State.PARKED),
    "webhooks that are due": lambda conn: webhook_records.due(conn, 1),
    "duties that did not end": lambda conn: schedule_records.unfinished(conn, 1),
    "the last slot of a duty": lambda conn: schedule_records.last_slot(conn, "retention", 2),
    "deliveries of an endpoint": lambda conn: webhook_records.deliveries(
        conn, "whk_1", state=None, before=None, limit=9
    ),
    "codes to ask about": lambda conn: payments.to_ask(conn, TODAY, 1, 2, 200),
    "due dates to look at": lambda conn: payments.to_look_at(conn, TODAY, 200),
    "how many codes can be paid": lambda conn: payments.open_bills(conn),
    "how the payments of a decision stand": lambda conn: payments.standing(conn, "dec_1"),
    "what a new code meets": lambda conn: payments.awaited(conn, "pay_1", "nontax", "1"),
    "the live code": lambda conn: payments.live_code(conn, "pay_1"),
    "the code that replaces one": lambda conn: payments.replacement_of(conn, "pay_1"),
    "a payment's events": lambda conn: payments.timeline(conn, "pay_1"),
    "a page of payments": lambda conn: payments.search(conn, payments.PaymentFilter(authorities=("a",))),
    "payments in doubt": lambda conn: payments.search(conn, payments.PaymentFilter(authorities=("a",), in_doubt=True)),
    "money of a day": lambda conn: payments.collected_between(conn, "nontax", 1, 2),
    "payments without a receipt": lambda conn: bill_records.without_receipt(conn, "nontax", 1, 2),
    "late submissions": lambda conn: disclosures.late_submissions(conn, TODAY, 100),
    "late withdrawals": lambda conn: disclosures.late_withdrawals(conn, TODAY, 100),
    "publications due soon": lambda conn: disclosures.due_publications(conn, SOON, 100),
    "withdrawals due soon": lambda conn: disclosures.due_withdrawals(conn, SOON, 100),
    "disclosures to look at": lambda conn: disclosures.to_look_at(conn, TODAY, 100),
    "marks to set or take off": lambda conn: disclosures.unmarked(conn, 100),
    "what is owed to targets": lambda conn: list(disclosures.owed(conn)),
    "what was judged by other rules": lambda conn: disclosures.judged_otherwise(conn, "d", "", 100),
    "calls in doubt": lambda conn: doubtful_records.find(conn, DOUBT, None, 9),
    "how many calls are in doubt": lambda conn: doubtful_records.count(conn, DOUBT),
    "a page of what waits": lambda conn: doubtful_records.find(conn, WAITS, "opn_1", 9),
    "what waits on a channel": lambda conn: doubtful_records.find(conn, replace(WAITS, channel="nontax"), None, 9),
    "what waits for a reason": lambda conn: doubtful_records.find(conn, replace(WAITS, parked_for="r"), None, 9),
    "what waits by a number": lambda conn: doubtful_records.find(conn, replace(WAITS, number="1"), None, 9),
    "what happened since": lambda conn: event_records.tallies(conn, SINCE),
    "to which records it happened": lambda conn: event_records.touched(conn, SINCE, 9),
    "refunds that wait for me": lambda conn: refunds.find(conn, WAITING),
    **{
        f"publications {only}": lambda conn, only=only: seeking.waiting(conn, replace(SOUGHT, only=only))
        for only in seeking.ONLY
    },
    "how many payments are overdue": lambda conn: searching.count(conn, OVERDUE),
    "the first of them": lambda conn: searching.earliest_due(conn, OVERDUE),
    "payments overdue": lambda conn: searching.find(conn, OVERDUE, None, 9),
    "payments cancelled": lambda conn: searching.find(
        conn, replace(OVERDUE, overdue=None, status=Status.CANCELLED), None, 9
    ),
    "payments of some authorities": lambda conn: searching.find(conn, PAYMENTS, "pay_1", 9),
    "payments of many authorities": lambda conn: searching.find(
        conn, replace(PAYMENTS, authorities=frozenset(map(str, range(99)))), "pay_1", 9
    ),
    "payments searched in doubt": lambda conn: searching.count(conn, replace(PAYMENTS, in_doubt=True)),
    "payments expired": lambda conn: searching.find(conn, replace(PAYMENTS, status=Status.EXPIRED), "pay_1", 9),
    "payments to be matched": lambda conn: searching.find(
        conn, replace(PAYMENTS, settlement=Settlement.PENDING), "pay_1", 9
    ),
    "payments of a party": lambda conn: searching.find(conn, replace(PAYMENTS, number="张三", party=(b"i",)), None, 9),
    "how many payments of a party": lambda conn: searching.count(conn, replace(PAYMENTS, party=(b"i",))),
    "payments of a party, listed": lambda conn: payments.search(
        conn, payments.PaymentFilter(authorities=("a",), party=(b"i",))
    ),
    "parties to be filled in": lambda conn: decisions.fill_parties(conn, None, 9),  # type: ignore[arg-type]
    "payments of an amount": lambda conn: searching.find(conn, replace(PAYMENTS, amount=8800), "pay_1", 9),
    "payments until a day": lambda conn: searching.find(conn, replace(PAYMENTS, until=TODAY), "pay_1", 9),
    "an exception by a number": lambda conn: exceptions.find(conn, exceptions.ExceptionFilter(("a",), number="1")),
    "exceptions that wait": lambda conn: exceptions.count(
        conn, exceptions.ExceptionFilter(("a",), proposed_by="opr_1")
    ),
    "a page of breaks": lambda conn: breaks.find(conn),
    "open breaks of a month": lambda conn: breaks.open_by_day(conn, "nontax", TODAY, TODAY),
    "open breaks": lambda conn: breaks.find(conn, breaks.BreakFilter(("a",), state=BreakState.OPEN)),
    "a page of exceptions": lambda conn: exceptions.find(conn, exceptions.ExceptionFilter(("a",))),
    "publications by a number": lambda conn: seeking.counted(conn, replace(SOUGHT, number="1")),
    "how many refunds wait for me": lambda conn: refunds.count(conn, WAITING),
    "cash in one state": lambda conn: cash.count(conn, CashFilter(["990102"], CashStatus.TAKEN)),
    "cash by a number": lambda conn: cash.find(conn, CashFilter(["990102"], number="2026-1")),
    "cash that is late": lambda conn: cash.count(conn, CashFilter(["990102"], by=TODAY)),
    "what went to an endpoint": lambda conn: webhook_records.tallies(conn, ["whk_1"]),
}
BY_INDEX = {
    "late submissions": "ix_disclosure_unpublished",
    "publications due soon": "ix_disclosure_unpublished",
    "late withdrawals": "ix_disclosure_withdrawal",
    "marks to set or take off": "ix_disclosure_mark",
    "what was judged by other rules": "ix_disclosure_judged",
    "calls in doubt": "COVERING INDEX ix_operation_for_people (state=?)",
    "how many calls are in doubt": "COVERING INDEX ix_operation_for_people (state=?)",
    "a page of what waits": "COVERING INDEX ix_operation_for_people (state=? AND id<?)",
    "what waits on a channel": "COVERING INDEX ix_operation_for_people (state=?)",
    "what waits for a reason": "COVERING INDEX ix_operation_parked_for (code=? AND state=?)",
    "what waits by a number": "ix_operation_doubted (reference=?)",
    "parked operations": "ix_operation_for_people (state=?)",
    "what happened since": "SEARCH event USING INDEX sqlite_autoindex_event_1 (id>?)",
    "to which records it happened": "SEARCH event USING INDEX sqlite_autoindex_event_1 (id>?)",
    "refunds that wait for me": "ix_refund_status",
    "metrics": "COVERING INDEX ix_operation_unfinished",
    "publications late": "ix_disclosure_passed_on",
    "publications near": "ix_disclosure_unpublished",
    "publications held": "ix_disclosure_held",
    "publications objection": "ix_disclosure_objected",
    "publications doubt": "ix_disclosure_doubt",
    "how many payments are overdue": "COVERING INDEX ix_payment_unpaid",
    "the first of them": "COVERING INDEX ix_payment_unpaid",
    "payments overdue": "COVERING INDEX ix_payment_unpaid",
    "payments expired": "COVERING INDEX ix_payment_unpaid (id<?)",
    "due dates to look at": "ix_payment_due (due_look_on<?)",
    "payments of some authorities": "COVERING INDEX ix_payment_authority (authority=? AND id<?)",
    "payments searched in doubt": "ix_payment_doubt (authority=?)",
    "payments to be matched": "COVERING INDEX ix_payment_settled (settlement=? AND id<?)",
    "payments of an amount": "COVERING INDEX ix_payment_amount (amount=? AND id<?)",
    "payments of a party": "ix_decision_party_number_index (party_number_index=?)",
    "how many payments of a party": "ix_decision_party_index (party_index=?)",
    "payments of a party, listed": "ix_payment_decision_id (decision_id=?)",
    "parties to be filled in": "ix_decision_party_index (party_index=?)",
    "payments until a day": "COVERING INDEX ix_payment_created (created_at<?)",
    "payments cancelled": "ix_payment_ended",
    "exceptions that wait": "ix_payment_exception_state",
    "a page of breaks": "ix_breaks_opened",
    "open breaks": "ix_breaks_open",
    "open breaks of a month": "COVERING INDEX ix_breaks_open_day (channel=? AND day_on>? AND day_on<?)",
    "a page of exceptions": "ix_payment_exception_authority",
    "publications by a number": "ix_disclosure_decision_id",
    "what went to an endpoint": "ix_webhook_delivery_failed (endpoint_id=?)",
    "cash in one state": "ix_cash_taken_status (authority=? AND status=?)",
    "cash by a number": "ix_cash_taken_receipt",
    "cash that is late": "ix_cash_taken_to_hand_in",
}
"""What is asked for all that is public would find nothing nearly always: only its own index says so at once."""


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('plans') / 'gateway.sqlite'}"
    schema.migrate(url)
    engine = open_engine(url)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("name", QUERIES)
def test_no_query_of_every_day_reads_a_growing_table_whole(books, name):
    asked: list[tuple[str, Any]] = []

    @event.listens_for(books, "before_cursor_execute")
    def note(_conn, _cursor, statement, parameters, _context, _many):
        asked.append((statement, parameters))

    try:
        with books.connect() as conn:
            with suppress(NotFoundProblem):
                QUERIES[name](conn)
            plans = [
                line[3]
                for statement, parameters in tuple(asked)
                if not statement.startswith("BEGIN")
                for line in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            ]
    finally:
        event.remove(books, "before_cursor_execute", note)
    assert plans
    assert any(BY_INDEX.get(name, "") in plan for plan in plans)
    for plan in plans:
        words = plan.split()
        whole = words[0] == "SCAN" and words[1] in GROWING
        by_one_channel_alone = "sqlite_autoindex_operation_2 (channel=?)" in plan
        assert not by_one_channel_alone, plan
        assert not whole or any(index in plan for index in NARROW), plan
