"""Digital signatures with SM2 in the form of GB/T 35275 (the CMS of RFC 5652 with Chinese identifiers).

They stand where a seal could stand (OFD ``Type="Sign"``, PDF ``adbe.pkcs7.detached``), and in time stamps. They are no
electronic seals and are named for what they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from gateway.foundation.crypto import der as asn1
from gateway.foundation.crypto.certificates import CertificateError, Sm2Certificate, parse_certificate, read_name
from gateway.foundation.crypto.der import DerError, Value
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.crypto.sm2 import Sm2Provider

SIGNED_DATA: Final = frozenset({"1.2.156.10197.6.1.4.2.2", "1.2.840.113549.1.7.2"})
SM3: Final = frozenset({"1.2.156.10197.1.401", "1.2.156.10197.1.401.1"})
SM2: Final = frozenset({"1.2.156.10197.1.501", "1.2.156.10197.1.301", "1.2.156.10197.1.301.1"})
_CONTENT_TYPE, _DIGEST, _TIME = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4", "1.2.840.113549.1.9.5"
STAMP: Final = "1.2.840.113549.1.9.16.2.14"
"""The unsigned attribute that holds a time stamp over the signature value (RFC 3161, RFC 5126)."""


class CmsError(ValueError):
    """The bytes are not a SignedData with one signer that can be judged here."""


@dataclass(frozen=True)
class SignedData:
    """A SignedData with one signer. ``content`` None: it stands elsewhere. ``attributes``: DER of the signed ones.

    ``certificate`` is the signer's, ``others`` those that came along; ``stamp`` a time stamp over the signature value.
    """

    content_type: str
    content: bytes | None
    certificate: Sm2Certificate
    others: tuple[bytes, ...] = field(repr=False)
    attributes: bytes | None = field(repr=False)
    signed: Mapping[str, tuple[Value, ...]] = field(repr=False)
    signature: bytes = field(repr=False)
    stamp: bytes | None = field(repr=False)

    @property
    def signed_at(self) -> datetime | None:
        """The signer's own word on when he signed."""
        said = self.signed.get(_TIME)
        try:
            return asn1.instant(said[0]) if said else None
        except DerError:
            return None

    def digest_holds(self, content: bytes) -> bool:
        """Whether this is the content that was signed; without signed attributes the signature itself tells."""
        if self.attributes is None:
            return True
        said = self.signed.get(_DIGEST, ())
        return len(said) == 1 and said[0].tag == asn1.OCTET_STRING and said[0].body == sm3(content)

    def type_holds(self) -> bool:
        """Whether the signed attributes name the type of the content, if there are any."""
        said = self.signed.get(_CONTENT_TYPE, ())
        return self.attributes is None or (len(said) == 1 and asn1.oid(said[0]) == self.content_type)

    def verifies(self, content: bytes, provider: Sm2Provider) -> bool:
        """Whether the signature is the signer's, over the attributes or over the content."""
        message = content if self.attributes is None else self.attributes
        return provider.verify(self.certificate.public, message, self.signature)


def read_signed_data(data: bytes) -> SignedData:
    """Read one. Raises CmsError, also for other algorithms than SM2 with SM3 and for several signers."""
    try:
        whole = asn1.read(data)
        for _ in asn1.walk(whole):
            pass
        kind, holder = asn1.sequence(whole, 2)
        if asn1.oid(kind) not in SIGNED_DATA or holder.tag != 0xA0:
            raise CmsError("not a SignedData")
        (body,) = holder.parts()
        _, _, encapsulated, *rest = asn1.sequence(body, 4, 6)
        (signer,) = rest[-1].parts(2)
        certificates = [one.der for part in rest[:-1] if part.tag == 0xA0 for one in part.parts(32)]
        return _signed_data(encapsulated, certificates, signer)
    except CmsError:
        raise
    except (ValueError, IndexError) as error:
        raise CmsError(f"not a SignedData with one signer: {error}") from None


def _signed_data(encapsulated: Value, certificates: Sequence[bytes], signer: Value) -> SignedData:
    content_type, *content = asn1.sequence(encapsulated, 1, 2)
    held = None
    if content:
        (inner,) = content[0].parts()
        held = asn1.octets(inner)
    _, who, digest, *rest = asn1.sequence(signer, 5, 7)
    attributes = rest.pop(0) if rest[0].tag == 0xA0 else None
    algorithm, value, *unsigned = rest
    used = asn1.oid(digest.parts()[0]), asn1.oid(algorithm.parts()[0])
    if used[0] not in SM3 or used[1] not in SM2:
        raise CmsError(f"algorithms {used[0]} and {used[1]} are not SM3 and SM2")
    signed = _attributes(attributes)
    stamp = _attributes(unsigned[0]).get(STAMP, ()) if unsigned else ()
    return SignedData(
        content_type=asn1.oid(content_type),
        content=held,
        certificate=_signer(who, certificates),
        others=tuple(certificates),
        attributes=None if attributes is None else bytes((asn1.SET,)) + attributes.der[1:],
        signed=signed,
        signature=asn1.octets(value),
        stamp=stamp[0].der if len(stamp) == 1 else None,
    )


def _attributes(value: Value | None) -> dict[str, tuple[Value, ...]]:
    found: dict[str, tuple[Value, ...]] = {}
    for one in value.parts() if value else ():
        kind, values = asn1.sequence(one, 2)
        oid = asn1.oid(kind)
        if oid in found:
            raise CmsError(f"attribute {oid} stands there twice")
        found[oid] = values.parts()
    return found


def _signer(who: Value, certificates: Sequence[bytes]) -> Sm2Certificate:
    for der in certificates:
        try:
            one = parse_certificate(der)
        except CertificateError:
            continue
        if who.tag == 0x80:
            if one.subject_key == who.body:
                return one
        else:
            issuer, serial = asn1.sequence(who, 2)
            if one.issuer == read_name(issuer) and one.serial_number == asn1.integer(serial):
                return one
    raise CmsError("the signer's certificate is not among those that came along")
