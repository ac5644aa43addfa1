"""The registration authority over a provincial sharing platform: ``contracts/registry/v1``, signed JSON questions."""

from __future__ import annotations

import json
from typing import Any, ClassVar, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.adapters.registry.sharing import mapping
from gateway.foundation.wire import ChannelWire, MessageSigner, busy
from gateway.foundation.wire.signing import NONCE, SignatureRefusedError
from gateway.ports.base import AdapterInfo, FindGuarantee, Kind
from gateway.ports.registry import ChangePage, EntitySummary, RegistrationRecord
from gateway.words.clock import Clock
from gateway.words.errors import ContractError, ExchangeError, UnusableError

M = TypeVar("M", bound=BaseModel)

PAGE = 200


class SharingRegistry:
    """Asks by code, by name, for changes and for licence tokens. Nothing here has an effect on the other side."""

    info: ClassVar[AdapterInfo] = AdapterInfo(
        kind=Kind.REGISTRY,
        name="registry.sharing",
        contract="registry/v1",
        capabilities=frozenset({"by_code", "by_name", "changes", "resolve_licence"}),
        find=FindGuarantee(offered=False),
        sensitive=frozenset({"name", "traName", "opLoc", "altBe", "altAf", "token"}),
    )

    class Settings(BaseModel):
        """``node``: the code under which the platform knows us; ``secret``: the key that both sides sign with."""

        model_config = ConfigDict(frozen=True, extra="forbid")

        node: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
        secret: SecretStr = Field(min_length=16)

    def __init__(self, settings: Settings, wire: ChannelWire, clock: Clock) -> None:
        self._wire = wire
        self._signer = MessageSigner(settings.node, settings.secret.get_secret_value().encode(), clock)

    async def check(self) -> str:
        """Ask whether we are known. Raises NotSentError, DeniedError or OutcomeUnknownError."""
        answer = await self._ask("ready", "v1/ready", {}, mapping.Answer[None])
        if answer.code != "R0000":
            raise ContractError(f"result code {answer.code!r} to the question whether we are known")
        return f"registration authority reachable, {answer.message}"

    async def close(self) -> None:
        """Close the channel's connections."""
        await self._wire.close()

    async def by_code(self, uscc: str) -> RegistrationRecord | None:
        """The record for a unified social credit code; None when the registry says that there is none."""
        answer = await self._ask("by_code", "v1/entities/by-code", {"uniscId": uscc}, mapping.Answer[mapping.Entity])
        if (entity := mapping.content(answer)) is None:
            return None
        if entity.uniscId != uscc:
            raise ContractError("the answer is about another entity than the one asked for")
        return mapping.record(entity)

    async def by_name(self, name: str) -> tuple[EntitySummary, ...]:
        """Entities whose name contains ``name``, at most 50. Raises RejectedError when that asks for too much."""
        answer = await self._ask("by_name", "v1/entities/by-name", {"entName": name}, mapping.Answer[mapping.Summaries])
        found = mapping.content(answer)
        return () if found is None else mapping.summaries(found)

    async def changes(self, cursor: str) -> ChangePage:
        """Changes since ``cursor`` ("" = from the beginning). Raises RejectedError for a cursor that is not theirs."""
        asked = {"cursor": cursor, "limit": PAGE}
        found = mapping.content(await self._ask("changes", "v1/changes", asked, mapping.Answer[mapping.Changes]))
        if found is None:
            raise ContractError("no page of changes, though an empty one would do")
        return mapping.page(found, cursor)

    async def resolve_licence(self, token: str) -> RegistrationRecord | None:
        """The record behind a licence QR's token; None when it is unknown. Raises RejectedError when it has expired."""
        asked = {"token": token}
        found = await self._ask("resolve_licence", "v1/licences/resolve", asked, mapping.Answer[mapping.Entity])
        entity = mapping.content(found)
        return None if entity is None else mapping.record(entity)

    async def _ask(self, action: str, path: str, question: dict[str, Any], of: type[M]) -> M:
        """One signed question and its signed answer, bound to each other by the nonce."""
        body = json.dumps(question, ensure_ascii=False).encode()
        signed = self._signer.sign(body)
        headers = {"Content-Type": "application/json", **signed}
        declared = dict.fromkeys((400, 401, 403, 429, 503), self._refusal)
        response = await self._wire.request(action, "POST", path, content=body, headers=headers, declared=declared)
        try:
            authenticated = self._signer.verify(response.headers, response.content)
        except SignatureRefusedError as refused:
            raise UnusableError(f"the answer's signature: {refused}") from refused
        if authenticated.nonce != signed[NONCE]:
            raise ContractError("the answer belongs to another question")
        return self._wire.model(response, of)

    def _refusal(self, response: httpx.Response) -> ExchangeError:
        try:
            body = self._wire.json(response)
        except ContractError:
            body = None
        return mapping.refusal(response.status_code, body, busy(response))
