"""The registry: its books, what was altered in them, and licence tokens.

Seed (``POST /_sim/seed`` with ``{"registry": …}``), every part optional:

- ``entities``: whole records in the contract's words (without ``dataTime``), new or replaced, silently;
- ``alter``: ``{"uniscId" or "pripid": …, "set": {"name": "…"}, "on": "2026-09-14"}``, entered in the record's
  alterations and in the change feed, as the registry itself would;
- ``tokens``: ``{"token": …, "uniscId" or "pripid": …, "expires_at": RFC 3339 or null}``.
"""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from starlette.routing import BaseRoute

import contracts
from simulators.frame import (
    Answer,
    Call,
    CodedWire,
    Document,
    Foundation,
    OpenApiContract,
    Refused,
    Results,
    Service,
    Shadowed,
    System,
    Transaction,
    rfc3339,
)
from simulators.registry.seed import ENTITIES, HISTORY, TOKENS
from simulators.signing import signed_headers

NAME = "registry"
NODE = "RK990102"
SECRET = "development-registry-secret"  # noqa: S105 - known to everybody on purpose
TOLERANCE = 300.0
MOST_NAMES = 50

_result = Results(contracts.code_table("registry", "v1", "results"))
_ITEMS = {
    "name": "法定代表人变更",
    "regState_CN": "登记状态变更",
    "entName": "名称变更",
    "traName": "名称变更",
    "dom": "住所变更",
    "opLoc": "经营场所变更",
    "opScope": "经营范围变更",
    "regCap": "注册资本变更",
    "regOrg_CN": "登记机关变更",
    "serAddr": "法律文书送达地址变更",
}


CONTRACT = OpenApiContract(contracts.path("registry/v1/openapi.json"))
SEED: Document = {
    "properties": {
        "entities": {"type": "array", "items": {"type": "object", "required": ["pripid"]}},
        "alter": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["set"],
                "properties": {
                    "uniscId": {"type": "string"},
                    "pripid": {"type": "string"},
                    "set": {"type": "object"},
                    "on": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
                },
                "anyOf": [{"required": ["uniscId"]}, {"required": ["pripid"]}],
                "additionalProperties": False,
            },
        },
        "tokens": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["token"],
                "properties": {
                    "token": {"type": "string"},
                    "uniscId": {"type": "string"},
                    "pripid": {"type": "string"},
                    "expires_at": {"type": ["string", "null"]},
                },
                "anyOf": [{"required": ["uniscId"]}, {"required": ["pripid"]}],
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}


class RegistryWire(CodedWire):
    """Answers and refusals in the codes of the contract's table, signed."""

    results = _result
    code_fields = frozenset({"uniscId"})
    status_fields = frozenset({"code"})

    def render(self, call: Call, answer: Answer) -> tuple[bytes, dict[str, str]]:
        """Every answer with status 200 is signed, and bound to its request by the nonce."""
        body, headers = super().render(call, answer)
        if answer.status == 200:
            asked = call.request.headers
            node, nonce = asked.get("x-node-code", ""), asked.get("x-nonce", "")
            stamp = str(int(self.base.clock.now().timestamp() * 1000))
            headers |= {"X-Node-Code": node, "X-Timestamp": stamp, "X-Nonce": nonce}
            headers["X-Signature"] = _signature(node, stamp, nonce, body)
        return body, headers


class RegistryShadowed(Shadowed):
    """Signed as the development node, about a business that is in these books."""

    def let_in(self, tx: Transaction, body: bytes) -> dict[str, str]:
        return signed_headers(SECRET.encode(), NODE, self.service.base.clock.now(), body)

    def stand_ins(self) -> dict[str, str]:
        """A business that is in these books, and its licence."""
        known = next(one for one in ENTITIES if one.get("uniscId") == TOKENS[0]["uniscId"])
        return {
            "token": TOKENS[0]["token"],
            "uniscId": known["uniscId"],
            "entName": known.get("entName") or known["traName"],
        }


class Registry(Service):
    """Answers questions about registered businesses; nothing that a caller does changes anything."""

    contract = CONTRACT

    def __init__(self, base: Foundation, system: System) -> None:
        super().__init__(base, system, RegistryWire(base, system))
        self.shadowed = RegistryShadowed(self)
        self._nonces: dict[str, datetime] = {}

    # --- operations ------------------------------------------------------------------------------------------------

    def routes(self) -> list[BaseRoute]:
        """The contract's operations."""
        return [
            self.operation("ready", self._signed(lambda tx, call: _result("R0000", None))),
            self.operation("by_code", self._signed(self._by_code), key=lambda call: str(call.content["uniscId"])),
            self.operation("by_name", self._signed(self._by_name), key=lambda call: str(call.content["entName"])),
            self.operation("changes", self._signed(self._changes), key=lambda call: str(call.content["cursor"])),
            self.operation("resolve_licence", self._signed(self._resolve), key=lambda call: str(call.content["token"])),
        ]

    def _by_code(self, tx: Transaction, call: Call) -> Answer:
        return self._record(_found(tx, self.name, {"uniscId": call.content["uniscId"]}), call)

    def _by_name(self, tx: Transaction, call: Call) -> Answer:
        asked = _plain(call.content["entName"])
        if len(asked) < 2:
            return _result("R0422", None)
        hits = [entity for _, entity in tx.list(self.name, "entity") if asked in _plain(_name(entity))]
        hits.sort(key=lambda entity: _plain(_name(entity)) != asked)
        shown = ("pripid", "uniscId", "regNo", "entName", "traName", "regState_CN", "regOrg_CN", "estDate")
        found = [{key: entity[key] for key in shown if key in entity} for entity in hits[:MOST_NAMES]]
        return _result("R0000", {"list": found, "truncated": len(hits) > MOST_NAMES})

    def _changes(self, tx: Transaction, call: Call) -> Answer:
        cursor, limit = call.content["cursor"], call.content.get("limit", 200)
        entered = [change for _, change in tx.list(self.name, "change")]
        since = int(cursor[1:]) if cursor[:1] == "c" and cursor[1:].isdecimal() else 0 if not cursor else -1
        if not 0 <= since <= len(entered):
            return _result("R0409", None)
        page = entered[since : since + limit]
        reached = since + len(page)
        return _result("R0000", {"list": page, "nextCursor": f"c{reached}", "more": reached < len(entered)})

    def _resolve(self, tx: Transaction, call: Call) -> Answer:
        token = tx.get(self.name, "token", call.content["token"])
        if token is None:
            return _result("R0404", None)
        if token["expires_at"] is not None and datetime.fromisoformat(token["expires_at"]) <= call.now:
            return _result("R0410", None)
        return self._record(tx.get(self.name, "entity", token["pripid"]), call)

    def _record(self, entity: Document | None, call: Call) -> Answer:
        if entity is None:
            return _result("R0404", None)
        return _result("R0000", {**entity, "dataTime": rfc3339(call.now.replace(microsecond=0))})

    # --- data ------------------------------------------------------------------------------------------------------

    def set_up(self, tx: Transaction) -> None:
        """The businesses of 安澜市, what was altered in their records, and their licences."""
        self.seed(tx, {"entities": ENTITIES, "alter": HISTORY, "tokens": TOKENS})

    def forget(self) -> None:
        """Nonces may come again."""
        self._nonces = {}

    def seed(self, tx: Transaction, data: Any) -> None:
        """Take in entities, alterations and tokens, in this order."""
        for entity in data.get("entities", ()):
            self._keep(tx, entity)
        for alteration in data.get("alter", ()):
            self._alter(tx, alteration)
        for token in data.get("tokens", ()):
            document = {"pripid": _must(tx, self.name, token)["pripid"], "expires_at": token.get("expires_at")}
            tx.put(self.name, "token", token["token"], document)

    def _keep(self, tx: Transaction, entity: Document) -> None:
        complete = {**entity, "dataTime": rfc3339(self.base.clock.now())}
        if errors := self.contract.schema_errors("Entity", complete):
            raise ValueError("; ".join(errors))
        tx.put(self.name, "entity", entity["pripid"], entity)
        if "uniscId" in entity:
            tx.put(self.name, "code", entity["uniscId"], {"pripid": entity["pripid"]})

    def _alter(self, tx: Transaction, alteration: Document) -> None:
        entity = _must(tx, self.name, alteration)
        on = alteration.get("on") or self.base.clock.today().isoformat()
        for member, value in alteration["set"].items():
            if member not in _ITEMS:
                raise ValueError(f"{member} cannot be altered; these can: {', '.join(_ITEMS)}")
            entry = {"altItem_CN": _ITEMS[member], "altBe": entity.get(member, ""), "altAf": value, "altDate": on}
            entity[member] = value
            entity["alterations"] = [*entity.get("alterations", ()), entry]
            if "uniscId" in entity:
                change = {"pripid": entity["pripid"], "uniscId": entity["uniscId"], **entry}
                tx.put(self.name, "change", str(tx.next(self.name, "change")), change)
        self._keep(tx, entity)

    def credentials(self) -> dict[str, Any]:
        """Node and secret, and the text in the QR of a printed licence to try with."""
        return {
            "node": NODE,
            "secret": SECRET,
            "licence_qr": f"http://www.gsxt.gov.cn/%7B{TOKENS[0]['token']}-1716192000000%7D",
        }

    # --- signatures and refusals -----------------------------------------------------------------------------------

    def _signed(self, handler: Callable[[Transaction, Call], Answer]) -> Callable[[Transaction, Call], Answer]:
        """The handler behind a check of node, time, nonce and signature."""

        def guarded(tx: Transaction, call: Call) -> Answer:
            headers = call.request.headers
            node, stamp, nonce = (headers.get(f"x-{part}", "") for part in ("node-code", "timestamp", "nonce"))
            given = headers.get("x-signature", "")
            if not hmac.compare_digest(given.encode(), _signature(node, stamp, nonce, call.body).encode()):
                raise Refused(_result("R0401", None))
            fresh = abs(call.now.timestamp() * 1000 - int(stamp)) <= TOLERANCE * 1000 if stamp.isdecimal() else False
            self._nonces = {
                old: at for old, at in self._nonces.items() if abs((call.now - at).total_seconds()) <= 2 * TOLERANCE
            }
            if not fresh or nonce in self._nonces:
                raise Refused(_result("R0402", None))
            self._nonces[nonce] = call.now
            if node != NODE:
                raise Refused(_result("R0403", None))
            return handler(tx, call)

        return guarded


def _signature(node: str, stamp: str, nonce: str, body: bytes) -> str:
    mac = HMAC(SECRET.encode(), hashes.SM3())
    mac.update(f"{node}\n{stamp}\n{nonce}\n".encode() + body)
    return mac.finalize().hex()


def _found(tx: Transaction, system: str, where: Document) -> Document | None:
    """The entity with this ``pripid`` or ``uniscId``."""
    pripid = where.get("pripid")
    if pripid is None:
        code = tx.get(system, "code", where["uniscId"])
        pripid = code and code["pripid"]
    return tx.get(system, "entity", str(pripid))


def _must(tx: Transaction, system: str, where: Document) -> Document:
    found = _found(tx, system, where)
    if found is None:
        raise ValueError(f"no entity {where.get('pripid') or where.get('uniscId')}")
    return found


def _name(entity: Document) -> str:
    return str(entity.get("entName") or entity.get("traName"))


def _plain(name: str) -> str:
    """A name as it is compared: half-width, without blanks."""
    return "".join(unicodedata.normalize("NFKC", name).split())


SYSTEM = System(
    name=NAME,
    title="市场主体登记",
    build=Registry,
    operations=frozenset(CONTRACT.operations),
    seed=SEED,
    contract="registry/v1",
)
