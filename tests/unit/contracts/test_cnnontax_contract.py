"""The contract of the frame CNNONTAX: examples, tables and vectors agree, for the gateway and for the simulator."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import pytest
from lxml import etree

import contracts
from gateway.adapters.nontax.cnnontax import CnNonTaxSettings
from gateway.adapters.nontax.cnnontax import frame as cnnontax_frame
from gateway.adapters.nontax.cnnontax import mapping as cnnontax_mapping
from gateway.words.errors import ContractError, UnusableError
from simulators.cnnontax import frames, platform
from simulators.nontax import books

ROOT = contracts.path("cnnontax/v1")
VECTORS = json.loads(contracts.read_text("cnnontax/v1/vectors/mac.json"))
TOKEN = VECTORS[0]["token"]
MESSAGES = {row["number"]: row for row in contracts.code_table("cnnontax", "v1", "messages")}
with (ROOT / "examples/invalid/reasons.csv").open(encoding="utf-8", newline="") as rows:
    REASONS = {row["file"]: row for row in csv.DictReader(rows)}


def examples(folder: str) -> list[Path]:
    return sorted((ROOT / "examples" / folder).glob("*.frame"))


@pytest.mark.parametrize("file", examples("valid"), ids=lambda file: file.stem)
def test_valid_examples_are_read_alike_by_both_sides(file: Path) -> None:
    content = file.read_bytes()
    assert int(content[:8]) == len(content)
    ours, theirs = cnnontax_frame.split(content), frames.read(content)
    assert ours.genuine(TOKEN.encode())
    letter = cnnontax_frame.open_letter(ours)
    assert (letter.number, letter.sender, letter.receiver) == (theirs.number, theirs.sender, theirs.receiver)
    assert (letter.id, letter.answers, letter.voucher) == (theirs.id, theirs.answers, theirs.voucher.tag)
    assert f"{letter.work_date:%Y%m%d}" == theirs.work_date
    assert letter.number == file.stem.partition("_")[0]
    assert letter.voucher in MESSAGES[letter.number]["voucher"].split()


@pytest.mark.parametrize("file", examples("invalid"), ids=lambda file: file.stem)
def test_invalid_examples_are_refused_where_they_are_written_and_read_calmly_where_nothing_hangs_on_it(
    file: Path,
) -> None:
    content, said = file.read_bytes(), REASONS[file.name]["a_calm_reader"]
    with pytest.raises(ValueError, match=r"."):
        frames.read(content)
    try:
        cnnontax_frame.open_letter(cnnontax_frame.split(content))
    except (ValueError, UnusableError):
        assert said == "refuses it"
    else:
        assert said == "reads it"


def test_every_invalid_example_says_why() -> None:
    reasons = {file: row["reason"] for file, row in REASONS.items()}
    assert set(reasons) == {file.name for file in examples("invalid")}
    assert all(reasons.values())


def test_there_is_an_example_of_every_message() -> None:
    assert {file.stem.partition("_")[0] for file in examples("valid")} == set(MESSAGES)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_mac_vectors_hold_for_both_sides_in_either_case(vector: dict) -> None:
    token, xml = vector["token"], vector["xml"].encode()
    assert (frames.mac(token, xml) == vector["mac"].upper()) is vector["valid"]
    assert (hashlib.sha256(token.encode() + xml).hexdigest() == vector["mac"].lower()) is vector["valid"]
    for code in (vector["mac"].lower(), vector["mac"].upper()):
        frame = cnnontax_frame.split(cnnontax_frame.join("8994", xml, code))
        assert frame.genuine(token.encode()) is vector["valid"]
        assert len(frames.join("8994", xml, code)) == vector["frame_length"]


def test_the_messages_name_vouchers_and_answers_that_exist() -> None:
    schema = etree.parse(str(ROOT / "vouchers.xsd"))
    roots = set(schema.xpath("/xs:schema/xs:element/@name", namespaces={"xs": "http://www.w3.org/2001/XMLSchema"}))
    assert {name for row in MESSAGES.values() for name in row["voucher"].split()} == roots
    assert {number for row in MESSAGES.values() for number in row["answered_by"].split()} <= set(MESSAGES)


def test_the_simulator_answers_every_message_of_a_unit_and_only_these() -> None:
    asked = {
        (row["number"], voucher)
        for row in MESSAGES.values()
        if row["direction"] == "unit to platform" and row["number"] != "8001"
        for voucher in row["voucher"].split()
    }
    assert set(platform.OPERATIONS) == asked


def test_numbers_that_are_not_published_are_settings_of_a_channel() -> None:
    settings = CnNonTaxSettings(token="x", node_code="K9901000002", platform_node="F990100")
    chosen = {settings.refund_message, settings.refund_query_message, settings.statement_message}
    assert chosen == {row["number"] for row in MESSAGES.values() if row["source"] == "this contract"}
    assert settings.void_message == "8994"


def test_the_code_tables_have_no_double_codes_and_hold_whatever_the_books_may_say() -> None:
    for table in ("results", "pay_stats", "refund_stats", "pay_modes", "messages"):
        rows = contracts.code_table("cnnontax", "v1", table)
        codes = [row.get("code", row.get("number")) for row in rows]
        assert len(codes) == len(set(codes))
    effects = {row["code"]: row["effect"] for row in contracts.code_table("cnnontax", "v1", "results")}
    assert set(effects.values()) == {"ok", "rejected", "absent", "busy", "denied", "unknown", "pending", "withdrawn"}
    shared = {row["code"]: row["effect"] for row in contracts.code_table("nontax", "v1", "results")}
    assert {code: effects.get(code) for code in books.MEANINGS} == shared
    modes = {row["channel"]: row["code"] for row in contracts.code_table("cnnontax", "v1", "pay_modes")}
    assert modes == books.MODES


@pytest.mark.parametrize("row", contracts.code_table("cnnontax", "v1", "results"), ids=lambda row: row["code"])
def test_only_the_code_for_success_is_taken_as_one(row: dict[str, str]) -> None:
    error = cnnontax_mapping.CODES.refusal(row["code"], "")
    assert (error is None) is (row["effect"] == "ok")


@pytest.mark.parametrize("code", ["99999", "00001", "", "0", "00000 "])
def test_a_code_outside_the_table_is_doubt_with_an_alarm(code: str) -> None:
    assert isinstance(cnnontax_mapping.CODES.refusal(code, "成功"), ContractError)
