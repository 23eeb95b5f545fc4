#!/usr/bin/env python3
"""Row 9: bytes on disk of a minute's sum and count, beside VictoriaMetrics and Prometheus: `size.py [SERIES [HOURS]]`.

The same minutes on all sides (minutes.py), compacted or merged as far as each goes. What is counted: Sluice's pages with
the hours and days that long looks read, VictoriaMetrics' `data`, Prometheus' `chunks`; and beside it all of these with
what names the series (dictionary, `indexdb`, `index`). Logs are not: they go when a checkpoint, a flush or a block is made.
Sluice's rows hold min and max of each minute as well; the peers keep sum and count as two series. VictoriaMetrics keeps
a fraction in decimals, so `peer_exact` says which share of the sums it gives back as they were.
"""

import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import minutes
import prometheus
import sluice
import victoria
from lines import say
from server import file_bytes

COMPACTED_SECONDS = 600
# VictoriaMetrics writes what it has in memory every five seconds; what it merges before that is not on disk yet.
MEMORY_SECONDS = 10
# Longer than a round of upkeep rests.
SETTLED_SECONDS = 8
SERIES_PER_BODY = 100


def main():
    series, hours = (int(word) for word in (sys.argv[1:] + ["2000", "24"][len(sys.argv) - 1:]))
    cases = {f"steady service, {series} series, {hours} h": minutes.steady(series, hours)}
    cases |= {name: minutes.recorded(name) for name in ("online-boutique", "cloudwatch")}
    for name, all_series in cases.items():
        compare(name, list(all_series))


def compare(case, all_series):
    rows = sum(len(one.seconds) for one in all_series)
    ours, parts = in_sluice(all_series)
    more = {"series": len(all_series), "minutes": rows, "rows_a_page": round(rows / parts["pages"][0], 1)}
    more |= {what: round(size / rows, 3) for what, (_, size, _) in parts.items()}
    more |= {"bits": {what: {name: round(8 * size / rows, 3) for name, size in bytes_of.items()}
                      for what, (_, _, bytes_of) in parts.items()}}
    for peer, measure in (("VictoriaMetrics", in_victoria), ("Prometheus", in_prometheus)):
        theirs, exact = measure(all_series)
        for stage, a, b in zip(("bytes of a minute's sum and count", "the same with names and index"), ours, theirs):
            say("9", f"{case}: {stage}", "B", a / rows, peer, b / rows, peer_exact=round(exact, 4), **more)


def in_sluice(all_series):
    """Published, and started again, which compacts what lies there at once. Bytes, and how many parts of each kind."""
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        data = Path(folder, "data")
        with sluice.server(data):
            lines = sorted(line for one in all_series for line in one.json_lines())
            accepted = sluice.publish(line for _, line in lines)
            # The island writes what it has applied with its next seal, that of this minute.
            time.sleep(70 - time.time() % 60)
        with sluice.server(data):
            stores = compacted(data, accepted)
    parts = {what: total(stores, what) for what in ("pages", "hours", "days")}
    held = sum(size for _, size, _ in parts.values())
    return (held, held + sum(store["dictionary"]["bytes"] for store in stores)), parts


def compacted(data, rows):
    """What lies there when every row is in a page and nothing changes any more: days come after their hours."""
    until, before = time.monotonic() + COMPACTED_SECONDS, None
    while time.monotonic() < until:
        stores = sluice.inspect(data)
        now = [store["parts"] for store in stores]
        if rows_in_pages(stores) >= rows and now == before:
            return stores
        before = now
        time.sleep(SETTLED_SECONDS)
    raise SystemExit(f"not compacted within {COMPACTED_SECONDS} s")


def rows_in_pages(stores):
    return sum(part["rows"] for store in stores for part in store["parts"] if part["what"] == "pages")


def total(stores, what):
    """Parts of this kind, their bytes, and what these are for."""
    parts = [part for store in stores for part in store["parts"] if part["what"] == what]
    bytes_of = Counter()
    for part in parts:
        bytes_of.update(part["bytes_of"])
    return sum(part["parts"] for part in parts), sum(part["bytes"] for part in parts), bytes_of


def in_victoria(all_series):
    with victoria.server(retention="100y") as server:
        lines = [json_line(one, name, values) for one in all_series for name, values in one.two()]
        bodies = (lines[at:at + SERIES_PER_BODY] for at in range(0, len(lines), SERIES_PER_BODY))
        victoria.write(("\n".join(body).encode() for body in bodies), "/api/v1/import")
        time.sleep(MEMORY_SECONDS)
        victoria.flush()
        data, index = (file_bytes(server.folder / part) for part in ("data", "indexdb"))
        return (data, data + index), exact_share(all_series)


def exact_share(all_series):
    """Of the sums that were written."""
    given = victoria.exported('{__name__=~".*_sum"}')
    kept = rows = 0
    for one in all_series:
        name, sums = one.two()[0]
        samples = given[frozenset((one.labels | {"__name__": name}).items())]
        kept += sum(samples[second] == value for second, value in zip(one.seconds, sums))
        rows += len(sums)
    return kept / rows


def json_line(one, name, values):
    labels = {"__name__": name} | one.labels
    return json.dumps({"metric": labels, "values": values, "timestamps": [1000 * second for second in one.seconds]})


def in_prometheus(all_series):
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        prometheus.blocks((line for one in all_series for line in open_metrics(one)), Path(folder, "data"))
        chunks = sum(file_bytes(path) for path in Path(folder, "data").glob("*/chunks"))
        index = sum(path.stat().st_size for path in Path(folder, "data").glob("*/index"))
        return (chunks, chunks + index), 1


def open_metrics(one):
    labels = ",".join(f"{name}={json.dumps(value)}" for name, value in sorted(one.labels.items()))
    for name, values in one.two():
        head = f"{name}{{{labels}}}"
        yield from (f"{head} {value!r} {second}\n" for second, value in zip(one.seconds, values))


main()
