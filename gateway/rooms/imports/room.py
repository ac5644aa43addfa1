"""What the room of imports brings."""

from gateway.foundation.rooms import Room

ROOM = Room(
    name="imports",
    package=__package__,
    title="历史数据",
    needs=("decisions", "disclosures", "payments"),
    open=".assembly:open_room",
    routes=(".routes:router",),
    commands={
        "imports": ".template_command:app",
        "payments import": ".commands:import_bills",
        "decisions import": ".decisions_command:import_decisions",
    },
    events=("payment.imported",),
)
