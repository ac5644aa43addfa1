"""Verifying 验章 on the console: a sealed file is chosen, and what our own checks find is said in plain words."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from gateway.foundation.acts import by_name
from gateway.foundation.findings import Finding
from gateway.foundation.screens import (
    ActPage,
    Block,
    Code,
    Done,
    Fact,
    Facts,
    Field,
    Form,
    Head,
    Look,
    Many,
    Moment,
    Named,
    Note,
    Page,
    Row,
    Screen,
    Table,
    Tag,
    To,
    Tone,
    Waits,
)
from gateway.rooms.seals.acts import ACTS
from gateway.rooms.seals.doctor import amiss
from gateway.rooms.seals.report import KINDS, RESULTS, Check, Report, Result, SealReport, Verdict, Words
from gateway.rooms.seals.report_page import against_first, weighs
from gateway.rooms.seals.service import Seals
from gateway.words.clock import parse_rfc3339, to_micros
from gateway.words.saying import Both, Sentence, cure_of, say, worded

_NAME: Final = "verify"
_ACTS: Final = by_name(*ACTS)
LARGEST: Final = 40 << 20
"""Bytes of a file that is verified, and of the form around it."""
_TONES: Final[dict[Verdict, Tone]] = {Verdict.VALID: "good", Verdict.INVALID: "bad", Verdict.UNDETERMINED: "warn"}
_STATES: Final[dict[str, Tone]] = {"warn": "warn", "fail": "bad"}
_FOUND: Final[dict[Result, Tone]] = {"passed": "good", "failed": "bad", "not_made": "warn"}


async def _page(look: Look) -> Page:
    """What is verified here, and how to begin; below it what verifying rests on and lacks."""
    words = say("seals.screen_how", megabytes=LARGEST >> 20)
    found = await asyncio.to_thread(amiss, look.base.settings)
    notes = [Note(words), Note(say("seals.screen_kept"))]
    return Page(title=say("seals.screen_verify"), blocks=[*notes, *_lacking(look, found)], acts=["file"])


def _lacking(look: Look, found: Sequence[Finding]) -> list[Block]:
    """What of certificates and trust should be seen to, as ``gateway doctor`` tells it: what Today counts."""
    heads = (Head(say("seals.screen_found")), Head(say("seals.screen_cure")))
    rows = [
        Row(
            None, (Tag(worded(one.said, look.language), _STATES[one.state]), cure_of(one.said, one.then, look.language))
        )
        for one in found
    ]
    return [Table(say("seals.wait_trust"), heads, rows, "")] if rows else []


async def _form(_look: Look, _id: str) -> Form:
    field = Field("file", Named("file"), "file", hint=say("seals.screen_hint", megabytes=LARGEST >> 20))
    return Form(say("seals.screen_button"), (), (field,))


async def _verify(look: Look, _id: str) -> Done:
    file = look.files["file"]
    report = await look.get(Seals).verify_document(file.content)
    return Done(page=_told(report, file.name))


# --- the report -------------------------------------------------------------------------------------------------------


def _told(report: Report, name: str) -> Page:
    """The verdict first, then why, then each seal with its checks."""
    verdict, tone = report.verdict, _TONES[report.verdict]
    blocks: list[Block] = [Note(say(f"seals.screen_{verdict.value.lower()}"), tone)]
    if report.why.zh:
        blocks.append(Note(say("seals.screen_because", why=_both(report.why)), tone))
    facts: list[Fact] = [
        (Named("file"), name),
        (say("seals.screen_format"), report.format.upper() if report.format != "unknown" else None),
        (say("seals.screen_judged"), _moment(report.judged_at)),
        (say("seals.screen_digest"), Code(report.digest)),
        (say("seals.screen_number"), len(report.seals)),
    ]
    blocks.append(Facts(None, facts))
    for place, one in enumerate(report.seals, start=1):
        blocks += _seal(one, place)
    blocks.append(_checks(say("seals.screen_of_document"), report.checks))
    blocks += _sentences(report.not_covered, "seals.screen_not_covered")
    return Page(title=say("seals.screen_report"), tags=(_tag(verdict),), blocks=blocks, acts=["file"])


def _seal(one: SealReport, place: int) -> list[Block]:
    who = [each for each in (one.seal_name, one.seal_id) if each]
    facts: list[Fact] = [
        (say("seals.screen_verdict"), _tag(one.verdict)),
        (say("seals.screen_kind"), _both(KINDS[one.kind])),
        (say("seals.screen_seal"), Many(who) if who else None),
        (say("seals.screen_signer"), one.signer),
        (say("seals.screen_maker"), one.maker),
        (
            say("seals.screen_signed"),
            None if one.signed_at is None else Moment(to_micros(parse_rfc3339(one.signed_at))),
        ),
        (say("seals.screen_pages"), Many([each.page for each in one.drawn]) if one.drawn else None),
    ]
    title = say("seals.screen_seal_of", number=place)
    return [
        Facts(title, facts),
        _checks(say("seals.screen_checks_of", number=place), one.checks),
        *_sentences(one.not_covered, "seals.screen_not_covered"),
    ]


def _checks(title: Sentence, checks: Sequence[Check]) -> Table:
    """What stands against it comes first."""
    heads = (
        Head(say("seals.screen_check")),
        Head(Named("outcome")),
        Head(say("seals.screen_found")),
        Head(say("seals.screen_by"), small=True),
    )
    rows = [
        Row(
            None,
            (
                _both(one.label),
                Tag(_both(RESULTS[one.result]), _FOUND.get(one.result, "plain") if weighs(one) else "plain"),
                _both(one.reason) if one.reason.zh else None,
                one.source,
            ),
        )
        for one in against_first(checks)
    ]
    return Table(title, heads, rows, say("seals.screen_no_checks"))


def _sentences(found: Sequence[Words], title: str) -> list[Block]:
    return [Facts(None, [(say(title), Many([_both(one) for one in found]))])] if found else []


def _tag(verdict: Verdict) -> Tag:
    return Tag(_both(verdict.words), _TONES[verdict])


def _moment(text: str | None) -> Moment:
    return Moment(None if text is None else to_micros(parse_rfc3339(text)))


def _both(words: Words) -> Both:
    return Both(words.zh, words.en)


SCREEN = Screen(
    name=_NAME,
    title=say("seals.screen_verify"),
    scope="seals:read",
    place=80,
    page=_page,
    acts=(ActPage(name="file", of=_ACTS["verify_document"], form=_form, do=_verify),),
)


# --- what waits -------------------------------------------------------------------------------------------------------


async def waiting(look: Look) -> Sequence[Waits]:
    """Certificates of layers that end, trust that is incomplete, lists of revoked ones that are overdue."""
    if not look.may("seals:read"):
        return ()

    found = await asyncio.to_thread(amiss, look.base.settings)
    return (Waits(say("seals.wait_trust"), len(found), To("", _NAME), tone="warn"),)
