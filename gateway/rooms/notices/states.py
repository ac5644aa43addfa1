"""The life of a notice: every transition is a row here, and ``gateway states`` draws it."""

from __future__ import annotations

from enum import StrEnum

from gateway.foundation.lives import Edge, Life
from gateway.rooms.notices.tables import notice


class Status(StrEnum):
    """Public words for where a notice stands; doubt is not among them but a flag with its date."""

    PLANNED = "PLANNED"
    SENDING = "SENDING"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    READ = "READ"
    RECALLED = "RECALLED"
    FAILED = "FAILED"
    DROPPED = "DROPPED"


CHINESE = {
    Status.PLANNED: "待发送",
    Status.SENDING: "发送中",
    Status.SENT: "已发送",
    Status.DELIVERED: "已送达",
    Status.READ: "已读",
    Status.RECALLED: "已撤回",
    Status.FAILED: "发送失败",
    Status.DROPPED: "不再发送",
}

_S = Status
EDGES = (
    Edge(None, _S.PLANNED, None, "something is to be told; more of it is collected for a while"),
    Edge(_S.PLANNED, _S.SENDING, None, "its time has come, outside quiet hours, and the messenger knows the officer"),
    Edge(_S.PLANNED, _S.DROPPED, None, "there is nothing to tell any more, or it was recalled before it was sent"),
    Edge(_S.PLANNED, _S.FAILED, "notice.failed", "the messenger does not know the officer"),
    Edge(_S.SENDING, _S.SENT, "notice.sent", "the messenger took it"),
    Edge(_S.SENDING, _S.DELIVERED, "notice.delivered", "that it was delivered is told before the answer comes"),
    Edge(_S.SENDING, _S.READ, "notice.read", "that it was read is told before the answer comes"),
    Edge(_S.SENDING, _S.FAILED, "notice.failed", "the messenger said no"),
    Edge(_S.SENT, _S.DELIVERED, "notice.delivered", "the messenger tells so"),
    Edge(_S.SENT, _S.READ, "notice.read", "the messenger tells so"),
    Edge(_S.DELIVERED, _S.READ, "notice.read", "the messenger tells so"),
    Edge(_S.SENT, _S.RECALLED, "notice.recalled", "it was taken back"),
    Edge(_S.DELIVERED, _S.RECALLED, "notice.recalled", "it was taken back before it was read"),
    Edge(_S.FAILED, _S.PLANNED, None, "somebody has it sent again", "client or operator"),
)

LIFE = Life("notices", notice, EDGES, doubt=True)
