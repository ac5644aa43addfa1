"""The registration authority over a provincial sharing platform: ``contracts/registry/v1``, signed JSON questions."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from gateway.adapters.registry.sharing import mapping
from gateway.foundation.wire import ChannelWire
from gateway.foundation.wire.bounds import aside
from gateway.foundation.wire.recording import also_hiding
from gateway.foundation.wire.signed import SignedCaller, SignedSettings
from gateway.ports.base import AdapterInfo, FindGuarantee
from gateway.ports.registry import ChangePage, EntitySummary, RegistrationRecord
from gateway.words.clock import Clock
from gateway.words.errors import ContractError
from gateway.words.masking import may_be_a_person

PAGE = 200


class SharingRegistry:
    """Asks by code, by name, for changes and for licence tokens. Nothing here has an effect on the other side."""

    info: ClassVar[AdapterInfo] = AdapterInfo(
        kind="registry",
        name="registry.sharing",
        contract="registry/v1",
        capabilities=frozenset({"by_code", "by_name", "changes", "resolve_licence"}),
        find=FindGuarantee(offered=False),
        sensitive=frozenset({"name", "traName", "opLoc", "altBe", "altAf", "token"}),
        large=frozenset({"by_name", "changes"}),
    )

    Settings: ClassVar[type[BaseModel]] = SignedSettings

    def __init__(self, settings: SignedSettings, wire: ChannelWire, clock: Clock) -> None:
        self._wire = wire
        self._platform = SignedCaller(wire, settings.signer(clock), mapping.RESULTS)

    async def check(self) -> str:
        """Ask whether we are known. Raises NotSentError, DeniedError or OutcomeUnknownError."""
        return f"registration authority reachable, {await self._platform.ready('v1/ready')}"

    async def close(self) -> None:
        """Close the channel's connections."""
        await self._wire.close()

    async def by_code(self, uscc: str) -> RegistrationRecord | None:
        """The record for a unified social credit code; None when the registry says that there is none."""
        entity = await self._platform.ask("by_code", "v1/entities/by-code", {"uniscId": uscc}, mapping.Entity)
        if entity is None:
            return None
        if entity.uniscId != uscc:
            raise ContractError("the answer is about another entity than the one asked for")
        return mapping.record(entity)

    async def by_name(self, name: str) -> tuple[EntitySummary, ...]:
        """Entities whose name contains ``name``, at most 50. Raises RejectedError when that asks for too much.

        What may be the name of a natural person is hidden in evidence, in the question and in the answer.
        """
        hidden = frozenset({"entName"}) if may_be_a_person(name) else frozenset[str]()
        with also_hiding(hidden):
            found = await self._platform.ask("by_name", "v1/entities/by-name", {"entName": name}, mapping.Summaries)
        return () if found is None else mapping.summaries(found)

    async def changes(self, cursor: str) -> ChangePage:
        """Changes since ``cursor`` ("" = from the beginning). Raises RejectedError for a cursor that is not theirs."""
        asked = {"cursor": cursor, "limit": PAGE}
        found = await self._platform.ask("changes", "v1/changes", asked, mapping.Changes)
        if found is None:
            raise ContractError("no page of changes, though an empty one would do")
        return await aside(mapping.page, found, cursor)  # thousands of changes

    async def resolve_licence(self, token: str) -> RegistrationRecord | None:
        """The record behind a licence QR's token; None when it is unknown. Raises RejectedError when it has expired."""
        asked = {"token": token}
        entity = await self._platform.ask("resolve_licence", "v1/licences/resolve", asked, mapping.Entity)
        return None if entity is None else mapping.record(entity)
