"""On what terms a channel's wire works, over whatever it goes: HTTP, files or frames are given the same."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.foundation.wire.bounds import Limits, Timeouts
from gateway.foundation.wire.drift import NoteDrift, no_notes
from gateway.foundation.wire.tls import Tls
from gateway.ports.base import Recorder
from gateway.words.clock import Clock, SystemClock


@dataclass(frozen=True)
class WireTerms:
    """``recorder`` takes every exchange; fields named in ``sensitive`` are hidden in its readable copy.

    ``timeouts`` and ``limits`` bound each exchange, ``tls`` says whom we trust and who we are (a folder has none).
    ``drift`` takes what answers hold beyond their contract, for wires that read them.
    """

    recorder: Recorder
    timeouts: Timeouts = field(default_factory=Timeouts)
    limits: Limits = field(default_factory=Limits)
    tls: Tls = field(default_factory=Tls)
    sensitive: frozenset[str] = frozenset()
    clock: Clock = field(default_factory=SystemClock)
    drift: NoteDrift = no_notes
