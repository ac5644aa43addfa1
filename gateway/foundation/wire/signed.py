"""Signed questions: JSON posted under a signature, and an answer signed back that repeats the question's nonce."""

from __future__ import annotations

import json
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.foundation.wire.channel import ChannelWire
from gateway.foundation.wire.envelope import Answer, Results
from gateway.foundation.wire.signing import MessageSigner, SignatureScheme
from gateway.foundation.wire.tokens import AccessToken
from gateway.ports.base import JsonObject
from gateway.words.clock import Clock
from gateway.words.errors import ContractError, RejectedError

D = TypeVar("D")

BOUND = SignatureScheme(echo=True, refusals=False)
"""The scheme of this house where an answer repeats the nonce of its question, and only answers with 2xx are signed."""


class SignedSettings(BaseModel):
    """``node``: the code under which the other side knows us; ``secret``: the key that both sides sign with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    node: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    secret: SecretStr = Field(min_length=16)

    def signer(self, clock: Clock) -> MessageSigner:
        """Signs and checks with these."""
        return MessageSigner(self.node, self.secret.get_secret_value().encode(), clock, scheme=BOUND)


class SignedCaller:
    """Asks a platform that signs what it answers. Results outside the contract are raised as ``Results`` says.

    ``token``: the access token that goes along as bearer; one that the platform refuses is fetched anew, once.
    """

    def __init__(
        self, wire: ChannelWire, signer: MessageSigner, results: Results, token: AccessToken | None = None
    ) -> None:
        self._wire = wire
        self._signer = signer
        self._results = results
        self._token = token

    async def ask(self, action: str, path: str, question: JsonObject, of: type[D]) -> D | None:
        """The data of the answer, read as ``of``; None where the platform says that there is none.

        Raises RejectedError in the platform's words, UnusableError for a bad signature, ContractError for the answer to
        another question and for what breaks the contract, and what ``ChannelWire.request`` raises.
        """

        async def call(token: str) -> D | None:
            return self._results.content(await self._answer(action, path, question, of, token))

        return await (call("") if self._token is None else self._token.use(call))

    async def told(self, action: str, path: str, question: JsonObject, of: type[D]) -> D:
        """``ask`` for effects: where the platform says that what it is about does not exist, RejectedError."""

        async def call(token: str) -> D:
            answer = await self._answer(action, path, question, of, token)
            content = self._results.content(answer)
            if content is None:
                raise RejectedError(answer.message, answer.code)
            return content

        return await (call("") if self._token is None else self._token.use(call))

    async def ready(self, path: str) -> str:
        """The platform's words when it is asked whether it knows us. ContractError unless that is a yes."""

        async def call(token: str) -> str:
            answer = await self._answer("ready", path, {}, type(None), token)
            if self._results.effect(answer.code) == "token":
                self._results.content(answer)
            if self._results.effect(answer.code) != "ok":
                raise ContractError(f"result code {answer.code!r} to the question whether we are known")
            return answer.message

        return await (call("") if self._token is None else self._token.use(call))

    async def _answer(self, action: str, path: str, question: JsonObject, of: type[D], token: str) -> Answer[D]:
        body = json.dumps(question, ensure_ascii=False).encode()
        response = await self._wire.request(
            action,
            "POST",
            path,
            content=body,
            headers={"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})},
            declared=self._results.declared(),
            signer=self._signer,
        )
        return await self._wire.read(response, Answer[of])  # type: ignore[valid-type]
