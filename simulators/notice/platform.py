"""The messenger: tokens, users, templates, messages from held to read, and the inbox of each user.

A message is delivered as soon as it is sent, unless the setting ``deliver`` is off or these are quiet hours. It is read
when its page in the inbox is opened, or when the control API says so.

Control (below ``/_sim/notice``):

- ``POST /settings``: ``deliver`` (default on), ``quiet`` ("20:00-08:00" in Shanghai, "" for none), ``token_seconds``;
- ``POST /deliver`` ``{"reference"}``: deliver a message that waits;
- ``POST /read`` ``{"reference"}``: let the user read it;
- ``POST /fail`` ``{"reference", "reason"}``: it will not be delivered;
- ``POST /user`` ``{"userId", "active"}``: somebody leaves or comes back.

Seed (``POST /_sim/seed`` with ``{"notice": {"users": [{"userId", "name", "certificate", "phone", "active"}]}}``):
further users.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute

import contracts
from simulators.frame import (
    Act,
    Answer,
    Call,
    CodedWire,
    Document,
    Foundation,
    Handler,
    Kind,
    OpenApiContract,
    Page,
    Refused,
    Results,
    Service,
    Settings,
    Shadowed,
    System,
    Transaction,
    coded,
    flag,
    rfc3339,
    text,
)
from simulators.notice.messages import Inbox, Messages, quiet_until
from simulators.signing import signed_headers

APP_KEY = "WN990102"
SECRET = "development-notice-secret"  # noqa: S105 - known to everybody on purpose

USERS: list[Document] = [
    {"userId": "u-990102-0118", "name": "周映川", "certificate": "99010200118", "phone": "13900001181"},
    {"userId": "u-990102-0125", "name": "沈知白", "certificate": "99010200125", "phone": "13900001252"},
    {"userId": "u-990102-0133", "name": "陆青禾", "certificate": "99010200133", "phone": "13900001333"},
    {
        "userId": "u-990102-0140",
        "name": "贺兰舟",
        "certificate": "99010200140",
        "phone": "13900001404",
        "active": False,
    },
]

_result = Results(contracts.code_table("notice", "v1", "results"))
TEMPLATES = {row["id"]: row for row in contracts.code_table("notice", "v1", "templates")}
CONTRACT = OpenApiContract(contracts.path("notice/v1/openapi.yaml"))
SEED: Document = {
    "properties": {
        "users": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["userId", "name", "certificate"],
                "properties": {
                    **{name: {"type": "string"} for name in ("userId", "name", "certificate", "phone")},
                    "active": {"type": "boolean"},
                },
                "additionalProperties": False,
            },
        }
    },
    "additionalProperties": False,
}
SETTINGS = Settings(
    {"deliver": True, "quiet": "", "token_seconds": 7200},
    {
        "deliver": {"type": "boolean"},
        "quiet": {"type": "string", "pattern": "^$|^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$"},
        "token_seconds": {"type": "integer", "minimum": 0},
    },
)
#: Ways of going wrong that only a messenger has.
KINDS = {
    "never_delivered": Kind("effect", "takes the message, and never delivers it"),
    "delivery_fails": Kind("effect", "takes the message, which then cannot be delivered"),
    "wrong_user": Kind("effect", "sends the message to another user"),
}


class NoticeWire(CodedWire):
    """Answers and refusals in the codes of the contract's table; callbacks signed with the application's secret."""

    results = _result
    code_fields = frozenset({"reference", "userId", "value"})
    status_fields = frozenset({"code", "state"})

    def callback(self, payload: Document) -> tuple[bytes, dict[str, str]]:
        """That a message was delivered or read, signed now."""
        body, headers = super().callback(payload)
        return body, headers | signed_headers(SECRET.encode(), APP_KEY, self.base.clock.now(), body)

    def not_taken(self, payload: Document, status: int, body: bytes) -> str:
        """Only ``{"code": "N0000"}`` with 200 is an acknowledgement."""
        return coded(status, body, "N0000")


class NoticeShadowed(Shadowed):
    """With a token of its own, and the development application in place of theirs."""

    def let_in(self, tx: Transaction, body: bytes) -> dict[str, str]:
        until = rfc3339(self.service.base.clock.now() + timedelta(hours=1))
        tx.put(self.service.name, "token", "replayed", {"until": until})
        return {"Authorization": "Bearer replayed"}

    def stand_ins(self) -> dict[str, str]:
        return {"appKey": APP_KEY, "appSecret": SECRET}


class Messenger(Service):
    """One messenger for the officers of 望川区."""

    contract = CONTRACT

    def __init__(self, base: Foundation, system: System) -> None:
        super().__init__(base, system, NoticeWire(base, system))
        self.shadowed = NoticeShadowed(self)
        self.messages = Messages(self)

    # --- operations ------------------------------------------------------------------------------------------------

    def routes(self) -> list[BaseRoute]:
        """The contract's operations."""

        def reference(call: Call) -> str:
            return str(call.content["reference"])

        return [
            self.operation("token", self._token),
            self.operation("ready", self._guarded(lambda tx, call: _result("N0000"))),
            self.operation("resolve_user", self._guarded(self._resolve)),
            self.operation("send", self._guarded(self._send), key=reference),
            self.operation("query", self._guarded(self._query), key=reference),
            self.operation("recall", self._guarded(self._recall), key=lambda call: str(call.content["message"])),
        ]

    def _token(self, tx: Transaction, call: Call) -> Answer:
        known, given = f"{APP_KEY}\n{SECRET}", f"{call.content['appKey']}\n{call.content['appSecret']}"
        if not hmac.compare_digest(known.encode(), given.encode()):
            return _result("N0401")
        seconds = int(self.settings(tx)["token_seconds"])
        token = token_hex(16)
        tx.put(self.name, "token", token, {"until": rfc3339(call.now + timedelta(seconds=seconds))})
        return _result("N0000", {"accessToken": token, "expiresIn": seconds})

    def _resolve(self, tx: Transaction, call: Call) -> Answer:
        by, value = call.content["by"], call.content["value"]
        user = next((one for _, one in tx.list(self.name, "user") if one.get(by) == value), None)
        if user is None:
            return _result("N0404")
        return _result("N0000", {"userId": user["userId"], "by": by, "value": value, "active": user["active"]})

    def _send(self, tx: Transaction, call: Call) -> Answer:
        asked, reference = call.content, call.content["reference"]
        known = tx.get(self.name, "message", reference)
        if known is not None:
            if known["asked"] != asked:
                raise Refused(_result("N1409"))
            return _result("N0000", known["shown"])
        user = tx.get(self.name, "user", asked["userId"])
        template = TEMPLATES.get(asked["templateId"])
        if user is None or not user["active"]:
            raise Refused(_result("N1404"))
        if template is None:
            raise Refused(_result("N1405"))
        if sorted(asked["parameters"]) != sorted(template["parameters"].split()):
            raise Refused(_result("N1406"))
        number = tx.next(self.name, "message")
        until = quiet_until(self.settings(tx)["quiet"], call.now)
        shown: Document = {
            "reference": reference,
            "messageId": f"M{call.now:%Y%m%d}{number:08d}",
            "userId": _other_user(tx, asked["userId"]) if call.fault == "wrong_user" else asked["userId"],
            "templateId": asked["templateId"],
            "state": "SENT" if until is None else "HELD",
        }
        if until is not None:
            shown["heldUntil"] = rfc3339(until)
        text = template["text"].format(**asked["parameters"])
        message = {
            "number": number,
            "asked": asked,
            "shown": shown,
            "text": text,
            "at": rfc3339(call.now.replace(microsecond=0)),
        }
        tx.put(self.name, "message", reference, message, group=shown["userId"])
        tx.effect(self.name, "send", reference)
        if call.fault == "delivery_fails":
            self.messages.fail(tx, message, "接收人设备不可达")
        elif until is None and call.fault != "never_delivered" and self.settings(tx)["deliver"]:
            self.messages.deliver(tx, message, call.now)
        return _result("N0000", shown)

    def _query(self, tx: Transaction, call: Call) -> Answer:
        known = tx.get(self.name, "message", call.content["reference"])
        return _result("N0404") if known is None else _result("N0000", known["shown"])

    def _recall(self, tx: Transaction, call: Call) -> Answer:
        message = tx.get(self.name, "message", call.content["message"])
        if message is None:
            return _result("N0404")
        shown = message["shown"]
        if shown["state"] in ("READ", "FAILED"):
            raise Refused(_result("N1423"))
        if shown["state"] != "RECALLED":
            shown |= {"state": "RECALLED", "recall": call.content["reference"], "reason": call.content["reason"]}
            self.messages.keep(tx, message)
            tx.effect(self.name, "recall", call.content["reference"])
        return _result("N0000", shown)

    def early(self, tx: Transaction, call: Call, answer: Answer) -> None:
        """What was just sent is delivered, and told, before its answer."""
        if call.operation == "send" and (message := tx.get(self.name, "message", call.key)) is not None:
            self.messages.deliver(tx, message, call.now)

    def clock_moved(self) -> None:
        """What was held until now is delivered."""
        with self.base.state.transaction() as tx:
            self.messages.deliver_due(tx, self.base.clock.now())

    def pages(self) -> list[Page]:
        """The inboxes."""
        return Inbox(self, self.messages).pages()

    # --- users and control -----------------------------------------------------------------------------------------

    def set_up(self, tx: Transaction) -> None:
        """The officers who are there on the first day; one of them has left."""
        for user in USERS:
            tx.put(self.name, "user", user["userId"], {"active": True} | user)

    def seed(self, tx: Transaction, data: Any) -> None:
        """Further users."""
        for user in data.get("users", ()):
            tx.put(self.name, "user", user["userId"], {"active": True} | user)

    def credentials(self) -> dict[str, Any]:
        """Application key and secret, an officer to try with, and the page to look at."""
        first = {name: USERS[0][name] for name in ("certificate", "phone")}
        return {"app_key": APP_KEY, "secret": SECRET, "inbox": f"{self.url}/inbox", **first}

    def acts(self) -> list[Act]:
        """Deliver, read, fail; who has left."""
        now = self.base.clock.now

        def of(body: Any, act: Callable[[Transaction, Document], None]) -> Any:
            with self.base.state.transaction() as tx:
                message = tx.get(self.name, "message", body["reference"])
                if message is None:
                    raise ValueError(f"no message {body['reference']}")
                act(tx, message)
                return message["shown"]

        def deliver(request: Request, body: Any) -> Any:
            return of(body, lambda tx, message: self.messages.deliver(tx, message, now()))

        def read(request: Request, body: Any) -> Any:
            return of(body, lambda tx, message: self.messages.read(tx, message, now()))

        def fail(request: Request, body: Any) -> Any:
            return of(body, lambda tx, message: self.messages.fail(tx, message, body.get("reason", "接收人关闭了消息")))

        message = {"reference": text("消息编号")}
        user = {"userId": text("用户"), "active": flag("在用")}
        return [
            Act("deliver", "/deliver", "送达", "a message arrives", deliver, fields=message, needs=("reference",)),
            Act("read", "/read", "已读", "its officer has read it", read, fields=message, needs=("reference",)),
            Act(
                "fail",
                "/fail",
                "送达失败",
                "a message does not arrive",
                fail,
                fields={**message, "reason": text("原因")},
                needs=("reference",),
            ),
            Act(
                "user",
                "/user",
                "用户状态",
                "somebody leaves, or is back",
                self._set_user,
                fields=user,
                needs=tuple(user),
            ),
        ]

    def _set_user(self, request: Request, body: Any) -> Any:
        with self.base.state.transaction() as tx:
            user = tx.get(self.name, "user", body["userId"])
            if user is None:
                raise ValueError(f"no user {body['userId']}")
            tx.put(self.name, "user", body["userId"], user | {"active": bool(body["active"])})
        return {"ok": True}

    def _guarded(self, handler: Handler) -> Handler:
        """The handler behind a check of the token."""

        def guarded(tx: Transaction, call: Call) -> Answer:
            scheme, _, value = call.request.headers.get("authorization", "").partition(" ")
            token = tx.get(self.name, "token", value) if scheme.lower() == "bearer" else None
            if token is None or datetime.fromisoformat(token["until"]) <= call.now:
                raise Refused(_result("N0402"))
            return handler(tx, call)

        return guarded


def _other_user(tx: Transaction, user_id: str) -> str:
    return next(key for key, _ in tx.list(SYSTEM.name, "user") if key != user_id)


SYSTEM = System(
    name="notice",
    contract="notice/v1",
    title="政务工作消息",
    build=Messenger,
    operations=frozenset(CONTRACT.operations),
    callbacks=frozenset({"message_moved"}),
    kinds=KINDS,
    settings=SETTINGS,
    seed=SEED,
)
