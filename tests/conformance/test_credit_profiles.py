"""Other cities' portals as profiles of one adapter, and GSXT, beyond what the conformance kit asks of any."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from benches import GsxtBench, LinduBench, ShuoyangBench
from pydantic import ValidationError
from shadowing import one_change_is_found, shown

import contracts
from gateway.adapters.credit.portal.profile import PATHS, Profile, shows
from gateway.ports.credit import DisclosureKey, DisclosureRecord, RepairRequest, SubmissionState, SubmitRequest
from gateway.testing.simulated import CreditBench
from simulators.testing import Simulation

CITIES = ("lindu", "shuoyang")


def profile(city: str) -> Profile:
    return Profile.model_validate_json(contracts.read_text(f"portal/v1/profiles/{city}.json"))


def key_of(record: DisclosureRecord) -> DisclosureKey:
    return DisclosureKey(
        decision_number=record.decision_number, authority_code=record.authority_code, party_name=record.party.name
    )


def submitted(bench: CreditBench, record: DisclosureRecord) -> SubmitRequest:
    return SubmitRequest(reference=f"R{record.decision_number[-6:-1]}".replace("〕", "0"), record=record)


@pytest.fixture(params=[LinduBench, ShuoyangBench], ids=CITIES)
async def city(request: pytest.FixtureRequest, simulators: Simulation) -> AsyncIterator[LinduBench]:
    made = request.param(simulators)
    yield made
    await made.close()


@pytest.fixture
async def gsxt(simulators: Simulation) -> AsyncIterator[GsxtBench]:
    made = GsxtBench(simulators)
    yield made
    await made.close()


def test_two_cities_differ_in_everything_that_a_profile_says() -> None:
    lindu, shuoyang = profile("lindu"), profile("shuoyang")
    for one in PATHS:
        assert len({PATHS[one], lindu.paths[one], shuoyang.paths[one]}) == 3
    shared = lindu.names.keys() & shuoyang.names.keys()
    assert len(shared) > 10
    assert all(lindu.names[one] != shuoyang.names[one] != one for one in shared)
    assert lindu.signing != shuoyang.signing
    assert lindu.pages is not None
    assert shuoyang.pages is not None
    assert (lindu.pages, lindu.search, lindu.mask) != (shuoyang.pages, shuoyang.search, shuoyang.mask)
    assert lindu.pages != shuoyang.pages
    assert lindu.mask != shuoyang.mask


@pytest.mark.parametrize(
    "wrong",
    [
        {"names": {"colour": "ys"}},
        {"paths": {"submit": "//elsewhere/{x} y"}},
        {"search": {}},
        {"search": {"q": "content"}},
        {"signing": {"text": "{node}{nonce}{body}"}},
        {"pages": {"page": "p", "size": "n", "rows": 0}},
        {"mode": "fast"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_profile_that_cannot_be_is_refused_at_start(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Profile.model_validate(wrong)


@pytest.mark.parametrize(
    ("displayed", "mask", "same"),
    [("岑**", "first", True), ("**秋", "last", True), ("岑*秋", "first", False), ("岑**", "none", False)],
)
def test_a_name_is_recognised_by_the_mask_of_its_city(displayed: str, mask: str, same: bool) -> None:
    assert shows(displayed, "岑立秋", mask) is same


async def test_an_entry_behind_the_first_page_of_a_search_is_found(city: LinduBench) -> None:
    wanted = city.record().model_copy(update={"decision_number": "安望综执罚决〔2026〕8号"})
    await city.adapter.submit(SubmitRequest(reference="R0", record=wanted))
    for place in range(5):
        number = f"{wanted.decision_number}之{place}"
        more = city.record().model_copy(update={"decision_number": number, "content": f"罚款{place}元"})
        await city.adapter.submit(SubmitRequest(reference=f"R1{place}", record=more))
    found = await city.adapter.read_back(key_of(wanted))
    assert found is not None
    assert (found.state, found.content) == ("published", wanted.content)
    own = json.loads(contracts.read_text(f"portal/v1/profiles/{city.city}.json"))["names"]["receipt"]
    await one_change_is_found(shown(city.exchanges), city.system, own, "publish")
    searches = [one for one in city.exchanges if one.action == "read_back"]
    assert len(searches) > 1


async def test_the_public_page_of_a_city_shows_no_name_of_a_person_whole(city: LinduBench) -> None:
    record = city.record().model_copy(update={"full_text": None})
    await city.adapter.submit(SubmitRequest(reference="R1", record=record))
    async with httpx.AsyncClient(trust_env=False) as people:
        page = await people.get(city.simulators.credentials(city.system)["public"])
    assert record.content in page.text
    assert "岑立秋" not in page.text


async def test_a_day_and_the_kinds_are_written_as_the_city_writes_them(simulators: Simulation) -> None:
    lindu = LinduBench(simulators)
    record = lindu.record().model_copy(update={"penalty_kinds": ("警告", "罚款")})
    await lindu.adapter.submit(SubmitRequest(reference="R1", record=record))
    sent = json.loads(lindu.exchanges[-1].request_body)
    assert (sent["data"]["jdrq"], sent["data"]["cflb"]) == ("2026/09/14", "警告、罚款")
    assert "partyCategory" not in sent["data"]
    await lindu.close()


# --- GSXT -------------------------------------------------------------------------------------------------------------


async def test_an_entity_of_another_province_is_shown_once_that_province_shows_it(
    gsxt: GsxtBench, simulators: Simulation
) -> None:
    simulators.ask("POST", "/gsxt/settings", {"province": "11"})
    record = gsxt.record()
    told = await gsxt.adapter.submit(SubmitRequest(reference="G1", record=record))
    assert told.state is SubmissionState.PENDING
    assert await gsxt.adapter.read_back(key_of(record)) is None
    simulators.ask("POST", "/gsxt/review", {})
    found = await gsxt.adapter.find("G1")
    assert found is not None
    assert found.state is SubmissionState.ACCEPTED
    shown = await gsxt.adapter.read_back(key_of(record))
    assert shown is not None
    assert shown.content == record.content


@pytest.mark.parametrize("asked", [True, False])
async def test_a_repair_ends_the_inspection_results_about_the_same_breach_where_it_asks_for_that(
    gsxt: GsxtBench, simulators: Simulation, asked: bool
) -> None:
    record = gsxt.record()
    result = {"insAuth_CN": "安澜市望川区市场监督管理局", "insRes_CN": "发现问题已责令改正", "insDate": "2026-09-01"}
    about = {"penDecNo": record.decision_number, "entName": record.party.name.for_official_use()}
    simulators.seed(gsxt={"inspections": [result | about]})
    await gsxt.adapter.submit(SubmitRequest(reference="G1", record=record))
    page = f"{simulators.url('gsxt')}/public/entities/{record.party.uscc}"
    async with httpx.AsyncClient(trust_env=False) as people:
        before = (await people.get(page)).text
        number = "安市监修复〔2027〕3号"
        ask = RepairRequest(reference="G2", key=key_of(record), repair_number=number, inspections=asked)
        assert (await gsxt.adapter.repair(ask)).state is SubmissionState.ACCEPTED
        after = (await people.get(page)).text
    shown = await gsxt.adapter.read_back(key_of(record))
    assert shown is not None
    assert (shown.state, shown.inspections) == ("repaired", not asked)
    assert "发现问题已责令改正" in before
    assert record.content in before
    assert ("发现问题已责令改正" not in after) is asked
    assert record.content not in after


async def test_a_repair_waits_at_the_desk_where_the_province_has_one(gsxt: GsxtBench, simulators: Simulation) -> None:
    simulators.ask("POST", "/gsxt/settings", {"repair_review": True})
    record = gsxt.record()
    await gsxt.adapter.submit(SubmitRequest(reference="G1", record=record))
    ask = RepairRequest(reference="G2", key=key_of(record), repair_number="安市监修复〔2027〕3号")
    assert (await gsxt.adapter.repair(ask)).state is SubmissionState.PENDING
    shown = await gsxt.adapter.read_back(key_of(record))
    assert shown is not None
    assert shown.state == "published"
    simulators.ask("POST", "/gsxt/review", {"reject": "整改未完成"})
    found = await gsxt.adapter.find("G2")
    assert found is not None
    assert [one.message for one in found.field_errors] == ["整改未完成"]


async def test_gsxt_says_beforehand_that_it_has_no_place_for_a_person(gsxt: GsxtBench) -> None:
    person = CreditBench.record(gsxt)
    assert [one.field for one in gsxt.adapter.examine(person)] == ["party.uscc"]
    assert gsxt.adapter.examine(gsxt.record()) == ()
