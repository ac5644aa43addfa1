"""What the room of accounts brings."""

from gateway.foundation.rooms import Room

ROOM = Room(
    name="accounts",
    package=__package__,
    title="账号",
    commands={
        "authorities": ".commands:authorities",
        "keys": ".commands:keys",
        "operators": ".commands:operators",
    },
)
