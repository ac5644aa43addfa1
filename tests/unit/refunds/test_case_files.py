"""What an evidence bundle holds of refunds and of cash: records and papers, persons masked unless it may be exact."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from money_bench import DOCUMENTS, ONE, PAYEE

from gateway.foundation.case_files import CasePart
from gateway.foundation.crypto.sm import sm3
from gateway.rooms.cash import case_files as of_cash
from gateway.rooms.cash.service import CashInput
from gateway.rooms.decisions import DecisionFacts
from gateway.rooms.refunds import case_files as of_refunds
from gateway.rooms.refunds.proposals import DocumentInput
from tests.decision_facts import FACTS

NOTHING: Any = None


def told(part: CasePart) -> dict[str, Any]:
    return {file.path: json.loads(file.content) for file in part.files if file.path.endswith(".json")}


async def test_a_refund_is_there_with_its_payee_and_its_papers(quick):
    payment_id = await quick.paid(20000)
    letter = DocumentInput(
        kind="opinion_letter", reference="意见1号", file=b64encode(b"%PDF letter"), media_type="application/pdf"
    )
    ask = quick.proposal(documents=(letter, DOCUMENTS[1]))
    refund_id = await quick.refunds.propose(payment_id, ask, by=ONE)
    decision_id = (await quick.payments.by_id_or_code(payment_id)).decision_id
    masked = await of_refunds.of_case(quick.base, NOTHING, decision_id, False)
    (known,) = told(masked).values()
    assert masked.subjects == (refund_id,)
    assert (known["payee"]["name"], known["payee"]["account"][-4:]) == ("罗**", "5702")
    assert known["documents"][0]["digest"] == sm3(b"%PDF letter").hex()
    assert (known["amount"], known["created_at"][:10]) == (20000, "2026-09-16")
    assert not [name for name in known if name.endswith("_sealed")]
    assert len(masked.files) == 1, "a paper cannot be masked"
    plain = await of_refunds.of_case(quick.base, NOTHING, decision_id, True)
    assert [file.content for file in plain.files if file.path.endswith(".pdf")] == [b"%PDF letter"]
    assert PAYEE.account in str(told(plain))
    assert PAYEE.account not in str(told(masked))


async def test_cash_is_there_with_who_took_it(quick):
    facts = DecisionFacts.model_validate({**FACTS, "procedure": "simple", "fine": "90.00"}, strict=False)
    decision, _ = await quick.decisions.put("A1", "1号", facts, by="test")
    given = {"authority": "A1", "decision_number": "1号", "amount": "90.00", "ground": "small", "receipt_number": "R-1"}
    taken = CashInput.model_validate({**given, "officer": "周映川", "taken_on": "2026-09-15"})
    await quick.cash.take(taken)
    masked = await of_cash.of_case(quick.base, NOTHING, decision.id, False)
    (known,) = told(masked).values()
    assert (known["officer"], known["amount"], known["receipt_number"]) == ("周**", 9000, "R-1")
    assert masked.subjects == (known["id"],)
    plain = told(await of_cash.of_case(quick.base, NOTHING, decision.id, True))
    assert next(iter(plain.values()))["officer"] == "周映川"
    assert (await of_cash.of_case(quick.base, NOTHING, "dec_other", True)).files == ()
