"""Entities 市场主体: registered businesses by code, name or licence QR, as dated snapshots, with their changes."""

from typing import TYPE_CHECKING

from gateway.foundation.late import late

if TYPE_CHECKING:
    from gateway.rooms.entities.changes import Alert
    from gateway.rooms.entities.licence import LicenceReading, read_licence
    from gateway.rooms.entities.records import RecordedChange
    from gateway.rooms.entities.service import FRESH, Entities, EntityView
else:
    __getattr__ = late(
        __name__,
        {
            "changes": "Alert",
            "licence": "LicenceReading read_licence",
            "records": "RecordedChange",
            "service": "FRESH Entities EntityView",
        },
    )

__all__ = ["FRESH", "Alert", "Entities", "EntityView", "LicenceReading", "RecordedChange", "read_licence"]
