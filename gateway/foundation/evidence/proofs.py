"""One record proved alone: that it stood in a chain, and what its exact bytes were, when a head was signed.

A proof holds what the record says, its own key, the chain value before it, the way up the tree of its signed head
(``merkle``), and that head's line. ``refusal`` is the whole verification and needs nothing else but the public key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from gateway.foundation.crypto.keys import KeyProvider
from gateway.foundation.crypto.signatures import verifies
from gateway.foundation.crypto.sm2 import Sm2Provider
from gateway.foundation.evidence import merkle, records
from gateway.foundation.evidence.chain import GENESIS, chain_value, fits, key_of
from gateway.foundation.evidence.heads import heads_file, line_over, signed_bytes
from gateway.words.errors import GatewayError
from gateway.words.saying import say


class UnprovenError(GatewayError):
    """No signed head in this folder covers a record: it was not signed yet, or its node signs elsewhere."""


@dataclass(frozen=True)
class Proof:
    """That one record stood in a chain. ``told`` and all else of ``row`` as the chain covers it.

    ``key``: the record's own key; who has it can check these exact bytes and no others. ``head``: the signed line.
    """

    row: dict[str, Any]
    key: bytes
    body_mac: bytes
    previous: bytes
    path: tuple[merkle.Step, ...]
    head: str

    def as_json(self) -> dict[str, Any]:
        """As it stands in a file; bytes in hexadecimal."""
        told = self.row["told"]
        return {
            "row": self.row | {"told": None if told is None else told.hex()},
            "key": self.key.hex(),
            "body_mac": self.body_mac.hex(),
            "previous": self.previous.hex(),
            "path": [[side, other.hex()] for side, other in self.path],
            "head": self.head,
        }

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Proof:
        """From what ``as_json`` gave. Raises ValueError, KeyError or TypeError for anything else."""
        row = dict(told["row"])
        row["told"] = None if row["told"] is None else bytes.fromhex(row["told"])
        return cls(
            row,
            bytes.fromhex(told["key"]),
            bytes.fromhex(told["body_mac"]),
            bytes.fromhex(told["previous"]),
            tuple((str(side), bytes.fromhex(other)) for side, other in told["path"]),
            str(told["head"]),
        )


def proofs(conn: Connection, heads: Path, keys: KeyProvider, exchange_ids: Iterable[str]) -> list[Proof]:
    """The proofs of these exchanges. ``keys`` make those of the records. Raises NotFoundProblem, UnprovenError."""
    return [_proof(conn, heads, keys, records.kept(conn, one).link) for one in exchange_ids]


def _proof(conn: Connection, heads: Path, keys: KeyProvider, link: records.Link) -> Proof:
    line = line_over(heads_file(heads, link.node), link.seq)
    if line is None:
        raise UnprovenError(say("evidence.unsigned_yet", exchange=link.id, node=link.node))
    told = json.loads(line)
    first, last = int(told["first"]), int(told["seq"])
    chains = records.chains(conn, link.node, first - 1, last)
    values = [chains[seq] for seq in range(first, last + 1) if seq in chains]
    path = merkle.path(values, link.seq - first)
    shown = {name: told[name] for name in told if name != "marks"}
    previous = chains.get(link.seq - 1, GENESIS)
    return Proof(link.chained, key_of(keys, link.id, link.body_mac), link.body_mac, previous, path, json.dumps(shown))


def refusal(
    proof: Proof, public: bytes, container: bytes | None = None, provider: Sm2Provider | None = None
) -> str | None:
    """Why a proof is none; None for a good one. ``container``: the exact bytes, where they are to be proved too."""
    if container is not None and not fits(proof.key, container, proof.body_mac):
        return "the exact bytes are not those that were kept"
    value = chain_value(proof.key, proof.previous, proof.row, proof.body_mac)
    head = json.loads(proof.head)
    signature = bytes.fromhex(head.pop("signature"))
    if merkle.climbed(value, proof.path).hex() != head["root"]:
        return "the record is not one that the signed head covers"
    if not head["first"] <= proof.row["seq"] <= head["seq"] or head["node"] != proof.row["node"]:
        return "the signed head is about other records"
    if not verifies(public, signed_bytes(head), signature, provider):
        return "the signature of the head does not verify"
    return None
