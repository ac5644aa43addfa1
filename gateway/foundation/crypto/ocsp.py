"""What an authority says of one of its certificates now (OCSP, RFC 6960): the question, and the answer judged.

An answer counts if the issuer signed it, or a responder that the issuer certified for this (SM2 with SM3 in both),
if it is about the certificate that was asked about, if it is of now, and if the nonce that it carries is ours. RFC 6960
leaves it to responders whether they repeat a nonce: an answer without one counts only until the next update it names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.foundation.crypto import der as asn1
from gateway.foundation.crypto.certificates import CertificateStatus, Sm2Certificate, parse_certificate
from gateway.foundation.crypto.sm2 import Sm2Provider

LARGEST: Final = 64 * 1024
_BASIC: Final = "1.3.6.1.5.5.7.48.1.1"
_NONCE: Final = "1.3.6.1.5.5.7.48.1.2"
_NONCE_DER: Final = bytes.fromhex("06092B0601050507300102")
_SHA1: Final = bytes.fromhex("300906052B0E03021A0500")
_SM2_WITH_SM3: Final = "1.2.156.10197.1.501"
_MAY_ANSWER: Final = "1.3.6.1.5.5.7.3.9"
_MOST: Final = 8
_TOLERANCE: Final = timedelta(minutes=5)
_GOOD, _REVOKED = 0x80, 0xA1


class StatusError(ValueError):
    """The answer says nothing about the certificate that can be relied on."""


@dataclass(frozen=True)
class StatusQuestion:
    """A certificate, its issuer, and a nonce that was never used before (16 to 32 bytes)."""

    certificate: Sm2Certificate
    issuer: Sm2Certificate
    nonce: bytes

    @property
    def der(self) -> bytes:
        """The question for the responder."""
        nonce = asn1.wrap(asn1.OCTET_STRING, asn1.wrap(asn1.OCTET_STRING, self.nonce))
        extensions = asn1.wrap(0xA2, asn1.wrap(asn1.SEQUENCE, asn1.wrap(asn1.SEQUENCE, _NONCE_DER, nonce)))
        one = asn1.wrap(asn1.SEQUENCE, self._named())
        return asn1.wrap(asn1.SEQUENCE, asn1.wrap(asn1.SEQUENCE, asn1.wrap(asn1.SEQUENCE, one), extensions))

    def read(self, answer: bytes, now: datetime, provider: Sm2Provider) -> CertificateStatus:
        """What the answer says as of the aware instant ``now``. Raises StatusError with the reason."""
        try:
            data = self._signed(answer, now, provider)
            fields = [one for one in data.parts() if one.tag != 0xA0]  # a version that is written out
            repeated = self._repeats_nonce(fields[3:])
            entries = [asn1.sequence(one, 3, 5) for one in fields[2].parts(_MOST)]
            ours = [entry for entry in entries if entry[0].der == self._named()]
            if len(ours) != 1:
                raise StatusError("the answer is not about this certificate")
            return self._status(ours[0], now, repeated)
        except StatusError:
            raise
        except (ValueError, IndexError) as error:
            raise StatusError(f"not an answer of OCSP: {error}") from None

    def _named(self) -> bytes:
        """The certificate's CertID, by SHA-1, which every responder understands; it hides nothing: the issuer signs."""
        name = hashlib.sha1(self.certificate.issuer_der, usedforsecurity=False).digest()
        key = hashlib.sha1(self.issuer.public, usedforsecurity=False).digest()
        return asn1.wrap(
            asn1.SEQUENCE,
            _SHA1,
            asn1.wrap(asn1.OCTET_STRING, name),
            asn1.wrap(asn1.OCTET_STRING, key),
            asn1.wrap(asn1.INTEGER, _signed_bytes(self.certificate.serial_number)),
        )

    def _signed(self, answer: bytes, now: datetime, provider: Sm2Provider) -> asn1.Value:
        """The signed part of the answer, once its signature holds."""
        state, *rest = asn1.sequence(asn1.read(answer, LARGEST), 1, 2)
        if state.tag != 0x0A or state.body != b"\x00" or not rest:
            raise StatusError(f"the responder refused to answer (status {state.body.hex()})")
        kind, basic = asn1.sequence(rest[0].parts(1)[0], 2)
        if asn1.oid(kind) != _BASIC:
            raise StatusError(f"an answer of a kind that is not known, {asn1.oid(kind)}")
        data, algorithm, signature, *given = asn1.sequence(asn1.read(asn1.octets(basic)), 3, 4)
        if asn1.oid(asn1.sequence(algorithm, 1, 2)[0]) != _SM2_WITH_SM3:
            raise StatusError("the answer is not signed with SM2")
        value, others = asn1.bits(signature), given[0].parts(1)[0].parts(_MOST) if given else ()
        if not any(provider.verify(one.public, data.der, value) for one in self._responders(others, now, provider)):
            raise StatusError("signed neither by the issuer nor by a responder of its own")
        return data

    def _responders(
        self, given: Sequence[asn1.Value], now: datetime, provider: Sm2Provider
    ) -> Iterator[Sm2Certificate]:
        """Who may answer: the issuer, and whom it certified for this (RFC 6960 section 4.2.2.2)."""
        yield self.issuer
        for one in given:
            if one.der == self.issuer.der:
                continue
            responder = parse_certificate(one.der)
            if (
                responder.issuer_der == self.certificate.issuer_der
                and _MAY_ANSWER in responder.extended_usage
                and responder.valid_from <= now <= responder.valid_until
                and provider.verify(self.issuer.public, responder.tbs, responder.signature)
            ):
                yield responder

    def _repeats_nonce(self, extensions: Sequence[asn1.Value]) -> bool:
        """Whether the answer repeats our nonce. Raises StatusError for another one."""
        found = []
        for extension in extensions[0].parts(1)[0].parts(_MOST) if extensions else ():
            kind, *critical, value = asn1.sequence(extension, 2, 3)
            if asn1.oid(kind) == _NONCE:
                found.append(asn1.octets(asn1.read(asn1.octets(value))))
            elif critical and asn1.boolean(critical[0]):
                raise StatusError(f"critical extension {asn1.oid(kind)} is not understood")
        if any(nonce != self.nonce for nonce in found):
            raise StatusError("the answer is to another question (nonce)")
        return bool(found)

    def _status(self, entry: Sequence[asn1.Value], now: datetime, repeated: bool) -> CertificateStatus:
        _, state, since, *more = entry
        this_update = asn1.instant(since)
        next_update = next((asn1.instant(one.parts(1)[0]) for one in more if one.tag == 0xA0), None)
        if this_update > now + _TOLERANCE:
            raise StatusError("the answer is of a time to come")
        if next_update is None and not repeated:
            raise StatusError("the answer has neither our nonce nor an end")
        if next_update is not None and next_update < now - _TOLERANCE:
            raise StatusError("the answer is out of date")
        if state.tag not in (_GOOD, _REVOKED):
            raise StatusError("the responder does not know this certificate")
        revoked = asn1.instant(state.parts(2)[0]) if state.tag == _REVOKED else None
        return CertificateStatus(self.certificate.der, now, revoked, next_update)


def _signed_bytes(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)
