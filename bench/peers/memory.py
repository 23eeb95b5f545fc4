#!/usr/bin/env python3
"""Row 10: memory of an active series with an hour of minutes, beside VictoriaMetrics and Prometheus: `memory.py [SERIES]`.

The series and values of aggregator/benches/memory.rs, five labels each. Resident memory beyond what the server had when
it started, and the hour where it is on disk: Sluice's slabs and VictoriaMetrics' `data` (Prometheus keeps the hour in
memory; its write-ahead log is not counted, as nobody's log is). A peer gets one number a minute, the sum, as one series
of its own: of what Sluice keeps (sum, count, min, max, and which values exist: hints) it does a part. It gets them
series by series, in the order that is kindest to it. Sluice's server gets five minutes as they come.
"""

import json
import sys
import time

import numpy

import prometheus
import sluice
import victoria
from lines import say
from server import file_bytes

MINUTES, LIVE_MINUTES = 60, 5
SERIES_PER_VM = 30
SERIES_PER_BODY = 1_000
U64 = numpy.uint64


def main():
    series = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    island = next(line["figure"] for line in sluice.bench("aggregator", "--bench", "memory", "--", str(series))
                  if line["stage"] == "all in")
    server, server_disk = in_sluice(series)
    for peer, measure in (("VictoriaMetrics", in_victoria), ("Prometheus", in_prometheus)):
        resident, anonymous, disk = measure(series)
        more = {"series": series, "peer_anonymous": round(anonymous, 1), "peer_disk": round(disk, 1)}
        say("10", "an active series and its hour: one island", "B", island, peer, resident + disk, **more)
        say("10", "the same in the whole server", "B", server + server_disk, peer, resident + disk,
            disk=round(server_disk, 1), **more)


def in_sluice(series):
    """Minutes as they come, and one that is open when memory is read; the hour on disk is sixty of the sealed ones."""
    heads = [json.dumps({"metric": "Latency", "dims": labels})[:-1] for labels in all_labels(series)]
    with sluice.server() as server:
        before = server.resident_bytes()
        for _ in range(LIVE_MINUTES):
            sluice.publish(json_lines(heads, wait_for_a_new_minute()))
        server.settled_cpu_seconds()
        resident = server.resident_bytes() - before
        slabs = [store["slabs"] for store in sluice.inspect(server.folder)]
    rows, size = (sum(slab[what] for slab in slabs) for what in ("rows", "bytes"))
    return resident / series, size / rows * MINUTES


def wait_for_a_new_minute():
    minute = int(time.time()) // 60 + 1
    time.sleep(minute * 60 - time.time())
    return minute


def json_lines(heads, minute):
    for head, value in zip(heads, values(numpy.arange(len(heads), dtype=U64), minute).tolist()):
        yield (f'{head},"ts":{minute * 60},"count":3,"sum":{3 * value},"min":{value - 1},"max":{value + 1}}}\n').encode()


def in_victoria(series):
    with victoria.server() as server:
        before = held(server)
        victoria.write(bodies(series), "/api/v1/import")
        victoria.flush()
        server.settled_cpu_seconds()
        return *((b - a) / series for a, b in zip(before, held(server))), file_bytes(server.folder / "data") / series


def bodies(series):
    minutes, body = last_hour(), []
    times = json.dumps([int(minute) * 60_000 for minute in minutes])
    for labels, sums in all_series(series, minutes):
        body.append(f'{{"metric":{json.dumps(labels)},"values":{sums.tolist()},"timestamps":{times}}}')
        if len(body) == SERIES_PER_BODY:
            yield "\n".join(body).encode()
            body = []
    if body:
        yield "\n".join(body).encode()


def in_prometheus(series):
    with prometheus.server() as server:
        before, minutes = held(server), last_hour()
        prometheus.write(all_series(series, minutes), [int(minute) * 60 for minute in minutes])
        server.settled_cpu_seconds()
        return *((b - a) / series for a, b in zip(before, held(server))), 0


def held(server):
    return server.resident_bytes(), server.resident_bytes("RssAnon")


def last_hour():
    now = int(time.time()) // 60
    return numpy.arange(now - MINUTES, now, dtype=U64)


def all_series(series, minutes):
    """Labels with the metric's name, and the sums of these minutes."""
    for number, labels in enumerate(all_labels(series)):
        yield {"__name__": "Latency"} | labels, 3 * values(U64(number), minutes)


def mixed(number):
    """As in memory.rs; 64 bits that wrap."""
    with numpy.errstate(over="ignore"):
        mix = (U64(1) + number) * U64(0x9E37_79B9_7F4A_7C15)
        return (mix ^ mix >> U64(29)) * U64(0xBF58_476D_1CE4_E5B9) >> U64(7)


def all_labels(series):
    for number, mix in enumerate(mixed(numpy.arange(series, dtype=U64)).tolist()):
        vm, service, api = number // SERIES_PER_VM, mix % 200, mix // 200 % 50
        yield {"Api": f"api-{api}", "Cluster": f"cluster-{vm % 300}", "Region": f"region-{vm % 30}",
               "Service": f"service-{service}-{number % SERIES_PER_VM}", "VM": f"vm-{vm:07}"}


def values(number, minute):
    mix = mixed(number)
    with numpy.errstate(over="ignore"):
        noise = ((mix >> U64(20)) ^ numpy.asarray(minute, U64)) * U64(0xBF58_476D_1CE4_E5B9) % U64(8)
    return mix % U64(9_000) + noise


main()
