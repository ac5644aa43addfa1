"""Verifies an evidence bundle 证据包 of the gateway. One file, nothing else needed: Python 3.9 or newer.

    python verify.py BUNDLE.zip [--key HEX]

What it proves: the bundle is whole and unchanged since it was made (signature over the list of its files); each
exchange in it stood in the gateway's evidence chain when that was signed (SM3 tree under a signed head); and where
exact bytes are enclosed, that they are those. ``--key`` is the public key, or the first digits of its SM3, as the
enforcement body has published it: without it the bundle is only held against the keys that it brings itself.

Exit code 0: as it was made; 1: refused, with the reason. 验证证据包：退出码0为完好，1为拒绝并说明理由。
"""

import argparse
import hashlib
import json
import struct
import sys
import typing
import zipfile

FORMAT = "gateway-evidence-bundle-1"
FIELDS = (
    "id",
    "node",
    "seq",
    "channel",
    "direction",
    "action",
    "operation_id",
    "subject",
    "authority",
    "method",
    "status",
    "outcome",
    "started_at",
    "ended_at",
    "told",
)
LONGEST = 1 << 31
Point = typing.Tuple[int, int]  # noqa: UP006 - Python 3.8


class Curve(typing.NamedTuple):
    """y^2 = x^3 - 3x + b modulo p; n points, made by g."""

    p: int
    b: int
    n: int
    g: Point


SM2 = Curve(
    0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF,
    0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93,
    0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123,
    (
        0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
        0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
    ),
)
P256 = Curve(
    0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
    0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    (
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    ),
)
# How keys of hardware modules begin (RFC 5480; RFC 8017: 3072 bits, exponent 65537), and what an RSA signature holds.
P256_KEY = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
RSA_KEY = bytes.fromhex("308201a2300d06092a864886f70d01010105000382018f003082018a0282018100")
RSA_END = bytes.fromhex("0203010001")
RSA_SHA256 = b"\0\1" + b"\xff" * 330 + bytes.fromhex("003031300d060960864801650304020105000420")
Json = typing.Dict[str, typing.Any]  # noqa: UP006


class Refused(Exception):
    """The bundle is not as it was made; says why."""


# --- SM3 (GB/T 32905) and HMAC (GB/T 15852.2) ------------------------------------------------------------------------


def _rotated(word: int, by: int) -> int:
    by %= 32
    return ((word << by) | (word >> (32 - by))) & 0xFFFFFFFF


def sm3(data: bytes) -> bytes:
    """The SM3 digest."""
    state = [0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600, 0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E]
    padded = data + b"\x80" + bytes((55 - len(data)) % 64) + struct.pack(">Q", len(data) * 8)
    for at in range(0, len(padded), 64):
        words = list(struct.unpack(">16I", padded[at : at + 64]))
        for j in range(16, 68):
            x = words[j - 16] ^ words[j - 9] ^ _rotated(words[j - 3], 15)
            x ^= _rotated(x, 15) ^ _rotated(x, 23)
            words.append(x ^ _rotated(words[j - 13], 7) ^ words[j - 6])
        a, b, c, d, e, f, g, h = state
        for j in range(64):
            constant = 0x79CC4519 if j < 16 else 0x7A879D8A
            ss1 = _rotated((_rotated(a, 12) + e + _rotated(constant, j)) & 0xFFFFFFFF, 7)
            ff = a ^ b ^ c if j < 16 else (a & b) | (a & c) | (b & c)
            gg = e ^ f ^ g if j < 16 else (e & f) | (~e & 0xFFFFFFFF & g)
            tt1 = (ff + d + (ss1 ^ _rotated(a, 12)) + (words[j] ^ words[j + 4])) & 0xFFFFFFFF
            tt2 = (gg + h + ss1 + words[j]) & 0xFFFFFFFF
            a, b, c, d = tt1, a, _rotated(b, 9), c
            e, f, g, h = tt2 ^ _rotated(tt2, 9) ^ _rotated(tt2, 17), e, _rotated(f, 19), g
        state = [one ^ other for one, other in zip(state, (a, b, c, d, e, f, g, h))]  # noqa: B905 - Python 3.9
    return struct.pack(">8I", *state)


def hmac_sm3(key: bytes, data: bytes) -> bytes:
    """HMAC with SM3; the key is at most 64 bytes."""
    padded = key + bytes(64 - len(key))
    inner = sm3(bytes(one ^ 0x36 for one in padded) + data)
    return sm3(bytes(one ^ 0x5C for one in padded) + inner)


# --- SM2 (GB/T 32918.2), and for hardware modules ECDSA (FIPS 186-5) and RSA (RFC 8017 section 8.2.2) -----------------


def _sum(curve: Curve, one: "Point | None", other: "Point | None") -> "Point | None":
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2), p = one, other, curve.p
    if x1 == x2:
        if (y1 + y2) % p == 0:
            return None
        slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, p)
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, p)
    x3 = (slope * slope - x1 - x2) % p
    return x3, (slope * (x1 - x3) - y1) % p


def _times(curve: Curve, scalar: int, point: Point) -> "Point | None":
    made: Point | None = None
    for bit in bin(scalar)[2:]:
        made = _sum(curve, made, made)
        if bit == "1":
            made = _sum(curve, made, point)
    return made


def _numbers(der: bytes) -> "tuple[int, int]":
    """The two numbers of a signature, in the one way in which DER writes them."""
    if len(der) < 8 or der[0] != 0x30 or der[1] != len(der) - 2 or der[2] != 2:
        raise ValueError("no signature")
    middle = 4 + der[3]
    r, s = der[4:middle], der[middle + 2 :]
    if der[middle] != 2 or der[middle + 1] != len(s) or not r or not s:
        raise ValueError("no signature")
    return int.from_bytes(r, "big"), int.from_bytes(s, "big")


def signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature over a message is right: under an SM2 key (04, x, y), or a P-256 or RSA key in DER."""
    if public.startswith(RSA_KEY) and public.endswith(RSA_END) and len(public) == 422:
        modulus, number = int.from_bytes(public[33:417], "big"), int.from_bytes(signature, "big")
        if len(signature) != 384 or number >= modulus:
            return False
        return pow(number, 65537, modulus).to_bytes(384, "big") == RSA_SHA256 + hashlib.sha256(message).digest()
    curve, public = (P256, public[26:]) if public.startswith(P256_KEY) else (SM2, public)
    try:
        r, s = _numbers(signature)
    except (ValueError, IndexError):
        return False
    x, y = int.from_bytes(public[1:33], "big"), int.from_bytes(public[33:], "big")
    p, b, n, g = curve
    if len(public) != 65 or public[0] != 4 or x >= p or y >= p or (y * y - (x * x * x - 3 * x + b)) % p:
        return False
    if not 0 < r < n or not 0 < s < n:
        return False
    if curve is P256:
        e, w = int.from_bytes(hashlib.sha256(message).digest(), "big"), pow(s, -1, n)
        point = _sum(curve, _times(curve, e * w % n, g), _times(curve, r * w % n, (x, y)))
        return point is not None and point[0] % n == r
    t = (r + s) % n
    if not t:
        return False
    about = b"".join(one.to_bytes(32, "big") for one in (p - 3, b, *g))
    z = sm3(struct.pack(">H", 128) + b"1234567812345678" + about + public[1:])
    e = int.from_bytes(sm3(z + message), "big")
    point = _sum(curve, _times(curve, s, g), _times(curve, t, (x, y)))
    return point is not None and (e + point[0]) % n == r


# --- what is verified ------------------------------------------------------------------------------------------------


def canonical(value: object) -> bytes:
    """JSON as it is signed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _part(value: object) -> bytes:
    if value is None:
        return b"n"
    if isinstance(value, bytes):
        return b"b" + struct.pack(">I", len(value)) + value
    if isinstance(value, int):
        return b"i" + value.to_bytes(8, "big", signed=True)
    text = str(value).encode()
    return b"s" + struct.pack(">I", len(text)) + text


def check_proof(proof: Json, publics: "list[bytes]", exact: "bytes | None") -> None:
    """That a record stood in the chain under a signed head. Raises Refused."""
    row = dict(proof["row"])
    row["told"] = None if row["told"] is None else bytes.fromhex(row["told"])
    key, mac = bytes.fromhex(proof["key"]), bytes.fromhex(proof["body_mac"])
    if exact is not None and hmac_sm3(key, b"body" + exact) != mac:
        raise Refused("the exact bytes are not those that were kept 原文与留存时不一致")
    parts = [bytes.fromhex(proof["previous"]), *(_part(row[name]) for name in FIELDS), mac]
    node = sm3(b"\x00" + hmac_sm3(key, b"".join(parts)))
    for side, other in proof["path"]:
        beside = bytes.fromhex(other)
        node = sm3(b"\x01" + (beside + node if side == "left" else node + beside))
    head = json.loads(proof["head"])
    signature = bytes.fromhex(head.pop("signature"))
    if node.hex() != head["root"]:
        raise Refused("the record is not one that its signed head covers 该记录不在签名链头覆盖的范围内")
    if head["node"] != row["node"] or not head["first"] <= row["seq"] <= head["seq"]:
        raise Refused("its signed head is about other records 签名链头属于其他记录")
    if not any(signed(public, canonical(head), signature) for public in publics):
        raise Refused("the signature of its head does not verify 链头签名验证未通过")


def verify(bundle: str, expected: "str | None" = None) -> Json:
    """The manifest of a bundle that is as it was made. Raises Refused."""
    try:
        archive = zipfile.ZipFile(bundle)
        if archive.testzip() is not None:
            raise Refused("the archive is damaged 压缩包损坏")
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise Refused(f"no archive that can be read 压缩包无法读取: {error}") from None
    with archive:
        names = archive.namelist()
        if len(set(names)) != len(names):
            raise Refused("a file is there twice 文件重复")
        if sum(one.file_size for one in archive.infolist()) > LONGEST:
            raise Refused("it unpacks to more than 2 GiB 解压后超过2 GiB")
        for name in ("manifest.json", "manifest.sig"):
            if name not in names:
                raise Refused(f"{name} is missing 缺少清单或其签名")
        text = archive.read("manifest.json")
        try:
            manifest: Json = json.loads(text)
            publics = [bytes.fromhex(one) for one in manifest["head_keys"]]
            signer = bytes.fromhex(manifest["key"])
            signature = bytes.fromhex(archive.read("manifest.sig").decode("ascii").strip())
            listed, format_ = dict(manifest["files"]), manifest["format"]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Refused("the manifest cannot be read 清单无法读取") from None
        if format_ != FORMAT:
            raise Refused(f"a bundle of another format 格式不同: {format_}")
        fingerprint = sm3(signer).hex()
        if expected is not None and expected.lower() != signer.hex() and not fingerprint.startswith(expected.lower()):
            raise Refused(f"signed by another key 签名密钥不符: {fingerprint}")
        if not signed(signer, b"evidence bundle\n" + text, signature):
            raise Refused("the signature of the manifest does not verify 清单签名验证未通过")
        if extra := set(names) - set(listed) - {"manifest.json", "manifest.sig"}:
            raise Refused(f"{min(extra)} is not in the manifest 清单外的文件")
        content = {}
        for name, told in listed.items():
            if name not in names:
                raise Refused(f"{name} is missing 缺少文件")
            content[name] = archive.read(name)
            if len(content[name]) != told["length"] or hashlib.sha256(content[name]).hexdigest() != told["sha256"]:
                raise Refused(f"{name} was altered 文件被改动")
        _check_exchanges(manifest, content, publics)
    return manifest


def _check_exchanges(manifest: Json, content: "dict[str, bytes]", publics: "list[bytes]") -> None:
    for one in manifest["exchanges"]:
        try:
            proof = json.loads(content[f"proofs/{one}.json"])
            shown = json.loads(content[f"exchanges/{one}.json"])
            row = proof["row"]
            if row["id"] != one or any(shown[name] != row[name] for name in FIELDS if name in shown):
                raise Refused("its proof is about another record 证明属于其他记录")
            check_proof(proof, publics, content.get(f"exchanges/{one}.exact"))
        except Refused as reason:
            raise Refused(f"exchange {one}: {reason}") from None
        except (KeyError, ValueError, TypeError, IndexError, OverflowError):
            raise Refused(f"exchange {one}: its proof is missing or cannot be read 证明缺失或无法读取") from None


def main() -> int:
    """What the command line does."""
    parser = argparse.ArgumentParser(description="Verify an evidence bundle 验证证据包")
    parser.add_argument("bundle")
    parser.add_argument(
        "--key", help="the public key as published, or the first digits of its SM3 公布的公钥或其SM3前若干位"
    )
    given = parser.parse_args()
    try:
        manifest = verify(given.bundle, given.key)
    except Refused as reason:
        print(f"REFUSED 拒绝: {reason}")
        return 1
    fingerprint = sm3(bytes.fromhex(manifest["key"])).hex()
    print(f"AS IT WAS MADE 完好: {manifest['authority']} {manifest['number']}, {manifest['made_at']}")
    print(f"files 文件 {len(manifest['files'])}, exchanges proved 已证明的交互 {len(manifest['exchanges'])}")
    if manifest["unproved"]:
        print(f"not signed yet, not proved 尚未签名、未证明: {len(manifest['unproved'])}")
    if given.key is None:
        print(f"key 密钥 SM3 {fingerprint}: compare it with the one published, or give --key 请与公布的密钥核对")
    return 0


if __name__ == "__main__":
    sys.exit(main())
