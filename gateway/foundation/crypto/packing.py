"""Values made small before they are sealed: raw deflate (RFC 1951) with a dictionary of the words that they hold.

What is sealed is mostly JSON of a few hundred bytes, and most of that is the names of its fields. A packed value is the
number of its dictionary and the deflated bytes. A dictionary is kept here for ever, as it is, since what was packed
with it opens with nothing else: a better one gets the next number. It holds names of fields and codes, no data.
"""

from __future__ import annotations

import zlib
from typing import Final

LEAST: Final = 128
MOST: Final = 65_536
"""Bytes of a value that is packed. Shorter ones gain nothing; the longer ones are files, which are packed already."""

DICTIONARIES: Final = {
    1: (
        '{"uscc":"","item":"","before":"","after":"","changed_on":"2026-'
        '{"uscc":"9","name":"","registration_number":null,"status":"operating","raw_status":"存续",'
        '"entity_type":"有限责任公司","category":"organisation","legal_representative":"","established_on":null,'
        '"registered_capital":null,"address":null,"service_address":null,"scope":null,"authority":null,"as_of":"2026-'
        '","warnings":[]}'
        '{"about":"","key":{"decision_number":"","authority_code":"","party_name":""},"shown":true,"content":"",'
        '"former":null,"asked_at":1"entry":{"state":"published","published_on":"2026-","url":"http'
        '{"decision_number":"","authority_name":"","authority_code":"11","source_name":"信用信息中心",'
        '"source_code":"11","party":{"category":"organisation","name":"有限公司","uscc":"91","registration_number":null,'
        '"organisation_code":null,"institution_number":null,"social_organisation_number":null,'
        '"legal_representative":"","id_type":null,"id_number":null},"violation":"","facts":"","basis":"",'
        '"penalty_kinds":["罚款"],"content":"","fine":0000,"confiscated":null,"licence":null,"decided_on":"2026-",'
        '"valid_until":"2027-","publish_until":"2027-","full_text":null,"remark":""}'
        '"explanation":"","deadline":null,"repair_number":"'
        '{"basis": "中华人民共和国行政处罚法》第六十条第一款第条", "confiscated": null, "content": "罚款元", '
        '"decided_on": "2026-", "facts": "", "field_of_law": "other", "fine": null, "full_text": null, '
        '"licence": null, "officers": [{"certificate": "", "name": ""}], "party": {"address": null, '
        '"id_number": null, "id_type": null, "institution_number": null, "kind": "organisation", '
        '"legal_representative": "", "name": "有限公司", "no_uscc_reason": null, "organisation_code": null, '
        '"phone": null, "registration_number": null, "social_organisation_number": null, "uscc": "91", '
        '"wire_name": null, "wire_name_reason": null}, "party_is_minor": null, "payment_days": 15, '
        '"penalty_kinds": ["罚款"], "procedure": "ordinary", "seriousness": null, "surcharge_stated": false, '
        '"valid_until": null, "violation": "", "violation_on": null, "withheld": null}'
        '"simplified", "natural_person", "individual_business", "confiscation", "amount": "'
        '{"reference":"","bank_serial":"","voucher_number":"","refunded_on":"2026-","payee_name":"","payee_account":"'
        '"receipt_number":"","check_code":"","issued_on":"2026-","document":"'
        '{"reference":"","status":"issued","code":"","valid_until":"2026-","check_code":null,"pay_url":"http://127.0.0.1'
        '{"reference":"","region":"","unit_code":"","unit_name":"市市场监督管理局综合行政执法","payer_name":"",'
        '"payer_code":"91","payer_phone":null,"decision_number":"市监罚决字〔2026〕第号","lines":[{"item_code":"103050199",'
        '"item_name":"其他一般罚没收入","amount":10000}],"total":10000,"bill_date":"2026-","due_on":"2026-",'
        '"due_on":null,"code":null,"memo":""}'
    ).encode()
}
_NEWEST: Final = max(DICTIONARIES)
_WINDOW: Final = 13
_ready = zlib.compressobj(6, zlib.DEFLATED, -_WINDOW, 6, zlib.Z_DEFAULT_STRATEGY, DICTIONARIES[_NEWEST])


def packed(plaintext: bytes) -> bytes | None:
    """A value as it is sealed; None where it is better sealed as it is."""
    if not LEAST <= len(plaintext) <= MOST:
        return None
    squeezer = _ready.copy()
    small = bytes([_NEWEST]) + squeezer.compress(plaintext) + squeezer.flush()
    return small if len(small) < len(plaintext) else None


def unpacked(small: bytes) -> bytes:
    """The value again, of at most ``MOST`` bytes. Raises ValueError for anything else."""
    if not small or small[0] not in DICTIONARIES:
        raise ValueError("packed with a dictionary that is not here")
    stretcher = zlib.decompressobj(-zlib.MAX_WBITS, DICTIONARIES[small[0]])
    try:
        plaintext = stretcher.decompress(small[1:], MOST + 1)
    except zlib.error as error:
        raise ValueError(f"does not unpack: {error}") from None
    if len(plaintext) > MOST or not stretcher.eof or stretcher.unused_data:
        raise ValueError("does not unpack: too long, or cut")
    return plaintext
