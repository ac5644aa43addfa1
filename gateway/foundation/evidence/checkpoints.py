"""Checkpoints of verification: up to where everything was found as it was kept, signed by the gateway's head key.

A line for each verification that found nothing, in ``checkpoints`` beside the files of signed heads. A later one may
begin there. Whoever trusts nobody's earlier look verifies from the first record.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from gateway.foundation.crypto.keys import HEAD_KEY, KeyProvider, signer_of
from gateway.foundation.evidence.heads import HeadsError, Place, last_line, signed_bytes
from gateway.foundation.evidence.verification import Part
from gateway.words.clock import rfc3339

FILE: Final = "checkpoints"


@dataclass(frozen=True)
class Checkpoint:
    """Up to where everything was as it was kept, ``at`` that moment (RFC 3339), by node."""

    at: str
    since: Mapping[str, Part]

    @property
    def records(self) -> int:
        """How many records lie before it."""
        return sum(part.begins.seq for part in self.since.values())


def last(heads: Path, publics: Sequence[bytes]) -> Checkpoint | None:
    """The last checkpoint; None where there is none. Raises HeadsError for one that none of these keys has signed."""
    file = heads / FILE
    line = last_line(file, file.stat().st_size) if file.exists() else b""
    if not line:
        return None
    try:
        told = json.loads(line)
        signature = bytes.fromhex(told.pop("signature"))
        since = {
            node: Part(node, Place(offset, seq, bytes.fromhex(digest)), offset, last=True, chain=bytes.fromhex(chain))
            for node, (offset, seq, digest, chain) in told["nodes"].items()
        }
        found = Checkpoint(str(told["at"]), since)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise HeadsError(f"{FILE}: the last line is no checkpoint") from None
    if signer_of(publics, signed_bytes(told), signature) is None:
        raise HeadsError(f"{FILE}: the signature of the last checkpoint does not verify")
    return found


def keep(heads: Path, keys: KeyProvider, parts: Iterable[Part], at: datetime) -> None:
    """Sign and append a checkpoint. Raises OSError, and what the keys raise."""
    nodes = {
        one.node: [one.begins.offset, one.begins.seq, one.begins.line.hex(), (one.chain or b"").hex()] for one in parts
    }
    body = {"at": rfc3339(at), "nodes": nodes}
    line = json.dumps({**body, "signature": keys.sign(HEAD_KEY, signed_bytes(body)).hex()}).encode()
    with open(heads / FILE, "ab", opener=_private) as file:
        file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
