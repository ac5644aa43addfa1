"""Receipts on a real store: asked for once, and only where the channel says so."""

from __future__ import annotations

import pytest
from money_bench import Bench

from gateway.rooms.payments.channel_keys import PaymentKeys
from gateway.rooms.receipts.records import live


@pytest.mark.parametrize("automatic", [True, False])
async def test_a_receipt_is_asked_for_upon_payment_only_where_the_channel_says_so(one_store, tmp_path, automatic):
    bench = Bench(one_store, tmp_path, PaymentKeys(receipt_automatic=automatic, receipt_kind="general_bill"))
    await bench.open()
    payment_id = await bench.paid(100_00, 100_00)  # the second sum asks for no second receipt
    row = await bench.store.read(lambda conn: live(conn, payment_id))
    assert (row is not None) is automatic
    if row is not None:
        assert (row.status, row.kind, row.amount) == ("REQUESTED", "general_bill", 100_00)
