"""SM2 signatures (GB/T 32918.2-2016, curve of GB/T 32918.5-2017) in plain integers, for a simulated CA.

Nothing else is needed where a service only signs. It is not constant in time: its keys protect nothing. Points are in
Jacobian coordinates; the multiples of the base point are taken from a table of 64 times 15.
"""

from __future__ import annotations

import secrets
from functools import cache

from cryptography.hazmat.primitives.hashes import SM3, Hash

from simulators.seal import der

IDENTIFIER = b"1234567812345678"
"""The distinguishing identifier that everybody uses (GB/T 35276-2017 clause 10)."""

_P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_CURVE = bytes.fromhex(  # a, b, and the base point
    "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC"
    "28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93"
    "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
    "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"
)
_Point = tuple[int, int]
_Jacobian = tuple[int, int, int]


def sm3(data: bytes) -> bytes:
    """SM3 of bytes (GB/T 32905-2016)."""
    digest = Hash(SM3())
    digest.update(data)
    return digest.finalize()


def generate() -> tuple[bytes, bytes]:
    """A new key pair: private, 32 bytes, and public, 64 bytes without the leading 04."""
    private = secrets.randbelow(_N - 2) + 1
    x, y = _of_base(private)
    return private.to_bytes(32, "big"), x.to_bytes(32, "big") + y.to_bytes(32, "big")


def sign(private: bytes, public: bytes, message: bytes, identifier: bytes = IDENTIFIER) -> bytes:
    """The DER signature SEQUENCE { r, s } of a message."""
    z = sm3((len(identifier) * 8).to_bytes(2, "big") + identifier + _CURVE + public)
    e, d = int.from_bytes(sm3(z + message), "big"), int.from_bytes(private, "big")
    while True:
        k = secrets.randbelow(_N - 1) + 1
        r = (e + _of_base(k)[0]) % _N
        s = pow(1 + d, -1, _N) * (k - r * d) % _N
        if r and s and r + k != _N:
            return der.seq(der.integer(r), der.integer(s))


def _of_base(scalar: int) -> _Point:
    """A multiple of the base point."""
    total: _Jacobian = (1, 1, 0)
    for row in _multiples():
        if digit := scalar & 15:
            total = _plus(total, row[digit - 1])
        scalar >>= 4
    x, y, z = total
    inverse = pow(z, -1, _P)
    square = inverse * inverse % _P
    return x * square % _P, y * square * inverse % _P


@cache
def _multiples() -> tuple[tuple[_Point, ...], ...]:
    """Row i: 1 to 15 times 16^i times the base point."""
    base = (int.from_bytes(_CURVE[64:96], "big"), int.from_bytes(_CURVE[96:], "big"))
    rows = []
    for _ in range(64):
        row = [base]
        for _ in range(14):
            row.append(_add(row[-1], base))
        rows.append(tuple(row))
        base = _add(row[-1], base)
    return tuple(rows)


def _add(left: _Point, right: _Point) -> _Point:
    (x1, y1), (x2, y2) = left, right
    slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, _P) if x1 == x2 else (y2 - y1) * pow(x2 - x1, -1, _P)
    x = (slope * slope - x1 - x2) % _P
    return x, (slope * (x1 - x) - y1) % _P


def _plus(left: _Jacobian, right: _Point) -> _Jacobian:
    """A sum. Multiples of the base point below its order never meet an equal or an opposite point on the way."""
    (x1, y1, z1), (x2, y2) = left, right
    if z1 == 0:
        return x2, y2, 1
    square = z1 * z1 % _P
    h = (x2 * square - x1) % _P
    r = (y2 * square * z1 - y1) % _P
    h2 = h * h % _P
    h3, v = h2 * h % _P, x1 * h2 % _P
    x3 = (r * r - h3 - 2 * v) % _P
    return x3, (r * (v - x3) - y1 * h3) % _P, z1 * h % _P
