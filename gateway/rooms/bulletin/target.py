"""The bulletin as a target: an adapter that calls nobody, because the other side is the gateway itself.

Its effects are rows, kept once by their reference, so that asked again it answers the truth. ``url`` of such a channel
is the address under which the public reads the page; it is told, never called.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from gateway.foundation.wire import ChannelWire
from gateway.ports.base import AdapterInfo, FindGuarantee
from gateway.ports.credit import (
    CorrectRequest,
    DisclosureKey,
    DisclosureRecord,
    FieldFault,
    MarkRequest,
    RepairRequest,
    Shown,
    Submission,
    SubmissionState,
    SubmitRequest,
    WithdrawRequest,
)
from gateway.rooms.bulletin.public_entry import faults
from gateway.rooms.bulletin.records import Asked
from gateway.rooms.bulletin.service import Bulletin
from gateway.words.clock import Clock
from gateway.words.errors import NotSentError
from gateway.words.personal import in_full

Request = SubmitRequest | CorrectRequest | WithdrawRequest | RepairRequest | MarkRequest


class OwnPage:
    """Shows, corrects, takes off; reads back what the public sees."""

    class Settings(BaseModel):
        """There are none: what is shown, and how long, is said by the rules of publication."""

        model_config = ConfigDict(extra="forbid")

    info: ClassVar[AdapterInfo] = AdapterInfo(
        kind="credit",
        name="credit.bulletin",
        contract="-",
        capabilities=frozenset({"examine", "submit", "find", "correct", "withdraw", "repair", "mark", "read_back"}),
        find=FindGuarantee(consistent=True),
        tells_again=True,
    )

    def __init__(self, settings: OwnPage.Settings, wire: ChannelWire, clock: Clock) -> None:  # noqa: ARG002
        self._wire = wire
        self._page: tuple[Bulletin, str] | None = None

    def show_on(self, bulletin: Bulletin, channel: str) -> None:
        """Have it show things there, under the name of its channel. Said when the room opens."""
        self._page = (bulletin, channel)

    def follow(self, before: Any) -> None:
        """Stand in for an adapter of this channel that was made before."""
        self._page = before._page

    def _on(self) -> tuple[Bulletin, str]:
        if self._page is None:
            raise NotSentError("the room of the bulletin is not open in this process")
        return self._page

    def _asked(self, request: Request) -> tuple[Bulletin, Asked]:
        bulletin, channel = self._on()
        return bulletin, Asked(channel, request.reference, sha256(in_full(request)).hexdigest())

    def examine(self, record: DisclosureRecord) -> tuple[FieldFault, ...]:
        """What would be refused: whatever the public must not read."""
        return tuple(faults(record))

    async def submit(self, request: SubmitRequest) -> Submission:
        """Show one decision."""
        bulletin, asked = self._asked(request)
        await bulletin.put(asked, request.record)
        return _done(request.reference)

    async def correct(self, request: CorrectRequest) -> Submission:
        """Show it in other words."""
        bulletin, asked = self._asked(request)
        await bulletin.put(asked, request.record)
        return _done(request.reference)

    async def withdraw(self, request: WithdrawRequest) -> Submission:
        """Take it off, and tell the public why (行政处罚法 art. 48)."""
        bulletin, asked = self._asked(request)
        await bulletin.take_off(asked, request.key, "withdrawn", request.reason)
        return _done(request.reference)

    async def repair(self, request: RepairRequest) -> Submission:
        """Take it off after repair; the public is told no reason."""
        bulletin, asked = self._asked(request)
        await bulletin.take_off(asked, request.key, "repaired", None)
        return _done(request.reference)

    async def mark(self, request: MarkRequest) -> Submission:
        """Mark it, or keep it from the public; or lift that."""
        bulletin, asked = self._asked(request)
        await bulletin.mark(asked, request.key, request.mark, not request.lifted)
        return _done(request.reference)

    async def find(self, reference: str) -> Submission | None:
        """The truth at once: effect and note of it are one transaction."""
        bulletin, channel = self._on()
        return _done(reference) if await bulletin.is_done(channel, reference) else None

    async def read_back(self, key: DisclosureKey) -> Shown | None:
        """What the public sees under this key now."""
        bulletin, channel = self._on()
        entry = await bulletin.live(channel, key)
        if entry is None or entry.shown is None:
            return None
        shown = entry.shown
        return Shown(
            key=entry.key,
            state="shielded" if entry.shielded else "published",
            content=shown.content,
            published_on=entry.published_on,
            url=f"{self._wire.base_url}/{entry.id}",
            violation=shown.violation,
            authority_name=shown.organ_name,
            decided_on=shown.decided_on,
            publish_until=entry.publish_until_on,
            full_text=shown.full_text or "",
            objection=entry.objection,
            under_appeal=entry.under_appeal,
        )

    async def check(self) -> str:
        """Nobody is called."""
        return f"公示栏由本网关自行公示，公众地址 {self._wire.base_url}"

    async def close(self) -> None:
        """Close the wire, over which nothing ever went."""
        await self._wire.close()


def _done(reference: str) -> Submission:
    return Submission(reference=reference, state=SubmissionState.ACCEPTED, receipt="公示栏")
