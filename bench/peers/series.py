"""The series that `sluice loadgen` publishes (loadgen/src/series.rs), as InfluxDB lines.

InfluxDB's line protocol is the text format in which VictoriaMetrics gets several numbers of one series while it reads
the labels once, so it is the one that is kindest to it. A line has the same labels as Sluice's row and the same four
numbers: sum, count, min, max. They become four time series there.
"""

import random

METRICS = ["Loadgen.Requests", "Loadgen.LatencyMs", "Loadgen.ResponseBytes", "Loadgen.CpuPercent"]
REGIONS = ["EastUS", "WestUS", "NorthEurope", "WestEurope", "SoutheastAsia", "JapanEast", "BrazilSouth", "AustraliaEast"]
SERVICES = ["frontend", "cart", "checkout", "payment", "shipping", "catalog", "search", "ads", "email", "currency"]
APIS = ["GetCart", "AddItem", "EmptyCart", "PlaceOrder", "Charge", "Refund", "GetQuote", "ShipOrder", "ListProducts",
        "GetProduct", "Search", "GetAds", "SendMail", "Convert", "Login", "Health"]
BUCKETS = 100
LINES_PER_REQUEST = 5000


def labels(series, run):
    """Metric and labels of a series number, as a line begins."""
    tuple_ = series // len(METRICS)
    host = tuple_ // len(APIS)
    service = SERVICES[host // len(REGIONS) % len(SERVICES)]
    return (f"{METRICS[series % len(METRICS)]},Api={APIS[tuple_ % len(APIS)]},Bucket=b{tuple_ % BUCKETS:03}"
            f",Host={service}-{host:06},Region={REGIONS[host % len(REGIONS)]},Run={run},Service={service}")


def values(metric, rng):
    """Sum, count, min and max, distributed as in loadgen/src/values.rs."""
    if metric != 1:
        value = rng.randrange((256, 0, 65536, 10000)[metric])
        return value, 1, value, value
    count, least, span = rng.randint(1, 16), rng.randrange(1024), rng.randrange(1024)
    if count == 1:
        return least, 1, least, least
    between = least + (rng.randrange(1024) * span >> 10)
    return 2 * least + span + (count - 2) * between, count, least, least + span


def requests(series, rounds, seconds, run="r", first=0):
    """Bodies of `LINES_PER_REQUEST` lines: `rounds` times all series from `first` on, at `seconds`, `seconds + 60` …"""
    rng = random.Random(1)
    starts = [labels(number, run) for number in range(first, first + series)]
    for turn in range(rounds):
        nanos = (seconds + 60 * turn) * 1_000_000_000
        lines = []
        for number, start in zip(range(first, first + series), starts):
            total, count, least, most = values(number % 4, rng)
            lines.append(f"{start} sum={total},count={count},min={least},max={most} {nanos}")
            if len(lines) == LINES_PER_REQUEST:
                yield "\n".join(lines).encode()
                lines = []
        if lines:
            yield "\n".join(lines).encode()
