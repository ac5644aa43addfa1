"""What is confirmed at a terminal is shown first, and nobody is asked about nothing."""

from __future__ import annotations

import pytest
import typer

from gateway.terminal import confirming
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say

QUESTION = say("operations.is_it_so")
LINES = confirming.as_lines({"action": "nontax.issue", "reason": None, "number": 3})


def test_facts_are_shown_by_their_names_and_what_is_not_known_is_left_out() -> None:
    assert LINES == ["action: nontax.issue", "number: 3"]


def test_a_person_sees_the_facts_before_the_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(confirming, "at_a_terminal", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: None)
    assert confirming.word_on("token", None, LINES, QUESTION) == "token"
    assert capsys.readouterr().err.splitlines() == LINES


def test_nobody_is_asked_about_nothing_and_a_program_has_to_say_what_it_saw() -> None:
    assert confirming.word_on(None, None, LINES, QUESTION) == "nothing"
    assert confirming.word_on("token", "given", LINES, QUESTION) == "given"
    with pytest.raises(InvalidProblem):
        confirming.word_on("token", None, LINES, QUESTION)
