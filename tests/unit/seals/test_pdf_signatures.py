"""What is no electronic seal is named for what it is, and judged by its own rules."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import PdfSignatureMetadata, SimpleSigner, sign_pdf
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko_certvalidator.registry import SimpleCertificateStore

from gateway.rooms.seals.report import Verdict
from gateway.rooms.seals.trust import Trust
from gateway.rooms.seals.verification import verify_document
from simulators.seal import stamps
from simulators.seal.cms import signed_data

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def person():
    """An international certificate that signs for itself, and its signer."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Records Office")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 7)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(True, True, False, False, False, False, False, False, False), critical=True)
        .sign(key, hashes.SHA256())
    )
    der = certificate.public_bytes(serialization.Encoding.DER)
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signer = SimpleSigner(
        signing_cert=asn1_x509.Certificate.load(der),
        signing_key=keys.PrivateKeyInfo.load(private),
        cert_registry=SimpleCertificateStore(),
    )
    return der, signer


@pytest.fixture(scope="module")
def signed(forge, person):
    """A letter with a PAdES signature alone."""
    writer = IncrementalPdfFileWriter(io.BytesIO(forge.document))
    about = PdfSignatureMetadata(field_name="Records", subfilter=SigSeedSubFilter.PADES)
    return sign_pdf(writer, about, signer=person[1]).getvalue()


def judge(content: bytes, **trust):
    return verify_document(content, Trust(**trust), datetime.now(UTC) + timedelta(minutes=1))


def test_an_international_signature_is_named_and_judged_by_its_own_roots(signed, person):
    report = judge(signed, document_roots=(person[0],))
    assert report.seal.kind == "pades"
    assert report.verdict is Verdict.VALID, report.why
    assert report.seal.signer == "Records Office"
    assert any("不是印章" in note.zh for note in report.seal.notes)


def test_a_root_that_is_not_known_here_cannot_be_judged(signed):
    """Another root is configured, and this one is not among them."""
    report = judge(signed, document_roots=(stamps.P256Authority.found("Another").certificate,))
    assert (report.verdict, report.seal.verdict) == (Verdict.UNDETERMINED, Verdict.UNDETERMINED)
    assert {one.name for one in report.seal.checks if one.required and one.result == "not_made"} == {"signer_chain"}


def test_without_its_roots_it_cannot_be_judged(signed):
    report = judge(signed)
    assert report.verdict is Verdict.UNDETERMINED
    assert {one.name for one in report.seal.checks if one.required and one.result == "not_made"} == {"signer_chain"}


def test_an_altered_file_under_an_international_signature_is_not_valid(signed, person):
    at = signed.index(b"/MediaBox")
    changed = signed[: at + 12] + bytes([signed[at + 12] ^ 1]) + signed[at + 13 :]
    assert judge(changed, document_roots=(person[0],)).verdict is not Verdict.VALID


def test_a_signature_after_a_seal_leaves_the_seal_as_it_was(forge, person):
    writer = IncrementalPdfFileWriter(io.BytesIO(forge.sealed()))
    about = PdfSignatureMetadata(field_name="Records", subfilter=SigSeedSubFilter.PADES)
    both = sign_pdf(writer, about, signer=person[1]).getvalue()
    report = verify_document(
        both,
        Trust(
            signer_roots=forge.trust.signer_roots,
            maker_roots=forge.trust.maker_roots,
            makers=forge.trust.makers,
            document_roots=(person[0],),
        ),
        datetime.now(UTC) + timedelta(minutes=1),
    )
    assert [one.kind for one in report.seals] == ["ses-4", "pades"]
    assert report.verdict is Verdict.VALID, report.why
    assert any(note.en == "only signatures were added since" for note in report.seals[0].notes)


def test_a_signature_of_gbt_35275_is_named_and_judged(forge, failed):
    """Detached, over the bytes of ByteRange."""
    content, start, end = forge.prepared.content, forge.prepared.start, forge.prepared.end

    def file(over: bytes) -> bytes:
        return forge.sealed(signed_data(over, forge.seal.key, (forge.seal.certificate,), at=forge.now))

    report = forge.judge(file(content[:start] + content[end:]))
    assert (report.seal.kind, report.verdict) == ("gbt35275", Verdict.VALID), report.why
    wrong = forge.judge(file(b"another document"))
    assert failed(wrong) >= {"document_digest"}
