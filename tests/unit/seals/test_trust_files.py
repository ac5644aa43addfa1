"""``[trust]`` from its files: makers by certificate or key, lists read again when they change, alarms when overdue."""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gateway.rooms.receipts.doctor import look as look_at_receipts
from gateway.rooms.receipts.doctor import roots_of
from gateway.rooms.seals.doctor import look
from gateway.rooms.seals.trust import TrustFiles, key_identifiers
from gateway.settings import Settings, TrustSettings
from gateway.words.errors import SettingsError
from simulators.seal.pki import Key


@pytest.fixture
def pem(forge, tmp_path):
    """Writes certificates as PEM."""

    def write(name: str, certificate: bytes):
        file = tmp_path / name
        file.write_text(ssl.DER_cert_to_PEM_cert(certificate))
        return file

    return write


def test_a_maker_is_named_by_certificate_or_by_key_and_never_by_what_a_certificate_claims(forge, pem):
    public = b"\x04" + forge.maker.key.public
    root = pem("root.pem", forge.root.certificate)
    by_file = TrustFiles(TrustSettings(maker_roots=(root,), seal_makers=(pem("m.pem", forge.maker.certificate),)))
    assert by_file.current().makers <= key_identifiers(public)
    for one in key_identifiers(public):
        spelt = ":".join(one.upper()[at : at + 2] for at in range(0, len(one), 2))
        trust = TrustFiles(TrustSettings(maker_roots=(root,), seal_makers=(spelt,))).current()
        assert not trust.makers.isdisjoint(key_identifiers(public))
        assert trust.makers.isdisjoint(key_identifiers(b"\x04" + Key.generate().public))


def test_a_file_that_is_none_stops_the_start_by_its_key(pem, tmp_path):
    for key in ("seal_roots", "maker_roots", "intermediates", "crls", "stamp_roots", "document_roots"):
        with pytest.raises(SettingsError, match="missing"):
            TrustFiles(TrustSettings(**{key: (tmp_path / "missing.pem",)}))


@pytest.mark.parametrize("key", TrustSettings.FILES)
def test_doctor_finds_every_file_that_would_stop_a_start_and_no_other(key, forge, pem, tmp_path):
    """``serve`` opens the rooms of seals and receipts; doctor reads by what they read by. Several at once are named."""
    sound = pem("sound.pem", forge.root.certificate)
    revoked, other = forge.root.crl({}, forge.now, days=7), other_certificate()
    contents = {
        "sound": sound.read_bytes(),
        "sound list": revoked,
        "of another algorithm": other,
        "two in one": sound.read_bytes() * 2,
        "empty": b"",
        "text": "根证书".encode(),
        "half": sound.read_bytes()[:-60],
        "half der": forge.root.certificate[:-9],
        "sound and broken": sound.read_bytes() + sound.read_bytes().replace(b"MII", b"MIJ", 1),
        "a key": b"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n",
        "a page": b"<html><body>404</body></html>",
        "missing": None,
        "a folder": None,
    }
    (tmp_path / "a folder").mkdir()
    stopped = {}
    for name, content in contents.items():
        file = tmp_path / name
        if content is not None:
            file.write_bytes(content)
        for others in ({}, {"seal_roots": (sound,), "maker_roots": (sound,), "seal_makers": (sound,)}):
            settings = Settings(trust=TrustSettings(**{**others, key: (file,)}))
            found = {one.name: one for one in doctors(settings) if one.state == "fail"}
            stopped[name] = why_a_start_stops(settings)
            assert (f"trust.{key}" in found) == (stopped[name] is not None), (name, found, stopped)
            if stopped[name] is not None:
                assert found[f"trust.{key}"].detail == stopped[name].reason, name
                assert found[f"trust.{key}"].cure, name
    assert {name for name in contents if stopped[name] is None} == {
        *(("sound list",) if key == "crls" else ("sound", "two in one")),
        *(("of another algorithm",) if key in ("stamp_roots", "document_roots") else ()),
    }


def test_doctor_names_all_files_that_would_stop_a_start_not_only_the_first(tmp_path):
    away = tmp_path / "away.pem"
    told = doctors(Settings(trust=TrustSettings(**dict.fromkeys(TrustSettings.FILES, (away,)))))
    assert {one.name for one in told if one.state == "fail"} == {f"trust.{key}" for key in TrustSettings.FILES}


def doctors(settings):
    """What the two rooms that believe files tell ``gateway doctor``."""
    return [*look(settings, lambda query: None), *look_at_receipts(settings, lambda query: None)]


def why_a_start_stops(settings):
    """What a start says of these files, by what the rooms of seals and receipts open with."""
    try:
        TrustFiles(settings.trust)
        roots_of(settings)
    except SettingsError as error:
        return error
    return None


def other_certificate():
    """A certificate that is no SM2 certificate, DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "TSA")])
    now = datetime.now(UTC)
    told = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    return told.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_a_list_is_read_again_when_it_changes_and_kept_while_its_file_is_broken(forge, tmp_path):
    file = tmp_path / "list.crl"
    first = forge.root.crl({}, forge.now, days=7)
    file.write_bytes(first)
    files = TrustFiles(TrustSettings(crls=(file,)))
    assert files.current().crls == (first,)
    file.write_bytes(b"half")
    os.utime(file, (1, 1))
    assert files.current().crls == (first,)
    second = forge.root.crl({}, forge.now + timedelta(days=7), days=7)
    file.write_bytes(second)
    os.utime(file, (2, 2))
    assert files.current().crls == (second,)


def test_doctor_tells_of_a_list_whose_next_one_should_have_come(forge, pem, tmp_path):
    file = tmp_path / "list.crl"
    now = datetime.now(UTC)
    root = pem("root.pem", forge.root.certificate)
    maker = pem("maker.pem", forge.maker.certificate)

    def findings(**other):
        trust = TrustSettings(seal_roots=(root,), maker_roots=(root,), seal_makers=(maker,), **other)
        return {one.state: one for one in look(Settings(trust=trust), lambda query: None)}

    file.write_bytes(forge.root.crl({}, now - timedelta(days=9), days=7))
    assert "should have come" in findings(crls=(file,))["warn"].detail
    file.write_bytes(forge.root.crl({}, now, days=7))
    assert set(findings(crls=(file,))) == {"ok"}
    bare = Settings(trust=TrustSettings(seal_roots=(root,)))
    assert any("seal_makers" in one.detail for one in look(bare, lambda query: None) if one.state == "warn")
