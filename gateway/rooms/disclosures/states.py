"""The life of a disclosure: every transition is a row here, and ``gateway states`` draws it."""

from __future__ import annotations

from enum import StrEnum

from gateway.foundation.lives import Edge, Life
from gateway.rooms.disclosures.tables import disclosure


class Status(StrEnum):
    """Public words for where a disclosure stands; doubt is not among them but a flag with its date."""

    NOT_PUBLISHABLE = "NOT_PUBLISHABLE"
    PLANNED = "PLANNED"
    SUBMITTED = "SUBMITTED"
    ACCEPTED = "ACCEPTED"
    PUBLISHED = "PUBLISHED"
    CORRECTED = "CORRECTED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"
    REPAIRED = "REPAIRED"
    ENDED = "ENDED"


CHINESE = {
    Status.NOT_PUBLISHABLE: "不予公示",
    Status.PLANNED: "待报送",
    Status.SUBMITTED: "已报送待审核",
    Status.ACCEPTED: "已受理待公示",
    Status.PUBLISHED: "公示中",
    Status.CORRECTED: "已更正",
    Status.REJECTED: "审核不通过",
    Status.WITHDRAWN: "已撤回",
    Status.REPAIRED: "信用修复",
    Status.ENDED: "公示期满",
}

SHOWN = (Status.PUBLISHED, Status.CORRECTED)
"""What the public reads."""

UNPUBLISHED = (Status.PLANNED, Status.SUBMITTED, Status.ACCEPTED)
"""On the way, and late once the deadline has passed."""


EDGES = (
    Edge(None, Status.NOT_PUBLISHABLE, "disclosure.not_publishable", "the law or the target's profile forbids it"),
    Edge(None, Status.PLANNED, "disclosure.planned", "a case system asks for publication"),
    Edge(Status.PLANNED, Status.SUBMITTED, "disclosure.submitted", "the target took it in; a verdict will follow"),
    Edge(Status.PLANNED, Status.ACCEPTED, "disclosure.accepted", "the target accepted it at once"),
    Edge(Status.SUBMITTED, Status.ACCEPTED, "disclosure.accepted", "the target's verdict"),
    Edge(Status.PLANNED, Status.REJECTED, "disclosure.rejected", "the target refused it at once"),
    Edge(Status.SUBMITTED, Status.REJECTED, "disclosure.rejected", "the target's verdict, with the fields it refused"),
    Edge(Status.ACCEPTED, Status.PUBLISHED, "disclosure.published", "read back: the public sees what was sent"),
    Edge(Status.PUBLISHED, Status.CORRECTED, "disclosure.corrected", "read back: the public sees the correction"),
    Edge(Status.CORRECTED, Status.CORRECTED, "disclosure.corrected", "read back: the public sees another correction"),
    Edge(Status.PLANNED, Status.WITHDRAWN, "disclosure.withdrawn", "withdrawn before anything had left us"),
    Edge(Status.ACCEPTED, Status.WITHDRAWN, "disclosure.withdrawn", "read back: the public no longer sees it"),
    Edge(Status.PUBLISHED, Status.WITHDRAWN, "disclosure.withdrawn", "read back: the public no longer sees it"),
    Edge(Status.CORRECTED, Status.WITHDRAWN, "disclosure.withdrawn", "read back: the public no longer sees it"),
    Edge(Status.PUBLISHED, Status.REPAIRED, "disclosure.repaired", "read back: ended after repair 信用修复"),
    Edge(Status.CORRECTED, Status.REPAIRED, "disclosure.repaired", "read back: ended after repair 信用修复"),
    Edge(Status.PUBLISHED, Status.ENDED, "disclosure.ended", "its maximum period is over"),
    Edge(Status.CORRECTED, Status.ENDED, "disclosure.ended", "its maximum period is over"),
)

LIFE = Life("disclosures", disclosure, EDGES, doubt=True)
