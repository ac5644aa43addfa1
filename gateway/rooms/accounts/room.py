"""What the room of accounts brings."""

from gateway.foundation.rooms import Room

ROOM = Room(
    name="accounts",
    package=__package__,
    title="账号",
    tables="gateway.foundation.access.tables",
    commands={
        "authorities": ".commands:authorities",
        "keys": ".commands:keys",
        "operators": ".commands:operators",
    },
)
