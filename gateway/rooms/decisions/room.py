"""What the room of decisions brings."""

from gateway.foundation.rooms import Room

ROOM = Room(
    name="decisions",
    package=__package__,
    title="行政处罚决定",
    open=".assembly:open_room",
    scopes=("decisions:read", "decisions:write"),
    routes=(".routes:router",),
    tables=".tables",
    revisions=".revisions",
    events=tuple(
        f"decision.{word}"
        for word in ("recorded", "amended", "served", "appealed", "appeal_ended", "deferred", "changed", "revoked")
    ),
    indexes=".records:INDEXES",
)
