"""What the room of evidence brings."""

from gateway.foundation.rooms import Room
from gateway.rooms.evidence.acts import ACTS

ROOM = Room(
    name="evidence",
    package=__package__,
    acts=ACTS,
    title="交互留痕",
    needs=("decisions", "timestamps"),
    open=".assembly:open_room",
    scopes=("evidence:read",),
    supervisor_scopes=("evidence:bundle",),
    routes=(".routes:router", ".bundle_routes:router"),
    commands={"evidence": ".commands:app"},
    screens=(".screens:SCREEN",),
)
