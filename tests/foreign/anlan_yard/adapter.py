"""The yard of Anlan 安澜: signed JSON both ways."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from anlan_yard import contract
from anlan_yard.port import KIND, AdmitRequest, Vehicle, VehicleLeft
from gateway.foundation.wire import ChannelWire
from gateway.foundation.wire.envelope import Results
from gateway.foundation.wire.signed import SignedCaller, SignedSettings
from gateway.ports.base import AdapterInfo, FindGuarantee, Incoming, JsonObject, OpenedCallback, ReferenceFormat, Reply
from gateway.words.clock import Clock
from gateway.words.errors import ContractError

Text = Annotated[str, Field(min_length=1, max_length=60)]


class StoredThere(BaseModel):
    """A vehicle in the yard's words. Unknown members are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    reference: Text
    plate: Text
    slot: Text
    state: Literal["STORED", "LEFT"]

    def told(self) -> Vehicle:
        """In the words of the port."""
        state: Literal["stored", "left"] = "stored" if self.state == "STORED" else "left"
        return Vehicle(reference=self.reference, plate=self.plate, slot=self.slot, state=state)


class LeftThere(BaseModel):
    """What the yard's callback says."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    eventId: Text
    reference: Text
    plate: Text
    leftAt: AwareDatetime


class AnlanYard:
    """Has vehicles taken in, asks about them, and hears when they leave."""

    info: ClassVar[AdapterInfo] = AdapterInfo(
        kind=KIND,
        name="yard.anlan",
        contract="anlan-yard/v1",
        capabilities=frozenset({"admit", "find", "open_callback"}),
        reference=ReferenceFormat(20),
        find=FindGuarantee(consistent=True),
        sensitive=frozenset({"driver"}),
    )

    Settings: ClassVar[type[BaseModel]] = SignedSettings

    def __init__(self, settings: SignedSettings, wire: ChannelWire, clock: Clock) -> None:
        self._wire = wire
        self._signer = settings.signer(clock)
        self._yard = SignedCaller(wire, self._signer, Results(contract.results()))

    async def check(self) -> str:
        """Ask whether we are known. Raises NotSentError, DeniedError or OutcomeUnknownError."""
        return f"the yard answers, {await self._yard.ready('v1/ready')}"

    async def close(self) -> None:
        """Close the channel's connections."""
        await self._wire.close()

    async def admit(self, request: AdmitRequest) -> Vehicle:
        """Have a vehicle taken in; the same reference again answers with the same vehicle."""
        question = {
            "reference": request.reference,
            "plate": request.plate,
            "lot": request.lot,
            "driver": request.driver,
            "seizedOn": request.seized_on.isoformat(),
        }
        found = await self._vehicle("admit", "v1/vehicles/admit", question)
        if found is None:
            raise ContractError("admit was answered without a vehicle")
        if found.plate != request.plate:
            raise ContractError("the answer is about another vehicle than the one sent")
        return found

    async def find(self, reference: str) -> Vehicle | None:
        """The vehicle under our reference; None when the yard says that there is none."""
        return await self._vehicle("query", "v1/vehicles/query", {"reference": reference})

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        """Authenticate and read a callback without any network. Raises ForgedCallbackError, ContractError."""
        authenticated = self._signer.verify(incoming.headers, incoming.body)
        try:
            told = LeftThere.model_validate_json(incoming.body)
        except ValidationError as error:
            raise ContractError(f"a callback that breaks the contract: {error.error_count()} fields") from None
        return OpenedCallback(
            notice=VehicleLeft(reference=told.reference, plate=told.plate, left_at=told.leftAt),
            event_key=told.eventId,
            nonce=authenticated.nonce,
            acknowledge=Reply(200, b'{"code":"Y0000"}', "application/json"),
            retry_later=Reply(503, b'{"code":"Y0503"}', "application/json"),
        )

    async def _vehicle(self, action: str, path: str, question: JsonObject) -> Vehicle | None:
        found = await self._yard.ask(action, path, question, StoredThere)
        if found is not None and found.reference != question["reference"]:
            raise ContractError("the answer is about another reference than the one asked for")
        return None if found is None else found.told()
