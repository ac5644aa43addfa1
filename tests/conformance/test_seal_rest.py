"""``seal.rest`` against the simulated seal service over a socket: what the kit does not know of this contract."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from asn1crypto import crl, ocsp, tsp
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp as x509_ocsp

from gateway.adapters.seal.rest import RestSealService
from gateway.foundation.crypto.certificates import parse_certificate
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.wire import ChannelWire, Timeouts, WireTerms
from gateway.ports.seal import ApplyRequest, Placement, SealService
from gateway.rooms.seals.ses import read_seal, read_signature
from gateway.rooms.seals.verification import Trust
from gateway.words.clock import ManualClock, SystemClock
from gateway.words.errors import (
    BusyError,
    ContractError,
    DeniedError,
    NotSentError,
    OutcomeUnknownError,
    RejectedError,
    UnusableError,
)
from simulators.seal import pki, ses

ORGAN = "11990102002100216D"
SEAL, EXPIRED = "99010200000021", "99010200000003"
QUICK = Timeouts(connect=5, read=1.5, write=5, total=5, pool=5)


def application(reference: str = "01K6QH3V7N2M8RXT4A5B6C7D8E", **other) -> ApplyRequest:
    values = {
        "reference": reference,
        "seal_id": SEAL,
        "digest": sm3(b"document").hex(),
        "property_info": "/ByteRange",
        "placements": (Placement(page=1, x=120, y=60, width=42, height=42),),
        "document_title": "行政处罚决定书",
        "approval": "望综执审〔2026〕118号",
    }
    return ApplyRequest(**values | other)


@pytest.fixture
async def open_service(simulators):
    """Makes adapters for the simulated service, and closes them."""
    opened = []

    def make(*, secret: str | None = None, node: str | None = None, clock=None) -> RestSealService:
        clock = clock or SystemClock()
        known = simulators.credentials("seal")
        settings = RestSealService.Settings(node=node or known["node"], secret=secret or known["secret"])
        wire = ChannelWire(
            "seal", simulators.url("seal"), WireTerms(lambda exchange: None, timeouts=QUICK, clock=clock)
        )
        opened.append(RestSealService(settings, wire, clock))
        return opened[-1]

    yield make
    for adapter in opened:
        await adapter.close()


@pytest.fixture
def service(open_service) -> RestSealService:
    """An adapter that the service lets in."""
    return open_service()


async def test_the_seals_of_an_organ_come_with_what_a_seal_is_made_of(service, simulators):
    assert isinstance(service, SealService)
    seals = {one.seal_id: one for one in await service.list_seals(ORGAN)}
    assert {key: one.status for key, one in seals.items()} == {SEAL: "active", EXPIRED: "expired"}
    seal = read_seal(seals[SEAL].eseal)
    assert (seal.seal_id, seal.name) == (SEAL, "安澜市望川区综合行政执法局")
    assert seal.picture.startswith(b"\x89PNG")
    assert await service.list_seals("119901020021004192") == ()


async def test_what_comes_back_is_a_signature_over_our_digest(service, simulators):
    job = await service.apply(application())
    assert job.state == "done"
    read = read_signature(job.signature)
    assert read.data_hash == sm3(b"document")
    assert (read.seal.seal_id, read.property_info) == (SEAL, "/ByteRange")
    assert Trust((base64.b64decode(simulators.credentials("seal")["root"]),)).signer_roots
    assert await service.find(job.reference) == job


@pytest.mark.parametrize("version", [1, 4, 5])
async def test_seals_of_every_version_with_every_habit_are_what_they_say(service, simulators, version):
    habits = [*ses.HABITS, *pki.HABITS]
    number = f"9901020000009{version}"
    made = {"sealId": number, "name": "安澜市望川区水务局", "ownerCode": "11990102003100017B", "stamped": version != 1}
    simulators.seed(seal={"seals": [made | {"version": version, "habits": habits}]})
    job = await service.apply(application(seal_id=number))
    read = read_signature(job.signature)
    assert (read.version, read.seal.version, read.kind) == (version, version, f"ses-{version}")
    assert read.seal.der == (await service.seal_status(number)).eseal
    assert (read.time_stamp is not None) == (version != 1)


async def test_the_service_says_from_when_a_seal_is_out_of_use_and_whether_that_is_filed(service, simulators):
    before = datetime.now(UTC).replace(microsecond=0)
    await simulators.aask("POST", "/seal/status", {"sealId": SEAL, "status": "CANCELLED", "filed": True})
    told = await service.seal_status(SEAL)
    assert (told.status, told.filed) == ("cancelled", True)
    assert before <= told.since <= datetime.now(UTC)


async def test_a_seal_made_anew_has_another_key_and_the_old_certificate_is_revoked(service, simulators):
    old = read_signature((await service.apply(application("A" * 20))).signature).certificate
    await simulators.aask("POST", "/seal/remake", {"sealId": SEAL})
    new = read_signature((await service.apply(application("B" * 20))).signature).certificate
    assert parse_certificate(old).public != parse_certificate(new).public
    async with httpx.AsyncClient(base_url=simulators.url("seal"), trust_env=False) as http:
        revoked = crl.CertificateList.load((await http.get("/pki/authority.crl")).content, strict=True)
        serials = {one["user_certificate"].native for one in revoked["tbs_cert_list"]["revoked_certificates"]}
        assert pki.serial_of(old) in serials
        for certificate, status in ((old, "revoked"), (new, "good")):
            asked = x509_ocsp.OCSPRequestBuilder().add_certificate_by_hash(
                b"n" * 32, b"k" * 32, pki.serial_of(certificate), hashes.SHA256()
            )
            request = asked.build().public_bytes(serialization.Encoding.DER)
            answer = ocsp.OCSPResponse.load((await http.post("/pki/ocsp", content=request)).content, strict=True)
            assert answer.response_data["responses"][0]["cert_status"].name == status


@pytest.mark.parametrize(("algorithm", "digest"), [(pki.SM3_OID, sm3(b"x")), ("sha256", hashlib.sha256(b"x").digest())])
async def test_a_time_stamp_can_be_had_of_either_digest(simulators, algorithm, digest):
    imprint = {"hash_algorithm": {"algorithm": algorithm}, "hashed_message": digest}
    request = tsp.TimeStampReq({"version": 1, "message_imprint": imprint, "nonce": 5, "cert_req": True}).dump()
    async with httpx.AsyncClient(base_url=simulators.url("seal"), trust_env=False) as http:
        answer = tsp.TimeStampResp.load((await http.post("/tsa", content=request)).content, strict=True)
    assert answer["status"]["status"].native == "granted"
    info = answer["time_stamp_token"]["content"]["encap_content_info"]["content"].parsed
    assert (info["message_imprint"]["hashed_message"].native, info["nonce"].native) == (digest, 5)


@pytest.mark.parametrize(("status", "code"), [("SUSPENDED", "S1421"), ("CANCELLED", "S1422")])
async def test_a_seal_that_may_not_be_used_is_a_refusal_in_the_services_words(service, simulators, status, code):
    await simulators.aask("POST", "/seal/status", {"sealId": SEAL, "status": status})
    assert (await service.seal_status(SEAL)).status == status.lower()
    with pytest.raises(RejectedError) as refused:
        await service.apply(application())
    assert refused.value.code == code
    assert simulators.effects("seal") == {}


async def test_an_expired_and_an_unknown_seal_are_refusals(service):
    with pytest.raises(RejectedError, match="有效期"):
        await service.apply(application(seal_id=EXPIRED))
    with pytest.raises(RejectedError, match="不存在"):
        await service.apply(application(seal_id="99010200009999"))


async def test_a_job_waits_is_finished_or_refused_and_find_says_so(service, simulators):
    await simulators.aask("POST", "/seal/mode", {"pending": True})
    first, second = application("A" * 20), application("B" * 20)
    assert (await service.apply(first)).state == (await service.apply(second)).state == "pending"
    await simulators.aask("POST", "/seal/finish", {"reference": first.reference})
    await simulators.aask(
        "POST", "/seal/finish", {"reference": second.reference, "state": "REFUSED", "reason": "审批人不予同意"}
    )
    assert (await service.find(first.reference)).signature
    refused = await service.find(second.reference)
    assert (refused.state, refused.reason, refused.signature) == ("refused", "审批人不予同意", None)
    with pytest.raises(RejectedError, match="不能作废"):
        await service.void(second.reference, "重新制作")


async def test_a_void_sealing_no_longer_verifies_at_the_service(service):
    job = await service.apply(application())
    digest = sm3(b"document").hex()
    assert await service.verify(job.signature, digest)
    assert not await service.verify(job.signature, sm3(b"other").hex())
    await service.void(job.reference, "决定书文号有误")
    assert not await service.verify(job.signature, digest)


async def test_seals_and_keys_survive_a_reset_so_that_documents_stay_verifiable(service, simulators):
    before = await service.seal_status(SEAL)
    simulators.reset()
    assert await service.seal_status(SEAL) == before


@pytest.mark.parametrize("wrong", [{"secret": "somebody-elses-secret"}, {"node": "SK000000"}])
async def test_wrong_credentials_are_a_denial(open_service, wrong):
    adapter = open_service(**wrong)
    for question in (adapter.check(), adapter.apply(application())):
        with pytest.raises(DeniedError):
            await question


async def test_a_clock_that_is_off_is_a_denial(open_service):
    with pytest.raises(DeniedError, match="S0402"):
        await open_service(clock=ManualClock(datetime.now(UTC) - timedelta(minutes=10))).check()


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("bad_signature", UnusableError),
        ("malformed", UnusableError),
        ("empty", UnusableError),
        ("wrong_code", ContractError),
        ("unknown_status", ContractError),
        ("truncated", OutcomeUnknownError),
        ("error_500", OutcomeUnknownError),
        ("silence", OutcomeUnknownError),
        ("busy", BusyError),
        ("refuse", NotSentError),
    ],
)
@pytest.mark.cases_by_day(4)
async def test_a_service_that_misbehaves_is_never_believed(service, simulators, kind, error):
    simulators.faults({"system": "seal", "operation": "*", "kind": kind, "times": 0})
    with pytest.raises(error) as raised:
        await service.apply(application())
    assert type(raised.value) is error
