"""The life of a disclosure: every transition is a row here, and ``gateway states`` draws it."""

from __future__ import annotations

from enum import StrEnum

from gateway.foundation.lives import Edge, Life
from gateway.rooms.disclosures.tables import credit_repair, disclosure, disclosure_finding


class Status(StrEnum):
    """Public words for where a disclosure stands; doubt is not among them but a flag with its date."""

    NOT_PUBLISHABLE = "NOT_PUBLISHABLE"
    DRAFT = "DRAFT"
    PLANNED = "PLANNED"
    SUBMITTED = "SUBMITTED"
    ACCEPTED = "ACCEPTED"
    PUBLISHED = "PUBLISHED"
    CORRECTED = "CORRECTED"
    SHIELDED = "SHIELDED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"
    REPAIRED = "REPAIRED"
    ENDED = "ENDED"


CHINESE = {
    Status.NOT_PUBLISHABLE: "不予公示",
    Status.DRAFT: "草稿，待确认",
    Status.PLANNED: "待报送",
    Status.SUBMITTED: "已报送待审核",
    Status.ACCEPTED: "已受理待公示",
    Status.PUBLISHED: "公示中",
    Status.CORRECTED: "已更正",
    Status.SHIELDED: "暂时屏蔽",
    Status.REJECTED: "审核不通过",
    Status.WITHDRAWN: "已撤回",
    Status.REPAIRED: "信用修复",
    Status.ENDED: "公示期满",
}

SHOWN = (Status.PUBLISHED, Status.CORRECTED)
"""What the public reads."""

UNPUBLISHED = (Status.DRAFT, Status.PLANNED, Status.SUBMITTED, Status.ACCEPTED)
"""On the way, and late once the deadline has passed."""

STANDING = (*UNPUBLISHED, *SHOWN, Status.SHIELDED)
"""What a withdrawal is about: public, on the way, or only hidden for a time."""

OVER = (Status.WITHDRAWN, Status.REPAIRED, Status.ENDED)
"""What was public, and must not be any more."""


def _from_shown(end: Status, event: str, when: str) -> tuple[Edge[Status], ...]:
    return tuple(Edge(start, end, event, when) for start in SHOWN)


EDGES = (
    Edge(None, Status.NOT_PUBLISHABLE, "disclosure.not_publishable", "the law or the target's profile forbids it"),
    Edge(None, Status.DRAFT, "disclosure.draft", "a case system asks for publication, and a person is to look first"),
    Edge(None, Status.PLANNED, "disclosure.planned", "a case system asks for publication"),
    Edge(Status.DRAFT, Status.PLANNED, "disclosure.planned", "a person has looked at what will leave"),
    Edge(Status.DRAFT, Status.WITHDRAWN, "disclosure.withdrawn", "withdrawn before anything had left us"),
    Edge(Status.PLANNED, Status.SUBMITTED, "disclosure.submitted", "the target took it in; a verdict will follow"),
    Edge(Status.PLANNED, Status.ACCEPTED, "disclosure.accepted", "the target accepted it at once"),
    Edge(Status.SUBMITTED, Status.ACCEPTED, "disclosure.accepted", "the target's verdict"),
    Edge(Status.PLANNED, Status.REJECTED, "disclosure.rejected", "the target refused it at once"),
    Edge(Status.SUBMITTED, Status.REJECTED, "disclosure.rejected", "the target's verdict, with the fields it refused"),
    Edge(Status.ACCEPTED, Status.PUBLISHED, "disclosure.published", "read back: the public sees what was sent"),
    *_from_shown(Status.CORRECTED, "disclosure.corrected", "read back: the public sees the correction"),
    *_from_shown(Status.SHIELDED, "disclosure.shielded", "read back: hidden for a time 暂时屏蔽"),
    Edge(Status.SHIELDED, Status.PUBLISHED, "disclosure.unshielded", "read back: the public sees it again"),
    Edge(Status.SHIELDED, Status.WITHDRAWN, "disclosure.withdrawn", "withdrawn while it was hidden"),
    Edge(Status.SHIELDED, Status.REPAIRED, "disclosure.repaired", "repaired while it was hidden"),
    Edge(Status.SHIELDED, Status.ENDED, "disclosure.ended", "its maximum period ended while it was hidden"),
    Edge(Status.PLANNED, Status.WITHDRAWN, "disclosure.withdrawn", "withdrawn before anything had left us"),
    Edge(Status.ACCEPTED, Status.WITHDRAWN, "disclosure.withdrawn", "read back: the public no longer sees it"),
    *_from_shown(Status.WITHDRAWN, "disclosure.withdrawn", "read back: the public no longer sees it"),
    *_from_shown(Status.REPAIRED, "disclosure.repaired", "read back: ended after repair 信用修复"),
    *_from_shown(Status.ENDED, "disclosure.ended", "its maximum period is over, and read back: nobody sees it"),
)

LIFE = Life("disclosures", disclosure, EDGES, doubt=True)


class FindingStatus(StrEnum):
    """Where something amiss stands: open, mended as a later look has seen, or settled by a person's word."""

    OPEN = "OPEN"
    MENDED = "MENDED"
    SETTLED = "SETTLED"


FINDING_EDGES = (
    Edge(None, FindingStatus.OPEN, "disclosure.amiss", "the public sees another thing than it should"),
    Edge(FindingStatus.OPEN, FindingStatus.MENDED, "disclosure.mended", "a later look saw what it should"),
    Edge(FindingStatus.OPEN, FindingStatus.SETTLED, "disclosure.settled", "a person said what came of it"),
)

FINDINGS = Life("disclosure findings", disclosure_finding, FINDING_EDGES)


class RepairStatus(StrEnum):
    """Where a request for credit repair 信用修复 stands."""

    RECEIVED = "RECEIVED"
    PROPOSED = "PROPOSED"
    GRANTED = "GRANTED"
    REFUSED = "REFUSED"
    DONE = "DONE"


REPAIR_EDGES = (
    Edge(None, RepairStatus.RECEIVED, "credit_repair.received", "forwarded to the authority, or handed in there"),
    Edge(RepairStatus.RECEIVED, RepairStatus.PROPOSED, "credit_repair.proposed", "one person proposes the answer"),
    Edge(RepairStatus.PROPOSED, RepairStatus.PROPOSED, "credit_repair.proposed", "the answer is proposed otherwise"),
    Edge(RepairStatus.PROPOSED, RepairStatus.GRANTED, "credit_repair.granted", "another person confirms the grant"),
    Edge(RepairStatus.PROPOSED, RepairStatus.REFUSED, "credit_repair.refused", "another person confirms the refusal"),
    Edge(RepairStatus.GRANTED, RepairStatus.DONE, "credit_repair.done", "read back: no target shows it any more"),
)

REPAIRS = Life("credit repairs", credit_repair, REPAIR_EDGES)
