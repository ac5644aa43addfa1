"""Vouchers: lines of a bill in one flat field, and what may be read from an address."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from issue_requests import request

from gateway.adapters.nontax.cnnontax import CnNonTaxSettings, mapping
from gateway.adapters.nontax.cnnontax import frame as frames
from gateway.ports.nontax import BillLine, FindRequest
from gateway.words.errors import RejectedError, UnusableError
from simulators.cnnontax.frames import items

NAMES = st.text(st.characters(codec="gbk", exclude_categories=("Cc", "Cs"), exclude_characters="|#"), min_size=1)


@given(st.lists(st.tuples(NAMES.filter(lambda name: len(name) < 40), st.integers(0, 10**11)), min_size=1, max_size=5))
def test_lines_of_a_bill_survive_the_flat_field(lines: list[tuple[str, int]]) -> None:
    made = [BillLine(item_code="103050199001", item_name=name, amount=amount) for name, amount in lines]
    read = items("".join(mapping.pay_info(line) for line in made))
    assert [(row["ItemName"], row["Amt"]) for row in read] == [(name, f"{a // 100}.{a % 100:02d}") for name, a in lines]


@pytest.mark.parametrize("name", ["罚|款", "罚款#", "|"])
def test_a_name_with_a_separator_is_refused_and_never_splits_a_line(name: str) -> None:
    line = BillLine(item_code="103050199001", item_name=name, amount=1)
    with pytest.raises(RejectedError, match="分隔符"):
        mapping.bill(request(lines=(line,), total=1))


def test_a_bill_keeps_the_contract_with_and_without_what_may_be_missing() -> None:
    plain = mapping.bill(request())
    assert frames.complaint("Bill", plain) is None
    assert (plain["PayStats"], plain["Hold1"], plain["Hold2"]) == ("0", "望市监罚决〔2026〕18号", None)
    full = mapping.bill(request(code="99010226310000000001", payer_phone="139", due_on=date(2026, 10, 8), memo="备注"))
    assert frames.complaint("Bill", full) is None
    assert full["Hold2"] == "20261008"


def test_more_lines_than_the_flat_field_holds_break_the_contract_before_sending() -> None:
    line = BillLine(item_code="103050199001", item_name="长" * 100, amount=1)
    assert "PayInfo" in str(frames.complaint("Bill", mapping.bill(request(lines=(line,) * 5, total=5))))


def test_a_bill_is_asked_for_by_one_name() -> None:
    assert mapping.bill_query(FindRequest(reference="R1")) == {"PayNo": "R1"}
    assert mapping.bill_query(FindRequest(code="99")) == {"PayCode": "99"}


def test_the_code_is_read_from_the_address_of_the_qr() -> None:
    assert mapping.code_of("https://h.example/p?a=1&billId=99010226310000000001") == "99010226310000000001"


@pytest.mark.parametrize(
    "address",
    [
        "https://h.example/#/pay?billId={code}",
        "https://h.example/app/?from=qr#/pay?a=1&billId={code}",
        "http://h.example/p?billid={code}",
        "https://h.example/p?t=" + "x" * 560 + "&billId={code}",
    ],
)
def test_an_address_may_be_long_and_route_in_its_fragment(address: str) -> None:
    code = "99010226310000000001"
    information = address.format(code=code)
    assert mapping.code_of(information) == code
    assert mapping.address_of(information) == information


@pytest.mark.parametrize(
    "information",
    ["成功", "", "https://h/p", "https://h/p?billId=", "https://h/p?billId=1x", "https://h/p?billId=１２",
     f"https://h/p?billId={'1' * 21}", "https://[h/p?billId=1"],
)  # fmt: skip
def test_what_names_no_code_tells_none(information: str) -> None:
    assert mapping.code_of(information) is None


def test_an_address_with_two_codes_is_not_understood() -> None:
    with pytest.raises(UnusableError, match="two codes"):
        mapping.code_of("https://h/p?billId=1&billId=2")


@pytest.mark.parametrize("word", ["javascript:alert(1)", "ftp://h/p", "https://h/a b", "https://h/" + "x" * 2000])
def test_only_a_web_address_that_a_qr_code_holds_is_an_address(word: str) -> None:
    assert mapping.address_of(word) is None


@pytest.mark.parametrize("change", [{"code_pattern": "("}, {"node_code": "990100"}, {"refund_message": "rfd1"}])
def test_settings_that_cannot_work_stop_the_start(change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        CnNonTaxSettings(**({"token": "x", "node_code": "K9901000002", "platform_node": "F990100"} | change))
