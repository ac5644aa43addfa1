"""Our own webhooks out: requests to addresses that clients chose, so they must not reach into our network (SSRF).

The address that counts is the one the socket connects to: each is judged when its socket is made, after name
resolution, so a name that resolves differently the second time gains nothing. Public addresses over https are allowed;
whatever else an operator wants is on the allow-list, as a network (``10.1.0.0/16``) or as a host name. A listed name is
trusted wholly; a listed network opens those addresses, to plain http too, but no further name to it. Redirects are
answers, not instructions.
"""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Collection, Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import httpx
from aiohttp.abc import AbstractResolver
from yarl import URL

from gateway.foundation.wire.bounds import Limits
from gateway.foundation.wire.channel import meaning
from gateway.foundation.wire.recording import Poster, Recording
from gateway.foundation.wire.terms import WireTerms
from gateway.foundation.wire.transport import AiohttpTransport, SocketFactory, TlsFailedError
from gateway.words.errors import ExchangeError, NotSentError
from gateway.words.saying import UnfitError, say

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
_REFUSED = "is not an address we send to"
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}$)(?:{_LABEL}\.)*(?!0x)(?=[a-z0-9-]*[a-z]){_LABEL}")
"""A name that ends in letters: 127.1, 0x7f.1 and 2130706433 are addresses to a resolver (WHATWG URL, host parsing)."""
_INSIDE = re.compile(r"[^.]*|(?:.*\.)?(?:localhost|local|localdomain|internal|intranet|lan|home|corp|arpa|onion)")
"""Names that mean somebody's inside (RFC 6761, 6762, 7686, 8375; ICANN's .internal), those without a dot among them."""

# RFC 6890 and 7526: protocol assignments and relays, judged differently by different Pythons. RFC 6052, 8215, 3056 and
# 4380: addresses that carry another address inside, which a NAT64 or a relay unpacks.
_SPECIAL = tuple(
    ip_network(text)
    for text in ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)


class ForbiddenTargetError(NotSentError):
    """The target's address, or its scheme, is not one that we send to."""


def in_general(error: ExchangeError) -> str:
    """What became of a request, for whoever chose the address: nothing that tells of the network between."""
    if isinstance(error, ForbiddenTargetError):
        return "refused: its address is not one that is sent to"
    if isinstance(error, NotSentError):
        return "not reached: TLS failed" if isinstance(error.__cause__, TlsFailedError) else "not reached"
    return "no answer in time" if isinstance(error.__cause__, httpx.TimeoutException) else "no usable answer"


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet and to nobody's inside: no loopback, private, shared (RFC
    6598), link-local (where clouds keep their metadata), multicast, reserved or translated address."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.is_site_local:
            return False
    if any(address.version == network.version and address in network for network in _SPECIAL):
        return False
    return address.is_global and not (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
    )


class AllowList:
    """Operators' exceptions: networks in CIDR form, single addresses, and host names. ValueError for anything else."""

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self.networks: tuple[Network, ...] = ()
        self.hosts: frozenset[str] = frozenset()
        for entry in entries:
            try:
                self.networks += (ip_network(entry),)
            except ValueError:
                name = entry.rstrip(".").lower()
                if not name or not name.isascii() or set(name) - set("abcdefghijklmnopqrstuvwxyz0123456789-."):
                    raise ValueError(f"{entry!r} is neither a network such as 10.1.0.0/16 nor a host name") from None
                if name.replace(".", "").isdigit():
                    raise ValueError(f"{entry!r} is not a network: its host bits are set or a part is wrong") from None
                self.hosts |= {name}

    def __contains__(self, address: Address) -> bool:
        """Whether a listed network holds the address, also when it is written as IPv4-mapped IPv6."""
        plain = address.ipv4_mapped if isinstance(address, IPv6Address) and address.ipv4_mapped else address
        return any(plain.version == network.version and plain in network for network in self.networks)


ACKNOWLEDGED = Limits(max_response_bytes=64 * 1024)
"""For those who have nothing to say but that they have it."""


class OutwardWire:
    """Posts to addresses that others chose. ``total`` seconds, size and connections are bounded as for a channel.

    ``ports``: where public addresses are posted to; what is on the allow-list has any port.
    """

    def __init__(
        self,
        terms: WireTerms,
        allow: AllowList | None = None,
        *,
        channel: str = "webhooks",
        ports: Collection[int] = (443,),
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._ports = frozenset(ports)
        self._allow = allow or AllowList()
        timeouts, limits, context = terms.timeouts, terms.limits, terms.tls.context()
        recording = Recording(channel, terms.sensitive, terms.recorder, terms.clock, limits)
        self._transports: list[AiohttpTransport] = []
        self._closed = False

        def pool(socket_factory: SocketFactory | None) -> Poster:
            transport = AiohttpTransport(
                total=timeouts.total,
                limits=limits,
                ssl_context=context,
                resolver=resolver,
                socket_factory=socket_factory,
                dns_cache=False,
            )
            self._transports.append(transport)
            return Poster(transport, recording, timeouts.as_httpx(), timeouts.total)

        # Three pools, so that a connection opened under one rule is never reused under another.
        self._trusted = pool(None)
        self._public = pool(self._guard(public=True))
        self._listed = pool(self._guard(public=False))

    def _guard(self, *, public: bool) -> SocketFactory:
        """Makes sockets only towards allowed addresses: listed ones and, if ``public``, those of the internet."""

        def make(info: Any) -> socket.socket:
            family, kind, protocol, _, place = info
            address = ip_address(str(place[0]).partition("%")[0])
            if address not in self._allow and not (public and is_public(address)):
                raise PermissionError(errno.EACCES, f"{address} {_REFUSED}")
            return socket.socket(family=family, type=kind, proto=protocol)

        return make

    def check(self, url: str) -> None:
        """Judge an address before it is stored: ValueError with the reason. The decisive check is made at each send.

        A name tells nothing of the networks that it leads to, so a listed network opens its addresses in figures alone:
        over http or to another port a name is taken if it is listed itself. What was stored before is still sent to.
        """
        pool, target = self._pool_for(url)
        host = target.raw_host.decode("ascii").lower()
        if pool is self._listed and _NAME.fullmatch(host):
            raise UnfitError(say("outward.name_not_listed", host=host, ports=sorted(self._ports)))

    def _pool_for(self, url: str) -> tuple[Poster, httpx.URL]:
        try:
            target = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise UnfitError(say("outward.no_address", error=error)) from error
        if target.scheme not in ("http", "https") or not target.host:
            raise UnfitError(say("outward.no_host"))
        if target.userinfo or target.fragment:
            raise UnfitError(say("outward.bare"))
        port = (443 if target.scheme == "https" else 80) if target.port is None else target.port
        if not 0 < port < 1 << 16:
            raise UnfitError(say("outward.no_port", port=port))
        host = target.raw_host.decode("ascii").lower()
        if host in self._allow.hosts:
            return self._trusted, target
        # What is listed is an operator's word; all else goes over https to the ports that are meant for it.
        secure = target.scheme == "https" and port in self._ports
        try:
            address = ip_address(host)
        except ValueError:
            if not _NAME.fullmatch(host):
                raise UnfitError(say("outward.no_name", host=host)) from None
            listed = bool(self._allow.networks)
            if _INSIDE.fullmatch(host) and (not listed or host.endswith("localhost")):
                raise UnfitError(say("outward.inside", host=host)) from None
        else:
            listed = address in self._allow
            if not listed and not is_public(address):
                raise UnfitError(say("outward.not_public", address=address))
        if not secure and not listed:
            raise UnfitError(say("outward.port", ports=sorted(self._ports)))
        return (self._public if secure else self._listed), target

    async def post(self, action: str, url: str, content: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """Post once and give the answer, whatever its status (a redirect is one too).

        Raises ForbiddenTargetError or NotSentError when nothing left, OutcomeUnknownError when no answer came.
        """
        try:
            pool, target = self._pool_for(url)
        except ValueError as error:
            raise ForbiddenTargetError(str(error)) from error
        if self._closed:
            raise NotSentError("the gateway stops: nothing is sent any more")
        try:
            received = await pool.post(action, URL(str(target), encoded=True), content, headers)
            return httpx.Response(received.status or 0, headers=received.headers, content=received.content)
        except httpx.TransportError as error:
            if isinstance(error, httpx.ConnectError) and _REFUSED in str(error):
                raise ForbiddenTargetError(str(error)) from error
            raise meaning(error) from error

    async def close(self) -> None:
        """Close every connection."""
        self._closed = True
        for transport in self._transports:
            await transport.aclose()
