"""API keys and passwords: how they are made and checked. Pure but for randomness.

A key is ``gwk_<id>_<secret>`` (clients), ``gwt_<id>_<secret>`` (clients, in sandboxes) or ``gwo_<id>_<secret>``
(operators): the id finds the row, the secret's 192 random bits are kept only as SM3, which needs no slow hash.
Passwords, which people choose, are kept by argon2id with the second recommended choice of RFC 9106, section 4: 64 MiB,
three passes, four lanes.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from gateway.foundation.crypto.sm import sm3

CLIENT_KEY: Final = "gwk"
TEST_KEY: Final = "gwt"
OPERATOR_KEY: Final = "gwo"

_TOKEN: Final = re.compile(r"(gw[kot])_([0-9a-f]{32})_([0-9a-f]{48})")
_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
NOBODY: Final = f"$argon2id$v=19$m=65536,t=3,p=4${'A' * 22}${'A' * 43}".encode()
"""What an unknown login's password is compared with, to take as long. No password is."""


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
    """What is kept of a password: parameters, salt and hash. Takes some tenths of a second of one core."""
    return _HASHER.hash(password).encode("ascii")


def one_time_password() -> str:
    """A password for one sign-in, after which the person chooses another: 80 random bits, in four groups to type."""
    letters = "23456789abcdefghjkmnpqrstuvwxyz"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


def check_password(password: str, kept: bytes) -> bool:
    """Whether a password is the one kept. As slow as ``hash_password``."""
    try:
        return _HASHER.verify(kept, password.encode("utf-8", "replace"))
    except (VerificationError, InvalidHashError):
        return False
