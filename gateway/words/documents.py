"""Documents of people, and the numbers that organisations and traders had before unified codes.

Numbers are read, not corrected. What no register can have given is refused; what merely looks unusual is a warning,
because old numbers and foreign documents follow rules that nobody publishes whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from gateway.words.identifiers import (
    check_resident_id,
    clean_text,
    organisation_check_digit,
    registration_check_digit,
)

OTHER = "其他-"
"""What a document outside the list begins with (发改办财金〔2018〕424号, 证件类型)."""

TABLE_TYPES = ("身份证", "护照号", "港澳居民来往内地通行证", "台湾居民来往大陆通行证", "外国人永久居留身份证")
"""The kinds of document that the 2018 penalty table has words for."""

_MORE_TYPES = (
    "临时居民身份证", "居民户口簿", "出生医学证明", "港澳台居民居住证", "港澳居民居住证", "台湾居民居住证",
    "军官证", "士兵证", "文职干部证", "警官证", "护照", "外国人永久居留证", "外交人员证",
)  # fmt: skip
_RESIDENT = frozenset({"身份证", "临时居民身份证", "居民户口簿"})
_RESIDENCE = frozenset({"港澳台居民居住证", "港澳居民居住证", "台湾居民居住证"})
_PERMANENT = frozenset({"外国人永久居留身份证", "外国人永久居留证"})
_LONGEST_OTHER = 58


@dataclass(frozen=True)
class DocumentCheck:
    """What a document's number tells: the day of birth where it holds one, and what is unusual about it."""

    born_on: date | None = None
    warnings: tuple[str, ...] = ()


def check_document_type(kind: str) -> str:
    """A kind of document, kept as it is. ValueError unless it is known or written 其他-… with at most 58 characters."""
    kind = clean_text(kind)
    if kind in TABLE_TYPES or kind in _MORE_TYPES:
        return kind
    if kind.startswith(OTHER) and 1 <= len(kind.removeprefix(OTHER).strip()) <= _LONGEST_OTHER:
        return kind
    known = "、".join((*TABLE_TYPES, *_MORE_TYPES))
    raise ValueError(
        f"证件类型须为 {known}，或写作“其他-证件名称” the kind of document is one of these, or 其他- and its name"
    )


def table_type(kind: str) -> str:
    """A kind of document in the words of the 2018 penalty table: its own word, or 其他-… ."""
    if kind in TABLE_TYPES or kind.startswith(OTHER):
        return kind
    return {"护照": "护照号", "临时居民身份证": "身份证", "外国人永久居留证": "外国人永久居留身份证"}.get(
        kind, OTHER + kind
    )


def check_document(kind: str, number: str) -> DocumentCheck:
    """Read a document's number by its kind. ValueError where no such document can have it; never repeats the number."""
    if kind in _RESIDENT:
        return _old_resident(number) if re.fullmatch(r"[0-9]{15}", number) else _resident(number)
    if kind in _RESIDENCE:
        read = _resident(number)
        if number[:2] not in ("81", "82", "83"):
            return DocumentCheck(
                read.born_on, ("居住证号码通常以81、82或83开头 a residence permit's number begins with 81, 82 or 83",)
            )
        return read
    if kind in _PERMANENT:
        if re.fullmatch(r"9[0-9]{16}[0-9X]", number):
            return _resident(number)
        return _unusual(
            number, r"[A-Z]{3}[0-9]{12}", "三个字母加十二位数字，或以9开头的18位 XXX and 12 digits, or 18 from 9"
        )
    if kind == "港澳居民来往内地通行证":
        return _unusual(number, r"[HM]([0-9]{8}|[0-9]{10})", "H 或 M 加8位或10位数字 H or M and 8 or 10 digits")
    if kind == "台湾居民来往大陆通行证":
        return _unusual(number, r"[0-9]{8}|[0-9A-Z()]{10,13}", "8位数字 8 digits, older ones 10 or more")
    return DocumentCheck()


def _resident(number: str) -> DocumentCheck:
    return DocumentCheck(check_resident_id(number).born_on)


def _old_resident(number: str) -> DocumentCheck:
    """A number of fifteen digits, given until 1999 and valid until 2013: year of two digits, no check character."""
    try:
        born_on = date(1900 + int(number[6:8]), int(number[8:10]), int(number[10:12]))
    except ValueError:
        raise ValueError("digits 7 to 12 are not a day of the calendar") from None
    return DocumentCheck(
        born_on, ("15位身份证号码已于2013年停用，请核对 a 15-digit ID number: they ended in 2013, look at it again",)
    )


def _unusual(number: str, pattern: str, usual: str) -> DocumentCheck:
    if re.fullmatch(pattern, number):
        return DocumentCheck()
    return DocumentCheck(None, (f"证件号码与常见形式不同，常见为：{usual}",))


# --- numbers of organisations and traders --------------------------------------------------------------------------


def old_registration_number(number: str) -> tuple[str, ...]:
    """Warnings about a registration number 注册号; empty for one of GS 15-2006 whose check digit is right.

    Thirteen digits were given before 2007, and 字号 such as 望工商个字第00123号 before that; check digits of the change
    deviate. ValueError for what is none.
    """
    if re.fullmatch(r"[0-9]{15}", number):
        if number[14] == (expected := registration_check_digit(number[:14])):
            return ()
        return (f"注册号校验位应为{expected} the check digit of the registration number should be {expected}",)
    if re.fullmatch(r"[0-9]{13}", number):
        return ("13位的旧注册号，没有校验位 an old registration number of 13 digits, which nothing checks",)
    if re.fullmatch(r"[0-9]+", number):
        raise ValueError(f"注册号为15位或13位数字，此处为{len(number)}位 a registration number has 15 or 13 digits")
    if re.fullmatch(r"[0-9A-HJ-NPQRTUWXY]{18}", number):
        raise ValueError("此为统一社会信用代码，请填入 uscc this is a unified code: it belongs into uscc")
    if not (4 <= len(number) <= 50 and re.search(r"[字号證证]", number)):
        raise ValueError(
            "不是注册号：应为15位或13位数字，或“…字第…号” no registration number: 15 or 13 digits, or a 字号"
        )
    return ("旧字号形式的注册号，无法校验 an old number in words, which nothing checks",)


def check_organisation_code(code: str) -> tuple[str, ...]:
    """Warnings about an organisation code 组织机构代码 of nine characters (GB 11714). ValueError for what is none."""
    if not re.fullmatch(r"[0-9A-Z]{8}-?[0-9X]", code):
        raise ValueError("组织机构代码为8位加1位校验码 an organisation code has 8 characters and a check character")
    if code[-1] == (expected := organisation_check_digit(code[:8])):
        return ()
    return (f"组织机构代码校验码应为{expected} the check character of the organisation code should be {expected}",)
