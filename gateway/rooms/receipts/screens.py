"""Receipts 票据 on the console: on the page of the payment that they are of."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from typing import Final

from pydantic import ValidationError

from gateway.foundation.acts import by_name
from gateway.foundation.screens import (
    ActPage,
    Block,
    Code,
    Fact,
    Facts,
    Field,
    FileOf,
    Files,
    Form,
    Joins,
    Look,
    Moment,
    Named,
    Note,
    Served,
    Tag,
    Tone,
    Yuan,
    failed,
)
from gateway.rooms.payments import Payments
from gateway.rooms.payments.states import Status
from gateway.rooms.receipts.acts import ACTS
from gateway.rooms.receipts.records import Receipt
from gateway.rooms.receipts.routes import RedReceipt
from gateway.rooms.receipts.service import Receipts
from gateway.rooms.receipts.states import ReceiptStatus
from gateway.words.errors import InvalidProblem
from gateway.words.saying import Word, say
from gateway.words.wrong import reason_of

_ACTS: Final = by_name(*ACTS)
_TONES: Final[dict[ReceiptStatus, Tone]] = {
    ReceiptStatus.ISSUED: "good",
    ReceiptStatus.REQUESTED: "wait",
    ReceiptStatus.REFUSED: "bad",
    ReceiptStatus.REVERSED: "warn",
}
_FILE: Final = "receipt"
_UNMASKS: Final = "persons:unmask"
_STATES: Final = {
    ReceiptStatus.REQUESTED: "receipts.screen_requested",
    ReceiptStatus.ISSUED: "receipts.screen_issued",
    ReceiptStatus.REFUSED: "receipts.screen_refused",
    ReceiptStatus.REVERSED: "receipts.screen_reversed",
}


async def _of_payment(look: Look, payment_id: str) -> Sequence[Block]:
    """The receipt of a payment, or the last that was refused."""
    found = await look.get(Receipts).latest(payment_id)
    if found is None:
        return ()
    return (_facts(found), *_file_of(look, found))


def _file_of(look: Look, found: Receipt) -> Sequence[Block]:
    """Where the receipt's file is to be had: it names persons, so by who is shown them, for the reason they gave."""
    if found.document_sealed is None or not look.may(_UNMASKS):
        return ()
    if not look.plainly:
        return (Note(say("receipts.screen_file_masked")),)
    files = (FileOf(_FILE, say("receipts.screen_file")),)
    return (Files(say("receipts.screen_files"), files, asked={"unmask": look.asked.get("unmask", "")}),)


async def _file(look: Look, payment_id: str) -> Served:
    """The receipt's file, byte for byte as the platform gave it; who takes it is written down."""
    await _require_seen(look, payment_id)
    if not look.plainly:
        raise InvalidProblem(say("http.unmask"), field="unmask")
    receipts = look.get(Receipts)
    found = await receipts.of_payment(payment_id)
    content, kind = receipts.file(found), found.media_type or "application/octet-stream"
    await look.base.audit.taken(look.who, "GET /v1/payments/{id}/receipt/file", payment_id)
    ending = mimetypes.guess_extension(kind) or ""
    return Served(content, kind, f"{found.receipt_code}-{found.receipt_number}{ending}")


def _facts(found: Receipt) -> Facts:
    facts: list[Fact] = [
        (Named("kind"), Word(found.kind.value)),
        (Named("status"), Tag(say(_STATES[found.status]), _TONES[found.status])),
        (Named("amount"), Yuan(found.amount)),
        (Named("receipt_code"), Code(found.receipt_code)),
        (Named("receipt_number"), Code(found.receipt_number)),
        (Named("check_code"), Code(found.check_code)),
        (Named("issued_at"), Moment(found.issued_at)),
    ]
    if found.refusal or found.doubt_reason:
        facts.append((Named("reason"), found.refusal or failed(found.doubt_reason)))
    if found.red_at is not None:
        red = [(Named("red_code"), Code(found.red_code)), (Named("red_number"), Code(found.red_number))]
        facts += [*red, (Named("red_at"), Moment(found.red_at))]
    return Facts(say("receipts.screen"), facts)


# --- acts -------------------------------------------------------------------------------------------------------------


async def _now(look: Look, payment_id: str) -> Sequence[str]:
    """What the payment's receipt takes now."""
    found = await look.get(Receipts).live(payment_id)
    if found is not None:
        return ("red-receipt",) if found.status is ReceiptStatus.ISSUED else ()
    payment = await look.get(Payments).held(payment_id)
    issues = "receipt" in look.base.channels.get(payment.channel).info.capabilities
    return ("receipt",) if payment.status is Status.PAID and issues else ()


async def _require_seen(look: Look, payment_id: str) -> None:
    look.require_seen((await look.get(Payments).held(payment_id)).authority, "payment")


async def _request_form(look: Look, payment_id: str) -> Form:
    await _require_seen(look, payment_id)
    return Form(say("receipts.act_request"), (Note(say("receipts.act_request_note")),))


async def _request(look: Look, payment_id: str) -> None:
    await _require_seen(look, payment_id)
    await look.get(Receipts).request(payment_id, once=look.once)


async def _reverse_form(look: Look, payment_id: str) -> Form:
    await _require_seen(look, payment_id)
    fields = (Field("red_code", Named("red_code")), Field("red_number", Named("red_number")))
    found = await look.get(Receipts).latest(payment_id)
    known = () if found is None else (_facts(found),)
    return Form(say("receipts.act_reverse"), (*known, Note(say("receipts.act_reverse_note"), "warn")), fields)


async def _reverse(look: Look, payment_id: str) -> None:
    await _require_seen(look, payment_id)
    try:
        asked = RedReceipt.model_validate({name: look.asked.get(name, "") for name in RedReceipt.model_fields})
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidProblem(reason_of(first), field=str(first["loc"][0])) from None
    await look.get(Receipts).record_reversal(
        payment_id, asked.red_code, asked.red_number, by=look.who.client_id, once=look.once
    )


ON_PAYMENTS = Joins(
    screen="payments",
    acts=(
        ActPage(name="receipt", of=_ACTS["request_receipt"], form=_request_form, do=_request),
        ActPage(name="red-receipt", of=_ACTS["record_reversal"], form=_reverse_form, do=_reverse),
    ),
    blocks=_of_payment,
    first=True,
    now=_now,
    files={_FILE: _file},
)
