"""Tables for people: an id that one copies is never broken, and a moment is read at a glance."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from gateway.terminal.output import table
from gateway.words.identifiers import new_id


def drawn(*rows: tuple[object, ...]) -> str:
    """What a terminal of 100 columns shows."""
    out = StringIO()
    Console(file=out, width=100, highlight=False).print(table(("at", "subject", "basis", "by"), rows))
    return out.getvalue()


def test_an_id_keeps_to_one_line_beside_long_words() -> None:
    one, other = new_id("dsc"), new_id("opr")
    shown = drawn(("2026-11-29T20:40:27.423785+08:00", one, "《行政处罚法》第四十八条；" * 8, other))
    assert one in shown
    assert other in shown


def test_a_moment_is_shown_to_the_second() -> None:
    assert "2026-11-29 20:40:27  " in drawn(("2026-11-29T20:40:27.423785+08:00", "x", None, True))
    assert "2026-11-29T20:40:27Z" in drawn(("2026-11-29T20:40:27Z", "x", None, True)), "what is no time of ours stays"
