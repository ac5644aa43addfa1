"""Each key with its age, its use and its state: what people are shown."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.foundation.crypto.keys import KeyRing, key_id
from gateway.foundation.rotation.records import KeyState, Known


@dataclass(frozen=True)
class KeyStanding:
    """One number of a key. Instants in microseconds; ``made_at`` is None where only the holder of the key knows it.

    ``moved`` of ``total`` rows lie under this key instead of the one before; both 0 where no rows are to be moved.
    ``waits_for``: the nodes that have not got it, or do not use it yet. ``where``: file, token, or nothing where it is
    not on this node.
    """

    key: str
    name: str
    number: int
    state: KeyState
    made_at: int | None
    used_at: int | None
    retired_at: int | None
    moved: int
    total: int
    waits_for: tuple[str, ...]
    where: str


def standings(known: Known, keys: KeyRing) -> list[KeyStanding]:
    """Every key that is held here or known to the database, by name and number."""
    numbers = {name: set(those) for name, those in keys.held(retired=True).items()}
    for one in known.versions:
        numbers.setdefault(one.name, set()).add(one.number)
    return [_standing(known, keys, name, number) for name in sorted(numbers) for number in sorted(numbers[name])]


def _standing(known: Known, keys: KeyRing, name: str, number: int) -> KeyStanding:
    found = next((one for one in known.of(name) if one.number == number), None)
    sweeps = [] if found is None else known.sweeps_to(found)
    state = KeyState.CURRENT if number == keys.number(name) else KeyState.RETIRED
    waits: list[str] = []
    if found is not None:
        state = known.state(found)
        if state is KeyState.MADE:
            waits = [one.node for one in known.nodes if number not in one.holds.get(name, ())]
        elif state is KeyState.CURRENT and found.settled_at is None:
            waits = [one.node for one in known.nodes if one.uses.get(name) != number]
    return KeyStanding(
        key=key_id(name, number),
        name=name,
        number=number,
        state=state,
        made_at=found.made_at if found is not None and number > 1 else keys.made_at(name, number),
        used_at=None if found is None else found.used_at,
        retired_at=None if found is None else found.retired_at,
        moved=sum(one.moved for one in sweeps),
        total=sum(max(one.total, one.moved) for one in sweeps),
        waits_for=tuple(waits),
        where=keys.where(name, number),
    )
