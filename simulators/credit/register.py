"""The register of penalties: what is published, and the verdicts by which it gets there and changes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import contracts
from simulators.acts import Run
from simulators.credit.judgement import field_errors
from simulators.frame import Act, Document, OpenApiContract, Service, Transaction, rfc3339, text
from simulators.marking import marks_after, state_of

CONTRACT = OpenApiContract(contracts.path("credit/v1/openapi.json"))

_WORDS = {row["code"]: row["meaning"] for row in contracts.code_table("credit", "v1", "field_errors")}
_KEY = ("CF_WSH", "CF_CFJGDM", "CF_XDR_MC")
_SHOWN = ("CF_XDR_SHXYM", "CF_WFXW", "CF_CFLB", "CF_NR", "CF_JDRQ", "CF_GSJZQ", "CF_CFJG")
_NONE = "0" * 17 + "X"


class Register:
    """The submissions and records of one platform, kept as documents of its system."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.base = service.base
        self.name = service.name

    def judge(self, tx: Transaction, now: datetime) -> None:
        """Decide everything whose time has come, in the order in which it was taken in."""
        for _, submission in tx.list(self.name, "submission", "PENDING"):
            if submission["due"] is not None and datetime.fromisoformat(submission["due"]) <= now:
                self.decide(tx, submission)

    def judge_later(self, seconds: float) -> None:
        """Do so once that much real time has passed."""

        def judge() -> None:
            if self.base.state.closed:  # the world ended before
                return
            with self.base.state.transaction() as tx:
                self.judge(tx, self.base.clock.now())

        asyncio.get_running_loop().call_later(seconds + 0.01, judge)

    def records(self, tx: Transaction, decision: Mapping[str, str], now: datetime) -> list[Document]:
        """What the register has of a decision by its number and authority."""
        self.judge(tx, now)
        group = f"{decision['CF_WSH']}|{decision['CF_CFJGDM']}"
        return [record for _, record in tx.list(self.name, "record", group)]

    def decide(self, tx: Transaction, submission: Document, refuse: str | None = None) -> None:
        """Give the verdict on one, "no" in the words of ``refuse`` if there are any, and tell of it by callback."""
        apply = {
            "SUBMIT": self._publish,
            "CORRECT": self._correct,
            "WITHDRAW": self._take_back,
            "REPAIR": self._mend,
            "MARK": self._mark,
        }
        errors = [("", "F00")] if refuse else apply[submission["kind"]](tx, submission)
        submission["state"] = "REJECTED" if errors else "ACCEPTED"
        submission["decidedAt"] = rfc3339(self.base.clock.now().replace(microsecond=0))
        if errors:
            submission["reason"] = refuse or "数据校验不通过"
            named = [(field, code) for field, code in errors if field]
            submission["fieldErrors"] = [{"field": f, "code": c, "message": _WORDS[c]} for f, c in named]
        tx.put(self.name, "submission", submission["sourceId"], submission, group=submission["state"])
        if self.service.settings(tx)["callbacks"]:
            payload = {"sourceId": submission["sourceId"], "state": submission["state"]}
            self.base.callbacks.enqueue(tx, self.name, "verdict", submission["sourceId"], payload)

    def _publish(self, tx: Transaction, submission: Document) -> list[tuple[str, str]]:
        penalty = submission["content"]["penalty"]
        if errors := field_errors(CONTRACT.document, penalty, self.service.settings(tx)["table"]):
            return errors
        key = _key(penalty)
        held = tx.get(self.name, "record", key)
        if held is not None and self.state(held) in ("PUBLISHED", "SHIELDED"):
            return [("CF_WSH", "F07")]
        record = {
            "number": held["number"] if held else tx.next(self.name, "record"),
            "sourceId": submission["sourceId"],
            "state": "PUBLISHED",
            "publishedOn": self.base.clock.today().isoformat(),
            "seen": rfc3339(self.base.clock.now() + timedelta(seconds=self.service.settings(tx)["publish_seconds"])),
            "penalty": penalty,
        }
        tx.put(self.name, "record", key, record, group=f"{penalty['CF_WSH']}|{penalty['CF_CFJGDM']}")
        return []

    def _correct(self, tx: Transaction, submission: Document) -> list[tuple[str, str]]:
        penalty = submission["content"]["penalty"]
        if errors := field_errors(CONTRACT.document, penalty, self.service.settings(tx)["table"]):
            return errors
        return self._change(tx, penalty, ("PUBLISHED",), penalty=penalty)

    def _take_back(self, tx: Transaction, submission: Document) -> list[tuple[str, str]]:
        content = submission["content"]
        states = ("PUBLISHED", "SHIELDED", "REPAIRED", "ENDED", "WITHDRAWN")
        return self._change(tx, content["key"], states, state="WITHDRAWN", explanation=content["reason"])

    def _mend(self, tx: Transaction, submission: Document) -> list[tuple[str, str]]:
        content = submission["content"]
        explanation = f"信用修复：{content['repairNumber']}"
        states = ("PUBLISHED", "SHIELDED", "REPAIRED")
        return self._change(tx, content["key"], states, state="REPAIRED", explanation=explanation)

    def _mark(self, tx: Transaction, submission: Document) -> list[tuple[str, str]]:
        content = submission["content"]
        marks = marks_after(tx.get(self.name, "record", _key(content["key"])) or {}, content)
        return self._change(tx, content["key"], ("PUBLISHED", "SHIELDED"), marks=marks)

    def _change(self, tx: Transaction, key: Document, states: tuple[str, ...], **change: Any) -> list[tuple[str, str]]:
        record = tx.get(self.name, "record", _key(key))
        if record is None or self.state(record) not in states:
            return [("CF_WSH", "F08")]
        tx.put(self.name, "record", _key(key), record | change, group=f"{key['CF_WSH']}|{key['CF_CFJGDM']}")
        return []

    def seen(self, record: Document, now: datetime) -> bool:
        """Whether the public page has got as far as this record."""
        return datetime.fromisoformat(record["seen"]) <= now

    def state(self, record: Document) -> str:
        """The state of a record today."""
        return state_of(record, record["penalty"]["CF_GSJZQ"] < self.base.clock.today().isoformat())

    def face(self, record: Document) -> Document:
        """What the public sees of a record."""
        state, penalty = self.state(record), record["penalty"]
        name = penalty["CF_XDR_MC"]
        if penalty.get("CF_XDR_LB") == "自然人" or "CF_XDR_SFZ" in penalty:
            name = name[0] + "*" * (len(name) - 1)
        face = {
            "state": state,
            "CF_WSH": penalty["CF_WSH"],
            "CF_CFJGDM": penalty["CF_CFJGDM"],
            "CF_XDR_MC": name,
            "url": f"{self.service.url}/public/{record['number']}",
        }
        if state == "PUBLISHED":
            shown = {name: penalty[name] for name in _SHOWN if penalty.get(name, _NONE) != _NONE}
            if "CF_JG" in penalty:  # the table of 2016 has other names
                kinds = "；".join(penalty[one] for one in ("CF_CFLB1", "CF_CFLB2") if one in penalty)
                day = penalty["CF_JDRQ"].replace("/", "-")
                shown |= {"CF_NR": penalty["CF_JG"], "CF_CFLB": kinds, "CF_CFJG": penalty["CF_XZJG"], "CF_JDRQ": day}
            face |= shown | {"publishedOn": record["publishedOn"]}
            if record.get("marks"):
                face["marks"] = record["marks"]
        elif "explanation" in record:
            face["explanation"] = record["explanation"]
        return face


def _key(holder: Document) -> str:
    return "|".join(holder[name] for name in _KEY)


def judging(run: Run) -> Act:
    """The act that gives verdicts: for one ``sourceId`` or all, accepting or with words of refusal."""
    told = {"sourceId": text("数据编号（空：全部）"), "reject": text("退回理由（空：通过）")}
    return Act("judge", "/judge", "审核", "give verdicts now", run, fields=told)
