"""Messages of the gateway: verified before they are believed (Standard Webhooks)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from enforcement_gateway_client.errors import NotAuthenticError

FRESH_SECONDS = 300


class Message(BaseModel):
    """An event as it is told: what happened (``type``), when, and to what (``data["subject"]``).

    ``id`` stays the same when the message comes again: do the work once.
    """

    model_config = ConfigDict(extra="allow")

    id: str
    type: str
    timestamp: datetime
    data: dict[str, Any]


def read_webhook(secret: str, headers: Mapping[str, str], body: bytes, *, now: float | None = None) -> Message:
    """The message in a request, over the exact bytes of its body. Raises NotAuthenticError.

    ``secret``: what the endpoint was registered with, ``whsec_…``.
    """
    said = {name.lower(): value for name, value in headers.items()}
    message, stamp = said.get("webhook-id", ""), said.get("webhook-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 20):
        raise NotAuthenticError("there is no time in it")
    if abs((time.time() if now is None else now) - int(stamp)) > FRESH_SECONDS:
        raise NotAuthenticError("it is too old, or our clock is wrong")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    right = b"v1," + base64.b64encode(hmac.digest(key, f"{message}.{stamp}.".encode() + body, hashlib.sha256))
    given = said.get("webhook-signature", "").split()
    if not any(hmac.compare_digest(right, one.encode("utf-8", "replace")) for one in given):
        raise NotAuthenticError("its signature is not ours")
    return Message.model_validate({**json.loads(body), "id": message})
