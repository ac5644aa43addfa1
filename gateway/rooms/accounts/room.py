"""What the room of accounts brings."""

from gateway.foundation.rooms import Room
from gateway.rooms.accounts.acts import ACTS, LOOKS

ROOM = Room(
    name="accounts",
    package=__package__,
    acts=ACTS,
    looks=LOOKS,
    title="账号",
    open=".assembly:open_room",
    scopes=("persons:unmask", "work:assign"),
    supervisor_scopes=("accounts:read", "accounts:write", "accounts:people", "audit:read", "handovers:read"),
    routes=(".access_routes:router", ".audit_routes:router", ".handover_routes:router", ".today_routes:router"),
    commands={
        "authorities": ".commands:authorities",
        "keys": ".commands:keys",
        "operators": ".commands:operators",
        "audit": ".audit_commands:app",
        "handovers": ".handover_commands:app",
        "today": ".today_command:today",
    },
    screens=(
        ".screens:SCREEN",
        ".screens:RIGHTS",
        ".client_screens:CLIENTS",
        ".authority_screens:AUTHORITIES",
        ".audit_screen:AUDIT",
        ".days_off_screen:DAYS_OFF",
    ),
    waiting=(".days_off_screen:waiting",),
)
