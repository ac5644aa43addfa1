"""``gateway disclosures repair``: taken in, answered by one person, confirmed by another who has seen it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from decision_facts import facts
from published_records import record

from gateway.app import App
from gateway.rooms.decisions import Decisions
from gateway.rooms.disclosures import Disclosure, Status, records
from gateway.settings import load

Call = Callable[..., Any]
A, NUMBER, PASSWORD = "A1", "望综执罚决字〔2026〕第7号", "long enough a password"
PORTAL = """
[channels.portal]
adapter = "credit.portal"
url = "http://127.0.0.1:9/portal"
node = "N1"
secret = "env:REGISTER_SECRET"

[[routes]]
authority = "*"
capability = "disclosures"
channels = ["portal"]
"""


@pytest.fixture
def asked(call: Call, site: Path, installed: str) -> str:
    """A request for the repair of a decision that the portal shows, its fine unpaid; its id."""
    with (site / "gateway.toml").open("a", encoding="utf-8") as settings:
        settings.write(PORTAL)
    for login, name in (("gao", "高远"), ("lin", "林溪")):
        made = call("operators", "create", login, name, "--role", "operator", "--password-stdin", typed=PASSWORD + "\n")
        assert made.code == 0, made.err

    async def publish() -> None:
        async with App.open(load(site / "gateway.toml")) as gateway:
            decision, _ = await gateway.get(Decisions).put(A, NUMBER, facts(), by="案件系统")
            sealed = records.seal_record(gateway.base.envelope, "dsc_1", record(decision_number=NUMBER))
            shown = Disclosure(
                id="dsc_1", authority=A, decision_id=decision.id, decision_number=NUMBER, decision_version=1,
                target="portal", status=Status.PUBLISHED, record_sealed=sealed, citation="-",
                submit_by_on=date(2026, 9, 24), submit_citation="-", publish_until_on=date(2029, 9, 14), created_at=1,
                updated_at=1,
            )  # fmt: skip
            await gateway.base.store.write(lambda conn: records.add(conn, shown))

    asyncio.run(publish())
    said = call("disclosures", "repair", "receive", A, NUMBER, "--received", "2026-09-14", "--from", "信用中国",
                *by("gao"), "--json", typed=PASSWORD)  # fmt: skip
    assert said.code == 0, said.err
    assert said.json["answer_by"] == "2026-09-28"
    assert list(said.json["wanting"]) == ["performed", "corrected", "commitment"]
    return str(said.json["id"])


def by(login: str) -> list[str]:
    return ["--login", login, "--password-stdin"]


def test_a_grant_waits_for_every_condition_and_for_another_person(call: Call, asked: str) -> None:
    answer = ["disclosures", "repair", "answer", asked, "--grant", "安信修〔2027〕3号", *by("gao")]
    refused = call(*answer, typed=PASSWORD)
    assert (refused.code, refused.out) == (4, "")
    papers = ["--corrected", "整改报告", "--commitment", "信用承诺书", "--performed", "缴款凭证"]
    said = call(*answer, *papers, "--json", typed=PASSWORD)
    assert said.code == 0, said.err
    confirm = ["disclosures", "repair", "confirm", asked]
    assert call(*confirm, "--seen", said.json["seen"], *by("gao"), typed=PASSWORD).code == 4
    blind = call(*confirm, *by("lin"), typed=PASSWORD)
    assert (blind.code, said.json["seen"] in blind.err) == (4, True)
    done = call(*confirm, "--seen", said.json["seen"], *by("lin"), typed=PASSWORD)
    assert (done.code, "GRANTED" in done.out) == (0, True), done.err
    (listed,) = call("disclosures", "repair", "list", "--status", "granted", "--json").json["repairs"]
    assert (listed["id"], listed["decision_number"], listed["late"]) == (asked, NUMBER, False)


def test_an_answer_is_one_of_two(call: Call, asked: str) -> None:
    answer = ["disclosures", "repair", "answer", asked, *by("gao")]
    assert call(*answer, typed=PASSWORD).code == 4
    assert call(*answer, "--grant", "3号", "--refuse", "未整改", typed=PASSWORD).code == 4
    assert call(*answer, "--refuse", "未整改", typed=PASSWORD).code == 0
    shown = call("disclosures", "repair", "show", asked, *by("lin"), typed=PASSWORD)
    assert (shown.code, "未整改" in shown.out) == (0, True), shown.err
    assert call("disclosures", "repair", "list", "--status", "done").out.strip() == "There are no requests for repair."
    assert call("disclosures", "repair", "list", "--status", "lost").code == 4
