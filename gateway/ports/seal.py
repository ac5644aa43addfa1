"""The door to seal services 电子签章."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Protocol, runtime_checkable

from pydantic import Field

from gateway.ports.base import Adapter, Incoming, Message, Notice, OpenedCallback, Pending, Refused
from gateway.words.text import Ask

KIND = "seal"


class SealNotice(Notice):
    """A callback's content once opened: a seal job moved. Always only a hint to ask."""

    kind: Literal["seal"] = "seal"
    reference: str


class SealInfo(Message):
    """One seal that may be applied. ``eseal`` is the DER SESeal (GB/T 38540), which holds the picture.

    ``since``: from when it has its status; ``filed``: whether what it is has been filed 备案; None: not told.
    """

    seal_id: str
    name: str
    owner_code: str
    owner_name: str
    status: Literal["active", "suspended", "cancelled", "expired"]
    eseal: bytes | None = None
    since: datetime | None = None
    filed: bool | None = None


class Placement(Ask):
    """Where a seal goes: page from 1, lower-left corner and size in millimetres."""

    page: Annotated[int, Field(ge=1)]
    x: float
    y: float
    width: float
    height: float


class ApplyRequest(Message):
    """Seal a digest: SM3 of the bytes to be covered, 32 bytes as lower-case hex. The document does not leave us."""

    reference: str
    seal_id: str
    digest: str
    property_info: str
    placements: tuple[Placement, ...]
    document_title: str
    approval: str


class SealJob(Message):
    """What the service knows about one sealing. ``signature`` is the DER SES_Signature once done."""

    reference: str
    job_id: str
    state: Literal["pending", "done", "refused", "void"]
    signature: bytes | None = None
    reason: str | None = None


@runtime_checkable
class SealService(Adapter, Protocol):
    """Electronic seal service. Its private keys never reach us."""

    async def list_seals(self, owner_code: str) -> tuple[SealInfo, ...]:
        """Seals of one organ."""
        ...

    async def apply(self, request: ApplyRequest) -> SealJob | Pending:
        """Have a digest sealed. A job in state "pending" is normal; ``Pending``: taken, without a job's number yet."""
        ...

    async def find(self, reference: str) -> SealJob | Pending | Refused | None:
        """The job under our reference; None when the service says there is none."""
        ...

    async def verify(self, signature: bytes, digest: str) -> bool:
        """The service's own opinion of a signature. We verify ourselves as well."""
        ...

    async def void(self, reference: str, reason: str) -> SealJob:
        """Void a sealing: adds a record at the service."""
        ...

    async def seal_status(self, seal_id: str) -> SealInfo | None:
        """State of one seal, with its DER."""
        ...

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        """Authenticate and read a callback without any network."""
        ...
