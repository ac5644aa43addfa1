"""Judging the seals and signatures of a PDF: each over the revision that it covers, and what was changed afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY, ModificationLevel, SuspiciousModification

from gateway.foundation.crypto.sm import sm3
from gateway.rooms.seals.appearance import (
    Drawing,
    PictureError,
    compare,
    cut_off,
    drawing_of,
    other_pictures,
    picture_of,
    pictures_on,
    where,
)
from gateway.rooms.seals.cms_checks import CMS_REQUIRED, judge_cms
from gateway.rooms.seals.pades import PADES_REQUIRED, judge_pades
from gateway.rooms.seals.pdf_reading import Coverage, Embedded, PdfError, PdfFile, at
from gateway.rooms.seals.placement import PLACE_TOLERANCE, SIZE_TOLERANCE
from gateway.rooms.seals.report import Drawn, Findings, Report, SealReport
from gateway.rooms.seals.ses import Seal, SesError, der_length, kind_of
from gateway.rooms.seals.ses_checks import REQUIRED, Bench, Expected, judge_ses, seal_report
from gateway.words.clock import rfc3339

_PLACE: Final = frozenset({"coverage", "padding", "last_revision"})
REQUIRED_IN_PDF: Final = REQUIRED | _PLACE | {"appearance"}
"""Checks on a seal in a PDF without which it is not valid."""
MOST_SIGNATURES: Final = 100


def judge_pdf(content: bytes, bench: Bench) -> Report:
    """Judge every signature of a PDF as of the bench's instant. Never raises for what the file holds.

    Takes processor time and no network. Files of strangers belong in a child process with limits (``warden``).
    """
    findings = Findings({"readable", "signature_present"})
    seals: tuple[SealReport, ...] = ()
    try:
        seals = _judge(content, findings, bench)
    except PdfError as error:
        findings.add("readable", "not_made", "文件无法读取或超出限制", str(error))
    except Exception as error:  # pyHanko raises errors of many kinds for files of many kinds of brokenness
        findings.add("readable", "not_made", "文件结构无法处理", f"the file cannot be handled: {type(error).__name__}")
    return Report(
        format="pdf",
        digest=sm3(content).hex(),
        judged_at=rfc3339(bench.now),
        checks=findings.checks,
        seals=seals,
        notes=findings.notes,
        not_covered=findings.not_covered,
    )


def _judge(content: bytes, findings: Findings, bench: Bench) -> tuple[SealReport, ...]:
    file = PdfFile(content)
    if file.encrypted:
        raise PdfError("the file is encrypted")
    found = file.signatures
    if not found:
        findings.add("readable", "passed")
        findings.add("signature_present", "failed", "没有找到签章", "no signature was found")
        return ()
    if len(found) > MOST_SIGNATURES:
        raise PdfError(f"more than {MOST_SIGNATURES} signatures")
    findings.add("signature_present", "passed")
    if file.acting:
        zh, en = "、".join(one.zh for one in file.acting), ", ".join(one.en for one in file.acting)
        findings.require("active_content")
        findings.add("active_content", "not_made", f"{zh}：所见内容可能变化", f"{en}: what is shown may change")
    else:
        findings.add("active_content", "passed")
    for one in file.remarkable:
        findings.note(one.zh, one.en)
    others = replace(bench, expected=Expected())  # what we asked for is the latest signature, but for our own layer
    asked = found[-2:][0] if bench.expected.layered else found[-1]
    judged = [_Signature(file, one, bench if one is asked else others) for one in found]
    reports = tuple(one.report() for one in judged)
    own = {image for one in judged for image in one.images}
    for words in other_pictures(file, own):
        findings.note(words.zh, words.en)
    findings.add("readable", "passed")
    return reports


class _Signature:
    """One signature of a file, being judged."""

    def __init__(self, file: PdfFile, found: Embedded, bench: Bench) -> None:
        self._file, self._found, self._bench = file, found, bench
        self.images: set[int] = set()
        self._findings = Findings(REQUIRED_IN_PDF)
        self._drawn: list[Drawn] = []

    def report(self) -> SealReport:
        """The report of this signature."""
        file, found = self._file, self._found
        covered = file.coverage(found)
        if covered.reason:
            self._findings.add("coverage", "failed", "签章未覆盖全文", covered.reason)
            return seal_report(self._findings, "unknown", found.field)
        try:
            length = der_length(covered.value)
        except SesError as error:
            self._findings.add("structure", "failed", "不是签章结构", str(error))
            return seal_report(self._findings, "unknown", found.field)
        der, rest = covered.value[:length], covered.value[length:]
        kind = kind_of(der)
        self._findings = Findings(
            {"pades": PADES_REQUIRED | _PLACE, "gbt35275": CMS_REQUIRED | _PLACE}.get(kind, REQUIRED_IN_PDF)
        )
        findings = self._findings
        findings.hold("padding", not rest.strip(b"\0"), "签章值之后还有内容", "bytes after the signature")
        signed = self._judge_revision(covered)
        if kind == "pades":
            made = judge_pades(findings, signed, found, self._bench)
        elif kind == "gbt35275":
            over = file.content[: covered.start] + file.content[covered.after : covered.end]
            made = judge_cms(findings, der, over, self._bench, found.field)
        elif kind == "bare":
            findings.add("structure", "not_made", "仅有签名值，无法判定", "a bare signature value cannot be judged")
            made = seal_report(findings, kind, found.field)
        else:
            sealing = judge_ses(findings, der, covered.digest, self._bench)
            if sealing is not None:
                self._judge_drawing(signed, sealing.signature.seal)
            made = seal_report(findings, kind, found.field, sealing)
        revisions = self._file.reader.xrefs.total_revisions
        return made.model_copy(
            update={
                "checks": findings.checks,
                "notes": findings.notes,
                "not_covered": findings.not_covered,
                "drawn": tuple(self._drawn),
                "revision": signed.reader.xrefs.total_revisions,
                "revisions": revisions,
            }
        )

    # --- over which state of the file ---------------------------------------------------------------------------------

    def _judge_revision(self, covered: Coverage) -> PdfFile:
        """The file as it was signed, and whether only signatures were added since."""
        findings, content = self._findings, self._file.content
        if covered.end == len(content):
            findings.add("coverage", "passed")
            findings.add("last_revision", "passed")
            return self._file
        signed = PdfFile(content[: covered.end])
        if not any(
            one.byte_range == self._found.byte_range and one.field == self._found.field for one in signed.signatures
        ):
            findings.add("coverage", "failed", "签章不在其所覆盖的版本内", "the signature is not in what it covers")
            return signed
        if signed.reader.xrefs.total_revisions == self._file.reader.xrefs.total_revisions:
            more = len(content) - covered.end
            findings.add("coverage", "failed", f"签章后附加了 {more} 字节", f"{more} bytes were added after sealing")
            return signed
        findings.add("coverage", "passed", "覆盖其签署时的文件", "it covers the file as it was when it was signed")
        zh, en = _later_changes(self._file, signed)
        findings.hold("last_revision", not en, zh, en)
        if not en:
            findings.note("其后只增加了签章或签名", "only signatures were added since")
        return signed

    # --- what is drawn ------------------------------------------------------------------------------------------------

    def _judge_drawing(self, signed: PdfFile, seal: Seal) -> None:
        findings = self._findings
        own = next((one for one in signed.signatures if one.byte_range == self._found.byte_range), self._found)
        places = [(widget, *_page_of(signed, widget)) for widget in own.widgets if not _hidden(widget)]
        try:
            drawings = [
                (drawing, page, number)
                for widget, page, number in places
                if page is not None and (drawing := drawing_of(widget)) is not None
            ]
        except (ValueError, TypeError, IndexError, AttributeError) as error:
            findings.add("appearance", "not_made", "印章外观无法判读", f"its drawing cannot be followed: {error}")
            return
        drawings = [one for one in drawings if one[0].pictures or one[0].others]
        if not drawings:
            findings.add("appearance", "not_applicable", "印章没有外观", "the seal is drawn nowhere")
            findings.note("印章没有绘出", "the seal is drawn nowhere")
            return
        reasons: list[tuple[str, str]] = []
        undecided = ""
        turned, odd = False, None
        for drawing, page, number in drawings:
            wrong = self._alone(drawing, len(drawings))
            if wrong:
                reasons.append(wrong)
                continue
            shown = drawing.pictures[0]
            self.images.add(id(shown.image))
            drawn, upright = where(shown, page, number)
            self._drawn.append(drawn)
            turned = turned or not upright
            if abs(drawn.width - seal.width) > SIZE_TOLERANCE or abs(drawn.height - seal.height) > SIZE_TOLERANCE:
                odd = odd or drawn
            try:
                difference = compare(shown.image, picture_of(seal.picture, seal.picture_type), seal.picture)
                if difference:
                    reasons.append(("所绘图像不是该印章的图像", difference))
            except PictureError as error:
                undecided = str(error)
        if turned:
            reasons.append(("印章被旋转或镜像", "the seal is turned or mirrored"))
        if reasons:
            findings.add("appearance", "failed", reasons[0][0], reasons[0][1])
        elif undecided:
            findings.add("appearance", "not_made", "印章图像类型不能比对", undecided)
        else:
            findings.add("appearance", "passed")
        self._judge_size(seal, odd)
        if self._bench.expected.placements:
            self._judge_place(signed)

    def _alone(self, drawing: Drawing, drawings: int) -> tuple[str, str] | None:
        """Why a drawing is more, or less, than one whole picture."""
        if drawing.others:
            named = ", ".join(drawing.others[:5])
            return "印章外观中还绘有其他内容", f"the appearance draws more than a picture ({named})"
        if len(drawing.pictures) != 1:
            return (
                f"印章外观中有 {len(drawing.pictures)} 幅图像",
                f"the appearance draws {len(drawing.pictures)} pictures",
            )
        if cut_off(drawing, drawing.pictures[0]) and drawings == 1:
            return "印章图像被裁切", "a part of the picture is cut off"
        return None

    def _judge_size(self, seal: Seal, odd: Drawn | None) -> None:
        said = f"{odd.width:.1f}×{odd.height:.1f}" if odd else ""
        self._findings.hold(
            "size",
            odd is None,
            f"按 {said} 毫米绘制，印章尺寸为 {seal.width}×{seal.height} 毫米",
            f"drawn {said} mm, the seal is {seal.width} by {seal.height}",
        )

    def _judge_place(self, signed: PdfFile) -> None:
        """Every place that was asked for against what is drawn: the field's first, the others in the pages."""
        wanted, drawn = self._bench.expected.placements, list(self._drawn)
        for place in wanted[1:]:
            if place.page <= len(signed.page_objects):
                page, holder = signed.page_objects[place.page - 1]
                drawn += [
                    where(shown, page, place.page)[0] for shown in pictures_on(holder) if id(shown.image) in self.images
                ]
        missing = [
            place
            for place in wanted
            if not any(
                one.page == place.page
                and max(abs(one.x - place.x), abs(one.y - place.y)) <= PLACE_TOLERANCE
                and max(abs(one.width - place.width), abs(one.height - place.height)) <= SIZE_TOLERANCE
                for one in drawn
            )
        ]
        said = "; ".join(f"p. {one.page} {one.x:.1f}/{one.y:.1f}" for one in drawn)
        self._findings.hold(
            "place", not missing, f"印章位置与所请求的不同：{said}", f"not where it was asked for: {said or 'nowhere'}"
        )
        self._drawn = list({(one.page, one.x, one.y): one for one in drawn}.values())


def _later_changes(file: PdfFile, signed: PdfFile) -> tuple[str, str]:
    """What was changed after a signature beside further signatures; "" where nothing was."""
    base = signed.reader.xrefs.total_revisions - 1
    try:
        found = DEFAULT_DIFF_POLICY.review_file(file.reader, base)
    except SuspiciousModification as error:
        found = error
    except Exception as error:  # pyHanko raises errors of many kinds
        return "签章后的改动无法判读", f"what was changed cannot be followed: {str(error)[:200]}"
    if isinstance(found, SuspiciousModification):
        return "签章后文件被改动", f"the file was changed after sealing: {str(found)[:200]}"
    signatures = {one.field for one in file.signatures}
    filled = sorted(set(found.changed_form_fields) - signatures)
    if found.modification_level > ModificationLevel.FORM_FILLING:
        return "签章后增加了批注", "annotations were added after sealing"
    if filled:
        return f"签章后填写了表单域：{filled[0]}", f"fields were filled in after sealing: {filled[0]}"
    return "", ""


def _hidden(widget: Any) -> bool:
    """Whether an annotation is not shown: hidden, or not for viewing (ISO 32000-1, 12.5.3)."""
    return bool(int(at(widget, "/F", 0)) & (2 | 32))


def _page_of(file: PdfFile, widget: Any) -> tuple[Any, int]:
    """The page whose annotations hold a widget, and its number from 1; what no page holds is not drawn."""
    for number, note in file.annotations:
        if note is widget or (
            note.container_ref is not None
            and widget.container_ref is not None
            and note.container_ref == widget.container_ref
            and at(note, "/Rect") == at(widget, "/Rect")
        ):
            return file.pages[number], number + 1
    return None, 0
