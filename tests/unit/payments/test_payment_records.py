"""A payment's record opens what is its own, comes back as it was stored, and moves only along its lives."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest
from payment_records import a_collection, a_payment, an_exception
from sqlalchemy import CheckConstraint, Connection, Table

from gateway.foundation.crypto.envelope import Envelope, EnvelopeError
from gateway.foundation.crypto.keys import FileKeys
from gateway.foundation.delivery import Events
from gateway.foundation.lives import Life
from gateway.foundation.store import Store
from gateway.foundation.store.inserting import insert_new
from gateway.ports.nontax import BillLine, IssueRequest
from gateway.rooms.decisions.tables import decision
from gateway.rooms.payments import LineInput, LineKind, PaymentFilter, PaymentRequest, Status, records
from gateway.rooms.payments.details import by_id_or_code, details_of
from gateway.rooms.payments.lives import CodeKey, PaymentLives
from gateway.rooms.payments.records import Payment
from gateway.rooms.payments.states import (
    BESIDE_THE_BILL,
    CODE_LIFE,
    EXCEPTION_LIFE,
    LIFE,
    PAYS_IF_KEPT,
    SETTLEMENT_LIFE,
    CodeState,
    ExceptionState,
    Settlement,
    UnforeseenKind,
)
from gateway.words.clock import SystemClock
from gateway.words.errors import NotFoundProblem

pytestmark = pytest.mark.both_databases

BILL = IssueRequest(
    reference="REF0001",
    region="990102",
    unit_code="990102001",
    unit_name="望川区综合行政执法局",
    payer_name="味安副食店",
    decision_number="望综罚〔2026〕1号",
    lines=(BillLine(item_code="103050199", item_name="其他一般罚没收入", amount=100_00),),
    total=100_00,
    bill_date=date(2026, 9, 16),
)
LINES = [LineInput(kind=LineKind.FINE, amount="100.00")]
CODE = "99010226300000000001"


@pytest.fixture
def envelope(tmp_path) -> Envelope:
    return Envelope(FileKeys(tmp_path / "keys"))


def a_new_payment(envelope: Envelope, **told: object) -> Payment:
    made = records.new_payment(envelope, BILL, authority="A1", channel="nontax", at=5)
    return replace(made, decision_id="dec_1", due_on=date(2026, 10, 8), **told)  # type: ignore[arg-type]


def stored(conn: Connection, made: Payment) -> None:
    row = {"id": "dec_1", "authority": "A1", "number": BILL.decision_number, "version": 1, "facts_sealed": b""}
    insert_new(conn, decision, **row, created_at=1, updated_at=1)
    records.add(conn, made, LINES, BILL.lines, BILL.reference)


# --- what is sealed -------------------------------------------------------------------------------------------------


def test_what_is_sealed_opens_through_its_record_and_through_no_other(envelope):
    made = a_new_payment(envelope)
    assert made.bill(envelope) == BILL
    assert records.token_index(envelope, made.token(envelope)) == made.token_index
    assert b"\xe5\x91\xb3" not in made.bill_sealed
    other = replace(made, id="pay_2")
    for opened in (other.bill, other.token):
        with pytest.raises(EnvelopeError):
            opened(envelope)


def test_what_is_asked_again_is_told_by_the_payment_that_is_voided(envelope):
    again = PaymentRequest(authority="A1", decision_number=BILL.decision_number, lines=tuple(LINES))
    made = a_new_payment(envelope)
    assert made.asked_again(envelope) is None
    assert replace(made, reissue_sealed=records.sealed_reissue(envelope, made.id, again)).asked_again(envelope) == again


def test_a_payer_is_kept_sealed_and_nobody_is_nobody(envelope):
    money = a_collection("col_1", 100)
    assert money.payer(envelope) is None
    assert records.sealed_payer(envelope, "col_1", "") is None
    named = replace(money, payer_sealed=records.sealed_payer(envelope, "col_1", "罗小满"))
    assert named.payer(envelope) == "罗小满"
    with pytest.raises(EnvelopeError):
        replace(named, id="col_2").payer(envelope)


def test_a_bill_that_gets_a_code_of_ours_is_sealed_anew_for_the_same_payment(envelope):
    made = a_new_payment(envelope)
    coded = made.with_bill(envelope, BILL.model_copy(update={"code": CODE}))
    assert coded.bill(envelope).code == CODE
    assert (coded.id, coded.token_sealed) == (made.id, made.token_sealed)


# --- stored and read ------------------------------------------------------------------------------------------------


async def test_a_payment_comes_back_as_it_was_stored_or_as_a_view(one_store: Store, envelope: Envelope) -> None:
    made = a_new_payment(envelope, due_provisional=True, instalment=2, planned_due_on=date(2026, 10, 8))
    await one_store.write(lambda conn: stored(conn, made))
    assert await one_store.read(lambda conn: records.held(conn, made.id)) == made
    seen = await one_store.read(lambda conn: details_of(conn, made))
    assert [(one.kind, one.amount, one.line) for one in seen.lines] == [(LineKind.FINE, 100_00, 1)]
    assert (seen.payment, seen.collections, seen.exceptions, seen.timeline, seen.days) == (made, (), (), (), {})


async def test_one_that_is_not_there_is_a_404_by_id_and_by_code(one_store: Store) -> None:
    for look in (records.held, records.locked, records.held_exception, by_id_or_code):
        with pytest.raises(NotFoundProblem):
            await one_store.write(lambda conn, look=look: look(conn, "pay_0"))


@pytest.mark.both_databases
async def test_a_filter_narrows_by_what_it_names_and_pages_by_id(one_store: Store, envelope: Envelope) -> None:
    live = a_new_payment(envelope, id="pay_1", status=Status.ISSUED, code=CODE)
    dead = a_new_payment(envelope, id="pay_2", status=Status.REJECTED, in_doubt_since_at=7, token_index=b"2")

    def both(conn: Connection) -> None:
        stored(conn, live)
        records.add(conn, dead, LINES, BILL.lines, "REF0002")

    await one_store.write(both)

    async def found(narrow: PaymentFilter) -> list[str]:
        return [one.id for one in await one_store.read(lambda conn: records.search(conn, narrow))]

    assert await found(PaymentFilter()) == ["pay_2", "pay_1"]
    assert await found(PaymentFilter(limit=1)) == ["pay_2"]
    assert await found(PaymentFilter(before="pay_2")) == ["pay_1"]
    assert await found(PaymentFilter(status=Status.ISSUED)) == ["pay_1"]
    assert await found(PaymentFilter(code=CODE)) == ["pay_1"]
    assert await found(PaymentFilter(in_doubt=True)) == ["pay_2"]
    assert await found(PaymentFilter(in_doubt=False)) == ["pay_1"]
    assert await found(PaymentFilter(authorities=("A2",))) == []
    assert await found(PaymentFilter(decision_number="another")) == []
    assert (await one_store.read(lambda conn: by_id_or_code(conn, CODE))).id == "pay_1"


# --- lives ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("life", "states", "check"),
    [
        (LIFE, Status, "known_status"),
        (SETTLEMENT_LIFE, Settlement, "known_settlement"),
        (CODE_LIFE, CodeState, "known_state"),
        (EXCEPTION_LIFE, ExceptionState, "known_state"),
    ],
)
def test_a_life_its_words_and_the_check_of_the_database_name_the_same_states(life: Life, states, check):
    assert set(life.states) == set(states)
    assert constrained(life.table, check) == {one.value for one in states}


def constrained(table: Table, name: str) -> set[str]:
    (check,) = [one for one in table.constraints if isinstance(one, CheckConstraint) and str(one.name).endswith(name)]
    return set(re.findall(r"'(\w+)'", str(check.sqltext)))


async def test_a_code_moves_along_its_life_and_no_other_way(one_store: Store, envelope: Envelope) -> None:
    made = a_new_payment(envelope)
    await one_store.write(lambda conn: stored(conn, made))
    codes = PaymentLives(Events(SystemClock())).code

    async def moved(end: CodeState, **values: object) -> bool:
        return await one_store.write(lambda conn: codes.move(conn, CodeKey("nontax", "REF0001"), end, **values))

    assert not await moved(CodeState.PAID)
    assert await moved(CodeState.LIVE, code=CODE, issued_at=6)
    assert await moved(CodeState.VOID, closed_at=7)
    for end in (CodeState.LIVE, CodeState.PAID, CodeState.EXPIRED, CodeState.REFUSED):
        assert not await moved(end)
    code = await one_store.read(lambda conn: records.by_code(conn, "nontax", CODE))
    assert code is not None
    assert (code.state, code.issued_at, code.closed_at) == (CodeState.VOID, 6, 7)


@pytest.mark.parametrize("kind", UnforeseenKind)
def test_only_late_money_that_two_people_kept_pays_its_bill(kind):
    resolved = {word: an_exception(kind, "resolved", word, collection_id="c") for word in ("keep", "refund")}
    opened = an_exception(kind, "open", None, collection_id="c")
    assert opened.is_beside is resolved["refund"].is_beside is (kind in BESIDE_THE_BILL)
    assert resolved["keep"].is_beside is (kind in BESIDE_THE_BILL and kind not in PAYS_IF_KEPT)


def test_a_payment_that_is_told_of_has_only_what_was_told():
    assert a_payment(status=Status.PAID).status is Status.PAID
    with pytest.raises(TypeError):
        a_payment(statsu=Status.PAID)
