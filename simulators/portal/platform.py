"""The portal: publishes at once, or after review, and shows what it has to everybody.

Settings over ``POST /_sim/portal/settings``: ``review`` (true: publications wait for ``POST /_sim/portal/review``),
``repair_review`` (endings wait for it as well).

A profile may also say how the public search is asked (``search``: by a part of each, newest first), how it tells its
entries page by page (``pages``), and how the names of natural persons are masked (``mask``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import contracts
from simulators.frame import (
    Answer,
    Call,
    Document,
    Foundation,
    OpenApiContract,
    Profiled,
    Settings,
    System,
    Transaction,
)
from simulators.portal.publisher import Apply, Publisher, PublisherWire, Words
from simulators.profile import Profile

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


class PortalProfiled(Profiled):
    """The portal's, which a city may search and fill in its own way."""

    def completed(self, content: Any) -> Any:
        """A category of the party where the city takes none."""
        summary = content.get("summary") if isinstance(content, dict) else None
        profile = self.profile
        if isinstance(summary, dict) and profile is not None and "partyCategory" in profile.absent:
            summary["partyCategory"] = "organisation" if "partyCode" in summary else "natural_person"
        return content

    def read(self, call: Call) -> list[str]:
        """The contract's reading, but for a search of the city's own."""
        profile = self.profile
        if call.operation != "shown" or profile is None or not profile.search:
            return super().read(call)
        asked = {ours: call.params.get(theirs, "") for theirs, ours in profile.search.items()}
        page, size = (call.params.get(profile.pages.get(name, ""), "") for name in ("page", "size"))
        call.params = {"page": page or "1", "size": size or "20", WORDS.key[0]: "", **asked}
        return [] if all(asked.values()) else ["what is searched for is missing"]


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
        self.profiled = PortalProfiled(self)

    def appliers(self) -> Mapping[str, Apply]:
        """And endings, by repair or because the time is over; and marks."""
        return {**super().appliers(), "END": self._end, "MARK": self.marked}

    # --- what a profile has otherwise -------------------------------------------------------------------------------

    def _shown(self, tx: Transaction, call: Call) -> Answer:
        profile = self.system.profile
        if profile is None or not profile.search:
            return super()._shown(tx, call)
        wanted = {name: call.params[name] for name in profile.search.values()}
        entries = [one for _, one in tx.list(self.name, "entry")]
        found = [one for one in entries if all(told in one["record"][name] for name, told in wanted.items())]
        found.sort(key=lambda one: -one["number"])
        size = int(call.params["size"]) if profile.pages else len(found)
        begin = (int(call.params["page"]) - 1) * size
        return WORDS.result("0000", records=[self.face(tx, one) for one in found[begin : begin + size]])

    def face(self, tx: Transaction, entry: Document) -> Document:
        """With the name of a natural person masked as the city does it."""
        face = super().face(tx, entry)
        profile = self.system.profile
        if profile is None or entry["record"]["partyCategory"] != "natural_person":
            return face
        shown = _masked(profile, entry["record"]["partyName"])
        face["key"] = face["key"] | {"partyName": shown}
        if "summary" in face:
            face["summary"] = face["summary"] | {"partyName": shown}
        return face

    # --- endings ----------------------------------------------------------------------------------------------------

    def _end(self, tx: Transaction, content: Document) -> None:
        if content["cause"] == "REPAIRED":
            self.repaired(tx, content["key"], content["documentNumber"])
        else:
            self.change(tx, content["key"], ("PUBLISHED", "SHIELDED", "ENDED"), state="ENDED")


def _masked(profile: Profile, name: str) -> str:
    stars = "*" * (len(name) - 1)
    return {"none": name, "first": name[:1] + stars, "last": stars + name[-1:]}[profile.mask]


SYSTEM = System(
    name="portal",
    contract="portal/v1",
    title="行政执法信息公示平台",
    build=Portal,
    operations=frozenset(CONTRACT.operations),
    settings=SETTINGS,
    places={
        "publish": "submit",
        "correct": "correct",
        "withdraw": "withdraw",
        "end": "repair",
        "mark": "mark",
        "find": "find",
        "shown": "read_back",
        "ready": "check",
    },
    searched=True,
)
