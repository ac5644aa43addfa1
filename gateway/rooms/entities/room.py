"""What the room of entities brings."""

from gateway.foundation.rooms import Room
from gateway.rooms.entities.acts import LOOKS

ROOM = Room(
    name="entities",
    package=__package__,
    looks=LOOKS,
    title="市场主体",
    open=".assembly:open_room",
    kind="registry",
    port="gateway.ports.registry:EntityRegistry",
    capability="entities",
    suite="gateway.testing.registry:RegistryConformance",
    scopes=("entities:read",),
    routes=(".routes:router",),
    events=tuple(
        f"entity.{word}"
        for word in (
            "deregistered",
            "deregistration_announced",
            "revoked",
            "annulled",
            "moved_out",
            "representative_changed",
            "entry_set_aside",
        )
    ),
    tables=".tables",
    keeping=".keeping",
    revisions=".revisions",
    indexes=".records:INDEXES",
)
