"""``credit.folder``: a credit platform that takes files 文件报送, by contract creditfolder/v1.

One submission is one workbook, named by our reference. It is there whole or not at all, so that looking at the folder
ends every doubt; what it became stands in a receipt, a day later as a rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from gateway.adapters.credit.folder import files
from gateway.foundation.wire import FolderWire
from gateway.ports.base import AdapterInfo, FindGuarantee, Incoming, OpenedCallback
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
from gateway.words.clock import Clock
from gateway.words.errors import BusyError, RejectedError, UnsupportedError


class CreditFolder:
    """Puts workbooks where a credit platform takes them, and reads what it made of them."""

    class Settings(BaseModel):
        """There are none: the address of the channel is the folder, ``file:///srv/exchange/credit``."""

        model_config = ConfigDict(extra="forbid")

    info: ClassVar[AdapterInfo] = AdapterInfo(
        kind="credit",
        name="credit.folder",
        contract="creditfolder/v1",
        capabilities=frozenset({"examine", "submit", "find", "correct", "withdraw", "repair", "read_back"}),
        find=FindGuarantee(consistent=False, settle_seconds=120.0),  # what others wrote to a share is seen later
        sensitive=frozenset({"行政相对人名称"}),
        schemes=FolderWire.schemes,
        large=frozenset({"read_back"}),
    )

    def __init__(self, settings: CreditFolder.Settings, wire: FolderWire, clock: Clock) -> None:  # noqa: ARG002
        self._wire = wire

    def examine(self, record: DisclosureRecord) -> tuple[FieldFault, ...]:
        """What the platform would refuse of a row, by the table."""
        return files.TABLE.fill(record).faults

    # --- effects ----------------------------------------------------------------------------------------------------

    async def submit(self, request: SubmitRequest) -> Submission:
        """Put a decision there. PENDING until a receipt is there."""
        return await self._effect("submit", request.reference, self._row(request.record))

    async def correct(self, request: CorrectRequest) -> Submission:
        """Put a corrected decision there 更正; number, authority and party stay."""
        return await self._effect("correct", request.reference, {**self._row(request.record), "reason": request.reason})

    async def withdraw(self, request: WithdrawRequest) -> Submission:
        """Ask for a publication to be taken back 撤回. One already withdrawn is accepted."""
        row = {**files.key_row(request.key), "reason": request.reason}
        return await self._effect("withdraw", request.reference, row)

    async def repair(self, request: RepairRequest) -> Submission:
        """Ask for a publication to end after repair 信用修复."""
        row = {**files.key_row(request.key), "repair": request.repair_number}
        return await self._effect("repair", request.reference, row)

    async def mark(self, request: MarkRequest) -> Submission:  # noqa: ARG002 - the port's signature
        """This contract knows no marks: they are set by hand."""
        raise UnsupportedError("credit.folder sets no marks")

    async def _effect(self, action: str, reference: str, row: Mapping[str, Any]) -> Submission:
        """Have the file there. One that is there already is the same submission, or another, which is refused."""
        await self._open(action)
        content = files.workbook(action, reference, row)
        held = await self._held(action, reference)
        if held is None:
            await self._wire.put(action, f"inbox/{reference}.xlsx", content)
        elif held != content:
            raise RejectedError(f"编号 {reference} 下已报送过内容不同的文件", "exists")
        return self._pending(reference)

    # --- questions --------------------------------------------------------------------------------------------------

    async def find(self, reference: str) -> Submission | None:
        """What became of a file: its receipt, or that it lies there still; None when it is nowhere."""
        await self._open("find")
        content = await self._wire.get("find", f"receipts/{reference}.csv")
        if content is not None:
            return files.receipt(reference, content)
        return None if await self._held("find", reference) is None else self._pending(reference)

    async def read_back(self, key: DisclosureKey) -> Shown | None:
        """What the public sees, by the platform's own list, which it renews with each cycle."""
        await self._open("read_back")
        content = await self._wire.get("read_back", "published.csv")
        return None if content is None else files.shown(content, key)

    async def check(self) -> str:
        """Look at each place of the folder. Nothing is written."""
        await self._open("check")
        for place in ("inbox", "taken", "receipts"):
            await self._wire.get("check", f"{place}/none")
        return f"信用平台交换目录可用: {self._wire.root}"

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:  # noqa: ARG002 - the port's signature
        """A folder calls nobody."""
        raise UnsupportedError("credit.folder takes no callbacks")

    async def close(self) -> None:
        """Let go of the channel's threads."""
        await self._wire.close()

    # --- the folder -------------------------------------------------------------------------------------------------

    async def _open(self, action: str) -> None:
        """BusyError while the platform works in the folder, NotSentError where there is no such folder."""
        if await self._wire.get(action, "closed.txt") is not None:
            raise BusyError("信用平台正在处理交换目录, 暂停收发")

    async def _held(self, action: str, reference: str) -> bytes | None:
        """The file under a reference: where we put it, then where the platform moves it; in this order none is lost."""
        for place in ("inbox", "taken"):
            if (found := await self._wire.get(action, f"{place}/{reference}.xlsx")) is not None:
                return found
        return None

    def _row(self, record: DisclosureRecord) -> dict[str, Any]:
        return files.table_row(files.TABLE.fill(record).row)

    def _pending(self, reference: str) -> Submission:
        return Submission(reference=reference, state=SubmissionState.PENDING, receipt=f"{reference}.xlsx")
