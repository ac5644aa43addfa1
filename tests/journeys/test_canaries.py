"""Persons who exist nowhere else are put into a case, and every way out is driven: none of them comes out unmasked."""

from __future__ import annotations

import asyncio
import io
import itertools
import re
import zipfile
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any, get_args

import httpx
import pytest
from fastapi.routing import APIRoute
from refund_steps import LETTER, VOUCHER, colleague, paid_twice, propose
from shadowing import kept, one_change_is_found

from gateway import logs
from gateway.faces.build import build
from gateway.foundation import handovers as handed
from gateway.foundation.access import audit as acts
from gateway.rooms.reconciliation.report import Kind
from gateway.settings import FACES, LogSettings, load

PARTY = {
    "kind": "natural_person",
    "name": "崔砚舟",
    "id_type": "身份证",
    "id_number": "440106200012314536",
    "phone": "13712344321",
    "address": "安澜市望川区临河路5号2单元301",
}
NUMBERS = ("440106200012314536", "13712344321", "6217003810024457197", "临河路5号2单元", "苏A88C31", "99010277321")
NAMES = ("崔砚舟", "谭雪樵", "贺小栀", "顾承影", "罗小满", "柯望津")
TEXT = (
    "当事人员工电话13712344321，账号6217003810024457197，驾驶苏A88C31，家庭住址：望川区临河路5号2单元301。"
    "证人谭雪樵证实，其女贺小栀（9岁）在场。持身份证440106200012314536。执法人员顾承影99010277321。"
)
OFFICERS = [{"name": "顾承影", "number": "99010277321"}]
FIRM, PERSON, SHOP = (f"望市监罚决字〔2026〕第{number}号" for number in (871, 872, 873))


@pytest.fixture
async def case(make_site, tmp_path, simulators, sqlite_url) -> AsyncIterator[tuple[Any, list[bytes], io.StringIO]]:
    """A gateway with a page of its own, somebody who hears its webhooks, and all that it logs, debugging included."""
    said = io.StringIO()
    with make_site(tmp_path, simulators, sqlite_url) as site:
        text = site.settings_file.read_text(encoding="utf-8")
        own = '[channels.gongshi]\nadapter = "credit.bulletin"\nurl = "https://gongshi.example/public"\n\n'
        gsxt = simulators.ready["systems"]["gsxt"]
        secret = tmp_path / "gsxt.secret"
        secret.write_text(gsxt["secret"], encoding="utf-8")
        secret.chmod(0o600)
        own += f'[channels.gsxt]\nadapter = "credit.gsxt"\nurl = "{gsxt["url"]}"\nnode = "{gsxt["node"]}"\n'
        own += 'secret = "file:gsxt.secret"\n\n'
        text = text.replace('"creditchina", "portal"]', '"creditchina", "portal", "gsxt", "gongshi"]')
        bind = f'public = "{site.url.removeprefix("http://")}"\n[webhooks]'
        text = text.replace("[webhooks]", bind, 1).replace("[channels.portal]", own + "[channels.portal]", 1)
        site.settings_file.write_text(text, encoding="utf-8")
        site.settings = load(site.settings_file)
        logs.configure(LogSettings(level="debug"), said)
        heard: list[bytes] = []
        listening = await asyncio.start_server(hearing(heard), "127.0.0.1", 0)
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/webhooks"
        async with site.running(), listening:
            made = await site.post("/v1/webhook-endpoints", {"authority": "wangchuan-scjg", "url": url})
            assert made.status_code == 201, made.text
            yield site, heard, said


def hearing(heard: list[bytes]) -> Any:
    """Takes every webhook as it comes, whatever its signature."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *([0-9]+)", head)
        heard.append(await reader.readexactly(int(length[1]) if length else 0))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    return take


async def publish(site: Any, number: str) -> None:
    """At every target, and followed until nothing is under way."""
    answer = await site.post("/v1/disclosures", site.demand(number))
    assert answer.status_code == 202, answer.text
    for one in answer.json():
        await site.until(
            f"/v1/disclosures/{one['id']}", lambda now: now["status"] in ("PUBLISHED", "NOT_PUBLISHABLE", "REJECTED")
        )


async def story(site: Any) -> list[str]:
    """A firm, a person and a shop under a person's name: published, billed, paid twice, appealed, and told wrongly.

    The addresses of the payers' pages.
    """
    texts = {
        "facts": TEXT,
        "basis": f"食品安全法第一百二十四条（{TEXT}）",
        "violation": f"经营过期食品（{TEXT}）",
        "full_text": TEXT,
        "field_of_law": "food",
        "officers": OFFICERS,
    }
    await site.decide(FIRM, **texts)
    await site.decide(PERSON, party=PARTY, **texts)
    shop = {
        "kind": "individual_business",
        "name": "柯望津",
        "uscc": "92990102MA0WA4562J",
        "legal_representative": "柯望津",
    }
    await site.decide(SHOP, party=shop, **texts)
    asked = {"authority": "wangchuan-scjg", "decision_number": FIRM}
    async with await colleague(site, "安知行") as operator:
        seen = (await operator.post("/v1/full-texts/preview", json=asked)).json()["seen"]
        key = {"Idempotency-Key": "text"}
        answer = await operator.post("/v1/full-texts/confirmation", json=asked | {"seen": seen}, headers=key)
        assert answer.status_code == 200, answer.text
    for number in (FIRM, PERSON, SHOP):
        await publish(site, number)
    bills = [await site.issued(number) for number in (FIRM, PERSON, SHOP)]
    appeal = {"kind": "appealed", "on": "2026-11-24", "appeal_kind": "suit", "party": "谭雪樵"}
    await site.post(site.path(PERSON) + "/events", appeal)
    twice = await paid_twice(site)
    payee = {"name": "罗小满", "account": "6217003810024457197", "bank": "安澜农商银行望川支行"}
    await propose(site, twice, "paid_twice", LETTER, VOUCHER, payee=payee)
    wrong = await site.http.put(site.path(PERSON), json=site.facts(party=PARTY | {"id_number": "440106200012314537"}))
    assert wrong.status_code == 422
    await site.http.post("/callbacks/nontax", content=TEXT.encode())
    await site.http.get(f"/v1/entities?name={PARTY['name']}")
    return [one["payer_page"] for one in bills]


WIRES = {
    "nontax": ("nontax", "PayStats", "CreateBill"),
    "creditchina": ("credit", "receiptNo", "submit find"),
    "portal": ("portal", "receipt", "publish"),
    "gsxt": ("gsxt", "receipt", "publish"),
}
"""Channel → the system that stands for it, a field of its answers, and the operations whose answers have it."""


async def test_nobody_comes_out_unmasked(case) -> None:
    site, heard, said = case
    payers = await story(site)
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=20, follow_redirects=True) as citizen:
        public = await pages_of(citizen, payers, site.simulators.ready["systems"])
    assert len(public) > 12
    assert any(where.startswith("/public/pub_") and "经营过期食品" in text for where, text in public.items())
    for platform in ("portal", "gsxt"):
        assert any(platform in where and "经营过期食品" in text for where, text in public.items()), platform
    leaked = {(where, one) for where, text in public.items() for one in (*NUMBERS, *NAMES) if one in text}
    by_register = (
        "/credit/public",
        "/gsxt/public",
    )  # these show a shop under its registered name, by which they know it
    leaked = {(at, one) for at, one in leaked if one != "柯望津" or not any(page in at for page in by_register)}
    assert leaked == set(), "what everybody can read"

    async with asyncio.timeout(60):
        while b"refund.proposed" not in (told := b"".join(heard)) or b"disclosure.published" not in told:
            await asyncio.sleep(0.05)
    assert b"\\u" not in told, "texts are in UTF-8, as they are looked for"
    assert [one for one in (*NUMBERS, *NAMES) if one.encode() in told] == [], "webhooks"

    async with await colleague(site, "闻人朔") as operator:
        shown = await lists_of(site, operator)
    assert len(shown) > 25
    leaked = {(where, one) for where, text in shown.items() for one in NUMBERS[:3] if one in text}
    assert leaked == set(), "what operators see of numbers that are no business of theirs"

    files = await exports_of(site)
    leaked = {(where, one) for where, text in files.items() for one in NUMBERS if one in text}
    leaked -= {("bundle", one) for one in NUMBERS[5:]}  # a case's papers say who worked on it
    assert leaked == set(), "files that are handed on"
    logs = ("audit", "handovers")
    assert {(where, one) for where in logs for one in NAMES[1:] if one in files[where]} == set(), "logs about persons"

    told = {one: await kept(site, one) for one in WIRES}
    written = "".join(one.line() for exchanges in told.values() for one in exchanges)
    assert [one for one in NUMBERS[:3] if one in written] == [], "exchanges that are handed to whoever compares them"
    for channel, (system, field, operations) in WIRES.items():
        await one_change_is_found(told[channel], system, field, operations)

    assert len(said.getvalue().splitlines()) > 20
    assert [one for one in (*NUMBERS, *NAMES) if one in said.getvalue()] == [], "the log"


async def pages_of(citizen: httpx.AsyncClient, payers: list[str], systems: dict[str, Any]) -> dict[str, str]:
    """Every page without a key: ours, the payers', and what the simulated platforms show to citizens."""
    found: dict[str, str] = {}

    async def read(path: str) -> str:
        found[path] = (await citizen.get(path)).text
        return found[path]

    for start in ("/public", "/public?q=871", *(f"/public?q={one}" for one in NAMES[:2]), "/robots.txt", "/pay"):
        for entry in re.findall(r'href="public/(pub_[0-9a-f]+)', await read(start)):
            await read(f"/public/{entry}")
    for path in payers:
        await read(path)
        await read(path + "/slip")
    for path in ("/openapi.json", "/healthz", "/readyz", "/metrics"):
        await read(path)
    for name in ("credit", "portal", "gsxt"):
        for number in set(re.findall(r"/public/(\d+)", await read(systems[name]["public"]))):
            await read(f"{systems[name]['public']}/{number}")
    del found["/public?q=崔砚舟"], found["/public?q=谭雪樵"]  # which say back what was asked
    return found


async def lists_of(site: Any, operator: httpx.AsyncClient) -> dict[str, str]:
    """Every list and report that an operator can ask for without naming a record, and each record in the lists."""
    found: dict[str, str] = {}
    routes = {one.path for one in build(site.app, FACES).routes if isinstance(one, APIRoute) and "GET" in one.methods}
    for path in sorted(one for one in routes if one.startswith("/v1/") and "{" not in one):
        answer = await operator.get(path, params={"authority": "wangchuan-scjg"})
        found[path] = opened(answer.content) if answer.content.startswith(b"PK") else answer.text
        if answer.headers["Content-Type"] == "application/json" and isinstance(answer.json(), dict):
            for one in answer.json().get("items", [])[:20]:
                if f"{path}/{{{'x'}}}".rpartition("/")[0] in {r.rpartition("/")[0] for r in routes} and "id" in one:
                    found[f"{path}/{one['id']}"] = (await operator.get(f"{path}/{one['id']}")).text
    for number in (FIRM, PERSON, SHOP):
        found[number] = (await operator.get(site.path(number))).text
    asked = {"authority": "wangchuan-scjg", "decision_number": FIRM}
    found["preview"] = (await operator.post("/v1/full-texts/preview", json=asked)).text
    return found


async def person(site: Any, role: str) -> httpx.AsyncClient:
    """Somebody with this role: a client bearing their key."""
    made = await site.app.base.access.create_operator(role, f"试用{role}", role, "long enough a password")
    return site.client((await site.app.base.access.issue_operator_key(made.id, label="canary")).token)


async def exports_of(site: Any) -> dict[str, str]:
    """Every file that people take away, by its name: reports, logs, and the evidence bundle as it is by default."""
    found: dict[str, str] = {}
    day = f"{site.clock.now() + timedelta(hours=8):%Y-%m-%d}"
    async with await person(site, "auditor") as auditor:
        for kind, form in itertools.product(get_args(Kind), ("json", "csv", "xlsx")):
            period = day if kind == "day" else day[:7]
            asked = {"channel": "nontax", "period": period, "format": form}
            answer = await auditor.get(f"/v1/reports/{kind}", params=asked)
            assert answer.status_code == 200, answer.text
            found[f"{kind}.{form}"] = opened(answer.content) if form == "xlsx" else answer.text
    asked = {"authority": "wangchuan-scjg", "number": PERSON, "recipient": "望川区人民法院", "reason": "行政诉讼举证"}
    async with await person(site, "supervisor") as supervisor:
        whole = opened((await supervisor.post("/v1/evidence-bundles", json=asked | {"exact": True})).content)
        assert PARTY["id_number"] in whole, "what a court is given in full"
        found["bundle"] = opened((await supervisor.post("/v1/evidence-bundles", json=asked)).content)
    given = await site.read(lambda conn: handed.find(conn, handed.HandoverFilter(recipient="望川区人民法院")))
    assert [(one.way, one.by, "number" in one.kinds) for one in given] == [
        ("bundle", "试用supervisor", False),
        ("bundle", "试用supervisor", True),
    ], "and that it was given is written down"
    logs = {"audit": (acts.find, acts.AuditFilter), "handovers": (handed.find, handed.HandoverFilter)}
    for name, (find, wanted) in logs.items():
        rows = await site.read(lambda conn, find=find, wanted=wanted: find(conn, wanted(limit=1000)))
        assert rows, name
        found[name] = str([asdict(one) for one in rows])
    return found


def opened(archive: bytes) -> str:
    """What stands in the files of an archive, a workbook being one."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        return "".join(files.read(one).decode(errors="replace") for one in files.namelist())
