"""Clocks that run from a decision: pure functions of its facts, the events in force, and the law's rows.

The order in which events were recorded means nothing, only their days do: a corrected event is recorded late. The last
day of a term ends at 24:00 in Shanghai, whatever the cut-off of a channel (民法典 art. 203(2)): who pays at 23:59 is in
time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from gateway.rooms.decisions.facts import AppealKind, DecisionEvent, DecisionFacts, EventKind
from gateway.words.calendar import Judged
from gateway.words.law import Matter, Rule
from gateway.words.saying import Sentence, say
from gateway.words.terms import Terms

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class DueDate:
    """The last day to pay, whether the calendar beyond it is still unpublished, and how it came about.

    ``rule``: the row of the law that it follows; None where a deferral or a plan of instalments names the day.
    """

    on: date
    provisional: bool
    because: Sentence
    rule: Rule | None = None


@dataclass(frozen=True)
class Receipt:
    """The day on which a decision counts as received; for a publication 公告, the end of its days.

    ``rules``: the rows of the law that it follows.
    """

    on: date
    provisional: bool
    because: Sentence
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class DuePeriod:
    """A last day to pay, and from which day on it applied: the first from service, later ones from deferrals."""

    due_on: date
    known_on: date


@dataclass(frozen=True)
class Suspension:
    """Days that do not count, both ends included; ``until`` None while the appeal is open.

    ``anew``: the surcharge begins anew after them, so that what had accrued before counts no longer.
    """

    since: date
    until: date | None
    why: Sentence
    anew: bool = False


@dataclass(frozen=True)
class Appeal:
    """One reconsideration 复议 or suit 诉讼: ``until`` None while it is open; ``party`` None for the decision's own."""

    id: str | None
    kind: AppealKind | None
    party: str | None
    since: date
    until: date | None


@dataclass(frozen=True)
class Term:
    """One term: its last day, and the row of the law that says so."""

    name: str
    last_day: date
    provisional: bool
    rule: Rule


def payment_term(facts: DecisionFacts, terms: Terms) -> tuple[int, Rule]:
    """How many days there are to pay, as the document says or else the law, and the row by which they are counted."""
    rule = terms.rule(Matter.PAYMENT_TERM, facts.decided_on, facts.field_of_law)
    return facts.payment_days or rule.number, rule


@dataclass(frozen=True)
class Clocks:
    """Every clock of one decision. ``events``: those in force, in any order."""

    facts: DecisionFacts
    events: Sequence[DecisionEvent]
    terms: Terms

    def rule(self, matter: Matter) -> Rule:
        """The row of the law that counts for this decision."""
        return self.terms.rule(matter, self.facts.decided_on, self.facts.field_of_law)

    # --- service and the last day to pay ----------------------------------------------------------------------------

    def service_term(self) -> Term:
        """Until when the decision is to be served, where it could not be handed over at once (行政处罚法 art. 61)."""
        return self._ends("service", self.rule(Matter.SERVICE_TERM), self.facts.decided_on)

    def receipt(self) -> Receipt | None:
        """The day of receipt; None while the decision is not served.

        As told, but for a publication: its days end so many days after the day of publication, which is not counted
        (民事诉讼法 art. 95; how many, and whether the end moves over days off, are rows).
        """
        served = next(iter(self._of(EventKind.SERVED)), None)
        if served is None:
            return None
        if served.method != "publication":
            return Receipt(served.on, False, say("decisions.clock_received", on=served.on))
        rule, moves = self.rule(Matter.PUBLICATION_TERM), self.rule(Matter.PUBLICATION_END)
        end = Judged(served.on + timedelta(days=rule.number), provisional=False)
        if moves.reading == "rolls" or rule.unit == "working_days":
            end = self.terms.last_day(rule, served.on)
        words = say("decisions.clock_published", on=served.on, days=rule.number, end=end.value)
        return Receipt(end.value, end.provisional, words, (rule, moves))

    def periods(self, planned: date | None = None) -> tuple[DuePeriod, ...]:
        """Every last day to pay, in the order in which it became known; none while the decision is not served.

        ``planned``: an instalment's own last day from the approved plan, in the place of the law's term. A deferral
        counts from its approval (行政处罚法 art. 66); an application for one moves nothing.
        """
        received = self.receipt()
        if received is None:
            return ()
        found = [DuePeriod(planned or self._term(received.on).value, received.on)]
        for event in self._of(EventKind.DEFERRED):
            if event.until is not None and event.until > found[-1].due_on:
                found.append(DuePeriod(event.until, event.on))
        return tuple(found)

    def due(self, planned: date | None = None) -> DueDate | None:
        """The last day to pay 缴款期限, or None while the decision is not served.

        So many days after receipt as the document or the law says (行政处罚法 art. 67), the day of receipt not counted
        (art. 85), rolled to the next working day when it ends on a holiday (by analogy with 民事诉讼法). A deferral
        moves it (art. 66); so does an appeal that has ended, where the term to pay begins anew after it.
        """
        received, periods = self.receipt(), self.periods(planned)
        if received is None:
            return None
        days, rule = payment_term(self.facts, self.terms)
        counted = "decisions.clock_term_worked" if rule.unit == "working_days" else "decisions.clock_term"
        words = say(counted, received=received.because, days=days)
        term = self._term(received.on)
        due = DueDate(term.value, term.provisional or received.provisional, words, rule)
        if planned is not None:
            due = DueDate(planned, False, say("decisions.clock_planned"))
        if len(periods) > 1:
            last = periods[-1]
            due = DueDate(last.due_on, False, say("decisions.clock_deferred", on=last.known_on, until=last.due_on))
        after = self.rule(Matter.AFTER_APPEAL)
        for since, until in self._appealed() if after.reading == "restart" else ():
            anew = None if until is None else self._term(until)
            if anew is not None and anew.value > due.on:
                words = say("decisions.clock_anew", since=since, until=until)
                due = DueDate(anew.value, anew.provisional, words, after)
        return due

    # --- appeals ------------------------------------------------------------------------------------------------------

    def appeals(self) -> tuple[Appeal, ...]:
        """Every appeal, in the order in which they began."""
        ended = {event.appeal: event.on for event in self._of(EventKind.APPEAL_ENDED)}
        return tuple(
            Appeal(event.appeal, event.appeal_kind, event.party, event.on, ended.get(event.appeal))
            for event in self._of(EventKind.APPEALED)
        )

    def suspensions(self) -> tuple[Suspension, ...]:
        """The days on which no surcharge runs: the union of the days of all appeals (行政处罚法 art. 73(3)).

        Rows say whether the days between a reconsideration and the suit after it count, and whether the surcharge goes
        on after an appeal or begins anew with the day after a new term to pay.
        """
        anew, found = self.rule(Matter.AFTER_APPEAL).reading == "restart", []
        for since, until in self._appealed():
            if until is None:
                found.append(Suspension(since, None, say("decisions.day_appeal_open", since=since), anew))
                continue
            words = say("decisions.day_appeal", since=since, until=until)
            if anew:
                ended, until = until, max(until, self._term(until).value)
                words = say("decisions.day_appeal_anew", since=since, until=ended, term=until)
            found.append(Suspension(since, until, words, anew))
        return tuple(found)

    def twice_open(self) -> tuple[str, ...]:
        """The ids of open appeals of parties that have more than one: 复议 and suit exclude each other.

        Source: 行政复议法 art. 29; 法释〔2018〕1号 art. 57.
        """
        still = [one for one in self.appeals() if one.until is None]
        parties = [one.party for one in still]
        return tuple(one.id or "" for one in still if parties.count(one.party) > 1)

    # --- enforcement --------------------------------------------------------------------------------------------------

    def enforcement(self, surcharge_days: Sequence[date] = ()) -> tuple[Term, ...]:
        """The terms after service, as far as they are known: each a clock of its own.

        ``surcharge_days``: every day on which a surcharge has counted. ``surcharge``: the last of its first thirty
        days, after which an organ with power of its own may enforce (行政强制法 art. 46). ``urging``: the end of the
        term that the party is given by the latest 催告 (art. 54: ten working days). ``review``: the end of the party's
        term to apply for reconsideration (行政复议法 art. 20), where it has not appealed. ``suing``: that to sue.
        ``court``: the last day to apply to the court, three months after that, or after the end of a deferral
        (art. 53; 行政处罚法 art. 72(2)). After a suit these two are the judgment's matter, and none is given.
        """
        found, allowed = [], self.rule(Matter.SURCHARGE_BEFORE_FORCE)
        if len(surcharge_days) >= allowed.number:
            found.append(Term("surcharge", sorted(surcharge_days)[allowed.number - 1], False, allowed))
        urged = self._of(EventKind.URGED)
        if urged:
            found.append(self._ends("urging", self.rule(Matter.REMINDER_TERM), urged[-1].on))
        received, suing = self.receipt(), self._suing()
        if received is not None and not any(one.party is None for one in self.appeals()):
            review = self._ends("review", self.rule(Matter.REVIEW_TERM), received.on)
            found.append(replace(review, provisional=review.provisional or received.provisional))
        if suing is not None:
            deferred = [period.due_on for period in self.periods()[1:]]
            court = self._ends("court", self.rule(Matter.COURT_TERM), max([suing.last_day, *deferred]))
            found += [suing, replace(court, provisional=court.provisional or suing.provisional)]
        return tuple(found)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _of(self, kind: EventKind) -> list[DecisionEvent]:
        return sorted((event for event in self.events if event.kind is kind), key=lambda event: event.on)

    def _term(self, begins: date) -> Judged[date]:
        days, rule = payment_term(self.facts, self.terms)
        return self.terms.last_day(rule, begins, days)

    def _ends(self, name: str, rule: Rule, begins: date) -> Term:
        end = self.terms.last_day(rule, begins)
        return Term(name, end.value, end.provisional, rule)

    def _appealed(self) -> list[tuple[date, date | None]]:
        """The days of all appeals as ranges that do not touch, in order; None ends the one that is open."""
        ranges = [(one.since, one.until) for one in self.appeals()]
        if self.rule(Matter.APPEAL_GAP).reading == "does_not":
            ranges += self._gaps()
        joined: list[tuple[date, date | None]] = []
        for since, until in sorted(ranges, key=lambda one: (one[0], one[1] or date.max)):
            before = joined[-1] if joined else None
            if before is None or (before[1] is not None and since > before[1] + _DAY):
                joined.append((since, until))
            elif before[1] is not None:
                joined[-1] = before[0], None if until is None else max(before[1], until)
        return joined

    def _gaps(self) -> list[tuple[date, date | None]]:
        """The days between a party's reconsideration and the suit that it brought next."""
        found: list[tuple[date, date | None]] = []
        known = self.appeals()
        for suit in known:
            ends = [
                one.until
                for one in known
                if one.kind is AppealKind.RECONSIDERATION
                and one.party == suit.party
                and one.until is not None
                and one.until < suit.since
            ]
            if suit.kind is AppealKind.SUIT and ends:
                found.append((max(ends), suit.since))
        return found

    def _suing(self) -> Term | None:
        """The party's term to sue: None before service, while it runs on in an appeal, and after a suit."""
        received, mine = self.receipt(), [one for one in self.appeals() if one.party is None]
        if received is None or any(one.kind is AppealKind.SUIT or one.until is None for one in mine):
            return None
        decided = [one.until for one in mine if one.until is not None]
        if decided:
            return self._ends("suing", self.rule(Matter.SUIT_AFTER_REVIEW), max(decided))
        plain = self._ends("suing", self.rule(Matter.SUIT_TERM), received.on)
        return replace(plain, provisional=plain.provisional or received.provisional)
