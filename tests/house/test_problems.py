"""A type of problem means one thing, with one status, wherever it is raised."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from snapshots.collect import problems
from sources import called, every

from gateway.words.errors import ConflictProblem, InvalidProblem, Problem
from gateway.words.problems import PROBLEMS, TITLES, declare, problem_type

DECLARED = "words/problems.py"


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every place that makes a problem, with its file."""
    return ((file, node) for file, node in every(ast.Call) if called(node).endswith("Problem"))


def raised() -> set[str]:
    """The type of every problem that the code can tell, read from the code."""
    told = [node for kind in (ast.ClassDef, ast.Call, ast.Assign) for file, node in every(kind) if file != DECLARED]
    return {one.value for node in told for one in types(node) if isinstance(one, ast.Constant)}


def types(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.ClassDef) and node.name.endswith("Problem"):
        body = [one for one in node.body if isinstance(one, ast.Assign)]
        return [one.value for one in body if ast.unparse(one.targets[0]) == "type"]
    if isinstance(node, ast.Call):
        if called(node).endswith("Problem"):
            return [one.value for one in node.keywords if one.arg == "type"]
        if called(node) == "Unanswered":  # gateway.foundation.unanswered: what is told of a question that failed
            return [one.value for one in node.keywords if one.arg not in ("system", "later", "instead")]
        if called(node) in ("document", "_document_of"):
            return node.args[:1]
        if called(node) == "_create":  # gateway.foundation.access: what exists already
            return [one for one in node.args if isinstance(one, ast.Constant) and str(one.value).endswith("-exists")]
    if (
        isinstance(node, ast.Assign)
        and getattr(node.targets[0], "id", "") == "_KINDS"
        and isinstance(node.value, ast.Dict)
    ):
        return [one.elts[0] for one in node.value.values if isinstance(one, ast.Tuple)]
    return []


def test_every_type_is_declared_and_every_declared_type_is_raised() -> None:
    told = raised()
    declared = problems().keys()
    assert len(told) > 80
    assert {"declared nowhere": told - declared, "raised nowhere": declared - told} == {
        "declared nowhere": set(),
        "raised nowhere": set(),
    }


def test_nobody_gives_a_problem_a_status_of_its_own() -> None:
    found = list(calls())
    assert len(found) > 150
    assert [f"{file}:{node.lineno}" for file, node in found if "status" in {one.arg for one in node.keywords}] == []


def test_a_problem_is_raised_as_what_its_type_is() -> None:
    families = {one.__name__: one.family for one in Problem.__subclasses__()}
    wrong = {
        f"{file}:{node.lineno}": one.value.value
        for file, node in calls()
        for one in node.keywords
        if one.arg == "type" and isinstance(one.value, ast.Constant) and one.value.value in PROBLEMS
        if families.get(called(node)) not in (None, PROBLEMS[one.value.value].status)
    }
    assert wrong == {}


@pytest.mark.parametrize("family", Problem.__subclasses__(), ids=lambda one: one.__name__)
def test_a_class_without_a_type_of_its_own_has_one_that_fits(family: type[Problem]) -> None:
    assert problem_type(family.type).status == family.family


def test_another_status_or_an_unknown_type_cannot_be_raised() -> None:
    assert Problem("x", type="second-person-needed").status == 409
    with pytest.raises(ValueError, match="409 everywhere"):
        InvalidProblem("x", type="second-person-needed")
    with pytest.raises(ValueError, match="409 everywhere"):
        ConflictProblem("x", type="second-person-needed", status=403)
    with pytest.raises(ValueError, match="declared nowhere"):
        ConflictProblem("x", type="never-heard-of")


def test_a_type_is_declared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.words.problems.PROBLEMS", dict(PROBLEMS))
    declare(409, message_recalled=("it was taken back", "消息已撤回"))
    declare(409, message_recalled=("it was taken back", "消息已撤回"))
    assert ConflictProblem("x", type="message-recalled").status == 409
    with pytest.raises(ValueError, match="declared already"):
        declare(422, message_recalled=("it was taken back", "消息已撤回"))
    with pytest.raises(ValueError, match="no name"):
        declare(409, Message=("x", "消息"))
    with pytest.raises(ValueError, match="no problem has the status"):
        declare(418, teapot=("x", "茶壶"))


def test_every_type_is_told_in_english_and_in_chinese() -> None:
    for one in PROBLEMS.values():
        assert one.title == TITLES[one.status]
        assert one.means, one.name
        assert any("\u4e00" <= character <= "\u9fff" for character in one.chinese), one.name
        assert one.chinese[-1] not in "。.", one.name
