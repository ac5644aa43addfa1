"""SM2 keys and X.509 certificates of the simulated CA. Development keys: they protect nothing."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import keys, x509
from cryptography.hazmat.primitives.hashes import SM3, Hash
from gmssl_pyx import sm2_key_generate, sm2_sign, sm2_sign_sm3_digest

SM2_WITH_SM3 = "1.2.156.10197.1.501"
SM2_CURVE = "1.2.156.10197.1.301"
SM3_OID = "1.2.156.10197.1.401"
BEGIN, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2045, 1, 1, tzinfo=UTC)

# a, b, and the base point of the curve (GB/T 32918.5-2017): what Z is made of, for the identifiers gmssl refuses.
_CURVE = bytes.fromhex(
    "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC"
    "28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93"
    "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
    "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"
)


def sm3(data: bytes) -> bytes:
    """SM3 of bytes."""
    digest = Hash(SM3())
    digest.update(data)
    return digest.finalize()


@dataclass(frozen=True)
class Key:
    """An SM2 key pair: 32 bytes, and 64 without the leading 04."""

    private: bytes
    public: bytes

    @classmethod
    def generate(cls) -> Key:
        """A new one."""
        public, private = sm2_key_generate()
        return cls(private, public)

    def sign(self, message: bytes) -> bytes:
        """DER signature under the standard identifier 1234567812345678."""
        return bytes(sm2_sign(self.private, self.public, message))

    def sign_with_empty_id(self, message: bytes) -> bytes:
        """DER signature under an empty identifier, as some tools make by default. It must not verify anywhere."""
        z = sm3(b"\x00\x00" + _CURVE + self.public)
        return bytes(sm2_sign_sm3_digest(self.private, sm3(z + message)))


@dataclass(frozen=True)
class Authority:
    """A root certificate with its key."""

    key: Key
    certificate: bytes

    @classmethod
    def found(cls, name: str) -> Authority:
        """A new root."""
        key = Key.generate()
        subject = _name(name)
        extensions = [
            _extension("basic_constraints", {"ca": True, "path_len_constraint": 1}, critical=True),
            _extension("key_usage", {"key_cert_sign", "crl_sign"}, critical=True),
            _extension("key_identifier", sm3(key.public)[:20]),
        ]
        return cls(key, _certificate(subject, subject, key.public, extensions, key.sign))

    def issue(self, name: str, public: bytes, *, empty_id: bool = False) -> bytes:
        """A certificate for signing, valid for a generation."""
        issuer = x509.Certificate.load(self.certificate).subject
        extensions = [
            _extension("basic_constraints", {"ca": False}, critical=True),
            _extension("key_usage", {"digital_signature", "non_repudiation"}, critical=True),
            _extension("key_identifier", sm3(public)[:20]),
            _extension("authority_key_identifier", {"key_identifier": sm3(self.key.public)[:20]}),
        ]
        sign = self.key.sign_with_empty_id if empty_id else self.key.sign
        return _certificate(_name(name), issuer, public, extensions, sign)


def _name(common: str) -> x509.Name:
    return x509.Name.build({"country_name": "CN", "organization_name": "安澜市（虚构）", "common_name": common})


def _extension(kind: str, value: object, *, critical: bool = False) -> dict[str, object]:
    return {"extn_id": kind, "critical": critical, "extn_value": value}


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public: bytes,
    extensions: Sequence[object],
    sign: Callable[[bytes], bytes],
) -> bytes:
    algorithm = {"algorithm": SM2_WITH_SM3}
    tbs = x509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": secrets.randbits(120) | 1 << 119,
            "signature": algorithm,
            "issuer": issuer,
            "validity": {"not_before": x509.Time({"utc_time": BEGIN}), "not_after": x509.Time({"utc_time": END})},
            "subject": subject,
            "subject_public_key_info": {
                "algorithm": {"algorithm": "ec", "parameters": keys.ECDomainParameters("named", SM2_CURVE)},
                "public_key": keys.ECPointBitString(b"\x04" + public),
            },
            "extensions": list(extensions),
        }
    )
    certificate = x509.Certificate(
        {"tbs_certificate": tbs, "signature_algorithm": algorithm, "signature_value": sign(tbs.dump())}
    )
    return bytes(certificate.dump())
