"""The payer's pages as a person meets them: in a real browser, from the code on paper to the receipt."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import by_day
import looks
import zxingcpp
from PIL import Image
from playwright.sync_api import Page
from sqlalchemy import update

from gateway.faces.payer import pages
from gateway.faces.payer.texts import MESSAGES
from gateway.rooms.payments.channel_keys import PaymentKeys
from gateway.rooms.payments.tables import payment
from gateway.words.clock import SHANGHAI, to_micros
from gateway.words.money import yuan_in_words

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
PICTURES = os.environ.get("GATEWAY_TEST_PICTURES")
"""A folder in which every page that is looked at leaves its picture; none if not set."""
NOT_PRINTED = ("header", ".screen", ".pay", ".more", ".row", "button")
HALF_WIDTH = re.compile(r"[\u4e00-\u9fff][,:;!?()]|[,:;!?()][\u4e00-\u9fff]")
AUTHORITY, TELEPHONE, NEVER = "望川区市场监督管理局", "0990-5550123", "请勿向个人账户转账"


def decoded(page: Page, svg: str) -> str:
    """What an independent decoder reads from the code as a browser draws it."""
    page.set_content(f"<body style='margin:0'>{svg}")
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        (found,) = zxingcpp.read_barcodes(picture)
    return found.text


def look(page: Page, name: str) -> None:
    """Whatever the page says: it fits its width, at night a sheet as well, is small, and axe finds nothing."""
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} scrolls sideways"
    assert len(page.content().encode()) < 100_000
    page.evaluate(AXE)
    violations = page.evaluate("axe.run().then(found => found.violations.map(one => [one.id, one.nodes[0].html]))")
    assert violations == [], f"{name}: {violations}"
    if by_day.WHOLE in os.environ:
        told = list(looks.on_paper(page, f"payer-{name}", *NOT_PRINTED, sheet=name.startswith("slip")))
        assert told == [], f"{name} on paper: {told}"


async def change(site: Any, payment_id: str, **values: Any) -> None:
    """Set what only time or bad luck would bring about."""
    await site.app.base.store.write(
        lambda conn: conn.execute(update(payment).where(payment.c.id == payment_id).values(**values))
    )


async def issued(site: Any, number: int) -> dict[str, Any]:
    return dict(await site.issued(await site.decide(f"望市监罚决字〔2026〕第{number}号")))


def paying(start: Callable[[Page], None]) -> Callable[[Page], str]:
    """Steps from the payer's page over the cashier to its word of success; ``start`` opens the payer's page."""

    def steps(page: Page) -> str:
        start(page)
        page.get_by_role("link", name="去缴款").click()
        page.get_by_label("支付宝").check()
        with page.expect_navigation():
            page.get_by_role("button", name="确认支付").click()
        return page.get_by_role("heading", level=1).inner_text()

    return steps


async def test_from_the_code_on_paper_to_the_receipt_without_a_detour(site, browsing):
    made = await issued(site, 102)
    svg = (await site.http.get(f"/v1/payments/{made['id']}/qr.svg")).text

    def paid(page: Page) -> None:
        address = decoded(page, svg)
        assert address == made["payer_page"]

        def start(page: Page) -> None:
            page.goto(address)
            for words in ("待缴款", "5036.50", "罚款", "5000.00", "没收违法所得", "36.50", "经营超过保质期的食品"):
                assert words in page.locator("main").inner_text()

        assert paying(start)(page) == "缴款成功"
        page.goto(address + "?after=pay")
        page.get_by_role("heading", name="已缴款").wait_for()

    await browsing.do(paid)
    assert (await site.post(f"/v1/payments/{made['id']}/receipt", None)).status_code in (200, 201)
    await site.until(f"/v1/payments/{made['id']}/receipt", lambda now: now["status"] == "ISSUED")

    view = await site.get(f"/v1/payments/{made['id']}")
    receipt = await site.get(f"/v1/payments/{made['id']}/receipt")

    def fetched(page: Page) -> bytes:
        page.goto(made["payer_page"])
        said = page.locator("main").inner_text()
        paid = [one for one in view["collections"] if one["bank_serial"]]
        for words in (
            paid[0]["bank_serial"],
            receipt["receipt_code"],
            receipt["receipt_number"],
            receipt["check_code"],
        ):
            assert words in said.replace("\n", ""), words
        look(page, "receipt")
        with page.expect_download() as download:
            page.get_by_role("link", name="下载财政票据").click()
        return Path(download.value.path()).read_bytes()

    file = await browsing.do(fetched, accept_downloads=True)
    assert file == (await site.http.get(f"/v1/payments/{made['id']}/receipt/file")).content


async def test_every_state_has_its_message_with_authority_telephone_and_warning_on_a_narrow_screen(
    site, browsing, monkeypatch
):
    now = datetime.now(SHANGHAI)
    today, at = now.date(), to_micros(now)
    states: dict[str, dict[str, Any]] = {
        "issued": {"due_on": today + timedelta(days=15)},
        "overdue": {"due_on": today - timedelta(days=1)},
        "doubt": {"in_doubt_since_at": at},
        "long_doubt": {"in_doubt_since_at": at - 90_000_000_000},
        "code_doubt": {"status": "REQUESTED", "code": None, "in_doubt_since_at": at},
        "void_doubt": {"status": "CANCELLING", "in_doubt_since_at": at},
        "requested": {"status": "REQUESTED", "code": None},
        "expired": {"status": "EXPIRED"},
        "cancelled": {"status": "CANCELLED"},
        "rejected": {"status": "REJECTED", "code": None},
        "paid": {"status": "PAID", "paid_at": at, "paid_amount": 503650},
    }
    addresses: dict[str, str] = {}
    for number, (key, values) in enumerate(states.items(), start=1):
        made = await issued(site, number)
        await change(site, made["id"], **values)
        addresses[key] = made["payer_page"]
    for number, key, money in (
        (21, "late_money", {}),
        (22, "paid_twice", {}),
        (23, "amount_differs", {"amount": "1.00"}),
    ):
        made = await issued(site, number)
        if key == "late_money":
            await site.post(f"/v1/payments/{made['id']}/cancel", {"reason": "决定有误"})
            await site.reaches(made, "CANCELLED")
        if key == "paid_twice":
            await site.pay(made["code"])
        await site.pay(made["code"], force=True, **money)
        await site.until(f"/v1/payments/{made['id']}", lambda now: now["exceptions"])
        addresses[key] = made["payer_page"]

    def seen(page: Page) -> None:
        for key, address in addresses.items():
            page.goto(address)
            said = page.locator("main").inner_text()
            assert (page.locator("body").get_attribute("data-state"), key) == (key, key)
            for words in (MESSAGES[key].title[0], MESSAGES[key].text[0], AUTHORITY, TELEPHONE, NEVER, "味****"):
                assert words in said, (key, words)
            assert not HALF_WIDTH.search(said), (key, HALF_WIDTH.search(said))
            assert page.get_by_role("link", name="去缴款").count() == MESSAGES[key].can_pay, key
            assert "味安副食店" not in said
            look(page, key)
        page.goto(addresses["issued"] + "?after=pay")
        assert "请不要再次缴款" in page.get_by_role("status").inner_text()
        look(page, "confirming")
        page.goto(addresses["issued"] + "/slip")
        assert "对公" in page.locator("main").inner_text()
        look(page, "slip")
        page.goto(addresses["issued"] + "?lang=en")
        assert page.get_by_role("link", name="Pay now").count() == 1
        look(page, "english")
        answer = page.goto(site.url + "/pay/nobody")
        assert answer is not None
        assert answer.status == 404
        assert MESSAGES["unknown"].text[0] in page.locator("main").inner_text()
        look(page, "unknown")
        page.goto(site.url + "/pay")
        look(page, "find")

    await browsing.do(seen, width=320)
    until = datetime(2026, 9, 16, 0, 30, tzinfo=SHANGHAI)
    monkeypatch.setattr(pages, "closed_until", lambda quiet, at: until)

    def closed(page: Page) -> None:
        page.goto(addresses["issued"])
        assert "缴费平台结算中，预计00:30恢复，请届时再试。" in page.get_by_role("status").inner_text()
        assert page.get_by_role("link", name="去缴款").count() == 0
        look(page, "closed")

    await browsing.do(closed, width=320)


async def test_an_open_page_tells_by_itself_that_the_money_has_arrived(site, browsing, monkeypatch):
    monkeypatch.setitem(pages.MESSAGES, "issued", replace(MESSAGES["issued"], poll=1))
    made = await issued(site, 1)
    refused: list[str] = []

    def watch(page: Page) -> None:
        page.on("console", lambda message: refused.append(message.text))
        page.goto(made["payer_page"])
        site.simulators.ask("POST", "/nontax/pay", {"code": made["code"]})
        page.get_by_role("heading", name="已缴款").wait_for()

    await browsing.do(watch)
    assert refused == []


async def test_without_javascript_the_party_finds_the_bill_by_hand_and_pays(site, browsing):
    made = await issued(site, 102)

    def start(page: Page) -> None:
        page.goto(site.url + "/pay")
        page.get_by_label("缴款码").fill("12345678901234567890")
        page.get_by_label("决定书文号").fill("102")
        page.get_by_role("button", name="查询").click()
        assert "请核对缴款码" in page.get_by_role("alert").inner_text()
        page.get_by_label("缴款码").fill(made["code"])
        page.get_by_label("决定书文号").fill("102")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="待缴款").wait_for()

    assert await browsing.do(paying(start), java_script_enabled=False) == "缴款成功"
    await site.reaches(made, "PAID")


async def test_the_keyboard_alone_reaches_language_and_cashier(site, browsing):
    made = await issued(site, 1)

    def walk(page: Page) -> list[str]:
        page.goto(made["payer_page"])
        names = []
        for _ in range(6):
            page.keyboard.press("Tab")
            names.append(page.evaluate("document.activeElement.innerText"))
        return names

    names = await browsing.do(walk)
    assert names[:4] == ["English", TELEPHONE, "去缴款", "我已付款"]


async def test_an_overdue_party_reads_what_has_accrued_how_it_is_counted_and_how_it_is_collected(site, browsing):
    channel = site.app.base.channels.get("nontax")
    keys = channel.keys_of(PaymentKeys).model_copy(update={"surcharge": "quoted_at_payment"})
    site.app.base.channels._channels["nontax"] = replace(channel, kind_keys=keys)
    number = await site.decide("望市监罚决字〔2026〕第103号")
    event = {"kind": "served", "on": "2026-09-16", "method": "direct"}
    assert (await site.post(site.path(number) + "/events", event)).status_code == 200
    made = await site.issued(number)
    owed = (await site.get(f"/v1/payments/{made['id']}/surcharge"))["amount"]
    total = f"{Decimal(made['amount']) + Decimal(owed):.2f}"

    def seen(page: Page) -> None:
        page.goto(made["payer_page"])
        said = page.locator("main").inner_text()
        shown = (owed, total, yuan_in_words(int(Decimal(total) * 100)), "3%", "5000.00", "由缴费平台在付款时一并收取")
        for words in shown:
            assert words in said, (words, said)
        look(page, "overdue_with_surcharge")
        page.goto(made["payer_page"] + "/slip")
        assert "不含加处罚款" in page.locator("main").inner_text()
        look(page, "slip_with_surcharge")

    def apart(page: Page) -> None:
        page.goto(made["payer_page"])
        sums = page.locator("section:has(#sum)").inner_text()
        assert made["amount"] in sums
        assert owed not in page.locator("section:has(#sum) .lines").inner_text().replace("5000.00", "", 1)
        assert owed in page.locator("section:has(#surcharge)").inner_text()
        look(page, f"overdue_surcharge_apart_{page.viewport_size['width']}")

    assert Decimal(owed) > 0
    await browsing.do(seen, width=320)
    keys = keys.model_copy(update={"surcharge": "separate_bill"})
    site.app.base.channels._channels["nontax"] = replace(channel, kind_keys=keys)
    for width in (390, 1366):
        await browsing.do(apart, width=width)


async def test_a_page_says_whose_it_is_and_how_to_check_that(site, browsing):
    made = await issued(site, 1)

    def seen(page: Page) -> None:
        page.goto(made["payer_page"])
        assert AUTHORITY in page.locator("header").inner_text()
        assert "安澜市财政局" in page.locator("footer").inner_text()
        page.get_by_text("如何核对本页真伪").click()
        page.get_by_text("个人信息说明").click()
        said = page.locator("main").inner_text()
        for words in (site.url, "https://www.anlan.example", "本页不使用 Cookie"):
            assert words in said, words
        look(page, "whose_page")
        page.emulate_media(media="print")
        look(page, "print")

    await browsing.do(seen)
