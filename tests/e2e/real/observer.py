# SPDX-License-Identifier: Apache-2.0
"""The observer as a process, and a reader of what it exposes.

The reader is written from the text exposition format (version 0.0.4), not from the observer.
"""

import json
import os
import re
import subprocess
import urllib.error
import urllib.request

from util import DEADLINE_S, Process, Timeout, free_port, wait_for

_ATTACH_DEADLINE_S = 30.0
_SAMPLE = re.compile(r"^([A-Za-z_:][A-Za-z0-9_:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$")
_LABEL = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"\s*,?\s*')
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def _unescape(text):
    return re.sub(r'\\[\\"n]', lambda match: _ESCAPES[match.group()], text)


def parse_exposition(text):
    """[(name, labels, value)]; a line that is neither a comment nor a sample raises ValueError."""
    samples = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        match = _SAMPLE.match(line)
        if not match:
            raise ValueError(f"not a sample: {line!r}")
        labels = {name: _unescape(value) for name, value in _LABEL.findall(match.group(2) or "")}
        samples.append((match.group(1), labels, float(match.group(3))))
    return samples


class Scrape:
    """One answer of /metrics; a series that occurs twice in it raises ValueError."""

    def __init__(self, text):
        self.samples = parse_exposition(text)
        seen = set()
        for name, labels, _ in self.samples:
            series = (name, frozenset(labels.items()))
            if series in seen:
                raise ValueError(f"twice in one scrape: {name}{labels}")
            seen.add(series)

    def select(self, name, **labels):
        """[(labels, value)] of the series whose labels contain `labels`."""
        return [(have, value) for series, have, value in self.samples
                if series == name and labels.items() <= have.items()]

    def value(self, name, **labels):
        """The value of the only such series; None without one, ValueError with several."""
        found = self.select(name, **labels)
        if len(found) > 1:
            raise ValueError(f"{name}{labels}: {len(found)} series")
        return found[0][1] if found else None

    def total(self, name, **labels):
        return sum(value for _, value in self.select(name, **labels))

    def has_family(self, name):
        return any(series == name for series, _, _ in self.samples)

    def events(self, source, service="worker"):
        """{(table, operation): events}."""
        return {(labels.get("table"), labels.get("operation")): int(value) for labels, value
                in self.select("philotes_cdc_events_total", source=source, service=service)}

    def state(self, source):
        return self.value("philotes_cdc_pipeline_state", source=source, service="worker")


class Observer:
    """A running observer; it is ready when it answers its first scrape."""

    def __init__(self, binary, folder, name, *flags):
        self._port = free_port()
        self.process = Process([binary, f"--web.listen-address=127.0.0.1:{self._port}", "--state.dir=none", *flags],
                               os.path.join(folder, f"observer_{name}.log"))
        try:
            wait_for("the observer answers", self._answers)
        except BaseException:
            self.process.stop()
            raise

    def _answers(self):
        if self.process.exit_code() is not None:
            raise RuntimeError("the observer ended:\n" + self.process.tail())
        try:
            self.scrape()
            return True
        except (OSError, urllib.error.URLError):
            return False

    def scrape(self):
        url = f"http://127.0.0.1:{self._port}/metrics"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return Scrape(answer.read().decode())

    def wait(self, what, condition, deadline_s=DEADLINE_S):
        """Until condition(scrape) is true; returns that scrape."""
        def seen():
            if self.process.exit_code() is not None:
                raise RuntimeError("the observer ended:\n" + self.process.tail())
            scrape = self.scrape()
            return scrape if condition(scrape) else None
        try:
            return wait_for(what, seen, deadline_s)
        except Timeout as error:
            raise Timeout(f"{error}; targets {self._targets()}; the observer said:\n"
                          + self.process.tail()) from None

    def _targets(self):
        return [(labels, value) for labels, value in self.scrape().select("philoscope_targets")]

    def wait_attached(self, pair):
        """Until this worker's events are counted.

        A state that is shown was read by a probe of this very pipeline (its ticks pass one), and an
        image counts with all its probes or none.
        """
        return self.wait("the pipeline's state", lambda s: s.state(pair.source_label) is not None,
                         _ATTACH_DEADLINE_S)

    def wait_found(self, pid):
        """Until it says what has become of this process."""
        self.wait(f"process {pid} is a target", lambda _: f"process {pid} is philotes-" in self.process.output())

    def stop(self):
        return self.process.stop()


def inspect(observer, binary):
    """The answer of `inspect --json`, or None with the reason."""
    run = subprocess.run([observer, "inspect", binary, "--json"], capture_output=True, text=True,
                         timeout=120)
    if run.returncode:
        return None, f"exit code {run.returncode}: {run.stderr.strip()[:200]}"
    try:
        return json.loads(run.stdout), ""
    except ValueError as error:
        return None, f"not JSON: {error}"
