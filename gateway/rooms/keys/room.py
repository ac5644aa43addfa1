"""What the room of keys brings."""

from gateway.foundation.rooms import Room
from gateway.rooms.keys.acts import ACTS

ROOM = Room(
    name="keys",
    package=__package__,
    acts=ACTS,
    title="密钥",
    needs=("accounts",),
    open=".assembly:open_room",
    supervisor_scopes=("keys:write",),
    routes=(".routes:router",),
    doctor=".doctor:look",
    commands={
        "keys ring": ".commands:ring",
        "keys rotate": ".commands:rotate",
        "keys destroy": ".commands:destroy",
    },
)
