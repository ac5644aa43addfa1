"""Signatures of the gateway's own keys, whoever holds these: a public key says by its form what signs with it.

65 bytes are an SM2 key (GB/T 32918.2-2016, with SM3 under the standard's ID). Anything longer is a SubjectPublicKeyInfo
in DER: an EC key of NIST P-256 signs with ECDSA and SHA-256 (FIPS 186-5), an RSA key with PKCS #1 v1.5 and SHA-256
(RFC 8017 section 8.2). The last two are for hardware modules without SM2.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from gateway.foundation.crypto.sm2 import Sm2Provider, default_provider

SM2_BYTES: Final = 65


def verifies(public: bytes, message: bytes, signature: bytes, provider: Sm2Provider | None = None) -> bool:
    """Whether the key behind ``public`` signed these bytes. False, never an error, for garbage of any kind."""
    if len(public) <= SM2_BYTES:
        return (provider or default_provider()).verify(public, message, signature)
    try:
        key = load_der_public_key(public)
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def algorithm_of(public: bytes) -> str:
    """What a public key signs with, in a word."""
    if len(public) == SM2_BYTES:
        return "sm2-sm3"
    return "rsa-sha256" if isinstance(load_der_public_key(public), rsa.RSAPublicKey) else "ecdsa-p256-sha256"
