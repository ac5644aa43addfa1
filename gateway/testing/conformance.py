"""What holds for every port: the promises of DESIGN section 5, each a test whose name says it.

A failing test says what was asked, what happened instead, and when. Nothing is skipped but what is not declared.
"""

from __future__ import annotations

import base64
import json
import re
import socket
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, NoReturn, TypeVar
from unittest import mock
from urllib.parse import quote, unquote

import pytest

from gateway.foundation.channels import served_kinds
from gateway.foundation.evidence import redact
from gateway.plugins import faults, port_faults
from gateway.ports.base import Incoming, Notice, OpenedCallback, Pending, RawExchange, Refused, Reply
from gateway.ports.credit import Submission, SubmissionState
from gateway.testing.bench import Bench, Code, FaultKind, Meaning
from gateway.words.clock import to_micros
from gateway.words.errors import (
    BusyError,
    ContractError,
    DeniedError,
    ExchangeError,
    ForgedCallbackError,
    NotSentError,
    OutcomeUnknownError,
    RejectedError,
    UnsupportedError,
)
from gateway.words.identifiers import new_reference

T = TypeVar("T")
E = TypeVar("E", bound=ExchangeError)

NOT_DECLARED = "not declared: "
_PATIENCE: Final = 50
"""How often what is pending is asked for."""
BROKEN: tuple[FaultKind, ...] = ("error_500", "malformed", "empty", "truncated")
_ERRORS: Mapping[Meaning, tuple[type[ExchangeError], ...]] = {
    "absent": (RejectedError, OutcomeUnknownError),
    "rejected": (RejectedError,),
    "busy": (BusyError,),
    "denied": (DeniedError,),
    "unknown": (OutcomeUnknownError,),
}
#: Text that some character set of these systems cannot hold, rarest first.
_RARE = ("𠮷", "㐂", "é", "永")


@dataclass(frozen=True)
class Trial:
    """One call of a port method, prepared so that only the call itself remains.

    ``reference`` is ours, of an effect. ``other`` is the same reference with another content. ``recover`` asks for
    what the call has brought about, as the core does in doubt; falsy when there is nothing.
    """

    method: str
    call: Callable[[], Awaitable[Any]]
    reference: str = ""
    other: Callable[[], Awaitable[Any]] | None = None
    recover: Callable[[], Awaitable[Any]] | None = None

    async def done(self, bench: Bench, when: str = "") -> Any:
        """Make the call and have its answer, now or later: what is pending is asked for as the core would."""
        return await settled(bench, self.call, when or self.method, self.recover)


# --- verdicts ------------------------------------------------------------------------------------------------------


def declared(bench: Bench, *methods: str) -> None:
    """Skip the test unless the adapter declares these capabilities."""
    info = bench.adapter.info
    if missing := [method for method in methods if method not in info.capabilities]:
        not_declared(f"{info.name} has no {' and no '.join(missing)}")


def not_declared(reason: str) -> NoReturn:
    """Skip the test: the adapter, or its contract, does not claim to have what it is about."""
    pytest.skip(NOT_DECLARED + reason)


async def outcome(call: Awaitable[T], when: str) -> T | ExchangeError:
    """What comes of a call: its answer, or the error it raised, which has to be one of ours."""
    try:
        return await call
    except ExchangeError as error:
        return error
    except AssertionError:  # what the kit has found
        raise
    except Exception as foreign:
        reason = f"{when}: {_told(foreign)} left the adapter; only the errors of gateway.words.errors may"
        raise AssertionError(reason) from foreign


def ready(answer: T | Pending | Refused, when: str) -> T:
    """An answer that is there, and neither comes later nor never."""
    assert not isinstance(answer, Pending), f"{when}: {_short(answer)}, where an answer is due"
    assert not isinstance(answer, Refused), f"{when}: {_short(answer)}, and nothing of it was to be refused"
    return answer


async def answered(call: Awaitable[T | Pending | Refused], when: str) -> T:
    """The answer of a call that has to succeed at once."""
    answer: T = ready(_granted(await outcome(call, when), when), when)
    return answer


async def eventually(
    bench: Bench, call: Callable[[], Awaitable[T | Pending]], ask: Callable[[], Awaitable[T | Pending]] | None = None
) -> T:
    """What a call comes to, now or later: what is pending is asked for with ``ask``, or by the same call once more.

    Nobody waits: the clock is moved on by as much as the other side says.
    """
    answer = await call()
    for _ in range(_PATIENCE):
        if not isinstance(answer, Pending):
            return answer
        await bench.advance(answer.ask_after)
        answer = await (ask or call)()
    raise AssertionError(f"still {_short(answer)} after it was asked for {_PATIENCE} times")


async def settled(
    bench: Bench,
    call: Callable[[], Awaitable[T | Pending | Refused]],
    when: str,
    ask: Callable[[], Awaitable[T | Pending | Refused]] | None = None,
) -> T:
    """The answer of a call that has to succeed, now or later."""
    answer: T = await answered(eventually(bench, call, ask), when)
    return answer


def _granted(result: Any, when: str) -> Any:
    if isinstance(result, ExchangeError):
        raise AssertionError(f"{when}: expected an answer, got {_told(result)}") from result
    return result


async def fails(call: Awaitable[Any], kinds: type[E] | tuple[type[E], ...], when: str) -> E:
    """The error of a call that has to fail in one of these ways."""
    wanted = " or ".join(kind.__name__ for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))
    result = await outcome(call, when)
    if isinstance(result, kinds):
        return result
    if isinstance(result, ExchangeError):
        raise AssertionError(f"{when}: expected {wanted}, got {_told(result)}") from result
    raise AssertionError(f"{when}: expected {wanted}, but the adapter answered {_short(result)}")


async def noticed(call: Callable[[], Awaitable[T | Pending | Refused]], check: Callable[[T], bool], when: str) -> None:
    """A distorted answer is refused by the adapter, or by ``check``, which is what the core would make of it."""
    answer = await outcome(call(), when)
    if isinstance(answer, ContractError):
        return
    if isinstance(answer, ExchangeError):
        raise AssertionError(f"{when}: expected ContractError or a truthful answer, got {_told(answer)}") from answer
    try:
        fine = check(ready(answer, when))
    except ContractError:
        return
    assert not fine, f"{when}: neither the adapter nor the core noticed, the answer was {_short(answer)}"


@contextmanager
def sent_once(bench: Bench, when: str) -> Iterator[None]:
    """Within one call, nothing that may have an effect is sent a second time, by whatever name: that is for the core.

    What was sent is told by method, address and content; to ask how far something is is no second time.
    """
    before = len(bench.exchanges)
    yield
    sent = [exchange for exchange in bench.exchanges[before:] if not bench.asks(exchange)]
    said = {(exchange.method, exchange.url, bench.content(exchange)) for exchange in sent}
    names = ", ".join(exchange.action for exchange in sent)
    assert len(sent) == len(said), f"{when}: the adapter sent again by itself: {names}"


@contextmanager
def no_network(bench: Bench, when: str) -> Iterator[None]:
    """Nothing is sent and no socket is connected."""
    before = len(bench.exchanges)
    touched: list[str] = []

    def forbidden(name: str) -> Callable[..., NoReturn]:
        def touch(*arguments: Any, **_: Any) -> NoReturn:
            touched.append(f"{name} {arguments[-1] if arguments else ''}")
            raise OSError("callbacks are opened without network")

        return touch

    with ExitStack() as patches:
        for name in ("connect", "connect_ex", "sendto", "sendmsg"):
            patches.enter_context(mock.patch.object(socket.socket, name, forbidden(name)))
        patches.enter_context(mock.patch.object(socket, "getaddrinfo", forbidden("getaddrinfo")))
        try:
            yield
        finally:
            sent = [exchange.action for exchange in bench.exchanges[before:]]
            assert not sent, f"{when}: the adapter sent {', '.join(sent)}"
            assert not touched, f"{when}: the adapter opened a socket: {', '.join(touched)}"


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _short(answer: Any) -> str:
    text = repr(answer)
    return text if len(text) <= 200 else text[:200] + "…"


def _forms(value: str) -> set[str]:
    """A value as it might stand in a text."""
    raw = value.encode()
    coded = base64.b64encode(raw).decode().rstrip("=")
    numbers = "".join(f"&#{ord(character)};" for character in value)
    return {value, quote(value), json.dumps(value)[1:-1], coded, raw.hex(), numbers, quote(value.encode("gb18030"))}


def _readable(text: str, values: Iterator[str]) -> list[str]:
    """Those of ``values`` that can be read from ``text``, whatever blanks and hyphens stand between."""
    dense = re.sub(r"[\s-]", "", text)
    return [value for value in values if any(form in text or form in dense for form in _forms(value))]


class NoWire(Bench):
    """An adapter that calls nobody: nothing can come between, and there is no traffic to look at.

    Promises about either count as not declared; what such an adapter does, and does once, is held as anybody's.
    """

    codes: Sequence[Code] = ()
    unknown_code = ""

    @property
    def exchanges(self) -> NoReturn:  # type: ignore[override]
        """There are none."""
        not_declared(f"{self.adapter.info.name} sends nothing")

    async def fault(self, kind: FaultKind, method: str, **_: Any) -> None:  # noqa: ARG002
        """None can be made."""
        not_declared(f"{self.adapter.info.name} calls nobody, so nothing comes between")

    async def clear(self) -> None:
        """There was none."""

    async def violations(self) -> Sequence[str]:
        """Nothing was sent that could be wrong."""
        return ()


# --- every port ----------------------------------------------------------------------------------------------------


class Conformance(ABC):
    """The promises of every adapter. ``methods`` are the port methods that go out; ``primary`` the one that matters."""

    pytestmark = pytest.mark.asyncio
    methods: ClassVar[tuple[str, ...]]
    primary: ClassVar[str]

    @abstractmethod
    async def trial(self, bench: Any, method: str) -> Trial:
        """One call of a port method, ready to be made."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test a method, for tests that take one."""
        for argument, names in (("method", "methods"), ("effect", "effects"), ("bound_effect", "bound_effects")):
            if argument in metafunc.fixturenames:
                metafunc.parametrize(argument, getattr(self, names))

    def reference(self, bench: Bench) -> str:
        """A new reference in the format that the adapter declares."""
        form = bench.adapter.info.reference
        return new_reference(form.length, form.alphabet, form.prefix)

    async def _everything(self, bench: Bench) -> None:
        """Each declared method once, so that there is something to look at."""
        for method in self.methods:
            if method in bench.adapter.info.capabilities:
                trial = await self.trial(bench, method)
                await trial.done(bench)

    # --- declarations

    async def test_what_is_declared_is_there(self, bench: Bench) -> None:
        adapter, info = type(bench.adapter), bench.adapter.info
        served = served_kinds().get(info.kind)
        assert served is not None, f'no installed room serves the kind "{info.kind}"'
        found = faults(adapter, info.name) or port_faults(adapter, served.port)
        assert not found, f"the adapter breaks the contract of its port: {'; '.join(found)}"

    async def test_every_declared_method_works(self, bench: Bench, method: str) -> None:
        declared(bench, method)
        trial = await self.trial(bench, method)
        result = await outcome(eventually(bench, trial.call, trial.recover), method)
        assert not isinstance(result, UnsupportedError), f"{method} is declared, but the adapter lacks it: {result}"
        ready(_granted(result, method), method)

    async def test_the_check_proves_that_the_other_side_is_there(self, bench: Bench) -> None:
        line = await answered(bench.adapter.check(), "check")
        assert isinstance(line, str), f"check: expected one line for people, got {line!r}"
        assert line.strip(), "check: expected one line for people, got nothing"
        assert "\n" not in line.strip(), f"check: expected one line for people, got {line!r}"
        has = [method for method in self.methods if method in bench.adapter.info.capabilities]
        for method in (*has, "check"):
            await bench.fault("refuse", method)
        await fails(bench.adapter.check(), NotSentError, "check with connections refused")

    # --- failures

    async def test_a_refused_connection_is_not_sent_and_has_no_effect(self, bench: Bench, method: str) -> None:
        declared(bench, method)
        trial = await self.trial(bench, method)
        when = f"{method} with connections refused"
        await bench.fault("refuse", method)
        await fails(trial.call(), NotSentError, when)
        await bench.clear()
        if trial.reference:
            count = await bench.effects(trial.reference)
            assert count == 0, f"{when}: {count} effects"
        await trial.done(bench, f"{method} once connections are taken again")

    async def test_busy_has_no_effect_and_carries_its_delay(self, bench: Bench, method: str) -> None:
        declared(bench, method)
        trial = await self.trial(bench, method)
        when = f"{method} while the other side is busy"
        await bench.fault("busy", method)
        with sent_once(bench, when):
            error = await fails(trial.call(), BusyError, when)
        assert error.retry_after == bench.busy_seconds, (
            f"{when}: told to come back after {bench.busy_seconds} s, retry_after is {error.retry_after}"
        )
        await bench.clear()
        if trial.reference:
            count = await bench.effects(trial.reference)
            assert count == 0, f"{when}: {count} effects"

    async def test_a_broken_answer_is_doubt_and_never_an_answer(self, bench: Bench, method: str) -> None:
        declared(bench, method)
        signed: tuple[FaultKind, ...] = ("bad_signature",) if bench.answers_signed else ()
        for kind in BROKEN + signed:
            trial = await self.trial(bench, method)
            await bench.fault(kind, method)
            with sent_once(bench, f"{method} met by {kind}"):
                await fails(trial.call(), OutcomeUnknownError, f"{method} met by {kind}")
            await bench.clear()

    async def test_silence_is_doubt(self, bench: Bench) -> None:
        trial = await self.trial(bench, self.primary)
        when = f"{self.primary} met by silence"
        await bench.fault("silence", self.primary)
        with sent_once(bench, when):
            await fails(trial.call(), OutcomeUnknownError, when)

    async def test_an_unknown_code_is_never_final(self, bench: Bench, method: str) -> None:
        declared(bench, method)
        trial = await self.trial(bench, method)
        await bench.fault("answer_code", method, code=bench.unknown_code)
        when = f"{method} answered by the unknown code {bench.unknown_code}"
        await fails(trial.call(), OutcomeUnknownError, when)

    async def test_every_code_of_the_table_has_its_error(self, bench: Bench) -> None:
        wrong = [
            complaint for code in bench.codes if code.meaning != "ok" for complaint in await self._misread(bench, code)
        ]
        assert not wrong, "; ".join(wrong)

    async def _misread(self, bench: Bench, code: Code) -> list[str]:
        """What is wrong with how the primary method takes one code."""
        trial = await self.trial(bench, self.primary)
        await bench.fault("answer_code", self.primary, code=code.code)
        when = f"{self.primary} answered by {code.code} ({code.meaning})"
        try:
            await self.takes(trial, code, when)
        except AssertionError as wrong:
            return [str(wrong).partition("\n")[0]]
        finally:
            await bench.clear()
        return [f"{when}: had an effect"] if trial.reference and await bench.effects(trial.reference) else []

    async def takes(self, trial: Trial, code: Code, when: str) -> None:
        """Hold what a call makes of a code against what the table says of it."""
        result = await outcome(trial.call(), when)
        if code.meaning == "pending":
            state = getattr(result, "state", "")
            waits = isinstance(result, Pending | OutcomeUnknownError) or state == "pending"  # a bare code may be doubt
            assert waits, f"{when}: expected Pending, or a state that says so, got {_short(result)}"
            return
        wanted = _ERRORS[code.meaning]
        if isinstance(result, ExchangeError):
            assert isinstance(result, wanted), f"{when}: expected {wanted[0].__name__}, got {_told(result)}"
            if isinstance(result, RejectedError):
                assert result.code == code.code, f"{when}: the refusal carries the code {result.code!r}"
                assert result.reason, f"{when}: the refusal has lost the other side's words"
            return
        absent = code.meaning == "absent" and result is None and not trial.reference
        refused = isinstance(result, Refused) or (
            isinstance(result, Submission) and result.state is SubmissionState.REJECTED
        )
        assert absent or (refused and code.meaning == "rejected"), (
            f"{when}: expected {wanted[0].__name__}, but the adapter answered {_short(result)}"
        )

    # --- the wire and its evidence

    async def test_what_is_sent_keeps_the_contract(self, bench: Bench) -> None:
        try:
            await self._everything(bench)
        finally:  # what was refused may have been refused for this
            violations = await bench.violations()
            assert not violations, f"sent against the contract: {'; '.join(violations)}"

    async def test_no_secret_stands_in_an_address(self, bench: Bench) -> None:
        await answered(bench.adapter.check(), "check")
        await self._everything(bench)
        assert bench.exchanges, "nothing was recorded: build the adapter on the ChannelWire that it is given"
        for exchange in bench.exchanges:
            address = exchange.url + unquote(exchange.url)
            found = _readable(address, iter(bench.secrets))
            assert not found, f"{exchange.action}: a secret stands in the address, where every proxy keeps it"

    async def test_evidence_shows_no_secret_and_no_personal_data(self, bench: Bench) -> None:
        await answered(bench.adapter.check(), "check")
        await self._everything(bench)
        for exchange in bench.exchanges:
            self._check_evidence(bench, exchange)

    def _check_evidence(self, bench: Bench, exchange: RawExchange) -> None:
        shown = redact(exchange)
        text = "\n".join((shown.url, shown.request, shown.response))
        assert not _readable(text, iter(bench.secrets)), f"{exchange.action}: a secret is readable in the evidence"
        found = _readable(text, iter(bench.personal))
        assert not found, (
            f"{exchange.action}: {', '.join(found)} is readable in the evidence; name its field in info.sensitive"
        )

    async def check_names(self, bench: Bench, call: Callable[[str], Awaitable[Any]], field: str) -> None:
        """A name that the wire's character set cannot hold is refused before sending, and the character named."""
        encoding = bench.adapter.info.encoding
        rare = next((one for one in _RARE if not _holds(encoding, one)), None)
        if rare is None:
            not_declared(f"{encoding} holds every name")
        before = len(bench.exchanges)
        when = f"a {field} with {rare} over {encoding}"
        error = await fails(call(f"{rare}野家"), RejectedError, when)
        assert rare in error.reason or f"U+{ord(rare):04X}" in error.reason, (
            f"{when}: the refusal does not name the character: {error.reason}"
        )
        assert len(bench.exchanges) == before, f"{when}: it was sent"


def _holds(encoding: str, text: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


# --- ports with effects --------------------------------------------------------------------------------------------


class EffectConformance(Conformance):
    """The promises about effects: one a reference, and doubt that can be resolved.

    ``effects`` are the methods that have one, ``bound_effects`` those whose reference stands for one content.
    """

    effects: ClassVar[tuple[str, ...]]
    bound_effects: ClassVar[tuple[str, ...]]

    def facts(self, answer: Any) -> Any:
        """What has to be the same in an answer when it is given again."""
        return answer

    async def test_the_same_reference_has_one_effect_and_one_result(self, bench: Bench, effect: str) -> None:
        declared(bench, effect)
        if not bench.adapter.info.idempotent:
            not_declared(f"{bench.adapter.info.name} is not idempotent")
        trial = await self.trial(bench, effect)
        first = await trial.done(bench)
        again = await trial.done(bench, f"{effect}, the same reference again")
        count = await bench.effects(trial.reference)
        assert count == 1, f"{effect}: {count} effects under one reference that was sent twice"
        first, again = self.facts(first), self.facts(again)
        assert again == first, f"{effect}: the same reference gave {_short(first)}, then {_short(again)}"

    async def test_the_same_reference_for_something_else_is_refused(self, bench: Bench, bound_effect: str) -> None:
        declared(bench, effect := bound_effect)
        if not bench.adapter.info.idempotent:
            not_declared(f"{bench.adapter.info.name} is not idempotent")
        trial = await self.trial(bench, effect)
        assert trial.other is not None
        await trial.done(bench)
        await fails(trial.other(), RejectedError, f"{effect}, the same reference for something else")
        count = await bench.effects(trial.reference)
        assert count == 1, f"{effect}: {count} effects under one reference with two contents"

    async def test_an_effect_without_an_answer_is_doubt_and_asking_recovers_it(self, bench: Bench, effect: str) -> None:
        declared(bench, effect)
        trial = await self.trial(bench, effect)
        kind: FaultKind = "apply_then_silence" if effect == self.primary else "apply_then_reset"
        when = f"{effect} that had its effect and got no answer"
        await bench.fault(kind, effect)
        with sent_once(bench, when):
            await fails(trial.call(), OutcomeUnknownError, when)
        await bench.clear()
        count = await bench.effects(trial.reference)
        assert count == 1, f"{when}: {count} effects"
        if not bench.adapter.info.find.offered or trial.recover is None:
            not_declared(f"{bench.adapter.info.name} cannot be asked about {effect}")
        await bench.advance(bench.adapter.info.find.settle_seconds)
        found = await settled(bench, trial.recover, f"asking about {when}")
        assert found, f"asking about {when}: nothing was found, so it would be sent again"
        count = await bench.effects(trial.reference)
        assert count == 1, f"{when}: {count} effects after asking"

    async def test_silence_is_doubt(self, bench: Bench) -> None:
        """And asking finds that nothing has happened, after which the same reference may be sent again."""
        trial = await self.trial(bench, self.primary)
        when = f"{self.primary} met by silence"
        await bench.fault("silence", self.primary)
        with sent_once(bench, when):
            await fails(trial.call(), OutcomeUnknownError, when)
        await bench.clear()
        if not bench.adapter.info.find.offered or trial.recover is None:
            not_declared(f"{bench.adapter.info.name} cannot be asked about {self.primary}")
        await bench.advance(bench.adapter.info.find.settle_seconds)
        found = await settled(bench, trial.recover, f"asking about {when}")
        assert not found, f"asking about {when}: found {_short(found)}, though nothing had happened"
        await trial.done(bench, f"{self.primary}, sent again under the same reference")
        count = await bench.effects(trial.reference)
        assert count == 1, f"{self.primary}, sent again under the same reference: {count} effects"


# --- ports with callbacks ------------------------------------------------------------------------------------------


class CallbackConformance(Conformance):
    """The promises about callbacks: authenticated or refused, without network, the same however often they come."""

    @abstractmethod
    async def told(self, bench: Any) -> str:
        """Prepare something that the other side can tell of; the code or reference that it is known by."""

    @abstractmethod
    def check_notice(self, bench: Any, about: str, notice: Notice) -> None:
        """Hold a notice against what it is about."""

    async def _opened(self, bench: Bench, incoming: Incoming, when: str) -> OpenedCallback:
        return await answered(bench.adapter.open_callback(incoming), when)

    async def test_a_callback_is_opened_without_network(self, bench: Bench) -> None:
        declared(bench, "open_callback")
        about = await self.told(bench)
        incoming = await bench.callback("new", about)
        with no_network(bench, "opening a callback"):
            opened = await self._opened(bench, incoming, "opening a callback")
        self.check_notice(bench, about, opened.notice)

    async def test_a_forged_callback_is_refused(self, bench: Bench) -> None:
        declared(bench, "open_callback")
        if not bench.callbacks_signed:
            not_declared("the contract signs no callbacks")
        incoming = await bench.callback("forged", await self.told(bench))
        with no_network(bench, "a forged callback"):
            await fails(bench.adapter.open_callback(incoming), ForgedCallbackError, "a forged callback")

    async def test_an_altered_callback_is_refused(self, bench: Bench) -> None:
        """Each digit of the body counts, and the nonce, and that there is anything to authenticate it by."""
        declared(bench, "open_callback")
        if not bench.callbacks_signed:
            not_declared("the contract signs no callbacks")
        incoming = await bench.callback("new", await self.told(bench))
        opened = await self._opened(bench, incoming, "opening a callback")
        refusals = (ForgedCallbackError, ContractError)
        for found in list(re.finditer(rb"[0-9]", incoming.body))[:64]:
            digit = b"%d" % ((int(found[0]) + 1) % 10)
            body = incoming.body[: found.start()] + digit + incoming.body[found.end() :]
            when = f"a callback whose digit at {found.start()} was altered"
            await fails(bench.adapter.open_callback(replace(incoming, body=body)), refusals, when)
        for name, value in incoming.headers.items():
            if opened.nonce in value:
                headers = {**incoming.headers, name: value.replace(opened.nonce, opened.nonce[::-1] + "0")}
                when = "a callback with another nonce"
                await fails(bench.adapter.open_callback(replace(incoming, headers=headers)), refusals, when)

    async def test_a_callback_without_a_header_that_counts_is_refused(self, bench: Bench) -> None:
        """One after another is taken away: a header whose value counts may not be missing either."""
        declared(bench, "open_callback")
        if not bench.callbacks_signed:
            not_declared("the contract signs no callbacks")
        incoming = await bench.callback("new", await self.told(bench))
        for name, value in incoming.headers.items():
            others = {one: known for one, known in incoming.headers.items() if one != name}
            altered = replace(incoming, headers={**others, name: value[::-1] + "x"})
            if not isinstance(await outcome(bench.adapter.open_callback(altered), "a callback"), ExchangeError):
                continue  # nobody looks at it
            missing = replace(incoming, headers=others)
            refusals = (ForgedCallbackError, ContractError)
            await fails(bench.adapter.open_callback(missing), refusals, f"a callback without {name}")

    async def test_what_authenticates_one_callback_authenticates_no_other(self, bench: Bench) -> None:
        """A body under the headers of another authentic message, whose nonce is so used again, is refused."""
        declared(bench, "open_callback")
        if not bench.callbacks_signed:
            not_declared("the contract signs no callbacks")
        both = [await self.told(bench) for _ in range(2)]
        one, other = [await bench.callback("new", about) for about in both]
        await self._opened(bench, one, "opening a callback")
        bare = replace(other, headers={})
        if not isinstance(await outcome(bench.adapter.open_callback(bare), "a bare callback"), ExchangeError):
            not_declared("what authenticates a callback stands in its body")
        mixed = replace(other, headers=one.headers)
        refusals = (ForgedCallbackError, ContractError)
        await fails(bench.adapter.open_callback(mixed), refusals, "a callback under another one's headers")

    async def test_a_stale_callback_is_refused(self, bench: Bench) -> None:
        declared(bench, "open_callback")
        if not bench.callbacks_signed or bench.callbacks_last is None:
            not_declared("the contract's callbacks carry no time that is signed")
        incoming = await bench.callback("new", await self.told(bench))
        await bench.advance(bench.callbacks_last + 60)
        played_back = replace(incoming, received_at=bench.clock.now())
        await fails(bench.adapter.open_callback(played_back), ForgedCallbackError, "a callback played back too late")

    async def test_the_same_event_told_again_is_the_same_event_without_effect(self, bench: Bench) -> None:
        declared(bench, "open_callback")
        about = await self.told(bench)
        incoming = await bench.callback("new", about)
        effects = await bench.effects(about)
        first = await self._opened(bench, incoming, "opening a callback")
        same = await self._opened(bench, incoming, "opening the same bytes again")
        known, told = ((one.notice, one.event_key, one.nonce) for one in (first, same))
        assert told == known, f"the same bytes opened as {_short(known)}, then as {_short(told)}"
        later = await bench.callback("again", about)
        again = await self._opened(bench, later, "the same event told again")
        assert again.event_key == first.event_key, (
            f"the same event told again has another event_key: {first.event_key}, then {again.event_key}"
        )
        assert again.notice == first.notice, f"the same event told again reads {_short(again.notice)}"
        assert await bench.effects(about) == effects, "opening callbacks had an effect on the other side"

    async def test_another_event_is_another_event(self, bench: Bench) -> None:
        declared(bench, "open_callback")
        both = [await self.told(bench) for _ in range(2)]
        first, second = [
            await self._opened(bench, await bench.callback("new", about), "opening a callback") for about in both
        ]
        assert first.event_key != second.event_key, f"two events have the event_key {first.event_key}"
        assert first.nonce != second.nonce, "two messages have one nonce, so the second would pass for a forgery"

    async def test_acknowledgements_are_understood_by_the_other_side(self, bench: Bench) -> None:
        declared(bench, "open_callback")
        about = await self.told(bench)
        await bench.callback("new", about)
        replies: list[Reply] = []

        async def put_off(incoming: Incoming) -> Reply:
            replies.append((await self._opened(bench, incoming, "opening a callback")).retry_later)
            return replies[-1]

        async def take(incoming: Incoming) -> Reply:
            replies.append((await self._opened(bench, incoming, "opening a callback")).acknowledge)
            return replies[-1]

        taken = await bench.acknowledged(about, put_off)
        assert not taken, f"retry_later passes for an acknowledgement: {replies}"
        taken = await bench.acknowledged(about, take)
        assert taken, f"the other side does not take the acknowledgement: {replies[-1:]}"

    async def test_evidence_of_callbacks_shows_no_personal_data(self, bench: Bench) -> None:
        declared(bench, "open_callback")
        incoming = await bench.callback("new", await self.told(bench))
        opened = await self._opened(bench, incoming, "opening a callback")
        at = to_micros(incoming.received_at)
        exchange = RawExchange(
            channel="conformance",
            direction="in",
            action="callback",
            method="POST",
            url=incoming.path,
            request_headers=tuple(incoming.headers.items()),
            request_body=incoming.body,
            status=opened.acknowledge.status,
            response_headers=(("content-type", opened.acknowledge.content_type),),
            response_body=opened.acknowledge.body,
            outcome="answered",
            started_at=at,
            ended_at=at,
            sensitive=bench.adapter.info.sensitive,
            decrypted=opened.decrypted,
        )
        self._check_evidence(bench, exchange)
