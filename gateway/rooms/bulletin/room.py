"""What the room of the bulletin brings."""

from gateway.foundation.rooms import Room

ROOM = Room(
    name="bulletin",
    package=__package__,
    title="公示栏",
    needs=("disclosures",),
    open=".assembly:open_room",
    tables=".tables",
    keeping=".keeping",
    revisions=".revisions",
)
