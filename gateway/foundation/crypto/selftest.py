"""Known-answer tests, run at every start and by ``gateway doctor``: a wrong library must not touch real data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.foundation.crypto.sm import aes_gcm_seal, hkdf_sm3, hmac_sm3, sm3, sm4_gcm_open, sm4_gcm_seal
from gateway.foundation.crypto.sm2 import check_provider, default_provider
from gateway.words.errors import SettingsError
from gateway.words.saying import Sentence, said_of, say

# RFC 8998 appendix A.1
SM4_KEY: Final = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
SM4_NONCE: Final = bytes.fromhex("00001234567800000000ABCD")
SM4_AAD: Final = bytes.fromhex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2")
SM4_PLAIN: Final = b"".join(bytes([value]) * 8 for value in bytes.fromhex("AABBCCDDEEFFEEAA"))
SM4_SEALED: Final = bytes.fromhex(
    "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735"
    "D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D"
    "83DE3541E4C2B58177E065A9BF7B62EC"
)


@dataclass(frozen=True)
class Check:
    """One self test: its name, whether it passed, and by what, or what went wrong."""

    name: str
    ok: bool
    said: Sentence | str


def _sm3() -> bool:
    # GB/T 32905-2016 annex A
    return (
        sm3(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
        and sm3(b"abcd" * 16).hex() == "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"
    )


def _hmac() -> bool:
    # input of RFC 4231 test case 1; the answer agrees between OpenSSL 3.0 and GmSSL 3
    expected = "51b00d1fb49832bfb01c3ce27848e59f871d9ba938dc563b338ca964755cce70"
    return hmac_sm3(b"\x0b" * 20, b"Hi There").hex() == expected


def _hkdf() -> bool:
    # RFC 5869 clause 2 written out with the HMAC just proved
    prk = hmac_sm3(bytes(32), b"key")
    first = hmac_sm3(prk, b"info\x01")
    return hkdf_sm3(b"key", b"info", 40) == first + hmac_sm3(prk, first + b"info\x02")[:8]


def _sm4() -> bool:
    return (
        sm4_gcm_seal(SM4_KEY, SM4_NONCE, SM4_PLAIN, SM4_AAD) == SM4_SEALED
        and sm4_gcm_open(SM4_KEY, SM4_NONCE, SM4_SEALED, SM4_AAD) == SM4_PLAIN
    )


def _aes() -> bool:
    # McGrew and Viega, "The Galois/Counter Mode of Operation", test case 14
    expected = "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
    return aes_gcm_seal(bytes(32), bytes(12), bytes(16), b"").hex() == expected


def _sm2() -> bool:
    check_provider(default_provider())
    return True


_TESTS: Final[tuple[tuple[str, Callable[[], bool]], ...]] = (
    ("SM3", _sm3),
    ("HMAC-SM3", _hmac),
    ("HKDF-SM3", _hkdf),
    ("SM4-GCM", _sm4),
    ("AES-256-GCM", _aes),
    ("SM2", _sm2),
)


def run() -> tuple[Check, ...]:
    """Every known-answer test; never raises."""
    checks = []
    for name, test in _TESTS:
        try:
            ok, wrong = test(), None
        except Exception as error:
            ok, wrong = False, said_of(error)
        good = default_provider().name if ok and name == "SM2" else say("keys.answers_match")
        checks.append(Check(name, ok, good if ok else wrong or say("keys.wrong_answer")))
    return tuple(checks)


def require() -> None:
    """Stop the start unless every known-answer test passes. Raises SettingsError."""
    failed = [say("keys.failed_test", name=check.name, reason=check.said) for check in run() if not check.ok]
    if failed:
        raise SettingsError("crypto", say("keys.self_test", failed=failed))
