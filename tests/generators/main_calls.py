"""The main calls by a client that openapi-python-client generated from /openapi.json."""

import json
import os

from generated_client import AuthenticatedClient
from generated_client.api.decisions import put_decision
from generated_client.api.payments import get_payment, list_payments, request_payment
from generated_client.api.webhooks import list_events
from generated_client.models import DecisionFacts, DryRunView, PaymentRequest, PaymentView, ProblemDocument

AUTHORITY, NUMBER = "wangchuan-scjg", "PY-2026-1"
FACTS = {
    "procedure": "simple",
    "party": {"kind": "organisation", "name": "恒筑建设有限公司", "uscc": "91990102MA0HD1233R"},
    "violation": "占道堆放",
    "facts": "在人行道堆放建材。",
    "basis": "《中华人民共和国行政处罚法》第五十一条",
    "penalty_kinds": ["罚款"],
    "content": "罚款200.00元。",
    "fine": "200.00",
    "decided_on": "2026-11-20",
}

gateway = AuthenticatedClient(os.environ["GATEWAY"], os.environ["KEY"], raise_on_unexpected_status=True)
put_decision.sync(AUTHORITY, NUMBER, client=gateway, body=DecisionFacts.from_dict(FACTS))
demand = PaymentRequest(AUTHORITY, NUMBER)
tried = request_payment.sync(client=gateway, body=demand, idempotency_key=NUMBER, dry_run=True)
assert isinstance(tried, DryRunView), tried
payment = request_payment.sync(client=gateway, body=demand, idempotency_key=NUMBER)
assert isinstance(payment, PaymentView), payment
again = request_payment.sync(client=gateway, body=demand, idempotency_key="another")
assert isinstance(again, ProblemDocument), again
told = {
    "would_send": [call.action for call in tried.would_send],
    "code": payment.code,
    "status": get_payment.sync(payment.id, client=gateway).status,
    "refused": again.type_,
    "listed": payment.id in [one.id for one in list_payments.sync(client=gateway, decision_number=NUMBER).items],
    "events": [one.type_ for one in list_events.sync(client=gateway, subject=payment.id).items],
}
print(json.dumps(told))
