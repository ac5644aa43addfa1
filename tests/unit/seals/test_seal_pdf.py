"""Making room for a seal in a PDF: the original stays, the room is exact, and what cannot be sealed is refused."""

from __future__ import annotations

import io
import shutil
import subprocess
from dataclasses import replace

import pytest
from pypdf import PdfReader, PdfWriter

from gateway.foundation.crypto.sm import sm3
from gateway.ports.seal import Placement
from gateway.rooms.seals.pdf import PdfProfile, embed, prepare
from gateway.rooms.seals.pdf_reading import PdfFile
from gateway.rooms.seals.placement import Page, spots
from gateway.rooms.seals.ses import read_seal, read_signature
from gateway.words.errors import ConflictProblem, InvalidProblem
from simulators.seal.pki import SM2_CURVE

A4 = Page(0, 0, 595.28, 841.89)


def place(**other) -> Placement:
    return Placement(**{"page": 1, "x": 120, "y": 60, "width": 42, "height": 42, **other})


def test_the_original_bytes_stay_at_the_front_and_only_the_gap_is_not_covered(forge):
    prepared = forge.prepared
    assert prepared.content.startswith(forge.document)
    assert prepared.content[prepared.start : prepared.start + 1] == b"<"
    assert prepared.content[prepared.end - 1 : prepared.end] == b">"
    sealed = embed(prepared.content, prepared.start, prepared.end, b"\x30\x03\x02\x01\x05")
    assert len(sealed) == len(prepared.content)
    assert sealed[: prepared.start] + sealed[prepared.end :] == (
        prepared.content[: prepared.start] + prepared.content[prepared.end :]
    )
    (found,) = PdfFile(sealed).signatures
    assert (found.filter, found.sub_filter) == ("GM.PKILite", "GM.sm2seal")
    assert found.byte_range == (0, prepared.start, prepared.end, len(sealed) - prepared.end)
    assert PdfFile(sealed).coverage(found).digest == prepared.digest
    assert prepared.digest == sm3(sealed[: prepared.start] + sealed[prepared.end :])


def test_filter_and_sub_filter_are_settings(forge):
    profile = PdfProfile(filter="Gomain.GMPkiLite", sub_filter="GM.SM2", reserve=1024)
    made = prepare(forge.document, read_seal(forge.issued), [place()], at=forge.now, profile=profile)
    (found,) = PdfFile(made.content).signatures
    assert (found.filter, found.sub_filter) == ("Gomain.GMPkiLite", "GM.SM2")
    assert made.end - made.start == 2 * 1024 + 2


def test_the_seal_is_seen_at_each_place_and_another_reader_opens_the_file(forge):
    two = PdfWriter(clone_from=io.BytesIO(forge.document))
    two.add_blank_page(595, 842)
    out = io.BytesIO()
    two.write(out)
    prepared = forge.prepare(out.getvalue(), place(), place(page=2, x=10, y=10))
    reader = PdfReader(io.BytesIO(prepared.content))
    first, second = reader.pages
    assert [round(side) for side in first["/Annots"][0]["/Rect"]] == [340, 170, 459, 289]
    appearance = first["/Annots"][0]["/AP"]["/N"]
    assert any(image["/Subtype"] == "/Image" for image in appearance["/Resources"]["/XObject"].values())
    assert b"Do" in second.get_contents().get_data()
    assert "行政处罚决定书" in first.extract_text()


@pytest.mark.parametrize(
    "content",
    [b"", b"%PDF-1.7\n%%EOF", b"\x00" * 100, b"PK\x03\x04" + b"\x00" * 500],
    ids=["empty", "bare", "zeros", "zip"],
)
def test_what_is_no_pdf_is_refused_with_the_field(forge, content):
    with pytest.raises(InvalidProblem) as refused:
        forge.prepare(content)
    assert (refused.value.field, refused.value.type) == ("document", "document-not-sealable")


def test_an_encrypted_file_is_refused(forge):
    writer = PdfWriter(clone_from=io.BytesIO(forge.document))
    writer.encrypt("geheim", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    with pytest.raises(InvalidProblem, match="encrypted"):
        forge.prepare(out.getvalue())


def test_a_picture_that_is_none_is_refused(forge):
    seal = replace(read_seal(forge.issued), picture=b"GIF89a")
    with pytest.raises(ConflictProblem, match="picture"):
        prepare(forge.document, seal, [place()], at=forge.now, profile=PdfProfile())
    with pytest.raises(ConflictProblem, match="type ofd"):
        prepare(forge.document, replace(seal, picture_type="ofd"), [place()], at=forge.now, profile=PdfProfile())


@pytest.mark.parametrize(
    ("placements", "field"),
    [
        ([], "placements"),
        ([place(page=2)], "placements.0.page"),
        ([place(), place(x=-1)], "placements.1"),
        ([place(x=180)], "placements.0"),
        ([place(y=270)], "placements.0"),
        ([place(width=4)], "placements.0"),
        ([place(height=201)], "placements.0"),
        ([place(), place(x=130, y=70)], "placements.1"),
    ],
)
def test_a_placement_that_cannot_be_is_refused_by_name(placements, field):
    with pytest.raises(InvalidProblem) as refused:
        spots(placements, [A4])
    assert refused.value.field == field


def test_millimetres_are_measured_from_the_visible_corner():
    (spot,) = spots([place(x=10, y=10, width=25.4, height=50.8)], [Page(100, 200, 700, 1000)])
    assert spot.page == 0
    assert spot.box == (128, 228, 200, 372)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command as an independent judge")
def test_openssl_agrees_that_the_signature_is_right_and_that_another_is_not(forge, tmp_path):
    read = read_signature(forge.sign())
    spki = (
        bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d03420004") + forge.seal.key.public
    )  # id-ecPublicKey, the SM2 curve
    assert SM2_CURVE == "1.2.156.10197.1.301"
    (tmp_path / "key.der").write_bytes(spki)
    (tmp_path / "signature").write_bytes(read.signature)

    def judge(message: bytes) -> bool:
        (tmp_path / "message").write_bytes(message)
        command = "openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -digest sm3"
        command += " -pkeyopt distid:1234567812345678 -in message -sigfile signature"
        run = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=False)
        return run.returncode == 0

    if (
        not judge(read.tbs_der)
        and b"SM2"
        not in subprocess.run(["openssl", "list", "-public-key-algorithms"], capture_output=True, check=True).stdout
    ):
        pytest.skip("this openssl has no SM2")
    assert judge(read.tbs_der)
    assert not judge(read.tbs_der + b"\x00")
