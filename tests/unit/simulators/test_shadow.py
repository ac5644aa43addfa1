"""Exchanges with a real platform are recorded without persons and secrets, and held against the simulated one."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from collecting_unit import Unit

from simulators import cli, exchanges, systems
from simulators.record import Recorder, desensitised
from simulators.replay import Replay
from simulators.shadow import Shadow
from simulators.testing import Simulation


class Through(httpx.BaseTransport):
    """Sends to a recorder, without sockets between."""

    def __init__(self, recorder: Recorder) -> None:
        self.loop = asyncio.new_event_loop()
        self.recorder = recorder
        self.within = httpx.ASGITransport(recorder.application())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def sent() -> httpx.Response:
            body = request.read()
            asked = httpx.Request(request.method, request.url, headers=request.headers, content=body)
            answer = await self.within.handle_async_request(asked)
            return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

        return self.loop.run_until_complete(sent())

    def close(self) -> None:
        self.loop.run_until_complete(self.recorder.client.aclose())
        self.loop.close()


@pytest.fixture
def recorded(simulators: Simulation, unit: Unit, tmp_path: Path) -> list[exchanges.Recorded]:
    """A real platform, played by the simulated one, asked through a recorder: bills, and what became of them."""
    recorder = Recorder(simulators.ready["url"], "nontax", tmp_path / "exchanges.jsonl")
    unit.client = httpx.Client(transport=Through(recorder))
    for _ in range(2):
        code = unit.owed()
        unit.ask("QueryBill", {"PayCode": code})
        unit.pay(code)
        unit.ask("QueryBill", {"PayCode": code})
    unit.client.close()
    return exchanges.read(recorder.file.read_text(encoding="utf-8").splitlines())


def drift(told: list[exchanges.Recorded]) -> list[tuple[str, str, str, int]]:
    found = asyncio.run(Shadow(systems.load(["nontax"]), {}).compare(told))
    return [(one.operation, one.kind, one.path, one.times) for one in found]


def changed(old: str, new: str) -> Callable[[exchanges.Recorded], exchanges.Recorded]:
    def change(one: exchanges.Recorded) -> exchanges.Recorded:
        return replace(one, response=re.sub(old, new, one.response)) if "CreateBill" in one.request else one

    return change


def adapters() -> list[Any]:
    """Every adapter that is installed."""
    return [entry.load() for entry in entry_points(group="gateway.adapters")]


CHANGES = {
    "added": (r"(<[\w:]*PayCode>)", r"<LocalNo>7</LocalNo>\1", ("CreateBill", "added", "Bill.LocalNo", 2)),
    "missing": (r"<[\w:]*PayStats>.*?</[\w:]*PayStats>", "", ("CreateBill", "missing", "Bill.PayStats", 2)),
    "type": (r"(Amt>)(\d+)\.\d\d(<)", r"\1\2 yuan\3", ("CreateBill", "type", "Bill.Amt", 2)),
    "code": (r"(Result>)00000(<)", r"\g<1>0\2", ("CreateBill", "code", "Result", 2)),
}


def test_one_change_of_the_real_platform_is_found_and_nothing_else(recorded: list[exchanges.Recorded]) -> None:
    assert drift(recorded) == []
    for old, new, found in CHANGES.values():
        assert drift([changed(old, new)(one) for one in recorded]) == [found]
    optional = changed(r"<[\w:]*CrcCode>.*?</[\w:]*CrcCode>", "")
    assert drift([optional(one) for one in recorded]) == []


def test_what_was_recorded_is_served_again_in_order_and_the_nearest_is_named(
    recorded: list[exchanges.Recorded],
) -> None:
    async def asked_of_the_stub() -> None:
        transport = httpx.ASGITransport(Replay(recorded).application())
        async with httpx.AsyncClient(transport=transport, base_url="http://stub") as stub:
            asked = [(urlsplit(one.url).path, one.asked.replace(exchanges.MASK, "任何人")) for one in recorded]
            for one, (path, body) in zip(recorded, asked, strict=True):
                answer = await stub.post(path, content=body.encode())
                assert (answer.status_code, answer.text) == (one.status, one.answered)
            path, body = asked[1]
            again = [(await stub.post(path, content=body.encode())).text for _ in range(2)]
            assert again == [recorded[2].answered] * 2  # of equal requests the last answer goes on
            other = await stub.post(path, content=re.sub(r"(PayCode>)\d+", r"\g<1>7", body).encode())
            assert other.status_code == 404
            assert other.json()["nearest"].startswith(f"POST {path} at ")
            assert re.fullmatch(r"PayCode: is '7', was '\d{20}'", other.json()["differs"][0])
            assert [one["asked"]["path"] for one in (await stub.get("/_replay")).json()["unmatched"]] == [path]

    asyncio.run(asked_of_the_stub())


def test_what_is_recorded_has_no_person_and_no_secret(
    recorded: list[exchanges.Recorded], simulators: Simulation
) -> None:
    written = "".join(one.line() for one in recorded)
    assert "味安副食店" not in written
    assert simulators.credentials("nontax")["secret"] not in written
    assert "ignature" not in written
    assert "PayCode" in written
    told = {
        "name": "沈知白",
        "text": "身份证11010519491231002X",
        "phone": 13900001181,
        "deep": [{"token": "t" * 9}],
        "n": 5,
    }
    masked = json.loads(desensitised(json.dumps(told).encode()))
    assert masked == {"name": "***", "text": "身份证***", "phone": "***", "deep": [{"token": "***"}], "n": 5}
    assert desensitised(b"\x00\x01") == "<2 bytes>"


PERSONAL = (
    "440106200012314536",
    "44010620001231453x",
    "440106 20001231 4536",
    "110105491231002",
    "13712344321",
    "137 1234 4321",
    "+86-13712344321",
    "１３７１２３４４３２１",
    "010-65123456",
    "6217003810024457197",
    "6217 0038 1002 4457 197",
    "苏A88C31",
    "苏A·D12345",
    "yanzhou.cui@example.cn",
    "E12345678",
    "Bearer abcdefghijklmnop123",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
    base64.b64encode("崔砚舟的处罚决定书".encode() * 4).decode(),
)


def test_every_kind_of_personal_value_is_masked_in_text_and_every_name_of_one() -> None:
    for value in PERSONAL:
        for written in (json.dumps({"text": f"其号码{value}，在案"}), f"<a t='{value}，在案'>其号码{value}，在案</a>"):
            assert value not in json.dumps(desensitised(written.encode()), ensure_ascii=False), value
    plain = json.dumps({"code": "99010226300000000001", "at": "2026-09-14T10:30:00+08:00", "digest": "ab12" * 16})
    assert desensitised(plain.encode()) == plain
    named = set.union(*(set(getattr(value, "info", value).sensitive) for value in adapters()))
    assert len(named) > 15
    for name in named - {"Authorization"}:
        assert "任之遥" not in desensitised(json.dumps({name: "任之遥"}).encode()), name


def test_the_command_tells_drift_and_says_which_line_is_no_exchange(
    recorded: list[exchanges.Recorded], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, (old, new, _) = tmp_path / "told.jsonl", CHANGES["added"]
    told = [replace(changed(old, new)(one), channel="real") for one in recorded]
    file.write_text("\n".join(one.line() for one in told), encoding="utf-8")
    assert cli.main(["shadow", str(file), "--system", "real=nontax"]) == 1
    assert "nontax CreateBill Bill.LocalNo: 多了" in capsys.readouterr().out
    file.write_text('{"channel": "nontax"}', encoding="utf-8")
    assert cli.main(["shadow", str(file)]) == 2
    assert "line 1: 'method' is a required property" in capsys.readouterr().err
