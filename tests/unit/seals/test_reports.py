"""A verdict follows from its checks, and nothing is 有效 that was not wholly looked at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rooms.seals.report import CHECKS, RESULTS, Findings, Report, SealReport, Verdict, name_check

NAMES = st.sampled_from(sorted(CHECKS))
REQUIRED = st.sets(NAMES, min_size=1, max_size=6)
MADE = st.lists(st.tuples(NAMES, st.sampled_from(sorted(RESULTS))), max_size=8)


def seal(required: set[str], made: list[tuple[str, str]]) -> SealReport:
    findings = Findings(required)
    for name, result in made:
        findings.add(name, result)
    return SealReport(kind="ses-4", checks=findings.checks)


def document(*seals: SealReport) -> Report:
    return Report(format="pdf", digest="00", judged_at="2026-09-16T10:00:00+08:00", seals=seals)


@given(REQUIRED, MADE)
def test_never_valid_with_a_required_check_not_made_or_any_check_failed(required, made):
    verdict = seal(required, made).verdict
    results = {name: {result for other, result in made if other == name} for name, _ in made}
    if any("failed" in found for found in results.values()):
        assert verdict is Verdict.INVALID
    elif any("not_made" in results.get(name, {"not_made"}) for name in required):
        assert verdict is Verdict.UNDETERMINED
    else:
        assert verdict is Verdict.VALID


@pytest.mark.parametrize(
    ("results", "verdict"),
    [
        ([], Verdict.INVALID),
        (["passed"], Verdict.VALID),
        (["passed", "not_made"], Verdict.UNDETERMINED),
        (["not_made", "failed"], Verdict.INVALID),
        (["passed", "failed", "passed"], Verdict.INVALID),
    ],
)
def test_a_document_is_as_good_as_its_worst_signature_and_never_good_without_one(results, verdict):
    assert document(*(seal({"coverage"}, [("coverage", one)]) for one in results)).verdict is verdict


def test_what_stands_against_a_verdict_is_said_in_both_languages():
    report = document(seal({"coverage", "padding"}, [("coverage", "passed")]))
    assert report.why.zh == "签章值后无附加内容：未检查"
    assert report.why.en == "nothing after the signature's value: not made"
    assert Report.model_validate(report.model_dump(mode="json")) == report


def test_a_name_is_given_to_one_check_only():
    with pytest.raises(ValueError, match="named already"):
        name_check("coverage", "其他", "something else", "nowhere")
