"""VictoriaMetrics as Debian packages it, one process, on loopback."""

import http.client
import json
import shutil
import time
import urllib.parse

from server import serving

PORT = 28428


def server(retention="12"):
    """`retention` in months, or with a unit: what is older is refused."""
    if not shutil.which("victoria-metrics"):
        raise SystemExit("victoria-metrics is not installed: apt-get install victoria-metrics")
    command = ["victoria-metrics", "-storageDataPath={data}", f"-httpListenAddr=127.0.0.1:{PORT}",
               f"-retentionPeriod={retention}", "-search.maxUniqueTimeseries=5000000", "-search.disableCache",
               "-search.maxQueryDuration=10m"]
    return serving(command, f"http://127.0.0.1:{PORT}/health")


def write(bodies, path="/write"):
    """Sends InfluxDB lines over one connection; how many lines there were. `/api/v1/import` is for JSON lines, each with
    all samples of a series."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=600)
    lines = 0
    for body in bodies:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 204:
            raise SystemExit(f"victoria-metrics refuses lines: {answer.status} {answer.reason}")
        lines += body.count(b"\n") + 1
    return lines


def flush():
    """Makes what was written visible and merges it into as few parts as it goes."""
    for path in ("/internal/force_flush", "/internal/force_merge"):
        get(path)
    while b"vm_active_force_merges 0" not in get("/metrics"):
        time.sleep(0.5)


def query(expression, at):
    answer = get("/api/v1/query?" + urllib.parse.urlencode({"query": expression, "time": at}))
    answer = json.loads(answer)
    if answer["status"] != "success":
        raise SystemExit(f"victoria-metrics cannot answer {expression}: {answer['error']}")
    return answer["data"]["result"]


def exported(selector):
    """All samples, seconds to values, by the series' labels."""
    lines = get("/api/v1/export?" + urllib.parse.urlencode({"match[]": selector, "start": 0})).splitlines()
    return {frozenset(one["metric"].items()): dict(zip((time // 1000 for time in one["timestamps"]), one["values"]))
            for one in map(json.loads, lines)}


def get(path):
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=600)
    connection.request("GET", path)
    return connection.getresponse().read()
