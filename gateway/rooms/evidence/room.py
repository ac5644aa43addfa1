"""What the room of evidence brings."""

from gateway.foundation.rooms import Room

ROOM = Room(
    name="evidence",
    package=__package__,
    title="交互留痕",
    needs=("decisions", "timestamps"),
    open=".assembly:open_room",
    scopes=("evidence:read",),
    supervisor_scopes=("evidence:bundle",),
    routes=(".routes:router", ".bundle_routes:router"),
    commands={"evidence": ".commands:app"},
)
