"""The seals of the service and their keys: made once for a state file, kept over resets."""

from __future__ import annotations

from datetime import datetime

from simulators.frame import Document, Transaction, b64, rfc3339, unb64
from simulators.seal import pki, ses
from simulators.seal.cms import SHA256_OID
from simulators.seal.picture import organ_seal
from simulators.seal.pki import SM3_OID, Authority, Key, Wanted, serial_of
from simulators.seal.stamps import P256Authority, P256Key, Stamper, certificate_for


class Cabinet:
    """The seals of one service, kept as documents of the system of that name."""

    def __init__(self, system: str) -> None:
        self.name = system
        self._held: dict[str, ses.Seal] = {}

    def found(self, tx: Transaction, root: str) -> bool:
        """Make the CAs, the maker and the time stamps unless this state has them; whether they were made.

        Chains are of three: the root, the authority below it, and who signs.
        """
        if tx.get(self.name, "_keys", "root") is not None:
            return False
        top = Authority.found(root)
        below = top.below("安澜市政务电子认证服务")
        maker = ses.Maker.under(below, "安澜市电子印章制章中心")
        stamps = Key.generate()
        self._keep(tx, "root", top)
        self._keep(tx, "authority", below)
        self._keep(tx, "maker", maker)
        tx.put(self.name, "_keys", "stamper", _kept(stamps, certificate_for(below, "安澜市时间戳服务", stamps)))
        ordinary, key = P256Authority.found("安澜市时间戳服务（国际算法）根证书"), P256Key.generate()
        kept = {"private": b64(key.dump()), "certificate": b64(ordinary.issue("时间戳", key, time_stamping=True))}
        tx.put(self.name, "_keys", "ordinary", kept | {"root": b64(ordinary.certificate)})
        return True

    def make(self, tx: Transaction, asked: Document) -> None:
        """Make the seal that is described, with a key and a certificate. Made again, it is another one of that name."""
        self._held.pop(asked["sealId"], None)  # of a seeding that was undone, or before its key was lost
        key = Key.generate()
        habits = set(asked.get("habits", ()))
        wanted = Wanted(
            number=asked["sealId"],
            habits=habits & pki.HABITS.keys(),
            crl=asked.get("crl", ""),
            ocsp=asked.get("ocsp", ""),
        )
        certificate = self.authority(tx).issue(asked["name"], key.public, wanted=wanted)
        tx.put(self.name, "_keys", asked["sealId"], _kept(key, certificate))
        document = {
            "ownerName": asked["name"],
            "validFrom": "2025-03-01T00:00:00+08:00",
            "validUntil": "2035-03-01T00:00:00+08:00",
            "listType": 1,
            "version": ses.VERSION,
            "habits": [],
            "stamped": False,
            **asked,
            "picture": b64(organ_seal(asked["name"])),
        }
        tx.put(self.name, "_seal", asked["sealId"], document)
        made = ses.eseal(self.hold(tx, asked["sealId"]), self.maker(tx))
        tx.put(self.name, "_seal", asked["sealId"], {**document, "eseal": b64(made)})

    def root(self, tx: Transaction) -> Authority:
        """The root."""
        return Authority(*self._key(tx, "root"))

    def authority(self, tx: Transaction) -> Authority:
        """The CA below the root: it certifies who seals, who makes seals and who stamps."""
        return Authority(*self._key(tx, "authority"))

    def maker(self, tx: Transaction) -> ses.Maker:
        """Who makes seals."""
        return ses.Maker(*self._key(tx, "maker"))

    def stampers(self, tx: Transaction) -> dict[str, Stamper]:
        """The time stamp services, by the digest that they stamp."""
        key, certificate = self._key(tx, "stamper")
        kept = tx.get(self.name, "_keys", "ordinary")
        assert kept is not None
        ordinary = Stamper(P256Key.load(unb64(kept["private"])), (unb64(kept["certificate"]),), SHA256_OID)
        chain = (certificate, self.authority(tx).certificate)
        return {SM3_OID: Stamper(key, chain), SHA256_OID: ordinary}

    def ordinary_root(self, tx: Transaction) -> bytes:
        """The root of the stamps that ordinary PDF readers know."""
        kept = tx.get(self.name, "_keys", "ordinary")
        assert kept is not None
        return unb64(kept["root"])

    def set_status(
        self, tx: Transaction, seal_id: str, status: str, now: datetime, *, filed: bool | None = None
    ) -> None:
        """A seal has this status from now on; ``filed``: whether that has been filed 备案, where it is to be told."""
        told = {"status": status, "statusSince": rfc3339(now.replace(microsecond=0))}
        tx.put(self.name, "status", seal_id, told if filed is None else told | {"filed": filed})

    def remake(self, tx: Transaction, seal_id: str, now: datetime) -> None:
        """A seal's key was lost: its certificate is revoked, and it is made with another key and certificate."""
        self.revoke(tx, seal_id, now)
        seal = tx.get(self.name, "_seal", seal_id)
        assert seal is not None
        self.make(tx, {name: value for name, value in seal.items() if name not in ("picture", "eseal")})

    # --- revocation ------------------------------------------------------------------------------------------------

    def revoke(self, tx: Transaction, seal_id: str, now: datetime) -> None:
        """Revoke the certificate of a seal's signer, for its key was lost."""
        serial = serial_of(self._key(tx, seal_id)[1])
        tx.put(self.name, "_revoked", str(serial), {"at": now.isoformat()})

    def revoked(self, tx: Transaction) -> dict[int, datetime]:
        """What the CA has revoked, and when."""
        return {int(key): datetime.fromisoformat(one["at"]) for key, one in tx.list(self.name, "_revoked")}

    def issued(self, tx: Transaction) -> dict[int, str]:
        """The serial numbers of the certificates in use, and whose they are."""
        names = [name for name, _ in tx.list(self.name, "_keys") if name not in ("root", "authority", "ordinary")]
        return {serial_of(self._key(tx, name)[1]): name for name in names}

    # --- inside ----------------------------------------------------------------------------------------------------

    def _keep(self, tx: Transaction, name: str, owner: Authority | ses.Maker) -> None:
        tx.put(self.name, "_keys", name, _kept(owner.key, owner.certificate))

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
                version=seal["version"],
                habits=frozenset(seal["habits"]) & ses.HABITS.keys(),
                stamper=self.stampers(tx)[SM3_OID] if seal["stamped"] else None,
            )
        return self._held[seal_id]

    def shown(self, tx: Transaction, seal: Document, now: datetime) -> Document:
        """What an answer tells of a seal."""
        members = ("sealId", "name", "ownerCode", "ownerName", "eseal")
        told = {name: seal[name] for name in members} | {"status": self.status(tx, seal, now)}
        kept = tx.get(self.name, "status", seal["sealId"]) or {}
        return told | {name: kept[name] for name in ("statusSince", "filed") if name in kept}

    def status(self, tx: Transaction, seal: Document, now: datetime) -> str:
        """Whether a seal can be used now, in the contract's words."""
        kept = tx.get(self.name, "status", seal["sealId"])
        if kept and kept["status"] != "ACTIVE":
            return str(kept["status"])
        return "EXPIRED" if now > datetime.fromisoformat(seal["validUntil"]) else "ACTIVE"


def _kept(key: Key, certificate: bytes) -> Document:
    return {"private": b64(key.private), "public": b64(key.public), "certificate": b64(certificate)}
