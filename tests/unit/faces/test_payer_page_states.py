"""What the payer's page says first: never "pay" to somebody whose money may have arrived, never a whole name."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from payment_records import a_collection, a_payment, an_exception
from refund_records import a_refund

from gateway.faces.payer.shown import Found, _payer, returned, state, unbroken, waited_about
from gateway.faces.payer.texts import FOUND_BY_STATUS, KINDS, MESSAGES, OWED, REFUNDS, words
from gateway.rooms.payments import Status
from gateway.rooms.payments.states import UnforeseenKind
from gateway.rooms.refunds.states import RefundStatus
from gateway.words.clock import to_micros

NOW = datetime(2026, 10, 8, 4, 0, tzinfo=UTC)
NEVER_AGAIN = {"being_paid", "doubt", "long_doubt", "paid", "refunded", "late_money", "amount_differs", "paid_twice"}


def found(status: Status, *exceptions: str, returned: int = 0, **row: Any) -> Found:
    kinds = frozenset(UnforeseenKind(one) for one in exceptions)
    return Found(a_payment(status=status, **row), (), kinds, returned, (), None, None, None)


@pytest.mark.parametrize(
    ("made", "closed", "key"),
    [
        (found(Status.ISSUED), False, "issued"),
        (found(Status.ISSUED, due_on=date(2026, 10, 8)), False, "issued"),
        (found(Status.ISSUED, due_on=date(2026, 10, 7)), False, "overdue"),
        (found(Status.ISSUED, due_on=date(2026, 10, 7)), True, "closed"),
        (found(Status.ISSUED, being_paid_since_at=1, due_on=date(2026, 10, 7)), True, "being_paid"),
        (found(Status.ISSUED, being_paid_since_at=1, in_doubt_since_at=to_micros(NOW) - 1), False, "doubt"),
        (found(Status.PAID), True, "paid"),
        (found(Status.CANCELLING), False, "cancelled"),
        (found(Status.REJECTED), False, "rejected"),
        (found(Status.ISSUED, in_doubt_since_at=to_micros(NOW) - 3_600_000_000), True, "doubt"),
        (found(Status.ISSUED, in_doubt_since_at=to_micros(NOW) - 86_500_000_000), False, "long_doubt"),
        (found(Status.REQUESTED, in_doubt_since_at=to_micros(NOW) - 86_500_000_000), False, "code_doubt"),
        (found(Status.CANCELLING, in_doubt_since_at=to_micros(NOW) - 1), False, "void_doubt"),
        (found(Status.CANCELLED, "paid_after_cancel"), False, "late_money"),
        (found(Status.EXPIRED, "paid_on_dead_code"), False, "late_money"),
        (found(Status.ISSUED, "amount_differs"), True, "amount_differs"),
        (found(Status.PAID, "paid_twice"), False, "paid_twice"),
        (found(Status.PAID, paid_amount=100, returned=100), False, "refunded"),
        (found(Status.PAID, paid_amount=100, returned=99), False, "paid"),
        (found(Status.PAID, "paid_twice", paid_amount=100, returned=100), False, "paid_twice"),
    ],
)
def test_the_message_is_the_one_that_protects_the_party_most(made, closed, key):
    assert state(made, NOW, closed) == key


@pytest.mark.parametrize(
    ("kind", "resolution", "refund", "waits"),
    [
        ("paid_twice", None, None, True),
        ("paid_twice", "refund", ("FILED", 100), True),
        ("paid_twice", "refund", ("REFUNDED", 99), True),
        ("paid_twice", "refund", ("REFUNDED", 100), False),
        ("paid_twice", "keep", None, False),
        ("paid_after_expiry", None, None, True),
        ("paid_after_expiry", "keep", None, False),
        ("amount_differs", "keep", None, True),  # the bill is still open: nobody may be told to pay it again
        ("told_differently", None, None, False),
    ],
)
def test_the_party_waits_about_money_until_it_went_back_or_is_kept_for_good(kind, resolution, refund, waits):
    state = "open" if resolution is None else "resolved"
    odd = [an_exception(kind, state, resolution, collection_id="c2")]
    back = [] if refund is None else [a_refund(*refund, collection_id="c2")]
    money = [a_collection("c1", 100), a_collection("c2", 100)]
    assert waited_about(odd, back, money) == (frozenset({kind}) if waits else frozenset())


def test_only_what_had_paid_the_bill_makes_it_a_returned_one():
    twice = [an_exception("paid_twice", "resolved", "refund", collection_id="c2")]
    back = [a_refund("REFUNDED", 100, collection_id=one) for one in ("c1", "c2")]
    assert returned(twice, back[1:]) == 0
    assert returned(twice, back) == 100


def test_the_pay_button_stands_only_where_money_is_owed_and_none_may_have_arrived():
    payable = {key for key, message in MESSAGES.items() if message.can_pay}
    assert payable == {"issued", "overdue"}
    assert payable <= OWED
    assert not payable & NEVER_AGAIN


def test_every_status_and_refund_has_words_in_both_languages():
    assert set(FOUND_BY_STATUS) == set(Status)
    assert set(FOUND_BY_STATUS.values()) <= set(MESSAGES)
    assert set(REFUNDS) == set(RefundStatus) - {RefundStatus.DISMISSED}
    pairs = [*KINDS.values(), *REFUNDS.values()]
    pairs += [pair for message in MESSAGES.values() for pair in (message.title, message.text)]
    pairs += list(zip(words(False).values(), words(True).values(), strict=True))
    half_width = re.compile(r"[\u4e00-\u9fff][,:;!?()]|[,:;!?()][\u4e00-\u9fff]")
    for chinese, english in pairs:
        assert chinese
        assert english
        assert not half_width.search(chinese), chinese


@pytest.mark.parametrize("key", ["code_doubt", "void_doubt"])
def test_a_doubt_about_a_code_or_a_void_does_not_ask_whether_money_arrived(key):
    said = "".join(MESSAGES[key].title + MESSAGES[key].text)
    assert "扣款" not in said
    assert "缴款结果" not in said
    assert "charged" not in said
    assert not MESSAGES[key].can_pay


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("5036.50", "<span class=n>5036.50</span>"),
        (
            "99010226300000000017",
            "".join(f'<span class="n four">{one}</span>' for one in ("9901", "0226", "3000", "0000", "0017")),
        ),
        ("第102号<b>", "第<span class=n>102</span>号&lt;b&gt;"),
        ("没有数字", "没有数字"),
    ],
)
def test_numbers_break_nowhere_or_between_fours_and_stay_text(text, marked):
    assert str(unbroken(text)) == marked
    assert re.sub("<[^>]+>", "", str(unbroken(text))) == text.replace("<b>", "&lt;b&gt;")


def test_a_payer_of_whom_no_decision_tells_is_masked_by_the_words_of_the_name():
    assert _payer("恒筑建设有限公司", None) == "恒筑****公司"
    assert _payer("张三李四王五", None) == "张*****"
