"""What a case's evidence bundle holds of the decision: each version of its facts, and what happened to it."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.case_files import CaseFile, CasePart
from gateway.foundation.rooms import Services
from gateway.rooms.decisions import records
from gateway.words.clock import from_micros, rfc3339


async def of_case(base: Foundation, rooms: Services, decision_id: str, plainly: bool) -> CasePart:  # noqa: ARG001
    """Versions and all events, those that were corrected too, masked unless ``plainly``."""
    versions = await base.store.read(lambda conn: records.versions(conn, base.envelope, decision_id))
    found = await base.store.read(lambda conn: records.fetch(conn, base.envelope, decision_id))
    files = []
    for one in versions:
        facts = one.facts.for_official_use() if plainly else one.facts.masked()
        told = {
            "version": one.version,
            "recorded_at": rfc3339(from_micros(one.recorded_at)),
            "recorded_by": one.recorded_by,
            "facts": facts.model_dump(mode="json"),
        }
        files.append(CaseFile.of_json(f"decision/version-{one.version}.json", told, f"决定事实第{one.version}版"))
    events = [] if found is None else [_event(one, plainly) for one in found.recorded]
    files.append(CaseFile.of_json("decision/events.json", events, "决定相关事件（含已更正的）"))
    return CasePart((decision_id,), tuple(files))


def _event(one: records.RecordedEvent, plainly: bool) -> dict[str, object]:
    event = one.event if plainly else one.event.masked()
    told = {"id": one.id, "recorded_at": rfc3339(from_micros(one.recorded_at)), "recorded_by": one.recorded_by}
    return {**told, "replaces": one.replaces, "ended_by": one.ended_by, "event": event.model_dump(mode="json")}
