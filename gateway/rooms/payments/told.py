"""What happened to a payment, in words: one sentence an event, for every page and story that tells it."""

from __future__ import annotations

from gateway.words.saying import Language, Sentence, say, sentences


def told(event: str) -> Sentence | None:
    """An event of a payment, its refunds or its receipt; None for one without words, perhaps of another room."""
    about, _, name = event.partition(".")
    match about:
        case "payment":
            id = f"payments.told_{name}"
        case "refund":
            id = f"refunds.told_{name}"
        case "receipt":
            id = f"receipts.told_{name}"
        case _:
            return None
    return say(id) if id in sentences(Language.ENGLISH) else None
