"""The comparison by DuckDB says what the pure function says, and believes no side that repeats itself."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from by_day import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ports.nontax import StatementLine
from gateway.rooms.payments.books import Booked, Standing
from gateway.rooms.reconciliation import bulk
from gateway.rooms.reconciliation.matching import Outcome, Question, Terms, findings, outcome
from gateway.rooms.reconciliation.statement import Window
from gateway.words.clock import from_micros

DAYS, LATE = Window(0, 1000), Window(900, 1000)
codes, serials = st.sampled_from(["c1", "c2", "c3,x"]), st.sampled_from(['s"1', "s2", "序号3", "s 4"])
booked = st.builds(
    Booked,
    codes,
    serials,
    st.integers(1, 3),
    st.integers(0, 1100),
    st.sampled_from(Standing),
    st.sampled_from([None, "pay_1", "pay_2"]),
)
told = st.builds(
    lambda code, serial, amount, kind, unit, item: StatementLine(
        kind=kind,
        reference="",
        code=code,
        amount=amount,
        paid_at=from_micros(5),
        bank_serial=serial,
        unit_code=unit,
        item_codes=(item,),
    ),
    codes,
    serials,
    st.integers(1, 3),
    st.sampled_from(["paid", "paid", "paid", "refunded"]),
    st.sampled_from(["U1", "U2"]),
    st.sampled_from(["I1", "I2"]),
)
asked = st.builds(
    Question,
    st.dictionaries(codes, st.sampled_from([Terms(), Terms(frozenset({"U1"}), frozenset({"I1"}))])),
    st.just(DAYS),
    st.sets(st.tuples(codes, serials)),
    st.sampled_from([None, LATE]),
    st.booleans(),
)


def shown(result: Outcome) -> tuple[object, ...]:
    return result.equal, result.amount, result.payments, sorted(map(repr, result.differences))


def key(one: Booked | StatementLine) -> tuple[str, ...]:
    return getattr(one, "kind", ""), one.code, one.bank_serial


@settings(max_examples=examples(20, 60), deadline=None)
@given(st.lists(booked, unique_by=key), st.lists(told, unique_by=key), asked)
def test_a_big_day_is_judged_like_a_small_one(books, lines, question) -> None:
    with tempfile.TemporaryDirectory() as folder:
        big = bulk.match_big(books, lines, question, Path(folder))
        assert not list(Path(folder).iterdir())
    assert shown(big) == shown(outcome(findings(books, lines, question)))


def test_a_key_that_a_side_has_twice_is_named_before_it_multiplies(tmp_path: Path) -> None:
    once = [("c1", "s1", 5, 0), ("c2", "s1", 5, 0)]
    ours, theirs = tmp_path / "ours.csv", tmp_path / "theirs.csv"
    bulk.write_side(ours, once)
    bulk.write_side(theirs, [*once, once[0]])
    with pytest.raises(bulk.DoubledError) as caught:
        bulk.compare_files(ours, theirs, tmp_path)
    assert caught.value.rows == (0, 2)
    with pytest.raises(bulk.DoubledError):
        bulk.compare_files(theirs, ours, tmp_path)


def test_the_comparison_fetches_no_extension(tmp_path: Path) -> None:
    with bulk.connect(tmp_path) as db:
        names = ("autoinstall_known_extensions", "autoload_known_extensions")
        said = [db.execute("select current_setting(?)", [name]).fetchall()[0][0] for name in names]
    assert [str(one).lower() for one in said] == ["false", "false"]
