"""The settings ``[rooms.notices]``: what is told to whom, when, and in how many messages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gateway.foundation.channels import Quiet, QuietHours
from gateway.rooms.notices.occasions import DEFAULT, OCCASIONS
from gateway.words.saying import UnfitError, say
from gateway.words.wrong import shaped

ANY = "*"
"""Authorities that have nothing of their own in a table."""


Words = tuple[str, ...]
Certificates = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=40)], ...], Field(max_length=20)]


class NoticeOptions(BaseModel):
    """``digest_minutes``: what concerns one officer within so many minutes is one message; 0: each alone.

    ``quiet``: hours in Shanghai in which nothing leaves. ``tell``: of which occasions, by authority. ``on_duty``: who
    is told where no officer of a decision is concerned, certificate numbers by authority. ``numbers``: whether a text
    may hold the decision number. ``link``: the address of the case system in each message. ``"*"`` stands for every
    authority that a table does not name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest_minutes: Annotated[int, Field(ge=0, le=1440)] = 10
    quiet: tuple[Quiet, ...] = (QuietHours(time(20), time(8)),)
    tell: Mapping[str, Words] = Field(default_factory=lambda: {ANY: DEFAULT})
    on_duty: Mapping[str, Certificates] = Field(default_factory=dict)
    numbers: bool = False
    link: Annotated[str, Field(max_length=400, pattern=shaped(r"^https?://\S+$", "shapes.web_address"))] | None = None

    @field_validator("tell")
    @classmethod
    def _known(cls, tell: Mapping[str, Words]) -> Mapping[str, Words]:
        if unknown := sorted({word for words in tell.values() for word in words} - OCCASIONS.keys()):
            raise UnfitError(say("notices.no_occasion", unknown=unknown[0], occasions=OCCASIONS))
        return tell

    def tells(self, authority: str, occasion: str) -> bool:
        """Whether officers of an authority are told of an occasion."""
        return occasion in self.tell.get(authority, self.tell.get(ANY, ()))

    def persons_on_duty(self, authority: str) -> Certificates:
        """The certificate numbers of those who are told where no officer of a decision is concerned."""
        return self.on_duty.get(authority, self.on_duty.get(ANY, ()))
