#!/usr/bin/env python3
"""Row 13: which values exist, given three selections, over 30 M combinations, beside DuckDB and ClickHouse (chdb) on the
same tuples: `hints.py [COMBINATIONS]`.

The tuples and questions of hints-index/benches/hints.rs. Ours answers beside a writer of new combinations and seals, and
only values with data in the last hour; the peers are left in peace and keep no activity. DuckDB keeps enumerations
(a table on disk, compressed, in its buffers); ClickHouse a MergeTree ordered by the selected dimensions, which is as
good as it gets for the first question and of no help for the last. Two threads each, where ours has one.
"""

import pathlib
import resource
import sys
import tempfile
import time

import sluice
from lines import quantiles, say
from server import file_bytes

SECONDS_EACH = 10
# hints.rs, combination: two products of 64 bits that wrap.
FIRST, SECOND, WRAP = 0x9E37_79B9_7F4A_7C15, 0xBF58_476D_1CE4_E5B9, (1 << 64) - 1
DIMS = {"Api": 50, "Cluster": 300, "Region": 30, "Service": 200, "VM": 1_000_000}
ORDER = "Region, Cluster, Service, Api, VM"


def main():
    combinations = int(sys.argv[1]) if len(sys.argv) > 1 else 30_000_000
    lines = sluice.bench("hints-index", "--", str(combinations))
    asked = {line["stage"]: line for line in lines if "p99_ms" in line}
    plain = {line["stage"]: line.get("figure") for line in lines}
    for peer, measure in (("DuckDB", in_duckdb), ("ClickHouse (chdb)", in_clickhouse)):
        size, answers = measure(combinations)
        say("13", "on disk", "B/combination", plain["on disk"], peer, size / combinations, combinations=combinations)
        for stage, (wall, cpu, found) in answers.items():
            mine = asked[stage]
            (p50, p99), (cpu_p50, cpu_p99) = quantiles(wall), quantiles(cpu)
            say("13", stage, "ms p50", mine["p50_ms"], peer, p50, p99=round(mine["p99_ms"], 2), peer_p99=round(p99, 2),
                cpu_p50=round(mine["cpu_p50_ms"], 2), peer_cpu_p50=round(cpu_p50, 2), cpu_p99=round(mine["cpu_p99_ms"], 2),
                peer_cpu_p99=round(cpu_p99, 2), found_each=mine["found_each"], peer_found_each=sum(found) // len(found))


def in_duckdb(combinations):
    import duckdb
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        file = pathlib.Path(folder, "hints.duckdb")
        base = duckdb.connect(str(file), config={"threads": 2})
        for dim, many in DIMS.items():
            base.execute(f"create type {dim}_of as enum (select {name(dim, 'i')} from range({many}) as t(i))")
        first = f"select wrapped((i + 1)::uhugeint * {FIRST}) as a from range({combinations}) as t(i)"
        mixed = f"select wrapped(xor(a, a >> 29)::uhugeint * {SECOND}) >> 7 as m from ({first})"
        columns = ", ".join(f"{name(dim, number(dim, '//'))}::{dim}_of as {dim}" for dim in DIMS)
        base.execute(f"create macro wrapped(product) as (product & {WRAP})::ubigint")
        base.execute(f"create table combinations as select {columns} from ({mixed})")
        base.execute("checkpoint")
        return file_bytes(folder), ask(lambda question: base.execute(question).fetchall())


def in_clickhouse(combinations):
    from chdb.session import Session
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        base = Session(folder)
        for word in ("create database bench", "use bench", "set max_threads = 2"):
            base.query(word)
        types = ", ".join(f"{dim} {'String' if many > 10_000 else 'LowCardinality(String)'}" for dim, many in DIMS.items())
        base.query(f"create table combinations ({types}) engine MergeTree order by ({ORDER})")
        first = f"select (number + 1) * {FIRST} as a from numbers({combinations})"
        mixed = f"select bitShiftRight(bitXor(a, bitShiftRight(a, 29)) * {SECOND}, 7) as m from ({first})"
        columns = ", ".join(f"{name(dim, number(dim, 'div'))} as {dim}" for dim in DIMS)
        base.query(f"insert into combinations ({', '.join(DIMS)}) select {columns} from ({mixed})")
        base.query("optimize table combinations final")
        size = int(base.query("select sum(bytes_on_disk) from system.parts where active and database = 'bench'").bytes())
        answers = ask(lambda question: base.query(question, "TSV").bytes().splitlines())
        base.close()
        return size, answers


def number(dim, div):
    """Which value of the dimension, from the mixed number `m`: hints.rs, combination."""
    vm = f"m % {DIMS['VM']}"
    above = f"(m {div} {DIMS['VM']})"
    return {"VM": vm, "Cluster": f"{vm} % 300", "Region": f"{vm} % 300 % 30", "Service": f"{above} % 200",
            "Api": f"({above} {div} 200) % 50"}[dim]


def name(dim, value):
    """The value's name in SQL that both read."""
    if dim == "VM":
        return f"concat('vm-', right(concat('000000', ({value})::text), 7))"
    return f"concat('{dim.lower()}-', ({value})::text)"


def combination(number):
    mix = (number + 1) * FIRST & WRAP
    mix = ((mix ^ mix >> 29) * SECOND & WRAP) >> 7
    vm, above = mix % DIMS["VM"], mix // DIMS["VM"]
    return {"Region": f"region-{vm % 300 % 30}", "Cluster": f"cluster-{vm % 300}", "Service": f"service-{above % 200}",
            "Api": f"api-{above // 200 % 50}", "VM": f"vm-{vm:07}"}


def distinct(dim, equal, unequal=()):
    where = [f"{name} = '{value}'" for name, value in equal] + [f"{name} <> '{value}'" for name, value in unequal]
    return f"select distinct {dim} from combinations where {' and '.join(where)} order by {dim} limit 1000"


def questions(number):
    one = combination(number)
    pick = lambda *names: [(name, one[name]) for name in names]
    return {
        "three selections deep: values of Api": distinct("Api", pick("Region", "Cluster", "Service")),
        "three selections deep: values of VM": distinct("VM", pick("Region", "Cluster"), pick("Api")),
        "one VM: values of Api": distinct("Api", pick("Region", "VM")),
    }


def ask(answer):
    """Milliseconds waited and on a CPU of each question, and how many values each found."""
    answers = {}
    for stage in questions(0):
        wall, cpu, found, begun = [], [], [], time.monotonic()
        while time.monotonic() - begun < SECONDS_EACH:
            question = questions(len(wall) * 7_919)[stage]
            before, worked = time.perf_counter(), on_cpu()
            found.append(len(answer(question)))
            wall.append((time.perf_counter() - before) * 1e3)
            cpu.append((on_cpu() - worked) * 1e3)
        answers[stage] = wall, cpu, found
    return answers


def on_cpu():
    """CPU seconds of all threads of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


main()
