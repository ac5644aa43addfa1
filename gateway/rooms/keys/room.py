"""What the room of keys brings."""

from gateway.foundation.rooms import Room

ROOM = Room(
    name="keys",
    package=__package__,
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
