"""What the technical words of a failure mean for people: each kind that the wire makes has its sentence."""

from __future__ import annotations

import httpx
import pytest

from gateway.foundation.screens import Folded, failed, in_doubt
from gateway.foundation.wire.channel import meaning, undeclared
from gateway.foundation.wire.transport import AnswerTooLargeError, TlsFailedError
from gateway.words import failures
from gateway.words.failures import what_happened
from gateway.words.saying import Language, say, sentences


def answered(status: int, **headers: str) -> str:
    return str(undeclared(httpx.Response(status, headers=headers)))


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (str(meaning(httpx.ReadTimeout("timed out: read"))), "silence"),
        (str(meaning(httpx.ReadTimeout("timed out: the whole call"))), "silence"),
        ("still in doubt after 24 h: ReadTimeout: timed out: read", "silence"),
        (str(meaning(httpx.ConnectTimeout("timed out: connect"))), "unreachable"),
        (str(meaning(httpx.ConnectError("ClientConnectorError: refused"))), "unreachable"),
        (str(meaning(httpx.PoolTimeout("timed out: pool"))), "queued"),
        (str(meaning(httpx.WriteTimeout("timed out: write"))), "cut_sending"),
        (str(meaning(httpx.ReadError("ClientOSError: reset"))), "cut"),
        (str(meaning(httpx.RemoteProtocolError("ServerDisconnectedError: "))), "cut"),
        (str(meaning(AnswerTooLargeError("an answer of 9 bytes exceeds 8"))), "too_large"),
        (str(meaning(TlsFailedError("TLS failed: the certificate has expired"))), "tls"),
        (answered(401), "denied"),
        (answered(500), "contract"),
        (answered(302, Location="https://login.example/"), "elsewhere"),
        ("HTTP 503", "busy"),
        ("ReadTimeout", "silence"),
        ("answered", None),
        ("HTTP 200 with malformed JSON: EOF", "unreadable"),
        ("HTTP 200 with an empty body", "empty"),
        ("the answer's signature: none", "not_authentic"),
        ("the answer belongs to another question", "not_authentic"),
        ("the answer's amount 1 fen differs from the bill's 2", "contradiction"),
        ("the answer breaks the contract: PayCode", "contract"),
        ("the gateway stopped while the call was under way", "stopped"),
        ("a fault of the gateway: KeyError: 'x'", "fault"),
        ("18015: 缴款码不存在", None),
        ("resolved by people: 已电话核实", None),
        ("误缴", None),
        (None, None),
    ],
)
def test_each_kind_of_failure_has_its_sentence_and_words_of_others_stay(reason, kind):
    assert what_happened(reason) == (None if kind is None else say(f"failures.{kind}"))


def test_every_kind_has_its_words():
    for _, id in failures._KINDS:
        assert all(f"failures.{id}" in sentences(language) for language in Language)


def test_the_technical_words_stand_behind_and_a_doubt_without_any_says_so():
    reason = "ReadTimeout: timed out: read"
    assert failed(reason) == Folded(say("failures.silence"), reason)
    assert failed("误缴") == "误缴"
    note = in_doubt("payments.screen_doubt_note", reason, since="10-08 09:00")
    assert (note.behind, "Timeout" in str(note.words)) == (reason, False)
    assert "没有得到可信的答复" in in_doubt("refunds.screen_doubt", None).words.in_(Language.CHINESE)
    assert in_doubt("refunds.screen_doubt", "18015: 不存在").behind is None
