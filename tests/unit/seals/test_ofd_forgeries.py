"""Ways to make an OFD say what its organ did not seal: none is accepted, and each is refused for its own reason."""

from __future__ import annotations

import base64
import re
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import seal_versions
from ofd_forge import (
    ESL,
    LIST,
    NOW,
    ORGAN,
    PAGE,
    SIGNATURE,
    VALUE,
    Foreign,
    OfdForge,
    letter_ofd,
    md5,
    put,
    ring,
    swapped,
    unzipped,
    zipped,
)

from gateway.rooms.seals.ofd.archive import Archive
from gateway.rooms.seals.report import CHECKS, Verdict
from simulators.seal import ses
from simulators.seal.pki import Key, sm3

DOCUMENT = "Doc_0/Document.xml"
DATA = "Doc_0/Attachs/data.xml"
KEYED = "1.2.156.10197.1.401.2"
HIDDEN = b"<ofd:Page xmlns:ofd='http://www.ofdspec.org/2016'/>"


@dataclass(frozen=True)
class Forgery:
    """One kind: how it is made, the check that stands against it, and words of the reason."""

    kind: str
    make: Callable[[OfdForge], bytes]
    check: str
    words: str


def doubled(f: OfdForge) -> bytes:
    return zipped([*unzipped(f.sealed).items(), (PAGE, HIDDEN)])


def renamed_header(f: OfdForge) -> bytes:
    """The directory lists the page, the header before its data says something else."""
    sealed = bytearray(f.sealed)
    at = sealed.index(PAGE.encode())
    sealed[at : at + 5] = b"Doc_1"
    return bytes(sealed)


def hidden_before(f: OfdForge) -> bytes:
    return put(f.sealed, {PAGE: HIDDEN}) + f.sealed


def hidden_behind(f: OfdForge) -> bytes:
    comment = put(f.sealed, {PAGE: HIDDEN})[:60_000]
    assert len(comment) < 65_536
    sealed = bytearray(f.sealed)
    sealed[-2:] = struct.pack("<H", len(comment))
    return bytes(sealed) + comment


def bomb(f: OfdForge) -> bytes:
    return put(f.sealed, {"Doc_0/Res/large.bin": bytes(40 << 20)})


def flagged(f: OfdForge) -> bytes:
    sealed = bytearray(f.sealed)
    at = sealed.rindex(b"PK\x01\x02")
    sealed[at + 8] |= 1
    return bytes(sealed)


def linked(f: OfdForge) -> bytes:
    sealed = bytearray(f.sealed)
    at = sealed.rindex(b"PK\x01\x02")
    struct.pack_into("<L", sealed, at + 38, 0o120777 << 16)
    return bytes(sealed)


def overlapping(f: OfdForge) -> bytes:
    """Two names for one place."""
    sealed = f.sealed
    end = sealed.rindex(b"PK\x05\x06")
    count, size, start = struct.unpack_from("<HLL", sealed, end + 10)
    name, extra, comment = struct.unpack_from("<3H", sealed, start + 28)
    first = sealed[start : start + 46 + name + extra + comment]
    record = bytearray(sealed[end:])
    struct.pack_into("<HHL", record, 8, count + 1, count + 1, size + len(first))
    return sealed[:end] + first + bytes(record)


def redigested(f: OfdForge) -> bytes:
    """The page changed, and its digest in Signature.xml with it."""
    parts = unzipped(f.foreign)
    page = parts[PAGE].replace(b"5000.00", b"500.00")
    old, new = (base64.b64encode(sm3(part)) for part in (parts[PAGE], page))
    return put(f.foreign, {PAGE: page, SIGNATURE: parts[SIGNATURE].replace(old, new)})


def unreferenced(f: OfdForge) -> bytes:
    """The page changed, and taken off the list of what is covered."""
    parts = unzipped(f.foreign)
    digest = base64.b64encode(sm3(parts[PAGE])).decode()
    entry = f'<ofd:Reference FileRef="/{PAGE}"><ofd:CheckValue>{digest}</ofd:CheckValue></ofd:Reference>'.encode()
    assert entry in parts[SIGNATURE]
    return put(
        f.foreign,
        {PAGE: parts[PAGE].replace(b"5000.00", b"500.00"), SIGNATURE: parts[SIGNATURE].replace(entry, b"")},
    )


def transplanted(f: OfdForge) -> bytes:
    """The signature of one document in another."""
    signed = unzipped(f.sealed)
    other = unzipped(f.seal_ofd(letter_ofd("不予行政处罚。")))
    return put(f.sealed, {VALUE: other[VALUE]}) if signed[VALUE] != other[VALUE] else b""


def whole_signature_transplanted(f: OfdForge) -> bytes:
    """Signature.xml and its value of one document in another: the digests are of other pages."""
    other = unzipped(f.seal_ofd(letter_ofd("不予行政处罚。")))
    return put(f.sealed, {SIGNATURE: other[SIGNATURE], VALUE: other[VALUE]})


def other_seal_file(f: OfdForge) -> bytes:
    """Seal.esl with another picture, not covered by a careless sealer: what is shown is not what was signed."""
    other = ses.eseal(f.variant(picture=ring(20)), f.maker)
    return put(Foreign(f).but(left_out=frozenset({ESL})).sealed(), {ESL: other})


def stranger(f: OfdForge) -> bytes:
    """All by an authority of one's own, of the same name."""
    return OfdForge().sealed


def self_made_seal(f: OfdForge) -> bytes:
    """Any certificate of the trusted root, used to make a seal of the organ."""
    mine = ses.Maker.under(f.root, "某甲")
    return Foreign(f).but(value=lambda xml: f.sign(sm3(xml), maker=mine), seal_file=False).sealed()


def not_listed(f: OfdForge) -> bytes:
    other = f.variant(certificate=f.root.issue(ORGAN, f.seal.key.public))
    made = ses.eseal(f.seal, f.maker)
    return (
        Foreign(f)
        .but(seal_file=False, value=lambda xml: ses.signature(other, made, sm3(xml), f"/{SIGNATURE}", NOW))
        .sealed()
    )


def altered_name(f: OfdForge) -> bytes:
    """The organ's name in the seal changed after the maker signed it."""
    made = seal_versions.eseal_4(f.seal, f.maker)
    made["eSealInfo"]["property"]["name"] = "安澜市望川区市场监督管理局"
    sealed = seal_versions.encode(4, "SESeal", made)
    return (
        Foreign(f)
        .but(seal_file=False, value=lambda xml: ses.signature(f.seal, sealed, sm3(xml), f"/{SIGNATURE}", NOW))
        .sealed()
    )


def signed_by(**other: object) -> Callable[[OfdForge], bytes]:
    return lambda f: Foreign(f).but(seal_file=False, value=lambda xml: f.sign(sm3(xml), **given(f, other))).sealed()


def given(f: OfdForge, other: dict[str, object]) -> dict[str, object]:
    return {name: make(f) if callable(make) else make for name, make in other.items()}


def empty_id(f: OfdForge) -> ses.Seal:
    certificate = f.root.issue(ORGAN, f.seal.key.public, empty_id=True)
    return replace(f.seal, certificate=certificate, listed=(certificate,))


def other_key(f: OfdForge) -> ses.Seal:
    return f.variant(key=Key.generate())


def expired(f: OfdForge) -> ses.Seal:
    return f.variant(valid_until=NOW - timedelta(days=1))


def value(change: Callable[[bytes], bytes]) -> Callable[[OfdForge], bytes]:
    return lambda f: put(f.sealed, {VALUE: change(unzipped(f.sealed)[VALUE])})


def sign_as_seal(f: OfdForge) -> bytes:
    return swapped(cms()(f), LIST, 'Type="Sign"', 'Type="Seal"')


def second_document(f: OfdForge) -> bytes:
    """A document that nobody sealed, put before the sealed one."""
    parts = unzipped(f.foreign)
    body = "<ofd:DocBody><ofd:DocRoot>Doc_9/Document.xml</ofd:DocRoot></ofd:DocBody>"
    mine = {name.replace("Doc_0", "Doc_9"): part for name, part in parts.items() if "Signs" not in name}
    mine.pop("OFD.xml")
    return put(
        f.foreign, {"OFD.xml": parts["OFD.xml"].replace(b"<ofd:DocBody>", f"{body}<ofd:DocBody>".encode(), 1), **mine}
    )


def unsealed_companion(f: OfdForge) -> bytes:
    """A file of two documents of which a careless sealer covered his own only."""
    parts = Foreign(f).parts()
    mine = {name.replace("Doc_0", "Doc_9"): part for name, part in parts.items() if name != "OFD.xml"}
    body = "<ofd:DocBody><ofd:DocRoot>Doc_9/Document.xml</ofd:DocRoot></ofd:DocBody><ofd:DocBody>"
    made = Foreign(f).but(more=mine, left_out=frozenset(mine), changed={"OFD.xml": ("<ofd:DocBody>", body)})
    return swapped(made.sealed(), "Doc_9/Pages/Page_0/Content.xml", "5000.00", "500.00")


def redirected(f: OfdForge) -> bytes:
    """OFD.xml, which a careless sealer did not cover, points to another document."""
    made = Foreign(f).but(left_out=frozenset({"OFD.xml"})).sealed()
    parts = unzipped(made)
    mine = {name.replace("Doc_0", "Doc_9"): part for name, part in parts.items() if "Signs" not in name}
    mine.pop("OFD.xml")
    root = parts["OFD.xml"].replace(b">Doc_0/Document.xml", b">Doc_9/Document.xml")
    return put(made, {"OFD.xml": root, **mine})


def versions(f: OfdForge) -> bytes:
    made = Foreign(f).but(left_out=frozenset({"OFD.xml"})).sealed()
    entry = '<ofd:Versions><ofd:Version ID="1" Index="0" Current="true" BaseLoc="V.xml"/></ofd:Versions></ofd:DocBody>'
    return swapped(made, "OFD.xml", "</ofd:DocBody>", entry)


def shadowed(f: OfdForge) -> bytes:
    """A second font where other readers look first."""
    return put(f.foreign, {"Res/font_1.ttf": b"glyphs that swap digits", "font_1.ttf": b"and again"})


def later_page(f: OfdForge) -> bytes:
    made = Foreign(f).but(left_out=frozenset({DOCUMENT})).sealed()
    page = '<ofd:Page ID="77" BaseLoc="Pages/Page_7/Content.xml"/></ofd:Pages>'
    grown = swapped(made, DOCUMENT, "</ofd:Pages>", page)
    return put(grown, {"Doc_0/Pages/Page_7/Content.xml": unzipped(made)[PAGE]})


def twice_listed(f: OfdForge) -> bytes:
    parts = unzipped(f.sealed)
    entry = parts[LIST][parts[LIST].index(b"<ofd:Signature ") : parts[LIST].index(b"</ofd:Signatures>")]
    return put(f.sealed, {LIST: parts[LIST].replace(entry, entry + entry)})


def cms(**how: object) -> Callable[[OfdForge], bytes]:
    return lambda f: (
        Foreign(f).but(kind="Sign", seal_file=False, value=lambda xml: f.cms(xml, **given(f, how))).sealed()
    )


def foreign(**habits: object) -> Callable[[OfdForge], bytes]:
    return lambda f: Foreign(f).but(**habits).sealed()


def changed(name: str, old: str, new: str) -> Callable[[OfdForge], bytes]:
    return lambda f: swapped(f.foreign, name, old, new)


FORGERIES = (
    # the zip
    Forgery("part twice in the zip", doubled, "readable", "twice"),
    Forgery(
        "part twice, in two cases",
        lambda f: put(f.sealed, {PAGE.replace("Content", "content"): HIDDEN}),
        "readable",
        "two spellings",
    ),
    Forgery("header and directory disagree", renamed_header, "readable", "differ"),
    Forgery("another archive before it", hidden_before, "readable", "hides entries"),
    Forgery("another archive in its comment", hidden_behind, "readable", "hides entries"),
    Forgery("path out of the archive", lambda f: put(f.sealed, {"../OFD.xml": HIDDEN}), "readable", "must not be"),
    Forgery("part that grows without end", bomb, "readable", "grow"),
    Forgery("part marked as encrypted", flagged, "readable", "encrypted"),
    Forgery("symbolic link", linked, "readable", "symbolic link"),
    Forgery("two names for one place", overlapping, "readable", "lies upon"),
    Forgery("file that is also a folder", lambda f: put(f.sealed, {"Doc_0/Pages": HIDDEN}), "readable", "folder"),
    # the parts
    Forgery("amount on the page changed", changed(PAGE, "5000.00", "500.00"), "parts", f"page {PAGE}"),
    Forgery("template changed", changed("Doc_0/Tpls/Tpl_0/Content.xml", "页眉", "页脚"), "parts", "template"),
    Forgery("pages listed otherwise", changed(DOCUMENT, 'ID="10"', 'ID="11"'), "parts", f"document {DOCUMENT}"),
    Forgery(
        "font exchanged", lambda f: put(f.foreign, {"Doc_0/Res/font_1.ttf": b"digits swapped"}), "parts", "font Doc_0"
    ),
    Forgery("picture exchanged", lambda f: put(f.foreign, {"Doc_0/Res/image_2.png": ring(9)}), "parts", "picture"),
    Forgery(
        "resources point elsewhere", changed("Doc_0/PublicRes.xml", "font_1", "font_2"), "parts", "public resources"
    ),
    Forgery(
        "annotation laid over the page",
        changed("Doc_0/Annots/Page_0/Annotation.xml", '"Link"', '"Stamp"'),
        "parts",
        "annotation",
    ),
    Forgery(
        "attachment exchanged", lambda f: put(f.foreign, {"Doc_0/Attachs/data.xml": b"<d/>"}), "parts", "attachment"
    ),
    Forgery("part taken away", lambda f: put(f.foreign, {"Doc_0/Attachs/data.xml": None}), "parts", "is not there"),
    Forgery("second document put first", second_document, "parts", "entry OFD.xml"),
    Forgery("digest of the page adapted", redigested, "document_digest", "another document"),
    Forgery("page taken off the list", unreferenced, "ofd_coverage", f"page {PAGE}"),
    Forgery("seal moved on the page", changed(SIGNATURE, "120 195", "20 20"), "document_digest", "another document"),
    # what a careless sealer left open
    Forgery("page never covered", foreign(left_out=frozenset({PAGE})), "ofd_coverage", f"page {PAGE}"),
    Forgery("entry not covered, and redirected", redirected, "ofd_coverage", "Doc_9/Document.xml"),
    Forgery("entry not covered, and a version added", versions, "ofd_coverage", "entry OFD.xml"),
    Forgery("document not covered, and a page added", later_page, "ofd_coverage", "Page_7"),
    Forgery("companion document nobody sealed", unsealed_companion, "ofd_coverage", "Doc_9"),
    Forgery("second font where readers look first", shadowed, "ofd_coverage", "font"),
    Forgery("nothing covered at all", foreign(left_out=frozenset(Foreign(None).parts()) | {ESL}), "parts", "no part"),  # type: ignore[arg-type]
    Forgery("digests by MD5", foreign(method="MD5", digest=md5), "parts", "not relied on"),
    Forgery("no digest method, so MD5", foreign(method="", digest=md5), "parts", "not relied on"),
    Forgery("digests under 401.2 that differ", foreign(method=KEYED, digest=md5), "parts", "unsettled"),
    # the signature
    Forgery("value of another document", transplanted, "document_digest", "another document"),
    Forgery("whole signature of another document", whole_signature_transplanted, "parts", f"page {PAGE}"),
    Forgery("another picture in the seal's file", other_seal_file, "seal_file", "not the seal"),
    Forgery("authority of one's own", stranger, "signer_chain", ""),
    Forgery("seal made with any certificate", self_made_seal, "maker_trusted", "no listed seal maker"),
    Forgery("signer whom the seal does not list", not_listed, "signer_listed", "does not list"),
    Forgery("organ's name in the seal changed", altered_name, "seal_maker_signature", "SM2"),
    Forgery("key that is not the certificate's", signed_by(seal=other_key), "signature", "SM2"),
    Forgery("certificate under the empty identifier", signed_by(seal=empty_id), "signer_chain", "standard"),
    Forgery(
        "expired seal",
        signed_by(seal=expired),
        "seal_validity",
        "force",
    ),
    Forgery("sealed in the future", signed_by(at=NOW + timedelta(days=1)), "sealing_time", "cannot be"),
    Forgery("value cut short", value(lambda der: der[:-3]), "structure", ""),
    Forgery("bytes behind the value", value(lambda der: der + b"\0"), "structure", ""),
    Forgery("no value", lambda f: put(f.sealed, {VALUE: None}), "described", "not there"),
    Forgery("seal called a signature", changed(LIST, 'Type="Seal"', 'Type="Sign"'), "structure", "SignedData"),
    Forgery("signature called a seal", sign_as_seal, "structure", ""),
    Forgery("digital signature over another document", cms(content=sm3(b"another")), "document_digest", "another"),
    Forgery("digital signature by another key", cms(key=lambda f: Key.generate()), "signature", "SM2"),
    # the list
    Forgery("list emptied", lambda f: put(f.sealed, {LIST: b"<Signatures/>"}), "signature_present", "no signature"),
    Forgery(
        "entry of the list taken away",
        lambda f: swapped(f.foreign, "OFD.xml", "<ofd:Signatures>/Doc_0/Signs/Signatures.xml</ofd:Signatures>", ""),
        "signature_present",
        "no signature",
    ),
    Forgery("one seal listed twice", twice_listed, "readable", "twice"),
    Forgery("unknown type of signature", changed(LIST, 'Type="Seal"', 'Type="Mark"'), "readable", "type"),
    Forgery(
        "entities in the list",
        lambda f: put(f.sealed, {LIST: b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + unzipped(f.sealed)[LIST]}),
        "readable",
        "DOCTYPE",
    ),
)


@pytest.fixture(scope="module")
def forge() -> OfdForge:
    return OfdForge()


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda one: one.kind.replace(" ", "-"))
@pytest.mark.cases_by_day(15)
def test_no_forgery_is_accepted_and_each_has_its_reason(forge, forgery):
    report = forge.judge(forgery.make(forge))
    assert report.verdict is not Verdict.VALID
    against = [one for one in report.every_check if one.name == forgery.check and one.result != "passed"]
    assert against, report.why
    assert any(forgery.words in one.reason.en for one in against), [one.reason for one in against]
    assert not [one.reason.zh for one in report.every_check if re.search(r"[a-z]{2,} [a-z]{2,}", one.reason.zh)]


def test_kinds_of_forgeries_are_many_and_each_its_own():
    assert len({one.kind for one in FORGERIES}) == len(FORGERIES) >= 50


def test_the_page_of_forgeries_names_every_kind_and_its_check():
    page = (Path(__file__).parents[3] / "docs" / "seal-forgeries.md").read_text(encoding="utf-8")
    listed = {
        tuple(cell.strip() for cell in line.split("|")[1:3]) for line in page.splitlines() if line.startswith("| ")
    }
    assert {(one.kind, CHECKS[one.check].zh) for one in FORGERIES} <= listed


def test_what_they_were_made_from_is_accepted(forge):
    """Otherwise the table proves nothing."""
    for untouched in (forge.sealed, forge.foreign, cms()(forge), signed_by(seal=lambda f: f.seal)(forge)):
        report = forge.judge(untouched)
        assert report.verdict is Verdict.VALID, report.why


def test_a_flipped_bit_is_refused_or_lies_where_nothing_is_covered(forge):
    """What is not covered is named: the list of signatures, and the archive's own dates and attributes."""
    sealed = forge.sealed
    parts = unzipped(sealed)
    covered = {name: part for name, part in parts.items() if name != LIST}
    refused = 0
    spots = range(0, len(sealed) * 8, 997)
    for spot in spots:
        flipped = bytearray(sealed)
        flipped[spot // 8] ^= 1 << spot % 8
        if forge.judge(bytes(flipped)).verdict is not Verdict.VALID:
            refused += 1
            continue
        archive = Archive(bytes(flipped))
        assert {name: archive.read(name) for name in archive if name != LIST} == covered, f"bit {spot}"
    assert refused > len(spots) * 0.9


@pytest.mark.parametrize("cut", [1, 22, 60, 400, 5000])
def test_a_file_cut_short_is_refused(forge, cut):
    assert forge.judge(forge.sealed[:-cut]).verdict is Verdict.INVALID


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06", b"%PDF-1.7", b"PK\x05\x06" + bytes(18), bytes(4096)])
def test_what_is_no_ofd_is_refused(forge, content):
    assert forge.judge(content).verdict is Verdict.INVALID


def test_a_zip_that_is_no_ofd_is_refused(forge):
    assert "no OFD.xml" in forge.judge(zipped({"a.xml": b"<a/>"}, zipfile.ZIP_STORED)).why.en
