"""``gateway seals``: judge documents, stop a seal, and read what a seal was used for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from gateway.rooms.seals.report import KINDS, RESULTS, Check, Report, Result, SealReport, Verdict
from gateway.rooms.seals.rules import SealRules
from gateway.rooms.seals.trust import TrustFiles
from gateway.rooms.seals.use_commands import stop, uses
from gateway.rooms.seals.views import ReportView
from gateway.rooms.seals.vouchers import VoucherStage, judge_stage
from gateway.rooms.seals.warden import Warden
from gateway.terminal.output import Exit, Json, session, show
from gateway.words.clock import SystemClock
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say

app = typer.Typer(help="Seals 电子印章: verify documents, stop a seal, list its uses.", no_args_is_help=True)

_MARKS: dict[Result, str] = {"passed": "✓", "failed": "✗", "not_made": "?", "not_applicable": "–"}
_COLOURS = {Verdict.VALID: "green", Verdict.INVALID: "red", Verdict.UNDETERMINED: "yellow"}


@app.callback()
def seals() -> None:
    """Seals 电子印章: verify documents, stop a seal, list its uses."""


app.command("stop")(stop)
app.command("uses")(uses)


@app.command("verify")
def verify(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="PDF or OFD files.", exists=True, dir_okay=False)],
    every: Annotated[bool, typer.Option("--all", help="Show checks that passed, too.")] = False,
    voucher: Annotated[VoucherStage | None, typer.Option(help="They are 电子一般缴款书 of this stage.")] = None,
    authority: Annotated[str | None, typer.Option(help="With --voucher: the unit's code.")] = None,
    as_json: Json = False,
) -> None:
    """Judge documents 验章 by ``[trust]`` of the settings, without asking anybody. 0 if all are 有效, 1 otherwise."""
    settings = session(ctx).settings
    if (voucher is None) != (authority is None):
        raise InvalidProblem(say("seals.voucher_alone"), field="--voucher")
    trust, warden, clock = TrustFiles(settings.trust).current(), Warden(), SystemClock()
    reports = []
    for file in files:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise InvalidProblem(
                say("seals.file_unreadable", file=file, reason=error.strerror), field="files"
            ) from None
        report = warden.verify(content, trust, clock.now())
        if voucher is not None and authority is not None:
            report = judge_stage(report, voucher, authority, settings.of_room("seals", SealRules).vouchers)
        reports.append((file, report))
    value = {"documents": [{"file": str(file), **ReportView.of(one).model_dump(mode="json")} for file, one in reports]}
    show(value, as_json, *(line for file, report in reports for line in _told(file, report, every)))
    if not all(report.valid for _, report in reports):
        raise typer.Exit(Exit.FOUND)


def _told(file: Path, report: Report, every: bool) -> Iterator[Any]:
    """A report for people: at most 100 columns, Chinese first."""
    verdict = report.verdict
    head = Text.assemble((f"{verdict.words.zh} {verdict}", f"bold {_COLOURS[verdict]}"), f"  {file.name}")
    yield head
    if report.why.zh:
        yield Text(f"  {report.why.zh}")
        yield Text(f"  {report.why.en}", style="dim")
    yield from _checks(report.checks, every)
    for seal in report.seals:
        yield from _seal(seal, every)
    for note in report.notes:
        yield Text(f"  · {note.zh}")
    for left in report.not_covered[:5]:
        yield Text(f"  未覆盖 {left.zh}")
    yield Text("")


def _seal(seal: SealReport, every: bool) -> Iterator[Text]:
    name = seal.seal_name or seal.signer or seal.place
    yield Text(f"  ▪ {seal.verdict.words.zh}  {name}  {KINDS[seal.kind].zh}")
    facts = {
        "印章编号": seal.seal_id,
        "签章人": seal.signer,
        "制章者": seal.maker,
        "时间": seal.signed_at
        and f"{seal.signed_at}（{'时间戳' if seal.time_source == 'time_stamp' else '签章人自述'}）",
        "版本": seal.revision and f"{seal.revision} / {seal.revisions}",
    }
    for label, value in facts.items():
        if value:
            yield Text(f"    {label}  {value}")
    for one in seal.drawn:
        yield Text(f"    位置  第 {one.page} 页，左 {one.x:.1f} 下 {one.y:.1f}，{one.width:.1f}×{one.height:.1f} 毫米")
    yield from _checks(seal.checks, every)
    for note in seal.notes:
        yield Text(f"    · {note.zh}")


def _checks(checks: tuple[Check, ...], every: bool) -> Iterator[Text]:
    for check in checks:
        against = check.result == "failed" or (check.required and check.result == "not_made")
        if every or against:
            reason = check.reason.zh or RESULTS[check.result].zh
            said = f"    {_MARKS[check.result]} {check.label.zh}：{reason}  [{check.source}]"
            yield Text(said, style="" if not against else "red" if check.result == "failed" else "yellow")
