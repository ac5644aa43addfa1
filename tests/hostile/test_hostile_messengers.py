"""Adapters of a messenger that break one promise each: the conformance kit fails every one of them, and says why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from benches import RestMessengerBench
from broken_adapters import Broken, Case, failed_by_the_kit

from gateway.adapters.notice.rest import RestMessenger
from gateway.foundation.wire.signing import Authenticated
from gateway.ports.base import Incoming, OpenedCallback
from gateway.ports.notice import DeliveredNotice, OfficerKey, RecallRequest, Recipient, SendRequest, SentMessage
from gateway.testing.conformance import CallbackConformance, EffectConformance
from gateway.testing.notice import NoticeConformance
from gateway.words.errors import (
    BusyError,
    ContractError,
    NotSentError,
    OutcomeUnknownError,
    RejectedError,
)
from simulators.testing import Simulation

CASES = Broken()
breaks = CASES.breaks


def sent(request: SendRequest, **changes: Any) -> SentMessage:
    """An answer that nobody gave."""
    made = {"reference": request.reference, "message_id": "M1", "user_id": request.user_id, "state": "sent"}
    return SentMessage.model_validate(made | changes)


@breaks("an_effect_without_an_answer_is_doubt_and_asking_recovers_it", "send", words="the adapter answered SentMess")
@breaks("a_broken_answer_is_doubt_and_never_an_answer", "send", words="error_500.*but the adapter answered SentMess")
@breaks("an_unknown_code_is_never_final", "send", words="unknown code N0999.*but the adapter answered SentMessage")
class TakesDoubtForSuccess(RestMessenger):
    """It will have arrived."""

    async def send(self, request: SendRequest) -> SentMessage:
        try:
            return await super().send(request)
        except OutcomeUnknownError:
            return sent(request)


@breaks("a_broken_answer_is_doubt_and_never_an_answer", "send", words="sent again by itself: token, send, send")
@breaks("busy_has_no_effect_and_carries_its_delay", "send", words="busy: the adapter sent again by itself")
class SendsAgainByItself(RestMessenger):
    """An officer who is told twice is told well."""

    async def send(self, request: SendRequest) -> SentMessage:
        try:
            return await super().send(request)
        except (OutcomeUnknownError, BusyError):
            return await super().send(request)


@breaks("silence_is_doubt", words="silence: expected OutcomeUnknownError, got NotSentError")
@breaks("an_effect_without_an_answer_is_doubt_and_asking_recovers_it", "recall", words="no answer: .*got NotSentError")
class CallsATimeoutNotSent(RestMessenger):
    """Would have the message sent once more."""

    async def send(self, request: SendRequest) -> SentMessage:
        try:
            return await super().send(request)
        except OutcomeUnknownError as error:
            raise NotSentError(str(error)) from error

    async def recall(self, request: RecallRequest) -> SentMessage:
        try:
            return await super().recall(request)
        except OutcomeUnknownError as error:
            raise NotSentError(str(error)) from error


@breaks("the_same_reference_for_something_else_is_refused", "send", words="something else: .*answered SentMessage")
@breaks("nobody_gets_a_message_for_somebody_else", words="a user who does not exist: .*answered SentMessage")
@breaks("a_message_in_words_that_the_messenger_lacks_is_refused", words="unknown template: .*answered SentMessage")
class SwallowsRefusals(RestMessenger):
    """No officer has ever complained."""

    async def send(self, request: SendRequest) -> SentMessage:
        try:
            return await super().send(request)
        except RejectedError:
            return sent(request)


@breaks("the_same_reference_has_one_effect_and_one_result", "send", words="the same reference gave .*then")
class ForgetsItsMessages(RestMessenger):
    """Each answer has a number of its own."""

    count = 0

    async def send(self, request: SendRequest) -> SentMessage:
        self.count += 1
        return (await super().send(request)).model_copy(update={"message_id": f"M{self.count}"})


@breaks("an_answer_about_another_message_is_noticed", words="answered with another message: neither")
@breaks("an_answer_about_another_officer_is_noticed", words="answered with another officer: neither")
class TakesAnotherAnswer(RestMessenger):
    """One officer is like another."""

    async def send(self, request: SendRequest) -> SentMessage:
        try:
            return await super().send(request)
        except ContractError:
            return sent(request)

    async def resolve_user(self, officer: OfficerKey) -> Recipient | None:
        try:
            return await super().resolve_user(officer)
        except ContractError:
            return Recipient(user_id="u-somebody-else", active=True)


@breaks("a_state_that_no_table_has_is_never_taken_for_one", words="by an odd state: neither")
@breaks("find_invents_nothing", words="a reference never used: SentMessage")
@breaks("silence_is_doubt", words="found .*though nothing had happened")
class FindsEverything(RestMessenger):
    """Whatever it is, it is there."""

    async def find(self, reference: str) -> SentMessage | None:
        try:
            found = await super().find(reference)
        except ContractError:
            found = None
        return found or SentMessage(reference=reference, message_id="M1", user_id="u", state="delivered")


@breaks("a_message_is_delivered_read_and_found_under_our_reference", words="a message that was read: it is delivered")
@breaks("a_message_that_was_read_is_not_recalled", words="find of a message that was read: it is delivered")
class NeverSeesThatItWasRead(RestMessenger):
    """Delivered is enough."""

    async def find(self, reference: str) -> SentMessage | None:
        found = await super().find(reference)
        return found and found.model_copy(
            update={"state": "delivered" if found.state == "read" else found.state, "read_at": None}
        )


@breaks("a_message_is_delivered_read_and_found_under_our_reference", words="does not say when")
class LosesTheHours(RestMessenger):
    """Some time ago."""

    async def find(self, reference: str) -> SentMessage | None:
        found = await super().find(reference)
        return found and found.model_copy(update={"delivered_at": None, "read_at": None})


@breaks("a_message_that_was_read_is_not_recalled", words="that was read: expected RejectedError, but")
@breaks("a_recalled_message_may_be_recalled_again", words="it was recalled under .*the answer says")
class RecallsEverything(RestMessenger):
    """Gone is gone, whoever has read it."""

    async def recall(self, request: RecallRequest) -> SentMessage:
        try:
            found = await super().recall(request)
        except RejectedError:
            found = SentMessage(reference=request.message, message_id="M1", user_id="u", state="recalled")
        return found.model_copy(update={"recall": request.reference})


@breaks("a_recalled_message_may_be_recalled_again", words="find of a message that was recalled: it is sent")
class DoesNotRecall(RestMessenger):
    """Says so, and the message stays."""

    first: str | None = None

    async def recall(self, request: RecallRequest) -> SentMessage:
        self.first = self.first or request.reference
        return SentMessage(reference=request.message, message_id="M1", user_id="u", state="recalled", recall=self.first)


@breaks("an_officer_is_one_user_by_certificate_and_by_phone", words="resolve_user by phone: nobody")
class KnowsCertificatesOnly(RestMessenger):
    """Who has a phone?"""

    async def resolve_user(self, officer: OfficerKey) -> Recipient | None:
        return None if officer.phone is not None else await super().resolve_user(officer)


@breaks("an_unknown_officer_is_nobody", words="unknown certificate: Recipient")
@breaks("who_has_left_is_not_active", words="somebody who left: messages are said to reach them")
class KnowsEverybody(RestMessenger):
    """Never says no."""

    async def resolve_user(self, officer: OfficerKey) -> Recipient | None:
        found = await super().resolve_user(officer)
        return Recipient(user_id=found.user_id if found else "u-990102-0118", active=True)


@breaks("a_forged_callback_is_refused", words="expected ForgedCallbackError, but the adapter answered OpenedCallback")
@breaks("an_altered_callback_is_refused", words="whose digit at .* was altered: expected")
@breaks("a_stale_callback_is_refused", words="played back too late: expected ForgedCallbackError")
class BelievesEveryCallback(RestMessenger):
    """A stranger, taken at his word."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._signer = self  # type: ignore[assignment]

    def verify(self, headers: Any, body: bytes) -> Authenticated:
        return Authenticated("anybody", datetime.now(UTC), headers.get("x-nonce", "none"))


@breaks("delivered_and_read_are_told_apart", words="was read, and the callback says DeliveredNotice")
class CallsEverythingDelivered(RestMessenger):
    """It arrived, did it not?"""

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        opened = await super().open_callback(incoming)
        return replace(opened, notice=DeliveredNotice(reference=opened.notice.reference, at=opened.notice.at))  # type: ignore[attr-defined]


@breaks("a_callback_is_opened_without_network", words="which is 864.* s from now")
class ReadsTheWrongClock(RestMessenger):
    """Yesterday is near enough."""

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        opened = await super().open_callback(incoming)
        told = opened.notice.model_copy(update={"at": opened.notice.at - timedelta(days=1)})  # type: ignore[attr-defined]
        return replace(opened, notice=told)


def test_every_promise_of_this_port_has_an_adapter_that_breaks_it() -> None:
    """A test of the kit that nothing can fail would promise nothing."""
    shared = set(dir(EffectConformance)) | set(dir(CallbackConformance))
    promises = {name for name in dir(NoticeConformance) if name.startswith("test_")} - shared
    assert promises - {case.promise for case in CASES} == set()


@pytest.mark.parametrize("case", CASES.parameters())
@pytest.mark.cases_by_day(6)
async def test_the_kit_fails_a_broken_adapter_for_the_right_reason(simulators: Simulation, case: Case) -> None:
    await failed_by_the_kit(case, NoticeConformance, RestMessengerBench(simulators, case.adapter))
