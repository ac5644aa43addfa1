"""What the room of impounded vehicles brings."""

from gateway.foundation.rooms import Room

ROOM = Room(
    name="impounds",
    package=__package__,
    title="暂扣车辆",
    needs=("decisions",),
    open=".assembly:open_room",
    kind="yard",
    port=".port:TowingYard",
    capability="impounds",
    channel_keys=".settings:YardKeys",
    suite=".suite:YardConformance",
    one_channel=True,
    scopes=("impounds:read", "impounds:write"),
    routes=(".routes:router",),
    commands={"impounds": ".commands:impounds"},
    lives=(".states",),
    events=("impound.held_too_long", "impound.release_due"),
    tables=".tables",
    revisions=".revisions",
    settings=".settings:ImpoundSettings",
    decision_part=".decision_part:PART",
    doctor=".doctor:look",
)
