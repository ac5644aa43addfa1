"""Entities 市场主体: registered businesses by code, name or licence QR, as dated snapshots, with their changes."""

from gateway.entities.changes import Alert
from gateway.entities.licence import LicenceReading, read_licence
from gateway.entities.records import RecordedChange
from gateway.entities.service import FRESH, Entities, EntityView

__all__ = ["FRESH", "Alert", "Entities", "EntityView", "LicenceReading", "RecordedChange", "read_licence"]
