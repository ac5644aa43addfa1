"""An electronic seal service over ``contracts/seal/v1``: signed JSON messages both ways, callbacks as hints."""

from __future__ import annotations

import base64
from typing import ClassVar

from pydantic import BaseModel

from gateway.adapters.seal.rest import mapping
from gateway.foundation.wire import ChannelWire
from gateway.foundation.wire.signed import SignedCaller, SignedSettings
from gateway.ports.base import (
    AdapterInfo,
    FindGuarantee,
    Incoming,
    JsonObject,
    OpenedCallback,
    ReferenceFormat,
    Reply,
)
from gateway.ports.seal import ApplyRequest, SealInfo, SealJob, SealNotice
from gateway.words.clock import Clock
from gateway.words.errors import ContractError

_TAKEN = Reply(200, b'{"code":"S0000","message":"ok"}', "application/json")
_AGAIN = Reply(503, b'{"code":"S0503","message":"later"}', "application/json")


class RestSealService:
    """Seals a digest, asks about jobs and seals. The document and the seal's keys stay where they are."""

    info: ClassVar[AdapterInfo] = AdapterInfo(
        kind="seal",
        name="seal.rest",
        contract="seal/v1",
        capabilities=frozenset({"list_seals", "apply", "find", "verify", "void", "seal_status", "open_callback"}),
        reference=ReferenceFormat(26),
        find=FindGuarantee(consistent=True),
        sensitive=frozenset({"documentTitle", "approval"}),
        large=frozenset({"list_seals", "seal_status", "apply", "query", "void"}),  # pictures and signatures
    )

    Settings: ClassVar[type[BaseModel]] = SignedSettings

    def __init__(self, settings: SignedSettings, wire: ChannelWire, clock: Clock) -> None:
        self._wire = wire
        self._signer = settings.signer(clock)
        self._platform = SignedCaller(wire, self._signer, mapping.RESULTS)

    async def check(self) -> str:
        """Ask whether we are known. Raises NotSentError, DeniedError or OutcomeUnknownError."""
        return f"seal service reachable, {await self._platform.ready('v1/ready')}"

    async def close(self) -> None:
        """Close the channel's connections."""
        await self._wire.close()

    async def list_seals(self, owner_code: str) -> tuple[SealInfo, ...]:
        """Every seal of one organ, whatever its status; ``owner_code`` is its unified social credit code."""
        asked = {"ownerCode": owner_code}
        found = await self._platform.ask("list_seals", "v1/seals/list", asked, mapping.Seals)
        if found is None:
            raise ContractError("no list of seals, though an empty one would do")
        if any(one.ownerCode != owner_code for one in found.seals):
            raise ContractError("the list holds another organ's seal")
        return tuple(mapping.seal(one) for one in found.seals)

    async def seal_status(self, seal_id: str) -> SealInfo | None:
        """One seal with its SESeal; None when the service says that there is none."""
        asked = {"sealId": seal_id}
        found = await self._platform.ask("seal_status", "v1/seals/status", asked, mapping.Seal)
        if found is not None and found.sealId != seal_id:
            raise ContractError("the answer is about another seal than the one asked for")
        return None if found is None else mapping.seal(found)

    async def apply(self, request: ApplyRequest) -> SealJob:
        """Have a digest sealed. Raises RejectedError; the same reference again answers with the same job."""
        found = await self._job("apply", "v1/jobs/apply", mapping.application(request), request.reference)
        if found is None:
            raise ContractError("apply was answered without a job")
        if (found.sealId, found.digest) != (request.seal_id, request.digest):
            raise ContractError("the job is about another seal or another document than the one sent")
        return mapping.job(found)

    async def find(self, reference: str) -> SealJob | None:
        """The job under our reference; None when the service says there is none."""
        found = await self._job("query", "v1/jobs/query", {"reference": reference}, reference)
        return None if found is None else mapping.job(found)

    async def void(self, reference: str, reason: str) -> SealJob:
        """Void a sealing: adds a record at the service. Void already is a success."""
        found = await self._job("void", "v1/jobs/void", {"reference": reference, "reason": reason}, reference)
        if found is None or found.state != "VOID":
            raise ContractError("void was answered without a job that is void")
        return mapping.job(found)

    async def verify(self, signature: bytes, digest: str) -> bool:
        """The service's own opinion of a signature."""
        asked = {"signature": base64.b64encode(signature).decode(), "digest": digest}
        found = await self._platform.ask("verify", "v1/signatures/verify", asked, mapping.Verdict)
        if found is None:
            raise ContractError("no verdict")
        return found.valid

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        """Authenticate and read a callback without any network. Raises ForgedCallbackError, ContractError."""
        authenticated = self._signer.verify(incoming.headers, incoming.body)
        notice = self._wire.told("callback", incoming.body, mapping.Notice)
        return OpenedCallback(
            notice=SealNotice(reference=notice.reference),
            event_key=notice.eventId,
            nonce=authenticated.nonce,
            acknowledge=_TAKEN,
            retry_later=_AGAIN,
        )

    async def _job(self, action: str, path: str, question: JsonObject, reference: str) -> mapping.Job | None:
        found = await self._platform.ask(action, path, question, mapping.Job)
        if found is not None and found.reference != reference:
            raise ContractError("the answer is about another job than the one asked for")
        return found
