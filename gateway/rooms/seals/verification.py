"""Our own judgement of any document: what kind of file it is, and what its seals are worth.

Nothing here asks anybody: what an issuer has to say is added by ``standing``. A document without a signature is never
valid, and a structure that is not understood is never valid.
"""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from typing import Final, Literal

from gateway.foundation.crypto.sm import sm3
from gateway.foundation.crypto.sm2 import Sm2Provider, default_provider
from gateway.rooms.seals.ofd.judging import judge_ofd
from gateway.rooms.seals.report import Findings, Report
from gateway.rooms.seals.ses_checks import Bench, Expected
from gateway.rooms.seals.trust import Trust
from gateway.words.clock import rfc3339

Format = Literal["pdf", "ofd"]
_MOST_ENTRIES: Final = 10_000
"""Entries of a zip file that are listed to see whether it is an OFD."""


def format_of(content: bytes) -> Format | None:
    """What kind of document this is, by what stands in it and not by its name; None for any other kind of file."""
    if b"%PDF-" in content[:1024]:
        return "pdf"
    return "ofd" if _holds_ofd(content) else None


def verify_document(
    content: bytes,
    trust: Trust,
    now: datetime,
    *,
    expected: Expected | None = None,
    provider: Sm2Provider | None = None,
) -> Report:
    """Judge the seals of a document as of ``now``. Never raises for what the file holds: the report says it.

    What is neither PDF nor OFD cannot be judged, and is not called a document without a seal.
    """
    from gateway.rooms.seals.pdf_judging import judge_pdf  # what reads PDF is loaded for the first document

    bench = Bench(trust, now, expected or Expected(), provider or default_provider())
    kind = format_of(content)
    if kind == "pdf" and _holds_ofd(content):
        return _unreadable(content, now, "文件既是 PDF 又是 OFD", "the file is a PDF and an OFD at once")
    if kind is not None:
        report = judge_pdf(content, bench) if kind == "pdf" else judge_ofd(content, bench)
        return report.model_copy(update={"unasked": tuple(bench.unasked.values())})
    return _unreadable(content, now, "既不是 PDF 也不是 OFD 文件", "the file is neither a PDF nor an OFD")


def _unreadable(content: bytes, now: datetime, zh: str, en: str) -> Report:
    findings = Findings({"readable"})
    findings.add("readable", "not_made", zh, en)
    return Report(format="unknown", digest=sm3(content).hex(), judged_at=rfc3339(now), checks=findings.checks)


def _holds_ofd(content: bytes) -> bool:
    if b"OFD.xml" not in content:
        return False
    if content.count(b"PK\x01\x02") > _MOST_ENTRIES:
        return True  # to list them would take what only a child may take, and there the archive is refused
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return any(one.filename.lstrip("/").lower() == "ofd.xml" for one in archive.filelist)
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return b"PK\x03\x04" in content[:1024]
