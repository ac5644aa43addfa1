"""What the issuer of a seal says decides what a seal was worth when it was used: before or after, and by whose word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.rooms.seals.report import Check, SealReport, Verdict
from gateway.rooms.seals.standing import Standing, not_asked, with_standing

SEALED = datetime(2026, 9, 16, 2, tzinfo=UTC)
AFTER, BEFORE = SEALED + timedelta(days=3), SEALED - timedelta(days=3)


def report(source: str = "signer") -> SealReport:
    passed = Check(name="signature", result="passed", required=True)
    return SealReport(
        kind="ses-4", checks=(passed,), signed_at="2026-09-16T10:00:00+08:00", time_source=source, seal_digest="aa"
    )


def verdict(standing: Standing, source: str = "signer", *, witnessed: bool = False) -> Verdict:
    return with_standing(report(source), standing, witnessed=witnessed).verdict


def test_a_seal_in_force_is_the_one_that_its_service_issues():
    assert verdict(Standing(status="active", digest="aa")) is Verdict.VALID
    assert verdict(Standing(status="active", digest="bb")) is Verdict.INVALID


@pytest.mark.parametrize("status", ["suspended", "cancelled", "expired"])
@pytest.mark.parametrize(
    ("since", "source", "expected"),
    [
        (BEFORE, "signer", Verdict.INVALID),
        (BEFORE, "time_stamp", Verdict.INVALID),
        (AFTER, "signer", Verdict.UNDETERMINED),
        (AFTER, "time_stamp", Verdict.VALID),
        (None, "signer", Verdict.UNDETERMINED),
        (None, "time_stamp", Verdict.UNDETERMINED),
    ],
)
def test_sealed_before_or_after_the_seal_ended_is_said(status, since, source, expected):
    found = with_standing(report(source), Standing(status=status, since=since))
    assert found.verdict is expected
    assert found.checks[-1].reason.zh


@pytest.mark.parametrize("status", ["suspended", "cancelled", "expired", "unknown"])
def test_what_we_had_sealed_just_now_with_a_seal_that_is_not_in_force_is_not_valid(status):
    assert verdict(Standing(status=status), witnessed=True) is Verdict.INVALID
    assert verdict(Standing(status=status, since=BEFORE), witnessed=True) is Verdict.INVALID


def test_a_source_that_was_not_reached_leaves_the_verdict_open():
    found = not_asked(report(), "印章服务无应答", "the seal service did not answer")
    assert found.verdict is Verdict.UNDETERMINED
    assert found.checks[-1].reason.en == "the seal service did not answer"


def test_a_seal_that_is_not_filed_is_not_called_valid():
    assert verdict(Standing(status="active", filed=False)) is Verdict.UNDETERMINED
    assert verdict(Standing(status="active", filed=True)) is Verdict.VALID
