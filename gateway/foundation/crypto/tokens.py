"""Keys inside a hardware module, reached through PKCS#11 (OASIS PKCS #11 v2.40). Needs the extra ``pkcs11``.

Nothing that wraps or signs leaves the module: key-encryption keys are AES-256 and wrap data keys there with AES-GCM;
pairs that sign are ECDSA on P-256 or RSA of 3072 bits, and sign there. A secret for MACs is HMAC-SHA-256 under a key
of the module, asked for once and then held in memory, since HMAC-SM3 is reckoned thousands of times a second. A data
key is unwrapped once for each process that made one, so the way of a request does not touch the module.

A key is found by its label, ``gateway/kek-0001``, and when it is retired ``gateway/retired/kek-0001``; what was found
once is used by its handle from then on. While another process changes an object, some modules show it to nobody for a
moment, or half written: what finds and uses is then done again, and nothing is made on one look alone. Keys that were
files before still open and verify, and ``gateway keys rotate all`` makes their successors in the module.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.foundation.crypto.keys import SECRETS, WRAPPING_KEY, FileKeys, KeyRing, key_id, part_id
from gateway.foundation.crypto.sm import NONCE_BYTES
from gateway.words.errors import ConflictProblem, GatewayError, SettingsError, UnavailableProblem
from gateway.words.saying import said_of, say

if TYPE_CHECKING:
    import pkcs11

T = TypeVar("T")
Signatures = Literal["ecdsa-p256", "rsa-3072"]

_LABEL: Final = "gateway/"
_RETIRED: Final = "gateway/retired/"
_TAG_BITS: Final = 128
_P256: Final = bytes.fromhex("06082a8648ce3d030107")
"""The object identifier 1.2.840.10045.3.1.7 in DER (RFC 5480 section 2.1.1.1)."""
_NEEDED: Final[Mapping[Signatures, tuple[str, ...]]] = {
    "ecdsa-p256": ("EC_KEY_PAIR_GEN", "ECDSA"),
    "rsa-3072": ("RSA_PKCS_KEY_PAIR_GEN", "SHA256_RSA_PKCS"),
}
_AGAIN: Final = (0.01, 0.03, 0.1)
"""Seconds between looks at an object that somebody else may be changing."""
_ALWAYS: Final = ("AES_KEY_GEN", "AES_GCM", "GENERIC_SECRET_KEY_GEN", "SHA256_HMAC")


class TokenError(GatewayError):
    """The module is there and refuses what it was asked for."""


class Token:
    """One module, logged in to. Safe to use from several threads, which take turns.

    Raises SettingsError for a library, a token or a PIN that is wrong. A wrong PIN is tried once, never again: modules
    lock themselves after a few.
    """

    def __init__(self, library: str, label: str, pin: str) -> None:
        self._library, self.label, self._pin = library, label, pin
        self._lock = threading.RLock()
        self.handles: dict[tuple[str, str], Any] = {}
        self._wrong: SettingsError | None = None
        self._session: pkcs11.Session | None = self._opened(again=False)

    def require(self, signatures: Signatures) -> None:
        """Raises SettingsError where the module lacks something that the gateway cannot do without."""
        lacking = [name for name in (*_ALWAYS, *_NEEDED[signatures]) if name not in self.mechanisms()]
        if lacking:
            names = [f"CKM_{name}" for name in lacking]
            raise SettingsError("keys.token", say("keys.token_lacks", token=self.label, names=names))

    def mechanisms(self) -> frozenset[str]:
        """What the module can do, by the names of the standard without CKM_; those of its maker are left out."""
        found = self.ask(lambda session: session.token.slot.get_mechanisms())
        return frozenset(name for one in found if isinstance(name := getattr(one, "name", None), str))

    def ask(self, work: Callable[[pkcs11.Session], T], *, makes: bool = False) -> T:
        """Do something in the module. A session that was lost, as when a module was restarted, is opened once more.

        An object may go, or be half written, where another process changes it: then it is looked for anew, unless the
        work ``makes`` something, which is done once.

        Raises TokenError where the module answers and refuses, UnavailableProblem where it does not answer.
        """
        from pkcs11.exceptions import FunctionFailed, GeneralError, ObjectHandleInvalid, PKCS11Error

        passing = () if makes else (ObjectHandleInvalid, GeneralError, FunctionFailed)
        with self._lock:
            if (session := self._session) is not None:
                for pause in (*_AGAIN, None):
                    try:
                        return work(session)
                    except PKCS11Error as error:
                        if not _answers(session):
                            break
                        if pause is None or not isinstance(error, passing):
                            said = say("keys.token_refuses", token=self.label, reason=_reason(error))
                            raise TokenError(said) from None
                        self.handles.clear()
                        time.sleep(pause)
                self._session = None
            try:
                self.handles.clear()
                self._session = self._opened(again=True)
                return work(self._session)
            except (PKCS11Error, SettingsError) as error:
                reason = error.said if isinstance(error, SettingsError) else _reason(error)
                raise UnavailableProblem(say("keys.token_silent", token=self.label, reason=reason)) from None

    def _opened(self, *, again: bool) -> pkcs11.Session:
        if self._wrong is not None:
            raise self._wrong
        try:
            import pkcs11
            from pkcs11 import exceptions
        except ImportError:
            raise SettingsError("keys.provider", say("keys.no_pkcs11")) from None
        try:
            library = pkcs11.lib(self._library)
            if again:
                library.reinitialize()
        except RuntimeError as error:  # also what the package raises for a file that is no such library
            said = say("keys.no_library", path=self._library, reason=_reason(error))
            raise SettingsError("keys.library", said) from None
        try:
            token = library.get_token(token_label=self.label)
        except exceptions.PKCS11Error:
            there = sorted(slot.get_token().label for slot in library.get_slots(token_present=True))
            raise SettingsError("keys.token", say("keys.no_token", token=self.label, there=there)) from None
        try:
            return token.open(rw=True, user_pin=self._pin)
        except exceptions.UserAlreadyLoggedIn:  # by another ring of this process: a login is the whole process's
            return token.open(rw=True)
        except exceptions.PKCS11Error as error:
            pins = (exceptions.PinIncorrect, exceptions.PinInvalid, exceptions.PinLenRange)
            if isinstance(error, pins):
                self._wrong = SettingsError("keys.pin", say("keys.wrong_pin", token=self.label))
                raise self._wrong from None
            said = say("keys.no_login", token=self.label, reason=_reason(error))
            raise SettingsError("keys.token", said) from None


class TokenKeys(KeyRing):
    """Keys in a module; ``older``: the files that held them before, if there are any.

    ``create=True`` makes the first of each name when it is first used. Raises what ``Token`` raises.
    """

    def __init__(
        self, token: Token, *, create: bool, signatures: Signatures = "ecdsa-p256", older: FileKeys | None = None
    ) -> None:
        super().__init__()
        self._token, self._create, self._signatures, self._older = token, create, signatures, older
        self._derived: dict[str, bytes] = {}
        self._points: dict[str, bytes] = {}
        self._labels: dict[bool, set[str]] = {True: set(), False: set()}
        token.require(signatures)

    def told(self, live: Mapping[str, tuple[int, ...]]) -> None:
        """Use these numbers from now on, in the module and of the files."""
        super().told(live)
        if self._older is not None:
            self._older.told(live)

    def where(self, name: str, number: int) -> str:
        """``token``, ``file``, or nothing for a key that is not here."""
        if number in self._inside(retired=True).get(name, ()):
            return "token"
        return "" if self._older is None else self._older.where(name, number)

    def wrap(self, data_key: bytes) -> tuple[str, bytes]:
        """Encrypt a data key inside, under the current key-encryption key, with AES-256-GCM."""
        kid, nonce = self.current(), secrets.token_bytes(NONCE_BYTES)
        if (older := self._files_of(kid)) is not None:
            return older.wrap(data_key)

        def work(session: pkcs11.Session) -> bytes:
            return self._needed(session, kid, "SECRET_KEY").encrypt(data_key, **_gcm(nonce, kid))  # type: ignore[no-any-return]

        return kid, nonce + self._token.ask(work)

    def unwrap(self, kid: str, wrapped: bytes) -> bytes:
        """The data key again. Raises ValueError for an unknown id or altered bytes, UnavailableProblem."""
        if (older := self._files_of(kid)) is not None:
            return older.unwrap(kid, wrapped)

        def work(session: pkcs11.Session) -> bytes:
            key = self._sought(session, kid, "SECRET_KEY")
            if key is None or (part_id(kid) or ("",))[0] != WRAPPING_KEY:
                raise ValueError(f"key-encryption key {kid!r} is not in the token {self._token.label}")
            return key.decrypt(wrapped[NONCE_BYTES:], **_gcm(wrapped[:NONCE_BYTES], kid))  # type: ignore[no-any-return]

        try:
            return self._token.ask(work)
        except TokenError as error:
            raise ValueError(str(error)) from None

    def secret(self, name: str, number: int | None = None) -> bytes:
        """32 bytes that the module derives from a key of its own: HMAC-SHA-256 of the key's id."""
        kid = key_id(name, self.number(name) if number is None else number)
        if kid not in self._derived:
            if (older := self._files_of(kid)) is not None:
                return older.secret(name, number)

            def work(session: pkcs11.Session) -> bytes:
                from pkcs11 import Mechanism

                key = self._needed(session, kid, "SECRET_KEY")
                return key.sign(f"gateway secret {kid}".encode(), mechanism=Mechanism.SHA256_HMAC)  # type: ignore[no-any-return]

            self._derived[kid] = self._token.ask(work)
        return self._derived[kid]

    def sign(self, name: str, message: bytes) -> bytes:
        """The signature by the current pair, made inside: ECDSA in DER, or RSA with PKCS #1 v1.5; SHA-256 both."""
        kid = key_id(name, self.number(name))
        if (older := self._files_of(kid)) is not None:
            return older.sign(name, message)

        def work(session: pkcs11.Session) -> bytes:
            from pkcs11 import KeyType, Mechanism

            key = self._needed(session, kid, "PRIVATE_KEY")
            if key.key_type is KeyType.RSA:
                return bytes(key.sign(message, mechanism=Mechanism.SHA256_RSA_PKCS))
            made = key.sign(hashlib.sha256(message).digest(), mechanism=Mechanism.ECDSA)
            half = len(made) // 2
            return encode_dss_signature(int.from_bytes(made[:half], "big"), int.from_bytes(made[half:], "big"))

        return self._token.ask(work)

    def public(self, name: str, number: int | None = None) -> bytes:
        """The public key of a pair, as SubjectPublicKeyInfo in DER; 65 bytes of SM2 for a pair that is a file."""
        kid = key_id(name, self.number(name) if number is None else number)
        if kid not in self._points:
            if (older := self._files_of(kid)) is not None:
                return older.public(name, number)
            self._points[kid] = self._token.ask(lambda session: _der_of(self._needed(session, kid, "PUBLIC_KEY")))
        return self._points[kid]

    def held(self, *, retired: bool = False) -> Mapping[str, tuple[int, ...]]:
        """The numbers that are in the module or in files."""
        found = {name: set(numbers) for name, numbers in self._inside(retired=retired).items()}
        for name, numbers in self._older.held(retired=retired).items() if self._older is not None else ():
            found.setdefault(name, set()).update(numbers)
        return {name: tuple(sorted(numbers)) for name, numbers in found.items()}

    def made_at(self, name: str, number: int) -> int | None:
        """When a key was made: the first half of the identifier that the gateway gives it."""
        kid = key_id(name, number)
        if (older := self._files_of(kid)) is not None:
            return older.made_at(name, number)

        def work(session: pkcs11.Session) -> int | None:
            from pkcs11 import Attribute

            key = self._found(session, kid, _kind(name))
            return None if key is None else int.from_bytes(key[Attribute.ID][:8], "big")

        return self._token.ask(work)

    def make(self, name: str) -> int:
        """Make the next key of a name inside. Raises ConflictProblem where another process is making it, too."""
        number = max((self.number(name), *self.held(retired=True).get(name, ()))) + 1
        self._token.ask(lambda session: self._made(session, key_id(name, number)), makes=True)
        return number

    def retire(self, name: str, number: int) -> None:
        """Label a key as retired, in the module, or move its file."""
        kid = key_id(name, number)
        if (older := self._files_of(kid)) is not None:
            return older.retire(name, number)

        def work(session: pkcs11.Session) -> None:
            from pkcs11 import Attribute

            for one in _labelled(session, _LABEL + kid):
                one[Attribute.LABEL] = _RETIRED + kid

        return self._token.ask(work)

    def destroy(self, name: str, number: int) -> None:
        """Destroy a retired key in the module, or its file; the public key of a pair stays."""
        kid = key_id(name, number)
        if (older := self._files_of(kid)) is not None:
            older.destroy(name, number)

        def work(session: pkcs11.Session) -> None:
            for one in _labelled(session, _RETIRED + kid, _kind(name)):
                one.destroy()

        self._token.ask(work)
        self._derived.pop(kid, None)

    # --- inside

    def _files_of(self, kid: str) -> FileKeys | None:
        """The files, where they hold this key."""
        parted = part_id(kid)
        if self._older is None or parted is None:
            return None
        return self._older if self._older.where(*parted) else None

    def _inside(self, *, retired: bool) -> Mapping[str, tuple[int, ...]]:
        """The numbers that are in the module, by name. A public key without its private one is no key any more.

        What was there the last time and is not is looked for again before it is believed to be gone.
        """

        def work(session: pkcs11.Session) -> set[str]:
            from pkcs11 import Attribute

            kinds = ("SECRET_KEY", "PRIVATE_KEY", *(("PUBLIC_KEY",) if retired else ()))
            return {one[Attribute.LABEL] for kind in kinds for one in _labelled(session, None, kind)}

        labels: set[str] = set()
        for pause in (0.0, *_AGAIN):
            time.sleep(pause)
            labels = self._token.ask(work)
            if labels >= self._labels[retired]:
                break
        self._labels[retired] = labels
        found: dict[str, set[int]] = {}
        for label in labels:
            kid = label.removeprefix(_RETIRED) if retired else label
            if label.startswith(_LABEL) and (parted := part_id(kid.removeprefix(_LABEL))):
                found.setdefault(parted[0], set()).add(parted[1])
        return {name: tuple(sorted(numbers)) for name, numbers in found.items()}

    def _found(self, session: pkcs11.Session, kid: str, kind: str) -> Any:
        """The one object of a key; None where there is none. Raises SettingsError where there are two.

        A key that is retired between the two looks is found by the second one.
        """
        handles = self._token.handles
        for label in () if (kid, kind) in handles else (_LABEL, _RETIRED):
            found = list(_labelled(session, label + kid, kind))
            if len(found) > 1:
                raise SettingsError("keys.token", say("keys.token_twice", token=self._token.label, key=_LABEL + kid))
            if found:
                handles[kid, kind] = found[0]
                break
        return handles.get((kid, kind))

    def _sought(self, session: pkcs11.Session, kid: str, kind: str) -> Any:
        """As ``_found``, but where a key is that was there, one look that finds nothing is not believed."""
        known = any(label + kid in labels for labels in self._labels.values() for label in (_LABEL, _RETIRED))
        for pause in (0.0, *(_AGAIN if known else ())):
            time.sleep(pause)
            if (found := self._found(session, kid, kind)) is not None:
                return found
        return None

    def _needed(self, session: pkcs11.Session, kid: str, kind: str) -> Any:
        """An object that must be there; the first one of a name is made on first use."""
        found = self._sought(session, kid, kind)
        if found is None and self._create and part_id(kid, 1):
            self._made(session, kid)
            found = self._found(session, kid, kind)
        if found is None:
            raise SettingsError("keys.token", say("keys.token_has_not", token=self._token.label, key=_LABEL + kid))
        return found

    def _made(self, session: pkcs11.Session, kid: str) -> None:
        """Make a key that never leaves. Labels need not be unique: who finds another's beside its own gives way."""
        from pkcs11 import Attribute, KeyType, Mechanism

        name = (part_id(kid) or ("",))[0]
        ident = (time.time_ns() // 1000).to_bytes(8, "big") + secrets.token_bytes(8)
        about: dict[str, Any] = {"id": ident, "label": _LABEL + kid, "store": True}
        closed = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.MODIFIABLE: True}
        if name == WRAPPING_KEY:
            wraps = {Attribute.ENCRYPT: True, Attribute.DECRYPT: True, Attribute.WRAP: False, Attribute.UNWRAP: False}
            session.generate_key(KeyType.AES, 256, template={**closed, **wraps}, **about)
        elif name in SECRETS:
            generic = Mechanism.GENERIC_SECRET_KEY_GEN
            macs = {**closed, Attribute.SIGN: True, Attribute.VERIFY: False}
            session.generate_key(KeyType.GENERIC_SECRET, 256, mechanism=generic, template=macs, **about)
        else:
            about["private_template"] = {**closed, Attribute.SIGN: True}
            if self._signatures == "rsa-3072":
                session.generate_keypair(KeyType.RSA, 3072, **about)
            else:
                curve = session.create_domain_parameters(KeyType.EC, {Attribute.EC_PARAMS: _P256}, local=True)
                curve.generate_keypair(**about)
        if len(list(_labelled(session, _LABEL + kid, _kind(name)))) > 1:
            for one in _labelled(session, _LABEL + kid):
                if one[Attribute.ID] == ident:
                    one.destroy()
            raise ConflictProblem(say("keys.changing", name=name), type="conflict")


def _answers(session: pkcs11.Session) -> bool:
    """Whether the module does anything at all."""
    from pkcs11.exceptions import PKCS11Error

    try:
        session.generate_random(64)
    except PKCS11Error:
        return False
    return True


def _kind(name: str) -> str:
    return "SECRET_KEY" if name == WRAPPING_KEY or name in SECRETS else "PRIVATE_KEY"


def _labelled(session: pkcs11.Session, label: str | None, kind: str | None = None) -> Iterator[Any]:
    """Objects with a label, or all of a kind, read to the end before one of them is changed."""
    from pkcs11 import Attribute, ObjectClass

    wanted: dict[Any, Any] = {} if label is None else {Attribute.LABEL: label}
    if kind is not None:
        wanted[Attribute.CLASS] = ObjectClass[kind]
    found: Iterable[Any] = list(session.get_objects(wanted))
    yield from found


def _gcm(nonce: bytes, kid: str) -> dict[str, Any]:
    """How a data key is wrapped: the id of the key is authenticated."""
    from pkcs11 import GCMParams, Mechanism

    return {"mechanism": Mechanism.AES_GCM, "mechanism_param": GCMParams(nonce, kid.encode(), _TAG_BITS)}


def _der_of(key: Any) -> bytes:
    """A public key of the module as SubjectPublicKeyInfo."""
    from pkcs11 import Attribute, KeyType

    public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey
    if key.key_type is KeyType.RSA:
        modulus, exponent = (int.from_bytes(key[one], "big") for one in (Attribute.MODULUS, Attribute.PUBLIC_EXPONENT))
        public = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    else:
        point = key[Attribute.EC_POINT]
        # Wrapped in an OCTET STRING as the standard says, or bare as some modules have it.
        bare = point[2:] if len(point) == 67 else point
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bare)
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _reason(error: Exception) -> str:
    """What the module said: its errors have a name, and seldom words."""
    return f"{type(error).__name__} {said_of(error)}".strip()
