"""What the room of refunds brings."""

from gateway.foundation.rooms import Room

ROOM = Room(
    name="refunds",
    package=__package__,
    title="退付",
    needs=("decisions", "payments", "receipts"),
    open=".assembly:open_room",
    routes=(".routes:router",),
    lives=(".states",),
    tables=".tables",
    revisions=".revisions",
)
