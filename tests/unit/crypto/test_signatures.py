"""Whoever verifies takes a public key by its form: SM2, P-256 or RSA; the gateway and the bundle's verifier alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.foundation.crypto.keys import HEAD_KEY, FileKeys
from gateway.foundation.crypto.signatures import algorithm_of, verifies
from gateway.rooms.evidence.verify_bundle import signed

MESSAGE = "望市监罚决字〔2026〕第71号".encode()
SHA = hashes.SHA256()


@dataclass(frozen=True)
class Signer:
    """A key pair: its public half as it is published, and what signs."""

    public: bytes
    sign: Callable[[bytes], bytes]


def _der(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _of_curve(curve: ec.EllipticCurve) -> Signer:
    key = ec.generate_private_key(curve)
    return Signer(_der(key), lambda message: key.sign(message, ec.ECDSA(SHA)))


def _of_rsa(bits: int) -> Signer:
    key = rsa.generate_private_key(65537, bits)
    return Signer(_der(key), lambda message: key.sign(message, padding.PKCS1v15(), SHA))


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Signer]:
    keys = FileKeys(Path(tmp_path_factory.mktemp("keys")) / "keys")
    sm2 = Signer(keys.public(HEAD_KEY), lambda message: keys.sign(HEAD_KEY, message))
    return {"sm2-sm3": sm2, "ecdsa-p256-sha256": _of_curve(ec.SECP256R1()), "rsa-sha256": _of_rsa(3072)}


def both(public: bytes, message: bytes, signature: bytes) -> bool:
    """What both verifiers say, which must be the same."""
    ours, alone = verifies(public, message, signature), signed(public, message, signature)
    assert ours == alone, (public.hex(), signature.hex())
    return ours


@pytest.mark.parametrize("name", ["sm2-sm3", "ecdsa-p256-sha256", "rsa-sha256"])
def test_each_kind_of_key_verifies_what_it_signed_and_nothing_else(signers, name):
    signer = signers[name]
    signature = signer.sign(MESSAGE)
    assert algorithm_of(signer.public) == name
    assert both(signer.public, MESSAGE, signature)
    assert not both(signer.public, MESSAGE + b" ", signature)
    for at in (0, 5, len(signature) // 2, len(signature) - 1):
        altered = signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :]
        assert not both(signer.public, MESSAGE, altered), at
    for garbage in (b"", b"x", signature[:-1], signature + b"x", bytes(len(signature)), b"\xff" * 384):
        assert not both(signer.public, MESSAGE, garbage), garbage[:8]


def test_a_signature_of_one_kind_is_none_of_another(signers):
    for name, signer in signers.items():
        signature = signer.sign(MESSAGE)
        assert [other for other, held in signers.items() if both(held.public, MESSAGE, signature)] == [name]


def test_a_public_key_that_is_none_verifies_nothing(signers):
    for name, signer in signers.items():
        signature, public = signer.sign(MESSAGE), signer.public
        altered = public[:-9] + bytes([public[-9] ^ 1]) + public[-8:]
        for wrong in (b"", b"\x04", public[:-1], public + b"x", bytes(len(public)), altered):
            assert not both(wrong, MESSAGE, signature), (name, wrong[:8])


@pytest.mark.parametrize("make", [lambda: _of_curve(ec.SECP384R1()), lambda: _of_curve(ec.SECP256K1())])
def test_another_curve_is_refused(make):
    signer = make()
    assert not both(signer.public, MESSAGE, signer.sign(MESSAGE))


def test_the_verifier_in_a_bundle_takes_no_shorter_rsa_key_than_a_module_makes():
    """3072 bits: what the gateway has a module make; a shorter one is none of ours."""
    signer = _of_rsa(2048)
    assert not signed(signer.public, MESSAGE, signer.sign(MESSAGE))
