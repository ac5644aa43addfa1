"""Matching: exact, both ways, nothing dropped and nothing invented."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ports.nontax import StatementLine
from gateway.rooms.payments.books import Booked, Standing
from gateway.rooms.reconciliation import CHINESE, BreakKind, Finding, match
from gateway.rooms.reconciliation.matching import Outcome, Question, Terms, findings, outcome, paid_by
from gateway.rooms.reconciliation.statement import Window, window
from gateway.words.clock import from_micros

DAY = window(date(2026, 9, 16), time.min)
NOON = (DAY.start + DAY.end) // 2


def booked(code="c1", serial="s1", amount=100, standing=Standing.PAYS, paid_at=NOON, expected=None) -> Booked:
    owner = None if standing is Standing.UNOWNED else f"pay_{code}"
    return Booked(code, serial, amount, paid_at, standing, owner, "A", expected)


def told(code="c1", serial="s1", amount=100, kind="paid", paid_at=NOON) -> StatementLine:
    return StatementLine(
        kind=kind,
        reference="R1",
        code=code,
        amount=amount,
        paid_at=from_micros(paid_at),
        bank_serial=serial,
        unit_code="U1",
    )


def kinds(findings: list[Finding]) -> Counter[BreakKind | None]:
    return Counter(finding.kind for finding in findings)


@pytest.mark.parametrize(
    ("books", "lines", "expected"),
    [
        ([booked()], [told()], None),
        ([], [told()], BreakKind.PLATFORM_ONLY),
        ([], [told(code="foreign")], BreakKind.UNKNOWN_CODE),
        ([booked()], [], BreakKind.OURS_ONLY),
        ([booked(amount=101)], [told()], BreakKind.AMOUNT_DIFFERS),
        ([booked(standing=Standing.WRONG_AMOUNT, expected=99)], [told()], BreakKind.AMOUNT_DIFFERS),
        ([booked(standing=Standing.TWICE)], [told()], BreakKind.PAID_TWICE),
        ([booked(standing=Standing.WRONG_STATUS)], [told()], BreakKind.STATUS_DIFFERS),
        ([booked(standing=Standing.UNOWNED)], [told()], BreakKind.UNKNOWN_CODE),
        ([], [told(kind="refunded")], BreakKind.REFUND_UNMATCHED),
    ],
)
def test_each_difference_has_its_class(books, lines, expected: BreakKind | None) -> None:
    (finding,) = match(books, lines, issued={"c1"}, days=DAY)
    assert finding.kind is expected


def test_every_class_has_its_chinese_name() -> None:
    assert CHINESE.keys() == set(BreakKind)


def test_one_fen_is_a_difference() -> None:
    (finding,) = match([booked(amount=10_000_000)], [told(amount=9_999_999)], issued={"c1"}, days=DAY)
    assert (finding.kind, finding.ours, finding.theirs) == (BreakKind.AMOUNT_DIFFERS, 10_000_000, 9_999_999)


def test_a_wrong_amount_is_shown_against_the_bill() -> None:
    wrong = booked(amount=100, standing=Standing.WRONG_AMOUNT, expected=500)
    (finding,) = match([wrong], [told(amount=100)], issued={"c1"}, days=DAY)
    assert (finding.ours, finding.theirs) == (500, 100)


def test_the_same_code_with_another_serial_is_other_money() -> None:
    findings = match([booked(serial="s1")], [told(serial="s2")], issued={"c1"}, days=DAY)
    assert kinds(findings) == {BreakKind.PLATFORM_ONLY: 1, BreakKind.OURS_ONLY: 1}


def test_money_of_another_day_is_not_missing_here() -> None:
    assert match([booked(paid_at=DAY.start - 1), booked(code="c2", paid_at=DAY.end)], [], issued={}, days=DAY) == []
    assert kinds(match([booked(paid_at=DAY.start)], [], issued={}, days=DAY)) == {BreakKind.OURS_ONLY: 1}


def test_money_on_another_days_statement_is_no_difference() -> None:
    assert match([booked()], [], issued={"c1"}, days=DAY, elsewhere={("c1", "s1")}) == []


def test_money_on_this_statement_matches_whenever_we_booked_it() -> None:
    (finding,) = match([booked(paid_at=DAY.start - 5_000_000)], [told()], issued={"c1"}, days=DAY)
    assert finding.kind is None


# --- what a bill says beside its amount, and what is not there -------------------------------------------------------

BILLED = {"c1": Terms(frozenset({"U1", "U2"}), frozenset({"I1", "I2"})), "free": Terms()}


@pytest.mark.parametrize(
    ("code", "unit", "items", "expected"),
    [
        ("c1", "U1", ("I1",), None),
        ("c1", "U2", ("I1", "I2"), None),
        ("c1", "U9", ("I1",), BreakKind.WRONG_UNIT),
        ("c1", "U1", ("I1", "I9"), BreakKind.WRONG_ITEM),
        ("c1", "U1", (), None),
        ("free", "U9", ("I9",), None),
        ("nobody's", "U9", ("I9",), None),
    ],
)
def test_money_of_another_unit_or_item_than_the_bills_is_a_difference(
    code: str, unit: str, items: tuple[str, ...], expected: BreakKind | None
) -> None:
    line = replace(told(code), unit_code=unit, item_codes=items)
    (finding,) = findings([booked(code)], [line], Question(BILLED, DAY))
    assert finding.kind is expected


@pytest.mark.parametrize("standing", [Standing.TWICE, Standing.WRONG_AMOUNT, Standing.WRONG_STATUS, Standing.UNOWNED])
def test_how_money_stands_is_worse_than_its_unit(standing: Standing) -> None:
    line = replace(told(), unit_code="U9")
    (finding,) = findings([booked(standing=standing)], [line], Question(BILLED, DAY))
    assert finding.kind not in (None, BreakKind.WRONG_UNIT)


def test_money_that_nobody_owns_may_differ_in_amount_and_is_of_an_unknown_code_all_the_same() -> None:
    (finding,) = match([booked(amount=5, standing=Standing.UNOWNED)], [told(amount=6)], issued={"c1"}, days=DAY)
    assert finding.kind is BreakKind.UNKNOWN_CODE


@pytest.mark.parametrize("standing", list(Standing))
def test_whoever_knows_of_money_alone_is_held_against_amounts_alone(standing: Standing) -> None:
    asked = Question(BILLED, DAY, standings=False)
    line = replace(told(), unit_code="U9")
    assert [one.kind for one in findings([booked(standing=standing)], [line], asked)] == [None]
    (differs,) = findings([booked(amount=101, standing=standing)], [line], asked)
    assert differs.kind is BreakKind.AMOUNT_DIFFERS


def test_money_shortly_before_the_cut_off_may_come_tomorrow() -> None:
    late = Window(DAY.end - 3_600_000_000, DAY.end)
    asked = Question({}, DAY, late=late)
    books = [booked("c1", paid_at=late.start - 1), booked("c2", paid_at=late.start), booked("c3", paid_at=DAY.end)]
    assert [(one.key[0], one.kind) for one in findings(books, [], asked)] == [
        ("c1", BreakKind.OURS_ONLY),
        ("c2", BreakKind.CROSS_DAY),
    ]


def test_what_a_day_comes_to_counts_what_agrees_and_lists_what_does_not() -> None:
    books = [
        booked("c1", amount=100),
        booked("c2", amount=250),
        booked("c3", amount=7, standing=Standing.TWICE),
        booked("x1", amount=9, standing=Standing.UNOWNED),
    ]
    lines = [told("c1", amount=100), told("c2", amount=250), told("c3", amount=7), told("c9", amount=1)]
    every = findings(books, lines, Question(dict.fromkeys(("c1", "c2", "c3"), Terms()), DAY))
    day = outcome(iter(every))
    assert (day.equal, day.amount, day.payments) == (2, 350, frozenset({"pay_c1", "pay_c2"}))
    assert [one.kind for one in day.differences] == [
        BreakKind.PAID_TWICE,
        BreakKind.UNKNOWN_CODE,
        BreakKind.OURS_ONLY,
    ]
    assert outcome([]) == Outcome(0, 0, frozenset(), ())


def test_a_line_over_nothing_that_both_sides_have_agrees_and_adds_nothing() -> None:
    found = findings([booked(amount=0)], [told(amount=0)], Question({}, DAY, standings=False))
    assert (outcome(found).equal, outcome(found).amount) == (1, 0)


def test_a_payment_is_paid_by_money_that_pays_it_and_by_no_other() -> None:
    stray = Booked("c5", "s1", 1, NOON, Standing.PAYS, None, "A", None)
    money = [booked("c1"), booked("c2", standing=Standing.TWICE), booked("c3", standing=Standing.UNOWNED), stray]
    assert paid_by(money) == {"pay_c1"}
    alone = Outcome(1, 100, frozenset(), ())
    assert (
        outcome(findings([booked()], [told()], Question({}, DAY, standings=False)))
        == Outcome(1, 100, frozenset({"pay_c1"}), ())
        != alone
    )


# --- properties ----------------------------------------------------------------------------------------------------

CODES = ["c1", "c2", "c3", "x1"]
ISSUED = {"c1", "c2", "c3"}
KEYS = st.tuples(st.sampled_from(CODES), st.sampled_from(["s1", "s2", "s3"]))
AMOUNTS = st.integers(1, 4)
INSTANTS = st.sampled_from([DAY.start - 1, DAY.start, NOON, DAY.end - 1, DAY.end])


@st.composite
def sides(draw: st.DrawFn) -> tuple[list[Booked], list[StatementLine]]:
    ours = draw(st.dictionaries(KEYS, st.tuples(AMOUNTS, INSTANTS, st.sampled_from(list(Standing)))))
    theirs = draw(st.dictionaries(st.tuples(st.sampled_from(["paid", "refunded"]), KEYS), AMOUNTS))
    books = [booked(code, serial, amount, stands, at) for (code, serial), (amount, at, stands) in ours.items()]
    lines = [told(code, serial, amount, kind) for (kind, (code, serial)), amount in theirs.items()]
    return draw(st.permutations(books)), draw(st.permutations(lines))


@given(sides(), st.sets(KEYS))
def test_every_line_and_every_booked_amount_of_the_day_is_accounted_for_exactly_once(both, elsewhere) -> None:
    books, lines = both
    findings = match(books, lines, issued=ISSUED, days=DAY, elsewhere=elsewhere)
    accounted = Counter(id(finding.line) for finding in findings if finding.line is not None)
    assert accounted == Counter(id(line) for line in lines)
    used = Counter(finding.key for finding in findings if finding.booked is not None)
    assert set(used.values()) <= {1}
    on_statement = {(line.code, line.bank_serial) for line in lines if line.kind == "paid"}
    for one in books:
        key = (one.code, one.bank_serial)
        owed = key in on_statement or (one.paid_at in DAY and key not in elsewhere)
        assert (key in used) == owed


@given(sides())
def test_only_equal_money_that_pays_its_bill_or_was_settled_apart_is_matched(both) -> None:
    books, lines = both
    ours = {(one.code, one.bank_serial): one for one in books}
    expected = {
        (line.code, line.bank_serial)
        for line in lines
        if line.kind == "paid"
        and (one := ours.get((line.code, line.bank_serial))) is not None
        and one.amount == line.amount
        and one.standing in (Standing.PAYS, Standing.APART)
    }
    findings = match(books, lines, issued=ISSUED, days=DAY)
    assert {finding.key for finding in findings if finding.kind is None} == expected


@given(sides())
def test_the_sums_of_both_sides_are_explained_by_matches_and_breaks(both) -> None:
    books, lines = both
    findings = match(books, lines, issued=ISSUED, days=DAY)
    assert sum(finding.theirs or 0 for finding in findings) == sum(line.amount for line in lines)
    equal = [finding for finding in findings if finding.kind is None]
    assert sum(finding.ours or 0 for finding in equal) == sum(finding.theirs or 0 for finding in equal)


@given(st.data())
def test_a_difference_planted_in_equal_books_is_found_and_nothing_else(data: st.DataObject) -> None:
    keys = data.draw(st.sets(st.tuples(st.sampled_from(["c1", "c2", "c3"]), st.just("s1")), min_size=1))
    books = [booked(code, serial, 50) for code, serial in sorted(keys)]
    lines = [told(code, serial, 50) for code, serial in sorted(keys)]
    victim = data.draw(st.integers(0, len(lines) - 1))
    planted = data.draw(st.sampled_from(["lost here", "lost there", "changed", "foreign"]))
    if planted == "lost here":
        del books[victim]
        expected = BreakKind.PLATFORM_ONLY
    elif planted == "lost there":
        del lines[victim]
        expected = BreakKind.OURS_ONLY
    elif planted == "changed":
        lines[victim] = replace(lines[victim], amount=51)
        expected = BreakKind.AMOUNT_DIFFERS
    else:
        lines.append(told("x1", "s9", 50))
        expected = BreakKind.UNKNOWN_CODE
    found = kinds(match(books, lines, issued=ISSUED, days=DAY))
    assert found[expected] == 1
    assert sum(found.values()) - found[None] == 1
