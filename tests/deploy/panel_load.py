# SPDX-License-Identifier: Apache-2.0
"""The load that the dashboards' queries are run on: everything that a panel shows happens, what goes wrong included."""
import atexit
import contextlib
import pathlib
import socket
import tempfile
import time

from programs import Api, Observer, Worker, fixture, until
from queried import Queried
from traffic import Client, Namespace, Peer, echo

SOURCES = ["postgres-shop", "postgres-crm"]
TABLES = ["public.orders", "public.customers", "stock.items"]
# Batches that are good, one that succeeds at the second attempt, and one that is given up, its rows going to the dead letters.
SCRIPT = [{"rows": [40, 10, 5]}, {"rows": [20, 20, 1]}, {"rows": [8], "faults": [{"at": "commit"}]},
          {"rows": [3], "faults": [{"at": "upload", "times": 3}]}]
ORDER = {
    "sources": SOURCES, "tables": TABLES, "operations": ["INSERT", "UPDATE", "DELETE", "TRUNCATE"], "events": 0, "rate": 300,
    "lag_ms": [20, 150, 900], "fail_attempts": 3, "fail_every": 40, "stack_depth": 40, "gc_ms": 200, "end": "hold",
    "backpressure": {"high": 8000, "low": 5000, "check_ms": 20}, "checkpoint": {"ms": 100, "fail_every": 5},
    "batches": {"processors": SOURCES, "script": [], "flush_ms": 20},
}
ROUNDS = 24
ROUND_S = 0.5


class Pipelines:
    """A worker whose pipelines and batch processors do all that they can do."""

    def __init__(self, stack):
        self.program = stack.enter_context(Worker())

    def begin(self):
        self.program.start(**ORDER)

    def one_round(self, number):
        """Events, batches, and a pause of one of the sources."""
        worker, source = self.program, SOURCES[number % 2]
        worker.post("/feed", events=6)
        worker.post("/batch", script=SCRIPT, repeat=1)
        worker.post("/size", source=source, size=9000)
        until(lambda: worker.get(f"/wait?source={source}&state=2") is not None, "a pause")
        worker.post("/size", source=source, size=100)

    def rest(self):
        self.program.get("/wait?phase=drained")


class Incomplete:
    """A worker of which not every metric can be had."""

    def __init__(self, stack):
        self.program = stack.enter_context(Worker(fixture("worker-1.25-old")))

    def begin(self):
        pass

    def one_round(self, number):
        pass

    def rest(self):
        pass


class Requests:
    """Good and bad answers, bodies in both directions, a handler that panics; an odd number, so that all of them are sent."""

    KINDS = ["GET /health", "GET /drive/status/503", "POST /drive/read 5000", "GET /drive/bytes/5000", "GET /drive/panic"]

    def __init__(self, stack):
        self.program = stack.enter_context(Api())

    def begin(self):
        pass

    def one_round(self, number):
        self.program.load(5 * len(self.KINDS), *self.KINDS, connections=2)

    def rest(self):
        pass


class Connections:
    """
    A worker that talks with a peer of each role, and dials a port that nobody listens on. The buffer is behind a network that
    loses a tenth of its packets.
    """

    def __init__(self, stack):
        space = stack.enter_context(Namespace(9))
        buffer = stack.enter_context(Peer(echo, address=(space.far, 0), namespace=space.path))
        source, store, catalog = (stack.enter_context(Peer(echo)).port for _ in range(3))
        space.run("iptables", "-A", "INPUT", "-p", "tcp", "-m", "statistic", "--mode", "random", "--probability", "0.1", "-j", "DROP")
        with socket.create_server(("127.0.0.1", 0)) as closed:
            self.nobody = closed.getsockname()[1]
        self.peers = [(space.far, buffer.port), *(("127.0.0.1", port) for port in (source, store, catalog))]
        self.program = stack.enter_context(Client(env={
            "PHILOTES_DB_HOST": space.far, "PHILOTES_DB_PORT": str(buffer.port),
            "PHILOTES_CDC_SOURCE_HOST": "127.0.0.1", "PHILOTES_CDC_SOURCE_PORT": str(source),
            "PHILOTES_STORAGE_ENDPOINT": f"127.0.0.1:{store}", "PHILOTES_ICEBERG_CATALOG_URL": f"http://127.0.0.1:{catalog}"}))

    def begin(self):
        pass

    def one_round(self, number):
        for host, port in self.peers:
            connection = self.program.dial(port, host=host)
            for what in ("write", "read"):
                self.program.do(what, id=connection, bytes=5000)
            self.program.do("close", id=connection)
        self.program.move("dial", address=f"127.0.0.1:{self.nobody}")

    def rest(self):
        pass


# What becomes of each when the observer sees it. A family that comes adds what its panels show.
PARTS = {Pipelines: "attached", Incomplete: "partial", Requests: "attached", Connections: "attached"}


class Load:
    """Everything beside an observer and Prometheus for some seconds; at its end, `at` is the time of the last scrape."""

    def __init__(self):
        self.stack = contextlib.ExitStack()
        atexit.register(self.stack.close)
        folder = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="philoscope-load-")))
        observer = self.stack.enter_context(Observer())
        parts = {part(self.stack): state for part, state in PARTS.items()}
        self.prometheus = self.stack.enter_context(
            Queried(folder, f"127.0.0.1:{observer.port}", [part.program.pid for part in parts]))
        for part, state in parts.items():
            observer.sees(part.program.pid, state)
            part.begin()
        self.work(parts)
        self.oracle = next(iter(parts)).program.oracle()
        self.at = self.prometheus.scraped_since(time.time())

    def work(self, parts):
        """A rate needs several scrapes of numbers that move: the rounds last as long as that takes."""
        for number in range(ROUNDS):
            until_next = time.monotonic() + ROUND_S
            for part in parts:
                part.one_round(number)
            time.sleep(max(0.0, until_next - time.monotonic()))
        for part in parts:
            part.rest()


def load():
    """One for all tests of this run."""
    if not hasattr(load, "made"):
        load.made = Load()
    return load.made
