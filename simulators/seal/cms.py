"""Signed data: of GB/T 35275-2017 with its own object identifiers, or of RFC 5652 with those that everybody knows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime

from asn1crypto import x509

from simulators.seal import der
from simulators.seal.pki import SM3_OID, Signer, serial_of
from simulators.seal.sm2 import sm3

RFC, GB = "1.2.840.113549.1.7", "1.2.156.10197.6.1.4.2"
SHA256_OID = "2.16.840.1.101.3.4.2.1"
_CONTENT_TYPE, _MESSAGE_DIGEST, _SIGNING_TIME = (f"1.2.840.113549.1.9.{number}" for number in (3, 4, 5))
_SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


HASHES: dict[str, Callable[[bytes], bytes]] = {SM3_OID: sm3, SHA256_OID: _sha256}
"""Digests that signed data can be made with, by object identifier."""


def signed_data(
    content: bytes,
    signer: Signer,
    certificates: Sequence[bytes],
    *,
    family: str = GB,
    digest: str = SM3_OID,
    kind: str = "",
    at: datetime | None = None,
) -> bytes:
    """A ContentInfo with one signer, whose certificate is the first.

    ``family``: ``GB`` or ``RFC``; ``kind``: another type of content than data, which then stands inside. With ``at``
    there are signed attributes, among them the signing time and the certificate's digest; without, the content itself
    is signed.
    """
    hashed = HASHES[digest]
    attributes = b""
    body = (der.explicit(0, der.octets(content)),) if kind else ()
    kind = kind or f"{family}.1"
    if at is not None:
        listed = der.seq(der.seq(der.seq(der.seq(der.oid(digest)), der.octets(hashed(certificates[0])))))
        attributes = b"".join(
            sorted(
                (
                    _attribute(_CONTENT_TYPE, der.oid(kind)),
                    _attribute(_MESSAGE_DIGEST, der.octets(hashed(content))),
                    _attribute(_SIGNING_TIME, der.time(at)),
                    _attribute(_SIGNING_CERTIFICATE_V2, listed),
                )
            )
        )
    signature = signer.sign(der.tlv(0x31, attributes) if attributes else content)
    leaf = x509.Certificate.load(certificates[0])
    info = der.seq(
        der.integer(1),
        der.seq(leaf.issuer.dump(), der.integer(serial_of(certificates[0]))),
        der.seq(der.oid(digest)),
        *([der.tlv(0xA0, attributes)] if attributes else []),
        der.seq(der.oid("1.2.156.10197.1.301.1")) if family == GB else signer.algorithm,
        der.octets(signature),
    )
    data = der.seq(
        der.integer(1 if kind.endswith(".1") else 3),
        der.set_of(der.seq(der.oid(digest))),
        der.seq(der.oid(kind), *body),
        der.tlv(0xA0, b"".join(certificates)),
        der.set_of(info),
    )
    return der.seq(der.oid(f"{family}.2"), der.explicit(0, data))


def _attribute(kind: str, value: bytes) -> bytes:
    return der.seq(der.oid(kind), der.set_of(value))
