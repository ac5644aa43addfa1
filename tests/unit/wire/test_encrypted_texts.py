"""Encrypted content of messages: the standards' vectors, and what does not open."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import contracts
from gateway.foundation.wire.encrypted import MessageCipher
from gateway.words.errors import ContractError, ForgedCallbackError

VECTORS = json.loads(contracts.read_text("signing/v1/vectors/encryption.json"))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_standards_vectors_hold_in_both_directions(vector: dict[str, Any]) -> None:
    cipher = MessageCipher(bytes.fromhex(vector["key"]), vector["algorithm"])
    nonce, beside, text, sealed = (bytes.fromhex(vector[name]) for name in ("nonce", "beside", "text", "sealed"))
    assert cipher.open(nonce, sealed, beside) == text
    assert cipher.seal(nonce, text, beside) == sealed


@pytest.mark.parametrize("algorithm", ["aes-256-gcm", "sm4-gcm"])
@given(st.binary(max_size=60), st.data())
def test_one_changed_bit_anywhere_does_not_open(algorithm: Any, text: bytes, data: st.DataObject) -> None:
    cipher = MessageCipher(b"k" * (32 if algorithm == "aes-256-gcm" else 16), algorithm)
    parts = [b"n" * 12, cipher.seal(b"n" * 12, text, b"beside"), b"beside"]
    which = data.draw(st.integers(0, 2))
    bit = data.draw(st.integers(0, len(parts[which]) * 8 - 1))
    altered = bytearray(parts[which])
    altered[bit // 8] ^= 1 << bit % 8
    parts[which] = bytes(altered)
    with pytest.raises(ForgedCallbackError):
        cipher.open(*parts)
    with pytest.raises(ContractError):  # its signature was right: ours, and not readable
        cipher.open(*parts, authentic=True)


@pytest.mark.parametrize("sealed", [b"", b"x" * 15])
@pytest.mark.parametrize("nonce", [b"", b"n" * 11, b"n" * 13, b"n" * 12])
def test_what_is_too_short_or_too_long_is_refused_and_not_an_error_of_ours(nonce: bytes, sealed: bytes) -> None:
    for algorithm, length in (("aes-256-gcm", 32), ("sm4-gcm", 16)):
        with pytest.raises(ForgedCallbackError):
            MessageCipher(b"k" * length, algorithm).open(nonce, sealed)  # type: ignore[arg-type]


def test_a_key_of_another_length_stops_the_start() -> None:
    for length, algorithm in ((16, "aes-256-gcm"), (32, "sm4-gcm"), (0, "sm4-gcm")):
        with pytest.raises(ValueError, match=f"{length} bytes"):
            MessageCipher(b"k" * length, algorithm)  # type: ignore[arg-type]
