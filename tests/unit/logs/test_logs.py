"""Logs are one JSON object a line and never carry a secret or a citizen's data."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import structlog
from pydantic import SecretStr

from gateway import logs
from gateway.settings import LogSettings


@dataclass
class Told:
    """Something that has a form of its own as text."""

    text: str


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
        told=Told("Bearer s3cret-10"),
        nested=[{"of": Told("13812345678")}],
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


UNCAUGHT = """
import gc, threading, warnings
from gateway import logs
logs.configure()
logs.take_over()
warnings.warn("Bearer s3cret-1")

def fail():
    raise RuntimeError("Bearer s3cret-2")

thread = threading.Thread(target=fail, name="some thread")
thread.start()
thread.join()

class Odd:
    def __del__(self):
        raise RuntimeError("Bearer s3cret-3")

odd = Odd()
del odd
gc.collect()
raise RuntimeError("Bearer s3cret-4")
"""


def test_what_nobody_caught_is_a_line_of_json_with_an_id() -> None:
    done = subprocess.run([sys.executable, "-c", UNCAUGHT], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "s3cret" not in done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["level"] for line in lines] == ["warning", "critical", "critical", "critical"]
    faults = {line["fault"] for line in lines[1:]}
    assert len(faults) == 3
    assert all(fault.startswith("flt_") for fault in faults)


def test_a_fault_that_has_an_id_keeps_it_and_another_gets_one(stream: io.StringIO) -> None:
    logs.configure(LogSettings(), stream)
    try:
        raise ValueError
    except ValueError:
        structlog.get_logger("ours").exception("one", fault="flt_1")
        logging.getLogger("uvicorn.error").exception("two")
        structlog.get_logger("ours").warning("three", exc_info=True)
    one, two, three = (json.loads(line) for line in stream.getvalue().splitlines())
    assert one["fault"] == "flt_1"
    assert two["fault"].startswith("flt_")
    assert "fault" not in three
