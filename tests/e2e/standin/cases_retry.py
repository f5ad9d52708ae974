# SPDX-License-Identifier: Apache-2.0
"""What was not read in time is read later: an executable, and whom a process talks to."""
import os
import pathlib
import shutil
import signal
import threading

import compare
import programs
from programs import Observer, Worker, fixture, until
from traffic import Client, Peer, Socketed, buffer_at, echo

TOOLS = pathlib.Path(os.environ.get("PHILOSCOPE_TOOLS", str(programs.ROOT / "build/tools")))
QUICK = {"LD_PRELOAD": str(TOOLS / "quick_rescan.so")}


class Stopped:
    """Children of the observer with this command are stopped as soon as they begin, until there is enough of that."""

    def __init__(self, observer, command):
        self.children = pathlib.Path(f"/proc/{observer.pid}/task/{observer.pid}/children")
        self.command, self.pids, self.enough = command, set(), threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while not self.enough.is_set():
            for pid in self.children.read_text(encoding="utf-8").split():
                if pid not in self.pids and self._is_meant(pid):
                    self._stop(pid)

    def _is_meant(self, pid):
        try:
            return self.command in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            return False

    def _stop(self, pid):
        try:
            os.kill(int(pid), signal.SIGSTOP)
            self.pids.add(pid)
        except ProcessLookupError:
            pass  # it was quicker

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.enough.set()
        self.thread.join()


def reasons(observer, metric):
    return {dict(key)["reason"] for key, value in observer.scrape().select("philoscope_probe_info", metric=metric).items() if value}


def missed(observer, server):
    """Whether the first child was quicker than the test; if not, all is looked at."""
    with Client(env=buffer_at(server.port)) as client:
        with Stopped(observer, b"peers-child"):
            observer.sees(client.pid)
            if "environment_unreadable" not in reasons(observer, "philotes_socket_sent_bytes_total"):
                return True
            connection = client.dial(server.port)
            for what in ("write", "read"):
                client.do(what, id=connection, bytes=100)
            assert Socketed(observer.scrape(), client.pid).bytes("other") == (100, 100)
        until(lambda: "environment_unreadable" not in reasons(observer, "philotes_socket_sent_bytes_total"), "the environment")
        for what in ("write", "read"):
            client.do(what, id=connection, bytes=50)
        seen = Socketed(observer.scrape(), client.pid)
        assert (seen.bytes("other"), seen.bytes("buffer")) == ((100, 100), (50, 50))
        assert (seen.value("open", "other"), seen.value("open", "buffer")) == (0, 1)
        client.do("close", id=connection)
    return False


def case_an_environment_that_is_late(_):
    """Bytes have no role until it is known whom the process talks to; from then on they have, on a connection that is open, too."""
    with Peer(echo) as server, Observer(env=QUICK) as observer, Worker() as first:
        observer.sees(first.pid)
        first.stop()
        assert any(not missed(observer, server) for _ in range(20)), "no child was stopped in time"


def first_verdict(observer, pid):
    """What was said of a process when it was looked at for the first time."""
    line = until(lambda: next((line for line in list(observer.log) if f"process {pid} is philotes" in line), None), "a verdict")
    return "refused" if ": refused" in line else "attached"


def is_refused_at_first(observer, path):
    """Whether the inspector was late; if not, the child was quicker than the test. The worker is counted in the end, either way."""
    with Stopped(observer, b"inspect-child") as stopped, Worker(path) as worker:
        verdict = first_verdict(observer, worker.pid)
        stopped.enough.set()
        observer.sees(worker.pid)
        worker.run(events=25)
        compare.no_drops(compare.counters(observer, worker))
    return verdict == "refused"


def copies(folder):
    """Workers that are different files, each of which is inspected."""
    for number in range(20):
        path = folder / f"worker-{number}"
        shutil.copy(fixture("worker-1.25"), path)
        with open(path, "ab") as file:
            file.write(b"%d" % number)
        yield path


def case_an_inspection_that_is_late(folder):
    with Observer(env=QUICK) as observer:
        assert any(is_refused_at_first(observer, path) for path in copies(folder)), "no child was stopped in time"
