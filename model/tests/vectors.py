"""Writes vectors.json: an implementation of FORMAT.md that shares no code with the crate.

Run it in a scratch environment that has the `xxhash` package: python3 tests/vectors.py > tests/vectors.json
The vectors hold for ever: a change of this file may add some, never alter one.
"""

import json
import struct
from decimal import Decimal

import xxhash

OCTAVE_FIRST = (1023 - 64) << 10
INDEX_MAX = 128 << 10


def xxh3_64(of):
    return xxhash.xxh3_64_hexdigest(of.encode() if isinstance(of, str) else of)


def xxh3_128(of):
    return xxhash.xxh3_128_hexdigest(of.encode() if isinstance(of, str) else of)


def text(string):
    raw = string.encode()
    return struct.pack("<I", len(raw)) + raw


def series(account, metric, dims):
    head = text(account) + text(metric)
    kept = sorted((name.encode(), name, value) for name, value in dims if value)
    whole = head + b"".join(text(name) + text(value) for _, name, value in kept)
    return {
        "account": account, "metric": metric, "dims": dims, "canonical": whole.hex(),
        "series_hash": xxh3_128(whole), "metric_hash": xxh3_64(head),
    }


def placement(of, partitions, spread):
    metric, tuple_high = int(of["metric_hash"], 16), int(of["series_hash"][:16], 16)
    partition = (metric + tuple_high % spread) % partitions
    return {
        "metric_hash": of["metric_hash"], "series_hash": of["series_hash"],
        "partitions": partitions, "spread": spread, "partition": partition,
    }


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def ranked(bits, width):
    """1 + the zero bits in front, of a number of this many bits."""
    return width - bits.bit_length() + 1


def greatest(hashes, index_bits):
    registers = {}
    rest = 64 - index_bits
    for value in hashes:
        index = value >> rest
        registers[index] = max(registers.get(index, 0), ranked(value & ((1 << rest) - 1), rest))
    return registers


def distinct(p, first, end, extra=()):
    """The elements are the decimal texts of first..end, and some more."""
    hashes = [int(xxh3_64(str(number)), 16) for number in range(first, end)]
    hashes += [int(xxh3_64(element), 16) for element in extra]
    sparse = greatest(hashes, 25)
    if len(sparse) <= (1 << p) // 4:
        out, before = bytes([1, 0, p]) + varint(len(sparse)), 0
        for index in sorted(sparse):
            out, before = out + varint((index - before) << 6 | sparse[index]), index
    else:
        dense = greatest(hashes, p)
        packed = sum(rank << 6 * index for index, rank in dense.items())
        out = bytes([1, 1, p]) + packed.to_bytes((1 << p) * 6 // 8, "little")
    return {"precision": p, "first": first, "end": end, "extra": list(extra), **long(out)}


def number(value):
    if value == int(value) and -(2**63) <= value < 2**63:
        return str(int(value))
    return format(Decimal(repr(value)), "f").removesuffix(".0")


def bucket(value):
    if abs(value) < 2.0**-64:
        return 0
    (bits,) = struct.unpack("<Q", struct.pack("<d", abs(value)))
    index = min((bits >> 42) - OCTAVE_FIRST + 1, INDEX_MAX)
    return -index if value < 0 else index


def buckets(records, bucket):
    counts = {}
    for value, count in records:
        index = bucket(value)
        counts[index] = min(counts.get(index, 0) + count, (1 << 64) - 1)
    out, before = varint(len(counts)), None
    for index in sorted(counts):
        coded = (2 * index if index >= 0 else -2 * index - 1) if before is None else index - before
        out, before = out + varint(coded) + varint(counts[index]), index
    return out


# Floats and counts as text, so that no reader of JSON rounds them.
def texts(records):
    return [[value.hex(), repr(value), str(count)] for value, count in records]


def distribution(records):
    return {"records": texts(records), **long(bytes([1, 1]) + buckets(records, bucket))}


def reversed_bits(value):
    (bits,) = struct.unpack("<Q", struct.pack("<d", value))
    return int(f"{bits:064b}"[::-1], 2)


def bounded(bounds, records):
    head = bytes([1, 2]) + varint(len(bounds)) + b"".join(varint(reversed_bits(bound)) for bound in bounds)
    body = buckets(records, lambda value: sum(bound < value for bound in bounds))
    return {"bounds": [repr(bound) for bound in bounds], "records": texts(records), **long(head + body)}


def converted(bounds, records):
    """What becomes of it when it meets another layout: all at the upper ends."""
    up = [(min((bound for bound in bounds if value <= bound), default=2.0**64), count) for value, count in records]
    return {**bounded(bounds, records), "converted": distribution(up)["bytes"]}


def long(out):
    """Bytes, or of many their number and hash."""
    if len(out) <= 256:
        return {"bytes": out.hex()}
    return {"length": len(out), "xxh3_128": xxh3_128(out)}


ALL_SERIES = [
    series("", "", []),
    series("contoso", "requests", []),
    series("contoso", "requests", [["region", "eu-west"]]),
    series("contoso", "requests", [["region", "eu-west"], ["Region", "x"], ["api", "GetItem"]]),
    series("contoso", "requests", [["sku", ""], ["region", "eu-west"]]),
    series("größe", "latência", [["städte", "Zürich"], ["城市", "東京"], ["zone", "🌍"], ["ＵＴＦ", "𝄞"]]),
    series("a", "bc", [["d", "e"]]),
    series("ab", "c", [["d", "e"]]),
    series("a" * 128, "m" * 256, [[f"name-{at:02}", "v" * 20] for at in range(64)]),
    series("x", "newlines", [["value", "one\ntwo\0three"]]),
]
ELEMENTS = ["", "5", "-2.5", "0", "customer-1", "größe", "東京", "🌍", "x" * 300]
NUMBERS = [0.1, 123456.789, -0.001, 1e15 + 0.5, 2.0**53, 2.0**60, 1e18, 1e19, -1e19, 2.0**63, -(2.0**63), 1.7976931348623157e308]
FLOATS = [0.0, -0.0, 1.0, 1.0009765625, 300.0, 2.5, -2.5, 1e-6, 1e12, -1e12, 2.0**-64, 2.0**-65, 2.0**64, 1e300, -1e300, 5e-324]

ALL = {
    "series": ALL_SERIES,
    "publishers": [{"name": name, "id": xxh3_128(name)} for name in ["", "nightly-import", "größe"]],
    "placements": [placement(one, *by) for one in ALL_SERIES for by in [(1, 1), (4, 2), (7, 3), (64, 64), (4096, 5)]],
    "elements": [{"text": one, "hash": xxh3_64(one)} for one in ELEMENTS],
    "numbers": [{"float": repr(one), "hash": xxh3_64(number(one))} for one in FLOATS + NUMBERS],
    "distinct": [
        distinct(14, 0, 0), distinct(14, 0, 1), distinct(14, 0, 40, ELEMENTS), distinct(14, 0, 4000), distinct(14, 0, 10000),
        distinct(4, 0, 4), distinct(4, 0, 5), distinct(4, 0, 1000), distinct(8, 0, 64), distinct(8, 0, 65),
        distinct(8, 1000, 9000), distinct(12, 0, 20000), distinct(18, 0, 1000), distinct(18, 0, 100000),
    ],
    "distributions": [
        distribution([]), distribution([(1.0, 1)]), distribution([(value, 1) for value in FLOATS]),
        distribution([(float(value), value) for value in range(1, 50)]),
        distribution([(value / 7, 3) for value in range(-500, 500)]),
        distribution([(1.0, (1 << 64) - 1), (1.0, 5), (2.0, 1 << 63)]),
    ],
    "bounded": [
        converted([1.0], []), converted([10.0], [(10.0, 1), (10.000001, 2)]),
        converted([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0], [(0.0, 3), (0.03, 1), (0.1, 200), (7.5, 1), (60.0, 1)]),
        converted([-5.0, 0.0, 0.1, 1e12, 1e300], [(value, 1) for value in FLOATS]),
        converted([1.0, 1.0001], [(0.5, (1 << 64) - 1), (1.00005, 5), (-3.0, 1)]),
        converted([float(bound) for bound in range(0, 1024)], [(value / 2, value) for value in range(1, 50)]),
    ],
}
LISTS = [f'"{of}": [\n' + ",\n".join(json.dumps(one, ensure_ascii=False) for one in some) + "\n]" for of, some in ALL.items()]
print("{\n" + ",\n".join(LISTS) + "\n}")
