"""What judging and sealing cost: ``python tests/benchmarks/bench_seals.py`` (half a minute).

- SM2 providers side by side: signatures and verifications a second of CPU, over 1,000 bytes.
- One page of OFD judged, against the bound that its two SM2 verifications set with the same provider in the same round:
  with seals that were met before (an organ uses one for years), and with a seal never met before in each file.
- A PDF of 200 pages made ready for a seal on its last page, against copying it with an incremental update of that page,
  and against one that looks at no page at all.
- An OFD of 200 pages sealed, on one page and across all.

CPU of this process, rounds interleaved; trust ratios.
"""

from __future__ import annotations

import gc
import io
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

sys.path.append(str(Path(__file__).parents[1]))

from measuring import Figures
from ofd_forge import NOW, ORGAN, PLACE, SIGNATURE, Foreign, OfdForge

from gateway.foundation.crypto import sm2
from gateway.rooms.seals.ofd.judging import judge_ofd
from gateway.rooms.seals.ofd.sealing import embed, pages_of, prepare, stamps_across, stamps_at
from gateway.rooms.seals.ofd.signatures import StampAnnot
from gateway.rooms.seals.pdf import PdfProfile
from gateway.rooms.seals.pdf import prepare as prepare_pdf
from gateway.rooms.seals.report import Verdict
from gateway.rooms.seals.ses import read_seal
from gateway.rooms.seals.ses_checks import Bench
from gateway.typography import Block, Letter, render, render_ofd
from simulators.seal.pki import sm3

ROUNDS = 7
MESSAGE = bytes(1000)
SENTENCE = "当事人占用公共场所经营，影响市容环境卫生。"


def cost(work: Callable[[], object], count: int) -> float:
    """CPU milliseconds of one."""
    began = time.process_time()
    for _ in range(count):
        work()
    return (time.process_time() - began) * 1000 / count


def providers(figures: Figures) -> Iterator[sm2.Sm2Provider]:
    """Those that work here, each with its figures."""
    usable: list[sm2.Sm2Provider] = []
    for kind in (sm2.GmsslProvider, sm2.LibcryptoProvider):
        try:
            provider = kind()
            sm2.check_provider(provider)
        except (ImportError, OSError, ValueError) as error:
            print(f"{kind.__name__} does not work here: {error}")
        else:
            usable.append(provider)
    costs: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for provider in usable:
            made = provider.sign(sm2.VECTOR_PRIVATE, MESSAGE)
            costs.setdefault(f"{provider.name}: sign", []).append(
                cost(lambda one=provider: one.sign(sm2.VECTOR_PRIVATE, MESSAGE), 60)
            )
            costs.setdefault(f"{provider.name}: verify", []).append(
                cost(lambda one=provider, value=made: one.verify(sm2.VECTOR_PUBLIC, MESSAGE, value), 100)
            )
    for name, values in costs.items():
        figures.add(f"{name}, a second of CPU", [1000 / value for value in values])
    yield from usable


def judging(figures: Figures, forge: OfdForge, provider: sm2.Sm2Provider) -> None:
    """One page of OFD, against two verifications."""
    bench = Bench(forge.trust, NOW + timedelta(minutes=1), provider=provider)
    each = 30
    met, new, single, missing = [], [], [], []
    value = provider.sign(sm2.VECTOR_PRIVATE, MESSAGE)
    assert judge_ofd(forge.sealed, bench).verdict is Verdict.VALID
    for number in range(ROUNDS):
        fresh = iter([_own_seal(forge, f"{number:03}{one:05}") for one in range(each)])
        bound = 2 * cost(lambda: provider.verify(sm2.VECTOR_PUBLIC, MESSAGE, value), 100)
        known = cost(lambda: judge_ofd(forge.sealed, bench), each)
        unknown = cost(lambda files=fresh: judge_ofd(next(files), bench), each)
        met.append(bound / known)
        new.append(bound / unknown)
        single.append(known)
        missing.append(unknown)
    name = provider.name
    figures.add(f"{name}: one page judged, ms of CPU, seal met before", single)
    figures.add(f"{name}: one page judged, ms of CPU, seal never met", missing)
    wanted = ">= 0.5" if name == sm2.default_provider().name else ""
    figures.add(f"{name}: share of the bound, seal met before", met, wanted)
    figures.add(f"{name}: share of the bound, seal never met", new)


def _own_seal(forge: OfdForge, number: str) -> bytes:
    """The same page under a seal of its own."""
    seal = forge.variant(seal_id=f"990102{number}")
    return (
        Foreign(forge).but(seal_file=False, value=lambda xml: forge.sign(sm3(xml), f"/{SIGNATURE}", seal=seal)).sealed()
    )


def sealing(figures: Figures, forge: OfdForge) -> None:
    """200 pages."""
    letter = Letter("行政处罚决定书", "第118号", tuple(Block(SENTENCE * 36) for _ in range(200)))
    pdf, ofd = render(letter), render_ofd(letter)
    pages = pages_of(ofd)
    print(f"{len(pages)} pages: {len(pdf) >> 10} KiB of PDF, {len(ofd) >> 10} KiB of OFD")
    profile, seal = PdfProfile(), read_seal(forge.issued)

    place = PLACE.model_copy(update={"page": len(pages)})

    def made_ready() -> object:
        return prepare_pdf(pdf, seal, (place,), at=NOW, profile=profile)

    ratios, bare, ones, across = [], [], [], []
    for _ in range(ROUNDS):
        gc.collect()
        ready = cost(made_ready, 4)
        gc.collect()
        ratios.append(ready / cost(lambda: _copied(pdf, len(pages) - 1), 4))
        bare.append(ready / cost(lambda: _copied(pdf, None), 4))
        ones.append(cost(lambda: _sealed(forge, ofd, stamps_at([place], pages_of(ofd))), 1))
        across.append(cost(lambda: _sealed(forge, ofd, stamps_across(pages_of(ofd), 42, 42)), 1))
    count = len(pages)
    figures.add(f"PDF of {count} pages: ready for its seal / copied with a page updated", ratios, "<= 2")
    figures.add(f"PDF of {count} pages: ready for its seal / copied with no page looked at", bare)
    figures.add(f"OFD of {count} pages: sealed on one page, ms of CPU", ones)
    figures.add(f"OFD of {count} pages: sealed across all pages, ms of CPU", across)


def _copied(pdf: bytes, page: int | None) -> bytes:
    """What another revision costs: the file read, and one page (or only the catalogue) written again."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    if page is None:
        writer.update_root()
    else:
        found = writer.find_page_for_modification(page)[0].get_object()
        found[pdf_name("/Tabs")] = pdf_name("/S")
        writer.update_container(found)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _sealed(forge: OfdForge, ofd: bytes, stamps: tuple[StampAnnot, ...]) -> bytes:
    prepared = prepare(ofd, forge.issued, stamps, at=NOW, provider=ORGAN)
    return embed(prepared.content, forge.sign(prepared.digest, prepared.property_info))


def main() -> None:
    """Measure, and say what changed since the last run."""
    figures = Figures("seals")
    forge = OfdForge()
    for provider in list(providers(figures)):
        judging(figures, forge, provider)
    sealing(figures, forge)
    figures.finish()


if __name__ == "__main__":
    main()
