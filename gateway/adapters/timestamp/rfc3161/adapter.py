"""A time stamp service over HTTP (RFC 3161, 3.4): one question, one answer, both DER."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.adapters.timestamp.rfc3161 import mapping
from gateway.foundation.wire import ChannelWire
from gateway.foundation.wire.channel import busy
from gateway.ports.base import AdapterInfo
from gateway.ports.timestamp import StampRequest, TimeStamp
from gateway.words.clock import Clock
from gateway.words.errors import UnusableError

_ANSWER = "application/timestamp-reply"


class Rfc3161TimeStamps:
    """Asks the address of its channel. What is in a token is held against what was asked; who signed it is judged by
    who uses it."""

    class Settings(BaseModel):
        """``policy``: the object identifier of the policy that is asked for, where the service has several.

        ``user`` and ``password``: where the service wants them (HTTP Basic).
        """

        model_config = ConfigDict(frozen=True, extra="forbid")

        policy: Annotated[str, Field(pattern=r"^[0-2](\.(0|[1-9]\d{0,15})){1,20}$")] | None = None
        user: Annotated[str, Field(pattern=r"^[^:\x00-\x1f]{1,100}$")] | None = None
        password: SecretStr | None = None

    info: ClassVar[AdapterInfo] = AdapterInfo(
        kind="timestamp",
        name="timestamp.rfc3161",
        contract="RFC 3161",
        capabilities=frozenset({"stamp"}),
        sensitive=frozenset({"Authorization"}),
    )

    def __init__(self, settings: Rfc3161TimeStamps.Settings, wire: ChannelWire, clock: Clock) -> None:  # noqa: ARG002
        if (settings.user is None) != (settings.password is None):
            raise ValueError("user and password go together")
        self._policy = settings.policy
        self._wire = wire
        self._headers = {"Content-Type": "application/timestamp-query", "Accept": _ANSWER}
        if settings.user is not None and settings.password is not None:
            self._headers["Authorization"] = _basic(settings.user, settings.password.get_secret_value())

    async def check(self) -> str:
        """Have a number of no meaning stamped: there is no smaller question. Raises what ``stamp`` raises."""
        digest = hashlib.sha256(secrets.token_bytes(16)).digest()
        made = await self.stamp(StampRequest(digest=digest, nonce=secrets.randbits(63) | 1))
        return f"time stamp service reachable, its clock says {made.at.isoformat(timespec='seconds')}"

    async def close(self) -> None:
        """Close the channel's connections."""
        await self._wire.close()

    async def stamp(self, request: StampRequest) -> TimeStamp:
        """A token over this digest with this nonce. Raises RejectedError, BusyError, ContractError, UnusableError."""
        response = await self._wire.request(
            "stamp",
            "POST",
            "",
            content=mapping.question(request, self._policy),
            headers=self._headers,
            declared={429: busy, 503: busy},
        )
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media_type != _ANSWER:
            raise UnusableError(
                f"HTTP {response.status_code} with {media_type or 'no media type'} instead of {_ANSWER}"
            )
        return mapping.answer(response.content, request, self._policy)


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
