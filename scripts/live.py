# SPDX-License-Identifier: Apache-2.0
"""A stand-in worker and an observer that run side by side, and what both say."""

import ctypes
import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

START_GUARD_S = 60
_SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$')
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_PR_SET_PDEATHSIG = 1


class LiveError(Exception):
    pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(port, path, body=None):
    """The text of an answer of a server on this machine. No proxy is asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    data = None if body is None else json.dumps(body).encode()
    with opener.open(f"http://127.0.0.1:{port}{path}", data=data, timeout=150) as answer:
        return answer.read().decode()


def parse(text):
    """{(name, frozenset of labels): value} of an exposition."""
    samples = {}
    for line in text.splitlines():
        match = None if line.startswith("#") else _SAMPLE.match(line)
        if match:
            labels = frozenset(_LABEL.findall(match.group(2) or ""))
            samples[match.group(1), labels] = float(match.group(3))
    return samples


def _die_with_parent():
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Program:
    """A child that ends when this process does, whichever way."""

    def __init__(self, name, command, **options):
        self.name = name
        # Ctrl-C on a terminal goes to the whole group: who stops first is decided here.
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True,
                                        preexec_fn=_die_with_parent, **options)

    def check(self):
        status = self.process.poll()
        if status is not None:
            raise LiveError(f"{self.name} ended by itself, status {status}")

    def stop(self):
        """Exit status after SIGTERM; a program that does not end is killed."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(START_GUARD_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "killed: it did not end"


class Worker(Program):
    """The stand-in, with one run that does nothing until it is fed."""

    def __init__(self, binary, spec):
        super().__init__("the stand-in worker", [binary, "-listen", "127.0.0.1:0"],
                         stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise LiveError(f"{binary} did not start")
        self.port = json.loads(line)["port"]
        fetch(self.port, "/run", {**spec, "events": 0, "end": "hold"})

    def feed(self, events):
        fetch(self.port, "/feed", {"events": events})

    def drain(self):
        fetch(self.port, "/wait?phase=drained")

    def samples(self):
        return parse(fetch(self.port, "/metrics"))


class Observer(Program):
    def __init__(self, binary):
        self.port = free_port()
        super().__init__("philoscope", [binary, "--identity.pid", "--state.dir=none", f"--web.listen-address=127.0.0.1:{self.port}"],
                         stdout=sys.stderr)

    def text(self):
        return fetch(self.port, "/metrics")

    def page(self, accept):
        """The Content-Type and the text that a client gets who accepts this."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/metrics", headers={"Accept": accept})
        with opener.open(request, timeout=150) as answer:
            return answer.headers["Content-Type"], answer.read().decode()

    def samples(self):
        return parse(self.text())

    def wait_for(self, condition, what):
        """The first samples for which condition holds."""
        limit = time.monotonic() + START_GUARD_S
        while time.monotonic() < limit:
            self.check()
            try:
                samples = self.samples()
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                samples = {}
            if samples and condition(samples):
                return samples
            time.sleep(0.1)
        raise LiveError(f"philoscope: no {what} after {START_GUARD_S} s")


def shows(worker):
    """True once the pipeline of this worker has a state: then everything is attached and counts."""
    def condition(samples):
        return any(name == "philotes_cdc_pipeline_state" and ("pid", str(worker.process.pid)) in labels
                   for name, labels in samples)
    return condition
