"""A receipt's document: ``EInvoice`` XML with the element names of published fiscal e-receipts, and its signers."""

from __future__ import annotations

from typing import Any

from lxml import etree

from simulators.frame import Document, Transaction, b64, unb64
from simulators.nontax.soap import element
from simulators.seal.pki import Authority, Key

ROOT, SUPERVISOR = "安澜市财政电子票据根（虚构）", "安澜市财政局"


class Signers:
    """The unit and finance, each with a certificate below one root; their keys outlive a reset."""

    def __init__(self, system: str) -> None:
        self.system = system

    def root(self, tx: Transaction) -> Authority:
        """The root, made when it is first asked for."""
        kept = tx.get(self.system, "_receipt_keys", "root")
        if kept is None:
            made = Authority.found(ROOT)
            self._keep(tx, "root", made.key, made.certificate)
            return made
        return Authority(Key(unb64(kept["private"]), unb64(kept["public"])), unb64(kept["certificate"]))

    def signatures(self, tx: Transaction, xml: bytes, issued: Document, unit: str, who: str) -> list[dict[str, Any]]:
        """Detached SM2 signatures, made once. ``who``: both, issuer, supervisor, none, forged (the issuer twice)."""
        key = f"{issued['EInvoiceCode']}-{issued['EInvoiceNumber']}"
        if (kept := tx.get(self.system, "receipt_signatures", key)) is not None:
            return list(kept["signatures"])
        roles = {
            "both": {"issuer": unit, "supervisor": SUPERVISOR},
            "issuer": {"issuer": unit},
            "supervisor": {"supervisor": SUPERVISOR},
            "forged": {"issuer": unit, "supervisor": unit},
            "none": {},
        }[who]
        made = [
            {
                "Role": role,
                "Algorithm": "SM2",
                "Time": issued["IssueDate"] + issued["IssueTime"],
                "Certificate": b64(certificate),
                "Value": b64(signer.sign(xml)),
            }
            for role, name in roles.items()
            for signer, certificate in [self._signer(tx, name)]
        ]
        tx.put(self.system, "receipt_signatures", key, {"signatures": made})
        return made

    def _signer(self, tx: Transaction, name: str) -> tuple[Key, bytes]:
        kept = tx.get(self.system, "_receipt_keys", name)
        if kept is None:
            key = Key.generate()
            certificate = self.root(tx).issue(name, key.public)
            self._keep(tx, name, key, certificate)
            return key, certificate
        return Key(unb64(kept["private"]), unb64(kept["public"])), unb64(kept["certificate"])

    def _keep(self, tx: Transaction, name: str, key: Key, certificate: bytes) -> None:
        document = {"private": b64(key.private), "public": b64(key.public), "certificate": b64(certificate)}
        tx.put(self.system, "_receipt_keys", name, document)


def document(issued: Document, bill: Document, payment: Document, platform: str) -> bytes:
    """The XML of one receipt, UTF-8."""
    asked, code, number = bill["asked"], issued["EInvoiceCode"], issued["EInvoiceNumber"]
    time = issued["IssueTime"]
    content = {
        "Header": {
            "EInvoiceTag": f"CZ-EI-{code[:2]}",
            "EInvoiceID": f"{number[::-1]}-{code[::-1]}",
            "Version": "1.1.0",
        },
        "EInvoiceData": {
            "Main": {
                "EInvoiceName": "罚没收入财政电子票据",
                "EInvoiceCode": code,
                "EInvoiceNumber": number,
                "RandomNumber": issued["RandomNumber"],
                "SupervisorAreaCode": asked["AdmDivCode"],
                "TotalAmount": issued["TotalAmount"],
                "IssueDate": issued["IssueDate"],
                "IssueTime": f"{time[:2]}:{time[2:4]}:{time[4:]}",
                "InvoicingParty": {"Code": asked["ChgAgenCode"], "Name": asked["ChgAgenName"]},
                "PayerParty": {
                    "Type": "2" if asked.get("PayerCreditCode") else "1",
                    "Code": asked.get("PayerCreditCode"),
                    "Name": asked["PayerName"],
                },
                "PayMode": payment["mode"],
                "CurrencyType": "人民币",
                "Remark": asked["DecisionNo"],
                "SupervisorRemark": platform,
                "MainExt": {"PayCode": bill["code"]},
            },
            "Details": {
                "Item": [
                    {"Code": item["ItemCode"], "Name": item["ItemName"], "Amount": item["Amt"]}
                    for item in asked["Item"]
                ]
            },
        },
    }
    return etree.tostring(element("EInvoice", content, ""), xml_declaration=True, encoding="UTF-8", pretty_print=True)
