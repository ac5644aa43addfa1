"""X.509 certificates with SM2 keys (GB/T 20518-2018, RFC 5280): reading them, and judging a chain.

Read by our own reader over the original bytes: real certificates of government authorities write out defaults, use
string types that the standard does not name and names that are too long, and general parsers refuse them for that.
Here such habits are noted. The key comes from the SubjectPublicKeyInfo and the signature is verified over the exact
TBS bytes with the standard distinguishing ID. A certificate signed under another or an empty ID is refused, whatever
other tools say about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

from asn1crypto import pem

from gateway.foundation.crypto import der as asn1
from gateway.foundation.crypto.der import DerError, Value
from gateway.foundation.crypto.revocation import RevocationError, RevocationList, parse_crl
from gateway.foundation.crypto.sm2 import Sm2Provider, default_provider, is_public_key
from gateway.words.clock import rfc3339
from gateway.words.errors import SettingsError
from gateway.words.saying import Sentence, say

SM2_WITH_SM3: Final = "1.2.156.10197.1.501"
SM2_CURVE: Final = "1.2.156.10197.1.301"
EC_PUBLIC_KEY: Final = "1.2.840.10045.2.1"
LARGEST: Final = 64 << 10
_MAX_PATH: Final = 6
_MOST_STEPS: Final = 64
_COMMON_NAME, _EMAIL, _UNIQUE = "2.5.4.3", "1.2.840.113549.1.9.1", "2.5.4.45"
_BASIC, _USAGE, _EXTENDED = "2.5.29.19", "2.5.29.15", "2.5.29.37"
_SUBJECT_KEY, _AUTHORITY_KEY, _ACCESS = "2.5.29.14", "2.5.29.35", "1.3.6.1.5.5.7.1.1"
_UNDERSTOOD: Final = frozenset(
    {
        _BASIC,
        _USAGE,
        _EXTENDED,
        _SUBJECT_KEY,
        _AUTHORITY_KEY,
        _ACCESS,
        "2.5.29.32",  # certificate policies
        "2.5.29.31",  # where revocation lists are
        "2.5.29.17",  # further names
        "2.5.29.18",
    }
)
_HARMLESS: Final = frozenset({"1.3.6.1.5.5.7.1.4"})
"""Critical extensions that real makers set although nobody reads them: noted, where they stand in a signer's own."""

Name = tuple[tuple[tuple[str, str], ...], ...]
"""A distinguished name as it is compared: attribute and text, whatever string type the text has."""


class CertificateError(ValueError):
    """The bytes are not an X.509 certificate with an SM2 key, signed with SM2 and SM3."""


@dataclass(frozen=True)
class KeyUsage:
    """What a key may be used for, as far as it matters here."""

    sign: bool
    certificates: bool
    lists: bool


@dataclass(frozen=True)
class Sm2Certificate:
    """One certificate: its exact DER, what was signed (``tbs``), and the SM2 public key (65 bytes).

    ``ca`` and ``path_length`` are its BasicConstraints (None: it has none), ``critical`` its critical extensions,
    ``ocsp`` where its status may be asked, ``deviations`` what is not as the standard writes it and does not matter.
    """

    der: bytes
    tbs: bytes = field(repr=False, compare=False)
    signature: bytes = field(repr=False, compare=False)
    serial_number: int = field(compare=False)
    issuer: Name = field(compare=False)
    subject_name: Name = field(compare=False)
    issuer_der: bytes = field(repr=False, compare=False)
    valid_from: datetime = field(compare=False)
    valid_until: datetime = field(compare=False)
    public: bytes = field(compare=False)
    ca: bool | None = field(default=None, compare=False)
    path_length: int | None = field(default=None, compare=False)
    usage: KeyUsage | None = field(default=None, compare=False)
    extended_usage: tuple[str, ...] = field(default=(), compare=False)
    subject_key: bytes | None = field(default=None, compare=False)
    authority_key: bytes | None = field(default=None, compare=False)
    critical: tuple[str, ...] = field(default=(), compare=False)
    ocsp: tuple[str, ...] = field(default=(), compare=False)
    deviations: tuple[str, ...] = field(default=(), compare=False)

    @property
    def subject(self) -> str:
        """The subject as one line."""
        return ",".join(f"{_SHORT.get(oid, oid)}={said}" for part in reversed(self.subject_name) for oid, said in part)

    @property
    def common_name(self) -> str:
        """The subject's first common name, or the whole subject."""
        names = (said for part in self.subject_name for oid, said in part if oid == _COMMON_NAME)
        return next(names, self.subject)

    @property
    def serial(self) -> str:
        """The serial number as upper-case hexadecimal."""
        return f"{self.serial_number:X}"


_SHORT: Final = {
    _COMMON_NAME: "CN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    _EMAIL: "E",
}


@dataclass(frozen=True)
class CertificateStatus:
    """What the issuer of a certificate (DER) said of it at ``asked_at``: good, or revoked since ``revoked_at``.

    ``until``: when it will have something new to say, where it told that.
    """

    certificate: bytes
    asked_at: datetime
    revoked_at: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class ChainVerdict:
    """What the chain check found. ``against`` says why not, in words for people; ``path`` runs from leaf to root.

    ``revocation`` is "good" only if a current, verified CRL or an answer of its issuer covered every certificate below
    the root.
    ``revoked_later``: a certificate was revoked after the instant that was judged. ``known``: it could be judged at
    all; False where everything holds up to an authority that is not known here.
    """

    ok: bool
    against: Sentence | None
    path: tuple[Sm2Certificate, ...] = ()
    revocation: Literal["good", "unchecked"] = "unchecked"
    revoked_later: Sentence | None = None
    known: bool = True

    @property
    def reason(self) -> str:
        """Why not, in English; empty where nothing stands against the chain."""
        return str(self.against or "")


@lru_cache(maxsize=256)
def parse_certificate(der: bytes) -> Sm2Certificate:
    """Read one DER certificate; those seen last are kept. Raises CertificateError unless key and signature are SM2."""
    try:
        whole = asn1.read(der, LARGEST)
        for _ in asn1.walk(whole):
            pass
        tbs, algorithm, signature = asn1.sequence(whole, 3)
        fields = list(asn1.sequence(tbs, 6, 10))
        deviations: list[str] = []
        if fields[0].tag == 0xA0 and not 0 <= asn1.integer(_only(fields.pop(0))) <= 2:
            raise DerError("a certificate of an unknown version")
        serial, inner, issuer, validity, subject, info, *rest = fields
        begin, end = (asn1.instant(one) for one in asn1.sequence(validity, 2))
        public = _sm2_key(info)
        extensions = _extensions(rest, deviations)
        critical = tuple(oid for oid, (is_critical, _) in extensions.items() if is_critical)
        values = {oid: value for oid, (_, value) in extensions.items()}
        ca, path_length = _constraints(values, deviations)
        found = Sm2Certificate(
            der=der,
            tbs=tbs.der,
            signature=asn1.bits(signature),
            serial_number=asn1.integer(serial),
            issuer=read_name(issuer),
            subject_name=read_name(subject, deviations),
            issuer_der=issuer.der,
            valid_from=begin,
            valid_until=end,
            public=public,
            ca=ca,
            path_length=path_length,
            usage=_key_usage(values),
            extended_usage=tuple(asn1.oid(one) for one in asn1.read(values[_EXTENDED]).parts())
            if _EXTENDED in values
            else (),
            subject_key=asn1.octets(asn1.read(values[_SUBJECT_KEY])) if _SUBJECT_KEY in values else None,
            authority_key=_authority_key(values),
            critical=critical,
            ocsp=_ocsp(values),
            deviations=tuple(dict.fromkeys(deviations)),
        )
        if algorithm.der != inner.der:  # RFC 5280 clause 4.1.1.2; the outer one is not signed
            raise DerError("two algorithms of signature that differ")
        signed_with = asn1.oid(inner.parts()[0])
    except (ValueError, IndexError) as error:
        raise CertificateError(f"not a certificate that can be read: {error}") from None
    if not is_public_key(public):
        raise CertificateError("the certificate's key is not a point of the SM2 curve")
    if signed_with != SM2_WITH_SM3:
        raise CertificateError("the certificate is not signed with SM2 and SM3")
    return found


def read_name(value: Value, deviations: list[str] | None = None) -> Name:
    """A distinguished name. What is unusual about it is added to ``deviations``."""
    parts = []
    for relative in value.parts():
        attributes = []
        for attribute in relative.parts():
            kind, said = asn1.sequence(attribute, 2)
            oid = asn1.oid(kind)
            # uniqueIdentifier is a BIT STRING by its standard; what is no text is compared by its bytes.
            words = said.der.hex() if said.tag == asn1.BIT_STRING else asn1.text(said)
            attributes.append((oid, words))
            if deviations is not None:
                _note_name(oid, said, words, deviations)
        parts.append(tuple(sorted(attributes)))
    return tuple(parts)


def _note_name(oid: str, said: Value, words: str, deviations: list[str]) -> None:
    if oid == _UNIQUE and said.tag != asn1.BIT_STRING:
        deviations.append("uniqueIdentifier is a string instead of a BIT STRING")
    if oid == _COMMON_NAME and len(words) > 64:
        deviations.append(f"the common name has {len(words)} characters, more than 64")
    if said.tag in (asn1.IA5, asn1.PRINTABLE) and not words.isascii():
        deviations.append(f"{_SHORT.get(oid, oid)} holds UTF-8 under the tag of another string type")


def _only(value: Value) -> Value:
    (one,) = value.parts()
    return one


def _sm2_key(info: Value) -> bytes:
    algorithm, key = asn1.sequence(info, 2)
    named = [asn1.oid(one) for one in algorithm.parts() if one.tag == asn1.OID]
    return asn1.bits(key) if named == [EC_PUBLIC_KEY, SM2_CURVE] else b""


def _extensions(rest: Sequence[Value], deviations: list[str]) -> Mapping[str, tuple[bool, bytes]]:
    found: dict[str, tuple[bool, bytes]] = {}
    for value in rest:
        if value.tag != 0xA3:
            continue  # issuerUniqueID, subjectUniqueID
        for extension in _only(value).parts():
            kind, *middle, content = asn1.sequence(extension, 2, 3)
            critical = asn1.boolean(middle[0]) if middle else False
            if middle and not critical:
                deviations.append("critical FALSE is written out")
            oid = asn1.oid(kind)
            if oid in found:
                raise DerError(f"extension {oid} stands there twice")
            found[oid] = critical, asn1.octets(content)
    return found


def _constraints(values: Mapping[str, bytes], deviations: list[str]) -> tuple[bool | None, int | None]:
    if _BASIC not in values:
        return None, None
    parts = list(asn1.read(values[_BASIC]).parts())
    ca = False
    if parts and parts[0].tag == asn1.BOOLEAN:
        ca = asn1.boolean(parts.pop(0))
        if not ca:
            deviations.append("BasicConstraints cA FALSE is written out")
    return ca, asn1.integer(parts[0]) if parts else None


def _key_usage(values: Mapping[str, bytes]) -> KeyUsage | None:
    if _USAGE not in values:
        return None
    value = asn1.read(values[_USAGE])
    if value.tag != asn1.BIT_STRING or len(value.body) < 2:
        raise DerError("KeyUsage is no BIT STRING")
    flags = value.body[1]
    return KeyUsage(sign=bool(flags & 0xC0), certificates=bool(flags & 0x04), lists=bool(flags & 0x02))


def _authority_key(values: Mapping[str, bytes]) -> bytes | None:
    if _AUTHORITY_KEY not in values:
        return None
    return next((one.body for one in asn1.read(values[_AUTHORITY_KEY]).parts() if one.tag == 0x80), None)


def _ocsp(values: Mapping[str, bytes]) -> tuple[str, ...]:
    if _ACCESS not in values:
        return ()
    found = (asn1.sequence(one, 2) for one in asn1.read(values[_ACCESS]).parts())
    return tuple(
        place.body.decode("ascii", "replace")
        for method, place in found
        if place.tag == 0x86 and asn1.oid(method) == "1.3.6.1.5.5.7.48.1"
    )


def verify_chain(
    leaf: bytes,
    intermediates: Sequence[bytes],
    roots: Sequence[bytes],
    at: datetime,
    provider: Sm2Provider | None = None,
    crls: Sequence[bytes] = (),
    statuses: Sequence[CertificateStatus] = (),
) -> ChainVerdict:
    """Judge the signing certificate ``leaf`` (DER) as of the aware instant ``at``, the time of signing.

    Roots are trusted as given; whatever else comes along need not be usable. Checked: signatures under the standard
    ID, issuer names and key identifiers, validity of every certificate at ``at``, BasicConstraints with path length,
    KeyUsage (leaf: digitalSignature or nonRepudiation; issuers: keyCertSign), critical extensions, and revocation by
    those of ``crls`` that belong to the path's issuers, and by ``statuses``, which were verified when they were asked.
    Never raises for bad certificates: the verdict says why.
    """
    judge = _Judge(provider or default_provider(), at, crls, statuses)
    try:
        signer = parse_certificate(leaf)
    except CertificateError as error:
        return ChainVerdict(False, say("chains.unreadable", error=str(error)))
    anchors = tuple(_readable(roots))
    against = judge.refuse_signer(signer)
    if against:
        return ChainVerdict(False, against, (signer,))
    if not anchors:
        return ChainVerdict(False, say("chains.no_root"), (signer,))
    return judge.climb((signer,), tuple(_readable(intermediates)), anchors)


def _readable(ders: Sequence[bytes]) -> Iterator[Sm2Certificate]:
    for der in ders:
        try:
            yield parse_certificate(der)
        except CertificateError:
            continue


class _Judge:
    """One judgement: the provider, the instant, the revocation lists, what issuers said of single certificates."""

    def __init__(
        self, provider: Sm2Provider, at: datetime, crls: Sequence[bytes], statuses: Sequence[CertificateStatus]
    ) -> None:
        self._provider, self._at, self._statuses = provider, at, statuses
        self._lists = tuple(_readable_lists(crls))
        self._steps = 0

    def refuse_signer(self, signer: Sm2Certificate) -> Sentence | None:
        if signer.usage is not None and not signer.usage.sign:
            return say("chains.no_signing", name=signer.common_name)
        return self._refuse_any(signer, _UNDERSTOOD | _HARMLESS)

    def climb(
        self, path: tuple[Sm2Certificate, ...], others: Sequence[Sm2Certificate], anchors: Sequence[Sm2Certificate]
    ) -> ChainVerdict:
        """Go up from the end of ``path``: the first way to a root that holds, or the first reason against one."""
        last, refusal = path[-1], None
        if last in anchors:
            return self._judge_revocation(path)
        for issuer in (*anchors, *others):
            if issuer in path or not _names(issuer, last):
                continue
            against = self._refuse_issuer(issuer, last, below=len(path) - 1)
            verdict = ChainVerdict(False, against, path) if against else self.climb((*path, issuer), others, anchors)
            if verdict.ok:
                return verdict
            refusal = refusal or verdict
        if refusal is None and any(root.subject_name == last.issuer for root in anchors):
            return ChainVerdict(False, say("chains.other_key", name=last.common_name), path)
        return refusal or ChainVerdict(False, say("chains.unknown", name=last.common_name), path, known=False)

    def _refuse_issuer(self, issuer: Sm2Certificate, child: Sm2Certificate, below: int) -> Sentence | None:
        name = issuer.common_name
        if below + 1 >= _MAX_PATH:
            return say("chains.too_long", name=name, most=_MAX_PATH)
        self._steps += 1
        if self._steps > _MOST_STEPS:
            return say("chains.too_many", name=name)
        if not _issued(self._provider, issuer.public, child):
            return say("chains.not_signed", name=child.common_name, issuer=name)
        if issuer.ca is None:
            return say("chains.no_constraints", name=name)
        if not issuer.ca:
            return say("chains.no_authority", name=name)
        if issuer.path_length is not None and below > issuer.path_length:
            return say("chains.too_deep", name=name, most=issuer.path_length)
        if issuer.usage is not None and not issuer.usage.certificates:
            return say("chains.no_issuing", name=name)
        return self._refuse_any(issuer, _UNDERSTOOD)

    def _refuse_any(self, certificate: Sm2Certificate, understood: frozenset[str]) -> Sentence | None:
        name = certificate.common_name
        if self._at < certificate.valid_from:
            return say("chains.not_yet", name=name, since=rfc3339(certificate.valid_from))
        if self._at > certificate.valid_until:
            return say("chains.expired", name=name, on=rfc3339(certificate.valid_until))
        for oid in certificate.critical:
            if oid not in understood:
                return say("chains.critical", name=name, oid=oid)
        return None

    def _judge_revocation(self, path: tuple[Sm2Certificate, ...]) -> ChainVerdict:
        covered, later = True, None
        for certificate, issuer in pairwise(path):
            current, revocations = False, list[datetime | None]()
            for one in self._lists:
                if one.issuer != certificate.issuer_der:
                    continue
                if (issuer.usage is not None and not issuer.usage.lists) or not self._provider.verify(
                    issuer.public, one.tbs, one.signature
                ):
                    return ChainVerdict(False, say("chains.bad_list", name=issuer.common_name), path)
                revocations.append(one.revoked.get(certificate.serial_number))
                current = current or one.next_update is None or one.next_update >= self._at
            for said in self._statuses:
                if said.certificate == certificate.der:
                    revocations.append(said.revoked_at)
                    current = current or said.asked_at >= self._at
            when = min((one for one in revocations if one is not None), default=None)
            if when is not None and when <= self._at:
                return ChainVerdict(False, _revoked(certificate, when), path)
            later = later or (None if when is None else _revoked(certificate, when))
            covered = covered and current
        return ChainVerdict(True, None, path, "good" if covered and len(path) > 1 else "unchecked", later)


def _revoked(certificate: Sm2Certificate, when: datetime) -> Sentence:
    return say("chains.revoked", name=certificate.common_name, on=rfc3339(when))


def _readable_lists(ders: Sequence[bytes]) -> Iterator[RevocationList]:
    for der in ders:
        try:
            yield parse_crl(der)
        except RevocationError:
            continue


@lru_cache(maxsize=512)
def _issued(provider: Sm2Provider, issuer: bytes, child: Sm2Certificate) -> bool:
    """Whether this key signed the certificate. The bytes decide, so that each pair is verified once."""
    return provider.verify(issuer, child.tbs, child.signature)


def _names(issuer: Sm2Certificate, child: Sm2Certificate) -> bool:
    """Whether ``child`` names ``issuer``: by name, and by key identifier where both carry one."""
    if issuer.subject_name != child.issuer:
        return False
    wanted, offered = child.authority_key, issuer.subject_key
    return wanted is None or offered is None or wanted == offered


def load_roots(files: Sequence[Path], key: str) -> tuple[bytes, ...]:
    """Root certificates from PEM or DER files. Raises SettingsError naming the file and the cure."""
    roots: list[bytes] = []
    for file in files:
        try:
            data = file.read_bytes()
            ders = [der for _, _, der in pem.unarmor(data, multiple=True)] if pem.detect(data) else [data]
            for der in ders:
                parse_certificate(der)
            roots += ders
        except (OSError, ValueError) as error:
            raise SettingsError(
                key,
                say("keys.no_certificate", file=file, error=error),
            ) from error
    return tuple(roots)
