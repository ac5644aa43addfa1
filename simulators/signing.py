"""HMAC-SM3 over exact bytes, as ``contracts/nontax/v1/README.md`` writes it; made without the gateway's code."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SM3
from cryptography.hazmat.primitives.hmac import HMAC

#: How far a timestamp may be from the receiver's clock, in seconds.
WINDOW = 300.0


def signature(key: bytes, node: str, timestamp: str, nonce: str, body: bytes) -> str:
    """Lower hex HMAC-SM3 of node, timestamp, nonce and body, joined by line feeds."""
    mac = HMAC(key, SM3())
    mac.update(f"{node}\n{timestamp}\n{nonce}\n".encode() + body)
    return mac.finalize().hex()


def signed_headers(key: bytes, node: str, now: datetime, body: bytes) -> dict[str, str]:
    """The four headers of one message, with a fresh nonce."""
    timestamp, nonce = str(round(now.timestamp() * 1000)), secrets.token_hex(16)
    return {
        "X-Node-Code": node,
        "X-Timestamp": timestamp,
        "X-Nonce": nonce,
        "X-Signature": signature(key, node, timestamp, nonce, body),
    }


def genuine(key: bytes, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the signature among ``headers`` (any case of names) is right for these bytes."""
    given = {name.lower(): value for name, value in headers.items()}
    node, timestamp, nonce = (given.get(name, "") for name in ("x-node-code", "x-timestamp", "x-nonce"))
    return hmac.compare_digest(signature(key, node, timestamp, nonce, body), given.get("x-signature", "").lower())


def fresh(headers: Mapping[str, str], now: datetime) -> bool:
    """Whether the timestamp is close enough to ``now``."""
    given = {name.lower(): value for name, value in headers.items()}
    try:
        return abs(int(given.get("x-timestamp", "")) / 1000 - now.timestamp()) <= WINDOW
    except ValueError:
        return False
