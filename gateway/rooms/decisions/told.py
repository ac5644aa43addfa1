"""How codes in an event of a decision are said."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.words.saying import Word


class Method(Word):
    """How a decision was served."""


class Undelivered(Word):
    """Why post did not reach the party."""


class Shown(Word):
    """What the day of an electronic service rests upon."""


CODES: Mapping[str, Callable[[str], str]] = {
    "method": Method,
    "undelivered": Undelivered,
    "shown_by": Shown,
    "appeal_kind": Word,
}
"""What is a code in an event, by the name of its field, said as a word of ours."""
