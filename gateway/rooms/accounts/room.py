"""What the room of accounts brings."""

from gateway.foundation.rooms import Room

ROOM = Room(
    name="accounts",
    package=__package__,
    title="账号",
    open=".assembly:open_room",
    scopes=("persons:unmask",),
    supervisor_scopes=("audit:read", "handovers:read", "accounts:read", "accounts:people"),
    routes=(".audit_routes:router", ".handover_routes:router"),
    commands={
        "authorities": ".commands:authorities",
        "keys": ".commands:keys",
        "operators": ".commands:operators",
        "audit": ".audit_commands:app",
        "handovers": ".handover_commands:app",
    },
    screens=(".screens:SCREEN", ".screens:RIGHTS"),
)
