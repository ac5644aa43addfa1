"""Why a break is closed: the text that its record keeps, and the same as a sentence for whoever reads it."""

from __future__ import annotations

import re
from typing import Final

from gateway.rooms.refunds.states import WAYS_OUT as WAYS_OUT_OF_EXCEPTIONS
from gateway.words.saying import Sentence, Word, say

HEALED: Final = "对账文件先于通知,已按回调同样的方式补记"
CLEARED: Final = "再次对账已无差异"
RECEIPTED: Final = "其后已开具票据"

_BY_RUN: Final = {
    HEALED: say("reconciliation.closed_booked"),
    CLEARED: say("reconciliation.closed_same"),
    RECEIPTED: say("reconciliation.closed_receipt"),
}
_WAYS_OUT: Final = {**WAYS_OUT_OF_EXCEPTIONS, "attribute": "认领"}
_BY_TWO: Final = re.compile(r"(\w+):(.*) \(提出 (.*), 复核 (.*)\)", re.DOTALL)


def by_two(way_out: str, reason: str | None, proposed_by: str | None, confirmed_by: str) -> str:
    """The reason that is kept of a break that two people closed."""
    return f"{_WAYS_OUT[way_out]}:{reason} (提出 {proposed_by}, 复核 {confirmed_by})"


def said(reason: str) -> Sentence | str:
    """A reason that is kept: what a run or two people left as a sentence, what one person wrote as it is."""
    if reason in _BY_RUN:
        return _BY_RUN[reason]
    found = _BY_TWO.fullmatch(reason)
    ways = {words: way_out for way_out, words in _WAYS_OUT.items()}
    if found is None or found[1] not in ways:
        return reason
    way_out = Word(ways[found[1]])
    return say("reconciliation.closed_by_two", way_out=way_out, reason=found[2], by=found[3], second=found[4])
