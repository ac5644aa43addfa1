"""What the room of retention brings."""

from gateway.foundation.rooms import Room

ROOM = Room(
    name="retention",
    package=__package__,
    title="保管期限",
    open=".assembly:open_room",
    commands={"retention": ".commands:app"},
    tables=".tables",
    revisions=".revisions",
    settings=".assembly:RetentionSettings",
    keeping=".keeping",
    doctor=".doctor:look",
)
