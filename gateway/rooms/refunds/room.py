"""What the room of refunds brings."""

from gateway.foundation.rooms import Room
from gateway.rooms.refunds.acts import ACTS, LOOKS
from gateway.words.saying import say

ROOM = Room(
    name="refunds",
    package=__package__,
    acts=ACTS,
    looks=LOOKS,
    title="退付",
    needs=("decisions", "payments", "receipts"),
    open=".assembly:open_room",
    routes=(".routes:router", ".exception_routes:router"),
    commands={"payments refunds": ".commands:list_refunds", "payments exceptions": ".commands:list_exceptions"},
    lives=(".states",),
    events=("refund.contradiction", "refund.payee_named", "refund.waits"),
    books=".audit:BOOKS",
    tables=".tables",
    keeping=".keeping",
    case_files=".case_files:of_case",
    payment_part=".payment_part:PART",
    revisions=".revisions",
    screens=(".screens:SCREEN", ".exception_screen:SCREEN"),
    taken={"exc": "/v1/exceptions/{id}", "rfd": "/v1/refunds/{id}"},
    joins=(".screens:ON_PAYMENTS",),
    body_limits=dict.fromkeys(("/console/refunds", "/console/exceptions"), 16 << 20),
    waiting=(".screens:waiting",),
    happened={
        "payment.exception": say("refunds.since_exception"),
        "payment.exception_resolved": say("refunds.since_resolved"),
        "refund.proposed": say("refunds.since_proposed"),
        "refund.confirmed": say("refunds.since_confirmed"),
        "refund.refunded": say("refunds.since_refunded"),
        "refund.refused": say("refunds.since_refused"),
        "refund.in_doubt": say("refunds.since_doubt"),
    },
)
