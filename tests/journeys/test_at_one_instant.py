"""Every writing request of the API, made at two nodes at one instant, comes to what it comes to in turn.

Each is made twice in turn on one thing, and twice at once on another: as many are taken, with the same answers, and as
many things are made. When they meet, both nodes hold their commits back a moment, so that each has looked before the
other one has stored, unless they take turns.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from calendar import monthrange
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from refund_steps import LETTER, PAYEE, VOUCHER, propose
from sqlalchemy import Connection, Select, delete, event, func, insert, select

from gateway.app import App
from gateway.demo import story
from gateway.faces.build import build
from gateway.foundation.rotation.tables import key_version
from gateway.foundation.store import writer
from gateway.foundation.wire.signing import sign
from gateway.rooms.disclosures import Disclosures
from gateway.rooms.disclosures import Status as DisclosureStatus
from gateway.rooms.disclosures import records as disclosure_records
from gateway.rooms.disclosures.tables import confirmed_text, disclosure_finding
from gateway.rooms.exports.files import as_workbook
from gateway.rooms.notices import Notice, Status
from gateway.rooms.notices.records import add as add_notice
from gateway.rooms.payments import records as payment_records
from gateway.rooms.payments.tables import collection
from gateway.rooms.reconciliation import run_records
from gateway.rooms.reconciliation.balance import REPORT_KEY
from gateway.rooms.reconciliation.matching import Side
from gateway.rooms.reconciliation.run_records import Run
from gateway.rooms.reconciliation.states import RunState
from gateway.rooms.seals.tables import sealed_document
from gateway.settings import FACES
from gateway.words.clock import SHANGHAI, SystemClock, day_of
from gateway.words.identifiers import new_id

TIMES = int(os.environ.get("GATEWAY_TEST_TIMES", "1"))
"""How often two nodes meet; twenty times in `make nightly`."""
MONEY = ("/v1/decisions", "/v1/payments", "/v1/refunds", "/v1/exceptions", "/v1/operations", "/v1/cash", "/v1/month")
"""What two nodes are asked for in every run: where money or a term hangs on it. All of it is for `make nightly`."""
OPENAPI = Path(__file__).parents[1] / "snapshots" / "openapi.json"
WRITING = {
    f"{method.upper()} {path}"
    for path, methods in json.loads(OPENAPI.read_text(encoding="utf-8"))["paths"].items()
    for method in methods
    if method in ("post", "put", "patch", "delete")
}
HELD_SECONDS = 0.03
_numbers = count(1)


@dataclass(frozen=True)
class Ask:
    """A request, ready to be made twice; ``by`` the case system, or one of the operators.

    ``content`` and ``headers``: of one that is no JSON. ``rows`` counts what it leaves behind, where no answer says so.
    ``method``: where it meets another one.
    """

    path: str
    body: Any = None
    by: str = "case system"
    content: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    rows: Select[tuple[int]] | None = None
    method: str = "POST"


class Nodes:
    """A served gateway that sends, and another one beside it on the same database; ``keys`` of those who ask."""

    def __init__(self, site: Any, other: App, clients: tuple[httpx.AsyncClient, ...], keys: dict[str, str]) -> None:
        self.site, self.other, self.clients, self.keys = site, other, clients, keys
        self.meet = False
        for app in (site.app, other):
            event.listen(app.base.store._writing, "commit", self._hold)

    def _hold(self, _: Any) -> None:
        if self.meet:
            time.sleep(HELD_SECONDS)

    async def say(self, method: str, ask: Ask, node: int = 0) -> httpx.Response:
        """Make a request at a node, under a key of its own."""
        headers = {"Authorization": f"Bearer {self.keys[ask.by]}", "Idempotency-Key": f"instant-{next(_numbers)}"}
        body: dict[str, Any] = {"json": ask.body} if ask.content is None else {"content": ask.content}
        return await self.clients[node].request(method, ask.path, headers=headers | dict(ask.headers), **body)

    async def well(self, method: str, path: str, body: Any = None, by: str = "case system") -> Any:
        """The body of an answer that is none of a problem."""
        answer = await self.say(method, Ask(path, body, by))
        assert answer.is_success, answer.text
        return answer.json()

    async def decided(self, **facts: Any) -> str:
        """The number of a new decision."""
        return str(await self.site.decide(number(), **facts))


@pytest.fixture
async def nodes(tmp_path, simulators, postgresql_url, open_site, monkeypatch) -> AsyncIterator[Nodes]:
    monkeypatch.setattr(writer, "_TURN_SECONDS", 60.0)  # a busy machine makes whoever waits for a turn wait longer
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(open_site(tmp_path, simulators, postgresql_url))
        other = await stack.enter_async_context(App.open(site.settings, clock=site.clock))
        there = httpx.AsyncClient(transport=httpx.ASGITransport(build(other, FACES)), base_url=site.url)
        clients = (await stack.enter_async_context(site.client(None)), await stack.enter_async_context(there))
        keys = {"case system": site.key}
        for name, role in (("高远", "operator"), ("林溪", "operator"), ("周敏", "supervisor")):
            login = f"login-{len(keys)}"
            made = await site.app.base.access.create_operator(login, name, role, "long enough a password")
            keys[name] = (await site.app.base.access.issue_operator_key(made.id, label="journey")).token
        yield Nodes(site, other, clients, keys)


def number() -> str:
    """The number of a decision that is not there yet."""
    return f"望市监罚决字〔2026〕第{next(_numbers)}号"


# --- what each request needs ----------------------------------------------------------------------------------------

Prepare = Callable[[Nodes], Awaitable[Ask]]
PREPARED: dict[str, Prepare] = {}
NO_SENSE = {
    "POST /v1/evidence-bundles": "puts what is there into a file",
    "POST /v1/full-texts/preview": "reads a text",
    "POST /v1/disclosures/{disclosure_id}/look": "looks at a page",
    "POST /v1/licence-scans": "reads a text",
    "POST /v1/verifications": "looks at a file",
    "POST /v1/channels/{channel}/reload": "each node reads its own files, and puts what it read in its own channel",
    "POST /v1/channels/{channel}/resume": "lets a channel go that goes already: the row is one, whatever is said of it",
    "POST /v1/channels/{channel}/check": "asks whether a channel works",
    "POST /v1/channels/{channel}/stop": "stops a channel that is stopped already: the row is one",
    "POST /v1/authorities": "the code is the row's key, and the second is told that it is there",
    "POST /v1/clients": "the name is one, and the second is told that it is there",
    "POST /v1/clients/{client}/keys": "each asks for a key of its own",
    "POST /v1/clients/{client}/revocation": "what is revoked stays revoked since the first",
    "POST /v1/keys/{key_id}/revocation": "what is revoked stays revoked since the first",
    "POST /v1/operators": "the login is one, and the second is told that it is there",
    "POST /v1/operators/{login}/forgotten-code": "what is forgotten stays so",
    "POST /v1/operators/{login}/keys": "each asks for a key of its own",
    "POST /v1/operators/{login}/revocation": "who is disabled stays disabled",
    "POST /v1/operator-sessions/{session_id}/end": "what has ended stays so since the first",
    "PUT /v1/operators/{login}/password": "the last one counts",
    "PUT /v1/assignments/{subject}": "in one person's hands: the last one counts",
    "PUT /v1/authorities/{authority}/organ": "one row a day, the last one counts",
    "PUT /v1/authorities/{authority}/unit": "one row a day, the last one counts",
    "POST /v1/webhook-endpoints/{endpoint_id}/test": "each is an event of its own that tells nothing",
    "POST /v1/exports": "puts what is there into a file",
    "POST /v1/operations/{operation_id}/retry": "asks about one operation soon: its row is one, its calls are fenced",
}
"""Requests that change nothing that another one could make wrong, and why."""


def prepares(request: str) -> Callable[[Prepare], Prepare]:
    """The function makes a fresh thing, and a request about it."""

    def keep(function: Prepare) -> Prepare:
        PREPARED[request] = function
        return function

    return keep


@prepares("PUT /v1/decisions/{authority}/{number}")
async def a_decision(nodes: Nodes) -> Ask:
    return Ask(nodes.site.path(number()), nodes.site.facts())


@prepares("POST /v1/decisions/{authority}/{number}/events")
async def a_service(nodes: Nodes) -> Ask:
    served = {"kind": "served", "on": "2026-09-16", "method": "direct"}
    return Ask(f"{nodes.site.path(await nodes.decided())}/events", served)


async def served(nodes: Nodes) -> str:
    """The address of the event that serves a new decision."""
    ask = await a_service(nodes)
    view = await nodes.well("POST", ask.path, ask.body)
    return f"{ask.path}/{view['events'][-1]['id']}"


CORRECTED = {
    "event": {"kind": "served", "on": "2026-09-17", "method": "direct"},
    "reason": "送达回证日期录入有误",
    "officer": "陈立 33010001",
}


@prepares("POST /v1/decisions/{authority}/{number}/events/{event_id}/correction")
async def a_correction(nodes: Nodes) -> Ask:
    return Ask(f"{await served(nodes)}/correction", CORRECTED)


@prepares("POST /v1/decisions/{authority}/{number}/events/{event_id}/voiding")
async def a_voiding(nodes: Nodes) -> Ask:
    return Ask(f"{await served(nodes)}/voiding", {"reason": "录入了另一案件", "officer": "陈立 33010001"})


@prepares("POST /v1/payments")
async def a_payment(nodes: Nodes) -> Ask:
    return Ask("/v1/payments", nodes.site.demand(await nodes.decided()))


async def waiting_correction(nodes: Nodes) -> tuple[str, str]:
    """The address of an event whose correction waits for a second person, since money has come; and what was seen."""
    decision = await nodes.decided()
    events = f"{nodes.site.path(decision)}/events"
    view = await nodes.well("POST", events, {"kind": "served", "on": "2026-09-16", "method": "direct"})
    path = f"{events}/{view['events'][-1]['id']}"
    await nodes.site.paid(number=decision)
    asked = {name: said for name, said in CORRECTED.items() if name != "officer"}
    view = await nodes.well("POST", f"{path}/correction", asked, "高远")
    return path, view["corrections"][-1]["seen"]


@prepares("POST /v1/decisions/{authority}/{number}/events/{event_id}/confirmation")
async def an_agreement_to_a_correction(nodes: Nodes) -> Ask:
    path, seen = await waiting_correction(nodes)
    return Ask(f"{path}/confirmation", {"seen": seen}, "林溪")


@prepares("POST /v1/decisions/{authority}/{number}/events/{event_id}/withdrawal")
async def a_correction_taken_back(nodes: Nodes) -> Ask:
    path, _ = await waiting_correction(nodes)
    return Ask(f"{path}/withdrawal", {"reason": "查无此误"}, "高远")


async def issued(nodes: Nodes) -> str:
    payment = await nodes.site.issued(await nodes.decided())
    return f"/v1/payments/{payment['id']}"


async def paid(nodes: Nodes) -> dict[str, Any]:
    return dict(await nodes.site.paid(number=await nodes.decided()))


@prepares("POST /v1/payments/{payment_id}/cancel")
async def a_cancellation(nodes: Nodes) -> Ask:
    return Ask(f"{await issued(nodes)}/cancel", {"reason": "决定书文号有误"})


@prepares("POST /v1/payments/{payment_id}/reissue")
async def a_reissue(nodes: Nodes) -> Ask:
    return Ask(f"{await issued(nodes)}/reissue", {"reason": "逾期加处罚款"})


@prepares("POST /v1/payments/{payment_id}/confirmation")
async def a_question_of_a_payment(nodes: Nodes) -> Ask:
    return Ask(f"{await issued(nodes)}/confirmation")


@prepares("POST /v1/payments/{payment_id}/surcharge-reduction")
async def an_agreement_on_the_surcharge(nodes: Nodes) -> Ask:
    decision = await nodes.decided()
    served = {"kind": "served", "on": "2026-09-16", "method": "direct"}
    await nodes.well("POST", f"{nodes.site.path(decision)}/events", served)
    payment = await nodes.site.issued(decision)
    return Ask(f"/v1/payments/{payment['id']}/surcharge-reduction", {"amount": "4000.00", "reason": "执行协议"})


CALLBACK = (
    '<c:PaymentConfirm xmlns:c="urn:nontax-platform:callback:v1"><c:PayNo>{bill}</c:PayNo><c:PayCode>{code}</c:PayCode>'
    "<c:CfmDate>{at:%Y%m%d}</c:CfmDate><c:CfmTime>{at:%H%M%S}</c:CfmTime><c:Amt>{amount}</c:Amt><c:PayMode>51</c:PayMode>"
    "<c:TraNoBus>2026{code}</c:TraNoBus><c:PayerName>罗小满</c:PayerName></c:PaymentConfirm>"
)


@prepares("POST /callbacks/{channel}")
async def a_notice_of_money(nodes: Nodes) -> Ask:
    return await notice_of(nodes, await nodes.site.issued(await nodes.decided()))


async def notice_of(nodes: Nodes, payment: dict[str, Any]) -> Ask:
    """What the platform says when a payment's bill is paid."""
    told, at = nodes.site.simulators.credentials("nontax"), nodes.site.clock.now().astimezone(SHANGHAI)
    bill = await nodes.site.read(lambda conn: payment_records.by_code(conn, "nontax", payment["code"]).reference)
    body = CALLBACK.format(**payment, bill=bill, at=at).encode()
    signed = sign(told["platform_node"], told["secret"].encode(), body, SystemClock().now(), f"n-{next(_numbers):08}")
    headers = (*signed.items(), ("Content-Type", "application/xml"))
    arrived = select(func.count()).where(collection.c.code == payment["code"])
    return Ask("/callbacks/nontax", content=body, headers=headers, rows=arrived)


@prepares("POST /v1/payments/{payment_id}/receipt")
async def a_receipt(nodes: Nodes) -> Ask:
    return Ask(f"/v1/payments/{(await paid(nodes))['id']}/receipt")


@prepares("POST /v1/payments/{payment_id}/receipt/reversal")
async def a_reversed_receipt(nodes: Nodes) -> Ask:
    ask = await a_receipt(nodes)
    await nodes.well("POST", ask.path)
    receipt = await nodes.site.until(ask.path, lambda now: now["status"] == "ISSUED")
    red = {"red_code": receipt["receipt_code"], "red_number": f"{next(_numbers):010}"}
    return Ask(f"{ask.path}/reversal", red, "高远")


@prepares("POST /v1/payments/{payment_id}/refunds")
async def a_refund(nodes: Nodes) -> Ask:
    ask = {"reason": "wrong_payment", "explanation": "多缴", "amount": "5036.50", "officer": "陈立 33010001"}
    return Ask(f"/v1/payments/{(await paid(nodes))['id']}/refunds", ask)


async def refund(nodes: Nodes) -> dict[str, Any]:
    answer = await propose(nodes.site, await paid(nodes), "wrong_payment", LETTER, VOUCHER)
    assert answer.is_success, answer.text
    return dict(answer.json())


@prepares("POST /v1/refunds/{refund_id}/confirmation")
async def an_agreement_to_a_refund(nodes: Nodes) -> Ask:
    made = await refund(nodes)
    return Ask(f"/v1/refunds/{made['id']}/confirmation", {"seen": made["seen"]}, "高远")


@prepares("POST /v1/refunds/{refund_id}/dismissal")
async def a_dismissal(nodes: Nodes) -> Ask:
    return Ask(f"/v1/refunds/{(await refund(nodes))['id']}/dismissal", {"reason": "不予退还"}, "高远")


@prepares("POST /v1/refunds/{refund_id}/documents")
async def a_document(nodes: Nodes) -> Ask:
    kind = {**LETTER, "kind": "loss_statement", "reference": "情况说明"}
    return Ask(f"/v1/refunds/{(await refund(nodes))['id']}/documents", kind)


@prepares("PUT /v1/refunds/{refund_id}/payee")
async def a_payee(nodes: Nodes) -> Ask:
    payee = {"name": "罗小满", "account": "6222021001116245702", "bank": "安澜农商银行望川支行"}
    return Ask(f"/v1/refunds/{(await refund(nodes))['id']}/payee", payee)


@prepares("POST /v1/refunds/{refund_id}/inquiry")
async def a_question_of_a_refund(nodes: Nodes) -> Ask:
    return Ask(f"/v1/refunds/{(await refund(nodes))['id']}/inquiry")


_days = count(date(2025, 1, 1).toordinal())
_months = count(12 * 2001)


@prepares("POST /v1/statement-files")
async def a_file_of_the_bank(nodes: Nodes) -> Ask:
    day = date.fromordinal(next(_days))
    path = f"/v1/statement-files?channel=nontax&day={day}&profile=bank&name=1.txt"
    return Ask(path, content="合计|0|0.00".encode("gbk"), headers=(("Content-Type", "application/octet-stream"),))


@prepares("POST /v1/month-closes")
async def a_close(nodes: Nodes) -> Ask:
    year, month = divmod(next(_months), 12)
    days = [date(year, month + 1, day) for day in range(1, monthrange(year, month + 1)[1] + 1)]
    about = {"reason": None, "statement_id": None, "provisional": False, "ran_by": "test", "ran_at": 1}

    def reconcile(conn: Any) -> None:
        for day in days:
            run_records.add(conn, Run(new_id("rec"), "nontax", Side.PLATFORM, day, RunState.DONE, **about))

    await nodes.site.app.base.store.write(reconcile)
    return Ask("/v1/month-closes", {"channel": "nontax", "month": f"{days[0]:%Y-%m}"}, "高远")


@prepares("POST /v1/month-closes/{close_id}/reopening")
async def a_month_to_open_again(nodes: Nodes) -> Ask:
    ask = await a_close(nodes)
    closed = await nodes.well("POST", ask.path, ask.body, ask.by)
    return Ask(f"{ask.path}/{closed['id']}/reopening", {"reason": "银行更正"}, "高远")


@prepares("POST /v1/month-closes/{close_id}/confirmation")
async def an_agreement_to_open_a_month(nodes: Nodes) -> Ask:
    ask = await a_month_to_open_again(nodes)
    asked = await nodes.well("POST", ask.path, ask.body, ask.by)
    return Ask(ask.path.replace("/reopening", "/confirmation"), {"seen": asked["seen"]}, "林溪")


@prepares("POST /v1/reconciliations")
async def a_reconciliation(nodes: Nodes) -> Ask:
    return Ask("/v1/reconciliations", {"channel": "nontax", "day": str(day_of(nodes.site.clock.now()))})


async def collection_too_many(nodes: Nodes) -> dict[str, Any]:
    """The exception of a payment that was paid twice."""
    payment = await paid(nodes)
    await nodes.site.pay(payment["code"], force=True)
    view = await nodes.site.until(f"/v1/payments/{payment['id']}", lambda now: now["exceptions"])
    return dict(view["exceptions"][0])


async def broken(nodes: Nodes) -> str:
    """The address of a new break."""
    before = {one["id"] for one in (await nodes.site.get("/v1/breaks?limit=200"))["items"]}
    await collection_too_many(nodes)
    ask = await a_reconciliation(nodes)
    await nodes.well("POST", ask.path, ask.body)
    found = (await nodes.site.get("/v1/breaks?limit=200"))["items"]
    return next(f"/v1/breaks/{one['id']}" for one in found if one["id"] not in before)


@prepares("POST /v1/breaks/{break_id}/resolution")
async def a_resolution_of_a_break(nodes: Nodes) -> Ask:
    return Ask(f"{await broken(nodes)}/resolution", {"reason": "已与银行核对"}, "高远")


@prepares("POST /v1/break-resolutions")
async def a_resolution_of_breaks(nodes: Nodes) -> Ask:
    found = (await broken(nodes)).rpartition("/")[2]
    return Ask("/v1/break-resolutions", {"breaks": [found], "reason": "已与银行核对"}, "高远")


@prepares("POST /v1/breaks/{break_id}/proposals")
async def a_proposal(nodes: Nodes) -> Ask:
    return Ask(f"{await broken(nodes)}/proposals", {"action": "refund", "reason": "重复缴款"}, "高远")


async def proposal(nodes: Nodes) -> dict[str, Any]:
    ask = await a_proposal(nodes)
    return dict(await nodes.well("POST", ask.path, ask.body, ask.by))


@prepares("DELETE /v1/break-proposals/{proposal_id}")
async def a_proposal_taken_back(nodes: Nodes) -> Ask:
    return Ask(f"/v1/break-proposals/{(await proposal(nodes))['id']}", None, "高远")


@prepares("POST /v1/break-proposals/{proposal_id}/confirmation")
async def an_agreement_to_a_proposal(nodes: Nodes) -> Ask:
    ask = await a_proposal(nodes)
    made = await nodes.well("POST", ask.path, {**ask.body, "payee": PAYEE, "documents": [LETTER, VOUCHER]}, "高远")
    return Ask(f"/v1/break-proposals/{made['id']}/confirmation", {"seen": made["seen"]}, "林溪")


@prepares("POST /v1/exceptions/{exception_id}/confirmation")
async def an_agreement_to_a_way_out(nodes: Nodes) -> Ask:
    path = f"/v1/exceptions/{(await collection_too_many(nodes))['id']}"
    keep = {"way_out": "keep", "reason": "当事人书面同意抵缴"}
    said = await nodes.well("POST", f"{path}/resolution", keep, "高远")
    return Ask(f"{path}/confirmation", {"seen": said["seen"]}, "林溪")


@prepares("POST /v1/exceptions/{exception_id}/resolution")
async def a_way_out(nodes: Nodes) -> Ask:
    found = await collection_too_many(nodes)
    return Ask(f"/v1/exceptions/{found['id']}/resolution", {"way_out": "refund", "reason": "重复缴款"}, "高远")


CASH = {"procedure": "simple", "fine": "20.00", "confiscated": None, "penalty_kinds": ["罚款"]}


@prepares("POST /v1/cash")
async def cash(nodes: Nodes) -> Ask:
    day = str(day_of(nodes.site.clock.now()))
    decision = nodes.site.demand(await nodes.decided(**CASH, decided_on=day))
    taken = {"amount": "20.00", "ground": "small", "officer": "执法员甲", "taken_on": day}
    return Ask("/v1/cash", {**decision, **taken, "receipt_number": f"R-{next(_numbers)}"})


async def cash_taken(nodes: Nodes, **how: Any) -> str:
    ask = await cash(nodes)
    return f"/v1/cash/{(await nodes.well('POST', ask.path, {**ask.body, **how}))['id']}"


@prepares("POST /v1/cash/{cash_id}/landing")
async def a_landing(nodes: Nodes) -> Ask:
    afloat = {"ground": "remote", "explanation": "渡船上，当事人提出到银行缴款确有困难", "on_water": True}
    return Ask(f"{await cash_taken(nodes, **afloat)}/landing", {"on": str(day_of(nodes.site.clock.now()))})


@prepares("POST /v1/cash/{cash_id}/hand-in")
async def a_hand_in(nodes: Nodes) -> Ask:
    return Ask(f"{await cash_taken(nodes)}/hand-in", {"on": str(day_of(nodes.site.clock.now()))})


@prepares("POST /v1/remittances")
async def a_remittance(nodes: Nodes) -> Ask:
    ask = await a_hand_in(nodes)
    handed = await nodes.well("POST", ask.path, ask.body)
    return Ask("/v1/remittances", {"authority": story.AUTHORITY, "cash": [handed["id"]]})


@prepares("POST /v1/disclosures")
async def a_disclosure(nodes: Nodes) -> Ask:
    return Ask("/v1/disclosures", nodes.site.demand(await nodes.decided()))


async def published(nodes: Nodes) -> tuple[str, str]:
    """A decision that is published, by its number, and the address of the disclosure."""
    ask = await a_disclosure(nodes)
    path = f"/v1/disclosures/{(await nodes.well('POST', ask.path, ask.body))[0]['id']}"
    await nodes.site.until(path, lambda now: now["status"] == "PUBLISHED", 60)
    return ask.body["decision_number"], path


async def as_published(nodes: Nodes, *further: DisclosureStatus, **values: Any) -> tuple[str, str]:
    """The same as if it were published, and more: for what asks nothing of its target."""
    ask = await a_release(nodes)
    path = ask.path.removesuffix("/release")
    one, effects = path.rpartition("/")[2], nodes.site.app.get(Disclosures)._effects
    life = (DisclosureStatus.PLANNED, DisclosureStatus.ACCEPTED, DisclosureStatus.PUBLISHED, *further)

    def unit(conn: Connection) -> None:
        for status in life:
            effects.move(conn, effects.lock(conn, one), status)

    await nodes.site.app.base.store.write(unit)
    if values:
        await change_disclosure(nodes, path, **values)
    return (await nodes.well("GET", path))["decision_number"], path


@prepares("POST /v1/disclosures/{disclosure_id}/withdrawal")
async def a_withdrawal(nodes: Nodes) -> Ask:
    _, path = await published(nodes)
    return Ask(f"{path}/withdrawal", {"reason": "文书有误"})


@prepares("POST /v1/disclosures/{disclosure_id}/correction")
async def a_corrected_disclosure(nodes: Nodes) -> Ask:
    decision, path = await published(nodes)
    await nodes.site.decide(decision, facts="2026年9月3日检查发现仓库内有过期糕点。")
    return Ask(f"{path}/correction", {"reason": "事实更正"})


async def change_disclosure(nodes: Nodes, path: str, **values: Any) -> None:
    """Have it be as time would make it."""
    one = path.rpartition("/")[2]
    await nodes.site.app.base.store.write(lambda conn: disclosure_records.change(conn, one, 1, **values))


@prepares("POST /v1/disclosures/{disclosure_id}/repair")
async def a_repair(nodes: Nodes) -> Ask:
    _, path = await published(nodes)
    await change_disclosure(nodes, path, repair_from_on=date(2026, 9, 15))
    return Ask(f"{path}/repair", {"repair_number": "信用修复〔2026〕1号", "performed": "缴款凭证1份"})


@prepares("POST /v1/disclosures/{disclosure_id}/objection")
async def an_objection(nodes: Nodes) -> Ask:
    _, path = await published(nodes)
    return Ask(f"{path}/objection", {"reason": "事实认定有误"})


@prepares("POST /v1/disclosures/{disclosure_id}/objection/settlement")
async def an_answer_to_an_objection(nodes: Nodes) -> Ask:
    _, path = await published(nodes)
    await nodes.well("POST", f"{path}/objection", {"reason": "事实认定有误"})
    return Ask(f"{path}/objection/settlement", {"outcome": "dismissed", "reason": "经核查无误"})


@prepares("POST /v1/disclosures/{disclosure_id}/shielding")
async def a_shielding(nodes: Nodes) -> Ask:
    _, path = await published(nodes)
    return Ask(f"{path}/shielding", {"reason": "法院裁定批准重整计划"})


@prepares("POST /v1/disclosures/{disclosure_id}/shielding/end")
async def a_shielding_ended(nodes: Nodes) -> Ask:
    _, path = await as_published(nodes, DisclosureStatus.SHIELDED)
    return Ask(f"{path}/shielding/end", {"reason": "重整计划已执行完毕"})


@prepares("POST /v1/disclosures/{disclosure_id}/end")
async def an_end_nevertheless(nodes: Nodes) -> Ask:
    _, path = await as_published(nodes, end_held_at=1)  # its period is over, and its duties are not performed
    return Ask(f"{path}/end", {"reason": "当事人已注销"}, "高远")


@prepares("POST /v1/disclosure-findings/{finding_id}/handling")
async def a_finding_explained(nodes: Nodes) -> Ask:
    _, path = await as_published(nodes)
    one, times = path.rpartition("/")[2], {"seen_at": 1, "created_at": 1, "updated_at": 1}
    about = {"disclosure_id": one, "authority": story.AUTHORITY, "decision_number": "1", "place": "credit"}
    found = {"id": new_id("dsf"), "kind": "altered", "fields": ["处罚内容"], "status": "OPEN"}
    made = insert(disclosure_finding).values(**about, **found, **times)
    await nodes.site.app.base.store.write(lambda conn: conn.execute(made))
    handled = {"action": "explained", "explanation": "平台已确认显示延迟"}
    return Ask(f"/v1/disclosure-findings/{found['id']}/handling", handled, "高远")


@prepares("POST /v1/credit-repairs")
async def a_request_for_repair(nodes: Nodes) -> Ask:
    decision, _ = await as_published(nodes, repair_from_on=date(2026, 9, 15))
    papers = {"corrected": "整改报告1份", "commitment": "信用承诺书1份", "performed": "缴款凭证1份"}
    came = {"received_on": str(day_of(nodes.site.clock.now())), "forwarded_by": "信用中国"}
    return Ask("/v1/credit-repairs", nodes.site.demand(decision) | came | papers)


@prepares("POST /v1/credit-repairs/{repair_id}/answer")
async def an_answer_to_a_request_for_repair(nodes: Nodes) -> Ask:
    ask = await a_request_for_repair(nodes)
    made = await nodes.well("POST", ask.path, ask.body)
    return Ask(f"{ask.path}/{made['id']}/answer", {"grants": True, "number": "安信修〔2026〕3号"}, "高远")


@prepares("POST /v1/credit-repairs/{repair_id}/confirmation")
async def an_agreement_to_a_repair(nodes: Nodes) -> Ask:
    ask = await an_answer_to_a_request_for_repair(nodes)
    answered = await nodes.well("POST", ask.path, ask.body, ask.by)
    return Ask(f"{ask.path.removesuffix('/answer')}/confirmation", {"seen": answered["seen"]}, "林溪")


@prepares("POST /v1/full-texts/confirmation")
async def a_confirmed_text(nodes: Nodes) -> Ask:
    decision = nodes.site.demand(await nodes.decided(full_text="当事人经营过期食品，联系电话13800000000。"))
    shown = await nodes.well("POST", "/v1/full-texts/preview", decision)
    kept = select(func.count()).select_from(confirmed_text).where(confirmed_text.c.seen == shown["seen"])
    return Ask("/v1/full-texts/confirmation", decision | {"seen": shown["seen"]}, "林溪", rows=kept)


@prepares("POST /v1/disclosures/{disclosure_id}/release")
async def a_release(nodes: Nodes) -> Ask:
    body = (await a_disclosure(nodes)).body | {"draft": True}
    return Ask(f"/v1/disclosures/{(await nodes.well('POST', '/v1/disclosures', body))[0]['id']}/release")


@prepares("POST /v1/sealed-documents")
async def a_sealing(nodes: Nodes) -> Ask:
    return Ask("/v1/sealed-documents", nodes.site.to_seal(await nodes.decided()))


@prepares("POST /v1/sealed-documents/batches")
async def a_batch_of_seals(nodes: Nodes) -> Ask:
    ask = await a_sealing(nodes)
    made = select(func.count()).where(sealed_document.c.decision_number == ask.body["decision_number"])
    return Ask("/v1/sealed-documents/batches", {"items": [ask.body]}, rows=made)


OTHER_SEAL = {"authority": story.AUTHORITY, "seal_id": "99010200000099"}


@prepares("POST /v1/seal-stops")
async def a_stop(nodes: Nodes) -> Ask:
    return Ask("/v1/seal-stops", {**OTHER_SEAL, "reason": "UKey丢失"})


@prepares("POST /v1/seal-grants")
async def a_grant(nodes: Nodes) -> Ask:
    day = str(day_of(nodes.site.clock.now()))
    to = {"officer": f"99010200{next(_numbers):04}", "first_on": day, "last_on": day}
    return Ask("/v1/seal-grants", OTHER_SEAL | to, "周敏")


@prepares("POST /v1/seal-grants/{grant_id}/end")
async def an_ended_grant(nodes: Nodes) -> Ask:
    ask = await a_grant(nodes)
    given = await nodes.well("POST", ask.path, ask.body, ask.by)
    return Ask(f"{ask.path}/{given['id']}/end", {"reason": "调离"}, "周敏")


@prepares("POST /v1/sealed-documents/{document_id}/voiding")
async def a_voided_seal(nodes: Nodes) -> Ask:
    ask = await a_sealing(nodes)
    path = f"/v1/sealed-documents/{(await nodes.well('POST', ask.path, ask.body))['id']}"
    await nodes.site.until(path, lambda now: now["status"] == "SEALED")
    return Ask(f"{path}/voiding", {"reason": "文书有误"}, "高远")


@prepares("POST /v1/sealed-documents/{document_id}/voiding/confirmation")
async def an_agreement_to_a_voided_seal(nodes: Nodes) -> Ask:
    ask = await a_voided_seal(nodes)
    asked = await nodes.well("POST", ask.path, ask.body, ask.by)
    return Ask(f"{ask.path}/confirmation", {"seen": asked["seen"]}, "林溪")


@prepares("DELETE /v1/sealed-documents/{document_id}/voiding")
async def a_voided_seal_taken_back(nodes: Nodes) -> Ask:
    ask = await a_voided_seal(nodes)
    await nodes.well("POST", ask.path, ask.body, ask.by)
    return Ask(f"{ask.path}?reason=x", None, "高远")


@prepares("POST /v1/webhook-endpoints")
async def a_webhook(nodes: Nodes) -> Ask:
    return Ask("/v1/webhook-endpoints", {"authority": story.AUTHORITY, "url": "http://127.0.0.1:9/hooks"})


async def webhook(nodes: Nodes) -> str:
    ask = await a_webhook(nodes)
    return f"/v1/webhook-endpoints/{(await nodes.well('POST', ask.path, ask.body))['id']}"


@prepares("DELETE /v1/webhook-endpoints/{endpoint_id}")
async def a_webhook_taken_away(nodes: Nodes) -> Ask:
    return Ask(await webhook(nodes))


@prepares("POST /v1/webhook-endpoints/{endpoint_id}/enabling")
async def a_webhook_enabled(nodes: Nodes) -> Ask:
    return Ask(f"{await webhook(nodes)}/enabling")


@prepares("POST /v1/webhook-endpoints/{endpoint_id}/resend")
async def a_webhook_sent_again(nodes: Nodes) -> Ask:
    return Ask(f"{await webhook(nodes)}/resend", {"since": "2026-11-01T00:00:00+08:00"})


@prepares("POST /v1/webhook-endpoints/{endpoint_id}/secret")
async def a_webhook_with_another_secret(nodes: Nodes) -> Ask:
    return Ask(f"{await webhook(nodes)}/secret")


async def notice(nodes: Nodes, status: Status) -> str:
    known = {"officer_index": b"1", "officer_sealed": b"1", "status": status, "template": "digest"}
    times = {"due_at": 4_000_000_000_000_000, "created_at": 1, "updated_at": 1}
    made = Notice(id=new_id("ntc"), authority=story.AUTHORITY, items=2, reason="told alone", **known, **times)
    await nodes.site.app.base.store.write(lambda conn: add_notice(conn, made))
    return f"/v1/notices/{made.id}"


@prepares("POST /v1/notices/{notice_id}/recall")
async def a_recall(nodes: Nodes) -> Ask:
    return Ask(f"{await notice(nodes, Status.PLANNED)}/recall", {"reason": "不再需要"}, "高远")


@prepares("POST /v1/notices/{notice_id}/resend")
async def a_notice_again(nodes: Nodes) -> Ask:
    return Ask(f"{await notice(nodes, Status.FAILED)}/resend")


@prepares("POST /v1/own-keys/{name}/rotation")
async def a_changed_key(nodes: Nodes) -> Ask:
    base = nodes.site.app.base
    base.keys.sign(REPORT_KEY, b"")  # its first one is made when it is first used
    await base.store.write(lambda conn: conn.execute(delete(key_version).where(key_version.c.name == REPORT_KEY)))
    changes = select(func.count()).where(key_version.c.name == REPORT_KEY)
    return Ask(f"/v1/own-keys/{REPORT_KEY}/rotation", None, "周敏", rows=changes)


async def parked(nodes: Nodes) -> str:
    """The address of an operation that waits for a person: its platform contradicts itself."""
    decision, site = await nodes.decided(), nodes.site
    site.fault("apply_then_silence", "CreateBill", times=0, seconds=0.1)
    site.fault("answer_code", "QueryBill", times=0, code="18015")
    answer = await site.ask_payment(decision)
    assert answer.status_code == 202, answer.text
    page = await site.until(f"/v1/operations?subject={answer.json()['id']}&state=parked", lambda page: page["items"])
    site.simulators.clear_faults()
    return f"/v1/operations/{page['items'][0]['id']}"


@prepares("POST /v1/operations/{operation_id}/resolution")
async def a_word_about_an_operation(nodes: Nodes) -> Ask:
    said = {"outcome": "did_not_happen", "reason": "电话核实平台台账"}
    return Ask(f"{await parked(nodes)}/resolution", said, "高远")


async def resolved(nodes: Nodes) -> tuple[str, str]:
    """The address of an operation about which one person has said a word, and what was seen of it."""
    ask = await a_word_about_an_operation(nodes)
    return ask.path.removesuffix("/resolution"), (await nodes.well("POST", ask.path, ask.body, ask.by))["seen"]


@prepares("DELETE /v1/operations/{operation_id}/resolution")
async def a_word_taken_back(nodes: Nodes) -> Ask:
    path, _ = await resolved(nodes)
    return Ask(f"{path}/resolution", None, "高远")


@prepares("POST /v1/operations/{operation_id}/confirmation")
async def an_agreement_to_a_word(nodes: Nodes) -> Ask:
    path, seen = await resolved(nodes)
    return Ask(f"{path}/confirmation", {"seen": seen}, "林溪")


@prepares("POST /v1/jobs")
async def a_job(nodes: Nodes) -> Ask:
    return Ask("/v1/jobs", {"kind": "export", "list": "payments", "reason": "月报"}, "高远")


async def job_for_two(nodes: Nodes) -> dict[str, Any]:
    await parked(nodes)
    ask = {"kind": "retry", "channel": "nontax", "parked_for": "contradiction", "reason": "平台已恢复"}
    return dict(await nodes.well("POST", "/v1/jobs", ask, "高远"))


@prepares("POST /v1/jobs/{job_id}/confirmation")
async def an_agreement_to_a_job(nodes: Nodes) -> Ask:
    made = await job_for_two(nodes)
    return Ask(f"/v1/jobs/{made['id']}/confirmation", {"seen": made["seen"]}, "林溪")


@prepares("POST /v1/jobs/{job_id}/stop")
async def a_stop_of_a_job(nodes: Nodes) -> Ask:
    return Ask(f"/v1/jobs/{(await job_for_two(nodes))['id']}/stop", None, "高远")


def old_bill() -> dict[str, str]:
    """An open bill of an earlier system, as a file has it."""
    party = {"party_kind": "individual_business", "party_name": "味安副食店", "party_uscc": "92990102MA0WA4562J"}
    told = {"authority": story.AUTHORITY, "decision_number": f"望综罚〔2025〕{next(_numbers)}号", **party}
    return {**told, "decided_on": "2026-09-01", "reference": f"OLD{next(_numbers)}", "fine": "200.00"}


@prepares("PUT /v1/imports/bills/{code}")
async def a_bill_brought_in(nodes: Nodes) -> Ask:
    return Ask(f"/v1/imports/bills/{99010223000000000000 + next(_numbers)}", old_bill(), "高远")


@prepares("PUT /v1/imports/decisions/{authority}/{number}")
async def a_decision_brought_in(nodes: Nodes) -> Ask:
    number = f"望综罚〔2026〕{next(_numbers)}号"
    return Ask(f"/v1/imports/decisions/{story.AUTHORITY}/{number}", nodes.site.facts(), "高远")


@prepares("POST /v1/import-files")
async def a_file_brought_in(nodes: Nodes) -> Ask:
    row = {**old_bill(), "code": "99010223000000000019"}
    content = f"{','.join(row)}\n{','.join(row.values())}".encode()
    return Ask("/v1/import-files?kind=bills&reason=x", None, "高远", content=content)


@prepares("POST /v1/break-sheets")
async def a_sheet_of_breaks(nodes: Nodes) -> Ask:
    sheet = as_workbook([{"break_id": f"brk_{next(_numbers)}", "version": "v1", "explanation": "次日到账"}], {})
    return Ask("/v1/break-sheets?reason=x", None, "高远", content=sheet)


# --- the meeting ----------------------------------------------------------------------------------------------------


def came(answers: list[httpx.Response], rows: int) -> tuple[list[int], int, int]:
    """What came of some answers: their statuses, how many things those that were taken speak of, what they left.

    202 counts as 201: what the first one began may be under way still, or have ended.
    """
    said = [one for one in answers if one.is_success and "json" in one.headers.get("content-type", "")]
    bodies = [one.json() for one in said]
    things = {json.dumps([item.get("id") for item in (one if isinstance(one, list) else [one])]) for one in bodies}
    return sorted(201 if one.status_code == 202 else one.status_code for one in answers), len(things), rows


async def left(nodes: Nodes, ask: Ask) -> int:
    """How many rows there are of what is counted."""
    query = ask.rows
    return 0 if query is None else int(await nodes.site.read(lambda conn: conn.execute(query).scalar_one()))


async def differs(nodes: Nodes, request: str) -> str | None:
    """What two at once come to, where that is not what two in turn come to."""
    method = request.partition(" ")[0]
    ask = await PREPARED[request](nodes)
    in_turn = [await nodes.say(method, ask, node) for node in (0, 1)]
    assert any(one.is_success for one in in_turn), in_turn[0].text
    wanted = came(in_turn, await left(nodes, ask))
    for _ in range(TIMES):
        ask = await PREPARED[request](nodes)
        nodes.meet = True
        at_once = await asyncio.gather(*(nodes.say(method, ask, node) for node in (0, 1)))
        nodes.meet = False
        found = came(at_once, await left(nodes, ask))
        if found != wanted:
            return f"{found} for {wanted}: {[one.text[:600] for one in (*at_once, *in_turn)]}"
    return None


async def test_two_at_one_instant_come_to_what_two_in_turn_come_to(nodes):
    wrong = []
    for request in sorted(one for one in PREPARED if TIMES > 1 or one.partition(" ")[2].startswith(MONEY)):
        try:
            found = await differs(nodes, request)
        except Exception as error:
            found = repr(error)
        if found is not None:
            wrong.append(f"{request}: {found}")
    assert not wrong, "\n".join(wrong)


async def test_a_revocation_at_one_node_while_the_other_hears_of_the_code_leaves_no_live_code(nodes):
    revoked = {"kind": "revoked", "on": str(day_of(nodes.site.clock.now())), "reason": "另案"}
    nodes.meet = True
    for _ in range(TIMES):
        decision = await nodes.decided()
        payment = await nodes.well("POST", "/v1/payments", nodes.site.demand(decision))
        ask = Ask(f"{nodes.site.path(decision)}/events", revoked)
        answer = await nodes.say("POST", ask, node=1)  # the answer of the platform is under way
        assert answer.is_success, answer.text
        await nodes.site.until(f"/v1/payments/{payment['id']}", lambda now: now["status"] == "CANCELLED", 60)


# --- two requests that exclude each other ----------------------------------------------------------------------------

Pair = Callable[[Nodes], Awaitable[None]]
PAIRS: list[Pair] = []


def meets(pair: Pair) -> Pair:
    """The function makes a fresh thing, has two different requests about it meet, and looks at what came of it."""
    PAIRS.append(pair)
    return pair


async def together(nodes: Nodes, *asks: Ask) -> list[bool]:
    """Whether each of these was taken; what was not is refused with a reason."""
    nodes.meet = True
    answers = await asyncio.gather(*(nodes.say(one.method, one, node) for node, one in enumerate(asks)))
    nodes.meet = False
    assert all(one.is_success or one.status_code == 409 for one in answers), [one.text for one in answers]
    return [one.is_success for one in answers]


async def went_back(nodes: Nodes, refund_id: str, before: int, *, goes: bool) -> None:
    """The refund is filed, once, and the platform knows one more; or it is not, and the platform knows of none."""
    if goes:
        await nodes.site.until(f"/v1/refunds/{refund_id}", lambda now: now["status"] == "FILED")
    now = await nodes.site.get(f"/v1/refunds/{refund_id}")
    assert (now["status"] == "FILED", filed(nodes)) == (goes, before + goes), now
    of_it = await nodes.site.get(f"/v1/payments/{now['payment']}/refunds")
    assert [one["id"] for one in of_it if one["status"] not in ("DISMISSED", "REFUSED")] == [refund_id] * goes


def filed(nodes: Nodes) -> int:
    """How many refunds the platform knows."""
    return sum(nodes.site.effects("Refund"))


async def half_agreed(nodes: Nodes) -> tuple[dict[str, Any], Ask]:
    """A refund that one operator has confirmed, and the word of the second one."""
    made = await refund(nodes)
    path = f"/v1/refunds/{made['id']}/confirmation"
    await nodes.well("POST", path, {"seen": made["seen"]}, "林溪")
    return made, Ask(path, {"seen": made["seen"]}, "高远")


@meets
async def a_refund_dismissed_or_confirmed(nodes: Nodes) -> None:
    made, agreement = await half_agreed(nodes)
    before, against = filed(nodes), Ask(f"/v1/refunds/{made['id']}/dismissal", {"reason": "不予退还"}, "周敏")
    dismissed, confirmed = await together(nodes, against, agreement)
    assert dismissed != confirmed
    await went_back(nodes, made["id"], before, goes=confirmed)


@meets
async def a_refund_of_a_decision_that_is_changed(nodes: Nodes) -> None:
    made, agreement = await half_agreed(nodes)
    day, before = str(day_of(nodes.site.clock.now())), filed(nodes)
    decision = nodes.site.path(made["decision_number"])
    change = Ask(f"{decision}/events", {"kind": "changed", "on": day, "reason": "复议变更"})
    changed, confirmed = await together(nodes, change, agreement)
    told = [one["kind"] for one in (await nodes.site.get(decision))["events"]]
    assert told.count("changed") == changed
    await went_back(nodes, made["id"], before, goes=confirmed)


async def half_proposed(nodes: Nodes) -> tuple[dict[str, Any], Ask]:
    """A proposal about a break that needs a second person only, and that one's word."""
    ask = await an_agreement_to_a_proposal(nodes)
    return dict(await nodes.well("GET", ask.path.removesuffix("/confirmation"), by="高远")), ask


@meets
async def a_proposal_withdrawn_or_confirmed(nodes: Nodes) -> None:
    made, agreement = await half_proposed(nodes)
    before, back = filed(nodes), Ask(f"/v1/break-proposals/{made['id']}", None, "高远", method="DELETE")
    withdrawn, confirmed = await together(nodes, back, agreement)
    assert withdrawn != confirmed
    about = (await nodes.site.get(f"/v1/breaks/{made['break_id']}"))["difference"]
    assert about["state"] == ("resolved" if confirmed else "open")
    await went_back(nodes, made["refund"], before, goes=confirmed)


@meets
async def a_break_explained_by_one_or_ended_by_two(nodes: Nodes) -> None:
    made, agreement = await half_proposed(nodes)
    before, words = filed(nodes), {"reason": "已与银行核对"}
    explained, confirmed = await together(
        nodes, Ask(f"/v1/breaks/{made['break_id']}/resolution", words, "周敏"), agreement
    )
    assert explained != confirmed
    about = (await nodes.site.get(f"/v1/breaks/{made['break_id']}"))["difference"]
    assert (about["state"], about["reason"] == words["reason"]) == ("resolved", explained)
    now = await nodes.site.get(f"/v1/refunds/{made['refund']}")
    assert explained == (now["status"] == "PROPOSED"), "what was proposed waits for its second person still"
    if confirmed:
        await went_back(nodes, made["refund"], before, goes=True)


@meets
async def a_refund_confirmed_at_its_break_and_by_itself(nodes: Nodes) -> None:
    made, agreement = await half_proposed(nodes)
    before, seen = filed(nodes), (await nodes.site.get(f"/v1/refunds/{made['refund']}"))["seen"]
    taken = await together(nodes, Ask(f"/v1/refunds/{made['refund']}/confirmation", {"seen": seen}, "周敏"), agreement)
    assert any(taken)
    assert (await nodes.site.get(f"/v1/breaks/{made['break_id']}"))["difference"]["state"] == "resolved"
    await went_back(nodes, made["refund"], before, goes=True)


async def accounted(nodes: Nodes, path: str) -> None:
    """The money that came is there once, and has paid its bill or waits as an exception for people."""

    def rests(now: Any) -> bool:
        return now["collections"] and now["status"] in ("PAID", "CANCELLED")

    now = await nodes.site.until(path, rests)
    (money,) = now["collections"]
    odd = [(one["kind"], one["amount"], one["state"]) for one in now["exceptions"]]
    late = [("paid_after_cancel", money["amount"], "open")]
    assert (now["paid_amount"], odd) == ((money["amount"], []) if now["status"] == "PAID" else (None, late)), now


@meets
async def a_bill_cancelled_while_a_notice_says_that_it_is_paid(nodes: Nodes) -> None:
    payment = await nodes.site.issued(await nodes.decided())
    path = f"/v1/payments/{payment['id']}"
    notice = await notice_of(nodes, payment)
    _, heard = await together(nodes, Ask(f"{path}/cancel", {"reason": "决定书文号有误"}), notice)
    assert heard
    await accounted(nodes, path)


@meets
async def a_bill_cancelled_while_somebody_pays_it(nodes: Nodes) -> None:
    payment = await nodes.site.issued(await nodes.decided())
    path = f"/v1/payments/{payment['id']}"
    cancelled = together(nodes, Ask(f"{path}/cancel", {"reason": "决定书文号有误"}))
    await asyncio.gather(cancelled, nodes.site.pay(payment["code"], force=True))
    await accounted(nodes, path)


async def test_of_two_requests_that_exclude_each_other_one_is_taken_and_no_money_is_lost(nodes):
    wrong = []
    for pair in PAIRS:
        for _ in range(TIMES):
            try:
                await pair(nodes)
            except Exception as error:
                wrong.append(f"{pair.__name__}: {error!r}")
            nodes.meet = False
    assert not wrong, "\n".join(wrong)


def test_every_writing_request_is_prepared_or_named_with_the_reason():
    assert PREPARED.keys() | NO_SENSE.keys() == WRITING
    assert not PREPARED.keys() & NO_SENSE.keys()
