"""What the answers must be, computed without any of Sluice: totals per metric and tuple of JSON lines.

usage: totals.py FILE [value|distribution|distinct]

Prints {"metric": {"A=1,B=2": {"sum":…, "count":…, "min":…, "max":…, "exact": bool, "p50":…, "p99":…, "distinct":…}}}. Integers are
added as integers, floats by math.fsum, which rounds once.
"""
import collections
import fractions
import gzip
import json
import math
import sys


def percentile(ordered, p):
    """The smallest value at or under which at least p % lie; the rank as an exact fraction."""
    rank = math.ceil(fractions.Fraction(str(p)) * len(ordered) / 100)
    return ordered[max(rank, 1) - 1]


def main():
    values = collections.defaultdict(lambda: collections.defaultdict(list))
    opened = gzip.open if sys.argv[1].endswith(".gz") else open
    with opened(sys.argv[1], "rt") as lines:
        for line in lines:
            row = json.loads(line)
            dims = {name: value for name, value in row["dims"].items() if value != ""}
            values[row["metric"]][",".join(f"{name}={dims[name]}" for name in sorted(dims))].append(row["value"])
    totals = {}
    for metric, tuples in values.items():
        totals[metric] = {}
        for tuple_, measured in tuples.items():
            whole = all(float(value).is_integer() for value in measured)
            ordered = sorted(measured)
            totals[metric][tuple_] = {
                "sum": sum(int(value) for value in measured) if whole else math.fsum(measured),
                "exact": whole,
                "count": len(measured),
                "min": ordered[0],
                "max": ordered[-1],
                "p50": percentile(ordered, 50),
                "p99": percentile(ordered, 99),
                "p99.9": percentile(ordered, 99.9),
                "distinct": len(set(measured)),
            }
    json.dump(totals, sys.stdout)


main()
