"""Between our words and those of a disclosure portal: pure functions. Source: contracts/portal/v1/openapi.json."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

import contracts
from gateway.adapters.credit.layout import Layout
from gateway.adapters.credit.marking import WORDS, Marks, seen
from gateway.adapters.credit.signed import Speech
from gateway.foundation.wire.envelope import Head, Results
from gateway.foundation.wire.told import Told
from gateway.ports.credit import DisclosureKey, DisclosureRecord, MarkRequest, Shown
from gateway.words.days import told_day
from gateway.words.errors import RejectedError
from gateway.words.spelling import number_key, same_name

LAYOUT = Layout.read("portal", "layout", "contracts/portal/v1")
"""Summary and full text: number, party, kind of violation, content, organ, days. No ID numbers at all."""

SPEECH = Speech(
    Results(contracts.code_table("portal", "v1", "results")),
    {row["state"]: row["effect"] for row in contracts.code_table("portal", "v1", "states")},
    absent="P0404",
    refused="P0422",
)
FULL_TEXT = "fullText"


def publication(reference: str, record: DisclosureRecord) -> dict[str, Any]:
    """Summary and, where there is one, full text under our reference.

    RejectedError for a natural person's name that is not masked: what a portal is told, anybody reads.
    """
    if record.party.public_name is None:
        raise RejectedError("自然人姓名未隐去，不向公示平台报送", "unmasked")
    summary = LAYOUT.fill(record).row
    text = summary.pop(FULL_TEXT, None)
    return {"reference": reference, "summary": summary, **({FULL_TEXT: text} if text else {})}


def key(of: DisclosureKey) -> dict[str, str]:
    """The key of a published decision in the portal's words."""
    name = of.party_name.for_official_use()
    return {"decisionNumber": of.decision_number, "authorityCode": of.authority_code, "partyName": name}


def mark(request: MarkRequest) -> dict[str, Any]:
    """A mark to be set, or to be lifted."""
    said = {"mark": WORDS[request.mark], "lifted": request.lifted, "reason": request.reason}
    return {"reference": request.reference, "key": key(request.key), **said}


class WireKey(Told):
    """The key of an entry."""

    decisionNumber: str
    authorityCode: str
    partyName: str


class WireSummary(Told):
    """What is compared of a summary."""

    unread: ClassVar[frozenset[str]] = frozenset(
        {"decisionNumber", "partyName", "partyCategory", "penaltyKinds", "authorityCode"}
    )

    content: str = Field(min_length=1)
    partyCode: str | None = None
    violation: str | None = None
    authorityName: str | None = None
    decidedOn: str | None = None
    publishUntil: str | None = None


class WireShown(Told):
    """One entry as the public sees it."""

    unread: ClassVar[frozenset[str]] = frozenset({"explanation"})

    fullText: str | None = None
    state: Literal["PUBLISHED", "WITHDRAWN", "REPAIRED", "ENDED", "SHIELDED"]
    key: WireKey
    summary: WireSummary | None = None
    publishedOn: str | None = None
    marks: tuple[str, ...] = ()
    url: str


class ShownAnswer(Head):
    """What the public sees under one decision number."""

    records: tuple[WireShown, ...]


Same = Callable[[str, str], bool]
"""Whether a name as shown is the one sent."""


def shown(
    records: Sequence[WireShown], of: DisclosureKey, same: Same = same_name, marks: Marks = "told"
) -> Shown | None:
    """The entry of this party among those shown under a decision number."""
    for record in records:
        told = record.key
        mine = told.authorityCode == of.authority_code and number_key(told.decisionNumber) == number_key(
            of.decision_number
        )
        if mine and same(told.partyName, of.party_name.for_official_use()):
            summary = record.summary
            more = (
                {}
                if summary is None
                else {
                    "content": summary.content,
                    "party_code": summary.partyCode,
                    "violation": summary.violation,
                    "authority_name": summary.authorityName,
                    "decided_on": told_day(summary.decidedOn),
                    "publish_until": told_day(summary.publishUntil),
                    "full_text": record.fullText,
                }
            )
            return Shown.model_validate(
                {
                    "key": of,
                    "state": record.state.lower(),
                    "published_on": record.publishedOn,
                    "url": record.url,
                    **more,
                    **seen(record.marks, marks),
                }
            )
    return None
