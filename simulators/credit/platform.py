"""The platform: tokens, receipts, verdicts that come later, and the page that the public sees.

A submission is judged once its time has come: ``verdict_seconds`` after the receipt, by the platform's own clock, or
when ``POST /_sim/credit/judge`` says so (``{"sourceId": …}`` for one, ``"reject": "words"`` to refuse it). Settings
over ``POST /_sim/credit/settings``: ``verdict_seconds`` (null: only when told), ``token_seconds``, ``callbacks``.

Seed: ``{"credit": {"apps": {"<appKey>": {"secret": …, "authorities": ["<code>", …] or null}}}}``.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from html import escape
from secrets import token_hex
from typing import Any, ClassVar

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

import contracts
from simulators.clock import rfc3339
from simulators.contract import OpenApiContract
from simulators.credit.judgement import field_errors
from simulators.frame import Answer, Call, Refused, System, World, endpoint
from simulators.state import Document, Transaction

APP_KEY = "AK990102"
APP_SECRET = "development-credit-secret"  # noqa: S105 - known to everybody on purpose

_RESULTS = {row["code"]: row for row in contracts.code_table("credit", "v1", "results")}
_UNKNOWN = {"meaning": "未知结果", "status": "200"}
_WORDS = {row["code"]: row["meaning"] for row in contracts.code_table("credit", "v1", "field_errors")}
_KEY = ("CF_WSH", "CF_CFJGDM", "CF_XDR_MC")
_KINDS = {"submit": "SUBMIT", "correct": "CORRECT", "withdraw": "WITHDRAW", "repair": "REPAIR"}
_SHOWN = ("CF_XDR_SHXYM", "CF_WFXW", "CF_CFLB", "CF_NR", "CF_JDRQ", "CF_GSJZQ", "CF_CFJG")
_NONE = "0" * 17 + "X"
_STATES = {"PUBLISHED": "公示中", "WITHDRAWN": "已撤回", "REPAIRED": "已修复，终止公示", "ENDED": "公示期满"}


class Credit(System):
    """Takes penalty rows in, judges them later, publishes, corrects, withdraws and repairs."""

    name = "credit"
    title = "信用信息共享平台"
    amount_fields = frozenset({"CF_NR_FK", "CF_NR"})
    code_fields = frozenset({"sourceId", "CF_WSH"})
    status_fields = frozenset({"code", "state"})
    callback_operations = frozenset({"verdict"})
    defaults: ClassVar[Document] = {"verdict_seconds": 0.3, "token_seconds": 7200, "callbacks": False}
    setting_schemas: ClassVar[dict[str, Document]] = {
        "verdict_seconds": {"type": ["number", "null"], "minimum": 0},
        "token_seconds": {"type": "number", "minimum": 0},
        "callbacks": {"type": "boolean"},
    }
    seed_schema: ClassVar[Document] = {
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

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.contract = OpenApiContract(contracts.path("credit/v1/openapi.json"))

    # --- operations ------------------------------------------------------------------------------------------------

    def routes(self) -> list[BaseRoute]:
        """The contract's operations and the public page."""
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
            self.operation("held", self._guarded(self._held), key=lambda call: call.params["CF_WSH"]),
            self.operation("shown", self._shown, key=lambda call: call.params["CF_WSH"]),
            Route("/public", self._page),
            Route("/public/{number:int}", self._page),
        ]

    def control_routes(self) -> list[BaseRoute]:
        """Judge now."""
        return [Route("/judge", endpoint(self._judge_now), methods=["POST"])]

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
        receipt = f"R{call.now:%Y%m%d}{tx.next(self.name, 'receipt'):08d}"
        at = rfc3339(call.now.replace(microsecond=0))
        wait = settings["verdict_seconds"]
        for source, content, digest in fresh:
            self._check_authority(tx, call, content.get("penalty") or content["key"])
            submission: Document = {
                "sourceId": source,
                "kind": kind,
                "state": "PENDING",
                "receiptNo": receipt,
                "receivedAt": at,
                "fieldErrors": [],
                "digest": digest,
                "content": content,
                "due": None if wait is None else rfc3339(call.now + timedelta(seconds=wait)),
            }
            tx.put(self.name, "submission", source, submission, group="PENDING")
            tx.effect(self.name, call.operation, source)
        tx.put(self.name, "receipt", receipt, {"receivedAt": at, "sources": [source for source, _ in items]})
        if wait is not None:
            tx.after_commit(lambda: self._judge_later(float(wait)))
        return _result("00001", receiptNo=receipt, receivedAt=at, count=len(items))

    def _batch(self, tx: Transaction, call: Call) -> Answer:
        self._judge(tx, call.now)
        number = call.params["receiptNo"]
        receipt = tx.get(self.name, "receipt", number)
        if receipt is None:
            return _result("B0404")
        held = [tx.get(self.name, "submission", source) for source in receipt["sources"]]
        submissions = [_public(one) for one in held if one is not None]
        return _result("00000", receiptNo=number, receivedAt=receipt["receivedAt"], submissions=submissions)

    def _find(self, tx: Transaction, call: Call) -> Answer:
        self._judge(tx, call.now)
        held = tx.get(self.name, "submission", call.params["sourceId"])
        return _result("B0404") if held is None else _result("00000", submission=_public(held))

    def _held(self, tx: Transaction, call: Call) -> Answer:
        records = [
            {"sourceId": one["sourceId"], "state": self._state(one), "penalty": one["penalty"]}
            for one in self._records(tx, call)
        ]
        return _result("00000", records=records)

    def _shown(self, tx: Transaction, call: Call) -> Answer:
        return _result("00000", records=[self._face(one) for one in self._records(tx, call)])

    def _records(self, tx: Transaction, call: Call) -> list[Document]:
        self._judge(tx, call.now)
        group = f"{call.params['CF_WSH']}|{call.params['CF_CFJGDM']}"
        return [record for _, record in tx.list(self.name, "record", group)]

    # --- verdicts --------------------------------------------------------------------------------------------------

    def _judge(self, tx: Transaction, now: datetime) -> None:
        """Decide everything whose time has come, in the order in which it was taken in."""
        for _, submission in tx.list(self.name, "submission", "PENDING"):
            if submission["due"] is not None and datetime.fromisoformat(submission["due"]) <= now:
                self._decide(tx, submission)

    def _decide(self, tx: Transaction, submission: Document, refuse: str | None = None) -> None:
        apply = {"SUBMIT": self._publish, "CORRECT": self._correct, "WITHDRAW": self._take_back, "REPAIR": self._mend}
        errors = [("", "F00")] if refuse else apply[submission["kind"]](tx, submission)
        submission["state"] = "REJECTED" if errors else "ACCEPTED"
        submission["decidedAt"] = rfc3339(self.world.clock.now().replace(microsecond=0))
        if errors:
            submission["reason"] = refuse or "数据校验不通过"
            named = [(field, code) for field, code in errors if field]
            submission["fieldErrors"] = [{"field": f, "code": c, "message": _WORDS[c]} for f, c in named]
        tx.put(self.name, "submission", submission["sourceId"], submission, group=submission["state"])
        if self.settings(tx)["callbacks"]:
            payload = {"sourceId": submission["sourceId"], "state": submission["state"]}
            self.world.callbacks.enqueue(tx, self.name, "verdict", submission["sourceId"], payload)

    def _publish(self, tx: Transaction, submission: Document) -> list[tuple[str, str]]:
        penalty = submission["content"]["penalty"]
        if errors := field_errors(self.contract.document, penalty):
            return errors
        key = _key(penalty)
        held = tx.get(self.name, "record", key)
        if held is not None and self._state(held) == "PUBLISHED":
            return [("CF_WSH", "F07")]
        record = {
            "number": held["number"] if held else tx.next(self.name, "record"),
            "sourceId": submission["sourceId"],
            "state": "PUBLISHED",
            "publishedOn": self.world.clock.today().isoformat(),
            "penalty": penalty,
        }
        tx.put(self.name, "record", key, record, group=f"{penalty['CF_WSH']}|{penalty['CF_CFJGDM']}")
        return []

    def _correct(self, tx: Transaction, submission: Document) -> list[tuple[str, str]]:
        penalty = submission["content"]["penalty"]
        if errors := field_errors(self.contract.document, penalty):
            return errors
        return self._change(tx, penalty, ("PUBLISHED",), penalty=penalty)

    def _take_back(self, tx: Transaction, submission: Document) -> list[tuple[str, str]]:
        content = submission["content"]
        states = ("PUBLISHED", "REPAIRED", "ENDED", "WITHDRAWN")
        return self._change(tx, content["key"], states, state="WITHDRAWN", explanation=content["reason"])

    def _mend(self, tx: Transaction, submission: Document) -> list[tuple[str, str]]:
        content = submission["content"]
        explanation = f"信用修复：{content['repairNumber']}"
        return self._change(tx, content["key"], ("PUBLISHED", "REPAIRED"), state="REPAIRED", explanation=explanation)

    def _change(self, tx: Transaction, key: Document, states: tuple[str, ...], **change: Any) -> list[tuple[str, str]]:
        record = tx.get(self.name, "record", _key(key))
        if record is None or self._state(record) not in states:
            return [("CF_WSH", "F08")]
        tx.put(self.name, "record", _key(key), record | change, group=f"{key['CF_WSH']}|{key['CF_CFJGDM']}")
        return []

    def _state(self, record: Document) -> str:
        ended = record["state"] == "PUBLISHED" and record["penalty"]["CF_GSJZQ"] < self.world.clock.today().isoformat()
        return "ENDED" if ended else str(record["state"])

    def _judge_later(self, seconds: float) -> None:
        def judge() -> None:
            with self.world.state.transaction() as tx:
                self._judge(tx, self.world.clock.now())

        asyncio.get_running_loop().call_later(seconds + 0.01, judge)

    def _judge_now(self, request: Request, body: Any) -> Any:
        body = body or {}
        with self.world.state.transaction() as tx:
            pending = [one for _, one in tx.list(self.name, "submission", "PENDING")]
            chosen = [one for one in pending if body.get("sourceId") in (None, one["sourceId"])]
            for submission in chosen:
                self._decide(tx, submission, refuse=body.get("reject"))
        return {"judged": [one["sourceId"] for one in chosen]}

    # --- what people see -------------------------------------------------------------------------------------------

    def _face(self, record: Document) -> Document:
        state, penalty = self._state(record), record["penalty"]
        name = penalty["CF_XDR_MC"]
        if penalty["CF_XDR_LB"] == "自然人":
            name = name[0] + "*" * (len(name) - 1)
        face = {
            "state": state,
            "CF_WSH": penalty["CF_WSH"],
            "CF_CFJGDM": penalty["CF_CFJGDM"],
            "CF_XDR_MC": name,
            "url": f"{self.world.url_of(self.name)}/public/{record['number']}",
        }
        if state == "PUBLISHED":
            shown = {name: penalty[name] for name in _SHOWN if penalty.get(name, _NONE) != _NONE}
            face |= shown | {"publishedOn": record["publishedOn"]}
        elif "explanation" in record:
            face["explanation"] = record["explanation"]
        return face

    async def _page(self, request: Request) -> Response:
        number = request.path_params.get("number")
        with self.world.state.transaction() as tx:
            self._judge(tx, self.world.clock.now())
            records = [one for _, one in tx.list(self.name, "record") if number in (None, one["number"])]
        titles = self.contract.document["components"]["schemas"]["Penalty"]["properties"]
        entries = []
        for record in records:
            face = self._face(record)
            rows = [(titles[name]["title"], face[name]) for name in face if name in titles]
            rows += [("状态", _STATES[face["state"]])]
            rows += [
                (words, face[name])
                for name, words in (("publishedOn", "公示日期"), ("explanation", "说明"))
                if name in face
            ]
            entries.append(rows)
        return HTMLResponse(
            page("信用公示（模拟）", "行政处罚信息公示", entries), 200 if entries or number is None else 404
        )

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
        return {"app_key": APP_KEY, "app_secret": APP_SECRET, "public": f"{self.world.url_of(self.name)}/public"}

    def _guarded(self, handler: Callable[[Transaction, Call], Answer]) -> Callable[[Transaction, Call], Answer]:
        def guarded(tx: Transaction, call: Call) -> Answer:
            scheme, _, value = call.request.headers.get("authorization", "").partition(" ")
            token = tx.get(self.name, "token", value) if scheme.lower() == "bearer" else None
            if token is None or datetime.fromisoformat(token["until"]) <= call.now:
                raise Refused(_result("A0002"))
            call.params["app"] = token["app"]
            return handler(tx, call)

        return guarded

    def _check_authority(self, tx: Transaction, call: Call, holder: Document) -> None:
        app = tx.get(self.name, "app", call.params["app"]) or {}
        allowed = app.get("authorities")
        if allowed is not None and holder.get("CF_CFJGDM") not in allowed:
            raise Refused(_result("A0003"))

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
        body = json.dumps(payload, ensure_ascii=False).encode()
        stamp, nonce = str(int(self.world.clock.now().timestamp() * 1000)), token_hex(16)
        mac = HMAC(APP_SECRET.encode(), hashes.SM3())
        mac.update(f"{APP_KEY}\n{stamp}\n{nonce}\n".encode() + body)
        headers = {"Content-Type": "application/json", "X-Node-Code": APP_KEY, "X-Timestamp": stamp}
        return body, headers | {"X-Nonce": nonce, "X-Signature": mac.finalize().hex()}

    def acknowledged(self, payload: Document, status: int, body: bytes) -> bool:
        """Only ``{"code": "00000"}`` with 200 is one."""
        try:
            return status == 200 and json.loads(body)["code"] == "00000"
        except (ValueError, KeyError, TypeError):
            return False


def page(title: str, heading: str, entries: list[list[tuple[str, str]]]) -> str:
    """A plain public page: one table an entry."""
    tables = "".join(
        "<table>"
        + "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
        + "</table>"
        for rows in entries
    )
    style = (
        "body{font:16px/1.6 sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;color:#222}h1{color:#a11}"
        "table{border-collapse:collapse;width:100%;margin:0 0 1.5rem}"
        "th,td{border:1px solid #ccc;padding:.4rem .6rem;text-align:left;vertical-align:top}"
        "th{width:13rem;background:#f6f6f6;font-weight:normal}td{white-space:pre-wrap;overflow-wrap:anywhere}"
    )
    return (
        f'<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{style}</style><h1>{escape(heading)}</h1>"
        f"<p>模拟系统，数据均为虚构。</p>{tables or '<p>暂无公示信息。</p>'}</html>"
    )


def _result(code: str, **members: Any) -> Answer:
    row = _RESULTS.get(code, _UNKNOWN)
    return Answer({"code": code, "message": row["meaning"], **members}, int(row["status"]))


def _key(holder: Document) -> str:
    return "|".join(holder[name] for name in _KEY)


def _public(submission: Document) -> Document:
    return {name: value for name, value in submission.items() if name not in ("digest", "content", "due")}
