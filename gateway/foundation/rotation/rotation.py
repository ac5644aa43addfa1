"""One node's part in changing keys: it learns which are current, says which it has, and moves rows to new ones.

A key is changed in steps, each a row of ``key_version`` and a record of the evidence:

1. **made**: written, used by nobody. Every node that finds it says so, and looks under it.
2. **used**: once all living nodes have it, for one beat at least, it is the current one. A node that has not heard of
   that yet still seals under the old one, which all of them open.
3. **settled**: every node uses it. Nothing new is written under the old one but what was under way.
4. **moved**: rows under the old one are moved, a few at a time; how far that came is kept with each of them, so that
   another process goes on where one was killed. A pass that finds nothing, begun after ``grace``, ends it.
5. **retired**: nothing here needs the old one. It is put aside, for backups; a person destroys it.

Pairs that sign need no fourth step: what they signed is verified by their public keys, which stay. Keys of the
evidence's MACs are kept as long as the evidence.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

import structlog
from sqlalchemy import Connection

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.keys import KeyRing, key_id
from gateway.foundation.evidence import Evidence
from gateway.foundation.once import NEVER, Once
from gateway.foundation.rotation import records
from gateway.foundation.rotation.places import Place
from gateway.foundation.rotation.records import KEPT, SWEPT, KeyState, Known, NodeKeys, Version, known_now
from gateway.foundation.rotation.standing import KeyStanding, standings
from gateway.foundation.rotation.sweeping import Sweeping
from gateway.foundation.store import Store
from gateway.ports.base import RawExchange
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import ConflictProblem, GatewayError, NotFoundProblem, SettingsError, UnavailableProblem
from gateway.words.saying import say

log = structlog.get_logger(__name__)

OURS: Final = "(keys)"
"""Instead of a channel: what the evidence says of keys. No channel of the settings can have such a name."""
BEAT: Final = 5.0
GRACE: Final = 60.0


class Rotation:
    """The keys of this installation, as this node knows them.

    ``places``: where rows lie.
    ``beat`` and ``grace`` in seconds: how often it looks, and how long what was sealed before may be under way.
    """

    def __init__(
        self,
        store: Store,
        keys: KeyRing,
        envelope: Envelope,
        evidence: Evidence,
        clock: Clock,
        places: Callable[[], Sequence[Place]],
        *,
        beat: float = BEAT,
        grace: float = GRACE,
    ) -> None:
        self._store, self._keys, self._evidence, self._clock = store, keys, evidence, clock
        self._sweeping = Sweeping(store, envelope, places)
        self._beat, self._grace = beat, int(grace * 1_000_000)
        self._node = evidence.node
        self._alone = store.dialect == "sqlite"
        self._works = False
        self._tasks: list[asyncio.Task[None]] = []
        self._lacking: dict[str, list[str]] = {}
        self._trouble: dict[str, str] = {}

    @property
    def trouble(self) -> list[str]:
        """What keeps keys from being changed, as far as this node knows."""
        lacking = [f"{kid} is not among the keys of {self._node}" for kids in self._lacking.values() for kid in kids]
        told = self._trouble | self._sweeping.trouble
        return [*lacking, *(f"{kid}: {why}" for kid, why in told.items())]

    # --- this node

    async def open(self) -> None:
        """Say that this node is there, then learn. Raises SettingsError where it has not got a key that is in use."""
        await self._say()
        known = await self.learn()
        for name in known.names():
            current = known.current(name)
            if current is not None and self._keys.number(name) != current.number:
                raise SettingsError("keys.directory", say("keys.missing", path=key_id(name, current.number)))

    async def learn(self) -> Known:
        """Read which keys are current, use them from now on, and say which this node has."""
        known = await known_now(self._store)
        held = await asyncio.to_thread(self._keys.held)
        live: dict[str, tuple[int, ...]] = {}
        for name in known.names():
            here = held.get(name, ())
            lacking = [one for one in known.live(name) if one not in here]
            live[name] = tuple(one for one in known.live(name) if one not in lacking) or known.live(name)
            self._lacking[name] = [key_id(name, number) for number in lacking]
        self._keys.told(live)
        for one in known.versions:
            if one.retired_at is not None and one.number in held.get(one.name, ()):
                await asyncio.to_thread(self._keys.retire, one.name, one.number)
            if one.destroyed_at is not None:
                await asyncio.to_thread(self._keys.destroy, one.name, one.number)
        await self._say()
        return known

    def begin(self) -> None:
        """Keep learning, for as long as this process lives."""
        self._tasks.append(asyncio.create_task(self._forever(self.learn), name="keys"))

    def work(self) -> None:
        """Move rows as well, where one living node is chosen to."""
        self._works = True
        self._tasks.append(asyncio.create_task(self._forever(self.advance), name="keys-moving"))

    async def close(self) -> None:
        """Stop, and say that this node is gone."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if not self._alone:
            await self._store.write_apart(lambda conn: records.leave(conn, self._node))

    # --- what people have done

    async def standings(self) -> list[KeyStanding]:
        """Every key with its use and its state."""
        return standings(await known_now(self._store), self._keys)

    async def rotate(self, name: str, by: str, *, once: Once = NEVER) -> int:
        """Make the next key of a name, and have it used when all nodes have it. Returns its number.

        Raises NotFoundProblem for a name that no key has, ConflictProblem while the last change goes on.
        """
        if name not in self._keys.held():
            raise NotFoundProblem(say("keys.no_name", name=name, names=sorted(self._keys.held())))
        known = await self.learn()
        if known.made(name) or (name not in KEPT and known.olds(name)):
            raise ConflictProblem(say("keys.changing", name=name), type="conflict")
        before = self._keys.number(name)
        number = await asyncio.to_thread(self._keys.make, name)
        now = await self._store.database_now()
        first = Version(name, before, now, now, now, None, None, by)
        made = Version(name, number, now, None, None, None, None, by)

        def unit(conn: Connection) -> None:
            if records.known(conn, now).made(name):  # another node was asked at the same moment
                raise ConflictProblem(say("keys.changing", name=name), type="conflict")
            records.add(conn, first)
            records.add(conn, made)
            self._note(conn, made, KeyState.MADE, by=by)

        await self._store.write(once.about(key_id(name, number)).first(unit))
        return number

    async def destroy(self, name: str, number: int, by: str) -> None:
        """Destroy a retired key for good. Raises NotFoundProblem, and ConflictProblem where it is needed or kept."""
        known = await known_now(self._store)
        one = next((one for one in known.of(name) if one.number == number), None)
        if one is None:
            raise NotFoundProblem(say("keys.no_key", key=key_id(name, number)))
        if known.state(one) is not KeyState.RETIRED:
            raise ConflictProblem(say("keys.not_retired", key=key_id(name, number)), type="conflict")
        current = known.current(name)
        for place in self._sweeping.places_of(name):
            assert current is not None, "a key is retired after another one was used"
            if left := await self._store.read(partial(place.count, number=current.number)):
                said = say("keys.still_needed", key=key_id(name, number), rows=left, place=place.name)
                raise ConflictProblem(said, type="conflict")

        def unit(conn: Connection) -> None:
            if records.mark(conn, one, "destroyed_at", known.now):
                self._note(conn, one, KeyState.DESTROYED, by=by)

        await self._store.write(unit)
        await self.learn()

    async def finish(self, name: str, told: Callable[[Known], None] = lambda _: None) -> None:
        """Do the work of a change here and now, until nothing is left to do or somebody must be waited for."""
        if self._alone:  # nobody else writes, and this process has nothing under way
            self._grace = 0
        while True:
            known = await self.advance(rest=False)
            told(known)
            if not (known.made(name) or (name not in KEPT and known.olds(name))):
                return
            if not self._alone:
                await asyncio.sleep(self._beat)

    # --- the work

    async def advance(self, *, rest: bool = True) -> Known:
        """Do whatever can be done now for any key. What stands afterwards."""
        known = await self.learn()
        chosen = next((one.node for one in known.nodes if one.works), self._node)
        if self._works and not self._alone and chosen != self._node:
            return known
        for name in known.names():
            await self._advance(known, name, rest)
        return await self.learn()

    async def _advance(self, known: Known, name: str, rest: bool) -> None:
        made, current, olds = known.made(name), known.current(name), known.olds(name)
        if made is not None:
            lacking = [one.node for one in known.nodes if made.number not in one.holds.get(name, ())]
            if not lacking and (self._alone or known.now - made.made_at > 2 * self._beat * 1_000_000):
                self._trouble.pop(key_id(name, made.number), None)
                await self._step(made, "used_at", KeyState.CURRENT)
            elif lacking:
                self._trouble[key_id(name, made.number)] = f"{', '.join(lacking)} has not got it"
            return
        if current is None or not olds:
            return
        if current.settled_at is None:
            if all(one.uses.get(name) == current.number for one in known.nodes):
                await self._store.write(lambda conn: records.mark(conn, current, "settled_at", known.now))
            return
        if name in KEPT:
            return
        landed = (current.settled_at or known.now) + self._grace
        if name in SWEPT and not await self._sweeping.moved(known, current, landed, rest=rest):
            return
        for old in olds:
            await self._step(old, "retired_at", KeyState.RETIRED)

    async def _step(self, one: Version, step: str, state: KeyState) -> None:
        now = await self._store.database_now()

        def unit(conn: Connection) -> None:
            if records.mark(conn, one, step, now):
                self._note(conn, one, state)

        await self._store.write(unit)

    # --- inside

    async def _say(self) -> None:
        """Say which keys this node has and uses: on a database that several processes share."""
        if self._alone:
            return
        held = await asyncio.to_thread(self._keys.held)
        mine = NodeKeys(self._node, self._works, held, {name: self._keys.number(name) for name in held})
        now = await self._store.database_now()
        await self._store.write_apart(partial(records.beat, node=mine, now=now))

    def _note(self, conn: Connection, one: Version, step: KeyState, by: str | None = None) -> None:
        """Put a step into the evidence."""
        told = {"key": key_id(one.name, one.number), "step": step.value, "node": self._node}
        if by is not None:
            told["by"] = by
        if one.name not in (*SWEPT, *KEPT):
            told["public_key"] = self._keys.public(one.name, one.number).hex()
        now = to_micros(self._clock.now())
        self._evidence.append(
            conn,
            RawExchange(
                channel=OURS,
                direction="in",
                action=f"key {step.value}",
                method="",
                url="",
                request_headers=(("content-type", "application/json"),),
                request_body=json.dumps(told).encode(),
                status=None,
                response_headers=(),
                response_body=b"",
                outcome="answered",
                started_at=now,
                ended_at=now,
            ),
        )

    async def _forever(self, duty: Callable[[], Awaitable[object]]) -> None:
        while True:
            await asyncio.sleep(self._beat)
            try:
                await duty()
            except UnavailableProblem as problem:
                log.warning("keys could not be looked after", reason=str(problem))
            except (GatewayError, OSError, ValueError):
                log.exception("keys could not be looked after")
