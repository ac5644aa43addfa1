"""A disclosure portal 行政执法信息公示平台. Contract: contracts/portal/v1 (README.md, openapi.json).

Effects are final at once unless the portal reviews first; every request is signed with HMAC-SM3 over its exact body.
What another city's portal has otherwise is a profile in the settings of its channel.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.adapters.credit.marking import Marks
from gateway.adapters.credit.portal import mapping
from gateway.adapters.credit.portal.profile import Profile, Renamed, shows
from gateway.adapters.credit.signed import SignedTarget
from gateway.foundation.wire import ChannelWire
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
    SubmitRequest,
    WithdrawRequest,
)
from gateway.words.clock import Clock
from gateway.words.errors import ContractError, UnsupportedError
from gateway.words.spelling import same_name

_PLAIN = Profile()


class DisclosurePortal:
    """Publishes, corrects, withdraws with an explanation, ends, marks; reads back what anybody can see."""

    class Settings(BaseModel):
        """``node`` and ``secret`` as issued by the portal; ``profile``: what it has otherwise than the contract.

        ``marks``: whether it is told of marks, or they are set there by hand.
        """

        model_config = ConfigDict(extra="forbid")

        node: str = Field(min_length=1, max_length=64)
        secret: SecretStr
        profile: Profile = Profile()
        marks: Marks = "told"

        @property
        def not_offered(self) -> frozenset[str]:
            """What of the adapter's capabilities this portal has not."""
            return frozenset({"mark"} if self.marks == "by_hand" else ())

        @property
        def sensitive(self) -> frozenset[str]:
            """What the portal calls the members whose values are hidden in evidence.

            Where it masks names, an answer does not say which name its text has.
            """
            hidden = {"partyName"} if self.profile.mask == "none" else {"partyName", mapping.FULL_TEXT}
            return frozenset(self.profile.names.get(one, one) for one in hidden)

    info: ClassVar[AdapterInfo] = AdapterInfo(
        kind="credit",
        name="credit.portal",
        contract="portal/v1",
        capabilities=frozenset({"examine", "submit", "find", "correct", "withdraw", "repair", "mark", "read_back"}),
        find=FindGuarantee(consistent=True),
        sensitive=frozenset({"partyName"}),
    )

    def __init__(self, settings: DisclosurePortal.Settings, wire: ChannelWire, clock: Clock) -> None:
        self._node = settings.node
        self._wire = wire
        self._marks = settings.marks
        self._profile = profile = settings.profile
        self._layout = mapping.LAYOUT if profile == _PLAIN else mapping.LAYOUT.renamed(profile.names, profile.absent)
        signer = profile.signing.signer(settings.node, settings.secret.get_secret_value().encode(), clock)
        self._target = SignedTarget(
            wire, signer, mapping.SPEECH, self._layout, None if profile == _PLAIN else Renamed(profile)
        )

    def examine(self, record: DisclosureRecord) -> tuple[FieldFault, ...]:
        """What the portal would refuse of summary and text."""
        return self._layout.fill(record).faults

    # --- effects ----------------------------------------------------------------------------------------------------

    async def submit(self, request: SubmitRequest) -> Submission:
        """Publish summary and full text. Refused fields come back as REJECTED, each named."""
        return await self._effect("submit", mapping.publication(request.reference, request.record))

    async def correct(self, request: CorrectRequest) -> Submission:
        """Replace summary and text of what is shown; the key stays."""
        body = mapping.publication(request.reference, request.record) | {"reason": request.reason}
        return await self._effect("correct", body)

    async def withdraw(self, request: WithdrawRequest) -> Submission:
        """Take it off and explain (行政处罚法 art. 48). One already withdrawn is accepted."""
        body = {"reference": request.reference, "key": mapping.key(request.key), "explanation": request.reason}
        return await self._effect("withdraw", body)

    async def repair(self, request: RepairRequest) -> Submission:
        """End it after repair 信用修复."""
        body = {
            "reference": request.reference,
            "key": mapping.key(request.key),
            "cause": "REPAIRED",
            "documentNumber": request.repair_number,
        }
        return await self._effect("repair", body)

    async def mark(self, request: MarkRequest) -> Submission:
        """Mark what is shown, or shield it; or lift that. UnsupportedError where that is done by hand."""
        if self._marks == "by_hand":
            raise UnsupportedError("this portal is told of no marks")
        return await self._effect("mark", mapping.mark(request))

    async def _effect(self, action: Any, body: dict[str, Any]) -> Submission:
        return await self._target.effect(action, self._profile.path(action), body)

    # --- questions --------------------------------------------------------------------------------------------------

    async def find(self, reference: str) -> Submission | None:
        """What is known under our reference; None proves that nothing happened."""
        return await self._target.find(self._profile.path("find", reference=reference), reference)

    async def read_back(self, key: DisclosureKey) -> Shown | None:
        """What anybody can see for this decision and party. Asked unsigned, as the public would, page by page."""
        told, profile = mapping.key(key), self._profile
        asked = {theirs: told[ours] for theirs, ours in profile.search.items()}
        pages = profile.pages
        for number in range(1, 1 + (pages.most if pages else 1)):
            params = asked | ({pages.page: str(number), pages.size: str(pages.rows)} if pages else {})
            response = await self._target.public(profile.path("read_back"), params)
            records = mapping.SPEECH.results.read(response, mapping.ShownAnswer).records
            found = mapping.shown(records, key, self._shows, self._marks)
            if found is not None or pages is None or len(records) < pages.rows:
                return found
        raise ContractError(f"the portal's search has more than the {pages.most if pages else 1} pages that are read")

    def _shows(self, displayed: str, sent: str) -> bool:
        return same_name(displayed, sent) or shows(displayed, sent, self._profile.mask)

    async def check(self) -> str:
        """A signed question that changes nothing."""
        await self._target.ready(self._profile.path("check"))
        return f"公示平台可达, 接入标识 {self._node} 有效"

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:  # noqa: ARG002 - the port's signature
        """Portals of this contract send nothing."""
        raise UnsupportedError("credit.portal takes no callbacks")

    async def close(self) -> None:
        """Close the channel's connections."""
        await self._wire.close()
