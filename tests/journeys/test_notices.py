"""An officer is told, over sockets: an event of the case, one message on the phone, read and told back."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
from shadowing import kept, one_change_is_found

from gateway.demo import story
from gateway.rooms.notices import Notices
from gateway.settings import load
from simulators.notice.platform import APP_KEY, SECRET

OFFICERS = [{"name": "周映川", "number": "99010200118"}]
USER = "u-990102-0118"


@contextmanager
def messaging(make_site: Any, folder: Any, simulators: Any, url: str):
    """An installation with a messenger; payments are told of at once, at any hour."""
    with make_site(folder, simulators, url) as site:
        (folder / "notice.secret").write_text(SECRET, encoding="utf-8")
        (folder / "notice.secret").chmod(0o600)
        with site.settings_file.open("a", encoding="utf-8") as file:
            file.write(
                f"""
[channels.phone]
adapter = "notice.rest"
url = "{simulators.url("notice")}"
app_key = "{APP_KEY}"
secret = "file:{folder / "notice.secret"}"
read_timeout = 1.0
total_timeout = 1.0

[[routes]]
authority = "*"
capability = "notices"
channels = ["phone"]

[rooms.notices]
digest_minutes = 0
quiet = []
numbers = true
link = "https://case.example/todo"
tell = {{ "*" = ["payment.paid", "payment.overdue"] }}
"""
            )
        site.settings = load(site.settings_file)
        simulators.callbacks_to("notice", f"{site.url}/callbacks/phone")
        yield site


@asynccontextmanager
async def without_ticks(site: Any):
    """Runs; what comes round each minute comes when the test says, and not when the minute happens to be full."""
    async with site.running():
        site.app.base.schedules._scheduler.pause()
        yield


async def sweep(site: Any) -> None:
    """What comes round each minute."""
    await site.app.get(Notices).sweep()


async def notices(site: Any, payment: dict[str, Any], status: str) -> list[dict[str, Any]]:
    """The notices of a payment, once the first has this status."""
    page = await site.until(
        f"/v1/notices?subject={payment['id']}",
        lambda page: bool(page["items"]) and page["items"][0]["status"] == status,
    )
    return list(page["items"])


async def test_a_payment_is_told_to_the_officer_once_and_read_in_the_inbox(tmp_path, simulators, sqlite_url, make_site):
    with messaging(make_site, tmp_path, simulators, sqlite_url) as site:
        async with without_ticks(site):
            payment = await site.paid(officers=OFFICERS)
            (planned,) = await notices(site, payment, "PLANNED")
            await sweep(site)
            await notices(site, payment, "DELIVERED")
            async with httpx.AsyncClient(base_url=simulators.url("notice"), trust_env=False) as phone:
                listed = (await phone.get(f"/inbox/{USER}")).text
                assert "一笔罚款已缴纳" in listed
                assert "味安副食店" not in listed
                assert "https://case.example/todo" in (await phone.get(f"/inbox/{USER}/1")).text
            (read,) = await notices(site, payment, "READ")
            assert (read["id"], read["user_id"], read["items"]) == (planned["id"], USER, 1)
            told = {"decision_number": payment["decision_number"]}
            for _ in range(2):  # the same event again, as another room might emit it
                await site.app.base.store.write(
                    lambda conn: site.app.base.events.emit(
                        conn, type="payment.paid", subject=payment["id"], authority=story.AUTHORITY, data=told
                    )
                )
            await sweep(site)
            assert len(await notices(site, payment, "READ")) == 1
            assert list(simulators.effects("notice")["send"].values()) == [1]
            story_of = await site.get(f"/v1/notices/{read['id']}")
            told = [one["type"] for one in story_of["timeline"] if one["type"] != "notice.sent"]
            assert told == ["notice.delivered", "notice.read"]  # the callback may be faster than the answer
            assert story_of["sent_at"] is not None
            assert [one["event"] for one in story_of["tells"]] == ["payment.paid"]
            await one_change_is_found(await kept(site, "phone"), "notice", "messageId", "send")
            view = await site.get(site.path(payment["decision_number"]))
            assert [one["id"] for one in view["notices"]] == [read["id"]]
            answer = await site.post(f"/v1/notices/{read['id']}/recall", {"reason": "已办结"})
            assert answer.status_code == 409


async def test_a_payment_that_is_overdue_is_told_and_what_is_paid_before_is_not(
    tmp_path, simulators, sqlite_url, make_site
):
    with messaging(make_site, tmp_path, simulators, sqlite_url) as site:
        async with without_ticks(site):
            await site.travel("2026-09-16 10:00")
            served = {"kind": "served", "on": "2026-09-16", "method": "direct"}
            late, paid = [
                await site.issued(await site.decide(f"望市监罚决字〔2026〕第{one}号", officers=OFFICERS))
                for one in (1, 2)
            ]
            for payment in (late, paid):
                answer = await site.post(f"{site.path(payment['decision_number'])}/events", served)
                assert answer.status_code == 200, answer.text
            await site.travel("2026-10-09 10:00")
            base = site.app.base
            for _ in range(2):  # a clock that comes round twice tells nothing twice
                await base.schedules.run("payments due", base.clock.now())
            for payment in (late, paid):
                assert (await notices(site, payment, "PLANNED"))[0]["template"] == "payment_overdue"
            await site.pay(paid["code"], force=True)
            await notices(site, paid, "PLANNED")
            await site.until(f"/v1/payments/{paid['id']}", lambda now: now["status"] == "PAID")
            await sweep(site)
            (told,) = await notices(site, late, "DELIVERED")
            await site.until(
                f"/v1/notices?subject={paid['id']}",  # that it was paid is told, and not that it is overdue
                lambda page: sorted(one["status"] for one in page["items"]) == ["DELIVERED", "DROPPED"],
            )
            for reference in simulators.effects("notice")["send"]:
                await simulators.aask("POST", "/notice/read", {"reference": reference})
            await notices(site, late, "READ")
            assert sorted(simulators.effects("notice")["send"].values()) == [1, 1]
            assert told["user_id"] == USER


async def test_silence_after_the_message_is_doubt_that_ends_by_asking_and_it_can_be_recalled_once(
    tmp_path, simulators, sqlite_url, make_site
):
    with messaging(make_site, tmp_path, simulators, sqlite_url) as site:
        async with without_ticks(site):
            simulators.ask("POST", "/notice/settings", {"deliver": False})
            site.fault("apply_then_silence", "send", "notice")
            payment = await site.paid(officers=OFFICERS)
            await sweep(site)
            (found,) = await notices(site, payment, "SENT")
            told = await site.told(found["id"], "notice.sent")
            assert told == ["notice.in_doubt", "notice.sent"]
            assert list(simulators.effects("notice")["send"].values()) == [1]
            for _ in range(2):
                answer = await site.post(f"/v1/notices/{found['id']}/recall", {"reason": "已办结"}, key="recall-1")
                assert (answer.status_code, answer.json()["status"]) == (200, "RECALLED"), answer.text
            assert list(simulators.effects("notice")["recall"].values()) == [1]


async def test_an_officer_whom_the_messenger_does_not_know_shows_and_is_told_later(
    tmp_path, simulators, sqlite_url, make_site
):
    with messaging(make_site, tmp_path, simulators, sqlite_url) as site:
        async with without_ticks(site):
            simulators.ask("POST", "/notice/user", {"userId": USER, "active": False})
            payment = await site.paid(officers=OFFICERS)
            await sweep(site)
            (failed,) = await notices(site, payment, "FAILED")
            _, notes = await site.app.readiness()
            assert any("notices to officers have failed" in note for note in notes)
            simulators.ask("POST", "/notice/user", {"userId": USER, "active": True})
            answer = await site.post(f"/v1/notices/{failed['id']}/resend", None)
            assert (answer.status_code, answer.json()["status"]) == (200, "PLANNED"), answer.text
            await sweep(site)
            await notices(site, payment, "DELIVERED")


async def test_at_the_terminal_notices_are_listed_shown_and_taken_back(tmp_path, simulators, sqlite_url, make_site):
    with messaging(make_site, tmp_path, simulators, sqlite_url) as site:

        async def gateway(*words: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "gateway", "--settings", str(site.settings_file), "notices", *words]
            return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)

        async with without_ticks(site):
            payment = await site.paid(officers=OFFICERS)
            await notices(site, payment, "PLANNED")
            listed = await gateway("list", "--status", "planned", "--json")
            (one,) = json.loads(listed.stdout)["notices"]
            assert (one["template"], one["zh"]) == ("payment_paid", "待发送")
            shown = await gateway("show", one["id"])
            assert payment["id"] in shown.stdout
            assert OFFICERS[0]["number"] not in shown.stdout
            assert (await gateway("list", "--status", "planed")).returncode != 0
        taken = await gateway("recall", one["id"], "--reason", "已办结")
        assert "DROPPED" in taken.stdout, taken.stderr
