"""The description of the API is valid, resolves, and has names that people chose: clients are generated from it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

WRITTEN = Path(__file__).parents[1] / "snapshots" / "openapi.json"
DESCRIPTION: dict[str, Any] = json.loads(WRITTEN.read_text(encoding="utf-8"))
DESCRIPTION["info"].setdefault(
    "version", "0"
)  # the snapshot leaves it out; tests/snapshots hold that the rest is as served


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DESCRIPTION["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_it_is_valid_openapi_and_every_reference_leads_somewhere():
    assert [error.message for error in OpenAPIV31SpecValidator(DESCRIPTION).iter_errors()] == []  # type: ignore[arg-type]


def test_every_operation_has_a_short_name_of_its_own_whatever_its_path_is():
    names = Counter(operation["operationId"] for _, operation in operations())
    assert [name for name, times in names.items() if times > 1] == []
    assert [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", name) or "_v1_" in name] == []
    assert {name for name in names if "_" not in name} == {"metrics", "ready"}, "an act names what it is done to"


def test_every_schema_has_a_name_that_a_class_can_have_and_bears_it_as_its_title():
    schemas = DESCRIPTION["components"]["schemas"]
    assert [name for name in schemas if not re.fullmatch(r"[A-Z][A-Za-z0-9]+", name)] == []
    titles = Counter(schema.get("title") for schema in schemas.values())
    assert [title for title, times in titles.items() if title and times > 1] == []


def test_every_operation_words_its_refusals_as_problems():
    silent = [
        name
        for name, operation in operations()
        for status, answer in operation["responses"].items()
        if status[0] in "45" and "application/problem+json" not in answer.get("content", {})
    ]
    assert silent == ["get /readyz"], "which names what is not ready"


def test_every_operation_says_whether_a_key_is_needed():
    open_to_all = [name for name, operation in operations() if operation["security"] == []]
    assert open_to_all == ["post /callbacks/{channel}", "get /healthz", "get /metrics", "get /readyz"]


def reached(found: Any) -> set[str]:
    """The schemas that something names, and those that these name."""
    names: set[str] = set()
    waiting = [found]
    while waiting:
        more = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(waiting.pop()))) - names
        names |= more
        waiting += [DESCRIPTION["components"]["schemas"][name] for name in more]
    return names


def test_answers_are_open_for_members_that_come_later_and_requests_are_not():
    schemas = DESCRIPTION["components"]["schemas"]
    sent = reached([operation.get("requestBody") for _, operation in operations()])
    shut = {name for name, schema in schemas.items() if schema.get("additionalProperties") is False}
    assert shut <= sent
    assert {"PaymentRequest", "DecisionFacts"} <= shut


def test_every_read_of_a_record_or_list_may_be_asked_whether_it_has_changed():
    reads = [
        (name, operation)
        for name, operation in operations()
        if name.startswith("get /v1/") and "application/json" in operation["responses"]["200"].get("content", {})
    ]
    assert len(reads) > 40
    assert [name for name, one in reads if "304" not in one["responses"]] == []
    assert [name for name, one in operations() if " /v1/" in name and "429" not in one["responses"]] == []
