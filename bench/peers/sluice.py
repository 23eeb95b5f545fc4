"""Sluice, one process with every role, on ports of its own."""

import json
import os
import subprocess
import urllib.request

from server import serving

GRPC, HTTP = "127.0.0.1:24317", "127.0.0.1:24318"
BINARY = os.path.join(os.environ["CARGO_TARGET_DIR"], "release", "sluice")


def server():
    command = [BINARY, "serve", "--data", "{data}", "--grpc", GRPC, "--http", HTTP]
    return serving(command, f"http://{HTTP}/readyz")


def loadgen(rate, series, seconds, run):
    """How many rows were acknowledged. That their totals are right is what `bench/run.sh 16` checks."""
    command = [BINARY, "loadgen", "--endpoint", f"http://{GRPC}", "--server", f"http://{HTTP}", "--format", "json",
               "--rate", str(rate), "--series", str(series), "--batch", "5000",
               "--duration", f"{seconds}s", "--run", run]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"loadgen: {done.stderr}")
    return json.loads(done.stdout)["acked"]


def post(path, request):
    body = json.dumps(request).encode()
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"http://{HTTP}{path}", body, headers)) as answer:
        return json.loads(answer.read())
