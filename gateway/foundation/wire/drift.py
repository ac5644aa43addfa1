"""Contract drift: what a platform sends beyond its contract. It is passed over where it is read, and noted."""

from __future__ import annotations

from typing import Protocol


class NoteDrift(Protocol):
    """Takes one note: a channel, the action whose answer (or the callback that) held it, and the path of what it was.

    Never blocks, never raises, and may be told the same thing again and again.
    """

    def __call__(self, channel: str, action: str, path: str) -> None: ...


def no_notes(channel: str, action: str, path: str) -> None:
    """For wires whose drift nobody keeps."""
