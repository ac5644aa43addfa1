"""What an installation says of publishing: the block ``[rooms.disclosures]``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class DisclosureOptions(BaseModel):
    """``due_soon_days``: how many working days before a last day, to publish or to withdraw, it is told of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    due_soon_days: Annotated[tuple[Annotated[int, Field(ge=1, le=60)], ...], Field(max_length=10)] = (3, 1)
