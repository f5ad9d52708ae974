# SPDX-License-Identifier: Apache-2.0
"""The audit: 0 as long as everything is counted, and more as soon as something is not."""
import contextlib
import os
import pathlib
import subprocess

import compare
import programs
from cases_cli import OK, philoscope
from cases_worker import ALL_ENDS, TWO, batch_order
from containers import bpffs
from programs import Observer, Skip, Worker, until

TOOLS = pathlib.Path(os.environ.get("PHILOSCOPE_TOOLS", str(programs.ROOT / "build/tools")))
DRIFT, AGE = "philoscope_audit_drift", "philoscope_audit_age_seconds"
CDC = ("events", "events_buffered", "source_errors")
BATCHES = ("batches", "dlq", "events_processed")


def drifts(observer, pid, source):
    """{counter: drift} of a pipeline or batch processor."""
    return {dict(key)["counter"]: value for key, value in observer.scrape().select(DRIFT, pid=str(pid), source=source).items()}


@contextlib.contextmanager
def skipping(state, site, every):
    """Every so many hits of a site of the only image count nothing."""
    tool = TOOLS / "skip_hits"
    if not tool.exists():
        raise Skip(f"no {tool}")
    (dispatch,) = pathlib.Path(state).glob("image_*/dispatch")
    with subprocess.Popen([tool, dispatch, site, str(every)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "skipping\n", "the program could not be replaced"
            yield
        finally:
            process.stdin.close()


@contextlib.contextmanager
def pinned(folder):
    """The state of an observer, in which its programs are found, the observer, and a worker that it sees."""
    folder.mkdir()
    with bpffs(folder) as mount:
        state = f"{mount}/philoscope"
        with Observer(state=state) as observer, Worker() as worker:
            observer.sees(worker.pid)
            yield state, observer, worker
        assert philoscope("reset", f"--state.dir={state}").returncode == OK


def feed(worker, source, events, skips=contextlib.nullcontext()):
    """Events with a checkpoint tick behind them, which compares."""
    order = {"sources": [source], "events": 0, "end": "hold", "checkpoint": {"ms": 20}}
    run = worker.start(**order)
    worker.wait(id=run, source=source, state=1)
    with skips:
        worker.post("/feed", id=run, source=source, events=events)
        worker.wait(id=run, phase="drained")
    return run


def case_no_drift_beside_errors_retries_and_pauses(_):
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        order = {"events": 400, "fail_every": 5, "fail_attempts": 2, "permanent_every": 7, "end": "error", "stack_depth": 20,
                 "gc_ms": 5, "checkpoint": {"ms": 10, "fail_every": 2}}
        sources = [f"postgres-{i}" for i in range(3)]
        run = worker.start(sources=sources, **order)
        worker.wait(id=run)
        for source in sources:
            seen = drifts(observer, worker.pid, source)
            assert seen == dict.fromkeys(CDC, 0), f"{source}: {seen}"
        compare.counters(observer, worker)


def case_what_is_not_counted_shows_as_drift(folder):
    for every, missed in ((100, 5), (1, 500)):
        with pinned(folder / str(every)) as (state, observer, worker):
            source = f"postgres-every-{every}"
            feed(worker, source, 500, skipping(state, "cdc_event", every))
            expected = {"events": missed, "events_buffered": missed, "source_errors": 0}
            until(lambda: drifts(observer, worker.pid, source) == expected,  # pylint: disable=cell-var-from-loop
                  f"a drift of {missed}")
            total = observer.scrape().total(compare.EVENTS, pid=str(worker.pid))
            assert total == 500 - missed, f"{total} events counted"


def case_no_drift_beside_batches_of_all_kinds(_):
    """Three totals of each batch processor, whatever becomes of its batches."""
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        worker.wait(id=worker.start(**{**batch_order(ALL_ENDS), "end": "hold"}))
        for source in TWO:
            until(lambda s=source: drifts(observer, worker.pid, s) == dict.fromkeys(BATCHES, 0), f"a comparison of {source}")


def case_batches_that_are_not_counted_show_as_drift(folder):
    """Without the end of batches, and without the writes of dead letters."""
    script = [{"rows": [7]}, {"rows": [9], "faults": [{"at": "handler", "how": "fail", "times": 3}]}]
    for site, expected in (("buffer_end", {"batches": 5, "events_processed": 35, "dlq": 0}),
                           ("buffer_dlq", {"batches": 0, "events_processed": 0, "dlq": 45})):
        with pinned(folder / site) as (state, observer, worker):
            source = f"postgres-without-{site}"
            run = worker.start(**{**batch_order([{"rows": [1]}], processors=[source], repeat=1), "end": "hold"})
            worker.wait(id=run)
            with skipping(state, site, 1):
                worker.post("/batch", id=run, source=source, script=script, repeat=5)
                worker.wait(id=run)
            until(lambda: drifts(observer, worker.pid, source) == expected,  # pylint: disable=cell-var-from-loop
                  f"a drift of {expected}")


def case_a_late_observer_audits_what_comes(_):
    with Worker() as worker:
        run = feed(worker, "postgres-late", 300)
        with Observer() as observer:
            observer.sees(worker.pid)
            worker.post("/feed", id=run, source="postgres-late", events=200)
            worker.wait(id=run, phase="drained")
            until(lambda: drifts(observer, worker.pid, "postgres-late") == dict.fromkeys(CDC, 0), "a comparison")
            ages = observer.scrape().select(AGE, pid=str(worker.pid))
            assert len(ages) == len(CDC) and all(age >= 0 for age in ages.values()), ages
