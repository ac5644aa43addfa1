"""Our own judgement of sealed documents. Each kind of document finds its signatures; the report is one.

Nothing here asks anybody: what an issuer has to say (the seal's status) is given in. A document without a signature
is never valid, and a structure that is not understood is never valid.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from gateway.foundation.crypto.sm import sm3
from gateway.foundation.crypto.sm2 import Sm2Provider, default_provider
from gateway.rooms.seals.pdf import Embedded, PdfError, coverage, signatures
from gateway.rooms.seals.report import Findings, Report, SealReport
from gateway.rooms.seals.ses import SesError, der_length, kind_of
from gateway.rooms.seals.ses_checks import REQUIRED, Bench, Expected, judge_ses, seal_report
from gateway.rooms.seals.trust import Trust
from gateway.words.clock import rfc3339

REQUIRED_IN_PDF: Final = REQUIRED | {"coverage", "padding"}
"""Checks on a seal in a PDF without which it is not valid."""


def verify_pdf(
    pdf: bytes,
    trust: Trust,
    now: datetime,
    *,
    expected: Expected | None = None,
    provider: Sm2Provider | None = None,
) -> Report:
    """Judge the seals of a PDF as of ``now``. Never raises for what the file holds: the report says it."""
    bench = Bench(trust, now, expected or Expected(), provider or default_provider())
    findings = Findings({"signature_present"})
    seals: tuple[SealReport, ...] = ()
    try:
        found = signatures(pdf)
    except PdfError as error:
        findings.add("signature_present", "failed", "文件无法读取", str(error))
    else:
        if len(found) != 1:
            findings.add(
                "signature_present",
                "failed",
                f"共 {len(found)} 个签名" if found else "没有找到签章",
                f"{len(found)} signatures, though a sealed document has one" if found else "no signature was found",
            )
        else:
            findings.add("signature_present", "passed")
            seals = (_judge(pdf, found[0], bench),)
    return Report(
        format="pdf",
        digest=sm3(pdf).hex(),
        judged_at=rfc3339(now),
        checks=findings.checks,
        seals=seals,
        notes=findings.notes,
        not_covered=findings.not_covered,
    )


def _judge(pdf: bytes, found: Embedded, bench: Bench) -> SealReport:
    findings = Findings(REQUIRED_IN_PDF)
    covered = coverage(pdf, found)
    if not findings.hold("coverage", not covered.reason, "签章未覆盖全文", covered.reason):
        return seal_report(findings, "ses", found.field)
    try:
        length = der_length(covered.value)
    except SesError as error:
        findings.add("structure", "failed", "不是签章结构", str(error))
        return seal_report(findings, "ses", found.field)
    der, rest = covered.value[:length], covered.value[length:]
    findings.hold("padding", not rest.strip(b"\0"), "签章值之后还有内容", "bytes after the signature")
    sealing = judge_ses(findings, der, covered.digest, bench)
    return seal_report(findings, kind_of(der), found.field, sealing)
