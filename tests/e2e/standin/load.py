# SPDX-License-Identifier: Apache-2.0
"""Load that goes on as long as a test needs it, and is known to the last event."""
import threading

import compare

FULL = {"tables": ["public.orders", "public.items", "sales.customers"],
        "operations": ["INSERT", "UPDATE", "DELETE", "TRUNCATE"], "events": 800, "stack_depth": 40, "write_depth": 20,
        "events_per_run": 500, "gc_ms": 20, "churn": 4, "fail_attempts": 1, "fail_every": 41, "end": "stop"}


class Load:
    """
    Runs one after the other at full speed, until finish() is called: two pipelines at once, with faults. Every run has sources
    of its own, so that its durations can be compared by themselves.
    """

    def __init__(self, worker, name="load", **order):
        self.worker, self.name, self.order = worker, name, {**FULL, **order}
        self.runs, self.sources, self.error = [], [], None
        self.enough = threading.Event()
        self.thread = threading.Thread(target=self._work, daemon=True)

    def _work(self):
        try:
            while not self.enough.is_set():
                sources = [f"postgres-{self.name}-{len(self.runs)}{letter}" for letter in "ab"]
                self.sources += sources
                self.runs.append(self.worker.start(sources=sources, **self.order))
                self.worker.wait(id=self.runs[-1])
        except Exception as error:  # told where it is waited for
            self.error = error

    def begin(self):
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.enough.set()
        if self.thread.is_alive():
            self.thread.join()

    def finish(self):
        """Lets the run end that is on its way. The ids of all."""
        self.__exit__()
        if self.error:
            raise self.error
        assert self.runs, "no load"
        return self.runs


def exact(observer, worker, load, **drops):
    """All of it was counted and timed, once; nothing was dropped but for these reasons. The scrape."""
    runs = load.finish()
    scrape = compare.counters(observer, worker)
    with compare.explained(observer, worker.pid):
        compare.no_drops(scrape, **drops)
        for run in runs:
            compare.durations(scrape, worker, run)
        compare.states(scrape, worker)
    return scrape
