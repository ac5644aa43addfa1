"""A personal value shows its mask wherever nobody asked for it in full."""

from __future__ import annotations

import io
import json
import traceback

import pytest
import structlog
from pydantic import TypeAdapter

from gateway import logs
from gateway.rooms.decisions import Party
from gateway.settings import LogSettings

ID, PHONE, ADDRESS = "440106200012314536", "13712344321", "安澜市望川区临河路5号2单元301"
PARTY = Party.model_validate(
    {
        "kind": "natural_person",
        "name": "崔砚舟",
        "id_type": "身份证",
        "id_number": ID,
        "phone": PHONE,
        "address": ADDRESS,
    },
    strict=False,
)


def written() -> dict[str, str]:
    """A party on every way on which somebody may write it without thinking."""
    said = io.StringIO()
    logs.configure(LogSettings(level="debug"), said)
    structlog.get_logger().info("a case", who=PARTY, born=PARTY.id_number, at=[PARTY.address], of={"x": PARTY.phone})
    try:
        raise ValueError(PARTY.id_number, f"{PARTY.phone}")
    except ValueError:
        trace = traceback.format_exc()
    return {
        "repr": repr(PARTY),
        "format": f"{PARTY.id_number} {PARTY.phone:>20} {PARTY.address}",
        "percent": "%s" % PARTY.id_number,  # noqa: UP031
        "json": PARTY.model_dump_json(),
        "json values": json.dumps(PARTY.model_dump(mode="json"), ensure_ascii=False),
        "anybody's JSON": json.dumps(PARTY.model_dump(), default=str, ensure_ascii=False),
        "log": said.getvalue(),
        "trace": trace,
    }


@pytest.mark.parametrize("value", [ID, PHONE, "临河路5号"])
def test_whatever_writes_it_writes_the_mask(value: str) -> None:
    assert [where for where, text in written().items() if value in text] == []


def test_json_of_what_nobody_serialises_is_an_error_not_a_leak() -> None:
    with pytest.raises(TypeError):
        json.dumps({"number": PARTY.id_number})


def test_for_official_use_it_is_itself_and_comes_back_from_its_json() -> None:
    assert PARTY.id_number is not None
    assert PARTY.id_number.for_official_use() == ID
    full = PARTY.for_official_use().model_dump_json()
    assert all(one in full for one in (ID, PHONE, ADDRESS))
    assert Party.model_validate_json(full) == PARTY == PARTY.for_official_use()


def test_outside_it_is_text_in_both_directions() -> None:
    asked, told = (TypeAdapter(Party).json_schema(mode=mode) for mode in ("validation", "serialization"))
    shape = {"anyOf": [{"maxLength": 64, "minLength": 3, "type": "string"}, {"type": "null"}]}
    for one in (asked, told):
        assert one["properties"]["id_number"]["anyOf"] == shape["anyOf"]
