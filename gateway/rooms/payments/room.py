"""What the room of payments brings."""

from gateway.foundation.rooms import Room

ROOM = Room(
    name="payments",
    package=__package__,
    title="罚款缴纳",
    needs=("accounts", "decisions"),
    open=".assembly:open_room",
    kind="nontax",
    port="gateway.ports.nontax:NonTaxPlatform",
    capability="payments",
    channel_keys=".channel_keys:PaymentKeys",
    suite="gateway.testing.nontax:NonTaxConformance",
    one_channel=True,
    scopes=("payments:read", "payments:write"),
    routes=(".routes:router",),
    commands={"payments": ".commands:app", "authorities unit": ".unit_command:set_unit"},
    lives=(".states",),
    events=(
        "payment.being_paid",
        "payment.due_date",
        "payment.due_soon",
        "payment.overdue",
        "payment.exceeds_decision",
        "payment.payable_again",
        "payment.refunded_at_platform",
        "payment.reissue_refused",
        "payment.surcharge_reduced",
        "payment.void_at_platform",
    ),
    settings=".options:PaymentOptions",
    tables=".tables",
    revisions=".revisions",
    decision_part=".decision_part:PART",
    books=".audit:BOOKS",
    indexes=".records:INDEXES",
)
