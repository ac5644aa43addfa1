"""A report as a page for officials: the verdict first, then each seal with its checks, Chinese before English.

The page is one file. It needs no script and loads nothing, so that it can be kept, sent on and printed as it is. What
comes from the judged document (names, reasons) is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.rooms.seals.report import KINDS, RESULTS, Check, Report, Result, Verdict
from gateway.words.clock import SHANGHAI, parse_rfc3339

HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
    ),
}
"""What a browser is told beside the page."""

_MARKS: Final[dict[Verdict, str]] = {Verdict.VALID: "✓", Verdict.INVALID: "✗", Verdict.UNDETERMINED: "？"}
_SIGNS: Final[dict[Result, str]] = {"passed": "✓", "failed": "✗", "not_made": "？", "not_applicable": "—"}


def page_of(report: Report, title: str = "") -> str:
    """The report as HTML. ``title``: what the document is called, where it is ours."""
    return _templates.get_template("report.html").render(
        report=report, title=title, kinds=KINDS, results=RESULTS, mark=_MARKS, sign=_SIGNS
    )


def weighs(check: Check) -> bool:
    """Whether this check alone keeps the verdict from 有效."""
    return check.result == "failed" or (check.required and check.result == "not_made")


def against_first(checks: Sequence[Check]) -> list[Check]:
    """What failed, then what is missing, then the others; each group in the order in which it was found."""
    return sorted(checks, key=lambda check: (not weighs(check), check.result != "failed"))


def _moment(text: str) -> str:
    """2026年9月16日 10:00:00: an RFC 3339 instant as people here read it."""
    local = parse_rfc3339(text).astimezone(SHANGHAI)
    return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M:%S}"


_templates: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters |= {"moment": _moment, "against_first": against_first, "weighs": weighs}
