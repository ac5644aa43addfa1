"""What the room of jobs brings."""

from gateway.foundation.rooms import Room
from gateway.rooms.jobs.acts import ACTS

ROOM = Room(
    name="jobs",
    package=__package__,
    acts=ACTS,
    title="作业",
    needs=("exports", "reconciliation"),
    open=".assembly:open_room",
    scopes=("jobs:read", "jobs:write"),
    routes=(".routes:router",),
    commands={"jobs": ".commands:app"},
    tables=".tables",
    screens=(".screens:SCREEN",),
    waiting=(".screens:waiting",),
    keeping=".keeping",
    revisions=".revisions",
    body_limits={"/v1/break-sheets": 16 << 20},
)
