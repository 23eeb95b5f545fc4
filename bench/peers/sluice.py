"""Sluice, one process with every role, on ports of its own."""

import json
import os
import subprocess
import urllib.request

from server import serving

GRPC, HTTP = "127.0.0.1:24317", "127.0.0.1:24318"
BINARY = os.path.join(os.environ["CARGO_TARGET_DIR"], "release", "sluice")


def server(data=None):
    command = [BINARY, "serve", "--data", "{data}", "--grpc", GRPC, "--http", HTTP]
    return serving(command, f"http://{HTTP}/readyz", data)


def bench(package, *arguments):
    """The lines that a benchmark of ours prints."""
    command = ["cargo", "bench", "--locked", "--quiet", "-p", package, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    print(done.stdout, end="", flush=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def publish(lines):
    """Publishes JSON lines, however old; how many rows were accepted."""
    command = [BINARY, "publish", "--endpoint", f"http://{GRPC}", "--backfill", "--format", "json", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for line in lines:
            process.stdin.write(line)
        process.stdin.close()
        account = json.loads(process.stdout.read())
    if process.returncode or account["refused"]:
        raise SystemExit(f"sluice publish: {account}")
    return account["accepted"]


def inspect(data):
    """What the partitions' stores hold."""
    command = [BINARY, "inspect", "--records", "0", "--format", "json", str(data)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return [partition["store"] for partition in json.loads(done.stdout)["partitions"]]


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
