"""Seal structures are read strictly, from what another encoder wrote."""

from __future__ import annotations

import asn1tools
import pytest
from asn1crypto import core
from hypothesis import given, settings
from hypothesis import strategies as st

import contracts
from gateway.rooms.seals.ses import SesError, UnsupportedVersionError, read_seal, read_signature
from simulators.seal import ses as writer
from simulators.seal.pki import SM3_OID, sm3


def test_a_signature_is_read_field_by_field_with_the_bytes_that_were_signed(forge):
    der = forge.sign()
    read = read_signature(der)
    made = writer.eseal(forge.seal, forge.maker)
    assert read.der == der
    assert read.seal.seal_id == forge.seal.seal_id
    assert (read.version, read.seal.version) == (4, 4)
    assert read.seal.info_der == writer.encode("SES-SealInfo", made["eSealInfo"])
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
    alone = writer.encode("SESeal", writer.eseal(forge.seal, forge.maker))
    assert read_seal(alone).seal_id == forge.seal.seal_id
    with pytest.raises(SesError):
        read_seal(forge.sign())


@pytest.mark.parametrize("version", [5, 6, 1])
def test_other_versions_are_named_and_not_read(forge, version):
    with pytest.raises(UnsupportedVersionError, match=f"version {version}") as refused:
        read_signature(forge.sign(seal=forge.variant(version=version)))
    assert refused.value.version == version


def test_a_signature_of_two_fields_is_version_1(forge):
    two = core.SequenceOf(spec=core.Any)
    for part in (b"\x30\x03\x02\x01\x01", b"\x03\x02\x00\x01"):
        two.append(core.Any.load(part))
    with pytest.raises(UnsupportedVersionError, match="GM/T 0031-2014"):
        read_signature(two.dump())


def test_version_4_outside_around_a_seal_of_version_5_is_not_read(forge):
    sealed = writer.eseal(forge.variant(version=5), forge.maker)
    der = writer.signature(forge.seal, sealed, forge.prepared.digest, "/ByteRange", forge.seal.valid_from)
    with pytest.raises(UnsupportedVersionError, match="GM/T 0031-2025"):
        read_signature(der)


def test_extensions_of_the_seal_are_read_with_and_without_their_tag(forge):
    """Some makers leave out the tag of SES_SealInfo.extDatas; a critical extension is reported either way."""
    extension = {"extnID": "1.2.3.4", "critical": True, "extnValue": b"x"}
    info = writer.eseal(forge.seal, forge.maker)["eSealInfo"] | {"extDatas": [extension]}
    bare = asn1tools.compile_string(
        contracts.read_text("seal/v1/ses.asn").replace(
            "extDatas        [0] EXPLICIT ExtensionDatas OPTIONAL", "extDatas        ExtensionDatas OPTIONAL", 2
        ),
        "der",
    )
    rest = {"cert": forge.maker.certificate, "signAlgID": "1.2.3", "signedValue": (b"s", 8)}
    for der in (
        writer.encode("SESeal", {"eSealInfo": info, **rest}),
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


@settings(max_examples=150, deadline=None)
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
