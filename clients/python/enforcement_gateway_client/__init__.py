"""Client of the enforcement integration gateway 行政执法对接网关, for case systems.

from enforcement_gateway_client import Gateway, calls

with Gateway("https://gateway.anlan.example", key="gwk_…") as gateway:
    payment = gateway.send(calls.request_payment("wangchuan-scjg", "望市监罚决字〔2026〕第102号", key="AL-2026-7"))
"""

from enforcement_gateway_client import calls, models
from enforcement_gateway_client.calls import Call
from enforcement_gateway_client.client import AsyncGateway, Gateway
from enforcement_gateway_client.errors import NotAuthenticError, ProblemError, UnreachableError
from enforcement_gateway_client.webhooks import Message, read_webhook

__all__ = [
    "AsyncGateway",
    "Call",
    "Gateway",
    "Message",
    "NotAuthenticError",
    "ProblemError",
    "UnreachableError",
    "calls",
    "models",
    "read_webhook",
]
