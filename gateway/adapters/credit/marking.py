"""Marks on what is shown, as a target has them on its wire: 异议标注, 复议诉讼标注, 暂时屏蔽.

No published document gives names or words for them, so that each is a setting of the channel, as in the contracts
unless it is said otherwise; and a target that takes none is told by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gateway.ports.credit import MarkName, MarkRequest

Marks = Literal["told", "by_hand"]
"""How a target's marks are set: over its wire, or by people in its own console."""

WORDS: Final[Mapping[MarkName, str]] = {
    "objection": "OBJECTION",
    "under_appeal": "UNDER_APPEAL",
    "shielded": "SHIELDED",
}
"""Marks in the words of the contracts."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
Member = Literal["mark", "lifted", "reason", "marks"]


class MarkWire(BaseModel):
    """Where marks are told, and in which words: what a platform has otherwise than the contract.

    ``names``: of the members, ours to theirs; ``marks`` is the list that stands with what is shown. ``words``: of the
    marks, ours to theirs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9._~/-]{1,200}$")] = "/v1/penalties/marks"
    names: Mapping[Member, Name] = Field(default_factory=dict)
    words: Mapping[MarkName, Annotated[str, Field(min_length=1, max_length=40)]] = Field(default_factory=dict)

    @field_validator("words")
    @classmethod
    def _told_apart(cls, words: Mapping[MarkName, str]) -> Mapping[MarkName, str]:
        if len({**WORDS, **words}.values()) > len(set({**WORDS, **words}.values())):
            raise ValueError("two marks have one word")
        return words

    def body(self, request: MarkRequest) -> dict[str, Any]:
        """What a request says of its mark."""
        told = {"mark": {**WORDS, **self.words}[request.mark], "lifted": request.lifted, "reason": request.reason}
        return {self.names.get(ours, ours): value for ours, value in told.items()}  # type: ignore[call-overload]

    def inward(self, told: Any) -> Any:
        """An answer in which the marks of what is shown have the contract's names and words."""
        theirs = {word: WORDS[mark] for mark, word in self.words.items()}
        name = self.names.get("marks", "marks")
        if not isinstance(told, dict) or not isinstance(told.get("records"), list):
            return told

        def read(record: Any) -> Any:
            if not isinstance(record, dict) or name not in record:
                return record
            found = record[name]
            marks = [theirs.get(str(one), str(one)) for one in found] if isinstance(found, list) else found
            return {**{member: value for member, value in record.items() if member != name}, "marks": marks}

        return {**told, "records": [read(one) for one in told["records"]]}


def seen(marks: Iterable[str], offered: Marks) -> dict[str, bool]:
    """The marks with which something is shown; nothing where the target is told of them by hand: it does not say."""
    if offered == "by_hand":
        return {}
    found = set(marks)
    return {name: WORDS[name] in found for name in ("objection", "under_appeal")}
