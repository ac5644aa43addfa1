"""The seals of the service and their keys: made once for a state file, kept over resets."""

from __future__ import annotations

from datetime import datetime

from simulators.frame import Document, Transaction, b64, unb64
from simulators.seal import ses
from simulators.seal.picture import organ_seal
from simulators.seal.pki import Authority, Key


class Cabinet:
    """The seals of one service, kept as documents of the system of that name."""

    def __init__(self, system: str) -> None:
        self.name = system
        self._held: dict[str, ses.Seal] = {}

    def found(self, tx: Transaction, root: str) -> bool:
        """Make the CA and the maker unless this state has them; whether they were made."""
        if tx.get(self.name, "_keys", "root") is not None:
            return False
        authority = Authority.found(root)
        maker = ses.Maker.under(authority, "安澜市电子印章制章中心")
        tx.put(self.name, "_keys", "root", _kept(authority.key, authority.certificate))
        tx.put(self.name, "_keys", "maker", _kept(maker.key, maker.certificate))
        return True

    def make(self, tx: Transaction, asked: Document) -> None:
        """Make the seal that is described, with a key and a certificate."""
        authority, maker = self.authority(tx)
        self._held.pop(asked["sealId"], None)  # of a seeding that was undone
        key = Key.generate()
        certificate = authority.issue(asked["name"], key.public)
        tx.put(self.name, "_keys", asked["sealId"], _kept(key, certificate))
        document = {
            "ownerName": asked["name"],
            "validFrom": "2025-03-01T00:00:00+08:00",
            "validUntil": "2035-03-01T00:00:00+08:00",
            "listType": 1,
            **asked,
            "picture": b64(organ_seal(asked["name"])),
        }
        tx.put(self.name, "_seal", asked["sealId"], document)
        made = ses.eseal(self.hold(tx, asked["sealId"]), maker)
        tx.put(self.name, "_seal", asked["sealId"], {**document, "eseal": b64(made)})

    def authority(self, tx: Transaction) -> tuple[Authority, ses.Maker]:
        """The CA, and who makes seals below it."""
        return Authority(*self._key(tx, "root")), ses.Maker(*self._key(tx, "maker"))

    def _key(self, tx: Transaction, name: str) -> tuple[Key, bytes]:
        kept = tx.get(self.name, "_keys", name)
        assert kept is not None
        return Key(unb64(kept["private"]), unb64(kept["public"])), unb64(kept["certificate"])

    def eseal(self, tx: Transaction, seal_id: str) -> bytes:
        """The SESeal as it was made once, in DER."""
        kept = tx.get(self.name, "_seal", seal_id)
        assert kept is not None
        return unb64(kept["eseal"])

    def hold(self, tx: Transaction, seal_id: str) -> ses.Seal:
        """A seal with its key, ready to seal with."""
        if seal_id not in self._held:
            seal = tx.get(self.name, "_seal", seal_id)
            assert seal is not None
            key, certificate = self._key(tx, seal_id)
            self._held[seal_id] = ses.Seal(
                seal_id=seal_id,
                name=seal["name"],
                picture=unb64(seal["picture"]),
                valid_from=datetime.fromisoformat(seal["validFrom"]),
                valid_until=datetime.fromisoformat(seal["validUntil"]),
                key=key,
                certificate=certificate,
                listed=(certificate,),
                list_type=seal["listType"],
            )
        return self._held[seal_id]

    def shown(self, tx: Transaction, seal: Document, now: datetime) -> Document:
        """What an answer tells of a seal."""
        members = ("sealId", "name", "ownerCode", "ownerName", "eseal")
        return {name: seal[name] for name in members} | {"status": self.status(tx, seal, now)}

    def status(self, tx: Transaction, seal: Document, now: datetime) -> str:
        """Whether a seal can be used now, in the contract's words."""
        kept = tx.get(self.name, "status", seal["sealId"])
        if kept and kept["status"] != "ACTIVE":
            return str(kept["status"])
        return "EXPIRED" if now > datetime.fromisoformat(seal["validUntil"]) else "ACTIVE"


def _kept(key: Key, certificate: bytes) -> Document:
    return {"private": b64(key.private), "public": b64(key.public), "certificate": b64(certificate)}
