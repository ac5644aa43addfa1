"""国家企业信用信息公示系统 GSXT for market regulators. Contract: contracts/gsxt/v1 (README.md, openapi.json).

The fields are those of GSXT; the wire is this contract's. A decision about an entity that is registered in another
province is relayed there 转登记地: it is PENDING until that province shows it.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.adapters.credit.gsxt import mapping
from gateway.adapters.credit.signed import SignedTarget
from gateway.foundation.wire import ChannelWire, MessageSigner
from gateway.ports.base import AdapterInfo, FindGuarantee, Incoming, OpenedCallback
from gateway.ports.credit import (
    CorrectRequest,
    DisclosureKey,
    DisclosureRecord,
    FieldFault,
    RepairRequest,
    Shown,
    Submission,
    SubmitRequest,
    WithdrawRequest,
)
from gateway.words.clock import Clock
from gateway.words.errors import UnsupportedError


class EntityPublicity:
    """Publishes under an entity's name, corrects, withdraws with an explanation, ends upon repair; reads back."""

    class Settings(BaseModel):
        """``node`` and ``secret`` as issued by the province."""

        model_config = ConfigDict(extra="forbid")

        node: str = Field(min_length=1, max_length=64)
        secret: SecretStr

    info: ClassVar[AdapterInfo] = AdapterInfo(
        kind="credit",
        name="credit.gsxt",
        contract="gsxt/v1",
        capabilities=frozenset({"examine", "submit", "find", "correct", "withdraw", "repair", "read_back"}),
        find=FindGuarantee(consistent=True),
        sensitive=frozenset({"entName", "name"}),
    )

    def __init__(self, settings: EntityPublicity.Settings, wire: ChannelWire, clock: Clock) -> None:
        self._node = settings.node
        self._wire = wire
        signer = MessageSigner(settings.node, settings.secret.get_secret_value().encode(), clock)
        self._target = SignedTarget(wire, signer, mapping.SPEECH, mapping.LAYOUT)

    def examine(self, record: DisclosureRecord) -> tuple[FieldFault, ...]:
        """What GSXT would refuse: a party that is no registered business has none of its fields."""
        return mapping.LAYOUT.fill(record).faults

    async def submit(self, request: SubmitRequest) -> Submission:
        """Publish the decision and its summary. PENDING where it is reviewed first, or relayed to another province."""
        return await self._target.effect(
            "submit", "/v1/penalties", mapping.publication(request.reference, request.record)
        )

    async def correct(self, request: CorrectRequest) -> Submission:
        """Replace what is shown; the key stays."""
        body = mapping.publication(request.reference, request.record) | {"reason": request.reason}
        return await self._target.effect("correct", "/v1/penalties/corrections", body)

    async def withdraw(self, request: WithdrawRequest) -> Submission:
        """Take it off and explain (总局令第45号 art. 11). One already withdrawn is accepted."""
        body = {"reference": request.reference, "key": mapping.key(request.key), "explanation": request.reason}
        return await self._target.effect("withdraw", "/v1/penalties/withdrawals", body)

    async def repair(self, request: RepairRequest) -> Submission:
        """End it after repair 信用修复, in every province; inspection results about the same breach if asked."""
        body = {
            "reference": request.reference,
            "key": mapping.key(request.key),
            "repairNumber": request.repair_number,
            "inspections": request.inspections,
        }
        return await self._target.effect("repair", "/v1/penalties/repairs", body)

    async def find(self, reference: str) -> Submission | None:
        """What is known under our reference; None proves that nothing happened."""
        return await self._target.find(f"/v1/submissions/{reference}", reference)

    async def read_back(self, key: DisclosureKey) -> Shown | None:
        """What anybody can see for this decision and entity."""
        params = {"penDecNo": key.decision_number, "penAuth": key.authority_code}
        response = await self._target.public("/v1/public/penalties", params)
        return mapping.shown(mapping.SPEECH.results.read(response, mapping.ShownAnswer).records, key)

    async def check(self) -> str:
        """A signed question that changes nothing."""
        await self._target.ready("/v1/ready")
        return f"国家企业信用信息公示系统接口可达, 接入标识 {self._node} 有效"

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:  # noqa: ARG002 - the port's signature
        """GSXT sends nothing by this contract."""
        raise UnsupportedError("credit.gsxt takes no callbacks")

    async def close(self) -> None:
        """Close the channel's connections."""
        await self._wire.close()
