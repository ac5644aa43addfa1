"""SM3, HMAC-SM3, HKDF-SM3, SM4-GCM and AES-GCM: thin words over ``cryptography``.

Sources: GB/T 32905-2016 (SM3), GB/T 32907-2016 (SM4), RFC 8998 (SM4-GCM), RFC 2104 (HMAC), RFC 5869 (HKDF).
All functions take and return bytes; keys are raw.
"""

from __future__ import annotations

import hmac
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
_PIECE: Final = 256 * 1024
"""Bytes that are ciphered at a time: one call for 12 MB kept every thread of the process waiting for 80 ms."""

_SM3 = hashes.SM3()
_BEGUN = hashes.Hash(_SM3)  # a copy of what was begun costs half of beginning anew


def sm3(data: bytes) -> bytes:
    """The 32-byte SM3 digest of ``data``."""
    digest = _BEGUN.copy()
    digest.update(data)
    return digest.finalize()


def hmac_sm3(key: bytes, data: bytes) -> bytes:
    """The 32-byte HMAC of ``data`` with SM3."""
    mac = HMAC(key, _SM3)
    mac.update(data)
    return mac.finalize()


def same(left: bytes, right: bytes) -> bool:
    """Compare two secrets in time that does not depend on where they differ."""
    return hmac.compare_digest(left, right)


def hkdf_sm3(key: bytes, info: bytes, length: int = 32) -> bytes:
    """A key of ``length`` bytes derived from ``key`` for the purpose ``info`` (HKDF with SM3, no salt)."""
    return HKDF(algorithm=_SM3, length=length, salt=None, info=info).derive(key)


def sm4_gcm_seal(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """SM4-GCM ciphertext followed by its 16-byte tag. ``key`` 16 bytes, ``nonce`` 12 and never reused with the key."""
    cipher = Cipher(SM4(key), modes.GCM(nonce)).encryptor()
    cipher.authenticate_additional_data(aad)
    pieces = _ciphered(cipher, plaintext, len(plaintext))
    return b"".join((*pieces, cipher.finalize(), cipher.tag))


def sm4_gcm_open(key: bytes, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
    """The plaintext of ``sm4_gcm_seal``. Raises ValueError when anything was altered."""
    if len(sealed) < TAG_BYTES:
        raise ValueError("sealed data is shorter than its tag")
    cipher = Cipher(SM4(key), modes.GCM(nonce, sealed[-TAG_BYTES:])).decryptor()
    cipher.authenticate_additional_data(aad)
    try:
        return b"".join((*_ciphered(cipher, sealed, len(sealed) - TAG_BYTES), cipher.finalize()))
    except InvalidTag:
        raise ValueError("authentication failed: wrong key, wrong context or altered data") from None


def _ciphered(cipher: CipherContext, text: bytes, size: int) -> list[bytes]:
    """The first ``size`` bytes of a text, piece by piece."""
    if size <= _PIECE:
        return [cipher.update(text[:size])]
    view = memoryview(text)
    return [cipher.update(view[at : min(at + _PIECE, size)]) for at in range(0, size, _PIECE)]


def aes_gcm_seal(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """AES-GCM ciphertext followed by its 16-byte tag. ``key`` 32 bytes for AES-256."""
    return AESGCM(key).encrypt(nonce, plaintext, aad)


def aes_gcm_open(key: bytes, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
    """The plaintext of ``aes_gcm_seal``. Raises ValueError when anything was altered."""
    try:
        return AESGCM(key).decrypt(nonce, sealed, aad)
    except InvalidTag:
        raise ValueError("authentication failed: wrong key, wrong context or altered data") from None
