"""Identifiers of the field, checked against their standards, and identifiers of our own.

Every ``check_*`` takes the text exactly as it will be stored, returns its parts, and raises ValueError with a reason
that a person at a counter can act on. Nothing is corrected silently: no upper-casing, no stripped blanks.
"""

from __future__ import annotations

import math
import os
import re
import secrets
import threading
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from gateway.words.saying import Sentence, UnfitError, say

# --- unified social credit code, GB 32100-2015 ---------------------------------------------------------------------

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
USCC_PLACEHOLDER = "0" * 17 + "X"
"""Stands for "has none" in the 2018 penalty table (发改办财金〔2018〕424号): old individual businesses only."""

_USCC_WEIGHTS = tuple(pow(3, i, 31) for i in range(17))
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_DEPARTMENTS = frozenset("123456789ANY")


@dataclass(frozen=True)
class UsccCheck:
    """A code whose check character is right, in its parts. ``warnings`` are oddities that do not make it invalid."""

    code: str
    department: str
    category: str
    region: str
    organisation: str
    warnings: tuple[Sentence, ...] = ()

    @property
    def individual_business(self) -> bool:
        """Whether the code was given to a 个体工商户 (department 9, category 2)."""
        return self.code.startswith("92")

    @property
    def placeholder(self) -> bool:
        """Whether this is the stand-in for "has none" and so identifies nobody."""
        return self.code == USCC_PLACEHOLDER


def check_uscc(code: str, *, allow_placeholder: bool = False) -> UsccCheck:
    """Check a unified social credit code 统一社会信用代码 (GB 32100-2015, 4 and 5).

    The embedded organisation code has a check digit of its own (GB 11714-1997); since old codes deviate, a wrong one is
    a warning. Seventeen zeros and X fail here unless ``allow_placeholder`` says that the caller knows what it means.
    """
    if code == USCC_PLACEHOLDER:
        if not allow_placeholder:
            raise UnfitError(say("identifiers.placeholder"))
        return UsccCheck(code, "0", "0", "000000", "000000000")
    if len(code) != 18:
        raise UnfitError(say("identifiers.uscc_length", length=len(code)))
    for position, character in enumerate(code, start=1):
        if character not in USCC_ALPHABET:
            raise UnfitError(
                say(
                    "identifiers.uscc_character",
                    position=position,
                    character=_shown(character),
                    reason=_why_not(character),
                )
            )
        if 3 <= position <= 8 and not "0" <= character <= "9":
            raise UnfitError(say("identifiers.uscc_region", position=position, character=character))
    expected = uscc_check_character(code[:17])
    if code[17] != expected:
        raise UnfitError(say("identifiers.uscc_check", check=code[17], expected=expected))
    warnings = []
    if code[0] not in _DEPARTMENTS:
        warnings.append(say("identifiers.department", code=code[0]))
    if code[16] != (digit := organisation_check_digit(code[8:16])):
        warnings.append(say("identifiers.embedded", code=code[8:17], digit=digit))
    return UsccCheck(code, code[0], code[1], code[2:8], code[8:17], tuple(warnings))


def uscc_check_character(body: str) -> str:
    """The 18th character for the first 17 (GB 32100-2015, 5)."""
    total = sum(USCC_ALPHABET.index(character) * weight for character, weight in zip(body, _USCC_WEIGHTS, strict=True))
    return USCC_ALPHABET[-total % 31]


def organisation_check_digit(body: str) -> str:
    """The ninth character of an organisation code for its first eight (GB 11714-1997): letters count from A = 10."""
    total = sum(int(character, 36) * weight for character, weight in zip(body, _ORGANISATION_WEIGHTS, strict=True))
    return "0123456789X"[-total % 11]


def _shown(character: str) -> str:
    return repr(character) if character.isprintable() else f"U+{ord(character):04X}"


def _why_not(character: str) -> Sentence:
    if character in "IOSVZ":
        return say("identifiers.not_used")
    if "a" <= character <= "z":
        return say("identifiers.lower_case")
    return say("identifiers.no_capital")


# --- resident identity number, GB 11643-1999 -----------------------------------------------------------------------

_RESIDENT_WEIGHTS = tuple(pow(2, 17 - i, 11) for i in range(17))


@dataclass(frozen=True)
class ResidentIdCheck:
    """A citizen identification number whose check character is right, in its parts."""

    number: str
    region: str
    born_on: date
    sex: Literal["male", "female"]


def check_resident_id(number: str, *, today: date | None = None) -> ResidentIdCheck:
    """Check a citizen identification number 公民身份号码 (GB 11643-1999): 17 digits and a check character.

    The region is not looked up: regions were renumbered, and cards keep the number of their first issue. With
    ``today`` a birthday in the future is refused too. Messages never repeat the number.
    """
    if len(number) != 18:
        raise UnfitError(say("identifiers.id_length", length=len(number)))
    if not re.fullmatch(r"[0-9]{17}[0-9X]", number):
        reason = say("identifiers.capital_x" if number.endswith("x") else "identifiers.digits_17")
        raise UnfitError(say("identifiers.no_id", reason=reason))
    if number[0] == "0":
        raise UnfitError(say("identifiers.id_region"))
    try:
        born_on = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        raise UnfitError(say("identifiers.id_birth_day")) from None
    if today is not None and born_on > today:
        raise UnfitError(say("identifiers.id_future"))
    if number[17] != resident_check_character(number[:17]):
        raise UnfitError(say("identifiers.id_check"))
    return ResidentIdCheck(number, number[:6], born_on, "male" if int(number[16]) % 2 else "female")


def resident_check_character(body: str) -> str:
    """The 18th character for the first 17 digits (GB 11643-1999, ISO 7064 MOD 11-2)."""
    total = sum(int(digit) * weight for digit, weight in zip(body, _RESIDENT_WEIGHTS, strict=True))
    return "10X98765432"[total % 11]


# --- 15-digit registration number, GS 15-2006 ----------------------------------------------------------------------


@dataclass(frozen=True)
class RegistrationNumberCheck:
    """A registration number whose check digit is right: 6 digits of the organ, 8 of serial, 1 of check."""

    number: str
    organ: str
    serial: str
    kind: Literal["domestic", "foreign", "individual_business"]


def check_registration_number(number: str) -> RegistrationNumberCheck:
    """Check a 15-digit business registration number 工商注册号 (GS 15-2006; check digit ISO 7064 MOD 11,10)."""
    if not re.fullmatch(r"[0-9]{15}", number):
        raise UnfitError(say("identifiers.registration_length", length=len(number)))
    if number[14] != (expected := registration_check_digit(number[:14])):
        raise UnfitError(say("identifiers.registration_check", check=number[14], expected=expected))
    first = number[6]
    kind: Literal["domestic", "foreign", "individual_business"]
    kind = "domestic" if first <= "3" else "foreign" if first <= "5" else "individual_business"
    return RegistrationNumberCheck(number, number[:6], number[6:14], kind)


def registration_check_digit(body: str) -> str:
    """The check digit that ISO 7064 MOD 11,10 appends to ``body``."""
    product = 10
    for digit in body:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)


# --- payment code 缴款码 -------------------------------------------------------------------------------------------

PaymentCodeRule = Callable[[str], Sentence | str | None]
"""A region's own rule about a whole code: the reason why it is refused, or None."""


def no_rule(code: str) -> str | None:  # noqa: ARG001 - a rule sees the code
    """The default: no check digit, because no nationwide one is published."""
    return None


@dataclass(frozen=True)
class PaymentCodeCheck:
    """A payment code in the parts that are common to the regions seen so far: region and two digits of the year."""

    code: str
    region: str
    year: str


def check_payment_code(
    code: str, region: str | None = None, rule: PaymentCodeRule = no_rule, length: int = 20
) -> PaymentCodeCheck:
    """Check a 20-digit payment code 缴款码, optionally against a region prefix and a region's own rule.

    The nationwide layout is not published; what is known is 20 digits (older platforms had other lengths), led by
    region (6) and year (2) where observed.
    """
    if not re.fullmatch(rf"[0-9]{{{length}}}", code):
        reason = (
            say("identifiers.has_digits", length=len(code)) if len(code) != length else say("identifiers.has_others")
        )
        raise UnfitError(say("identifiers.code_digits", length=length, reason=reason))
    if region is not None and not code.startswith(region):
        raise UnfitError(say("identifiers.code_region", begins=code[: len(region)], region=region))
    if refusal := rule(code):
        raise UnfitError(refusal if isinstance(refusal, Sentence) else say("wrong.told", reason=refusal))
    return PaymentCodeCheck(code, code[:6], code[6:8])


# --- our own -------------------------------------------------------------------------------------------------------

SANDBOX = "test-"
"""How the codes of sandboxes 沙箱 begin: authorities whose records are no business of anybody's."""


def in_sandbox(authority: str) -> bool:
    """Whether an authority is a sandbox: its code says so, and with it each record, event and exchange of it."""
    return authority.startswith(SANDBOX)


PREFIXES = {
    "act": "what somebody proposes or does about a break",
    "brk": "break: made from what it is about, and so the same in every run",
    "chg": "change in a registration record",
    "cli": "client",
    "cls": "closed month",
    "cmd": "request that a command makes: its Idempotency-Key",
    "col": "collection: money that arrived",
    "csh": "cash that an officer took",
    "dec": "decision",
    "dev": "event of a decision",
    "dsc": "disclosure",
    "dsf": "what is amiss with a disclosure",
    "ent": "snapshot of an entity",
    "evt": "event",
    "exc": "exception: money that the bill did not foresee",
    "flt": "fault of ours that nobody foresaw: no record, the log knows it",
    "hov": "handing over of personal data 提供个人信息",
    "key": "API key",
    "opn": "operation",
    "opr": "operator",
    "ops": "a session of an operator",
    "pay": "payment",
    "rcb": "message that was not authentic",
    "rcp": "receipt",
    "rdo": "document of a refund",
    "rec": "run of a reconciliation",
    "req": "request over HTTP: no record, answers and the log name it",
    "res": "resolution of an operation by people",
    "rfd": "refund",
    "rpr": "request for credit repair",
    "sdc": "sealed document",
    "stm": "statement",
    "upl": "a file that somebody looks at before it counts",
    "vew": "a filter of a list, under a person's name for it",
    "whe": "webhook endpoint",
    "xch": "exchange",
}
"""Which kind of record each prefix of a public id names. No two kinds share one."""

_uuid_lock = threading.Lock()
_uuid_last = 0


def claim_prefix(prefix: str, kind: str) -> None:
    """Give a prefix to a kind of record that is made elsewhere. ValueError if another kind has it, or it is none."""
    if not re.fullmatch(r"[a-z]{3,8}", prefix):
        raise ValueError(f"{prefix!r} is no prefix: three to eight small letters")
    if PREFIXES.setdefault(prefix, kind) != kind:
        raise ValueError(f"the prefix {prefix} belongs to another kind of record: {PREFIXES[prefix]}")


def new_id(prefix: str) -> str:
    """A public id: ``prefix``, an underscore, and 32 hex digits of a UUIDv7 (RFC 9562, 5.7).

    Ids of one process grow strictly: twelve bits below the millisecond hold its fraction (6.2, method 3). ValueError
    for a prefix that no kind of record has.
    """
    global _uuid_last
    if prefix not in PREFIXES:
        raise ValueError(f"no kind of record has the prefix {prefix}")
    with _uuid_lock:
        now = time.time_ns()
        stamp = (now // 1_000_000 << 12) | (now % 1_000_000 * 4096 // 1_000_000)
        _uuid_last = stamp = max(stamp, _uuid_last + 1)
    value = (stamp >> 12) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62
    return f"{prefix}_{value | int.from_bytes(os.urandom(8)) >> 2:032x}"


def new_reference(length: int, alphabet: str, prefix: str = "") -> str:
    """A random reference of exactly ``length`` characters, ``prefix`` included, in the format an adapter declares.

    ValueError where the format leaves fewer than 48 random bits, which would not stay unique for long.
    """
    room = length - len(prefix)
    if len(set(alphabet)) != len(alphabet) or room * math.log2(max(len(alphabet), 1) or 1) < 48:
        raise ValueError(f"{room} characters of an alphabet of {len(alphabet)} leave no room for a unique reference")
    # One draw, not one a letter, which takes four times as long.
    number, letters = secrets.randbelow(len(alphabet) ** room), prefix
    for _ in range(room):
        number, place = divmod(number, len(alphabet))
        letters += alphabet[place]
    return letters


# --- text ----------------------------------------------------------------------------------------------------------

_REFUSED = {
    "Cc": say("identifiers.cc"),
    "Cf": say("identifiers.cf"),
    "Cs": say("identifiers.cs"),
    "Cn": say("identifiers.cn"),
    "Zl": say("identifiers.zl"),
    "Zp": say("identifiers.zp"),
}


_AROUND = " \t\r\n\u3000\xa0\ufeff\u200b"
"""What scanners, web pages and saved files leave around a text: blanks, a byte order mark, a blank without width."""

_LINE_END = re.compile("\r\n?")
"""Line ends of Windows and of old hosts, where a text may have several lines."""


def clean_text(text: str, *, multiline: bool = False) -> str:
    """Text in Unicode normal form C without outer blanks. ValueError names the first character that has no place.

    Refused: control and invisible formatting characters (they hide text or turn it round), halves of surrogate
    pairs, unassigned code points. ``multiline`` admits line feeds, takes every kind of line end for one, and a tab for
    a blank, as text areas of browsers send them. Private-use characters pass: rare names have them.
    """
    text = text.strip(_AROUND)
    if multiline and not text.isprintable():
        text = _LINE_END.sub("\n", text).replace("\t", " ")
    cleaned = unicodedata.normalize("NFC", text).strip()
    if cleaned.isprintable():  # nothing that is refused is printable: nearly every text ends here
        return cleaned
    for position, character in enumerate(cleaned, start=1):
        if reason := _REFUSED.get(unicodedata.category(character)):
            if multiline and character == "\n":
                continue
            raise UnfitError(say("identifiers.character", position=position, character=ord(character), reason=reason))
    return cleaned


def check_encodable(text: str, encoding: str) -> str:
    """The text itself if ``encoding`` can hold it; else ValueError naming the first character that it cannot."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError as error:
        character = text[error.start]
        raise UnfitError(
            say(
                "identifiers.not_encodable",
                position=error.start + 1,
                character=_shown(character),
                codepoint=ord(character),
                encoding=encoding.upper(),
            )
        ) from None
    return text
