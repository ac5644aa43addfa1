"""The door to towing yards 暂扣车辆停车场, where vehicles stand that officers have seized."""

from __future__ import annotations

from datetime import date
from typing import Literal, Protocol, runtime_checkable

from pydantic import AwareDatetime

from gateway.ports.base import Adapter, EffectRequest, Incoming, Message, Notice, OpenedCallback

KIND = "yard"


class AdmitRequest(EffectRequest):
    """Take a seized vehicle in. ``lot`` is the part of the yard; ``driver``, a natural person, had the vehicle."""

    plate: str
    lot: str
    driver: str
    seized_on: date


class Vehicle(Message):
    """A vehicle as the yard knows it."""

    reference: str
    plate: str
    slot: str
    state: Literal["stored", "left"]


class VehicleLeft(Notice):
    """A callback's content once opened: the vehicle was handed out."""

    kind: Literal["vehicle_left"] = "vehicle_left"
    reference: str
    plate: str
    left_at: AwareDatetime


@runtime_checkable
class TowingYard(Adapter, Protocol):
    """A yard that takes vehicles in and tells when they leave."""

    async def admit(self, request: AdmitRequest) -> Vehicle:
        """Have a vehicle taken in. Raises RejectedError where the yard does not take it."""
        ...

    async def find(self, reference: str) -> Vehicle | None:
        """The vehicle under our reference; None when the yard says that there is none."""
        ...

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        """Authenticate and read a callback without any network."""
        ...
