"""The contract of the registration authority says what its examples show, and the mapping reads every one of them."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives import hashes, hmac
from jsonschema import Draft202012Validator, FormatChecker

import contracts
from gateway.foundation.wire.signing import canonical
from gateway.words.identifiers import check_registration_number, check_uscc

ROOT = contracts.path("registry/v1")
DOCUMENT = json.loads((ROOT / "openapi.json").read_text(encoding="utf-8"))


def _examples(validity: str) -> list[object]:
    return [pytest.param(file, id=file.stem) for file in sorted((ROOT / "examples" / validity).glob("*.json"))]


def _breaks(file) -> set[tuple[object, ...]]:
    example = json.loads(file.read_text(encoding="utf-8"))
    schema = {"$ref": f"#/components/schemas/{example['schema']}", "components": DOCUMENT["components"]}
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    return {tuple(error.absolute_path) for error in validator.iter_errors(example["value"])}


@pytest.mark.parametrize("file", _examples("valid"))
def test_every_valid_registry_example_satisfies_its_schema(file):
    assert _breaks(file) == set()


@pytest.mark.parametrize("file", _examples("invalid"))
def test_every_invalid_registry_example_breaks_its_schema_in_one_place_only(file):
    assert len(_breaks(file)) == 1, json.loads(file.read_text(encoding="utf-8"))["why"]


def test_registry_signature_vectors_hold():
    for vector in json.loads(contracts.read_text("registry/v1/vectors/signature.json")):
        mac = hmac.HMAC(vector["secret"].encode(), hashes.SM3())
        mac.update(canonical(vector["node"], vector["timestamp"], vector["nonce"], vector["body"].encode()))
        assert mac.finalize().hex() == vector["signature"]


def test_every_registry_result_code_has_an_effect_and_a_declared_status():
    declared = {status for path in DOCUMENT["paths"].values() for status in path["post"]["responses"]}
    rows = contracts.code_table("registry", "v1", "results")
    assert {row["effect"] for row in rows} == {"ok", "absent", "rejected", "busy", "denied"}
    assert {row["status"] for row in rows} == declared
    assert len({row["code"] for row in rows}) == len(rows)


def test_registry_tables_hold_each_spelling_once():
    for table in ("reg_states", "entity_types"):
        rows = contracts.code_table("registry", "v1", table)
        assert len({row["text"] for row in rows}) == len(rows)


def test_every_entity_shown_has_valid_numbers_in_the_fictional_region():
    from simulators.registry.seed import ENTITIES

    shown = [json.loads(file.values[0].read_text(encoding="utf-8"))["value"] for file in _examples("valid")]
    for entity in [*ENTITIES, *(one for one in shown if "pripid" in one)]:
        if "uniscId" in entity:
            checked = check_uscc(entity["uniscId"])
            assert checked.warnings == ()
            assert checked.region.startswith("9901")
        if "regNo" in entity:
            assert check_registration_number(entity["regNo"]).organ.startswith("9901")
