"""One channel's way out over HTTP: its client, its limits, its TLS, and what its answers mean.

Every failure leaves here as an error of ``gateway.words.errors``: not sent, busy, denied, or doubt. The
contract of a channel declares which statuses are answers; all others are doubt, for whoever sent them may well have
done what was asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, TypeVar, Unpack

import httpx
from pydantic import BaseModel, BeforeValidator, Field, ValidationError
from pydantic_core import from_json
from yarl import URL

from gateway.foundation.wire.answers import media_type_of, shown
from gateway.foundation.wire.bounds import Limits, Options, Seconds, Timeouts, apart
from gateway.foundation.wire.files import FileDigest, FileRules, Form, address, content, declared_host
from gateway.foundation.wire.recording import AGENT, Poster, Recording, RecordingTransport, text_of
from gateway.foundation.wire.terms import WireTerms
from gateway.foundation.wire.tls import Ciphers, Tls, Version
from gateway.foundation.wire.told import beyond
from gateway.foundation.wire.transport import (
    NOT_SENT,
    AiohttpTransport,
    AnswerTooLargeError,
    Received,
    TlsFailedError,
    redirected,
)
from gateway.foundation.wire.xml import XmlRefusedError, parse_xml
from gateway.words.encodings import Note, in_utf8, trimmed, unheard
from gateway.words.errors import (
    BusyError,
    ContractError,
    DeniedError,
    ExchangeError,
    NotSentError,
    OutcomeUnknownError,
    UnusableError,
)

if TYPE_CHECKING:
    from gateway.foundation.wire.signing import MessageSigner
    from gateway.foundation.wire.soap import SoapCaller
    from gateway.foundation.wire.tokens import AccessToken, TokenShelf

ErrorFactory = Callable[[httpx.Response], ExchangeError | None]
"""Turns a declared answer into the error it stands for, or None when it is a usable answer."""

M = TypeVar("M", bound=BaseModel)


_MOST_MEMBERS = 400_000
"""In one answer: each begins behind a comma, so that they are counted before anything is built of them."""


def _host(value: Any) -> str:
    return declared_host(value if isinstance(value, str) else "")


class WireSettings(Options):
    """The keys of a channel's settings block that belong to the wire and not to the adapter.

    ``max_large_bytes``: of an answer that holds a list, a statement or a file, by the adapter's word.
    ``file_hosts``: where the platform keeps files beside its own host, ``["https://files.example"]``;
    ``max_file_bytes``: of one such file once it is unpacked.
    ``ends_with_connection``: an old server that tells an answer's end by hanging up; such an answer is believed where
    it closes by itself, and nowhere else.
    """

    connect_timeout: Seconds = 5.0
    read_timeout: Seconds = 20.0
    write_timeout: Seconds = 10.0
    total_timeout: Seconds = 30.0
    pool_timeout: Seconds = 5.0
    max_connections: Annotated[int, Field(ge=1, le=1000)] = 64
    max_response_bytes: Annotated[int, Field(ge=1024, le=1 << 30)] = 256 * 1024
    max_large_bytes: Annotated[int, Field(ge=1024, le=1 << 30)] = 16 * 1024 * 1024
    file_hosts: tuple[Annotated[str, BeforeValidator(_host)], ...] = ()
    max_file_bytes: Annotated[int, Field(ge=1024, le=1 << 32)] = 256 * 1024 * 1024
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    min_tls_version: Version = "1.2"
    tls_ciphers: Ciphers | None = None
    tls_legacy_renegotiation: bool = False
    ends_with_connection: bool = False

    @property
    def files(self) -> FileRules:
        """What holds for files among them."""
        return FileRules(frozenset(self.file_hosts), self.max_file_bytes)

    @property
    def timeouts(self) -> Timeouts:
        """The timeouts among them."""
        return Timeouts(
            connect=self.connect_timeout,
            read=self.read_timeout,
            write=self.write_timeout,
            total=self.total_timeout,
            pool=self.pool_timeout,
        )

    @property
    def limits(self) -> Limits:
        """The limits among them."""
        return Limits(
            max_connections=self.max_connections,
            max_response_bytes=self.max_response_bytes,
            max_large_bytes=self.max_large_bytes,
            ends_with_connection=self.ends_with_connection,
        )

    @property
    def tls(self) -> Tls:
        """The TLS options among them."""
        return Tls(
            ca_file=self.ca_file,
            client_cert=self.client_cert,
            client_key=self.client_key,
            min_version=self.min_tls_version,
            ciphers=self.tls_ciphers,
            legacy_renegotiation=self.tls_legacy_renegotiation,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, headers by names in small letters (repeated ones joined by commas), the body."""

    status: int
    headers: Mapping[str, str]
    content: bytes


def no_cookies() -> CookieJar:
    """A jar that takes nothing."""
    return CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))


def meaning(error: httpx.TransportError) -> ExchangeError:
    """What a transport failure means for the core: not sent, or doubt."""
    if isinstance(error, TlsFailedError):
        return NotSentError(str(error))
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, NOT_SENT):
        return NotSentError(text)
    if isinstance(error, AnswerTooLargeError):
        return UnusableError(text)
    return OutcomeUnknownError(text)


def busy(response: httpx.Response) -> BusyError:
    """For ``declared``: a refusal for load that the contract declares effect-free, with ``Retry-After`` if given.

    RFC 9110 section 10.2.3: seconds, or a date, which is read relative to the answer's own ``Date``.
    """
    text = response.headers.get("Retry-After", "").strip()
    seconds: float | None = None
    if text.isascii() and text.isdigit() and len(text) <= 9:
        seconds = float(text)
    elif text:
        try:
            until, sent = parsedate_to_datetime(text), parsedate_to_datetime(response.headers["Date"])
            until, sent = (moment.replace(tzinfo=moment.tzinfo or UTC) for moment in (until, sent))
            seconds = max(0.0, (until - sent).total_seconds())
        except (ValueError, KeyError):
            seconds = None
    return BusyError(f"HTTP {response.status_code}", retry_after=seconds)


def undeclared(response: httpx.Response) -> ExchangeError | None:
    """What a status means that the contract does not mention; None for 2xx."""
    if response.is_success:
        return None
    if response.status_code in (401, 403):
        return DeniedError(f"HTTP {response.status_code}")
    if response.has_redirect_location:
        return OutcomeUnknownError(redirected(response.status_code, response.headers["Location"]))
    return OutcomeUnknownError(f"HTTP {response.status_code}, which the contract does not declare")


def authenticate(signer: MessageSigner, response: httpx.Response) -> None:
    """Hold an answer against its signature, and against its question where the contract binds them by the nonce.

    Raises UnusableError for an answer that is not authentic, ContractError for the answer to another question.
    """
    from gateway.foundation.wire.signing import SignatureRefusedError

    asked = response.request
    try:
        authentic = signer.verify(
            response.headers,
            response.content,
            asked.method,
            str(asked.url),
            kind="answer",
            status=response.status_code,
        )
    except SignatureRefusedError as refused:
        raise UnusableError(f"the answer's signature: {refused}") from refused
    if signer.scheme.echo and authentic.nonce != asked.headers.get(signer.scheme.headers.nonce):
        raise ContractError("the answer belongs to another question")


async def _see_that_it_is_whole(received: Received) -> None:
    """OutcomeUnknownError for an answer that ended with the connection and may be cut: it does not close by itself."""
    if not received.framed and not await apart(len(received.body), closes, received.content):
        raise OutcomeUnknownError(f"HTTP {received.status}, ended with the connection and not by itself: perhaps cut")


def closes(content: bytes) -> bool:
    """Whether a body shows by itself that nothing of it is missing: XML whose root closes, a JSON object or array, a
    multipart body with its last boundary."""
    begun = content.lstrip(b" \t\r\n\xef\xbb\xbf")
    if begun[:1] in (b"{", b"["):
        try:
            from_json(begun)
        except ValueError:
            return False
        return True
    if begun.startswith(b"--"):
        return begun.rstrip().endswith(begun.split(b"\n", 1)[0].strip() + b"--")
    try:
        parse_xml(content)
    except XmlRefusedError:
        return False
    return True


class Asked(TypedDict, total=False):
    """What goes out with a request beside its address: a body in one of three forms, a query, headers.

    ``timeouts``: other ones than the channel's. ``signer`` signs what goes out: the exact bytes, and the address with
    its query as it is sent.
    """

    content: bytes | None
    json: Any
    data: Mapping[str, Any] | None
    params: Mapping[str, Any] | None
    headers: Mapping[str, str] | None
    timeouts: Timeouts | None
    signer: MessageSigner | None


class ChannelWire:
    """The way out of one channel. Requests go to ``base_url`` and nowhere else; ``http`` is the client below.

    ``notes_on(action)`` is told of each deviation of an answer that is read in spite of it.
    """

    def __init__(
        self,
        channel: str,
        base_url: str,
        terms: WireTerms,
        *,
        tokens: TokenShelf | None = None,
        files: FileRules | None = None,
    ) -> None:
        url = httpx.URL(base_url)
        if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
            raise ValueError(f"{base_url!r} is not an http or https address without credentials, query and fragment")
        timeouts, limits = terms.timeouts, terms.limits
        self.channel = channel
        self.base_url = base_url.rstrip("/")
        self.clock = terms.clock
        self._drift = terms.drift
        self._total = timeouts.total
        self._tokens = tokens
        self._files = files or FileRules()
        secure = url.scheme == "https" or any(host.startswith("https:") for host in self._files.hosts)
        self._transport = transport = AiohttpTransport(
            total=timeouts.total,
            limits=limits,
            ssl_context=terms.tls.context() if secure else None,
        )
        recording = Recording(channel, terms.sensitive, terms.recorder, terms.clock, limits)
        self._limits = limits
        self._poster = Poster(transport, recording, timeouts.as_httpx(), timeouts.total)
        self._urls: dict[str, URL] = {}
        self.http = httpx.AsyncClient(
            transport=RecordingTransport(transport, recording),
            headers=AGENT,
            cookies=no_cookies(),
            timeout=timeouts.as_httpx(),
            follow_redirects=False,
            trust_env=False,
        )

    @property
    def large(self) -> frozenset[str]:
        """The actions whose answers hold statements or files."""
        return self._limits.large

    @property
    def busy(self) -> bool:
        """Whether an exchange is under way."""
        return self._transport.calls > 0

    def url(self, path: str) -> str:
        """The full address of ``path``, which is relative to the channel's; "" is the channel's address itself."""
        if "://" in path or path.startswith("//"):
            raise ValueError(f"{path!r} leaves the channel's address")
        return f"{self.base_url}/{path.lstrip('/')}" if path else self.base_url

    def passed_over(self, action: str, paths: Iterable[str]) -> None:
        """Note what the other side sent beyond its contract: paths of elements or members, in answers to ``action``."""
        for path in paths:
            self._drift(self.channel, action, path)

    def notes_on(self, action: str) -> Note:
        """Takes what deviates in the answers to ``action``, and is read all the same: a note of drift."""
        return partial(self._drift, self.channel, action)

    async def post(self, action: str, path: str, content: bytes, headers: Mapping[str, str]) -> Answer:
        """Post these bytes once, the short way, any status an answer.

        Raises NotSentError, OutcomeUnknownError or UnusableError (too large).
        """
        if self.http.is_closed:
            raise NotSentError(f"the channel {self.channel} is closed")
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = URL(str(httpx.URL(self.url(path))), encoded=True)
        try:
            received = await self._poster.post(action, url, content, headers)
        except httpx.TransportError as error:
            raise meaning(error) from error
        await _see_that_it_is_whole(received)
        told: dict[str, str] = {}
        for name, value in text_of(received.headers):
            name = name.lower()
            told[name] = f"{told[name]}, {value}" if name in told else value
        return Answer(received.status or 0, told, received.content)

    async def send(
        self,
        action: str,
        method: str,
        path: str,
        **asked: Unpack[Asked],
    ) -> httpx.Response:
        """One exchange, any status an answer. Raises NotSentError, OutcomeUnknownError or UnusableError (too large)."""
        if self.http.is_closed:
            raise NotSentError(f"the channel {self.channel} is closed")
        timeouts = asked.get("timeouts")
        request = self.http.build_request(
            method,
            self.url(path),
            content=asked.get("content"),
            json=asked.get("json"),
            data=asked.get("data"),
            params=asked.get("params"),
            headers=asked.get("headers"),
            timeout=timeouts.as_httpx() if timeouts else httpx.USE_CLIENT_DEFAULT,
            extensions={"action": action, "total": timeouts.total if timeouts else self._total},
        )
        return await self._sent(request, asked.get("signer"))

    async def _sent(self, request: httpx.Request, signer: MessageSigner | None) -> httpx.Response:
        if signer is not None:
            request.headers.update(signer.sign(await request.aread(), request.method, str(request.url)))
        try:
            response = await self.http.send(request)
        except httpx.TransportError as error:
            raise meaning(error) from error
        await _see_that_it_is_whole(response.request.extensions.get("received", Received()))
        response.extensions["note"] = self.notes_on(request.extensions["action"])
        return response

    async def request(
        self,
        action: str,
        method: str,
        path: str,
        *,
        declared: Mapping[int, ErrorFactory] | None = None,
        **asked: Unpack[Asked],
    ) -> httpx.Response:
        """One exchange whose answer the contract declares: 2xx, or a status in ``declared`` for which it gives None.

        Raises what ``declared`` makes of a status (``busy`` is one such factory), DeniedError for other 401 and 403,
        OutcomeUnknownError for every other status and for a lost answer, NotSentError when nothing left.

        With a ``signer`` the question is signed, and an answer that the contract declares is one only if it is signed
        too, else UnusableError: a refusal that anybody could have written proves nothing about effects. Where the
        contract's scheme has refusals unsigned they are taken so. A denial is one whoever says so.
        """
        response = await self.send(action, method, path, **asked)
        await apart(len(response.content), _judge, response, declared or {}, asked.get("signer"))
        return response

    async def read(self, response: httpx.Response, of: type[M]) -> M:
        """``model``, in a thread where the answer is large."""
        return await apart(len(response.content), self.model, response, of)

    @staticmethod
    def json(response: httpx.Response) -> Any:
        """The answer's JSON value. UnusableError: empty, not text, not JSON, NaN, a lone surrogate.

        Of another media type an object or array with 2xx is taken all the same; a refusal is not, for a proxy says
        such things too.
        """
        if not response.content:
            raise UnusableError(f"HTTP {response.status_code} with an empty body")
        note: Note = response.extensions.get("note", unheard)
        if response.content.count(b",") > _MOST_MEMBERS:
            raise UnusableError(f"HTTP {response.status_code} with more than {_MOST_MEMBERS} members in its JSON")
        media_type, charset = media_type_of(response.headers.get("Content-Type", ""))
        spoken = media_type == "application/json" or (
            media_type.startswith("application/") and media_type.endswith("+json")
        )
        try:
            content = trimmed(in_utf8(response.content, (charset,), note), note)
            if not spoken and (content[:1] not in (b"{", b"[") or not response.is_success):
                raise UnusableError(f"HTTP {response.status_code} with {shown(media_type, content)} instead of JSON")
            value = from_json(content, allow_inf_nan=False)
        except ValueError as error:
            raise UnusableError(f"HTTP {response.status_code} with malformed JSON: {error}") from error
        if not spoken:
            note(f"media type: {media_type or 'none'} instead of application/json")
        return value

    @classmethod
    def model(cls, response: httpx.Response, of: type[M], *, whole: bool = True) -> M:
        """The answer read as a model. ContractError names the fields that break the contract, never their values.

        Members that the model does not have are passed over and noted; ``whole=False``: it is but a part of the answer.
        """
        note: Note = response.extensions.get("note", unheard)
        return _read(of, cls.json(response), f"HTTP {response.status_code}, the answer", note if whole else unheard)

    def told(self, action: str, message: bytes, of: type[M]) -> M:
        """A message that was posted to us, read as a model in the same way. ContractError."""
        try:
            value = from_json(message, allow_inf_nan=False)
        except ValueError as error:
            raise ContractError(f"the message is no JSON: {error}") from None
        return _read(of, value, "the message", self.notes_on(action))

    def soap(self, wsdl: Path, binding: str, address: str = "", signer: MessageSigner | None = None) -> SoapCaller:
        """A caller of the SOAP operations of ``binding``, named in full ``{namespace}name``, at ``address``, a path."""
        from gateway.foundation.wire.soap import SoapCaller

        return SoapCaller(self, wsdl, binding, address, signer)

    async def file(
        self, action: str, url: str, digest: FileDigest, form: Form = "plain", *, signer: MessageSigner | None = None
    ) -> bytes:
        """The content of a file that an answer has announced with its address and digest.

        It is fetched from the channel's own host or from one of its ``file_hosts``, without any credentials but the
        ``signer``'s. Raises ContractError for another host, UnusableError for another digest, a file that does not
        unpack or unpacks to too much, and what ``send`` raises; OutcomeUnknownError for any answer but 2xx.
        """
        target = address(self.base_url, url, self._files.hosts)
        if self.http.is_closed:
            raise NotSentError(f"the channel {self.channel} is closed")
        extensions = {"action": action, "total": self._total, "most": self._limits.max_large_bytes}
        response = await self._sent(self.http.build_request("GET", target, extensions=extensions), signer)
        if not response.is_success:
            raise OutcomeUnknownError(f"HTTP {response.status_code} instead of the file")
        return await asyncio.to_thread(content, response.content, form, self._files.most, digest)

    def access_token(self, fetch: Callable[[], Awaitable[tuple[str, timedelta]]]) -> AccessToken:
        """The channel's access token, one for all nodes. ``fetch`` asks for a new one: it, and how long it is good."""
        from gateway.foundation.wire.tokens import AccessToken

        return AccessToken(fetch, self.clock, self._tokens)

    async def close(self) -> None:
        """Close every connection of the channel."""
        await self.http.aclose()


def _judge(response: httpx.Response, declared: Mapping[int, ErrorFactory], signer: MessageSigner | None) -> None:
    """Raises what an answer stands for that the contract does not declare as usable; see ``ChannelWire.request``."""
    error = declared.get(response.status_code, undeclared)(response)
    if signer is not None and (
        response.is_success
        or (signer.scheme.refusals and response.status_code in declared and not isinstance(error, DeniedError))
    ):
        authenticate(signer, response)
    if error is not None:
        raise error


def _read(of: type[M], value: Any, what: str, note: Note) -> M:
    try:
        model = of.model_validate(value)
    except ValidationError as error:
        broken = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False, include_context=False)
        )
        raise ContractError(f"{what} breaks the contract: {broken}") from None
    for path in beyond(of, value):
        note(path)
    return model
