"""The contract of the seal service says what its examples show, and its ASN.1 compiles."""

from __future__ import annotations

import json
from datetime import datetime

import asn1tools
import pytest
import yaml
from cryptography.hazmat.primitives import hashes, hmac

import contracts
from simulators.contract import OpenApiContract

CONTRACT = OpenApiContract(contracts.path("seal/v1/openapi.yaml"))


def _examples(validity: str) -> list[object]:
    return [
        pytest.param(json.loads(file.read_text(encoding="utf-8")), id=file.stem)
        for file in sorted(contracts.path(f"seal/v1/examples/{validity}").glob("*.json"))
    ]


@pytest.mark.parametrize("example", _examples("valid"))
def test_every_valid_example_satisfies_its_schema(example):
    assert CONTRACT.schema_errors(example["schema"], example["value"]) == []


@pytest.mark.parametrize("example", _examples("invalid"))
def test_every_invalid_example_breaks_its_schema(example):
    assert CONTRACT.schema_errors(example["schema"], example["value"]), example["why"]


def test_signature_vectors_hold():
    for vector in json.loads(contracts.read_text("seal/v1/vectors/signature.json")):
        mac = hmac.HMAC(vector["secret"].encode(), hashes.SM3())
        mac.update("\n".join((vector["node"], vector["timestamp"], vector["nonce"], vector["body"])).encode())
        assert mac.finalize().hex() == vector["signature"]


def test_every_result_code_says_what_its_answer_means_for_us():
    document = yaml.safe_load(contracts.read_text("seal/v1/openapi.yaml"))
    declared = {status for path in document["paths"].values() for status in path["post"]["responses"]}
    rows = contracts.code_table("seal", "v1", "results")
    assert {row["effect"] for row in rows} == {"ok", "absent", "rejected", "denied", "busy"}
    assert {row["status"] for row in rows} <= declared
    assert len({row["code"] for row in rows}) == len(rows)


@pytest.mark.parametrize("table", ["seal_states", "job_states"])
def test_state_tables_and_schema_list_the_same_states(table):
    schemas = CONTRACT.document["components"]["schemas"]
    listed = {
        "seal_states": schemas["Seal"]["properties"]["status"],
        "job_states": schemas["Job"]["properties"]["state"],
    }
    assert {row["code"] for row in contracts.code_table("seal", "v1", table)} == set(listed[table]["enum"])


def test_the_asn1_module_encodes_both_forms_of_the_certificate_list():
    module = asn1tools.compile_files(str(contracts.path("seal/v1/ses.asn")), "der")
    when = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - asn1tools writes naive values as UTC
    rest = {"type": 1, "name": "印", "createDate": when, "validStart": when, "validEnd": when}
    certs = module.encode("SES-ESPropertyInfo", {**rest, "certListType": 1, "certList": ("certs", [b"a"])})
    assert certs.endswith(bytes.fromhex("0201013003040161") + b"\x18\x0f20260102030405Z" * 3)
    digests = [{"type": "1.2.156.10197.1.401", "value": b"a"}]
    listed = module.encode("SES-ESPropertyInfo", {**rest, "certListType": 2, "certList": ("certDigestList", digests)})
    assert b"\x13\x131.2.156.10197.1.401\x04\x01a" in listed
