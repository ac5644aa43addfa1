"""The receipt's document: an ``EInvoice`` XML with the element names of published fiscal e-receipts."""

from __future__ import annotations

from lxml import etree

from simulators.nontax.soap import element
from simulators.state import Document


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
