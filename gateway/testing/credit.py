"""The conformance suite of the port ``DisclosureTarget``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from gateway.ports.base import Notice
from gateway.ports.credit import (
    CorrectRequest,
    DisclosureKey,
    DisclosureRecord,
    DisclosureTarget,
    MarkName,
    MarkRequest,
    RepairRequest,
    Shown,
    Submission,
    SubmissionState,
    SubmitRequest,
    VerdictNotice,
    WithdrawRequest,
    named,
)
from gateway.rooms.disclosures.questions import check
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
from gateway.words.errors import RejectedError
from gateway.words.masking import Public

_SLIP = Public("处罚内容笔误")
_REVOKED = Public("该行政处罚决定已被撤销")
_OBJECTED = Public("当事人对公示内容提出异议")
Request = SubmitRequest | CorrectRequest | WithdrawRequest | RepairRequest | MarkRequest


class DisclosureBench(Bench):
    """A disclosure adapter at work. ``callback`` and ``acknowledged`` are about references of submissions."""

    adapter: DisclosureTarget

    @abstractmethod
    def record(self) -> DisclosureRecord:
        """A decision about a natural person that the target publishes, with an ID number; another each time."""

    @abstractmethod
    async def decide(self, reference: str) -> None:
        """Let the target accept what was submitted under a reference, if it has not yet."""


class DisclosureConformance(EffectConformance, CallbackConformance):
    """What every adapter of Credit China 信用中国 or a disclosure portal 公示平台 promises."""

    methods: ClassVar[tuple[str, ...]] = ("submit", "find", "correct", "withdraw", "repair", "mark", "read_back")
    effects: ClassVar[tuple[str, ...]] = ("submit", "correct", "withdraw", "repair", "mark")
    bound_effects: ClassVar[tuple[str, ...]] = ("submit", "correct", "withdraw", "repair", "mark")
    primary: ClassVar[str] = "submit"

    async def trial(self, bench: DisclosureBench, method: str) -> Trial:
        """One call of a port method, ready to be made."""
        adapter, record, reference = bench.adapter, bench.record(), self.reference(bench)
        key = _key(record)
        if method == "submit":
            return self._effect(bench, method, SubmitRequest(reference=reference, record=record))
        await self._published(bench, record)
        corrected = record.model_copy(update={"content": f"{record.content}(更正)"})
        requests: dict[str, Request] = {
            "correct": CorrectRequest(reference=reference, record=corrected, reason=_SLIP),
            "withdraw": WithdrawRequest(reference=reference, key=key, reason=_REVOKED),
            "repair": RepairRequest(reference=reference, key=key, repair_number="安信修〔2026〕3号"),
            "mark": MarkRequest(reference=reference, key=key, mark="objection", reason=_OBJECTED),
        }
        if method in requests:
            return self._effect(bench, method, requests[method])
        if method == "find":
            request = SubmitRequest(reference=reference, record=bench.record())
            await answered(adapter.submit(request), "submit")
            return Trial(method, lambda: adapter.find(reference))
        return Trial(method, lambda: adapter.read_back(key))

    def _effect(self, bench: DisclosureBench, method: str, request: Request) -> Trial:
        """An effect, the same reference for something else, and how to ask about it."""
        call: Callable[[Request], Awaitable[Submission]] = getattr(bench.adapter, method)
        field, value = "reason", "另一事由"
        if isinstance(request, SubmitRequest | CorrectRequest):
            field, value = "record", request.record.model_copy(update={"content": f"{request.record.content}另"})  # type: ignore[assignment]
        elif isinstance(request, RepairRequest):
            field, value = "repair_number", "安信修〔2026〕4号"
        other = request.model_copy(update={field: value})

        async def recover() -> Submission | None:
            found = ready(await bench.adapter.find(request.reference), "find")
            if found is not None:
                check(request, found)
            return found

        return Trial(method, lambda: call(request), request.reference, lambda: call(other), recover)

    async def _published(self, bench: DisclosureBench, record: DisclosureRecord) -> None:
        submission = await answered(
            bench.adapter.submit(SubmitRequest(reference=self.reference(bench), record=record)), "submit"
        )
        await self._accepted(bench, submission, "submit")

    async def _accepted(self, bench: DisclosureBench, submission: Submission, when: str) -> None:
        """Hold a submission to be accepted, once the target has decided."""
        if submission.state is SubmissionState.PENDING:
            await bench.decide(submission.reference)
            await bench.advance(bench.adapter.info.find.settle_seconds)
            found = await answered(bench.adapter.find(submission.reference), f"find after {when}")
            assert found is not None, f"find after {when}: nothing"
            submission = found
        assert submission.state is SubmissionState.ACCEPTED, f"{when}: {submission.state}, {submission.field_errors}"

    # --- what is shown

    async def test_what_is_accepted_is_shown_and_nothing_before(self, bench: DisclosureBench) -> None:
        declared(bench, "read_back")
        record = bench.record()
        nothing = await answered(bench.adapter.read_back(_key(record)), "read_back before anything was submitted")
        assert nothing is None, f"read_back before anything was submitted: {nothing!r}"
        await self._published(bench, record)
        shown = await answered(bench.adapter.read_back(_key(record)), "read_back")
        assert shown is not None, "read_back of what was accepted: nothing"
        assert (shown.state, shown.content) == ("published", record.content), f"read_back: {shown!r}"
        assert shown.key == _key(record), f"read_back: another key, {shown.key!r}"

    async def test_a_correction_replaces_what_is_shown(self, bench: DisclosureBench) -> None:
        declared(bench, "correct", "read_back")
        record = bench.record()
        await self._published(bench, record)
        corrected = record.model_copy(update={"content": f"{record.content}(更正)"})
        ask = CorrectRequest(reference=self.reference(bench), record=corrected, reason=_SLIP)
        await self._accepted(bench, await answered(bench.adapter.correct(ask), "correct"), "correct")
        shown = await answered(bench.adapter.read_back(_key(record)), "read_back")
        assert shown is not None, "read_back after a correction: nothing"
        assert shown.content == corrected.content, f"read_back after a correction: {shown.content!r}"

    async def test_a_withdrawal_takes_it_back_and_may_be_repeated(self, bench: DisclosureBench) -> None:
        declared(bench, "withdraw", "read_back")
        record = bench.record()
        await self._published(bench, record)
        for when in ("withdraw", "withdraw of what is withdrawn"):
            ask = WithdrawRequest(reference=self.reference(bench), key=_key(record), reason=_REVOKED)
            await self._accepted(bench, await answered(bench.adapter.withdraw(ask), when), when)
        shown = await answered(bench.adapter.read_back(_key(record)), "read_back")
        state = shown and shown.state
        assert state in (None, "withdrawn"), f"read_back after a withdrawal: {state}"

    async def test_a_repair_ends_the_publication(self, bench: DisclosureBench) -> None:
        declared(bench, "repair", "read_back")
        record = bench.record()
        await self._published(bench, record)
        ask = RepairRequest(reference=self.reference(bench), key=_key(record), repair_number="安信修〔2026〕3号")
        await self._accepted(bench, await answered(bench.adapter.repair(ask), "repair"), "repair")
        shown = await answered(bench.adapter.read_back(_key(record)), "read_back")
        state = shown and shown.state
        assert state in (None, "repaired", "ended"), f"read_back after a repair: {state}"

    async def test_a_mark_is_shown_until_it_is_lifted_and_what_is_shielded_is_not(self, bench: DisclosureBench) -> None:
        declared(bench, "mark", "read_back")
        record = bench.record()
        await self._published(bench, record)

        async def marked(mark: MarkName, *, lifted: bool = False) -> Shown | None:
            ask = MarkRequest(
                reference=self.reference(bench), key=_key(record), mark=mark, lifted=lifted, reason=_OBJECTED
            )
            when = f"mark {mark}{', lifted' if lifted else ''}"
            await self._accepted(bench, await answered(bench.adapter.mark(ask), when), when)
            return await answered(bench.adapter.read_back(_key(record)), f"read_back after {when}")

        for mark in ("objection", "under_appeal"):
            for lifted in (False, False, True, True):
                shown = await marked(mark, lifted=lifted)
                assert shown is not None, f"read_back of what is marked {mark}: nothing"
                assert shown.state == "published", f"read_back of what is marked {mark}: {shown.state}"
                told = getattr(shown, mark)
                assert told in (None, not lifted), f"read_back, mark {mark} lifted={lifted}: {told}"
        hidden = await marked("shielded")
        state = hidden and hidden.state
        assert state in (None, "shielded"), f"read_back of what is shielded: {state}"
        again = await marked("shielded", lifted=True)
        assert again is not None, "read_back of what is shielded no more: nothing"
        assert again.state == "published", f"read_back of what is shielded no more: {again.state}"

    async def test_what_was_never_published_is_not_withdrawn(self, bench: DisclosureBench) -> None:
        declared(bench, "withdraw")
        ask = WithdrawRequest(reference=self.reference(bench), key=_key(bench.record()), reason=_REVOKED)
        when = "withdraw of what was never published"
        try:
            answer = ready(await bench.adapter.withdraw(ask), when)
        except RejectedError:
            return
        await bench.decide(ask.reference)
        found = await answered(bench.adapter.find(ask.reference), f"find after {when}")
        state = (found or answer).state
        assert state is SubmissionState.REJECTED, f"{when}: {state}"

    # --- answers

    async def test_find_invents_nothing(self, bench: DisclosureBench) -> None:
        declared(bench, "find")
        found = await answered(bench.adapter.find(self.reference(bench)), "find of a reference never used")
        assert found is None, f"find of a reference never used: {found!r}"

    async def test_a_status_no_table_has_is_no_verdict(self, bench: DisclosureBench) -> None:
        declared(bench, "find")
        trial = await self.trial(bench, "find")
        await bench.fault("unknown_status", "find")
        await noticed(
            trial.call,
            lambda answer: answer is None or answer.state is not SubmissionState.PENDING,
            "find, answered with a status no table has",
        )

    async def test_an_answer_about_another_submission_is_noticed(self, bench: DisclosureBench) -> None:
        declared(bench, "find")
        record, reference = bench.record(), self.reference(bench)
        request = SubmitRequest(reference=reference, record=record)
        await answered(bench.adapter.submit(request), "submit")
        await bench.fault("wrong_code", "find")

        def in_order(answer: Submission | None) -> bool:
            if answer is not None:
                check(request, answer)
            return True

        await noticed(lambda: bench.adapter.find(reference), in_order, "find, answered with another submission")

    async def test_an_entry_about_another_decision_is_not_ours(self, bench: DisclosureBench) -> None:
        declared(bench, "read_back")
        record = bench.record()
        await self._published(bench, record)
        await bench.fault("wrong_code", "read_back")
        await noticed(
            lambda: bench.adapter.read_back(_key(record)),
            lambda shown: shown is not None and shown.key == _key(record),
            "read_back, answered with another decision's entry",
        )

    async def test_names_outside_the_wires_character_set_are_refused_before_sending(
        self, bench: DisclosureBench
    ) -> None:
        record = bench.record()

        async def submit(name: str) -> Any:
            party = record.party.model_copy(update={"name": named(name)})
            changed = record.model_copy(update={"party": party})
            return await bench.adapter.submit(SubmitRequest(reference=self.reference(bench), record=changed))

        await self.check_names(bench, submit, "party name")

    # --- callbacks

    async def told(self, bench: DisclosureBench) -> str:
        """A submission that waits for its verdict; its reference."""
        reference = self.reference(bench)
        await answered(bench.adapter.submit(SubmitRequest(reference=reference, record=bench.record())), "submit")
        return reference

    def check_notice(self, bench: DisclosureBench, about: str, notice: Notice) -> None:  # noqa: ARG002
        """The reference."""
        assert isinstance(notice, VerdictNotice), f"a callback about a verdict was opened as {notice!r}"
        assert notice.reference == about, f"the callback tells of {notice.reference}, it is about {about}"


def _key(record: DisclosureRecord) -> DisclosureKey:
    return DisclosureKey(
        decision_number=record.decision_number, authority_code=record.authority_code, party_name=record.party.name
    )
