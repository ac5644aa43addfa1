"""What may be public is a type, made in few places; and the page of the public reaches nothing but its own table."""

from __future__ import annotations

import ast

import grimp
import pytest
from sources import called, every

MAY_MAKE_PUBLIC = {
    "gateway/words/masking.py": "the rules that mask a name",
    "gateway/ports/credit.py": "a party's name that is masked, or no person's",
    "gateway/rooms/disclosures/public_text.py": "a text with what was found in it cut",
    "gateway/rooms/disclosures/text_records.py": "a text that a person has confirmed",
    "gateway/testing/credit.py": "samples of the conformance kit, of nobody",
    "gateway/testing/simulated.py": "samples of the conformance kit, of nobody",
    "gateway/rooms/bulletin/public_entry.py": "what was looked at for the last time before the public's",
}
"""Who answers for it that a text may be read by anybody, and why."""


MAY_ASK_FOR_PERSONS = {
    "gateway/rooms/decisions/party.py": "a number is checked, and may tell the birthday",
    "gateway/rooms/decisions/facts.py": "the facts with their party",
    "gateway/rooms/decisions/records.py": "facts are kept in full, encrypted",
    "gateway/rooms/decisions/routes.py": "a case system sees its own, an operator who gave a reason",
    "gateway/rooms/decisions/case_files.py": "a bundle for a court, with exact bytes",
    "gateway/rooms/payments/bill.py": "the platform tells the payer by telephone",
    "gateway/rooms/disclosures/publication.py": "Credit China over its private link",
    "gateway/ports/credit.py": "whether a name may be a person's, and the name that anybody may read",
    "gateway/adapters/credit/layout.py": "a row is what a target is told; what it may be told was decided before",
    "gateway/adapters/credit/signed.py": "an entry that is shown is recognised by its name",
    "gateway/adapters/credit/creditchina/mapping.py": "the key of a publication, and the entry that has it",
    "gateway/adapters/credit/portal/mapping.py": "the key of a publication, and the entry that has it",
    "gateway/adapters/credit/gsxt/mapping.py": "the key of a publication",
    "gateway/adapters/credit/folder/files.py": "the key of a publication, and the entry that has it",
    "gateway/rooms/bulletin/records.py": "the key of an entry, by which it is found",
    "gateway/rooms/jobs/import_files.py": "a row of a file, kept encrypted until it is asked for",
    "gateway/words/personal.py": "the one place that writes them in full",
    "gateway/rooms/disclosures/public_text.py": "what is to be cut from a text is looked for in it",
}
"""Who may have a personal value in full, and why."""

MAY_WRITE_IN_FULL = {
    "gateway/foundation/delivery/endings.py": "an answer is kept encrypted",
    "gateway/foundation/delivery/operation_records.py": "a request is kept encrypted",
    "gateway/foundation/delivery/resolution_records.py": "an answer that people typed in is kept encrypted",
    "gateway/foundation/delivery/resolutions.py": "the same, where it ends an operation",
    "gateway/foundation/delivery/service.py": "an answer that a callback brought is kept encrypted",
    "gateway/rooms/bulletin/target.py": "a digest, by which the same request is known again",
    "gateway/rooms/disclosures/records.py": "a record is kept encrypted, as it was sent",
}
"""Who may write JSON with personal values in full, and why."""


def modules_that_call(name: str) -> set[str]:
    """Those that call what is called so, by itself or as an attribute."""
    return {f"gateway/{file}" for file, node in every(ast.Call) if called(node) == name}


def test_few_make_a_text_public() -> None:
    assert modules_that_call("Public") == MAY_MAKE_PUBLIC.keys()


def test_few_have_a_personal_value_in_full() -> None:
    assert modules_that_call("for_official_use") == MAY_ASK_FOR_PERSONS.keys()


def test_few_write_personal_values_in_full() -> None:
    assert modules_that_call("in_full") == MAY_WRITE_IN_FULL.keys()


@pytest.mark.parametrize("source", ["Public(text)", "masking.Public(a + b)"])
def test_another_one_would_be_noticed(source: str) -> None:
    assert called(ast.parse(source, mode="eval").body) == "Public"  # type: ignore[arg-type]


def test_the_pages_of_the_public_reach_no_key_and_no_record_of_a_person() -> None:
    """Directly they import the bulletin alone, and the bulletin opens no envelope."""
    graph = grimp.build_graph("gateway", cache_dir=None)
    face = graph.find_modules_directly_imported_by("gateway.faces.public.pages")
    rooms = {one for one in face if one.startswith("gateway.rooms.")}
    assert rooms == {"gateway.rooms.bulletin", "gateway.rooms.bulletin.service"}
    bulletin = graph.find_descendants("gateway.rooms.bulletin")
    reached = {one for part in bulletin for one in graph.find_modules_directly_imported_by(part)}
    assert not {one for one in reached if one.startswith(("gateway.foundation.crypto", "gateway.rooms.decisions"))}
