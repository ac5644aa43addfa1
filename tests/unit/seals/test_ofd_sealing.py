"""Sealing an OFD: in two steps, byte for byte elsewhere, again without breaking the first, and across pages."""

from __future__ import annotations

import struct

import pytest
from lxml import etree
from ofd_forge import (
    LIST,
    NOW,
    ORGAN,
    PLACE,
    SIGNATURE,
    VALUE,
    YEAR,
    Foreign,
    OfdForge,
    letter_ofd,
    put,
    swapped,
    unzipped,
    zipped,
)

from gateway.foundation.crypto.sm import sm3
from gateway.ports.seal import Placement
from gateway.rooms.seals.ofd import OfdError
from gateway.rooms.seals.ofd.judging import shown, whole_seals
from gateway.rooms.seals.ofd.sealing import embed, pages_of, prepare, stamps_across, stamps_at
from gateway.rooms.seals.ofd.signatures import StampAnnot
from gateway.rooms.seals.report import Verdict
from gateway.rooms.seals.ses_checks import OWN_WORD
from gateway.words.errors import InvalidProblem

SECOND = Placement(page=1, x=20, y=60, width=42, height=42)


@pytest.fixture(scope="module")
def forge() -> OfdForge:
    return OfdForge()


@pytest.fixture(scope="module")
def long_ofd(forge) -> bytes:
    return letter_ofd("当事人占用公共场所经营，影响市容环境卫生。" * 100)


def test_what_is_signed_is_the_description_and_it_covers_every_part_but_the_list(forge):
    prepared = prepare(forge.letter, forge.issued, stamps_at([PLACE], pages_of(forge.letter)), at=NOW, provider=ORGAN)
    parts = unzipped(prepared.content)
    assert prepared.digest == sm3(parts[SIGNATURE])
    assert prepared.property_info == f"/{SIGNATURE}"
    assert VALUE not in parts
    described = etree.fromstring(parts[SIGNATURE])
    covered = {one.get("FileRef") for one in described.iter(f"{{{YEAR}}}Reference")}
    assert covered == {f"/{name}" for name in parts if name not in (LIST, SIGNATURE)}
    assert unzipped(embed(prepared.content, b"der")) == {**parts, VALUE: b"der"}


def test_order_of_the_description_is_that_of_the_standard(forge):
    described = etree.fromstring(unzipped(forge.sealed)[SIGNATURE])
    info = [one.tag.rpartition("}")[2] for one in described[0]]
    assert info == ["Provider", "SignatureMethod", "SignatureDateTime", "References", "StampAnnot", "Seal"]
    assert [one.tag.rpartition("}")[2] for one in described] == ["SignedInfo", "SignedValue"]
    body = etree.fromstring(unzipped(forge.sealed)["OFD.xml"])[0]
    assert [one.tag.rpartition("}")[2] for one in body] == ["DocInfo", "DocRoot", "Signatures"]


def test_other_parts_are_copied_as_they_lie_in_the_archive(forge):
    before, after = unzipped(forge.letter), unzipped(forge.sealed)
    for name, part in before.items():
        if name != "OFD.xml":
            assert after[name] == part
            assert packed(forge.sealed, name) == packed(forge.letter, name)


def packed(archive: bytes, name: str) -> bytes:
    """The packed bytes of a part, by the header before them."""
    at = archive.index(name.encode()) - 30
    size, _, length, extra = struct.unpack_from("<2L2H", archive, at + 18)
    return archive[at + 30 + length + extra :][:size]


def test_the_same_steps_give_the_same_bytes(forge):
    one, other = (
        prepare(forge.letter, forge.issued, stamps_at([PLACE], pages_of(forge.letter)), at=NOW, provider=ORGAN)
        for _ in range(2)
    )
    assert one == other
    assert embed(one.content, b"der") == embed(other.content, b"der")


def test_a_second_and_a_third_seal_leave_those_before_as_they_are(forge):
    second = forge.seal_ofd(forge.sealed, SECOND)
    third = forge.seal_ofd(second, PLACE.model_copy(update={"y": 160}))
    report = forge.judge(third)
    assert report.verdict is Verdict.VALID, report.why
    assert [(one.revision, one.revisions) for one in report.seals] == [(1, 3), (2, 3), (3, 3)]
    assert [[note.en for note in one.notes if note != OWN_WORD] for one in report.seals] == [
        ["2 signatures were added later"],
        ["1 signature was added later"],
        [],
    ]
    before, after = unzipped(forge.sealed), unzipped(third)
    assert {name for name in before if before[name] != after[name]} == {LIST}


def test_a_change_between_two_seals_is_found_by_the_first_alone(forge):
    """The second organ signed what it saw; the first one's signature tells that it is not what it had sealed."""
    changed = swapped(Foreign(forge).sealed(), "Doc_0/Pages/Page_0/Content.xml", "5000.00", "500.00")
    report = forge.judge(forge.seal_ofd(changed, SECOND))
    assert [one.verdict for one in report.seals] == [Verdict.INVALID, Verdict.VALID]
    assert report.verdict is Verdict.INVALID


def test_a_file_of_others_is_sealed_beside_its_own_seals(forge):
    report = forge.judge(forge.seal_ofd(forge.foreign, SECOND))
    assert report.verdict is Verdict.VALID, report.why
    assert len(report.seals) == 2


def test_a_seal_that_covers_the_list_forbids_another(forge):
    closed = Foreign(forge).but(with_list=True).sealed()
    with pytest.raises(InvalidProblem, match="would break it") as refused:
        forge.seal_ofd(closed, SECOND)
    assert refused.value.type.endswith("document-already-signed")


@pytest.mark.parametrize(
    "content",
    [b"", b"%PDF-1.7", zipped({"a.xml": b"<a/>"}), zipped({"OFD.xml": b"<OFD/>"})],
    ids=["nothing", "pdf", "zip", "empty"],
)
def test_what_is_no_ofd_cannot_be_sealed(forge, content):
    with pytest.raises(InvalidProblem, match="OFD"):
        forge.seal_ofd(content, PLACE)


def test_an_encrypted_file_cannot_be_sealed(forge):
    marked = swapped(
        forge.letter, "OFD.xml", "</ofd:DocBody>", "<ofd:Encryptions>e.xml</ofd:Encryptions></ofd:DocBody>"
    )
    with pytest.raises(InvalidProblem, match="encrypted"):
        forge.seal_ofd(marked, PLACE)


def test_a_value_goes_only_where_one_is_awaited(forge):
    with pytest.raises(OfdError, match="waits"):
        embed(forge.sealed, b"der")
    with pytest.raises(OfdError, match="waits"):
        embed(forge.letter, b"der")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (PLACE.model_copy(update={"page": 2}), "1 pages"),
        (PLACE.model_copy(update={"x": 180}), "outside page 1"),
        (PLACE.model_copy(update={"y": -3}), "outside page 1"),
        (PLACE.model_copy(update={"y": 290}), "outside page 1"),
    ],
)
def test_a_place_that_is_none_is_refused(forge, place, words):
    with pytest.raises(InvalidProblem, match=words):
        forge.seal_ofd(forge.letter, place)


def test_no_place_at_all_is_refused(forge):
    with pytest.raises(InvalidProblem, match="1 to"):
        prepare(forge.letter, forge.issued, (), at=NOW, provider=ORGAN)


def test_the_seal_stands_where_it_was_asked_for_from_the_lower_left_corner(forge):
    (page,) = pages_of(forge.letter)
    (stamp,) = stamps_at([PLACE], [page])
    assert stamp.box == (120, 297 - 60 - 42, 42, 42)
    report = forge.judge(forge.sealed, placements=(PLACE,))
    assert report.verdict is Verdict.VALID
    (drawn,) = report.seals[0].drawn
    assert (drawn.page, drawn.x, drawn.y, drawn.width, drawn.height) == (1, 120, 60, 42, 42)
    moved = forge.judge(forge.sealed, placements=(SECOND,))
    assert {check.name for check in moved.every_check if check.result == "failed"} == {"place"}


@pytest.mark.parametrize("box", ["0 0 297 420", "0 0 420 297", "-10 -20 297 420", "5 7 210 297"])
def test_a_place_is_right_on_pages_of_any_size_and_origin(forge, box):
    document = "Doc_0/Document.xml"
    made = Foreign(forge).but(changed={document: ("0 0 210 297", box)}, boundary="130 205 42 42").sealed()
    left, top, width, height = map(float, box.split())
    place = Placement(page=1, x=width - 62, y=20, width=42, height=42)
    report = forge.judge(forge.seal_ofd(made, place))
    assert report.verdict is Verdict.VALID, report.why
    (drawn,) = report.seals[1].drawn
    assert (drawn.x, drawn.y, drawn.page_width, drawn.page_height) == (width - 62, 20, width, height)
    (stamp,) = stamps_at([place], pages_of(made))
    assert stamp.box == (left + width - 62, top + height - 62, 42, 42)


def test_a_seal_across_pages_has_its_true_size_and_its_shares_are_the_whole(forge, long_ofd):
    pages = pages_of(long_ofd)
    assert len(pages) >= 3
    stamps = stamps_across(pages, 42, 42)
    assert [stamp.page for stamp in stamps] == [page.identity for page in pages]
    assert sum(stamp.clip[2] for stamp in stamps) == pytest.approx(42)
    for stamp, page in zip(stamps, pages, strict=True):
        left, top, width, height = shown(stamp)
        assert left + width == pytest.approx(page.width)
        assert (top + height / 2, height) == (pytest.approx(page.height / 2), 42)
    report = forge.judge(forge.seal_ofd(long_ofd, *stamps))
    assert report.verdict is Verdict.VALID, report.why
    assert [one.page for one in report.seals[0].drawn] == list(range(1, len(pages) + 1))
    (note,) = (one for one in report.seals[0].notes if one != OWN_WORD)
    assert note.zh == f"骑缝章分布于 {len(pages)} 页，合为整章"


def test_many_pages_are_divided_into_groups_with_a_whole_seal_each(long_ofd):
    page = pages_of(long_ofd)[0]
    stamps = stamps_across([page] * 45, 42, 42, most=20)
    assert len(stamps) == 45
    assert sum(stamp.clip[2] for stamp in stamps) == pytest.approx(3 * 42)
    assert whole_seals(stamps)


def test_shares_that_are_no_whole_are_told(forge, long_ofd):
    stamps = stamps_across(pages_of(long_ofd), 42, 42)
    assert not whole_seals(stamps[:-1])
    assert not whole_seals(stamps[1:])
    assert not whole_seals(
        [StampAnnot("1", (0, 0, 42, 42), (0, 0, 20, 42)), StampAnnot("2", (0, 0, 42, 42), (25, 0, 17, 42))]
    )
    notes = forge.judge(forge.seal_ofd(long_ofd, *stamps[:-1])).seals[0].notes
    note = next(one for one in notes if one != OWN_WORD)
    assert "no whole seal" in note.en


def test_a_seal_across_one_page_is_refused(forge):
    with pytest.raises(InvalidProblem, match="at least two"):
        stamps_across(pages_of(forge.letter), 42, 42)


def test_names_that_are_taken_are_not_used_again(forge):
    """A folder of signatures that somebody left behind is not written into."""
    left = put(forge.letter, {"Doc_0/Signs/Sign_0/note.txt": b"x"})
    assert "Doc_0/Signs/Sign_1/SignedValue.dat" in unzipped(forge.seal_ofd(left, PLACE))
