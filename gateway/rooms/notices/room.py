"""What the room of notices brings."""

from gateway.foundation.rooms import Room

ROOM = Room(
    name="notices",
    package=__package__,
    title="执法人员消息",
    needs=("decisions",),
    kind="notice",
    port="gateway.ports.notice:OfficerMessages",
    capability="notices",
    suite="gateway.testing.notice:NoticeConformance",
)
