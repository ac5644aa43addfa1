"""HMAC-SM3 over exact bytes, as ``contracts/nontax/v1/README.md`` writes it; made without the gateway's code.

The house scheme is ours; a ``Scheme`` says what a province has otherwise. Systems know the house scheme alone: what
comes is turned into it at the door (``Scheme.inward``), and what leaves is turned back (``Scheme.outward``).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SM3, Hash
from cryptography.hazmat.primitives.hmac import HMAC

#: How far a timestamp may be from the receiver's clock, in seconds.
WINDOW = 300.0
_HOUSE = ("X-Node-Code", "X-Timestamp", "X-Nonce", "X-Signature")
PARTS = ("node", "timestamp", "nonce", "method", "path", "target", "body", "body:sha256", "body:sm3")
"""What may stand in the text that is signed, each in braces."""


def signature(key: bytes, node: str, timestamp: str, nonce: str, body: bytes) -> str:
    """Lower hex HMAC-SM3 of node, timestamp, nonce and body, joined by line feeds."""
    return _hmac(key, f"{node}\n{timestamp}\n{nonce}\n".encode() + body, "sm3").hex()


def signed_headers(key: bytes, node: str, now: datetime, body: bytes) -> dict[str, str]:
    """The four headers of one message, with a fresh nonce."""
    timestamp, nonce = str(round(now.timestamp() * 1000)), secrets.token_hex(16)
    return dict(zip(_HOUSE, (node, timestamp, nonce, signature(key, node, timestamp, nonce, body)), strict=True))


def genuine(key: bytes, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the signature among ``headers`` (any case of names) is right for these bytes."""
    node, timestamp, nonce, given = _among(headers, _HOUSE)
    return hmac.compare_digest(signature(key, node, timestamp, nonce, body).encode(), given.lower().encode())


def fresh(headers: Mapping[str, str], now: datetime) -> bool:
    """Whether the timestamp is close enough to ``now``."""
    stamp = _among(headers, _HOUSE)[1]
    return stamp.isdecimal() and abs(int(stamp) / 1000 - now.timestamp()) <= WINDOW


@dataclass(frozen=True)
class Place:
    """What is signed of a message beside its headers and bytes: its method and where it is sent."""

    method: str
    path: str
    query: str = ""


@dataclass(frozen=True)
class Scheme:
    """How a province signs: the text (``PARTS`` in braces), the digest, the four headers, how time and signature look.

    ``digest``: ``sm3`` or ``sha256``; ``stamp``: ``millis`` or ``seconds``; ``written``: ``hex`` or ``base64``.
    """

    text: str = "{node}\n{timestamp}\n{nonce}\n{body}"
    digest: str = "sm3"
    node: str = _HOUSE[0]
    timestamp: str = _HOUSE[1]
    nonce: str = _HOUSE[2]
    signature: str = _HOUSE[3]
    stamp: str = "millis"
    written: str = "hex"

    @property
    def names(self) -> tuple[str, str, str, str]:
        """The headers: node, time, nonce, signature."""
        return self.node, self.timestamp, self.nonce, self.signature

    def inward(self, key: bytes, headers: Mapping[str, str], body: bytes, at: Place) -> dict[str, str]:
        """The headers of the house scheme that say the same; their signature is wrong where the given one is."""
        node, stamp, nonce, given = _among(headers, self.names)
        right = self._signed(key, (node, stamp, nonce), body, at)
        millis = f"{stamp}000" if self.stamp == "seconds" else stamp
        good = hmac.compare_digest(right.encode(), given.encode())
        ours = signature(key, node, millis, nonce, body) if good else ""
        return dict(zip(_HOUSE, (node, millis, nonce, ours), strict=True))

    def outward(self, key: bytes, headers: Mapping[str, str], body: bytes, at: Place) -> dict[str, str]:
        """Headers in which those of the house scheme are said this way; wrongly signed where they were."""
        node, millis, nonce, given = _among(headers, _HOUSE)
        if not given:
            return dict(headers)
        rest = {name: value for name, value in headers.items() if name not in _HOUSE}
        stamp = millis[:-3] if self.stamp == "seconds" else millis
        written = self._signed(key, (node, stamp, nonce), body, at)
        if not genuine(key, headers, body):
            written = ("1" if written[0] == "0" else "0") + written[1:]
        return rest | dict(zip(self.names, (node, stamp, nonce, written), strict=True))

    def _signed(self, key: bytes, head: tuple[str, str, str], body: bytes, at: Place) -> str:
        text = self.text.encode()
        told = dict(zip(("node", "timestamp", "nonce"), head, strict=True))
        told |= {"method": at.method, "path": at.path, "target": at.path + (f"?{at.query}" if at.query else "")}
        told |= {"body:sha256": hashlib.sha256(body).hexdigest(), "body:sm3": _sm3(body)}
        for name, value in told.items():
            text = text.replace(f"{{{name}}}".encode(), value.encode())
        mac = _hmac(key, text.replace(b"{body}", body), self.digest)
        return base64.b64encode(mac).decode() if self.written == "base64" else mac.hex()


def _among(headers: Mapping[str, str], names: tuple[str, str, str, str]) -> list[str]:
    given = {name.lower(): value for name, value in headers.items()}
    return [given.get(name.lower(), "") for name in names]


def _hmac(key: bytes, text: bytes, digest: str) -> bytes:
    if digest == "sha256":
        return hmac.digest(key, text, "sha256")
    mac = HMAC(key, SM3())
    mac.update(text)
    return mac.finalize()


def _sm3(body: bytes) -> str:
    digest = Hash(SM3())
    digest.update(body)
    return digest.finalize().hex()
