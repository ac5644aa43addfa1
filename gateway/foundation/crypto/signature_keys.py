"""Keys that messages are signed and checked with: HMAC with SM3 or SHA-256, RSA with SHA-256, SM2 with SM3.

A key holds what we sign with and what the other side's signatures are checked by. With HMAC that is one secret; else it
is our private key and one or more public keys of theirs, several while they change certificates. Keys are PEM (PKCS#8,
SubjectPublicKeyInfo, a certificate of which only the key counts), SM2 keys also hexadecimal digits as they are handed
out: 64 for a private key, 128 or 130 for a public one.

Sources: RFC 2104 (HMAC), RFC 8017 section 8.2 (RSASSA-PKCS1-v1_5), GB/T 32918.2-2016 (SM2), GB/T 32905-2016 (SM3).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Literal, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from gateway.foundation.crypto import der as asn1
from gateway.foundation.crypto.certificates import EC_PUBLIC_KEY, SM2_CURVE, parse_certificate
from gateway.foundation.crypto.sm import hmac_sm3, same
from gateway.foundation.crypto.sm2 import DEFAULT_ID, default_provider, is_public_key, public_of

_RSA_BITS: Final = 2048
_PEM: Final = re.compile(r"-----BEGIN ([A-Z ]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----")


class SignatureKey(Protocol):
    """Signs what we send, and checks what the other side has signed."""

    def sign(self, data: bytes) -> bytes:
        """The signature of ``data``."""
        ...

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Whether the other side made this signature of ``data``. False, never an error, for garbage of any kind."""
        ...


class HmacKey:
    """One secret of both sides."""

    def __init__(self, secret: bytes, digest: Literal["sm3", "sha256"] = "sm3") -> None:
        self._secret = secret
        self._digest = digest

    def sign(self, data: bytes) -> bytes:
        """The 32-byte HMAC."""
        if self._digest == "sm3":
            return hmac_sm3(self._secret, data)
        mac = HMAC(self._secret, hashes.SHA256())
        mac.update(data)
        return mac.finalize()

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Whether this is the HMAC, in a time that tells nothing."""
        return same(self.sign(data), signature)


class RsaKey:
    """RSA with PKCS #1 v1.5 and SHA-256. ValueError for a key that is no RSA key, or has less than 2048 bits."""

    def __init__(self, private: str, trusted: Sequence[str]) -> None:
        try:
            key = load_pem_private_key(private.encode(), None)
        except (TypeError, UnsupportedAlgorithm):  # a password, a curve that the library does not have
            key = None
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("the private key is no RSA key, or has a password")
        self._private = key
        self._trusted = [_rsa_public(pem) for pem in trusted]
        if not self._trusted:
            raise ValueError("no public key of the other side")
        if (bits := min(key.key_size, *(one.key_size for one in self._trusted))) < _RSA_BITS:
            raise ValueError(f"an RSA key of {bits} bits can be broken; {_RSA_BITS} are the least")

    def sign(self, data: bytes) -> bytes:
        """The signature, as long as the key."""
        return self._private.sign(data, padding.PKCS1v15(), hashes.SHA256())

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Whether one of the trusted keys made it."""
        for key in self._trusted:
            try:
                key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
            except InvalidSignature:
                continue
            return True
        return False


class Sm2Key:
    """SM2 with SM3 under the standard's distinguishing ID or a contract's own.

    ``form``: how a contract writes the two numbers of a signature, as DER or one behind the other in 64 bytes (裸签名).
    ValueError for keys that are none.
    """

    def __init__(
        self, private: str, trusted: Sequence[str], form: Literal["der", "raw"] = "der", ident: bytes = DEFAULT_ID
    ) -> None:
        self._private = sm2_private(private)
        self._trusted = [sm2_public(one) for one in trusted]
        if not self._trusted:
            raise ValueError("no public key of the other side")
        self._form = form
        self._ident = ident
        self._provider = default_provider()

    def sign(self, data: bytes) -> bytes:
        """A signature, another one each time."""
        made = self._provider.sign(self._private, data, self._ident)
        if self._form == "der":
            return made
        r, s = decode_dss_signature(made)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Whether one of the trusted keys made it."""
        if self._form == "raw":
            if len(signature) != 64:
                return False
            signature = encode_dss_signature(
                *(int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
            )
        return any(self._provider.verify(key, data, signature, self._ident) for key in self._trusted)


def sm2_private(text: str) -> bytes:
    """The 32 bytes of an SM2 private key. ValueError for anything else, which is not shown."""
    if re.fullmatch(r"[0-9A-Fa-f]{64}", text.strip()):
        key = bytes.fromhex(text.strip())
    else:
        label, der = _unarmoured(text)
        if label != "PRIVATE KEY":
            raise ValueError("an SM2 private key is 64 hexadecimal digits, or PEM in PKCS#8 without a password")
        _, algorithm, wrapped, *_ = asn1.sequence(asn1.read(der), 3, 4)
        _must_be_sm2(algorithm)
        _, number, *_ = asn1.sequence(asn1.read(asn1.octets(wrapped)), 2, 4)
        key = asn1.octets(number)
    public_of(key)  # ValueError out of range
    return key


def sm2_public(text: str) -> bytes:
    """The 65 bytes of an SM2 public key. ValueError for anything else."""
    digits = text.strip()
    if re.fullmatch(r"(?:04)?[0-9A-Fa-f]{128}", digits):
        key = bytes.fromhex(digits if len(digits) == 130 else f"04{digits}")
    else:
        label, der = _unarmoured(text)
        if label == "CERTIFICATE":
            key = parse_certificate(der).public
        elif label == "PUBLIC KEY":
            algorithm, point = asn1.sequence(asn1.read(der), 2)
            _must_be_sm2(algorithm)
            key = asn1.bits(point)
        else:
            raise ValueError("an SM2 public key is 128 or 130 hexadecimal digits, or PEM: a public key or certificate")
    if not is_public_key(key):
        raise ValueError("not a point of the SM2 curve")
    return key


def _must_be_sm2(algorithm: asn1.Value) -> None:
    if [asn1.oid(one) for one in algorithm.parts() if one.tag == asn1.OID] != [EC_PUBLIC_KEY, SM2_CURVE]:
        raise ValueError("the key is no SM2 key")


def _unarmoured(pem: str) -> tuple[str, bytes]:
    found = _PEM.search(pem)
    if found is None:
        return "", b""
    return found[1], base64.b64decode("".join(found[2].split()))


def _rsa_public(pem: str) -> rsa.RSAPublicKey:
    certificate = _unarmoured(pem)[0] == "CERTIFICATE"
    key: object = None
    with suppress(UnsupportedAlgorithm):
        key = (
            x509.load_pem_x509_certificate(pem.encode()).public_key()
            if certificate
            else load_pem_public_key(pem.encode())
        )
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("a public key of the other side is no RSA key")
    return key
