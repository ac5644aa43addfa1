"""A province's own contract is a file: adapters meet it as it is written there, and mistakes in it are named."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from benches import PortalBench
from lxml import etree

from gateway.ports.credit import DisclosureKey, SubmitRequest
from simulators import cli, profile, systems
from simulators.portal.platform import SYSTEM as PORTAL
from simulators.signing import Place, Scheme
from simulators.testing import Simulation

FILES = (profile.shipped()["lanchuan-portal"], profile.shipped()["lanchuan-nontax"])


@pytest.fixture(scope="module")
def lanchuan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulation]:
    options = [word for file in FILES for word in ("--profile", str(file))]
    serving = Simulation(tmp_path_factory.mktemp("lanchuan"), "portal-lanchuan,nontax-lanchuan", options)
    serving.start()
    yield serving
    serving.stop()


class LanchuanBench(PortalBench):
    system = "portal-lanchuan"
    contract = "portal"


async def test_the_gateway_meets_a_portal_as_its_profile_says_it(lanchuan: Simulation) -> None:
    told = tomllib.loads(FILES[0].read_text(encoding="utf-8"))["profile"]
    bench = LanchuanBench(lanchuan, profile=told)
    record = bench.record()
    answer = await bench.adapter.submit(SubmitRequest(reference="R1", record=record))
    assert "'state': 'accepted'" in str(answer.model_dump(mode="json"))
    found = await bench.adapter.read_back(
        DisclosureKey(
            decision_number=record.decision_number,
            authority_code=record.authority_code,
            party_name=record.party.name,
        )
    )
    assert found is not None
    assert found.state == "published"
    asked, shown = (json.loads(one.response_body) for one in bench.exchanges)
    name = record.party.name.for_official_use()
    masked = name if record.party.category != "natural_person" else name[:1] + "*" * (len(name) - 1)
    assert asked["flag"] == "1"
    assert asked["shjg"]["shzt"] == "ytg"
    assert shown["list"][0]["key"]["xdrmc"] == masked
    await bench.close()


class Fen:
    """A client of 岚川省's platform that knows nothing but what its profile says."""

    def __init__(self, serving: Simulation) -> None:
        self.serving = serving
        known = serving.credentials("nontax-lanchuan")
        self.url, self.node, self.secret = known["services"], known["node_code"], known["secret"].encode()
        self.nonce = 0

    def ask(self, content: str, secret: bytes = b"") -> str:
        body = (
            '<?xml version="1.0" encoding="GBK"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
            f'<s:Body xmlns="http://fs.lanchuan.example/pay">{content}</s:Body></s:Envelope>'
        ).encode("gbk")
        self.nonce += 1
        now = datetime.fromisoformat(self.serving.clock()["now"])
        head = {"LC-Node": self.node, "LC-Time": str(round(now.timestamp() * 1000)), "LC-Nonce": f"n{self.nonce:08}"}
        text = "".join(head.values()) + hashlib.sha256(body).hexdigest()
        head["LC-Sign"] = hmac.new(secret or self.secret, text.encode(), "sha256").hexdigest()
        answer = httpx.post(self.url, content=body, headers=head | {"Content-Type": "text/xml"}, trust_env=False)
        if "LC-Sign" in answer.headers:
            given = [answer.headers[name] for name in ("LC-Node", "LC-Time", "LC-Nonce")]
            text = "".join(given) + hashlib.sha256(answer.content).hexdigest()
            assert answer.headers["LC-Sign"] == hmac.new(self.secret, text.encode(), "sha256").hexdigest()
        return answer.content.decode("gbk")


ORDER = """<createOrder><AdmDivCode>990102</AdmDivCode><SetYear>2026</SetYear><ddh>N1</ddh><BillDate>20260914</BillDate>
<ChgAgenCode>990102002</ChgAgenCode><ChgAgenName>望川区市场监督管理局</ChgAgenName><PayerName>味安副食店</PayerName>
<cfjdsh>望市监罚决〔2026〕18号</cfjdsh><Amt>{amount}</Amt><Item><ItemCode>103050199001</ItemCode><ItemName>罚款</ItemName>
<Amt>{amount}</Amt></Item><ywlx>{kind}</ywlx></createOrder>"""


def test_a_platform_speaks_soap_as_the_profile_of_its_province_says(lanchuan: Simulation) -> None:
    fen = Fen(lanchuan)
    made = fen.ask(ORDER.format(amount="500.00", kind="XZCF"))
    code = re.search(r"<jkm>(\d+)</jkm>", made)
    assert code is not None, made
    for part in (
        "createOrderResponse",
        "returnCode>0000<",
        "ddzt>W<",
        "jgbm>岚川财非<",
        "http://fs.lanchuan.example/pay",
    ):
        assert part in made
    lanchuan.ask("POST", "/nontax-lanchuan/pay", {"code": code[1]})
    assert "ddzt>Y<" in fen.ask(f"<queryOrder><jkm>{code[1]}</jkm></queryOrder>")
    assert "ywlx: 'QT' is not one of" in fen.ask(ORDER.format(amount="1.00", kind="QT"))
    refused = fen.ask(ORDER.format(amount="1.76", kind="XZCF"))  # a magic amount: refused with 18012
    assert "returnCode>E012<" in refused
    assert "该单位未开通此项目，请联系省财政厅" in refused
    assert "19100" in fen.ask("<queryOrder><jkm>1</jkm></queryOrder>", secret=b"somebody else's")
    described = etree.fromstring(httpx.get(fen.url + "?wsdl", trust_env=False).content)
    named = {one.get("name") for one in described.iter("{http://schemas.xmlsoap.org/wsdl/}operation")}
    assert {"createOrder", "queryOrder", "VoidBill"} <= named


def told_in_json(**more: Any) -> profile.Profile:
    made = profile.system_of({"name": "portal-x", "system": "portal", "title": "甲", **more}, PORTAL).profile
    assert made is not None
    return made


def test_json_is_wrapped_encoded_and_worded_as_a_province_has_it() -> None:
    told = told_in_json(
        profile={
            "names": {"reference": "lsh", "code": "flag", "message": "tip"},
            "codes": {"Y": "P0000", "D": "P0410"},
        },
        texts={"P0410": "请勿重复报送"},
        asked={"publish": {"qh": {"type": "string"}, "tj.nd": {"const": 2026}}},
        answered={"*": {"traceId": "T1"}, "find": {"data.ts": 3}},
        wire={"encoding": "GBK", "within": {"asked": "body", "answered": "data"}},
    )
    sent = json.dumps({"body": {"lsh": "R1", "qh": "990102", "tj": {"nd": 2026}}}, ensure_ascii=False).encode("gbk")
    content, wrong = told.content_of(sent, "publish")
    assert (content, wrong) == ({"reference": "R1", "tj": {}}, [])
    assert told.content_of(b'{"body": {"tj": {"nd": 1}}}', "publish")[1] == [
        "qh: is missing",
        "tj.nd: 2026 was expected",
    ]
    answer = told.bytes_of({"code": "P0410", "message": "已公示", "submission": {"reference": "R1"}}, "find")
    assert json.loads(answer.decode("gbk")) == {
        "flag": "D",
        "tip": "请勿重复报送",
        "data": {"submission": {"lsh": "R1"}, "ts": 3},
        "traceId": "T1",
    }
    assert told.answer_of(answer)["submission"] == {"reference": "R1"}
    assert json.loads(told.in_our_words(b'{"flag": "Y"}')) == {"code": "P0000"}


WRONG: dict[str, dict[str, Any]] = {
    "profile.names: no member 'partName'; did you mean 'partyName'?": {"profile": {"names": {"partName": "xm"}}},
    "profile.names: partyName and content are both called 'x'": {
        "profile": {"names": {"partyName": "x", "content": "x"}}
    },
    "profile.codes: no code 'P9999'": {"profile": {"codes": {"1": "P9999"}}},
    "profile.paths: no path 'publish'; there are": {"profile": {"paths": {"publish": "/a"}}},
    "differ in {reference}": {"profile": {"paths": {"find": "/a"}}},
    "profile.signing.text: no part 'bod'; did you mean 'body'?": {"profile": {"signing": {"text": "{bod}"}}},
    "asked: no operation 'submit'": {"asked": {"submit": {"a": {}}}},
    "settings: no setting 'reviews'; did you mean 'review'?": {"settings": {"reviews": True}},
    "settings.review: 'yes' is not of type 'boolean'": {"settings": {"review": "yes"}},
    "Additional properties are not allowed ('colour' was unexpected)": {"colour": "red"},
}


def test_each_mistake_in_a_profile_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "wrong.json"
    for words, more in WRONG.items():
        file.write_text(json.dumps({"name": "portal-x", "system": "portal", "title": "甲", **more}), encoding="utf-8")
        assert cli.main(["check", str(file)]) == 2
        assert words in capsys.readouterr().err
    assert cli.main(["check", str(FILES[0])]) == 0
    file.write_text('{"name": "portal", "system": "portal", "title": "甲"}', encoding="utf-8")
    with pytest.raises(ValueError, match="the name is taken"):
        systems.load([], [file])
    file.write_text('{"name": "a", "system": "cnnontax", "title": "甲", "texts": {}}', encoding="utf-8")
    with pytest.raises(ValueError, match="speaks frames: their manners are its settings"):
        systems.load([], [file])


def test_a_signature_of_a_province_is_held_and_a_spoilt_one_stays_spoilt() -> None:
    scheme = Scheme(text="{method}{target}{timestamp}{body}", stamp="seconds", written="base64", signature="S")
    at = Place("POST", "/a", "b=1")
    text = b"POST/a?b=117000000007"
    right = base64.b64encode(hmac.new(b"k", text, "sha256").digest()).decode()
    given = {"X-Node-Code": "N", "X-Timestamp": "1700000000", "X-Nonce": "1", "S": right}
    by_sha = replace(scheme, digest="sha256")
    ours = by_sha.inward(b"k", given, b"7", at)
    assert ours["X-Timestamp"] == "1700000000000"
    assert ours["X-Signature"]
    assert by_sha.outward(b"k", ours, b"7", at) == given
    assert by_sha.inward(b"other", given, b"7", at)["X-Signature"] == ""
    spoilt = by_sha.outward(b"k", ours | {"X-Signature": "0" * 64}, b"7", at)["S"]
    assert spoilt != right
