"""None that is real is refused: whatever makers are known to do is accepted, and noted where it deviates."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.rooms.seals.report import Verdict
from gateway.rooms.seals.ses_checks import OWN_WORD
from simulators.seal import pki, ses
from simulators.seal.pki import Key, Wanted

NOT_IN_A_PDF = {"time_as_text"}
SILENT = {"number_as_name", "key_encipherment", "key_cert_sign", "private_extension_critical"}
"""Habits that the standards allow: nothing to note."""


@pytest.mark.parametrize("habit", sorted(pki.HABITS))
@pytest.mark.cases_by_day(4)
def test_a_certificate_as_real_authorities_write_it_is_accepted(forge, failed, habit):
    key = Key.generate()
    wanted = Wanted(number=forge.seal.seal_id, habits=(habit,))
    certificate = forge.root.issue(forge.seal.name, key.public, wanted=wanted)
    seal = forge.variant(key=key, certificate=certificate, listed=(certificate,))
    report = forge.judge(forge.sealed(forge.sign(seal=seal)))
    assert (report.verdict, failed(report)) == (Verdict.VALID, set()), report.why
    notes = [note for note in report.seal.notes if note != OWN_WORD]
    assert bool(notes) is (habit not in SILENT), notes


@pytest.mark.parametrize("habit", sorted(set(ses.HABITS) - NOT_IN_A_PDF))
def test_a_seal_as_real_makers_write_it_is_accepted(forge, failed, habit):
    seal = forge.variant(habits=frozenset({habit}))
    report = forge.judge(forge.sealed(forge.sign(seal=seal)))
    bad = {"long_length", "indefinite_length", "trailing_bytes", "bare_signature"}
    assert (report.verdict is Verdict.VALID) is (habit not in bad), (habit, report.why)
    if habit not in bad:
        assert [note for note in report.seal.notes if note != OWN_WORD]


@pytest.mark.parametrize("kind", ["PNG", "png", "Image/PNG"])
def test_the_type_of_a_picture_is_written_in_any_case(forge, kind):
    assert forge.judge(forge.sealed(forge.sign(seal=forge.variant(picture_type=kind)))).verdict is Verdict.VALID


@pytest.mark.parametrize("kind", ["ofd", "svg", "tif"])
def test_a_picture_that_is_not_decoded_here_cannot_be_compared(forge, failed, kind):
    report = forge.judge(forge.sealed(forge.sign(seal=replace(forge.seal, picture_type=kind))))
    assert (report.verdict, failed(report)) == (Verdict.UNDETERMINED, set())
    assert kind in report.why.en
