"""A province's payment platform that nobody here knows: its package and a settings block are all that it takes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway.app import App
from gateway.demo import story
from gateway.demo.installation import populate
from gateway.rooms.decisions import DecisionFacts, Decisions
from gateway.rooms.payments import PaymentRequest, Payments
from gateway.settings import load

ADAPTER = '''
"""The payment platform of a province, over JSON."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, SecretStr

from gateway.ports.base import AdapterInfo, FindGuarantee, ReferenceFormat
from gateway.ports.nontax import Issued


class Platform:
    info: ClassVar[AdapterInfo] = AdapterInfo(
        kind="nontax",
        name="nontax.province",
        contract="province/v1",
        capabilities=frozenset({"issue"}),
        reference=ReferenceFormat(16, prefix="P"),
        find=FindGuarantee(offered=False),
    )

    class Settings(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)

        secret: SecretStr

    def __init__(self, settings, wire, clock):
        self.settings, self.wire = settings, wire

    async def check(self) -> str:
        return "there"

    async def close(self) -> None:
        await self.wire.close()

    async def issue(self, request) -> Issued:
        bill = {"number": request.reference, "fen": request.total, "payer": request.payer_name}
        headers = {"X-Key": self.settings.secret.get_secret_value()}
        told = self.wire.json(await self.wire.request("issue", "POST", "bills", json=bill, headers=headers))
        return Issued(reference=told["number"], code=told["code"], total=told["fen"])
'''
SETTINGS = """
[channels.province]
adapter = "nontax.province"
url = "{url}"
secret = "env:PROVINCE_SECRET"

[[routes]]
authority = "*"
capability = "payments"
channels = ["province"]
"""


@pytest.fixture
def platform() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The province's platform: its address, and the bills that it took."""
    taken: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bill = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            taken.append({**bill, "key": self.headers["X-Key"]})
            body = json.dumps({**bill, "code": f"9901022630{len(taken):010d}"}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", taken
    server.shutdown()
    server.server_close()
    thread.join()


async def test_a_code_is_issued_through_an_adapter_that_only_settings_name(
    platform: tuple[str, list[dict[str, Any]]],
    add_package: Callable[..., None],
    tmp_path: Path,
    sqlite_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, taken = platform
    add_package(
        source=ADAPTER, name="nontax.province", target="province_platform:Platform", project="province-platform"
    )
    monkeypatch.setenv("PROVINCE_SECRET", "a-secret-of-the-province")
    file = tmp_path / "gateway.toml"
    file.write_text(SETTINGS.format(url=url) + f'[store]\nurl = "{sqlite_url}"\n', encoding="utf-8")
    async with App.open(load(file), sending=True) as app:
        await populate(app, "journey-password")
        facts = {
            **story.facts(
                datetime.now(UTC).date(),
                {"name": "味安副食店", "category": "individual_business"}
                | {"uscc": "92990102MA0WA4562J", "legal_representative": "罗巧云", "address": "望川区青禾镇"},
            ),
            "decided_on": "2026-09-14",
        }
        await app.get(Decisions).put(
            story.AUTHORITY, "1号", DecisionFacts.model_validate_json(json.dumps(facts)), by="test"
        )
        payment_id = await app.get(Payments).request(PaymentRequest(authority=story.AUTHORITY, decision_number="1号"))
        made = await app.get(Payments).held(payment_id)
    assert (made.status, made.code, made.channel) == ("ISSUED", "99010226300000000001", "province")
    (bill,) = taken
    assert (bill["fen"], bill["payer"], bill["key"]) == (503650, "味安副食店", "a-secret-of-the-province")
    assert bill["number"].startswith("P")
    assert len(bill["number"]) == 16
