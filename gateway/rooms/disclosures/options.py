"""What an installation says of publishing: the block ``[rooms.disclosures]``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class DisclosureOptions(BaseModel):
    """``due_soon_days``: how many working days before a last day, to publish or to withdraw, it is told of.

    ``full_text``: a decision's full text leaves once a person has ``confirmed`` what is hidden in it, or ``redacted``
    by the rules alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    due_soon_days: Annotated[tuple[Annotated[int, Field(ge=1, le=60)], ...], Field(max_length=10)] = (3, 1)
    full_text: Literal["confirmed", "redacted"] = "confirmed"
