"""What the non-tax mapping does with answers that say success but cannot be right."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.nontax.soap import SoapNonTaxSettings, mapping
from gateway.ports.nontax import BillLine, IssueRequest
from gateway.words.errors import BusyError, ContractError
from gateway.words.money import MAX_FEN

REFUND = {"RefundNo": "R1", "PayCode": "9", "Amt": "1.00", "RefundStats": "0"}
PAGE = {"StatementDate": "20260917", "Page": 1, "Pages": 2, "Count": 0, "TotalAmt": "0.00", "Line": []}


def test_beijing_time_becomes_an_instant() -> None:
    assert mapping.moment("20260917", "003000") == datetime(2026, 9, 16, 16, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["20260230", "20261301", "00000101"])
def test_a_day_that_the_calendar_does_not_have_breaks_the_contract(text: str) -> None:
    with pytest.raises(ContractError):
        mapping.day(text)


@pytest.mark.parametrize("name", ["Bill", "RefundInfo"])
def test_success_without_content_breaks_the_contract(name: str) -> None:
    read = {"Bill": mapping.bill, "RefundInfo": mapping.refund}[name]
    with pytest.raises(ContractError, match=name):
        read({"Result": "00000", "Information": "", name: None})


@pytest.mark.parametrize("change", [{"RefundStats": "9"}, {"RefundStats": "2"}])
def test_a_refund_in_an_unknown_state_or_done_without_a_date_is_not_final(change: dict[str, str]) -> None:
    with pytest.raises(ContractError):
        mapping.refund({"RefundInfo": REFUND | change})


@pytest.mark.parametrize("change", [{"StatementDate": "20260918"}, {"Page": 2}, {"StatementDate": None}])
def test_another_day_or_page_than_asked_breaks_the_contract(change: dict[str, object]) -> None:
    with pytest.raises(ContractError):
        mapping.statement_page(PAGE | change, date(2026, 9, 17), 1)
    assert mapping.statement_page(PAGE, date(2026, 9, 17), 1).pages == 2


def test_busy_carries_its_delay() -> None:
    error = mapping.refusal("19001", "系统繁忙", 5.0)
    assert isinstance(error, BusyError)
    assert error.retry_after == 5.0


@given(st.lists(st.integers(0, MAX_FEN // 50), min_size=1, max_size=5))
def test_amounts_cross_the_wire_exactly(amounts: list[int]) -> None:
    request = IssueRequest(
        reference="R",
        region="990102",
        unit_code="1",
        unit_name="单位",
        payer_name="人",
        decision_number="1",
        lines=tuple(BillLine(item_code="1", item_name="罚款", amount=amount) for amount in amounts),
        total=sum(amounts),
        bill_date=date(2026, 9, 16),
    )
    sent = mapping.create_bill(request)
    told = {"PayNo": "R", "PayCode": "9", "Amt": sent["Amt"], "PayStats": "0"}
    assert mapping.bill({"Bill": told}).total == request.total
    assert [item["Amt"] for item in sent["Item"]] == [f"{a // 100}.{a % 100:02d}" for a in amounts]


def test_unencodable_text_is_found_wherever_it_stands() -> None:
    assert mapping.unencodable({"Item": [{"ItemName": "罚款𠮷"}]}, "gbk")
    assert mapping.unencodable({"Item": [{"ItemName": "罚款"}], "Page": 1, "Memo": None}, "gbk") is None


def test_a_code_layout_that_does_not_compile_stops_the_settings() -> None:
    with pytest.raises(ValueError, match="regular expression"):
        SoapNonTaxSettings(secret="x", node_code="K1", platform_node="F1", code_pattern="(")
