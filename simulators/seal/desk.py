"""What a tester does to the seal service: statuses of seals, lost keys, jobs that wait for a person."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from starlette.requests import Request

import contracts
from simulators.frame import Act, Document, Service, Transaction, b64, flag, text
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

    def acts(self) -> list[Act]:
        """One for each thing that a tester does."""
        seal = {"sealId": text("印章编号")}
        status = {"type": "string", "title": "状态", "enum": sorted(_STATES - {"EXPIRED"})}
        ends = {"type": "string", "title": "结果", "enum": ["DONE", "REFUSED"]}
        stage = {"type": "string", "title": "阶段", "enum": list(voucher.STAGES)}
        rows: Document = {"type": "object", "title": "内容（JSON）"}
        return [
            Act("root", "/root", "根证书", "the root certificate", self._root, "GET"),
            Act(
                "status",
                "/status",
                "印章状态",
                "what becomes of a seal",
                self._set_status,
                fields={**seal, "status": status, "filed": flag("同时变更备案")},
                needs=("sealId", "status"),
            ),
            Act(
                "revoke",
                "/revoke",
                "吊销证书",
                "its certificate is revoked",
                self._revoke,
                fields=seal,
                needs=("sealId",),
            ),
            Act("remake", "/remake", "重制印章", "the seal is made anew", self._remake, fields=seal, needs=("sealId",)),
            Act("mode", "/mode", "工作方式", "the settings, by an older name", self._set_mode, form=False),
            Act(
                "finish",
                "/finish",
                "办结用印申请",
                "decide a job that waits",
                self._finish,
                fields={"reference": text("申请编号"), "state": ends, "reason": text("理由")},
                needs=("reference",),
            ),
            Act(
                "voucher",
                "/voucher",
                "电子一般缴款书",
                "a payment voucher as OFD, signed as far as its stage",
                self._voucher,
                fields={"stage": stage, "unit": text("单位印章编号"), "rows": rows},
                needs=("stage", "unit"),
                form=False,
            ),
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
