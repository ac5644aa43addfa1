"""A receipt is believed only if it is about this payment and both signers signed these bytes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.ports.nontax import FiscalReceipt, ReceiptSignature
from gateway.rooms.receipts.verification import ReceiptAsk, ReceiptProfile, check_receipt, signers
from gateway.words.clock import SHANGHAI
from gateway.words.errors import ContractError
from simulators.nontax import receipts
from simulators.seal.pki import Authority, Key

CODE = "99010226300000000001"
ISSUED = datetime(2026, 9, 16, 10, 30, tzinfo=SHANGHAI)
ASK = ReceiptAsk(reference="R1", code=CODE, amount=5036_50, region="990102")
PROFILE = ReceiptProfile(signed=True, layout="{region}0101{year}")
NUMBERS = {
    "PayCode": CODE,
    "EInvoiceCode": "99010126",
    "EInvoiceNumber": "0000000001",
    "RandomNumber": "656aa9",
    "TotalAmount": "5036.50",
    "IssueDate": "20260916",
    "IssueTime": "103000",
}
BILL = {
    "code": CODE,
    "asked": {
        "AdmDivCode": "990102",
        "ChgAgenCode": "990102001",
        "ChgAgenName": "望川区综合行政执法局",
        "PayerName": "味安副食店",
        "DecisionNo": "望综罚〔2026〕1号",
        "Item": [{"ItemCode": "103050199", "ItemName": "罚没收入", "Amt": "5036.50"}],
    },
}
XML = receipts.document(NUMBERS, BILL, {"mode": "51"}, "安澜市非税收入收缴平台")


class Signers:
    """A root, the unit and finance."""

    def __init__(self) -> None:
        self.root = Authority.found("财政根")
        self.keys = {"issuer": Key.generate(), "supervisor": Key.generate()}
        self.certificates = {role: self.root.issue(role, key.public) for role, key in self.keys.items()}

    def sign(self, role: Any, document: bytes = XML, **more: Any) -> ReceiptSignature:
        known = {"signed_at": ISSUED, "certificate": self.certificates[role], "value": self.keys[role].sign(document)}
        return ReceiptSignature(role=role, **known | more)


@pytest.fixture(scope="module")
def people() -> Signers:
    return Signers()


def receipt(people: Signers, document: bytes = XML, **more: Any) -> FiscalReceipt:
    known = {
        "code": CODE,
        "receipt_code": "99010126",
        "receipt_number": "0000000001",
        "check_code": "656aa9",
        "amount": 5036_50,
        "issued_at": ISSUED,
        "document": document,
        "media_type": "application/xml",
        "signatures": (people.sign("issuer", document), people.sign("supervisor", document)),
    }
    return FiscalReceipt(**known | more)


def test_a_true_receipt_is_believed_and_its_signers_are_named(people):
    true = receipt(people)
    check_receipt(ASK, true, PROFILE, [people.root.certificate])
    assert [(one["role"], one["name"]) for one in signers(true.signatures)] == [
        ("issuer", "issuer"),
        ("supervisor", "supervisor"),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": "99010226300000000002"},
        {"amount": 5036_51},
        {"receipt_code": "9901012"},
        {"receipt_code": "99010125"},
        {"receipt_code": "11010126"},
        {"receipt_number": "000000001"},
        {"receipt_number": "０000000001"},
        {"receipt_number": "0000000002"},
        {"check_code": "656aa"},
        {"check_code": "656aa8"},
        {"document": b""},
        {"media_type": "application/pdf"},
        {"signatures": ()},
    ],
)
def test_what_does_not_fit_the_payment_is_refused(people, wrong):
    with pytest.raises(ContractError):
        check_receipt(ASK, receipt(people, **wrong), PROFILE, [people.root.certificate])


@pytest.mark.parametrize(
    "change",
    [
        lambda xml: xml.replace(b"5036.50", b"0036.50"),
        lambda xml: xml.replace(CODE.encode(), b"99010226300000000009"),
        lambda xml: xml.replace(b"</Main>", b"<TotalAmount>5036.50</TotalAmount></Main>"),
        lambda xml: xml.replace(b"<EInvoice>", b'<!DOCTYPE EInvoice [<!ENTITY x "y">]><EInvoice>'),
        lambda xml: xml[: len(xml) // 2],
    ],
    ids=["amount", "code", "amount twice", "doctype", "cut"],
)
def test_a_file_that_says_something_else_is_refused_even_if_it_is_signed(people, change: Callable[[bytes], bytes]):
    changed = change(XML)
    assert changed != XML
    with pytest.raises(ContractError):
        check_receipt(ASK, receipt(people, changed), PROFILE, [people.root.certificate])


def test_one_changed_byte_breaks_the_signatures(people):
    changed = XML.replace("味安副食店".encode(), "味安副食点".encode())
    kept = (people.sign("issuer"), people.sign("supervisor"))
    with pytest.raises(ContractError, match="not over this file"):
        check_receipt(ASK, receipt(people, changed, signatures=kept), PROFILE, [people.root.certificate])


@pytest.mark.parametrize(
    ("roles", "missing"),
    [
        (("issuer",), "finance's 财政签名"),
        (("supervisor",), "the unit's 执收单位签名"),
        (("issuer", "issuer"), "finance's 财政签名"),
        ((), "the unit's 执收单位签名, finance's 财政签名"),
        (("supervisor", "issuer", "issuer"), "none"),
    ],
)
def test_unit_and_finance_must_both_have_signed_once(people, roles, missing):
    with pytest.raises(ContractError, match=f"missing: {missing}$"):
        check_receipt(
            ASK, receipt(people, signatures=tuple(map(people.sign, roles))), PROFILE, [people.root.certificate]
        )


def test_one_signer_cannot_be_both(people):
    both = tuple(
        ReceiptSignature(
            role=role,
            signed_at=ISSUED,
            certificate=people.certificates["issuer"],
            value=people.keys["issuer"].sign(XML),
        )
        for role in ("issuer", "supervisor")
    )
    with pytest.raises(ContractError, match="same signer"):
        check_receipt(ASK, receipt(people, signatures=both), PROFILE, [people.root.certificate])


def test_strangers_roots_and_wrong_days_are_refused(people):
    with pytest.raises(ContractError, match="issuer"):
        check_receipt(ASK, receipt(people), PROFILE, [Authority.found("别的根").certificate])
    with pytest.raises(ContractError, match="no trusted root"):
        check_receipt(ASK, receipt(people), PROFILE, [])
    late = (people.sign("issuer", signed_at=ISSUED + timedelta(days=2)), people.sign("supervisor"))
    with pytest.raises(ContractError, match="was issued"):
        check_receipt(ASK, receipt(people, signatures=late), PROFILE, [people.root.certificate])


def test_a_channel_without_signatures_is_still_held_to_numbers_and_content(people):
    plain = ReceiptProfile()
    check_receipt(ASK, receipt(people, signatures=()), plain, [])
    with pytest.raises(ContractError):
        check_receipt(ASK, receipt(people, signatures=(), check_code="000000"), plain, [])
