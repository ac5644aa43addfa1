"""Envelope encryption of personal columns and exact bytes, and blind indexes for equality search.

A sealed value carries all that is needed to open it but the key-encryption key::

    fmt(1) | alg(1) | length(1) kid | length(1) wrapped data key | nonce(12) | ciphertext and tag

Format 1 encrypts the value itself, format 2 the value packed (``crypto.packing``), where that is shorter. The format is
authenticated too.

The data key is this process's own, made at start and replaced long before random 96-bit nonces could meet (NIST SP
800-38D clause 8.3 allows 2^32; here 2^24), so nodes never share a nonce space. The context (table, column, record) is
authenticated: a value moved to another row does not open. ``rewrap`` moves a value to the current key-encryption key
without touching its ciphertext.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from typing import Final

from gateway.foundation.crypto import packing
from gateway.foundation.crypto.keys import (
    EVIDENCE_KEY,
    HEAD_KEY,
    INDEX_KEY,
    FileKeys,
    KeyProvider,
    numbered,
)
from gateway.foundation.crypto.sm import (
    NONCE_BYTES,
    aes_gcm_open,
    aes_gcm_seal,
    hkdf_sm3,
    hmac_sm3,
    sm4_gcm_open,
    sm4_gcm_seal,
)
from gateway.words.errors import GatewayError, SettingsError
from gateway.words.saying import say

_PLAIN, _PACKED = 1, 2
_USES: Final = 1 << 24


class EnvelopeError(GatewayError):
    """A sealed value does not open: altered, moved to another place, or its key is not here."""


class Algorithm(IntEnum):
    """How the content is encrypted; the number is in the header. SM4-GCM (RFC 8998) unless settings say otherwise."""

    SM4_GCM = 1
    AES_256_GCM = 2


_KEY_BYTES: Final = {Algorithm.SM4_GCM: 16, Algorithm.AES_256_GCM: 32}


@dataclass
class _DataKey:
    kid: str
    key: bytes
    header: bytes
    """From the algorithm on: what stands before it is the format."""
    left: int


@dataclass(frozen=True)
class _Parts:
    format: int
    algorithm: Algorithm
    kid: str
    wrapped: bytes
    nonce: bytes
    content: bytes


class Envelope:
    """Seals and opens values under the keys of a provider. Safe to use from several threads."""

    def __init__(self, keys: KeyProvider, algorithm: Algorithm = Algorithm.SM4_GCM) -> None:
        self._keys = keys
        self._algorithm = algorithm
        self._lock = threading.Lock()
        self._current: _DataKey | None = None
        self._unwrap = lru_cache(maxsize=4096)(keys.unwrap)
        self._moved = lru_cache(maxsize=4096)(self._rewrapped)
        self._index_key = lru_cache(maxsize=256)(
            lambda purpose, number: hkdf_sm3(keys.secret(INDEX_KEY, number), f"blind index: {purpose}".encode())
        )

    def seal(self, plaintext: bytes, context: str, *, pack: bool = True) -> bytes:
        """Encrypt ``plaintext`` for the place named by ``context``, such as ``party.id_number|pty_…``.

        ``pack=False``: it is packed already, so trying again would only take time.
        """
        data_key = self._data_key()
        nonce = secrets.token_bytes(NONCE_BYTES)
        small = packing.packed(plaintext) if pack else None
        form, content = (_PLAIN, plaintext) if small is None else (_PACKED, small)
        seal = sm4_gcm_seal if self._algorithm is Algorithm.SM4_GCM else aes_gcm_seal
        sealed = seal(data_key.key, nonce, content, _aad(form, self._algorithm, context))
        return bytes([form]) + data_key.header + nonce + sealed

    def open(self, blob: bytes, context: str) -> bytes:
        """The plaintext sealed for ``context``. Raises EnvelopeError."""
        parts = _split(blob)
        try:
            key = self._unwrap(parts.kid, parts.wrapped)
            open_ = sm4_gcm_open if parts.algorithm is Algorithm.SM4_GCM else aes_gcm_open
            content = open_(key, parts.nonce, parts.content, _aad(parts.format, parts.algorithm, context))
            return packing.unpacked(content) if parts.format == _PACKED else content
        except ValueError as error:
            raise EnvelopeError(f"sealed value for {context!r} does not open: {error}") from None

    def rewrap(self, blob: bytes) -> bytes:
        """The same sealed value under the current key-encryption key; the content is not decrypted."""
        parts = _split(blob)
        if parts.kid == self._keys.current():
            return blob
        try:
            header = self._moved(parts.algorithm, parts.kid, parts.wrapped, self._keys.current())
        except ValueError as error:
            raise EnvelopeError(str(error)) from None
        return bytes([parts.format]) + header + parts.nonce + parts.content

    def has_key_of(self, blob: bytes) -> bool:
        """Whether a value was sealed under keys that are here. Nothing of it is decrypted but its data key."""
        parts = _split(blob)
        try:
            self._unwrap(parts.kid, parts.wrapped)
        except ValueError:
            return False
        return True

    def key_id(self, blob: bytes) -> str:
        """Id of the key-encryption key that a sealed value is under."""
        return _split(blob).kid

    def blind_index(self, value: str, purpose: str) -> bytes:
        """Bytes by which equal values are found without decrypting; differs by purpose (HMAC-SM3).

        They say under which key they were made: 32 bytes under the first one, 34 under later ones.
        """
        return self._index(value, purpose, self._keys.number(INDEX_KEY))

    def blind_indexes(self, value: str, purpose: str) -> tuple[bytes, ...]:
        """Under what a value may be found now: more than one only while the key of the indexes is being changed."""
        return tuple(self._index(value, purpose, number) for number in self._keys.live(INDEX_KEY))

    def _index(self, value: str, purpose: str, number: int) -> bytes:
        return numbered(hmac_sm3(self._index_key(purpose, number), value.encode()), number)

    def _rewrapped(self, algorithm: Algorithm, kid: str, wrapped: bytes, _to: str) -> bytes:
        """The header of what was sealed with a data key, under the current key. Values share data keys: kept."""
        return _header(algorithm, *self._keys.wrap(self._unwrap(kid, wrapped)))

    def _data_key(self) -> _DataKey:
        with self._lock:
            current = self._current
            if current is None or current.left == 0 or current.kid != self._keys.current():
                key = secrets.token_bytes(_KEY_BYTES[self._algorithm])
                kid, wrapped = self._keys.wrap(key)
                current = self._current = _DataKey(kid, key, _header(self._algorithm, kid, wrapped), _USES)
            current.left -= 1
            return current


def _header(algorithm: Algorithm, kid: str, wrapped: bytes) -> bytes:
    name = kid.encode()
    return bytes([algorithm, len(name)]) + name + bytes([len(wrapped)]) + wrapped


def _aad(form: int, algorithm: Algorithm, context: str) -> bytes:
    return bytes([form, algorithm]) + context.encode()


def installed_keys(directory: Path, sealed: bytes | None) -> FileKeys:
    """The keys of an installation. ``sealed``: any value that its database holds; None where nothing is sealed yet.

    Keys are made only where nothing is sealed: then all that a start needs, at once. Otherwise a folder that is
    missing, incomplete or another installation's raises SettingsError, before anything is sealed under the wrong key.
    """
    if sealed is None:
        keys = FileKeys(directory)
        for name in (INDEX_KEY, EVIDENCE_KEY):
            keys.secret(name)
        keys.public(HEAD_KEY)
        return keys
    key, cure = "keys.directory", "Mount the folder of keys, or restore it from its backup; new keys open nothing."
    if not any(directory.glob("kek-*.key")):
        raise SettingsError(key, say("keys.none_here", directory=directory), cure)
    keys = FileKeys(directory, create=False)
    for name in (INDEX_KEY, EVIDENCE_KEY, HEAD_KEY):
        keys.secret(name)
    if not Envelope(keys).has_key_of(sealed):
        raise SettingsError(key, say("keys.others_here", directory=directory), cure)
    return FileKeys(directory)


def _split(blob: bytes) -> _Parts:
    try:
        if blob[0] not in (_PLAIN, _PACKED):
            raise EnvelopeError(f"sealed value has unknown format {blob[0]}")
        algorithm = Algorithm(blob[1])
        at = 3 + blob[2]
        kid = blob[3:at].decode()
        end = at + 1 + blob[at]
        wrapped, nonce, content = blob[at + 1 : end], blob[end : end + NONCE_BYTES], blob[end + NONCE_BYTES :]
    except (IndexError, ValueError):
        raise EnvelopeError("not a sealed value") from None
    if len(nonce) != NONCE_BYTES:
        raise EnvelopeError("not a sealed value")
    return _Parts(blob[0], algorithm, kid, wrapped, nonce, content)
