# SPDX-License-Identifier: Apache-2.0
"""Every metric of the worker, row by row, against the stand-in's own registry and the driver's stamps."""
import json
import subprocess
from itertools import accumulate

import compare
from programs import PHILOSCOPE, Observer, Worker, fixture, until

# What the oracle has exactly. Gauges of time and durations are bracketed instead.
CDC = ["cdc_events_total", "cdc_errors_total", "cdc_retries_total", "cdc_pipeline_state", "cdc_pauses_total", "cdc_checkpoints_total",
       "cdc_event_lag_seconds_count"]
TWO = ["postgres-shop", "postgres-crm"]


def rows(scrape, worker, names):
    """Series by series as the oracle has them: none more, none less, the same values."""
    oracle = worker.oracle()
    for name in names:
        full = f"philotes_{name}"
        compare.same(scrape.select(full, drop=("service",), pid=str(worker.pid)), oracle.select(full), full)


def compared(observer, worker, names, **drops):
    scrape = observer.scrape()
    with compare.explained(observer, worker.pid):
        rows(scrape, worker, names)
        compare.no_drops(scrape, **drops)
    return scrape


def observed(names, binary="worker-1.25", drops=None, **order):
    """One run beside an observer from its beginning; scrape, worker and run at its end."""
    with Worker(fixture(binary)) as worker, Observer() as observer:
        observer.sees(worker.pid)
        run = worker.start(**order)
        worker.wait(id=run)
        yield compared(observer, worker, names, **(drops or {})), worker, run


def between(scrape, name, labels, stamps):
    """A histogram lies between the inner and outer stamps of its calls: the sum, and the count under every bound."""
    seen = compare.buckets(scrape, name, **labels)
    inner, outer = (list(accumulate(stamps[side])) for side in ("inner_buckets", "outer_buckets"))
    assert seen[-1] == stamps["events"], f"{name}{labels}: {seen[-1]} durations of {stamps['events']}"
    total = scrape.one(f"{name}_sum", **labels)
    assert stamps["inner_ns"] / 1e9 - 1e-9 <= total <= stamps["outer_ns"] / 1e9 + 1e-9, \
        f"{name}{labels}: sum {total} not within {stamps['inner_ns']}..{stamps['outer_ns']} ns"
    for i, count in enumerate(seen):
        assert outer[i] <= count <= inner[i], f"{name}{labels}: bucket {i} has {count}, not {outer[i]}..{inner[i]}"


def added(stamps):
    """Several rows of stamps as one."""
    sums = {key: sum(row[key] for row in stamps) for key in ("events", "inner_ns", "outer_ns")}
    for key in ("inner_buckets", "outer_buckets"):
        sums[key] = [sum(column) for column in zip(*(row[key] for row in stamps))]
    return sums


def stamps_of(worker, run, of):
    return worker.get(f"/stamps?id={run}&of={of}")["sources"]


# ---- where the probes are ----

PER_EVENT = ["cdc_event", "cdc_event_end"]


def inspected(binary):
    done = subprocess.run([PHILOSCOPE, "inspect", "--json", binary], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def case_every_site_is_of_the_cheap_class(_):
    """On the path of an event two sites, and no site anywhere that the kernel has to single-step."""
    for name in ("worker-1.23", "worker-1.24", "worker-1.25", "worker-1.25-pie", "worker-1.25-old", "worker-1.26", "worker-1.27"):
        sites = {site["site"]: site for site in inspected(fixture(name))["sites"]}
        attached = {name: site for name, site in sites.items() if site["state"] == "attach"}
        assert set(PER_EVENT) <= set(attached), f"{name}: {attached.keys()}"
        stepped = [site["site"] for site in attached.values() if site["cost"] != "emulated"]
        assert not stepped, f"{name}: {stepped} are stepped"


# ---- errors and retries ----

def case_buffer_fails_and_then_succeeds(_):
    """Each attempt that fails is an error, each back-off a retry, and an event that is tried again counts again."""
    for binary in ("worker-1.25", "worker-1.25-old"):
        for scrape, worker, _run in observed(CDC, binary, sources=TWO, events=60, fail_attempts=2, fail_every=3):
            assert scrape.total("philotes_cdc_errors_total", pid=str(worker.pid), error_type="buffer") == 80


def case_retries_exhausted_and_not_retryable(_):
    for binary in ("worker-1.25", "worker-1.25-old"):
        for scrape, worker, _run in observed(CDC, binary, events=90, fail_attempts=3, fail_every=5, permanent_every=7):
            summary = worker.get("/summary")
            assert "lost" in json.dumps(summary)
            errors = scrape.one("philotes_cdc_errors_total", pid=str(worker.pid), error_type="buffer", source="postgres-shop")
            retries = scrape.one("philotes_cdc_retries_total", pid=str(worker.pid), source="postgres-shop")
            assert errors == 12 + 3 * 16 and retries == 2 * 16, f"{errors} errors, {retries} retries"


def case_source_fails(_):
    """Run gives up once; the state goes over failed to stopped."""
    for binary in ("worker-1.25", "worker-1.25-old"):
        for scrape, worker, _run in observed(CDC, binary, sources=TWO, events=5, end="error"):
            assert scrape.total("philotes_cdc_errors_total", pid=str(worker.pid), error_type="source") == 2


# ---- checkpoints ----

def case_checkpoints(_):
    """Saves that succeed and fail, lasting the middle of buckets; a tick without anything new saves nothing."""
    for scrape, worker, run in observed(CDC, sources=TWO, events=300, rate=1000, end="stop",
                                        checkpoint={"ms": 1, "fail_every": 3, "hold_buckets": [0, 1, 2, 3]}):
        stamps = stamps_of(worker, run, "checkpoints")
        for source in TWO:
            mine = added([row for row in stamps if row["source"] == source])
            assert mine["events"] > 4, f"{mine['events']} saves"
            between(scrape, "philotes_cdc_checkpoint_duration_seconds", {"pid": str(worker.pid), "source": source}, mine)


# ---- pauses ----

def paused_seconds(observer, worker):
    return observer.scrape().select("philotes_cdc_paused_seconds_total", drop=("service",), pid=str(worker.pid))


def case_pauses(_):
    """Back-pressure pauses and resumes one of two sources; the running pause counts while it lasts."""
    with Worker() as worker, Observer() as observer:
        observer.sees(worker.pid)
        run = worker.start(sources=TWO, events=3, end="hold", backpressure={"high": 8000, "low": 5000, "check_ms": 1})
        worker.wait(id=run)
        for _ in range(5):
            worker.post("/size", id=run, source=TWO[0], size=9000)
            worker.wait(id=run, source=TWO[0], state=2)
            worker.post("/size", id=run, source=TWO[0], size=0)
            worker.wait(id=run, source=TWO[0], state=1)
        compared(observer, worker, CDC)
        key = frozenset({("source", TWO[0])})
        stamps = added([row for row in stamps_of(worker, run, "pauses") if row["source"] == TWO[0]])
        seen = paused_seconds(observer, worker)
        assert set(seen) == {key}, f"paused: {seen}"
        assert stamps["inner_ns"] / 1e9 <= seen[key] <= stamps["outer_ns"] / 1e9, f"paused {seen}, stamps {stamps}"

        # One that lasts goes on and on, and not when the process is gone.
        worker.post("/size", id=run, source=TWO[0], size=9000)
        worker.wait(id=run, source=TWO[0], state=2)
        first, second = (paused_seconds(observer, worker)[key] for _ in range(2))
        assert seen[key] < first < second, f"a pause that lasts: {seen[key]}, {first}, {second}"
        worker.process.kill()
        worker.process.wait()
        until(lambda: observer.scrape().total("philoscope_targets") == 0, "the end of the target")
        last = paused_seconds(observer, worker)
        assert last[key] >= second and paused_seconds(observer, worker) == last, f"{last} is not the end"


def case_pause_before_the_observer(_):
    """It was entered before anyone looked: its time counts from then on, its entry does not."""
    with Worker() as worker:
        run = worker.start(events=3, end="hold", backpressure={"high": 8000, "low": 5000, "check_ms": 5})
        worker.wait(id=run)
        worker.post("/size", id=run, size=9000)
        worker.wait(id=run, state=2)
        with Observer() as observer:
            observer.sees(worker.pid)
            key = frozenset({("source", "postgres-shop")})
            until(lambda: key in paused_seconds(observer, worker), "the pause")
            worker.post("/size", id=run, size=0)
            worker.wait(id=run, state=1)
            seen = paused_seconds(observer, worker)[key]
            whole = added(stamps_of(worker, run, "pauses"))["outer_ns"] / 1e9
            assert 0 < seen < whole, f"{seen} of {whole} s"
            assert paused_seconds(observer, worker)[key] == seen, "it has ended"
            assert not observer.scrape().select("philotes_cdc_pauses_total", pid=str(worker.pid))
