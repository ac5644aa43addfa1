"""The portal: publishes at once, or after review, and shows what it has to everybody.

Settings over ``POST /_sim/portal/settings``: ``review`` (true: publications wait for ``POST /_sim/portal/review``).
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from starlette.requests import Request
from starlette.routing import BaseRoute, Route

import contracts
from simulators.credit.judgement import uscc_holds
from simulators.frame import (
    Answer,
    Call,
    Document,
    Entry,
    Foundation,
    OpenApiContract,
    Page,
    Refused,
    Service,
    Settings,
    System,
    Transaction,
    Wire,
    endpoint,
    rfc3339,
)

NODE = "PK990102"
SECRET = "development-portal-secret"  # noqa: S105 - known to everybody on purpose
TOLERANCE = 300.0

_RESULTS = {row["code"]: row for row in contracts.code_table("portal", "v1", "results")}
_UNKNOWN = {"meaning": "未知结果", "status": "200"}
_WORDS = {row["code"]: row["meaning"] for row in contracts.code_table("portal", "v1", "field_errors")}
_PERSONAL = re.compile(r"(?<!\d)(\d{17}[\dXx]|1[3-9]\d{9})(?!\d)")
_KINDS = {"publish": "PUBLISH", "correct": "CORRECT", "withdraw": "WITHDRAW", "end": "END"}
_STATES = {"PUBLISHED": "公示中", "WITHDRAWN": "已撤回", "REPAIRED": "已修复，终止公示", "ENDED": "公示期满"}


CONTRACT = OpenApiContract(contracts.path("portal/v1/openapi.json"))


class PortalWire(Wire):
    """Refusals in the codes of the contract's table."""

    amount_fields = frozenset({"content"})
    code_fields = frozenset({"reference", "decisionNumber"})
    status_fields = frozenset({"code", "state"})

    def invalid(self, call: Call, errors: Any) -> Answer:
        """P0400, with what the contract says."""
        answer = _result("P0400")
        answer.body["message"] += "：" + "; ".join(errors)[:300]
        return answer

    def busy(self, call: Call, seconds: float) -> Answer:
        """P0503."""
        answer = _result("P0503")
        answer.headers["Retry-After"] = str(max(1, round(seconds)))
        return answer

    def with_code(self, call: Call, code: str) -> Answer:
        """Any code of the table; one that it does not have comes with 200."""
        return _result(code)

    def not_found(self, call: Call) -> Answer:
        """P0404, or an empty list."""
        return _result("P0000", records=[]) if call.operation == "shown" else _result("P0404")


class Portal(Service):
    """Publishes summaries and texts of penalty decisions."""

    contract = CONTRACT

    def __init__(self, base: Foundation, system: System) -> None:
        super().__init__(base, system, PortalWire(base, system))

    # --- operations ------------------------------------------------------------------------------------------------

    def routes(self) -> list[BaseRoute]:
        """The contract's operations."""
        reference = lambda call: str(call.content["reference"])  # noqa: E731
        return [
            self.operation("ready", self._signed(self._ready)),
            self.operation("publish", self._signed(self._effect(self._publish)), key=reference),
            self.operation("correct", self._signed(self._effect(self._correct)), key=reference),
            self.operation("withdraw", self._signed(self._effect(self._withdraw)), key=reference),
            self.operation("end", self._signed(self._effect(self._end)), key=reference),
            self.operation("find", self._signed(self._find), key=lambda call: call.params["reference"]),
            self.operation("shown", self._shown, key=lambda call: call.params["decisionNumber"]),
        ]

    def control_routes(self) -> list[BaseRoute]:
        """The review of what waits for it."""
        return [Route("/review", endpoint(self._review), methods=["POST"])]

    def _ready(self, tx: Transaction, call: Call) -> Answer:
        return _result("P0000", now=rfc3339(call.now.replace(microsecond=0)))

    def _effect(self, apply: Callable[[Transaction, Document], None]) -> Callable[[Transaction, Call], Answer]:
        """One effect under the sender's reference: applied once, answered the same each time."""

        def once(tx: Transaction, call: Call) -> Answer:
            reference, kind = call.content["reference"], _KINDS[call.operation]
            digest = sha256(json.dumps([kind, call.content], sort_keys=True).encode()).hexdigest()
            held = tx.get(self.name, "submission", reference)
            if held is not None:
                if held["digest"] != digest:
                    raise Refused(_result("P0409"))
                return _result("P0000", submission=_public(held))
            if summary := call.content.get("summary"):
                _check(summary, call.content.get("fullText", ""))
            waits = kind == "PUBLISH" and bool(self.settings(tx)["review"])
            self._check_free(tx, kind, call.content)
            if not waits:
                apply(tx, call.content)
            submission = {
                "reference": reference,
                "kind": kind,
                "state": "PENDING" if waits else "ACCEPTED",
                "receipt": f"G{call.now:%Y%m%d}{tx.next(self.name, 'receipt'):08d}",
                "receivedAt": rfc3339(call.now.replace(microsecond=0)),
                "digest": digest,
                "content": call.content,
            }
            tx.put(self.name, "submission", reference, submission, group=submission["state"])
            tx.effect(self.name, call.operation, reference)
            return _result("P0000", submission=_public(submission))

        return once

    def _check_free(self, tx: Transaction, kind: str, content: Document) -> None:
        if kind != "PUBLISH":
            return
        key = _key(content["summary"])
        held = tx.get(self.name, "entry", key)
        waiting = [_key(one["content"]["summary"]) for _, one in tx.list(self.name, "submission", "PENDING")]
        if (held is not None and self._state(held) == "PUBLISHED") or key in waiting:
            raise Refused(_result("P0410"))

    def _publish(self, tx: Transaction, content: Document) -> None:
        key = _key(content["summary"])
        held = tx.get(self.name, "entry", key)
        entry = {
            "number": held["number"] if held else tx.next(self.name, "entry"),
            "state": "PUBLISHED",
            "summary": content["summary"],
            "fullText": content.get("fullText"),
            "publishedOn": self.base.clock.today().isoformat(),
        }
        tx.put(self.name, "entry", key, entry, group=_group(content["summary"]))

    def _correct(self, tx: Transaction, content: Document) -> None:
        self._change(
            tx, content["summary"], ("PUBLISHED",), summary=content["summary"], fullText=content.get("fullText")
        )

    def _withdraw(self, tx: Transaction, content: Document) -> None:
        states = ("PUBLISHED", "REPAIRED", "ENDED", "WITHDRAWN")
        self._change(tx, content["key"], states, state="WITHDRAWN", explanation=content["explanation"])

    def _end(self, tx: Transaction, content: Document) -> None:
        if content["cause"] == "REPAIRED":
            explanation = f"信用修复：{content['documentNumber']}"
            self._change(tx, content["key"], ("PUBLISHED", "REPAIRED"), state="REPAIRED", explanation=explanation)
        else:
            self._change(tx, content["key"], ("PUBLISHED", "ENDED"), state="ENDED")

    def _change(self, tx: Transaction, key: Document, states: tuple[str, ...], **change: Any) -> None:
        entry = tx.get(self.name, "entry", _key(key))
        if entry is None or self._state(entry) not in states:
            raise Refused(_result("P0404"))
        tx.put(self.name, "entry", _key(key), entry | change, group=_group(key))

    def _find(self, tx: Transaction, call: Call) -> Answer:
        held = tx.get(self.name, "submission", call.params["reference"])
        return _result("P0404") if held is None else _result("P0000", submission=_public(held))

    def _shown(self, tx: Transaction, call: Call) -> Answer:
        group = f"{call.params['decisionNumber']}|{call.params['authorityCode']}"
        return _result("P0000", records=[self._face(entry) for _, entry in tx.list(self.name, "entry", group)])

    # --- what people see -------------------------------------------------------------------------------------------

    def _state(self, entry: Document) -> str:
        ended = entry["state"] == "PUBLISHED" and entry["summary"]["publishUntil"] < self.base.clock.today().isoformat()
        return "ENDED" if ended else str(entry["state"])

    def _face(self, entry: Document) -> Document:
        summary, state = entry["summary"], self._state(entry)
        face = {
            "state": state,
            "key": {name: summary[name] for name in ("decisionNumber", "authorityCode", "partyName")},
            "url": f"{self.url}/public/{entry['number']}",
        }
        if state == "PUBLISHED":
            face |= {"summary": summary, "publishedOn": entry["publishedOn"]}
            if entry.get("fullText"):
                face["fullText"] = entry["fullText"]
        elif "explanation" in entry:
            face["explanation"] = entry["explanation"]
        return face

    def pages(self) -> list[Page]:
        """All publications, and each alone with its text."""
        look = ("行政执法决定公示", self._entries, "暂无公示信息。")
        return [Page("/public", *look), Page("/public/{number:int}", *look)]

    def _entries(self, tx: Transaction, request: Request) -> list[Entry] | None:
        number = request.path_params.get("number")
        found = [one for _, one in tx.list(self.name, "entry") if number in (None, one["number"])]
        titles = CONTRACT.document["components"]["schemas"]["Summary"]["properties"]
        entries: list[Entry] = []
        for entry in found:
            face = self._face(entry)
            shown = face.get("summary") or face["key"]
            rows = [
                (titles[name]["title"], "；".join(value) if isinstance(value, list) else value)
                for name, value in shown.items()
                if name in titles and name != "partyCategory"
            ]
            rows += [("状态", _STATES[face["state"]])]
            more = (("publishedOn", "公示日期"), ("explanation", "说明"), ("fullText", "决定书全文"))
            rows += [(words, face[name]) for name, words in more if name in face and (number or name != "fullText")]
            entries.append(rows)
        return entries if entries or number is None else None

    # --- control ---------------------------------------------------------------------------------------------------

    def _review(self, request: Request, body: Any) -> Any:
        """Decide what waits: ``{"reference": …}`` for one, ``"reject": "words"`` to refuse."""
        body = body or {}
        with self.base.state.transaction() as tx:
            pending = [one for _, one in tx.list(self.name, "submission", "PENDING")]
            chosen = [one for one in pending if body.get("reference") in (None, one["reference"])]
            for submission in chosen:
                if "reject" in body:
                    submission |= {"state": "REJECTED", "reason": body["reject"]}
                else:
                    submission["state"] = "ACCEPTED"
                    self._publish(tx, submission["content"])
                tx.put(self.name, "submission", submission["reference"], submission, group=submission["state"])
        return {"reviewed": [one["reference"] for one in chosen]}

    def credentials(self) -> dict[str, Any]:
        """Node and secret, and the page to look at."""
        return {"node": NODE, "secret": SECRET, "public": f"{self.url}/public"}

    # --- signatures and refusals -----------------------------------------------------------------------------------

    def _signed(self, handler: Callable[[Transaction, Call], Answer]) -> Callable[[Transaction, Call], Answer]:
        def guarded(tx: Transaction, call: Call) -> Answer:
            headers = call.request.headers
            node, stamp, nonce = (headers.get(f"x-{part}", "") for part in ("node-code", "timestamp", "nonce"))
            mac = HMAC(SECRET.encode(), hashes.SM3())
            mac.update(f"{node}\n{stamp}\n{nonce}\n".encode() + call.body)
            given = headers.get("x-signature", "").lower()
            if node != NODE or not hmac.compare_digest(given.encode(), mac.finalize().hex().encode()):
                raise Refused(_result("P0401"))
            fresh = stamp.isdecimal() and abs(call.now.timestamp() * 1000 - int(stamp)) <= TOLERANCE * 1000
            if not fresh or tx.get(self.name, "nonce", nonce) is not None:
                raise Refused(_result("P0402"))
            tx.put(self.name, "nonce", nonce, {})
            return handler(tx, call)

        return guarded


def _check(summary: Document, text: str) -> None:
    """What the portal looks for beyond the schema."""
    errors: list[tuple[str, str]] = []
    for name in ("partyCode", "authorityCode"):
        if name in summary and not uscc_holds(summary[name]):
            errors.append((name, "E05"))
    if summary["publishUntil"] < summary["decidedOn"]:
        errors.append(("publishUntil", "E06"))
    for name, value in (("violation", summary["violation"]), ("content", summary["content"]), ("fullText", text)):
        if _PERSONAL.search(value):
            errors.append((name, "E12"))
    if errors:
        named = [{"field": field, "code": code, "message": _WORDS[code]} for field, code in errors]
        raise Refused(_result("P0422", fieldErrors=named))


def _result(code: str, **members: Any) -> Answer:
    row = _RESULTS.get(code, _UNKNOWN)
    return Answer({"code": code, "message": row["meaning"], **members}, int(row["status"]))


def _key(holder: Document) -> str:
    return "|".join(holder[name] for name in ("decisionNumber", "authorityCode", "partyName"))


def _group(holder: Document) -> str:
    return f"{holder['decisionNumber']}|{holder['authorityCode']}"


def _public(submission: Document) -> Document:
    return {name: value for name, value in submission.items() if name not in ("digest", "content")}


SYSTEM = System(
    name="portal",
    title="行政执法信息公示平台",
    build=Portal,
    operations=frozenset(CONTRACT.operations),
    settings=Settings({"review": False}, {"review": {"type": "boolean"}}),
)
