"""What the process says about itself while it works: to stderr, as JSON lines or for a person at a terminal.

Whatever is said on the way goes through the same redaction: by libraries, by Python's warnings, and by an exception
that nobody caught, which has an id (``fault``) so that who was told of it can be helped.

Levels: ERROR means that a person must act, WARNING that something went wrong and is being dealt with, INFO what
happened, DEBUG detail. Secrets and personal data are taken out here as the last defence, not as a licence to log them.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO, cast

import structlog
from pydantic import SecretBytes, SecretStr
from structlog.typing import EventDict, Processor, WrappedLogger

from gateway.settings import LogSettings
from gateway.words.clock import rfc3339
from gateway.words.identifiers import new_id

HIDDEN = "‹hidden›"

_SECRET_NAME = re.compile(
    r"secret|passw|token|authori[sz]ation|cookie|credential|private|api_?key|id_number|phone|payer_name|officer",
    re.IGNORECASE,
)
_NOT_SECRET = frozenset({"authorities"})
_SECRET_TEXT = re.compile(
    r"(?<=Bearer )\S+"
    r"|(?<=://)[^/@\s]+(?=@)"  # user and password of an address
    r"|\b(?:gw[kot]|whsec)_[A-Za-z0-9+/=_.-]{8,}"  # our own API keys, operator credentials and webhook secrets
    # A resident ID number (GB 11643) and a mobile phone number; a payment code has 20 digits and stays.
    r"|(?<!\d)[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![\dA-Za-z])"
    r"|(?<!\d)1[3-9]\d{9}(?!\d)"
)


def configure(settings: LogSettings | None = None, stream: TextIO | None = None) -> None:
    """Set logging up for this process: ours through structlog, and what libraries say through the same end."""
    settings = settings or LogSettings()
    stream = stream or cast(TextIO, _Stderr())
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    first: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _timestamp,
        _identified,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact,
    ]
    last: Processor = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    if settings.format == "console":
        last = structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[*first, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *first],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(level, logging.WARNING))  # libraries are heard when something is wrong
    logging.captureWarnings(True)


def take_over() -> None:
    """Have this process say in its log, and nowhere else, what nobody caught: for processes that run unattended."""

    def told(error: BaseException | None, where: str) -> None:
        if error is not None and not isinstance(error, KeyboardInterrupt):
            structlog.get_logger(__name__).critical("a fault that nobody caught", where=where, exc_info=error)

    sys.excepthook = lambda _type, error, _trace: told(error, "the process")
    threading.excepthook = lambda args: told(args.exc_value, f"thread {getattr(args.thread, 'name', '?')}")
    sys.unraisablehook = lambda args: told(args.exc_value, args.err_msg or "at the end of an object")


class _Stderr:
    """stderr, whatever it is when something is written: a stream that was there at first may have been closed since."""

    def write(self, text: str) -> int:
        """Write to what is stderr now."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Flush what is stderr now."""
        sys.stderr.flush()

    def isatty(self) -> bool:
        """Whether a person reads it."""
        return sys.stderr.isatty()


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take secrets and personal data out of an event: by the name of a field, and by what a text looks like."""
    return {name: value if name.startswith("_") else _cleaned(name, value) for name, value in event.items()}


def _cleaned(name: str, value: Any) -> Any:
    if isinstance(value, SecretStr | SecretBytes):
        return HIDDEN
    if value is not None and _SECRET_NAME.search(name) and name not in _NOT_SECRET:
        return HIDDEN
    if isinstance(value, str):
        return _SECRET_TEXT.sub(HIDDEN, value)
    if isinstance(value, bytes):
        return f"‹{len(value)} bytes›"
    if isinstance(value, Mapping):
        return {key: _cleaned(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(name, inner) for inner in value]
    if isinstance(value, BaseException):
        return _SECRET_TEXT.sub(HIDDEN, f"{type(value).__name__}: {value}")
    if value is None or isinstance(value, bool | int | float):
        return value
    return _SECRET_TEXT.sub(HIDDEN, str(value))


def _identified(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Give a fault an id where it has none yet."""
    if event.get("exc_info") and method in ("error", "critical", "exception"):
        event.setdefault("fault", new_id("flt"))
    return event


def _timestamp(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The machine's own time, not the civil clock of tests: a log must line up with other machines' logs."""
    event["at"] = rfc3339(datetime.now(UTC))
    return event
