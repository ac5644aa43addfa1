"""What the room of disclosures brings."""

from gateway.foundation.rooms import Room

ROOM = Room(
    name="disclosures",
    package=__package__,
    title="信用与执法公示",
    needs=("accounts", "decisions"),
    open=".assembly:open_room",
    kind="credit",
    port="gateway.ports.credit:DisclosureTarget",
    capability="disclosures",
    suite="gateway.testing.credit:DisclosureConformance",
    scopes=("disclosures:read", "disclosures:write"),
    routes=(
        ".explanation_routes:router",
        ".outlook_routes:router",
        ".full_text_routes:router",
        ".routes:router",
    ),
    commands={"disclosures": ".commands:app", "authorities organ": ".commands:set_organ"},
    lives=(".states",),
    events=tuple(
        f"disclosure.{word}"
        for word in (
            "correction_requested",
            "correction_refused",
            "repair_requested",
            "repair_refused",
            "withdrawal_dropped",
            "withdrawal_requested",
            "withdrawal_refused",
            "differs",
            "deadline",
            "due_soon",
            "late",
            "withdrawal_late",
            "text_confirmed",
            "pass_on_late",
            "foreseen_late",
        )
    ),
    settings=".options:DisclosureOptions",
    doctor=".doctor:look",
    books=".audit:BOOKS",
    figures=".records:figures",
    provisional=".records:provisional",
    tables=".tables",
    keeping=".keeping",
    revisions=".revisions",
    decision_part=".decision_part:PART",
    case_files=".case_files:of_case",
)
