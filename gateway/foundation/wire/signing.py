"""Message authentication with HMAC-SM3 over the exact body bytes, as the contracts of this house fix it.

Four headers travel with a message: ``X-Node-Code`` (who signs), ``X-Timestamp`` (UTC epoch milliseconds, decimal),
``X-Nonce`` (fresh for each message) and ``X-Signature`` (lower-case hex, read in either case). Signed is

    node LF timestamp LF nonce LF body

with nothing trimmed or re-encoded. The three words are restricted to characters that hold no line feed, so no two
messages share one canonical string. HMAC: RFC 2104 with SM3 (GB/T 32905-2016).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from gateway.foundation.crypto.sm import hmac_sm3, same
from gateway.words.clock import Clock, from_micros, to_micros
from gateway.words.errors import ForgedCallbackError

NODE, TIMESTAMP, NONCE, SIGNATURE = "X-Node-Code", "X-Timestamp", "X-Nonce", "X-Signature"
WINDOW = timedelta(seconds=300)

_SHAPES = {
    NODE: re.compile(r"[A-Za-z0-9._-]{1,64}"),
    TIMESTAMP: re.compile(r"[0-9]{13}"),
    NONCE: re.compile(r"[A-Za-z0-9._-]{8,64}"),
    SIGNATURE: re.compile(r"[0-9A-Fa-f]{64}"),
}

Refusal = Literal["missing", "malformed", "unknown-node", "bad-signature", "stale"]


class SignatureRefusedError(ForgedCallbackError):
    """A message that is not authentic, or not fresh; ``reason`` says which for the record, not for the sender."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Refusal = reason


@dataclass(frozen=True)
class Authenticated:
    """Who sent a message, when (UTC) and under which nonce. Whether the nonce was seen before is for the receiver."""

    node: str
    timestamp: datetime
    nonce: str


def canonical(node: str, timestamp: str, nonce: str, body: bytes) -> bytes:
    """The bytes that are signed."""
    return f"{node}\n{timestamp}\n{nonce}\n".encode("ascii") + body


def new_nonce() -> str:
    """A nonce of 128 random bits."""
    return secrets.token_hex(16)


def sign(node: str, key: bytes, body: bytes, timestamp: datetime, nonce: str) -> dict[str, str]:
    """The four headers for ``body``. ValueError if node or nonce are not in the shape that the contracts fix."""
    millis = str(to_micros(timestamp) // 1000)
    for name, value in ((NODE, node), (TIMESTAMP, millis), (NONCE, nonce)):
        if not _SHAPES[name].fullmatch(value):
            raise ValueError(f"{name}: {value!r} is not in the shape of the contract")
    signature = hmac_sm3(key, canonical(node, millis, nonce, body)).hex()
    return {NODE: node, TIMESTAMP: millis, NONCE: nonce, SIGNATURE: signature}


def verify(
    headers: Mapping[str, str],
    body: bytes,
    key_by_node: Mapping[str, bytes],
    now: datetime,
    window: timedelta = WINDOW,
) -> Authenticated:
    """Who signed these exact bytes. Raises SignatureRefusedError; freshness is judged last, of authentic messages only.

    Header names in any case. ``window`` bounds the distance between the timestamp and ``now`` on both sides.
    """
    given = {name.lower(): value for name, value in headers.items()}
    words = {}
    for name, shape in _SHAPES.items():
        value = given.get(name.lower())
        if value is None:
            raise SignatureRefusedError("missing", f"no header {name}")
        if not shape.fullmatch(value):
            raise SignatureRefusedError("malformed", f"header {name}")
        words[name] = value
    key = key_by_node.get(words[NODE])
    if key is None:
        raise SignatureRefusedError("unknown-node", words[NODE])
    expected = hmac_sm3(key, canonical(words[NODE], words[TIMESTAMP], words[NONCE], body))
    if not same(expected, bytes.fromhex(words[SIGNATURE])):
        raise SignatureRefusedError("bad-signature", f"of node {words[NODE]}")
    timestamp = from_micros(int(words[TIMESTAMP]) * 1000)
    if abs(now - timestamp) > window:
        raise SignatureRefusedError("stale", f"signed at {timestamp.isoformat()}, now {now.isoformat()}")
    return Authenticated(words[NODE], timestamp, words[NONCE])


class MessageSigner:
    """Signs what we send as ``node`` and checks what ``peer`` (or the same node) answers, under one key."""

    def __init__(self, node: str, key: bytes, clock: Clock, peer: str | None = None) -> None:
        self._node = node
        self._key = key
        self._clock = clock
        self._keys = {peer or node: key}

    def sign(self, body: bytes) -> dict[str, str]:
        """Headers for an outgoing body."""
        return sign(self._node, self._key, body, self._clock.now(), new_nonce())

    def verify(self, headers: Mapping[str, str], body: bytes) -> Authenticated:
        """Check an incoming body. Raises SignatureRefusedError."""
        return verify(headers, body, self._keys, self._clock.now())
