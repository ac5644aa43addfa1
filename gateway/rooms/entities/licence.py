"""What the QR code on a business licence says. Its text is anybody's: it is read, never followed.

Printed licences carry an address of the national or a provincial publicity system with a token in it; newer ones carry
labelled text; electronic licences show a short-lived token. Whatever is found, the registry is asked about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, unquote, urlsplit

from gateway.words.clock import from_micros
from gateway.words.identifiers import check_uscc, clean_text

LONGEST = 3000  # a QR code holds less than 2953 bytes (ISO/IEC 18004)

_TOKEN_WITH_TIME = re.compile(r"\{([0-9A-Za-z_-]{8,128})-([0-9]{13})\}")
_HEX_TOKEN = re.compile(r"[0-9a-fA-F]{32,64}")
_BARE_TOKEN = re.compile(r"[0-9A-Za-z_-]{16,128}")
_CODE = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z]{18}(?![0-9A-Za-z])")
_LABELLED = re.compile(r"(?:统一社会信用代码|uniscid)\s*(?:/\s*注册号)?\s*[:：=]\s*([0-9A-Za-z]+)", re.IGNORECASE)
_REGISTRATION_NUMBER = re.compile(r"[0-9]{13}|[0-9]{15}")
_NUMBERED = re.compile(r"注\s*册\s*号\s*[:：=]?\s*([0-9A-Za-z]+)")
_SEARCH_BY_NAME = "this is a registration number, not a unified code; search by the name instead"
_PUBLIC_HOST = re.compile(r"([a-z0-9-]+\.)+gov\.cn")


@dataclass(frozen=True)
class LicenceReading:
    """What a licence QR gives to ask the registry about: a unified code, a token, or both.

    ``host`` and ``stamped_at`` are what its address says of itself, unproved.
    """

    uscc: str | None = None
    token: str | None = None
    host: str | None = None
    stamped_at: datetime | None = None


def read_licence(text: str) -> LicenceReading:
    """Read the text of a licence QR. ValueError says why it is none, without repeating it."""
    if len(text) > LONGEST:
        raise ValueError(f"the text has {len(text)} characters; no QR code holds that")
    text = clean_text(text.replace("\r\n", "\n").replace("\t", " "), multiline=True)
    if re.match(r"https?://", text, re.IGNORECASE):
        return _from_address(text)
    if re.fullmatch(r"[0-9A-Za-z]{18}", text):
        return LicenceReading(uscc=check_uscc(text).code)
    if (numbered := _NUMBERED.search(text)) and _REGISTRATION_NUMBER.fullmatch(numbered[1]):
        raise ValueError(_SEARCH_BY_NAME)
    if _LABELLED.search(text) or not text.isascii():
        return _from_labels(text)
    if _REGISTRATION_NUMBER.fullmatch(text):
        raise ValueError(_SEARCH_BY_NAME)
    if _BARE_TOKEN.fullmatch(text):
        return LicenceReading(token=text)
    raise ValueError("this is not the text of a business licence's QR code")


def _from_address(text: str) -> LicenceReading:
    try:
        address = urlsplit(text)
        host = (address.hostname or "").rstrip(".")
        odd = address.username is not None or address.password is not None or address.port not in (None, 80, 443)
    except ValueError:
        raise ValueError("the QR code holds a broken address") from None
    if odd or not _PUBLIC_HOST.fullmatch(host):
        raise ValueError("the address in the QR code is not one of a registration authority (….gov.cn)")
    path = unquote(address.path)
    values = [*path.split("/"), *(value for _, value in parse_qsl(f"{address.query}&{unquote(address.fragment)}"))]
    codes = {value for value in values if _is_code(value)}
    tokens = {match[1]: match[2] for value in values for match in _TOKEN_WITH_TIME.finditer(value)}
    if not tokens:
        tokens = {value: "" for value in values if _HEX_TOKEN.fullmatch(value)}
    if not codes and not tokens:
        raise ValueError("the address in the QR code holds neither a unified code nor a licence token")
    token = _only(tokens, "licence token")
    stamp = tokens.get(token or "", "")
    return LicenceReading(
        uscc=_only(codes, "unified code"),
        token=token,
        host=host,
        stamped_at=from_micros(int(stamp) * 1000) if stamp else None,
    )


def _from_labels(text: str) -> LicenceReading:
    if labelled := set(_LABELLED.findall(text)):
        code = _only(labelled, "unified code")
        return LicenceReading(uscc=check_uscc(code or "").code)
    found = {value for value in _CODE.findall(text) if _is_code(value)}
    if not found:
        raise ValueError("the text of the QR code holds no valid unified code")
    return LicenceReading(uscc=_only(found, "unified code"))


def _is_code(text: str) -> bool:
    try:
        check_uscc(text)
    except ValueError:
        return False
    return True


def _only(found: Iterable[str], what: str) -> str | None:
    several = sorted(found)
    if len(several) > 1:
        raise ValueError(f"the QR code holds more than one {what}; it may have been tampered with")
    return several[0] if several else None
