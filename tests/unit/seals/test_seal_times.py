"""Whose word the time of sealing is: the signer's own is a note until seal or certificate end, a stamp is judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.rooms.seals.report import Verdict
from gateway.rooms.seals.verification import verify_document
from simulators.seal.pki import Authority
from simulators.seal.stamps import Stamper


@pytest.fixture(scope="module")
def stamper():
    """A time stamp service with a root of its own."""
    root = Authority.found("安澜市时间戳根证书")
    return root, Stamper.under(root, "安澜市时间戳服务")


def judged(forge, der, at, **trust):
    return verify_document(forge.sealed(der), replace(forge.trust, **trust), at)


def test_a_seal_that_ended_since_is_judged_only_where_the_time_is_proven(forge, stamper, failed):
    root, service = stamper
    after = forge.seal.valid_until + timedelta(days=1)
    plain = judged(forge, forge.sign(), after)
    assert (plain.verdict, failed(plain)) == (Verdict.UNDETERMINED, set())
    assert "自述" in plain.why.zh
    assert "印章已于" in plain.why.zh
    assert "ended" not in plain.why.zh

    stamped = forge.sign(seal=forge.variant(stamper=service))
    proven = judged(forge, stamped, after, stamp_roots=(root.certificate,))
    assert proven.verdict is Verdict.VALID, proven.why
    assert proven.seal.time_source == "time_stamp"


def test_a_stamp_of_a_service_that_is_not_known_proves_nothing(forge, stamper, failed):
    _, service = stamper
    stamped = forge.sign(seal=forge.variant(stamper=service))
    now = forge.now + timedelta(minutes=1)
    unknown = judged(forge, stamped, now)
    assert (unknown.verdict, unknown.seal.time_source) == (Verdict.VALID, "signer")
    assert next(one for one in unknown.every_check if one.name == "time_stamp").result == "not_made"
    other = Authority.found("安澜市时间戳根证书")
    assert failed(judged(forge, stamped, now, stamp_roots=(other.certificate,))) == {"time_stamp"}


def test_a_stamp_over_another_signature_is_refused(forge, stamper, failed):
    root, service = stamper

    class Elsewhere(Stamper):
        def stamp(self, message, at):
            return super().stamp(b"something else", at)

    wrong = Elsewhere(service.key, service.certificates)
    report = judged(
        forge, forge.sign(seal=forge.variant(stamper=wrong)), forge.now + timedelta(minutes=1),
        stamp_roots=(root.certificate,),
    )  # fmt: skip
    assert failed(report) == {"time_stamp"}
