"""The notice of credit repair 信用修复告知书, served on the party together with the decision 两书同达.

国办发〔2025〕22号 asks for it. No rule stands here: it is the explanation of the decision's publication, in a letter.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.rooms.disclosures.explanation import AtTarget, Explanation, Explanations
from gateway.rooms.disclosures.judging import Plan, Refusal, Wanting
from gateway.rooms.disclosures.planning import Planning, require_complete
from gateway.words.clock import day_of
from gateway.words.errors import ConflictProblem
from gateway.words.saying import say

if TYPE_CHECKING:
    from gateway.rooms.disclosures.repair_letter import ShownAt
    from gateway.typography import Letter


class RepairNotices:
    """Writes the notice of repair of a decision. Reads only."""

    def __init__(self, base: Foundation, explanations: Explanations, planning: Planning) -> None:
        self._base = base
        self._explanations = explanations
        self._planning = planning

    async def of(self, authority: str, number: str, kind: Literal["pdf", "ofd"] = "pdf") -> bytes:
        """The letter about a decision, by the rules of today, as a file.

        Raises NotFoundProblem, InvalidProblem where facts are wanting without which nothing can be said, or for a
        character that cannot be printed, and ConflictProblem: the decision was revoked, or is shown nowhere, so that
        there is nothing to repair.
        """
        from gateway.rooms.disclosures.repair_letter import printed, written  # lays out pages: loaded for the first one

        today = day_of(self._base.clock.now())

        def query(conn: Connection) -> Letter:
            found = self._explanations.look(conn, authority, number, today)
            return written(found, self._shown(found))

        return await asyncio.to_thread(printed, await self._base.store.read(query), kind)

    def _shown(self, found: Explanation) -> list[ShownAt]:
        if found.decision.revoked:
            raise ConflictProblem(say("disclosures.revoked"), type="decision-revoked")
        require_complete({one.target: one.found for one in found.targets if isinstance(one.found, Wanting)})
        shown = [self._at(found, one, one.found) for one in found.targets if isinstance(one.found, Plan)]
        if not shown:
            reasons = [one.found.reason for one in found.targets if isinstance(one.found, Refusal)]
            raise ConflictProblem(
                say("disclosures.shown_nowhere", reasons=list(dict.fromkeys(reasons))), type="nothing-to-repair"
            )
        return shown

    def _at(self, found: Explanation, one: AtTarget, plan: Plan) -> ShownAt:
        from gateway.rooms.disclosures.repair_letter import ShownAt

        term, never = self._planning.of_repair(found.decision, found.organ, one.target, found.on)
        title = self._planning.profile_of(one.target).title or one.target
        published = one.disclosure is not None and one.disclosure.published_on is not None
        least = plan.regime.minimum(plan.degree.word, found.decision.facts.field_of_law)
        return ShownAt(title, plan, published or plan.regime.start == "decision", least, term, never)
