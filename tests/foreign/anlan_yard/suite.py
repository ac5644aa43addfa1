"""The conformance suite of the port ``TowingYard``: what every adapter of a yard promises."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from anlan_yard.port import AdmitRequest, TowingYard, Vehicle, VehicleLeft
from gateway.ports.base import Notice
from gateway.testing.bench import Bench
from gateway.testing.conformance import CallbackConformance, EffectConformance, Trial, answered, declared, noticed


class YardBench(Bench):
    """A yard's adapter at work. ``callback`` and ``acknowledged`` are about references of vehicles that leave."""

    adapter: TowingYard

    @abstractmethod
    def vehicle(self, reference: str) -> AdmitRequest:
        """A vehicle to be taken in, its driver a natural person."""


class YardConformance(EffectConformance, CallbackConformance):
    """Beside what holds for every port: an answer about another vehicle is noticed, and ``find`` invents nothing."""

    methods: ClassVar[tuple[str, ...]] = ("admit", "find")
    effects: ClassVar[tuple[str, ...]] = ("admit",)
    bound_effects: ClassVar[tuple[str, ...]] = ("admit",)
    primary: ClassVar[str] = "admit"

    async def trial(self, bench: YardBench, method: str) -> Trial:
        """One call of a port method, ready to be made."""
        adapter, reference = bench.adapter, self.reference(bench)
        request = bench.vehicle(reference)
        other = request.model_copy(update={"plate": request.plate[:-1] + "Z"})

        async def find() -> Vehicle | None:
            return await adapter.find(reference)

        if method == "admit":
            return Trial(method, lambda: adapter.admit(request), reference, lambda: adapter.admit(other), find)
        await answered(adapter.admit(request), "admit")
        return Trial(method, find)

    async def test_find_invents_nothing(self, bench: YardBench) -> None:
        declared(bench, "find")
        found = await answered(bench.adapter.find(self.reference(bench)), "find of a reference never used")
        assert found is None, f"find of a reference never used: {found!r}"

    async def test_an_answer_about_another_vehicle_is_noticed(self, bench: YardBench) -> None:
        request = bench.vehicle(self.reference(bench))
        await bench.fault("wrong_code", "admit")
        when = "admit, answered with another vehicle"
        await noticed(lambda: bench.adapter.admit(request), lambda answer: answer.plate == request.plate, when)

    async def told(self, bench: YardBench) -> str:
        """A vehicle that stands in the yard; its reference."""
        reference = self.reference(bench)
        await answered(bench.adapter.admit(bench.vehicle(reference)), "admit")
        return reference

    def check_notice(self, bench: YardBench, about: str, notice: Notice) -> None:
        """Reference and plate."""
        assert isinstance(notice, VehicleLeft), f"a callback about a vehicle was opened as {notice!r}"
        wanted = (about, bench.vehicle(about).plate)
        assert (notice.reference, notice.plate) == wanted, f"the callback tells of {notice!r}, it is about {wanted}"
