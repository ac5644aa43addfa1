"""Sentences are worded in the language of who reads, from one catalogue file a language."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import pytest

from gateway.words import saying
from gateway.words.errors import ConflictProblem, SettingsError
from gateway.words.saying import FieldName, Language, UnfitError, asked_for, of_terminal, said_of, say, sentences

EN, ZH = Language.ENGLISH, Language.CHINESE


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, EN),
        ("", EN),
        ("zh-CN,zh;q=0.9,en;q=0.8", ZH),
        ("en-US,en;q=0.9,zh;q=0.8", EN),
        ("en;q=0.3, zh-Hans-CN;q=0.7", ZH),
        ("fr-FR, zh;q=0.1", ZH),
        ("fr-FR", EN),
        ("*", EN),
        ("zh;q=0, *;q=0.5", EN),
        ("zh;q=0", EN),
        ("ZH-tw", ZH),
        ("zh ; q=0.5 , en ; q=0.4", ZH),
        ("zh;q=nonsense, en", EN),
        ("zh;q=7", EN),
        ("zhx", EN),
        (",;,", EN),
    ],
)
def test_a_request_is_answered_in_the_language_that_it_likes_best(header: str | None, language: Language) -> None:
    assert asked_for(header) is language


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, EN),
        ({"LANG": "zh_CN.UTF-8"}, ZH),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, EN),
        ({"LANG": "en_GB", "LC_MESSAGES": "zh_CN"}, ZH),
        ({"LANG": "zh_CN", "LC_ALL": "", "LC_MESSAGES": ""}, ZH),
        ({"LANG": "C.UTF-8"}, EN),
        ({"LANG": "de_DE.UTF-8"}, EN),
    ],
)
def test_a_terminal_is_spoken_to_in_its_own_language(environment: dict[str, str], language: Language) -> None:
    assert of_terminal(environment) is language


class Fruit(StrEnum):
    """A value of the wire; the catalogue knows the word of one."""

    PEAR = "pear"
    NUT = "nut"


@pytest.fixture
def brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue from elsewhere, taken in for one test."""
    monkeypatch.setattr(saying, "_FOLDERS", [*saying._FOLDERS])
    (tmp_path / "en.toml").write_text('[orchard]\nripe = ["{what} is ripe on {day}", "Pick {what}."]\nmany = "{all}"\n')
    (tmp_path / "zh.toml").write_text(
        '[orchard]\nripe = ["{what}于{day}成熟", "请采摘{what}。"]\nmany = "{all}"\n[terms]\npear = "梨"\n'
        '[fields]\nweight = "重量"\n'
    )
    saying.bring(tmp_path)
    yield tmp_path
    sentences.cache_clear()


def test_a_room_from_elsewhere_brings_sentences_of_its_own(brought: Path) -> None:
    said = say("orchard.ripe", what=Fruit.PEAR, day="2026-11-29")
    assert (said.in_(ZH), said.cure_in(ZH)) == ("梨于2026-11-29成熟", "请采摘梨。")
    assert (said.in_(EN), said.cure_in(EN)) == ("pear is ripe on 2026-11-29", "Pick pear.")
    listed = say("orchard.many", all=[Fruit.PEAR, Fruit.NUT, say("orchard.many", all="x"), FieldName("boxes.0.weight")])
    assert listed.in_(ZH) == "梨、nut、x、重量（boxes.0.weight）"
    assert listed.in_(EN) == str(listed) == "pear, nut, x, boxes.0.weight"


def test_a_catalogue_from_elsewhere_changes_nothing_that_is_there(brought: Path) -> None:
    (other := brought / "other").mkdir()
    (other / "en.toml").write_text('[orchard]\nmany = "other words"\n')
    (other / "zh.toml").write_text('[orchard]\nmany = "{all}"\n')
    with pytest.raises(LookupError, match=r"orchard\.many is there already"):
        saying.bring(other)


def test_errors_carry_their_sentence_to_the_edge_and_are_english_in_the_log(brought: Path) -> None:
    said = say("orchard.ripe", what=Fruit.PEAR, day="x")
    problem = ConflictProblem(said)
    assert (problem.detail, problem.cure) == (str(problem), "Pick pear.") == ("pear is ripe on x", "Pick pear.")
    assert (problem.detail_in(ZH), problem.cure_in(ZH)) == ("梨于x成熟", "请采摘梨。")
    other = ConflictProblem(said, cure=say("orchard.many", all=[Fruit.PEAR]))
    assert other.cure_in(ZH) == "梨"
    wrong = SettingsError("a.b", said)
    assert str(wrong) == "a.b: pear is ripe on x. Pick pear."
    assert (wrong.reason_in(ZH), wrong.cure_in(ZH)) == ("梨于x成熟", "请采摘梨。")
    assert said_of(UnfitError(said)) is said
    assert said_of(problem) is said
    assert said_of(ValueError("theirs")) == "theirs"


def test_a_sentence_that_nobody_wrote_is_a_fault_that_names_it() -> None:
    with pytest.raises(LookupError, match=r"no sentence orchard\.nothing"):
        str(say("orchard.nothing"))
