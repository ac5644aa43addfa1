"""The fast reader of statement files gives exactly what the line reader gives, or leaves the file to it."""

from __future__ import annotations

import io
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest
from by_day import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.rooms.reconciliation import files
from gateway.rooms.reconciliation.line_reader import read_rows
from gateway.rooms.reconciliation.lines import BLOCK, LINE, Lines, line, word
from gateway.rooms.reconciliation.profiles import Profile
from gateway.rooms.reconciliation.rows import rows_of
from gateway.rooms.reconciliation.statement import Statement, StatementRefusedError, window

DAY = date(2026, 9, 16)
DAYS = window(DAY, time(23, 0))
HEADED = Profile(
    prefix="`",
    columns={
        "code": "编号",
        "amount": "金额",
        "paid_at": "时间",
        "bank_serial": "流水",
        "unit_code": "单位",
        "kind": "状态",
    },
    kinds={"成功": "paid", "REFUND": "refunded"},
    totals={"lines": 2, "mark": "总单数", "count": 1, "amount": 2, "refunded": 3},
    units=("990102001", "D2"),
)
PIPES = Profile(
    side="bank",
    encoding="gbk",
    delimiter="|",
    header=False,
    columns={"code": 1, "reference": 2, "amount": 3, "paid_on": 4, "paid_time": 5, "bank_serial": 6, "items": 7},
    amount="fen",
    time_format="%Y%m%d %H%M%S",
    item_separator=";",
    totals={"mark": "TOTAL", "count": 2, "amount": 3},
    max_line_bytes=256,
)
PLAIN = Profile(
    encoding="utf-8-sig",
    delimiter="\t",
    header=False,
    columns={"code": 1, "amount": 2, "paid_at": 3, "bank_serial": 4},
    time_format="%Y%m%d%H%M%S",
    totals={"mark": "T", "count": 2, "amount": 3},
)
PROFILES = {"headed": HEADED, "pipes": PIPES, "plain": PLAIN}
ODD = (
    *(
        "",
        " ",
        "-",
        "--",
        "-1",
        "=1",
        "+1",
        "@a",
        "0",
        "00",
        "1.00",
        "0.00",
        "10.5",
        "１２",
        "1e3",
        "9" * 13,
        "null",
        "NULL",
    ),
    *("x" * 81, "x" * 300, '"', '"a"', 'a"b', "`", "``a", "'", "\\", "\\n", "\x00", "\x01", "\x0b", "\x1f", "\x7f"),
    *(
        "\x85",
        "\u3000S1",
        "S1\u3000",
        "\xa0",
        "\u2028",
        "国",
        "𠀀",
        "é",
        "\ufeff",
        "TOTAL",
        "总",
        "T",
        "成功",
        "REFUND",
    ),
    *("a;b; ;c", ";", "20260916", "20260931", "250000", "120060", "2026-09-16 22:59:59", "2026-09-16 23:00:00"),
    *("2026-9-16 1:00:00", "2026-02-30 12:00:00", "1990-07-01 12:00:00", "19900701", "0000-00-00 00:00:00"),
    *("20260916120000", "2026091612000"),
)


def good(profile: Profile, number: int) -> list[str]:
    """The fields of one line without a fault."""
    code, serial = f"990102263{number:011}", f"S{number}"
    if profile is HEADED:
        kind = "成功" if number % 4 else "REFUND"
        return [
            f"`2026-09-16 12:00:{number % 60:02}",
            f"`{code}",
            "`990102001",
            f"`{serial}",
            f"`{kind}",
            f"`{number + 1}.05",
        ]
    if profile is PIPES:
        return [code, " R " if number % 2 else "", str(number + 1), "20260916", "120000", f"{serial} 国", "103; 104"][
            : 6 + 1
        ]
    return [code, f"{number + 1}.00", "20260916120000", serial]


def fen(profile: Profile, number: int) -> int:
    return number + 1 if profile is PIPES else (number + 1) * 100 + (5 if profile is HEADED else 0)


def written(profile: Profile, rows: list[list[str]], count: int, paid: int, refunded: int, end: str = "\n") -> str:
    """A file of these rows with these totals."""
    between = profile.delimiter
    texts = [between.join(one) for one in rows]
    if profile is HEADED:
        head = "时间,编号,单位,流水,状态,金额"
        sums = f"`{count},`{paid // 100}.{paid % 100:02},`{refunded // 100}.{refunded % 100:02}"
        texts = [head, *texts, "总单数,总额,总退", sums]
    else:
        yuan = str(paid) if profile is PIPES else f"{paid // 100}.{paid % 100:02}"
        texts.append(between.join((profile.totals.mark, str(count), yuan)))
    return end.join(texts) + end


def a_clean_file(profile: Profile, many: int, end: str = "\n") -> bytes:
    back = [number for number in range(many) if profile is HEADED and not number % 4]
    paid = sum(fen(profile, number) for number in range(many) if number not in back)
    refunded = sum(fen(profile, number) for number in back)
    rows = [good(profile, number) for number in range(many)]
    return written(profile, rows, many, paid, refunded, end).encode(profile.encoding)


def slowly(content: bytes, profile: Profile) -> Statement | None:
    """What the line reader says; None where it refuses."""
    try:
        return read_rows(rows_of(io.BytesIO(content), profile), profile, DAY, DAYS, lambda: None)
    except StatementRefusedError:
        return None


def quickly(content: bytes, profile: Profile) -> Statement | None:
    """What the fast reader says; None where it leaves the file to the other."""
    return files._read_clean(io.BytesIO(content), len(content), profile, DAY, DAYS, lambda: None)


def the_same(one: Statement, other: Statement) -> bool:
    return (one.day, tuple(one.lines), one.amount, one.digest, one.beside) == (
        other.day,
        tuple(other.lines),
        other.amount,
        other.digest,
        other.beside,
    )


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", PROFILES)
def test_a_file_without_a_fault_is_read_at_once(name: str, end: str) -> None:
    content = a_clean_file(PROFILES[name], 23, end)
    slow, quick = slowly(content, PROFILES[name]), quickly(content, PROFILES[name])
    assert slow is not None
    assert quick is not None
    assert len(quick.lines) == 23
    assert the_same(slow, quick)


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[Profile, bytes]:
    """A file with a few odd fields, lines and bytes in it, and totals that may follow them."""
    profile = PROFILES[draw(st.sampled_from(sorted(PROFILES)))]
    numbers = draw(st.lists(st.integers(0, 40), max_size=6, unique=draw(st.booleans())))
    rows = [good(profile, number) for number in numbers]
    back = [number for number in numbers if profile is HEADED and not number % 4]
    paid = sum(fen(profile, number) for number in numbers) - sum(fen(profile, number) for number in back)
    for _ in range(draw(st.integers(0, 2)) if rows else 0):
        row = draw(st.sampled_from(rows))
        odd = draw(st.sampled_from(ODD)) if draw(st.integers(0, 9)) else draw(st.text(max_size=4))
        if draw(st.integers(0, 3)):
            place = draw(st.integers(0, len(row) - 1))
            row[place] = draw(st.sampled_from((odd, f" {row[place]} ", row[place] + odd, odd + row[place])))
        elif draw(st.booleans()):
            row.append(odd)
        else:
            row.pop()
    counted = len(rows) + draw(st.sampled_from((0, 0, 0, 1)))
    end = draw(st.sampled_from(("\n", "\n", "\r\n", "\r")))
    text = written(profile, rows, counted, paid, sum(fen(profile, number) for number in back), end)
    content = text.encode(profile.encoding, "replace")
    if draw(st.integers(0, 3)) == 0:
        place = draw(st.integers(0, len(content)))
        content = (
            content[:place]
            + draw(st.sampled_from((b"\n", b"\r", b"\xff", b"\x81", b"", b"\n\n", b"|", b"-")))
            + content[place:]
        )
    if draw(st.integers(0, 5)) == 0:
        content = content[: draw(st.integers(0, len(content)))]
    return profile, content


@settings(max_examples=examples(30, 100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(spoilt())
def test_what_is_read_at_once_is_what_is_read_line_by_line(asked: tuple[Profile, bytes]) -> None:
    profile, content = asked
    quick = quickly(content, profile)
    if quick is not None:
        slow = slowly(content, profile)
        assert slow is not None
        assert the_same(slow, quick)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("place", [0, 1, 2, 3, 5])
@pytest.mark.cases_by_day(40)
def test_no_odd_field_is_believed_that_the_line_reader_refuses(odd: str, place: int) -> None:
    rows = [good(PIPES, number) for number in range(3)]
    rows[1][place] = odd
    content = written(PIPES, rows, 3, 6, 0).encode("gb18030", "replace")
    if (quick := quickly(content, PIPES)) is not None:
        slow = slowly(content, PIPES)
        assert slow is not None
        assert the_same(slow, quick)


def test_a_line_of_nothing_but_the_prefix_is_not_passed_over() -> None:
    rows = a_clean_file(HEADED, 23).split(b"\n")
    assert quickly(b"\n".join(rows), HEADED) is not None
    assert quickly(b"\n".join([*rows[:2], b"`", *rows[2:]]), HEADED) is None


def test_a_large_file_goes_the_fast_way_and_a_fault_in_it_is_named(tmp_path: Path) -> None:
    content = a_clean_file(PIPES, 20_000)
    assert len(content) > files._LARGE
    path, told = tmp_path / "statement.txt", []
    path.write_bytes(content)
    found = files.read(path, PIPES, DAY, DAYS, lambda done, size: told.append((done, size)))
    assert isinstance(found.lines, Lines)
    assert told[-1][0] <= told[-1][1] == len(content)
    path.write_bytes(content.replace(b"|778|", b"|=78|", 1))
    with pytest.raises(StatementRefusedError, match="line 778: '=78' is not an amount"):
        files.read(path, PIPES, DAY, DAYS)


def test_lines_are_a_sequence_of_values() -> None:
    slow = slowly(a_clean_file(HEADED, 7), HEADED)
    assert slow is not None
    words = [word(one) for one in slow.lines]
    assert [line(one) for one in words] == list(slow.lines)
    many = (words * (BLOCK // 7 + 2))[: BLOCK + 5]
    kept = Lines([LINE.join(many[:BLOCK]).encode(), LINE.join(many[BLOCK:]).encode()], len(many))
    expected: list[Any] = [line(one) for one in many]
    assert list(kept) == expected
    assert (kept[0], kept[-1], kept[BLOCK], kept[BLOCK - 1]) == (
        expected[0],
        expected[-1],
        expected[BLOCK],
        expected[BLOCK - 1],
    )
    assert kept[BLOCK - 1 : BLOCK + 2] == tuple(expected[BLOCK - 1 : BLOCK + 2])
    with pytest.raises(IndexError):
        kept[len(many)]
