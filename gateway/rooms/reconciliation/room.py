"""What the room of reconciliation brings."""

from gateway.foundation.rooms import Room

ROOM = Room(
    name="reconciliation",
    package=__package__,
    title="对账",
    needs=("decisions", "payments", "receipts", "refunds"),
    open=".assembly:open_room",
    scopes=("reconciliation:read", "reconciliation:write"),
    routes=(".routes:router", ".month_routes:router"),
    commands={"reconcile": ".commands:app"},
    lives=(".states",),
    events=("break.assigned",),
    books=".audit:BOOKS",
    figures=".figures:FIGURES",
    tables=".tables",
    keeping=".keeping",
    revisions=".revisions",
    body_limits={"/v1/statement-files": 40 << 20},
)
