"""The checks on one digital signature of GB/T 35275, whatever kind of document it stands in.

It says who signed. It is no seal: nobody made a picture for it, and it names no organ.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Final

from gateway.foundation.crypto.certificates import Sm2Certificate
from gateway.foundation.crypto.sm import sm3
from gateway.rooms.seals.cms import CmsError, SignedData, read_signed_data
from gateway.rooms.seals.report import Findings, SealReport
from gateway.rooms.seals.ses_checks import CLOCK_TOLERANCE, Bench, hold_chain, judge_revocation
from gateway.rooms.seals.trust import key_of
from gateway.words.clock import rfc3339

CMS_REQUIRED: Final = frozenset({"structure", "document_digest", "signature", "signer_chain", "sealing_time"})
"""What is required of every digital signature; a format adds what it requires of its documents."""


def judge_cms(
    findings: Findings, value: bytes, document: bytes, bench: Bench, place: str, stated: datetime | None = None
) -> SealReport:
    """Add the checks on a signature over ``document``: over its bytes, or over their SM3 as OFD has it (GM/T 0099).

    ``stated``: the time that stands beside the signature, where it has none inside.
    """
    try:
        signed = read_signed_data(value)
    except CmsError as error:
        findings.add("structure", "failed", "签名结构或证书无法识别", str(error))
        return _report(findings, place)
    findings.add("structure", "passed")
    findings.note("这是数字签名，不是印章", "this is a digital signature, not a seal")
    covered = _covered(signed, document, findings)
    right = covered is not None and signed.verifies(covered, bench.provider)
    if signed.content is None and signed.attributes is None and not right:
        covered = sm3(document)
        right = signed.verifies(covered, bench.provider)
    findings.hold(
        "document_digest", covered is not None, "签名不是针对本文件作出的", "it was made over another document"
    )
    findings.hold("signature", right, "签名验证不通过", "SM2 does not verify over the bytes as they stand")
    at = signed.signed_at or stated
    if at is None:
        findings.add("sealing_time", "not_made", "没有签名时间", "it bears no time")
    else:
        findings.hold(
            "sealing_time",
            at <= bench.now + CLOCK_TOLERANCE,
            f"签名时间 {rfc3339(at)} 不可能",
            f"{rfc3339(at)} cannot be",
        )
        findings.note("签名时间为签名人自述，无时间戳佐证", "the time of signing is the signer's own word")
    _judge_chain(findings, signed, at or bench.now, bench)
    return _report(findings, place, signed.certificate, at)


def _covered(signed: SignedData, document: bytes, findings: Findings) -> bytes | None:
    """The content that was signed, if it is this document or its digest."""
    digest, held = sm3(document), signed.content
    if held is not None and held not in (document, digest):
        if _decoded(held) != digest:
            return None
        findings.note("摘要以 Base64 文本存放", "the digest is written as Base64 text")
    content = document if held is None else held
    return content if signed.digest_holds(content) or signed.digest_holds(document) else None


def _decoded(content: bytes) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except ValueError:
        return b""


def _judge_chain(findings: Findings, signed: SignedData, at: datetime, bench: Bench) -> None:
    trust = bench.trust
    if not trust.signer_roots:
        findings.add("signer_chain", "not_made", "未配置信任根证书", "no trusted root is configured")
        return
    others = (*trust.intermediates, *signed.others)
    chain = bench.chain(signed.certificate.der, others, trust.signer_roots, at)
    hold_chain(findings, "signer_chain", chain)
    judge_revocation(findings, (chain,), True, trust)
    ended = chain.revoked_later or ("expired since" if bench.now > signed.certificate.valid_until else "")
    if ended:
        findings.require("time_proven")
        findings.add(
            "time_proven",
            "not_made",
            "证书现已失效，签名时间仅为签名人自述",
            f"{ended}; that it was used before is the signer's own word",
        )


def _report(
    findings: Findings, place: str, signer: Sm2Certificate | None = None, at: datetime | None = None
) -> SealReport:
    return SealReport(
        kind="gbt35275",
        place=place,
        checks=findings.checks,
        notes=findings.notes,
        not_covered=findings.not_covered,
        signer=" ".join(signer.common_name.split()) if signer else None,
        signer_key=key_of(signer) if signer else None,
        signed_at=rfc3339(at) if at else None,
        time_source="signer" if at else None,
    )
