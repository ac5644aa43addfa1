"""JSON of platforms that speak a little differently: what is not used refuses nothing, and is noted."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

import contracts
from gateway.adapters.credit import signed
from gateway.adapters.credit.creditchina import adapter as creditchina
from gateway.adapters.credit.creditchina import mapping as credit
from gateway.adapters.credit.gsxt import mapping as gsxt
from gateway.adapters.credit.portal import mapping as portal
from gateway.adapters.notice.rest import mapping as notice
from gateway.adapters.registry.sharing import mapping as registry
from gateway.adapters.seal.rest import mapping as seal
from gateway.foundation.wire import ChannelWire, WireTerms
from gateway.foundation.wire.envelope import Answer, Head
from gateway.foundation.wire.told import Like, Told, _members, beyond
from gateway.words.errors import ContractError

AT = "2026-11-20T10:00:00Z"
READ: dict[tuple[str, str], type[BaseModel]] = {
    ("seal", "Seal"): seal.Seal,
    ("seal", "Job"): seal.Job,
    ("seal", "Notice"): seal.Notice,
    ("seal", "Problem"): Answer[Any],
    ("notice", "Token"): notice.Token,
    ("notice", "User"): notice.User,
    ("notice", "Message"): notice.Sent,
    ("notice", "Notice"): notice.Happened,
    ("registry", "Entity"): registry.Entity,
    ("registry", "Change"): registry.Change,
    ("credit", "Token"): credit.Token,
    ("credit", "Receipt"): credit.Receipt,
    ("credit", "Submission"): credit.WireSubmission,
    ("credit", "SubmissionAnswer"): credit.SubmissionAnswer,
    ("credit", "FieldError"): credit.WireFieldError,
    ("credit", "Shown"): credit.WireShown,
    ("credit", "ShownAnswer"): credit.ShownAnswer,
    ("credit", "VerdictNotice"): creditchina._VerdictMessage,
    ("portal", "Submission"): signed.WireSubmission,
    ("portal", "SubmissionAnswer"): signed.SubmissionAnswer,
    ("portal", "FieldError"): signed.WireFieldError,
    ("portal", "Problem"): signed.Problem,
    ("portal", "Shown"): portal.WireShown,
    ("portal", "Summary"): portal.WireSummary,
    ("portal", "Key"): portal.WireKey,
    ("portal", "Ready"): signed.ReadyAnswer,
    ("gsxt", "Submission"): signed.WireSubmission,
    ("gsxt", "SubmissionAnswer"): signed.SubmissionAnswer,
    ("gsxt", "FieldError"): signed.WireFieldError,
    ("gsxt", "Problem"): signed.Problem,
    ("gsxt", "Shown"): gsxt.WireShown,
    ("gsxt", "Penalty"): gsxt.WirePenalty,
    ("gsxt", "Key"): gsxt.WireKey,
    ("gsxt", "Ready"): signed.ReadyAnswer,
}


@pytest.mark.parametrize(("system", "schema"), READ, ids="/".join)
def test_no_member_of_a_contract_is_taken_for_drift_and_none_is_invented(system: str, schema: str) -> None:
    suffix = "json" if system in ("credit", "portal", "gsxt", "registry") else "yaml"
    document = yaml.safe_load(contracts.path(f"{system}/v1/openapi.{suffix}").read_text(encoding="utf-8"))
    assert set(_members(READ[system, schema])) == set(document["components"]["schemas"][schema]["properties"])


class Part(Told):
    """A part of what follows."""

    code: str = Field(min_length=1)
    word: str | None = None


class Whole(Told):
    """Something told, with all that a model can be made of."""

    number: str
    needed_blank: str
    url: str | None = None
    one: Part | None = None
    many: tuple[Part, ...] = ()
    loose: tuple[Any, ...] = ()
    free: dict[str, Any] = Field(default_factory=dict)


FULL = {
    "number": "1",
    "needed_blank": "",
    "url": "http://a.example",
    "one": {"code": "a", "word": "b"},
    "many": [{"code": "c"}, {"code": "d", "word": "e"}],
    "loose": [{"x": 1}],
    "free": {"y": 2},
}
NAMES = st.from_regex(r"[a-z]{3,8}X", fullmatch=True)
EMPTY = st.sampled_from([None, "", "  ", "\n", {}, []])


@given(data=st.data())
def test_adding_emptying_and_reordering_members_changes_nothing(data: st.DataObject) -> None:
    told: dict[str, Any] = json.loads(json.dumps(FULL))
    for name in data.draw(st.sets(st.sampled_from(["url", "one", "many"]))):
        told.pop(name, None)
    expected = Whole.model_validate(told)
    added = set()
    parts = [told, *([told["one"]] if "one" in told else []), *told.get("many", [])]
    for part in parts:
        for name in data.draw(st.lists(NAMES, max_size=2)):
            part[name] = data.draw(st.one_of(st.none(), st.integers(), st.just({"code": []}), st.text()))
            added.add(name)
    for name in ("url", "one", "many"):
        if name not in told and data.draw(st.booleans()):
            told[name] = data.draw(EMPTY)
    order = data.draw(st.permutations(list(told)))
    shuffled = {name: told[name] for name in order}
    assert Whole.model_validate(shuffled) == expected
    assert {path.rpartition("/")[2] for path in beyond(Whole, shuffled)} == added


@pytest.mark.parametrize("harm", [{"number": None}, {"number": 7}, {"one": {"code": ""}}, {"many": "c"}, {"url": 7}])
def test_what_is_used_must_be_right(harm: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Whole.model_validate({**FULL, "newX": 1, **harm})


def test_paths_say_where_and_each_is_told_once() -> None:
    told = {**FULL, "newX": {"deeper": 1}, "many": [{"code": "a", "x": 1}, {"code": "b", "x": 2, "y": 3}]}
    assert list(beyond(Whole, told)) == ["many/x", "many/y", "newX"]
    assert list(beyond(Answer[Part], {"code": "0", "message": "", "data": {"code": "1", "x": 1}, "y": 2})) == [
        "data/x",
        "y",
    ]
    assert Like(Part).model is Part


def answered(value: Any, noted: list[str]) -> httpx.Response:
    response = httpx.Response(200, json=value)
    response.extensions["note"] = noted.append
    return response


def test_an_answer_is_noted_once_and_not_by_the_look_at_its_head() -> None:
    noted: list[str] = []
    told = {
        "code": "P0000",
        "message": None,
        "submission": {"reference": "r", "state": "s", "receipt": "1"},
        "trace": 1,
    }
    response = answered(told, noted)
    assert portal.SPEECH.results.head(response) is None, "who refuses says why"
    assert ChannelWire.model(response, Head, whole=False) == Head(code="P0000")
    assert noted == []
    assert ChannelWire.model(response, signed.SubmissionAnswer).submission.receipt == "1"
    assert noted == ["trace"]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (seal.Notice, {"eventId": "1", "reference": "ABCDEFGH", "state": "MOVED", "jobId": None}),
        (
            notice.Happened,
            {"eventId": "1", "reference": "ABCDEFGH", "event": "READ", "occurredAt": "2026-11-20T10:00:00Z"},
        ),
        (creditchina._VerdictMessage, {"sourceId": "a", "state": "b"}),
    ],
)
def test_callbacks_are_as_calm_and_their_drift_is_noted(model: type[BaseModel], message: dict[str, Any]) -> None:
    noted: list[tuple[str, str, str]] = []
    wire = ChannelWire("c", "http://127.0.0.1:1", WireTerms(lambda _: None, drift=lambda *note: noted.append(note)))
    body = json.dumps({**message, "channelNo": "WX"}).encode()
    assert wire.told("callback", body, model) == model.model_validate(message)
    assert noted == [("c", "callback", "channelNo")]
    for broken in (b"", b"[]", b"{", b'"x"', json.dumps({**message, next(iter(message)): None}).encode()):
        with pytest.raises(ContractError):
            wire.told("callback", broken, model)
