"""Files as platforms and banks write them, read as they were meant: the cases, and neighbours of their kinds."""

from __future__ import annotations

import json
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest
from statement_cases import BACKTICK, CASES, FIXED, PLAIN, PROFILES, file_of, profile

from gateway.rooms.reconciliation import files
from gateway.rooms.reconciliation.statement import Statement, StatementRefusedError, window
from gateway.words.clock import SHANGHAI
from gateway.words.saying import Language

DAY = date(2026, 11, 20)
CUT_OFFS = {"s03b_fixed_new_year": time(22)}
NAMES = {"count": "count", "paid_fen": "amount", "refunded_fen": "refunded"}


def expected(name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((CASES / f"{name}.expected.json").read_text())
    return told


def read_case(name: str) -> Statement:
    day = date.fromisoformat(expected(name)["day"])
    days = window(day, CUT_OFFS.get(name, time.min))
    return files.read(file_of(name), profile(PROFILES[name]), day, days)


def read(tmp_path: Path, content: str | bytes, told: str, day: date = DAY, cut_off: time = time.min) -> Statement:
    file = tmp_path / "statement"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return files.read(file, profile(told), day, window(day, cut_off))


def rows(told: Statement) -> list[tuple[str, int, str, str, str]]:
    return [
        (
            one.code,
            one.amount if one.kind == "paid" else -one.amount,
            one.kind,
            one.paid_at.astimezone(SHANGHAI).isoformat(),
            one.bank_serial,
        )
        for one in told.lines
    ]


@pytest.mark.parametrize("name", [name for name in PROFILES if "lines" in expected(name) and expected(name)["lines"]])
def test_each_file_is_read_as_its_maker_meant(name: str) -> None:
    told, right = read_case(name), expected(name)
    lines = [(one["code"], one["amount_fen"], one["kind"], one["paid_at"], one["serial"]) for one in right["lines"]]
    breaks = list(right.get("breaks", ()))
    assert [one for one in rows(told) if one in lines] == lines
    assert sorted(abs(one[1]) for one in rows(told) if one not in lines) == sorted(one["amount_fen"] for one in breaks)
    assert not told.beside.unread
    passed = dict(told.beside.passed)
    for one in right.get("ignored", ()):
        assert passed.pop(one["line"]) == one["why"]
    assert not passed
    if right["totals"]["told"] is not None:
        said = {
            NAMES.get(key, "paid_count" if key == "paid_count" else key): value
            for key, value in right["totals"]["told"].items()
        }
        assert told.beside.told == said
        assert told.proven


def test_a_day_without_a_payment_is_a_statement() -> None:
    told = read_case("s09_empty_day")
    assert (len(told.lines), told.amount, told.proven) == (0, 0, True)


# --- neighbours of the cases ----------------------------------------------------------------------------------------

HEAD = "缴款码,金额,缴款时间,流水号"
ONE = "99010226300000000301,200.00,2026-11-20 10:00:00,N1"
SUM = "合计,1,200.00"


def of_lines(*those: str, end: str = "\n") -> str:
    return end.join((HEAD, *those)) + end


@pytest.mark.parametrize(
    ("spelt", "fen"),
    [
        ("200.00", 20000),
        ("200", 20000),
        ("200.0", 20000),
        ("200.000", 20000),
        ("0200.00", 20000),
        ('"1,200.5"', 120050),
        ("¥58.80", 5880),
        ("￥58.80", 5880),
        ("58.80元", 5880),
        ('"¥1,234,567.89元"', 123456789),
        (" 200.00\t", 20000),
        ('="200.00"', 20000),
        ("+200.00", 20000),
    ],
)
def test_an_amount_may_be_spelt_as_people_spell_it(tmp_path: Path, spelt: str, fen: int) -> None:
    told = read(tmp_path, of_lines(ONE.replace("200.00", spelt), f"合计,1笔,{fen / 100:.2f}元"), PLAIN)
    assert [one.amount for one in told.lines] == [fen]


@pytest.mark.parametrize(
    "spelt", ["", "200.005", "20,00", "1,2,3", "2e2", "２００.00", "--200", "200.00.00", "1234567890123"]
)
def test_an_amount_that_could_be_another_refuses_the_file_with_its_line(tmp_path: Path, spelt: str) -> None:
    with pytest.raises(StatementRefusedError, match="line 2") as refused:
        read(tmp_path, of_lines(ONE.replace("200.00", f'"{spelt}"'), SUM), PLAIN)
    assert refused.value.line == 2


def test_a_minus_means_what_the_profile_says(tmp_path: Path) -> None:
    back = ONE.replace("200.00", "-25.00").replace("N1", "N2")
    with pytest.raises(StatementRefusedError, match=r"line 3.*signed"):
        read(tmp_path, of_lines(ONE, back, "合计,2,200.00"), PLAIN)
    told = read(tmp_path, of_lines(ONE, back, "合计,2,200.00"), f"signed = true\n{PLAIN}")
    assert [one[1] for one in rows(told)] == [20000, -2500]


@pytest.mark.parametrize(
    ("spelt", "amount"), [("C200.00", 20000), ("200.00C", 20000), ("D35.00", -3500), ("35.00D", -3500)]
)
def test_a_letter_beside_the_amount_says_which_way_it_went(tmp_path: Path, spelt: str, amount: int) -> None:
    letters = 'kinds = { C = "paid", D = "refunded" }\n'
    told = read(tmp_path, of_lines(ONE.replace("200.00", spelt), f"合计,1,{max(amount, 0) / 100:.2f}"), letters + PLAIN)
    assert [one[1] for one in rows(told)] == [amount]


@pytest.mark.parametrize(
    ("spelt", "said"),
    [
        ("2026-11-20 09:05:07", "09:05:07"),
        ("2026/11/20 9:05", "09:05:00"),
        ("2026/11/20 9:05:07", "09:05:07"),
        ("2026.11.20 09:05:07", "09:05:07"),
        ("20261120090507", "09:05:07"),
        ("20261120 090507", "09:05:07"),
        ("20261120 09:05:07", "09:05:07"),
        ("2026年11月20日 09:05", "09:05:00"),
        ("2026-11-20T09:05:07.250", "09:05:07"),
        ("2026-11-20 24:00:00", "23:59:59.999999"),
        ("2026-11-20", "00:00:00"),
    ],
)
def test_a_time_that_means_one_thing_is_read(tmp_path: Path, spelt: str, said: str) -> None:
    told = read(tmp_path, of_lines(ONE.replace("2026-11-20 10:00:00", spelt), SUM), PLAIN)
    assert rows(told)[0][3] == f"2026-11-20T{said}+08:00"


@pytest.mark.parametrize(
    "spelt", ["", "20/11/2026", "11-20-2026 10:00", "2026-11-31 10:00:00", "2026-11-20 25:00:00", "46346.5"]
)
def test_a_line_of_ours_whose_time_cannot_be_read_is_a_break_and_not_the_end_of_the_day(
    tmp_path: Path, spelt: str
) -> None:
    other = ONE.replace("0301", "0302").replace("N1", "N2").replace("2026-11-20 10:00:00", spelt)
    told = read(tmp_path, of_lines(ONE, other, "合计,2,400.00"), PLAIN)
    (unread,) = told.beside.unread
    assert (unread.number, unread.code, unread.bank_serial, unread.amount) == (3, "99010226300000000302", "N2", 20000)
    assert [one[4] for one in rows(told)] == ["N1"]


@pytest.mark.parametrize(
    ("day", "cut_off", "spelt", "said"),
    [
        (date(2026, 1, 1), time(22), "1231220000", "2025-12-31T22:00:00+08:00"),
        (date(2026, 1, 1), time(22), "0101215959", "2026-01-01T21:59:59+08:00"),
        (date(2026, 12, 31), time.min, "1231235959", "2026-12-31T23:59:59+08:00"),
        (date(2028, 2, 29), time.min, "0229120000", "2028-02-29T12:00:00+08:00"),
        (date(2027, 1, 1), time(23, 30), "1231240000", "2026-12-31T23:59:59.999999+08:00"),
    ],
)
def test_a_time_without_a_year_is_of_the_year_that_lies_in_the_day(
    tmp_path: Path, day: date, cut_off: time, spelt: str, said: str
) -> None:
    line = f"99010226300000000123C000000020000{spelt}TR0000000201"
    told = read(tmp_path, f"{line}\nT000001C000000020000D000000000000\n", FIXED, day, cut_off)
    assert rows(told)[0][3] == said


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("tail", ["", ",,,\n", "  \n", "EOF\n", "\x1a", "\n\n,,\nEOF\n\x1a", "\x1a\x1a"])
def test_ends_of_lines_and_tails_of_files_are_no_lines(tmp_path: Path, end: str, tail: str) -> None:
    told = read(tmp_path, of_lines(ONE, SUM, end=end) + tail.replace("\n", end), PLAIN)
    assert len(told.lines) == 1


def test_lines_may_end_in_several_ways_in_one_file(tmp_path: Path) -> None:
    other = ONE.replace("0301", "0302").replace("N1", "N2")
    told = read(tmp_path, f"{HEAD}\r\n{ONE}\r{other}\n合计,2,400.00\r\n", PLAIN)
    assert len(told.lines) == 2


@pytest.mark.parametrize("encoding", ["gbk", "gb2312", "gb18030"])
def test_every_name_of_the_chinese_encodings_reads_all_of_gb_18030(tmp_path: Path, encoding: str) -> None:
    told = PLAIN.replace('bank_serial = "流水号" }', 'bank_serial = "流水号", reference = "付款人" }')
    content = f"{HEAD},付款人\n{ONE},𠮷田\n{SUM}\n".encode("gb18030")
    assert read(tmp_path, content, f'encoding = "{encoding}"\n{told}').lines[0].reference == "𠮷田"


@pytest.mark.parametrize(
    ("content", "encoding", "said"),
    [
        (of_lines(ONE, SUM).encode("utf-8-sig"), "gbk", ("UTF-8 with BOM", "encoding")),
        (of_lines(ONE, SUM).encode("utf-16"), "utf-8", ("UTF-16", "encoding")),
        (of_lines(ONE, SUM).encode("gbk"), "utf-8", ("GB 18030", "encoding")),
        (of_lines(ONE, SUM).encode(), "gb18030", ("UTF-8", "encoding")),
    ],
)
def test_another_encoding_than_the_profiles_is_named_with_the_key(
    tmp_path: Path, content: bytes, encoding: str, said: tuple[str, ...]
) -> None:
    with pytest.raises(StatementRefusedError) as refused:
        read(tmp_path, content, f'encoding = "{encoding}"\n{PLAIN}')
    assert all(one in f"{refused.value} {refused.value.cure_in(Language.ENGLISH)}" for one in said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"code": "NO_STATEMENT", "message": "当日无账单"}', "NO_STATEMENT 当日无账单"),
        (
            '{"errcode":0,"respdata":{"return_code":"FAIL","return_msg":"No Bill Exist","error_code":"20002"}}',
            "No Bill Exist",
        ),
        ("<xml><return_code>FAIL</return_code><return_msg>No Bill Exist</return_msg></xml>", "No Bill Exist"),
        ("<!DOCTYPE html><html><head><title>登录</title></head><body>", "a web page 登录"),
        ("\ufeff\n<answer><code>X1</code></answer>", "X1"),
        ("   \r\n", "empty"),
    ],
)
def test_an_answer_that_was_saved_as_the_days_file_is_named_as_such(tmp_path: Path, content: str, said: str) -> None:
    for told in (PLAIN, BACKTICK, FIXED):
        with pytest.raises(StatementRefusedError, match=said) as refused:
            read(tmp_path, content, told)
        assert "without a statement" in (refused.value.cure_in(Language.ENGLISH) or "")


@pytest.mark.parametrize("name", ["s09b_no_statement", "s09c_nothing"])
def test_no_file_is_no_empty_day(name: str) -> None:
    with pytest.raises(StatementRefusedError, match=r"NO_STATEMENT 当日无账单|the file is empty"):
        read_case(name)


@pytest.mark.parametrize("place", ["99010226300000000301", "N1"])
@pytest.mark.parametrize("cut", ["9.90102E+19", "9E+19", '="9.90102E+19"'])
def test_a_number_that_a_spreadsheet_has_cut_is_said_to_be_one(tmp_path: Path, place: str, cut: str) -> None:
    with pytest.raises(StatementRefusedError, match=r"line 2.*spreadsheet has cut.*original file"):
        read(tmp_path, of_lines(ONE.replace(place, cut), SUM), PLAIN)


def test_codes_that_end_in_zeros_are_pointed_out_where_there_are_many(tmp_path: Path) -> None:
    cut = ONE.replace("99010226300000000301", "99010226300000000000")
    assert "cut" in "".join(map(str, read(tmp_path, of_lines(cut, SUM), PLAIN).beside.remarks))
    whole = [ONE.replace("0301", f"{number:04}1").replace("N1", f"N{number}") for number in range(20)]
    told = read(tmp_path, of_lines(*whole, cut, "合计,21,4200.00"), PLAIN)
    assert not told.beside.remarks


def test_a_file_that_a_spreadsheet_has_saved_is_said_to_be_one() -> None:
    assert "opened and saved" in "".join(map(str, read_case("s15_saved_again").beside.remarks))
    assert not read_case("s12_tails").beside.remarks


def test_lines_of_other_business_are_counted_and_shown_where_the_profile_names_them() -> None:
    text = PROFILES["s07_shared_merchant"] + "not_ours = { code = '(SD-.*)?' }\n"
    told = files.read(file_of("s07_shared_merchant"), profile(text), DAY, window(DAY, time.min))
    assert [(one.number, one.code, one.amount) for one in told.beside.strangers] == [
        (3, "", 5000),
        (4, "SD-2026-00017", 3000),
    ]
    assert [one[0] for one in rows(told)] == [
        "99010226300000000161",
        "ZL/望川/0098-2026/甲-补缴",
        "99010226300000000162",
    ]
    assert told.beside.told == {"count": 5, "amount": 39200}


def test_lines_of_other_units_are_not_ours(tmp_path: Path) -> None:
    text = PLAIN.replace('bank_serial = "流水号" }', 'bank_serial = "流水号", unit_code = "单位" }')
    content = f"{HEAD},单位\n{ONE},990102001\n{ONE.replace('0301', '0302')},990999001\n合计,2,400.00\n"
    told = read(tmp_path, content, f'units = ["990102001"]\n{text}')
    assert ([one[0] for one in rows(told)], [one.number for one in told.beside.strangers]) == (
        ["99010226300000000301"],
        [3],
    )


@pytest.mark.parametrize("odd", ["=1+2", "@SUM(A1)", "-违停罚款", "+86", '"未闭合', "\x07", "\ufffd", "=cmd|' /C'!A0"])
def test_a_cell_that_is_not_used_is_not_judged(tmp_path: Path, odd: str) -> None:
    told = read(tmp_path, f"备注,{HEAD}\n{odd},{ONE}\n合计,1,200.00\n", f'quote = ""\n{PLAIN}')
    assert len(told.lines) == 1


def test_a_running_balance_tells_of_a_line_that_is_missing(tmp_path: Path) -> None:
    text, content = PROFILES["s05_bank_in_out"], file_of("s05_bank_in_out").read_bytes()
    told = read(tmp_path, content, text)
    assert (told.proven, told.beside.balance) == (False, (10000000, 10140217))
    assert {name: told.beside.made[name] for name in ("count", "amount", "refunded")} == {
        "count": 4,
        "amount": 143717,
        "refunded": 3500,
    }
    lines = content.split(b"\r\n")
    newest_first = b"\r\n".join((*lines[:3], *reversed(lines[3:7]), b""))
    assert read(tmp_path, newest_first, text).beside.balance == (10000000, 10140217)
    with pytest.raises(StatementRefusedError, match=r"line 5.*balance"):
        read(tmp_path, b"\r\n".join((*lines[:4], *lines[5:])), text)


def test_a_header_is_found_by_its_names_wherever_it_stands(tmp_path: Path) -> None:
    content = of_lines(ONE, SUM)
    for number in (0, 1, 24, 120):
        assert len(read(tmp_path, "账单,2026年\n" * number + content, PLAIN).lines) == 1
    with pytest.raises(StatementRefusedError, match=r"line 2: the column 金额 is missing") as refused:
        read(tmp_path, "账单\n" + content.replace("金额", "应缴金额"), PLAIN)
    assert "columns.amount" in (refused.value.cure_in(Language.ENGLISH) or "")


def test_a_column_may_have_several_names(tmp_path: Path) -> None:
    text = PLAIN.replace('amount = "金额"', 'amount = ["金额（元）", "应缴金额"]')
    for name in ("金额(元)", "应缴金额", " 金额（元） "):
        assert len(read(tmp_path, of_lines(ONE, SUM).replace("金额", name), text).lines) == 1


@pytest.mark.parametrize(
    "words", ["交易合计：2笔，共1434.01元", "交易合计：3笔，共1434.00元", "交易小计：2笔，共1434.00元"]
)
def test_totals_in_words_are_believed_whole_or_not_at_all(tmp_path: Path, words: str) -> None:
    content = file_of("s02_hash_preamble").read_bytes().decode("gb18030").replace("交易合计：2笔，共1434.00元", words)
    with pytest.raises(StatementRefusedError, match=r"the total says|was cut"):
        read(tmp_path, content.encode("gb18030"), PROFILES["s02_hash_preamble"])


@pytest.mark.parametrize(
    "name", [name for name in PROFILES if name[:3] in ("s01", "s02", "s03", "s04", "s06", "s12", "s13", "s14", "s15")]
)
def test_a_file_that_lacks_a_line_is_never_believed(name: str, tmp_path: Path) -> None:
    day = date.fromisoformat(expected(name)["day"])
    content = file_of(name).read_bytes()
    end = b"\r" if b"\n" not in content else b"\n"
    lines = content.split(end)
    for one in expected(name)["lines"]:
        torn = end.join((*lines[: one["line"] - 1], *lines[one["line"] :]))
        with pytest.raises(StatementRefusedError):
            read(tmp_path, torn, PROFILES[name], day, CUT_OFFS.get(name, time.min))


def test_a_workbook_of_before_2007_is_read_like_another() -> None:
    told = files.read(file_of("x01_old_book"), profile(PROFILES["s11_book"]), DAY, window(DAY, time.min))
    assert [(one[0], one[1], one[3][11:19], one[4]) for one in rows(told)] == [
        ("99010226300000000241", 2010, "10:00:00", "XS0001"),
        ("99010226300000000242", 30, "12:30:05", "900123"),
    ]
    assert told.beside.told == {"amount": 2040}


def test_a_workbook_under_another_shape_is_named_and_so_is_a_packed_file(tmp_path: Path) -> None:
    for content, said in (
        (file_of("s11_book").read_bytes(), "workbook"),
        (file_of("x01_old_book").read_bytes(), "workbook"),
        (b"\x1f\x8b\x08\x00rest", "packed"),
        (b"PK\x03\x04" + bytes(26) + b"bill.csv", "packed"),
    ):
        with pytest.raises(StatementRefusedError, match=said):
            read(tmp_path, content, PLAIN)
    with pytest.raises(StatementRefusedError, match="no workbook"):
        read(tmp_path, of_lines(ONE, SUM), PROFILES["s11_book"])


def test_several_refunds_of_one_payment_are_told_apart_and_a_copy_refuses_the_file(tmp_path: Path) -> None:
    back = [ONE.replace("200.00", f"-{amount}.00") for amount in (20, 30)]
    told = read(tmp_path, of_lines(ONE, *back, "合计,3,200.00"), f"signed = true\n{PLAIN}")
    assert [(one[1], one[4]) for one in rows(told)] == [(20000, "N1"), (-2000, "N1"), (-3000, "N1 #2")]
    with pytest.raises(StatementRefusedError, match=r"line 4: the same as line 3"):
        read(tmp_path, of_lines(ONE, back[0], back[0], "合计,3,200.00"), f"signed = true\n{PLAIN}")
