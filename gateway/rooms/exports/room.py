"""What the room of exports brings."""

from gateway.foundation.rooms import Room
from gateway.rooms.exports.acts import ACTS

ROOM = Room(
    name="exports",
    package=__package__,
    acts=ACTS,
    title="导出",
    scopes=("exports:make",),
    routes=(".routes:router",),
    commands={"export": ".commands:export"},
)
