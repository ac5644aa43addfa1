"""The penalty table of Credit China 行政处罚信息表, which credit platforms take by interface or by file.

Source: 发改办财金〔2018〕424号 (field names). The table is versioned, because that of 2016 is still met: each version
is a code table of contract credit/v1, read as a ``Layout``.
"""

from __future__ import annotations

from collections.abc import Mapping

import contracts
from gateway.adapters.credit.layout import KINDS_OF_LAW, Layout
from gateway.words.spelling import name_key

TABLES: Mapping[str, Layout] = {
    one["version"]: Layout.read("credit", f"table_{one['version']}", one["source"], KINDS_OF_LAW)
    for one in contracts.code_table("credit", "v1", "tables")
}
"""The versions of the penalty table that are met: ``contracts/credit/v1/codes/table_….csv``."""


def same_name(displayed: str, sent: str) -> bool:
    """Whether a name as displayed can be the one sent: the platform masks names of natural persons with ``*``."""
    if "*" not in displayed:
        return name_key(displayed) == name_key(sent)
    return len(displayed) == len(sent) and all(d in ("*", s) for d, s in zip(displayed, sent, strict=True))
