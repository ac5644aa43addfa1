"""The same gateway with the other kind of platform behind it: only the channel's block of settings differs."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from shadowing import kept, one_change_is_found

from gateway.demo import installation
from gateway.foundation.evidence.tables import exchange
from gateway.words.clock import day_of
from simulators.clock import SHANGHAI
from simulators.cnnontax import frames
from simulators.cnnontax.platform import SYSTEM as CNNONTAX
from simulators.cnnontax.platform import CnNonTax
from simulators.nontax.soap import element
from simulators.profile import system_of

SPOKEN = {
    "dialect": "published",
    "heartbeats": 2,
    "stale": True,
    "keep": True,
    "more": True,
    "reordered": True,
    "digits": 6,
    "align": "right",
    "pad": "0",
    "counts_itself": False,
    "mac": "before",
}
"""How the platform speaks in the tests of dialects: everything otherwise than the contract has it."""

BLOCK = """dialect = "published"
issuing = "unit"
connection = "kept"
bill_fields = { RecName = "望川区财政局", RecAcct = "9901020001", Operator = "罗巧云" }
frame = { length_digits = 6, length_align = "right", length_pad = "0", length_counts_itself = false, mac = "before" }
"""


@pytest.fixture
def further() -> str:
    """Further keys of the channel's block."""
    return ""


@pytest.fixture(autouse=True)
def speaks_frames(monkeypatch: pytest.MonkeyPatch, further: str) -> None:
    """The channel ``nontax`` of the installation speaks CNNONTAX."""
    original = installation.settings_text

    def text(systems: Mapping[str, Mapping[str, Any]], port: int) -> str:
        told = systems["cnnontax"]
        monkeypatch.setenv("PLATFORM_TOKEN", told["token"])
        block = f"""[channels.nontax]
adapter = "nontax.cnnontax"
url = "{told["frames"]}"
token = "env:PLATFORM_TOKEN"
node_code = "{told["node_code"]}"
platform_node = "{told["platform_node"]}"
settle_seconds = 5
{further}
"""
        changed, count = re.subn(r"\[channels\.nontax\]\n[^\[]*", lambda _: block, original(systems, port))
        assert count == 1
        return changed

    monkeypatch.setattr(installation, "settings_text", text)


async def pay(site, code: str, **how: Any) -> dict[str, Any]:
    """Money arrives at the platform, which pushes to the gateway's door."""
    site.simulators.callbacks_to("cnnontax", f"{site.url}/callbacks/nontax")
    return dict(await site.simulators.aask("POST", "/cnnontax/pay", {"code": code, **how}))


async def test_a_code_is_asked_for_once_paid_pushed_and_settled(site):
    payment = await site.issued()
    assert (payment["amount"], len(payment["code"])) == ("5036.50", 20)
    assert site.effects("CreateBill", system="cnnontax") == [1]
    assert site.effects("CreateBill") == []
    await pay(site, payment["code"], payer="王会计")
    paid = await site.reaches(payment, "PAID")
    assert (paid["paid_amount"], [one["source"] for one in paid["collections"]]) == ("5036.50", ["callback"])
    assert await site.simulators.flush_callbacks("cnnontax") == []
    today = str(day_of(datetime.now(UTC)))
    run = (await site.post("/v1/reconciliations", {"channel": "nontax", "day": today})).json()
    assert (run["matched"], run["matched_amount"], run["breaks"]) == (1, "5036.50", 0)


async def test_an_answer_that_was_lost_is_asked_about_and_the_bill_is_not_made_twice(site):
    site.fault("apply_then_reset", "CreateBill", system="cnnontax")
    answer = await site.ask_payment()
    assert answer.status_code in (201, 202)
    payment = await site.reaches(answer.json(), "ISSUED")
    assert site.effects("CreateBill", system="cnnontax") == [1]
    assert len(payment["code"]) == 20


async def test_a_refusal_without_a_mac_after_the_effect_is_doubt_and_the_bill_is_found(site):
    site.fault("unsigned_refusal", "CreateBill", system="cnnontax")
    answer = await site.ask_payment()
    payment = await site.reaches(answer.json(), "ISSUED")
    assert site.effects("CreateBill", system="cnnontax") == [1]
    assert len(site.simulators.journal(system="cnnontax", operation="CreateBill")) == 1
    doubts = [one["data"]["reason"] for one in payment["timeline"] if one["type"] == "payment.in_doubt"]
    assert len(doubts) == 1
    assert "19100" in doubts[0]
    assert (await site.get("/v1/operations?state=parked"))["items"] == []


async def test_a_refusal_is_shown_in_the_platforms_words(site):
    site.fault("answer_code", "CreateBill", system="cnnontax", code="18012")
    answer = await site.ask_payment()
    view = await site.reaches(answer.json(), "REJECTED")
    assert "收缴权限" in str(view)


async def test_a_push_again_or_forged_changes_nothing(site):
    payment = await site.issued()
    site.fault("callback_forged", system="cnnontax")
    money = await pay(site, payment["code"])
    paid = await site.reaches(payment, "PAID")
    again = {"code": payment["code"], "serial": money["serial"]}
    await site.simulators.aask("POST", "/cnnontax/tell", again)
    assert await site.simulators.flush_callbacks("cnnontax") == []
    entries = site.simulators.journal(system="cnnontax", operation="PaymentConfirm")
    assert [entry["status"] for entry in entries if entry["fault"] == "forged"] == [401]
    replies = [entry for entry in entries if entry["status"] == 200]
    assert len(replies) >= 2
    assert {frames.split(entry["answer"].encode())[0] for entry in replies} == {"8001"}
    now = await site.get(f"/v1/payments/{payment['id']}")
    assert (now["collections"], now["exceptions"]) == (paid["collections"], paid["exceptions"])


async def test_the_evidence_of_frames_is_kept_and_shows_nobodys_name(site):
    payment = await site.issued()
    await pay(site, payment["code"], payer="王会计")
    await site.reaches(payment, "PAID")
    rows = await site.read(lambda conn: conn.execute(exchange.select().where(exchange.c.channel == "nontax")).all())
    assert {(one.direction, one.method) for one in rows} == {("out", "TCP"), ("in", "POST")}
    for one in rows:
        shown = await site.app.base.evidence.held(one.id)
        assert "CNNONTAX" in shown.request
        assert "味安" not in shown.request + shown.response
        assert "王会计" not in shown.request + shown.response
    await one_change_is_found(await kept(site, "nontax"), "cnnontax", "Information", "CreateBill")


# --- the platform speaks otherwise, and connects to us --------------------------------------------------------------

PORT = installation.free_port()


@pytest.mark.parametrize("further", [f'{BLOCK}listen = "127.0.0.1:{PORT}"'], ids=["published"])
async def test_the_main_job_in_the_published_dialect_with_a_platform_that_connects_to_us(site):
    """Roots that are always Voucher, empty and further fields, heartbeats, late answers, kept connections, a door."""
    site.simulators.ask("POST", "/cnnontax/settings", SPOKEN)
    payments = [await site.issued(await site.decide(f"望市监罚决字〔2026〕第{number}号")) for number in (1, 2)]
    assert len({payment["code"] for payment in payments}) == 2
    site.simulators.callbacks_to("cnnontax", f"tcp://127.0.0.1:{PORT}")
    for payment in payments:
        await site.simulators.aask("POST", "/cnnontax/pay", {"code": payment["code"], "payer": "王会计"})
        paid = await site.reaches(payment, "PAID")
        assert [one["source"] for one in paid["collections"]] == ["callback"]
    assert await site.simulators.flush_callbacks("cnnontax") == []
    assert sorted(site.effects("CreateBill", system="cnnontax")) == [1, 1]
    drift = [(entry["operation"], entry["outcome"]) for entry in site.simulators.journal(system="cnnontax")]
    assert {outcome for _, outcome in drift} == {"answered"}
    rows = await site.read(lambda conn: conn.execute(exchange.select().where(exchange.c.channel == "nontax")).all())
    for one in rows:
        shown = await site.app.base.evidence.held(one.id)
        assert "王会计" not in shown.request + shown.response
        assert "罗巧云" not in shown.request + shown.response
    told = {"name": "cnnontax", "title": "按已发布的写法", "settings": SPOKEN}
    spoken = [system_of(told, CNNONTAX)]
    await one_change_is_found(await kept(site, "nontax"), "cnnontax", "Information", "CreateBill", spoken)


@pytest.mark.parametrize("further", [BLOCK], ids=["published"])
async def test_a_push_travels_on_the_connection_that_we_keep(site):
    site.simulators.ask("POST", "/cnnontax/settings", SPOKEN)
    payment = await site.issued()
    site.simulators.callbacks_to("cnnontax", "line:")
    await site.simulators.aask("POST", "/cnnontax/pay", {"code": payment["code"]})
    paid = await site.reaches(payment, "PAID")
    assert [one["source"] for one in paid["collections"]] == ["callback"]
    assert await site.simulators.flush_callbacks("cnnontax") == []


@pytest.mark.parametrize("further", [BLOCK], ids=["published"])
async def test_a_lost_answer_about_a_bill_without_our_number_is_asked_about_by_its_code(site):
    site.simulators.ask("POST", "/cnnontax/settings", SPOKEN)
    site.fault("apply_then_reset", "CreateBill", system="cnnontax")
    payment = await site.reaches((await site.ask_payment()).json(), "ISSUED")
    assert site.effects("CreateBill", system="cnnontax") == [1]
    assert len(payment["code"]) == 20


def push(code: str, **changes: Any) -> bytes:
    """A 5996 about money for a code, as the platform writes it."""
    now = datetime.now(SHANGHAI)
    told = {"PayCode": code, "CfmDate": f"{now:%Y%m%d}", "CfmTime": f"{now:%H%M%S}", "Amt": "5036.50"}
    voucher = element("PaymentConfirm", told | {"PayMode": "51", "TraNoBus": "S1", "PayerName": ""} | changes, "")
    id_ = secrets.token_hex(12)
    head = {"SRC": CnNonTax.platform_node, "DES": CnNonTax.node, "MsgNo": "5996", "MsgID": id_, "MsgRef": id_}
    xml = frames.write(head | {"WorkDate": f"{now:%Y%m%d}"}, voucher)
    return frames.join("5996", xml, frames.mac(CnNonTax.secret, xml))


def verdict(frame: bytes) -> tuple[str, str | None]:
    """Message number and result of an answer under our MAC."""
    answer = frames.read(frame)
    assert answer.mac.upper() == frames.mac(CnNonTax.secret, answer.xml)
    return answer.number, answer.voucher.findtext("Result")


@pytest.mark.parametrize("changes", [{"Amt": "0.00"}, {"CfmDate": "00010101"}, {"Amt": "2E2"}, {"TraNoBus": " "}])
@pytest.mark.cases_by_day(1)
async def test_a_push_that_cannot_be_is_refused_in_the_platforms_own_words_over_http(site, changes):
    payment = await site.issued()
    answer = await site.http.post("/callbacks/nontax", content=push(payment["code"], **changes))
    assert verdict(answer.content) == ("8001", "19200")
    assert (await site.get(f"/v1/payments/{payment['id']}"))["collections"] == []


@pytest.mark.parametrize("further", [f'listen = "127.0.0.1:{PORT}"'], ids=["listening"])
async def test_at_our_port_messages_are_answered_strays_read_over_and_strangers_sent_away(site):
    payment = await site.issued()
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    true = push(payment["code"])
    writer.write(b"8       " + push(payment["code"], Amt="0.00") + true + true)
    verdicts = [verdict(await asyncio.wait_for(frames.receive(reader), 60)) for _ in range(3)]
    assert verdicts == [("8001", "19200"), ("8001", "00000"), ("8001", "00000")]
    writer.write(true[:-1] + (b"0" if true[-1:] != b"0" else b"1"))
    assert await asyncio.wait_for(reader.read(), 60) == b""
    assert (await site.reaches(payment, "PAID"))["paid_amount"] == "5036.50"


async def test_one_serial_in_several_spellings_is_one_collection(site):
    payment = await site.issued()
    for serial in ("S1", "S1 ", " S1", "\u3000S1", "Ｓ１"):
        answer = await site.http.post("/callbacks/nontax", content=push(payment["code"], TraNoBus=serial))
        assert verdict(answer.content) == ("8001", "00000")
    paid = await site.reaches(payment, "PAID")
    assert (len(paid["collections"]), paid["exceptions"]) == (1, [])


async def test_money_of_a_day_to_come_is_kept_with_an_exception(site):
    payment = await site.issued()
    day = datetime.now(SHANGHAI) + timedelta(days=400)
    answer = await site.http.post("/callbacks/nontax", content=push(payment["code"], CfmDate=f"{day:%Y%m%d}"))
    assert verdict(answer.content) == ("8001", "00000")
    now = await site.get(f"/v1/payments/{payment['id']}")
    assert [one["kind"] for one in now["exceptions"]] == ["time"]


async def test_after_a_doubt_the_payer_has_an_address_again(site):
    """Only the answer to 8994 tells it here, and that was lost: the bill is there, so it is sent again; one code."""
    site.simulators.ask("POST", "/cnnontax/settings", {"bill_address": False})
    site.fault("apply_then_reset", "CreateBill", system="cnnontax")
    payment = await site.reaches((await site.ask_payment()).json(), "ISSUED")
    assert payment["pay_url"].endswith(f"billId={payment['code']}")
    assert site.effects("CreateBill", system="cnnontax") == [1]


@pytest.mark.parametrize(
    "further", ['repeat_for_address = false\npay_url = "https://pay.anlan.example/#/p?billId={code}"'], ids=["pattern"]
)
async def test_or_by_the_channels_pattern(site):
    site.simulators.ask("POST", "/cnnontax/settings", {"bill_address": False})
    site.fault("apply_then_reset", "CreateBill", system="cnnontax")
    payment = await site.reaches((await site.ask_payment()).json(), "ISSUED")
    assert payment["pay_url"] == f"https://pay.anlan.example/#/p?billId={payment['code']}"
    entries = site.simulators.journal(system="cnnontax", operation="CreateBill")
    assert len(entries) == 1
