"""SM2, SM3, SM4: the standards' vectors, and the openssl command as an independent oracle."""

from __future__ import annotations

import pytest
from asn1crypto.keys import ECPrivateKey, PrivateKeyInfo
from asn1crypto.pem import unarmor
from by_day import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.foundation.crypto import selftest, sm, sm2
from gateway.foundation.crypto.sm import aes_gcm_open, aes_gcm_seal, hmac_sm3, sm3, sm4_gcm_open, sm4_gcm_seal
from gateway.foundation.crypto.sm2 import GmsslProvider, LibcryptoProvider
from gateway.words.errors import SettingsError


@pytest.fixture(scope="module", params=[GmsslProvider, LibcryptoProvider], ids=lambda kind: kind.name)
def provider(request):
    """Each provider that this machine has."""
    try:
        return request.param()
    except (ImportError, OSError) as error:
        pytest.skip(f"this machine has no {request.param.name}: {error}")


def test_every_known_answer_matches_on_this_machine():
    assert [check.name for check in selftest.run() if not check.ok] == []
    selftest.require()


def test_a_library_with_wrong_answers_stops_the_start(monkeypatch):
    monkeypatch.setattr(selftest, "sm3", lambda data: bytes(32))
    with pytest.raises(SettingsError, match="SM3"):
        selftest.require()


def test_the_standards_own_signature_verifies_and_one_bit_spoils_it(provider):
    assert provider.verify(sm2.VECTOR_PUBLIC, sm2.VECTOR_MESSAGE, sm2.VECTOR_SIGNATURE)
    assert not provider.verify(sm2.VECTOR_PUBLIC, sm2.VECTOR_MESSAGE + b"x", sm2.VECTOR_SIGNATURE)
    for place in range(len(sm2.VECTOR_SIGNATURE)):
        spoiled = bytearray(sm2.VECTOR_SIGNATURE)
        spoiled[place] ^= 1
        assert not provider.verify(sm2.VECTOR_PUBLIC, sm2.VECTOR_MESSAGE, bytes(spoiled))


def test_the_digest_before_signing_is_the_standards():
    expected = "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640"
    assert sm2.digest(sm2.VECTOR_PUBLIC, sm2.VECTOR_MESSAGE).hex() == expected
    assert sm2.public_of(sm2.VECTOR_PRIVATE) == sm2.VECTOR_PUBLIC


def test_both_providers_verify_each_other():
    try:
        one, other = GmsslProvider(), LibcryptoProvider()
    except (ImportError, OSError) as error:
        pytest.skip(f"this machine has only one provider: {error}")
    for number in range(20):
        message = b"m" * number
        private, public = one.generate()
        assert other.verify(public, message, one.sign(private, message))
        assert one.verify(public, message, other.sign(private, message, b"another id"), b"another id")


def test_another_distinguishing_id_never_verifies(provider):
    private, public = provider.generate()
    for ident in (b"", b"1234567812345679", b"x" * 300):
        signature = provider.sign(private, b"message", ident)
        assert provider.verify(public, b"message", signature, ident)
        assert not provider.verify(public, b"message", signature)


@given(garbage=st.binary(max_size=90))
def test_a_garbage_signature_is_false_and_no_error(garbage):
    assert sm2.default_provider().verify(sm2.VECTOR_PUBLIC, sm2.VECTOR_MESSAGE, garbage) is False


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        bytes.fromhex("3006020100020100"),  # r = s = 0
        bytes.fromhex("3006020101020101") + b"\x00",  # a byte too many
        bytes.fromhex("30080202000102020001"),  # leading zeros that DER forbids
        bytes.fromhex("30060201ff0201ff"),  # negative
        sm2.VECTOR_SIGNATURE[:-1],
    ],
)
def test_a_malformed_signature_is_false(provider, signature):
    assert provider.verify(sm2.VECTOR_PUBLIC, sm2.VECTOR_MESSAGE, signature) is False


@pytest.mark.parametrize(
    "public",
    [
        b"",
        sm2.VECTOR_PUBLIC[1:],
        b"\x04" + bytes(64),
        sm2.VECTOR_PUBLIC[:-1] + b"\x00",  # off the curve
        b"\x02" + sm2.VECTOR_PUBLIC[1:],
        b"\x04" + b"\xff" * 64,
    ],
)
def test_a_key_that_is_no_point_of_the_curve_verifies_nothing(provider, public):
    assert provider.verify(public, sm2.VECTOR_MESSAGE, sm2.VECTOR_SIGNATURE) is False


@pytest.mark.parametrize("private", [b"", bytes(32), b"\xff" * 32, b"\x01" * 31])
def test_a_private_key_out_of_range_is_refused(provider, private):
    with pytest.raises(ValueError):
        provider.sign(private, b"message")


def test_a_provider_that_says_yes_to_everything_is_not_chosen():
    class Agreeable(GmsslProvider):
        name = "agreeable"

        def verify(self, *arguments: object) -> bool:
            return True

    with pytest.raises(SettingsError, match="an altered signature verifies"):
        sm2._choose((Agreeable,))


def test_the_second_provider_is_taken_where_the_first_is_missing():
    def missing() -> GmsslProvider:
        raise ImportError("no wheel for this machine")

    try:
        LibcryptoProvider()
    except OSError as error:
        pytest.skip(str(error))
    assert sm2._choose((missing, LibcryptoProvider)).name == "libcrypto"


def test_choosing_a_provider_keeps_stderr_clean(capfd):
    sm2._choose((GmsslProvider,))
    assert capfd.readouterr().err == ""


# --- openssl as oracle


@pytest.fixture(scope="module")
def openssl_key(openssl, tmp_path_factory):
    """A key made by openssl: (file, private, public)."""
    file = tmp_path_factory.mktemp("key") / "key.pem"
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2", "-out", file)
    _, _, der = unarmor(file.read_bytes())
    inner = ECPrivateKey.load(PrivateKeyInfo.load(der)["private_key"].contents)
    private = inner["private_key"].native.to_bytes(32, "big")
    return file, private, sm2.public_of(private)


def test_openssl_and_we_verify_each_others_signatures(provider, openssl, openssl_key, tmp_path):
    key, private, public = openssl_key
    message = tmp_path / "message"
    message.write_bytes("行政处罚决定书".encode())
    distid = ("-sigopt", "distid:1234567812345678")
    openssl("dgst", "-sm3", "-sign", key, *distid, "-out", tmp_path / "theirs", message)
    assert provider.verify(public, message.read_bytes(), (tmp_path / "theirs").read_bytes())
    (tmp_path / "ours").write_bytes(provider.sign(private, message.read_bytes()))
    openssl("pkey", "-in", key, "-pubout", "-out", tmp_path / "public.pem")
    checked = openssl(
        "dgst", "-sm3", "-verify", tmp_path / "public.pem", *distid, "-signature", tmp_path / "ours", message
    )
    assert b"Verified OK" in checked.stdout


@pytest.mark.parametrize("data", [b"", b"abc", "罚款".encode() * 1000])
def test_openssl_computes_the_same_digest_and_mac(openssl, data):
    assert openssl("dgst", "-sm3", stdin=data).stdout.decode().split()[-1] == sm3(data).hex()
    mac = openssl("dgst", "-sm3", "-mac", "HMAC", "-macopt", "hexkey:00112233", stdin=data)
    assert mac.stdout.decode().split()[-1] == hmac_sm3(bytes.fromhex("00112233"), data).hex()


@settings(max_examples=examples(10, 30))
@given(plaintext=st.binary(max_size=200), aad=st.binary(max_size=40), place=st.integers(0), bit=st.integers(0, 7))
def test_any_altered_bit_keeps_an_authenticated_ciphertext_shut(plaintext, aad, place, bit):
    for seal, open_, key in ((sm4_gcm_seal, sm4_gcm_open, b"k" * 16), (aes_gcm_seal, aes_gcm_open, b"k" * 32)):
        sealed = bytearray(seal(key, b"n" * 12, plaintext, aad))
        assert open_(key, b"n" * 12, bytes(sealed), aad) == plaintext
        sealed[place % len(sealed)] ^= 1 << bit
        with pytest.raises(ValueError):
            open_(key, b"n" * 12, bytes(sealed), aad)


@pytest.mark.parametrize("size", [0, 15, 16, 17, 64, 100])
def test_what_is_ciphered_in_pieces_is_what_it_is_at_once(monkeypatch, size):
    """Other threads wait for no longer than a piece takes."""
    text = bytes(range(size))
    at_once = sm4_gcm_seal(b"k" * 16, b"n" * 12, text, b"context")
    monkeypatch.setattr(sm, "_PIECE", 16)
    assert sm4_gcm_seal(b"k" * 16, b"n" * 12, text, b"context") == at_once
    assert sm4_gcm_open(b"k" * 16, b"n" * 12, at_once, b"context") == text
    with pytest.raises(ValueError):
        sm4_gcm_open(b"k" * 16, b"n" * 12, at_once[:-1] + bytes([at_once[-1] ^ 1]), b"context")
