"""Webhooks go to public addresses and to what an operator listed, and no name or redirect talks them elsewhere."""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import fields
from ipaddress import ip_address
from typing import Any

import httpx
import pytest
from aiohttp.abc import AbstractResolver

from gateway.foundation.wire import Limits, Timeouts, Tls, WireTerms
from gateway.foundation.wire.outward import (
    ACKNOWLEDGED,
    AllowList,
    ForbiddenTargetError,
    OutwardWire,
    in_general,
    is_public,
)
from gateway.ports.base import RawExchange
from gateway.words.errors import ContractError, ExchangeError, NotSentError, OutcomeUnknownError


class Names(AbstractResolver):
    """Answers each question with the next list of addresses, the last for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> Any:
        addresses = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": socket.IPPROTO_TCP,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in addresses
        ]

    async def close(self) -> None:
        pass


async def answers(line: Any) -> None:
    while True:
        await line.request()
        await line.answer()


def outward(*allow: str, kept: list[RawExchange] | None = None, **options: Any) -> OutwardWire:
    known = {field.name for field in fields(WireTerms)}
    told = {name: options.pop(name) for name in known & options.keys()}
    terms = WireTerms((kept if kept is not None else []).append, **{"limits": ACKNOWLEDGED, **told})
    return OutwardWire(terms, AllowList(allow), **options)


INSIDE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.8",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_somebodys_network_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "223.5.5.5", "2400:3200::1", "::ffff:8.8.8.8", "100.63.255.255"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.test/hook",
        "http://8.8.8.8/hook",
        "ftp://example.test/",
        "https:///hook",
        "file:///etc/passwd",
        "gopher://example.test/",
        "https://user:secret@example.test/",
        "https://example.test/#part",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://a.localhost/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1:8443/",
        "not an address",
        "",
    ],
)
async def test_an_address_that_may_not_be_sent_to_is_refused_when_stored_and_when_sent(url: str) -> None:
    kept: list[RawExchange] = []
    wire = outward(kept=kept)
    with pytest.raises(ValueError, match=r".+"):
        wire.check(url)
    with pytest.raises(ForbiddenTargetError):
        await wire.post("payment.paid", url, b"{}", {})
    assert kept == []
    await wire.close()


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1."])
async def test_odd_spellings_of_this_machine_reach_nothing(peer: Any, host: str) -> None:
    async with peer(answers) as platform:
        wire = outward()
        with pytest.raises(NotSentError):
            await wire.post("payment.paid", f"https://{host}:{platform.port}/", b"{}", {})
        assert platform.connections == 0
        await wire.close()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://2130706433/", "usual form"),
        ("https://0x7f000001/", "usual form"),
        ("https://0177.0.0.1/", "not an address"),
        ("https://127.1/", "usual form"),
        ("https://hooks.test.0x7f/", "usual form"),
        ("https://127.0.0.1./", "usual form"),
        ("https://hooks.test./", "usual form"),
        ("https://hooks..test/", "usual form"),
        ("https://hooks%2etest/", "."),
        ("https://hooks_/", "."),
        ("https://localhost/", "inside"),
        ("https://a.LOCALHOST/", "inside"),
        ("https://cases/", "inside"),
        ("https://cases.internal/", "inside"),
        ("https://cases.lan/", "inside"),
        ("https://10.in-addr.arpa/", "inside"),
        ("https://10.0.0.1/", "not a public address"),
        ("https://[::ffff:10.0.0.1]/", "not a public address"),
        ("https://hooks.test:22/", "ports"),
        ("https://hooks.test:8443/", "ports"),
        ("https://8.8.8.8:6379/", "ports"),
        ("https://hooks.test:0/", "no port"),
        ("http://hooks.test/", "ports"),
        ("http://hooks.test:443/", "ports"),
        ("https://us:er@hooks.test/", "credentials"),
        ("ftp://hooks.test/", "https"),
    ],
)
def test_an_address_is_judged_when_it_is_registered(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        outward().check(url)


def test_addresses_in_their_usual_form_are_taken_and_listed_ones_at_any_port() -> None:
    for url in (
        "https://hooks.test/a?b=c",
        "https://HOOKS.test:443/",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
    ):
        outward().check(url)
    outward().check("https://案件.例子.test/")
    outward(ports=[443, 8443]).check("https://hooks.test:8443/")
    for url in ("http://10.1.2.3:8080/", "https://10.1.2.3:22/", "https://cases.internal/", "https://hooks.test/"):
        outward("10.0.0.0/8").check(url)
    for url in ("http://cases.inside:8080/", "http://Cases.Inside/", "https://cases.inside:22/"):
        outward("10.0.0.0/8", "cases.inside").check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.test/",
        "http://hooks.test:443/",
        "https://hooks.test:22/",
        "https://hooks.test:8443/",
        "http://cases:8080/",
        "https://cases.internal:9443/",
        "http://案件.例子.test/",
    ],
)
def test_a_listed_network_opens_no_name_over_http_or_to_another_port(url: str) -> None:
    """Any such name was registered once any network was listed, and refused only when it was sent to."""
    wire = outward("10.0.0.0/8", "other.test")
    host = httpx.URL(url).raw_host.decode()
    with pytest.raises(ValueError, match=rf"{re.escape(host)} is not on webhooks\.allow: .* 443 is listed itself"):
        wire.check(url)
    outward("10.0.0.0/8", host).check(url)


async def test_a_name_that_was_registered_before_is_still_sent_to_inside_the_listed_network(peer: Any) -> None:
    async with peer(answers) as platform:
        wire = outward("127.0.0.1/32", resolver=Names(["127.0.0.1"]))
        url = f"http://hooks.test:{platform.port}/"
        with pytest.raises(ValueError, match="is listed itself"):
            wire.check(url)
        assert (await wire.post("payment.paid", url, b"{}", {})).status_code == 200
        await wire.close()


@pytest.mark.parametrize("url", ["https://cases.inside:65536/", "http://10.1.2.3:99999/", "https://10.1.2.3:0/"])
async def test_a_port_that_none_can_have_is_refused_though_any_is_listed(url: str) -> None:
    """A delivery to one fell with an error that ended no attempt: it was never given up."""
    wire = outward("10.0.0.0/8", "cases.inside")
    with pytest.raises(ValueError, match="no port"):
        wire.check(url)
    with pytest.raises(ForbiddenTargetError):
        await wire.post("payment.paid", url, b"{}", {})
    await wire.close()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ForbiddenTargetError("10.0.0.5 is not an address we send to"),
            "refused: its address is not one that is sent to",
        ),
        (NotSentError("ConnectError: Cannot connect to host cases.test:443 [('10.0.0.5', 443)]"), "not reached"),
        (OutcomeUnknownError("RemoteProtocolError: proxy-7.inside said"), "no usable answer"),
    ],
)
def test_whoever_chose_an_address_is_told_nothing_of_the_network_between(error: ExchangeError, said: str) -> None:
    assert in_general(error) == said


async def test_a_silent_endpoint_and_one_without_tls_are_told_apart(peer: Any) -> None:
    async def says_nothing(line: Any) -> None:
        await line.request()
        await asyncio.Event().wait()

    async with peer(says_nothing) as platform:
        wire = outward("127.0.0.1", timeouts=Timeouts(total=0.3))
        with pytest.raises(OutcomeUnknownError) as silent:
            await wire.post("payment.paid", platform.url, b"{}", {})
        with pytest.raises(NotSentError) as plain:
            await wire.post("payment.paid", platform.url.replace("http:", "https:"), b"{}", {})
        await wire.close()
    assert in_general(silent.value) == "no answer in time"
    assert in_general(plain.value).startswith("not reached")


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:127.0.0.1"])
async def test_a_public_name_that_resolves_inside_is_refused_at_the_socket(peer: Any, inside: str) -> None:
    kept: list[RawExchange] = []
    async with peer(answers) as platform:
        wire = outward(kept=kept, resolver=Names([inside]), ports=[platform.port])
        with pytest.raises(ForbiddenTargetError, match="not an address we send to"):
            await wire.post("payment.paid", f"https://hooks.test:{platform.port}/", b"{}", {})
        assert platform.connections == 0
        await wire.close()
    assert kept[0].outcome == "ConnectError"


async def test_a_name_that_resolves_differently_the_second_time_gains_nothing(peer: Any) -> None:
    async def answers_once(line: Any) -> None:
        await line.request()
        await line.answer(head="Connection: close")

    names = Names(["127.0.0.1"], ["127.0.0.2"])
    async with peer(answers_once) as allowed, peer(answers, host="127.0.0.2", port=allowed.port) as inside:
        wire = outward("127.0.0.1/32", resolver=names)
        url = f"http://hooks.test:{allowed.port}/"
        assert (await wire.post("payment.paid", url, b"{}", {})).status_code == 200
        with pytest.raises(ForbiddenTargetError):
            await wire.post("payment.paid", url, b"{}", {})
        assert (names.asked, allowed.connections, inside.connections) == (2, 1, 0)
        await wire.close()


async def test_of_several_addresses_only_the_allowed_one_is_ever_connected(peer: Any) -> None:
    async with peer(answers) as allowed, peer(answers, host="127.0.0.2", port=allowed.port) as inside:
        wire = outward("127.0.0.1/32", resolver=Names(["127.0.0.2", "127.0.0.1"]))
        url = f"http://hooks.test:{allowed.port}/"
        assert (await wire.post("payment.paid", url, b"{}", {})).status_code == 200
        assert (allowed.connections, inside.connections) == (1, 0)
        await wire.close()


async def test_a_listed_network_is_open_to_plain_http_and_nothing_beside_it(peer: Any) -> None:
    async with peer(answers) as platform:
        wire = outward("127.0.0.0/31")
        wire.check(platform.url)
        assert (await wire.post("payment.paid", platform.url, b"{}", {"webhook-id": "1"})).status_code == 200
        assert b"webhook-id: 1" in platform.requests[0]
        with pytest.raises(ValueError, match="not a public"):
            wire.check("http://127.0.0.2/")
        with pytest.raises(ValueError, match="https"):
            wire.check("http://8.8.8.8/")
        await wire.close()


async def test_a_plain_name_under_a_listed_network_still_needs_a_listed_address() -> None:
    wire = outward("10.0.0.0/8", resolver=Names(["8.8.8.8"]))
    with pytest.raises(ForbiddenTargetError):
        await wire.post("payment.paid", "http://hooks.test/", b"{}", {})
    await wire.close()


async def test_a_listed_host_is_trusted_whatever_it_resolves_to(peer: Any) -> None:
    async with peer(answers) as platform:
        wire = outward("cases.anlan.test", resolver=Names(["127.0.0.1"]))
        url = f"http://Cases.Anlan.test:{platform.port}/hook"
        wire.check(url)
        assert (await wire.post("payment.paid", url, b"{}", {})).status_code == 200
        with pytest.raises(ForbiddenTargetError):
            await wire.post("payment.paid", f"https://other.anlan.test:{platform.port}/", b"{}", {})
        await wire.close()


async def test_https_checks_the_certificate_against_the_name(peer: Any, papers: Any) -> None:
    async with peer(answers, tls=papers.server_context()) as platform:
        wire = outward("127.0.0.1/32", resolver=Names(["127.0.0.1"]), tls=Tls(ca_file=papers.ca.cert))
        good = await wire.post("payment.paid", f"https://platform.test:{platform.port}/", b"{}", {})
        assert good.status_code == 200
        with pytest.raises(NotSentError):
            await wire.post("payment.paid", f"https://other.test:{platform.port}/", b"{}", {})
        await wire.close()


async def test_a_redirect_is_an_answer_and_leads_nowhere(peer: Any) -> None:
    async def redirects(line: Any) -> None:
        await line.request()
        await line.answer(head="Location: http://169.254.169.254/", status="302 Found")

    kept: list[RawExchange] = []
    async with peer(redirects) as platform:
        wire = outward("127.0.0.1", kept=kept)
        assert (await wire.post("payment.paid", platform.url, b"{}", {})).status_code == 302
        await wire.close()
    assert [(exchange.action, exchange.channel, exchange.status) for exchange in kept] == [
        ("payment.paid", "webhooks", 302)
    ]


async def test_a_receiver_that_drips_or_floods_is_cut_off(peer: Any) -> None:
    async def floods(line: Any) -> None:
        await line.request()
        await line.answer(bytes(100_000))

    async def is_silent(line: Any) -> None:
        await line.request()
        await line.request()

    wire = outward("127.0.0.1", timeouts=Timeouts(total=0.2), limits=Limits(max_response_bytes=4096))
    async with peer(floods) as flood, peer(is_silent) as silence:
        with pytest.raises(ContractError):
            await wire.post("payment.paid", flood.url, b"{}", {})
        with pytest.raises(OutcomeUnknownError):
            await wire.post("payment.paid", silence.url, b"{}", {})
    await wire.close()


@pytest.mark.parametrize("entry", ["10.0.0.1/8", "300.1.1.1", "http://a.test", "a b", "", "*.test", "10.0.0.0/40"])
def test_an_allow_list_entry_that_means_nothing_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="network"):
        AllowList([entry])
