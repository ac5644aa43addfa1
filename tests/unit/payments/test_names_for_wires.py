"""Names that a wire cannot hold: dots are folded, a name for the wire stands beside the legal one, GB 18030 has all."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.adapters.nontax.fields import unencodable
from gateway.adapters.nontax.soap.adapter import SoapNonTaxSettings
from gateway.adapters.nontax.soap.mapping import create_bill
from gateway.rooms.decisions import Decision, DecisionFacts
from gateway.rooms.payments import IncomeItem, LineInput, LineKind, Unit
from gateway.rooms.payments.bill import bill_for

CASE: dict[str, Any] = json.loads((Path(__file__).parents[2] / "cases/api/decision.json").read_text(encoding="utf-8"))
UNIT = Unit("990102001", "望川区综合行政执法局", "990102", {LineKind.FINE: IncomeItem("103050199", "罚没收入")})
RARE = ["李䶮", "𠮷田", "㛃𬱖"]
DOTTED = [f"阿依古丽{dot}买买提" for dot in "·•・‧．.･∙"]


def billed(name: str, **party: Any) -> dict[str, Any]:
    told = {"kind": "natural_person", "name": name, "id_type": "身份证", "id_number": "990102194912310024", **party}
    facts = DecisionFacts.model_validate_json(json.dumps(CASE | {"party": told}))
    decision = Decision("dec_1", "A1", "望市监罚〔2026〕1号", 1, facts, (), 0, 0)
    lines = [LineInput(kind=LineKind.FINE, amount="200.00")]
    bill = bill_for(decision, lines, UNIT, reference="R1", today=date(2026, 11, 20), due_on=None)
    assert facts.party.name == name  # the facts stay as they were given
    return create_bill(bill)


@pytest.mark.parametrize("name", DOTTED)
def test_every_dot_goes_as_the_one_of_the_standard(name: str) -> None:
    bill = billed(name)
    assert bill["PayerName"] == "阿依古丽·买买提"
    assert unencodable(bill, "gbk") is None


@pytest.mark.parametrize("name", RARE)
def test_a_rare_name_needs_gb18030_or_a_name_for_the_wire(name: str) -> None:
    refused = unencodable(billed(name), "gbk")
    assert refused is not None
    assert "字符集" in refused
    assert unencodable(billed(name), "gb18030") is None
    helped = billed(name, wire_name="李(龙天)", wire_name_reason="缴款平台字库缺字")
    assert helped["PayerName"] == "李(龙天)"
    assert unencodable(helped, "gbk") is None


def test_a_name_for_the_wire_has_a_reason() -> None:
    for half in ({"wire_name": "李某"}, {"wire_name_reason": "缺字"}):
        with pytest.raises(ValidationError, match="wire_name_reason"):
            billed("李䶮", **half)


def test_gb18030_is_a_setting_of_a_channel() -> None:
    settings = {"secret": "s", "node_code": "n", "platform_node": "p", "encoding": "gb18030"}
    assert SoapNonTaxSettings.model_validate(settings).encoding == "gb18030"
