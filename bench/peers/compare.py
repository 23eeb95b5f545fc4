#!/usr/bin/env python3
"""Sluice and VictoriaMetrics side by side: `compare.py ingest|series`, alternating, medians, JSON lines.

The same rows on both sides: 6 labels and sum, count, min, max of a minute. VictoriaMetrics keeps them as four series,
so a row is four of its samples; it has no fsync before its reply, no dedup of retries, and no per-minute seal.
CPU is the server's own, from the operating system, and counts until a minute after the last row, so that Sluice's
seal and VictoriaMetrics' flushes and merges are in it.
"""

import statistics
import sys
import time

import series
import sluice
import victoria
from lines import say

TURNS = 3
IDLE_SECONDS = 66


def ingest():
    """Rows 3, 5 and 16: CPU of the whole server for a row of a series that it knows."""
    known, rounds = 100_000, 20
    now = int(time.time()) // 60 * 60

    def ours():
        with sluice.server() as server:
            sluice.loadgen(100_000, known, 1, "r")
            return per_row(server, lambda: sluice.loadgen(known, known, rounds, "r"))

    def theirs():
        bodies = list(series.requests(known, rounds, now - 60 * rounds))
        with victoria.server() as server:
            victoria.write(series.requests(known, 1, now - 60 * (rounds + 1)))
            return per_row(server, lambda: victoria.write(bodies))

    report("16", "whole server, known series, CPU a row", "µs", ours, theirs)


def new_series():
    """Row 6: CPU of the whole server for the first row of a series, and what it then holds in memory."""
    fresh = 400_000
    now = int(time.time()) // 60 * 60
    resident = {"ours": [], "theirs": []}

    def ours():
        with sluice.server() as server:
            before = server.resident_bytes()
            figure = per_row(server, lambda: sluice.loadgen(fresh, fresh, 1, "r"))
            resident["ours"].append((server.resident_bytes() - before) / fresh)
            return figure

    def theirs():
        bodies = list(series.requests(fresh, 1, now))
        with victoria.server() as server:
            before = server.resident_bytes()
            figure = per_row(server, lambda: victoria.write(bodies))
            resident["theirs"].append((server.resident_bytes() - before) / fresh)
            return figure

    report("6", "whole server, new series, CPU a row", "µs", ours, theirs)
    held = [statistics.median(side) for side in resident.values()]
    say("10", "resident bytes a series, a minute later", "B", held[0], "VictoriaMetrics", held[1])


def per_row(server, send):
    before = server.cpu_seconds()
    rows = send()
    time.sleep(IDLE_SECONDS)
    return (server.cpu_seconds() - before) / rows * 1e6


def report(row, stage, unit, ours, theirs):
    figures = [(ours(), theirs()) for _ in range(TURNS)]
    a, b = (statistics.median(side) for side in zip(*figures))
    say(row, stage, unit, a, "VictoriaMetrics", b)


{"ingest": ingest, "series": new_series}[sys.argv[1]]()
