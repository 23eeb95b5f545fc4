"""VictoriaMetrics as Debian packages it, one process, on loopback."""

import http.client
import json
import shutil
import urllib.parse

from server import serving

PORT = 28428


def server():
    if not shutil.which("victoria-metrics"):
        raise SystemExit("victoria-metrics is not installed: apt-get install victoria-metrics")
    command = ["victoria-metrics", "-storageDataPath={data}", f"-httpListenAddr=127.0.0.1:{PORT}",
               "-retentionPeriod=12", "-search.maxUniqueTimeseries=5000000", "-search.disableCache"]
    return serving(command, f"http://127.0.0.1:{PORT}/health")


def write(bodies):
    """Sends InfluxDB lines over one connection; how many lines there were."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=120)
    lines = 0
    for body in bodies:
        connection.request("POST", "/write", body)
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


def query(expression, at):
    answer = get("/api/v1/query?" + urllib.parse.urlencode({"query": expression, "time": at}))
    return json.loads(answer)["data"]["result"]


def get(path):
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=300)
    connection.request("GET", path)
    return connection.getresponse().read()
