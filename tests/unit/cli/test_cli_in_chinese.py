"""Commands speak the language of the terminal: heads, facts and result lines in Chinese; programs read English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.terminal.output import facts, head
from gateway.words.saying import Language, help_in
from tests.unit.cli.conftest import Call

pytestmark = pytest.mark.usefixtures("chinese")


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")


def test_heads_of_a_table(parked: str, call: Call) -> None:
    said = call("operations", "list")
    assert said.out.splitlines()[0].split() == ["外呼任务", "操作", "通道", "对象", "状态", "更新时间", "理由"]
    assert parked in said.out


def test_columns_stand_under_their_heads(parked: str, call: Call) -> None:
    above, row = (line.split("\t") for line in call("operations", "list").out.splitlines()[:2])
    for name, value in (("通道", "register"), ("状态", "parked")):
        assert row[above.index(name)] == value


def test_facts_of_a_record(parked: str, call: Call) -> None:
    lines = [line.split()[0] for line in call("operations", "show", parked).out.splitlines() if line.strip()]
    assert {"状态", "创建时间", "业务流水号"} <= set(lines)


def test_a_code_is_a_payment_code_only_where_it_is_one(parked: str, call: Call) -> None:
    assert call("payments", "list").out.split()[2] == "缴款码"
    assert "缴款码" not in call("authorities", "list").out + call("operations", "show", parked).out


def test_a_line_that_says_what_was_done(call: Call) -> None:
    assert "数据库结构是最新的（已建立）。" in call("migrate").out
    assert "已登记执法机关 A1 某局。" in call("authorities", "create", "A1", "某局", "11990102002100216D").out


def test_programs_read_english_keys(parked: str, call: Call) -> None:
    assert call("operations", "show", parked, "--json").json["state"] == "parked"


def test_a_name_that_nobody_has_put_into_chinese_stays() -> None:
    """Of a room from elsewhere, perhaps. What is not known of a record is left out."""
    assert head("moon_phase") == "moon phase"
    assert facts({"moon_phase": "full", "state": None}).row_count == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("cash lst", "没有命令 lst，相近的有 'list'"),
        ("seals list", "缺少选项 '--authority'"),
        ("seals list --nope", "没有选项 --nope"),
        ("operations show", "缺少参数 'operation'"),
        ("operations show a b", "多余的内容：b"),
        ("payments list --limit x", "'--limit' 的值无效"),
    ],
)
def test_a_command_line_that_is_not_understood_is_told_in_chinese_under_the_same_code(
    call: Call, words: str, told: str
) -> None:
    said = call(*words.split())
    assert (said.code, told in said.err) == (2, True), said.err


def helped(command: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every line of help of a command and all below it, with its place."""
    command = getattr(command, "whole", command)
    yield path, command.help or ""
    yield from ((f"{path} {one.opts[-1]}", one.help or "") for one in command.params)
    for verb, below in getattr(command, "commands", {}).items():
        yield from helped(below, f"{path} {verb}")


def test_all_help_is_in_chinese() -> None:
    """A sentence that was changed in English alone, or a new option without a word, is found here."""
    from gateway.cli import _Commands

    english = re.compile(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}")
    lines = [line for name, command in _Commands().items() for line in helped(command, name)]
    assert len(lines) > 900
    found = [(place, text) for place, text in lines if english.search(re.sub(r"`.*?`|gateway[a-z -]+", "", text))]
    assert not found + [place for place, text in lines if not text]


def test_lives_are_told_in_chinese() -> None:
    from gateway.cli.states import lives

    told = {edge[one] for edges in lives().values() for edge in edges for one in ("when", "who")} - {""}
    assert not [one for one in told if help_in(one, Language.CHINESE) == one]


def test_help_is_drawn_in_chinese(call: Call) -> None:
    assert call("refunds", "payee", "--help").out.strip().startswith("用法：")
    assert "不填为昨日" in call("reconcile", "--help").out
    told = call("export", "nonsense", "--to", "x.xlsx")
    assert (told.code, "payments、breaks" in told.err) == (4, True)
