"""The door to messengers of the administration 政务即时通信 that officers carry, such as 粤政易 or 浙政钉."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Protocol, runtime_checkable

from pydantic import Field, model_validator

from gateway.ports.base import Adapter, EffectRequest, Incoming, Message, Notice, OpenedCallback, Pending, Refused
from gateway.words.wrong import shaped

KIND = "notice"

Template = Annotated[str, Field(pattern=shaped(r"^[a-z][a-z_]{2,39}$", "shapes.template"))]
"""What a message says, as a word of ours; an adapter knows under which id the messenger keeps that text."""

Text = Annotated[str, Field(min_length=1, max_length=128)]


class DeliveredNotice(Notice):
    """A callback's content once opened: a message reached the officer's device. ``reference`` is that of ``send``."""

    kind: Literal["message_delivered"] = "message_delivered"
    reference: str
    at: datetime


class ReadNotice(Notice):
    """A callback's content once opened: the officer has read a message. ``reference`` is that of ``send``."""

    kind: Literal["message_read"] = "message_read"
    reference: str
    at: datetime


class OfficerKey(Message):
    """By what the messenger is asked who an officer is: certificate number 执法证号, or phone. Personal data."""

    certificate: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    phone: Annotated[str, Field(pattern=shaped(r"^1[0-9]{10}$", "shapes.mobile"))] | None = None

    @model_validator(mode="after")
    def _one(self) -> OfficerKey:
        if (self.certificate is None) == (self.phone is None):
            raise ValueError("an officer is asked about by certificate number or by phone")
        return self


class Recipient(Message):
    """An officer as the messenger knows them. ``active``: whether messages reach this account."""

    user_id: str
    active: bool


class SendRequest(EffectRequest):
    """One message to one officer: a text that the messenger keeps, with our words in its places.

    ``parameters`` carry no case facts and no names of parties. ``link`` leads to the case system, where the reader logs
    in.
    """

    user_id: Annotated[str, Field(min_length=1, max_length=64)]
    template: Template
    parameters: dict[str, Text] = Field(default_factory=dict)
    link: Annotated[str, Field(max_length=400, pattern=shaped(r"^https?://\S+$", "shapes.web_address"))] | None = None


class RecallRequest(EffectRequest):
    """Take a message back 撤回. ``reference`` is of this recall, ``message`` that of ``send``."""

    message: str
    reason: Annotated[str, Field(min_length=1, max_length=128)]


class SentMessage(Message):
    """What the messenger knows about one message. ``reference`` is that of ``send``.

    ``held``: taken, and kept back until ``held_until``, for these are the messenger's quiet hours. ``failed``: it will
    not be delivered, ``reason`` says why. ``recall`` is the reference under which it was recalled.
    """

    reference: str
    message_id: str
    user_id: str
    state: Literal["held", "sent", "delivered", "read", "recalled", "failed"]
    held_until: datetime | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    recall: str | None = None
    reason: str | None = None


@runtime_checkable
class OfficerMessages(Adapter, Protocol):
    """A messenger of the administration. It tells by callback what was delivered and read."""

    async def send(self, request: SendRequest) -> SentMessage | Pending:
        """Send one message. Raises RejectedError where user, template or parameters are refused."""
        ...

    async def find(self, reference: str) -> SentMessage | Pending | Refused | None:
        """The message under the reference of ``send``; None when the messenger says that there is none."""
        ...

    async def recall(self, request: RecallRequest) -> SentMessage | Pending:
        """Take a message back. Recalled already is a success; RejectedError for one that was read."""
        ...

    async def resolve_user(self, officer: OfficerKey) -> Recipient | None:
        """Who an officer is at the messenger; None when it says that it has no such user."""
        ...

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        """Authenticate and read a callback without any network: ``DeliveredNotice`` or ``ReadNotice``."""
        ...
