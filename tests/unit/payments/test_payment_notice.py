"""The notice says what the party must know, threatens only what the decision states, and its QR code can be read."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from datetime import date
from typing import Any, Literal

import pytest
import zxingcpp
from lxml import etree
from payment_records import a_payment
from PIL import Image
from pypdf import PdfReader

from gateway.ports.nontax import BillLine, IssueRequest
from gateway.rooms.decisions import Decision, DecisionEvent, DecisionFacts
from gateway.rooms.payments import LineKind, Status
from gateway.rooms.payments.notice import Letterhead, form
from gateway.rooms.payments.notice import due_words as worded
from gateway.rooms.payments.notice import printed as print_form
from gateway.rooms.payments.records import Payment, PaymentLine
from gateway.rooms.seals.ofd.sealing import pages_of
from gateway.typography.letter import qr_matrix
from gateway.words.errors import ConflictProblem, InvalidProblem
from gateway.words.terms import Terms

PAGE = "https://pay.anlan.example/pay/Zm9vYmFyYmF6cXV4MTIzNA"
CODE = "99010226300000000001"
HEAD = Letterhead("望川区市场监督管理局", "0990-5550123")
SERVED: dict[str, Any] = {"kind": "served", "on": "2026-09-16", "method": "direct"}


def decision(*events: dict[str, Any], **facts: Any) -> Decision:
    body = {
        "procedure": "ordinary",
        "party": {"kind": "individual_business", "name": "味安副食店", "uscc": "92990102MA0WA4562J"},
        "violation": "经营超过保质期的食品",
        "facts": "货架上有过期糕点。",
        "basis": "《中华人民共和国食品安全法》第一百二十四条",
        "penalty_kinds": ["没收违法所得", "罚款"],
        "content": "没收违法所得36.50元，罚款5000元",
        "fine": "5000.00",
        "confiscated": "36.50",
        "decided_on": "2026-09-14",
        "surcharge_stated": True,
        **facts,
    }
    happened = tuple(DecisionEvent.model_validate(event, strict=False) for event in events)
    number = "望市监罚决字〔2026〕第102号"
    return Decision("dec_1", "wangchuan-scjg", number, 1, DecisionFacts.model_validate(body), happened, 0, 0)


def issued(**other: Any) -> Payment:
    known = {
        "status": Status.ISSUED,
        "amount": 503650,
        "code": CODE,
        "decision_number": "望市监罚决字〔2026〕第102号",
        "valid_until_on": date(2026, 12, 31),
        "due_on": date(2026, 10, 8),
    }
    return a_payment(**known | other)


def printed(made: Decision, payer: str = "味安副食店", kind: Literal["pdf", "ofd"] = "pdf", **other: Any) -> bytes:
    lines = [
        PaymentLine("pay_1", 1, LineKind.FINE, "103050199", "其他一般罚没收入", 500000),
        PaymentLine("pay_1", 2, LineKind.CONFISCATED, "103050198", "没收收入", 3650),
    ]
    bill = IssueRequest(
        reference="r",
        region="990102",
        unit_code="990102002",
        unit_name="望川区市场监督管理局",
        payer_name=payer,
        decision_number=made.number,
        lines=(BillLine(item_code="103050199", item_name="其他一般罚没收入", amount=503650),),
        total=503650,
        bill_date=date(2026, 9, 14),
    )
    said = form(issued(**other), lines, bill, made, terms=Terms(), letterhead=HEAD, payer_page=PAGE)
    return print_form(said, kind)


def due_words(payment: Payment, made: Decision) -> str:
    return worded(payment, made, Terms())


def text_of(pdf: bytes) -> str:
    return "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).replace("\n", "")


def test_one_sheet_says_who_what_how_much_by_when_and_that_it_is_no_receipt():
    pdf = printed(decision(SERVED))
    (page,) = PdfReader(io.BytesIO(pdf)).pages
    assert [round(float(side)) for side in page.mediabox] == [0, 0, 595, 842]
    said = text_of(pdf)
    for words in (
        *("990102002", "望川区市场监督管理局", "2026年9月14日", CODE, "味安副食店", "望市监罚决字〔2026〕第102号"),
        *("103050199", "其他一般罚没收入（罚款）", "5000.00", "103050198", "没收收入（没收违法所得）", "36.50"),
        *("¥5036.50", "伍仟零叁拾陆元伍角", "经营超过保质期的食品", "2026年10月8日", "0990-5550123"),
        *("不作为收款收据", "请勿向个人账户转账", "行政复议", "行政诉讼", "延期或者分期"),
    ):
        assert words in said, words


def test_the_surcharge_is_threatened_only_where_the_decision_states_it():
    assert "第七十二条" in text_of(printed(decision(SERVED)))
    assert "加处" not in text_of(printed(decision(SERVED, surcharge_stated=False)))


def test_the_notice_explains_how_its_last_day_came_about():
    assert due_words(issued(due_on=None), decision()) == "自收到行政处罚决定书之日起15日内"
    rolled = due_words(issued(), decision(SERVED))
    assert rolled.startswith("2026年10月8日（决定书于2026年9月16日送达，自次日起算第15日，该日为2026年10月1日，遇")
    plain = due_words(
        issued(due_on=date(2026, 9, 24)), decision(SERVED | {"on": "2026-09-09"}, decided_on="2026-09-01")
    )
    assert plain == "2026年9月24日（决定书于2026年9月9日送达，自次日起算第15日）"
    deferral = {"kind": "deferred", "on": "2026-09-20", "until": "2026-11-30"}
    deferred = due_words(issued(due_on=date(2026, 11, 30)), decision(SERVED, deferral))
    assert deferred == "2026年11月30日（2026年9月20日经批准延期缴纳）"
    planned = issued(due_on=date(2026, 11, 2), planned_due_on=date(2026, 11, 2), instalment=2)
    assert "分期缴纳计划，第2期" in due_words(planned, decision(SERVED))
    assert "尚未公布" in due_words(issued(due_provisional=True), decision(SERVED))


def test_as_ofd_it_says_the_same_and_can_be_sealed():
    pdf, ofd = printed(decision(SERVED)), printed(decision(SERVED), kind="ofd")
    (page,) = pages_of(ofd)
    assert (page.width, page.height) == (210, 297)
    with zipfile.ZipFile(io.BytesIO(ofd)) as archive:
        content = etree.fromstring(archive.read(page.part))
    words = "".join(code.text or "" for code in content.iter("{*}TextCode"))
    assert sorted("".join(words.split())) == sorted("".join(text_of(pdf).split()))


def test_only_a_payment_that_waits_to_be_paid_gets_a_notice():
    for status in set(Status) - {Status.ISSUED}:
        with pytest.raises(ConflictProblem):
            printed(decision(SERVED), status=status)


def test_a_name_that_the_font_cannot_print_is_refused_by_its_character():
    with pytest.raises(InvalidProblem, match=r"U\+2A6A5") as refused:
        printed(decision(SERVED), payer="\U0002a6a5记副食店")
    assert (refused.value.status, refused.value.type) == (422, "character-not-printable")


def test_names_as_long_as_the_bill_allows_stay_on_the_paper():
    pdf = printed(decision(SERVED, violation="经营超过保质期的食品" * 30), payer="味安副食" * 25)
    assert "味安副食" * 25 in text_of(pdf).replace(" ", "")


def test_the_modules_of_the_code_read_as_the_payer_page():
    matrix = qr_matrix(PAGE)
    side = len(matrix) + 8
    picture = Image.new("L", (side, side), 255)
    for y, modules in enumerate(matrix):
        for x, dark in enumerate(modules):
            if dark:
                picture.putpixel((x + 4, y + 4), 0)
    assert [one.text for one in zxingcpp.read_barcodes(picture.resize((side * 6, side * 6), 0))] == [PAGE]


@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="no pdftoppm here to draw the page (poppler-utils)")
def test_the_code_is_read_from_the_printed_page(tmp_path):
    (tmp_path / "notice.pdf").write_bytes(printed(decision(SERVED)))
    subprocess.run(["pdftoppm", "-r", "110", "-png", "-singlefile", "notice.pdf", "notice"], cwd=tmp_path, check=True)
    with Image.open(tmp_path / "notice.png") as picture:
        assert [one.text for one in zxingcpp.read_barcodes(picture)] == [PAGE]
