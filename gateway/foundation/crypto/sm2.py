"""SM2 signatures (GB/T 32918.2-2016, curve of GB/T 32918.5-2017) behind one small interface.

The digest ``e = SM3(Z || message)`` and every check of form are computed here, so that all providers judge alike:
a malformed signature or a point off the curve is simply False. The distinguishing ID is always the standard one
(GB/T 35276-2017 clause 10) unless a caller names another; an empty ID, as some tools use, makes signatures that fail.

Two providers: ``gmssl-pyx`` (a wheel), and the system's libcrypto 3.x where there is no such wheel (64-bit Arm) or no
working one. ``default_provider`` takes the first that passes its self test. An HSM comes behind the same Protocol.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final, Protocol

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from gateway.foundation.crypto.sm import sm3
from gateway.words.errors import SettingsError
from gateway.words.saying import say

DEFAULT_ID: Final = b"1234567812345678"

_P: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_A: Final = _P - 3
_B: Final = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
_N: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_G: Final = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
_CURVE: Final = b"".join(number.to_bytes(32, "big") for number in (_A, _B, *_G))


class Sm2Provider(Protocol):
    """Signs and verifies with SM2. Private keys are 32 bytes, public keys 65 (``04 || x || y``), signatures DER."""

    name: str

    def __hash__(self) -> int:
        """Providers are keys of what was verified already."""
        ...

    def generate(self) -> tuple[bytes, bytes]:
        """A new key pair: (private, public)."""
        ...

    def sign(self, private: bytes, message: bytes, ident: bytes = DEFAULT_ID) -> bytes:
        """The DER signature ``SEQUENCE { r, s }`` of ``message``. Raises ValueError for a bad private key."""
        ...

    def verify(self, public: bytes, message: bytes, signature: bytes, ident: bytes = DEFAULT_ID) -> bool:
        """Whether ``signature`` is right. False, never an error, for garbage of any kind."""
        ...


def digest(public: bytes, message: bytes, ident: bytes = DEFAULT_ID) -> bytes:
    """``e = SM3(Z || message)`` with ``Z`` over the ID, the curve and the public key (GB/T 32918.2 clause 5.5)."""
    z = sm3((len(ident) * 8).to_bytes(2, "big") + ident + _CURVE + public[1:])
    return sm3(z + message)


@lru_cache(maxsize=1024)
def is_public_key(public: bytes) -> bool:
    """Whether these 65 bytes are an uncompressed point of the SM2 curve. Looked at once for each key in use."""
    if len(public) != 65 or public[0] != 4:
        return False
    x, y = int.from_bytes(public[1:33], "big"), int.from_bytes(public[33:], "big")
    return x < _P and y < _P and (y * y - (x * x * x + _A * x + _B)) % _P == 0


@lru_cache(maxsize=64)
def public_of(private: bytes) -> bytes:
    """The public key of a private key (1 to n-2). Raises ValueError out of range.

    Plain integer arithmetic, a few milliseconds and not constant in time: done once for each of our own keys.
    """
    scalar = int.from_bytes(private, "big")
    if len(private) != 32 or not 1 <= scalar <= _N - 2:
        raise ValueError("an SM2 private key is 32 bytes with a value from 1 to n-2")
    result: tuple[int, int] | None = None
    for bit in bin(scalar)[2:]:
        result = _add(result, result)
        if bit == "1":
            result = _add(result, _G)
    assert result is not None
    return b"\x04" + result[0].to_bytes(32, "big") + result[1].to_bytes(32, "big")


def _add(left: tuple[int, int] | None, right: tuple[int, int] | None) -> tuple[int, int] | None:
    if left is None or right is None:
        return left or right
    (x1, y1), (x2, y2) = left, right
    if x1 == x2:
        if (y1 + y2) % _P == 0:
            return None
        slope = (3 * x1 * x1 + _A) * pow(2 * y1, -1, _P)
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, _P)
    x3 = (slope * slope - x1 - x2) % _P
    return x3, (slope * (x1 - x3) - y1) % _P


def _well_formed(signature: bytes) -> bool:
    try:
        r, s = decode_dss_signature(signature)
    except ValueError:
        return False
    return 0 < r < _N and 0 < s < _N and encode_dss_signature(r, s) == signature


class _Provider:
    """What providers share: checks of form and the digest. A child signs and verifies 32-byte digests."""

    name = ""

    def generate(self) -> tuple[bytes, bytes]:
        private = (secrets.randbelow(_N - 2) + 1).to_bytes(32, "big")
        return private, public_of(private)

    def sign(self, private: bytes, message: bytes, ident: bytes = DEFAULT_ID) -> bytes:
        public = public_of(private)
        return self._sign(private, public, digest(public, message, ident))

    def verify(self, public: bytes, message: bytes, signature: bytes, ident: bytes = DEFAULT_ID) -> bool:
        if not is_public_key(public) or not _well_formed(signature):
            return False
        return self._verify(public, digest(public, message, ident), signature)

    def _sign(self, private: bytes, public: bytes, e: bytes) -> bytes:
        raise NotImplementedError

    def _verify(self, public: bytes, e: bytes, signature: bytes) -> bool:
        raise NotImplementedError


class GmsslProvider(_Provider):
    """SM2 by ``gmssl-pyx`` (GmSSL in C). Raises ImportError where it is not installed.

    The C code writes a line to stderr for each signature that does not verify; the answer is still only False.
    """

    name = "gmssl-pyx"

    def __init__(self) -> None:
        import gmssl_pyx

        self._gmssl = gmssl_pyx

    def _sign(self, private: bytes, public: bytes, e: bytes) -> bytes:  # noqa: ARG002
        return bytes(self._gmssl.sm2_sign_sm3_digest(private, e))

    def _verify(self, public: bytes, e: bytes, signature: bytes) -> bool:
        try:
            return bool(self._gmssl.sm2_verify_sm3_digest(public[1:], e, signature))
        except self._gmssl.GmsslInnerError:
            return False


_SPKI: Final = bytes.fromhex("3059301306072A8648CE3D020106082A811CCF5501822D034200")
_PKCS8: Final = bytes.fromhex("308187020100301306072A8648CE3D020106082A811CCF5501822D046D306B0201010420")
_PKCS8_PUBLIC: Final = bytes.fromhex("A144034200")


class LibcryptoProvider(_Provider):
    """SM2 by the system's libcrypto 3.x over ctypes: several times faster, and it lets go of the interpreter lock.

    Raises OSError where there is none or it is too old. Its binary interface is proved by ``check_provider``.
    """

    name = "libcrypto"

    def __init__(self) -> None:
        path = ctypes.util.find_library("crypto")
        if path is None:
            raise OSError("no libcrypto on this system")
        lib = ctypes.CDLL(path)
        pointer, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
        self._lib = lib

        def declare(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
            function = getattr(lib, name, None)
            if function is None:
                raise OSError(f"libcrypto has no {name}")
            function.restype, function.argtypes = result, arguments
            return function  # type: ignore[no-any-return]

        if declare("OpenSSL_version_num", ctypes.c_ulong)() < 0x30000000:
            raise OSError("libcrypto is older than 3.0")
        reference = ctypes.POINTER(text)
        self._load_public = declare("d2i_PUBKEY", pointer, pointer, reference, ctypes.c_long)
        self._load_private = declare("d2i_AutoPrivateKey", pointer, pointer, reference, ctypes.c_long)
        self._free_key = declare("EVP_PKEY_free", None, pointer)
        self._context = declare("EVP_PKEY_CTX_new", pointer, pointer, pointer)
        self._free_context = declare("EVP_PKEY_CTX_free", None, pointer)
        self._sign_init = declare("EVP_PKEY_sign_init", ctypes.c_int, pointer)
        self._evp_sign = declare("EVP_PKEY_sign", ctypes.c_int, pointer, text, ctypes.POINTER(size), text, size)
        self._verify_init = declare("EVP_PKEY_verify_init", ctypes.c_int, pointer)
        self._evp_verify = declare("EVP_PKEY_verify", ctypes.c_int, pointer, text, size, text, size)
        self._clear_errors = declare("ERR_clear_error", None)

    @contextmanager
    def _key(self, load: Callable[..., Any], der: bytes) -> Iterator[Any]:
        key = load(None, ctypes.byref(ctypes.c_char_p(der)), len(der))
        context = self._context(key, None) if key else None
        try:
            if not context:
                raise ValueError("libcrypto refuses this SM2 key")
            yield context
        finally:
            self._free_context(context)
            self._free_key(key)
            self._clear_errors()

    def _sign(self, private: bytes, public: bytes, e: bytes) -> bytes:
        with self._key(self._load_private, _PKCS8 + private + _PKCS8_PUBLIC + public) as context:
            out, length = ctypes.create_string_buffer(80), ctypes.c_size_t(80)
            if self._sign_init(context) != 1 or self._evp_sign(context, out, ctypes.byref(length), e, len(e)) != 1:
                raise ValueError("libcrypto could not sign")
            return out.raw[: length.value]

    def _verify(self, public: bytes, e: bytes, signature: bytes) -> bool:
        with self._key(self._load_public, _SPKI + public) as context:
            started: bool = self._verify_init(context) == 1
            return started and bool(self._evp_verify(context, signature, len(signature), e, len(e)) == 1)


# GB/T 32918.5-2017 annex A.2: the standard's own key, message and signature.
VECTOR_PRIVATE: Final = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
VECTOR_PUBLIC: Final = bytes.fromhex(
    "0409F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
VECTOR_MESSAGE: Final = b"message digest"
VECTOR_SIGNATURE: Final = encode_dss_signature(
    0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3,
    0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA,
)


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep GmSSL's own "does not verify" lines off stderr while that is what we want to see."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def check_provider(provider: Sm2Provider) -> None:
    """Prove a provider with the standard's vector, a flipped bit and a round trip. Raises ValueError if it fails."""
    if not provider.verify(VECTOR_PUBLIC, VECTOR_MESSAGE, VECTOR_SIGNATURE):
        raise ValueError(f"{provider.name}: the signature of GB/T 32918.5 does not verify")
    flipped = VECTOR_SIGNATURE[:-1] + bytes([VECTOR_SIGNATURE[-1] ^ 1])
    with _hushed():
        if provider.verify(VECTOR_PUBLIC, VECTOR_MESSAGE, flipped):
            raise ValueError(f"{provider.name}: an altered signature verifies")
    made = provider.sign(VECTOR_PRIVATE, VECTOR_MESSAGE)
    if not provider.verify(VECTOR_PUBLIC, VECTOR_MESSAGE, made):
        raise ValueError(f"{provider.name}: its own signature does not verify")


_chosen: Sm2Provider | None = None
_choosing = threading.Lock()


def default_provider() -> Sm2Provider:
    """The first provider of this machine that passes its self test. Raises SettingsError when none does."""
    global _chosen
    with _choosing:
        if _chosen is None:
            _chosen = _choose((GmsslProvider, LibcryptoProvider))
        return _chosen


def _choose(kinds: tuple[Callable[[], Sm2Provider], ...]) -> Sm2Provider:
    reasons: list[str] = []
    for kind in kinds:
        try:
            provider = kind()
            check_provider(provider)
        except (ImportError, OSError, ValueError) as error:
            reasons.append(str(error))
        else:
            return provider
    raise SettingsError(
        "crypto.sm2",
        say("keys.no_sm2", reasons=reasons),
    )
