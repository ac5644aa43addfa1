"""What the room of webhooks brings."""

from gateway.foundation.rooms import Room

ROOM = Room(
    name="webhooks",
    package=__package__,
    title="事件推送",
    open=".assembly:open_room",
    scopes=("events:read",),
    supervisor_scopes=("webhooks:write",),
    routes=(".routes:router",),
    commands={"webhooks": ".commands:app"},
    events=("webhook.disabled", "webhook.given_up"),
    doctor=".doctor:look",
)
