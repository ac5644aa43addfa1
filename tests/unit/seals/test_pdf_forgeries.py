"""Ways to make a PDF say what its organ did not seal: none is accepted, and each is refused for its own reason.

``docs/seal-forgeries.md`` lists them; the list and this table are held together.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageOps
from pyhanko.pdf_utils.generic import (
    ArrayObject,
    DictionaryObject,
    FloatObject,
    NumberObject,
    StreamObject,
    TextStringObject,
    pdf_name,
)
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from seal_versions import signature_1

from gateway.foundation.crypto import der as asn1
from gateway.foundation.crypto.sm import sm3
from gateway.rooms.seals.pdf import PdfProfile, embed, prepare
from gateway.rooms.seals.report import Report, Verdict
from gateway.rooms.seals.ses import read_seal
from gateway.rooms.seals.ses_checks import Expected
from gateway.rooms.seals.verification import verify_document
from simulators.seal import ses
from simulators.seal.pki import Authority, Key

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Forgery:
    """One kind: how it is made, the check that stands against it, words of the reason, and what it is for people."""

    kind: str
    make: Callable[..., bytes]
    check: str
    words: str
    what: str


# --- tools of the forger ----------------------------------------------------------------------------------------------


def later(f, change: Callable[[IncrementalPdfFileWriter], None], pdf: bytes | None = None) -> bytes:
    """A further revision behind the sealed file."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf or f.sealed()))
    change(writer)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def bent(f, old: bytes, new: bytes) -> bytes:
    sealed = f.sealed()
    assert old in sealed
    return sealed.replace(old, new)


def _with_drawing(f, change) -> bytes:
    from gateway.rooms.seals import pdf as module

    kept = module._form

    def drawn(spot, image):
        form = kept(spot, image)
        change(form, spot)
        return form

    module._form = drawn
    try:
        made = prepare(f.document, read_seal(f.issued), [f.place], at=f.now, profile=PdfProfile(reserve=4096))
    finally:
        module._form = kept
    return embed(made.content, made.start, made.end, f.sign(made.digest))


def drawing(content: Callable[[float, float], str]):
    """The seal's field draws this."""

    def change(form, spot) -> None:
        wide, high = spot.right - spot.left, spot.top - spot.bottom
        form._data = content(wide, high).encode()

    return lambda f: _with_drawing(f, change)


def pictured(change: Callable[[Image.Image], Image.Image]):
    """The seal's field draws another picture than the seal's."""

    def make(f) -> bytes:
        with Image.open(io.BytesIO(f.seal.picture)) as image:
            other = change(image.convert("RGBA"))
        out = io.BytesIO()
        other.save(out, "PNG")
        shown = replace(read_seal(f.issued), picture=out.getvalue())
        made = prepare(f.document, shown, [f.place], at=f.now, profile=PdfProfile(reserve=4096))
        return embed(made.content, made.start, made.end, f.sign(made.digest))

    return make


def blue(image: Image.Image) -> Image.Image:
    red, green, low, alpha = image.split()
    return Image.merge("RGBA", (low, green, red, alpha))


def with_star(image: Image.Image) -> Image.Image:
    ImageDraw.Draw(image).rectangle((14, 14, 34, 34), fill="red")
    return image


def sized(width: float, height: float):
    """The seal in another size than its own."""

    def make(f) -> bytes:
        shown = replace(read_seal(f.issued), width=round(width), height=round(height))
        place = f.place.model_copy(update={"width": width, "height": height})
        made = prepare(f.document, shown, [place], at=f.now, profile=PdfProfile(reserve=4096))
        return embed(made.content, made.start, made.end, f.sign(made.digest))

    return make


def signed_by(**options: object):
    """A signature in the right file, made with another seal or by another maker."""

    def make(f) -> bytes:
        values = {name: value(f) if callable(value) else value for name, value in options.items()}
        return f.sealed(f.sign(**values))

    return make


def self_made(f) -> bytes:
    key = Key.generate()
    person = f.root.issue("贺知秋", key.public)
    seal = f.variant(key=key, certificate=person, listed=(person,))
    return f.sealed(f.sign(seal=seal, maker=ses.Maker(key, person)))


def stranger(f) -> bytes:
    root = Authority.found("安澜市电子印章根证书")
    certificate = root.issue(f.seal.name, f.seal.key.public)
    seal = f.variant(certificate=certificate, listed=(certificate,))
    return f.sealed(f.sign(seal=seal, maker=ses.Maker.under(root, "安澜市电子印章制章中心")))


def altered(**fields: object):
    """The seal of a maker with a field that he did not sign."""

    def make(f) -> bytes:
        _, *signed = asn1.read(f.issued).parts()
        made = asn1.wrap(asn1.SEQUENCE, ses.seal_info(f.variant(**fields)), *(one.der for one in signed))
        return f.sealed(ses.signature(f.seal, made, f.prepared.digest, "/ByteRange", f.now))

    return make


def dated(moment: datetime):
    """The signer says another time."""
    return lambda f: f.sealed(ses.signature(f.seal, f.issued, f.prepared.digest, "/ByteRange", moment))


def empty_id(f) -> bytes:
    signed, certificate, algorithm, _ = asn1.read(f.sign()).parts()
    value = asn1.wrap(asn1.BIT_STRING, b"\0", f.seal.key.sign_with_empty_id(signed.der))
    return f.sealed(asn1.wrap(asn1.SEQUENCE, signed.der, certificate.der, algorithm.der, value))


def other_algorithm(f) -> bytes:
    der = f.sign()
    old, new = bytes.fromhex("06082a811ccf55018375"), bytes.fromhex("06082a811ccf55018376")
    at = der.rindex(old)
    return f.sealed(der[:at] + new + der[at + len(old) :])


def version_mixed(f) -> bytes:
    """A seal of one version inside a signature of another."""
    made = ses.eseal(f.variant(version=5), f.maker)
    return f.sealed(ses.signature(f.seal, made, f.prepared.digest, "/ByteRange", f.now))


def wider_gap(f) -> bytes:
    sealed, start, end = f.sealed(), f.prepared.start, f.prepared.end
    at = sealed.rindex(b"/ByteRange [")
    close = sealed.index(b"]", at)
    wider = f"/ByteRange [0 {start} {end + 8} {len(sealed) - end - 8}".encode()
    return sealed[:at] + wider + b" " * (close - at - len(wider)) + sealed[close:]


def text_in_gap(f) -> bytes:
    sealed = bytearray(f.sealed())
    sealed[f.prepared.end - 20 : f.prepared.end - 2] = b" 41 42 43 44 45 46 "[:18]
    return bytes(sealed)


def one_digit_behind(f) -> bytes:
    sealed = bytearray(f.sealed())
    sealed[f.prepared.end - 2] = ord("1")
    return bytes(sealed)


def covers_less(f) -> bytes:
    """ByteRange ends before the end of the file, in the middle of it."""
    sealed, start, end = f.sealed(), f.prepared.start, f.prepared.end
    at = sealed.rindex(b"/ByteRange [")
    close = sealed.index(b"]", at)
    shorter = f"/ByteRange [0 {start} {end} {len(sealed) - end - 30}".encode()
    return sealed[:at] + shorter + b" " * (close - at - len(shorter)) + sealed[close:]


def page_replaced(writer: IncrementalPdfFileWriter) -> None:
    page = writer.find_page_for_modification(0)[0].get_object()
    page["/Contents"] = writer.add_object(StreamObject(stream_data=b"BT /F1 20 Tf 72 700 Td (fine: 5.00) Tj ET"))
    writer.update_container(page)


def note_over(kind: str):
    """An annotation over the words."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        page = writer.find_page_for_modification(0)[0].get_object()
        note = {
            "/Type": pdf_name("/Annot"),
            "/Subtype": pdf_name(kind),
            "/Rect": ArrayObject([NumberObject(side) for side in (70, 600, 500, 700)]),
            "/Contents": TextStringObject("免予处罚"),
        }
        made = writer.add_object(DictionaryObject({pdf_name(key): value for key, value in note.items()}))
        page["/Annots"].append(made)
        writer.update_container(page["/Annots"])

    return change


def root_entry(key: str, value: Callable[[], object]):
    def change(writer: IncrementalPdfFileWriter) -> None:
        writer.root[pdf_name(key)] = value()
        writer.update_root()

    return change


def field_moved(writer: IncrementalPdfFileWriter) -> None:
    field = writer.root["/AcroForm"]["/Fields"][0]
    field[pdf_name("/Rect")] = ArrayObject([FloatObject(side) for side in ("10", "10", "129", "129")])
    writer.update_container(field)


def appearance_swapped(writer: IncrementalPdfFileWriter) -> None:
    field = writer.root["/AcroForm"]["/Fields"][0]
    form = DictionaryObject(field["/AP"]["/N"])
    new = StreamObject(dict(form), stream_data=b"q Q")
    field[pdf_name("/AP")] = DictionaryObject({pdf_name("/N"): writer.add_object(new)})
    writer.update_container(field)


def second_page(writer: IncrementalPdfFileWriter) -> None:
    pages = writer.root["/Pages"]
    page = {
        "/Type": pdf_name("/Page"),
        "/Parent": writer.root.raw_get("/Pages"),
        "/MediaBox": ArrayObject([NumberObject(side) for side in (0, 0, 595, 842)]),
    }
    pages["/Kids"].append(writer.add_object(DictionaryObject({pdf_name(key): one for key, one in page.items()})))
    pages[pdf_name("/Count")] = NumberObject(2)
    writer.update_container(pages)


def shown_twice(writer: IncrementalPdfFileWriter) -> None:
    form = writer.root["/AcroForm"]
    form["/Fields"].append(writer.add_object(DictionaryObject(form["/Fields"][0])))
    writer.update_container(form["/Fields"])


def scripted(f) -> bytes:
    """The script was there when the organ sealed: made ready by a tool that does not look."""
    from gateway.rooms.seals import pdf as module

    action = {"/S": pdf_name("/JavaScript"), "/JS": TextStringObject("this.getField('sum').value='5.00'")}
    made = DictionaryObject({pdf_name(key): value for key, value in action.items()})
    active = later(f, root_entry("/OpenAction", lambda: made), f.document)
    kept, module._refuse = module._refuse, lambda *_, **__: None
    try:
        ready = f.prepare(active)
    finally:
        module._refuse = kept
    return embed(ready.content, ready.start, ready.end, f.sign(ready.digest))


def polyglot(f) -> bytes:
    import zipfile

    out = io.BytesIO(f.sealed())
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("OFD.xml", "<OFD/>")
    return out.getvalue()


def expired_maker_listed(f) -> ses.Seal:
    return replace(f.seal, valid_until=f.now - timedelta(days=1))


STALE = datetime(2025, 1, 1, tzinfo=UTC)
LATER = datetime(2049, 1, 1, tzinfo=UTC)

FORGERIES = [
    Forgery(
        "page-replaced", lambda f: later(f, page_replaced), "last_revision", "changed after", "另存新版本，换掉页面内容"
    ),
    Forgery("page-added", lambda f: later(f, second_page), "last_revision", "changed after", "签章后增加一页"),
    Forgery(
        "note-over-the-words",
        lambda f: later(f, note_over("/FreeText")),
        "last_revision",
        "",
        "签章后加文字批注盖住正文",
    ),
    Forgery("rubber-stamp-added", lambda f: later(f, note_over("/Stamp")), "last_revision", "", "签章后加图章批注"),
    Forgery(
        "opens-otherwise",
        lambda f: later(f, root_entry("/PageMode", lambda: pdf_name("/FullScreen"))),
        "last_revision",
        "changed after",
        "签章后改文档目录",
    ),
    Forgery("seal-moved", lambda f: later(f, field_moved), "last_revision", "", "签章后移动印章"),
    Forgery("drawing-swapped-later", lambda f: later(f, appearance_swapped), "last_revision", "", "签章后换掉印章外观"),
    Forgery("field-shown-twice", lambda f: later(f, shown_twice), "last_revision", "", "签章后把同一签名再放一处"),
    Forgery(
        "bytes-behind", lambda f: f.sealed() + b"\n% free of charge\n", "coverage", "added after", "文件尾附加字节"
    ),
    Forgery(
        "word-changed",
        lambda f: bytes(b ^ (i == 9_000) for i, b in enumerate(f.sealed())),
        "document_digest",
        "another document",
        "改动正文一个比特",
    ),
    Forgery(
        "signature-of-another-file",
        lambda f: f.sealed(f.sign(f.prepare(f.other_document).digest)),
        "document_digest",
        "another document",
        "把别的文件的签章搬来",
    ),
    Forgery(
        "range-not-from-the-start",
        lambda f: bent(f, b"/ByteRange [0 ", b"/ByteRange [9 "),
        "coverage",
        "first byte",
        "ByteRange 不从文件头开始",
    ),
    Forgery(
        "range-missing", lambda f: bent(f, b"/ByteRange ", b"/ByteRangf "), "coverage", "no ByteRange", "去掉 ByteRange"
    ),
    Forgery("gap-widened", wider_gap, "coverage", "not the value", "扩大未覆盖的间隙"),
    Forgery("range-shortened", covers_less, "coverage", "added after", "ByteRange 提前结束"),
    Forgery("text-in-the-gap", text_in_gap, "coverage", "hexadecimal", "间隙内夹带其他内容"),
    Forgery("something-behind-the-value", one_digit_behind, "padding", "bytes after", "签章值后夹带字节"),
    Forgery("signature-cut", lambda f: f.sealed(f.sign()[:-7]), "signature", "", "签章结构被截短"),
    Forgery(
        "trailing-bytes", lambda f: f.sealed(f.sign() + b"\x05\x00"), "padding", "bytes after", "签章结构后附加字节"
    ),
    Forgery("long-length", lambda f: f.sealed(b"\x30\x83\x00" + f.sign()[2:]), "structure", "", "长度编码超长"),
    Forgery(
        "indefinite-length", lambda f: f.sealed(b"\x30\x80" + f.sign()[4:] + b"\0\0"), "structure", "", "不定长编码"
    ),
    Forgery("empty-identifier", empty_id, "signature", "empty", "签名使用空标识"),
    Forgery(
        "key-of-another",
        signed_by(seal=lambda f: f.variant(key=Key.generate())),
        "signature",
        "does not verify",
        "用自己的密钥签名",
    ),
    Forgery("algorithm-renamed", other_algorithm, "signature", "not SM2", "改写签名算法标识"),
    Forgery("seal-made-by-anybody", self_made, "maker_trusted", "no listed", "根下任一证书自制印章"),
    Forgery("authority-of-the-same-name", stranger, "signer_chain", "", "同名的假根证书"),
    Forgery(
        "maker-without-key",
        signed_by(maker=lambda f: replace(f.maker, key=Key.generate())),
        "seal_maker_signature",
        "does not verify",
        "冒充制章者",
    ),
    Forgery(
        "name-of-another-organ",
        altered(name="安澜市望川区市场监督管理局"),
        "seal_maker_signature",
        "does not verify",
        "改印章名称",
    ),
    Forgery(
        "number-of-another-seal",
        altered(seal_id="99010200009999"),
        "seal_maker_signature",
        "does not verify",
        "改印章编号",
    ),
    Forgery(
        "validity-prolonged",
        altered(valid_until=LATER),
        "seal_maker_signature",
        "does not verify",
        "延长印章有效期",
    ),
    Forgery(
        "picture-of-another-seal",
        altered(picture=b"\x89PNG other"),
        "seal_maker_signature",
        "does not verify",
        "换印章图像",
    ),
    Forgery("size-of-another-seal", altered(width=60), "seal_maker_signature", "does not verify", "改印章尺寸"),
    Forgery(
        "signer-not-listed",
        signed_by(seal=lambda f: f.variant(listed=(f.maker.certificate,))),
        "signer_listed",
        "does not list",
        "签章人不在印章证书列表",
    ),
    Forgery(
        "certificate-under-empty-id",
        signed_by(seal=lambda f: ses.flawed("seal_empty_id", f.seal, f.seal, f.maker, f.root, f.now)[0]),
        "signer_chain",
        "standard distinguishing ID",
        "证书以空标识签发",
    ),
    Forgery("seal-expired", signed_by(seal=expired_maker_listed), "seal_validity", "in force", "印章过期后用印"),
    Forgery("dated-before-the-seal-was-made", dated(STALE), "seal_validity", "in force", "倒填日期至制章之前"),
    Forgery(
        "dated-tomorrow", dated(datetime(2026, 12, 1, tzinfo=UTC)), "sealing_time", "cannot be", "填写将来的用印时间"
    ),
    Forgery("version-mixed", version_mixed, "version", "", "版本号内外不一"),
    Forgery("version-unknown", signed_by(seal=lambda f: f.variant(version=6)), "version", "not supported", "未知版本"),
    Forgery(
        "version-1-with-another-digest",
        lambda f: f.sealed(signature_1(f.seal, f.maker, sm3(b"x"), f.now)),
        "document_digest",
        "another document",
        "以旧版结构搬运签章",
    ),
    Forgery("another-face", pictured(with_star), "appearance", "pixels", "所绘图像与所签印章不同"),
    Forgery("another-colour", pictured(blue), "appearance", "pixels", "所绘印章改色"),
    Forgery(
        "mirrored-picture",
        pictured(lambda image: ImageOps.mirror(with_star(image).rotate(30))),
        "appearance",
        "pixels",
        "所绘图像镜像",
    ),
    Forgery(
        "picture-of-other-shape",
        pictured(lambda image: image.crop((0, 0, 48, 24))),
        "appearance",
        "48 by 24",
        "只绘半个印章",
    ),
    Forgery(
        "turned-on-the-page",
        drawing(lambda w, h: f"q 0 {h} -{w} 0 {w} 0 cm /Seal Do Q"),
        "appearance",
        "turned",
        "印章被旋转",
    ),
    Forgery(
        "mirrored-on-the-page",
        drawing(lambda w, h: f"q -{w} 0 0 {h} {w} 0 cm /Seal Do Q"),
        "appearance",
        "turned",
        "印章被镜像",
    ),
    Forgery(
        "words-beside-the-seal",
        drawing(lambda w, h: f"q {w} 0 0 {h} 0 0 cm /Seal Do Q BT /F 9 Tf (paid) Tj ET"),
        "appearance",
        "more than a picture",
        "印章外观内夹带文字",
    ),
    Forgery(
        "white-over-the-seal",
        drawing(lambda w, h: f"q {w} 0 0 {h} 0 0 cm /Seal Do Q 1 g 0 0 {w} {h} re f"),
        "appearance",
        "more than a picture",
        "以白块遮盖印章",
    ),
    Forgery(
        "seal-drawn-twice",
        drawing(lambda w, h: f"q {w} 0 0 {h} 0 0 cm /Seal Do Q q 9 0 0 9 0 0 cm /Seal Do Q"),
        "appearance",
        "2 pictures",
        "外观内重复绘印章",
    ),
    Forgery(
        "seal-cut-off",
        drawing(lambda w, h: f"0 0 {w / 2} {h} re W n q {w} 0 0 {h} 0 0 cm /Seal Do Q"),
        "appearance",
        "cut off",
        "裁去部分印章",
    ),
    Forgery("seal-enlarged", sized(60, 60), "size", "drawn 60.0", "印章放大"),
    Forgery("seal-flattened", sized(42, 21), "size", "drawn 42.0", "印章压扁"),
    Forgery("script-inside", scripted, "active_content", "JavaScript", "文件内含脚本"),
    Forgery("two-formats-at-once", polyglot, "readable", "at once", "既是 PDF 又是 OFD"),
]


@pytest.fixture(scope="module")
def forger(forge):
    """The authority, its organ, and the place of the seal."""
    from types import MethodType

    forge.place = forge_place()
    assert isinstance(forge.sealed, MethodType)
    return forge


def forge_place():
    from gateway.ports.seal import Placement

    return Placement(page=1, x=120, y=60, width=42, height=42)


def judge(forge, content: bytes, **expected: object) -> Report:
    wanted = Expected(**expected) if expected else None
    return verify_document(content, forge.trust, forge.now + timedelta(minutes=1), expected=wanted)


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda one: one.kind)
@pytest.mark.cases_by_day(15)
def test_no_forgery_is_accepted_and_each_has_its_reason(forger, forgery):
    report = judge(forger, forgery.make(forger))
    assert report.verdict is not Verdict.VALID
    against = [one for one in report.every_check if one.name == forgery.check and one.result != "passed"]
    assert against, [(one.name, one.result, one.reason.en) for one in report.every_check if one.result != "passed"]
    assert any(forgery.words in one.reason.en for one in against), [one.reason for one in against]
    assert all(one.reason.zh for one in against)
    assert not [one.reason.zh for one in report.every_check if re.search(r"[a-z]{2,} [a-z]{2,}", one.reason.zh)]


def test_what_they_were_made_from_is_accepted(forger):
    """Otherwise the table proves nothing."""
    same = drawing(lambda w, h: f"q {w} 0 0 {h} 0 0 cm /Seal Do Q")
    for content in (forger.sealed(), same(forger), pictured(lambda image: image)(forger), sized(42, 42)(forger)):
        report = judge(forger, content)
        assert report.verdict is Verdict.VALID, report.why


def test_a_seal_elsewhere_than_asked_for_is_refused(forger):
    place = forge_place()
    assert judge(forger, forger.sealed(), placements=(place,)).verdict is Verdict.VALID
    for other in ({"x": 121}, {"y": 59}, {"page": 2}):
        report = judge(forger, forger.sealed(), placements=(place.model_copy(update=other),))
        assert "not where it was asked for" in report.why.en


def test_a_flipped_bit_is_refused_wherever_it_is(forger):
    """Nothing of a sealed PDF is outside its seal but zeros behind the value, and those must be zeros."""
    sealed = forger.sealed(forger.der)
    spots = range(0, len(sealed) * 8, len(sealed) * 8 // 150)
    accepted = []
    for spot in spots:
        flipped = bytearray(sealed)
        flipped[spot // 8] ^= 1 << spot % 8
        if judge(forger, bytes(flipped)).verdict is Verdict.VALID:
            accepted.append(spot)
    # A hexadecimal digit may be written large or small: the same value in other letters.
    gap = range(forger.prepared.start, forger.prepared.end)
    assert all(spot // 8 in gap and chr(sealed[spot // 8]).isalpha() and spot % 8 == 5 for spot in accepted), accepted


def test_the_list_in_the_docs_is_this_list():
    text = (ROOT / "docs" / "seal-forgeries.md").read_text(encoding="utf-8")
    listed = re.findall(
        r"^\| `([a-z0-9-]+)` \| (.+?) \| `([a-z_]+)` \|$", text.split("## PDF")[1].split("\n## ")[0], re.M
    )
    assert listed == [(one.kind, one.what, one.check) for one in FORGERIES]
    assert len({one.kind for one in FORGERIES}) == len(FORGERIES) >= 50
