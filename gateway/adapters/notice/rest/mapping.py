"""Between the words of ``contracts/notice/v1`` and those of the port: pure functions and models of the wire.

Answers are open: unknown members are passed over and noted. What is used must be right, or the model does not validate.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

import contracts
from gateway.foundation.wire.envelope import Results
from gateway.foundation.wire.told import Told
from gateway.ports.base import JsonObject
from gateway.ports.notice import DeliveredNotice, OfficerKey, ReadNotice, Recipient, SendRequest, SentMessage
from gateway.words.clock import parse_rfc3339
from gateway.words.errors import ContractError, RejectedError
from gateway.words.identifiers import clean_text

RESULTS = Results(contracts.code_table("notice", "v1", "results"))


def _instant(value: Any) -> datetime:
    return parse_rfc3339(value if isinstance(value, str) else "")


Instant = Annotated[datetime, BeforeValidator(_instant)]
Reference = Annotated[str, Field(pattern=r"^[0-9A-Z]{8,32}$")]
UserId = Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]{1,64}$")]
MessageId = Annotated[str, Field(min_length=1, max_length=64)]
Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(clean_text)]


class Token(Told):
    """A bearer token; ``expiresIn`` in seconds."""

    accessToken: Annotated[str, Field(min_length=16, max_length=256)]
    expiresIn: Annotated[int, Field(ge=0)]


class User(Told):
    """One user, with the key that was asked by."""

    userId: UserId
    by: Literal["certificate", "phone"]
    value: str
    active: bool


class Sent(Told):
    """One message as the messenger knows it."""

    reference: Reference
    messageId: MessageId
    userId: UserId
    templateId: str
    state: Literal["HELD", "SENT", "DELIVERED", "READ", "RECALLED", "FAILED"]
    heldUntil: Instant | None = None
    deliveredAt: Instant | None = None
    readAt: Instant | None = None
    recall: Reference | None = None
    reason: Line | None = None


class Happened(Told):
    """A callback: a message was delivered or read."""

    unread: ClassVar[frozenset[str]] = frozenset({"messageId"})

    eventId: Annotated[str, Field(min_length=1, max_length=64)]
    reference: Reference
    event: Literal["DELIVERED", "READ"]
    occurredAt: Instant


_STATES: Mapping[str, Literal["held", "sent", "delivered", "read", "recalled", "failed"]] = {
    "HELD": "held",
    "SENT": "sent",
    "DELIVERED": "delivered",
    "READ": "read",
    "RECALLED": "recalled",
    "FAILED": "failed",
}


@cache
def templates() -> Mapping[str, str]:
    """The contract's template ids by our words."""
    return {row["word"]: row["id"] for row in contracts.code_table("notice", "v1", "templates")}


def template_id(word: str, chosen: Mapping[str, str]) -> str:
    """The id of a template: as the channel's settings say, else the contract's. RejectedError where neither has one."""
    known = chosen.get(word) or templates().get(word)
    if known is None:
        raise RejectedError(f"the messenger has no template for {word}", "no-template")
    return known


def officer(key: OfficerKey) -> JsonObject:
    """The body of ``users/resolve``."""
    if key.certificate is not None:
        return {"by": "certificate", "value": key.certificate}
    return {"by": "phone", "value": key.phone}


def recipient(found: User, asked: JsonObject) -> Recipient:
    """A user in the port's words. ContractError where the answer is about another key than the one asked by."""
    if (found.by, found.value) != (asked["by"], asked["value"]):
        raise ContractError("the answer is about another officer than the one asked for")
    return Recipient(user_id=found.userId, active=found.active)


def sending(request: SendRequest, chosen: Mapping[str, str]) -> JsonObject:
    """The body of ``messages/send``."""
    body: JsonObject = {
        "reference": request.reference,
        "userId": request.user_id,
        "templateId": template_id(request.template, chosen),
        "parameters": dict(request.parameters),
    }
    return body if request.link is None else body | {"link": request.link}


def message(found: Sent) -> SentMessage:
    """A message in the port's words. ContractError where it contradicts the contract."""
    wanted = {
        "HELD": found.heldUntil,
        "DELIVERED": found.deliveredAt,
        "READ": found.readAt,
        "RECALLED": found.recall,
        "FAILED": found.reason,
    }
    if found.state in wanted and wanted[found.state] is None:
        raise ContractError(f"a message that is {found.state} lacks what goes with it")
    return SentMessage(
        reference=found.reference,
        message_id=found.messageId,
        user_id=found.userId,
        state=_STATES[found.state],
        held_until=found.heldUntil,
        delivered_at=found.deliveredAt,
        read_at=found.readAt,
        recall=found.recall,
        reason=found.reason,
    )


def notice(told: Happened) -> DeliveredNotice | ReadNotice:
    """What a callback says, in the port's words."""
    if told.event == "READ":
        return ReadNotice(reference=told.reference, at=told.occurredAt)
    return DeliveredNotice(reference=told.reference, at=told.occurredAt)
