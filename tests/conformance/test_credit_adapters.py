"""The adapters of credit platform and portal against their simulators, beyond what the conformance kit asks of any."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from gateway.adapters.credit.creditchina import CreditChina
from gateway.adapters.credit.portal import DisclosurePortal
from gateway.foundation.wire import ChannelWire, Timeouts, WireTerms
from gateway.ports.base import RawExchange
from gateway.ports.credit import (
    DisclosedParty,
    DisclosureKey,
    DisclosureRecord,
    DisclosureTarget,
    RepairRequest,
    Submission,
    SubmissionState,
    SubmitRequest,
    WithdrawRequest,
    named,
    numbered,
)
from gateway.words.clock import Clock, ManualClock, SystemClock, day_of
from gateway.words.errors import BusyError, DeniedError, NotSentError, RejectedError
from simulators.testing import Simulation

FIRM = DisclosedParty(
    category="organisation", name="恒筑建设有限公司", uscc="91990102MA0HD1233R", legal_representative="齐远山"
)
PERSON = DisclosedParty(category="natural_person", name="岑立秋", id_type="身份证", id_number="990102198803121011")
ADAPTERS: dict[str, tuple[type[Any], dict[str, str]]] = {
    "credit": (CreditChina, {"app_key": "app_key", "secret": "app_secret"}),
    "portal": (DisclosurePortal, {"node": "node", "secret": "secret"}),
}

Make = Callable[..., Any]


@pytest.fixture
async def make(simulators: Simulation) -> AsyncIterator[Make]:
    """Makes adapters; ``exchanges`` of each hold what crossed the wire."""
    made: list[Any] = []
    simulators.ask("POST", "/credit/settings", {"verdict_seconds": 0.05})

    def one(system: str, *, clock: Clock | None = None, read: float = 5.0, **settings: Any) -> Any:
        adapter_class, names = ADAPTERS[system]
        known = simulators.credentials(system)
        chosen = {ours: known[theirs] for ours, theirs in names.items()} | settings
        exchanges: list[RawExchange] = []
        clock = clock or SystemClock()
        wire = ChannelWire(
            system,
            simulators.url(system),
            WireTerms(
                exchanges.append,
                timeouts=Timeouts(connect=2.0, read=read, total=read + 2.0),
                sensitive=adapter_class.info.sensitive,
                clock=clock,
            ),
        )
        adapter = adapter_class(adapter_class.Settings(**chosen), wire, clock)
        adapter.exchanges = exchanges
        made.append(adapter)
        return adapter

    yield one
    for adapter in made:
        await adapter.close()


@pytest.fixture(params=list(ADAPTERS))
def system(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def target(make: Make, system: str) -> DisclosureTarget:
    return make(system)


@pytest.fixture
def credit(make: Make) -> CreditChina:
    return make("credit")


@pytest.fixture
def portal(make: Make) -> DisclosurePortal:
    return make("portal")


def reference() -> str:
    return uuid.uuid4().hex.upper()


def disclosed(party: DisclosedParty = FIRM, **changes: Any) -> DisclosureRecord:
    known = {
        "decision_number": "安望综执罚决〔2026〕118号",
        "authority_name": "安澜市望川区综合行政执法局",
        "authority_code": "11990102002100216D",
        "source_name": "安澜市信用信息中心",
        "source_code": "119901000031003146",
        "party": party,
        "violation": "擅自占道经营",
        "facts": "占用人行道摆放货架经营。",
        "basis": "《安澜市市容管理条例》第二十一条",
        "penalty_kinds": ("罚款",),
        "content": "罚款人民币5000元",
        "fine": 500_000,
        "decided_on": date(2026, 9, 14),
        "valid_until": date(2026, 9, 29),
        "publish_until": date(2096, 9, 14),
        "full_text": "安澜市望川区综合行政执法局行政处罚决定书……",
    }
    return DisclosureRecord.model_validate(known | changes)


def key_of(record: DisclosureRecord) -> DisclosureKey:
    return DisclosureKey(
        decision_number=record.decision_number,
        authority_code=record.authority_code,
        party_name=record.party.name,
    )


async def decided(target: DisclosureTarget, submission: Submission) -> Submission:
    """The verdict on a submission, asked for until it is there."""
    async with asyncio.timeout(60):
        while submission.state is SubmissionState.PENDING:
            await asyncio.sleep(0.05)
            found = await target.find(submission.reference)
            assert found is not None
            submission = found
    return submission


async def publish(target: DisclosureTarget, record: DisclosureRecord) -> Submission:
    ask = SubmitRequest(reference=reference(), record=record)
    return await decided(target, await target.submit(ask))


# --- both -----------------------------------------------------------------------------------------------------------


async def test_what_was_submitted_is_accepted_and_shown(target):
    record = disclosed()
    assert await target.read_back(key_of(record)) is None
    assert (await publish(target, record)).state is SubmissionState.ACCEPTED
    shown = await target.read_back(key_of(record))
    assert shown is not None
    assert (shown.state, shown.content) == ("published", record.content)
    async with httpx.AsyncClient(trust_env=False) as people:
        page = await people.get(shown.url)
    assert record.party.name.for_official_use() in page.text
    assert record.content in page.text


async def test_a_natural_person_s_number_is_on_no_public_page(target, system, simulators):
    record = disclosed(PERSON if system == "credit" else PERSON.model_copy(update={"name": named("岑某某")}))
    assert (await publish(target, record)).state is SubmissionState.ACCEPTED
    shown = await target.read_back(key_of(record))
    assert shown is not None
    async with httpx.AsyncClient(trust_env=False) as people:
        page = await people.get(simulators.credentials(system)["public"])
    assert record.decision_number in page.text
    assert "990102198803121011" not in page.text


async def test_a_person_whose_name_is_not_masked_is_told_to_no_portal(make):
    portal = make("portal")
    assert [(one.field, one.fault) for one in portal.examine(disclosed(PERSON))] == [("party.name", "personal")]
    with pytest.raises(RejectedError, match="未隐去"):
        await portal.submit(SubmitRequest(reference=reference(), record=disclosed(PERSON)))
    assert portal.exchanges == []


async def test_a_decision_that_is_shown_is_not_published_a_second_time(target):
    assert (await publish(target, disclosed())).state is SubmissionState.ACCEPTED
    try:
        second = await publish(target, disclosed())
    except RejectedError:
        return
    assert second.state is SubmissionState.REJECTED


async def test_a_withdrawal_leaves_only_its_explanation_and_may_be_repeated(target):
    record = disclosed()
    await publish(target, record)
    for _ in range(2):
        ask = WithdrawRequest(reference=reference(), key=key_of(record), reason="该行政处罚决定已被撤销")
        assert (await decided(target, await target.withdraw(ask))).state is SubmissionState.ACCEPTED
    shown = await target.read_back(key_of(record))
    assert shown is not None
    assert (shown.state, shown.content) == ("withdrawn", None)
    async with httpx.AsyncClient(trust_env=False) as people:
        page = await people.get(shown.url)
    assert "该行政处罚决定已被撤销" in page.text
    assert record.content not in page.text
    assert (await publish(target, record)).state is SubmissionState.ACCEPTED


async def test_wrong_credentials_are_denied(make, system):
    with pytest.raises(DeniedError):
        await make(system, secret="wrong").submit(SubmitRequest(reference=reference(), record=disclosed()))
    with pytest.raises(DeniedError):
        await make(system, secret="wrong").check()


async def test_the_check_proves_that_credentials_are_taken(target, system, simulators):
    assert await target.check()
    assert simulators.effects(system) == {}


# --- Credit China ---------------------------------------------------------------------------------------------------


async def test_a_verdict_names_every_refused_field(credit):
    record = disclosed(fine=None, valid_until=date(2026, 9, 1))
    verdict = await publish(credit, record)
    assert verdict.state is SubmissionState.REJECTED
    assert {(error.field, error.code) for error in verdict.field_errors} == {("CF_NR_FK", "F01"), ("CF_YXQ", "F06")}
    assert all(error.message for error in verdict.field_errors)
    assert await credit.read_back(key_of(record)) is None
    assert (await publish(credit, disclosed())).state is SubmissionState.ACCEPTED


async def test_a_wrong_unified_code_and_a_wrong_id_number_are_named(credit):
    wrong = FIRM.model_copy(update={"uscc": "91990102MA0HD1233X"})
    assert [error.code for error in (await publish(credit, disclosed(wrong))).field_errors] == ["F05"]
    nobody = PERSON.model_copy(update={"id_number": numbered("990102198803121012")})
    assert [error.code for error in (await publish(credit, disclosed(nobody))).field_errors] == ["F11"]


async def test_a_receipt_is_not_a_verdict(credit, simulators):
    simulators.ask("POST", "/credit/settings", {"verdict_seconds": None})
    ask = SubmitRequest(reference=reference(), record=disclosed())
    assert (await credit.submit(ask)).state is SubmissionState.PENDING
    assert await credit.read_back(key_of(ask.record)) is None
    simulators.ask("POST", "/credit/judge", {"sourceId": ask.reference, "reject": "来源单位不符"})
    found = await credit.find(ask.reference)
    assert found is not None
    assert found.state is SubmissionState.REJECTED
    assert [error.message for error in found.field_errors] == ["来源单位不符"]


def tokens(simulators: Simulation) -> int:
    return len(simulators.journal(system="credit", operation="token"))


async def test_one_token_serves_many_submissions_until_it_is_old(make, simulators):
    clock = ManualClock(datetime.now(UTC))
    credit = make("credit", clock=clock)
    await asyncio.gather(*(credit.find(reference()) for _ in range(10)))
    assert tokens(simulators) == 1
    clock.advance(timedelta(seconds=7200))
    await credit.find(reference())
    assert tokens(simulators) == 2


async def test_a_token_that_the_platform_has_forgotten_is_fetched_anew_without_doubling_anything(credit, simulators):
    await credit.find(reference())
    simulators.clock(advance_seconds=7201)
    ask = SubmitRequest(reference=reference(), record=disclosed())
    await credit.submit(ask)
    assert tokens(simulators) == 2
    assert simulators.effects("credit")["submit"] == {ask.reference: 1}


@pytest.mark.parametrize("kind", ["apply_then_silence", "error_500", "malformed", "empty", "truncated"])
async def test_a_failure_to_get_a_token_is_provably_not_sent(make, simulators, kind):
    credit = make("credit", read=1.5)
    simulators.faults({"system": "credit", "operation": "token", "kind": kind})
    ask = SubmitRequest(reference=reference(), record=disclosed())
    with pytest.raises(NotSentError):
        await credit.submit(ask)
    assert simulators.effects("credit") == {}
    await credit.submit(ask)
    assert simulators.effects("credit")["submit"] == {ask.reference: 1}


async def test_an_application_may_only_report_for_its_own_authorities(make, simulators):
    simulators.seed(credit={"apps": {"AK1": {"secret": "s", "authorities": ["119901000031003146"]}}})
    with pytest.raises(DeniedError, match="A0003"):
        await make("credit", app_key="AK1", secret="s").submit(SubmitRequest(reference=reference(), record=disclosed()))


async def test_an_old_individual_business_without_a_unified_code_is_accepted(credit):
    shop = DisclosedParty(
        category="individual_business",
        name="青禾镇老周茶摊",
        registration_number="990102600012344",
        legal_representative="周满仓",
    )
    assert (await publish(credit, disclosed(shop))).state is SubmissionState.ACCEPTED


async def test_the_table_of_2016_is_taken_until_the_day_on_which_the_platform_changes(make, simulators):
    simulators.ask("POST", "/credit/settings", {"table": "2016"})
    clock = ManualClock(datetime.now(UTC))
    today = day_of(clock.now())
    settings = {"table": "2016", "tables": {"2018": today + timedelta(days=1)}, "local_code": "990102"}
    credit = make("credit", clock=clock, **settings)
    record = disclosed(case_name="擅自占道经营案")
    assert credit.examine(record) == ()
    assert (await publish(credit, record)).state is SubmissionState.ACCEPTED
    shown = await credit.read_back(key_of(record))
    assert shown is not None
    assert shown.content == record.content
    assert [one.wire for one in credit.examine(disclosed())] == ["CF_CFMC"]
    clock.advance(timedelta(days=1))
    assert credit.examine(disclosed()) == ()


async def test_a_page_that_trails_shows_nothing_until_it_has_caught_up(credit, simulators):
    simulators.ask("POST", "/credit/settings", {"publish_seconds": 3600})
    record = disclosed()
    assert (await publish(credit, record)).state is SubmissionState.ACCEPTED
    assert await credit.read_back(key_of(record)) is None
    simulators.clock(advance_seconds=3601)
    assert await credit.read_back(key_of(record)) is not None


async def test_more_than_the_quota_of_a_day_is_busy_and_has_no_effect(credit, simulators):
    simulators.clock(now="2026-09-15T23:00:00+08:00")
    simulators.ask("POST", "/credit/settings", {"quota": 1})
    await credit.submit(SubmitRequest(reference=reference(), record=disclosed()))
    more = SubmitRequest(reference=reference(), record=disclosed(decision_number="安望综执罚决〔2026〕119号"))
    with pytest.raises(BusyError) as told:
        await credit.submit(more)
    assert told.value.retry_after is not None
    assert 3500 < told.value.retry_after <= 3600
    assert more.reference not in simulators.effects("credit")["submit"]
    simulators.clock(advance_seconds=3601)
    await credit.submit(more)


async def test_a_platform_that_is_closed_for_the_night_says_when_it_opens(credit, simulators):
    simulators.clock(now="2026-09-15T23:00:00+08:00")
    simulators.ask("POST", "/credit/settings", {"closed": "22:00-06:00"})
    with pytest.raises(BusyError) as told:
        await credit.find(reference())
    assert told.value.retry_after is not None
    assert 7 * 3600 - 100 < told.value.retry_after <= 7 * 3600
    simulators.clock(advance_seconds=7 * 3600 + 1)
    assert await credit.find(reference()) is None


async def test_a_repair_waits_at_the_desk(credit, simulators):
    simulators.ask("POST", "/credit/settings", {"repair_desk": True})
    record = disclosed()
    await publish(credit, record)
    ask = RepairRequest(reference=reference(), key=key_of(record), repair_number="安信修〔2026〕3号")
    await credit.repair(ask)
    simulators.clock(advance_seconds=86_400)
    found = await credit.find(ask.reference)
    assert found is not None
    assert found.state is SubmissionState.PENDING
    simulators.ask("POST", "/credit/judge", {"sourceId": ask.reference})
    found = await credit.find(ask.reference)
    assert found is not None
    assert found.state is SubmissionState.ACCEPTED


# --- the portal -----------------------------------------------------------------------------------------------------


async def test_the_portal_names_the_fields_that_hold_personal_data(portal):
    ask = SubmitRequest(reference=reference(), record=disclosed(full_text="电话13900001111"))
    answer = await portal.submit(ask)
    assert answer.state is SubmissionState.REJECTED
    assert [(error.field, error.code) for error in answer.field_errors] == [("fullText", "E12")]
    assert await portal.find(ask.reference) is None


async def test_a_portal_that_reviews_first_answers_pending(portal, simulators):
    simulators.ask("POST", "/portal/settings", {"review": True})
    ask = SubmitRequest(reference=reference(), record=disclosed())
    assert (await portal.submit(ask)).state is SubmissionState.PENDING
    assert await portal.read_back(key_of(ask.record)) is None
    simulators.ask("POST", "/portal/review", {})
    assert (await decided(portal, Submission(reference=ask.reference, state="pending", receipt=""))).state == "accepted"
    assert await portal.read_back(key_of(ask.record)) is not None


async def test_a_clock_that_is_far_off_is_denied_before_anything_happens(make, simulators):
    late = ManualClock(datetime.now(UTC) - timedelta(minutes=10))
    with pytest.raises(DeniedError, match="P0402"):
        await make("portal", clock=late).submit(SubmitRequest(reference=reference(), record=disclosed()))
    assert simulators.effects("portal") == {}
