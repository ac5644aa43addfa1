"""What targets have in common that speak signed JSON, one answer for each effect: portals 公示平台, and GSXT.

The exact body of every request is signed. An effect is answered at once, or held for a review; a query by our
reference is consistent, so that "no record" proves that nothing happened.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx

from gateway.adapters.credit.layout import Layout
from gateway.foundation.wire import ChannelWire, MessageSigner
from gateway.foundation.wire.envelope import Head, Results
from gateway.foundation.wire.told import Told
from gateway.ports.credit import DisclosureKey, FieldError, Submission, SubmissionState
from gateway.words.errors import ContractError, ExchangeError
from gateway.words.spelling import number_key, same_name

_EFFECTS = {"pending": SubmissionState.PENDING, "ok": SubmissionState.ACCEPTED, "rejected": SubmissionState.REJECTED}


class WireFieldError(Told):
    """One refused field, in the target's words."""

    field: str
    code: str = ""
    message: str = ""


class Problem(Head):
    """A refusal, with the fields that it refuses."""

    fieldErrors: tuple[WireFieldError, ...] = ()


class WireSubmission(Told):
    """What the target knows under one reference."""

    unread: ClassVar[frozenset[str]] = frozenset({"kind", "receivedAt"})

    reference: str
    state: str
    receipt: str
    reason: str | None = None


class SubmissionAnswer(Head):
    """The answer to an effect, or to a query by reference."""

    submission: WireSubmission


class ReadyAnswer(Head):
    """The target is there and takes our signature."""

    unread: ClassVar[frozenset[str]] = frozenset({"now"})


def rewritten(response: httpx.Response, as_ours: Callable[[Any], Any]) -> httpx.Response:
    """An answer whose JSON is told otherwise; what is no JSON stays, for the reader to judge."""
    try:
        told = json.loads(response.content)
    except ValueError:
        return response
    return httpx.Response(
        response.status_code,
        headers={name: value for name, value in response.headers.items() if name != "content-encoding"},
        content=json.dumps(as_ours(told), ensure_ascii=False).encode(),
        request=response.request,
        extensions=response.extensions,
    )


class Dialect:
    """How the messages of a contract are written where a target has other names for them: as they are."""

    def outward(self, message: Any) -> Any:
        """A message in the target's names."""
        return message

    def inward(self, response: httpx.Response) -> httpx.Response:
        """An answer in the contract's names."""
        return response


@dataclass(frozen=True)
class Speech:
    """What one contract says: its result codes, the effects of its states, and the two refusals that are answers.

    ``absent``: there is no such record; ``refused``: fields were refused, each named.
    """

    results: Results
    states: Mapping[str, str]
    absent: str
    refused: str

    def submission(self, answer: WireSubmission) -> Submission:
        """The target's word on an effect. ContractError for a state that the contract does not know: never final."""
        effect = self.states.get(answer.state, "")
        if effect not in _EFFECTS:
            raise ContractError(f"the target answered with an unknown state {answer.state!r}")
        refused = effect == "rejected"
        errors = (FieldError(field="", code=answer.state, message=answer.reason or "审核不通过"),) if refused else ()
        return Submission(
            reference=answer.reference, state=_EFFECTS[effect], receipt=answer.receipt, field_errors=errors
        )


def refused(reference: str, problem: Problem) -> Submission:
    """A publication whose fields the target refused: nothing happened, and it says which."""
    errors = tuple(FieldError(field=one.field, code=one.code, message=one.message) for one in problem.fieldErrors)
    return Submission(reference=reference, state=SubmissionState.REJECTED, receipt="", field_errors=errors)


def is_of(number: str, organ: str, name: str, key: DisclosureKey) -> bool:
    """Whether an entry that is shown is the publication with this key."""
    same = organ == key.authority_code and number_key(number) == number_key(key.decision_number)
    return same and same_name(name, key.party_name.for_official_use())


class SignedTarget:
    """One target over its channel: effects, and questions about them."""

    def __init__(
        self,
        wire: ChannelWire,
        signer: MessageSigner,
        speech: Speech,
        layout: Layout,
        dialect: Dialect | None = None,
    ) -> None:
        self._wire = wire
        self._signer = signer
        self._speech = speech
        self._layout = layout
        self._dialect = dialect or Dialect()

    async def effect(self, action: str, path: str, body: dict[str, Any]) -> Submission:
        """Have something done under the reference in ``body``. Refused fields come back as REJECTED, each named."""
        response = await self._signed(action, "POST", path, body)
        if response.status_code == 422:
            told = refused(body["reference"], self._wire.model(response, Problem))
            return told.model_copy(update={"field_errors": self._layout.named(told.field_errors)})
        return self._about(body["reference"], response)

    async def find(self, path: str, reference: str) -> Submission | None:
        """What is known under a reference; None proves that nothing happened."""
        response = await self._signed("find", "GET", path)
        return None if response.status_code == 404 else self._about(reference, response)

    async def public(self, path: str, params: Mapping[str, Any]) -> httpx.Response:
        """What anybody can see, asked unsigned as the public would."""
        return await self._exchange("read_back", "GET", path, params=params)

    async def ready(self, path: str) -> None:
        """A signed question that changes nothing."""
        self._speech.results.read(await self._signed("check", "GET", path), ReadyAnswer)

    async def _signed(self, action: str, method: str, path: str, body: Any = None) -> httpx.Response:
        written = self._dialect.outward(body)
        content = b"" if body is None else json.dumps(written, ensure_ascii=False, separators=(",", ":")).encode()
        headers = self._signer.sign(content, method, self._wire.url(path))
        if content:
            headers["Content-Type"] = "application/json"
        return await self._exchange(action, method, path, content=content or None, headers=headers)

    async def _exchange(self, action: str, method: str, path: str, **message: Any) -> httpx.Response:
        """One exchange; refused fields, and "no record" to ``find``, are answers; everything else refused an error."""
        speech, inward = self._speech, self._dialect.inward

        def refusal(told: httpx.Response) -> ExchangeError | None:
            response = inward(told)
            head = speech.results.head(response)
            if head is not None and head.code == speech.absent and action == "find":
                return None
            if head is not None and head.code == speech.refused and self._wire.model(response, Problem).fieldErrors:
                return None
            return speech.results.refusal(response)

        declared = speech.results.declared(refusal)
        return inward(await self._wire.request(action, method, path, declared=declared, **message))

    def _about(self, reference: str, response: httpx.Response) -> Submission:
        found = self._speech.results.read(response, SubmissionAnswer).submission
        if found.reference != reference:
            raise ContractError(f"asked about {reference}, the target answered about {found.reference}")
        return self._speech.submission(found)
