"""The platform: tokens, receipts, verdicts that come later, and the page that the public sees.

A submission is judged once its time has come: ``verdict_seconds`` after the receipt, by the platform's own clock, or
when ``POST /_sim/credit/judge`` says so (``{"sourceId": …}`` for one, ``"reject": "words"`` to refuse it). Settings
over ``POST /_sim/credit/settings``: ``verdict_seconds`` (null: only when told), ``token_seconds``, ``callbacks``,
``table`` (the version of the penalty table by which rows are judged), ``publish_seconds`` (how long the public page
trails an acceptance), ``quota`` (records a day of an application; more are refused as busy until midnight), ``closed``
(``"22:00-06:00"``: nothing is taken or told then), ``repair_desk`` (repairs wait for ``judge``, whatever verdicts do).

Seed: ``{"credit": {"apps": {"<appKey>": {"secret": …, "authorities": ["<code>", …] or null}}}}``.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_hex
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from starlette.requests import Request
from starlette.routing import BaseRoute

import contracts
from simulators.credit.register import CONTRACT, Register, judging
from simulators.frame import (
    SHANGHAI,
    Act,
    Answer,
    Call,
    Document,
    Entry,
    Foundation,
    Page,
    Refused,
    Service,
    Settings,
    Shadowed,
    System,
    Transaction,
    Wire,
    coded,
    rfc3339,
)
from simulators.marking import MARKS

APP_KEY = "AK990102"
APP_SECRET = "development-credit-secret"  # noqa: S105 - known to everybody on purpose

_RESULTS = {row["code"]: row for row in contracts.code_table("credit", "v1", "results")}
_UNKNOWN = {"meaning": "未知结果", "status": "200"}
_KINDS = {"submit": "SUBMIT", "correct": "CORRECT", "withdraw": "WITHDRAW", "repair": "REPAIR", "mark": "MARK"}
_STATES = {"PUBLISHED": "公示中", "WITHDRAWN": "已撤回", "REPAIRED": "已修复，终止公示", "ENDED": "公示期满"}
SEED: Document = {
    "properties": {
        "apps": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["secret"],
                "properties": {
                    "secret": {"type": "string"},
                    "authorities": {"type": ["array", "null"], "items": {"type": "string"}},
                },
                "additionalProperties": False,
            },
        }
    },
    "additionalProperties": False,
}
SETTINGS = Settings(
    {
        "verdict_seconds": 0.3,
        "token_seconds": 7200,
        "callbacks": False,
        "table": "2018",
        "publish_seconds": 0,
        "quota": None,
        "closed": "",
        "repair_desk": False,
    },
    {
        "publish_seconds": {"type": "number", "minimum": 0},
        "quota": {"type": ["integer", "null"], "minimum": 0},
        "closed": {"type": "string", "pattern": "^([0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9])?$"},
        "repair_desk": {"type": "boolean"},
        "table": {"enum": ["2018", "2016"]},
        "verdict_seconds": {"type": ["number", "null"], "minimum": 0},
        "token_seconds": {"type": "number", "minimum": 0},
        "callbacks": {"type": "boolean"},
    },
)


class CreditWire(Wire):
    """Refusals in the codes of the contract's table; verdicts told under a signature."""

    amount_fields = frozenset({"CF_NR_FK", "CF_NR"})
    code_fields = frozenset({"sourceId", "CF_WSH"})
    status_fields = frozenset({"code", "state"})

    def invalid(self, call: Call, errors: Any) -> Answer:
        """B0001, with what the contract says."""
        answer = _result("B0001")
        answer.body["message"] += "：" + "; ".join(errors)[:300]
        return answer

    def busy(self, call: Call, seconds: float) -> Answer:
        """C0002."""
        answer = _result("C0002")
        answer.headers["Retry-After"] = str(max(1, round(seconds)))
        return answer

    def with_code(self, call: Call, code: str) -> Answer:
        """Any code of the table; one that it does not have comes with 200."""
        return _result(code)

    def not_found(self, call: Call) -> Answer:
        """B0404, or an empty list."""
        return _result("00000", records=[]) if call.operation in ("held", "shown") else _result("B0404")

    def callback(self, payload: Document) -> tuple[bytes, dict[str, str]]:
        """The notice of a verdict, signed with the application's secret."""
        body = self.spoken(payload)
        stamp, nonce = str(int(self.base.clock.now().timestamp() * 1000)), token_hex(16)
        mac = HMAC(APP_SECRET.encode(), hashes.SM3())
        mac.update(f"{APP_KEY}\n{stamp}\n{nonce}\n".encode() + body)
        headers = {"Content-Type": "application/json", "X-Node-Code": APP_KEY, "X-Timestamp": stamp}
        return body, headers | {"X-Nonce": nonce, "X-Signature": mac.finalize().hex()}

    def not_taken(self, payload: Document, status: int, body: bytes) -> str:
        """Only ``{"code": "00000"}`` with 200 is an acknowledgement."""
        return coded(status, body, "00000")


class CreditShadowed(Shadowed):
    """With a token of its own, and the development application in place of theirs."""

    def let_in(self, tx: Transaction, body: bytes) -> dict[str, str]:
        until = rfc3339(self.service.base.clock.now() + timedelta(hours=1))
        tx.put(self.service.name, "token", "replayed", {"app": APP_KEY, "until": until})
        return {"Authorization": "Bearer replayed"}

    def stand_ins(self) -> dict[str, str]:
        return {"appKey": APP_KEY, "appSecret": APP_SECRET}


class Credit(Service):
    """Takes penalty rows in, has them judged later, shows what is published."""

    contract = CONTRACT

    def __init__(self, base: Foundation, system: System) -> None:
        super().__init__(base, system, CreditWire(base, system))
        self.shadowed = CreditShadowed(self)
        self.register = Register(self)

    # --- operations ------------------------------------------------------------------------------------------------

    def routes(self) -> list[BaseRoute]:
        """The contract's operations."""
        source = lambda call: str(call.content["sourceId"])  # noqa: E731
        return [
            self.operation("token", self._token),
            self.operation(
                "submit", self._guarded(self._submit), key=lambda call: str(call.content["records"][0]["sourceId"])
            ),
            self.operation("batch", self._guarded(self._batch)),
            self.operation("find", self._guarded(self._find), key=lambda call: call.params["sourceId"]),
            self.operation("correct", self._guarded(self._single), key=source),
            self.operation("withdraw", self._guarded(self._single), key=source),
            self.operation("repair", self._guarded(self._single), key=source),
            self.operation("mark", self._guarded(self._single), key=source),
            self.operation("held", self._guarded(self._held), key=lambda call: call.params["CF_WSH"]),
            self.operation("shown", self._shown, key=lambda call: call.params["CF_WSH"]),
        ]

    def acts(self) -> list[Act]:
        """Judge now."""
        return [judging(self._judge_now)]

    def _token(self, tx: Transaction, call: Call) -> Answer:
        app = tx.get(self.name, "app", call.content["appKey"])
        if app is None or not hmac.compare_digest(app["secret"].encode(), call.content["appSecret"].encode()):
            return _result("A0001")
        seconds = int(self.settings(tx)["token_seconds"])
        token = token_hex(16)
        until = rfc3339(call.now + timedelta(seconds=seconds))
        tx.put(self.name, "token", token, {"app": call.content["appKey"], "until": until})
        return _result("00000", accessToken=token, expiresIn=seconds)

    def _submit(self, tx: Transaction, call: Call) -> Answer:
        return self._take_in(tx, call, [(one["sourceId"], one) for one in call.content["records"]])

    def _single(self, tx: Transaction, call: Call) -> Answer:
        return self._take_in(tx, call, [(call.content["sourceId"], call.content)])

    def _take_in(self, tx: Transaction, call: Call, items: list[tuple[str, Document]]) -> Answer:
        kind, settings = _KINDS[call.operation], self.settings(tx)
        known: Document | None = None
        fresh = []
        for source, content in items:
            digest = sha256(json.dumps([kind, content], sort_keys=True).encode()).hexdigest()
            held = tx.get(self.name, "submission", source)
            if held is not None and held["digest"] != digest:
                raise Refused(_result("B0002"))
            known = known or held
            if held is None:
                fresh.append((source, content, digest))
        if not fresh:
            assert known is not None
            return _result("00001", receiptNo=known["receiptNo"], receivedAt=known["receivedAt"], count=len(items))
        _count(tx, self.name, call, len(fresh), settings["quota"])
        receipt = f"R{call.now:%Y%m%d}{tx.next(self.name, 'receipt'):08d}"
        at = rfc3339(call.now.replace(microsecond=0))
        wait, at_desk = settings["verdict_seconds"], kind == "REPAIR" and settings["repair_desk"]
        for source, content, digest in fresh:
            _check_authority(tx, self.name, call, content.get("penalty") or content["key"])
            submission: Document = {
                "sourceId": source,
                "kind": kind,
                "state": "PENDING",
                "receiptNo": receipt,
                "receivedAt": at,
                "fieldErrors": [],
                "digest": digest,
                "content": content,
                "due": None if wait is None or at_desk else rfc3339(call.now + timedelta(seconds=wait)),
            }
            tx.put(self.name, "submission", source, submission, group="PENDING")
            tx.effect(self.name, call.operation, source)
        tx.put(self.name, "receipt", receipt, {"receivedAt": at, "sources": [source for source, _ in items]})
        if wait is not None:
            tx.after_commit(lambda: self.register.judge_later(float(wait)))
        return _result("00001", receiptNo=receipt, receivedAt=at, count=len(items))

    def _batch(self, tx: Transaction, call: Call) -> Answer:
        self.register.judge(tx, call.now)
        number = call.params["receiptNo"]
        receipt = tx.get(self.name, "receipt", number)
        if receipt is None:
            return _result("B0404")
        held = [tx.get(self.name, "submission", source) for source in receipt["sources"]]
        submissions = [_public(one) for one in held if one is not None]
        return _result("00000", receiptNo=number, receivedAt=receipt["receivedAt"], submissions=submissions)

    def _find(self, tx: Transaction, call: Call) -> Answer:
        self.register.judge(tx, call.now)
        held = tx.get(self.name, "submission", call.params["sourceId"])
        return _result("B0404") if held is None else _result("00000", submission=_public(held))

    def _held(self, tx: Transaction, call: Call) -> Answer:
        records = [
            {"sourceId": one["sourceId"], "state": self.register.state(one), "penalty": one["penalty"]}
            for one in self.register.records(tx, call.params, call.now)
        ]
        return _result("00000", records=records)

    def _shown(self, tx: Transaction, call: Call) -> Answer:
        found = self.register.records(tx, call.params, call.now)
        return _result("00000", records=[self.register.face(one) for one in found if self.register.seen(one, call.now)])

    # --- verdicts --------------------------------------------------------------------------------------------------

    def _judge_now(self, request: Request, body: Any) -> Any:
        body = body or {}
        with self.base.state.transaction() as tx:
            pending = [one for _, one in tx.list(self.name, "submission", "PENDING")]
            chosen = [one for one in pending if body.get("sourceId") in (None, one["sourceId"])]
            for submission in chosen:
                self.register.decide(tx, submission, refuse=body.get("reject"))
        return {"judged": [one["sourceId"] for one in chosen]}

    # --- what people see -------------------------------------------------------------------------------------------

    def pages(self) -> list[Page]:
        """All publications, and each alone."""
        look = ("行政处罚信息公示", self._entries, "暂无公示信息。")
        return [Page("/public", *look), Page("/public/{number:int}", *look)]

    def _entries(self, tx: Transaction, request: Request) -> list[Entry] | None:
        number = request.path_params.get("number")
        self.register.judge(tx, self.base.clock.now())
        titles = CONTRACT.document["components"]["schemas"]["Penalty"]["properties"]
        entries: list[Entry] = []
        for _, record in tx.list(self.name, "record"):
            if number not in (None, record["number"]) or not self.register.seen(record, self.base.clock.now()):
                continue
            face = self.register.face(record)
            if face["state"] == "SHIELDED":
                continue
            rows = [(titles[name]["title"], face[name]) for name in face if name in titles]
            rows += [("状态", _STATES[face["state"]])]
            rows += [("标注", "；".join(map(MARKS.__getitem__, face["marks"])))] if "marks" in face else []
            more = (("publishedOn", "公示日期"), ("explanation", "说明"))
            entries.append(rows + [(words, face[name]) for name, words in more if name in face])
        return entries if entries or number is None else None

    def clock_moved(self) -> None:
        """Verdicts whose time has come are given."""
        with self.base.state.transaction() as tx:
            self.register.judge(tx, self.base.clock.now())

    # --- who may, and how it is refused -----------------------------------------------------------------------------

    def set_up(self, tx: Transaction) -> None:
        """One application that may report for everybody."""
        tx.put(self.name, "app", APP_KEY, {"secret": APP_SECRET, "authorities": None})

    def seed(self, tx: Transaction, data: Any) -> None:
        """Take in applications."""
        for key, app in data.get("apps", {}).items():
            tx.put(self.name, "app", key, {"secret": app["secret"], "authorities": app.get("authorities")})

    def credentials(self) -> dict[str, Any]:
        """Application key and secret, and the page to look at."""
        return {"app_key": APP_KEY, "app_secret": APP_SECRET, "public": f"{self.url}/public"}

    def _guarded(self, handler: Callable[[Transaction, Call], Answer]) -> Callable[[Transaction, Call], Answer]:
        def guarded(tx: Transaction, call: Call) -> Answer:
            scheme, _, value = call.request.headers.get("authorization", "").partition(" ")
            token = tx.get(self.name, "token", value) if scheme.lower() == "bearer" else None
            if token is None or datetime.fromisoformat(token["until"]) <= call.now:
                raise Refused(_result("A0002"))
            call.params["app"] = token["app"]
            closed = _closed_for(self.settings(tx)["closed"], call.now)
            if closed:
                raise Refused(self.wire.busy(call, closed))
            return handler(tx, call)

        return guarded


def _check_authority(tx: Transaction, system: str, call: Call, holder: Document) -> None:
    """Refused where the calling application may not report for the authority."""
    allowed = (tx.get(system, "app", call.params["app"]) or {}).get("authorities")
    if allowed is not None and holder.get("CF_CFJGDM") not in allowed:
        raise Refused(_result("A0003"))


def _closed_for(hours: str, at: datetime) -> float:
    """How many seconds it is still closed for the night; nought where it is open."""
    begins, _, ends = hours.partition("-")
    now = at.astimezone(SHANGHAI)
    told = f"{now:%H:%M}"
    if not ends or not (begins <= told < ends if begins < ends else told >= begins or told < ends):
        return 0
    opens = now.replace(hour=int(ends[:2]), minute=int(ends[3:]), second=0, microsecond=0)
    opens += timedelta(days=opens <= now)
    return (opens - now).total_seconds()


def _count(tx: Transaction, system: str, call: Call, records: int, quota: int | None) -> None:
    """Count an application's records of the day; refused, until midnight, beyond its quota."""
    now = call.now.astimezone(SHANGHAI)
    day = f"{call.params['app']}|{now:%Y-%m-%d}"
    taken = (tx.get(system, "quota", day) or {"records": 0})["records"] + records
    if quota is not None and taken > quota:
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        answer = _result("C0001")
        answer.headers["Retry-After"] = str(max(1, round((midnight - now).total_seconds())))
        raise Refused(answer)
    tx.put(system, "quota", day, {"records": taken})


def _result(code: str, **members: Any) -> Answer:
    row = _RESULTS.get(code, _UNKNOWN)
    return Answer({"code": code, "message": row["meaning"], **members}, int(row["status"]))


def _public(submission: Document) -> Document:
    return {name: value for name, value in submission.items() if name not in ("digest", "content", "due")}


SYSTEM = System(
    name="credit",
    contract="credit/v1",
    title="信用信息共享平台",
    build=Credit,
    operations=frozenset(CONTRACT.operations),
    callbacks=frozenset({"verdict"}),
    settings=SETTINGS,
    seed=SEED,
)
