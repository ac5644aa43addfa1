"""Misbehaviour on purpose: what is planted, and which request meets which.

The same faults and the same requests give the same behaviour: a probability is drawn from the seed, the business key
and the count of earlier requests with that key, not from the order in which different keys arrive. Where keys differ
from run to run, ``dice`` "order" draws by the order of arrival instead.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from simulators.fault_kinds import COMMON, STANDING, Kind
from simulators.naming import mistakes as mistakes_of
from simulators.naming import unknown
from simulators.state import Document, State

if TYPE_CHECKING:
    from simulators.system import System


@dataclass
class Fault:
    """One planted fault. ``operation`` "*" is any, ``key`` None is any; ``times`` 0 is for ever.

    ``nth`` (from 1) skips the matching requests before the nth. ``probability`` with ``seed`` makes it a dice.
    ``phase`` is that of its kind once it is planted.
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


@dataclass(frozen=True)
class Field:
    """One field of a fault's JSON description: the schema of its value, in words too, and what it is for."""

    schema: Document
    must_be: str
    means: str

    def fits(self, value: Any) -> bool:
        """Whether a value can be this field's."""
        return not mistakes_of(self.schema, value)


_TEXT: Document = {"type": "string", "minLength": 1}
FIELDS: dict[str, Field] = {
    "system": Field(_TEXT, "the name of a system", "the system it is planted in"),
    "kind": Field(_TEXT, "one of those that `simulators faults` lists", "what goes wrong"),
    "operation": Field(
        _TEXT, 'a name of the contract, or "*"', "the contract's operation, or the callback that is sent"
    ),
    "key": Field({"type": ["string", "null"], "minLength": 1}, "text or null", "the business key: a reference, a code"),
    "nth": Field({"type": "integer", "minimum": 1}, "a whole number from 1", "from the nth of these requests on (1)"),
    "times": Field({"type": "integer", "minimum": 0}, "a whole number from 0", "how often (1); 0: for ever"),
    "probability": Field({"type": "number", "minimum": 0, "maximum": 1}, "a number from 0 to 1", "of each of them (1)"),
    "seed": Field({"type": "integer"}, "a whole number", "another seed, other throws of the dice (0)"),
    "dice": Field(
        {"enum": ["key", "order"]},
        '"key" or "order"',
        'each key has its own throws ("key"), or they fall in the order of arrival ("order")',
    ),
    "phase": Field(_TEXT, "a phase", "for kinds that can act in more than one"),
    "seconds": Field(
        {"type": ["number", "null"], "minimum": 0}, "a number of seconds from 0", "how long, for kinds that wait"
    ),
    "code": Field(_TEXT, "text", "which result code or payment code, for kinds that ask for it"),
}
SCHEMA: Document = {
    "type": "object",
    "properties": {name: {**one.schema, "description": one.means} for name, one in FIELDS.items()},
    "required": ["system", "kind"],
    "additionalProperties": False,
}
"""The JSON schema of a fault's description, whatever system it is for."""
#: Fields by which a fault chooses among requests; connections and statements are no requests.
_CHOOSING = ("nth", "probability", "dice")


def mistakes(description: Any, kinds: Mapping[str, Kind]) -> list[str]:
    """What is wrong with a fault's JSON description whatever system it is for, as "field: words"; empty: nothing."""
    if not isinstance(description, dict):
        return ['a fault is an object such as {"system": "nontax", "kind": "busy"}']
    wrong = [f"{name}: {unknown('field', name, FIELDS)}" for name in description if name not in FIELDS]
    wrong += [f"{name}: is missing" for name in ("system", "kind") if name not in description]
    for name, value in description.items():
        if name in FIELDS and not FIELDS[name].fits(value):
            wrong.append(f"{name}: {value!r} is not {FIELDS[name].must_be}")
    kind = kinds.get(str(description.get("kind")))
    if kind is None:
        if FIELDS["kind"].fits(description.get("kind")):
            wrong.append(f"kind: {unknown('kind', description['kind'], kinds)}")
        return wrong
    wrong += [f"{name}: {description['kind']} needs it" for name in kind.needs if not description.get(name)]
    day = description.get("key")
    if kind.phase == "statement" and isinstance(day, str) and not re.fullmatch(r"\d{8}", day):
        wrong.append(f"key: {day!r} is not a day as yyyyMMdd")
    phases = (kind.phase, *kind.also)
    if FIELDS["phase"].fits(phase := description.get("phase", kind.phase)) and phase not in phases:
        wrong.append(f"phase: {description['kind']} acts in {' or '.join(phases)}")
    if kind.phase in STANDING:
        wrong += [
            f"{name}: {description['kind']} meets no single requests and takes no {name}"
            for name in _CHOOSING
            if name in description and description[name] != getattr(Fault, name)
        ]
    return wrong


class Faults:
    """The planted faults, kept over a restart, and what can be planted in which system."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._systems: dict[str, System] = {}
        #: Every kind that some system knows.
        self.kinds: dict[str, Kind] = dict(COMMON)
        #: Kinds that cannot be planted here, each with the reason.
        self.barred: dict[str, str] = {}
        self.planted: list[Fault] = []
        self.load()

    def admit(self, system: System) -> None:
        """Let faults be planted in a system, those of its own kinds too."""
        self._systems[system.name] = system
        self.kinds.update(system.known_kinds)

    def load(self) -> None:
        """Take over what the state file remembers (after a restart, a reset, or a change that was undone)."""
        with self._state.transaction() as tx:
            self.planted = [Fault(**document) for _, document in tx.list("", "faults")]

    def plant(self, description: dict[str, Any]) -> Fault:
        """Plant one fault from its JSON description. ValueError names what is wrong with it."""
        if wrong := mistakes(description, self.kinds):
            raise ValueError("; ".join(wrong))
        fault = Fault(**description)
        fault.phase = fault.phase or self.kinds[fault.kind].phase
        with self._state.transaction() as tx:
            fault.id = f"fault-{tx.next('', 'faults')}"
            tx.put("", "faults", fault.id, asdict(fault))
        self.planted.append(fault)
        return fault

    def plant_all(self, descriptions: Sequence[Any]) -> list[Fault]:
        """Plant faults in systems that are there, in this order, all or none. ValueError names each wrong place."""
        wrong = [
            f"faults[{index}]{'.' if isinstance(one, dict) else ': '}{words}"
            for index, one in enumerate(descriptions)
            for words in mistakes(one, self.kinds) or self._misplaced(one)
        ]
        if wrong:
            raise ValueError("\n".join(wrong))
        with self._state.transaction():
            return [self.plant(one) for one in descriptions]

    def _misplaced(self, description: dict[str, Any]) -> list[str]:
        """What is wrong with a fault because of the system it is for: it would never be met there."""
        name, kind = description["system"], description["kind"]
        if name not in self._systems:
            return [f"system: {unknown('system', name, self._systems)}"]
        system, operation = self._systems[name], description.get("operation", "*")
        if kind not in system.known_kinds:
            others = [other for other, one in self._systems.items() if kind in one.known_kinds]
            return [f"kind: only {' and '.join(others)} can have {kind}"]
        if kind in self.barred:
            return [f"kind: {self.barred[kind]}"]
        callback = self.kinds[kind].phase == "callback"
        if callback and not system.callbacks:
            return [f"kind: {name} sends no callbacks"]
        known = system.callbacks if callback else system.operations
        if operation != "*" and operation not in known:
            return [f"operation: {unknown('operation', operation, sorted(known))}"]
        return []

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
                or fault.phase in STANDING
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
