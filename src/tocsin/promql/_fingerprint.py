"""Where a label set falls in [0, 1): what limit_ratio compares with its share.

Source: Prometheus 3.5, `promql/engine.go` (AddRatioSample) over `labels.Hash`, which is
xxHash64 (published specification, version 0.1.1) of every name and value preceded by
its length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.labels import Labels

__all__ = ["ratio_position", "xxhash64"]

_MASK = (1 << 64) - 1
_P1 = 0x9E3779B185EBCA87
_P2 = 0xC2B2AE3D27D4EB4F
_P3 = 0x165667B19E3779F9
_P4 = 0x85EBCA77C2B2AE63
_P5 = 0x27D4EB2F165667C5


def ratio_position(labels: Labels) -> float:
    return xxhash64(b"".join(_sized(part) for pair in labels for part in pair)) / float(_MASK)


def _sized(text: str) -> bytes:
    """The text after its length: one byte, or 255 and three bytes for long ones."""
    data = text.encode()
    if len(data) < 255:
        return bytes([len(data)]) + data
    return b"\xff" + len(data).to_bytes(3, "little") + data


def _rotate(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (64 - bits))) & _MASK


def _round(state: int, lane: int) -> int:
    return _rotate((state + lane * _P2) & _MASK, 31) * _P1 & _MASK


def xxhash64(data: bytes) -> int:
    """xxHash64 with seed 0."""
    place, size = 0, len(data)
    if size >= 32:
        states = [(_P1 + _P2) & _MASK, _P2, 0, -_P1 & _MASK]
        while place + 32 <= size:
            for lane in range(4):
                word = int.from_bytes(data[place : place + 8], "little")
                states[lane] = _round(states[lane], word)
                place += 8
        result = sum(
            _rotate(state, bits) for state, bits in zip(states, (1, 7, 12, 18), strict=True)
        )
        for state in states:
            result = ((result ^ _round(0, state)) * _P1 + _P4) & _MASK
    else:
        result = _P5
    result = (result + size) & _MASK
    while place + 8 <= size:
        result ^= _round(0, int.from_bytes(data[place : place + 8], "little"))
        result = (_rotate(result, 27) * _P1 + _P4) & _MASK
        place += 8
    if place + 4 <= size:
        result ^= int.from_bytes(data[place : place + 4], "little") * _P1 & _MASK
        result = (_rotate(result, 23) * _P2 + _P3) & _MASK
        place += 4
    for byte in data[place:]:
        result = _rotate(result ^ (byte * _P5 & _MASK), 11) * _P1 & _MASK
    result = (result ^ (result >> 33)) * _P2 & _MASK
    result = (result ^ (result >> 29)) * _P3 & _MASK
    return result ^ (result >> 32)
