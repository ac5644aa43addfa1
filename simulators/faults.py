"""Misbehaviour on purpose: which kinds there are, and which request meets which.

The same faults and the same requests give the same behaviour: a probability is drawn from the seed, the business key
and the count of earlier requests with that key, not from the order in which different keys arrive. Where keys differ
from run to run, ``dice`` "order" draws by the order of arrival instead.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from simulators.naming import unknown
from simulators.state import State

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


@dataclass(frozen=True)
class Kind:
    """One kind of fault. ``phase`` is where it acts unless the fault says one of ``also``.

    ``needs``: fields of a fault that it cannot do without. ``systems``: the only ones that know it (empty: all).
    """

    phase: str
    effect: str
    also: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()


#: The systems that collect money: only they have bills, statements, and amounts with a meaning.
COLLECTING = ("nontax", "cnnontax")


def _statement(effect: str) -> Kind:
    return Kind("statement", effect, needs=("key", "code"), systems=COLLECTING)


def _sealing(effect: str) -> Kind:
    return Kind("effect", effect, systems=("seal",))


KINDS: dict[str, Kind] = {
    "refuse": Kind("connection", "the system's port refuses connections, for `seconds` or until the fault is removed"),
    "silence": Kind("before_effect", "no effect, no answer; the connection closes after `seconds`, else stays open"),
    "busy": Kind("before_effect", "the contract's effect-free refusal for load, with `seconds` to wait (default 2)"),
    "error_500": Kind("before_effect", "an undeclared HTTP 500 with an HTML page", also=("after_effect",)),
    "answer_code": Kind(
        "before_effect", "the contract's answer with result code `code`, which no table need have", needs=("code",)
    ),
    "not_found_then_found": Kind("before_effect", "says that there is no such thing, though there may be"),
    "slow": Kind("before_effect", "waits `seconds` (default 1), then goes on", also=("after_effect",)),
    "seal_wrong_digest": _sealing("seals another digest than the one asked for"),
    "seal_wrong_seal": _sealing("seals with another organ's seal"),
    "seal_expired": _sealing("seals with a seal whose validity has ended"),
    "seal_revoked": _sealing("seals, though the seal is cancelled"),
    "seal_damaged_der": _sealing("cuts the signature's DER short"),
    "seal_trailing_bytes": _sealing("adds bytes behind the signature's DER"),
    "seal_empty_id": _sealing("signs with a certificate that its CA signed under an empty identifier"),
    "seal_unknown_version": _sealing("seals in a structure of version 6"),
    "seal_foreign_ca": _sealing("seals with a seal and certificates of a CA that nobody trusts"),
    "seal_not_listed": _sealing("signs with a certificate that the seal does not list"),
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
    "bad_signature": Kind("during_answer", "a signature that does not verify"),
    "callback_lost": Kind("callback", "it is never sent"),
    "callback_twice": Kind("callback", "it is sent again after it was acknowledged"),
    "callback_late": Kind("callback", "it leaves `seconds` late (default 3600); time travel and flush hasten it"),
    "callback_reordered": Kind(
        "callback",
        "it waits until the system's next callback was acknowledged, `seconds` at most (default 60); time travel and "
        "flush send it at once, still behind that one",
    ),
    "callback_forged": Kind("callback", "one with altered content and a bad signature comes before the true one"),
    "statement_missing": _statement("the statement of day `key` (yyyyMMdd) lacks the line of payment code `code`"),
    "statement_extra": _statement("the statement of day `key` has a line for `code` that nobody paid"),
    "statement_changed": _statement("on the statement of day `key` the amount for `code` is a fen more"),
    "statement_duplicate": _statement("the statement of day `key` has the line for `code` twice"),
    "statement_late": _statement("the line for `code` of day `key` is on the next day's statement"),
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
    phase: str = ""
    nth: int = 1
    times: int = 1
    probability: float = 1.0
    seed: int = 0
    dice: str = "key"
    seconds: float | None = None
    code: str = ""
    id: str = ""
    seen: int = 0
    fired: int = 0
    seen_by_key: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.phase = self.phase or KINDS[self.kind].phase

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
        if self.probability < 1.0 and self._throw(operation, key) >= self.probability:
            return False
        self.fired += 1
        return True

    def _throw(self, operation: str, key: str) -> float:
        if self.dice == "order":
            throw = f"{self.seed}/{self.system}/{self.seen}"
        else:
            count = self.seen_by_key[key] = self.seen_by_key.get(key, 0) + 1
            throw = f"{self.seed}/{self.system}/{operation}/{key}/{count}"
        return random.Random(throw).random()  # noqa: S311 - repeatable


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_whole(least: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and value >= least


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and value >= 0


@dataclass(frozen=True)
class Field:
    """One field of a fault's JSON description: what its value must be, and what it is for."""

    fits: Callable[[Any], bool]
    must_be: str
    means: str


FIELDS: dict[str, Field] = {
    "system": Field(_is_text, "the name of a system", "the system it is planted in"),
    "kind": Field(_is_text, "one of those that `simulators faults` lists", "what goes wrong"),
    "operation": Field(
        _is_text, 'a name of the contract, or "*"', "the contract's operation, or the callback that is sent"
    ),
    "key": Field(
        lambda value: value is None or _is_text(value), "text or null", "the business key: a reference, a code"
    ),
    "nth": Field(_is_whole(1), "a whole number from 1", "from the nth of these requests on (1)"),
    "times": Field(_is_whole(0), "a whole number from 0", "how often (1); 0: for ever"),
    "probability": Field(lambda value: _is_number(value) and value <= 1, "a number from 0 to 1", "of each of them (1)"),
    "seed": Field(lambda value: type(value) is int, "a whole number", "another seed, other throws of the dice (0)"),
    "dice": Field(
        lambda value: value in ("key", "order"),
        '"key" or "order"',
        'each key has its own throws ("key"), or they fall in the order of arrival ("order")',
    ),
    "phase": Field(_is_text, "a phase", "for kinds that can act in more than one"),
    "seconds": Field(
        lambda value: value is None or _is_number(value), "a number of seconds from 0", "how long, for kinds that wait"
    ),
    "code": Field(_is_text, "text", "which result code or payment code, for kinds that ask for it"),
}
#: Fields by which a fault chooses among requests; connections and statements are no requests.
_CHOOSING = ("nth", "probability", "dice")


def mistakes(description: Any) -> list[str]:
    """What is wrong with a fault's JSON description whatever systems there are, as "field: words"; empty: nothing."""
    if not isinstance(description, dict):
        return ['a fault is an object such as {"system": "nontax", "kind": "busy"}']
    wrong = [f"{name}: {unknown('field', name, FIELDS)}" for name in description if name not in FIELDS]
    wrong += [f"{name}: is missing" for name in ("system", "kind") if name not in description]
    for name, value in description.items():
        if name in FIELDS and not FIELDS[name].fits(value):
            wrong.append(f"{name}: {value!r} is not {FIELDS[name].must_be}")
    kind = KINDS.get(str(description.get("kind")))
    if kind is None:
        if _is_text(description.get("kind")):
            wrong.append(f"kind: {unknown('kind', description['kind'], KINDS)}")
        return wrong
    wrong += [f"{name}: {description['kind']} needs it" for name in kind.needs if not description.get(name)]
    day = description.get("key")
    if kind.phase == "statement" and isinstance(day, str) and not re.fullmatch(r"\d{8}", day):
        wrong.append(f"key: {day!r} is not a day as yyyyMMdd")
    phases = (kind.phase, *kind.also)
    if _is_text(phase := description.get("phase", kind.phase)) and phase not in phases:
        wrong.append(f"phase: {description['kind']} acts in {' or '.join(phases)}")
    if kind.phase in ("connection", "statement"):
        wrong += [
            f"{name}: {description['kind']} meets no single requests and takes no {name}"
            for name in _CHOOSING
            if name in description and description[name] != getattr(Fault, name)
        ]
    return wrong


class Faults:
    """The planted faults, kept over a restart."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.planted: list[Fault] = []
        self.load()

    def load(self) -> None:
        """Take over what the state file remembers (after a restart, a reset, or a change that was undone)."""
        with self._state.transaction() as tx:
            self.planted = [Fault(**document) for _, document in tx.list("", "faults")]

    def plant(self, description: dict[str, Any]) -> Fault:
        """Plant one fault from its JSON description. ValueError names what is wrong with it."""
        if wrong := mistakes(description):
            raise ValueError("; ".join(wrong))
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

    def pick(
        self, system: str, operation: str, key: str, *, callback: bool = False, without: Collection[str] = ()
    ) -> Fault | None:
        """The first planted fault that this request (or callback) meets, if any; not of the kinds ``without``."""
        for fault in self.planted:
            if (
                fault.system != system
                or fault.phase in ("connection", "statement")
                or (fault.phase == "callback") != callback
                or fault.kind in without
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


assert set(FIELDS) == {entry.name for entry in fields(Fault)} - {"id", "seen", "fired", "seen_by_key"}
