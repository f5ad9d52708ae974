# SPDX-License-Identifier: Apache-2.0
"""The programs under test as objects: started with the test, ended with it, whatever happens."""
import contextlib
import http.client
import json
import os
import pathlib
import random
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

from exposition import Samples

ROOT = pathlib.Path(__file__).resolve().parents[3]
PHILOSCOPE = os.environ.get("PHILOSCOPE", str(ROOT / "build/philoscope"))
FIXTURES = pathlib.Path(os.environ.get("PHILOSCOPE_FIXTURES", str(ROOT / "build/fixtures")))
HANG_GUARD = 120  # seconds; no expectation, only the end of all patience


class Skip(Exception):
    """The test can't run here; the reason is printed and counted."""


def fixture(name):
    path = FIXTURES / name
    if not path.exists():
        raise Skip(f"no fixture {name}")
    return str(path)


def until(condition, what):
    """Waits for a condition that something else will make true."""
    deadline = time.monotonic() + HANG_GUARD
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"{what} did not come within {HANG_GUARD} s")


def free_ports(count):
    """Different ones that nobody listens on, and that no connection is given by the kernel before somebody does."""
    first = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    found = {}
    while len(found) < count:
        port = random.randrange(first // 2, first)
        with contextlib.suppress(OSError):
            found.setdefault(port, socket.create_server(("127.0.0.1", port)))
    for probe in found.values():
        probe.close()
    return list(found)


def fetch(port, path, data=None):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", data, timeout=HANG_GUARD) as answer:
        return answer.read().decode()


def all_collectors_off(but=()):
    """A flag for each family that philoscope knows, but for these."""
    text = subprocess.run([PHILOSCOPE, "--help"], check=True, capture_output=True, text=True).stdout
    return [word for word in text.split() if word.startswith("--no-collector.") and word.split(".")[1] not in but]


# Mounts each of the pairs of its arguments in a mount namespace of its own, and becomes the command behind them.
SHOW = ("unshare", "--mount", "sh", "-ec", """
    mount -t tmpfs none /run; mount -t tmpfs none /var/log
    while [ "$1" != -- ]; do mkdir -p "$1"; mount --bind "$2" "$1"; shift 2; done
    shift; exec "$@"
""", "sh")


def here(command, env=None, shown=None, **more):
    """A program as a child of the tests; env: set beside what is there; shown: folders that it sees elsewhere, {there: here}."""
    if shown:
        command = [*SHOW, *(str(path) for pair in shown.items() for path in pair), "--", *command]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})},
                            **more)


class Program:
    """A process whose standard error is kept."""

    # How it is started; another way is called as this one is, and gives something to be used as a Popen.
    launch = staticmethod(here)

    def __init__(self, command, env=None, stdout=subprocess.PIPE, **more):
        self.process = self.launch(command, env, stdout=stdout, **more)
        self.log = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.log.append(line)

    @property
    def pid(self):
        return self.process.pid

    def logged(self, text):
        return any(text in line for line in list(self.log))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()


class Philoscope(Program):
    """philoscope, whatever it is to do. Where tests want it elsewhere, it is this class that is told how to launch it."""


class Observer(Philoscope):
    """philoscope on a free port. Series carry the pid, so that other Philotes processes of the host do not matter."""

    def __init__(self, *flags, env=None, identity_pid=True, state="none", binary=PHILOSCOPE, command=(), shown=None):
        """Nothing outlives it unless a state directory is given."""
        identity = ["--identity.pid"] if identity_pid else []
        super().__init__([*command, binary, "--web.listen-address=127.0.0.1:0", f"--state.dir={state}", *identity, *flags],
                         env, stdout=subprocess.DEVNULL, shown=shown)

    def __enter__(self):
        until(lambda: self.logged("serving on port") or self.process.poll() is not None, "philoscope")
        assert self.process.poll() is None, f"philoscope did not start: {''.join(self.log)}"
        line = next(line for line in self.log if "serving on port" in line)
        self.port = int(line.split("serving on port ")[1].split('"')[0])
        return self

    def sees(self, pid, state="attached"):
        """Waits until the process has been looked at."""
        until(lambda: any(f"process {pid} is philotes" in line and f": {state}" in line
                          for line in list(self.log)), f"target {pid} {state}")
        return self

    def scrape(self):
        return Samples(fetch(self.port, "/metrics"))

    def stop(self):
        self.process.terminate()
        return self.process.wait(HANG_GUARD)


class Worker(Program):
    """The stand-in worker."""

    def __init__(self, binary=None, *flags, env=None, command=()):
        super().__init__([*command, binary or fixture("worker-1.25"), *flags],
                         {"GODEBUG": "adaptivestackstart=0", **(env or {})})

    def __enter__(self):
        ready = json.loads(self.process.stdout.readline())
        self.port, self.worker_pid, self.runs = ready["port"], ready["pid"], []
        return self

    @property
    def pid(self):
        return self.worker_pid

    def fetch(self, path, data=None):
        return fetch(self.port, path, data)

    def get(self, path):
        return json.loads(self.fetch(path))

    def post(self, path, **body):
        return json.loads(self.fetch(path, json.dumps(body).encode()))

    def start(self, **order):
        self.runs.append(self.post("/run", **order)["id"])
        return self.runs[-1]

    def wait(self, **query):
        """A pipeline tells of a new state a moment after it is in it: that is waited for, too."""
        answer = self.get("/wait?" + "&".join(f"{k}={v}" for k, v in query.items()))
        if "state" in query:
            of = {"source": query["source"]} if "source" in query else {}
            until(lambda: query["state"] in self.oracle().select("philotes_cdc_pipeline_state", **of).values(), f"state {query}")
        return answer

    def run(self, **order):
        """Runs to the end; the lanes of the summary."""
        return self.wait(id=self.start(**order))["lanes"]

    def stamps(self, run):
        return self.get(f"/stamps?id={run}")["sources"]

    def held_up(self, of="events"):
        """The longest that lay between outer and inner stamps of anything, in seconds: more than a moment is a machine that did something else."""
        rows = [row for run in self.runs for row in self.get(f"/stamps?id={run}&of={of}&raw=1")["sources"]]
        return max((outer - inner for row in rows for inner, outer in row.get("raw", [])), default=0) / 1e9

    def oracle(self):
        return Samples(self.fetch("/metrics"))

    def exec(self, binary):
        """The process becomes another program; what ran in it is gone without an end."""
        try:
            self.fetch("/exec", str(binary).encode())
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError):
            pass  # it has no answer
        return self.__enter__()

    def stop(self):
        """A good end; what was printed behind the first line."""
        self.process.terminate()
        rest = self.process.stdout.read()
        return self.process.wait(HANG_GUARD), rest


class Api(Program):
    """The stand-in API server. Its oracle is read on a port of its own, so that reading counts nothing."""

    def __init__(self, binary=None, *flags, env=None):
        super().__init__([binary or fixture("api-1.25"), *flags], {"GODEBUG": "adaptivestackstart=0", **(env or {})})

    def __enter__(self):
        ready = json.loads(self.process.stdout.readline())
        self.port, self.http, self.https = ready["port"], ready["http"], ready["https"]
        return self

    def oracle(self):
        """When all handlers have returned."""
        until(lambda: Samples(fetch(self.port, "/metrics")).total("philotes_api_requests_in_flight") == 0,
              "the end of all handlers")
        return Samples(fetch(self.port, "/metrics"))

    def stamps(self):
        return json.loads(fetch(self.port, "/stamps"))["requests"]

    def held(self, name, count):
        """Waits until so many handlers wait under this name."""
        fetch(self.port, f"/held?name={name}&count={count}")

    def open(self, name):
        fetch(self.port, f"/open?name={name}", b"")

    def load(self, count, *requests, connections=1, flags=()):
        """Sends exactly so many requests, of these kinds in turn; how many answers came, by status."""
        port = self.https if "-http2" in flags else self.http
        done = subprocess.run([fixture("load"), f"-address=127.0.0.1:{port}", f"-n={count}", f"-c={connections}", *flags,
                               *requests], stdout=subprocess.PIPE, check=False, timeout=HANG_GUARD * (1 + count // 100000))
        answer = json.loads(done.stdout)
        assert not answer["errors"], f"load: {answer['errors'][:3]}"
        return {int(status): n for status, n in answer["status"].items()}

    def stop(self):
        self.process.terminate()
        return self.process.wait(HANG_GUARD)
