"""What the room of receipts brings."""

from gateway.foundation.rooms import Room
from gateway.rooms.receipts.acts import ACTS
from gateway.words.saying import say

ROOM = Room(
    name="receipts",
    package=__package__,
    acts=ACTS,
    title="财政电子票据",
    needs=("payments",),
    open=".assembly:open_room",
    routes=(".routes:router",),
    joins=(".screens:ON_PAYMENTS",),
    lives=(".states",),
    tables=".tables",
    keeping=".keeping",
    books=".audit:BOOKS",
    doctor=".doctor:look",
    revisions=".revisions",
    case_files=".case_files:of_case",
    happened={
        "receipt.issued": say("receipts.since_issued"),
        "receipt.refused": say("receipts.since_refused"),
    },
)
