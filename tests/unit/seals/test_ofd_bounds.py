"""Files made to keep the judge busy: each ends at a bound, with a report that says which."""

from __future__ import annotations

import pytest
from ofd_forge import LIST, PAGE, SIGNATURE, OfdForge, put, unzipped

from gateway.rooms.seals import verification
from gateway.rooms.seals.ofd.archive import Archive, OfdError
from gateway.rooms.seals.ofd.package import Package
from gateway.rooms.seals.report import Verdict

DOCUMENT = "Doc_0/Document.xml"
REFERENCE = b'<ofd:Reference FileRef="/OFD.xml"><ofd:CheckValue>AAAA</ofd:CheckValue></ofd:Reference>'


@pytest.fixture(scope="module")
def forge() -> OfdForge:
    return OfdForge()


def busy(count: int) -> bytes:
    """Elements that do not pack well."""
    return b"<p>" + b"".join(b"<t>%d</t>" % (number * 7919 % 1_000_003) for number in range(count)) + b"</p>"


def deep(parts: dict[str, bytes]) -> dict[str, bytes]:
    return {PAGE: b"<a>" * 100 + b"</a>" * 100}


def many_tags(parts: dict[str, bytes]) -> dict[str, bytes]:
    listed = b"".join(b'<ofd:Page ID="%d" BaseLoc="P%d.xml"/>' % (100 + number, number) for number in range(4))
    changed = {f"Doc_0/P{number}.xml": busy(300_000) for number in range(4)}
    return {DOCUMENT: parts[DOCUMENT].replace(b"</ofd:Pages>", listed + b"</ofd:Pages>"), **changed}


def many_locations(parts: dict[str, bytes]) -> dict[str, bytes]:
    named = b"".join(b"<FileLoc>%d</FileLoc>" % (number * 7919) for number in range(20_001))
    return {"Doc_0/Annots/Annotations.xml": b"<p>" + named + b"</p>"}


def many_references(parts: dict[str, bytes]) -> dict[str, bytes]:
    return {
        LIST: b"<S:Signatures xmlns:S='s'>"
        + b"".join(b'<S:Signature BaseLoc="/S/%d.xml"/>' % number for number in range(150))
        + b"</S:Signatures>",
        **{
            f"S/{number}.xml": parts[SIGNATURE].replace(b"</ofd:References>", REFERENCE * 140 + b"</ofd:References>")
            for number in range(150)
        },
    }


def many_signatures(parts: dict[str, bytes]) -> dict[str, bytes]:
    return {
        LIST: b"<Signatures>" + b"".join(b'<Signature ID="%d"/>' % number for number in range(201)) + b"</Signatures>"
    }


def no_page(parts: dict[str, bytes]) -> dict[str, bytes]:
    return {DOCUMENT: parts[DOCUMENT].replace(b"ofd:Page ", b"ofd:Sheet ")}


def lost_page(parts: dict[str, bytes]) -> dict[str, bytes]:
    return {DOCUMENT: parts[DOCUMENT].replace(b"Page_0", b"Page_9")}


def many_documents(parts: dict[str, bytes]) -> dict[str, bytes]:
    body = b"<ofd:DocBody><ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody>"
    return {"OFD.xml": parts["OFD.xml"].replace(b"<ofd:DocBody>", body * 50 + b"<ofd:DocBody>", 1)}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (deep, "64 deep"),
        (many_tags, "more than 2000000 tags"),
        (many_locations, "more than 20000 files"),
        (many_references, "too many references"),
        (many_signatures, "a too long one"),
        (no_page, "no page"),
        (lost_page, "is not there"),
        (many_documents, "too many"),
    ],
    ids=lambda one: getattr(one, "__name__", None),
)
@pytest.mark.cases_by_day(3)
def test_a_file_that_goes_on_and_on_ends_at_a_bound(forge, make, words):
    report = forge.judge(put(forge.foreign, make(unzipped(forge.foreign))))
    assert report.verdict is Verdict.INVALID
    assert words in report.why.en


def test_a_part_that_names_itself_is_read_once(forge):
    """The document gives itself as its annotations."""
    itself = unzipped(forge.foreign)[DOCUMENT].replace(b"Annots/Annotations.xml", b"Document.xml")
    package = Package(Archive(put(forge.foreign, {DOCUMENT: itself})))
    assert package.documents[0].parts[DOCUMENT] == "DocRoot"


def test_more_entries_than_a_document_has_are_refused(forge):
    with pytest.raises(OfdError, match="10000 entries"):
        Archive(put(forge.letter, {f"x/{number}": b"" for number in range(10_001)}))


def test_what_has_more_entries_is_not_listed_to_see_what_it_is(monkeypatch):
    """Outside the child nothing is opened that could be made to take long."""
    monkeypatch.setattr(verification.zipfile, "ZipFile", None)
    assert verification.format_of(b"PK\x03\x04 OFD.xml" + b"PK\x01\x02" * 10_001) == "ofd"


def test_locations_lead_to_parts_or_nowhere(forge):
    package = Package(Archive(forge.foreign))
    assert package.find("/Doc_0/Document.xml", "OFD.xml") == (DOCUMENT,)
    assert package.find("Doc_0\\Document.xml", "OFD.xml") == (DOCUMENT,)
    assert package.find("../Document.xml", SIGNATURE) == ()
    assert package.find("../../Document.xml", SIGNATURE) == (DOCUMENT,)
    assert package.find("../../../../../etc/passwd", SIGNATURE) == ()
    assert package.find("", DOCUMENT) == ()
