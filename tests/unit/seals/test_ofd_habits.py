"""What makers of real OFD files do otherwise than the book: read, and noted where it is worth knowing."""

from __future__ import annotations

import base64
import io
import zipfile
from datetime import UTC, datetime

import pytest
from ofd_forge import (
    LIST,
    NOW,
    PAGE,
    SIGNATURE,
    VALUE,
    YEAR,
    Foreign,
    OfdForge,
    md5,
    put,
    shifted,
    streamed,
    swapped,
    unzipped,
    zipped,
)

from gateway.foundation.crypto.sm import sm3
from gateway.rooms.seals.ofd.judging import judge_ofd
from gateway.rooms.seals.ofd.signatures import signed_time
from gateway.rooms.seals.report import Verdict
from gateway.rooms.seals.ses_checks import Bench
from gateway.rooms.seals.trust import Trust

KEYED = "1.2.156.10197.1.401.2"


@pytest.fixture(scope="module")
def forge() -> OfdForge:
    return OfdForge()


def relative(name: str) -> str:
    """As some write FileRef: from the root, without the slash."""
    return name


def with_folders(f: OfdForge) -> bytes:
    parts = unzipped(f.foreign)
    return zipped([("Doc_0/", b""), ("Doc_0/Pages/", b""), *parts.items()])


def without_signed_length(f: OfdForge) -> bytes:
    return streamed(unzipped(f.foreign))


HABITS = {
    "namespace without its year": lambda f: Foreign(f).but(namespace="http://www.ofdspec.org").sealed(),
    "namespace of another year": lambda f: Foreign(f).but(namespace="http://www.ofdspec.org/2025").sealed(),
    "a default namespace beside the prefix": lambda f: Foreign(f).but(namespace=f'{YEAR}" xmlns="{YEAR}').sealed(),
    "no type of signature": lambda f: Foreign(f).but(kind=None).sealed(),
    "method in small letters": lambda f: Foreign(f).but(method="sm3").sealed(),
    "method as OID": lambda f: Foreign(f).but(method="1.2.156.10197.1.401").sealed(),
    "method as OID without key": lambda f: Foreign(f).but(method="1.2.156.10197.1.401.1").sealed(),
    "method 401.2 and plain SM3": lambda f: Foreign(f).but(method=KEYED).sealed(),
    "references without slash": lambda f: Foreign(f).but(refer=relative).sealed(),
    "references from the signature's folder": lambda f: Foreign(f).but(refer=lambda name: f"../../../{name}").sealed(),
    "references in another case": lambda f: Foreign(f).but(refer=lambda name: f"/{name.lower()}").sealed(),
    "resource by its whole path": lambda f: Foreign(f).but(font_location="/Doc_0/Res/font_1.ttf").sealed(),
    "resource without a base": lambda f: Foreign(f).but(resource_folder=None, font_location="Res/font_1.ttf").sealed(),
    "resource with the base twice": lambda f: Foreign(f).but(font_location="Res/font_1.ttf").sealed(),
    "no file of the seal": lambda f: Foreign(f).but(seal_file=False).sealed(),
    "list of signatures covered": lambda f: Foreign(f).but(with_list=True).sealed(),
    "property is no path": lambda f: Foreign(f).but(property_info="").sealed(),
    "time of the file is none": lambda f: Foreign(f).but(dated="now").sealed(),
    "time of the file is far off": lambda f: Foreign(f).but(dated="20200101000000Z").sealed(),
    "seal drawn small": lambda f: Foreign(f).but(boundary="120 195 30 30").sealed(),
    "seal half outside the page": lambda f: Foreign(f).but(boundary="190 195 42 42").sealed(),
    "entries of folders": with_folders,
    "sizes behind the data": without_signed_length,
    "nothing packed": lambda f: zipped(unzipped(f.foreign), zipfile.ZIP_STORED),
    "bytes before": lambda f: b"vendor" + f.foreign,
    "bytes before, counted in": lambda f: b"vendor" + shifted(f.foreign, 6),
    "bytes behind": lambda f: f.foreign + b"\0" * 40,
    "backslashes in names": lambda f: zipped({n.replace("/", "\\"): part for n, part in unzipped(f.foreign).items()}),
    "slashes before names": lambda f: zipped({f"/{name}": part for name, part in unzipped(f.foreign).items()}),
    "part that nobody names": lambda f: put(f.foreign, {"thumbs.db": b"x"}),
    "resource that is not there": lambda f: Foreign(f).but(font_location="lost.ttf").sealed(),
    "byte order mark": lambda f: put(Foreign(f).sealed(), {LIST: b"\xef\xbb\xbf" + unzipped(f.foreign)[LIST]}),
    "several pages": lambda f: Foreign(f).but(pages=4).sealed(),
}
NOTED = {
    "method as OID without key": "digest method",
    "method 401.2 and plain SM3": "401.2",
    "list of signatures covered": "would break it",
    "property is no path": "property",
    "time of the file is none": "is none",
    "time of the file is far off": "says 2020",
    "seal drawn small": "its own size is 42 by 42",
    "seal half outside the page": "outside its page",
    "bytes before": "6 bytes belong to no entry",
    "bytes before, counted in": "6 bytes belong to no entry",
    "bytes behind": "40 bytes belong to no entry",
    "backslashes in names": "backslashes",
    "slashes before names": "slash",
    "resource that is not there": "lost.ttf is not there",
}


@pytest.mark.parametrize("habit", HABITS, ids=lambda name: name.replace(" ", "-"))
@pytest.mark.cases_by_day(10)
def test_a_habit_of_makers_is_read_and_noted(forge, habit):
    report = forge.judge(HABITS[habit](forge))
    assert report.verdict is Verdict.VALID, report.why
    said = [note.en for one in (report, *report.seals) for note in one.notes]
    if habit in NOTED:
        assert any(NOTED[habit] in note for note in said), said
    assert all(note.zh for one in (report, *report.seals) for note in one.notes)


def test_a_part_that_nobody_names_is_listed_as_not_covered(forge):
    report = forge.judge(put(forge.foreign, {"thumbs.db": b"x"}))
    assert "the part thumbs.db" in [one.en for one in report.not_covered]
    assert "the part thumbs.db" in [one.en for one in report.seals[0].not_covered]


def test_names_in_gbk_are_read(forge):
    name = "Doc_0/Attachs/附件.xml"
    made = Foreign(forge).but(
        more={name: b"<data/>"}, changed={"Doc_0/Attachs/Attachments.xml": (">data.xml<", ">附件.xml<")}
    )
    parts = made.sealed_parts()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for part_name, part in parts.items():
            info = zipfile.ZipInfo(part_name.replace("附件", "AAAA"))
            archive.writestr(info, part)
    report = forge.judge(out.getvalue().replace(b"AAAA", "附件".encode("gbk")))
    assert report.verdict is Verdict.VALID, report.why
    assert any("GBK" in note.en for note in report.notes)


def test_a_method_whose_meaning_is_unsettled_cannot_be_judged(forge):
    """401.2 is met in real files where plain SM3 does not fit: neither right nor forged."""
    report = forge.judge(Foreign(forge).but(method=KEYED, digest=md5).sealed())
    assert report.verdict is Verdict.UNDETERMINED
    assert "unsettled" in report.why.en


def test_without_trust_nothing_is_valid_and_nothing_is_called_forged(forge):
    report = judge_ofd(forge.sealed, Bench(Trust(), NOW))
    assert report.verdict is Verdict.UNDETERMINED


def test_layers_are_reported_apart(forge):
    """A page that changed fails by its digest; the seal's own signature stays right and says so."""
    report = forge.judge(swapped(forge.foreign, PAGE, "5000.00", "500.00"))
    results = {check.name: check.result for check in report.every_check}
    assert results["parts"] == "failed"
    assert results["document_digest"] == results["signature"] == results["seal_maker_signature"] == "passed"
    assert report.why.zh == f"被保护文件摘要：页面 {PAGE} 的摘要不符"


def test_a_digital_signature_is_named_as_one_and_judged_by_its_own_rules(forge):
    for attributes in (False, True):
        made = Foreign(forge).but(
            kind="Sign", seal_file=False, value=lambda xml, how=attributes: forge.cms(xml, attributes=how)
        )
        report = forge.judge(made.sealed())
        assert report.verdict is Verdict.VALID, report.why
        assert (report.seals[0].kind, report.seals[0].seal_id) == ("gbt35275", None)
        assert any("not a seal" in note.en for note in report.seals[0].notes)
    encoded = Foreign(forge).but(
        kind="Sign", seal_file=False, value=lambda xml: forge.cms(xml, content=base64.b64encode(sm3(xml)))
    )
    report = forge.judge(encoded.sealed())
    assert report.verdict is Verdict.VALID, report.why
    assert any("Base64" in note.en for note in report.seals[0].notes)


@pytest.mark.parametrize(
    "written",
    ["20260916020000Z", "2026-09-16 10:00:00", "2026-09-16T10:00:00+08:00", "20260916100000", "20260916020000.123Z"],
)
def test_the_time_of_the_file_is_read_in_every_spelling(written):
    assert signed_time(written) == datetime(2026, 9, 16, 2, tzinfo=UTC)


@pytest.mark.parametrize("written", ["", "20261316020000Z", "yesterday", "2026-09-16", "20260916020000Z+"])
def test_what_is_no_time_is_none(written):
    assert signed_time(written) is None


def test_a_list_that_its_own_seal_covers_breaks_at_the_second_signature(forge):
    """Met in real files: the reason names the list, so that nobody looks for a changed page."""
    report = forge.judge(swapped(Foreign(forge).but(with_list=True).sealed(), LIST, "MaxSignId>1", "MaxSignId>2"))
    assert report.verdict is Verdict.INVALID
    assert report.why.en.endswith(f"the digest of list of signatures {LIST} differs")


def test_a_document_without_a_seal_is_never_valid(forge):
    report = forge.judge(forge.letter)
    assert report.verdict is Verdict.INVALID
    assert report.why.en.endswith("no signature was found")
    assert unzipped(forge.sealed).keys() >= {SIGNATURE, VALUE}
