"""People at the console: signing in, the session that follows, and proving again who one is before money moves.

A session is a row, so that ending it, or disabling its operator, ends it everywhere with the next request. It ends by
itself after some minutes without an act and after some hours whatever happens (GB/T 22239-2019 level 3, 8.1.4.1).
What is signed in, and who is not let in, is written down in the operator audit.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from gateway.foundation.access import one_time, records, session_records
from gateway.foundation.access.access import Access, hashed_password
from gateway.foundation.access.audit import SIGN_IN, UNKNOWN, Act, Audit, Who
from gateway.foundation.access.records import Login
from gateway.foundation.access.session_records import Session
from gateway.foundation.access.sign_in import Principal, as_operator
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.sm import same, sm3
from gateway.foundation.store import Store
from gateway.settings import ConsoleSettings
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import InvalidProblem, NotFoundProblem, Problem, UnavailableProblem
from gateway.words.identifiers import new_id
from gateway.words.masking import mask_document
from gateway.words.saying import say

CONFIRMING: Final = ("operator", "supervisor")
"""Roles that may confirm that money leaves."""
_SECOND: Final = 1_000_000
_MINUTE: Final = 60 * _SECOND


@dataclass(frozen=True)
class Visit:
    """Somebody who is signed in. ``lacks``: what is to be done before anything else, ``password`` or ``factor``.

    ``fresh``: the person has proved just now who it is, so that money may move.
    """

    session: Session
    who: Principal
    login: str
    has_factor: bool
    lacks: str | None
    fresh: bool

    @property
    def name(self) -> Who:
        """As whom this is written down."""
        return Who(self.who.client_id, self.who.name, self.who.role or "")


class People:
    """Signs people in and out. What is presented as ``cookie`` is a session's id and its secret."""

    def __init__(
        self, store: Store, envelope: Envelope, clock: Clock, access: Access, audit: Audit, settings: ConsoleSettings
    ) -> None:
        self._store, self._envelope, self._clock = store, envelope, clock
        self._access, self._audit, self._settings = access, audit, settings

    async def sign_in(self, login: str, password: str, code: str, source: str) -> tuple[str, Visit]:
        """Let somebody in: the cookie, and who it is. Raises Problem (not-authenticated) in the same words for all."""
        found = await self._proved(login, password, code, source)
        if found is None:
            raise Problem(say("console.not_let_in"), type="not-authenticated")
        now = to_micros(self._clock.now())
        secret = secrets.token_hex(24)
        made = Session(new_id("ops"), found.id, sm3(secret.encode()), source[:60], now, now, now)
        begun = await self._audit.begin(Who(found.id, found.name, found.role), Act("act", SIGN_IN, found.login))
        await self._store.write(lambda conn: session_records.add(conn, made))
        await self._audit.end(begun, 200)
        visit = await self._store.read(lambda conn: self._visit(conn, made))
        assert visit is not None
        return f"{made.id}_{secret}", visit

    async def of(self, cookie: str) -> Visit | None:
        """Who comes with this cookie; None where no session goes on under it."""
        session_id, _, secret = cookie.rpartition("_")

        def look(conn: Connection) -> Visit | None:
            known = session_records.fetch(conn, session_id)
            if known is None or not same(known.digest, sm3(secret.encode())):
                return None
            return self._visit(conn, known)

        visit = await self._store.read(look)
        now = to_micros(self._clock.now())
        if visit is not None and visit.session.used_at <= now - _MINUTE:
            with suppress(UnavailableProblem):  # who only looks is not locked out by a full disk
                await self._store.write_beside(lambda conn: session_records.used(conn, visit.session.id, now))
        return visit

    async def prove(self, visit: Visit, password: str, code: str) -> Visit | None:
        """The same person proves again who it is; None where that fails, as often as a sign-in may."""
        found = await self._proved(visit.login, password, code, visit.session.source)
        if found is None or found.id != visit.who.client_id:
            return None
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> Visit | None:
            session_records.proved(conn, visit.session.id, now)
            known = session_records.fetch(conn, visit.session.id)
            return None if known is None else self._visit(conn, known)

        return await self._store.write(unit)

    async def sign_out(self, visit: Visit) -> None:
        """The session is over."""
        await self._act(visit, "sign-out", lambda conn, now: session_records.end(conn, visit.session.id, now))

    async def change_password(self, visit: Visit, old: str, new: str) -> None:
        """Set one's own password; every other session of the person ends. Raises InvalidProblem."""
        if await self._access.sign_in.login(visit.login, old, visit.session.source) is None:
            raise InvalidProblem(say("console.old_password"), field="old")
        if new == old:
            raise InvalidProblem(say("console.same_password"), field="new")
        hashed = await hashed_password(new)

        def unit(conn: Connection, now: int) -> None:
            records.change_operator(conn, visit.who.client_id, password=hashed, password_once=False)
            session_records.end_all(conn, visit.who.client_id, now, but=visit.session.id)

        await self._act(visit, "new password", unit)

    async def set_factor(self, visit: Visit, secret: bytes, code: str) -> None:
        """Begin to ask for one-time codes of this secret, once the person shows one. Raises InvalidProblem."""
        step = one_time.step_of(secret, code, self._clock.now(), None)
        if step is None:
            raise InvalidProblem(say("console.wrong_code"), field="code")
        sealed = self._envelope.seal(secret, _factor_context(visit.who.client_id))
        values: dict[str, Any] = {"factor_sealed": sealed, "factor_step": step}
        await self._act(
            visit, "one-time codes", lambda conn, _: records.change_operator(conn, visit.who.client_id, **values)
        )

    async def sessions(self) -> list[Session]:
        """Where people are signed in now, the latest first."""
        idle, began = self._since()
        return await self._store.read(lambda conn: session_records.live(conn, idle, began))

    async def end(self, session_id: str) -> Session:
        """End somebody's session; how it was. Again changes nothing. Raises NotFoundProblem."""
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> Session:
            known = session_records.fetch(conn, session_id)
            if known is None:
                raise NotFoundProblem(say("access.no_session"))
            session_records.end(conn, session_id, now)
            return known

        return await self._store.write(unit)

    async def end_own(self, visit: Visit, session_id: str) -> None:
        """A person ends another session of one's own; written down. Raises NotFoundProblem."""

        def unit(conn: Connection, now: int) -> None:
            known = session_records.fetch(conn, session_id)
            if known is None or known.operator_id != visit.who.client_id:
                raise NotFoundProblem(say("access.no_session"))
            session_records.end(conn, session_id, now)

        await self._act(visit, "end session", unit)

    async def last_before(self, visit: Visit) -> Session | None:
        """The person's session before this one."""
        mine = visit.session
        return await self._store.read(lambda conn: session_records.before(conn, mine.operator_id, mine.id))

    # --- inside -----------------------------------------------------------------------------------------------------

    async def _proved(self, login: str, password: str, code: str, source: str) -> Login | None:
        """Who has this login, password and code. A code is taken once; who is refused is written down."""
        steps: list[int] = []

        def right(found: Login) -> bool:
            if found.factor_sealed is None:
                return True
            secret = self._envelope.open(found.factor_sealed, _factor_context(found.id))
            step = one_time.step_of(secret, code, self._clock.now(), found.factor_step)
            steps.extend([] if step is None else [step])
            return step is not None

        found = await self._access.sign_in.login(login, password, source, right)
        if found is not None and steps:
            id_of, step = found.id, steps[0]
            if not await self._store.write(lambda conn: records.take_step(conn, id_of, step)):
                found = None
        if found is None:
            who = await self._access.sign_in.whose(login)
            # It may be a password in the wrong place.
            await self._audit.not_let_in(who, login if who is not UNKNOWN else mask_document(login), source)
        return found

    async def _act(self, visit: Visit, action: str, change: Callable[[Connection, int], None]) -> None:
        begun = await self._audit.begin(visit.name, Act("act", action, visit.login))
        now = to_micros(self._clock.now())
        async with self._audit.ending(begun):
            await self._store.write(lambda conn: change(conn, now))

    def _since(self) -> tuple[int, int]:
        """When a session that goes on must have been used, and must have begun."""
        now, settings = to_micros(self._clock.now()), self._settings
        return now - settings.idle_minutes * _MINUTE, now - settings.absolute_hours * 60 * _MINUTE

    def _visit(self, conn: Connection, known: Session) -> Visit | None:
        found = records.login_by_id(conn, known.operator_id)
        idle, began = self._since()
        if known.ended_at is not None or known.used_at < idle or known.began_at < began:
            return None
        if found is None or found.disabled_at is not None:
            return None
        who = as_operator(found, records.seen_by(conn, found.id))
        proof = to_micros(self._clock.now()) - self._settings.proof_minutes * _MINUTE
        return Visit(
            session=known,
            who=who,
            login=found.login,
            has_factor=found.factor_sealed is not None,
            lacks=self._lacks(found),
            fresh=known.proved_at > proof,
        )

    def _lacks(self, found: Login) -> str | None:
        if found.password_once:
            return "password"
        required = self._settings.second_factor
        asked = required == "all" or (required == "confirmers" and found.role in CONFIRMING)
        return "factor" if asked and found.factor_sealed is None else None


def _factor_context(operator_id: str) -> str:
    return f"operator|factor|{operator_id}"
