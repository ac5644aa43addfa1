"""Every list is walked to its end, page by page, each item once, whatever is inserted meanwhile."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import insert

from gateway.demo import story
from gateway.foundation.access.audit import Act, Who
from gateway.foundation.delivery import refused_records, unreadable_records
from gateway.foundation.delivery.unreadable_records import Unreadable
from gateway.foundation.handovers import DataKind, HandsOver, note
from gateway.foundation.store.rows import columns
from gateway.rooms.disclosures import Disclosures
from gateway.rooms.disclosures.comparison import Amiss, Kind
from gateway.rooms.disclosures.findings import Findings
from gateway.rooms.disclosures.repairs import Repair
from gateway.rooms.disclosures.states import RepairStatus
from gateway.rooms.disclosures.tables import credit_repair
from gateway.rooms.jobs import records as job_records
from gateway.rooms.jobs.records import Job, JobRow
from gateway.rooms.jobs.tables import job_row
from gateway.rooms.notices import Notice, Status
from gateway.rooms.notices.records import add as add_notice
from gateway.typography.letter import Block, Letter, Signature, render
from gateway.words.clock import day_of, to_micros
from gateway.words.identifiers import new_id

OPENAPI = Path(__file__).parents[1] / "snapshots" / "openapi.json"
LISTS = sorted(
    path
    for path, methods in json.loads(OPENAPI.read_text(encoding="utf-8"))["paths"].items()
    if any(one.get("name") == "cursor" for one in methods.get("get", {}).get("parameters", ()))
)
SHOP = "92990102MA0WA4562J"
AT_FIRST = 5
_numbers = count(1)

Make = Callable[[], Awaitable[Any]]
"""Makes at least one more item of the list."""


async def well(answer: Any) -> Any:
    """The body of an answer that is none of a problem."""
    assert answer.status_code in (200, 201, 202), answer.text
    return answer.json()


def number() -> str:
    """The number of a decision that is not there yet."""
    return f"望市监罚决字〔2026〕第{next(_numbers)}号"


# --- what fills each list -------------------------------------------------------------------------------------------


async def payments(site: Any, stack: AsyncExitStack) -> tuple[str, Make]:
    async def make() -> None:
        await site.issued(await site.decide(number()))

    return "/v1/payments", make


async def operations(site: Any, stack: AsyncExitStack) -> tuple[str, Make]:
    return "/v1/operations", (await payments(site, stack))[1]


async def events(site: Any, stack: AsyncExitStack) -> tuple[str, Make]:
    async def make() -> None:
        await site.decide(number())

    return "/v1/events", make


async def deliveries(site: Any, stack: AsyncExitStack) -> tuple[str, Make]:
    hook = {"authority": story.AUTHORITY, "url": "http://127.0.0.1:9/hooks"}
    endpoint = (await well(await site.post("/v1/webhook-endpoints", hook)))["id"]
    return f"/v1/webhook-endpoints/{endpoint}/deliveries", (await events(site, stack))[1]


async def exceptions(site: Any, stack: AsyncExitStack) -> tuple[str, Make]:
    payment = await site.paid(number=await site.decide(number()))

    async def make() -> None:
        before = len((await site.get(f"/v1/payments/{payment['id']}"))["exceptions"])
        await site.pay(payment["code"], force=True)
        await site.until(f"/v1/payments/{payment['id']}", lambda now: len(now["exceptions"]) > before)

    return "/v1/exceptions", make


async def refunds(site: Any, stack: AsyncExitStack) -> tuple[str, Make]:
    payment = await site.paid(number=await site.decide(number()))
    ask = {"reason": "wrong_payment", "explanation": "多缴", "amount": "1.00", "officer": "陈立 33010001"}

    async def make() -> None:
        await well(await site.post(f"/v1/payments/{payment['id']}/refunds", ask))

    return "/v1/refunds", make


async def runs(site: Any, stack: AsyncExitStack) -> tuple[str, Make]:
    day = str(day_of(site.clock.now()))

    async def make() -> None:
        await well(await site.post("/v1/reconciliations", {"channel": "nontax", "day": day}))

    return "/v1/reconciliations", make


async def breaks(site: Any, stack: AsyncExitStack) -> tuple[str, Make]:
    one_more, run = (await exceptions(site, stack))[1], (await runs(site, stack))[1]

    async def make() -> None:
        await one_more()
        await run()

    return "/v1/breaks", make


async def month_closes(site: Any, stack: AsyncExitStack) -> tuple[str, Make]:
    keys = []
    for login, name in (("gao", "高远"), ("lin", "林溪")):
        made = await site.app.base.access.create_operator(login, name, "operator", "long enough a password")
        keys.append((await site.app.base.access.issue_operator_key(made.id, label="lists")).token)
    first, second = [await stack.enter_async_context(site.client(key)) for key in keys]
    await site.travel("2026-10-01 08:00")
    for back in range(1, 31):
        day = str(day_of(site.clock.now()) - timedelta(days=back))
        await well(await site.post("/v1/reconciliations", {"channel": "nontax", "day": day}))

    async def say(http: Any, path: str, body: Any = None) -> Any:
        headers = {"Idempotency-Key": f"close-{next(_numbers)}"}
        return await well(await http.post(f"/v1/month-closes{path}", json=body, headers=headers))

    async def make() -> None:
        close = (await say(first, "", {"channel": "nontax", "month": "2026-09"}))["id"]
        seen = (await say(first, f"/{close}/reopening", {"reason": "银行更正"}))["seen"]
        await say(second, f"/{close}/confirmation", {"seen": seen})

    return "/v1/month-closes", make


async def cash(site: Any, stack: AsyncExitStack) -> tuple[str, Make]:
    day = str(day_of(site.clock.now()))

    async def make() -> None:
        decision = await site.decide(
            number(), procedure="simple", fine="20.00", confiscated=None, penalty_kinds=["罚款"], decided_on=day
        )
        taken = {"amount": "20.00", "ground": "small", "officer": "执法员甲", "taken_on": day}
        receipt = {"receipt_number": f"LIST-{next(_numbers)}"}
        await well(await site.post("/v1/cash", {**site.demand(decision), **taken, **receipt}))

    return "/v1/cash", make


async def disclosures(site: Any, stack: AsyncExitStack) -> tuple[str, Make]:
    async def make() -> None:
        await well(await site.post("/v1/disclosures", site.demand(await site.decide(number()))))

    return "/v1/disclosures", make


async def repairs(site: Any, stack: AsyncExitStack) -> tuple[str, Make]:
    async def make() -> None:
        now, decision = 1, await site.decide(number())
        about = (await well(await site.post("/v1/disclosures", site.demand(decision) | {"draft": True})))[0]["id"]
        held = await site.app.get(Disclosures).held(about)
        made = Repair(
            id=new_id("rpr"),
            authority=story.AUTHORITY,
            decision_id=held.decision_id,
            decision_number=decision,
            status=RepairStatus.RECEIVED,
            received_on=date(2026, 9, 14),
            forwarded_by="信用中国",
            answer_by_on=date(2026, 9, 28),
            answer_citation="国办发〔2025〕22号",
            created_at=now,
            updated_at=now,
        )
        await site.app.base.store.write(lambda conn: conn.execute(insert(credit_repair), columns(made)).rowcount)

    return "/v1/credit-repairs", make


async def findings(site: Any, stack: AsyncExitStack) -> tuple[str, Make]:
    ask = site.demand(await site.decide(number())) | {"draft": True}
    about = await site.app.get(Disclosures).held((await well(await site.post("/v1/disclosures", ask)))[0]["id"])
    amiss = Findings(site.app.base)

    async def make() -> None:
        place = f"copy-{next(_numbers)}"
        await site.app.base.store.write(lambda conn: amiss.open(conn, about, place, Amiss(Kind.STILL_THERE), 1))

    return "/v1/disclosure-findings", make


async def sealed_documents(site: Any, stack: AsyncExitStack) -> tuple[str, Make]:
    async def make() -> None:
        organ = Signature(story.AUTHORITY_NAME, date(2026, 9, 14))
        letter = render(Letter("行政处罚决定书", number(), (Block("罚款5000元。"),), organ))
        ask = {
            "authority": story.AUTHORITY,
            "title": "行政处罚决定书",
            "document": base64.b64encode(letter).decode(),
            "seal_id": (await site.get(f"/v1/seals?authority={story.AUTHORITY}"))[0]["seal_id"],
            "placements": [{"page": 1, "x": 127, "y": 52, "width": 42, "height": 42}],
            "approval": "法制审核通过",
        }
        await well(await site.post("/v1/sealed-documents", ask))

    return "/v1/sealed-documents", make


async def changes(site: Any, stack: AsyncExitStack) -> tuple[str, Make]:
    await site.get(f"/v1/entities/{SHOP}?authority={story.AUTHORITY}")

    async def make() -> None:
        alter = {"uniscId": SHOP, "set": {"dom": f"安澜市望川区长堤大道{next(_numbers)}号"}}
        site.simulators.seed(registry={"alter": [alter]})
        await site.get(f"/v1/entities/{SHOP}?authority={story.AUTHORITY}&max_age_hours=0")

    return f"/v1/entities/{SHOP}/changes?authority={quote(story.AUTHORITY)}", make


async def notices(site: Any, stack: AsyncExitStack) -> tuple[str, Make]:
    async def make() -> None:
        known = {"officer_index": b"1", "officer_sealed": b"1", "status": Status.PLANNED, "template": "digest"}
        times = {"due_at": 4_000_000_000_000_000, "created_at": 1, "updated_at": 1}
        made = Notice(id=new_id("ntc"), authority=story.AUTHORITY, items=2, reason="told alone", **known, **times)
        await site.app.base.store.write(lambda conn: add_notice(conn, made))

    return "/v1/notices", make


async def add_job(site: Any) -> str:
    """A job as the room would leave it."""
    said = {"reason": "补推", "proposed_by": "usr_1", "proposed_name": "王敏", "proposed_at": 1, "ended_at": 1}
    known = {"kind": "webhooks", "authorities": [], "number": 1, "digest": bytes(32), "two_persons": False}
    new = Job(id=new_id("job"), language="zh", begun_at=1, **known, **said)
    row = JobRow(job_id=new.id, number=1, subject="x", request_sealed=b"x")
    await site.app.base.store.write(lambda conn: job_records.add(conn, new, [row]))
    return new.id


async def jobs(site: Any, stack: AsyncExitStack) -> tuple[str, Make]:
    async def make() -> None:
        await add_job(site)

    return "/v1/jobs", make


async def job_rows(site: Any, stack: AsyncExitStack) -> tuple[str, Make]:
    job_id = await add_job(site)

    async def make() -> None:
        row = JobRow(job_id=job_id, number=next(_numbers) + 1, subject="x", request_sealed=b"x")
        await site.app.base.store.write(lambda conn: conn.execute(insert(job_row), columns(row)).rowcount)

    return f"/v1/jobs/{job_id}/rows", make


async def payments_made(site: Any) -> None:
    await site.issued(await site.decide(number()))


async def unreadable(site: Any, stack: AsyncExitStack) -> tuple[str, Make]:
    async def make() -> None:
        known = {"channel": "nontax", "reason": "amount", "authority": None, "subject": None, "received_at": 1}
        one = Unreadable(exchange_id=new_id("exc"), digest=bytes(31) + bytes([next(_numbers)]), **known)
        await site.app.base.store.write(lambda conn: unreadable_records.add(conn, one))

    return "/v1/callbacks/unreadable", make


async def refused(site: Any, stack: AsyncExitStack) -> tuple[str, Make]:
    access, base = site.app.base.access, site.app.base
    who = next(one for one in await access.operators() if one.role == "supervisor")
    site.http = await stack.enter_async_context(site.client((await access.issue_operator_key(who.id)).token))

    async def make() -> None:
        at = base.clock.now()
        await base.store.write(lambda conn: refused_records.keep(conn, base.envelope, "nontax", "::", "mac", b"", at))

    return "/v1/callbacks/refused", make


async def audit(site: Any, stack: AsyncExitStack) -> tuple[str, Make]:
    access, base = site.app.base.access, site.app.base
    who = next(one for one in await access.operators() if one.role == "supervisor")
    site.http = await stack.enter_async_context(site.client((await access.issue_operator_key(who.id)).token))

    async def make() -> None:
        await base.audit.begin(Who(who.id, who.name, who.role), Act("act", "POST /v1/x", "x"))

    return "/v1/audit", make


async def handovers(site: Any, stack: AsyncExitStack) -> tuple[str, Make]:
    await audit(site, stack)  # which asks as a supervisor from here on
    base = site.app.base

    async def make() -> None:
        handed = HandsOver((DataKind.NAME,))
        await base.store.write(lambda conn: note(conn, handed, to_micros(base.clock.now()), "exact", "x"))

    return "/v1/handovers", make


FILLED = {
    "/v1/audit": audit,
    "/v1/handovers": handovers,
    "/v1/breaks": breaks,
    "/v1/callbacks/refused": refused,
    "/v1/callbacks/unreadable": unreadable,
    "/v1/cash": cash,
    "/v1/credit-repairs": repairs,
    "/v1/disclosures": disclosures,
    "/v1/disclosure-findings": findings,
    "/v1/entities/{uscc}/changes": changes,
    "/v1/events": events,
    "/v1/exceptions": exceptions,
    "/v1/jobs": jobs,
    "/v1/jobs/{job_id}/rows": job_rows,
    "/v1/month-closes": month_closes,
    "/v1/notices": notices,
    "/v1/operations": operations,
    "/v1/payments": payments,
    "/v1/reconciliations": runs,
    "/v1/refunds": refunds,
    "/v1/sealed-documents": sealed_documents,
    "/v1/webhook-endpoints/{endpoint_id}/deliveries": deliveries,
}


# --- the walk -------------------------------------------------------------------------------------------------------


def name_of(item: dict[str, Any]) -> str:
    """What tells an item from all others."""
    return str(item.get("id") or item.get("event") or json.dumps(item, sort_keys=True))


async def pages(site: Any, path: str, limit: int, between: Make | None = None) -> list[list[str]]:
    """The items of each page until there is no next one; ``between`` happens after the first."""
    found, cursor = [], ""
    while True:
        more = "&" if "?" in path else "?"
        page = await site.get(f"{path}{more}limit={limit}{cursor}")
        assert len(page["items"]) <= limit
        found.append([name_of(item) for item in page["items"]])
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"
        if between is not None:
            await between()
            between = None
        assert len(found) < 200, "the list has no end"


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.cases_by_day(9)
async def test_a_list_is_walked_to_its_end_each_item_once_whatever_is_inserted(site, path):
    assert path in FILLED, f"say in FILLED what makes items of {path}"
    async with AsyncExitStack() as stack:
        where, make = await FILLED[path](site, stack)
        for _ in range(AT_FIRST):
            await make()
        whole = [name for page in await pages(site, where, 200) for name in page]
        assert len(whole) >= AT_FIRST
        limit = max(1, min(2, len(whole) // 3))
        walked = await pages(site, where, limit, between=make)
    items = [name for page in walked for name in page]
    assert len(walked) >= 3
    assert len(items) == len(set(items)), "an item came twice"
    assert [name for name in items if name in whole] == whole, "an item was lost, or stands elsewhere"
