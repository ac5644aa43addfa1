"""What the room of time stamps brings."""

from gateway.foundation.rooms import Room

ROOM = Room(
    name="timestamps",
    package=__package__,
    title="时间戳",
    open=".assembly:open_room",
    kind="timestamp",
    port="gateway.ports.timestamp:TimeStampService",
    capability="timestamps",
    suite="gateway.testing.timestamp:TimeStampConformance",
)
