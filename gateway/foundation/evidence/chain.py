"""The chain's arithmetic: what exactly is MACed, and the container of the exact bytes. Pure.

Each record has a key of its own, made from the evidence key and its id: whoever is to check one record can be given
that key, and learns nothing of the others. A row's chain value is ``HMAC-SM3(its key, previous value | every column in
fixed order | body MAC)``; the body MAC is ``HMAC-SM3(its key, container)``. Every part carries its type and length, so
that no two rows share an encoding.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.foundation.crypto.keys import EVIDENCE_KEY, MAC_BYTES, KeyProvider, number_of
from gateway.foundation.crypto.sm import hmac_sm3, same, sm3
from gateway.ports.base import RawExchange

GENESIS: Final = bytes(32)
ANSWERED: Final = "answered"
KEPT_BYTES: Final = 1024 * 1024
"""How much is kept of an answer that was not taken, such as one without an end; of an answer that was, everything."""
FIELDS: Final = (
    "id",
    "node",
    "seq",
    "channel",
    "direction",
    "action",
    "operation_id",
    "subject",
    "authority",
    "method",
    "status",
    "outcome",
    "started_at",
    "ended_at",
    "told",
)


@dataclass(frozen=True)
class Exact:
    """One exchange as it crossed the wire, nothing masked.

    ``read``: where ``response_body`` is only the beginning of what arrived, how many bytes that were, and their SM3.
    ``sensitive``: the names of fields that the readable copy hides, as the adapter gave them.
    ``decrypted``: the text that was encrypted in the request, empty where there was none.
    """

    method: str
    url: str
    request_headers: tuple[tuple[str, str], ...]
    request_body: bytes
    status: int | None
    response_headers: tuple[tuple[str, str], ...]
    response_body: bytes
    read: tuple[int, str] | None = None
    sensitive: frozenset[str] = frozenset()
    decrypted: bytes = b""


def record_key(key: bytes, exchange_id: str) -> bytes:
    """The key of one record, from the evidence key."""
    return hmac_sm3(key, b"record" + exchange_id.encode())


def key_of(keys: KeyProvider, exchange_id: str, mac: bytes) -> bytes:
    """The key of a record that is kept, whose body MAC says under which evidence key it was made."""
    return record_key(keys.secret(EVIDENCE_KEY, number_of(mac)), exchange_id)


def fits(key: bytes, container: bytes, mac: bytes) -> bool:
    """Whether exact bytes are those of a body MAC, whichever evidence key the record's own ``key`` came from."""
    return same(body_mac(key, container), mac[:MAC_BYTES])


def chain_value(key: bytes, previous: bytes, row: Mapping[str, Any], mac: bytes) -> bytes:
    """The chain value of a row after the one whose value is ``previous`` (``GENESIS`` for the first).

    ``key`` is the record's own.
    """
    return hmac_sm3(key, b"".join([previous, *(_part(row[name]) for name in FIELDS), mac]))


def body_mac(key: bytes, container: bytes) -> bytes:
    """The MAC of the exact bytes that a row carries; told apart from chain values by its first bytes."""
    return hmac_sm3(key, b"body" + container)


def told_mac(key: bytes, label: str, answer: bytes) -> bytes:
    """The MAC of what an attempt came to, and of the answer as we read it; empty where there was none.

    It binds what the ledger keeps of an attempt to the exchanges that the attempt made.
    """
    return hmac_sm3(key, b"told" + label.encode() + b"|" + answer)


def pack(raw: RawExchange) -> bytes:
    """The container of an exchange's exact bytes: a head as JSON, then both bodies, each after its length.

    Of an answer that broke off or was refused while it was read, such as one without an end, ``KEPT_BYTES`` stay; the
    head then ends with how many bytes were read, and their SM3. Format 3 is format 2 with a decrypted text behind both
    bodies.
    """
    hidden = sorted(raw.sensitive)
    facts: list[object] = [hidden, raw.method, raw.url, raw.request_headers, raw.status, raw.response_headers]
    body = raw.response_body
    if raw.outcome != ANSWERED and len(body) > KEPT_BYTES:
        facts.append([len(body), sm3(body).hex()])
        body = body[:KEPT_BYTES]
    parts = [json.dumps(facts).encode(), raw.request_body, body]
    if raw.decrypted:
        parts.append(raw.decrypted)
    return (b"\x03" if raw.decrypted else b"\x02") + b"".join(struct.pack(">I", len(part)) + part for part in parts)


def unpack(container: bytes) -> Exact:
    """What ``pack`` packed, in either format. Raises ValueError for anything else."""
    parts, at = [], 1
    for _ in range(4 if container[0] == 3 else 3):
        (length,) = struct.unpack_from(">I", container, at)
        parts.append(container[at + 4 : at + 4 + length])
        at += 4 + length
    if container[0] not in (2, 3) or at != len(container):
        raise ValueError("not a container of exact bytes")
    hidden, method, url, request_headers, status, response_headers, *cut = json.loads(parts[0])
    return Exact(
        method,
        url,
        tuple((name, value) for name, value in request_headers),
        parts[1],
        status,
        tuple((name, value) for name, value in response_headers),
        parts[2],
        (int(cut[0][0]), str(cut[0][1])) if cut else None,
        frozenset(hidden),
        parts[3] if container[0] == 3 else b"",
    )


def _part(value: object) -> bytes:
    """One column with its type. Other types than ours, which SQLite would hold, are told apart and never equal."""
    if value is None:
        return b"n"
    if isinstance(value, bytes):
        return b"b" + struct.pack(">I", len(value)) + value
    if isinstance(value, int):
        return b"i" + value.to_bytes(8, "big", signed=True)
    encoded = (value if isinstance(value, str) else repr(value)).encode()
    return (b"s" if isinstance(value, str) else b"x") + struct.pack(">I", len(encoded)) + encoded
