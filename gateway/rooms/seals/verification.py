"""Our own judgement of a seal signature: a list of checks, each passed, failed or not made, and why.

Nothing here asks anybody: what an issuer has to say (the seal's status) is given in. A document without a signature
is never valid, and a structure that is not understood is never valid.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from gateway.foundation.crypto.certificates import SM2_WITH_SM3, CertificateError, parse_certificate, verify_chain
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.crypto.sm2 import Sm2Provider, default_provider
from gateway.ports.base import Message
from gateway.rooms.seals.pdf import Embedded, PdfError, coverage, signatures
from gateway.rooms.seals.ses import SealSignature, SesError, UnsupportedVersionError, der_length, read_signature

Outcome = Literal["passed", "failed", "not_checked"]

SM3_OID: Final = "1.2.156.10197.1.401"
CLOCK_TOLERANCE: Final = timedelta(minutes=5)

LABELS: Final = {
    "signature_present": "存在签章",
    "coverage": "签章覆盖全文",
    "padding": "签章值后无附加内容",
    "structure": "签章结构",
    "version": "签章结构版本",
    "critical_extensions": "关键扩展项",
    "document_digest": "文件摘要",
    "signature": "签章人签名",
    "seal_maker_signature": "制章者签名",
    "signer_listed": "签章人证书在印章证书列表内",
    "signer_chain": "签章人证书链",
    "maker_chain": "制章者证书链",
    "seal_validity": "印章有效期",
    "sealing_time": "用印时间",
    "expected_seal": "所用印章",
    "picture": "印章图像",
    "property_info": "签名属性",
    "seal_status": "印章状态",
    "time_stamp": "时间戳",
    "revocation": "证书吊销状态",
}
"""What the names of checks are called on pages."""


class Check(Message):
    """One check. ``detail`` says what was found, in words for people."""

    name: str
    outcome: Outcome
    detail: str = ""

    @property
    def label(self) -> str:
        """The name in Chinese."""
        return LABELS.get(self.name, self.name)


class Report(Message):
    """What was found. ``valid``: there was a signature, every check that must be made was made, and none failed."""

    valid: bool
    checks: tuple[Check, ...]
    seal_id: str | None = None
    seal_name: str | None = None
    signer: str | None = None
    signed_at: str | None = None

    @property
    def reason(self) -> str:
        """The first check that failed, with its detail; "" if none did."""
        failed = next((check for check in self.checks if check.outcome == "failed"), None)
        return f"{failed.label}：{failed.detail}" if failed else ""


@dataclass(frozen=True)
class Trust:
    """What signatures must lead to: root certificates, further authorities below them, and revocation lists (DER)."""

    roots: tuple[bytes, ...] = ()
    intermediates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Expected:
    """What we asked for, where it was us who had the document sealed. None: nothing to compare with.

    ``picture_digest`` is SM3 of the picture that was drawn; ``between`` bounds the time of sealing; ``status`` is
    what the service says of the seal now.
    """

    seal_id: str | None = None
    picture_digest: bytes | None = None
    property_info: str | None = None
    between: tuple[datetime, datetime] | None = None
    status: str | None = None


@dataclass
class _Findings:
    checks: list[Check] = field(default_factory=list)

    def add(self, name: str, passed: bool | None, detail: str = "") -> bool:
        outcome: Outcome = "not_checked" if passed is None else "passed" if passed else "failed"
        self.checks.append(Check(name=name, outcome=outcome, detail=detail))
        return passed is True

    def report(self, signature: SealSignature | None = None) -> Report:
        failed = any(check.outcome == "failed" for check in self.checks)
        made = {check.name for check in self.checks if check.outcome == "passed"}
        return Report(
            valid=not failed and made >= REQUIRED,
            checks=tuple(self.checks),
            seal_id=signature.seal.seal_id if signature else None,
            seal_name=signature.seal.name if signature else None,
            signer=_common_name(signature.certificate) if signature else None,
            signed_at=signature.signed_at.isoformat() if signature else None,
        )


REQUIRED: Final = frozenset(
    {
        "signature_present",
        "coverage",
        "padding",
        "structure",
        "version",
        "critical_extensions",
        "document_digest",
        "signature",
        "seal_maker_signature",
        "signer_listed",
        "signer_chain",
        "maker_chain",
        "seal_validity",
        "sealing_time",
    }
)
"""Checks without which nothing is valid."""


def verify_pdf(
    pdf: bytes,
    trust: Trust,
    now: datetime,
    *,
    expected: Expected | None = None,
    provider: Sm2Provider | None = None,
) -> Report:
    """Judge the seal signature of a PDF as of ``now``. One file, one signature: of several none is taken for the seal.

    Never raises for what the file holds: the report says it.
    """
    findings = _Findings()
    try:
        found = signatures(pdf)
    except PdfError as error:
        findings.add("signature_present", False, str(error))
        return findings.report()
    if len(found) != 1:
        words = "no signature was found" if not found else f"{len(found)} signatures, though a sealed document has one"
        findings.add("signature_present", False, words)
        return findings.report()
    return _verify_embedded(pdf, found[0], findings, trust, now, expected or Expected(), provider or default_provider())


def _verify_embedded(
    pdf: bytes,
    found: Embedded,
    findings: _Findings,
    trust: Trust,
    now: datetime,
    expected: Expected,
    provider: Sm2Provider,
) -> Report:
    findings.add("signature_present", True, f"{found.filter} {found.sub_filter}".strip())
    covered = coverage(pdf, found)
    if not findings.add("coverage", not covered.reason, covered.reason):
        return findings.report()
    try:
        length = der_length(covered.value)
    except SesError as error:
        findings.add("structure", False, str(error))
        return findings.report()
    der, rest = covered.value[:length], covered.value[length:]
    findings.add("padding", not rest.strip(b"\0"), "" if not rest.strip(b"\0") else "bytes after the signature")
    return _verify_signature(der, covered.digest, findings, trust, now, expected, provider)


def _verify_signature(
    der: bytes,
    digest: bytes,
    findings: _Findings,
    trust: Trust,
    now: datetime,
    expected: Expected,
    provider: Sm2Provider,
) -> Report:
    """The checks on the SES_Signature itself, over a document whose SM3 is ``digest``."""
    try:
        signature = read_signature(der)
    except UnsupportedVersionError as error:
        findings.add("version", False, str(error))
        return findings.report()
    except SesError as error:
        findings.add("structure", False, str(error))
        return findings.report()
    seal, at = signature.seal, signature.signed_at
    findings.add("structure", True)
    findings.add("version", signature.version == seal.version, f"{signature.version}")
    unknown = (*signature.critical, *seal.critical)
    findings.add("critical_extensions", not unknown, ", ".join(unknown))
    same = signature.data_hash == digest
    findings.add("document_digest", same, "" if same else "the signature was made over another document")

    signer, maker = _public(signature.certificate), _public(seal.maker_certificate)
    ours = signature.algorithm == SM2_WITH_SM3
    right = ours and signer is not None and provider.verify(signer, signature.tbs_der, signature.signature)
    findings.add("signature", right, "" if right else "SM2 over toSign does not verify")
    made = (
        seal.algorithm == SM2_WITH_SM3 and maker is not None and provider.verify(maker, seal.info_der, seal.signature)
    )
    findings.add("seal_maker_signature", made, "" if made else "SM2 over eSealInfo does not verify")
    listed = signature.certificate in seal.certificates or any(
        oid == SM3_OID and value == sm3(signature.certificate) for oid, value in seal.digests
    )
    findings.add("signer_listed", listed, "" if listed else "the seal does not list this signer")
    chains = [
        verify_chain(leaf, trust.intermediates, trust.roots, at, provider, trust.crls)
        for leaf in (signature.certificate, seal.maker_certificate)
    ]
    for name, chain in zip(("signer_chain", "maker_chain"), chains, strict=True):
        findings.add(name, chain.ok, chain.reason)
    covered = all(chain.revocation == "good" for chain in chains)
    findings.add("revocation", True if covered else None, "" if covered else "no revocation list covers the chains")

    valid = seal.valid_from <= at <= seal.valid_until
    period = f"{seal.valid_from:%Y-%m-%d} – {seal.valid_until:%Y-%m-%d}"
    findings.add("seal_validity", valid, period if valid else f"sealed {at:%Y-%m-%d}, the seal is valid {period}")
    earliest, latest = expected.between or (None, now)
    timely = at <= latest + CLOCK_TOLERANCE and (earliest is None or at >= earliest - CLOCK_TOLERANCE)
    findings.add("sealing_time", timely, at.isoformat() if timely else f"{at.isoformat()} cannot be")
    findings.add("time_stamp", None, "none" if signature.time_stamp is None else "there is one; it is not judged yet")
    _compare(findings, signature, expected)
    return findings.report(signature)


def _compare(findings: _Findings, signature: SealSignature, expected: Expected) -> None:
    """What came against what was asked for."""
    seal = signature.seal
    for name, wanted, got in (
        ("expected_seal", expected.seal_id, seal.seal_id),
        ("property_info", expected.property_info, signature.property_info),
    ):
        same = None if wanted is None else wanted == got
        findings.add(name, same, got if same is not False else f"{got} instead of {wanted}")
    drawn = expected.picture_digest
    same = None if drawn is None else sm3(seal.picture) == drawn
    findings.add("picture", same, "" if same is not False else "the picture drawn is not that of the seal")
    usable = None if expected.status is None else expected.status == "active"
    findings.add("seal_status", usable, expected.status or "")


def _public(certificate: bytes) -> bytes | None:
    try:
        return parse_certificate(certificate).public
    except CertificateError:
        return None


def _common_name(certificate: bytes) -> str | None:
    try:
        return re.sub(r"\s+", " ", parse_certificate(certificate).common_name)
    except CertificateError:
        return None
