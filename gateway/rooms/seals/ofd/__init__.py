"""OFD (GB/T 33190-2016): reading files of others, judging their seals, putting seals into files.

``archive`` opens the zip, ``package`` finds the documents and their parts, ``signatures`` reads the list of signatures,
``judging`` says what they are worth, ``sealing`` adds one.
"""

from gateway.rooms.seals.ofd.archive import OfdError

__all__ = ["OfdError"]
