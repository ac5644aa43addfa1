"""A further signature for readers that know no seals: PAdES-B-T over the sealed file, verified by others and by us."""

from __future__ import annotations

import asyncio
import io
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import pkcs12
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from gateway.foundation.channels import Channels
from gateway.ports.timestamp import DIGEST_OIDS, StampRequest, TimeStamp
from gateway.rooms.seals.doctor import layer, look
from gateway.rooms.seals.layers import Layers, PadesKey
from gateway.rooms.seals.pdf import embed, make_room
from gateway.rooms.seals.report import Verdict
from gateway.rooms.seals.verification import verify_document
from gateway.rooms.timestamps import TimeStamps
from gateway.settings import load
from gateway.words.clock import ManualClock
from gateway.words.errors import ExchangeError, OutcomeUnknownError, SettingsError, UnusableError
from simulators.seal import stamps

SHA256 = DIGEST_OIDS["sha256"]


class StampService:
    """Stamps with the clock of the tests."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock, self.authority, key = clock, stamps.P256Authority.found("时间戳根"), stamps.P256Key.generate()
        certificate = self.authority.issue("安澜市时间戳服务", key, time_stamping=True)
        self.stamper = stamps.Stamper(key, (certificate, self.authority.certificate), SHA256)
        self.error: ExchangeError | None = None

    async def stamp(self, request: StampRequest) -> TimeStamp:
        if self.error is not None:
            raise self.error
        at = self.clock.now()
        return TimeStamp(token=self.stamper.token(request.digest, at, nonce=request.nonce), at=at)


class Office:
    """An installation with a key of its own, in files, and a time stamp service."""

    def __init__(self, folder, clock: ManualClock) -> None:
        self.folder, self.clock, self.service = folder, clock, StampService(clock)
        self.authority, self.key = stamps.P256Authority.found("国际算法根"), stamps.P256Key.generate()
        self.certificate = self.authority.issue("望川区综合行政执法局 文件签名", self.key)
        self.pem, self.chain = folder / "key.pem", folder / "chain.pem"
        self.pem.write_bytes(self.key.pem())
        both = (self.certificate, self.authority.certificate)
        self.chain.write_bytes(b"".join(pem(one) for one in both))
        self.channels = Channels(
            {"tsa": SimpleNamespace(name="tsa", adapter=self.service)},  # type: ignore[dict-item]
            {("*", "timestamps"): ("tsa",)},
        )

    def layers(self, key: PadesKey | None = None, make: Any = make_room) -> Layers:
        key = key or PadesKey(certificate=self.chain, key=self.pem)
        return Layers({"*": key}, TimeStamps(self.channels), make, self.clock)

    @property
    def trust(self) -> dict[str, Any]:
        """Whom such signatures and stamps are believed, for ``Trust``."""
        return {
            "document_roots": (self.authority.certificate,),
            "stamp_roots": (self.service.authority.certificate,),
        }


def pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def office(tmp_path_factory, forge) -> Office:
    return Office(tmp_path_factory.mktemp("office"), ManualClock(forge.now))


@pytest.fixture(scope="module")
def sealed(forge) -> bytes:
    return forge.sealed(forge.der)


def over(layers: Layers, content: bytes) -> bytes:
    """The file with its layer."""
    return content + asyncio.run(layers.over(content, "A1"))


@pytest.fixture(scope="module")
def layered(office, sealed) -> bytes:
    return over(office.layers(), sealed)


def judge(forge, content: bytes, **trust):
    """Our verdict, a minute later, with more trust than the authority's own."""
    return verify_document(content, replace(forge.trust, **trust), forge.now + timedelta(minutes=1))


def test_the_seal_stays_valid_and_the_layer_is_named_and_judged_by_its_own_rules(forge, office, layered):
    report = judge(forge, layered, **office.trust)
    assert report.verdict is Verdict.VALID, report.why
    seal, layer = report.seals
    assert (seal.kind, seal.verdict, seal.revision, seal.revisions) == ("ses-4", Verdict.VALID, 2, 3)
    assert (layer.kind, layer.place, layer.verdict) == ("pades", "Signature1", Verdict.VALID)
    assert layer.signer == "望川区综合行政执法局 文件签名"
    assert (layer.time_source, layer.signed_at) == ("time_stamp", "2026-09-16T10:00:00+08:00")
    assert {one.name: one.result for one in layer.checks}["time_stamp"] == "passed"
    assert any("不是印章" in note.zh for note in layer.notes)


def test_an_unknown_time_stamp_service_leaves_the_time_the_signers_word(forge, office, layered):
    report = judge(forge, layered, document_roots=office.trust["document_roots"], stamp_roots=())
    seal, layer = report.seals
    assert (seal.verdict, layer.time_source) == (Verdict.VALID, "signer")
    assert {one.name: one.result for one in layer.checks}["time_stamp"] == "not_made"


def test_pyhanko_finds_the_layer_intact_trusted_and_stamped(office, layered):
    embedded = PdfFileReader(io.BytesIO(layered)).embedded_signatures
    assert [one.field_name for one in embedded] == ["Signature1"]  # it knows no seal
    certificates = [office.authority.certificate, office.service.authority.certificate]
    context = ValidationContext(
        trust_roots=[asn1_x509.Certificate.load(der) for der in certificates],
        moment=office.clock.now() + timedelta(minutes=1),
    )
    status = validate_pdf_signature(embedded[0], context, context)
    assert (status.intact, status.valid, status.trusted) == (True, True, True)
    assert status.coverage.name == "ENTIRE_FILE"
    assert status.modification_level is ModificationLevel.NONE
    assert status.timestamp_validity.trusted
    assert status.timestamp_validity.timestamp == office.clock.now()
    attributes = {one["type"].native for one in embedded[0].signer_info["signed_attrs"]}
    assert "signing_certificate_v2" in attributes  # ETSI EN 319 142-1, 6.3: and no signing time inside
    assert "signing_time" not in attributes


@pytest.mark.skipif(shutil.which("pdfsig") is None, reason="pdfsig of poppler is not installed here")
def test_pdfsig_finds_the_layer_valid(layered, tmp_path):
    """A third implementation, over NSS. It does not know our roots, and says of the seal that it cannot be judged."""
    file = tmp_path / "layered.pdf"
    file.write_bytes(layered)
    told = subprocess.run(
        [str(shutil.which("pdfsig")), "-nocert", str(file)], capture_output=True, check=False, timeout=60
    ).stdout.decode(errors="replace")
    layer = told[told.index("ETSI.CAdES.detached") :]
    assert "Signature is Valid." in layer, told
    assert "Total document signed" in layer, told


@pytest.mark.parametrize("where", ["page", "seal", "layer"])
def test_a_changed_byte_is_seen_by_the_layer(forge, office, sealed, layered, where):
    place = {"page": 1000, "seal": sealed.rindex(b"/Rect") + 7, "layer": len(sealed) + 5}[where]
    broken = bytearray(layered)
    broken[place] ^= 1
    report = judge(forge, bytes(broken), **office.trust)
    assert report.verdict is not Verdict.VALID
    assert all(one.verdict is not Verdict.VALID for one in report.seals if one.kind == "pades")


def test_a_file_with_a_layer_takes_another_seal_and_another_layer(forge, office, layered):
    made = forge.prepare(layered)
    digest_of = forge.sign(made.digest)
    again = over(office.layers(), embed(made.content, made.start, made.end, digest_of))
    report = judge(forge, again, **office.trust)
    assert [one.kind for one in report.seals] == ["ses-4", "pades", "ses-4", "pades"]
    assert report.verdict is Verdict.VALID, report.why


def test_no_time_stamp_no_layer(office, sealed):
    office.service.error = OutcomeUnknownError("silence")
    try:
        with pytest.raises(OutcomeUnknownError):
            over(office.layers(), sealed)
    finally:
        office.service.error = None


def test_a_token_larger_than_the_room_for_it_is_told(office, sealed, monkeypatch):
    layers = office.layers()
    held = layers._signers["*"]
    monkeypatch.setitem(layers._signers, "*", type(held)(held.signer, 1000, held.until))
    with pytest.raises(UnusableError, match="room is for 1000"):
        over(layers, sealed)


def test_keys_come_from_pkcs_12_too(forge, office, sealed, monkeypatch):
    file = office.folder / "key.p12"
    certificates = [x509.load_der_x509_certificate(der) for der in (office.certificate, office.authority.certificate)]
    locked = serialization.BestAvailableEncryption(b"a word")
    file.write_bytes(
        pkcs12.serialize_key_and_certificates(b"n", office.key.private, certificates[0], certificates[1:], locked)
    )
    monkeypatch.setenv("LAYER_WORD", "a word")
    layers = office.layers(PadesKey(pkcs12=file, passphrase="env:LAYER_WORD"))
    report = judge(forge, over(layers, sealed), **office.trust)
    assert report.valid, report.why
    monkeypatch.setenv("LAYER_WORD", "another")
    with pytest.raises(SettingsError, match=r"rooms\.seals\.pades\.\*"):
        office.layers(PadesKey(pkcs12=file, passphrase="env:LAYER_WORD"))


def test_what_cannot_sign_stops_the_start(office, tmp_path):
    other, edwards, missing = tmp_path / "other.pem", tmp_path / "ed.pem", tmp_path / "none.pem"
    other.write_bytes(stamps.P256Key.generate().pem())
    clear = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    edwards.write_bytes(ed25519.Ed25519PrivateKey.generate().private_bytes(*clear))
    for key, why in ((other, "not that of"), (edwards, "RSA or ECDSA"), (missing, "No such file")):
        with pytest.raises(SettingsError, match=why):
            office.layers(PadesKey(certificate=office.chain, key=key))


def test_a_layer_needs_a_time_stamp_service_and_a_certificate_in_force(office):
    silent = TimeStamps(Channels({}, {}))
    key = PadesKey(certificate=office.chain, key=office.pem)
    with pytest.raises(SettingsError, match="no channel gives time stamps"):
        Layers({"*": key}, silent, make_room, office.clock)
    late = ManualClock(stamps.END + timedelta(days=1))
    with pytest.raises(SettingsError, match="ended"):
        Layers({"*": key}, TimeStamps(office.channels), make_room, late)


@pytest.mark.parametrize(
    "named", [{}, {"pkcs12": "a", "certificate": "b", "key": "c"}, {"certificate": "b"}, {"pkcs12": "a", "key": "c"}]
)
def test_a_key_is_named_in_one_way(named):
    with pytest.raises(ValueError, match="one of the two"):
        PadesKey.model_validate(named)


def test_a_key_on_a_larger_curve_signs_as_well(forge, office, tmp_path, sealed):
    private = stamps.P256Key(ec.generate_private_key(ec.SECP384R1()))
    key, chain = tmp_path / "key.pem", tmp_path / "chain.pem"
    key.write_bytes(private.pem())
    chain.write_bytes(pem(office.authority.issue("另一", private)))
    layers = office.layers(PadesKey(certificate=chain, key=key))
    assert judge(forge, over(layers, sealed), **office.trust).valid


@pytest.mark.parametrize(("days", "state"), [(31, "ok"), (29, "warn"), (-1, "fail")])
def test_doctor_warns_before_the_certificate_of_layers_ends(office, days, state):
    key = PadesKey(certificate=office.chain, key=office.pem)
    (found,) = layer("*", key, stamps.END - timedelta(days=days))
    assert found.state == state
    assert f"{stamps.END:%Y-%m-%d}" in found.detail
    assert (str(office.chain) in found.detail) == (state != "ok")


def test_doctor_names_every_file_of_layers_that_cannot_be_read_and_goes_on(office, tmp_path):
    """The paths of the settings start at the folder of their file."""
    for name, file in (("chain.pem", office.chain), ("key.pem", office.pem)):
        (tmp_path / name).write_bytes(file.read_bytes())
    settings = tmp_path / "gateway.toml"
    settings.write_text(
        '[rooms.seals.pades.A1]\ncertificate = "no/chain.pem"\nkey = "no/key.pem"\n'
        '[rooms.seals.pades."*"]\ncertificate = "chain.pem"\nkey = "key.pem"\n'
    )
    found = list(look(load(settings), lambda query: None))
    assert [(one.name, one.state) for one in found] == [
        ("seals.pades.A1", "fail"),
        ("seals.pades.A1", "fail"),
        ("seals.pades.*", "ok"),
    ]
    for one, name in zip(found[:2], ("chain.pem", "key.pem"), strict=True):
        assert str(tmp_path / "no" / name) in one.detail
    (tmp_path / "key.pem").write_text("no key")
    *_, broken = look(load(settings), lambda query: None)
    assert (broken.state, broken.name) == ("fail", "seals.pades.*")
