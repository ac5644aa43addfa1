"""Is this the receipt of that payment, and did the unit and finance sign it? Pure functions, no network, no clock.

Numbers: 8-digit code 票据代码, 10-digit number 票据号码, 6-character check code 校验码 (财综〔2018〕72号). Signatures:
detached SM2 over the exact bytes of the document, one of the issuing unit and one of finance 财政监制. The time beside
a signature is not covered by it: certificates are judged as of that time, which lies on the day of issue or the next.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import TypedDict

from pydantic import BaseModel, ConfigDict

from gateway.foundation.crypto.certificates import CertificateError, parse_certificate, verify_chain
from gateway.foundation.crypto.sm2 import Sm2Provider, default_provider
from gateway.foundation.wire.xml import XmlRefusedError, parse_xml
from gateway.ports.base import Message
from gateway.ports.nontax import FiscalReceipt, ReceiptSignature
from gateway.words.clock import day_of, rfc3339
from gateway.words.errors import ContractError
from gateway.words.money import parse_yuan

ROLES = ("issuer", "supervisor")
_DUE = {"issuer": "the unit's 执收单位签名", "supervisor": "finance's 财政签名"}
_LONGEST = 4 << 20


class ReceiptProfile(BaseModel):
    """What a channel's receipts look like. ``layout``: see ``receipt_layout`` of a channel's settings."""

    model_config = ConfigDict(frozen=True)

    signed: bool = False
    layout: str = r"\d{8}"


class ReceiptAsk(Message):
    """Have the receipt of one paid bill issued. ``region``: the unit's division, of which the code bears two digits."""

    reference: str
    bill_reference: str | None = None
    code: str
    amount: int
    region: str


def check_receipt(
    ask: ReceiptAsk,
    answer: FiscalReceipt,
    profile: ReceiptProfile,
    roots: Sequence[bytes],
    provider: Sm2Provider | None = None,
) -> None:
    """Hold a receipt against the payment that it is for. Raises ContractError with the first thing that is wrong."""
    if answer.code != ask.code:
        raise ContractError(f"asked for the receipt of {ask.code}, got that of {answer.code}")
    if answer.amount != ask.amount:
        raise ContractError(f"the receipt says {answer.amount} fen, {ask.amount} were paid")
    year = f"{day_of(answer.issued_at):%y}"
    layout = profile.layout.replace("{region}", ask.region[:2]).replace("{year}", year)
    for name, value, pattern in (
        ("receipt code", answer.receipt_code, r"\d{8}"),
        ("receipt code", answer.receipt_code, layout),
        ("receipt number", answer.receipt_number, r"\d{10}"),
        ("check code", answer.check_code, r"[0-9A-Za-z]{6}"),
    ):
        if not re.fullmatch(pattern, value, re.ASCII):
            raise ContractError(f"the {name} {value!r} is none here: it does not have the form {pattern}")
    if not answer.document or len(answer.document) > _LONGEST:
        raise ContractError(f"a receipt's file of {len(answer.document)} bytes")
    if answer.media_type == "application/xml":
        _check_content(answer)
    elif not answer.document.startswith(b"%PDF-"):
        raise ContractError(f"the receipt's file is not what it is called, {answer.media_type}")
    if profile.signed:
        _check_signatures(answer, roots, provider or default_provider())


class Signer(TypedDict):
    """Who signed a receipt, as the record keeps it: role, name and serial number of the certificate, and when."""

    role: str
    name: str
    certificate: str
    signed_at: str


def signers(signatures: Sequence[ReceiptSignature]) -> list[Signer]:
    """Who signed, for the record."""
    found = []
    for one in signatures:
        certificate = parse_certificate(one.certificate)
        found.append(
            Signer(
                role=one.role,
                name=certificate.common_name,
                certificate=certificate.serial,
                signed_at=rfc3339(one.signed_at),
            )
        )
    return found


def _check_content(answer: FiscalReceipt) -> None:
    """What the signed document itself says must be what the answer around it says."""
    try:
        root = parse_xml(answer.document)
    except XmlRefusedError as error:
        raise ContractError(f"the receipt's file is refused: {error}") from None
    expected = {
        "EInvoiceCode": answer.receipt_code,
        "EInvoiceNumber": answer.receipt_number,
        "RandomNumber": answer.check_code,
        "PayCode": answer.code,
        "EInvoiceID": f"{answer.receipt_number[::-1]}-{answer.receipt_code[::-1]}",
    }
    for name, value in {**expected, "TotalAmount": ""}.items():
        told = [part.text or "" for part in root.iterfind(f".//{{*}}{name}")]
        if len(told) != 1:
            raise ContractError(f"the receipt's file has {len(told)} times {name}")
        if name != "TotalAmount" and told[0] != value:
            raise ContractError(f"the receipt's file says {name} {told[0]}, the answer {value}")
        if name == "TotalAmount" and _fen(told[0]) != answer.amount:
            raise ContractError(f"the receipt's file says {told[0]} yuan, the answer {answer.amount} fen")


def _check_signatures(answer: FiscalReceipt, roots: Sequence[bytes], provider: Sm2Provider) -> None:
    by_role = {one.role: one for one in answer.signatures}
    if len(answer.signatures) != len(ROLES) or set(by_role) != set(ROLES):
        missing = ", ".join(words for role, words in _DUE.items() if role not in by_role)
        raise ContractError(
            f"after payment 缴款后 unit and finance have signed a receipt, each once; missing: {missing or 'none'}"
        )
    keys = set()
    issued = day_of(answer.issued_at)
    for role, one in by_role.items():
        if not issued <= day_of(one.signed_at) <= issued + timedelta(days=1):
            raise ContractError(f"{role}: signed {rfc3339(one.signed_at)}, but the receipt was issued {issued}")
        verdict = verify_chain(one.certificate, (), roots, one.signed_at, provider)
        if not verdict.ok:
            raise ContractError(f"{role}: {verdict.reason}")
        try:
            certificate = parse_certificate(one.certificate)
        except CertificateError as error:
            raise ContractError(f"{role}: {error}") from None
        if not provider.verify(certificate.public, answer.document, one.value):
            raise ContractError(f"{role}: the signature of {certificate.common_name} is not over this file")
        keys.add(certificate.public)
    if len(keys) != len(ROLES):
        raise ContractError("unit and finance cannot be the same signer")


def _fen(text: str) -> int | None:
    try:
        return parse_yuan(text)
    except ValueError:
        return None
