"""The conformance suite of the port ``OfficerMessages``."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from gateway.ports.base import Notice
from gateway.ports.notice import (
    DeliveredNotice,
    OfficerKey,
    OfficerMessages,
    ReadNotice,
    RecallRequest,
    SendRequest,
    SentMessage,
)
from gateway.testing.bench import Bench
from gateway.testing.conformance import (
    CallbackConformance,
    EffectConformance,
    Trial,
    answered,
    declared,
    fails,
    not_declared,
    noticed,
    ready,
)
from gateway.words.errors import RejectedError


class NoticeBench(Bench):
    """An adapter of a messenger at work. ``callback`` and ``acknowledged`` are about references of messages.

    ``certificate`` and ``phone`` belong to one active user, ``user_id``; nobody has ``unknown_certificate``, and
    ``unknown_user_id`` is no user. ``left`` is the certificate of somebody whom messages no longer reach, None where
    the messenger forgets such users.
    """

    adapter: OfficerMessages
    certificate: str
    phone: str
    user_id: str
    unknown_certificate: str
    unknown_user_id: str
    left: str | None

    @abstractmethod
    def message(self, reference: str) -> SendRequest:
        """A message to ``user_id``."""

    @abstractmethod
    async def deliver(self, reference: str) -> None:
        """Let the messenger deliver a message, if it has not yet."""

    @abstractmethod
    async def read(self, reference: str) -> None:
        """Let the user read a message."""


class NoticeConformance(EffectConformance, CallbackConformance):
    """What every adapter of a messenger 政务即时通信 promises."""

    methods: ClassVar[tuple[str, ...]] = ("send", "find", "recall", "resolve_user")
    effects: ClassVar[tuple[str, ...]] = ("send", "recall")
    bound_effects: ClassVar[tuple[str, ...]] = ("send",)
    primary: ClassVar[str] = "send"

    async def trial(self, bench: NoticeBench, method: str) -> Trial:
        """One call of a port method, ready to be made."""
        adapter, reference = bench.adapter, self.reference(bench)
        if method == "resolve_user":
            return Trial(method, lambda: adapter.resolve_user(OfficerKey(certificate=bench.certificate)))
        request = bench.message(reference)
        if method == "send":
            other = request.model_copy(update={"link": "https://case.example/another"})

            async def recover() -> SentMessage | None:
                return ready(await adapter.find(reference), "find")

            return Trial(method, lambda: adapter.send(request), reference, lambda: adapter.send(other), recover)
        await answered(adapter.send(request), "send")
        if method == "find":
            return Trial(method, lambda: adapter.find(reference))
        recall = RecallRequest(reference=self.reference(bench), message=reference, reason="事项已办结")

        async def recalled() -> bool:
            found = ready(await adapter.find(reference), "find")
            return found is not None and found.state == "recalled"

        return Trial(method, lambda: adapter.recall(recall), recall.reference, recover=recalled)

    def facts(self, answer: SentMessage) -> Any:
        """Which message for whom: it may have been delivered between two answers."""
        return answer.reference, answer.message_id, answer.user_id, answer.recall

    # --- messages

    async def test_a_message_is_delivered_read_and_found_under_our_reference(self, bench: NoticeBench) -> None:
        declared(bench, "find")
        request = bench.message(self.reference(bench))
        sent = await answered(bench.adapter.send(request), "send")
        assert sent.state in ("held", "sent", "delivered"), f"send: the message is {sent.state}"
        await bench.deliver(request.reference)
        delivered = await self._found(bench, request.reference, "delivered")
        await bench.read(request.reference)
        read = await self._found(bench, request.reference, "read")
        for found in (delivered, read):
            assert (found.message_id, found.user_id) == (sent.message_id, bench.user_id), f"find: {found!r}"
        assert delivered.delivered_at, "a message that was delivered does not say when"
        assert read.read_at, "a message that was read does not say when"

    async def _found(self, bench: NoticeBench, reference: str, state: str) -> SentMessage:
        found = await answered(bench.adapter.find(reference), f"find of a message that was {state}")
        assert found is not None, f"find of a message that was {state}: nothing"
        assert found.state == state, f"find of a message that was {state}: it is {found.state}"
        return found

    async def test_find_invents_nothing(self, bench: NoticeBench) -> None:
        declared(bench, "find")
        found = await answered(bench.adapter.find(self.reference(bench)), "find of a reference never used")
        assert found is None, f"find of a reference never used: {found!r}"

    async def test_a_recalled_message_may_be_recalled_again(self, bench: NoticeBench) -> None:
        declared(bench, "recall", "find")
        request = bench.message(self.reference(bench))
        await answered(bench.adapter.send(request), "send")
        first = self.reference(bench)
        for reference in (first, self.reference(bench)):
            recall = RecallRequest(reference=reference, message=request.reference, reason="事项已办结")
            done = await answered(bench.adapter.recall(recall), "recall")
            assert (done.reference, done.state) == (request.reference, "recalled"), f"recall: {done!r}"
            assert done.recall == first, f"recall: it was recalled under {first}, the answer says {done.recall}"
        await self._found(bench, request.reference, "recalled")

    async def test_a_message_that_was_read_is_not_recalled(self, bench: NoticeBench) -> None:
        declared(bench, "recall", "find")
        request = bench.message(self.reference(bench))
        await answered(bench.adapter.send(request), "send")
        await bench.deliver(request.reference)
        await bench.read(request.reference)
        recall = RecallRequest(reference=self.reference(bench), message=request.reference, reason="事项已办结")
        await fails(bench.adapter.recall(recall), RejectedError, "recall of a message that was read")
        await self._found(bench, request.reference, "read")

    async def test_nobody_gets_a_message_for_somebody_else(self, bench: NoticeBench) -> None:
        request = bench.message(self.reference(bench)).model_copy(update={"user_id": bench.unknown_user_id})
        await fails(bench.adapter.send(request), RejectedError, "send to a user who does not exist")
        count = await bench.effects(request.reference)
        assert count == 0, f"send to a user who does not exist: {count} effects"

    async def test_a_message_in_words_that_the_messenger_lacks_is_refused(self, bench: NoticeBench) -> None:
        request = bench.message(self.reference(bench)).model_copy(update={"template": "no_such_template"})
        await fails(bench.adapter.send(request), RejectedError, "send with an unknown template")
        count = await bench.effects(request.reference)
        assert count == 0, f"send with an unknown template: {count} effects"

    async def test_an_answer_about_another_message_is_noticed(self, bench: NoticeBench) -> None:
        request = bench.message(self.reference(bench))
        await bench.fault("wrong_code", "send")

        def ours(answer: SentMessage) -> bool:
            return (answer.reference, answer.user_id) == (request.reference, request.user_id)

        await noticed(lambda: bench.adapter.send(request), ours, "send, answered with another message")

    async def test_a_state_that_no_table_has_is_never_taken_for_one(self, bench: NoticeBench) -> None:
        declared(bench, "find")
        request = bench.message(self.reference(bench))
        await answered(bench.adapter.send(request), "send")
        await bench.fault("unknown_status", "find")
        await noticed(lambda: bench.adapter.find(request.reference), lambda _: True, "find, answered by an odd state")

    # --- users

    async def test_an_officer_is_one_user_by_certificate_and_by_phone(self, bench: NoticeBench) -> None:
        declared(bench, "resolve_user")
        for key in (OfficerKey(certificate=bench.certificate), OfficerKey(phone=bench.phone)):
            by = "phone" if key.certificate is None else "certificate"
            found = await answered(bench.adapter.resolve_user(key), f"resolve_user by {by}")
            assert found is not None, f"resolve_user by {by}: nobody"
            assert (found.user_id, found.active) == (bench.user_id, True), f"resolve_user by {by}: {found!r}"

    async def test_an_unknown_officer_is_nobody(self, bench: NoticeBench) -> None:
        declared(bench, "resolve_user")
        key = OfficerKey(certificate=bench.unknown_certificate)
        found = await answered(bench.adapter.resolve_user(key), "resolve_user of an unknown certificate")
        assert found is None, f"resolve_user of an unknown certificate: {found!r}"

    async def test_who_has_left_is_not_active(self, bench: NoticeBench) -> None:
        declared(bench, "resolve_user")
        if bench.left is None:
            not_declared("the messenger forgets who has left")
        found = await answered(bench.adapter.resolve_user(OfficerKey(certificate=bench.left)), "resolve_user")
        assert found is None or not found.active, "resolve_user of somebody who left: messages are said to reach them"

    async def test_an_answer_about_another_officer_is_noticed(self, bench: NoticeBench) -> None:
        """The port's recipient does not say who was asked about, so the adapter is the last who can notice."""
        declared(bench, "resolve_user")
        await bench.fault("wrong_code", "resolve_user")
        key = OfficerKey(certificate=bench.certificate)
        when = "resolve_user, answered with another officer"
        await noticed(lambda: bench.adapter.resolve_user(key), lambda _: True, when)

    # --- callbacks

    async def told(self, bench: NoticeBench) -> str:
        """A message that waits to be read; its reference."""
        request = bench.message(self.reference(bench))
        await answered(bench.adapter.send(request), "send")
        return request.reference

    def check_notice(self, bench: NoticeBench, about: str, notice: Notice) -> None:
        """The reference, and when."""
        assert isinstance(notice, DeliveredNotice | ReadNotice), f"a callback about a message was opened as {notice!r}"
        assert notice.reference == about, f"the callback tells of {notice.reference}, it is about {about}"
        far = abs((bench.clock.now() - notice.at).total_seconds())
        assert far < 3600, f"the callback tells of {notice.at}, which is {far:.0f} s from now"

    async def test_delivered_and_read_are_told_apart(self, bench: NoticeBench) -> None:
        declared(bench, "open_callback")
        about = await self.told(bench)
        opened = await answered(bench.adapter.open_callback(await bench.callback("new", about)), "opening a callback")
        assert isinstance(opened.notice, ReadNotice), f"a message was read, and the callback says {opened.notice!r}"
