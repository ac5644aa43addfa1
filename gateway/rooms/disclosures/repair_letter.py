"""The letter 信用修复告知书: what it says and how it is printed. Pure but for the font.

There is no national form. It says what a real one of a market regulator says: the decision, where it will be shown and
for how long, upon which conditions a repair is granted, what is not repaired, and where to apply.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from gateway.rooms.disclosures.explanation import Explanation
from gateway.rooms.disclosures.judging import Plan
from gateway.rooms.disclosures.repairs import CONDITIONS
from gateway.rooms.disclosures.rules import RepairTerm, Seriousness, Unrepairable
from gateway.typography import Block, Letter, Signature, chinese_date, render, render_ofd
from gateway.words.errors import InvalidProblem
from gateway.words.saying import said_of, say
from gateway.words.terms import add_months

TITLE = "信用修复告知书"
CLASSES: dict[Seriousness, str] = {"minor": "轻微", "general": "一般", "serious": "严重"}
_NUMERALS = "一二三四五六七八九十"


@dataclass(frozen=True)
class ShownAt:
    """What the letter says of one target: its name, by what it is shown there, and by which rows it is repaired.

    ``begun``: the day from which its period runs is known. ``least``: months before a repair.
    """

    title: str
    plan: Plan
    begun: bool
    least: int
    term: RepairTerm
    never: Unrepairable | None


def written(found: Explanation, shown: Sequence[ShownAt]) -> Letter:
    """The letter about a decision that is shown there."""
    decision, organ = found.decision, found.organ
    blocks = [
        Block(
            f"本机关于{chinese_date(decision.facts.decided_on)}对你（单位）作出行政处罚决定"
            f"（决定书文号：{decision.number}）。现将该行政处罚信息的公示和信用修复事项告知如下："
        )
    ]
    parts = (
        ("公示的渠道和期限", [_period(one) for one in shown]),
        ("信用修复的条件", list(CONDITIONS.values())),
        ("不予信用修复的情形", [*_exceptions(shown), "法律或者党中央、国务院政策文件规定不予修复的，从其规定"]),
        ("申请信用修复的途径和办理期限", [_way(one) for one in shown if one.never is None]),
    )
    for place, (heading, lines) in enumerate(part for part in parts if part[1]):
        blocks.append(Block(f"{_NUMERALS[place]}、{heading}", heading=True))
        blocks += (Block(f"{number}. {line}。") for number, line in enumerate(lines, 1))
    return Letter(
        title=TITLE,
        number=f"（{decision.number}）",
        addressee=f"{decision.facts.party.name}：",
        blocks=tuple(blocks),
        signature=Signature(organ.name, found.on),
        footer=f"{organ.name}  {decision.number}",
        subject=f"{TITLE} {decision.number}",
    )


def _period(one: ShownAt) -> str:
    """Where it is shown, as which class, from when, until when, and from when on a repair is possible."""
    plan, regime = one.plan, one.plan.regime
    said = f"{one.title}：失信程度为{CLASSES[plan.degree.word]}"
    if one.begun:
        said += f"，公示期限自{chinese_date(plan.starts_on)}起算，最长至{chinese_date(plan.until)}"
        if one.never is None and one.least:
            said += f"；最短公示期限至{chinese_date(plan.repair_from)}届满"
    else:
        months = regime.period(plan.degree.word).maximum
        usual = plan.until == add_months(plan.starts_on, months)
        longest = f"最长{months}个月" if usual else f"最长至{chinese_date(plan.until)}"
        said += f"，公示期限自公示之日起算，{longest}"
        if one.never is None and one.least:
            said += f"；最短公示期限为{one.least}个月"
    if regime.at_maximum == "sector":
        said += "。公示期限届满时尚未改正或者尚未全部履行义务的，按照本领域的规定执行"
    return f"{said}（{plan.citation}）"


def _exceptions(shown: Sequence[ShownAt]) -> Iterator[str]:
    for one in shown:
        if one.never is not None:
            yield f"{one.title}：{one.never.reason}（{one.never.citation}）。本决定属于该情形"


def _way(one: ShownAt) -> str:
    term = one.term
    return (
        f"{one.title}上的公示：向{term.apply_at}提出申请，自收到申请之日起{term.working_days}个工作日内答复；"
        f"准予修复的，{term.relay_working_days}个工作日内停止公示（{term.citation}）"
    )


def printed(letter: Letter, kind: Literal["pdf", "ofd"] = "pdf") -> bytes:
    """The letter as a file. Raises InvalidProblem that names a character which the letter's font cannot print."""
    try:
        return render(letter) if kind == "pdf" else render_ofd(letter)
    except ValueError as problem:
        raise InvalidProblem(
            said_of(problem), type="character-not-printable", cure=say("payments.other_font")
        ) from problem
