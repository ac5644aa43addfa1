"""What is said beside a run's figures, kept so that it can be said in the language of whoever looks later."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from gateway.words.saying import Sentence


class Remark(BaseModel):
    """One sentence of the catalogue with what stands in it, as JSON."""

    id: str
    given: dict[str, Any]

    @classmethod
    def of(cls, said: Sentence) -> Remark:
        """From a sentence; what stands in it are texts, numbers, lists of them, and sentences."""
        return cls(id=said.id, given={name: _kept(value) for name, value in said.given.items()})

    @property
    def sentence(self) -> Sentence:
        """The sentence again."""
        return Sentence(self.id, {name: _told(value) for name, value in self.given.items()})


def _kept(value: Any) -> Any:
    if isinstance(value, Sentence):
        return Remark.of(value).model_dump()
    return [_kept(one) for one in value] if isinstance(value, list | tuple) else value


def _told(value: Any) -> Any:
    return Remark.model_validate(value).sentence if isinstance(value, dict) else value
