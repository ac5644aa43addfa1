"""What can be done with impounded vehicles 暂扣车辆: have one taken in, and watch how long it is held."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial

from pydantic import Field
from sqlalchemy import Connection

from anlan_yard import records
from anlan_yard.port import AdmitRequest, TowingYard, Vehicle, VehicleLeft
from anlan_yard.records import Impound, ImpoundFilter
from anlan_yard.settings import ImpoundSettings, YardKeys
from anlan_yard.states import LIFE, Status
from gateway.foundation.base import Foundation
from gateway.foundation.delivery import Action, Done, Event, Operation, Outcome, Rejected, Sent, Unsettled
from gateway.foundation.delivery.callbacks import Concerned
from gateway.foundation.delivery.events import timeline
from gateway.foundation.lives import Living
from gateway.foundation.once import NEVER, Once
from gateway.ports.base import Message
from gateway.rooms.decisions import Decisions
from gateway.words.clock import day_of, to_micros
from gateway.words.errors import ConflictProblem, ContractError, InvalidProblem, NotFoundProblem
from gateway.words.identifiers import new_id
from gateway.words.text import Ask

CAPABILITY = "impounds"
TOO_LONG, RELEASE_DUE = "impound.held_too_long", "impound.release_due"


class ImpoundAsk(Ask):
    """A vehicle that officers have seized 扣押."""

    authority: str = Field(min_length=1, max_length=40)
    decision_number: str | None = Field(default=None, min_length=1, max_length=128)
    plate: str = Field(min_length=6, max_length=8)
    driver: str = Field(min_length=1, max_length=60)
    seized_on: date


class Impounds:
    """Vehicles in yards."""

    def __init__(self, base: Foundation, decisions: Decisions, settings: ImpoundSettings) -> None:
        self._base = base
        self._decisions = decisions
        self._settings = settings
        self._life: Living[Status, Impound] = Living(
            LIFE, base.events, base.clock, lambda one: {"plate": one.plate, "seized_on": one.seized_on.isoformat()}
        )

    def actions(self) -> tuple[Action, ...]:
        """What delivery is told: how a vehicle is taken in, asked about, checked and recorded."""
        return (
            Action(
                name="yard.admit",
                request_model=AdmitRequest,
                answer_model=Vehicle,
                call=_admit,
                find=_find,
                check=_check,
                record=self._admitted,
            ),
        )

    # --- for case systems -------------------------------------------------------------------------------------------

    async def impound(self, ask: ImpoundAsk, *, wait: float = 3.0, once: Once = NEVER) -> str:
        """Have a vehicle taken in; waits up to ``wait`` seconds for the yard, and never cancels the call. Its id.

        One transaction holds the record, its event and the operation. Raises InvalidProblem, NotFoundProblem,
        ConflictProblem.
        """
        now = self._base.clock.now()
        if ask.seized_on > day_of(now):
            raise InvalidProblem("a vehicle cannot be seized in the future", field="seized_on")
        yards = self._base.channels.route(ask.authority, CAPABILITY)
        if not yards:
            raise ConflictProblem(f"no yard serves {ask.authority}", cure="Add a [[routes]] block for impounds.")
        decision = None
        if ask.decision_number is not None:
            decision = await self._decisions.get(ask.authority, ask.decision_number)
        impound_id, yard = new_id("imp"), yards[0]
        request = AdmitRequest(
            reference=self._base.delivery.new_reference(yard.name),
            plate=ask.plate,
            lot=yard.keys_of(YardKeys).lot,
            driver=ask.driver,
            seized_on=ask.seized_on,
        )
        new = Impound(
            id=impound_id,
            authority=ask.authority,
            decision_id=decision.id if decision else None,
            channel=yard.name,
            status=Status.REQUESTED,
            plate=ask.plate,
            driver_sealed=records.seal_driver(self._base.envelope, impound_id, ask.driver),
            seized_on=ask.seized_on,
            reference=request.reference,
            created_at=to_micros(now),
            updated_at=to_micros(now),
        )
        await self._base.delivery.carry_out(partial(self._begin, new=new, request=request), once.about(new.id), wait)
        return new.id

    async def view(self, impound_id: str) -> tuple[Impound, list[Event]]:
        """One vehicle with its timeline, oldest first. Raises NotFoundProblem."""
        return await self._base.store.read(lambda conn: (self._held(conn, impound_id), timeline(conn, impound_id)))

    async def find(self, wanted: ImpoundFilter) -> list[Impound]:
        """Vehicles, newest first."""
        return await self._base.store.read(lambda conn: records.find(conn, wanted))

    # --- by the clock, and what happens elsewhere ---------------------------------------------------------------------

    async def warn(self, slot: datetime) -> None:
        """Tell of each vehicle, once, that is held longer than the law allows (行政强制法 art. 25)."""
        last_day = day_of(slot) - timedelta(days=self._settings.longest_days)

        def unit(conn: Connection) -> None:
            now = to_micros(self._base.clock.now())
            for one in records.held_since(conn, last_day):
                if records.set_warned(conn, one.id, now):
                    self._tell(conn, TOO_LONG, one)

        await self._base.store.write(unit)

    def decision_revoked(self, conn: Connection, event: Event) -> None:
        """The decision is gone: its vehicles must be given back at once."""
        for one in records.of_decision(conn, event.subject):
            if one.status is Status.STORED:
                self._tell(conn, RELEASE_DUE, one)

    def vehicle_left(self, conn: Connection, channel: str, notice: VehicleLeft, _exchange_id: str) -> Concerned | None:
        """The yard has handed a vehicle out. The same notice again changes nothing."""
        found = records.fetch_by_reference(conn, channel, notice.reference)
        if found is None:
            return None
        self._life.move(conn, found, Status.LEFT, left_at=to_micros(notice.left_at))
        return Concerned(found.authority, found.id)

    def renewed(self, conn: Connection, _old: Operation, _request: Message, new: Operation) -> None:
        """People found out that the vehicle is not there: it is asked for again under a new reference."""
        assert new.reference is not None, "an effect has a reference"
        records.set_reference(conn, new.subject, new.reference, new.created_at)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _held(self, conn: Connection, impound_id: str) -> Impound:
        found = records.fetch(conn, impound_id)
        if found is None:
            raise NotFoundProblem("no such impounded vehicle")
        return found

    def _begin(self, conn: Connection, new: Impound, request: AdmitRequest) -> Sent:
        records.add(conn, new)
        self._life.begin(conn, new)
        operation = self._base.delivery.enqueue(
            conn,
            action="yard.admit",
            channel=new.channel,
            authority=new.authority,
            subject=new.id,
            request=request,
            claim=True,
        )
        return Sent(operation, request)

    def _admitted(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        """What came of it, in the ledger's transaction."""
        known = self._held(conn, operation.subject)
        match outcome:
            case Done(answer=Vehicle(state="stored", slot=slot)):
                if not self._life.move(conn, known, Status.STORED, tell={"slot": slot}, slot=slot):
                    records.set_slot(conn, known.id, slot)  # the notice that it has left was faster
            case Done(answer=Vehicle(slot=slot)):
                self._life.move(conn, known, Status.LEFT, slot=slot, left_at=to_micros(self._base.clock.now()))
            case Rejected(reason=reason, code=code):
                tell = {"reason": reason, "yard_code": code}
                self._life.move(conn, known, Status.REFUSED, tell=tell, reason=reason)
            case Unsettled():
                self._life.doubt(conn, known, outcome)
            case _:
                raise AssertionError(f"unforeseen outcome {outcome}")

    def _tell(self, conn: Connection, event: str, one: Impound) -> None:
        data = {"plate": one.plate, "seized_on": one.seized_on.isoformat()}
        self._base.events.emit(conn, type=event, subject=one.id, authority=one.authority, data=data)


async def _admit(yard: TowingYard, request: AdmitRequest) -> Vehicle:
    return await yard.admit(request)


async def _find(yard: TowingYard, request: AdmitRequest) -> Vehicle | None:
    return await yard.find(request.reference)


def _check(request: AdmitRequest, answer: Vehicle) -> None:
    if (answer.reference, answer.plate) != (request.reference, request.plate):
        raise ContractError(f"the answer is about {answer.plate}, asked was {request.plate}")
