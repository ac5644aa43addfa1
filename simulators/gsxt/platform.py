"""国家企业信用信息公示系统 as a province has it: penalties under the name of the entity, shown to everybody.

An entity that is registered in another province, by the region of its code, is shown by that one: the decision is
RELAYED and waits ``relay_seconds``, by the simulator's clock, or for ``POST /_sim/gsxt/review``. Settings over
``POST /_sim/gsxt/settings``: ``province`` (two digits: registered elsewhere is what has others), ``relay_seconds``
(null: only when told), ``review``, ``repair_review``.

Seed: ``{"gsxt": {"inspections": [{"penDecNo": …, "entName": …, "insAuth_CN": …, "insRes_CN": …, "insDate": …}]}}``:
inspection results 抽查检查结果 that stand beside a penalty for the same breach, and after its repair alone unless they
are asked to end with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request

import contracts
from simulators.frame import (
    Document,
    Entry,
    Foundation,
    OpenApiContract,
    Page,
    Settings,
    System,
    Transaction,
    rfc3339,
)
from simulators.portal.publisher import Apply, Publisher, PublisherWire, Words

CONTRACT = OpenApiContract(contracts.path("gsxt/v1/openapi.json"))
WORDS = Words(
    system="gsxt",
    letter="S",
    record="penalty",
    schema="Penalty",
    key=("penDecNo", "penAuth", "entName"),
    until="pubDeadline",
    decided="penDecIssDate",
    published="publicDate",
    codes=("uniscId", "penAuth"),
    clean=("illegActType", "penContent", "penDecision"),
    long=("penDecision",),
    receipt="X",
    node="GX990102",
    secret="development-gsxt-secret",  # noqa: S106 - known to everybody on purpose
)
_INSPECTION = ("insAuth_CN", "insRes_CN", "insDate")


class GsxtWire(PublisherWire):
    """GSXT's."""

    words = WORDS
    amount_fields = frozenset({"penContent", "penAm"})
    code_fields = frozenset({"reference", "penDecNo"})


class Gsxt(Publisher):
    """Penalties of market regulators, under the names of registered businesses."""

    contract = CONTRACT
    words = WORDS
    kinds = {"publish": "PUBLISH", "correct": "CORRECT", "withdraw": "WITHDRAW", "repair": "REPAIR"}  # noqa: RUF012
    heading = "行政处罚信息"

    def __init__(self, base: Foundation, system: System) -> None:
        super().__init__(base, system, GsxtWire(base, system))

    def appliers(self) -> Mapping[str, Apply]:
        """And repairs."""
        return {**super().appliers(), "REPAIR": self._repair}

    def _repair(self, tx: Transaction, content: Document) -> None:
        """Ends the entry, and where that is asked, inspection results about the same breach with it."""
        self.repaired(tx, content["key"], content["repairNumber"])
        if content.get("inspections"):
            group = f"{content['key']['penDecNo']}|{content['key']['entName']}"
            for number, one in tx.list(self.name, "inspection", group):
                tx.put(self.name, "inspection", number, one | {"stopped": True}, group=group)

    def waits(self, tx: Transaction, kind: str, content: Document) -> Document | None:
        """Where the entity is registered elsewhere, it is the other province that shows it."""
        settings = self.settings(tx)
        record = content.get("penalty", {})
        node = record["uniscId"][2:4] if "uniscId" in record else record.get("regNo", "")[:2]
        if kind != "PUBLISH" or not node.isdigit() or node == settings["province"]:
            return super().waits(tx, kind, content)
        seconds = settings["relay_seconds"]
        now = self.base.clock.now()
        due = None if seconds is None else rfc3339(now + timedelta(seconds=seconds))
        return {"state": "RELAYED", "due": due}

    def look(self, tx: Transaction, now: datetime) -> None:
        """The other province shows what has waited long enough."""
        for _, one in tx.list(self.name, "submission", "waiting"):
            if one.get("due") is not None and datetime.fromisoformat(one["due"]) <= now:
                self.decide(tx, one)

    def clock_moved(self) -> None:
        """What has waited long enough is shown."""
        with self.base.state.transaction() as tx:
            self.look(tx, self.base.clock.now())

    def seed(self, tx: Transaction, data: Any) -> None:
        """Take in inspection results."""
        for one in data.get("inspections", []):
            group = f"{one['penDecNo']}|{one['entName']}"
            number = str(tx.next(self.name, "inspection"))
            tx.put(self.name, "inspection", number, {name: one[name] for name in _INSPECTION}, group=group)

    def shows_besides(self, tx: Transaction, entry: Document) -> Document:
        """Inspection results about the same breach."""
        record = entry["record"]
        held = [one for _, one in tx.list(self.name, "inspection", f"{record['penDecNo']}|{record['entName']}")]
        found = [{name: one[name] for name in _INSPECTION} for one in held if not one.get("stopped")]
        return {"inspections": found} if found else {}

    # --- what people see --------------------------------------------------------------------------------------------

    def pages(self) -> list[Page]:
        """And all that stands under one entity's name."""
        return [
            *super().pages(),
            Page("/public/entities/{code}", self.heading, self._of_entity, "该主体暂无行政处罚信息。"),
        ]

    def _of_entity(self, tx: Transaction, request: Request) -> list[Entry]:
        code = request.path_params["code"]
        self.look(tx, self.base.clock.now())
        found = [one for _, one in tx.list(self.name, "entry") if code in map(one["record"].get, ("uniscId", "regNo"))]
        return [self.rows(self.face(tx, one), False) for one in found]

    def rows(self, face: Document, alone: bool) -> Entry:
        """With its inspection results."""
        results = [
            ("抽查检查结果", "，".join(one[name] for name in _INSPECTION)) for one in face.get("inspections", ())
        ]
        return [*super().rows(face, alone), *results]


SYSTEM = System(
    name="gsxt",
    contract="gsxt/v1",
    title="国家企业信用信息公示系统",
    build=Gsxt,
    operations=frozenset(CONTRACT.operations),
    settings=Settings(
        {"review": False, "repair_review": False, "province": "99", "relay_seconds": None},
        {
            "review": {"type": "boolean"},
            "repair_review": {"type": "boolean"},
            "province": {"type": "string", "pattern": "^[0-9]{2}$"},
            "relay_seconds": {"type": ["number", "null"], "minimum": 0},
        },
    ),
    seed={
        "properties": {
            "inspections": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["penDecNo", "entName", *_INSPECTION],
                    "additionalProperties": {"type": "string"},
                },
            }
        },
        "additionalProperties": False,
    },
)
