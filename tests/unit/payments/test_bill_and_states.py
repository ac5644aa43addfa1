"""From a decision to a bill, and the state table."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ports.base import Refused
from gateway.ports.nontax import Bill, BillState, FindRequest, Issued
from gateway.rooms.decisions import Decision, DecisionFacts, Party, PartyKind
from gateway.rooms.payments import EDGES, IncomeItem, LineInput, LineKind, PaymentRequest, Status, Unit
from gateway.rooms.payments.bill import (
    BillAsk,
    bill_for,
    bill_question,
    check_bill,
    check_issued,
    check_within,
    closed_words,
    issued_from,
    lines_of,
)
from gateway.rooms.payments.channel_keys import PaymentKeys
from gateway.rooms.payments.states import sources
from gateway.words.errors import ConflictProblem, ContractError, InvalidProblem, UnsupportedError

UNIT = Unit(
    "9901020001",
    "望川区市场监督管理局",
    "990102",
    {
        LineKind.FINE: IncomeItem("103050199", "其他一般罚没收入"),
        LineKind.CONFISCATED: IncomeItem("103050199", "其他一般罚没收入"),
    },
)
CODE = "99010226300000000017"


def decision(fine: str | None = "5000.00", confiscated: str | None = "36.50", **changes: object) -> Decision:
    kinds = [kind for kind, there in (("罚款", fine), ("没收违法所得", confiscated)) if there] or ["警告"]
    facts = DecisionFacts.model_validate(
        {
            "procedure": "ordinary",
            "party": {"kind": "natural_person", "name": "甄某", "id_type": "护照号", "id_number": "E12345678"},
            "violation": "经营超过保质期的食品",
            "facts": "经查,货架上有超过保质期的食品。",
            "basis": "《中华人民共和国食品安全法》第一百二十四条",
            "penalty_kinds": kinds,
            "content": "没收违法所得,并处罚款",
            "fine": fine,
            "confiscated": confiscated,
            "decided_on": "2026-09-10",
            **changes,
        }
    )
    return Decision("dec_1", "wc-scjg", "望市监罚〔2026〕12号", 1, facts, (), 0, 0)


def ask(lines: list[dict[str, str]] | None = None) -> PaymentRequest:
    return PaymentRequest.model_validate({"authority": "wc-scjg", "decision_number": "x", "lines": lines})


def bill(of: Decision | None = None):
    of = of or decision()
    return bill_for(of, lines_of(ask(), of), UNIT, reference="R1", today=date(2026, 9, 10), due_on=None)


def test_without_lines_the_whole_of_what_was_imposed_is_demanded():
    lines = lines_of(ask(), decision())
    assert {line.kind: line.amount for line in lines} == {LineKind.FINE: 500000, LineKind.CONFISCATED: 3650}
    assert bill().total == 503650


def test_a_warning_is_not_paid():
    with pytest.raises(InvalidProblem, match="nothing to pay"):
        lines_of(ask(), decision(fine=None, confiscated=None))


@given(demanded=st.integers(0, 600_000), asked=st.integers(1, 600_000))
def test_demands_of_a_decision_never_exceed_its_fine(demanded, asked):
    lines = (LineInput.model_construct(kind=LineKind.FINE, amount=asked),)
    claimed = {LineKind.FINE: demanded}
    if demanded + asked > 500_000:
        with pytest.raises(ConflictProblem, match="already demanded"):
            check_within(decision(), lines, claimed)
    else:
        check_within(decision(), lines, claimed)


def test_no_surcharge_unless_the_decision_states_it():
    lines = (LineInput.model_construct(kind=LineKind.SURCHARGE, amount=100),)
    with pytest.raises(InvalidProblem, match="235"):
        check_within(decision(), lines, {})
    check_within(decision(surcharge_stated=True), lines, {}, accrued=100)
    with pytest.raises(ConflictProblem):
        check_within(decision(surcharge_stated=True), lines, {}, accrued=99)


def test_a_unit_without_the_income_item_may_not_collect_it():
    of = decision()
    bare = Unit(UNIT.code, UNIT.name, UNIT.region, {LineKind.FINE: UNIT.items[LineKind.FINE]})
    with pytest.raises(InvalidProblem, match="no income item"):
        bill_for(of, lines_of(ask(), of), bare, reference="R1", today=date(2026, 9, 10), due_on=None)


@pytest.mark.parametrize(
    "changes",
    [
        {"total": 503651},
        {"total": 503649},
        {"total": 1},
        {"reference": "R2"},
        {"code": "123"},
        {"code": "9901022630000000001X"},
    ],
)
def test_an_answer_about_another_bill_or_amount_is_doubt(changes):
    good = {"reference": "R1", "code": CODE, "total": 503650}
    check_issued(bill(), Issued.model_validate(good))
    with pytest.raises(ContractError):
        check_issued(bill(), Issued.model_validate(good | changes))


def test_a_code_that_we_composed_must_come_back():
    composed = bill().model_copy(update={"code": CODE})
    with pytest.raises(ContractError, match="another code"):
        check_issued(composed, Issued(reference="R1", code="99010226300000000018", total=503650))


def test_a_void_bill_is_no_answer_to_a_lost_request():
    with pytest.raises(ContractError, match="void"):
        issued_from(Bill(reference="R1", code=CODE, total=1, state=BillState.VOID))


def test_every_state_can_be_reached():
    for status in Status:
        assert any(edge.end is status for edge in EDGES)


def test_paid_and_cancelled_are_ends():
    assert not [edge for edge in EDGES if edge.start in (Status.PAID, Status.CANCELLED, Status.REJECTED)]
    assert Status.CANCELLED not in sources(Status.PAID)


def test_a_party_is_told_apart():
    for kind in PartyKind:
        with pytest.raises(ValueError, match="needs"):
            Party(kind=kind, name="某某")


# --- what the platform says of a bill ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "asked"),
    [
        ({"reference", "code"}, FindRequest(code=CODE)),
        ({"code"}, FindRequest(code=CODE)),
        ({"reference"}, FindRequest(reference="R1")),
    ],
)
def test_a_bill_is_asked_about_by_what_the_platform_takes(by, asked):
    assert BillAsk(reference="R1", code=CODE).question(frozenset(by)) == asked


def test_a_bill_without_a_code_is_asked_about_by_our_reference_or_not_at_all():
    assert bill_question(frozenset({"reference", "code"}), "R1", None) == FindRequest(reference="R1")
    with pytest.raises(UnsupportedError):
        bill_question(frozenset({"code"}), "R1", None)


def told(state: BillState, **changes: object) -> Bill:
    return Bill.model_validate({"reference": "R1", "code": CODE, "total": 503650, "state": state, **changes})


@pytest.mark.parametrize(("reference", "code"), [("R2", CODE), ("R1", "9" * 20), ("", "9" * 20)])
def test_an_answer_about_another_bill_than_the_one_asked_about_is_not_believed(reference, code):
    with pytest.raises(ContractError):
        check_bill(BillAsk(reference="R1", code=CODE), told(BillState.UNPAID, reference=reference, code=code))


@pytest.mark.parametrize("reference", ["R1", ""])
def test_a_platform_that_does_not_tell_our_number_is_believed_by_the_code(reference):
    check_bill(BillAsk(reference="R1", code=CODE), told(BillState.UNPAID, reference=reference))


@pytest.mark.parametrize("state", list(BillState))
def test_a_bill_takes_no_money_where_the_platform_has_ended_it(state):
    ended = {BillState.EXPIRED, BillState.CLOSED, BillState.VOID}
    assert (closed_words(told(state)) is not None) is (state in ended)
    if state in ended:
        assert closed_words(told(state, reason="已注销")) == "已注销"


@pytest.mark.parametrize("state", [BillState.CLOSED, BillState.EXPIRED])
def test_a_bill_that_ended_before_we_had_its_code_is_refused(state):
    assert issued_from(told(state)) == Refused(reason=closed_words(told(state)), code=state.value)


@pytest.mark.parametrize("url", ["https://pay.example/b", "ftp://pay.example/{code}", "{code}"])
def test_the_pattern_of_the_cashiers_address_is_an_address_with_the_code_in_it(url):
    with pytest.raises(ValueError, match="pay_url"):
        PaymentKeys(pay_url=url)
    assert PaymentKeys(pay_url="https://pay.example/b?c={code}").pay_url is not None
