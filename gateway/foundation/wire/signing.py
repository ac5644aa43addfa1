"""Message signatures: what is signed, with which key, in which headers. One place for every contract.

A contract says three things, and they are three values here:

- the **key** (``crypto.signature_keys``): HMAC with SM3 or SHA-256, RSA with SHA-256, SM2 with SM3;
- the **text that is signed**, a template of its parts in their order, such as ``{method}\\n{target}\\n{timestamp}\\n``
  ``{nonce}\\n{body}\\n``; another one for answers and for notices where they differ;
- the **headers** that carry who signs, when, under which nonce, and the signature.

``MessageSigner`` signs and checks with them. ``ChannelWire.request(signer=…)`` signs what really goes out: the final
address with its query, the exact bytes. Nothing is trimmed or re-encoded.

The contracts of this house are the scheme ``HOUSE``: ``X-Node-Code``, ``X-Timestamp`` (UTC epoch milliseconds),
``X-Nonce``, ``X-Signature`` (hex), and signed with HMAC-SM3 (RFC 2104, GB/T 32905-2016) is
``node LF timestamp LF nonce LF body``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from string import Formatter
from typing import Final, Literal
from urllib.parse import urlsplit

from gateway.foundation.crypto.signature_keys import HmacKey, SignatureKey
from gateway.foundation.crypto.sm import sm3
from gateway.words.clock import Clock, from_micros, to_micros
from gateway.words.errors import ForgedCallbackError

NODE, TIMESTAMP, NONCE, SIGNATURE = "X-Node-Code", "X-Timestamp", "X-Nonce", "X-Signature"
WINDOW = timedelta(seconds=300)

Refusal = Literal["missing", "malformed", "unknown-node", "bad-signature", "stale"]
Kind = Literal["request", "answer", "notice"]


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


# --- what is signed -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Signable:
    """A message as far as a signature may cover it. ``method`` and ``url`` of an answer are those of its request."""

    body: bytes
    method: str = "POST"
    url: str = ""
    status: int = 200


#: Parts of a template that are digits of a fixed number, so that nothing can move over their end.
_FIXED: Final = frozenset({"timestamp", "status"})
_DIGESTS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "sha256": lambda body: hashlib.sha256(body).digest(),
    "sm3": sm3,
}
_FROM_URL: Final[Mapping[str, Callable[[str], str]]] = {
    "url": lambda url: url,
    "host": lambda url: urlsplit(url).netloc,
    "path": lambda url: urlsplit(url).path or "/",
    "query": lambda url: urlsplit(url).query,
    "target": lambda url: (parts := urlsplit(url)).path + (f"?{parts.query}" if parts.query else "") or "/",
}
_PARTS: Final = frozenset({"node", "method", "nonce", "timestamp", "status", "body", *_FROM_URL})


@lru_cache(maxsize=64)
def _read(template: str) -> Sequence[tuple[str, str, str]]:
    """A template as pieces: text, the part behind it (or nothing), the digest of that part (or nothing).

    ValueError for a part that no message has, and for two parts without a text between them: "ab" and "c" would then be
    signed as "a" and "bc" are.
    """
    pieces = [(text, name or "", form or "") for text, name, form, _ in Formatter().parse(template)]
    before = ""
    for text, name, form in pieces:
        if name and (name not in _PARTS or (form and (name != "body" or form not in _DIGESTS))):
            raise ValueError(f"{{{name}{':' + form if form else ''}}} is no part of a message that can be signed")
        if name and before and not text:
            raise ValueError(f"{{{before}}} and {{{name}}} touch: a signature would also fit another message")
        before = "" if name in _FIXED or form else name
    if not any(name == "body" for _, name, _ in pieces):
        raise ValueError("a signature that does not cover the body proves nothing")
    return pieces


def signed_text(template: str, message: Signable, node: str, timestamp: str, nonce: str) -> bytes:
    """The bytes that are signed: ``template`` with the parts of a message. ValueError for what is no template.

    Parts: ``node timestamp nonce method status body``, ``body:sha256`` and ``body:sm3`` (lower-case hex), and of the
    address ``url host path query target`` (path and query), all as they go over the wire.
    """
    words = {"node": node, "timestamp": timestamp, "nonce": nonce, "method": message.method}
    words["status"] = str(message.status)
    made = b""
    for text, name, form in _read(template):
        made += text.encode()
        if name == "body":
            made += _DIGESTS[form](message.body).hex().encode() if form else message.body
        elif name in _FROM_URL:
            made += _FROM_URL[name](message.url).encode()
        elif name:
            made += words[name].encode()
    return made


# --- where it stands ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SignatureHeaders:
    """The names of the four headers."""

    node: str = NODE
    timestamp: str = TIMESTAMP
    nonce: str = NONCE
    signature: str = SIGNATURE


@dataclass(frozen=True)
class SignatureScheme:
    """What a contract says of its signatures.

    ``request``, ``answer``, ``notice`` are templates (``signed_text``); the last two are as ``request`` unless said.
    ``stamp`` is how the time is written, ``text`` how the signature is, ``window`` how far a time may be off on either
    side. ``echo``: an answer repeats the nonce of its question, by which it is bound to it. ``refusals``: answers
    outside 2xx are signed too, so that an unsigned one is nobody's word.
    """

    request: str = "{node}\n{timestamp}\n{nonce}\n{body}"
    answer: str = ""
    notice: str = ""
    headers: SignatureHeaders = field(default_factory=SignatureHeaders)
    stamp: Literal["millis", "seconds"] = "millis"
    text: Literal["hex", "base64"] = "hex"
    window: timedelta = WINDOW
    echo: bool = False
    refusals: bool = True

    def __post_init__(self) -> None:
        for kind in ("request", "answer", "notice"):
            _read(self.template(kind))

    def template(self, kind: Kind) -> str:
        """What is signed of such a message."""
        return getattr(self, kind) or self.request

    def shapes(self) -> Mapping[str, re.Pattern[str]]:
        """What the four headers look like: none can hold a line feed."""
        return _shapes(self.headers, self.stamp, self.text)

    def written(self, moment: datetime) -> str:
        """A time as the contract writes it."""
        return str(to_micros(moment) // (1000 if self.stamp == "millis" else 1_000_000))

    def moment(self, stamp: str) -> datetime:
        """The time that ``written`` wrote."""
        return from_micros(int(stamp) * (1000 if self.stamp == "millis" else 1_000_000))


@lru_cache(maxsize=64)
def _shapes(names: SignatureHeaders, stamp: str, text: str) -> Mapping[str, re.Pattern[str]]:
    return {
        names.node: re.compile(r"[A-Za-z0-9._-]{1,64}"),
        names.timestamp: re.compile(r"[0-9]{13}" if stamp == "millis" else r"[0-9]{10}"),
        names.nonce: re.compile(r"[A-Za-z0-9._-]{8,64}"),
        names.signature: re.compile(r"[0-9A-Fa-f]{64,2048}" if text == "hex" else r"[A-Za-z0-9+/]{40,1400}={0,2}"),
    }


HOUSE: Final = SignatureScheme()


def new_nonce() -> str:
    """A nonce of 128 random bits."""
    return secrets.token_hex(16)


class MessageSigner:
    """Signs what we send as ``node``, and checks what ``peer`` (or the same node) answers and tells.

    ``key`` as bytes is a secret for HMAC-SM3.
    """

    def __init__(
        self,
        node: str,
        key: bytes | SignatureKey,
        clock: Clock,
        peer: str | None = None,
        scheme: SignatureScheme = HOUSE,
    ) -> None:
        self._node = node
        self._key = HmacKey(key) if isinstance(key, bytes) else key
        self._clock = clock
        self._peer = peer or node
        self.scheme = scheme

    def sign(
        self, body: bytes, method: str = "POST", url: str = "", *, kind: Kind = "request", nonce: str | None = None
    ) -> dict[str, str]:
        """The headers for an outgoing message. ValueError if node or nonce are not in the shape of the contract."""
        nonce = new_nonce() if nonce is None else nonce
        message = Signable(body, method, url)
        return sign_as(self.scheme, self._node, self._key, message, self._clock.now(), nonce, kind)

    def verify(
        self,
        headers: Mapping[str, str],
        body: bytes,
        method: str = "POST",
        url: str = "",
        *,
        kind: Kind = "notice",
        status: int = 200,
    ) -> Authenticated:
        """Who signed these exact bytes: our peer, and nobody else. Raises SignatureRefusedError."""
        message = Signable(body, method, url, status)
        return verify_as(self.scheme, headers, message, {self._peer: self._key}, self._clock.now(), kind)


def sign_as(
    scheme: SignatureScheme,
    node: str,
    key: SignatureKey,
    message: Signable,
    at: datetime,
    nonce: str,
    kind: Kind = "request",
) -> dict[str, str]:
    """The four headers of a message. ValueError if node or nonce are not in the shape of the contract."""
    names, stamp = scheme.headers, scheme.written(at)
    words = {names.node: node, names.timestamp: stamp, names.nonce: nonce}
    for name, value in words.items():
        if not scheme.shapes()[name].fullmatch(value):
            raise ValueError(f"{name}: {value!r} is not in the shape of the contract")
    made = key.sign(signed_text(scheme.template(kind), message, node, stamp, nonce))
    return {**words, names.signature: made.hex() if scheme.text == "hex" else base64.b64encode(made).decode()}


def verify_as(
    scheme: SignatureScheme,
    headers: Mapping[str, str],
    message: Signable,
    keys: Mapping[str, SignatureKey],
    now: datetime,
    kind: Kind = "notice",
) -> Authenticated:
    """Who signed this message. Raises SignatureRefusedError; freshness is judged last, of authentic messages only.

    Header names in any case. ``keys``: those that each node's signatures are checked by.
    """
    given = {name.lower(): value for name, value in headers.items()}
    words = {}
    for name, shape in scheme.shapes().items():
        value = given.get(name.lower())
        if value is None:
            raise SignatureRefusedError("missing", f"no header {name}")
        if not shape.fullmatch(value):
            raise SignatureRefusedError("malformed", f"header {name}")
        words[name] = value
    names = scheme.headers
    node, stamp, nonce, written = (words[one] for one in (names.node, names.timestamp, names.nonce, names.signature))
    key = keys.get(node)
    if key is None:
        raise SignatureRefusedError("unknown-node", node)
    if not key.verify(signed_text(scheme.template(kind), message, node, stamp, nonce), _bytes(scheme, written)):
        raise SignatureRefusedError("bad-signature", f"of node {node}")
    timestamp = scheme.moment(stamp)
    if abs(now - timestamp) > scheme.window:
        raise SignatureRefusedError("stale", f"signed at {timestamp.isoformat()}, now {now.isoformat()}")
    return Authenticated(node, timestamp, nonce)


def _bytes(scheme: SignatureScheme, written: str) -> bytes:
    try:
        return bytes.fromhex(written) if scheme.text == "hex" else base64.b64decode(written, validate=True)
    except (ValueError, binascii.Error):
        raise SignatureRefusedError("malformed", f"header {scheme.headers.signature}") from None


# --- the scheme of this house, without a signer -----------------------------------------------------------------------


def canonical(node: str, timestamp: str, nonce: str, body: bytes) -> bytes:
    """The bytes that are signed."""
    return signed_text(HOUSE.request, Signable(body), node, timestamp, nonce)


def sign(node: str, key: bytes, body: bytes, timestamp: datetime, nonce: str) -> dict[str, str]:
    """The four headers for ``body``. ValueError if node or nonce are not in the shape that the contracts fix."""
    return sign_as(HOUSE, node, HmacKey(key), Signable(body), timestamp, nonce)


def verify(headers: Mapping[str, str], body: bytes, key_by_node: Mapping[str, bytes], now: datetime) -> Authenticated:
    """Who signed these exact bytes. Raises SignatureRefusedError."""
    keys: dict[str, SignatureKey] = {node: HmacKey(key) for node, key in key_by_node.items()}
    return verify_as(HOUSE, headers, Signable(body), keys, now)
