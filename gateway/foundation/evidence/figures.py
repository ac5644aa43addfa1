"""What the evidence measures: how long the chains are, and how old the last verification that found nothing is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, select

from gateway.foundation.evidence.checkpoints import FILE
from gateway.foundation.evidence.heads import last_line
from gateway.foundation.evidence.tables import chain_head
from gateway.foundation.figures import Figure, Figures, Measure

if TYPE_CHECKING:
    from gateway.foundation.base import Foundation

RECORDS: Final = Measure("gateway_evidence_records", "Records in a node's chain of evidence", ("node",))
CHECKPOINT: Final = Measure(
    "gateway_evidence_checkpoint_timestamp_seconds", "When a verification of the evidence last found nothing wrong"
)
_LENGTHS = select(chain_head.c.node, chain_head.c.seq)


def _read(conn: Connection, base: Foundation) -> Iterator[Figure]:
    for node, seq in conn.execute(_LENGTHS):
        yield RECORDS.at(seq, node)
    file = Path(base.settings.evidence.heads) / FILE
    with suppress(OSError, ValueError, KeyError, TypeError):  # what is no checkpoint is none; verification says why
        told = json.loads(last_line(file, file.stat().st_size))
        yield CHECKPOINT.at(datetime.fromisoformat(told["at"]).timestamp())


FIGURES: Final = Figures((RECORDS, CHECKPOINT), _read)
