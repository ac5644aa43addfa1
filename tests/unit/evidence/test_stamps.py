"""A stamp is over one signed head; another head in its place, or none, is named."""

from __future__ import annotations

from asn1crypto import algos, cms, core, tsp

from gateway.foundation.evidence import stamps
from gateway.foundation.evidence.heads import last_line


def token(digest: bytes) -> bytes:
    """What a service would give, but for its signature."""
    info = tsp.TSTInfo(
        {
            "version": "v1",
            "policy": "1.2.3",
            "message_imprint": {"hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
                                "hashed_message": digest},
            "serial_number": 1,
            "gen_time": "20261103020000Z",
        }
    )  # fmt: skip
    held = {"content_type": "tst_info", "content": core.ParsableOctetString(info.dump())}
    signed = cms.SignedData({"version": "v3", "digest_algorithms": [], "encap_content_info": held, "signer_infos": []})
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump())


async def test_a_head_that_was_stamped_and_is_another_now_is_named(bench):
    heads = bench.folder / "heads"
    await bench.keep(3)
    await bench.evidence.sign_head()
    line = last_line(heads / "n1.jsonl", (heads / "n1.jsonl").stat().st_size)
    stamps.keep(heads / "n1.stamps", 3, "2026-11-03T10:00:00+08:00", token(stamps.digest_of(line)))
    await bench.keep(2)
    await bench.evidence.sign_head()
    assert (await bench.verify()).ok
    stamps.keep(heads / "n1.stamps", 5, "2026-11-03T10:00:00+08:00", token(stamps.digest_of(b"another")))
    problem = (await bench.verify()).first_problem
    assert (problem.what, problem.seq) == ("rolled back", 5)
