"""SM2 certificate chains: what is accepted, and that each defect is refused for its own reason."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asn1crypto.pem import unarmor
from by_day import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.foundation.crypto.certificates import CertificateError, parse_certificate, verify_chain

SIGNING = {"digital_signature", "non_repudiation"}


@pytest.fixture(scope="module")
def middle(root):
    """An intermediate authority."""
    return root.issue("安澜测试中间", ca=True, usage={"key_cert_sign", "crl_sign"}, serial=2)


@pytest.fixture(scope="module")
def leaf(middle):
    """A seal maker's signing certificate."""
    return middle.issue("望川区市场监督管理局", usage=SIGNING, serial=3)


def test_a_right_chain_is_accepted_and_told_from_leaf_to_root(root, middle, leaf, now):
    verdict = verify_chain(leaf.der, [middle.der], [root.der], now)
    assert (verdict.ok, verdict.reason, verdict.revocation) == (True, "", "unchecked")
    assert [certificate.common_name for certificate in verdict.path] == [leaf.name, middle.name, root.name]
    assert verdict.path[0].public == leaf.public


@pytest.mark.parametrize("ident", [b"", b"8765432187654321"])
def test_a_certificate_signed_under_another_distinguishing_id_is_refused(root, now, ident):
    wrong = root.issue("空标识", usage=SIGNING, ident=ident)
    verdict = verify_chain(wrong.der, [], [root.der], now)
    assert not verdict.ok
    assert "standard distinguishing ID" in verdict.reason


def test_validity_counts_at_the_time_of_signing_and_not_today(root, now):
    brief = root.issue("短期", usage=SIGNING, begin=now - timedelta(days=2), end=now - timedelta(days=1))
    assert verify_chain(brief.der, [], [root.der], now - timedelta(days=1, hours=1)).ok
    assert "expired" in verify_chain(brief.der, [], [root.der], now).reason
    assert "not valid before" in verify_chain(brief.der, [], [root.der], now - timedelta(days=3)).reason


def test_an_expired_authority_is_refused(root, now):
    old = root.issue("旧中间", ca=True, usage={"key_cert_sign"}, end=now - timedelta(days=1))
    child = old.issue("叶", usage=SIGNING)
    assert "expired" in verify_chain(child.der, [old.der], [root.der], now).reason


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"ca": None, "usage": None}, "no BasicConstraints"),
        ({"ca": False, "usage": None}, "not a certification authority"),
        ({"ca": True, "usage": {"digital_signature"}}, "may not sign certificates"),
        ({"ca": True, "usage": None, "critical_oid": "1.2.3.4"}, "1.2.3.4 is not understood"),
    ],
)
def test_an_issuer_that_is_no_authority_is_refused(root, now, options, reason):
    issuer = root.issue("冒充", **options)
    child = issuer.issue("叶", usage=SIGNING)
    verdict = verify_chain(child.der, [issuer.der], [root.der], now)
    assert not verdict.ok
    assert reason in verdict.reason


def test_a_signer_whose_certificate_demands_what_nobody_here_understands_is_refused(root, middle, now):
    demanding = middle.issue("叶", usage=SIGNING, critical_oid="1.2.3.4")
    verdict = verify_chain(demanding.der, [middle.der], [root.der], now)
    assert (verdict.ok, verdict.reason) == (False, "叶: critical extension 1.2.3.4 is not understood")


def test_the_path_length_of_an_authority_holds(root, now):
    first = root.issue("一级", ca=True, path_length=0, usage={"key_cert_sign"})
    second = first.issue("二级", ca=True, usage={"key_cert_sign"})
    assert verify_chain(first.issue("叶", usage=SIGNING).der, [first.der], [root.der], now).ok
    verdict = verify_chain(second.issue("叶", usage=SIGNING).der, [first.der, second.der], [root.der], now)
    assert "allows only 0" in verdict.reason


def test_an_encryption_certificate_does_not_sign(root, now):
    crypt = root.issue("加密证书", usage={"key_encipherment"})
    assert "may not sign" in verify_chain(crypt.der, [], [root.der], now).reason


def test_a_stranger_root_of_the_same_name_is_not_trusted(root, leaf, middle, now):
    impostor = type(root)(root.name, leaf.private, leaf.public).certify_itself()
    assert not verify_chain(leaf.der, [middle.der], [impostor.der], now).ok
    assert not verify_chain(leaf.der, [middle.der, root.der], [], now).ok
    forged = impostor.issue("伪造", usage=SIGNING)
    assert not verify_chain(forged.der, [impostor.der], [root.der], now).ok
    assert verify_chain(leaf.der, [middle.der], [impostor.der, root.der], now).ok


def test_a_missing_link_is_named(root, leaf, now):
    assert "neither known nor trusted" in verify_chain(leaf.der, [], [root.der], now).reason


def test_a_revoked_certificate_is_refused_from_the_day_of_revocation(root, middle, leaf, now):
    lists = [root.revoke(), middle.revoke(3, at=now)]
    before = verify_chain(leaf.der, [middle.der], [root.der], now - timedelta(seconds=1), crls=lists)
    assert (before.ok, before.revocation) == (True, "good")
    assert "revoked 2026-11-03" in verify_chain(leaf.der, [middle.der], [root.der], now, crls=lists).reason


def test_a_stale_or_partial_revocation_list_leaves_revocation_unchecked(root, middle, leaf, now):
    stale = [root.revoke(), middle.revoke(until=now - timedelta(days=1))]
    assert verify_chain(leaf.der, [middle.der], [root.der], now, crls=stale).revocation == "unchecked"
    assert verify_chain(leaf.der, [middle.der], [root.der], now, crls=[root.revoke()]).revocation == "unchecked"


def test_a_forged_revocation_list_is_refused(root, middle, leaf, now):
    forged = bytearray(middle.revoke())
    forged[-1] ^= 1
    assert "does not verify" in verify_chain(leaf.der, [middle.der], [root.der], now, crls=[bytes(forged)]).reason


def test_a_certificate_without_an_sm2_key_is_refused_by_name():
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "P-256")])
    from datetime import UTC, datetime

    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    with pytest.raises(CertificateError, match="SM2 curve"):
        parse_certificate(certificate.public_bytes(serialization.Encoding.DER))


@settings(max_examples=examples(60, 300), deadline=None)
@given(place=st.integers(0), value=st.integers(1, 255))
def test_any_altered_byte_of_the_signer_is_refused_without_an_error(root, middle, leaf, now, place, value):
    altered = bytearray(leaf.der)
    altered[place % len(altered)] ^= value
    assert not verify_chain(bytes(altered), [middle.der], [root.der], now).ok


def test_a_signature_with_loose_bits_is_refused(root, now):
    """The one place outside the signed part that a lenient parser overlooks: unused bits of the BIT STRING."""
    while True:
        signer = root.issue("叶", usage=SIGNING)
        if signer.der[-1] & 1 == 0:
            break
    signature = parse_certificate(signer.der).signature
    place = len(signer.der) - len(signature) - 1
    altered = bytearray(signer.der)
    assert altered[place] == 0
    altered[place] = 1
    assert verify_chain(signer.der, [], [root.der], now).ok
    assert not verify_chain(bytes(altered), [], [root.der], now).ok


@settings(max_examples=examples(15, 50))
@given(garbage=st.binary(max_size=300))
def test_garbage_is_refused_without_an_error(root, now, garbage):
    assert not verify_chain(garbage, [garbage], [root.der], now, crls=[garbage]).ok


def test_certificates_made_by_openssl_are_judged_alike(openssl, tmp_path, now):
    """With the standard ID accepted; as OpenSSL 3.0 makes them by default, under an empty ID, refused."""
    ca, key, request = tmp_path / "ca.key", tmp_path / "leaf.key", tmp_path / "leaf.csr"
    distid = ("-sigopt", "distid:1234567812345678")
    for file in (ca, key):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2", "-out", file)
    openssl(
        "req", "-new", "-x509", "-key", ca, "-sm3", *distid, "-subj", "/CN=root", "-days", "3650", "-out",
        tmp_path / "ca.pem", "-addext", "basicConstraints=critical,CA:TRUE",
    )  # fmt: skip
    openssl("req", "-new", "-key", key, "-sm3", *distid, "-subj", "/CN=leaf", "-out", request)
    sign = ("x509", "-req", "-in", request, "-vfyopt", "distid:1234567812345678", "-CA", tmp_path / "ca.pem")
    sign = (*sign, "-CAkey", ca, "-CAcreateserial", "-sm3", "-days", "3650", "-out")
    openssl(*sign, tmp_path / "leaf.pem", *distid)
    openssl(*sign, tmp_path / "empty.pem", "-sigopt", "distid:")
    root_der, leaf_der, empty_der = (
        unarmor((tmp_path / name).read_bytes())[2] for name in ("ca.pem", "leaf.pem", "empty.pem")
    )
    at = parse_certificate(leaf_der).valid_from + timedelta(hours=1)
    assert verify_chain(leaf_der, [], [root_der], at).ok
    assert not verify_chain(empty_der, [], [root_der], at).ok
