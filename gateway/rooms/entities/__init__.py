"""Entities 市场主体: registered businesses by code, name or licence QR, as dated snapshots, with their changes."""

from gateway.rooms.entities.changes import Alert
from gateway.rooms.entities.licence import LicenceReading, read_licence
from gateway.rooms.entities.records import RecordedChange
from gateway.rooms.entities.service import FRESH, Entities, EntityView

__all__ = ["FRESH", "Alert", "Entities", "EntityView", "LicenceReading", "RecordedChange", "read_licence"]
