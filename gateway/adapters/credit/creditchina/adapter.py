"""Credit China 信用中国 through a city credit platform. Contract: contracts/credit/v1 (README.md, openapi.json).

A submission is answered by a receipt, which is not a verdict: every effect here ends in PENDING, and ``find`` tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, ClassVar, Literal, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr

import contracts
from gateway.adapters.credit.creditchina import mapping
from gateway.adapters.credit.layout import Filled, Layout
from gateway.adapters.credit.marking import Marks, MarkWire
from gateway.adapters.credit.penalty_table import TABLES
from gateway.adapters.credit.signed import rewritten
from gateway.foundation.wire import ChannelWire, MessageSigner
from gateway.foundation.wire.tokens import TokenRefusedError
from gateway.foundation.wire.told import Told
from gateway.ports.base import AdapterInfo, FindGuarantee, Incoming, OpenedCallback, Reply
from gateway.ports.credit import (
    CorrectRequest,
    DisclosureKey,
    DisclosureRecord,
    FieldFault,
    MarkRequest,
    RepairRequest,
    Shown,
    Submission,
    SubmissionState,
    SubmitRequest,
    VerdictNotice,
    WithdrawRequest,
)
from gateway.words.clock import Clock, day_of
from gateway.words.errors import ContractError, ExchangeError, UnsupportedError

_VERDICTS = {row["state"]: row["effect"] for row in contracts.code_table("credit", "v1", "verdicts")}

TableVersion = Literal["2016", "2018"]

M = TypeVar("M", bound=BaseModel)


class _VerdictMessage(Told):
    sourceId: str = Field(min_length=1)
    state: str


class CreditChina:
    """Submits, corrects, withdraws, repairs and marks rows of the penalty table; reads back what the public sees."""

    class Settings(BaseModel):
        """``app_key`` and ``secret`` as issued by the platform; ``table`` is the version of the penalty table.

        ``tables``: from which day of sending the platform takes another version, such as ``{"2018" = 2027-03-01}``
        beside ``table = "2016"``. ``local_code`` 地方编码: what the table of 2016 asks for. ``marks``: whether the
        platform is told of marks, or they are set there by hand; ``mark_wire``: what it has otherwise in telling them.
        """

        model_config = ConfigDict(extra="forbid")

        app_key: str = Field(min_length=1, max_length=64)
        secret: SecretStr
        table: TableVersion = "2018"
        tables: Mapping[TableVersion, date] = Field(default_factory=dict)
        local_code: str | None = Field(default=None, pattern=r"^[0-9]{2,12}$")
        marks: Marks = "told"
        mark_wire: MarkWire = MarkWire()

        @property
        def not_offered(self) -> frozenset[str]:
            """What of the adapter's capabilities this platform has not."""
            return frozenset({"mark"} if self.marks == "by_hand" else ())

    info: ClassVar[AdapterInfo] = AdapterInfo(
        kind="credit",
        name="credit.creditchina",
        contract="credit/v1",
        capabilities=frozenset(
            {"examine", "submit", "find", "correct", "withdraw", "repair", "mark", "read_back", "open_callback"}
        ),
        find=FindGuarantee(consistent=False, settle_seconds=30.0),
        sensitive=frozenset(
            {"appSecret", "accessToken", "Authorization", "CF_XDR_MC"}
            | {"CF_FRDB", "CF_FR", "CF_XDR_ZJHM", "CF_FR_ZJHM", "CF_XDR_SFZ"}
        ),
    )

    def __init__(self, settings: CreditChina.Settings, wire: ChannelWire, clock: Clock) -> None:
        self._settings = settings
        self._wire = wire
        self._clock = clock
        key = settings.secret.get_secret_value().encode()
        self._signer = MessageSigner(settings.app_key, key, clock)
        self._token = wire.access_token(self._new_token)

    def examine(self, record: DisclosureRecord) -> tuple[FieldFault, ...]:
        """What the platform would refuse of a row, by the version of the table that it takes today."""
        return self._filled(record).faults

    def _filled(self, record: DisclosureRecord) -> Filled:
        """The record as a row of the table that is taken today."""
        known = {"today": day_of(self._clock.now()).isoformat()}
        if self._settings.local_code is not None:
            known["local_code"] = self._settings.local_code
        return self._table().fill(record, known)

    def _table(self) -> Layout:
        today = day_of(self._clock.now())
        begun = [(since, version) for version, since in self._settings.tables.items() if since <= today]
        return TABLES[max(begun)[1] if begun else self._settings.table]

    # --- effects ----------------------------------------------------------------------------------------------------

    async def submit(self, request: SubmitRequest) -> Submission:
        """Submit one decision as a batch of one. PENDING: the verdict comes by ``find`` or callback."""
        row = self._filled(request.record).row
        record = {"sourceId": request.reference, "penalty": row}
        body = {"batchId": request.reference, "records": [record]}
        return await self._effect("submit", "/v1/penalties/batches", request.reference, body)

    async def correct(self, request: CorrectRequest) -> Submission:
        """Replace a published row 更正; number, authority and party stay."""
        row = self._filled(request.record).row
        body = {"sourceId": request.reference, "reason": request.reason, "penalty": row}
        return await self._effect("correct", "/v1/penalties/corrections", request.reference, body)

    async def withdraw(self, request: WithdrawRequest) -> Submission:
        """Take a publication back 撤销撤回. One already withdrawn is accepted."""
        body = {"sourceId": request.reference, "key": mapping.key(request.key), "reason": request.reason}
        return await self._effect("withdraw", "/v1/penalties/withdrawals", request.reference, body)

    async def repair(self, request: RepairRequest) -> Submission:
        """End a publication after repair 信用修复完成."""
        number = request.repair_number
        body = {"sourceId": request.reference, "key": mapping.key(request.key), "repairNumber": number}
        return await self._effect("repair", "/v1/penalties/repairs", request.reference, body)

    async def mark(self, request: MarkRequest) -> Submission:
        """Mark what is shown, or shield it; or lift that. UnsupportedError where that is done by hand."""
        if self._settings.marks == "by_hand":
            raise UnsupportedError("this platform is told of no marks")
        wire = self._settings.mark_wire
        body = {"sourceId": request.reference, "key": mapping.key(request.key), **wire.body(request)}
        return await self._effect("mark", wire.path, request.reference, body)

    async def _effect(self, action: str, path: str, reference: str, body: dict[str, Any]) -> Submission:
        response = await self._authorised(action, "POST", path, json=body)
        receipt = self._read(response, mapping.Receipt)
        return Submission(reference=reference, state=SubmissionState.PENDING, receipt=receipt.receiptNo)

    # --- questions --------------------------------------------------------------------------------------------------

    async def find(self, reference: str) -> Submission | None:
        """What is known under our reference. "Not found" is to be believed after 30 seconds only."""
        response = await self._authorised("find", "GET", f"/v1/penalties/submissions/{reference}")
        if response.status_code == 404:
            return None
        found = self._read(response, mapping.SubmissionAnswer).submission
        if found.sourceId != reference:
            raise ContractError(f"asked about {reference}, the platform answered about {found.sourceId}")
        told = mapping.submission(found, _VERDICTS)
        return told.model_copy(update={"field_errors": self._table().named(told.field_errors)})

    async def read_back(self, key: DisclosureKey) -> Shown | None:
        """What the public sees for this decision and party. Asked without credentials, as the public would."""
        params = {"CF_WSH": key.decision_number, "CF_CFJGDM": key.authority_code}
        response = await self._exchange("read_back", "GET", "/v1/public/penalties", params=params)
        response = rewritten(response, self._settings.mark_wire.inward)
        return mapping.shown(self._read(response, mapping.ShownAnswer).records, key, self._settings.marks)

    async def check(self) -> str:
        """Fetch a fresh token."""
        self._token.forget()
        await self._token.get()
        return f"信用平台可达, 应用 {self._settings.app_key} 已取得令牌"

    async def open_callback(self, incoming: Incoming) -> OpenedCallback:
        """Authenticate and read the notice of a verdict. A hint only: the verdict itself is asked for."""
        authentic = self._signer.verify(incoming.headers, incoming.body)
        message = self._wire.told("verdict", incoming.body, _VerdictMessage)
        return OpenedCallback(
            notice=VerdictNotice(reference=message.sourceId),
            event_key=f"{message.sourceId}:{message.state}",
            nonce=authentic.nonce,
            acknowledge=Reply(200, b'{"code":"00000"}', "application/json"),
            retry_later=Reply(200, b'{"code":"99999"}', "application/json"),
        )

    async def close(self) -> None:
        """Close the channel's connections."""
        await self._wire.close()

    # --- the wire ---------------------------------------------------------------------------------------------------

    async def _authorised(self, action: str, method: str, path: str, **message: Any) -> httpx.Response:
        """One exchange with a valid token."""

        async def call(token: str) -> httpx.Response:
            return await self._exchange(action, method, path, headers={"Authorization": f"Bearer {token}"}, **message)

        return await self._token.use(call)

    async def _new_token(self) -> tuple[str, timedelta]:
        body = {"appKey": self._settings.app_key, "appSecret": self._settings.secret.get_secret_value()}
        response = await self._exchange("token", "POST", "/v1/token", json=body)
        token = self._read(response, mapping.Token)
        return token.accessToken, timedelta(seconds=token.expiresIn)

    async def _exchange(self, action: str, method: str, path: str, **message: Any) -> httpx.Response:
        """One exchange; 404 with B0404 is an answer to ``find``, everything else refused is an error."""

        def refusal(response: httpx.Response) -> ExchangeError | None:
            head = mapping.RESULTS.head(response)
            if head is not None and head.code == "A0002":
                return TokenRefusedError(f"{head.code}: {head.message}")
            if head is not None and head.code == "B0404" and action == "find":
                return None
            return mapping.RESULTS.refusal(response)

        return await self._wire.request(action, method, path, declared=mapping.RESULTS.declared(refusal), **message)

    def _read(self, response: httpx.Response, of: type[M]) -> M:
        return mapping.RESULTS.read(response, of, ("ok", "pending"))
