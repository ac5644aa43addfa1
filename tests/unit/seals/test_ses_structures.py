"""Seal structures are read strictly, from what another encoder wrote."""

from __future__ import annotations

from dataclasses import replace

import asn1tools
import pytest
import seal_versions
from by_day import examples
from hypothesis import given, settings
from hypothesis import strategies as st

import contracts
from gateway.foundation.crypto.sm2 import default_provider
from gateway.rooms.seals.report import Verdict
from gateway.rooms.seals.ses import SesError, UnsupportedVersionError, kind_of, read_seal, read_signature
from simulators.seal import ses as writer
from simulators.seal.pki import SM3_OID, sm3


def test_a_signature_is_read_field_by_field_with_the_bytes_that_were_signed(forge):
    der = forge.sign()
    read = read_signature(der)
    assert read.der == der
    assert read.seal.seal_id == forge.seal.seal_id
    assert (read.version, read.seal.version) == (4, 4)
    assert read.seal.signed_der == writer.seal_info(forge.seal)
    assert read.data_hash == forge.prepared.digest
    assert read.certificate == forge.seal.certificate
    assert read.seal.certificates == (forge.seal.certificate,)
    assert (read.seal.picture, read.seal.picture_type) == (forge.seal.picture, "png")
    assert (read.seal.width, read.seal.height) == (42, 42)
    assert read.seal.maker_certificate == forge.maker.certificate
    assert read.time_stamp is None
    assert der.find(read.tbs_der) > 0


def test_a_list_of_digests_is_told_from_a_list_of_certificates_by_its_type(forge):
    read = read_signature(forge.sign(seal=forge.variant(list_type=2)))
    assert read.seal.certificates == ()
    assert read.seal.digests == ((SM3_OID, sm3(forge.seal.certificate)),)


def test_a_seal_alone_is_read_as_it_stands_in_a_signature(forge):
    alone = writer.eseal(forge.seal, forge.maker)
    assert read_seal(alone).seal_id == forge.seal.seal_id
    with pytest.raises(SesError):
        read_seal(forge.sign())


@pytest.mark.parametrize("version", [2, 3, 6, 7])
def test_versions_that_nobody_knows_are_named_and_not_read(forge, version):
    with pytest.raises(UnsupportedVersionError, match=f"version {version}") as refused:
        read_signature(forge.sign(seal=forge.variant(version=version)))
    assert refused.value.version == version


def test_a_signature_of_version_1_is_read_and_judged(forge, failed):
    der = seal_versions.signature_1(forge.seal, forge.maker, forge.prepared.digest, forge.now)
    read = read_signature(der)
    assert (read.kind, read.version, read.seal.version) == ("ses-1", 1, 1)
    assert (read.signed_at, read.seal.valid_until) == (forge.now, forge.seal.valid_until)
    assert read.seal.certificates == (forge.seal.certificate,)
    report = forge.judge(forge.sealed(der))
    assert (report.verdict, failed(report)) == (Verdict.VALID, set())
    assert report.seal.kind == "ses-1"


def test_version_1_without_a_time_that_can_be_read_is_judged_but_never_valid(forge, failed):
    der = seal_versions.signature_1(forge.seal, forge.maker, forge.prepared.digest, forge.now, b"yesterday")
    report = forge.judge(forge.sealed(der))
    assert (report.verdict, failed(report)) == (Verdict.UNDETERMINED, set())
    assert report.seal.signed_at is None


def test_the_maker_of_version_1_signs_seal_certificate_and_algorithm(forge, failed):
    other = replace(forge.maker, certificate=forge.root.issue("安澜市电子印章制章中心", forge.maker.key.public))
    made = seal_versions.seal_1(forge.seal, forge.maker)
    made["signInfo"]["cert"] = other.certificate  # the same key, another certificate: the old form signs that too
    der = seal_versions.encode(1, "SESeal", made)
    seal = read_seal(der)
    assert not default_provider().verify(b"\x04" + forge.maker.key.public, seal.signed_der, seal.signature)


def test_a_signature_of_version_5_is_read_and_judged(forge, failed):
    made = seal_versions.eseal_4(forge.variant(version=5), forge.maker)
    der = seal_versions.signature_5(forge.seal, made, forge.prepared.digest, forge.now)
    read = read_signature(der)
    assert (read.kind, read.seal.version, read.seal.time_stamp) == ("ses-5", 5, b"\x30\x00")
    report = forge.judge(forge.sealed(der))
    assert (report.verdict, failed(report), report.seal.kind) == (Verdict.VALID, set(), "ses-5")


def test_a_time_stamp_beside_a_seal_of_version_4_does_not_belong_there(forge):
    made = seal_versions.eseal_4(forge.seal, forge.maker)
    with pytest.raises(SesError):
        read_signature(seal_versions.signature_5(forge.seal, made, forge.prepared.digest, forge.now))


def test_version_4_outside_around_a_seal_of_version_5_is_told(forge, failed):
    sealed = writer.eseal(forge.variant(version=5), forge.maker)
    der = writer.signature(forge.seal, sealed, forge.prepared.digest, "/ByteRange", forge.now)
    assert failed(forge.judge(forge.sealed(der))) == {"version"}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (b"\x30\x06\x02\x01\x01\x02\x01\x02", "bare"),
        (b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x00", "pades"),
        (b"\x30\x0e\x06\x0a\x2a\x81\x1c\xcf\x55\x06\x01\x04\x02\x02\xa0\x00", "gbt35275"),
        (b"\x30\x07\x30\x03\x02\x01\x01\x03\x00", "unknown"),
        (b"", "unknown"),
    ],
)
def test_a_structure_of_two_fields_is_not_therefore_version_1(value, kind):
    assert kind_of(value) == kind


def test_extensions_of_the_seal_are_read_with_and_without_their_tag(forge):
    """Some makers leave out the tag of SES_SealInfo.extDatas; a critical extension is reported either way."""
    extension = {"extnID": "1.2.3.4", "critical": True, "extnValue": b"x"}
    info = seal_versions.eseal_4(forge.seal, forge.maker)["eSealInfo"] | {"extDatas": [extension]}
    bare = asn1tools.compile_string(
        contracts.read_text("seal/v1/ses.asn").replace(
            "extDatas        [0] EXPLICIT ExtensionDatas OPTIONAL", "extDatas        ExtensionDatas OPTIONAL", 2
        ),
        "der",
    )
    rest = {"cert": forge.maker.certificate, "signAlgID": "1.2.3", "signedValue": (b"s", 8)}
    for der in (
        seal_versions.encode(4, "SESeal", {"eSealInfo": info, **rest}),
        bytes(bare.encode("SESeal", {"eSealInfo": info, **rest})),
    ):
        assert read_seal(der).critical == ("1.2.3.4",)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda der: der + b"\x00", id="a byte behind"),
        pytest.param(lambda der: der[:-1], id="a byte short"),
        pytest.param(lambda der: der[: len(der) // 2], id="half"),
        pytest.param(lambda der: b"", id="nothing"),
        pytest.param(lambda der: b"\x30\x80" + der[4:] + b"\x00\x00", id="indefinite length"),
        pytest.param(lambda der: b"\x30\x83\x00" + der[2:4] + der[4:], id="padded length"),
        pytest.param(lambda der: b"\x31" + der[1:], id="a SET"),
        pytest.param(lambda der: der.replace(b"\x16\x02ES", b"\x16\x02XX", 1), id="not a seal"),
        pytest.param(lambda der: der.replace(b"\x02\x01\x04", b"\x02\x02\x00\x04"[:3], 1), id="an integer cut"),
    ],
)
def test_what_is_not_der_to_its_last_byte_is_refused(forge, spoil):
    with pytest.raises(SesError):
        read_signature(spoil(forge.sign()))


@settings(max_examples=examples(40, 150), deadline=None)
@given(data=st.data())
def test_whatever_bytes_come_reading_ends_in_a_structure_or_a_refusal(forge, data):
    der = bytearray(forge.der)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(der) - 1))
        der[at] = data.draw(st.integers(0, 255))
    try:
        read = read_signature(bytes(der))
    except SesError:
        return
    assert read.der == bytes(der)


@given(st.binary(max_size=400))
def test_noise_is_refused(noise):
    with pytest.raises(SesError):
        read_signature(noise)
