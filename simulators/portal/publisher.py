"""What systems have in common that publish decisions by signed JSON and show them to everybody: portals, and GSXT.

An effect is applied at once, or waits: for a review, or for somebody else (``Publisher.waits``). One reference has one
effect; asking twice is answered the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.routing import BaseRoute

import contracts
from simulators.credit.judgement import uscc_holds
from simulators.frame import (
    Act,
    Answer,
    Call,
    Document,
    Entry,
    Foundation,
    Page,
    Refused,
    Service,
    Shadowed,
    System,
    Transaction,
    Wire,
    rfc3339,
    text,
)
from simulators.marking import MARKS, marks_after, state_of
from simulators.signing import fresh, genuine, signed_headers

_PERSONAL = re.compile(r"(?<!\d)(\d{17}[\dXx]|1[3-9]\d{9})(?!\d)")
_STATES = {"PUBLISHED": "公示中", "WITHDRAWN": "已撤回", "REPAIRED": "已修复，终止公示", "ENDED": "公示期满"}
_UNKNOWN = {"meaning": "未知结果", "status": "200"}


@dataclass(frozen=True)
class Words:
    """What one contract calls things. ``key``: number, organ and party of a publication; ``text``: beside the record.

    ``clean``: what must hold no personal data; ``codes``: unified codes; ``schema``: of the record, for its titles;
    ``long``: what stands only on the page of one entry; ``unseen``: what is for programs.
    """

    system: str
    letter: str
    record: str
    schema: str
    key: tuple[str, str, str]
    until: str
    decided: str
    published: str
    codes: tuple[str, ...]
    clean: tuple[str, ...]
    text: str = ""
    long: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    receipt: str = "G"
    node: str = ""
    secret: str = ""

    def result(self, number: str, **members: Any) -> Answer:
        """An answer with a result code of the contract; ``number``: without its letter, or any whole code."""
        code = number if not number.isdecimal() or len(number) != 4 else self.letter + number
        rows = {row["code"]: row for row in contracts.code_table(self.system, "v1", "results")}
        row = rows.get(code, _UNKNOWN)
        return Answer({"code": code, "message": row["meaning"], **members}, int(row["status"]))

    def refused_fields(self, errors: Sequence[tuple[str, str]]) -> Refused:
        """A refusal that names fields."""
        words = {row["code"]: row["meaning"] for row in contracts.code_table(self.system, "v1", "field_errors")}
        named = [{"field": field, "code": code, "message": words[code]} for field, code in errors]
        return Refused(self.result("0422", fieldErrors=named))

    def key_of(self, holder: Document) -> str:
        """The key of a publication as one text."""
        return "|".join(holder[name] for name in self.key)

    def group_of(self, holder: Document) -> str:
        """Under what the public asks for it."""
        return f"{holder[self.key[0]]}|{holder[self.key[1]]}"


class PublisherWire(Wire):
    """Refusals in the codes of the contract's table."""

    status_fields = frozenset({"code", "state"})
    words: ClassVar[Words]

    def invalid(self, call: Call, errors: Any) -> Answer:
        """…0400, with what the contract says."""
        answer = self.words.result("0400")
        answer.body["message"] += "：" + "; ".join(errors)[:300]
        return answer

    def busy(self, call: Call, seconds: float) -> Answer:
        """…0503."""
        answer = self.words.result("0503")
        answer.headers["Retry-After"] = str(max(1, round(seconds)))
        return answer

    def with_code(self, call: Call, code: str) -> Answer:
        """Any code of the table; one that it does not have comes with 200."""
        return self.words.result(code)

    def not_found(self, call: Call) -> Answer:
        """…0404, or an empty list."""
        return self.words.result("0000", records=[]) if call.operation == "shown" else self.words.result("0404")


Apply = Callable[[Transaction, Document], None]


class PublisherShadowed(Shadowed):
    """Signed as the development node."""

    service: Shown

    def let_in(self, tx: Transaction, body: bytes) -> dict[str, str]:
        words = self.service.words
        return signed_headers(words.secret.encode(), words.node, self.service.base.clock.now(), body)


class Shown(Service):
    """What everybody sees of what is published, and whose signed requests are heard."""

    words: ClassVar[Words]
    heading: ClassVar[str] = "行政执法决定公示"

    def __init__(self, base: Foundation, system: System, wire: PublisherWire) -> None:
        super().__init__(base, system, wire)
        self.shadowed = PublisherShadowed(self)

    def shows_besides(self, tx: Transaction, entry: Document) -> Document:
        """What stands beside a published entry."""
        return {}

    def look(self, tx: Transaction, now: datetime) -> None:
        """Let happen what has become due."""

    def _shown(self, tx: Transaction, call: Call) -> Answer:
        self.look(tx, call.now)
        group = "|".join(call.params[name] for name in self.words.key[:2])
        entries = [entry for _, entry in tx.list(self.name, "entry", group)]
        return self.words.result("0000", records=[self.face(tx, one) for one in entries])

    def state(self, entry: Document) -> str:
        """The state of an entry today."""
        today = self.base.clock.today().isoformat()
        return state_of(entry, entry["record"][self.words.until] < today)

    def face(self, tx: Transaction, entry: Document) -> Document:
        """What the public sees of an entry."""
        words, record, state = self.words, entry["record"], self.state(entry)
        face = {
            "state": state,
            "key": {name: record[name] for name in words.key},
            "url": f"{self.url}/public/{entry['number']}",
        }
        if state == "PUBLISHED":
            face |= {words.record: record, words.published: entry["publishedOn"]}
            if entry.get("text"):
                face[words.text] = entry["text"]
            if entry.get("marks"):
                face["marks"] = entry["marks"]
            face |= self.shows_besides(tx, entry)
        elif "explanation" in entry:
            face["explanation"] = entry["explanation"]
        if state == "REPAIRED":
            face |= self.shows_besides(tx, entry)
        return face

    # --- what people see --------------------------------------------------------------------------------------------

    def pages(self) -> list[Page]:
        """All publications, and each alone with its text."""
        look = (self.heading, self._entries, "暂无公示信息。")
        return [Page("/public", *look), Page("/public/{number:int}", *look)]

    def _entries(self, tx: Transaction, request: Request) -> list[Entry] | None:
        number = request.path_params.get("number")
        self.look(tx, self.base.clock.now())
        found = [one for _, one in tx.list(self.name, "entry") if number in (None, one["number"])]
        faces = [self.face(tx, entry) for entry in found]
        entries = [self.rows(one, number is not None) for one in faces if one["state"] != "SHIELDED"]
        return entries if entries or number is None else None

    def rows(self, face: Document, alone: bool) -> Entry:
        """An entry as names and values; its text only where it stands ``alone``."""
        words = self.words
        titles = self.contract.document["components"]["schemas"][words.schema]["properties"]
        shown = face.get(words.record) or face["key"]
        rows = [
            (titles[name]["title"], "；".join(value) if isinstance(value, list) else value)
            for name, value in shown.items()
            if name in titles and name not in words.unseen and (alone or name not in words.long)
        ]
        rows += [("状态", _STATES[face["state"]])]
        rows += [("标注", "；".join(map(MARKS.__getitem__, face["marks"])))] if "marks" in face else []
        more = ((words.published, "公示日期"), ("explanation", "说明"), (words.text, "决定书全文"))
        rows += [(title, face[name]) for name, title in more if name in face and (alone or name != words.text)]
        return rows

    def credentials(self) -> dict[str, Any]:
        """Node and secret, and the page to look at."""
        return {"node": self.words.node, "secret": self.words.secret, "public": f"{self.url}/public"}

    # --- signatures -------------------------------------------------------------------------------------------------

    def signed(self, handler: Callable[[Transaction, Call], Answer]) -> Callable[[Transaction, Call], Answer]:
        """A handler behind the check of signature, time and nonce."""

        def guarded(tx: Transaction, call: Call) -> Answer:
            if not self.authentic(call):
                raise Refused(self.words.result("0401"))
            nonce = self.nonce(call)
            if not self.timely(call) or tx.get(self.name, "nonce", nonce) is not None:
                raise Refused(self.words.result("0402"))
            tx.put(self.name, "nonce", nonce, {})
            return handler(tx, call)

        return guarded

    def authentic(self, call: Call) -> bool:
        """Whether the signature is right for these bytes."""
        headers = call.request.headers
        return headers.get("x-node-code") == self.words.node and genuine(self.words.secret.encode(), headers, call.body)

    def timely(self, call: Call) -> bool:
        """Whether it was signed now."""
        return fresh(call.request.headers, call.now)

    def nonce(self, call: Call) -> str:
        """What is never seen twice."""
        return call.request.headers.get("x-nonce", "")


class Publisher(Shown):
    """Publishes, corrects, takes back and ends."""

    kinds: ClassVar[Mapping[str, str]]

    # --- to be overridden -------------------------------------------------------------------------------------------

    def appliers(self) -> Mapping[str, Apply]:
        """What each kind of effect does."""
        return {"PUBLISH": self._publish, "CORRECT": self._correct, "WITHDRAW": self._withdraw}

    def waits(self, tx: Transaction, kind: str, content: Document) -> Document | None:
        """What is told of an effect that is not applied at once; None: it is."""
        settings = self.settings(tx)
        held = (kind == "PUBLISH" and settings["review"]) or (kind in ("REPAIR", "END") and settings["repair_review"])
        return {"state": "PENDING"} if held else None

    def wrong(self, tx: Transaction, record: Document, text: str) -> list[tuple[str, str]]:
        """(field, code) for what is wrong with a record beyond the schema."""
        words = self.words
        errors = [(name, "E05") for name in words.codes if name in record and not uscc_holds(record[name])]
        if record[words.until] < record[words.decided]:
            errors.append((words.until, "E06"))
        clean = [(name, record[name]) for name in words.clean if name in record] + [(words.text, text)]
        return errors + [(name, "E12") for name, value in clean if name and _PERSONAL.search(value)]

    # --- effects ----------------------------------------------------------------------------------------------------

    def effects(self) -> list[BaseRoute]:
        """The routes of effects and of questions about them."""
        reference = lambda call: str(call.content["reference"])  # noqa: E731
        return [
            self.operation("ready", self.signed(self._ready)),
            *(self.operation(one, self.signed(self._effect), key=reference) for one in self.kinds),
            self.operation("find", self.signed(self._find), key=lambda call: call.params["reference"]),
            self.operation("shown", self._shown, key=lambda call: call.params[self.words.key[0]]),
        ]

    def routes(self) -> list[BaseRoute]:
        """The contract's operations."""
        return self.effects()

    def acts(self) -> list[Act]:
        """The review of what waits for it."""
        told = {"reference": text("编号（空：全部）"), "reject": text("退回理由（空：通过）")}
        return [Act("review", "/review", "审核", "decide what waits for review", self._review, fields=told)]

    def _ready(self, tx: Transaction, call: Call) -> Answer:
        return self.words.result("0000", now=rfc3339(call.now.replace(microsecond=0)))

    def _effect(self, tx: Transaction, call: Call) -> Answer:
        """One effect under the sender's reference: applied once, answered the same each time."""
        words, content = self.words, call.content
        reference, kind = content["reference"], self.kinds[call.operation]
        digest = sha256(json.dumps([kind, content], sort_keys=True).encode()).hexdigest()
        held = tx.get(self.name, "submission", reference)
        if held is not None:
            if held["digest"] != digest:
                raise Refused(words.result("0409"))
            return words.result("0000", submission=_public(held))
        record = content.get(words.record)
        if record and (errors := self.wrong(tx, record, content.get(words.text, ""))):
            raise words.refused_fields(errors)
        if kind == "PUBLISH":
            self._check_free(tx, record)
        submission = {
            "reference": reference,
            "kind": kind,
            "state": "ACCEPTED",
            "receipt": f"{words.receipt}{call.now:%Y%m%d}{tx.next(self.name, 'receipt'):08d}",
            "receivedAt": rfc3339(call.now.replace(microsecond=0)),
            "digest": digest,
            "content": content,
        }
        if told := self.waits(tx, kind, content):
            submission |= told
        else:
            self.appliers()[kind](tx, content)
        tx.put(self.name, "submission", reference, submission, group=self._waiting(submission))
        tx.effect(self.name, call.operation, reference)
        return words.result("0000", submission=_public(submission))

    @staticmethod
    def _waiting(submission: Document) -> str:
        return "decided" if submission["state"] in ("ACCEPTED", "REJECTED") else "waiting"

    def _check_free(self, tx: Transaction, record: Document) -> None:
        key = self.words.key_of(record)
        held = tx.get(self.name, "entry", key)
        waiting = [one["content"].get(self.words.record) for _, one in tx.list(self.name, "submission", "waiting")]
        known = [self.words.key_of(one) for one in waiting if one]
        if (held is not None and self.state(held) in ("PUBLISHED", "SHIELDED")) or key in known:
            raise Refused(self.words.result("0410"))

    def _publish(self, tx: Transaction, content: Document) -> None:
        words, record = self.words, content[self.words.record]
        key = words.key_of(record)
        held = tx.get(self.name, "entry", key)
        entry = {
            "number": held["number"] if held else tx.next(self.name, "entry"),
            "state": "PUBLISHED",
            "record": record,
            "text": content.get(words.text),
            "publishedOn": self.base.clock.today().isoformat(),
        }
        tx.put(self.name, "entry", key, entry, group=words.group_of(record))

    def _correct(self, tx: Transaction, content: Document) -> None:
        record = content[self.words.record]
        self.change(tx, record, ("PUBLISHED",), record=record, text=content.get(self.words.text))

    def _withdraw(self, tx: Transaction, content: Document) -> None:
        states = ("PUBLISHED", "SHIELDED", "REPAIRED", "ENDED", "WITHDRAWN")
        self.change(tx, content["key"], states, state="WITHDRAWN", explanation=content["explanation"])

    def repaired(self, tx: Transaction, key: Document, number: str) -> None:
        """End an entry after repair."""
        states = ("PUBLISHED", "SHIELDED", "REPAIRED")
        self.change(tx, key, states, state="REPAIRED", explanation=f"信用修复：{number}")

    def marked(self, tx: Transaction, content: Document) -> None:
        """Set a mark on what is shown, or lift it."""
        entry = tx.get(self.name, "entry", self.words.key_of(content["key"]))
        marks = marks_after(entry or {}, content)
        self.change(tx, content["key"], ("PUBLISHED", "SHIELDED"), marks=marks)

    def change(self, tx: Transaction, key: Document, states: tuple[str, ...], **change: Any) -> None:
        """Change an entry that is in one of these states. Refused where there is none."""
        entry = tx.get(self.name, "entry", self.words.key_of(key))
        if entry is None or self.state(entry) not in states:
            raise Refused(self.words.result("0404"))
        tx.put(self.name, "entry", self.words.key_of(key), entry | change, group=self.words.group_of(key))

    # --- questions --------------------------------------------------------------------------------------------------

    def _find(self, tx: Transaction, call: Call) -> Answer:
        self.look(tx, call.now)
        held = tx.get(self.name, "submission", call.params["reference"])
        return self.words.result("0404") if held is None else self.words.result("0000", submission=_public(held))

    # --- control ----------------------------------------------------------------------------------------------------

    def _review(self, request: Request, body: Any) -> Any:
        """Decide what waits: ``{"reference": …}`` for one, ``"reject": "words"`` to refuse."""
        body = body or {}
        with self.base.state.transaction() as tx:
            waiting = [one for _, one in tx.list(self.name, "submission", "waiting")]
            chosen = [one for one in waiting if body.get("reference") in (None, one["reference"])]
            for submission in chosen:
                self.decide(tx, submission, body.get("reject"))
        return {"reviewed": [one["reference"] for one in chosen]}

    def decide(self, tx: Transaction, submission: Document, refuse: str | None = None) -> None:
        """Apply what waits, or refuse it in these words."""
        if refuse is not None:
            submission |= {"state": "REJECTED", "reason": refuse}
        else:
            submission["state"] = "ACCEPTED"
            try:
                self.appliers()[submission["kind"]](tx, submission["content"])
            except Refused as refusal:
                submission |= {"state": "REJECTED", "reason": refusal.answer.body["message"]}
        tx.put(self.name, "submission", submission["reference"], submission, group="decided")


def _public(submission: Document) -> Document:
    return {name: value for name, value in submission.items() if name not in ("digest", "content", "due")}
