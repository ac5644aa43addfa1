"""Money: integer fen inside, decimal yuan text outside, never a float.

The text form is ``^(0|[1-9][0-9]{0,9})\\.[0-9]{2}$``: 0.00 to 9999999999.99 yuan. Tables of the 2018 penalty disclosure
standard (发改办财金〔2018〕424号) count in 万元 with six decimals, of which one unit is exactly one fen.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from gateway.words.saying import UnfitError, say

MAX_FEN = 999_999_999_999

_YUAN = re.compile(r"(0|[1-9][0-9]{0,9})\.([0-9]{2})")
_TOLD = re.compile(r"\+?(?=\.?[0-9])([0-9]{0,15})(?:\.([0-9]{0,9}))?(?:[eE]\+?([0-9]{1,2}))?")
_WAN = re.compile(r"(0|[1-9][0-9]{0,5})(?:\.([0-9]{1,6}))?")
_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("仟", "佰", "拾", "")


def parse_yuan(text: str) -> int:
    """Fen of a yuan text with exactly two decimals, such as ``5036.50``. ValueError says what is expected."""
    if not (match := _YUAN.fullmatch(text)):
        raise UnfitError(say("money.yuan", text=text))
    return int(match[1]) * 100 + int(match[2])


def told_yuan(text: str) -> int:
    """Fen of a yuan text as other systems write it: ``200``, ``200.0``, ``200.000`` and ``2E+2`` are one amount.

    ValueError for what is no amount, is not whole fen (``200.005``), or is more than ``MAX_FEN``.
    """
    fen = told_sum(text)
    if fen > MAX_FEN:
        raise UnfitError(say("money.over", text=text, most=MAX_FEN // 100))
    return fen


def told_sum(text: str) -> int:
    """The same for a sum of many amounts, which may be larger than one. ValueError."""
    match = _TOLD.fullmatch(text)
    if not match:
        raise UnfitError(say("money.no_yuan", text=text[:40]))
    whole, decimals, exponent = match[1], match[2] or "", int(match[3] or 0)
    digits, places = whole + decimals + "0" * (exponent + 2), len(decimals)  # fen, and what is below a fen
    if digits[len(digits) - places :].strip("0"):
        raise UnfitError(say("money.no_fen", text=text))
    return int(digits[: len(digits) - places])


def format_yuan(fen: int) -> str:
    """Yuan text of an amount in fen. ValueError outside 0 to ``MAX_FEN``."""
    return format_sum(_amount(fen))


def format_sum(fen: int) -> str:
    """Yuan text of any sum or difference, however large, with a leading minus where negative; for reports only."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def format_wan(fen: int) -> str:
    """万元 with six decimals: 503650 fen is ``0.503650``."""
    return f"{_amount(fen) // 1_000_000}.{fen % 1_000_000:06d}"


def parse_wan(text: str) -> int:
    """Fen of a 万元 text with at most six decimals, exact. ValueError otherwise."""
    if not (match := _WAN.fullmatch(text)):
        raise UnfitError(say("money.wan", text=text))
    return int(match[1]) * 1_000_000 + int((match[2] or "").ljust(6, "0"))


def yuan_in_words(fen: int) -> str:
    """The amount in the capital numerals of vouchers 人民币大写.

    Rules: 《支付结算办法》(银发〔1997〕393号) annex 1, 正确填写票据和结算凭证的基本规定, items 2 and 3. Where it allows
    two forms, the first of its examples is taken: 107000.53 is 壹拾万柒仟元零伍角叁分, and 整 follows only 元.
    """
    yuan, cents = divmod(_amount(fen), 100)
    jiao, last = divmod(cents, 10)
    words = _integer_in_words(yuan) + "元" if yuan else ""
    if not cents:
        return (words or "零元") + "整"
    if yuan and (jiao == 0 or yuan % 10 == 0):
        words += "零"
    if jiao:
        words += _DIGITS[jiao] + "角"
    return words + (_DIGITS[last] + "分" if last else "")


def _integer_in_words(number: int) -> str:
    words = ""
    gap = False  # a whole section of zeros was passed over
    for unit, size in (("亿", 10**8), ("万", 10**4), ("", 1)):
        section = number // size % 10**4
        if not section:
            gap = bool(words)
            continue
        if words and (gap or section < 1000):
            words += "零"
        words += _section_in_words(section) + unit
        gap = False
    return words


def _section_in_words(section: int) -> str:
    """One to 9999: zeros between digits become a single 零, trailing ones nothing."""
    words = ""
    gap = False
    for place, digit in zip(_PLACES, map(int, f"{section:04d}"), strict=True):
        if digit:
            words += ("零" if gap else "") + _DIGITS[digit] + place
        gap = bool(words) and not digit
    return words


def _amount(fen: int) -> int:
    if not 0 <= fen <= MAX_FEN:
        raise ValueError(f"{fen} fen is outside 0 to {MAX_FEN}")
    return fen


def _from_wire(value: Any) -> int:
    if not isinstance(value, str):
        raise UnfitError(say("money.text"))
    return parse_yuan(value)


_SCHEMA = {
    "type": "string",
    "pattern": r"^(0|[1-9][0-9]{0,9})\.[0-9]{2}$",
    "description": "Yuan with two decimals",
    "examples": ["5036.50"],
}

Yuan = Annotated[
    int, BeforeValidator(_from_wire), PlainSerializer(format_yuan, return_type=str), WithJsonSchema(_SCHEMA)
]
"""For requests: text in, int fen inside, text out. An int is refused, because 200 could be meant as yuan."""

YuanOut = Annotated[
    int, Field(ge=0, le=MAX_FEN), PlainSerializer(format_yuan, return_type=str), WithJsonSchema(_SCHEMA)
]
"""For answers, which code builds from fen: int inside, text out."""
