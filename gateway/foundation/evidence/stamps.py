"""Time stamps (RFC 3161) over signed heads: a third side says that a head stood there at a time.

They stand in ``NODE.stamps``, JSON lines beside the heads and in the second place. Whoever makes history anew with
every key cannot have it stamped in the past. Who signed a token is judged by an auditor, with the certificates of the
service: ``openssl ts -verify -token_in -in TOKEN -digest SHA256 -CAfile ROOT``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from asn1crypto import cms

from gateway.foundation.evidence.heads import line_over, whole_lines


def digest_of(line: bytes) -> bytes:
    """What of a signed line is stamped: its SHA-256, which every service takes."""
    return hashlib.sha256(line).digest()


def keep(file: Path, seq: int, at: str, token: bytes) -> None:
    """Append a stamp. Raises OSError."""
    line = json.dumps({"seq": seq, "at": at, "token": base64.b64encode(token).decode()}).encode()
    with open(file, "ab", opener=_private) as kept:
        kept.write(line + b"\n")
        kept.flush()
        os.fsync(kept.fileno())


def contradicted(heads: Path, folder: Path) -> Iterator[tuple[str, int]]:
    """Nodes and records whose head is another than the one that a stamp in ``folder`` is over, or is gone."""
    for file in sorted(folder.glob("*.stamps")):
        for _, text in whole_lines(file):
            try:
                told = json.loads(text)
                seq, stamped = int(told["seq"]), imprint(base64.b64decode(told["token"]))
            except (ValueError, KeyError, TypeError):
                seq, stamped = 0, b""
            line = line_over(heads / f"{file.stem}.jsonl", seq)
            if line is None or digest_of(line) != stamped:
                yield file.stem, seq


def imprint(token: bytes) -> bytes:
    """The digest that a token is over. Raises ValueError or KeyError for what is no token."""
    info = cms.ContentInfo.load(token)["content"]["encap_content_info"]["content"].parsed
    return bytes(info["message_imprint"]["hashed_message"].native)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
