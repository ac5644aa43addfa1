"""The seal service: its seals, its register of use, and the callbacks about it.

Seals and keys are made once for a state file and survive a reset. A fresh state seals at once.

Control (below ``/_sim/seal``):

- ``GET /root``: the root certificate, Base64 DER;
- ``POST /status`` ``{"sealId", "status", "filed"}``: ACTIVE, SUSPENDED 停用 or CANCELLED 注销, from now on; ``filed``:
  whether that has been filed 备案;
- ``POST /revoke`` ``{"sealId"}``: its signer's certificate is revoked from now on;
- ``POST /remake`` ``{"sealId"}``: its key was lost: revoked, and made anew with another key and certificate;
- ``POST /settings`` ``{"pending": true}`` (or ``/mode``): jobs wait for ``finish`` from now on;
- ``POST /voucher`` ``{"stage", "unit", "rows"}``: an electronic payment voucher 电子一般缴款书, OFD in Base64. Of the
  stage ``before_payment`` (the seal ``unit`` has signed), ``after_payment`` (finance too) or ``finance_alone``;
  ``rows``: what stands on it, by name;
- ``POST /finish`` ``{"reference", "state": "DONE" or "REFUSED", "reason"}``: decide a waiting job.

Seed (``POST /_sim/seed`` with ``{"seal": {"seals": [{"sealId", "name", "ownerCode", "validFrom", "validUntil",
"listType", "version", "stamped", "habits", "crl", "ocsp"}]}}``): further seals. ``version`` 1, 4 or 5; ``stamped``:
with a time stamp; ``habits``: what real seals do, names of ``ses.HABITS`` and ``pki.HABITS``; ``crl`` and ``ocsp``:
addresses that the certificate names.

Beside the contract: ``GET /pki/root.crl`` and ``/pki/authority.crl``, ``POST /pki/ocsp`` (RFC 6960), ``POST /tsa`` (RFC
3161: SM3 stamped with SM2, SHA-256 with P-256).
"""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from typing import Any

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
    Refused,
    Results,
    Service,
    Settings,
    Shadowed,
    System,
    Transaction,
    b64,
    rfc3339,
    unb64,
)
from simulators.seal import pki, ses
from simulators.seal.cabinet import Cabinet
from simulators.seal.certification import Certification
from simulators.seal.desk import FINANCE, Desk
from simulators.seal.pki import sm3
from simulators.signing import fresh, signature, signed_headers

NODE = "SK990102"
SECRET = "development-seal-secret"  # noqa: S105 - known to everybody on purpose
ROOT = "安澜市电子印章根证书"

SEALS: list[Document] = [
    {"sealId": "99010200000021", "name": "安澜市望川区综合行政执法局", "ownerCode": "11990102002100216D"},
    {
        "sealId": "99010200000040",
        "name": "安澜市望川区市场监督管理局",
        "ownerCode": "11990102003003012Y",
        "listType": 2,
    },
    {"sealId": "99010200000057", "name": "安澜市望川区交通运输局", "ownerCode": "11990102002100507G"},
    {
        "sealId": "99010200000003",
        "name": "安澜市望川区城市管理局",
        "ownerCode": "11990102002100216D",
        "validFrom": "2020-03-01T00:00:00+08:00",
        "validUntil": "2025-03-01T00:00:00+08:00",
    },
    {"sealId": FINANCE, "name": "安澜市财政局", "ownerCode": "11990100MB0000094D"},
]

_result = Results(contracts.code_table("seal", "v1", "results"))
_UNUSABLE = {"SUSPENDED": "S1421", "CANCELLED": "S1422", "EXPIRED": "S1423"}
CONTRACT = OpenApiContract(contracts.path("seal/v1/openapi.yaml"))
SEED: Document = {
    "properties": {
        "seals": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["sealId", "name", "ownerCode"],
                "properties": {
                    **{name: {"type": "string"} for name in ("sealId", "name", "ownerCode")},
                    **{name: {"type": "string"} for name in ("validFrom", "validUntil")},
                    "listType": {"enum": [1, 2]},
                    "version": {"enum": [1, 4, 5]},
                    "stamped": {"type": "boolean"},
                    "habits": {"type": "array", "items": {"enum": sorted({*ses.HABITS, *pki.HABITS})}},
                    **{name: {"type": "string"} for name in ("crl", "ocsp")},
                },
                "additionalProperties": False,
            },
        }
    },
    "additionalProperties": False,
}

_FLAWS = {
    "seal_wrong_digest": "seals another digest than the one asked for",
    "seal_wrong_seal": "seals with another organ's seal",
    "seal_expired": "seals with a seal whose validity has ended",
    "seal_revoked": "seals, though the seal is cancelled",
    "seal_damaged_der": "cuts the signature's DER short",
    "seal_trailing_bytes": "adds bytes behind the signature's DER",
    "seal_empty_id": "signs with a certificate that its CA signed under an empty identifier",
    "seal_unknown_version": "seals in a structure of version 6",
    "seal_foreign_ca": "seals with a seal and certificates of a CA that nobody trusts",
    "seal_not_listed": "signs with a certificate that the seal does not list",
    "seal_other_picture": "seals with another picture than the seal's",
    "seal_minted": "seals with a seal that somebody made who may not, with a certificate of the same CA",
    "seal_indefinite_length": "writes the signature with an indefinite length",
    "seal_long_length": "writes the signature's length in more bytes than needed",
    "seal_suspended": "seals, and the seal is suspended between asking and answer",
    "seal_remade": "seals, and the seal is made anew with another key before the answer",
    "seal_cancelled_filed": "seals, and the seal's cancellation is done and filed before the answer",
}
#: Ways of sealing wrongly.
KINDS = {name: Kind("effect", effect) for name, effect in _FLAWS.items()}


class SealWire(CodedWire):
    """Answers and refusals in the codes of the contract's table, signed and bound to their request."""

    results = _result
    code_fields = frozenset({"sealId"})
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


class SealShadowed(Shadowed):
    """Signed as the development node."""

    def let_in(self, tx: Transaction, body: bytes) -> dict[str, str]:
        return signed_headers(SECRET.encode(), NODE, self.service.base.clock.now(), body)


class Seal(Service):
    """One seal service for the organs of 望川区. Nonces are remembered while the process runs."""

    contract = CONTRACT

    def __init__(self, base: Foundation, system: System) -> None:
        super().__init__(base, system, SealWire(base, system))
        self.shadowed = SealShadowed(self)
        self.cabinet = Cabinet(self.name)
        self._nonces: dict[str, datetime] = {}

    # --- operations ------------------------------------------------------------------------------------------------

    def routes(self) -> list[BaseRoute]:
        """The contract's operations."""

        def seal_id(call: Call) -> str:
            return str(call.content["sealId"])

        def reference(call: Call) -> str:
            return str(call.content["reference"])

        return [
            self.operation("ready", self._signed(lambda tx, call: _result("S0000"))),
            self.operation("list_seals", self._signed(self._list), key=lambda call: str(call.content["ownerCode"])),
            self.operation("seal_status", self._signed(self._one), key=seal_id),
            self.operation("apply", self._signed(self._apply), key=reference),
            self.operation("query", self._signed(self._query), key=reference),
            self.operation("void", self._signed(self._void), key=reference),
            self.operation("verify", self._signed(self._verify)),
            *Certification(self, self.cabinet).routes(),
        ]

    def _list(self, tx: Transaction, call: Call) -> Answer:
        owned = [seal for _, seal in tx.list(self.name, "_seal") if seal["ownerCode"] == call.content["ownerCode"]]
        return _result("S0000", {"seals": [self.cabinet.shown(tx, seal, call.now) for seal in owned]})

    def _one(self, tx: Transaction, call: Call) -> Answer:
        seal = tx.get(self.name, "_seal", call.content["sealId"])
        return _result("S0404") if seal is None else _result("S0000", self.cabinet.shown(tx, seal, call.now))

    def _apply(self, tx: Transaction, call: Call) -> Answer:
        asked, reference = call.content, call.content["reference"]
        known = tx.get(self.name, "job", reference)
        if known is not None:
            if known["asked"] != asked:
                raise Refused(_result("S1409"))
            return _result("S0000", known["job"])
        seal = tx.get(self.name, "_seal", asked["sealId"])
        if seal is None:
            raise Refused(_result("S1404"))
        if (status := self.cabinet.status(tx, seal, call.now)) != "ACTIVE":
            raise Refused(_result(_UNUSABLE[status]))
        job = {
            "reference": reference,
            "jobId": f"J{call.now:%Y%m%d}{tx.next(self.name, 'job'):08d}",
            "state": "PENDING",
            "sealId": asked["sealId"],
            "digest": asked["digest"],
        }
        document = {"asked": asked, "job": job, "fault": call.fault}
        tx.put(self.name, "job", reference, document)
        tx.effect(self.name, "apply", reference)
        if not self.settings(tx)["pending"]:
            self._finish_job(tx, document, call.now)
        return _result("S0000", document["job"])

    def _query(self, tx: Transaction, call: Call) -> Answer:
        known = tx.get(self.name, "job", call.content["reference"])
        return _result("S0404") if known is None else _result("S0000", known["job"])

    def _void(self, tx: Transaction, call: Call) -> Answer:
        known = tx.get(self.name, "job", call.content["reference"])
        if known is None:
            return _result("S0404")
        if known["job"]["state"] not in ("DONE", "VOID"):
            raise Refused(_result("S1424"))
        if known["job"]["state"] == "DONE":
            known["job"] |= {"state": "VOID", "reason": call.content["reason"]}
            tx.put(self.name, "job", call.content["reference"], known)
            tx.effect(self.name, "void", call.content["reference"])
        return _result("S0000", known["job"])

    def _verify(self, tx: Transaction, call: Call) -> Answer:
        made = tx.get(self.name, "signature", sm3(unb64(call.content["signature"])).hex())
        job = made and tx.get(self.name, "job", made["reference"])
        if not job:
            reason = "不是本服务制作的签章"
        elif job["asked"]["digest"] != call.content["digest"]:
            reason = "摘要与文件不符"
        elif job["job"]["state"] == "VOID":
            reason = "该签章已作废"
        else:
            reason = ""
        return _result("S0000", {"valid": not reason, "reason": reason})

    # --- sealing ---------------------------------------------------------------------------------------------------

    def _finish_job(
        self, tx: Transaction, document: Document, now: datetime, state: str = "DONE", reason: str = ""
    ) -> None:
        """Decide a job, sign if it is to be signed, and tell the caller by callback."""
        job, asked, fault = document["job"], document["asked"], document["fault"]
        job["state"] = state
        if state == "REFUSED":
            job["reason"] = reason or "用印审批人不予同意"
        else:
            job["signature"] = b64(self._signature(tx, asked, fault, now))
            tx.put(self.name, "signature", sm3(unb64(job["signature"])).hex(), {"reference": job["reference"]})
        self._meanwhile(tx, asked["sealId"], fault, now)
        tx.put(self.name, "job", job["reference"], document)
        notice = {
            "eventId": f"E{now:%Y%m%d}{tx.next(self.name, 'event'):08d}",
            "reference": job["reference"],
            "jobId": job["jobId"],
            "state": job["state"],
            "occurredAt": rfc3339(now.replace(microsecond=0)),
        }
        self.base.callbacks.enqueue(tx, self.name, "job_moved", job["reference"], notice)

    def _meanwhile(self, tx: Transaction, seal_id: str, fault: str, now: datetime) -> None:
        """What happens to the seal between its use and the answer."""
        match fault:
            case "seal_revoked":
                self.cabinet.set_status(tx, seal_id, "CANCELLED", now - timedelta(hours=1))
            case "seal_suspended":
                self.cabinet.set_status(tx, seal_id, "SUSPENDED", now)
            case "seal_cancelled_filed":
                self.cabinet.set_status(tx, seal_id, "CANCELLED", now, filed=True)
            case "seal_remade":
                self.cabinet.remake(tx, seal_id, now)

    def _signature(self, tx: Transaction, asked: Document, fault: str, now: datetime) -> bytes:
        authority, maker = self.cabinet.authority(tx), self.cabinet.maker(tx)
        seal = self.cabinet.hold(tx, asked["sealId"])
        other = next(key for key, _ in tx.list(self.name, "_seal") if key != asked["sealId"])
        flawed, flawed_maker = ses.flawed(fault, seal, self.cabinet.hold(tx, other), maker, authority, now)
        if (flawed, flawed_maker) == (seal, maker):
            made = self.cabinet.eseal(tx, asked["sealId"])
        else:
            made = ses.eseal(flawed, flawed_maker)
        digest = bytes.fromhex(asked["digest"])
        if fault == "seal_wrong_digest":
            digest = sm3(digest)
        der = ses.signature(flawed, made, digest, asked["propertyInfo"], now)
        return ses.SPOILT[fault](der) if fault in ses.SPOILT else der

    # --- seals and keys ----------------------------------------------------------------------------------------------

    def set_up(self, tx: Transaction) -> None:
        """The CA, the maker, and a seal for each organ, unless this state file has them."""
        if self.cabinet.found(tx, ROOT):
            for seal in SEALS:
                self.cabinet.make(tx, seal)

    def forget(self) -> None:
        """Nonces may come again."""
        self._nonces = {}

    def seed(self, tx: Transaction, data: Any) -> None:
        """Further seals."""
        for seal in data.get("seals", ()):
            if tx.get(self.name, "_seal", seal["sealId"]) is None:
                self.cabinet.make(tx, seal)

    def credentials(self) -> dict[str, Any]:
        """Node and secret, certificates of root, authority, maker and ordinary time stamps, and seals to try with."""
        with self.base.state.transaction() as tx:
            root, authority, maker = self.cabinet.root(tx), self.cabinet.authority(tx), self.cabinet.maker(tx)
            ordinary = self.cabinet.ordinary_root(tx)
        return {
            "node": NODE,
            "secret": SECRET,
            "root": b64(root.certificate),
            "authority": b64(authority.certificate),
            "maker": b64(maker.certificate),
            "stamp_root": b64(ordinary),
            "seal_id": SEALS[0]["sealId"],
            "finance_seal_id": FINANCE,
        }

    def acts(self) -> list[Act]:
        """Root certificate, status of a seal, waiting jobs."""
        return Desk(self, self.cabinet, self._finish_job).acts()

    # --- signatures of messages and refusals -------------------------------------------------------------------------

    def _signed(self, handler: Handler) -> Handler:
        """The handler behind a check of node, time, nonce and signature."""

        def guarded(tx: Transaction, call: Call) -> Answer:
            headers = call.request.headers
            node, stamp, nonce = (headers.get(f"x-{part}", "") for part in ("node-code", "timestamp", "nonce"))
            right = signature(SECRET.encode(), node, stamp, nonce, call.body)
            if not hmac.compare_digest(right.encode(), headers.get("x-signature", "").encode()):
                raise Refused(_result("S0401"))
            near = {old: at for old, at in self._nonces.items() if abs((call.now - at).total_seconds()) <= 600}
            if not fresh(headers, call.now) or nonce in near:
                raise Refused(_result("S0402"))
            self._nonces = near | {nonce: call.now}
            if node != NODE:
                raise Refused(_result("S0403"))
            return handler(tx, call)

        return guarded


SYSTEM = System(
    name="seal",
    contract="seal/v1",
    title="电子签章",
    build=Seal,
    operations=frozenset(CONTRACT.operations),
    callbacks=frozenset({"job_moved"}),
    kinds=KINDS,
    settings=Settings({"pending": False}, {"pending": {"type": "boolean"}}),
    seed=SEED,
)
