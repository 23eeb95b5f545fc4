"""A server under measurement: started, watched through the operating system, ended.

In:   a command line and the URL that answers once the server is ready.
Out:  CPU seconds, resident bytes, bytes on disk.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import urllib.request

TICKS = os.sysconf("SC_CLK_TCK")
READY_SECONDS = 30


class Server:
    def __init__(self, process, folder):
        self.process, self.folder = process, pathlib.Path(folder)

    def cpu_seconds(self):
        """User and system time of all its threads (proc(5), fields 14 and 15 of stat)."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident_bytes(self, kind="VmRSS"):
        """`RssAnon` instead is without the pages of mapped files, which the system may drop."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(f"{kind}:"))

    def disk_bytes(self):
        return sum(path.stat().st_blocks * 512 for path in files(self.folder))

    def settled_cpu_seconds(self, quiet=1.5):
        """CPU seconds once it has stopped working for what was sent: less than 3 % of a core for a while."""
        before = self.cpu_seconds()
        while True:
            time.sleep(quiet)
            now = self.cpu_seconds()
            if now - before < 0.03 * quiet:
                return now
            before = now


def files(folder):
    return (path for path in pathlib.Path(folder).rglob("*") if path.is_file() and not path.is_symlink())


def file_bytes(folder):
    """What was written: blocks of the file system would count small files several times."""
    return sum(path.stat().st_size for path in files(folder))


@contextlib.contextmanager
def serving(command, ready_url, data=None):
    """`{data}` in the command is the folder `data`, else a fresh one, which goes when the server does."""
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        data = data or f"{folder}/data"
        log = open(pathlib.Path(folder, "log"), "wb")
        words = [word.replace("{data}", str(data)) for word in command]
        process = subprocess.Popen(words, stdout=log, stderr=log)
        try:
            wait_ready(process, ready_url, log.name)
            yield Server(process, data)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_ready(process, url, log):
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(url, timeout=1):
                return
        time.sleep(0.1)
    raise SystemExit(f"{process.args[0]} is not ready: {pathlib.Path(log).read_text()[-500:]}")
