"""Series of minutes, the same for Sluice and its peers: recorded ones, and a steady service.

Sluice gets a row of count, sum, min and max for each minute; a peer gets two series of each of ours, sum and count.
"""

import gzip
import json
import os
import pathlib
import random
import re
import time
from dataclasses import dataclass, field

# The newest minute is that long ago, so that its hour is over, no row of it can be late any more, and it is compacted.
AGO_SECONDS = 4 * 3600


@dataclass
class Series:
    metric: str
    labels: dict
    seconds: list = field(default_factory=list)
    rows: list = field(default_factory=list)  # count, sum, min, max

    def json_lines(self):
        """When, and the line that `sluice publish` reads."""
        head = json.dumps({"metric": self.metric, "dims": self.labels})[:-1]
        for second, (count, total, least, most) in zip(self.seconds, self.rows):
            line = f'{head},"ts":{second},"count":{count},"sum":{total!r},"min":{least!r},"max":{most!r}}}\n'
            yield second, line.encode()

    def two(self):
        """Name and values of the two series that a peer keeps."""
        name = re.sub(r"\W", "_", self.metric, flags=re.ASCII)
        return (f"{name}_sum", [row[1] for row in self.rows]), (f"{name}_count", [row[0] for row in self.rows])


def steady(series, hours):
    """60 measurements a minute, whose sum is within 3 of a level that each series has: store/examples/speed.rs."""
    rng = random.Random(1)
    first = (int(time.time()) - AGO_SECONDS) // 3600 * 3600 - hours * 3600
    seconds = [first + 60 * minute for minute in range(hours * 60)]
    for number in range(series):
        level = (number * 2_654_435_761 % (1 << 32)) >> 18
        labels = {"Host": f"host-{number:06}", "Region": f"region-{number % 30}", "Service": f"service-{number % 200}"}
        rows = [(60, 60 * level + rng.randint(-3, 3), level - 2, level + 2) for _ in seconds]
        yield Series("Steady", labels, seconds, rows)


def recorded(name):
    """A recording of the folder SLUICE_DATA, its measurements of a minute merged, shifted to end a few hours ago."""
    path = pathlib.Path(os.environ.get("SLUICE_DATA", ""), f"{name}.jsonl.gz")
    if not path.is_file():
        raise SystemExit(f"there is no recording {path}: set SLUICE_DATA")
    minutes = {}
    with gzip.open(path) as lines:
        for measured in map(json.loads, lines):
            of = minutes.setdefault((measured["metric"], json.dumps(measured["dims"], sort_keys=True)), {})
            of.setdefault(int(measured["ts"] // 60) * 60, []).append(measured["value"])
    newest = max(second for of in minutes.values() for second in of)
    shift = (int(time.time()) - AGO_SECONDS - newest) // 3600 * 3600
    for (metric, labels), of in minutes.items():
        seconds = sorted(of)
        rows = [(len(of[second]), sum(of[second]), min(of[second]), max(of[second])) for second in seconds]
        yield Series(metric, json.loads(labels), [second + shift for second in seconds], rows)
