"""What an installation is told: keys of a yard's channel, and the block of the room."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class YardKeys(BaseModel):
    """Keys of a channel of the kind ``yard``. ``lot``: the part of the yard 停车区 that takes our vehicles."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lot: str = Field(default="A", pattern=r"^[A-Z]$")


class ImpoundSettings(BaseModel):
    """``[rooms.impounds]``. ``longest_days``: how long a vehicle may be held 行政强制法 art. 25: thirty days."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    longest_days: int = Field(default=30, ge=1, le=60)
