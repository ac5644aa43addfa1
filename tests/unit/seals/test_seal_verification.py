"""What calls a document sealed: the whole list of checks, and every way round it that we know of."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from pyhanko.pdf_utils.generic import DictionaryObject, pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from gateway.foundation.crypto.certificates import load_roots
from gateway.rooms.seals.pdf import embed
from gateway.rooms.seals.pdf_judging import REQUIRED_IN_PDF
from gateway.rooms.seals.report import CHECKS, Verdict
from gateway.rooms.seals.ses_checks import Expected
from gateway.rooms.seals.trust import Trust, makers_of
from gateway.rooms.seals.verification import verify_document
from gateway.words.errors import SettingsError
from simulators.seal import ses as writer
from simulators.seal.pki import Authority, Key


def test_a_sealed_document_passes_every_check_and_each_is_named(forge, failed):
    report = forge.judge(
        forge.sealed(),
        expected=Expected(
            seal_id=forge.seal.seal_id,
            property_info="/ByteRange",
            between=(forge.now, forge.now),
        ),
    )
    assert report.valid
    assert failed(report) == set()
    passed = {check.name for check in report.every_check if check.result == "passed"}
    assert passed >= REQUIRED_IN_PDF | {"expected_seal", "property_info"}
    assert {check.name for check in report.every_check} <= set(CHECKS)
    assert (report.seal.seal_name, report.seal.signer) == (forge.seal.name, forge.seal.name)


def test_a_seal_that_lists_digests_of_certificates_passes(forge):
    assert forge.judge(forge.sealed(forge.sign(seal=forge.variant(list_type=2)))).valid


def test_a_document_without_a_signature_is_not_valid(forge, failed):
    report = forge.judge(forge.document)
    assert not report.valid
    assert failed(report) == {"signature_present"}
    assert "no signature" in report.why.en


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7", b"not a PDF at all", b"%PDF-1.4\n" + b"\x00" * 4096])
def test_what_is_no_document_is_never_called_one_without_a_seal(forge, content):
    report = forge.judge(content)
    assert report.verdict is Verdict.UNDETERMINED
    assert report.checks[0].name == "readable"


def test_an_empty_reservation_is_not_valid(forge):
    assert not forge.judge(forge.prepared.content).valid


def test_a_flipped_byte_anywhere_in_the_document_is_noticed(forge):
    sealed = forge.sealed(forge.der)
    gap = range(forge.prepared.start, forge.prepared.end)
    spots = [at for at in range(0, len(sealed), len(sealed) // 60) if at not in gap]
    assert len(spots) > 20
    for at in spots:
        changed = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        assert not forge.judge(changed).valid, f"byte {at}"


def test_the_signature_of_another_document_is_not_valid(forge, failed):
    other = forge.prepare(forge.other_document)
    assert failed(forge.judge(forge.sealed(forge.sign(other.digest)))) == {"document_digest"}


def test_a_revision_added_after_sealing_is_noticed(forge, failed):
    writer_ = IncrementalPdfFileWriter(io.BytesIO(forge.sealed()))
    writer_.root["/PageMode"] = pdf_name("/FullScreen")
    writer_.update_root()
    out = io.BytesIO()
    writer_.write(out)
    report = forge.judge(out.getvalue())
    assert failed(report) == {"last_revision"}
    assert "changed after sealing" in report.why.en
    assert failed(forge.judge(forge.sealed() + b"\n")) == {"coverage"}


def test_bytes_between_the_signature_and_the_end_of_its_place_must_be_zero(forge, failed):
    sealed = bytearray(forge.sealed())
    sealed[forge.prepared.end - 2] = ord("1")
    assert "padding" in failed(forge.judge(bytes(sealed)))
    sealed[forge.prepared.end - 2] = ord(" ")
    assert failed(forge.judge(bytes(sealed))) == {"coverage"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"/ByteRange [0 ", b"/ByteRange [1 "),
        (b"/ByteRange [0 ", b"/ByteRange [9 "),
        (b"/ByteRange ", b"/ByteRangf "),
        (b"/Contents <", b"/Contentt <"),
        (b"/FT /Sig", b"/FT /Btn"),
    ],
)
def test_a_signature_dictionary_that_was_bent_is_not_valid(forge, old, new):
    sealed = forge.sealed()
    assert old in sealed
    assert not forge.judge(sealed.replace(old, new)).valid


def test_a_gap_wider_than_the_signature_is_noticed(forge, failed):
    """The attacker moves the end of the gap, so that bytes of his own are not covered."""
    sealed = forge.sealed()
    start, end = forge.prepared.start, forge.prepared.end
    at = sealed.rindex(b"/ByteRange [")
    close = sealed.index(b"]", at)
    wider = f"/ByteRange [0 {start} {end + 8} {len(sealed) - end - 8}".encode()
    bent = sealed[:at] + wider + b" " * (close - at - len(wider)) + sealed[close:]
    assert len(bent) == len(sealed)
    assert failed(forge.judge(bent)) == {"coverage"}


def test_a_signature_shown_again_by_a_second_field_is_noticed(forge):
    """Whoever has a right signature could otherwise stand it where he likes."""
    file = IncrementalPdfFileWriter(io.BytesIO(forge.sealed()))
    form = file.root["/AcroForm"]
    again = file.add_object(DictionaryObject(form["/Fields"][0]))
    form["/Fields"].append(again)
    file.update_container(form["/Fields"])
    out = io.BytesIO()
    file.write(out)
    report = forge.judge(out.getvalue())
    assert report.verdict is Verdict.INVALID
    assert all(seal.verdict is Verdict.INVALID for seal in report.seals)


@pytest.mark.parametrize(
    ("fault", "checks"),
    [
        ("seal_expired", {"seal_validity"}),
        ("seal_empty_id", {"signer_chain"}),
        ("seal_not_listed", {"signer_listed"}),
        ("seal_foreign_ca", {"signer_chain", "maker_chain", "maker_trusted"}),  # it names our root
    ],
)
def test_what_the_service_may_get_wrong_is_named(forge, failed, fault, checks):
    seal, maker = writer.flawed(fault, forge.seal, forge.seal, forge.maker, forge.root, forge.now)
    report = forge.judge(forge.sealed(forge.sign(seal=seal, maker=maker)))
    assert not report.valid
    assert failed(report) == checks


def test_a_seal_of_an_authority_that_is_not_known_here_cannot_be_judged(forge, failed):
    """It may be right: another province's root. What is wrong in it is found all the same."""
    stranger = Authority.found("某省电子印章根证书")
    maker = writer.Maker.under(stranger, "某制章者")
    certificate = stranger.issue("某局", forge.seal.key.public)
    seal = forge.variant(certificate=certificate, listed=(certificate,))
    foreign = forge.sealed(forge.sign(seal=seal, maker=maker))
    report = forge.judge(foreign)
    assert (report.verdict, failed(report)) == (Verdict.UNDETERMINED, set())
    missing = {one.name for one in report.every_check if one.required and one.result == "not_made"}
    assert missing == {"signer_chain", "maker_chain", "maker_trusted"}
    listed = replace(forge.trust, makers=forge.trust.makers | makers_of((maker.certificate,)))
    assert verify_document(foreign, listed, forge.now).verdict is Verdict.UNDETERMINED
    wrong = replace(seal, key=Key.generate())
    assert forge.judge(forge.sealed(forge.sign(seal=wrong, maker=maker))).verdict is Verdict.INVALID


def test_a_maker_that_nobody_knows_cannot_be_judged_and_one_that_is_known_must_be_listed(forge, failed):
    unknown = writer.Maker.under(Authority.found("某省电子印章根证书"), "某制章者")
    report = forge.judge(forge.sealed(forge.sign(maker=unknown)))
    assert (report.verdict, failed(report)) == (Verdict.UNDETERMINED, set())
    minted = writer.Maker.under(forge.root, "某人")
    assert failed(forge.judge(forge.sealed(forge.sign(maker=minted)))) == {"maker_trusted"}


def test_another_seal_than_the_one_asked_for_is_named(forge, failed):
    other = forge.variant(seal_id="99010200000057", picture=forge.seal.picture + b" ")
    report = forge.judge(forge.sealed(forge.sign(seal=other)), expected=Expected(seal_id=forge.seal.seal_id))
    assert failed(report) == {"expected_seal"}


def test_nobody_signs_with_a_key_that_is_not_the_certificates(forge, failed):
    assert failed(forge.judge(forge.sealed(forge.sign(seal=forge.variant(key=Key.generate()))))) == {"signature"}


def test_a_seal_that_its_maker_did_not_sign_is_not_valid(forge, failed):
    impostor = replace(forge.maker, key=Key.generate())
    assert failed(forge.judge(forge.sealed(forge.sign(maker=impostor)))) == {"seal_maker_signature"}


def test_a_self_made_authority_of_the_same_name_is_not_trusted(forge, failed):
    stranger = Authority.found("安澜市电子印章根证书")
    roots = (stranger.certificate,)
    report = verify_document(forge.sealed(), replace(forge.trust, signer_roots=roots, maker_roots=roots), forge.now)
    assert failed(report) == {"signer_chain", "maker_chain"}
    assert verify_document(forge.sealed(), Trust(), forge.now).verdict is Verdict.UNDETERMINED


def test_a_sealing_time_that_cannot_be_is_noticed(forge, failed):
    early = verify_document(forge.sealed(), forge.trust, forge.now - timedelta(minutes=6))
    assert failed(early) == {"sealing_time"}
    later = forge.now + timedelta(minutes=20)
    asked = Expected(between=(later, later))
    assert failed(verify_document(forge.sealed(), forge.trust, later, expected=asked)) == {"sealing_time"}


@pytest.mark.parametrize("cut", [1, 7, 300])
def test_a_signature_cut_short_is_not_valid(forge, cut):
    whole = next(der for der in iter(forge.sign, None) if der[-cut:].strip(b"\0"))  # zeros follow it in the file anyway
    assert not forge.judge(forge.sealed(whole[:-cut])).valid


def test_a_signature_with_bytes_behind_it_is_not_valid(forge, failed):
    assert failed(forge.judge(forge.sealed(forge.sign() + b"\x05\x00"))) == {"padding"}


def test_an_altered_name_in_the_seal_is_noticed(forge, failed):
    sealed = writer.eseal(forge.seal, forge.maker)
    sealed = sealed.replace("综合行政执法局".encode(), "市场监督管理局".encode(), 1)
    der = writer.signature(forge.seal, sealed, forge.prepared.digest, "/ByteRange", forge.now)
    assert failed(forge.judge(forge.sealed(der))) == {"seal_maker_signature"}


def test_what_may_be_hidden_in_room_that_is_too_small_is_refused(forge):
    with pytest.raises(ValueError, match="reserved"):
        embed(forge.prepared.content, forge.prepared.start, forge.prepared.end, b"\x30" * 9_000)


def test_a_root_that_is_none_stops_the_start_with_its_file_and_the_cure(forge, tmp_path):
    file = tmp_path / "root.pem"
    with pytest.raises(SettingsError, match=r"root\.pem"):
        load_roots([file], "trust.seal_roots")
    file.write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(SettingsError, match="SM2"):
        load_roots([file], "trust.seal_roots")
    file.write_bytes(forge.root.certificate)
    assert load_roots([file], "trust.seal_roots") == (forge.root.certificate,)


# --- who may make seals (f01, f04) ------------------------------------------------------------------------------------


def test_whoever_has_a_certificate_of_the_root_makes_no_seal_of_an_organ(forge, failed):
    key = Key.generate()
    person = forge.root.issue("贺知秋", key.public)
    seal = forge.variant(key=key, certificate=person, listed=(person,))
    der = forge.sign(seal=seal, maker=writer.Maker(key, person))
    assert failed(forge.judge(forge.sealed(der))) == {"maker_trusted"}


def test_without_a_list_of_makers_nothing_is_valid_and_the_report_says_what_is_missing(forge, failed):
    report = verify_document(forge.sealed(), replace(forge.trust, makers=frozenset()), forge.now)
    assert report.verdict is Verdict.UNDETERMINED
    assert failed(report) == set()
    missing = [check for check in report.every_check if check.required and check.result == "not_made"]
    assert [check.name for check in missing] == ["maker_trusted"]
    assert "制章者名单" in report.why.zh
    assert "no list of seal makers" in report.why.en


@pytest.mark.parametrize("missing", ["signer_roots", "maker_roots"])
def test_roots_of_makers_and_of_signers_are_two_lists(forge, missing):
    report = verify_document(forge.sealed(), replace(forge.trust, **{missing: ()}), forge.now)
    assert report.verdict is Verdict.UNDETERMINED


def test_a_version_that_nobody_knows_cannot_be_judged(forge, failed):
    report = forge.judge(forge.sealed(forge.sign(seal=forge.variant(version=6))))
    assert report.verdict is Verdict.UNDETERMINED
    assert "6" in report.why.zh


def test_instants_of_a_report_are_those_of_the_readers_clock(forge):
    report = forge.judge(forge.sealed())
    assert (report.seal.signed_at, report.judged_at) == ("2026-09-16T10:00:00+08:00", "2026-09-16T10:01:00+08:00")
