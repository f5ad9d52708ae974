# SPDX-License-Identifier: Apache-2.0
"""Every metric of the worker, row by row, against the stand-in's own registry and the driver's stamps."""
import json

import compare
from cases_cli import report_of
from programs import Observer, Worker, fixture, until

# What the oracle has exactly. Gauges of time and durations are bracketed instead.
CDC = ["cdc_events_total", "cdc_errors_total", "cdc_retries_total", "cdc_pipeline_state", "cdc_pauses_total", "cdc_checkpoints_total",
       "cdc_event_lag_seconds_count"]
BUFFER = ["buffer_depth", "buffer_batches_total", "buffer_events_processed_total", "buffer_dlq_total", "buffer_batch_events_bucket",
          "buffer_batch_events_sum", "buffer_batch_events_count"]
ICEBERG = ["iceberg_commits_total", "iceberg_files_written_total", "iceberg_bytes_written_total", "iceberg_rows_written_total",
           "iceberg_failures_total", "iceberg_commit_duration_seconds_count"]
TWO = ["postgres-shop", "postgres-crm"]
# With metrics of its own, and from before it had any: then the age of the oldest event in the buffer is told nowhere.
BOTH = {"worker-1.25": "attached", "worker-1.25-old": "partial"}


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
        observer.sees(worker.pid, BOTH[binary])
        run = worker.start(**order)
        worker.wait(id=run)
        yield compared(observer, worker, names, **(drops or {})), worker, run


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


def case_every_site_is_of_the_cheap_class(_):
    """On the path of an event two sites, and no site anywhere that the kernel has to single-step."""
    for name in ("worker-1.23", "worker-1.24", "worker-1.25", "worker-1.25-pie", "worker-1.25-old", "worker-1.26", "worker-1.27"):
        sites = {site["site"]: site for site in report_of(fixture(name))["sites"]}
        attached = {name: site for name, site in sites.items() if site["state"] == "attach"}
        assert set(PER_EVENT) <= set(attached), f"{name}: {attached.keys()}"
        stepped = [site["site"] for site in attached.values() if site["cost"] != "emulated"]
        assert not stepped, f"{name}: {stepped} are stepped"


# ---- errors and retries ----

def case_buffer_fails_and_then_succeeds(_):
    """Each attempt that fails is an error, each back-off a retry, and an event that is tried again counts again."""
    for binary in BOTH:
        for scrape, worker, _run in observed(CDC, binary, sources=TWO, events=60, fail_attempts=2, fail_every=3):
            assert scrape.total("philotes_cdc_errors_total", pid=str(worker.pid), error_type="buffer") == 80


def case_retries_exhausted_and_not_retryable(_):
    for binary in BOTH:
        for scrape, worker, _run in observed(CDC, binary, events=90, fail_attempts=3, fail_every=5, permanent_every=7):
            summary = worker.get("/summary")
            assert "lost" in json.dumps(summary)
            errors = scrape.one("philotes_cdc_errors_total", pid=str(worker.pid), error_type="buffer", source="postgres-shop")
            retries = scrape.one("philotes_cdc_retries_total", pid=str(worker.pid), source="postgres-shop")
            assert errors == 12 + 3 * 16 and retries == 2 * 16, f"{errors} errors, {retries} retries"


def case_source_fails(_):
    """Run gives up once; the state goes over failed to stopped."""
    for binary in BOTH:
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
            compare.between(scrape, "philotes_cdc_checkpoint_duration_seconds", mine, "events", pid=str(worker.pid), source=source)


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


# ---- batches ----

def fault(at, how="fail", **more):
    return {"at": at, "how": how, **more}


ALL_ENDS = [
    {"rows": [300, 20]},
    {"rows": [7], "faults": [fault("handler", times=2)]},                      # fails, and then succeeds
    {"rows": [9], "faults": [fault("handler", times=3)]},                      # attempts are exhausted
    {"rows": [8], "faults": [fault("handler", times=3), fault("dlq", every=3)]},  # and dead letters refused
    {"rows": [8], "faults": [fault("handler", times=3), fault("mark")]},       # and the mark fails, which nobody minds
    {"rows": [4], "faults": [fault("mark")]},                                  # handled twice, counted once
    {"faults": [fault("read", "empty", times=2)]},
    {"faults": [fault("read", times=2)]},
    {"rows": [1]},
]


def batch_order(script, **more):
    return {"sources": [], "tables": ["public.orders", "public.items"],
            "batches": {"processors": TWO, "script": script, "repeat": 2, **more}}


def batch_durations(scrape, worker, run):
    rows_of = stamps_of(worker, run, "batches")
    for source in TWO:
        for status in ("success", "failed"):
            mine = [row for row in rows_of if row["source"] == source and row["labels"]["status"] == status]
            labels = {"pid": str(worker.pid), "source": source, "status": status}
            if mine:
                compare.between(scrape, "philotes_buffer_batch_duration_seconds", added(mine), "events", **labels)
            else:
                assert not scrape.select("philotes_buffer_batch_duration_seconds_count", **labels)


def case_batches_with_all_their_ends(_):
    """Two processors; success, failure with the dead-letter queue on and refusing, failed marks and reads, nothing to read."""
    for binary in BOTH:
        for scrape, worker, run in observed(BUFFER, binary, **batch_order(ALL_ENDS)):
            batch_durations(scrape, worker, run)


def case_batches_without_a_dead_letter_queue(_):
    for scrape, worker, run in observed(BUFFER, **batch_order(ALL_ENDS, no_dlq=True)):
        assert not scrape.select("philotes_buffer_dlq_total", pid=str(worker.pid))
        batch_durations(scrape, worker, run)


def case_batch_durations_by_bucket(_):
    """Batches that last the middle of each of the lower buckets."""
    script = [{"rows": [1], "hold_buckets": {"batch": bucket}} for bucket in range(5)]
    script += [{"rows": [1], "hold_buckets": {"batch": 3}, "faults": [fault("handler", times=3)]}]
    for scrape, worker, run in observed(BUFFER, **batch_order(script)):
        batch_durations(scrape, worker, run)


def abandoned(observer, worker, expected):
    """So many calls were left by panic or Goexit: each is noticed at the latest when the process has ended."""
    worker.stop()
    until(lambda: observer.scrape().one("philoscope_drops_total", reason="span_abandoned") >= expected, "the abandoned calls")
    compare.no_drops(observer.scrape(), span_abandoned=expected)


CANCELLED = [
    {"rows": [5], "faults": [fault("handler", "cancel")]},       # in the middle of a batch
    {"rows": [5], "faults": [fault("handler", "cancel_late")]},  # handled, and the mark fails
    {"rows": [5], "faults": [fault("mark", "cancel")]},
    {"rows": [5], "faults": [fault("handler", times=3), fault("dlq", "cancel", after=2)]},
    {"rows": [5]},
]
DYING = [
    {"rows": [5], "faults": [fault("handler", "panic_above")]},
    {"rows": [5], "faults": [fault("handler", "goexit")]},
    {"rows": [5], "faults": [fault("mark", "panic_above")]},
    {"rows": [5], "faults": [fault("mark", "goexit", after=0)]},
    {"rows": [5], "faults": [fault("read", "panic_above")]},
    {"rows": [5], "faults": [fault("handler", times=3), fault("dlq", "goexit", after=1)]},
    {"rows": [5], "faults": [fault("handler", "panic")]},  # recovered below the batch processor: an error
    {"rows": [5], "hold_buckets": {"batch": 1}},
]


def case_batches_whose_context_ends(_):
    for scrape, worker, run in observed(BUFFER, **batch_order(CANCELLED, retry={"max_attempts": 3, "backoff_us": 20000})):
        batch_durations(scrape, worker, run)


def case_batches_left_by_panic_and_goexit(_):
    """They are dropped with a count: no number, no duration, and the next batch on that goroutine is right."""
    with Worker() as worker, Observer() as observer:
        observer.sees(worker.pid)
        order = batch_order(DYING, steps_per_processor=3)
        order.update(stack_depth=30, churn=4, gc_ms=5)
        run = worker.start(**order)
        worker.wait(id=run)
        scrape = observer.scrape()
        with compare.explained(observer, worker.pid):
            rows(scrape, worker, BUFFER)
            batch_durations(scrape, worker, run)
        abandoned(observer, worker, len(TWO) * 2 * 6)  # in two rounds of the script, all but the one that was recovered


# ---- depth ----

def told(observer, worker, name):
    return observer.scrape().select(f"philotes_buffer_{name}", drop=("service",), pid=str(worker.pid))


def case_depth_and_age_of_the_buffer(_):
    """What the buffer answers; an error changes nothing."""
    with Worker() as worker, Observer() as observer:
        observer.sees(worker.pid)
        run = worker.start(**{**batch_order([{"rows": [3]}]), "end": "hold"})
        worker.wait(id=run)
        for depth, oldest_ms in ((12, 5000), (8000, 120000), (0, 0)):
            worker.post("/stats", id=run, depth=depth, oldest_ms=oldest_ms)
            expected = {frozenset({("source", source)}): depth for source in TWO}
            until(lambda: told(observer, worker, "depth") == expected, f"depth {depth}")
            until(lambda: worker.oracle().select("philotes_buffer_depth") == expected, f"depth {depth} in the oracle")
            age = told(observer, worker, "oldest_event_age_seconds")
            assert age.keys() == expected.keys() and all(oldest_ms / 1000 <= value < oldest_ms / 1000 + 1 for value in age.values()), age
        worker.post("/stats", id=run, depth=77, oldest_ms=1, error=True)
        worker.post("/batch", id=run, script=[{"rows": [3]}] * 3)  # some ticks later
        worker.wait(id=run)
        assert set(told(observer, worker, "depth").values()) == {0}, "an answer that was an error"


def case_depth_from_back_pressure(_):
    """A Philotes without metrics asks in the back-pressure check alone; with that off, nothing is told."""
    with Worker(fixture("worker-1.25-old")) as worker, Observer() as observer:
        observer.sees(worker.pid, "partial")
        run = worker.start(sources=TWO, events=3, end="hold", backpressure={"high": 8000, "low": 5000, "check_ms": 5})
        worker.wait(id=run)
        for source, depth in ((TWO[0], 5), (TWO[1], 7)):
            worker.post("/size", id=run, source=source, size=depth)
        expected = {frozenset({("source", TWO[0])}): 5, frozenset({("source", TWO[1])}): 7}
        until(lambda: told(observer, worker, "depth") == expected, "the depths")
        compare.same(worker.oracle().select("philotes_buffer_depth"), expected, "the oracle's depth")
        worker.post("/size", id=run, source=TWO[0], size=99, error=True)
        assert not told(observer, worker, "oldest_event_age_seconds")
        assert reason_of(observer, "buffer_oldest_event_age_seconds") == {("skipped", "function_absent")}


def reason_of(observer, metric):
    return {(dict(key)["state"], dict(key)["reason"])
            for key in observer.scrape().select("philoscope_probe_info", metric=f"philotes_{metric}", service="worker")}


def case_depth_without_back_pressure(_):
    """It is told all the same by a Philotes with metrics; by one without, nobody asks, and that is said."""
    for binary in BOTH:
        with Worker(fixture(binary)) as worker, Observer() as observer:
            observer.sees(worker.pid, BOTH[binary])
            run = worker.start(**{**batch_order([{"rows": [3]}]), "sources": TWO, "events": 3, "end": "hold",
                                  "backpressure": {"off": True}, "checkpoint": {"ms": 5}})
            worker.wait(id=run)
            if BOTH[binary] == "attached":
                until(lambda: told(observer, worker, "depth").keys() == {frozenset({("source", source)}) for source in TWO},
                      "the depths")
                assert reason_of(observer, "buffer_depth") == {("attached", "")}
            else:
                until(lambda: reason_of(observer, "buffer_depth") == {("skipped", "backpressure_off")}, "the reason")
                assert not told(observer, worker, "depth")


# ---- Iceberg ----

STAGES = ["ensure_table", "parquet", "upload", "commit"]
WRITES = [
    {"rows": [300, 20]},
    *({"rows": [7, 3], "faults": [fault(stage, times=2)]} for stage in STAGES),                # fails, and then succeeds
    *({"rows": [7, 3], "faults": [fault(stage, times=3, table=1)]} for stage in STAGES),       # the second table is given up
    {"rows": [4], "faults": [fault("mark")]},                                                  # committed twice
    {"rows": [1, 1]},
]


def iceberg_durations(scrape, worker, run, sources=None):
    """Writes and their stages between the driver's stamps; and no other series."""
    pid = str(worker.pid)
    writes, stages = (stamps_of(worker, run, of) for of in ("writes", "stages"))
    seen = scrape.select("philotes_iceberg_commit_duration_seconds_count", drop=("service",), pid=pid)
    for key in seen:
        labels = dict(key)
        mine = [row for row in writes if row["source"] == labels["source"] and
                row["labels"] == {"table": labels["table"], "result": "committed"}]
        compare.between(scrape, "philotes_iceberg_commit_duration_seconds", added(mine), "events", **{"pid": pid, **labels})
    seen = {frozenset({("source", row["source"]), ("stage", row["labels"]["stage"])}) for row in stages if row["events"]}
    timed = scrape.select("philotes_iceberg_stage_duration_seconds_count", drop=("service",), pid=pid)
    assert timed.keys() == seen, f"stages {timed.keys()} and {seen}"
    for key in timed:
        labels = dict(key)
        mine = [row for row in stages if row["source"] == labels["source"] and row["labels"]["stage"] == labels["stage"]]
        compare.between(scrape, "philotes_iceberg_stage_duration_seconds", added(mine), "events", **{"pid": pid, **labels})
    assert sources is None or {dict(key)["source"] for key in timed} == set(sources), f"{timed.keys()}"


def freshness(scrape, worker):
    """The gauge is the oracle's within 20 ms: both were taken in the same commit, behind the inner stamps of its write."""
    name = "philotes_iceberg_freshness_seconds"
    seen, expected = scrape.select(name, drop=("service",), pid=str(worker.pid)), worker.oracle().select(name)
    assert seen.keys() == expected.keys(), f"{seen.keys()} and {expected.keys()}"
    compare.near(seen, expected, worker, "writes", lambda _: 0.02, "freshness")


def case_writes_with_all_their_ends(_):
    """Commits and failures in each stage, two processors with a writer each, which was never told its source."""
    for binary in BOTH:
        order = batch_order(WRITES)
        order["lag_ms"] = [3000, -2000]
        for scrape, worker, run in observed(ICEBERG + BUFFER, binary, **order):
            iceberg_durations(scrape, worker, run, TWO)
            freshness(scrape, worker)


def case_write_durations_by_bucket(_):
    """Each stage lasts the middle of a bucket, and the whole write too."""
    script = [{"rows": [1], "hold_buckets": {stage: bucket}} for stage in STAGES for bucket in range(4)]
    script += [{"rows": [1], "hold_buckets": {"write": 1}}]
    script += [{"rows": [1], "hold_buckets": {stage: 2}, "faults": [fault(stage)]} for stage in STAGES]
    for scrape, worker, run in observed(ICEBERG, **batch_order(script, repeat=1)):
        iceberg_durations(scrape, worker, run, TWO)


def case_writers_that_were_told_their_source(_):
    for binary, expected in (("worker-1.25", ["postgres-told"]), ("worker-1.25-old", TWO)):
        for scrape, worker, run in observed(ICEBERG, binary, **batch_order(WRITES, writer_source="postgres-told")):
            iceberg_durations(scrape, worker, run, expected)


def case_writers_are_shared(_):
    """One writer for both processors: whose write it is changes from call to call."""
    for scrape, worker, run in observed(ICEBERG, **batch_order(WRITES, writers=1)):
        iceberg_durations(scrape, worker, run, TWO)


def case_writes_outside_of_batches_are_unknown(_):
    """By another goroutine than the batch processor's, or by nobody's."""
    for scrape, worker, run in observed(ICEBERG, **batch_order(WRITES, apart=True)):
        iceberg_durations(scrape, worker, run, ["unknown"])
    for scrape, worker, run in observed(ICEBERG, **batch_order(WRITES, processors=[], direct=3)):
        iceberg_durations(scrape, worker, run, ["unknown"])


ODD = ["postgres-bad\\xff", "postgres-" + "x" * 300, "postgres-quote\"s"]


def case_odd_names_of_sources_and_tables(_):
    """Bytes that are no text, and names that are too long: cut, and counted. (Both too long are too much for a key.)"""
    with Worker() as worker, Observer() as observer:
        observer.sees(worker.pid)
        for processors, tables in ((ODD, ["public.orders"]), (TWO, ["public.ta\\xffble", "public." + "y" * 300])):
            order = batch_order([{"rows": [30] * len(tables)}, {"rows": [7] * len(tables), "faults": [fault("upload", times=2)]}],
                                processors=processors)
            order["tables"] = tables
            worker.wait(id=worker.start(**order))
        scrape = observer.scrape()
        with compare.explained(observer, worker.pid):
            rows(scrape, worker, ICEBERG + BUFFER)
        assert scrape.one("philoscope_drops_total", reason="label_cut") > 0


def writes_dying(*hows):
    return [*({"rows": [5, 2], "faults": [fault(stage, how)]} for stage in STAGES for how in (*hows, "cancel")),
            {"rows": [5, 2], "hold_buckets": {"parquet": 1}}]


def case_writes_left_by_panic_and_goexit(_):
    """Recovered between batch processor and writer, or above both, or never: no latency and no source is wrong."""
    everything = writes_dying("panic", "panic_above", "goexit")
    # In each stage: the write alone where the batch goes on, write and batch where they end together.
    for script, more, calls in ((everything, {}, 1 + 2 + 2), (everything, {"writers": 1}, 1 + 2 + 2),
                                (writes_dying("panic", "goexit"), {"apart": True}, 1 + 1)):
        with Worker() as worker, Observer() as observer:
            observer.sees(worker.pid)
            order = batch_order(script, repeat=1, steps_per_processor=4, retry={"max_attempts": 3, "backoff_us": 5000}, **more)
            order.update(stack_depth=30, churn=4, gc_ms=5)
            run = worker.start(**order)
            worker.wait(id=run)
            scrape = observer.scrape()
            with compare.explained(observer, worker.pid):
                rows(scrape, worker, ICEBERG + BUFFER)
                iceberg_durations(scrape, worker, run)
                batch_durations(scrape, worker, run)
            abandoned(observer, worker, len(TWO) * len(STAGES) * calls)


# ---- the end in the middle of it all ----

def expected_of(lanes, batches):
    """The driver's own tallies as series of counters."""
    found = {}

    def add(name, value, **labels):
        if value:
            found.setdefault(f"philotes_{name}", {})[frozenset(labels.items())] = value

    for lane in lanes:
        for label, count in lane["attempts_by_label"].items():
            table, operation = label.rsplit(" ", 1)
            add("cdc_events_total", count, source=lane["source"], table=table, operation=operation)
        add("cdc_errors_total", lane["buffer_errors"], source=lane["source"], error_type="buffer")
    for batch in batches:
        source = batch["source"]
        for status in ("success", "failed"):
            add("buffer_batches_total", batch[status], source=source, status=status)
        add("buffer_events_processed_total", batch["events_processed"], source=source)
        add("buffer_dlq_total", batch["dead_letters"], source=source)
        for name, tally in (("commits_total", "commits"), ("rows_written_total", "rows"), ("bytes_written_total", "bytes")):
            for table, count in batch[tally].items():
                add(f"iceberg_{name}", count, source=source, table=table)
        for label, count in batch["failures"].items():
            table, stage = label.rsplit(" ", 1)
            add("iceberg_failures_total", count, source=source, table=table, stage=stage)
    return found


def case_sigterm_in_the_middle(_):
    """Of events, batches, writes and retries: what was done until then is counted, and nothing is left open."""
    for binary in BOTH:
        with Worker(fixture(binary)) as worker, Observer() as observer:
            observer.sees(worker.pid, BOTH[binary])
            order = batch_order(ALL_ENDS + WRITES, repeat=100000)
            order.update(sources=TWO, events=1000000, fail_attempts=1, fail_every=3, checkpoint={"ms": 5, "fail_every": 3},
                         no_stamps=True)
            worker.start(**order)
            pid = str(worker.pid)
            until(lambda: all(observer.scrape().total(f"philotes_{name}", pid=pid)  # pylint: disable=cell-var-from-loop
                              for name in (*CDC[:3], *BUFFER[1:4], "iceberg_failures_total")), "some of everything")
            code, rest = worker.stop()
            assert code == 0, code
            (ended,) = json.loads(rest)["exit"]
            assert all(batch["steps"] < 100000 * len(ALL_ENDS + WRITES) for batch in ended["batches"]), "it was over before"
            until(lambda: observer.scrape().total("philoscope_targets") == 0, "the end of the target")
            scrape = observer.scrape()
            for name, series in expected_of(ended["lanes"], ended["batches"]).items():
                compare.same(scrape.select(name, drop=("service",), pid=pid), series, name)
            for lane in ended["lanes"]:  # an event is lost when its back-off is cut short, which has no attempt behind it
                seen = scrape.one("philotes_cdc_retries_total", pid=pid, source=lane["source"])
                assert seen == lane["retries"] + lane["lost"], f"{seen} retries, {lane}"
            assert not scrape.select("philotes_cdc_pipeline_state", pid=pid), "a gauge of the dead"
            compare.no_drops(scrape)
