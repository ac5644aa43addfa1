"""One-time codes 动态口令: six digits that change every thirty seconds (RFC 6238 over RFC 4226, HMAC-SHA-1).

SHA-1 because every authenticator knows it; a MAC does not rest on its collisions. Pure but for randomness.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

STEP_SECONDS: Final = 30
_DIGITS: Final = 6
_DRIFT: Final = 1
"""So many steps before and after now are taken: clocks differ, and people type slowly (RFC 6238 section 5.2)."""


def new_secret() -> bytes:
    """A new secret of 160 bits, as RFC 4226 section 4 recommends."""
    return secrets.token_bytes(20)


def written(secret: bytes) -> str:
    """A secret as people type it: base 32 in fours."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[place : place + 4] for place in range(0, len(text), 4))


def address(secret: bytes, issuer: str, login: str) -> str:
    """What an authenticator reads from a QR code."""
    named = urlencode({"secret": base64.b32encode(secret).decode(), "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{quote(issuer)}:{quote(login)}?{named}"


def step_at(instant: datetime) -> int:
    """The number of the time step that holds an instant."""
    return int(instant.timestamp()) // STEP_SECONDS


def code_of(secret: bytes, step: int) -> str:
    """The code of a time step (RFC 4226 section 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    place = digest[-1] & 15
    number = int.from_bytes(digest[place : place + 4], "big") & 0x7FFFFFFF
    return str(number % 10**_DIGITS).zfill(_DIGITS)


def step_of(secret: bytes, code: str, now: datetime, after: int | None) -> int | None:
    """Which step near now has this code; None where none has, or the last code taken was of that step or later.

    ``after``: the step of the last code taken, None before the first.
    """
    given = "".join(code.split()).encode("utf-8", "replace")
    here = step_at(now)
    for step in range(here - _DRIFT, here + _DRIFT + 1):
        if hmac.compare_digest(code_of(secret, step).encode(), given) and (after is None or step > after):
            return step
    return None
