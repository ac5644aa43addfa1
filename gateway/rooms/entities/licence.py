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
from gateway.words.saying import UnfitError, say

LONGEST = 3000  # a QR code holds less than 2953 bytes (ISO/IEC 18004)

_TOKEN_WITH_TIME = re.compile(r"\{([0-9A-Za-z_-]{8,128})-([0-9]{13})\}")
_HEX_TOKEN = re.compile(r"[0-9a-fA-F]{32,64}")
_BARE_TOKEN = re.compile(r"[0-9A-Za-z_-]{16,128}")
_CODE = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z]{18}(?![0-9A-Za-z])")
_LABELLED = re.compile(r"(?:统一社会信用代码|uniscid)\s*(?:/\s*注册号)?\s*[:：=]\s*([0-9A-Za-z]+)", re.IGNORECASE)
_REGISTRATION_NUMBER = re.compile(r"[0-9]{13}|[0-9]{15}")
_NUMBERED = re.compile(r"注\s*册\s*号\s*[:：=]?\s*([0-9A-Za-z]+)")
_SEARCH_BY_NAME = say("entities.search_by_name")
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
        raise UnfitError(say("entities.qr_long", length=len(text)))
    text = clean_text(text.replace("\r\n", "\n").replace("\t", " "), multiline=True)
    if re.match(r"https?://", text, re.IGNORECASE):
        return _from_address(text)
    if re.fullmatch(r"[0-9A-Za-z]{18}", text):
        return LicenceReading(uscc=check_uscc(text).code)
    if (numbered := _NUMBERED.search(text)) and _REGISTRATION_NUMBER.fullmatch(numbered[1]):
        raise UnfitError(_SEARCH_BY_NAME)
    if _LABELLED.search(text) or not text.isascii():
        return _from_labels(text)
    if _REGISTRATION_NUMBER.fullmatch(text):
        raise UnfitError(_SEARCH_BY_NAME)
    if _BARE_TOKEN.fullmatch(text):
        return LicenceReading(token=text)
    raise UnfitError(say("entities.qr_none"))


def _from_address(text: str) -> LicenceReading:
    try:
        address = urlsplit(text)
        host = (address.hostname or "").rstrip(".")
        odd = address.username is not None or address.password is not None or address.port not in (None, 80, 443)
    except ValueError:
        raise UnfitError(say("entities.qr_address")) from None
    if odd or not _PUBLIC_HOST.fullmatch(host):
        raise UnfitError(say("entities.qr_foreign"))
    path = unquote(address.path)
    values = [*path.split("/"), *(value for _, value in parse_qsl(f"{address.query}&{unquote(address.fragment)}"))]
    codes = {value for value in values if _is_code(value)}
    tokens = {match[1]: match[2] for value in values for match in _TOKEN_WITH_TIME.finditer(value)}
    if not tokens:
        tokens = {value: "" for value in values if _HEX_TOKEN.fullmatch(value)}
    if not codes and not tokens:
        raise UnfitError(say("entities.qr_empty"))
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
        raise UnfitError(say("entities.qr_no_code"))
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
        raise UnfitError(say("entities.qr_twice", what=what))
    return several[0] if several else None
