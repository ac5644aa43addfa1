"""What the seals of an OFD file are worth: the digests of its parts and the signatures over them, reported apart.

Real files that fail mostly fail by the digest of one page, although their seal signature is right; so each failed
digest names its part, and the two layers have their own checks (GB/T 33190-2016, clause 18; GM/T 0099-2020). A seal
must cover every part that its document is made of; whatever else is in the file and is not covered is listed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from gateway.foundation.crypto.sm import sm3
from gateway.rooms.seals.cms_checks import CMS_REQUIRED, judge_cms
from gateway.rooms.seals.ofd.archive import Archive, OfdError
from gateway.rooms.seals.ofd.package import ROLES, Document, Package
from gateway.rooms.seals.ofd.signatures import SignatureFile, StampAnnot, read_signatures, signed_time
from gateway.rooms.seals.report import Drawn, Findings, Report, SealReport, name_check
from gateway.rooms.seals.ses import SealSignature, kind_of
from gateway.rooms.seals.ses_checks import REQUIRED, Bench, Expected, judge_ses, seal_report
from gateway.words.clock import rfc3339

_OFD: Final = "GB/T 33190-2016, 18"
name_check("parts", "被保护文件摘要", "digests of the parts", _OFD)
name_check("ofd_coverage", "签章覆盖文档各部分", "the signature covers every part of the document", "GM/T 0099-2020")
name_check("described", "签名描述文件", "the description of the signature", _OFD)
name_check("seal_file", "印章文件与签章一致", "the seal's file is the seal that was signed", "GM/T 0099-2020")
name_check("versions", "文档版本", "versions of the document", "GB/T 33190-2016, 19")

DOCUMENT_CHECKS: Final = frozenset({"readable", "signature_present"})
_LAYER: Final = frozenset({"described", "parts", "ofd_coverage"})
SEAL_CHECKS: Final = REQUIRED | _LAYER | {"seal_file"}
SIGN_CHECKS: Final = _LAYER | CMS_REQUIRED

_KEYED_SM3: Final = "1.2.156.10197.1.401.2"
_METHODS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "sm3": sm3,
    "1.2.156.10197.1.401": sm3,
    "1.2.156.10197.1.401.1": sm3,
    _KEYED_SM3: sm3,
    "sha256": lambda part: hashlib.sha256(part).digest(),
    "sha-256": lambda part: hashlib.sha256(part).digest(),
    "2.16.840.1.101.3.4.2.1": lambda part: hashlib.sha256(part).digest(),
}
_NAMED: Final = 12
_SPREAD: Final = timedelta(hours=24)


def judge_ofd(content: bytes, bench: Bench) -> Report:
    """Judge every signature of an OFD file as of the bench's instant. Never raises for what the file holds.

    What is expected is held against the signature that stands where ``property_info`` says, or against every one.

    Takes processor time and no network. Files of strangers belong in a child process with limits.
    """
    findings = Findings(DOCUMENT_CHECKS)
    seals: tuple[SealReport, ...] = ()
    try:
        seals = _judge(content, findings, bench)
    except OfdError as error:
        if not findings.failed:
            findings.add("readable", "failed", error.zh, error.en)
    except (RecursionError, MemoryError, ValueError) as error:
        findings.add("readable", "failed", "文件结构无法处理", f"the file cannot be handled: {type(error).__name__}")
    return Report(
        format="ofd",
        digest=sm3(content).hex(),
        judged_at=rfc3339(bench.now),
        checks=findings.checks,
        seals=seals,
        notes=findings.notes,
        not_covered=findings.not_covered,
    )


# --- inside -----------------------------------------------------------------------------------------------------------


def _judge(content: bytes, findings: Findings, bench: Bench) -> tuple[SealReport, ...]:
    archive = Archive(content)
    for zh, en in archive.notes:
        findings.note(zh, en)
    package = Package(archive)
    listed = [(document, read_signatures(package, document)) for document in package.documents]
    findings.add("readable", "passed")
    count = sum(len(signatures) for _, signatures in listed)
    if not count:
        findings.add("signature_present", "failed", "文件中没有签章或签名", "no signature was found")
        return ()
    findings.add("signature_present", "passed")
    for document, signatures in listed:
        _remark(document, signatures, findings)
    _judge_companions(listed, findings)
    _leave_out(archive, listed, findings)
    total, reports = 0, []
    digests = _Digests(archive)
    for document, signatures in listed:
        for number, signature in enumerate(signatures, start=1):
            ours = bench.expected.property_info in (None, f"/{signature.part}")
            judged = bench if ours else replace(bench, expected=Expected())
            one = _One(package, document, signature, signatures[number:], digests, judged)
            reports.append(one.report(total + number, count))
        total += len(signatures)
    return tuple(reports)


def _judge_companions(listed: Sequence[tuple[Document, Sequence[SignatureFile]]], findings: Findings) -> None:
    """A document without a signature of its own must be covered by one of another, or it is taken for sealed."""
    for document, signatures in listed:
        if signatures:
            continue
        needed = document.parts.keys() - set(document.lists)
        if any(needed <= one.covered for _, others in listed for one in others):
            findings.note(
                f"文档 {document.root} 由其他文档的签章保护",
                f"{document.root} is covered by the seal of another document",
            )
        else:
            findings.add(
                "ofd_coverage",
                "failed",
                f"文档 {document.root} 没有签章",
                f"the document {document.root} bears no signature, and none covers it",
            )


def _remark(document: Document, signatures: Sequence[SignatureFile], findings: Findings) -> None:
    """What is worth knowing about a document beside its signatures."""
    if document.versions:
        findings.add(
            "versions",
            "failed" if not signatures else "not_made",
            "文件含多个版本，所见版本可能不是签章版本",
            "the file holds versions; the one that is shown may be another than the one sealed",
        )
    if document.active:
        named = ", ".join(sorted(document.active))
        findings.note(f"含动作或音视频：{named}", f"holds actions, sound or film: {named}")
    if document.stamps:
        findings.note(
            f"含 {document.stamps} 个盖章或水印类注释，它们不是签章",
            f"{document.stamps} annotations look like stamps or watermarks; they are no seals",
        )
    attached = sum(role == "Attachment" for role in document.parts.values())
    if attached:
        findings.note(f"含 {attached} 个附件", f"{attached} files are attached")
    for role, location in document.missing[:_NAMED]:
        zh, en = ROLES[role]
        findings.note(f"{zh} {location} 不存在", f"{en} {location} is not there")


def _leave_out(
    archive: Archive, listed: Sequence[tuple[Document, Sequence[SignatureFile]]], findings: Findings
) -> None:
    """Name what no signature of the file covers."""
    covered = {part for _, signatures in listed for one in signatures for part in one.covered}
    lists = {part for document, _ in listed for part in document.lists}
    own = {part for _, signatures in listed for one in signatures for part in one.own}
    rest = [part for part in archive if part not in covered | lists | own]
    for part in rest[:_NAMED]:
        findings.leaves_out(f"文件 {part}", f"the part {part}")
    if len(rest) > _NAMED:
        findings.leaves_out(f"另有 {len(rest) - _NAMED} 个文件", f"{len(rest) - _NAMED} more parts")
    findings.leaves_out("签名列表（可再加签章）", "the list of signatures, so that seals can be added")
    findings.leaves_out("压缩包各条目的日期和属性", "dates and attributes of the archive's entries")


class _Digests:
    """Digests of parts, each computed once for all signatures."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._known: dict[tuple[str, str], bytes] = {}

    def of(self, part: str, method: str) -> bytes:
        """The digest of a part. Raises OfdError naming it when it cannot be unpacked."""
        known = self._known.get((part, method))
        if known is None:
            known = self._known[part, method] = _METHODS[method](self._archive.read(part))
        return known


class _One:
    """One signature of a document, being judged. ``later``: the signatures that the list names after it."""

    def __init__(
        self,
        package: Package,
        document: Document,
        signature: SignatureFile,
        later: Sequence[SignatureFile],
        digests: _Digests,
        bench: Bench,
    ) -> None:
        self._package, self._document, self._signature = package, document, signature
        self._later, self._digests, self._bench = later, digests, bench
        self._findings = Findings(SIGN_CHECKS if signature.kind == "Sign" else SEAL_CHECKS)

    def report(self, number: int, count: int) -> SealReport:
        """The report of this signature, the ``number``-th of ``count``."""
        findings, file = self._findings, self._signature
        archive = self._package.archive
        self._judge_parts()
        self._judge_coverage()
        try:
            described = archive.read(file.part)
            value = archive.read(file.value) if file.value else None
        except OfdError as error:
            findings.add("described", "failed", error.zh, error.en)
            return seal_report(findings, "unknown", f"{number}")
        if value is None:
            findings.add("described", "failed", "没有签名值文件", "the value of the signature is not there")
            return seal_report(findings, "unknown", f"{number}")
        findings.add("described", "passed")
        if file.kind == "Sign":
            made = judge_cms(findings, value, described, self._bench, f"{number}", signed_time(file.dated))
        else:
            made = self._judge_seal(value, described, number)
        return made.model_copy(
            update={
                "drawn": tuple(self._drawn()),
                "revision": number,
                "revisions": count,
                "checks": findings.checks,
                "notes": findings.notes,
                "not_covered": findings.not_covered,
            }
        )

    # --- the layer of the document ------------------------------------------------------------------------------------

    def _judge_parts(self) -> None:
        """Each digest of the list of references against the part that it names."""
        findings, file = self._findings, self._signature
        method = file.method.lower() or "md5"
        if not file.references:
            findings.add("parts", "failed", "签名未保护任何文件", "the signature covers no part")
            return
        if method not in _METHODS:
            findings.add(
                "parts",
                "not_made",
                f"摘要方法 {file.method or '未注明（MD5）'} 不予采信",
                f"the digest method {file.method or 'MD5 (none is named)'} is not relied on",
            )
            return
        wrong: list[tuple[str, str]] = []
        for reference in file.references:
            wrong += self._against(reference.written, reference.parts, reference.digest, method)
        zh = "；".join(one for one, _ in wrong[:_NAMED])
        en = "; ".join(one for _, one in wrong[:_NAMED])
        if wrong and file.method == _KEYED_SM3:
            findings.add(
                "parts", "not_made", f"摘要方法 {_KEYED_SM3} 含义未定：{zh}", f"{_KEYED_SM3} is unsettled: {en}"
            )
        else:
            findings.hold("parts", not wrong, zh, en)
        if not wrong and method not in ("sm3", "1.2.156.10197.1.401"):
            findings.note(f"摘要方法写作 {file.method}", f"the digest method is written as {file.method}")

    def _against(self, written: str, parts: Sequence[str], digest: bytes, method: str) -> Iterable[tuple[str, str]]:
        if not parts:
            return ((f"{written} 不存在", f"{written} is not there"),)
        if len(parts) > 1:
            self._findings.note(f"{written} 可指多个文件", f"{written} may mean several parts")
        try:
            # Where a location may mean several parts, the first is meant; the others are parts that nothing covers.
            if self._digests.of(parts[0], method) == digest:
                return ()
        except OfdError as error:
            return ((error.zh, error.en),)
        zh, en = self._role(parts[0])
        return ((f"{zh} {parts[0]} 的摘要不符", f"the digest of {en} {parts[0]} differs"),)

    def _judge_coverage(self) -> None:
        """Every part of the document must be covered; what else is not is listed, later signatures apart."""
        findings, file, archive = self._findings, self._signature, self._package.archive
        covered = file.covered
        open_lists = set(self._document.lists)
        if open_lists & covered:
            findings.note(
                "签名保护了签名列表，再加签章将使其失效",
                "it covers the list of signatures: another signature would break it",
            )
        left = [part for part in self._document.parts if part not in covered | open_lists | file.own]
        zh = "、".join(f"{self._role(part)[0]} {part}" for part in left[:_NAMED])
        en = ", ".join(f"{self._role(part)[1]} {part}" for part in left[:_NAMED])
        findings.hold("ofd_coverage", not left, f"未被保护：{zh}", f"not covered: {en}")
        later = {part for one in self._later for part in one.own}
        if later - covered:
            count = len(self._later)
            said = "1 signature was" if count == 1 else f"{count} signatures were"
            findings.note(f"其后又有 {count} 个签章或签名", f"{said} added later")
        beside = [part for part in archive if part not in covered | open_lists | file.own | later | set(left)]
        for part in beside[:_NAMED]:
            findings.leaves_out(f"文件 {part}", f"the part {part}")
        if len(beside) > _NAMED:
            findings.leaves_out(f"另有 {len(beside) - _NAMED} 个文件", f"{len(beside) - _NAMED} more parts")

    def _role(self, part: str) -> tuple[str, str]:
        listed = "Signatures" if part in self._document.lists else "Other"
        return ROLES[self._document.parts.get(part, listed)]

    def _drawn(self) -> Iterable[Drawn]:
        """Where the seal shows, from the lower-left corner; what is cut away by a clip does not."""
        pages = {page.identity: (number, page) for number, page in enumerate(self._document.pages, start=1)}
        for stamp in self._signature.stamps:
            number, page = pages.get(stamp.page, (0, None))
            if page is None:
                continue
            left, top, width, height = shown(stamp)
            yield Drawn(
                page=number,
                x=left - page.left,
                y=page.height - (top - page.top) - height,
                width=width,
                height=height,
                page_width=page.width or None,
                page_height=page.height or None,
            )

    # --- the layer of the signature -----------------------------------------------------------------------------------

    def _judge_seal(self, value: bytes, described: bytes, number: int) -> SealReport:
        findings, file = self._findings, self._signature
        sealing = judge_ses(findings, value, sm3(described), self._bench)
        if sealing is None:
            return seal_report(findings, kind_of(value), f"{number}")
        signature = sealing.signature
        self._judge_seal_file(signature)
        self._judge_stamps(signature)
        if signature.property_info.strip("/") != file.part:
            findings.note(
                f"签名属性为 {signature.property_info[:100]}，非签名文件路径",
                f"the property is {signature.property_info[:100]}, not the path of the signature's file",
            )
        if sealing.at is not None:
            self._compare_dates(sealing.at)
        return seal_report(findings, signature.kind, f"{number}", sealing)

    def _judge_seal_file(self, signature: SealSignature) -> None:
        findings, file = self._findings, self._signature
        if not file.seal_named:
            findings.add(
                "seal_file", "passed", "文件中没有单独的印章文件", "the file has no file of the seal by itself"
            )
            return
        if file.seal is None:
            findings.add("seal_file", "failed", "指向的印章文件不存在", "the file of the seal is not there")
            return
        try:
            same = self._package.archive.read(file.seal) == signature.seal.der
        except OfdError as error:
            findings.add("seal_file", "failed", error.zh, error.en)
            return
        findings.hold(
            "seal_file", same, f"{file.seal} 与签章值内的印章不同", f"{file.seal} is not the seal inside the signature"
        )

    def _judge_stamps(self, signature: SealSignature) -> None:
        """Where the seal stands, and how large: the reader draws the seal's own picture there."""
        findings, file = self._findings, self._signature
        pages = {page.identity: page for page in self._document.pages}
        if not file.stamps:
            findings.note("签章没有外观", "the seal is drawn nowhere")
        lost = [stamp.page for stamp in file.stamps if stamp.page not in pages]
        if lost:
            findings.note(
                f"印章位置指向不存在的页面 {lost[0][:20]}", f"a place of the seal names no page: {lost[0][:20]}"
            )
        wide, high = signature.seal.width, signature.seal.height
        sizes = {(stamp.box[2], stamp.box[3]) for stamp in file.stamps}
        odd = next((size for size in sizes if abs(size[0] - wide) > 1 or abs(size[1] - high) > 1), None)
        if odd is not None:
            findings.note(
                f"印章按 {odd[0]:g}×{odd[1]:g} 毫米绘制，其尺寸为 {wide}×{high} 毫米",
                f"the seal is drawn {odd[0]:g} by {odd[1]:g} mm; its own size is {wide} by {high} mm",
            )
        shares = [stamp for stamp in file.stamps if stamp.clip is not None]
        if shares:
            whole = whole_seals(shares)
            findings.note(
                f"骑缝章分布于 {len(shares)} 页" + ("，合为整章" if whole else "，不能合为整章"),
                f"a seal across {len(shares)} pages" + ("" if whole else ", whose shares are no whole seal"),
            )
        for page_stamp in file.stamps:
            page = pages.get(page_stamp.page)
            left, top, width, height = shown(page_stamp)
            if page is None:
                continue
            left, top = left - page.left, top - page.top
            if left < -1 or top < -1 or left + width > page.width + 1 or top + height > page.height + 1:
                findings.note("印章部分在页面之外", "a part of the seal lies outside its page")
                break
        self._compare_places()

    def _compare_places(self) -> None:
        wanted = self._bench.expected.placements
        if not wanted:
            return
        drawn = list(self._drawn())
        right = len(drawn) == len(wanted) and all(
            one.page == place.page
            and max(abs(one.x - place.x), abs(one.y - place.y)) <= 0.5
            and max(abs(one.width - place.width), abs(one.height - place.height)) <= 1
            for one, place in zip(drawn, wanted, strict=True)
        )
        self._findings.hold("place", right, "印章位置与所请求的不同", "the seal does not stand where it was asked for")

    def _compare_dates(self, signed_at: datetime) -> None:
        written = self._signature.dated
        stated = signed_time(written)
        if stated is None:
            self._findings.note(
                f"签名文件所载时间不能识别：{written[:40]}", f"the time in the signature's file is none: {written[:40]}"
            )
        elif abs(stated - signed_at) > _SPREAD:
            self._findings.note(
                f"签名文件所载时间 {rfc3339(stated)} 与签章内时间 {rfc3339(signed_at)} 相差较大",
                f"the signature's file says {rfc3339(stated)}, the signature itself {rfc3339(signed_at)}",
            )


def shown(stamp: StampAnnot) -> tuple[float, float, float, float]:
    """The part of a stamp's box that its clip leaves: left, top, width, height on the page."""
    left, top, width, height = stamp.box
    if stamp.clip is None:
        return left, top, width, height
    x, y = max(stamp.clip[0], 0.0), max(stamp.clip[1], 0.0)
    right, bottom = min(stamp.clip[0] + stamp.clip[2], width), min(stamp.clip[1] + stamp.clip[3], height)
    return left + x, top + y, max(right - x, 0.0), max(bottom - y, 0.0)


def whole_seals(shares: Sequence[StampAnnot]) -> bool:
    """Whether the shares, in their order, are one or more whole seals, without gap or overlap (0.1 mm)."""
    reach: dict[int, float] = {}
    for axis in (0, 1):
        at = 0.0
        for stamp in shares:
            assert stamp.clip is not None
            start, length, across, whole = (
                stamp.clip[axis],
                stamp.clip[2 + axis],
                stamp.clip[3 - axis],
                stamp.box[2 + axis],
            )
            if abs(start - at) > 0.1 or abs(across - stamp.box[3 - axis]) > 0.1:
                break
            at = 0.0 if abs(start + length - whole) <= 0.1 else start + length
        else:
            reach[axis] = at
    return any(at == 0.0 for at in reach.values())
