"""Signatures of every family: vectors that another program made, what they cover, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

import contracts
from gateway.foundation.crypto.signature_keys import HmacKey, RsaKey, SignatureKey, Sm2Key, sm2_private, sm2_public
from gateway.foundation.crypto.sm2 import public_of
from gateway.foundation.wire import ChannelWire, WireTerms
from gateway.foundation.wire.channel import ErrorFactory, busy
from gateway.foundation.wire.signing import (
    MessageSigner,
    Signable,
    SignatureHeaders,
    SignatureRefusedError,
    SignatureScheme,
    sign_as,
    signed_text,
    verify_as,
)
from gateway.words.clock import ManualClock
from gateway.words.errors import BusyError, ContractError, DeniedError, OutcomeUnknownError, UnusableError

KNOWN: dict[str, Any] = json.loads(contracts.read_text("signing/v1/vectors/signatures.json"))
RSA, SM2, SECRET = KNOWN["rsa"], KNOWN["sm2"], KNOWN["secret"].encode()
NOW = datetime.fromtimestamp(1789437600, UTC)
TEMPLATE = "{method}\n{target}\n{timestamp}\n{nonce}\n{body}\n"

FAMILIES = {
    "hmac-sm3": lambda: HmacKey(SECRET),
    "hmac-sha256": lambda: HmacKey(SECRET, "sha256"),
    "rsa-sha256": lambda: RsaKey(RSA["private"], [RSA["public"]]),
    "sm2-sm3": lambda: Sm2Key(SM2["private"], [SM2["public"]]),
    "sm2-sm3-raw": lambda: Sm2Key(SM2["private"], [SM2["public"]], "raw"),
}


@pytest.fixture(params=FAMILIES)
def key(request: pytest.FixtureRequest) -> SignatureKey:
    """A key of each family."""
    return FAMILIES[request.param]()


@pytest.mark.parametrize("vector", KNOWN["vectors"], ids=lambda vector: vector["name"])
def test_a_vector_of_another_program_holds(vector: dict[str, Any]) -> None:
    key, told = FAMILIES[vector["family"]](), vector["message"]
    message = Signable(told["body"].encode(), told["method"], told["url"], told["status"])
    scheme = SignatureScheme(vector["template"], stamp=vector["stamp"], text=vector["encoding"])
    names = scheme.headers
    headers = {
        names.node: told["node"],
        names.timestamp: vector["timestamp"],
        names.nonce: told["nonce"],
        names.signature: vector["signature"],
    }
    if not vector["valid"]:
        with pytest.raises(SignatureRefusedError, match="bad-signature"):
            verify_as(scheme, headers, message, {told["node"]: key}, NOW)
        return
    text = signed_text(vector["template"], message, told["node"], vector["timestamp"], told["nonce"])
    assert text.decode() == vector["text"]
    assert verify_as(scheme, headers, message, {told["node"]: key}, NOW).nonce == told["nonce"]
    if not vector["family"].startswith("sm2"):  # an SM2 signature is another one each time
        assert sign_as(scheme, told["node"], key, message, NOW, told["nonce"]) == headers


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_no_other_bytes_have_the_same_signature(one: bytes, other: bytes) -> None:
    for make in FAMILIES.values():
        key = make()
        signature = key.sign(one)
        assert key.verify(one, signature)
        assert key.verify(other, signature) == (one == other)
        assert not key.verify(one, signature[:-1])
        assert not key.verify(one, other)


def test_while_certificates_change_either_key_is_believed() -> None:
    new = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = new.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    public = new.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    theirs = RsaKey(pem, [RSA["public"]])
    assert not RsaKey(RSA["private"], [RSA["public"]]).verify(b"x", theirs.sign(b"x"))
    assert RsaKey(RSA["private"], [RSA["public"], public.decode()]).verify(b"x", theirs.sign(b"x"))


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{method}\n{target}\n{timestamp}", "does not cover the body"),
        ("{nonce}{body}", "touch"),
        ("{method}{url}\n{body}", "touch"),
        ("{body:md5}", "no part"),
        ("{nonce:sha256}{body}", "no part"),
        ("{date}\n{body}", "no part"),
        ("{}{body}", "no part|touch"),
    ],
)
def test_a_text_that_would_fit_two_messages_is_no_scheme(template: str, why: str) -> None:
    if template == "{}{body}":  # an empty name is no part at all: only the text around it is signed
        assert signed_text(template, Signable(b"x"), "", "", "") == b"x"
        return
    with pytest.raises(ValueError, match=why):
        SignatureScheme(template)


def test_keys_that_are_none_are_refused_before_anything_is_sent() -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for private, trusted, why in (
        (short.decode(), [RSA["public"]], "1024 bits"),
        (other.decode(), [RSA["public"]], "no RSA key"),
        (RSA["private"], [], "no public key"),
        (RSA["private"], [SM2["public"]], "no RSA key"),
    ):
        with pytest.raises(ValueError, match=why):
            RsaKey(private, trusted)
    for text in (RSA["private"], other.decode(), "00" * 32, "ab" * 31, ""):
        with pytest.raises(ValueError, match=r".") as refused:
            sm2_private(text)
        assert text[:20] not in str(refused.value) or not text
    for text in (RSA["public"], "04" + "11" * 64, "11" * 10):
        with pytest.raises(ValueError, match=r"."):
            sm2_public(text)


def test_an_sm2_key_is_read_as_pem_and_as_digits() -> None:
    private = sm2_private(SM2["private"])
    assert sm2_private(private.hex().upper()) == private
    public = sm2_public(SM2["public"])
    assert public == public_of(private) == sm2_public(public.hex()) == sm2_public(public.hex()[2:])


# --- over the wire ----------------------------------------------------------------------------------------------------

HEADERS = SignatureHeaders("Pay-Node", "Pay-Time", "Pay-Nonce", "Pay-Sign")
SCHEME = SignatureScheme(
    TEMPLATE,
    answer="{status}\n{timestamp}\n{nonce}\n{body}",
    headers=HEADERS,
    text="base64",
    stamp="seconds",
    echo=True,
)


class Platform(httpx.AsyncBaseTransport):
    """Checks what it is asked, and answers signed, as a test changes it."""

    def __init__(self, key: SignatureKey) -> None:
        self.signer = MessageSigner("PLAT", key, ManualClock(NOW), "UNIT", SCHEME)
        self.seen: list[httpx.Request] = []
        self.status, self.nonce, self.unsigned, self.late = 200, "", False, timedelta(0)
        self.signed_status: int | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        body = await request.aread()
        self.signer.verify(request.headers, body, request.method, str(request.url), kind="request")
        answer = b'{"ok":true}'
        message = Signable(answer, status=self.status if self.signed_status is None else self.signed_status)
        nonce = self.nonce or request.headers["Pay-Nonce"]
        headers = sign_as(SCHEME, "PLAT", self.signer._key, message, NOW + self.late, nonce, "answer")
        return httpx.Response(self.status, content=answer, headers={} if self.unsigned else headers)


@pytest.fixture
def platform(key: SignatureKey) -> Platform:
    """The other side, with the same keys."""
    return Platform(key)


@pytest.fixture
def ask(platform: Platform, key: SignatureKey) -> Any:
    """One signed question with a query."""
    wire = ChannelWire("a", "http://127.0.0.1:9/api", WireTerms(lambda _: None, clock=ManualClock(NOW)))
    wire.http = httpx.AsyncClient(transport=platform)
    signer = MessageSigner("UNIT", key, ManualClock(NOW), "PLAT", SCHEME)
    declared: dict[int, ErrorFactory] = {409: busy}

    async def once() -> httpx.Response:
        params = {"单位": "望川区", "day": "2026-11-02"}
        return await wire.request(
            "a", "PUT", "bills", json={"名": "罚款"}, params=params, declared=declared, signer=signer
        )

    return once


async def test_the_final_address_and_the_exact_bytes_are_signed_and_so_is_the_answer(
    platform: Platform, ask: Any
) -> None:
    assert (await ask()).json() == {"ok": True}
    assert platform.seen[0].url.query == b"%E5%8D%95%E4%BD%8D=%E6%9C%9B%E5%B7%9D%E5%8C%BA&day=2026-11-02"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"unsigned": True}, UnusableError),
        ({"nonce": "another-nonce"}, ContractError),
        ({"late": timedelta(seconds=301)}, UnusableError),
        ({"signed_status": 201}, UnusableError),
        ({"status": 409}, BusyError),
        ({"status": 409, "unsigned": True}, UnusableError),
        ({"status": 502, "unsigned": True}, OutcomeUnknownError),
        ({"status": 401, "unsigned": True}, DeniedError),
    ],
)
@pytest.mark.cases_by_day(12)
async def test_what_is_not_signed_is_no_answer_and_no_refusal(
    platform: Platform, ask: Any, change: dict[str, Any], expected: type[Exception]
) -> None:
    """A refusal that anybody could have written proves nothing about effects: doubt, never "busy"."""
    for name, value in change.items():
        setattr(platform, name, value)
    with pytest.raises(expected) as raised:
        await ask()
    assert type(raised.value) is expected


def test_a_notice_is_checked_by_its_own_template(key: SignatureKey) -> None:
    scheme = replace(SCHEME, notice="{timestamp}\n{nonce}\n{body}\n")
    ours = MessageSigner("UNIT", key, ManualClock(NOW), "PLAT", scheme)
    theirs = MessageSigner("PLAT", key, ManualClock(NOW), "UNIT", scheme)
    headers = theirs.sign(b"told", kind="notice")
    assert ours.verify(headers, b"told").node == "PLAT"
    for body, kind in ((b"tolt", "notice"), (b"told", "request"), (b"told", "answer")):
        with pytest.raises(SignatureRefusedError, match="bad-signature"):
            ours.verify(headers, body, kind=kind)
