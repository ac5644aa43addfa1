"""The conformance suite of the port ``SealService``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from gateway.ports.base import Notice
from gateway.ports.seal import ApplyRequest, SealInfo, SealJob, SealNotice, SealService
from gateway.testing.bench import Bench
from gateway.testing.conformance import (
    CallbackConformance,
    EffectConformance,
    Trial,
    answered,
    declared,
    noticed,
    ready,
)


class SealBench(Bench):
    """A seal adapter at work. ``callback`` and ``acknowledged`` are about references of applications.

    ``seal_id`` is an active seal of ``owner_code``; the service has no ``unknown_seal_id``.
    """

    adapter: SealService
    owner_code: str
    seal_id: str
    unknown_seal_id: str

    @abstractmethod
    def application(self, reference: str) -> ApplyRequest:
        """A digest to be sealed with ``seal_id``, its title naming a natural person."""

    @abstractmethod
    async def finish(self, reference: str) -> None:
        """Let the service seal what waits under a reference, if it has not yet."""


class SealConformance(EffectConformance, CallbackConformance):
    """What every adapter of an electronic seal service 电子签章 promises."""

    methods: ClassVar[tuple[str, ...]] = ("list_seals", "apply", "find", "verify", "void", "seal_status")
    effects: ClassVar[tuple[str, ...]] = ("apply",)
    bound_effects: ClassVar[tuple[str, ...]] = ("apply",)
    primary: ClassVar[str] = "apply"

    async def trial(self, bench: SealBench, method: str) -> Trial:
        """One call of a port method, ready to be made."""
        adapter, reference = bench.adapter, self.reference(bench)
        request = bench.application(reference)
        if method == "apply":
            other = request.model_copy(update={"property_info": f"{request.property_info}/2"})

            async def recover() -> SealJob | None:
                return ready(await adapter.find(reference), "find")

            return Trial(method, lambda: adapter.apply(request), reference, lambda: adapter.apply(other), recover)
        questions: dict[str, Callable[[], Awaitable[Any]]] = {
            "list_seals": lambda: adapter.list_seals(bench.owner_code),
            "seal_status": lambda: adapter.seal_status(bench.seal_id),
        }
        if method in questions:
            return Trial(method, questions[method])
        signature = await self._sealed(bench, request)
        questions = {
            "find": lambda: adapter.find(reference),
            "verify": lambda: adapter.verify(signature, request.digest),
            "void": lambda: adapter.void(reference, "决定书已撤销"),
        }
        return Trial(method, questions[method])

    async def _sealed(self, bench: SealBench, request: ApplyRequest) -> bytes:
        """Have it sealed; the signature."""
        job = await answered(bench.adapter.apply(request), "apply")
        if job.state == "pending":
            await bench.finish(request.reference)
            found = await answered(bench.adapter.find(request.reference), "find of a finished job")
            assert found is not None, "find of a finished job: nothing"
            job = found
        assert job.state == "done", f"a finished job is {job.state}"
        assert job.signature, "a job is done, and has no signature"
        return job.signature

    # --- jobs

    async def test_a_job_is_sealed_and_its_signature_is_of_this_digest_alone(self, bench: SealBench) -> None:
        request = bench.application(self.reference(bench))
        signature = await self._sealed(bench, request)
        declared(bench, "verify")
        good = await answered(bench.adapter.verify(signature, request.digest), "verify")
        assert good is True, "verify of a good signature: the service refuses it"
        other = f"{int(request.digest[0], 16) ^ 1:x}{request.digest[1:]}"
        bad = await answered(bench.adapter.verify(signature, other), "verify with another digest")
        assert bad is False, "verify with another digest: the service accepts it"

    async def test_find_invents_nothing(self, bench: SealBench) -> None:
        declared(bench, "find")
        found = await answered(bench.adapter.find(self.reference(bench)), "find of a reference never used")
        assert found is None, f"find of a reference never used: {found!r}"

    async def test_a_void_job_may_be_voided_again(self, bench: SealBench) -> None:
        declared(bench, "void", "find")
        request = bench.application(self.reference(bench))
        await self._sealed(bench, request)
        for when in ("void", "void of what is void"):
            job = await answered(bench.adapter.void(request.reference, "决定书已撤销"), when)
            assert job.state == "void", f"{when}: the job is {job.state}"
        found = await answered(bench.adapter.find(request.reference), "find of a void job")
        assert found is not None, "find of a void job: nothing"
        assert found.state == "void", f"find of a void job: it is {found.state}"

    async def test_an_answer_about_another_seal_is_noticed(self, bench: SealBench) -> None:
        declared(bench, "seal_status")
        await bench.fault("wrong_code", "seal_status")

        def ours(answer: SealInfo | None) -> bool:
            return answer is None or answer.seal_id == bench.seal_id

        when = "seal_status, answered with another seal"
        await noticed(lambda: bench.adapter.seal_status(bench.seal_id), ours, when)

    async def test_a_job_about_another_seal_is_noticed(self, bench: SealBench) -> None:
        """The port's job does not name its seal, so the adapter is the last who can notice."""
        request = bench.application(self.reference(bench))
        await bench.fault("wrong_code", "apply")
        await noticed(lambda: bench.adapter.apply(request), lambda _: True, "apply, answered with another job")

    async def test_names_outside_the_wires_character_set_are_refused_before_sending(self, bench: SealBench) -> None:
        request = bench.application(self.reference(bench))
        await self.check_names(
            bench, lambda name: bench.adapter.apply(request.model_copy(update={"document_title": name})), "title"
        )

    # --- seals

    async def test_seals_are_listed_and_known_one_by_one(self, bench: SealBench) -> None:
        declared(bench, "list_seals", "seal_status")
        listed = await answered(bench.adapter.list_seals(bench.owner_code), "list_seals")
        assert bench.seal_id in [one.seal_id for one in listed], f"list_seals: {bench.seal_id} is not among them"
        assert {one.owner_code for one in listed} == {bench.owner_code}, "list_seals: another organ's seals"
        known = await answered(bench.adapter.seal_status(bench.seal_id), "seal_status")
        assert known is not None, "seal_status of a listed seal: nothing"
        assert (known.seal_id, known.status) == (bench.seal_id, "active"), f"seal_status: {known!r}"
        assert known.eseal, "seal_status: without the SESeal, which is needed to place the seal's picture"
        unknown = await answered(bench.adapter.seal_status(bench.unknown_seal_id), "seal_status of an unknown seal")
        assert unknown is None, f"seal_status of an unknown seal: {unknown!r}"

    # --- callbacks

    async def told(self, bench: SealBench) -> str:
        """An application that waits; its reference."""
        reference = self.reference(bench)
        await answered(bench.adapter.apply(bench.application(reference)), "apply")
        return reference

    def check_notice(self, bench: SealBench, about: str, notice: Notice) -> None:  # noqa: ARG002
        """The reference."""
        assert isinstance(notice, SealNotice), f"a callback about a seal job was opened as {notice!r}"
        assert notice.reference == about, f"the callback tells of {notice.reference}, it is about {about}"
