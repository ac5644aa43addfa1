"""Trying out: sandboxes speak to simulators only, and nothing of theirs is found among what is real."""

from __future__ import annotations

import json
from datetime import date

import pytest
from sqlalchemy import func, select

from gateway.demo import story
from gateway.foundation.store.all_tables import all_tables
from gateway.rooms.payments import IncomeItem, LineKind, Payments, Unit

SANDBOX = "test-wangchuan"


@pytest.fixture
async def with_sandbox(tmp_path, simulators, sqlite_url, make_site):
    """A running gateway whose real channels are those of the demo, with a simulator's channel for sandboxes."""
    nontax = simulators.ready["systems"]["nontax"]
    tried = f"""
[channels.nontax-sandbox]
adapter = "nontax.soap"
url = "{nontax["url"]}"
secret = "file:nontax.secret"
node_code = "{nontax["node_code"]}"
platform_node = "{nontax["platform_node"]}"
simulator = true

[[routes]]
authority = "test-*"
capability = "payments"
channels = ["nontax-sandbox"]
"""
    with make_site(tmp_path, simulators, sqlite_url, tried) as site:
        async with site.running():
            yield site


async def a_sandbox(site) -> tuple[str, str]:
    """A sandbox beside the demo's authority, for the same case system: its test key and its live one."""
    access, code = site.app.base.access, story.UNIT_CODE
    await access.create_authority(SANDBOX, story.AUTHORITY_NAME, "11990102003003039N", code)
    item = IncomeItem(*story.ITEM)
    unit = Unit(code, story.AUTHORITY_NAME, story.REGION, {LineKind.FINE: item, LineKind.CONFISCATED: item})
    await site.app.get(Payments).set_unit(SANDBOX, unit, date(2026, 1, 1))
    client = await access.create_client("两用办案系统", [story.AUTHORITY, SANDBOX])
    return (await access.issue_key(client.id, test=True)).token, (await access.issue_key(client.id)).token


async def test_a_sandbox_goes_to_its_simulator_and_is_kept_apart(with_sandbox):
    site = with_sandbox
    test, live = await a_sandbox(site)
    body = {"authority": SANDBOX, "decision_number": "试1"}
    keyed = {"Idempotency-Key": "one-key-for-both"}
    async with site.client(test) as http, site.client(live) as real:
        assert (await http.put(f"/v1/decisions/{SANDBOX}/试1", json=site.facts())).status_code == 201
        made = await http.post("/v1/payments", json=body, headers=keyed)
        assert (made.status_code, made.json()["status"]) == (201, "ISSUED"), made.text
        page = (await http.get(made.json()["payer_page"])).text
        assert "（测试）" in page, "the party's page says what it is"

        for asking, authority in ((http, story.AUTHORITY), (real, SANDBOX)):
            refused = await asking.put(f"/v1/decisions/{authority}/试2", json=site.facts())
            told = refused.json()
            assert (refused.status_code, told["type"].rpartition(":")[2]) == (403, "sandbox"), told
            assert "gwk_" in told["cure"] or "--test" in told["cure"]
        none = await http.get("/v1/seals", params={"authority": SANDBOX})
        assert none.json()["type"].endswith("no-channel"), "the real seals' channel is none for it"
        assert 'authority = "test-*"' in none.json()["cure"]

        assert (await real.put(site.path("真1"), json=site.facts())).status_code == 201
        live_one = {"authority": story.AUTHORITY, "decision_number": "真1"}
        again = await real.post("/v1/payments", json=live_one, headers=keyed)
        assert (again.status_code, again.json()["authority"]) == (201, story.AUTHORITY), "a key tried out is free"
        assert [one["authority"] for one in (await real.get("/v1/payments")).json()["items"]] == [story.AUTHORITY]
        assert [one["authority"] for one in (await http.get("/v1/events")).json()["items"]][:1] == [SANDBOX]

    operator = await site.app.base.access.create_operator("duizhang2", "对账岗", "supervisor", "a long password")
    async with site.client((await site.app.base.access.issue_operator_key(operator.id)).token) as http:
        assert {one["authority"] for one in (await http.get("/v1/payments")).json()["items"]} == {story.AUTHORITY}
        theirs = await http.get("/v1/balance", params={"channel": "nontax-sandbox", "month": "2026-10"})
        assert theirs.status_code == 404, "the sums of a simulator are no month of the real"


# --- dry runs ---------------------------------------------------------------------------------------------------------


async def kept(site) -> dict[str, int]:
    """How many rows each table has."""

    def count(conn):
        tables = all_tables().tables
        return {name: conn.execute(select(func.count()).select_from(tables[name])).scalar_one() for name in tables}

    return await site.read(count)


BESIDES = {"exchange", "exchange_body", "exchange_dictionary", "chain_head", "schedule_run"}
"""What keeps that the seal service was asked about its seal, and that a clock has ticked."""


def asked_outside(site) -> list[tuple[str, str]]:
    """What the simulators were asked, but for looks at a seal."""
    heard = [(one["system"], one["operation"]) for one in site.simulators.journal()]
    return [one for one in heard if one[0] != "seal" or "apply" in one[1]]


async def test_a_dry_run_makes_every_check_keeps_nothing_and_sends_nothing(site):
    number = await site.decide(party={**site.facts()["party"], "name": "罗小满", "kind": "individual_business"})
    rooms = {
        "/v1/payments": (site.demand(number), {"nontax.issue"}),
        "/v1/disclosures": (site.demand(number), {"credit.submit"}),
        "/v1/sealed-documents": (site.to_seal(number), {"seal.apply"}),
    }
    wrong = {
        "/v1/payments": {"line_group": "surcharge"},
        "/v1/disclosures": {"targets": ["nowhere"]},
        "/v1/sealed-documents": {"seal_id": "99010200009999"},
    }
    outside, dry = asked_outside(site), {"dry_run": "true"}
    for path, (body, actions) in rooms.items():
        before = await kept(site)
        tried = await site.post(path, body, "one-key", params=dry)
        assert tried.status_code == 200, tried.text
        told = tried.json()
        assert told["dry_run"] is True
        assert {one["action"] for one in told["would_send"]} == actions
        assert "罗小满" not in json.dumps(told["would_send"], ensure_ascii=False), "persons are masked"
        refused = {}
        for words in (dry, {}):
            problem = (await site.post(path, body | wrong[path], "another-key", params=words)).json()
            refused[str(words)] = {name: problem.get(name) for name in ("type", "detail", "field", "cure")}
        assert refused[str(dry)] == refused["{}"], "a dry run is refused as the request itself is"
        changed = {name for name, rows in (await kept(site)).items() if rows != before[name]}
        assert changed <= BESIDES
    assert asked_outside(site) == outside
    for path, (body, _) in rooms.items():
        done = await site.post(path, body, "one-key")
        assert done.status_code in (201, 202), f"the key is free, and nothing stands in the way: {done.text}"
        again = await site.post(path, body, "third-key", params=dry)
        assert again.status_code in (200, 409), again.text
