"""Files in a folder are there whole or not at all, and a failure says whether one may be there."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.foundation.wire import FolderWire, Limits, WireTerms
from gateway.ports.base import RawExchange
from gateway.settings import ChannelSettings
from gateway.words.errors import NotSentError, OutcomeUnknownError, UnusableError


@pytest.fixture
def kept() -> list[RawExchange]:
    return []


@pytest.fixture
async def wire(tmp_path: Path, kept: list[RawExchange]) -> AsyncIterator[FolderWire]:
    (tmp_path / "inbox").mkdir()
    made = FolderWire("folder", tmp_path.as_uri(), WireTerms(kept.append, limits=Limits(max_response_bytes=1024)))
    yield made
    await made.close()


async def test_what_is_put_is_read_and_both_are_evidence(wire: FolderWire, kept: list[RawExchange]) -> None:
    await wire.put("submit", "inbox/R1.xlsx", b"whole")
    assert await wire.get("find", "inbox/R1.xlsx") == b"whole"
    assert await wire.get("find", "inbox/R2.xlsx") is None
    told = [(one.action, one.method, one.url.rpartition("/")[2], one.status, one.outcome) for one in kept]
    assert told == [
        ("submit", "PUT", "R1.xlsx", 201, "answered"),
        ("find", "GET", "R1.xlsx", 200, "answered"),
        ("find", "GET", "R2.xlsx", 404, "answered"),
    ]
    assert (kept[0].request_body, kept[1].response_body) == (b"whole", b"whole")


async def test_who_dies_before_the_name_is_given_has_sent_nothing(wire: FolderWire, tmp_path: Path) -> None:
    left = tmp_path / "inbox" / ".R1.0123456789abcdef.part"
    left.write_bytes(b"hal")
    assert await wire.get("find", "inbox/R1.xlsx") is None
    await wire.put("submit", "inbox/R1.xlsx", b"whole")
    assert [one.name for one in (tmp_path / "inbox").iterdir()] == ["R1.xlsx"]


async def test_the_content_is_durable_before_the_name_is_given(
    wire: FolderWire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    sync = os.fsync

    def look(handle: int) -> None:
        seen.append([one.name for one in (tmp_path / "inbox").iterdir() if not one.name.startswith(".")])
        sync(handle)

    monkeypatch.setattr(os, "fsync", look)
    await wire.put("submit", "inbox/R1.xlsx", b"whole")
    assert seen == [[], ["R1.xlsx"]]  # the file, then its folder


@pytest.mark.parametrize(("at", "meaning"), [(0, NotSentError), (1, OutcomeUnknownError)])
async def test_a_disk_that_fails_is_doubt_only_once_the_name_may_be_there(
    wire: FolderWire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, meaning: type[Exception]
) -> None:
    calls: list[int] = []

    def fail(handle: int) -> None:
        calls.append(handle)
        if len(calls) > at:
            raise OSError(5, "input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(meaning) as told:
        await wire.put("submit", "inbox/R1.xlsx", b"whole")
    assert type(told.value) is meaning
    assert (tmp_path / "inbox" / "R1.xlsx").exists() is (at == 1)
    assert not list((tmp_path / "inbox").glob(".*"))


async def test_a_folder_that_is_not_there_is_nothing_sent_and_no_answer(wire: FolderWire) -> None:
    with pytest.raises(NotSentError):
        await wire.put("submit", "outbox/R1.xlsx", b"whole")
    with pytest.raises(NotSentError):
        await wire.get("find", "outbox/R1.xlsx")


@pytest.mark.parametrize("name", ["../R1.xlsx", "/etc/passwd", "inbox/.R1.xlsx", "a/b/c.xlsx", "inbox/R\n.xlsx", ""])
async def test_no_name_leads_out_of_the_folder(wire: FolderWire, name: str) -> None:
    with pytest.raises(UnusableError):
        await wire.get("find", name)


async def test_links_pipes_and_what_is_too_large_are_not_read(wire: FolderWire, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "inbox" / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "inbox" / "pipe")
    (tmp_path / "inbox" / "large").write_bytes(b"x" * 1025)
    for name, meaning in (("link", NotSentError), ("pipe", UnusableError), ("large", UnusableError)):
        with pytest.raises(meaning):
            await wire.get("find", f"inbox/{name}")


@pytest.mark.parametrize("url", ["file://host/folder", "file:folder", "http://host/folder"])
def test_only_an_absolute_folder_of_this_machine_is_an_address(url: str) -> None:
    with pytest.raises(ValueError, match="absolute"):
        FolderWire("folder", url, WireTerms(lambda _: None))


def test_the_address_of_a_channel_may_be_a_folder() -> None:
    assert ChannelSettings(adapter="credit.folder", url="file:///srv/exchange/").url == "file:///srv/exchange"
