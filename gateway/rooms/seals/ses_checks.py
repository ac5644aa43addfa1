"""The checks on one seal signature, whatever kind of document it stands in.

A format of documents finds the signature, says what is covered, and gives the digest of that; everything that
GB/T 38540 asks of the signature itself is judged here. Nothing here asks anybody over a network.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from gateway.foundation.crypto.certificates import SM2_WITH_SM3, CertificateError, parse_certificate, verify_chain
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.crypto.sm2 import Sm2Provider, default_provider
from gateway.ports.seal import Placement
from gateway.rooms.seals.report import Findings, Kind, SealReport
from gateway.rooms.seals.ses import SealSignature, SesError, UnsupportedVersionError, read_signature
from gateway.rooms.seals.trust import Trust
from gateway.words.clock import rfc3339

SM3_OID: Final = "1.2.156.10197.1.401"
CLOCK_TOLERANCE: Final = timedelta(minutes=5)

REQUIRED: Final = frozenset(
    {
        "structure",
        "version",
        "critical_extensions",
        "document_digest",
        "signature",
        "seal_maker_signature",
        "signer_listed",
        "signer_chain",
        "maker_chain",
        "maker_trusted",
        "seal_validity",
        "sealing_time",
    }
)
"""What is required of every seal signature; a format adds what it requires of its documents."""


@dataclass(frozen=True)
class Expected:
    """What we asked for, where it was us who had the document sealed. None: nothing to compare with.

    ``seal`` is the SESeal as its service issues it (DER); ``picture_digest`` SM3 of the picture that was drawn;
    ``between`` bounds the time of sealing; ``status`` is what the service says of the seal now; ``placements`` where
    it was to stand.
    """

    seal_id: str | None = None
    seal: bytes | None = None
    picture_digest: bytes | None = None
    property_info: str | None = None
    between: tuple[datetime, datetime] | None = None
    status: str | None = None
    placements: tuple[Placement, ...] = ()


@dataclass(frozen=True)
class Bench:
    """What judgements are made with: trust, the instant, and the provider of SM2."""

    trust: Trust
    now: datetime
    expected: Expected = Expected()
    provider: Sm2Provider = field(default_factory=default_provider)


def judge_ses(findings: Findings, der: bytes, digest: bytes, bench: Bench) -> SealSignature | None:
    """Add the checks on a SES_Signature over something whose SM3 is ``digest``; the signature, if it can be read."""
    try:
        signature = read_signature(der)
    except UnsupportedVersionError as error:
        findings.add("version", "not_made", f"不能判读版本 {error.version} 的签章结构", str(error))
        return None
    except SesError as error:
        findings.add("structure", "failed", "不是符合标准的签章结构", str(error))
        return None
    seal, at, provider = signature.seal, signature.signed_at, bench.provider
    findings.add("structure", "passed")
    both = f"{signature.version} / {seal.version}"
    findings.hold("version", signature.version == seal.version, f"签章与印章版本不一致：{both}", f"differ: {both}")
    unknown = ", ".join((*signature.critical, *seal.critical))
    findings.hold("critical_extensions", not unknown, f"不能识别：{unknown}", f"not understood: {unknown}")
    findings.hold(
        "document_digest",
        signature.data_hash == digest,
        "签章不是针对本文件作出的",
        "the signature was made over another document",
    )
    signer, maker = _public(signature.certificate), _public(seal.maker_certificate)
    ours = signature.algorithm == SM2_WITH_SM3
    right = ours and signer is not None and provider.verify(signer, signature.tbs_der, signature.signature)
    findings.hold("signature", right, "签章人签名验证不通过", "SM2 over toSign does not verify")
    made = (
        seal.algorithm == SM2_WITH_SM3 and maker is not None and provider.verify(maker, seal.info_der, seal.signature)
    )
    findings.hold("seal_maker_signature", made, "制章者签名验证不通过", "SM2 over eSealInfo does not verify")
    listed = signature.certificate in seal.certificates or any(
        oid == SM3_OID and value == sm3(signature.certificate) for oid, value in seal.digests
    )
    findings.hold("signer_listed", listed, "印章未列入该签章人证书", "the seal does not list this signer")
    _judge_chains(findings, signature, bench)
    valid = seal.valid_from <= at <= seal.valid_until
    period = f"{rfc3339(seal.valid_from)} – {rfc3339(seal.valid_until)}"
    sealed = rfc3339(at)
    findings.hold(
        "seal_validity", valid, f"用印时间 {sealed}，印章有效期 {period}", f"sealed {sealed}, in force {period}"
    )
    earliest, latest = bench.expected.between or (None, bench.now)
    timely = at <= latest + CLOCK_TOLERANCE and (earliest is None or at >= earliest - CLOCK_TOLERANCE)
    findings.hold("sealing_time", timely, f"用印时间 {sealed} 不可能", f"{sealed} cannot be")
    if signature.time_stamp is None:
        findings.add("time_stamp", "not_applicable", "无时间戳", "there is none")
    else:
        findings.add("time_stamp", "not_made", "有时间戳，尚未验证", "there is one; it is not judged yet")
    _compare(findings, signature, bench.expected)
    return signature


def seal_report(findings: Findings, kind: Kind, place: str, signature: SealSignature | None = None) -> SealReport:
    """The report of one signature: what was found, and what the signature says of itself."""
    if signature is None:
        return SealReport(
            kind=kind, place=place, checks=findings.checks, notes=findings.notes, not_covered=findings.not_covered
        )
    seal = signature.seal
    return SealReport(
        kind=kind,
        place=place,
        checks=findings.checks,
        notes=findings.notes,
        not_covered=findings.not_covered,
        seal_id=seal.seal_id,
        seal_name=seal.name,
        maker=_common_name(seal.maker_certificate),
        signer=_common_name(signature.certificate),
        signed_at=rfc3339(signature.signed_at),
        time_source="signer",
        picture_type=seal.picture_type,
        width=seal.width,
        height=seal.height,
    )


def _judge_chains(findings: Findings, signature: SealSignature, bench: Bench) -> None:
    trust, at, provider = bench.trust, signature.signed_at, bench.provider
    chains = []
    for name, leaf, roots in (
        ("signer_chain", signature.certificate, trust.signer_roots),
        ("maker_chain", signature.seal.maker_certificate, trust.maker_roots),
    ):
        if not roots:
            findings.add(name, "not_made", "未配置信任根证书", "no trusted root is configured")
            continue
        chain = verify_chain(leaf, trust.intermediates, roots, at, provider, trust.crls)
        findings.hold(name, chain.ok, "证书链验证不通过", chain.reason)
        chains.append(chain)
    if not trust.makers:
        findings.add("maker_trusted", "not_made", "未配置制章者名单", "no list of seal makers is configured")
    else:
        try:
            allowed = trust.may_make_seals(parse_certificate(signature.seal.maker_certificate))
        except CertificateError:
            allowed = False
        findings.hold("maker_trusted", allowed, "该证书不在制章者名单内", "this certificate is no listed seal maker")
    if len(chains) == 2 and all(chain.revocation == "good" for chain in chains):
        findings.add("revocation", "passed")
    else:
        findings.add("revocation", "not_made", "没有覆盖证书链的吊销列表", "no revocation list covers the chains")


def _compare(findings: Findings, signature: SealSignature, expected: Expected) -> None:
    """What came against what was asked for."""
    seal = signature.seal
    for name, wanted, got in (
        ("expected_seal", expected.seal_id, seal.seal_id),
        ("property_info", expected.property_info, signature.property_info),
    ):
        if wanted is not None:
            findings.hold(name, wanted == got, f"实为 {got}，应为 {wanted}", f"{got} instead of {wanted}")
    if expected.seal is not None:
        findings.hold(
            "seal_as_issued",
            expected.seal == seal.der,
            "与印章服务签发的印章不一致",
            "not the seal, byte for byte, that its service issues",
        )
    if expected.picture_digest is not None:
        findings.hold(
            "appearance",
            sm3(seal.picture) == expected.picture_digest,
            "所绘图像不是该印章的图像",
            "the picture drawn is not that of the seal",
        )
    if expected.status is not None:
        findings.hold("seal_status", expected.status == "active", expected.status, expected.status)


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
