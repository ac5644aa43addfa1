"""Texts that the other side encrypts inside a message, such as the content of a notice: AES-256-GCM or SM4-GCM.

Sources: NIST SP 800-38D (GCM), RFC 8998 (SM4-GCM). The tag of 16 bytes stands behind the ciphertext, the nonce has 12,
as both say; what is authenticated beside the text is the contract's. Whoever opens a callback hands the text on in
``OpenedCallback.decrypted``, so that it is kept with the exact bytes and shown masked.
"""

from __future__ import annotations

from typing import Final, Literal

from gateway.foundation.crypto.sm import (
    NONCE_BYTES,
    aes_gcm_open,
    aes_gcm_seal,
    sm4_gcm_open,
    sm4_gcm_seal,
)
from gateway.words.errors import ContractError, ForgedCallbackError

Algorithm = Literal["aes-256-gcm", "sm4-gcm"]
_KEY_BYTES: Final = {"aes-256-gcm": 32, "sm4-gcm": 16}


class MessageCipher:
    """One key of both sides. ValueError for a key of another length than the algorithm's."""

    def __init__(self, key: bytes, algorithm: Algorithm) -> None:
        if len(key) != _KEY_BYTES[algorithm]:
            raise ValueError(f"a key of {len(key)} bytes; {algorithm} takes {_KEY_BYTES[algorithm]}")
        self._key = key
        self._sm4 = algorithm == "sm4-gcm"

    def seal(self, nonce: bytes, text: bytes, beside: bytes = b"") -> bytes:
        """The text encrypted, its tag behind it. A nonce of 12 bytes, never used again under this key."""
        return (sm4_gcm_seal if self._sm4 else aes_gcm_seal)(self._key, nonce, text, beside)

    def open(self, nonce: bytes, sealed: bytes, beside: bytes = b"", *, authentic: bool = False) -> bytes:
        """The text. ``beside`` is what was authenticated with it.

        Raises ForgedCallbackError: altered, or of somebody without the key. ``authentic`` says that the message's
        signature was found right already; then it is ours and cannot be read, perhaps because keys were changed on one
        side alone, and ContractError has it kept and looked at.
        """
        try:
            if len(nonce) != NONCE_BYTES:
                raise ValueError(f"a nonce of {len(nonce)} bytes")
            return (sm4_gcm_open if self._sm4 else aes_gcm_open)(self._key, nonce, sealed, beside)
        except ValueError as error:
            if authentic:
                raise ContractError(f"an authentic message that does not decrypt: {error}") from None
            raise ForgedCallbackError(f"does not decrypt: {error}") from None
