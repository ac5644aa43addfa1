"""The profiles by which the files of ``tests/cases/statements`` are read, in the language of settings."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

from gateway.rooms.reconciliation.profiles import Profile, load_profile

CASES: Final = Path(__file__).parent / "cases" / "statements"
PLAIN: Final = """
columns = { code = "缴款码", amount = "金额", paid_at = "缴款时间", bank_serial = "流水号" }
totals = { mark = "合计", count = 2, amount = 3 }
"""
BACKTICK: Final = """
prefix = "`"
columns.code = "商户单号"
columns.amount = "应结金额"
columns.refunded = "退款金额"
columns.paid_at = "交易时间"
columns.bank_serial = "平台订单号"
columns.kind = "交易状态"
kinds = { SUCCESS = "paid", REFUND = "refunded", REVOKED = "ignored" }
totals = { lines = 2, mark = "总单数", count = "总单数", amount = "应结总金额", refunded = "退款总金额" }
"""
FIXED: Final = """
shape = "fixed"
encoding = "gbk"
amount = "fen"
time_format = "%m%d%H%M%S"
columns = { code = [0, 20], kind = [20, 1], amount = [21, 12], paid_at = [33, 10], bank_serial = [43, 12] }
kinds = { C = "paid", D = "refunded" }
totals = { mark = "T", count = [1, 6], amount = [8, 12], refunded = [21, 12] }
"""
PROFILES: Final = {
    "s01_backtick": BACKTICK,
    "s02_hash_preamble": """
encoding = "gb18030"
comment = "#"
columns.code = "商户单号"
columns.amount = "订单金额（元）"
columns.paid_at = "完成时间"
columns.bank_serial = "平台流水号"
columns.kind = "业务类型"
kinds = { "交易" = "paid", "退款" = "refunded" }
totals = { words = ["交易合计：{paid_count}笔，共{amount}元", "退款合计：{refunded_count}笔，共{refunded}元"] }
""",
    "s03_fixed": FIXED,
    "s03b_fixed_new_year": FIXED,
    "s04_two_char_delimiter": """
encoding = "gbk"
delimiter = "|!"
header = false
columns = { code = 1, amount = 2, paid_at = 3, bank_serial = 4 }
totals = { mark = "合计", count = 2, amount = 3 }
""",
    "s05_bank_in_out": """
side = "bank"
encoding = "gb18030"
time_format = "%Y%m%d %H%M%S"
totals = "none"
[columns]
code = "附言"
amount = "收入金额"
refunded = "支出金额"
paid_on = "交易日期"
paid_time = "交易时间"
bank_serial = "流水号"
balance = "余额"
""",
    "s05b_bank_signed": """
side = "bank"
signed = true
columns = { code = "摘要", amount = "金额", paid_at = "日期", bank_serial = "流水号" }
totals = "none"
""",
    "s06_padded_no_count": """
encoding = "gbk"
columns = { code = "缴款码", amount = "金额", paid_at = "缴款时间", bank_serial = "流水号" }
totals = { mark = "合计", amount = 2 }
""",
    "s07_shared_merchant": """
columns = { code = "code", amount = "amount", paid_at = "time", bank_serial = "serial" }
totals = { mark = "TOTAL", count = 2, amount = 3 }
""",
    "s08_zero_revoked": BACKTICK,
    "s09_empty_day": BACKTICK,
    "s09b_no_statement": BACKTICK,
    "s09c_nothing": BACKTICK,
    "s10_utf16": """
encoding = "utf-16"
delimiter = "\\t"
columns = { code = "缴款码", amount = "金额", paid_at = "缴款时间", bank_serial = "流水号" }
totals = { mark = "合计", count = 2, amount = 3 }
""",
    "s11_book": """
shape = "workbook"
columns = { code = "缴款码", amount = "金额", paid_at = "缴款时间", bank_serial = "流水号" }
totals = { mark = "合计", amount = "金额" }
""",
    "s12_tails": PLAIN,
    "s13_cr": """
columns = { code = "code", amount = "amount", paid_at = "time", bank_serial = "serial" }
totals = { mark = "TOTAL", count = 2, amount = 3 }
""",
    "s14_totals_first": PLAIN.replace('mark = "合计"', 'place = "head", mark = "合计"'),
    "s15_saved_again": PLAIN,
}
"""By the name of the case."""


def profile(text: str) -> Profile:
    """A profile as settings tell it."""
    return load_profile(tomllib.loads(text), "statements.case")


def file_of(name: str) -> Path:
    """The file of a case."""
    (found,) = (one for one in CASES.glob(f"{name}.*") if not one.name.endswith(".expected.json"))
    return found
