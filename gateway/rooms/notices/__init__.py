"""Notices to officers 执法人员消息: a short message on the phone, without the case, when something is due."""

from typing import TYPE_CHECKING

from gateway.foundation.late import late

if TYPE_CHECKING:
    from gateway.rooms.notices.records import Notice, NoticeFilter
    from gateway.rooms.notices.service import Notices
    from gateway.rooms.notices.states import Status
else:
    __getattr__ = late(
        __name__,
        {
            "records": "Notice NoticeFilter",
            "service": "Notices",
            "states": "Status",
        },
    )

__all__ = ["Notice", "NoticeFilter", "Notices", "Status"]
