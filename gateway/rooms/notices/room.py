"""What the room of notices brings."""

from gateway.foundation.rooms import Room
from gateway.rooms.notices.acts import ACTS, LOOKS

ROOM = Room(
    name="notices",
    package=__package__,
    acts=ACTS,
    looks=LOOKS,
    title="执法人员消息",
    needs=("decisions",),
    open=".assembly:open_room",
    kind="notice",
    port="gateway.ports.notice:OfficerMessages",
    capability="notices",
    suite="gateway.testing.notice:NoticeConformance",
    scopes=("notices:read", "notices:write"),
    routes=(".routes:router",),
    commands={"notices": ".commands:app"},
    lives=(".states",),
    tables=".tables",
    keeping=".keeping",
    revisions=".revisions",
    settings=".options:NoticeOptions",
    case_files=".case_files:of_case",
    decision_part=".decision_part:PART",
    indexes=".records:INDEXES",
)
