"""The party's pages over HTTP: what strangers cannot find out, what leaves no trace, and the notice from end to end."""

from __future__ import annotations

import io
import re

from pypdf import PdfReader

HOSTILE = '<script>alert("1")</script>&lt;'


async def find(site, code: str, digits: str, **more: str):
    async with site.client(None) as stranger:
        return await stranger.post("/pay", data={"code": code, "digits": digits, **more})


async def test_code_and_number_together_find_the_page_and_wrong_ones_get_one_answer(site):
    made = await site.issued(await site.decide("望市监罚决字〔2026〕第102号"))
    for code, digits in ((made["code"], "102"), (f" {made['code'][:4]} {made['code'][4:]}", "第１０２号")):
        answer = await find(site, code, digits)
        assert (answer.status_code, site.url + answer.headers["location"]) == (303, made["payer_page"] + "?lang=zh")
    wrong_digits, wrong_code = await find(site, made["code"], "103"), await find(site, "9" * 20, "102")
    assert (wrong_digits.status_code, wrong_code.status_code) == (404, 404)
    assert wrong_digits.content == wrong_code.content
    assert (await find(site, made["code"], "")).status_code == 404


async def test_after_some_wrong_tries_the_partys_name_is_asked_as_well(site):
    made = await site.issued(await site.decide("望市监罚决字〔2026〕第102号"))
    told = [(await find(site, made["code"], str(number))).status_code for number in range(1, 8)]
    assert told == [404] * 5 + [429] * 2
    refused = await find(site, made["code"], "102")
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert 'name="name"' in refused.text
    assert refused.content == (await find(site, made["code"], "103")).content, "right and wrong look alike"
    answer = await find(site, made["code"], "102", name="味安 副食店")
    assert answer.status_code == 303, "whoever guesses does not lock out the party"


async def test_pages_are_kept_by_nobody_framed_by_nobody_and_load_nothing_from_outside(site):
    made = await site.issued()
    async with site.client(None) as party:
        for path in ("", "/slip", "?lang=en"):
            page = await party.get(made["payer_page"] + path)
            assert page.status_code == 200
            assert page.headers["cache-control"] == "no-store"
            assert page.headers["referrer-policy"] == "no-referrer"
            policy = page.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert not re.search(r"<style|<script(?! src=)|style=", page.text)
            loaded = re.findall(r'<(?:link|script|img)[^>]*?(?:src|href)="([^"]+)"', page.text)
            assert all(one.startswith(("/pay/look/", "data:")) for one in loaded), loaded
            outside = re.findall(r'(?:src|href|action)="(https?:[^"]+)"', page.text)
            assert all("/cashier?" in one or one == "https://www.anlan.example" for one in outside), outside
            assert "味安副食店" not in page.text


async def test_what_a_case_system_writes_is_text_on_the_page(site):
    number = await site.decide(violation=f"无证经营{HOSTILE}")
    made = await site.issued(number)
    page = (await site.http.get(made["payer_page"])).text
    assert "无证经营&lt;script&gt;alert(" in page
    assert HOSTILE not in page


async def test_there_is_no_slip_for_a_code_that_takes_no_money_and_no_receipt_before_there_is_one(site):
    paid = await site.paid()
    assert (await site.http.get(paid["payer_page"] + "/receipt")).status_code == 404
    slip = await site.http.get(paid["payer_page"] + "/slip")
    assert slip.status_code == 303
    await site.post(f"/v1/payments/{paid['id']}/receipt", None)
    await site.until(f"/v1/payments/{paid['id']}/receipt", lambda now: now["status"] == "ISSUED")
    async with site.client(None) as party:
        file = await party.get(paid["payer_page"] + "/receipt")
    assert file.status_code == 200
    assert file.headers["content-disposition"].startswith("attachment")


async def test_who_paid_twice_sees_how_the_refund_goes_on(site):
    paid = await site.paid()
    await site.pay(paid["code"], force=True)
    view = await site.until(f"/v1/payments/{paid['id']}", lambda now: len(now["collections"]) == 2)
    body = {
        "reason": "paid_twice",
        "explanation": "多缴退还",
        "officer": "陈立 33010001",
        "payee": {"name": "罗巧云", "account": "6222990102000015702", "bank": "安澜银行望川支行"},
        "bank_serial": view["collections"][1]["bank_serial"],
    }
    answer = await site.post(f"/v1/payments/{paid['id']}/refunds", body)
    assert answer.status_code == 201, answer.text
    page = (await site.http.get(paid["payer_page"])).text
    assert "收到两次付款" in page
    assert "<h2>退付进度</h2>" in page
    assert "退付办理中" in page
    assert "罗巧云" not in page
    assert "6222990102000015702" not in page


async def test_a_replaced_bill_leads_to_the_one_that_replaces_it(site):
    old = await site.issued()
    new = (await site.post(f"/v1/payments/{old['id']}/reissue", {"reason": "更换缴款码"})).json()
    new = await site.reaches(new, "ISSUED")
    page = (await site.http.get(old["payer_page"])).text
    assert "此缴款单已作废" in page
    assert f'href="{new["payer_page"].removeprefix(site.url)}?' in page


async def test_the_notice_is_served_for_an_issued_payment_and_for_no_other_tenant_or_state(site):
    made = await site.issued()
    answer = await site.http.get(f"/v1/payments/{made['id']}/notice.pdf")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    said = PdfReader(io.BytesIO(answer.content)).pages[0].extract_text()
    assert made["code"] in said
    assert "0990-5550123" in said
    assert (await site.http.get("/v1/payments/pay_none/notice.pdf")).status_code == 404
    await site.pay(made["code"])
    await site.reaches(made, "PAID")
    refused = await site.http.get(f"/v1/payments/{made['id']}/notice.pdf")
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "payment-not-issued")


async def test_a_character_that_no_font_prints_is_named_in_the_refusal(site):
    made = await site.issued(violation="无证经营\U0002a6a5")
    refused = await site.http.get(f"/v1/payments/{made['id']}/notice.pdf")
    assert refused.status_code == 422
    assert "U+2A6A5" in refused.json()["detail"]
    assert refused.json()["cure"]
