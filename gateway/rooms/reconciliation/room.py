"""What the room of reconciliation brings."""

from gateway.foundation.rooms import Room
from gateway.rooms.reconciliation.acts import ACTS, LOOKS
from gateway.words.saying import say

ROOM = Room(
    name="reconciliation",
    package=__package__,
    acts=ACTS,
    looks=LOOKS,
    title="对账",
    needs=("decisions", "payments", "receipts", "refunds"),
    open=".assembly:open_room",
    scopes=("reconciliation:read", "reconciliation:write"),
    routes=(".routes:router", ".month_routes:router"),
    commands={"reconcile": ".commands:app"},
    lives=(".states",),
    books=".audit:BOOKS",
    figures=".figures:FIGURES",
    taken={"brk": "/v1/breaks/{id}#difference"},
    tables=".tables",
    keeping=".keeping",
    revisions=".revisions",
    joins=(".screens:ON_EXCEPTIONS",),
    screens=(".month_screen:CALENDAR", ".screens:BREAKS"),
    waiting=(".month_screen:waiting_days", ".screens:waiting_breaks"),
    body_limits={"/v1/statement-files": 200 << 20, "/console/reconciliation": 33 << 20},
    happened={
        "break.opened": say("reconciliation.since_opened"),
        "break.proposed": say("reconciliation.since_proposed"),
        "break.closed": say("reconciliation.since_closed"),
        "month.closed": say("reconciliation.since_month"),
        "month.reopened": say("reconciliation.since_reopened"),
    },
)
