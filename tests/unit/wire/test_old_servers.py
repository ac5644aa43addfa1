"""Servers as they are: what can be read of their answers is read and noted, and nothing that may be cut is believed."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.adapters.nontax.soap import SoapNonTax, SoapNonTaxSettings
from gateway.foundation.wire import ChannelWire, Limits, MessageSigner, Tls, WireTerms
from gateway.ports.nontax import BillLine, Issued, IssueRequest
from gateway.words.clock import ManualClock
from gateway.words.errors import ContractError, DeniedError, NotSentError, OutcomeUnknownError, UnusableError

CASES = Path(__file__).parents[2] / "cases" / "soap"
GOOD = (CASES / "p08_blank_line_first.xml").read_bytes().lstrip()
CODE = "99010226300000000401"
PAGE = b"<!DOCTYPE html><html><body>\xe8\xaf\xb7\xe7\x99\xbb\xe5\xbd\x95</body></html>"
CLOCK = ManualClock(datetime(2026, 11, 20, 2, tzinfo=UTC))
THEIRS = MessageSigner("PLATFORM", b"0123456789abcdef", CLOCK, peer="UNIT")
ASKED = IssueRequest(
    reference="R00000401",
    region="990102",
    unit_code="990102001",
    unit_name="望川区市场监督管理局",
    payer_name="王某",
    decision_number="望市监罚〔2026〕17号",
    lines=(BillLine(item_code="103050101", item_name="罚款", amount=20000),),
    total=20000,
    bill_date=date(2026, 11, 20),
)


@dataclass
class Platform:
    """A platform that answers every bill with given bytes, signed, in the manner of some server."""

    peer: Any
    noted: list[str] = field(default_factory=list)

    def _note(self, channel: str, action: str, path: str) -> None:
        assert (channel, action) == ("nontax", "CreateBill")
        self.noted.append(path)

    async def issue(
        self,
        body: bytes,
        content_type: str | None = "text/xml; charset=utf-8",
        *,
        start: str = "HTTP/1.1 200 OK",
        length: bool = True,
        ends: bool = False,
        signed: Callable[[bytes], dict[str, str]] = THEIRS.sign,
        sent: bytes | None = None,
        more: tuple[str, ...] = (),
    ) -> Issued:
        """The answer to one bill. ``sent``: the bytes on the wire, where they are not those that are signed."""
        wired = body if sent is None else sent

        async def answers(line: Any) -> None:
            await line.request()
            head = [start, *more, *(f"{name}: {value}" for name, value in signed(body).items())]
            head += [f"Content-Type: {content_type}"] if content_type is not None else []
            head += [f"Content-Length: {len(wired)}"] if length else []
            await line.say("\r\n".join(head).encode("gbk") + b"\r\n\r\n" + wired)

        async with self.peer(answers) as platform:
            limits = Limits(ends_with_connection=ends)
            wire = ChannelWire("nontax", platform.url, WireTerms(lambda _: None, limits=limits, drift=self._note))
            settings = SoapNonTaxSettings(
                secret=SecretStr("0123456789abcdef"), node_code="UNIT", platform_node="PLATFORM"
            )
            adapter = SoapNonTax(settings, wire, CLOCK)
            try:
                return await adapter.issue(ASKED)
            finally:
                await wire.close()


@pytest.fixture
def platform(peer: Any) -> Platform:
    return Platform(peer)


# --- bytes and labels -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "content_type", "noted"),
    [
        ("p05_declared_gb2312.xml", "text/xml; charset=gb2312", ["encoding: gb2312 declared, GB 18030 sent"]),
        ("p06_utf8_declared_gbk.xml", "text/xml; charset=utf-8", ["encoding: gbk declared, UTF-8 sent"]),
        ("p07_charset_only_in_header.xml", "text/xml; charset=GBK", []),
        ("p07_charset_only_in_header.xml", 'text/xml;Charset="gb2312"', []),
        ("p08_blank_line_first.xml", "text/xml; charset=utf-8", ["blanks before the document"]),
        ("p09_nul_last.xml", "text/xml; charset=utf-8", ["NUL or Ctrl-Z behind the document"]),
    ],
)
async def test_an_answer_of_an_old_server_is_read_and_what_deviates_is_noted(
    platform: Platform, case: str, content_type: str, noted: list[str]
) -> None:
    assert (await platform.issue((CASES / case).read_bytes(), content_type)).code == CODE
    assert platform.noted == noted


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\n", b"\r\n \t", b"\n\xef\xbb\xbf\n"])
@pytest.mark.parametrize("after", [b"", b"\n", b"\0", b"\0\0\r\n", b"\x1a"])
@pytest.mark.cases_by_day(6)
async def test_blanks_marks_and_nuls_around_the_document_are_passed_over(
    platform: Platform, before: bytes, after: bytes
) -> None:
    assert (await platform.issue(before + GOOD + after)).code == CODE
    assert platform.noted


async def test_another_bill_than_asked_for_is_never_issued(platform: Platform) -> None:
    with pytest.raises(ContractError, match="R00000499"):
        await platform.issue((CASES / "p10_other_bill.xml").read_bytes())


@pytest.mark.parametrize("after", [b"<more/>", b"more", GOOD, b"\0<more/>"])
async def test_what_says_something_behind_the_document_makes_it_unusable(platform: Platform, after: bytes) -> None:
    with pytest.raises(UnusableError):
        await platform.issue(GOOD.rstrip() + after)


async def test_a_reason_phrase_in_gbk_and_gzip_that_nobody_asked_for_are_read(platform: Platform) -> None:
    assert (await platform.issue(GOOD, start="HTTP/1.1 200 成功")).code == CODE
    packed = gzip.compress(GOOD)
    assert (await platform.issue(GOOD, sent=packed, more=("Content-Encoding: gzip",))).code == CODE


# --- media types ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["application/xml", None, "text/html; charset=utf-8", "text/plain", ""])
async def test_an_answer_is_judged_by_its_bytes_and_not_by_its_media_type(
    platform: Platform, content_type: str | None
) -> None:
    assert (await platform.issue(GOOD, content_type)).code == CODE
    told = (content_type or "").partition(";")[0] or "none"
    assert platform.noted == [f"media type: {told} instead of text/xml"]


@pytest.mark.parametrize("content_type", ["text/html", "text/xml", None])
@pytest.mark.parametrize("page", [PAGE, b"\n<HTML><p>\xc7\xeb\xb5\xc7\xc2\xbc", b"<html><head/><body/></html>"])
async def test_a_web_page_is_doubt_and_named(platform: Platform, page: bytes, content_type: str | None) -> None:
    with pytest.raises(UnusableError, match="a web page"):
        await platform.issue(page, content_type)


PART = b'Content-Type: application/xop+xml; charset=UTF-8; type="text/xml"\r\nContent-ID: <root@x>\r\n\r\n'
OTHER = b"Content-Type: application/octet-stream\r\nContent-ID: <att@x>\r\n\r\n\0\xff\r\n"


def parts(*written: bytes, last: bytes = b"--") -> bytes:
    return b"".join(b"--b\r\n" + one + b"\r\n" for one in written) + b"--b" + last + b"\r\n"


@pytest.mark.parametrize(
    ("told", "body", "note"),
    [
        ('boundary=b; start="<root@x>"', parts(PART + GOOD), "multipart"),
        ('boundary="b"; start="<root@x>"', parts(OTHER, PART + GOOD), "multipart with attachments"),
        ("boundary=b", b"preamble\r\n" + parts(PART + GOOD), "multipart"),
        ("boundary=b", parts(b"\r\n" + GOOD), "multipart"),
    ],
)
async def test_a_multipart_answer_is_read_from_the_part_it_begins_with(
    platform: Platform, told: str, body: bytes, note: str
) -> None:
    assert (await platform.issue(body, f'multipart/related; type="application/xop+xml"; {told}')).code == CODE
    assert note in platform.noted


@pytest.mark.parametrize(
    ("told", "body"),
    [
        ("boundary=b", parts(PART + GOOD, last=b"")),
        ("boundary=b", parts(PART + GOOD)[:-8]),
        ('boundary=b; start="<none@x>"', parts(PART + GOOD)),
        ("boundary=b", parts(OTHER, PART + GOOD)),
        ("boundary=c", parts(PART + GOOD)),
    ],
)
async def test_a_multipart_answer_that_is_cut_or_begins_with_something_else_is_doubt(
    platform: Platform, told: str, body: bytes
) -> None:
    with pytest.raises(UnusableError):
        await platform.issue(body, f"multipart/related; {told}")


# --- an answer that ends with the connection --------------------------------------------------------------------------

OLD = ("HTTP/1.0 200 OK", ())
NEWER = ("HTTP/1.1 200 OK", ("Connection: close",))


@pytest.mark.parametrize(("start", "more"), [OLD, NEWER])
async def test_an_answer_that_ends_with_the_connection_is_believed_where_the_channel_says_so(
    platform: Platform, start: str, more: tuple[str, ...]
) -> None:
    assert (await platform.issue(GOOD, start=start, more=more, length=False, ends=True)).code == CODE
    with pytest.raises(OutcomeUnknownError, match="no length"):
        await platform.issue(GOOD, start=start, more=more, length=False, ends=False)


@pytest.mark.parametrize("where", [1, 60, len(GOOD) // 2, GOOD.index(b"</Amt>") - 1, GOOD.rindex(b">")])
@pytest.mark.parametrize(("start", "more"), [OLD, NEWER])
async def test_such_an_answer_that_is_cut_anywhere_is_doubt_even_if_what_is_left_were_signed(
    platform: Platform, start: str, more: tuple[str, ...], where: int
) -> None:
    for signed in (GOOD, GOOD[:where]):
        with pytest.raises(OutcomeUnknownError, match="perhaps cut"):
            await platform.issue(signed, sent=GOOD[:where], start=start, more=more, length=False, ends=True)


async def test_such_an_answer_is_doubt_where_its_signature_does_not_hold(platform: Platform) -> None:
    start, more = NEWER
    changed = GOOD.replace(b"200.00", b"200.01")
    with pytest.raises(UnusableError, match="signature"):
        await platform.issue(GOOD, sent=changed, start=start, more=more, length=False, ends=True)
    with pytest.raises(UnusableError, match="signature"):
        await platform.issue(GOOD, start=start, more=more, length=False, ends=True, signed=lambda _: {})


async def test_a_length_that_is_told_is_held_to_on_such_a_channel_too(platform: Platform) -> None:
    with pytest.raises(OutcomeUnknownError):
        await platform.issue(GOOD, sent=GOOD, more=(f"Content-Length: {len(GOOD) + 1}",), length=False, ends=True)


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b'{"code":"0"}', True),
        (b'[{"code":"0"}]\r\n', True),
        (b'{"code":"0"', False),
        (b"17", False),
        (b'"text"', False),
        (b"", False),
        (b"serial,amount\n1,2.00\n", False),
    ],
)
async def test_json_that_ends_with_the_connection_must_close_by_itself(peer: Any, body: bytes, read: bool) -> None:
    async def answers(line: Any) -> None:
        await line.request()
        await line.say(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + body)

    async with peer(answers) as platform:
        limits = Limits(ends_with_connection=True)
        wire = ChannelWire("old", platform.url, WireTerms(lambda _: None, limits=limits))
        if read:
            assert wire.json(await wire.request("ask", "POST", "x", json={}))
        else:
            with pytest.raises(OutcomeUnknownError, match="perhaps cut"):
                await wire.request("ask", "POST", "x", json={})
        await wire.close()


# --- a redirect to a log-in page --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["302 Found", "301 Moved", "303 See Other", "307 Temporary Redirect"])
@pytest.mark.parametrize("length", [True, False])
async def test_a_redirect_is_doubt_and_names_where_it_leads(platform: Platform, status: str, length: bool) -> None:
    with pytest.raises(OutcomeUnknownError, match=r"redirect to https://sso\.test/login: perhaps a log-in") as caught:
        await platform.issue(
            b"", start=f"HTTP/1.1 {status}", more=("Location: https://sso.test/login?ticket=s3cret",), length=length
        )
    assert "s3cret" not in str(caught.value)


async def test_a_redirect_of_a_json_platform_names_where_it_leads_too(peer: Any) -> None:
    async def answers(line: Any) -> None:
        await line.request()
        await line.answer(head="Location: /login?next=%2F", status="302 Found")

    async with peer(answers) as platform:
        wire = ChannelWire("old", platform.url, WireTerms(lambda _: None))
        with pytest.raises(OutcomeUnknownError, match="redirect to /login: perhaps"):
            await wire.request("ask", "GET", "x")
        await wire.close()


async def test_a_denial_that_redirects_is_still_a_denial(platform: Platform) -> None:
    with pytest.raises(DeniedError):
        await platform.issue(PAGE, start="HTTP/1.1 401 Unauthorized", more=("Location: /login",))


# --- TLS --------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def old_server(papers: Any, version: ssl.TLSVersion | None = None, ciphers: str = "") -> Iterator[int]:
    """A server of the blocking kind, which says in an alert why it refuses a handshake; its port."""
    context: ssl.SSLContext = papers.server_context()
    if ciphers:
        context.set_ciphers(ciphers)
    if version is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                taken, _ = listening.accept()
                taken.settimeout(10)
                with contextlib.suppress(OSError), context.wrap_socket(taken, server_side=True) as line:
                    while b"\r\n\r\n" not in line.recv(4096):
                        pass
                    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)


async def said(port: int, tls: Tls, host: str = "127.0.0.1") -> str:
    """What a question over TLS comes to: "ok", or the words of what went wrong."""
    wire = ChannelWire("old", f"https://{host}:{port}", WireTerms(lambda _: None, tls=tls))
    try:
        return (await wire.request("ask", "GET", "")).text
    except NotSentError as error:
        return str(error)
    finally:
        await wire.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
async def test_an_old_version_of_tls_is_spoken_where_the_channel_says_so(papers: Any, version: ssl.TLSVersion) -> None:
    trust = papers.ca.cert
    with old_server(papers, version, "ALL:@SECLEVEL=0") as port:
        refused = await said(port, Tls(ca_file=trust))
        assert refused.startswith("TLS failed: we have no version of TLS in common (min_tls_version) [")
        assert await said(port, Tls(ca_file=trust, min_version="1.0")) == "ok"


async def test_old_ciphers_are_spoken_where_the_channel_says_so(papers: Any) -> None:
    trust = papers.ca.cert
    with old_server(papers, ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0") as port:
        refused = await said(port, Tls(ca_file=trust, ciphers="ECDHE-ECDSA-AES256-GCM-SHA384"))
        assert refused.startswith("TLS failed: we have no cipher in common (tls_ciphers)")
        assert await said(port, Tls(ca_file=trust, ciphers="ALL:@SECLEVEL=0")) == "ok"


async def test_a_certificate_that_is_refused_is_named_with_the_reason(papers: Any) -> None:
    trust = papers.ca.cert
    with old_server(papers) as port:
        assert (await said(port, Tls())).startswith("TLS failed: the issuer of its certificate is not known here")
        other = await said(port, Tls(ca_file=trust), host="localhost")
        assert other.startswith("TLS failed: its certificate is for another name than that in the address [Hostname")


async def test_a_port_that_speaks_plain_http_is_named_as_such(peer: Any) -> None:
    async def answers(line: Any) -> None:
        await line.reader.read(1)
        await line.answer(status="400 Bad Request")

    async with peer(answers) as platform:
        assert (await said(platform.port, Tls())).startswith("TLS failed: what answers there does not speak TLS")


async def test_a_server_that_hangs_up_during_the_handshake_is_named_as_tls(peer: Any) -> None:
    async def hangs_up(line: Any) -> None:
        await line.reader.read(1)
        line.reset()

    async with peer(hangs_up) as platform:
        assert (await said(platform.port, Tls())).startswith("TLS failed: the other side hung up")


def test_the_old_way_of_renegotiation_is_off_unless_a_channel_lets_it_in() -> None:
    assert not Tls().context().options & 0x4
    assert Tls(legacy_renegotiation=True).context().options & 0x4


def test_whatever_is_let_in_the_certificate_is_still_checked() -> None:
    context = Tls(min_version="1.0", ciphers="ALL:@SECLEVEL=0", legacy_renegotiation=True).context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_what_is_let_in_is_told_and_nothing_is_by_default() -> None:
    assert list(Tls().weaknesses()) == []
    assert len(list(Tls(min_version="1.1", ciphers="ALL", legacy_renegotiation=True).weaknesses())) == 3


def test_ciphers_that_openssl_does_not_know_stop_the_start() -> None:
    with pytest.raises(ValueError, match="no list of ciphers"):
        Tls(ciphers="ROT13")
