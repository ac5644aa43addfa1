"""What the room of jobs brings."""

from gateway.foundation.rooms import Room
from gateway.rooms.jobs.acts import ACTS

ROOM = Room(
    name="jobs",
    package=__package__,
    acts=ACTS,
    title="作业",
    needs=("exports", "imports", "reconciliation"),
    open=".assembly:open_room",
    scopes=("jobs:read", "jobs:write"),
    routes=(".routes:router", ".import_routes:router"),
    commands={"jobs": ".commands:app"},
    tables=".tables",
    screens=(".screens:SCREEN",),
    joins=(".forms:ON_BREAKS", ".forms:ON_DAYS", ".forms:ON_DOUBT"),
    waiting=(".screens:waiting",),
    keeping=".keeping",
    revisions=".revisions",
    body_limits=dict.fromkeys(("/v1/break-sheets", "/v1/import-files", "/console/jobs", "/console/breaks"), 16 << 20),
)
