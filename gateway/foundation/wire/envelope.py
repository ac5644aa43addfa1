"""The envelope of platforms: JSON answers with a result code and words, whose meaning a table of the contract fixes.

The table has the columns ``code``, ``status`` (of HTTP) and ``effect``: ok, pending, absent, rejected, busy, denied,
and token: the access token is not good any more, and nothing has happened.
What is not in the table, or comes from somebody who does not speak the contract, is never a success and never a "no".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Generic, TypeVar

import httpx
from pydantic import BaseModel

from gateway.foundation.wire.channel import ChannelWire, ErrorFactory, busy
from gateway.foundation.wire.tokens import TokenRefusedError
from gateway.foundation.wire.told import Told
from gateway.words.errors import (
    BusyError,
    ContractError,
    DeniedError,
    ExchangeError,
    OutcomeUnknownError,
    RejectedError,
)

D = TypeVar("D")
M = TypeVar("M", bound=BaseModel)


class Head(Told):
    """What every answer has: a result code and the platform's words. Members unknown to us are passed over."""

    code: str
    message: str = ""


class _Refusing(Head):
    """A refusal says why: what has a code alone may be anybody's."""

    message: str


class Answer(Head, Generic[D]):
    """An answer whose content stands in one member: ``data``, or null."""

    data: D | None


class Results:
    """The result codes of one contract, and what an answer that carries one of them means."""

    def __init__(self, table: Iterable[Mapping[str, str]]) -> None:
        rows = list(table)
        self._effects = {row["code"]: row["effect"] for row in rows}
        self._refusals = sorted({int(row["status"]) for row in rows} - set(range(200, 300)))

    def effect(self, code: str) -> str | None:
        """What the table says of a code; None for one that it does not have."""
        return self._effects.get(code)

    def declared(self, refusal: ErrorFactory | None = None) -> dict[int, ErrorFactory]:
        """For ``ChannelWire.request``: the statuses under which the table refuses, each read by ``refusal`` or ours."""
        return dict.fromkeys(self._refusals, refusal or self.refusal)

    def content(self, answer: Answer[D]) -> D | None:
        """The data of an answer; None where the platform says that there is none.

        Raises RejectedError in the platform's words, TokenRefusedError, and ContractError for a code that the table
        does not have, or one that its data contradicts.
        """
        effect = self.effect(answer.code)
        if effect == "token":
            raise TokenRefusedError(f"{answer.code}: {answer.message}")
        if effect == "rejected":
            raise RejectedError(answer.message, answer.code)
        if effect == "absent" and answer.data is None:
            return None
        if effect == "ok" and answer.data is not None:
            return answer.data
        raise ContractError(f"result code {answer.code!r} {'without' if answer.data is None else 'with'} data")

    def read(self, response: httpx.Response, of: type[M], effects: Collection[str] = ("ok",)) -> M:
        """A 2xx answer whose content stands beside its code. ContractError unless its code has one of these effects."""
        head = ChannelWire.model(response, Head, whole=False)
        if self.effect(head.code) not in effects:
            raise ContractError(f"HTTP {response.status_code} with code {head.code}: {head.message}")
        return ChannelWire.model(response, of)

    def head(self, response: httpx.Response) -> Head | None:
        """Code and words of a refusal; None when it does not speak the contract: a proxy's page proves nothing."""
        try:
            return ChannelWire.model(response, _Refusing, whole=False)
        except ContractError:
            return None

    def refusal(self, response: httpx.Response) -> ExchangeError:
        """What an answer outside 2xx stands for.

        Only the contract's own words make it busy or rejected; 401 and 403 are a denial whoever says so.
        """
        head = self.head(response)
        effect = self.effect(head.code) if head else None
        words = f"HTTP {response.status_code} {head.code}: {head.message}" if head else f"HTTP {response.status_code}"
        if effect == "token":
            return TokenRefusedError(words)
        if effect == "denied" or response.status_code in (401, 403):
            return DeniedError(words)
        if head and effect == "busy":
            return BusyError(words, busy(response).retry_after)
        if head and effect == "rejected":
            return RejectedError(head.message, head.code)
        if head and effect is None:
            return ContractError(f"{words}, a code that the contract does not know")
        return OutcomeUnknownError(f"{words}, outside the contract")
