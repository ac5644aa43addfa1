"""What the room of decisions brings."""

from gateway.foundation.rooms import Room
from gateway.rooms.decisions.acts import ACTS, LOOKS

ROOM = Room(
    name="decisions",
    package=__package__,
    acts=ACTS,
    looks=LOOKS,
    title="行政处罚决定",
    open=".assembly:open_room",
    scopes=("decisions:read", "decisions:write"),
    routes=(".routes:router", ".correction_routes:router"),
    commands={"decisions": ".commands:app"},
    tables=".tables",
    keeping=".keeping",
    revisions=".revisions",
    lives=(".states",),
    events=tuple(
        f"decision.{word}"
        for word in (
            "recorded",
            "amended",
            "served",
            "appealed",
            "appeal_ended",
            "deferral_applied",
            "deferred",
            "urged",
            "changed",
            "revoked",
        )
    ),
    indexes=".records:INDEXES",
    case_files=".case_files:of_case",
)
