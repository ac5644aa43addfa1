"""What the room of operations brings."""

from gateway.foundation.rooms import Room
from gateway.rooms.operations.acts import ACTS, LOOKS
from gateway.words.saying import say

ROOM = Room(
    name="operations",
    package=__package__,
    acts=ACTS,
    looks=LOOKS,
    title="外呼任务",
    open=".assembly:open_room",
    scopes=("operations:read", "operations:write"),
    supervisor_scopes=("channels:write",),
    routes=(".routes:router", ".resolution_routes:router", ".parked_routes:router"),
    commands={"operations": ".commands:app"},
    screens=(".doubt_screen:SCREEN", ".channel_screens:SCREEN"),
    waiting=(".doubt_screen:waiting", ".channel_screens:waiting"),
    doctor=".strangers:look",
    taken={"opn": "/v1/operations/{id}"},
    lives=("gateway.foundation.delivery.states",),
    events=(
        "operation.parked",
        "channel.stopped",
        "channel.resumed",
        "channel.reloaded",
        "channel.drifted",
        "channel.unreadable_callback",
    ),
    happened={
        "operation.parked": say("operations.since_parked"),
        "channel.stopped": say("operations.since_stopped"),
        "channel.resumed": say("operations.since_resumed"),
    },
)
