"""The portal: publishes at once, or after review, and shows what it has to everybody.

Settings over ``POST /_sim/portal/settings``: ``review`` (true: publications wait for ``POST /_sim/portal/review``),
``repair_review`` (endings wait for it as well).
"""

from __future__ import annotations

from collections.abc import Mapping

import contracts
from simulators.frame import Document, Foundation, OpenApiContract, Settings, System, Transaction
from simulators.portal.publisher import Apply, Publisher, PublisherWire, Words

CONTRACT = OpenApiContract(contracts.path("portal/v1/openapi.json"))
WORDS = Words(
    system="portal",
    letter="P",
    record="summary",
    schema="Summary",
    key=("decisionNumber", "authorityCode", "partyName"),
    until="publishUntil",
    decided="decidedOn",
    published="publishedOn",
    codes=("partyCode", "authorityCode"),
    clean=("violation", "content"),
    text="fullText",
    unseen=("partyCategory",),
    node="PK990102",
    secret="development-portal-secret",  # noqa: S106 - known to everybody on purpose
)
SETTINGS = Settings(
    {"review": False, "repair_review": False}, {"review": {"type": "boolean"}, "repair_review": {"type": "boolean"}}
)


class PortalWire(PublisherWire):
    """The portal's."""

    words = WORDS
    amount_fields = frozenset({"content"})
    code_fields = frozenset({"reference", "decisionNumber"})


class Portal(Publisher):
    """Publishes summaries and texts of penalty decisions."""

    contract = CONTRACT
    words = WORDS
    kinds = {  # noqa: RUF012
        "publish": "PUBLISH",
        "correct": "CORRECT",
        "withdraw": "WITHDRAW",
        "end": "END",
        "mark": "MARK",
    }

    def __init__(self, base: Foundation, system: System, wire: PortalWire | None = None) -> None:
        super().__init__(base, system, wire or PortalWire(base, system))

    def appliers(self) -> Mapping[str, Apply]:
        """And endings, by repair or because the time is over; and marks."""
        return {**super().appliers(), "END": self._end, "MARK": self.marked}

    def _end(self, tx: Transaction, content: Document) -> None:
        if content["cause"] == "REPAIRED":
            self.repaired(tx, content["key"], content["documentNumber"])
        else:
            self.change(tx, content["key"], ("PUBLISHED", "SHIELDED", "ENDED"), state="ENDED")


SYSTEM = System(
    name="portal",
    contract="portal/v1",
    title="行政执法信息公示平台",
    build=Portal,
    operations=frozenset(CONTRACT.operations),
    settings=SETTINGS,
)
