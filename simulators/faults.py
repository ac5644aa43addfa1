"""Misbehaviour on purpose: which kinds there are, and which request meets which.

The same faults and the same requests give the same behaviour: a probability is drawn from the seed, the business key
and the count of earlier requests with that key, not from the order in which different keys arrive.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from simulators.state import State

#: kind → (phase, what happens). Phases: connection, before_effect, effect, after_effect, during_answer, callback,
#: and statement (what a day's statement says, for as long as the fault is planted).
KINDS: dict[str, tuple[str, str]] = {
    "refuse": ("connection", "the system's port refuses connections, for `seconds` or until the fault is removed"),
    "silence": ("before_effect", "no effect and no answer; the connection closes after `seconds`, else stays open"),
    "busy": ("before_effect", "the contract's effect-free refusal for load, with `seconds` to wait (default 2)"),
    "error_500": ("before_effect", "an undeclared HTTP 500 with an HTML page, no effect"),
    "answer_code": ("before_effect", "the contract's answer with the result code `code`, which no table need have"),
    "not_found_then_found": ("before_effect", "says that there is no such thing, though there may be"),
    "slow": ("before_effect", "waits `seconds` (default 1), then does its work"),
    "apply_then_silence": ("after_effect", "the effect happens, no answer comes"),
    "apply_then_reset": ("after_effect", "the effect happens, the connection is reset (RST)"),
    "callback_before_reply": ("after_effect", "the callback of the effect is delivered before the answer"),
    "drip": ("during_answer", "the answer comes byte by byte, `seconds` apart (default 0.2)"),
    "malformed": ("during_answer", "an answer that does not parse"),
    "malformed_doctype": ("during_answer", "an answer with a DOCTYPE and an entity (XML), else unparsable"),
    "empty": ("during_answer", "a 200 with an empty body"),
    "truncated": ("during_answer", "half of the announced bytes, then the connection closes"),
    "wrong_amount": ("during_answer", "the amount in the answer differs by one unit"),
    "wrong_code": ("during_answer", "the code or identity in the answer is somebody else's"),
    "unknown_status": ("during_answer", "a status or result code that no table has"),
    "bad_signature": ("during_answer", "a signature that does not verify"),
    "seal_wrong_digest": ("effect", "seals another digest than the one asked for"),
    "seal_wrong_seal": ("effect", "seals with another organ's seal"),
    "seal_expired": ("effect", "seals with a seal whose validity has ended"),
    "seal_revoked": ("effect", "seals, though the seal is cancelled"),
    "seal_damaged_der": ("effect", "cuts the signature's DER short"),
    "seal_trailing_bytes": ("effect", "adds bytes behind the signature's DER"),
    "seal_empty_id": ("effect", "signs with a certificate that its CA signed under an empty identifier"),
    "seal_unknown_version": ("effect", "seals in a structure of version 6"),
    "seal_foreign_ca": ("effect", "seals with a seal and certificates of a CA that nobody trusts"),
    "seal_not_listed": ("effect", "signs with a certificate that the seal does not list"),
    "statement_missing": ("statement", "the statement of day `key` lacks the line of the payment code `code`"),
    "statement_extra": ("statement", "the statement of day `key` has a line for `code` that nobody paid"),
    "statement_changed": ("statement", "on the statement of day `key` the amount for `code` is a fen more"),
    "statement_duplicate": ("statement", "the statement of day `key` has the line for `code` twice"),
    "statement_late": ("statement", "the line for `code` of day `key` is on the next day's statement"),
    "callback_lost": ("callback", "the callback is never sent"),
    "callback_twice": ("callback", "the callback is sent again after it was acknowledged"),
    "callback_late": ("callback", "the callback leaves `seconds` late (default 3600; time travel and flush hasten it)"),
    "callback_forged": ("callback", "a callback with altered content and a bad signature comes before the true one"),
}


@dataclass
class Fault:
    """One planted fault. ``operation`` "*" is any, ``key`` None is any; ``times`` 0 is for ever.

    ``nth`` (from 1) skips the matching requests before the nth. ``probability`` with ``seed`` makes it a dice.
    """

    system: str
    kind: str
    operation: str = "*"
    key: str | None = None
    nth: int = 1
    times: int = 1
    probability: float = 1.0
    seed: int = 0
    seconds: float | None = None
    code: str = ""
    id: str = ""
    seen: int = 0
    fired: int = 0
    seen_by_key: dict[str, int] = field(default_factory=dict)

    @property
    def phase(self) -> str:
        """Where in the life of a request the fault acts."""
        return KINDS[self.kind][0]

    def wait(self, default: float) -> float:
        """``seconds``, or the kind's default."""
        return default if self.seconds is None else self.seconds

    def meets(self, operation: str, key: str) -> bool:
        """Whether this request meets the fault; counts the request."""
        if self.operation not in ("*", operation) or self.key not in (None, key):
            return False
        if self.times and self.fired >= self.times:
            return False
        self.seen += 1
        if self.seen < self.nth:
            return False
        if self.probability < 1.0:
            count = self.seen_by_key[key] = self.seen_by_key.get(key, 0) + 1
            dice = random.Random(f"{self.seed}/{self.system}/{operation}/{key}/{count}")  # noqa: S311 - repeatable
            if dice.random() >= self.probability:
                return False
        self.fired += 1
        return True


_SETTABLE = {entry.name for entry in fields(Fault)} - {"id", "seen", "fired", "seen_by_key"}


class Faults:
    """The planted faults, kept over a restart."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.planted: list[Fault] = []
        self.load()

    def load(self) -> None:
        """Take over what the state file remembers (after a restart or a reset)."""
        with self._state.transaction() as tx:
            self.planted = [Fault(**document) for _, document in tx.list("", "faults")]

    def plant(self, description: dict[str, Any]) -> Fault:
        """Plant one fault from its JSON description. ValueError names what is wrong with it."""
        if unknown := set(description) - _SETTABLE:
            raise ValueError(f"unknown field {', '.join(sorted(unknown))}; known: {', '.join(sorted(_SETTABLE))}")
        if description.get("kind") not in KINDS:
            raise ValueError(f"unknown kind {description.get('kind')!r}; `simulators faults` lists them")
        if not isinstance(description.get("system"), str):
            raise ValueError("a fault needs the system it is planted in")
        fault = Fault(**description)
        with self._state.transaction() as tx:
            fault.id = f"fault-{tx.next('', 'faults')}"
            tx.put("", "faults", fault.id, asdict(fault))
        self.planted.append(fault)
        return fault

    def remove(self, fault_id: str | None = None) -> list[Fault]:
        """Remove one fault, or all; those that were removed."""
        gone = [fault for fault in self.planted if fault_id in (None, fault.id)]
        self.planted = [fault for fault in self.planted if fault not in gone]
        with self._state.transaction() as tx:
            for fault in gone:
                tx.delete("", "faults", fault.id)
        return gone

    def statement(self, system: str) -> list[tuple[str, str, str]]:
        """What is planted about statements: kind, day, payment code."""
        found = (one for one in self.planted if one.system == system and one.phase == "statement")
        return [(one.kind, one.key or "", one.code) for one in found]

    def pick(self, system: str, operation: str, key: str, *, callback: bool = False) -> Fault | None:
        """The first planted fault that this request (or callback) meets, if any."""
        for fault in self.planted:
            if (
                fault.system != system
                or fault.phase in ("connection", "statement")
                or (fault.phase == "callback") != callback
            ):
                continue
            before = (fault.seen, fault.fired)
            met = fault.meets(operation, key)
            if (fault.seen, fault.fired) != before:
                with self._state.transaction() as tx:
                    tx.put("", "faults", fault.id, asdict(fault))
            if met:
                return fault
        return None
