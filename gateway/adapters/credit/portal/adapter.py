"""A government disclosure portal 行政执法信息公示平台. Contract: contracts/portal/v1 (README.md, openapi.json).

Effects are final at once unless the portal reviews first; every request is signed with HMAC-SM3 over its exact body.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr

import contracts
from gateway.adapters.credit.portal import mapping
from gateway.foundation.wire import ChannelWire, MessageSigner
from gateway.ports.base import AdapterInfo, FindGuarantee, Incoming, OpenedCallback
from gateway.ports.credit import (
    CorrectRequest,
    DisclosureKey,
    RepairRequest,
    Shown,
    Submission,
    SubmitRequest,
    WithdrawRequest,
)
from gateway.words.clock import Clock
from gateway.words.errors import ContractError, ExchangeError, UnsupportedError

_STATES = {row["state"]: row["effect"] for row in contracts.code_table("portal", "v1", "states")}


class DisclosurePortal:
    """Publishes, corrects, withdraws with an explanation, ends; reads back what anybody can see."""

    class Settings(BaseModel):
        """``node`` and ``secret`` as issued by the portal."""

        model_config = ConfigDict(extra="forbid")

        node: str = Field(min_length=1, max_length=64)
        secret: SecretStr

    info: ClassVar[AdapterInfo] = AdapterInfo(
        kind="credit",
        name="credit.portal",
        contract="portal/v1",
        capabilities=frozenset({"submit", "find", "correct", "withdraw", "repair", "read_back"}),
        find=FindGuarantee(consistent=True),
        sensitive=frozenset({"partyName"}),
    )

    def __init__(self, settings: DisclosurePortal.Settings, wire: ChannelWire, clock: Clock) -> None:
        self._node = settings.node
        self._wire = wire
        self._signer = MessageSigner(settings.node, settings.secret.get_secret_value().encode(), clock)

    # --- effects ----------------------------------------------------------------------------------------------------

    async def submit(self, request: SubmitRequest) -> Submission:
        """Publish summary and full text. Refused fields come back as REJECTED, each named."""
        body = mapping.publication(request.reference, request.record)
        return await self._effect("submit", "/v1/disclosures", request.reference, body)

    async def correct(self, request: CorrectRequest) -> Submission:
        """Replace summary and text of what is shown; the key stays."""
        body = mapping.publication(request.reference, request.record) | {"reason": request.reason}
        return await self._effect("correct", "/v1/corrections", request.reference, body)

    async def withdraw(self, request: WithdrawRequest) -> Submission:
        """Take it off and explain (行政处罚法 art. 48). One already withdrawn is accepted."""
        body = {"reference": request.reference, "key": mapping.key(request.key), "explanation": request.reason}
        return await self._effect("withdraw", "/v1/withdrawals", request.reference, body)

    async def repair(self, request: RepairRequest) -> Submission:
        """End it after repair 信用修复."""
        body = {
            "reference": request.reference,
            "key": mapping.key(request.key),
            "cause": "REPAIRED",
            "documentNumber": request.repair_number,
        }
        return await self._effect("repair", "/v1/endings", request.reference, body)

    async def _effect(self, action: str, path: str, reference: str, body: dict[str, Any]) -> Submission:
        response = await self._signed(action, "POST", path, body)
        if response.status_code == 422:
            return mapping.refused(reference, self._wire.model(response, mapping.Problem))
        return self._about(reference, response)

    # --- questions --------------------------------------------------------------------------------------------------

    async def find(self, reference: str) -> Submission | None:
        """What is known under our reference; None proves that nothing happened."""
        response = await self._signed("find", "GET", f"/v1/submissions/{reference}")
        return None if response.status_code == 404 else self._about(reference, response)

    async def read_back(self, key: DisclosureKey) -> Shown | None:
        """What anybody can see for this decision and party. Asked unsigned, as the public would."""
        params = {"decisionNumber": key.decision_number, "authorityCode": key.authority_code}
        response = await self._exchange("read_back", "GET", "/v1/public/disclosures", params=params)
        return mapping.shown(mapping.RESULTS.read(response, mapping.ShownAnswer).records, key)

    async def check(self) -> str:
        """A signed question that changes nothing."""
        mapping.RESULTS.read(await self._signed("check", "GET", "/v1/ready"), mapping.ReadyAnswer)
        return f"公示平台可达, 接入标识 {self._node} 有效"

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:  # noqa: ARG002 - the port's signature
        """Portals of this contract send nothing."""
        raise UnsupportedError("credit.portal takes no callbacks")

    async def close(self) -> None:
        """Close the channel's connections."""
        await self._wire.close()

    # --- the wire ---------------------------------------------------------------------------------------------------

    async def _signed(self, action: str, method: str, path: str, body: Any = None) -> httpx.Response:
        content = b"" if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        headers = self._signer.sign(content)
        if content:
            headers["Content-Type"] = "application/json"
        return await self._exchange(action, method, path, content=content or None, headers=headers)

    async def _exchange(self, action: str, method: str, path: str, **message: Any) -> httpx.Response:
        """One exchange; refused fields, and "no record" to ``find``, are answers; everything else refused an error."""

        def refusal(response: httpx.Response) -> ExchangeError | None:
            head = mapping.RESULTS.head(response)
            if head is not None and head.code == "P0404" and action == "find":
                return None
            if head is not None and head.code == "P0422" and self._wire.model(response, mapping.Problem).fieldErrors:
                return None
            return mapping.RESULTS.refusal(response)

        return await self._wire.request(action, method, path, declared=mapping.RESULTS.declared(refusal), **message)

    def _about(self, reference: str, response: httpx.Response) -> Submission:
        found = mapping.RESULTS.read(response, mapping.SubmissionAnswer).submission
        if found.reference != reference:
            raise ContractError(f"asked about {reference}, the portal answered about {found.reference}")
        return mapping.submission(found, _STATES)
