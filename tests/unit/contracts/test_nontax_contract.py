"""The non-tax contract: schemas, examples, code tables and signature vectors agree with each other."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree

import contracts
from gateway.adapters.nontax.soap import mapping as soap_mapping
from gateway.foundation.wire.signing import SignatureRefusedError, verify
from gateway.words.clock import from_micros
from gateway.words.errors import ContractError, OutcomeUnknownError
from simulators.signing import signature

ROOT = contracts.path("nontax/v1")
SCHEMAS = {
    "urn:nontax-platform:v1": etree.XMLSchema(etree.parse(str(ROOT / "nontax.xsd"))),
    "urn:nontax-platform:callback:v1": etree.XMLSchema(etree.parse(str(ROOT / "callback.xsd"))),
}
VECTORS = json.loads(contracts.read_text("nontax/v1/vectors/signatures.json"))


def examples(folder: str) -> list[Path]:
    return sorted((ROOT / "examples" / folder).glob("*.xml"))


@pytest.mark.parametrize("file", examples("valid"), ids=lambda file: file.stem)
def test_valid_examples_pass_their_schema(file: Path) -> None:
    root = etree.parse(str(file)).getroot()
    schema = SCHEMAS[etree.QName(root).namespace]
    assert schema.validate(root), schema.error_log


@pytest.mark.parametrize("file", examples("invalid"), ids=lambda file: file.stem)
def test_invalid_examples_fail_and_say_why(file: Path) -> None:
    document = etree.parse(str(file))
    root = document.getroot()
    assert not SCHEMAS[etree.QName(root).namespace].validate(root)
    assert root.getprevious().text.strip()
    # What stands wrong is one thing: the schema names at most that element and its consequence.
    assert 1 <= len(SCHEMAS[etree.QName(root).namespace].error_log) <= 3


def test_every_operation_of_the_wsdl_has_its_elements_and_declares_every_fault() -> None:
    names = {"w": "http://schemas.xmlsoap.org/wsdl/"}
    wsdl = etree.parse(str(ROOT / "nontax.wsdl"))
    schema = etree.parse(str(ROOT / "nontax.xsd"))
    elements = set(schema.xpath("/xs:schema/xs:element/@name", namespaces={"xs": "http://www.w3.org/2001/XMLSchema"}))
    operations = wsdl.xpath("//w:portType/w:operation", namespaces=names)
    assert len(operations) == 9
    for operation in operations:
        assert {operation.get("name"), operation.get("name") + "Response"} <= elements
        assert len(operation.findall("w:fault", names)) == 5


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_signature_vectors_hold_for_both_sides_and_a_third_implementation(vector: dict) -> None:
    body, key = bytes.fromhex(vector["body_hex"]), vector["key"].encode()
    words = [vector[name] for name in ("node", "timestamp", "nonce")]
    assert (signature(key, *words, body) == vector["signature"]) is vector["valid"]
    headers = dict(
        zip(("X-Node-Code", "X-Timestamp", "X-Nonce", "X-Signature"), [*words, vector["signature"]], strict=True)
    )
    now = from_micros(int(vector["timestamp"]) * 1000)
    if vector["valid"]:
        assert verify(headers, body, {vector["node"]: key}, now).nonce == vector["nonce"]
        with pytest.raises(SignatureRefusedError, match="stale"):
            verify(headers, body, {vector["node"]: key}, now + timedelta(seconds=301))
    else:
        with pytest.raises(SignatureRefusedError):
            verify(headers, body, {vector["node"]: key}, now)
    if "sm3" in hashlib.algorithms_available:
        message = "\n".join(words).encode() + b"\n" + body
        assert (hmac.new(key, message, "sm3").hexdigest() == vector["signature"]) is vector["valid"]


def test_the_code_tables_have_no_double_codes_and_only_known_effects() -> None:
    for table in ("results", "pay_stats", "refund_stats", "pay_modes"):
        codes = [row["code"] for row in contracts.code_table("nontax", "v1", table)]
        assert len(codes) == len(set(codes))
    effects = {row["effect"] for row in contracts.code_table("nontax", "v1", "results")}
    assert effects == {"ok", "pending", "withdrawn", "rejected", "absent", "busy", "denied", "unknown"}


@pytest.mark.parametrize("row", contracts.code_table("nontax", "v1", "results"), ids=lambda row: row["code"])
def test_only_the_code_for_success_is_taken_as_one(row: dict[str, str]) -> None:
    error = soap_mapping.refusal(row["code"], "")
    assert (error is None) is (row["effect"] == "ok")
    if error is not None:
        assert row["code"] in str(error)


@pytest.mark.parametrize("code", ["99999", "00001", "", "0", "00000 "])
def test_a_code_outside_the_table_is_doubt_with_an_alarm(code: str) -> None:
    assert isinstance(soap_mapping.refusal(code, "成功"), ContractError)
    assert isinstance(soap_mapping.refusal(code, "成功"), OutcomeUnknownError)


def test_acknowledgements_keep_the_contract() -> None:
    for result in ("00000", "19001"):
        answer = etree.fromstring(soap_mapping.acknowledgement("99010226300000000036", "S<1>&", result))
        assert SCHEMAS[soap_mapping.CALLBACK].validate(answer)
        assert answer.findtext(f"{{{soap_mapping.CALLBACK}}}TraNoBus") == "S<1>&"
