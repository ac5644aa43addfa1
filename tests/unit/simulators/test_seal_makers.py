"""What the simulated CA and seal maker write is what they say: held against other readers, and against the contract."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asn1tools
import pytest
from asn1crypto import core, crl, ocsp, tsp
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import load_der_x509_certificate
from cryptography.x509 import ocsp as x509_ocsp

import contracts
from gateway.foundation.crypto.certificates import parse_certificate, verify_chain
from gateway.foundation.crypto.sm2 import default_provider
from gateway.rooms.seals.ses import read_signature
from simulators.seal import cms, pki, ses, sm2, stamps
from simulators.seal import ocsp as responder
from simulators.seal.pki import Authority, Key, Wanted, sm3
from simulators.seal.stamps import P256Authority, P256Key, Stamper

NOW = datetime(2026, 9, 16, 2, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def root() -> Authority:
    return Authority.found("安澜市电子印章根证书")


@pytest.fixture(scope="module")
def seal(root) -> ses.Seal:
    key = Key.generate()
    certificate = root.issue("安澜市望川区综合行政执法局", key.public)
    period = {"valid_from": NOW - timedelta(days=9), "valid_until": NOW + timedelta(days=9)}
    return ses.Seal(
        "99010200000021", "执法局", b"png", key=key, certificate=certificate, listed=(certificate,), **period
    )


def test_its_signatures_verify_elsewhere_and_only_under_the_standard_identifier():
    provider = default_provider()
    for number in range(20):
        private, public = sm2.generate()
        message = b"message %d" % number
        assert provider.verify(b"\x04" + public, message, sm2.sign(private, public, message))
        assert not provider.verify(b"\x04" + public, message, sm2.sign(private, public, message, b""))


def test_it_signs_without_the_wheel_that_the_gateway_uses():
    for module in (sm2, pki, ses, stamps):
        assert "gmssl" not in (module.__doc__ or "") + " ".join(vars(module))


def test_a_chain_of_three_holds_and_a_revoked_leaf_does_not(root):
    between, key = root.below("安澜市政务电子认证服务"), Key.generate()
    leaf = between.issue("执法局", key.public)
    assert verify_chain(leaf, (between.certificate,), (root.certificate,), NOW).ok
    assert not verify_chain(leaf, (), (root.certificate,), NOW).ok
    revoked = {pki.serial_of(leaf): NOW - timedelta(days=1)}
    lists = (between.crl(revoked, NOW), root.crl({}, NOW))
    verdict = verify_chain(leaf, (between.certificate,), (root.certificate,), NOW, crls=lists)
    assert "revoked" in verdict.reason
    assert crl.CertificateList.load(lists[0], strict=True)["tbs_cert_list"]["version"].native == "v2"


@pytest.mark.parametrize("habit", pki.HABITS)
def test_a_habit_of_certificates_is_written_into_it(root, habit):
    plain = root.issue("执法局", Key.generate().public)
    other = root.issue("执法局", Key.generate().public, wanted=Wanted(number="99010200000021", habits=[habit]))
    read = asn1_x509.Certificate.load(other)
    assert read.serial_number
    assert other != plain
    signs = {
        "explicit_ca_false": b"\x30\x03\x01\x01\x00",
        "number_as_name": b"99010200000021",
        "email_utf8": "安澜市政务电子印章@".encode(),
        "unique_identifier": b"\x0c\x1099010200000000@1",
        "long_name": "电子印章签章专用证书".encode() * 8,
        "key_encipherment": b"\x03\x02\x05\xe0",
        "key_cert_sign": b"\x03\x02\x02\xc4",
        "private_extension_critical": bytes.fromhex("06082b060105050701040101ff"),
    }
    assert signs[habit] in other
    assert signs[habit] not in plain


def test_a_seal_of_version_4_is_what_the_contract_says(root, seal):
    module = asn1tools.compile_files(str(contracts.path("seal/v1/ses.asn")), "der")
    when = {"createDate": seal.valid_from, "validStart": seal.valid_from, "validEnd": seal.valid_until}
    naive = {name: moment.replace(tzinfo=None) for name, moment in when.items()}
    info = {
        "header": {"id": "ES", "version": 4, "vid": ses.MAKER},
        "esID": seal.seal_id,
        "property": {
            "type": 1,
            "name": seal.name,
            "certListType": 1,
            "certList": ("certs", list(seal.listed)),
            **naive,
        },
        "picture": {"type": "PNG", "data": seal.picture, "width": 42, "height": 42},
    }
    assert ses.seal_info(seal) == module.encode("SES-SealInfo", info)
    listed = {
        "certListType": 2,
        "certList": ("certDigestList", [{"type": pki.SM3_OID, "value": sm3(seal.certificate)}]),
    }
    by_digest = info | {"property": info["property"] | listed}
    assert ses.seal_info(replace(seal, list_type=2)) == module.encode("SES-SealInfo", by_digest)
    maker = ses.Maker.under(root, "制章中心")
    der = ses.signature(seal, ses.eseal(seal, maker), sm3(b"document"), "/ByteRange", NOW)
    read = read_signature(der)
    assert (read.data_hash, read.seal.version, read.signed_at) == (sm3(b"document"), 4, NOW)


@pytest.mark.parametrize(
    ("digest", "hashed"), [(pki.SM3_OID, sm3(b"document")), (cms.SHA256_OID, cms.HASHES[cms.SHA256_OID](b"document"))]
)
def test_a_time_stamp_is_over_the_digest_that_was_asked_about(root, digest, hashed):
    p256 = P256Key.generate()
    ordinary = P256Authority.found("安澜市时间戳根证书")
    stampers = {
        pki.SM3_OID: Stamper.under(root, "安澜市时间戳"),
        cms.SHA256_OID: Stamper(p256, (ordinary.issue("时间戳", p256, time_stamping=True),), cms.SHA256_OID),
    }
    imprint = {"hash_algorithm": {"algorithm": digest}, "hashed_message": hashed}
    request = tsp.TimeStampReq({"version": 1, "message_imprint": imprint, "nonce": 77, "cert_req": True}).dump()
    answer = tsp.TimeStampResp.load(stamps.answer(stampers, request, NOW), strict=True)
    assert answer["status"]["status"].native == "granted"
    data = answer["time_stamp_token"]["content"]
    content = data["encap_content_info"]["content"]
    info = content.parsed
    assert info["message_imprint"]["hashed_message"].native == hashed
    assert (info["gen_time"].native, info["nonce"].native) == (NOW, 77)
    signer = data["signer_infos"][0]
    attributes = {one["type"].dotted: one["values"][0] for one in signer["signed_attrs"]}
    assert attributes["1.2.840.113549.1.9.4"].native == cms.HASHES[digest](bytes(content.parsed.dump()))
    signed = b"\x31" + signer["signed_attrs"].dump()[1:]
    certificate = data["certificates"][0].chosen.dump()
    if digest == pki.SM3_OID:
        assert default_provider().verify(parse_certificate(certificate).public, signed, signer["signature"].native)
    else:
        key = load_der_x509_certificate(certificate).public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(signer["signature"].native, signed, ec.ECDSA(hashes.SHA256()))


def test_a_time_stamp_of_a_digest_that_nobody_knows_is_refused(root):
    imprint = {"hash_algorithm": {"algorithm": "sha1"}, "hashed_message": bytes(20)}
    request = tsp.TimeStampReq({"version": 1, "message_imprint": imprint}).dump()
    for asked in (request, b"no request"):
        status = tsp.PKIStatusInfo.load(core.Sequence.load(stamps.answer({}, asked, NOW), strict=True)[0].dump())
        assert status["status"].native == "rejection"


def test_the_responder_says_good_revoked_and_unknown(root):
    leaf = root.issue("执法局", Key.generate().public)
    serial = pki.serial_of(leaf)
    builder = x509_ocsp.OCSPRequestBuilder().add_certificate_by_hash(b"n" * 32, b"k" * 32, serial, hashes.SHA256())
    request = builder.build().public_bytes(serialization.Encoding.DER)
    for revoked, known, status in (
        ({}, {serial}, "good"),
        ({serial: NOW - timedelta(days=2)}, {serial}, "revoked"),
        ({}, set(), "unknown"),
    ):
        answer = ocsp.OCSPResponse.load(
            responder.answer(root, request, revoked, dict.fromkeys(known), NOW), strict=True
        )
        basic = answer.basic_ocsp_response
        assert answer.response_data["responses"][0]["cert_status"].name == status
        public = parse_certificate(root.certificate).public
        assert default_provider().verify(public, basic["tbs_response_data"].dump(), basic["signature"].native)
    assert responder.answer(root, b"no request", {}, {}, NOW) == responder.MALFORMED
