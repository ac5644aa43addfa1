"""International signatures in PDF (CMS of RFC 5652, PAdES), judged by pyHanko against ``[trust] document_roots``.

They are no electronic seals of GB/T 38540 and are named for what they are. Nothing is fetched: certificates and lists
that did not come along are missing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from asn1crypto import x509
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko_certvalidator import ValidationContext

from gateway.foundation.crypto.sm import sm3
from gateway.rooms.seals.pdf_reading import Embedded, PdfFile
from gateway.rooms.seals.report import Findings, SealReport
from gateway.rooms.seals.ses_checks import CLOCK_TOLERANCE, Bench
from gateway.words.clock import rfc3339

PADES_REQUIRED: Final = frozenset({"structure", "document_digest", "signature", "signer_chain", "sealing_time"})
"""What is required of every international signature."""


def judge_pades(findings: Findings, file: PdfFile, found: Embedded, bench: Bench) -> SealReport:
    """Add the checks on a CMS signature of ``file``, the file as it was when it was signed."""
    try:
        embedded = next(
            one
            for one in file.reader.embedded_signatures
            if tuple(int(place) for place in one.byte_range) == found.byte_range
        )
        stamp = found.sub_filter == "ETSI.RFC3161"
        status: Any = (
            validate_pdf_timestamp(embedded, _context(bench), skip_diff=True)
            if stamp
            else validate_pdf_signature(embedded, _context(bench), ts_validation_context=_stamps(bench), skip_diff=True)
        )
    except StopIteration:
        findings.add("structure", "failed", "签名字典无法识别", "the signature dictionary is not recognised")
        return _report(findings, found)
    except Exception as error:  # pyHanko raises errors of many kinds
        findings.add("structure", "failed", "签名结构无法识别或算法不支持", str(error)[:200])
        return _report(findings, found)
    findings.add("structure", "passed")
    if stamp:
        findings.note("这是文档时间戳，不是印章", "this is a time stamp of the document, not a seal")
    else:
        findings.note("这是国际算法数字签名，不是印章", "this is an international digital signature, not a seal")
    findings.hold("document_digest", status.intact, "签名不是针对本文件作出的", "made over another document")
    findings.hold("signature", status.valid, "签名验证不通过", "the signature does not verify")
    if not bench.trust.document_roots and not (stamp and bench.trust.stamp_roots):
        findings.add("signer_chain", "not_made", "未配置信任根证书", "no trusted root is configured", _ROOTS)
    else:
        why = getattr(status.trust_problem_indic, "name", "") or "the chain does not lead to a trusted root"
        if why == _NO_CHAIN or (why == _CONSTRAINTS and status.signing_cert.self_issued):
            findings.add("signer_chain", "not_made", "签发机构不在信任名单内", "its issuer is not known", _ROOTS)
        else:
            findings.hold("signer_chain", status.trusted, f"证书链验证不通过：{why}", str(why), _ROOTS)
    at, source = _time(status, findings, stamp)
    if at is None:
        findings.add("sealing_time", "not_made", "没有签名时间", "it bears no time")
    else:
        findings.hold("sealing_time", at <= bench.now + CLOCK_TOLERANCE, f"{rfc3339(at)} 不可能", "it cannot be")
    report = _report(findings, found)
    name = " ".join(status.signing_cert.subject.native.get("common_name", "").split()) or None
    return report.model_copy(
        update={
            "signer": name,
            "signer_key": sm3(status.signing_cert.public_key.dump()).hex(),
            "signed_at": rfc3339(at) if at else None,
            "time_source": source if at else None,
        }
    )


_NO_CHAIN, _CONSTRAINTS = "NO_CERTIFICATE_CHAIN_FOUND", "CHAIN_CONSTRAINTS_FAILURE"
"""ETSI EN 319 102-1, 5.3: no way to a trusted root, which does not say that the signature is wrong; pyHanko says
the second of a certificate that signed itself."""
_ROOTS: Final = "[trust] document_roots"


def _time(status: Any, findings: Findings, stamp: bool) -> tuple[datetime | None, str]:
    if stamp:
        return status.timestamp, "time_stamp"
    token = status.timestamp_validity
    if token is None:
        findings.add("time_stamp", "not_applicable", "无时间戳", "there is none")
        findings.note("签名时间为签名人自述，无时间戳佐证", "the time of signing is the signer's own word")
        return status.signer_reported_dt, "signer"
    if not (token.valid and token.intact):
        findings.add("time_stamp", "failed", "时间戳验证不通过", "the time stamp does not verify")
    elif token.trusted:
        findings.add("time_stamp", "passed", rfc3339(token.timestamp), rfc3339(token.timestamp))
        return token.timestamp, "time_stamp"
    else:
        findings.add("time_stamp", "not_made", "时间戳服务不在信任名单内", "its time stamp service is not trusted")
    return status.signer_reported_dt, "signer"


def _context(bench: Bench) -> ValidationContext:
    return _validation(bench.trust.document_roots, bench)


def _stamps(bench: Bench) -> ValidationContext:
    return _validation((*bench.trust.stamp_roots, *bench.trust.document_roots), bench)


def _validation(roots: tuple[bytes, ...], bench: Bench) -> ValidationContext:
    return ValidationContext(
        trust_roots=[x509.Certificate.load(der) for der in roots],
        allow_fetching=False,
        moment=bench.now,
        revocation_mode="soft-fail",
    )


def _report(findings: Findings, found: Embedded) -> SealReport:
    return SealReport(
        kind="pades",
        place=found.field,
        checks=findings.checks,
        notes=findings.notes,
        not_covered=findings.not_covered,
    )
