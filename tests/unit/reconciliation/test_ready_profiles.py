"""Ready profiles say where they are from and read what their source shows; an unknown file gets a proposal."""

from __future__ import annotations

import re
from datetime import date, time
from pathlib import Path

import pytest
from click.testing import Result
from statement_cases import PROFILES, file_of
from typer.testing import CliRunner

from gateway.cli import app
from gateway.rooms.reconciliation import files
from gateway.rooms.reconciliation.profiles import load_profile, ready
from gateway.rooms.reconciliation.proposing import propose
from gateway.rooms.reconciliation.statement import Statement, StatementRefusedError, window
from gateway.words.errors import SettingsError

DAY = date(2026, 11, 20)
DAYS = window(DAY, time.min)
WECHAT = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注",
    "`2026-11-20 09:12:03,`wx1,`1900000001,`0,`,`4200000001,`99010226300000000401,`o1,`NATIVE,`SUCCESS,`OTHERS,`CNY,"
    "`200.00,`0.00,`0,`0,`0.00,`0.00,`,`,`-罚款,`,`1.20000,`0.60%,`200.00,`0.00,`",
    "`2026-11-20 10:12:03,`wx1,`1900000001,`0,`,`4200000001,`99010226300000000401,`o1,`NATIVE,`REFUND,`OTHERS,`CNY,"
    "`0.00,`0.00,`5030001,`R1,`50.00,`0.00,`ORIGINAL,`PROCESSING,`-罚款,`,`-0.30000,`0.60%,`0.00,`50.00,`",
    "`2026-11-20 11:12:03,`wx1,`1900000001,`0,`,`4200000001,`99010226300000000401,`o1,`NATIVE,`REFUND,`OTHERS,`CNY,"
    "`0.00,`0.00,`5030002,`R2,`50.00,`0.00,`ORIGINAL,`SUCCESS,`-罚款,`,`-0.30000,`0.60%,`0.00,`50.00,`",
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额",
    "`3,`200.00,`100.00,`0.00,`0.60000,`200.00,`100.00",
)
NONTAX = (
    "交易时间,公众账号ID,商户号,子商户号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,总金额,"
    "企业红包金额,微信退款单号,商户退款单号,退款金额,企业红包退款金额,退款类型,退款状态,商品名称,手续费,费率,"
    "行政区划代码,缴费通知书编号(或平台订单号),执收单位编码,通知书类型,银行ID",
    "`2026-11-20 09:12:03,`wx1,`1,`0,`4200000001,`M1,`o1,`NATIVE,`SUCCESS,`OTHERS,`CNY,`200.00,`0.00,`0,`0,`0.00,"
    "`0.00,`,`,`罚款,`0.00000,`0.00%,`990102,`99010226300000000401,`990102001,`2,`B1",
    "总交易单数,总交易额,总退款金额,总企业红包退款金额,手续费总金额",
    "`1,`200.00,`0.00,`0.00,`0.00000",
)
ALIPAY = (
    "#支付宝业务明细查询",
    "#-----------------------------------------业务明细列表----------------------------------------",
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,"
    "订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,"
    "券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注",
    "2026112022001\t,99010226300000000401\t,交易,罚款,2026-11-20 09:00:00,2026-11-20 09:00:30,,,,,a***,200.00,200.00,"
    "0.00,0.00,0.00,0.00,0.00,,0.00,0.00,,-1.20,0.00,",
    "2026112022001\t,99010226300000000401\t,退款,罚款,2026-11-20 10:00:00,2026-11-20 10:00:30,,,,,a***,-50.00,-50.00,"
    "0.00,0.00,0.00,0.00,0.00,,0.00,0.00,RF1\t,0.30,0.00,",
    "#-----------------------------------------业务明细列表结束------------------------------------",
    "#交易合计：1笔，商家实收共200.00元，商家优惠共0.00元",
    "#退款合计：1笔，商家实收退款共-50.00元，商家优惠退款共0.00元",
    "#导出时间：[2026年11月21日 07:27:37]",
)


def union_pay(kind: str, at: str, fen: int, serial: str, code: str) -> str:
    widths = {0: (3, kind), 4: (6, at), 6: (12, f"{fen:012}"), 9: (21, serial), 11: (32, code)}
    sizes = (3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13)
    return " ".join(widths.get(at_, (0, ""))[1].ljust(size) for at_, size in enumerate(sizes))


UNION_PAY = (
    union_pay("S22", "1120091203", 20000, "712026112009120300001", "99010226300000000401"),
    union_pay("S30", "1120101203", 5000, "712026112010120300002", "99010226300000000401"),
)


def read(folder: Path, name: str, lines: tuple[str, ...], encoding: str) -> Statement:
    path = folder / "file"
    path.write_bytes("\r\n".join((*lines, "")).encode(encoding))
    return files.read(path, load_profile({"like": name}, name), DAY, DAYS)


@pytest.mark.parametrize("name", ready())
def test_each_ready_profile_hangs_together_and_says_its_source_with_a_day(name: str) -> None:
    said = "\n".join(line for line in ready()[name].splitlines() if line.startswith("#"))
    assert "Source: " in said
    assert re.search(r"read\s+(# )?on\s+(# )?2026-[0-9]{2}-[0-9]{2}", said)
    assert load_profile({"like": name}, name)
    if 'bank_serial = "流水号"' in ready()[name]:
        assert "NOT SOURCED: columns.bank_serial" in said


@pytest.mark.parametrize(
    ("name", "lines", "encoding", "amounts", "proven"),
    [
        ("wechat-merchant", WECHAT, "utf-8-sig", [("paid", 20000), ("refunded", 5000), ("refunded", 5000)], True),
        ("wechat-nontax", NONTAX, "utf-8", [("paid", 20000)], True),
        ("alipay-business", ALIPAY, "gbk", [("paid", 20000), ("refunded", 5000)], True),
        ("unionpay-zm", UNION_PAY, "gbk", [("paid", 20000), ("refunded", 5000)], False),
    ],
)
def test_each_reads_a_file_as_its_source_describes_it(
    tmp_path: Path, name: str, lines: tuple[str, ...], encoding: str, amounts: list[tuple[str, int]], proven: bool
) -> None:
    told = read(tmp_path, name, lines, encoding)
    assert [(one.kind, one.amount) for one in told.lines] == amounts
    assert {one.code for one in told.lines} == {"99010226300000000401"}
    assert told.proven is proven
    assert not told.beside.unread


def test_several_refunds_of_one_payment_are_told_apart_by_their_own_numbers(tmp_path: Path) -> None:
    told = read(tmp_path, "wechat-merchant", WECHAT, "utf-8")
    assert [one.refund_number for one in told.lines] == [None, "5030001", "5030002"]


def test_a_block_begins_with_a_ready_profile_and_changes_what_differs() -> None:
    found = load_profile({"like": "wechat-merchant", "columns": {"code": "商户数据包"}}, "statements.mine")
    assert (found.columns["code"], found.columns["kind"], found.prefix) == ("商户数据包", "交易状态", "`")
    with pytest.raises(SettingsError, match=r"statements\.mine\.like"):
        load_profile({"like": "wechat"}, "statements.mine")


@pytest.mark.parametrize("name", [name for name in PROFILES if name[:3] not in ("s03", "s09")])
def test_a_proposal_reads_the_file_that_it_was_made_of(name: str) -> None:
    proposal = propose(file_of(name))
    told = files.read(file_of(name), proposal.profile(), DAY, DAYS)
    assert told.lines
    assert not told.beside.unread
    assert told.proven is not name.startswith("s05")


def test_a_file_with_the_header_of_a_ready_profile_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "bill"
    path.write_bytes("\n".join(ALIPAY).encode("gbk"))
    proposal = propose(path)
    assert proposal.text == 'like = "alipay-business"\n'
    assert "备注" in proposal.left_over


def test_what_a_file_does_not_tell_is_asked() -> None:
    proposal = propose(file_of("s03_fixed"))
    assert proposal.block["columns"] == {"code": [0, 20]}
    assert proposal.questions
    with pytest.raises(SettingsError):
        proposal.profile()
    with pytest.raises(StatementRefusedError):
        propose(file_of("s09b_no_statement"))


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["reconcile", "profile", *words], env={"COLUMNS": "100", "LANG": "C"})


def test_the_command_proposes_shows_and_says_what_is_left_over() -> None:
    told = run(str(file_of("s01_backtick")))
    assert told.exit_code == 0
    for said in (
        'columns.refunded = "退款金额"',
        "99010226300000000103",
        "the totals say the same",
        "left over: 商品名称",
    ):
        assert said in told.output
    asked = run(str(file_of("s03_fixed")))
    assert asked.exit_code == 1
    assert "columns: amount, bank_serial is missing" in asked.output


def test_the_command_says_why_a_ready_profile_does_not_fit_and_where() -> None:
    told = run(str(file_of("s12_tails")), "--ready", "wechat-merchant")
    assert told.exit_code == 1
    assert "line 1: the column 商户订单号 is missing" in told.output
    assert "columns.code" in told.output


def test_the_command_lists_the_ready_profiles_and_shows_one_with_its_source() -> None:
    listed = run()
    assert listed.exit_code == 0
    assert all(name in listed.output for name in ready())
    assert max(map(len, listed.output.splitlines())) <= 100
    assert "developers.weixin.qq.com" in run("--ready", "wechat-nontax").output
