"""The report as officials see it: verdict first, what stands against it on top, Chinese before English, all escaped."""

from __future__ import annotations

import re

import pytest

from gateway.rooms.seals.report import CHECKS, Check, Drawn, Report, SealReport, Verdict, Words
from gateway.rooms.seals.report_page import HEADERS, against_first, page_of
from gateway.rooms.seals.trust import Trust
from gateway.rooms.seals.verification import verify_document


@pytest.fixture(scope="module")
def reports(forge) -> dict[Verdict, Report]:
    """One document under each verdict: trusted, changed after sealing, and made by a maker that nobody named."""
    sealed = forge.sealed()
    unnamed = Trust(signer_roots=forge.trust.signer_roots, maker_roots=forge.trust.maker_roots)
    return {
        Verdict.VALID: forge.judge(sealed),
        Verdict.INVALID: forge.judge(sealed.replace(b"2026", b"2027", 1)),
        Verdict.UNDETERMINED: verify_document(sealed, unnamed, forge.now),
    }


@pytest.mark.parametrize("verdict", Verdict)
def test_the_verdict_comes_first_in_words_with_its_reason(reports, verdict):
    report = reports[verdict]
    assert report.verdict is verdict
    page = page_of(report)
    heading = re.search(r"<h1>(.*?)</h1>", page, re.DOTALL)
    assert heading is not None
    assert verdict.words.zh in heading[1]
    assert verdict.words.en in heading[1]
    assert page.index("<h1>") < page.index(report.why.zh or "必需的检查均已完成") < page.index("<table")


def test_every_check_note_and_gap_of_a_report_is_on_the_page(reports):
    for report in reports.values():
        page = page_of(report)
        for check in report.every_check:
            assert check.label.zh in page
            assert check.label.en.replace("'", "&#39;") in page
        for words in (*report.notes, *(note for seal in report.seals for note in seal.notes)):
            assert words.zh in page


def test_what_stands_against_a_verdict_is_listed_before_the_rest():
    passed = Check(name="coverage", result="passed")
    loose = Check(name="time_stamp", result="not_made")
    missing = Check(name="maker_trusted", result="not_made", required=True)
    failed = Check(name="signature", result="failed")
    assert against_first([passed, loose, missing, failed]) == [failed, missing, passed, loose]


def test_what_a_document_says_of_itself_is_escaped():
    evil = '<script>alert("1")</script>'
    check = Check(name=next(iter(CHECKS)), result="failed", reason=Words(zh=evil, en=evil), source=evil)
    seal = SealReport(kind="ses-4", place=evil, seal_id=evil, seal_name=evil, maker=evil, signer=evil, checks=(check,))
    report = Report(format="pdf", digest="00", judged_at="2026-09-16T10:00:00+08:00", checks=(check,), seals=(seal,))
    page = page_of(report, evil)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 8


def test_the_page_stands_alone_and_a_browser_loads_nothing_for_it(reports):
    page = page_of(reports[Verdict.VALID])
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", page)
    assert "<script" not in page
    assert "default-src 'none'" in HEADERS["Content-Security-Policy"]


def test_a_check_without_words_leaves_its_cell_empty_so_that_a_phone_shows_no_gap(reports):
    page = page_of(reports[Verdict.VALID])
    assert "<td></td>" in page
    assert "td:empty { display: none; }" in page
    assert '<small lang="en"></small>' not in page


def test_instants_are_written_in_the_time_of_this_country():
    report = Report(format="unknown", digest="00", judged_at="2026-09-15T18:00:05Z")
    assert "2026年9月16日 02:00:05" in page_of(report)


def test_pages_are_sketched_with_the_place_of_the_seal_and_not_without_their_size():
    place = {"page": 2, "x": 120.0, "y": 60.0, "width": 42.0, "height": 42.0}
    for drawn, count in ((Drawn(**place, page_width=210, page_height=297), 1), (Drawn(**place), 0)):
        seal = SealReport(kind="ses-4", place="1", drawn=(drawn,))
        page = page_of(Report(format="ofd", digest="00", judged_at="2026-09-16T10:00:00+08:00", seals=(seal,)))
        assert page.count("<svg ") == count
        assert ('class="seal" x="120.0" y="195.0" width="42.0" height="42.0"' in page) is bool(count)
