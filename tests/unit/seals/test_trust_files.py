"""``[trust]`` from its files: makers by certificate or key, lists read again when they change, alarms when overdue."""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime, timedelta

import pytest

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
