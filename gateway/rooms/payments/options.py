"""What an installation says of payments: the block ``[rooms.payments]``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

LONGEST = 60
"""Days before a due date from which it may be told of, at most."""


class PaymentOptions(BaseModel):
    """``due_soon_days``: how many days before the last day to pay it is told of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    due_soon_days: Annotated[tuple[Annotated[int, Field(ge=1, le=LONGEST)], ...], Field(max_length=10)] = (3, 1)
