"""SM2 keys, X.509 certificates and revocation lists of the simulated CA. Development keys: they protect nothing.

``Authority.found`` makes a root, ``below`` one under it, ``issue`` a certificate for a signer, ``crl`` a list of those
that are revoked. What real certificates do though the standard says otherwise is asked for by name, see ``HABITS``.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from asn1crypto import x509

from simulators.seal import der, sm2
from simulators.seal.sm2 import sm3

SM2_WITH_SM3 = "1.2.156.10197.1.501"
SM2_CURVE = "1.2.156.10197.1.301"
SM3_OID = "1.2.156.10197.1.401"
BEGIN, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2045, 1, 1, tzinfo=UTC)

HABITS = {
    "explicit_ca_false": "BasicConstraints says cA FALSE, though that is its DEFAULT",
    "number_as_name": "the common name is the seal's number, not the organ's name",
    "email_utf8": "an e-mail attribute holds Chinese in UTF-8 in an IA5String",
    "unique_identifier": "the attribute uniqueIdentifier is a UTF8String instead of a BIT STRING",
    "long_name": "the common name has more than 64 letters",
    "key_encipherment": "the key usage includes keyEncipherment",
    "key_cert_sign": "the key usage of a leaf includes keyCertSign",
    "private_extension_critical": "the private-use extension 1.3.6.1.5.5.7.1.4 is marked critical",
}
"""What real certificates do (certificates of seals in public documents), by name."""

_USAGES = ("digital_signature", "non_repudiation", "key_encipherment", "", "", "key_cert_sign", "crl_sign")
_PURPOSES = {"time_stamping": "1.3.6.1.5.5.7.3.8", "ocsp_signing": "1.3.6.1.5.5.7.3.9"}
_ALGORITHM = der.seq(der.oid(SM2_WITH_SM3))

__all__ = ["BEGIN", "END", "HABITS", "SM2_CURVE", "SM2_WITH_SM3", "SM3_OID", "Authority", "Key", "Wanted", "sm3"]


class Signer(Protocol):
    """A key that can sign: ``public_info`` is its SubjectPublicKeyInfo, ``algorithm`` that of its signatures."""

    @property
    def public_info(self) -> bytes:
        """SubjectPublicKeyInfo."""
        ...

    @property
    def algorithm(self) -> bytes:
        """AlgorithmIdentifier of a signature."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The signature of a message."""
        ...


@dataclass(frozen=True)
class Key:
    """An SM2 key pair: 32 bytes, and 64 without the leading 04."""

    private: bytes
    public: bytes

    @classmethod
    def generate(cls) -> Key:
        """A new one."""
        return cls(*sm2.generate())

    def sign(self, message: bytes) -> bytes:
        """DER signature under the standard identifier 1234567812345678."""
        return sm2.sign(self.private, self.public, message)

    def sign_with_empty_id(self, message: bytes) -> bytes:
        """DER signature under an empty identifier, as some tools make by default. It must not verify anywhere."""
        return sm2.sign(self.private, self.public, message, b"")

    @property
    def public_info(self) -> bytes:
        """SubjectPublicKeyInfo."""
        return _public_info(self.public)

    @property
    def algorithm(self) -> bytes:
        """SM2 with SM3."""
        return _ALGORITHM


@dataclass(frozen=True)
class Wanted:
    """What a signer's certificate shall be, beside its name and key.

    ``purpose``: "", "time_stamping" or "ocsp_signing". ``crl`` and ``ocsp`` are addresses that it names. ``number`` is
    the seal's, for the habit number_as_name. ``habits`` are names of ``HABITS``.
    """

    begin: datetime = BEGIN
    end: datetime = END
    purpose: str = ""
    crl: str = ""
    ocsp: str = ""
    number: str = ""
    habits: Collection[str] = ()
    empty_id: bool = False


@dataclass(frozen=True)
class Authority:
    """A certification authority: its key and its certificate."""

    key: Key
    certificate: bytes

    @classmethod
    def found(cls, name: str, path_length: int | None = 2) -> Authority:
        """A new root, that allows ``path_length`` authorities below it."""
        key = Key.generate()
        subject = _name(name)
        tbs = _tbs(subject, subject, key.public_info, (BEGIN, END), _ca_extensions(key, path_length))
        return cls(key, _signed(tbs, key.sign))

    def below(
        self, name: str, path_length: int | None = 0, *, begin: datetime = BEGIN, end: datetime = END
    ) -> Authority:
        """A new authority whose certificate this one issues."""
        key = Key.generate()
        extensions = (*_ca_extensions(key, path_length), self._issuer_extension())
        tbs = _tbs(self.subject, _name(name), key.public_info, (begin, end), extensions)
        return Authority(key, _signed(tbs, self.key.sign))

    @property
    def subject(self) -> bytes:
        """Its name, in DER."""
        return bytes(x509.Certificate.load(self.certificate).subject.dump())

    @property
    def serial(self) -> int:
        """The serial number of its certificate."""
        return serial_of(self.certificate)

    def issue(self, name: str, public: bytes, *, empty_id: bool = False, wanted: Wanted | None = None) -> bytes:
        """A certificate for signing with an SM2 key, valid for a generation unless ``wanted`` says otherwise."""
        wanted = wanted or Wanted(empty_id=empty_id)
        return self.certify(name, _public_info(public), wanted)

    def certify(self, name: str, public_info: bytes, wanted: Wanted) -> bytes:
        """A certificate for a key of any kind, signed with SM2."""
        habits = set(wanted.habits)
        if unknown := habits - HABITS.keys():
            raise ValueError(f"no habits of certificates: {', '.join(sorted(unknown))}")
        sign = self.key.sign_with_empty_id if wanted.empty_id else self.key.sign
        extensions = _leaf_extensions(public_info, wanted, habits)
        subject = _name(name, wanted.number, habits)
        period = (wanted.begin, wanted.end)
        return _signed(_tbs(self.subject, subject, public_info, period, (*extensions, self._issuer_extension())), sign)

    def crl(
        self, revoked: Mapping[int, datetime], at: datetime, *, days: float = 30, number: int = 1, reason: int = 1
    ) -> bytes:
        """A revocation list as of ``at``, its next one due ``days`` later. ``revoked``: serial number and when.

        ``reason`` 1 is keyCompromise, 5 cessationOfOperation (RFC 5280 clause 5.3.1).
        """
        why = der.seq(_extension("2.5.29.21", der.enumerated(reason)))
        entries = [der.seq(der.integer(serial), der.time(when), why) for serial, when in sorted(revoked.items())]
        extensions = der.seq(self._issuer_extension(), _extension("2.5.29.20", der.integer(number)))
        tbs = der.seq(
            der.integer(1),
            _ALGORITHM,
            self.subject,
            der.time(at),
            der.time(at + timedelta(days=days)),
            *([der.seq(*entries)] if entries else []),
            der.explicit(0, extensions),
        )
        return _signed(tbs, self.key.sign)

    def _issuer_extension(self) -> bytes:
        return _extension("2.5.29.35", der.seq(der.tlv(0x80, _identifier(self.key.public_info))))


def serial_of(certificate: bytes) -> int:
    """The serial number of a certificate."""
    return int(x509.Certificate.load(certificate).serial_number)


def public_bits(public_info: bytes) -> bytes:
    """The public key's bits in a SubjectPublicKeyInfo, of which key identifiers are made."""
    return bytes(x509.PublicKeyInfo.load(public_info)["public_key"].contents[1:])


def _public_info(public: bytes) -> bytes:
    return der.seq(der.seq(der.oid("1.2.840.10045.2.1"), der.oid(SM2_CURVE)), der.bits(b"\x04" + public))


def _identifier(public_info: bytes) -> bytes:
    return sm3(public_bits(public_info))[:20]


def key_hash(public_info: bytes) -> bytes:
    """SHA-1 of the key, by which OCSP names a responder (RFC 6960 clause 4.2.1)."""
    return hashlib.sha1(public_bits(public_info)).digest()  # noqa: S324 - the protocol's


def _name(common: str, number: str = "", habits: Collection[str] = ()) -> bytes:
    if "number_as_name" in habits:
        common = number or "99010200000000"
    if "long_name" in habits:
        common = f"{common}（{'电子印章签章专用证书' * 8}）"
    attributes = [
        ("2.5.4.6", der.printable("CN")),
        ("2.5.4.10", der.utf8("安澜市（虚构）")),
        ("2.5.4.3", der.utf8(common)),
    ]
    if "email_utf8" in habits:
        attributes.append(("1.2.840.113549.1.9.1", der.ia5("安澜市政务电子印章@anlan.example")))
    if "unique_identifier" in habits:
        attributes.append(("2.5.4.45", der.utf8("99010200000000@1")))
    return der.seq(*(der.set_of(der.seq(der.oid(kind), value)) for kind, value in attributes))


def _extension(kind: str, value: bytes, *, critical: bool = False) -> bytes:
    return der.seq(der.oid(kind), *([der.boolean(True)] if critical else []), der.octets(value))


def _key_usage(names: Collection[str]) -> bytes:
    mask = sum(0x80 >> _USAGES.index(name) for name in names)
    unused = (mask & -mask).bit_length() - 1
    return _extension("2.5.29.15", der.bits(bytes((mask,)), unused), critical=True)


def _ca_extensions(key: Key, path_length: int | None) -> tuple[bytes, ...]:
    constraints = der.seq(der.boolean(True), *([] if path_length is None else [der.integer(path_length)]))
    return (
        _extension("2.5.29.19", constraints, critical=True),
        _key_usage({"key_cert_sign", "crl_sign"}),
        _extension("2.5.29.14", der.octets(_identifier(key.public_info))),
    )


def _leaf_extensions(public_info: bytes, wanted: Wanted, habits: set[str]) -> tuple[bytes, ...]:
    usages = {"digital_signature", "non_repudiation"} | habits & {"key_encipherment", "key_cert_sign"}
    said = (der.boolean(False),) if "explicit_ca_false" in habits else ()
    found = [
        _extension("2.5.29.19", der.seq(*said), critical=True),
        _key_usage(usages),
        _extension("2.5.29.14", der.octets(_identifier(public_info))),
    ]
    if wanted.purpose:
        purpose = der.seq(der.oid(_PURPOSES[wanted.purpose]))
        found.append(_extension("2.5.29.37", purpose, critical=wanted.purpose == "time_stamping"))
    if wanted.crl:
        name = der.tlv(0xA0, der.tlv(0xA0, der.tlv(0x86, wanted.crl.encode())))
        found.append(_extension("2.5.29.31", der.seq(der.seq(name))))
    if wanted.ocsp:
        access = der.seq(der.oid("1.3.6.1.5.5.7.48.1"), der.tlv(0x86, wanted.ocsp.encode()))
        found.append(_extension("1.3.6.1.5.5.7.1.1", der.seq(access)))
    if "private_extension_critical" in habits:
        found.append(_extension("1.3.6.1.5.5.7.1.4", der.seq(), critical=True))
    return tuple(found)


def _tbs(
    issuer: bytes, subject: bytes, public_info: bytes, period: tuple[datetime, datetime], extensions: Collection[bytes]
) -> bytes:
    return der.seq(
        der.explicit(0, der.integer(2)),
        der.integer(secrets.randbits(120) | 1 << 119),
        _ALGORITHM,
        issuer,
        der.seq(*map(der.time, period)),
        subject,
        public_info,
        der.explicit(3, der.seq(*extensions)),
    )


def _signed(tbs: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    return der.seq(tbs, _ALGORITHM, der.bits(sign(tbs)))
