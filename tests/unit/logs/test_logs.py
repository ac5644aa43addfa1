"""Logs are one JSON object a line and never carry a secret or a citizen's data."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from pydantic import SecretStr

from gateway import logs
from gateway.settings import LogSettings


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers, root.level
    yield io.StringIO()
    structlog.reset_defaults()
    root.handlers = before
    root.setLevel(level)


def test_an_event_is_one_line_of_json(stream: io.StringIO) -> None:
    logs.configure(LogSettings(), stream)
    structlog.get_logger("any").info("payment issued", payment="pay_1", amount=20000, party="安澜市")
    (line,) = stream.getvalue().splitlines()
    event = json.loads(line)
    assert event.pop("at").endswith("+08:00")
    assert event == {
        "event": "payment issued",
        "level": "info",
        "payment": "pay_1",
        "amount": 20000,
        "party": "安澜市",
    }


@pytest.mark.parametrize("format", ["json", "console"])
def test_secrets_and_personal_data_never_reach_a_log(stream: io.StringIO, format: str) -> None:
    logs.configure(LogSettings.model_validate({"format": format}), stream)
    log = structlog.get_logger("any")
    log.error(
        "sent Authorization: Bearer s3cret-1 to postgresql://user:s3cret-2@db/g for 110101199003078515, 13812345678",
        secret="s3cret-3",
        headers={"Authorization": "s3cret-4", "X-Node-Code": "N1"},
        settings=SecretStr("s3cret-5"),
        tokens=["s3cret-6"],
        body=b"s3cret-7",
        error=ValueError("key whsec_s3cret-8888"),
        code="99010025000000000017",
    )
    try:
        raise ValueError("Bearer s3cret-9")
    except ValueError:
        log.exception("failed")
    logging.getLogger("some.library").warning("password in postgresql://user:s3cret-0@db")
    said = stream.getvalue()
    assert "s3cret" not in said
    assert "110101199003078515" not in said
    assert "13812345678" not in said
    assert "99010025000000000017" in said, "a payment code is no phone number"
    assert "N1" in said
    assert "some.library" in said
    assert "ValueError" in said


def test_what_is_written_later_goes_to_what_is_stderr_then(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = io.StringIO()
    monkeypatch.setattr("sys.stderr", first)
    logs.configure(LogSettings())
    monkeypatch.setattr("sys.stderr", stream)
    first.close()
    structlog.get_logger("ours").warning("one")
    logging.getLogger("some.library").warning("two")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["one", "two"]


def test_libraries_are_heard_only_when_something_is_wrong(stream: io.StringIO) -> None:
    logs.configure(LogSettings(level="info"), stream)
    logging.getLogger("some.library").info("chatter")
    structlog.get_logger("ours").debug("detail")
    assert stream.getvalue() == ""
