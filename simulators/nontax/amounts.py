"""Magic amounts, for trials by hand: a bill whose total ends in certain fen brings a fault with it, once.

Off unless the setting ``magic_amounts`` is on, so that no amount means more than it says by accident. The first digit
tells the phase: 5 statement, 6 callback, 7 before the effect, 8 after it, 9 in the answer.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Magic:
    """What a magic amount brings. ``operation`` is the request or callback that meets it, "" for statements."""

    kind: str
    words: str
    operation: str = "CreateBill"
    phase: str = ""
    seconds: float | None = None
    code: str = ""


#: Last two digits of a bill's total in fen → what they bring. Ends of everyday amounts (00, 25, 33, 50 …) stay plain.
AMOUNTS: dict[int, Magic] = {
    51: Magic("statement_missing", "paid, and not on the day's statement", ""),
    52: Magic("statement_changed", "on the day's statement with a fen more", ""),
    53: Magic("statement_duplicate", "on the day's statement twice", ""),
    54: Magic("statement_late", "on the next day's statement", ""),
    61: Magic("callback_lost", "paid, and no callback", "PaymentConfirm"),
    62: Magic("callback_twice", "the callback comes twice", "PaymentConfirm"),
    63: Magic("callback_late", "the callback comes a minute late", "PaymentConfirm", seconds=60),
    64: Magic("callback_reordered", "the callback comes after that of the next payment", "PaymentConfirm"),
    65: Magic("callback_forged", "a forged callback comes before the true one", "PaymentConfirm"),
    71: Magic("silence", "no code and no answer"),
    72: Magic("busy", "refused for load, to be asked again in 2 seconds", seconds=2),
    73: Magic("slow", "the code comes after 5 seconds", seconds=5),
    74: Magic("error_500", "no code, and an HTTP 500"),
    76: Magic("answer_code", "refused with 18012, the unit may not collect this", code="18012"),
    81: Magic("apply_then_silence", "a code is made and no answer comes"),
    82: Magic("apply_then_reset", "a code is made and the connection is reset"),
    83: Magic("error_500", "a code is made and an HTTP 500 comes", phase="after_effect"),
    84: Magic("callback_before_reply", "paid at once: the callback comes before the code"),
    91: Magic("truncated", "half of the answer"),
    92: Magic("malformed", "an answer that does not parse"),
    93: Magic("wrong_amount", "the answer tells another amount"),
    94: Magic("unknown_status", "a result code that no table has"),
    96: Magic("bad_signature", "an answer whose signature does not verify"),
}
