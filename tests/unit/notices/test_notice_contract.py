"""The contract of the messenger says what its examples show."""

from __future__ import annotations

import json
from datetime import datetime

import httpx
import pytest
import yaml
from cryptography.hazmat.primitives import hashes, hmac

import contracts
from gateway.adapters.notice.rest import mapping
from simulators.contract import OpenApiContract
from simulators.notice.messages import quiet_until
from simulators.notice.platform import TEMPLATES
from simulators.testing import Simulation

CONTRACT = OpenApiContract(contracts.path("notice/v1/openapi.yaml"))


def _examples(validity: str) -> list[object]:
    return [
        pytest.param(json.loads(file.read_text(encoding="utf-8")), id=file.stem)
        for file in sorted(contracts.path(f"notice/v1/examples/{validity}").glob("*.json"))
    ]


@pytest.mark.parametrize("example", _examples("valid"))
def test_every_valid_example_satisfies_its_schema(example):
    assert CONTRACT.schema_errors(example["schema"], example["value"]) == []


@pytest.mark.parametrize("example", _examples("invalid"))
def test_every_invalid_example_breaks_its_schema(example):
    assert CONTRACT.schema_errors(example["schema"], example["value"]), example["why"]


def test_signature_vectors_hold():
    for vector in json.loads(contracts.read_text("notice/v1/vectors/signature.json")):
        mac = hmac.HMAC(vector["secret"].encode(), hashes.SM3())
        mac.update("\n".join((vector["node"], vector["timestamp"], vector["nonce"], vector["body"])).encode())
        assert mac.finalize().hex() == vector["signature"]


def test_every_result_code_says_what_its_answer_means_for_us():
    document = yaml.safe_load(contracts.read_text("notice/v1/openapi.yaml"))
    declared = {status for path in document["paths"].values() for status in path["post"]["responses"]}
    rows = contracts.code_table("notice", "v1", "results")
    assert {row["effect"] for row in rows} == {"ok", "absent", "rejected", "denied", "busy"}
    assert {row["status"] for row in rows} <= declared
    assert len({row["code"] for row in rows}) == len(rows)


def test_state_table_and_schema_list_the_same_states():
    schema = CONTRACT.document["components"]["schemas"]["Message"]["properties"]["state"]["enum"]
    assert [row["code"] for row in contracts.code_table("notice", "v1", "message_states")] == schema


def test_every_template_has_the_places_that_its_table_says_and_no_more():
    for row in TEMPLATES.values():
        given = dict.fromkeys(row["parameters"].split(), "3")
        assert "{" not in row["text"].format(**given)
        assert all(row["text"].format(**{**given, name: "☆"}).count("☆") for name in given)
    assert len(mapping.templates()) == len(TEMPLATES)


@pytest.mark.parametrize(
    ("quiet", "now", "until"),
    [
        ("", "2026-09-14T23:00:00+08:00", None),
        ("20:00-08:00", "2026-09-14T19:59:59+08:00", None),
        ("20:00-08:00", "2026-09-14T20:00:00+08:00", "2026-09-15T08:00:00+08:00"),
        ("20:00-08:00", "2026-09-15T07:59:59+08:00", "2026-09-15T08:00:00+08:00"),
        ("20:00-08:00", "2026-09-15T08:00:00+08:00", None),
        ("12:00-13:30", "2026-09-15T12:30:00+08:00", "2026-09-15T13:30:00+08:00"),
    ],
)
def test_quiet_hours_of_the_messenger_may_go_over_midnight(quiet, now, until):
    found = quiet_until(quiet, datetime.fromisoformat(now))
    assert (found and found.isoformat()) == until


def test_the_inbox_shows_what_arrived_and_opening_it_is_reading_it(simulators: Simulation):
    with httpx.Client(base_url=simulators.url("notice"), trust_env=False) as client:
        known = {"appKey": simulators.credentials("notice")["app_key"], "appSecret": "development-notice-secret"}
        token = client.post("/v1/token", json=known).json()["data"]["accessToken"]
        asked = {
            "reference": "01K6QH3V7N2M8RXT4A5B6C7D8E",
            "userId": "u-990102-0118",
            "templateId": "T1002",
            "parameters": {"number": "<望综执>〔2026〕118号"},
            "link": "https://case.example/todo",
        }
        headers = {"Authorization": f"Bearer {token}"}
        sent = client.post("/v1/messages/send", json=asked, headers=headers).json()["data"]
        assert sent["state"] == "DELIVERED"
        assert "1 条，未读 1 条" in client.get("/inbox").text
        listed = client.get("/inbox/u-990102-0118").text
        assert "已送达" in listed
        assert "&lt;望综执&gt;〔2026〕118号" in listed
        opened = client.get("/inbox/u-990102-0118/1").text
        assert "https://case.example/todo" in opened
        found = client.post("/v1/messages/query", json={"reference": asked["reference"]}, headers=headers).json()
        assert found["data"]["state"] == "READ"
        assert client.get("/inbox/nobody").status_code == 404
