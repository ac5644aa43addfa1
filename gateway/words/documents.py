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
from gateway.words.saying import Sentence, UnfitError, say

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
    warnings: tuple[Sentence, ...] = ()


def check_document_type(kind: str) -> str:
    """A kind of document, kept as it is. ValueError unless it is known or written 其他-… with at most 58 characters."""
    kind = clean_text(kind)
    if kind in TABLE_TYPES or kind in _MORE_TYPES:
        return kind
    if kind.startswith(OTHER) and 1 <= len(kind.removeprefix(OTHER).strip()) <= _LONGEST_OTHER:
        return kind
    known = (*TABLE_TYPES, *_MORE_TYPES)
    raise UnfitError(say("documents.unknown_type", known=known))


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
            return DocumentCheck(read.born_on, (say("documents.permit"),))
        return read
    if kind in _PERMANENT:
        if re.fullmatch(r"9[0-9]{16}[0-9X]", number):
            return _resident(number)
        return _unusual(number, r"[A-Z]{3}[0-9]{12}", say("documents.usual_permanent"))
    if kind == "港澳居民来往内地通行证":
        return _unusual(number, r"[HM]([0-9]{8}|[0-9]{10})", say("documents.usual_hk"))
    if kind == "台湾居民来往大陆通行证":
        return _unusual(number, r"[0-9]{8}|[0-9A-Z()]{10,13}", say("documents.usual_tw"))
    return DocumentCheck()


def _resident(number: str) -> DocumentCheck:
    return DocumentCheck(check_resident_id(number).born_on)


def _old_resident(number: str) -> DocumentCheck:
    """A number of fifteen digits, given until 1999 and valid until 2013: year of two digits, no check character."""
    try:
        born_on = date(1900 + int(number[6:8]), int(number[8:10]), int(number[10:12]))
    except ValueError:
        raise UnfitError(say("documents.old_birth_day")) from None
    return DocumentCheck(born_on, (say("documents.old_id"),))


def _unusual(number: str, pattern: str, usual: Sentence) -> DocumentCheck:
    if re.fullmatch(pattern, number):
        return DocumentCheck()
    return DocumentCheck(None, (say("documents.unusual", usual=usual),))


# --- numbers of organisations and traders --------------------------------------------------------------------------


def old_registration_number(number: str) -> tuple[Sentence, ...]:
    """Warnings about a registration number 注册号; empty for one of GS 15-2006 whose check digit is right.

    Thirteen digits were given before 2007, and 字号 such as 望工商个字第00123号 before that; check digits of the change
    deviate. ValueError for what is none.
    """
    if re.fullmatch(r"[0-9]{15}", number):
        if number[14] == (expected := registration_check_digit(number[:14])):
            return ()
        return (say("documents.registration_check", expected=expected),)
    if re.fullmatch(r"[0-9]{13}", number):
        return (say("documents.registration_13"),)
    if re.fullmatch(r"[0-9]+", number):
        raise UnfitError(say("documents.registration_length", number=len(number)))
    if re.fullmatch(r"[0-9A-HJ-NPQRTUWXY]{18}", number):
        raise UnfitError(say("documents.is_uscc"))
    if not (4 <= len(number) <= 50 and re.search(r"[字号證证]", number)):
        raise UnfitError(say("documents.no_registration_number"))
    return (say("documents.in_words"),)


def check_organisation_code(code: str) -> tuple[Sentence, ...]:
    """Warnings about an organisation code 组织机构代码 of nine characters (GB 11714). ValueError for what is none."""
    if not re.fullmatch(r"[0-9A-Z]{8}-?[0-9X]", code):
        raise UnfitError(say("documents.no_organisation_code"))
    if code[-1] == (expected := organisation_check_digit(code[:8])):
        return ()
    return (say("documents.organisation_check", expected=expected),)
