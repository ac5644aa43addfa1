"""The contracts of credit platform, portal and GSXT say what their examples show."""

from __future__ import annotations

import json
from itertools import chain

import pytest
from cryptography.hazmat.primitives import hashes, hmac
from jsonschema import Draft202012Validator, FormatChecker

import contracts
from gateway.words.identifiers import check_uscc

SYSTEMS = ("credit", "portal", "gsxt")
CODES = ("CF_XDR_SHXYM", "CF_CFJGDM", "CF_SJLYDM", "authorityCode", "partyCode", "uniscId", "penAuth")


def _examples(validity: str) -> list[object]:
    files = chain.from_iterable(sorted(contracts.path(f"{s}/v1/examples/{validity}").glob("*.json")) for s in SYSTEMS)
    return [pytest.param(file, id=f"{file.parents[3].name}-{file.stem}") for file in files]


def _errors(file) -> set[tuple[object, ...]]:
    """Where in the example the schema is broken."""
    document = json.loads((file.parents[2] / "openapi.json").read_text(encoding="utf-8"))
    example = json.loads(file.read_text(encoding="utf-8"))
    schema = {"$ref": f"#/components/schemas/{example['schema']}", "components": document["components"]}
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    return {tuple(error.absolute_path) for error in validator.iter_errors(example["value"])}


@pytest.mark.parametrize("file", _examples("valid"))
def test_every_valid_example_satisfies_its_schema(file):
    assert _errors(file) == set()


@pytest.mark.parametrize("file", _examples("invalid"))
def test_every_invalid_example_breaks_its_schema_in_one_place_only(file):
    assert len(_errors(file)) == 1, json.loads(file.read_text(encoding="utf-8"))["why"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_signature_vectors_hold(system):
    for vector in json.loads(contracts.read_text(f"{system}/v1/vectors/signature.json")):
        mac = hmac.HMAC(vector["secret"].encode(), hashes.SM3())
        mac.update("\n".join((vector["node"], vector["timestamp"], vector["nonce"], vector["body"])).encode())
        assert mac.finalize().hex() == vector["signature"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_result_code_says_what_its_answer_means_for_us(system):
    document = json.loads(contracts.read_text(f"{system}/v1/openapi.json"))
    declared = {status for path in document["paths"].values() for op in path.values() for status in op["responses"]}
    rows = contracts.code_table(system, "v1", "results")
    assert {row["effect"] for row in rows} <= {"ok", "pending", "rejected", "busy", "denied"}
    assert {row["status"] for row in rows} <= declared
    assert len({row["code"] for row in rows}) == len(rows)


def test_the_penalty_table_has_its_thirty_fields():
    schema = json.loads(contracts.read_text("credit/v1/openapi.json"))["components"]["schemas"]["Penalty"]
    assert len(schema["properties"]) == 30


@pytest.mark.parametrize("file", _examples("valid"))
def test_codes_in_examples_pass_the_standard_and_lie_in_the_fictional_region(file):
    def walk(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                if key in CODES:
                    check = check_uscc(inner, allow_placeholder=True)
                    assert check.placeholder or check.region.startswith("9901")
                    assert check.warnings == ()
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(json.loads(file.read_text(encoding="utf-8"))["value"])
