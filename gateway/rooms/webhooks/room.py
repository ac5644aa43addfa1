"""What the room of webhooks brings."""

from gateway.foundation.rooms import Room
from gateway.rooms.webhooks.acts import ACTS, LOOKS
from gateway.words.saying import say

ROOM = Room(
    name="webhooks",
    package=__package__,
    acts=ACTS,
    looks=LOOKS,
    title="事件推送",
    open=".assembly:open_room",
    scopes=("events:read",),
    supervisor_scopes=("webhooks:write",),
    routes=(".routes:router",),
    commands={"webhooks": ".commands:app"},
    events=("webhook.disabled", "webhook.given_up", "webhook.test"),
    doctor=".doctor:look",
    screens=(".screens:SCREEN",),
    waiting=(".screens:waiting",),
    happened={
        "webhook.disabled": say("webhooks.since_disabled"),
    },
)
