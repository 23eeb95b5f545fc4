"""Prometheus as Debian packages it: blocks made by promtool, and one server on loopback that takes remote writes."""

import http.client
import pathlib
import shutil
import struct
import subprocess
import tempfile

import numpy

from server import serving

PORT = 28429
LITERAL_BYTES = 1 << 16


def need():
    for program in ("prometheus", "promtool"):
        if not shutil.which(program):
            raise SystemExit(f"{program} is not installed: apt-get install prometheus")


def blocks(lines, folder):
    """Blocks of a day, as compaction leaves them, from OpenMetrics text."""
    need()
    with tempfile.NamedTemporaryFile("w", suffix=".om", dir=pathlib.Path(folder).parent) as text:
        text.writelines(lines)
        text.write("# EOF\n")
        text.flush()
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=24h", "--quiet",
                   text.name, str(folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def server():
    need()
    command = ["prometheus", "--config.file=/dev/null", "--storage.tsdb.path={data}", "--log.level=error",
               "--web.enable-remote-write-receiver", f"--web.listen-address=127.0.0.1:{PORT}"]
    return serving(command, f"http://127.0.0.1:{PORT}/-/ready")


def write(series, seconds, per_request=1_000):
    """Remote writes of (labels, values), whose values are those of `seconds`, over one connection; how many samples."""
    samples = SamplesOf(seconds)
    connection, body, waiting, sent = http.client.HTTPConnection("127.0.0.1", PORT, timeout=600), [], 0, 0
    for labels, values in series:
        body.append(message(1, b"".join(map(label, sorted(labels.items()))) + samples.encode(values)))
        sent += len(values)
        waiting += 1
        if waiting == per_request:
            post(connection, b"".join(body))
            body, waiting = [], 0
    if body:
        post(connection, b"".join(body))
    return sent


def post(connection, body):
    headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf",
               "X-Prometheus-Remote-Write-Version": "0.1.0"}
    connection.request("POST", "/api/v1/write", snappy(body), headers)
    answer = connection.getresponse()
    why = answer.read()
    if answer.status // 100 != 2:
        raise SystemExit(f"prometheus refuses samples: {answer.status} {why[:200]}")


class SamplesOf:
    """TimeSeries.samples for the same times again and again: only the eight bytes of each value differ."""

    def __init__(self, seconds):
        times = [b"\x10" + varint(second * 1000) for second in seconds]
        one = [b"\x12" + varint(9 + len(time)) + b"\x09" + bytes(8) + time for time in times]
        self.template = numpy.frombuffer(b"".join(one), dtype=numpy.uint8).reshape(len(seconds), -1).copy()
        self.at = one[0].index(b"\x09", 2) + 1

    def encode(self, values):
        self.template[:, self.at:self.at + 8] = numpy.asarray(values, "<f8").view(numpy.uint8).reshape(-1, 8)
        return self.template.tobytes()


def label(pair):
    name, value = (word.encode() for word in pair)
    return message(1, message(1, name) + message(2, value))


def message(field, body):
    return bytes([field << 3 | 2]) + varint(len(body)) + body


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def snappy(body):
    """Snappy's format without any compression: literals of 64 KiB, each behind tag 61 and its length less one."""
    parts = (body[at:at + LITERAL_BYTES] for at in range(0, len(body), LITERAL_BYTES))
    return varint(len(body)) + b"".join(b"\xf4" + struct.pack("<H", len(part) - 1) + part for part in parts)
