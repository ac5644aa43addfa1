"""Each night: what came to the evidence since the last checkpoint is verified, a checkpoint signed, heads stamped."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.crypto.keys import HEAD_KEY
from gateway.foundation.evidence import Report, checkpoints, stamps
from gateway.foundation.evidence import records as evidence_records
from gateway.foundation.evidence.heads import last_line
from gateway.foundation.evidence.verification import Finding, Part
from gateway.rooms.timestamps import TimeStamps
from gateway.words.clock import rfc3339
from gateway.words.errors import ExchangeError
from gateway.words.saying import say

log = structlog.get_logger(__name__)

EVERYBODY: Final = "*"
"""Whose time stamps are asked for: those of the route that serves all authorities."""


class Nightly:
    """Verifies by the clock; what it found stays a note until a later night finds nothing.

    The heads of other nodes are verified where this node sees their files: on one machine, or in a shared folder.
    """

    def __init__(self, base: Foundation, stamps: TimeStamps) -> None:
        self._base = base
        self._stamps = stamps
        self._problem: Finding | None = None

    async def check(self, _slot: datetime) -> None:
        """Verify what is new. Nothing is raised for what is found: the log and readiness say it."""
        base, verifier = self._base, self._base.evidence.verifier()
        begun = await asyncio.to_thread(checkpoints.last, verifier.heads, base.keys.publics(HEAD_KEY))
        sizes = await asyncio.to_thread(verifier.sizes)

        def read(conn: Connection) -> Report:
            nodes = evidence_records.nodes(conn) & sizes.keys()
            parts = verifier.parts(sizes, nodes, since=begun.since if begun else {})
            return sum((verifier.check(conn, part) for part in parts), Report(first_problem=verifier.rolled_back()))

        found = await base.store.read(read)
        self._problem = found.first_problem
        if found.first_problem is not None:
            log.error("the evidence is not as it was kept", problem=str(found.first_problem))
            return
        trusted = verifier.trusted(sizes)
        await asyncio.to_thread(checkpoints.keep, verifier.heads, base.keys, trusted, base.clock.now())
        if self._stamps.served(EVERYBODY):
            await self._stamp(trusted)

    async def _stamp(self, trusted: Sequence[Part]) -> None:
        """Have the last head of each node stamped; where no service does it now, the next night's stamp covers it."""
        evidence = self._base.evidence
        for one in trusted:
            file = evidence.heads / f"{one.node}.jsonl"
            line = await asyncio.to_thread(last_line, file, one.begins.offset)
            try:
                made = await self._stamps.stamp(EVERYBODY, stamps.digest_of(line))
            except ExchangeError as error:
                log.warning("a signed head could not be stamped", node=one.node, reason=str(error))
                continue
            for folder in (evidence.heads, evidence.second):
                if folder is not None:
                    kept = folder / f"{one.node}.stamps"
                    await asyncio.to_thread(stamps.keep, kept, one.begins.seq, rfc3339(made.at), made.token)

    async def notes(self) -> Sequence[str]:
        """What readiness says of it."""
        rolled_back = self._base.evidence.signing.rolled_back
        found = [] if self._problem is None else [str(say("evidence.not_as_kept", problem=self._problem))]
        return [*found, *([] if rolled_back is None else [rolled_back])]
