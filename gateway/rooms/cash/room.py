"""What the room of cash brings."""

from gateway.foundation.rooms import Room
from gateway.rooms.cash.acts import ACTS, LOOKS
from gateway.words.saying import say

ROOM = Room(
    name="cash",
    package=__package__,
    acts=ACTS,
    looks=LOOKS,
    title="当场收缴",
    needs=("decisions", "payments"),
    open=".assembly:open_room",
    routes=(".routes:router",),
    lives=(".states",),
    screens=(".screens:SCREEN",),
    joins=(".screens:ON_PAYMENTS",),
    taken={"csh": "/v1/cash/{id}"},
    waiting=(".waiting:waiting",),
    events=("cash.overdue", "cash.deadline", "cash.settlement"),
    provisional=".records:provisional",
    tables=".tables",
    indexes=".records:INDEXES",
    keeping=".keeping",
    books=".audit:BOOKS",
    case_files=".case_files:of_case",
    revisions=".revisions",
    happened={
        "cash.taken": say("cash.since_taken"),
        "cash.handed_in": say("cash.since_handed_in"),
        "cash.overdue": say("cash.since_overdue"),
    },
)
