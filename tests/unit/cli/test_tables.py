"""Tables for people: an id that one copies is never broken; programs get lines of cells with tabs."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from gateway.terminal.output import WIDE, facts, show, table
from gateway.words.identifiers import new_id
from tests.unit.cli.conftest import Call

HEADS = ("at", "subject", "basis", "by")


def drawn(*rows: tuple[object, ...], width: int = 100, heads: tuple[str, ...] = HEADS) -> str:
    """What a terminal shows."""
    out = StringIO()
    Console(file=out, width=width, highlight=False).print(table(heads, rows))
    return out.getvalue()


def test_an_id_keeps_to_one_line_beside_long_words() -> None:
    one, other = new_id("dsc"), new_id("opr")
    shown = drawn(("2025-11-29T20:40:27.423785+08:00", one, "《行政处罚法》第四十八条；" * 8, other))
    assert one in shown
    assert other in shown


def test_what_people_wrote_stands_as_they_wrote_it() -> None:
    assert {":a:", "[red]误开[/red]"} <= set(drawn((":a:", "[red]误开[/red]", "", "")).split())


def test_what_does_not_fit_unbroken_becomes_a_block_for_each_row() -> None:
    ids = [new_id("dsc") for _ in range(4)]
    lines = drawn((*ids,), (*ids,)).splitlines()
    assert [line.split() for line in lines[:5]] == [*([head, id] for head, id in zip(HEADS, ids, strict=True)), []]


@given(
    st.lists(st.tuples(*[st.text("ab1_.:-/一二三 ", max_size=60)] * 5), min_size=1, max_size=4), st.integers(80, 160)
)
def test_no_word_is_ever_broken(rows: list[tuple[str, ...]], width: int) -> None:
    heads = ("code", "id", "state", "reason", "by")
    shown = drawn(*rows, width=width, heads=heads).split()
    whole = {word for row in rows for cell in row for word in cell.split() if word.isascii() and len(word) <= 40}
    assert whole <= set(shown) | {""}


def test_a_moment_is_read_at_a_glance_and_its_zone_is_said_once() -> None:
    shown = drawn(("2025-11-29T20:40:27.423785+08:00", "x", None, True), ("2025-11-29T20:40:28+08:00", "y", None, True))
    assert "2025-11-29 20:40:27  " in shown
    assert shown.count("+08:00") == 1
    assert "2026-11-29T20:40:27Z" in drawn(("2026-11-29T20:40:27Z", "x", None, True)), "what is no time of ours stays"


def test_wide_folds_nothing() -> None:
    said = WIDE.set(True)
    try:
        assert "一" * 90 in drawn((new_id("dsc"), "一" * 90, "x", "y"), width=400)
    finally:
        WIDE.reset(said)


def test_without_a_terminal_there_are_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    show({}, False, table(("code", "at"), [("9901", "2025-11-29T20:40:27+08:00"), ("a\nb", None)], title="t"))
    show({}, False, facts({"code": "9901", "state": None}))
    assert capsys.readouterr().out == "# t\ncode\tat\n9901\t2025-11-29T20:40:27+08:00\na b\t\ncode\t9901\n"


def test_wide_is_said_anywhere(call: Call) -> None:
    assert call("states", "refunds", "--wide").code == call("--wide", "states", "refunds").code == 0
