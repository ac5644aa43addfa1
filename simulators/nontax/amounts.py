"""Magic amounts, for trials by hand: a bill whose total ends in certain fen brings a fault with it, once.

Off unless the setting ``magic_amounts`` is on, so that no amount means more than it says by accident. The first digit
tells the phase: 5 statement, 6 callback, 7 before the effect, 8 after it, 9 in the answer.
"""

from __future__ import annotations

from functools import partial

from simulators.frame import Magic

_bill = partial(Magic, operation="CreateBill")
_paid = partial(Magic, operation="PaymentConfirm")

#: Last two digits of a bill's total in fen → what they bring. Ends of everyday amounts (00, 25, 33, 50 …) stay plain.
AMOUNTS: dict[int, Magic] = {
    51: Magic("statement_missing", "paid, and not on the day's statement"),
    52: Magic("statement_changed", "on the day's statement with a fen more"),
    53: Magic("statement_duplicate", "on the day's statement twice"),
    54: Magic("statement_late", "on the next day's statement"),
    61: _paid("callback_lost", "paid, and no callback"),
    62: _paid("callback_twice", "the callback comes twice"),
    63: _paid("callback_late", "the callback comes a minute late", seconds=60),
    64: _paid("callback_reordered", "the callback comes after that of the next payment"),
    65: _paid("callback_forged", "a forged callback comes before the true one"),
    71: _bill("silence", "no code and no answer"),
    72: _bill("busy", "refused for load, to be asked again in 2 seconds", seconds=2),
    73: _bill("slow", "the code comes after 5 seconds", seconds=5),
    74: _bill("error_500", "no code, and an HTTP 500"),
    76: _bill("answer_code", "refused with 18012, the unit may not collect this", code="18012"),
    81: _bill("apply_then_silence", "a code is made and no answer comes"),
    82: _bill("apply_then_reset", "a code is made and the connection is reset"),
    83: _bill("error_500", "a code is made and an HTTP 500 comes", phase="after_effect"),
    84: _bill("callback_before_reply", "paid at once: the callback comes before the code"),
    91: _bill("truncated", "half of the answer"),
    92: _bill("malformed", "an answer that does not parse"),
    93: _bill("wrong_amount", "the answer tells another amount"),
    94: _bill("unknown_status", "a result code that no table has"),
    96: _bill("bad_signature", "an answer whose signature does not verify"),
}
