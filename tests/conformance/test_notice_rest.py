"""``notice.rest`` against the simulated messenger over a socket: what the kit does not know of this contract."""

from __future__ import annotations

from datetime import timedelta

import pytest
from benches import RestMessengerBench

from gateway.ports.notice import OfficerKey, OfficerMessages, RecallRequest, SendRequest
from gateway.testing.simulated import START
from gateway.words.errors import ContractError, DeniedError, OutcomeUnknownError, RejectedError

REFERENCE = "01K6QH3V7N2M8RXT4A5B6C7D8E"


@pytest.fixture
async def opened(simulators):
    """Makes benches, each an adapter with its own settings."""
    made = []

    def make(**settings) -> RestMessengerBench:
        made.append(RestMessengerBench(simulators, **settings))
        return made[-1]

    yield make
    for bench in made:
        await bench.close()


def recall_of(reference: str) -> RecallRequest:
    return RecallRequest(reference="01K6QH3V7N2M8RXT4A5B6C7D9F", message=reference, reason="当事人已缴款")


async def test_a_token_that_ended_is_fetched_anew_and_the_message_is_sent_once(opened, simulators):
    bench = opened()
    assert isinstance(bench.adapter, OfficerMessages)
    await bench.adapter.resolve_user(OfficerKey(phone=bench.phone))
    await simulators.aask("POST", "/clock", {"advance_seconds": 7300})  # the messenger's clock alone
    assert (await bench.adapter.send(bench.message(REFERENCE))).state == "sent"
    assert simulators.effects("notice") == {"send": {REFERENCE: 1}}
    asked = [one.action for one in bench.exchanges]
    assert asked == ["token", "resolve_user", "send", "token", "send"]


@pytest.mark.parametrize("kind", ["more_elements", "empty_optionals", "other_order"])
async def test_a_messenger_that_speaks_a_little_differently_is_understood(opened, simulators, kind):
    bench = opened()
    simulators.faults({"system": "notice", "kind": kind, "times": 0})
    assert (await bench.adapter.resolve_user(OfficerKey(phone=bench.phone))).active
    assert (await bench.adapter.send(bench.message(REFERENCE))).state == "sent"
    assert (await bench.adapter.find(REFERENCE)).state == "sent"
    assert await bench.adapter.find("C" * 26) is None
    assert (await bench.adapter.recall(recall_of(REFERENCE))).state == "recalled"


@pytest.mark.parametrize("wrong", [{"secret": "somebody-elses-secret"}, {"app_key": "WN000000"}])
async def test_wrong_credentials_are_a_denial(opened, wrong):
    bench = opened(**wrong)
    for question in (bench.adapter.check(), bench.adapter.send(bench.message(REFERENCE))):
        with pytest.raises(DeniedError):
            await question


async def test_in_quiet_hours_a_message_is_held_and_may_be_recalled_before_it_is_delivered(opened, simulators):
    bench = opened()
    await simulators.aask("POST", "/notice/settings", {"deliver": True, "quiet": "09:00-12:00"})
    held = await bench.adapter.send(bench.message(REFERENCE))
    assert held.state == "held"
    assert (held.held_until - START) == timedelta(hours=1, minutes=30)
    assert (await bench.adapter.send(bench.message("B" * 26))).state == "held"
    assert (await bench.adapter.recall(recall_of(REFERENCE))).state == "recalled"
    await bench.advance(2 * 3600)
    assert (await bench.adapter.find("B" * 26)).state == "delivered"
    assert (await bench.adapter.find(REFERENCE)).delivered_at is None


async def test_a_messenger_may_number_its_templates_otherwise(opened):
    bench = opened(templates={"payment_overdue": "T9999"})
    with pytest.raises(RejectedError, match="模板不存在") as refused:
        await bench.adapter.send(bench.message(REFERENCE))
    assert refused.value.code == "N1405"


async def test_a_word_without_a_template_is_refused_before_anything_is_sent(opened):
    bench = opened()
    with pytest.raises(RejectedError, match="no_such_word"):
        await bench.adapter.send(bench.message(REFERENCE).model_copy(update={"template": "no_such_word"}))
    assert bench.exchanges == []


async def test_places_that_are_not_filled_exactly_are_a_refusal(opened):
    bench = opened()
    for parameters in ({}, {"number": "1", "party": "2"}):
        request = bench.message(REFERENCE).model_copy(update={"parameters": parameters})
        with pytest.raises(RejectedError, match="模板参数"):
            await bench.adapter.send(request)


async def test_a_message_that_went_to_somebody_else_is_noticed(opened):
    bench = opened()
    await bench.fault("wrong_user", "send")
    with pytest.raises(ContractError, match="another user"):
        await bench.adapter.send(bench.message(REFERENCE))


async def test_a_message_that_cannot_be_delivered_says_why(opened):
    bench = opened()
    await bench.fault("delivery_fails", "send")
    failed = await bench.adapter.send(bench.message(REFERENCE))
    assert (failed.state, failed.reason) == ("failed", "接收人设备不可达")
    with pytest.raises(RejectedError, match="不能撤回"):
        await bench.adapter.recall(recall_of(REFERENCE))


async def test_a_message_that_never_arrives_stays_sent(opened, simulators):
    bench = opened()
    await simulators.aask("POST", "/notice/settings", {"deliver": True})
    await bench.fault("never_delivered", "send")
    assert (await bench.adapter.send(bench.message(REFERENCE))).state == "sent"
    assert (await bench.adapter.find(REFERENCE)).state == "sent"


async def test_a_recall_of_what_was_never_sent_is_no_recall(opened):
    with pytest.raises(OutcomeUnknownError):
        await opened().adapter.recall(recall_of(REFERENCE))


async def test_who_left_gets_nothing(opened, simulators):
    bench = opened()
    await simulators.aask("POST", "/notice/user", {"userId": bench.user_id, "active": False})
    assert not (await bench.adapter.resolve_user(OfficerKey(certificate=bench.certificate))).active
    with pytest.raises(RejectedError, match="停用"):
        await bench.adapter.send(bench.message(REFERENCE))


@pytest.mark.parametrize("keys", [{}, {"certificate": "1", "phone": "13900001111"}])
def test_an_officer_is_asked_about_by_one_key(keys):
    with pytest.raises(ValueError, match="by certificate number or by phone"):
        OfficerKey(**keys)


@pytest.mark.parametrize("link", ["javascript:alert(1)", "https://a b", "ftp://case.example"])
def test_a_link_is_an_address_of_the_web(link):
    with pytest.raises(ValueError, match="link"):
        SendRequest(reference=REFERENCE, user_id="u", template="digest", link=link)
