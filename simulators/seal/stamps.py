"""A time stamp service (RFC 3161; GB/T 20520): two of them in one, by the digest that is asked about.

A digest of SM3 is stamped with an SM2 key, as seal signatures want it; one of SHA-256 with a P-256 key, which ordinary
PDF readers know.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from simulators.seal import cms, der
from simulators.seal.pki import BEGIN, END, SM3_OID, Authority, Key, Signer, Wanted

POLICY = "1.2.156.10197.6.1.4.99"
"""A made-up policy of the simulated service."""

_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_REJECTION, _BAD_ALGORITHM, _BAD_FORMAT = 2, 0, 5


@dataclass(frozen=True)
class P256Key:
    """A P-256 key that signs with ECDSA and SHA-256."""

    private: ec.EllipticCurvePrivateKey

    @classmethod
    def generate(cls) -> P256Key:
        """A new one."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def load(cls, data: bytes) -> P256Key:
        """From PKCS 8 in DER."""
        key = serialization.load_der_private_key(data, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return cls(key)

    def dump(self) -> bytes:
        """PKCS 8 in DER, in clear."""
        return self.private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def pem(self) -> bytes:
        """PKCS 8 in PEM, in clear."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, message: bytes) -> bytes:
        """ECDSA with SHA-256."""
        return self.private.sign(message, ec.ECDSA(hashes.SHA256()))

    @property
    def public_info(self) -> bytes:
        """SubjectPublicKeyInfo."""
        return self.private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def algorithm(self) -> bytes:
        """ecdsa-with-SHA256."""
        return der.seq(der.oid("1.2.840.10045.4.3.2"))


@dataclass(frozen=True)
class P256Authority:
    """A root with a P-256 key, for certificates that every reader of PDF understands."""

    key: P256Key
    certificate: bytes

    @classmethod
    def found(cls, name: str) -> P256Authority:
        """A new root."""
        key = P256Key.generate()
        subject = _common(name)
        builder = _builder(subject, subject, key).add_extension(x509.BasicConstraints(True, None), critical=True)
        builder = builder.add_extension(_usage(ca=True), critical=True)
        return cls(key, _der(builder.sign(key.private, hashes.SHA256())))

    def issue(self, name: str, key: P256Key, *, time_stamping: bool = False) -> bytes:
        """A certificate for signing documents, or time stamps."""
        issuer = x509.load_der_x509_certificate(self.certificate).subject
        builder = _builder(_common(name), issuer, key).add_extension(x509.BasicConstraints(False, None), critical=True)
        builder = builder.add_extension(_usage(ca=False), critical=True)
        if time_stamping:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
            builder = builder.add_extension(purpose, critical=True)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.private.public_key())
        return _der(builder.add_extension(authority, critical=False).sign(self.key.private, hashes.SHA256()))


@dataclass(frozen=True)
class Stamper:
    """Stamps digests of one algorithm."""

    key: Signer
    certificates: tuple[bytes, ...]
    digest: str = SM3_OID

    @classmethod
    def under(cls, authority: Authority, name: str) -> Stamper:
        """A new one with an SM2 key and a certificate of this authority."""
        key = Key.generate()
        return cls(key, (certificate_for(authority, name, key), authority.certificate))

    def stamp(self, message: bytes, at: datetime) -> bytes:
        """A token over a message."""
        return self.token(cms.HASHES[self.digest](message), at)

    def token(self, imprint: bytes, at: datetime, *, nonce: int | None = None, policy: str = POLICY) -> bytes:
        """A TimeStampToken over a digest, in whole seconds."""
        info = der.seq(
            der.integer(1),
            der.oid(policy),
            der.seq(der.seq(der.oid(self.digest)), der.octets(imprint)),
            der.integer(secrets.randbits(63) | 1 << 62),
            der.generalized_time(at),
            *([] if nonce is None else [der.integer(nonce)]),
        )
        return cms.signed_data(
            info, self.key, self.certificates, family=cms.RFC, digest=self.digest, kind=_TST_INFO, at=at
        )


def certificate_for(authority: Authority, name: str, key: Key) -> bytes:
    """A certificate for stamping with an SM2 key."""
    return authority.issue(name, key.public, wanted=Wanted(purpose="time_stamping"))


def answer(stampers: dict[str, Stamper], request: bytes, at: datetime) -> bytes:
    """The TimeStampResp to a TimeStampReq, both in DER. ``stampers`` by the digest's object identifier."""
    try:
        asked = tsp.TimeStampReq.load(request, strict=True)
        imprint = asked["message_imprint"]
        algorithm, digest = imprint["hash_algorithm"]["algorithm"].dotted, imprint["hashed_message"].native
        nonce, policy = asked["nonce"].native, asked["req_policy"]
    except (ValueError, TypeError, KeyError):
        return _refusal(_BAD_FORMAT)
    if algorithm not in stampers or len(digest) != 32:
        return _refusal(_BAD_ALGORITHM)
    named = getattr(policy, "dotted", None) or POLICY
    return der.seq(der.seq(der.integer(0)), stampers[algorithm].token(digest, at, nonce=nonce, policy=named))


def _refusal(bit: int) -> bytes:
    failure = der.bits(bytes((0x80 >> bit,)), 7 - bit)
    return der.seq(der.seq(der.integer(_REJECTION), failure))


def _common(name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "CN"), x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: P256Key) -> x509.CertificateBuilder:
    public = key.private.public_key()
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(BEGIN).not_valid_after(END)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=not ca,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)
