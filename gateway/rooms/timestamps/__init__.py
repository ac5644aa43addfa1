"""Time stamps 时间戳: a third side says that a digest existed at a time (RFC 3161)."""

from typing import TYPE_CHECKING

from gateway.foundation.late import late

if TYPE_CHECKING:
    from gateway.rooms.timestamps.service import TimeStamps
else:
    __getattr__ = late(__name__, {"service": "TimeStamps"})

__all__ = ["TimeStamps"]
