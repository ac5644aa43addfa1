"""Issuers are asked about certificates (OCSP): what they say weighs like a list, and silence is never a yes."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from gateway.foundation.crypto.certificates import CertificateStatus, parse_certificate
from gateway.foundation.crypto.ocsp import StatusError, StatusQuestion
from gateway.foundation.crypto.sm2 import default_provider
from gateway.foundation.wire.outward import AllowList, OutwardWire
from gateway.foundation.wire.terms import WireTerms
from gateway.ports.base import RawExchange
from gateway.rooms.seals.issuers import Examiner, Issuers, open_issuers
from gateway.rooms.seals.report import Report, Unasked, Verdict
from gateway.rooms.seals.verification import verify_document
from gateway.settings import Settings, TrustSettings
from simulators.seal import der, ocsp, pki, ses


class Responder:
    """The simulator's responder on a port of this machine; ``revoked`` and ``changed`` are what it is told to do."""

    def __init__(self, forge: Any) -> None:
        self.forge, self.url, self.status = forge, "", 200
        self.revoked: dict[int, datetime] = {}
        self.known: dict[int, object] = {}
        self.changed: Any = lambda answer: answer

    async def answer(self, request: web.Request) -> web.Response:
        asked = await request.read()
        said = ocsp.answer(self.forge.root, asked, self.revoked, self.known, self.forge.now)
        return web.Response(body=self.changed(said), status=self.status)


@pytest.fixture
async def responder(forge):
    """A responder that knows the certificates of the forge's authority."""
    made = Responder(forge)
    app = web.Application()
    app.router.add_post("/pki/ocsp", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/pki/ocsp"
    yield made
    await runner.cleanup()


@pytest.fixture
async def desk(forge, responder):
    """A sealed document whose signer's certificate names the responder, and how it is judged."""
    certificate = forge.root.issue("执法局", forge.seal.key.public, wanted=pki.Wanted(ocsp=responder.url))
    seal = forge.variant(certificate=certificate, listed=(certificate,))
    issued = ses.eseal(seal, forge.maker)
    document = forge.sealed(ses.signature(seal, issued, forge.prepared.digest, "/ByteRange", forge.now))
    serial = pki.serial_of(certificate)
    responder.known = {serial: True}
    kept: list[RawExchange] = []
    wires: list[OutwardWire] = []

    async def judge(*hosts: str, minutes: int = 1) -> Report:
        wire = OutwardWire(WireTerms(kept.append), AllowList(hosts), channel="ocsp")
        wires.append(wire)
        examiner = Examiner(forge.trust, in_process, Issuers(hosts, wire))
        return await examiner.examine(document, forge.now + timedelta(minutes=minutes))

    yield SimpleNamespace(judge=judge, serial=serial, kept=kept, document=document, certificate=certificate)
    for wire in wires:
        await wire.close()


def in_process(content, trust, now, expected):
    return verify_document(content, trust, now, expected=expected)


def check(report: Report, name: str) -> Any:
    return next(one for one in report.every_check if one.name == name)


async def test_a_certificate_revoked_before_sealing_makes_the_seal_invalid(forge, desk, responder):
    responder.revoked = {desk.serial: forge.now - timedelta(days=1)}
    report = await desk.judge("127.0.0.1")
    assert report.verdict is Verdict.INVALID
    assert "revoked" in check(report, "signer_chain").reason.en


async def test_revoked_after_sealing_the_signers_word_alone_does_not_carry(forge, desk, responder):
    responder.revoked = {desk.serial: forge.now + timedelta(seconds=30)}
    report = await desk.judge("127.0.0.1")
    assert report.verdict is Verdict.UNDETERMINED
    assert check(report, "signer_chain").result == "passed"
    assert check(report, "time_proven").result == "not_made"


async def test_a_good_answer_covers_its_certificate_and_is_kept_as_evidence(desk):
    report = await desk.judge("127.0.0.1")
    assert report.valid
    assert report.unasked == ()
    (exchange,) = desk.kept
    assert (exchange.channel, exchange.action, exchange.status) == ("ocsp", "certificate_status", 200)


async def test_an_answer_is_used_until_its_next_update_and_an_hour_at_most(forge, desk, responder):
    wire = OutwardWire(WireTerms(desk.kept.append), AllowList(("127.0.0.1",)), channel="ocsp")
    issuers = Issuers(("127.0.0.1",), wire)
    examiner = Examiner(forge.trust, in_process, issuers)
    for minutes, asked in ((1, 1), (2, 1), (59, 1), (62, 2)):
        report = await examiner.examine(desk.document, forge.now + timedelta(minutes=minutes))
        assert report.valid, report.why
        assert len(desk.kept) == asked, f"after {minutes} minutes"
    await wire.close()


async def test_an_answer_from_before_says_nothing_of_what_was_signed_later(forge):
    issuers, (certificate, other) = Issuers((), None), (forge.root.certificate, forge.maker.certificate)  # type: ignore[arg-type]
    said = CertificateStatus(certificate, forge.now, None, forge.now + timedelta(days=7))
    signed_then = Unasked(certificate=certificate, issuer=other, at=forge.now)
    issuers._keep(signed_then, said)
    soon = forge.now + timedelta(minutes=5)
    assert issuers._known(signed_then, soon) is said
    assert issuers._known(signed_then.model_copy(update={"at": soon}), soon) is None  # signed since
    assert issuers._known(signed_then.model_copy(update={"issuer": certificate}), soon) is None  # of another issuer
    assert issuers._known(signed_then, forge.now + timedelta(minutes=61)) is None
    issuers._keep(signed_then, replace(said, until=None))
    assert issuers._known(signed_then, soon) is None  # it named no end
    for number in range(1000):
        issuers._keep(signed_then.model_copy(update={"certificate": b"%d" % number}), said)
    assert len(issuers._kept) == 1000  # the oldest went


async def test_good_answers_for_every_certificate_are_what_passes(forge, desk):
    lists = (forge.root.crl({}, forge.now),)
    maker_only = [CertificateStatus(desk.certificate, forge.now + timedelta(minutes=1))]
    now = forge.now + timedelta(minutes=1)
    for trust, result in (
        (replace(forge.trust, statuses=tuple(maker_only)), "not_made"),  # nothing covers the maker
        (
            replace(forge.trust, statuses=(*maker_only, CertificateStatus(forge.maker.certificate, now)), crls=()),
            "passed",
        ),
        (replace(forge.trust, crls=lists), "passed"),
    ):
        assert check(verify_document(desk.document, trust, now), "revocation").result == result


async def test_whoever_is_not_allowed_is_not_asked(desk):
    report = await desk.judge("ocsp.example")
    assert desk.kept == []
    assert report.valid
    assert check(report, "revocation").result == "not_made"


@pytest.mark.parametrize("fault", ["status", "garbage", "flipped", "unknown", "replayed"])
async def test_an_answer_that_is_none_leaves_the_check_not_made_and_nothing_valid(forge, desk, responder, fault):
    if fault == "status":
        responder.status = 503
    elif fault == "garbage":
        responder.changed = lambda answer: b"<html>"
    elif fault == "flipped":
        responder.changed = lambda answer: answer.replace(
            der.generalized_time(forge.now), der.generalized_time(forge.now + timedelta(seconds=1)), 1
        )
    elif fault == "unknown":
        responder.known = {}
    else:
        old = StatusQuestion(parse_certificate(desk.certificate), parse_certificate(forge.root.certificate), b"o" * 16)
        said = ocsp.answer(forge.root, old.der, {}, responder.known, forge.now)
        responder.changed = lambda answer: said
    report = await desk.judge("127.0.0.1")
    revocation = check(report, "revocation")
    assert report.verdict is Verdict.UNDETERMINED
    assert (revocation.result, revocation.required) == ("not_made", True)
    assert "127.0.0.1" in revocation.reason.en
    assert len(desk.kept) == 1


async def test_an_answer_grows_old(desk):
    assert (await desk.judge("127.0.0.1", minutes=60)).valid
    assert (await desk.judge("127.0.0.1", minutes=13 * 60)).verdict is Verdict.UNDETERMINED


@pytest.fixture
def question(forge):
    """About the signer of the forge, of its root."""
    certificate = parse_certificate(forge.seal.certificate)
    return StatusQuestion(certificate, parse_certificate(forge.root.certificate), os.urandom(16))


def read(question: StatusQuestion, answer: bytes, now: datetime) -> CertificateStatus:
    return question.read(answer, now, default_provider())


def test_only_the_issuer_or_a_responder_that_it_certified_is_believed(forge, question):
    serial = question.certificate.serial_number

    def answered(by: pki.Authority) -> bytes:
        return ocsp.answer(by, question.der, {}, {serial: True}, forge.now)

    assert read(question, answered(forge.root), forge.now).revoked_at is None
    key = pki.Key.generate()
    for purpose, believed in (("ocsp_signing", True), ("time_stamping", False), ("", False)):
        certificate = forge.root.issue("应答", key.public, wanted=pki.Wanted(purpose=purpose))
        answer = answered(pki.Authority(key, certificate))
        if believed:
            assert read(question, answer, forge.now).revoked_at is None
        else:
            with pytest.raises(StatusError, match="neither by the issuer"):
                read(question, answer, forge.now)
    stranger = pki.Authority.found("别处").issue("应答", key.public, wanted=pki.Wanted(purpose="ocsp_signing"))
    with pytest.raises(StatusError, match="neither by the issuer"):
        read(question, answered(pki.Authority(key, stranger)), forge.now)


def test_an_answer_about_another_certificate_is_refused(forge, question):
    other = parse_certificate(forge.maker.certificate)
    answer = ocsp.answer(forge.root, replace(question, certificate=other).der, {}, {other.serial_number: 1}, forge.now)
    with pytest.raises(StatusError, match="not about this certificate"):
        read(question, answer, forge.now)


def test_an_answer_of_a_time_to_come_is_refused(forge, question):
    known = {question.certificate.serial_number: True}
    answer = ocsp.answer(forge.root, question.der, {}, known, forge.now + timedelta(hours=1))
    with pytest.raises(StatusError, match="time to come"):
        read(question, answer, forge.now)


def test_every_cut_of_an_answer_is_refused(forge, question):
    answer = ocsp.answer(forge.root, question.der, {}, {question.certificate.serial_number: 1}, forge.now)
    for at in range(0, len(answer), 7):
        with pytest.raises(StatusError):
            read(question, answer[:at], forge.now)


def test_without_hosts_there_is_no_way_out():
    assert open_issuers(SimpleNamespace(settings=Settings())) is None
    with pytest.raises(ValueError, match="host name or an address"):
        TrustSettings(ocsp_hosts=("10.0.0.0/8",))
