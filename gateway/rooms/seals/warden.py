"""Files of strangers are opened in a child process with limits of time, memory and size.

A file that eats memory or time ends its child alone (``gateway.foundation.nursery``): the caller gets a report or a
problem that says so, and other requests go on. What comes back is read as data (JSON, and the bytes of a file that was
made ready), never as code.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import TypeAdapter

from gateway.foundation import nursery
from gateway.foundation.crypto.sm import sm3
from gateway.ports.seal import Placement
from gateway.rooms.seals.anchors import Hit
from gateway.rooms.seals.files import Ready, Sealing, make_ready
from gateway.rooms.seals.report import Findings, Report
from gateway.rooms.seals.ses_checks import Expected
from gateway.rooms.seals.trust import Trust
from gateway.rooms.seals.verification import format_of, verify_document
from gateway.words.clock import rfc3339
from gateway.words.errors import ConflictProblem, InvalidProblem
from gateway.words.saying import Both, Language, Sentence, say

if TYPE_CHECKING:
    from gateway.rooms.seals.pdf import Prepared

_NEEDS: Final = ("gateway.rooms.seals.pdf_judging", "gateway.rooms.seals.pdf")
"""Imported once, not in every child."""
_PLACES: Final = TypeAdapter(tuple[Placement, ...])
_PROBLEMS: Final = {one.__name__: one for one in (InvalidProblem, ConflictProblem)}
"""What a child may refuse a file with."""


@dataclass(frozen=True)
class Limits:
    """What one file may take: bytes, seconds of processor, and megabytes beside what the child has.

    ``seconds`` is for a small file; each further megabyte may take one more. Waiting ends after five times that.
    """

    size: int = 24 << 20
    seconds: int = 2
    megabytes: int = 300

    def seconds_for(self, size: int) -> int:
        """Seconds of processor for a file of so many bytes."""
        return self.seconds + max(0, (size >> 20) - 1)


class Warden:
    """Judges files in children, and makes them ready for a seal.

    The nursery is one for the whole process, started when the first file comes.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()

    def verify(self, content: bytes, trust: Trust, now: datetime, expected: Expected | None = None) -> Report:
        """``verify_document`` in a child; a child that dies of its file is a report that the file cannot be judged."""
        if len(content) > self.limits.size:
            limit = self.limits.size >> 20
            return _beyond(content, now, f"文件超过 {limit} MB", f"the file has more than {limit} MB")
        answer = self._ask(("verify", content, trust, now, expected or Expected()), len(content))
        if answer is None:
            return _beyond(content, now, "超出内存或时间限制", "judging it takes too much memory or time")
        return Report.model_validate_json(answer)

    def find_words(
        self, content: bytes, keywords: Sequence[str], anchors: Sequence[str] = ()
    ) -> list[list[Hit]] | None:
        """Where these words stand in a PDF (``words_in_pdf``); None for what cannot be read, or not within limits."""
        if len(content) > self.limits.size or format_of(content) != "pdf":
            return None
        answer = self._ask(("find_words", content, tuple(keywords), tuple(anchors)), len(content))
        return None if answer is None else [[Hit(*hit) for hit in hits] for hits in json.loads(answer)]

    def make_ready(self, content: bytes, how: Sealing) -> Ready:
        """``files.make_ready`` in a child: the same problems, and InvalidProblem for a file that is beyond limits."""
        told, made = self._made(("make_ready", content, how), content)
        return Ready(
            content=made,
            start=told["start"],
            end=told["end"],
            digest=bytes.fromhex(told["digest"]),
            property_info=told["property_info"],
            shares=_PLACES.validate_python(told["shares"]),
        )

    def make_room(self, content: bytes, *, at: datetime, reserve: int) -> Prepared:
        """``pdf.make_room`` in a child: the same problem, also for a file that is beyond limits."""
        from gateway.rooms.seals.pdf import Prepared  # what edits PDF is loaded for the first document

        told, made = self._made(("make_room", content, at, reserve), content)
        return Prepared(made, told["start"], told["end"], bytes.fromhex(told["digest"]))

    def _made(self, question: tuple[Any, ...], content: bytes) -> tuple[dict[str, Any], bytes]:
        """What a child made of a file: what it says of it, and the file. Raises the problem that it met."""
        if len(content) > self.limits.size:
            raise _not_sealable(say("seals.too_large", most=self.limits.size >> 20))
        answer = self._ask(question, len(content), len(content) + nursery.LARGEST_ANSWER)
        if answer is None:
            raise _not_sealable(say("seals.too_heavy"))
        head, _, made = answer.partition(b"\n")
        told = json.loads(head)
        if problem := told.get("problem"):
            said, cure = (say("seals.of_file", said=Both(*told[one])) for one in ("said", "cure"))
            raise _PROBLEMS[problem](
                said, field=told["field"], cure=cure if all(told["cure"]) else None, type=told["type"]
            )
        return told, made

    def _ask(self, question: tuple[Any, ...], size: int, most: int = nursery.LARGEST_ANSWER) -> bytes | None:
        """One question about a file of so many bytes to a fresh child; None when it died."""
        return nursery.ask(
            _answer,
            *question,
            seconds=self.limits.seconds_for(size),
            megabytes=self.limits.megabytes,
            most=most,
            needs=_NEEDS,
        )


def _beyond(content: bytes, now: datetime, zh: str, en: str) -> Report:
    findings = Findings({"readable"})
    findings.add("readable", "not_made", zh, en)
    return Report(format="unknown", digest=sm3(content).hex(), judged_at=rfc3339(now), checks=findings.checks)


def _not_sealable(why: Sentence) -> InvalidProblem:
    return InvalidProblem(
        say("seals.cannot_be_sealed", why=why),
        field="document",
        type="document-not-sealable",
    )


# --- in the child -----------------------------------------------------------------------------------------------------


def _answer(task: Literal["verify", "find_words", "make_ready", "make_room"], content: bytes, *more: Any) -> bytes:
    if task == "make_ready":
        return _made(lambda: make_ready(content, *more))
    if task == "make_room":
        from gateway.rooms.seals.pdf import make_room

        at, reserve = more
        return _made(lambda: make_room(content, at=at, reserve=reserve))
    if task == "find_words":
        from gateway.rooms.seals.words_in_pdf import find_words

        return json.dumps(find_words(content, *more)).encode()
    trust, now, expected = more
    report = verify_document(content, trust, now, expected=expected)
    return json.dumps(report.model_dump(mode="json")).encode()


def _made(make: Callable[[], Ready | Prepared]) -> bytes:
    """A line of JSON, and the file behind it; a problem has no file."""
    try:
        made = make()
    except (InvalidProblem, ConflictProblem) as problem:
        told = {
            "said": [problem.detail_in(one) for one in (Language.CHINESE, Language.ENGLISH)],
            "cure": [problem.cure_in(one) or "" for one in (Language.CHINESE, Language.ENGLISH)],
            "field": problem.field,
            "type": problem.type,
        }
        return json.dumps({"problem": type(problem).__name__, **told}).encode()
    head = {
        "start": made.start,
        "end": made.end,
        "digest": made.digest.hex(),
        "property_info": made.property_info if isinstance(made, Ready) else "",
        "shares": _PLACES.dump_python(made.shares, mode="json"),
    }
    return json.dumps(head).encode() + b"\n" + made.content
