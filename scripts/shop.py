#!/usr/bin/env python3
"""An online shop with one service going bad: JSON lines for `sluice publish --backfill -`.

Ten services in two regions for fifteen minutes that end now. In the last five, `checkout` in eu-west answers slower every
minute and then fails, and `frontend` there feels it. The same seed gives the same shop; only the clock differs.
"""
import json
import random
import sys
import time

SERVICES = {  # requests a minute, usual latency in ms
    "frontend": (240, 45), "cart": (120, 12), "catalog": (180, 9), "checkout": (60, 80), "currency": (200, 4),
    "payment": (55, 60), "shipping": (50, 25), "email": (40, 30), "ads": (150, 7), "recommendation": (110, 22),
}
REGIONS = ("eu-west", "us-east")
MINUTES = 15


def trouble(service, region, minute):
    """How many times slower than usual, and the share of requests that fail."""
    bad_for = minute - (MINUTES - 6)
    if region != "eu-west" or bad_for < 1:
        return 1.0, 0.002
    if service == "checkout":
        return 1.0 + 1.6 * bad_for, min(0.6, 0.1 * bad_for)
    if service == "frontend":
        return 1.0 + 0.3 * bad_for, min(0.15, 0.03 * bad_for)
    return 1.0, 0.002


def main():
    rnd = random.Random(7)
    first = int(time.time()) // 60 * 60 - MINUTES * 60
    write = lambda **line: sys.stdout.write(json.dumps(line) + "\n")
    for minute in range(MINUTES):
        for region in REGIONS:
            for service, (requests, latency) in SERVICES.items():
                slower, failing = trouble(service, region, minute)
                for request in range(requests):
                    ts = first + minute * 60 + 60 * request / requests
                    pod = f"{service}-{rnd.randrange(3)}"
                    dims = {"Service": service, "Region": region, "Pod": pod}
                    took = round(rnd.lognormvariate(0, 0.5) * latency * slower, 2)
                    write(ts=ts, metric="shop.latency_ms", dims=dims, value=took, **{"as": "distribution"})
                    status = "500" if rnd.random() < failing else "200"
                    write(ts=ts, metric="shop.requests", dims={**dims, "Status": status}, value=1)
                    write(ts=ts, metric="shop.users", dims=dims, value=f"user-{rnd.randrange(400)}", **{"as": "distinct"})


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.exit(0)
