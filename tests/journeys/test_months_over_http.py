"""What a reconciler does without a command line: a bank's file, reports to hand in, the month closed and reopened."""

from __future__ import annotations

import csv
import io
import itertools
import zipfile
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from gateway.demo import story
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.crypto.sm2 import default_provider
from gateway.rooms.reconciliation.balance import canonical
from gateway.words.clock import day_of

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_keys = itertools.count(1)


def kind(answer: Any) -> str:
    """The last part of a problem's type."""
    return str(answer.json()["type"].rpartition(":")[2])


@asynccontextmanager
async def reconcilers(site):
    """Two operators, each with a key of their own."""
    keys = []
    for login, name in (("gao", "高远"), ("lin", "林溪")):
        made = await site.app.base.access.create_operator(login, name, "operator", "long enough a password")
        keys.append((await site.app.base.access.issue_operator_key(made.id, label="journey")).token)
    async with site.client(keys[0]) as first, site.client(keys[1]) as second:
        yield first, second


async def say(http: Any, path: str, body: Any = None, key: str | None = None) -> Any:
    return await http.post(path, json=body, headers={"Idempotency-Key": key or f"month-{next(_keys)}"})


async def hand_in(http: Any, day: str, content: bytes, key: str | None = None, **query: str) -> Any:
    """A statement file of the bank's."""
    where = {"channel": "nontax", "day": day, "profile": "bank", "name": "清算0916.txt", **query}
    headers = {"Idempotency-Key": key or f"month-{next(_keys)}", "Content-Type": "application/octet-stream"}
    return await http.post("/v1/statement-files", params=where, content=content, headers=headers)


def of_bank(*rows: tuple[str, str, str, str]) -> bytes:
    total = sum(round(float(row[1]) * 100) for row in rows)
    lines = ["|".join(row) for row in rows] + [f"合计|{len(rows)}|{total // 100}.{total % 100:02}"]
    return "\n".join(lines).encode("gbk")


async def reconcile(site, day: str) -> None:
    answer = await site.post("/v1/reconciliations", {"channel": "nontax", "day": day})
    assert answer.status_code == 201, answer.text


async def test_a_banks_file_dates_the_clearing_and_a_bad_one_changes_nothing(any_site):
    site = any_site
    await site.travel("2026-09-16 10:00")
    paid = [await site.paid(number=await site.decide(f"第{n}号")) for n in (1, 2)]
    arrived = [(await site.get(f"/v1/payments/{one['id']}"))["collections"][0] for one in paid]
    moments = [one["paid_at"][:19].replace("T", " ") for one in arrived]
    lines = [(paid[n]["code"], "5036.50", moments[n], arrived[n]["bank_serial"]) for n in (0, 1)]
    await site.travel("2026-09-20 09:00")
    (profile,) = await site.get("/v1/statement-profiles")
    assert (profile["name"], profile["side"], profile["encoding"]) == ("bank", "bank", "gbk")

    bad = of_bank(*lines).replace(b"5036.50|2026", b"-5036.50|2026", 1)
    refused = await hand_in(site.http, "2026-09-19", bad)
    assert (refused.status_code, kind(refused)) == (409, "statement-refused")
    assert "line 1: a negative amount" in refused.json()["detail"]
    assert [one["state"] for one in (await site.get("/v1/reconciliations"))["items"]] == ["refused"]
    assert (await site.get("/v1/breaks"))["items"] == []
    assert (await hand_in(site.http, "2026-09-19", b"", profile="nobody")).status_code == 404
    assert (await hand_in(site.http, "2026-09-19", b"", channel="creditchina")).status_code == 404

    first = await hand_in(site.http, "2026-09-19", of_bank(lines[0]), key="file-1")
    assert first.status_code == 201, first.text
    assert (first.json()["side"], first.json()["matched"], first.json()["breaks"]) == ("bank", 1, 1)
    assert await site.get(first.headers["location"]) == first.json()
    again = await hand_in(site.http, "2026-09-19", of_bank(lines[0]), key="file-1")
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert kind(await hand_in(site.http, "2026-09-19", of_bank(*lines), key="file-1")) == "idempotency-key-reused"
    (uncleared,) = (await site.get("/v1/breaks?side=bank&state=open"))["items"]
    assert (uncleared["kind"], uncleared["code"]) == ("ours_only", paid[1]["code"])

    day = await site.get("/v1/reports/day?channel=nontax&period=2026-09-16")
    money = next(table for table in day["report"]["tables"] if table["title"] == "缴款明细")
    dates = {row[1]: row[4:7] for row in money["rows"]}
    assert dates[paid[0]["code"]] == [moments[0], "2026-09-19", ""]
    assert dates[paid[1]["code"]][1:] == ["", ""]
    await hand_in(site.http, "2026-09-19", of_bank(*lines))
    (money,) = (await site.get(f"/v1/payments/{paid[1]['id']}"))["collections"]
    assert (money["paid_at"][:10], money["cleared_on"], money["treasury_on"]) == ("2026-09-16", "2026-09-19", None)
    assert (await site.get("/v1/breaks?side=bank&state=open&kind=ours_only"))["items"] == []


async def test_reports_come_signed_or_as_files_and_show_only_what_is_the_callers(site):
    await site.travel("2026-09-16 10:00")
    await site.paid(number=await site.decide("=1+2"))  # a formula to a spreadsheet
    await site.issued(number=await site.decide("第2号"))
    await site.travel("2026-09-17 09:00")
    await reconcile(site, "2026-09-16")
    told = await site.get("/v1/reports/ledger?channel=nontax&period=2026-09")
    body = canonical(told["report"])
    assert told["digest"] == sm3(body).hex()
    signature, public = bytes.fromhex(told["signature"]), bytes.fromhex(told["public_key"])
    assert default_provider().verify(public, body, signature)
    (ledger,) = told["report"]["tables"]
    assert sorted(row[ledger["columns"].index("未缴金额")] for row in ledger["rows"]) == ["0.00", "5036.50"]
    assert {row[ledger["columns"].index("执法机关")] for row in ledger["rows"]} == {"望川区市场监督管理局"}

    answer = await site.http.get("/v1/reports/ledger?channel=nontax&period=2026-09&format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''%E5%BA%94")
    lines = answer.text.removeprefix("\ufeff").split("\r\n")
    assert "## 导出人 by: " in "".join(one for one in lines if one.startswith("##"))
    rows = list(csv.reader(one for one in lines if not one.startswith("##")))
    assert {row[0] for row in rows[1:] if row} == {"#=1+2", "第2号"}
    answer = await site.http.get("/v1/reports/month?channel=nontax&period=2026-09&format=xlsx")
    assert answer.headers["content-type"] == XLSX
    with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
        assert all("<f>" not in book.read(name).decode() for name in book.namelist() if "sheet" in name)

    for wrong in ("year?channel=nontax&period=2026-09", "day?channel=nontax&period=2026-13-01", "day?channel=nontax"):
        assert (await site.http.get(f"/v1/reports/{wrong}")).status_code == 422
    table = await site.http.get("/v1/reports/unit?channel=nontax&period=2026-09&format=csv&table=2")
    assert (table.status_code, table.json()["field"]) == (422, "table")
    assert (await site.http.get("/v1/reports/day?channel=nowhere&period=2026-09-16")).status_code == 404

    # Another authority pays through the same channel: then its sums are for operators, and rows for their owners.
    await site.app.base.access.create_authority("other-cg", "望川区城市管理局", "11990102002100216D")
    assert (await site.http.get("/v1/reports/day?channel=nontax&period=2026-09-16")).status_code == 404
    assert (await site.http.get("/v1/balance?channel=nontax&month=2026-09")).status_code == 404
    mine = await site.get("/v1/reports/authority?channel=nontax&period=2026-09")
    assert [row[0] for row in mine["report"]["tables"][0]["rows"]] == [story.AUTHORITY]
    foreign = "/v1/reports/ledger?channel=nontax&period=2026-09&authority=other-cg"
    assert (await site.http.get(foreign)).status_code == 404
    async with reconcilers(site) as (operator, _):
        everything = await operator.get("/v1/reports/day?channel=nontax&period=2026-09-16")
        assert everything.status_code == 200


async def test_the_ledger_stands_as_of_its_last_day_and_says_whom_to_remind(site):
    await site.travel("2026-08-17 10:00")
    bills = []
    for number in ("第1号", "第2号", "第3号", "第4号", "第5号"):
        bill = await site.issued(await site.decide(number, decided_on="2026-08-14"))
        served = {"kind": "served", "on": "2026-08-17", "method": "direct"}
        assert (await site.post(site.path(number) + "/events", served)).json()["due"]["on"] == "2026-09-01"
        bills.append(bill)
    await site.pay(bills[0]["code"])
    await site.reaches(bills[0], "PAID")
    await site.travel("2026-10-03 10:00")
    appeal = {"kind": "appealed", "on": "2026-09-11", "appeal": "甲", "appeal_kind": "reconsideration"}
    assert (await site.post(site.path("第4号") + "/events", appeal)).is_success
    assert (await site.post(site.path("第5号") + "/events", {"kind": "urged", "on": "2026-10-03"})).is_success
    await site.pay(bills[1]["code"])
    await site.reaches(bills[1], "PAID")

    async def ledger(month: str) -> dict[str, list[str]]:
        (table,) = (await site.get(f"/v1/reports/ledger?channel=nontax&period={month}"))["report"]["tables"]
        names = [table["columns"].index(name) for name in ("实缴金额", "未缴金额", "逾期天数", "状态", "催告")]
        return {row[0]: [row[index] for index in names] for row in table["rows"]}

    september = await ledger("2026-09")
    assert september["第1号"] == ["5036.50", "0.00", "0", "已缴清", ""]
    assert september["第2号"] == ["0.00", "5036.50", "29", "已逾期", ""]  # what came in October is October's
    october = await ledger("2026-10")
    assert october["第2号"] == ["5036.50", "0.00", "0", "已缴清", ""]
    assert october["第3号"] == ["0.00", "5036.50", "32", "已逾期", "应催告"]
    assert october["第4号"] == ["0.00", "5036.50", "9", "复议诉讼中", ""], "days of an appeal do not count"
    assert october["第5号"] == ["0.00", "5036.50", "32", "已逾期", "已催告 2026-10-03"]
    ended = {"kind": "appeal_ended", "on": "2026-10-01", "appeal": "甲"}
    assert (await site.post(site.path("第4号") + "/events", ended)).is_success
    assert (await ledger("2026-10"))["第4号"] == ["0.00", "5036.50", "11", "已逾期", ""]


async def test_a_month_is_closed_signed_and_opened_again_by_two(any_site):
    site = any_site
    await site.travel("2026-09-16 10:00")
    await site.paid()
    await site.travel("2026-10-01 08:00")
    last = day_of(site.clock.now()) - timedelta(days=1)
    async with reconcilers(site) as (first, second):
        ask = {"channel": "nontax", "month": "2026-09"}
        assert kind(await say(site.http, "/v1/month-closes", ask)) == "operator-needed"
        assert kind(await say(first, "/v1/month-closes", ask)) == "month-incomplete"
        assert kind(await say(first, "/v1/month-closes", {**ask, "month": "2026-10"})) == "month-not-over"
        for number in range(30):
            await reconcile(site, str(last - timedelta(days=number)))
        balance = await site.get("/v1/balance?channel=nontax&month=2026-09")
        ask["seen"] = balance.pop("seen")
        assert kind(await say(first, "/v1/month-closes", {**ask, "seen": "e30"})) == "changed-since-seen"
        assert (balance["books"], balance["statements"], balance["balanced"]) == ("5036.50", "5036.50", True)
        answer = await say(first, "/v1/month-closes", ask, key="close-1")
        assert answer.status_code == 201, answer.text
        close = answer.json()
        assert (close["state"], close["closed_by"], close["balance"]) == ("closed", "高远", balance)
        assert close["digest"] == sm3(close["signed"].encode()).hex()
        assert await site.get(answer.headers["location"]) == close
        assert (await say(first, "/v1/month-closes", ask, key="close-1")).json() == close
        assert kind(await say(second, "/v1/month-closes", ask)) == "month-closed"
        again = {"channel": "nontax", "day": "2026-09-16"}
        assert kind(await site.post("/v1/reconciliations", again)) == "month-closed"
        report = await site.get("/v1/reports/balance?channel=nontax&period=2026-09")
        assert close["digest"] in report["report"]["note"]

        path = f"/v1/month-closes/{close['id']}"
        assert close["seen"] is None
        assert (await site.get("/v1/balance?channel=nontax&month=2026-09"))["seen"] is None
        assert (await say(second, f"{path}/confirmation", {})).status_code == 422
        assert kind(await say(second, f"{path}/confirmation", {"seen": "e30"})) == "month-not-closed"
        asked = (await say(first, f"{path}/reopening", {"reason": "银行更正"})).json()
        assert (asked["state"], asked["asked_by"], asked["reason"]) == ("reopening", "高远", "银行更正")
        seen = {"seen": asked["seen"]}
        assert kind(await say(first, f"{path}/confirmation", seen)) == "second-person-needed"
        assert kind(await say(site.http, f"{path}/confirmation", seen)) == "operator-needed"
        other = await say(second, f"{path}/confirmation", {"seen": "e30"})
        assert (kind(other), "reason" in other.json()["changed"]) == ("changed-since-seen", True)
        assert (
            kind(await site.post("/v1/reconciliations", {"channel": "nontax", "day": "2026-09-16"})) == "month-closed"
        )
        opened = (await say(second, f"{path}/confirmation", seen)).json()
        assert (opened["state"], opened["reopened_by"]) == ("reopened", "林溪")
        await reconcile(site, "2026-09-16")
        assert (await say(second, "/v1/month-closes", ask)).status_code == 201  # the balance is still what was seen
    listed = (await site.get("/v1/month-closes?channel=nontax&limit=1"))["items"]
    assert [one["state"] for one in listed] == ["closed"]
    states = [one["state"] for one in (await site.get("/v1/month-closes"))["items"]]
    assert states == ["closed", "reopened"]
