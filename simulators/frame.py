"""Everything that a simulated system is written with; a system needs no other module of the frame.

A system is one value, ``System``, named by an entry point of the group ``simulators.systems``. Its ``Service`` brings
routes, effects and pages, its ``Wire`` says how it refuses, signs and sends callbacks. See docs/simulators.md.
"""

from simulators.acts import Act, flag, text
from simulators.answers import PROBLEM, Answer, Call, Handler, KeyOf, Refused, problem
from simulators.clock import SHANGHAI, rfc3339
from simulators.contract import OpenApiContract, XmlContract
from simulators.fault_kinds import Kind, Magic
from simulators.faults import Fault
from simulators.foundation import Foundation
from simulators.manners import Profiled, Shadowed
from simulators.pages import Entry, Link, Page
from simulators.service import Service
from simulators.state import Document, Transaction, b64, unb64
from simulators.system import Settings, System
from simulators.wire import CodedWire, Results, Wire, coded, difference
from simulators.xml import parse_xml

__all__ = [
    "PROBLEM",
    "SHANGHAI",
    "Act",
    "Answer",
    "Call",
    "CodedWire",
    "Document",
    "Entry",
    "Fault",
    "Foundation",
    "Handler",
    "KeyOf",
    "Kind",
    "Link",
    "Magic",
    "OpenApiContract",
    "Page",
    "Profiled",
    "Refused",
    "Results",
    "Service",
    "Settings",
    "Shadowed",
    "System",
    "Transaction",
    "Wire",
    "XmlContract",
    "b64",
    "coded",
    "difference",
    "flag",
    "parse_xml",
    "problem",
    "rfc3339",
    "text",
    "unb64",
]
