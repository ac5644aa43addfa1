"""What can be made to go wrong in any system. A system adds kinds of its own (``System.kinds``)."""

from __future__ import annotations

from dataclasses import dataclass

#: Where in the life of a request a fault acts, in that order, and what is true by then.
PHASES: dict[str, str] = {
    "connection": "no request can be made",
    "before_effect": "nothing has happened yet",
    "effect": "what happens is not what was asked for",
    "after_effect": "it has happened, the caller does not know",
    "during_answer": "it has happened, the answer is wrong",
    "callback": "it has happened, the callback about it goes astray",
    "statement": "a day's statement is wrong, for as long as the fault is planted",
}
#: Faults of these phases meet no single requests: they hold as long as they are planted.
STANDING = frozenset({"connection", "statement"})


@dataclass(frozen=True)
class Kind:
    """One kind of fault. ``phase`` is where it acts unless the fault says one of ``also``.

    ``needs``: fields of a fault that it cannot do without. The frame carries out the kinds of ``COMMON``. What a
    system's own kind does is the system's to do: of the phase "effect" the handler finds it as ``Call.fault``, of the
    phase "statement" the system asks ``Faults.statement``.
    """

    phase: str
    effect: str
    also: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Magic:
    """What an amount brings, for trials by hand. ``operation`` is the request or callback that meets it, "" for none.

    ``phase`` is "" for that of the kind.
    """

    kind: str
    words: str
    operation: str = ""
    phase: str = ""
    seconds: float | None = None
    code: str = ""


#: The kinds that every system has.
COMMON: dict[str, Kind] = {
    "refuse": Kind("connection", "the system's port refuses connections, for `seconds` or until the fault is removed"),
    "silence": Kind("before_effect", "no effect, no answer; the connection closes after `seconds`, else stays open"),
    "busy": Kind("before_effect", "the contract's effect-free refusal for load, with `seconds` to wait (default 2)"),
    "error_500": Kind("before_effect", "an undeclared HTTP 500 with an HTML page", also=("after_effect",)),
    "answer_code": Kind(
        "before_effect", "the contract's answer with result code `code`, which no table need have", needs=("code",)
    ),
    "not_found_then_found": Kind("before_effect", "says that there is no such thing, though there may be"),
    "slow": Kind("before_effect", "waits `seconds` (default 1), then goes on", also=("after_effect",)),
    "apply_then_silence": Kind("after_effect", "no answer; the connection closes after `seconds`, else stays open"),
    "apply_then_reset": Kind("after_effect", "the connection is reset (RST)"),
    "callback_before_reply": Kind("after_effect", "the callback of the effect is delivered before the answer"),
    "drip": Kind("during_answer", "the answer comes byte by byte, `seconds` apart (default 0.2)"),
    "malformed": Kind("during_answer", "an answer that does not parse"),
    "malformed_doctype": Kind("during_answer", "an answer with a DOCTYPE and an entity (XML), else unparsable"),
    "empty": Kind("during_answer", "a 200 with an empty body"),
    "truncated": Kind("during_answer", "half of the announced bytes, then the connection closes"),
    "wrong_amount": Kind("during_answer", "the amount in the answer differs by one unit"),
    "wrong_code": Kind("during_answer", "the code or identity in the answer is somebody else's"),
    "unknown_status": Kind("during_answer", "a status or result code that no table has"),
    "status": Kind("during_answer", "the status of what the answer is about is `code`", needs=("code",)),
    "bad_signature": Kind("during_answer", "a signature that does not verify"),
    "more_elements": Kind("during_answer", "every part of the answer has an element or member that no contract has"),
    "empty_optionals": Kind("during_answer", "what is optional and absent comes empty: no content, nil, null"),
    "other_order": Kind("during_answer", "the elements or members stand in another order"),
    "other_amounts": Kind("during_answer", "amounts are spelt otherwise: 200 or 200.000 for 200.00"),
    "callback_lost": Kind("callback", "it is never sent"),
    "callback_twice": Kind("callback", "it is sent again after it was acknowledged"),
    "callback_late": Kind("callback", "it leaves `seconds` late (default 3600); time travel and flush hasten it"),
    "callback_reordered": Kind(
        "callback",
        "it waits until the system's next callback was acknowledged, `seconds` at most (default 60); time travel and "
        "flush send it at once, still behind that one",
    ),
    "callback_different": Kind(
        "callback", "it says the same a little differently: more, empty and reordered elements, other spellings"
    ),
    "callback_forged": Kind("callback", "one with altered content and a bad signature comes before the true one"),
}
