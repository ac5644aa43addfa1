"""A messenger of the administration over ``contracts/notice/v1``: JSON under a bearer token, signed callbacks."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.adapters.notice.rest import mapping
from gateway.foundation.wire import ChannelWire, MessageSigner
from gateway.foundation.wire.envelope import Answer
from gateway.foundation.wire.tokens import TokenRefusedError
from gateway.ports.base import AdapterInfo, FindGuarantee, Incoming, JsonObject, OpenedCallback, ReferenceFormat, Reply
from gateway.ports.notice import OfficerKey, RecallRequest, Recipient, SendRequest, SentMessage
from gateway.words.clock import Clock
from gateway.words.errors import ContractError, ExchangeError

D = TypeVar("D")

_TAKEN = Reply(200, b'{"code":"N0000"}', "application/json")
_AGAIN = Reply(503, b'{"code":"N0503"}', "application/json")
_TOKEN_ENDED = "N0402"  # noqa: S105 - the result code that says so


class RestMessenger:
    """Sends, finds and recalls messages; asks who an officer is."""

    class Settings(BaseModel):
        """``app_key`` and ``secret`` as issued by the messenger; ``templates``: its ids, by our words."""

        model_config = ConfigDict(frozen=True, extra="forbid")

        app_key: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
        secret: SecretStr = Field(min_length=16)
        templates: dict[str, Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,40}$")]] = Field(default_factory=dict)

    info: ClassVar[AdapterInfo] = AdapterInfo(
        kind="notice",
        name="notice.rest",
        contract="notice/v1",
        capabilities=frozenset({"send", "find", "recall", "resolve_user", "open_callback"}),
        reference=ReferenceFormat(26),
        find=FindGuarantee(consistent=True),
        sensitive=frozenset({"appSecret", "accessToken", "Authorization", "value"}),
    )

    def __init__(self, settings: RestMessenger.Settings, wire: ChannelWire, clock: Clock) -> None:
        self._settings = settings
        self._wire = wire
        self._signer = MessageSigner(settings.app_key, settings.secret.get_secret_value().encode(), clock)
        self._token = wire.access_token(self._new_token)

    async def check(self) -> str:
        """Fetch a fresh token and ask whether it is good. Raises NotSentError, DeniedError or OutcomeUnknownError."""
        self._token.forget()
        answer = await self._authorised("ready", "v1/ready", {}, type(None))
        if mapping.RESULTS.effect(answer.code) != "ok":
            raise ContractError(f"result code {answer.code!r} to the question whether we are known")
        return f"messenger reachable, application {self._settings.app_key}: {answer.message}"

    async def close(self) -> None:
        """Close the channel's connections."""
        await self._wire.close()

    async def send(self, request: SendRequest) -> SentMessage:
        """Send one message. Raises RejectedError; the same reference again answers with the same message."""
        asked = mapping.sending(request, self._settings.templates)
        found = await self._message("send", "v1/messages/send", asked, request.reference)
        if found is None:
            raise ContractError("send was answered without a message")
        if (found.userId, found.templateId) != (request.user_id, asked["templateId"]):
            raise ContractError("the message is for another user, or says something else than what was sent")
        return mapping.message(found)

    async def find(self, reference: str) -> SentMessage | None:
        """The message under our reference; None when the messenger says that there is none."""
        found = await self._message("query", "v1/messages/query", {"reference": reference}, reference)
        return None if found is None else mapping.message(found)

    async def recall(self, request: RecallRequest) -> SentMessage:
        """Take a message back. Recalled already is a success."""
        asked = {"reference": request.reference, "message": request.message, "reason": request.reason}
        found = await self._message("recall", "v1/messages/recall", asked, request.message)
        if found is None or found.state != "RECALLED":
            raise ContractError("recall was answered without a message that is recalled")
        return mapping.message(found)

    async def resolve_user(self, officer: OfficerKey) -> Recipient | None:
        """Who an officer is at the messenger; None when it says that it has no such user."""
        asked = mapping.officer(officer)
        found = await self._ask("resolve_user", "v1/users/resolve", asked, mapping.User)
        return None if found is None else mapping.recipient(found, asked)

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        """Authenticate and read a callback without any network. Raises ForgedCallbackError, ContractError."""
        authentic = self._signer.verify(incoming.headers, incoming.body)
        told = self._wire.told("callback", incoming.body, mapping.Happened)
        return OpenedCallback(
            notice=mapping.notice(told),
            event_key=told.eventId,
            nonce=authentic.nonce,
            acknowledge=_TAKEN,
            retry_later=_AGAIN,
        )

    # --- the wire ---------------------------------------------------------------------------------------------------

    async def _message(self, action: str, path: str, asked: JsonObject, reference: str) -> mapping.Sent | None:
        found = await self._ask(action, path, asked, mapping.Sent)
        if found is not None and found.reference != reference:
            raise ContractError("the answer is about another message than the one asked for")
        return found

    async def _ask(self, action: str, path: str, asked: JsonObject, of: type[D]) -> D | None:
        """The data of an answer; None where the messenger says that there is none."""
        return mapping.RESULTS.content(await self._authorised(action, path, asked, of))

    async def _authorised(self, action: str, path: str, asked: JsonObject, of: type[D]) -> Answer[D]:
        """One exchange with a valid token."""

        async def call(token: str) -> httpx.Response:
            return await self._exchange(action, path, asked, {"Authorization": f"Bearer {token}"})

        return self._wire.model(await self._token.use(call), Answer[of])  # type: ignore[valid-type]

    async def _new_token(self) -> tuple[str, timedelta]:
        asked = {"appKey": self._settings.app_key, "appSecret": self._settings.secret.get_secret_value()}
        response = await self._exchange("token", "v1/token", asked, {})
        token = mapping.RESULTS.content(self._wire.model(response, Answer[mapping.Token]))
        if token is None:
            raise ContractError("no token, and no refusal either")
        return token.accessToken, timedelta(seconds=token.expiresIn)

    async def _exchange(self, action: str, path: str, asked: JsonObject, headers: dict[str, str]) -> httpx.Response:
        def refusal(response: httpx.Response) -> ExchangeError:
            head = mapping.RESULTS.head(response)
            if head is not None and head.code == _TOKEN_ENDED:
                return TokenRefusedError(f"{head.code}: {head.message}")
            return mapping.RESULTS.refusal(response)

        declared = mapping.RESULTS.declared(refusal)
        return await self._wire.request(action, "POST", path, json=asked, headers=headers, declared=declared)
