"""API keys and passwords: how they are made and checked. Pure but for randomness.

A key is ``gwk_<id>_<secret>`` (clients) or ``gwo_<id>_<secret>`` (operators): the id finds the row, the secret's 192
random bits are kept only as SM3, which needs no slow hash. Passwords, which people choose, are kept by scrypt
(RFC 7914).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Final

from gateway.foundation.crypto.sm import same, sm3

CLIENT_KEY: Final = "gwk"
OPERATOR_KEY: Final = "gwo"

_TOKEN: Final = re.compile(r"(gwk|gwo)_([0-9a-f]{32})_([0-9a-f]{48})")
_SCRYPT_1: Final = {"n": 2**14, "r": 8, "p": 5, "maxmem": 64 * 1024 * 1024}


@dataclass(frozen=True)
class Token:
    """A key taken apart: ``key_id`` as in the database, ``digest`` of its secret."""

    kind: str
    key_id: str
    digest: bytes


def make_token(kind: str, key_id: str) -> tuple[str, bytes]:
    """A new key for the row ``key_id`` (``key_…``): what its owner is shown once, and the digest that is kept."""
    secret = secrets.token_hex(24)
    return f"{kind}_{key_id.removeprefix('key_')}_{secret}", sm3(secret.encode())


def read_token(token: str) -> Token | None:
    """A presented key taken apart; None if it is not one."""
    match = _TOKEN.fullmatch(token)
    return Token(match[1], f"key_{match[2]}", sm3(match[3].encode())) if match else None


def key_id_of(token: str) -> str:
    """Which key was presented, without its secret; for what is no key of ours nothing of it is told."""
    presented = read_token(token)
    return "(no key)" if presented is None else presented.key_id


def hash_password(password: str) -> bytes:
    """What is kept of a password: version, salt and scrypt hash. Takes some tenths of a second of one core."""
    salt = secrets.token_bytes(16)
    return b"\x01" + salt + hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT_1)


def check_password(password: str, kept: bytes) -> bool:
    """Whether a password is the one kept. As slow as ``hash_password``."""
    salt, expected = kept[1:17], kept[17:]
    made = hashlib.scrypt(password.encode("utf-8", "replace"), salt=salt, **_SCRYPT_1)
    return kept[:1] == b"\x01" and same(made, expected)
