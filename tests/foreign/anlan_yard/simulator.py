"""The yard's stand-in. Control below ``/_sim/yard``: ``POST /leave`` ``{"reference"}`` hands a vehicle out."""

from __future__ import annotations

import hmac
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute

from anlan_yard import contract
from simulators.frame import (
    Act,
    Answer,
    Call,
    CodedWire,
    Document,
    Foundation,
    Handler,
    OpenApiContract,
    Refused,
    Results,
    Service,
    Settings,
    System,
    Transaction,
    rfc3339,
    text,
)
from simulators.signing import fresh, signature, signed_headers

NODE = "YK990102"
SECRET = "development-yard-secret"  # known to everybody on purpose
CONTRACT = OpenApiContract(contract.OPENAPI)
result = Results(contract.results())


class YardWire(CodedWire):
    """Answers and refusals in the codes of the contract's table, signed and bound to their request."""

    results = result
    code_fields = frozenset({"plate"})
    status_fields = frozenset({"code"})

    def sign(self, call: Call, body: bytes, headers: dict[str, str]) -> dict[str, str]:
        """Answers are bound to their request by its node and nonce."""
        asked = call.request.headers
        node, nonce = asked.get("x-node-code", ""), asked.get("x-nonce", "")
        stamp = str(round(self.base.clock.now().timestamp() * 1000))
        signed = signature(SECRET.encode(), node, stamp, nonce, body)
        return headers | {"X-Node-Code": node, "X-Timestamp": stamp, "X-Nonce": nonce, "X-Signature": signed}

    def callback(self, payload: Document) -> tuple[bytes, dict[str, str]]:
        """A notice, signed now with the receiver's node."""
        body, headers = super().callback(payload)
        return body, headers | signed_headers(SECRET.encode(), NODE, self.base.clock.now(), body)


class Yard(Service):
    """One yard. Each lot has as many slots as the setting ``slots`` says."""

    contract = CONTRACT

    def __init__(self, base: Foundation, system: System) -> None:
        super().__init__(base, system, YardWire(base, system))

    def routes(self) -> list[BaseRoute]:
        """The contract's operations."""

        def reference(call: Call) -> str:
            return str(call.content["reference"])

        return [
            self.operation("ready", self._signed(lambda tx, call: result("Y0000"))),
            self.operation("admit", self._signed(self._admit), key=reference),
            self.operation("query", self._signed(self._query), key=reference),
        ]

    def _admit(self, tx: Transaction, call: Call) -> Answer:
        asked = call.content
        known = tx.get(self.name, "vehicle", call.key)
        if known is not None:
            if known["asked"] != asked:
                raise Refused(result("Y1409"))
            return result("Y0000", known["vehicle"])
        number = tx.next(self.name, asked["lot"])
        if number > self.settings(tx)["slots"]:
            raise Refused(result("Y1421"))
        slot = f"{asked['lot']}-{number:03d}"
        vehicle = {"reference": call.key, "plate": asked["plate"], "slot": slot, "state": "STORED"}
        tx.put(self.name, "vehicle", call.key, {"asked": asked, "vehicle": vehicle})
        tx.effect(self.name, "admit", call.key)
        return result("Y0000", vehicle)

    def _query(self, tx: Transaction, call: Call) -> Answer:
        known = tx.get(self.name, "vehicle", call.key)
        return result("Y0404") if known is None else result("Y0000", known["vehicle"])

    def credentials(self) -> dict[str, Any]:
        """Node and secret."""
        return {"node": NODE, "secret": SECRET}

    def acts(self) -> list[Act]:
        """A vehicle is handed out."""
        vehicle = {"reference": text("编号")}
        return [Act("leave", "/leave", "离场", "a vehicle leaves", self._leave, fields=vehicle, needs=tuple(vehicle))]

    def _leave(self, request: Request, body: Any) -> Any:
        now = self.base.clock.now()
        with self.base.state.transaction() as tx:
            known = tx.get(self.name, "vehicle", body["reference"])
            if known is None or known["vehicle"]["state"] == "LEFT":
                raise ValueError(f"no vehicle {body['reference']} stands here")
            known["vehicle"]["state"] = "LEFT"
            tx.put(self.name, "vehicle", body["reference"], known)
            notice = {
                "eventId": f"E{tx.next(self.name, 'event'):08d}",
                "reference": body["reference"],
                "plate": known["vehicle"]["plate"],
                "leftAt": rfc3339(now.replace(microsecond=0)),
            }
            self.base.callbacks.enqueue(tx, self.name, "vehicle_left", body["reference"], notice)
        return {"ok": True}

    def _signed(self, handler: Handler) -> Handler:
        """The handler behind a check of node, time and signature."""

        def guarded(tx: Transaction, call: Call) -> Answer:
            headers = call.request.headers
            node, stamp, nonce = (headers.get(f"x-{part}", "") for part in ("node-code", "timestamp", "nonce"))
            right = signature(SECRET.encode(), node, stamp, nonce, call.body)
            good = hmac.compare_digest(right.encode(), headers.get("x-signature", "").encode())
            if node != NODE or not good or not fresh(headers, call.now):
                raise Refused(result("Y0401"))
            return handler(tx, call)

        return guarded


SYSTEM = System(
    name="yard",
    title="暂扣车辆停车场",
    build=Yard,
    operations=frozenset(CONTRACT.operations),
    callbacks=frozenset({"vehicle_left"}),
    settings=Settings({"slots": 200}, {"slots": {"type": "integer", "minimum": 0}}),
)
