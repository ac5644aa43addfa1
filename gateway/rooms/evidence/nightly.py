"""Each night: what came to the evidence since the last checkpoint is verified, and a new checkpoint signed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.crypto.keys import HEAD_KEY
from gateway.foundation.evidence import Report, checkpoints
from gateway.foundation.evidence import records as evidence_records
from gateway.foundation.evidence.verification import Finding
from gateway.words.saying import say

log = structlog.get_logger(__name__)


class Nightly:
    """Verifies by the clock; what it found stays a note until a later night finds nothing.

    The heads of other nodes are verified where this node sees their files: on one machine, or in a shared folder.
    """

    def __init__(self, base: Foundation) -> None:
        self._base = base
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

    async def notes(self) -> Sequence[str]:
        """What readiness says of it."""
        rolled_back = self._base.evidence.rolled_back
        found = [] if self._problem is None else [str(say("evidence.not_as_kept", problem=self._problem))]
        return [*found, *([] if rolled_back is None else [rolled_back])]
