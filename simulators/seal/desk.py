"""What a tester does to the seal service: statuses of seals, lost keys, jobs that wait for a person."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from starlette.requests import Request
from starlette.routing import BaseRoute, Route

import contracts
from simulators.frame import Document, Service, Transaction, b64, endpoint
from simulators.seal import voucher
from simulators.seal.cabinet import Cabinet

FINANCE = "99010000000006"
"""The seal of the city's finance department, which completes vouchers."""
_STATES = {row["code"] for row in contracts.code_table("seal", "v1", "seal_states")}


class Finish(Protocol):
    """Decides a job that waits."""

    def __call__(self, tx: Transaction, document: Document, now: datetime, state: str, reason: str) -> None:
        """``state``: DONE or REFUSED."""
        ...


class Desk:
    """The control requests below ``/_sim/seal``; the module ``platform`` lists them."""

    def __init__(self, service: Service, cabinet: Cabinet, finish: Finish) -> None:
        self._service = service
        self._cabinet = cabinet
        self._decide = finish
        self._base = service.base

    def routes(self) -> list[BaseRoute]:
        """One route for each act."""
        return [
            Route("/root", endpoint(self._root), methods=["GET"]),
            Route("/status", endpoint(self._set_status), methods=["POST"]),
            Route("/revoke", endpoint(self._revoke), methods=["POST"]),
            Route("/remake", endpoint(self._remake), methods=["POST"]),
            Route("/mode", endpoint(self._set_mode), methods=["POST"]),
            Route("/finish", endpoint(self._finish), methods=["POST"]),
            Route("/voucher", endpoint(self._voucher), methods=["POST"]),
        ]

    def _root(self, request: Request, body: Any) -> Any:
        with self._base.state.transaction() as tx:
            return {"root": b64(self._cabinet.root(tx).certificate)}

    def _set_status(self, request: Request, body: Any) -> Any:
        if body["status"] not in _STATES - {"EXPIRED"}:
            raise ValueError(f"no status {body['status']!r} to set")
        with self._base.state.transaction() as tx:
            now, filed = self._base.clock.now(), body.get("filed")
            self._cabinet.set_status(tx, self._known(tx, body), body["status"], now, filed=filed)
        return {"ok": True}

    def _revoke(self, request: Request, body: Any) -> Any:
        with self._base.state.transaction() as tx:
            self._cabinet.revoke(tx, self._known(tx, body), self._base.clock.now())
        return {"ok": True}

    def _remake(self, request: Request, body: Any) -> Any:
        with self._base.state.transaction() as tx:
            self._cabinet.remake(tx, self._known(tx, body), self._base.clock.now())
        return {"ok": True}

    def _voucher(self, request: Request, body: Any) -> Any:
        stage, rows = str(body["stage"]), {str(name): str(value) for name, value in body.get("rows", {}).items()}
        if stage not in voucher.STAGES:
            raise ValueError(f"no stage {stage!r}")
        with self._base.state.transaction() as tx:
            seals = {"unit": self._known(tx, {"sealId": body["unit"]}), "finance": FINANCE}
            parts = voucher.document(rows)
            for role in voucher.STAGES[stage]:
                seal, eseal = self._cabinet.hold(tx, seals[role]), self._cabinet.eseal(tx, seals[role])
                parts = voucher.signed(parts, seal, eseal, self._base.clock.now())
        return {"document": b64(voucher.packed(parts))}

    def _known(self, tx: Transaction, body: Any) -> str:
        seal_id = str(body["sealId"])
        if tx.get(self._service.name, "_seal", seal_id) is None:
            raise ValueError(f"no seal {seal_id}")
        return seal_id

    def _set_mode(self, request: Request, body: Any) -> Any:
        with self._base.state.transaction() as tx:
            self._service.settings(tx, body)
        return {"ok": True}

    def _finish(self, request: Request, body: Any) -> Any:
        with self._base.state.transaction() as tx:
            document = tx.get(self._service.name, "job", body["reference"])
            if document is None or document["job"]["state"] != "PENDING":
                raise ValueError(f"no waiting job {body['reference']}")
            state = body.get("state", "DONE")
            if state not in ("DONE", "REFUSED"):
                raise ValueError(f"a job ends DONE or REFUSED, not {state}")
            self._decide(tx, document, self._base.clock.now(), state, body.get("reason", ""))
        return {"ok": True}
