"""Statement files as platforms, banks and treasuries write them: read as their profile says, or refused whole."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from pathlib import Path

import pytest

from gateway.rooms.reconciliation import files
from gateway.rooms.reconciliation.profiles import Profile, load_profiles
from gateway.rooms.reconciliation.statement import StatementRefusedError, window
from gateway.words.clock import SHANGHAI
from gateway.words.errors import SettingsError
from gateway.words.saying import Language

DAY = date(2026, 9, 16)
DAYS = window(DAY, time.min)
WECHAT = Profile(
    prefix="`",
    columns={
        "code": "缴费通知书编号",
        "amount": "交易金额",
        "paid_at": "交易时间",
        "bank_serial": "银行流水号",
        "unit_code": "执收单位编码",
        "kind": "交易状态",
    },
    kinds={"SUCCESS": "paid", "REFUND": "refunded"},
    totals={"lines": 2, "mark": "总单数", "count": 1, "amount": 2, "refunded": 3},
    units=("990102001", "990102002"),
)
PIPES = Profile(
    side="bank",
    encoding="gbk",
    delimiter="|",
    header=False,
    columns={"code": 1, "reference": 2, "amount": 3, "paid_on": 4, "paid_time": 5, "bank_serial": 6, "unit_code": 7},
    amount="fen",
    time_format="%Y%m%d %H%M%S",
    totals={"mark": "TOTAL", "count": 2, "amount": 3},
)
FIXED = Profile(
    side="treasury",
    shape="fixed",
    encoding="gbk",
    columns={"code": (0, 20), "reference": (20, 10), "amount": (30, 12), "paid_at": (42, 14), "bank_serial": (56, 20)},
    time_format="%Y%m%d%H%M%S",
    totals={"mark": "TT", "count": (2, 8), "amount": (30, 12)},
)
HEAD = "交易时间,行政区划代码,缴费通知书编号,执收单位编码,银行流水号,交易状态,交易金额,手续费"
ONE = "`2026-09-16 12:00:00,`990102,`99010226300000000001,`990102001,`S1,`SUCCESS,`5036.50,`0.00"
TWO = "`2026-09-16 13:00:00,`990102,`99010226300000000002,`990102002,`S2,`SUCCESS,`200.00,`0.00"
BACK = "`2026-09-16 15:00:00,`990102,`99010226300000000002,`990102002,`R2,`REFUND,`200.00,`0.00"
TITLE = "总单数,总交易额,总退款额,总手续费"
SUMS = "`3,`5236.50,`200.00,`0.00"


def read(tmp_path: Path, content: str | bytes, profile: Profile = WECHAT):
    file = tmp_path / "statement.txt"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return files.read(file, profile, DAY, DAYS)


def lines(*those: str) -> str:
    return "\r\n".join(those) + "\r\n"


def test_backtick_csv_is_read_by_the_names_of_its_header(tmp_path: Path) -> None:
    told = read(tmp_path, lines(HEAD, ONE, TWO, BACK, TITLE, SUMS))
    assert [(one.kind, one.code[-1], one.amount, one.bank_serial) for one in told.lines] == [
        ("paid", "1", 503650, "S1"),
        ("paid", "2", 20000, "S2"),
        ("refunded", "2", 20000, "R2"),
    ]
    assert (told.day, told.amount) == (DAY, 523650)
    assert told.lines[0].paid_at == datetime(2026, 9, 16, 12, tzinfo=SHANGHAI)
    swapped = read(tmp_path, lines("新栏," + HEAD, *(f"`x,{one}" for one in (ONE, TWO, BACK)), TITLE, SUMS))
    assert swapped == told


def test_gbk_with_pipes_is_decoded_before_it_is_cut(tmp_path: Path) -> None:
    tricky = next(char for char in map(chr, range(0x4E00, 0x9FA5)) if _gbk(char)[1:] == b"|")
    rows = f"99010226300000000001|{tricky}|503650|20260916|120000|S1|990102001\nTOTAL|1|503650\n".encode("gbk")
    told = read(tmp_path, rows, PIPES)
    assert (told.lines[0].reference, told.lines[0].amount, told.amount) == (tricky, 503650, 503650)


def _gbk(char: str) -> bytes:
    try:
        return char.encode("gbk")
    except UnicodeEncodeError:
        return b""


def test_fixed_widths_count_bytes_of_the_encoding(tmp_path: Path) -> None:
    def fixed(*fields: tuple[str, int]) -> bytes:
        return b"".join(text.encode("gbk").ljust(width) for text, width in fields)

    row = fixed(("99010226300000000001", 20), ("罗巧云", 10), ("5036.50", 12), ("20260916120000", 14), ("S1", 20))
    total = fixed(("TT", 2), ("1", 28), ("5036.50", 12))
    told = read(tmp_path, row + b"\n" + total + b"\n", FIXED)
    assert (told.lines[0].reference, told.lines[0].amount, told.lines[0].bank_serial) == ("罗巧云", 503650, "S1")
    (cut,) = read(tmp_path, row[:-5].rstrip() + b"\n" + total + b"\n", FIXED).beside.unread
    assert (cut.number, cut.amount, str(cut.why)) == (1, 503650, "58 bytes where at least 76 belong")


@pytest.mark.parametrize(
    ("content", "said", "line"),
    [
        (lines(HEAD, ONE, TWO, BACK, TITLE, "`3,`5236.51,`200.00,`0.00"), "the total says 523651", 6),
        (lines(HEAD, ONE, TWO, BACK, TITLE, "`4,`5236.50,`200.00,`0.00"), "the total says 4", 6),
        (lines(HEAD, ONE, TWO, BACK, TITLE, "`3,`5236.50,`100.00,`0.00"), "the total says 10000", 6),
        (lines(HEAD, ONE, TWO.replace("09-16", "09-17"), BACK, TITLE, SUMS), "not on 2026-09-16", 3),
        (lines(HEAD, ONE, ONE, TITLE, "`2,`10073.00,`0.00,`0.00"), "the same as line 2", 3),
        (lines(HEAD, ONE, TWO, BACK), "it was cut", 5),
        (lines(HEAD, ONE, TWO, BACK, TITLE), "it was cut", 6),
        (lines(HEAD, ONE, TWO[:60]), "it was cut", 4),
        (lines(HEAD, ONE, TWO[:60], BACK, TITLE, SUMS), "fields where", 3),
        (lines(HEAD, ONE, TWO, BACK, TITLE, SUMS, ONE), "nothing may follow", 7),
        (lines(HEAD, ONE, "," * 1_000_000, TITLE, SUMS), "longer than", 3),
        (lines(HEAD, ONE, TWO.replace("200.00", "-200.00"), BACK, TITLE, SUMS), "negative", 3),
        (lines(HEAD, ONE, TWO.replace("200.00", "2e2"), BACK, TITLE, SUMS), "amount", 3),
        (lines(HEAD, ONE, TWO.replace("SUCCESS", "PERHAPS"), BACK, TITLE, SUMS), "no known kind", 3),
        (lines(HEAD.replace("交易金额", "金额"), ONE, TITLE, SUMS), "交易金额 is missing", 1),
        (lines(HEAD + ",交易金额", ONE, TITLE, SUMS), "stands twice", 1),
        (lines(HEAD, ONE, TWO.replace("5036", "50"), BACK, TITLE, SUMS).encode("gbk"), "交易金额 is missing|缴费", 1),
        (lines(HEAD, ONE, '"unclosed', TITLE, SUMS), "quote", 3),
        ("", "empty", None),
        (" \r\n\x1a", "empty", None),
    ],
)
@pytest.mark.cases_by_day(8)
def test_a_file_that_cannot_be_believed_is_refused_whole_with_the_line_to_blame(tmp_path, content, said, line) -> None:
    with pytest.raises(StatementRefusedError, match=said) as caught:
        read(tmp_path, content)
    assert caught.value.line == line


def test_a_profile_that_does_not_hang_together_is_named_in_the_settings() -> None:
    good = WECHAT.model_dump()
    assert load_profiles({"wechat": good})["wechat"] == WECHAT
    for change in ({"columns": {"code": "a"}}, {"columns": {**good["columns"], "colour": "b"}}, {"kinds": {}}):
        with pytest.raises(SettingsError, match=r"statements\.wechat") as told:
            load_profiles({"wechat": good | change})
        assert re.search("[\u4e00-\u9fff]", told.value.reason_in(Language.CHINESE))
    with pytest.raises(SettingsError) as told:
        load_profiles({"wechat": good | {"skip": "many"}})
    assert (told.value.key, told.value.reason_in(Language.CHINESE)) == ("statements.wechat.skip", "应为整数")
