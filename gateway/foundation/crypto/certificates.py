"""X.509 certificates with SM2 keys (GB/T 20518-2018, RFC 5280): reading them, and judging a chain.

``cryptography`` parses the certificate but knows no SM2 key; the key comes from the SubjectPublicKeyInfo and the
signature is verified over the exact TBS bytes with the standard distinguishing ID. A certificate signed under another
or an empty ID is refused, whatever other tools say about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

from asn1crypto import pem
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from gateway.foundation.crypto.sm2 import Sm2Provider, default_provider, is_public_key
from gateway.words.errors import SettingsError

SM2_WITH_SM3: Final = "1.2.156.10197.1.501"
SM2_CURVE: Final = "1.2.156.10197.1.301"
_MAX_PATH: Final = 6
_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.ISSUER_ALTERNATIVE_NAME,
    }
)


class CertificateError(ValueError):
    """The bytes are not an X.509 certificate with an SM2 key, signed with SM2 and SM3."""


@dataclass(frozen=True)
class Sm2Certificate:
    """One certificate: its exact DER, the parsed form, and the SM2 public key (65 bytes)."""

    der: bytes
    parsed: x509.Certificate = field(compare=False)
    public: bytes = field(compare=False)
    extensions: x509.Extensions = field(compare=False)

    @property
    def subject(self) -> str:
        """The subject as one line (RFC 4514)."""
        return self.parsed.subject.rfc4514_string()

    @property
    def common_name(self) -> str:
        """The subject's first common name, or the whole subject."""
        names = self.parsed.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return str(names[0].value) if names else self.subject

    @property
    def serial(self) -> str:
        """The serial number as upper-case hexadecimal."""
        return f"{self.parsed.serial_number:X}"


@dataclass(frozen=True)
class ChainVerdict:
    """What the chain check found. ``reason`` says why not, in words for people; ``path`` runs from leaf to root.

    ``revocation`` is "good" only if a current, verified CRL covered every certificate below the root.
    """

    ok: bool
    reason: str
    path: tuple[Sm2Certificate, ...] = ()
    revocation: Literal["good", "unchecked"] = "unchecked"


def parse_certificate(der: bytes) -> Sm2Certificate:
    """Read one DER certificate. Raises CertificateError unless key and signature are SM2."""
    try:
        parsed = x509.load_der_x509_certificate(der)
        extensions = parsed.extensions
        # Parsing is lazy: what is asked later must fail here.
        _ = parsed.subject, parsed.issuer, parsed.not_valid_before_utc, parsed.not_valid_after_utc, parsed.signature
        decoded = asn1_x509.Certificate.load(der, strict=True)
        tbs = decoded["tbs_certificate"]
        inner = tbs["signature"]["algorithm"].dotted
        if decoded["signature_value"].contents[0] != 0:
            raise ValueError("the signature is not a whole number of bytes")
        info = tbs["subject_public_key_info"]
        curve = info["algorithm"]["parameters"].native if info["algorithm"]["algorithm"].native == "ec" else None
        public = bytes(info["public_key"].native) if curve == SM2_CURVE else b""
    except Exception as error:  # two parsers with many ways to say no
        raise CertificateError(f"not a certificate that can be read: {error}") from None
    if not is_public_key(public):
        raise CertificateError("the certificate's key is not a point of the SM2 curve")
    if parsed.signature_algorithm_oid.dotted_string != SM2_WITH_SM3 or inner != SM2_WITH_SM3:
        raise CertificateError("the certificate is not signed with SM2 and SM3")
    return Sm2Certificate(der, parsed, public, extensions)


def verify_chain(
    leaf: bytes,
    intermediates: Sequence[bytes],
    roots: Sequence[bytes],
    at: datetime,
    provider: Sm2Provider | None = None,
    crls: Sequence[bytes] = (),
) -> ChainVerdict:
    """Judge the signing certificate ``leaf`` (DER) as of the aware instant ``at``, the time of signing.

    Roots are trusted as given; whatever else comes along need not be usable. Checked: signatures under the standard
    ID, issuer names and key identifiers, validity of every certificate at ``at``, BasicConstraints with path length,
    KeyUsage (leaf: digitalSignature or nonRepudiation; issuers: keyCertSign), critical extensions, and revocation by
    those of ``crls`` that belong to the path's issuers. Never raises for bad certificates: the verdict says why.
    """
    judge = _Judge(provider or default_provider(), at, crls)
    try:
        signer = parse_certificate(leaf)
    except CertificateError as error:
        return ChainVerdict(False, f"signer: {error}")
    anchors = tuple(_readable(roots))
    reason = judge.refuse_signer(signer)
    if reason:
        return ChainVerdict(False, reason, (signer,))
    if not anchors:
        return ChainVerdict(False, "no trusted root is configured", (signer,))
    return judge.climb((signer,), tuple(_readable(intermediates)), anchors)


def _readable(ders: Sequence[bytes]) -> Iterator[Sm2Certificate]:
    for der in ders:
        try:
            yield parse_certificate(der)
        except CertificateError:
            continue


class _Judge:
    """One judgement: the provider, the instant, the revocation lists."""

    def __init__(self, provider: Sm2Provider, at: datetime, crls: Sequence[bytes]) -> None:
        self._provider, self._at, self._crls = provider, at, crls

    def refuse_signer(self, signer: Sm2Certificate) -> str | None:
        usage = _key_usage(signer)
        if usage is not None and not (usage.digital_signature or usage.content_commitment):
            return f"{signer.common_name}: the key may not sign (KeyUsage)"
        return self._refuse_any(signer)

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
            reason = self._refuse_issuer(issuer, last, below=len(path) - 1)
            verdict = ChainVerdict(False, reason, path) if reason else self.climb((*path, issuer), others, anchors)
            if verdict.ok:
                return verdict
            refusal = refusal or verdict
        return refusal or ChainVerdict(False, f"{last.common_name}: its issuer is neither known nor trusted", path)

    def _refuse_issuer(self, issuer: Sm2Certificate, child: Sm2Certificate, below: int) -> str | None:
        name = issuer.common_name
        if below + 1 >= _MAX_PATH:
            return f"{name}: the chain is longer than {_MAX_PATH} certificates"
        parsed = child.parsed
        if not self._provider.verify(issuer.public, parsed.tbs_certificate_bytes, parsed.signature):
            return f"{child.common_name}: not signed by {name} under the standard distinguishing ID"
        try:
            constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        except x509.ExtensionNotFound:
            return f"{name}: is not a certification authority (no BasicConstraints)"
        if not constraints.ca:
            return f"{name}: is not a certification authority (BasicConstraints)"
        if constraints.path_length is not None and below > constraints.path_length:
            return f"{name}: allows only {constraints.path_length} authorities below it"
        usage = _key_usage(issuer)
        if usage is not None and not usage.key_cert_sign:
            return f"{name}: its key may not sign certificates (KeyUsage)"
        return self._refuse_any(issuer)

    def _refuse_any(self, certificate: Sm2Certificate) -> str | None:
        parsed, name = certificate.parsed, certificate.common_name
        if self._at < parsed.not_valid_before_utc:
            return f"{name}: not valid before {parsed.not_valid_before_utc:%Y-%m-%d %H:%M:%S}Z"
        if self._at > parsed.not_valid_after_utc:
            return f"{name}: expired {parsed.not_valid_after_utc:%Y-%m-%d %H:%M:%S}Z"
        for extension in certificate.extensions:
            if extension.critical and extension.oid not in _UNDERSTOOD:
                return f"{name}: critical extension {extension.oid.dotted_string} is not understood"
        return None

    def _judge_revocation(self, path: tuple[Sm2Certificate, ...]) -> ChainVerdict:
        covered = True
        for certificate, issuer in pairwise(path):
            lists = [crl for crl in self._parsed_crls() if crl.issuer == certificate.parsed.issuer]
            current = False
            for crl in lists:
                usage = _key_usage(issuer)
                if (usage is not None and not usage.crl_sign) or not self._provider.verify(
                    issuer.public, crl.tbs_certlist_bytes, crl.signature
                ):
                    return ChainVerdict(False, f"{issuer.common_name}: a revocation list of it does not verify", path)
                entry = crl.get_revoked_certificate_by_serial_number(certificate.parsed.serial_number)
                if entry is not None and entry.revocation_date_utc <= self._at:
                    when = f"{entry.revocation_date_utc:%Y-%m-%d %H:%M:%S}Z"
                    return ChainVerdict(False, f"{certificate.common_name}: revoked {when}", path)
                current = current or crl.next_update_utc is None or crl.next_update_utc >= self._at
            covered = covered and current
        return ChainVerdict(True, "", path, "good" if covered and len(path) > 1 else "unchecked")

    def _parsed_crls(self) -> Iterator[x509.CertificateRevocationList]:
        for der in self._crls:
            try:
                parsed = x509.load_der_x509_crl(der)
                _ = parsed.issuer, parsed.next_update_utc, parsed.signature, list(parsed)
            except Exception:  # noqa: S112 - not a list that can be read, so not one that helps
                continue
            yield parsed


def _key_usage(certificate: Sm2Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None


def _names(issuer: Sm2Certificate, child: Sm2Certificate) -> bool:
    """Whether ``child`` names ``issuer``: by name, and by key identifier where both carry one."""
    if issuer.parsed.subject != child.parsed.issuer:
        return False
    try:
        wanted = child.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        offered = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return True
    return wanted is None or wanted == offered


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
                f"{file} holds no certificate with an SM2 key: {error}",
                "Give PEM files of the roots that the signers' certificates lead to.",
            ) from error
    return tuple(roots)
