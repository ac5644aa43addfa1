"""A day is text yyyy-MM-dd in every request, and has its spellings in what others send."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gateway.words.clock import SHANGHAI
from gateway.words.days import DAY_SENTENCE, INSTANT_SENTENCE, Day, Instant, printed_day, read_day
from gateway.words.saying import Language, UnfitError
from gateway.words.wrong import wrongs

DAY: TypeAdapter[Any] = TypeAdapter(Day)
INSTANT: TypeAdapter[Any] = TypeAdapter(Instant)
NO_DAYS: list[Any] = [
    0, 1795132800, 1795132800000, 46203, -1, 2026.5, True, None, [], {}, "", " ", "0", "1795132800", "46203",
    "2026-11-20T00:00:00Z", "2026-11-20T00:00:00", "2026-11-20 00:00:00", "20261120", "2026-W47-5",
    "２０２６-11-20", "2026-324",
    "2026/11/20", "2026年11月20日", "长期", "2026-02-29", "2026-13-01", "2026-1-2", "26-11-20", " 2026-11-20",
    "0001-01-01", "1970-01-01", "1989-12-31", "9999-12-31", "0215-06-07", "2026-11-20\n",
]  # fmt: skip


@pytest.mark.parametrize("value", NO_DAYS)
def test_what_is_no_day_gets_the_one_sentence(value: Any) -> None:
    with pytest.raises(ValidationError) as told:
        DAY.validate_python(value)
    assert [one.reason for one in wrongs(told.value.errors())] == [DAY_SENTENCE]


@given(st.one_of(st.integers(), st.floats(allow_nan=False), st.text(alphabet="0123456789-/: TZ年月日", max_size=24)))
def test_nothing_but_yyyy_mm_dd_is_a_day(value: Any) -> None:
    try:
        day = DAY.validate_python(value)
    except ValidationError:
        return
    assert str(day) == value


def test_a_day_is_within_fifty_years() -> None:
    today = datetime.now(SHANGHAI).date()
    last = today.replace(year=today.year + 50, day=min(today.day, 28))
    assert read_day(str(last)) == last
    assert read_day("1990-01-01") == date(1990, 1, 1)
    with pytest.raises(ValueError, match="yyyy-MM-dd"):
        read_day(str(last + timedelta(days=31)))


def test_a_sentence_is_in_two_languages_and_names_no_pattern() -> None:
    for sentence in (DAY_SENTENCE, INSTANT_SENTENCE):
        assert any("\u4e00" <= one <= "\u9fff" for one in sentence.in_(Language.CHINESE))
        assert sentence.in_(Language.ENGLISH).isascii()
        assert not [one for language in Language for one in ("{", "Value error") if one in sentence.in_(language)]


@pytest.mark.parametrize("value", [0, "0", 1795132800, "2026-11-20", "2026-11-20T09:30:00", "1795132800", None])
def test_what_is_no_instant_gets_the_one_sentence(value: Any) -> None:
    with pytest.raises(ValidationError) as told:
        INSTANT.validate_python(value)
    assert [one.reason for one in wrongs(told.value.errors())] == [INSTANT_SENTENCE]


@pytest.mark.parametrize(
    "text",
    ["2026-06-30", "2026-6-30", "2026/6/30", "2026/06/30", "2026.6.30", "20260630", "2026年6月30日", "2026年06月30日",
     " 2026 年 6 月 30 日 ", "2026-06-30 00:00:00", "2026-06-30T00:00:00", "2026-06-30 00:00:00.0", "2026/6/30 00:00",
     "2026-06-30T00:00:00+08:00", "2026年6月30日 00:00:00"],
)  # fmt: skip
def test_files_and_others_spell_one_day_in_many_ways(text: str) -> None:
    assert printed_day(text) == date(2026, 6, 30)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "46203",
        "2026",
        "2026-06-31",
        "30/6/2026",
        "6/30",
        "2026-06/30",
        "长期",
        "2026-06-30 10:00",
        "26年6月30日",
    ],
)
def test_what_is_no_day_in_a_file_is_refused_in_both_languages(text: str) -> None:
    with pytest.raises(UnfitError, match="no day") as told:
        printed_day(text)
    assert "不是日期" in told.value.said.in_(Language.CHINESE)
