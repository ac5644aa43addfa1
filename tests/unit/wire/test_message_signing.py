"""A signature covers the exact bytes and the three words beside them, and an old message is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.foundation.wire.signing import MessageSigner, SignatureRefusedError, canonical, new_nonce, sign, verify
from gateway.words.clock import ManualClock
from gateway.words.errors import ForgedCallbackError

NOW = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
KEY = b"k" * 32
NODE = "990100-AL"
NONCE = "0123456789abcdef"


def refusal(headers: dict[str, str], body: bytes, now: datetime = NOW) -> str:
    with pytest.raises(SignatureRefusedError) as caught:
        verify(headers, body, {NODE: KEY}, now)
    assert isinstance(caught.value, ForgedCallbackError)
    return caught.value.reason


def test_the_canonical_string_is_node_timestamp_nonce_and_the_exact_body() -> None:
    assert canonical("N1", "1793581200000", "abcdefgh", b"<a/>\n") == b"N1\n1793581200000\nabcdefgh\n<a/>\n"


def test_a_vector_made_by_openssl() -> None:
    headers = sign(NODE, KEY, "罚款".encode(), NOW, NONCE)
    assert headers == {
        "X-Node-Code": NODE,
        "X-Timestamp": "1793581200000",
        "X-Nonce": NONCE,
        "X-Signature": "3a83044c8a8ccb929d06adaa9ef5f62bd497b08426af8033e8387a2403948299",
    }


@given(st.binary(max_size=200))
def test_what_was_signed_is_verified_whatever_the_body(body: bytes) -> None:
    headers = sign(NODE, KEY, body, NOW, new_nonce())
    who = verify(headers, body, {NODE: KEY}, NOW)
    assert (who.node, who.timestamp, who.nonce) == (NODE, NOW, headers["X-Nonce"])


def test_header_names_and_the_signature_are_read_in_any_case() -> None:
    headers = {
        name.lower(): value.upper() if name == "X-Signature" else value
        for name, value in sign(NODE, KEY, b"body", NOW, NONCE).items()
    }
    assert verify(headers, b"body", {NODE: KEY}, NOW).node == NODE


@given(st.binary(min_size=1, max_size=60), st.data())
def test_one_changed_bit_anywhere_is_refused(body: bytes, data: st.DataObject) -> None:
    headers = sign(NODE, KEY, body, NOW, NONCE)
    bit = data.draw(st.integers(0, len(body) * 8 - 1))
    altered = bytearray(body)
    altered[bit // 8] ^= 1 << bit % 8
    assert refusal(headers, bytes(altered)) == "bad-signature"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"X-Signature": None}, "missing"),
        ({"X-Nonce": None}, "missing"),
        ({"X-Signature": "00" * 31}, "malformed"),
        ({"X-Signature": "zz" * 32}, "malformed"),
        ({"X-Timestamp": "2026-11-02T09:00:00+08:00"}, "malformed"),
        ({"X-Timestamp": "1793581200"}, "malformed"),
        ({"X-Nonce": "short"}, "malformed"),
        ({"X-Nonce": "with\nline feed"}, "malformed"),
        ({"X-Node-Code": "another"}, "unknown-node"),
        ({"X-Nonce": "another-nonce"}, "bad-signature"),
        ({"X-Timestamp": "1793581200001"}, "bad-signature"),
        ({"X-Signature": "00" * 32}, "bad-signature"),
    ],
)
def test_each_way_of_being_wrong_is_told_apart(change: dict[str, str | None], reason: str) -> None:
    headers = {
        name: value for name, value in (sign(NODE, KEY, b"body", NOW, NONCE) | change).items() if value is not None
    }
    assert refusal(headers, b"body") == reason


def test_another_key_is_refused() -> None:
    assert refusal(sign(NODE, b"other" * 8, b"body", NOW, NONCE), b"body") == "bad-signature"


@pytest.mark.parametrize("direction", [-1, 1])
def test_a_message_is_fresh_for_five_minutes_in_both_directions(direction: int) -> None:
    headers = sign(NODE, KEY, b"body", NOW, NONCE)
    assert verify(headers, b"body", {NODE: KEY}, NOW + direction * timedelta(seconds=300))
    assert refusal(headers, b"body", NOW + direction * timedelta(seconds=301)) == "stale"


def test_node_and_nonce_outside_the_contract_are_a_fault_of_ours() -> None:
    for node, nonce in (("a\nb", NONCE), (NODE, "罚款罚款罚款罚款"), ("", NONCE)):
        with pytest.raises(ValueError, match="shape"):
            sign(node, KEY, b"", NOW, nonce)


def test_a_signer_takes_answers_of_its_peer_alone() -> None:
    clock = ManualClock(NOW)
    ours = MessageSigner(NODE, KEY, clock, peer="PLATFORM")
    theirs = MessageSigner("PLATFORM", KEY, clock, peer=NODE)
    assert ours.verify(theirs.sign(b"answer"), b"answer").node == "PLATFORM"
    with pytest.raises(SignatureRefusedError, match="unknown-node"):
        ours.verify(ours.sign(b"reflected"), b"reflected")
