"""What the room of seals brings."""

from gateway.foundation.rooms import Room
from gateway.rooms.seals.acts import ACTS, LOOKS

ROOM = Room(
    name="seals",
    package=__package__,
    acts=ACTS,
    looks=LOOKS,
    title="电子印章",
    needs=("decisions", "timestamps"),
    open=".assembly:open_room",
    kind="seal",
    port="gateway.ports.seal:SealService",
    capability="seals",
    suite="gateway.testing.seal:SealConformance",
    scopes=("seals:read", "seals:write"),
    supervisor_scopes=("seals:grant",),
    routes=(
        ".routes:router",
        ".stop_routes:router",
        ".grant_routes:router",
        ".batch_routes:router",
        ".voiding_routes:router",
    ),
    commands={"seals": ".commands:app"},
    screens=(".screens:SCREEN",),
    waiting=(".screens:waiting",),
    lives=(".states",),
    events=("seal.stopped",),
    settings=".rules:SealRules",
    tables=".tables",
    keeping=".keeping",
    books=".audit:BOOKS",
    revisions=".revisions",
    decision_part=".decision_part:PART",
    doctor=".doctor:look",
    body_limits={
        "/v1/sealed-documents": 40 << 20,
        "/v1/sealed-documents/batches": 96 << 20,
        "/v1/verifications": 40 << 20,
        "/console/verify": 40 << 20,
    },
    indexes=".grants:INDEXES",
    case_files=".case_files:of_case",
)
