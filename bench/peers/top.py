#!/usr/bin/env python3
"""Row 12: top-10 by sum over a million series, last minute and last hour, beside VictoriaMetrics, DuckDB and ClickHouse
(chdb) on the same tuples: `top.py [SERIES]`.

The tuples of query-coordinator/benches/top.rs, and every side must find the same greatest sum as it does. Ours is asked
inside the process and reads sealed minutes from blocks in memory, coded; it comes with completeness and the sum of the
others. DuckDB keeps a table (minute, series, sum) in memory, uncoded, and looks the names of the ten up; ClickHouse the
same as MergeTree on disk, in the page cache, by minute and series; VictoriaMetrics is asked by HTTP. Ours runs before
and after the peers. Two threads each; medians of 15.
"""

import json
import statistics
import sys
import tempfile
import time

import numpy

import sluice
import victoria
from lines import say

PARTITIONS, MINUTES, RUNS = 4, 60, 15
SERIES_PER_BODY = 1_000
U64 = numpy.uint64
STAGES = {"top-10 by sum, last minute": 1, "top-10 by sum, last hour": MINUTES}


def main():
    series = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    turns = [ours(series)]
    sums = tuples(series)
    peers = {"DuckDB": in_duckdb(sums), "ClickHouse (chdb)": in_clickhouse(sums), "VictoriaMetrics": in_victoria(sums)}
    turns.append(ours(series))
    for peer, stages in peers.items():
        for stage, (milliseconds, greatest) in stages.items():
            if greatest != turns[0][stage][1]:
                raise SystemExit(f"{stage}: {peer} finds {greatest}, ours {turns[0][stage][1]}")
            say("12", stage, "ms", statistics.median(turn[stage][0] for turn in turns), peer, milliseconds, series=series)


def ours(series):
    lines = sluice.bench("query-coordinator", "--", str(series))
    return {line["stage"].removeprefix("12 "): (line["figure"], line["greatest"]) for line in lines}


def tuples(series):
    """Sums by minute and series, as top.rs draws them: a linear congruential generator for each partition."""
    each = series // PARTITIONS
    with numpy.errstate(over="ignore"):
        power = numpy.multiply.accumulate(numpy.full(each, 6_364_136_223_846_793_005, U64))
        past = numpy.add.accumulate(numpy.concatenate(([U64(1)], power[:-1]))) * U64(1_442_695_040_888_963_407)
    levels = (numpy.arange(each, dtype=U64) * U64(2_654_435_761) & U64(0xFFFF_FFFF)) >> U64(20)
    sums = numpy.empty((MINUTES, PARTITIONS, each), numpy.int64)
    for partition in range(PARTITIONS):
        random = U64(partition + 1)
        for minute in range(MINUTES):
            with numpy.errstate(over="ignore"):
                drawn = power * random + past
            random = drawn[-1]
            sums[minute, partition] = levels + (drawn >> U64(58))
    return sums.reshape(MINUTES, -1)


def names(series):
    """Api and VM of each series."""
    each = series // PARTITIONS
    return ((f"api-{number % each % 40}", f"vm-{number // each}-{number % each}") for number in range(each * PARTITIONS))


def in_duckdb(sums):
    import duckdb
    base = duckdb.connect(config={"threads": 2})
    base.execute("create table rows (minute utinyint, series uinteger, sum bigint)")
    ids = numpy.arange(sums.shape[1], dtype=numpy.uint32)
    for minute, column in enumerate(sums):
        part = {"series": ids, "sum": column}
        base.execute(f"insert into rows select {minute}, series, sum from part")
    api, vm = (numpy.array(column, dtype=object) for column in zip(*names(sums.shape[1])))
    named = {"series": ids, "api": api, "vm": vm}
    base.execute("create table series as select * from named")
    return {stage: timed(lambda: base.execute(sql(minutes)).fetchall()) for stage, minutes in STAGES.items()}


def in_clickhouse(sums):
    import pyarrow
    from chdb.session import Session
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        base = Session(folder)
        base.query("create database bench")
        base.query("use bench")
        base.query("set max_threads = 2")
        base.query("create table rows (minute UInt8, series UInt32, sum Int64) engine MergeTree order by (minute, series)")
        base.query("create table series (series UInt32, api String, vm String) engine MergeTree order by series")
        ids = numpy.arange(sums.shape[1], dtype=numpy.uint32)
        for minute, column in enumerate(sums):
            part = pyarrow.table({"series": ids, "sum": column})
            base.query(f"insert into rows select {minute}, series, sum from Python(part)")
        api, vm = zip(*names(sums.shape[1]))
        named = pyarrow.table({"series": ids, "api": api, "vm": vm})
        base.query("insert into series select series, api, vm from Python(named)")
        base.query("optimize table rows final")
        found = {stage: timed(lambda: rows_of(base.query(sql(minutes), "JSONCompact"))) for stage, minutes in STAGES.items()}
        base.close()
        return found


def rows_of(answer):
    return [(api, vm, int(total)) for api, vm, total in json.loads(answer.bytes())["data"]]


def sql(minutes):
    return f"""select api, vm, total
        from (select series, sum(sum) as total from rows where minute >= {MINUTES - minutes} group by series
              order by total desc limit 10) as most
        join series using (series) order by total desc"""


def in_victoria(sums):
    start = int(time.time()) // 60 * 60 - 60 * MINUTES
    with victoria.server() as server:
        victoria.write(bodies(sums, start), "/api/v1/import")
        victoria.flush()
        server.settled_cpu_seconds()
        at = start + 60 * (MINUTES - 1)
        return {stage: timed(lambda: topk(minutes, at)) for stage, minutes in STAGES.items()}


def bodies(sums, start):
    times = json.dumps([1000 * (start + 60 * minute) for minute in range(MINUTES)])
    body = []
    for (api, vm), values in zip(names(sums.shape[1]), sums.T):
        body.append(f'{{"metric":{{"__name__":"Requests","Api":"{api}","VM":"{vm}"}},"values":{values.tolist()},"timestamps":{times}}}')
        if len(body) == SERIES_PER_BODY:
            yield "\n".join(body).encode()
            body = []
    if body:
        yield "\n".join(body).encode()


def topk(minutes, at):
    found = victoria.query(f"topk(10, sum_over_time(Requests[{minutes}m]))", at)
    rows = ((one["metric"]["Api"], one["metric"]["VM"], int(one["value"][1])) for one in found)
    return sorted(rows, key=lambda row: -row[2])


def timed(ask):
    """Median milliseconds, and the greatest sum."""
    times = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        rows = ask()
        times.append((time.perf_counter() - begun) * 1e3)
        if len(rows) != 10:
            raise SystemExit(f"{len(rows)} rows instead of 10")
    return statistics.median(times), rows[0][2]


main()
