"""The Python client says what the gateway understands, and repeats only what is safe to repeat, with the same key."""

from __future__ import annotations

import base64
import hmac
import inspect
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from enforcement_gateway_client import Call, Gateway, NotAuthenticError, ProblemError, UnreachableError, calls, models
from enforcement_gateway_client import read_webhook as read
from pydantic import ValidationError

DESCRIPTION: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "snapshots" / "openapi.json").read_text(encoding="utf-8")
)
SCHEMAS = DESCRIPTION["components"]["schemas"]
GIVEN: dict[str, Any] = {
    "facts": models.DecisionFacts.model_construct(),
    "on": date(2026, 11, 20),
    "document": b"%PDF",
    "placements": [],
    "types": [],
}


def every_call() -> dict[str, Call[Any]]:
    """Each function of ``calls`` with some arguments."""
    made = {}
    for name, function in vars(calls).items():
        if inspect.isfunction(function) and function.__module__ == calls.__name__ and not name.startswith("_"):
            needed = [
                one
                for one in inspect.signature(function).parameters.values()
                if one.default is one.empty and one.kind is not one.VAR_KEYWORD
            ]
            made[name] = function(**{one.name: GIVEN.get(one.name, f"{{{one.name}}}") for one in needed})
    return made


OPERATIONS = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, methods in DESCRIPTION["paths"].items()
    for method, operation in methods.items()
}


@pytest.mark.parametrize("name", every_call())
def test_each_call_is_an_operation_of_the_description(name: str) -> None:
    call = every_call()[name]
    method, path, operation = OPERATIONS[name]
    assert call.method == method
    assert call.path.count("/") == path.count("/")
    assert all("{" in there or there == here for here, there in zip(call.path.split("/"), path.split("/"), strict=True))
    told = {one["name"]: one for one in operation.get("parameters", []) if "name" in one}
    assert (call.key is not None) is ("Idempotency-Key" in told)
    assert set(call.params) <= set(told)
    if isinstance(call.body, dict):
        asked = SCHEMAS[operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]]
        assert set(call.body) <= set(asked["properties"])
        assert set(asked.get("required", ())) <= set(call.body)


SHOWN = {
    models.Payment: "PaymentView",
    models.PaymentSummary: "PaymentSummary",
    models.Decision: "DecisionView",
    models.Disclosure: "DisclosureView",
    models.SealedDocument: "SealedDocumentView",
    models.Entity: "EntityDocument",
    models.Seal: "SealView",
    models.Endpoint: "EndpointView",
    models.Event: "EventView",
    models.DryRun: "DryRunView",
    models.DecisionFacts: "DecisionFacts",
    models.Party: "Party",
}


@pytest.mark.parametrize("model", SHOWN)
def test_each_model_has_members_of_the_description_and_is_null_where_they_are(model: Any) -> None:
    schema = SCHEMAS[SHOWN[model]]
    for name, one in model.model_fields.items():
        shown = schema["properties"][name]
        if issubclass(model, models.Shown):
            may_be_null = {"type": "null"} in shown.get("anyOf", ())
            assert (type(None) in get_args(one.annotation)) is may_be_null, name
            assert one.is_required() <= (name in schema["required"]), name
        else:
            assert one.is_required() is (name in schema["required"]), name


def test_amounts_are_sent_as_the_gateway_reads_them_and_floats_are_not_taken() -> None:
    party = models.Party(kind="organisation", name="恒筑建设有限公司")
    told = {
        "procedure": "simple",
        "party": party,
        "violation": "v",
        "facts": "f",
        "basis": "b",
        "penalty_kinds": ["罚款"],
        "content": "c",
    }
    facts = models.DecisionFacts(**told, decided_on=date(2026, 11, 20), fine=Decimal("200"))
    assert facts.model_dump(mode="json")["fine"] == "200.00"
    with pytest.raises(ValidationError):
        models.DecisionFacts(**told, decided_on=date(2026, 11, 20), fine=Decimal("200.001"))
    with pytest.raises(ValidationError):
        models.DecisionFacts(**told, decided_on=date(2026, 11, 20), fien="1.00")


PROBLEM = {"type": "urn:enforcement-gateway:problem:unavailable", "title": "t", "status": 503, "detail": "d"}
EVENTS = {"items": [], "next": None}


class Side:
    """A gateway that answers as it is told; what it was asked, and how long its client waited."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.slept: list[float] = []

    def client(self, patience: float = 60.0) -> Gateway:
        transport = httpx.MockTransport(self._answer)
        return Gateway("http://gateway", "gwk_1", transport=transport, sleep=self.slept.append, patience=patience)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_what_is_safe_is_repeated_with_the_same_key_after_as_long_as_it_was_told() -> None:
    event = {
        "id": "evt_1",
        "type": "t",
        "subject": "s",
        "authority": "a",
        "at": "2026-11-20T09:00:00+08:00",
        "data": {},
    }
    side = Side(
        httpx.ReadTimeout("silence"),
        httpx.Response(503, json=PROBLEM, headers={"Retry-After": "7"}),
        httpx.Response(200, json={"items": [event], "next": None, "later": "member"}),
    )
    call = Call("POST", "/v1/things", models.Page[models.Event], {}, key="k1")
    page = side.client().send(call)
    assert (page.items[0].id, page.model_extra) == ("evt_1", {"later": "member"})
    assert [one.headers["Idempotency-Key"] for one in side.asked] == ["k1"] * 3
    assert side.slept[1] == 7


def test_what_may_have_happened_is_not_repeated_without_a_key() -> None:
    side = Side(httpx.ReadTimeout("silence"))
    with pytest.raises(UnreachableError):
        side.client().send(Call("POST", "/v1/things", dict, {}))
    assert len(side.asked) == 1


def test_a_refusal_is_told_at_once_and_patience_ends() -> None:
    refused = Side(
        httpx.Response(409, json={**PROBLEM, "type": PROBLEM["type"].replace("unavailable", "payment-exists")})
    )
    with pytest.raises(ProblemError, match="payment-exists: d"):
        refused.client().send(calls.get_payment("pay_1"))
    tired = Side(*[httpx.Response(503, text="no JSON") for _ in range(3)])
    with pytest.raises(ProblemError) as told:
        tired.client(patience=0).send(calls.get_payment("pay_1"))
    assert (told.value.status, len(tired.asked)) == (503, 1)


def test_a_webhook_is_read_only_if_it_is_the_gateways_and_fresh() -> None:
    secret, body, now = (
        "whsec_" + base64.b64encode(b"k" * 24).decode(),
        b'{"type":"t","timestamp":"2026-11-20T09:00:00Z","data":{}}',
        1e9,
    )
    mac = base64.b64encode(hmac.digest(b"k" * 24, b"evt_1.1000000000." + body, "sha256")).decode()
    headers = {"Webhook-Id": "evt_1", "Webhook-Timestamp": "1000000000", "Webhook-Signature": f"v1,other v1,{mac}"}
    assert read(secret, headers, body, now=now).id == "evt_1"
    for wrong, at in (
        ({"Webhook-Id": "evt_2"}, now),
        ({"Webhook-Signature": "v1,键"}, now),
        ({"Webhook-Timestamp": "soon"}, now),
        ({}, now + 301),
    ):
        with pytest.raises(NotAuthenticError):
            read(secret, headers | wrong, body, now=at)
    with pytest.raises(NotAuthenticError):
        read(secret, headers, body + b" ", now=now)
