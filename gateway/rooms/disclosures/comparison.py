"""What the public sees, held against what was sent: pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from gateway.ports.credit import DisclosureRecord, Shown


class Kind(StrEnum):
    """What can be amiss: nothing is shown, an older version is, another one is, or something that must not be.

    ``unperformed``: its period is over, and its duties are not performed. ``by_hand``: its target cannot be told.
    """

    MISSING = "missing"
    STALE = "stale"
    ALTERED = "altered"
    STILL_THERE = "still_there"
    UNPERFORMED = "unperformed"
    BY_HAND = "by_hand"


CHINESE = {
    Kind.MISSING: "应公示而未公示",
    Kind.STALE: "仍为更正前内容",
    Kind.ALTERED: "与报送内容不一致",
    Kind.STILL_THERE: "应撤下而仍在公示",
    Kind.UNPERFORMED: "公示期满而义务未履行",
    Kind.BY_HAND: "渠道须人工办理",
}


@dataclass(frozen=True, slots=True)
class Amiss:
    """One thing that is amiss, and the fields that differ, by their Chinese names."""

    kind: Kind
    fields: tuple[str, ...] = ()


def differences(sent: DisclosureRecord, shown: Shown) -> tuple[str, ...]:
    """The Chinese names of the fields in which an entry differs from what was sent; of those that it tells.

    White space and line ends are no difference: pages set them anew.
    """
    return tuple(_differing(sent, shown))


def _differing(sent: DisclosureRecord, shown: Shown) -> Iterator[str]:
    texts = {
        "处罚内容": (sent.content, shown.content or ""),
        "违法行为类型": (sent.violation, shown.violation),
        "处罚机关": (sent.authority_name, shown.authority_name),
        "决定书全文": (sent.full_text or "", shown.full_text),
        "统一社会信用代码": (sent.party.uscc or "", shown.party_code),
    }
    for name, (ours, theirs) in texts.items():
        if theirs is not None and "".join(ours.split()) != "".join(theirs.split()):
            yield name
    days = {
        "处罚决定日期": (sent.decided_on, shown.decided_on),
        "公示截止期": (sent.publish_until, shown.publish_until),
    }
    for name, (our_day, their_day) in days.items():
        if their_day is not None and our_day != their_day:
            yield name


def judge(expected: bool, sent: DisclosureRecord, former: DisclosureRecord | None, entry: Shown | None) -> Amiss | None:
    """What is amiss with an entry that is ``expected`` to be public, or not to be; None where nothing is."""
    public = entry is not None and entry.state == "published"
    if not expected:
        return Amiss(Kind.STILL_THERE) if public else None
    if entry is None or not public:
        return Amiss(Kind.MISSING)
    fields = differences(sent, entry)
    if not fields:
        return None
    stale = former is not None and not differences(former, entry)
    return Amiss(Kind.STALE if stale else Kind.ALTERED, fields)
