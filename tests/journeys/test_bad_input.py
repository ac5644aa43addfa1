"""What comes in wrong is refused with the field, the reason and the cure, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.demo import story
from gateway.foundation.delivery.tables import (
    operation,
)
from gateway.rooms.payments.tables import payment


def kind(answer) -> str:
    """The last part of a problem's type, and that it is a whole problem document."""
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["title"]
    assert body["detail"]
    return body["type"].removeprefix("urn:enforcement-gateway:problem:")


async def count(site, table) -> int:
    return await site.read(lambda conn: conn.execute(select(func.count()).select_from(table)).scalar_one())


BAD_FACTS: dict[str, tuple[dict[str, Any], str | None]] = {
    "unknown field": ({"fines": "1.00"}, "fines"),
    "amount nought": ({"fine": "0.00"}, None),
    "amount a number": ({"fine": 5000}, "fine"),
    "amount of a trillion": ({"fine": "1000000000000.00"}, "fine"),
    "amount with an exponent": ({"fine": "1e12"}, "fine"),
    "amount of one decimal": ({"fine": "5000.0"}, "fine"),
    "amount negative": ({"fine": "-1.00"}, "fine"),
    "amount in full-width digits": ({"fine": "５０００.００"}, "fine"),
    "amount endless": ({"fine": "9" * 100_000}, "fine"),
    "no such day": ({"decided_on": "2026-02-30"}, "decided_on"),
    "day a number": ({"decided_on": 10**30}, "decided_on"),
    "tomorrow": ({"decided_on": "2999-01-01"}, "decided_on"),
    "control character": ({"violation": "无照\x00经营"}, "violation"),
    "turned text": ({"violation": "无照‮经营"}, "violation"),
    "days endless": ({"payment_days": 10**400}, "payment_days"),
    "code with a letter O": (
        {"party": {"kind": "organisation", "name": "某公司", "uscc": "92990102MAOWA4562J"}},
        "party",
    ),
    "code with a wrong check": (
        {"party": {"kind": "organisation", "name": "某公司", "uscc": "92990102MA0WA4562K"}},
        "party",
    ),
    "ID with a wrong check": (
        {"party": {"kind": "natural_person", "name": "罗小满", "id_type": "身份证", "id_number": "990102199001011234"}},
        "party",
    ),
    "a person without a number": ({"party": {"kind": "natural_person", "name": "罗小满"}}, "party"),
    "nothing at all": ({"party": None}, "party"),
}


async def test_bad_facts_are_refused_by_field_and_nothing_is_stored(site):
    for name, (change, field) in BAD_FACTS.items():
        answer = await site.http.put(site.path("望市监罚决字〔2026〕第9号"), json=site.facts(**change))
        assert answer.status_code == 422, (name, answer.text)
        assert kind(answer) in ("invalid-request", "invalid-value"), name
        told = answer.json()
        assert len(answer.content) < 3000, name
        if field is not None:
            assert told["field"].startswith(field), (name, told)
        assert told["cure"], name
    assert (await site.http.get(site.path("望市监罚决字〔2026〕第9号"))).status_code == 404


async def test_what_is_not_json_is_refused_whatever_it_is(site):
    path = site.path("望市监罚决字〔2026〕第9号")
    good = json.dumps(site.facts(), ensure_ascii=False)
    raw = {
        "empty": b"",
        "cut": good.encode()[:-5],
        "latin": good.encode("gb18030"),
        "surrogate": good.replace("味安副食店", "\\ud800").encode(),
        "nul": good.encode() + b"\x00",
        "array": b"[]",
        "deep": b"[" * 50_000,
        "number": b"1" * 100_000,
        "nan": good.replace('"5000.00"', "NaN").encode(),
    }
    for name, body in raw.items():
        answer = await site.http.put(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422), (name, answer.status_code, answer.text)
        kind(answer)
    form = await site.http.put(path, content=b"a=b", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert form.status_code in (415, 422)


async def test_strange_decision_numbers_are_refused_or_are_just_numbers(site):
    for number in ("a\x00b", "a\nb", "a/events", "a//b", "x" * 129, "‮"):
        answer = await site.http.put(site.path(number), json=site.facts())
        assert answer.status_code in (404, 422), (repr(number), answer.text)
        assert kind(answer)
    for number in ("../../etc/passwd", "a/b/c", "'; drop table payment; --", "%", "望市监 罚〔2026〕1号"):
        assert await site.decide(number)
        assert (await site.get(site.path(number)))["number"] == number


async def test_ten_megabytes_are_refused_declared_or_not(site):
    async def endless():
        for _ in range(160):
            yield b" " * 65_536

    path = site.path("望市监罚决字〔2026〕第9号")
    declared = await site.http.put(path, content=b" " * 10_485_760, headers={"Content-Type": "application/json"})
    chunked = await site.http.put(path, content=endless(), headers={"Content-Type": "application/json"})
    for answer in (declared, chunked):
        assert answer.status_code == 413
        assert kind(answer) == "body-too-large"
    callback = await site.http.post("/callbacks/nontax", content=b" " * 10_485_760)
    assert callback.status_code == 413


async def test_without_a_right_key_nothing_is_answered(site):
    prefix, _, secret = site.key.rpartition("_")
    wrong = f"{prefix}_{secret[:-1]}{'A' if secret[-1] != 'A' else 'B'}"
    for key in (None, "x", wrong, site.key + "x", "K" * 5000, "ключ".encode().decode("latin-1")):
        async with site.client(None) as http:
            headers = {} if key is None else {"Authorization": f"Bearer {key}".encode("latin-1")}
            answer = await http.get("/v1/payments", headers=headers)
        assert answer.status_code == 401, key
        assert kind(answer) == "not-authenticated"
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_another_tenants_records_look_as_if_they_were_not_there(site):
    mine = await site.issued()
    found = (await site.get("/v1/operations"))["items"][0]
    other = await stranger(site)
    async with site.client(other) as http:
        paths = [
            f"/v1/payments/{mine['id']}",
            f"/v1/payments/{mine['id']}/qr.svg",
            site.path(mine["decision_number"]),
            f"/v1/operations/{found['id']}",
        ]
        for path in paths:
            answer = await http.get(path)
            assert (answer.status_code, kind(answer)) == (404, "not-found"), path
            assert mine["id"] not in answer.text
        cancel = await http.post(
            f"/v1/payments/{mine['id']}/cancel", json={"reason": "x"}, headers={"Idempotency-Key": "k"}
        )
        ask = await http.post(
            "/v1/payments", json=site.demand(mine["decision_number"]), headers={"Idempotency-Key": "k"}
        )
        put = await http.put(site.path(mine["decision_number"]), json=site.facts())
        assert [one.status_code for one in (cancel, ask, put)] == [404] * 3
        assert (await http.get("/v1/payments")).json()["items"] == []
        assert (await http.get("/v1/events")).json()["items"] == []
        assert (await http.get("/v1/reconciliations")).json()["items"] == []
        ask = {"channel": "nontax", "day": "2026-09-16"}
        run = await http.post("/v1/reconciliations", json=ask, headers={"Idempotency-Key": "r"})
        assert (run.status_code, kind(run)) == (404, "not-found")
    assert (await site.get(f"/v1/payments/{mine['id']}"))["status"] == "ISSUED"


async def test_nobody_touches_a_refund_or_a_disclosure_of_another_authority(site):
    paid = await site.paid()
    about = f"/v1/payments/{paid['id']}/refunds"
    proposal = {"reason": "wrong_payment", "explanation": "误缴", "officer": "陈立 33010001"}
    refund = (await site.post(about, proposal)).json()
    refunds = f"/v1/refunds/{refund['id']}"
    asked = await site.post("/v1/disclosures", {**site.demand(paid["decision_number"]), "targets": ["creditchina"]})
    (shown,) = asked.json()
    disclosures = f"/v1/disclosures/{shown['id']}"
    await site.until(disclosures, lambda now: now["status"] == "PUBLISHED" and now["under_way"] is None)
    before = [await site.get(refunds), await site.get(disclosures)]
    payee = {"name": "罗小满", "account": "6222021001116245702", "bank": "安澜农商银行"}
    paper = {"kind": "opinion_letter", "reference": "退〔2026〕3号", "digest": "00" * 32}
    async with site.client(await stranger(site)) as theirs:
        for number, (method, path, body) in enumerate(
            (
                ("POST", about, {**proposal, "payee": payee}),
                ("PUT", f"{refunds}/payee", payee),
                ("POST", f"{refunds}/documents", paper),
                ("POST", f"{refunds}/inquiry", None),
                ("GET", refunds, None),
                ("POST", f"{disclosures}/correction", {"reason": "更正"}),
                ("POST", f"{disclosures}/withdrawal", {"reason": "撤回"}),
                ("POST", f"{disclosures}/repair", {"repair_number": "修1号"}),
            )
        ):
            refused = await theirs.request(method, path, json=body, headers={"Idempotency-Key": f"theirs-{number}"})
            assert (refused.status_code, kind(refused)) == (404, "not-found"), (path, refused.text)
    assert [await site.get(refunds), await site.get(disclosures)] == before


async def stranger(site) -> str:
    """The key of a client of another authority."""
    await site.app.base.access.create_authority(
        "wangchuan-cg", "望川区城市管理局", "11990102002100216D", "990102001", None
    )
    client = await site.app.base.access.create_client("城管办案系统", ["wangchuan-cg"])
    return (await site.app.base.access.issue_key(client.id, label="test")).token


# --- Idempotency-Key ------------------------------------------------------------------------------------------------


async def test_every_effect_needs_a_key_of_its_own(site):
    number = await site.decide()
    for headers in ({}, {"Idempotency-Key": ""}, {"Idempotency-Key": "with blank"}, {"Idempotency-Key": "k" * 201}):
        answer = await site.http.post("/v1/payments", json=site.demand(number), headers=headers)
        assert answer.status_code == 400, headers
        assert kind(answer) == "idempotency-key-missing"
    assert await count(site, payment) == 0


async def test_a_key_again_with_the_same_body_gives_the_first_status_and_the_present_state(site):
    number = await site.decide()
    first = await site.post("/v1/payments", site.demand(number), "k-1")
    assert first.status_code == 201
    await site.pay(first.json()["code"])
    await site.reaches(first.json(), "PAID")
    again = await site.post("/v1/payments", site.demand(number), "k-1")
    assert (again.status_code, again.json()["id"], again.json()["status"]) == (201, first.json()["id"], "PAID")
    assert again.headers["location"] == f"/v1/payments/{first.json()['id']}"
    assert site.effects("CreateBill") == [1]


async def test_a_key_again_with_another_body_is_refused(site):
    number, other = await site.decide(), await site.decide("望市监罚决字〔2026〕第2号")
    assert (await site.post("/v1/payments", site.demand(number), "k-1")).status_code == 201
    refused = await site.post("/v1/payments", site.demand(other), "k-1")
    assert (refused.status_code, kind(refused)) == (422, "idempotency-key-reused")
    assert site.effects("CreateBill") == [1]


async def test_a_key_belongs_to_its_client_and_its_path(site):
    first = await site.issued()
    key = "one-for-all"
    cancel = await site.post(f"/v1/payments/{first['id']}/cancel", {"reason": "有误"}, key)
    assert cancel.status_code == 200
    assert (await site.post("/v1/payments", site.demand(first["decision_number"]), key)).status_code == 201


async def test_a_request_that_was_refused_leaves_its_key_free(site):
    missing = await site.post("/v1/payments", site.demand("望市监罚决字〔2026〕第1号"), "k-1")
    assert missing.status_code == 404
    invalid = await site.post("/v1/payments", {**site.demand("望市监罚决字〔2026〕第1号"), "x": 1}, "k-1")
    assert invalid.status_code == 422
    await site.decide()
    assert (await site.post("/v1/payments", site.demand("望市监罚决字〔2026〕第1号"), "k-1")).status_code == 201


# --- names that the other side cannot hold --------------------------------------------------------------------------


async def test_a_name_that_gbk_cannot_hold_is_refused_before_it_is_sent_and_the_character_is_named(site):
    party = {"kind": "individual_business", "name": "𠮷祥副食店", "uscc": "92990102MA0WA4562J"}
    answer = await site.ask_payment(party=party)
    assert answer.status_code == 201
    refused = answer.json()
    assert refused["status"] == "REJECTED"
    assert "𠮷" in refused["reason"]
    assert "GBK" in refused["reason"]
    assert site.simulators.journal(system="nontax", operation="CreateBill") == []
    party["name"] = "吉祥副食店"
    assert (await site.issued(await site.decide(party=party)))["code"]


async def test_a_name_longer_than_the_platform_takes_is_refused_before_it_is_sent(site):
    party = {"kind": "individual_business", "name": "长" * 200, "uscc": "92990102MA0WA4562J"}
    answer = await site.ask_payment(party=party)
    assert (answer.status_code, answer.json()["status"]) == (201, "REJECTED")
    assert "PayerName" in answer.json()["reason"]
    assert site.simulators.journal(system="nontax", operation="CreateBill") == []


# --- amounts, lists, addresses --------------------------------------------------------------------------------------


async def test_a_demand_never_exceeds_the_decision_and_is_never_nought(site):
    number = await site.decide()
    for amount in ("0.00", "1000000000000.00", "1e3", "5000", "-5.00", "5000.01", 5000):
        body = {**site.demand(number), "lines": [{"kind": "fine", "amount": amount}]}
        answer = await site.post("/v1/payments", body)
        assert answer.status_code in (409, 422), (amount, answer.text)
        kind(answer)
        assert answer.json()["field"].startswith("lines")
    assert await count(site, operation) == 0


async def test_made_up_cursors_limits_and_ids_are_refused(site):
    await site.issued()
    lists = ("payments", "operations", "events", "disclosures", "breaks", "reconciliations")
    for name in lists:
        for cursor in ("x", "!!!!", "%00", "A" * 200, "Li4vLi4v", "8J-YgA", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA"):
            answer = await site.http.get(f"/v1/{name}?cursor={cursor}")
            assert answer.status_code in (200, 422), (name, cursor, answer.text)
        for limit in ("0", "201", "-1", "1e9", "x", "9" * 5000):
            assert (await site.http.get(f"/v1/{name}?limit={limit}")).status_code == 422, (name, limit)
    for path in ("payments/%00", "payments/x", "operations/%00", "disclosures/%00", "evidence/%00", "entities/%00"):
        answer = await site.http.get(f"/v1/{path}?authority={story.AUTHORITY}")
        assert answer.status_code in (404, 422), (path, answer.text)
    code = await site.http.get("/v1/payments", params={"code": "a\x00b"})
    assert code.status_code in (200, 422)


async def test_unknown_paths_and_methods_answer_in_the_same_form(site):
    for method, path, status in (("GET", "/v2/x", 404), ("DELETE", "/v1/payments", 405), ("POST", "/callbacks/x", 404)):
        answer = await site.http.request(method, path, content=b"")
        assert answer.status_code == status
        assert kind(answer)
    assert (await site.http.get("/pay/nobody")).status_code == 404


@pytest.mark.both_databases
async def test_bad_input_on_postgresql_is_no_fault_of_the_database(any_site):
    """NUL, endless numbers and ids of any length reach the database as values, on both of them."""
    site = any_site
    for path in ("payments/a%00b", "payments/" + "x" * 3000, "operations/%00", "disclosures/%00", "evidence/%00"):
        assert (await site.http.get(f"/v1/{path}")).status_code in (404, 422), path
    for query in ("code=%00", "decision_number=%00", "authority=%00"):
        assert (await site.http.get(f"/v1/payments?{query}")).status_code in (200, 422), query
    assert (await site.http.get("/v1/operations?subject=%00&channel=%00")).status_code in (200, 422)
    answers = await asyncio.gather(*(site.http.get("/v1/events?subject=%00") for _ in range(2)))
    assert {one.status_code for one in answers} <= {200, 422}
    answer = await site.post("/v1/webhook-endpoints", {"authority": "a\x00", "url": "http://127.0.0.1:9/x"})
    assert answer.status_code in (404, 422)
    answer = await site.post("/v1/reconciliations", {"channel": "a\x00", "day": "2026-09-01"})
    assert answer.status_code in (404, 422)
    answer = await site.post("/v1/disclosures", {**site.demand("a\x00b")})
    assert answer.status_code in (404, 422)
    number = await site.decide()
    answer = await site.post(site.path(number) + "/events", {"kind": "revoked", "on": "2026-10-01", "reason": "\x00"})
    assert answer.status_code == 422
    payment = await site.issued(number)
    answer = await site.post(f"/v1/payments/{payment['id']}/cancel", {"reason": "a\x00b"})
    assert answer.status_code in (200, 422), answer.text
