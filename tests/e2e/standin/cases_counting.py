# SPDX-License-Identifier: Apache-2.0
"""Exactness: every number equals the oracle's, whatever the target does."""
import compare
from programs import Observer, Worker, fixture, until

ALL_OPERATIONS = ["INSERT", "UPDATE", "DELETE", "TRUNCATE"]
THREE_TABLES = ["public.orders", "public.items", "sales.customers"]


def counted(binary=None, **order):
    """Runs one order under the observer and compares everything that always holds."""
    with Observer() as observer, Worker(binary) as worker:
        observer.sees(worker.pid)
        run = worker.start(**order)
        lanes = worker.wait(id=run)["lanes"]
        scrape = compare.counters(observer, worker)
        compare.no_drops(scrape)
        compare.lag(scrape, worker)
        compare.durations(scrape, worker, run)
        return lanes, scrape


def case_200000_events_at_full_speed(_):
    lanes, _ = counted(tables=THREE_TABLES, operations=ALL_OPERATIONS, events=16667, stack_depth=40, write_depth=20,
                       events_per_run=500, gc_ms=20, churn=4)
    assert lanes[0]["events"] == 200004, lanes


def case_every_go_version(_):
    for version in ("1.23", "1.24", "1.26", "1.27", "1.25-pie"):
        counted(binary=fixture(f"worker-{version}"), tables=THREE_TABLES, operations=ALL_OPERATIONS, events=500,
                stack_depth=20, events_per_run=100, gc_ms=20)


def case_durations_fall_into_the_middle_of_each_bucket(_):
    wanted = list(range(10))
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        run = worker.start(events=len(wanted), hold_buckets=wanted)
        worker.wait(id=run)
        scrape = observer.scrape()
        compare.durations(scrape, worker, run)
        same = worker.stamps(run)[0]["same_buckets"]
        assert sum(same) >= len(wanted) - 2, f"the stand-in did not hold its events: {same}"


def case_retries_count_as_attempts_and_lengthen_the_event(_):
    lanes, _ = counted(tables=THREE_TABLES, events=300, fail_attempts=1, fail_every=3)
    assert lanes[0]["retries"] > 0, lanes


def case_events_given_up_end_too(_):
    lanes, _ = counted(events=200, fail_attempts=3, fail_every=5)
    assert lanes[0]["lost"] > 0, lanes


def case_errors_that_are_not_retried(_):
    lanes, _ = counted(events=200, permanent_every=4)
    assert lanes[0]["lost"] > 0 and lanes[0]["retries"] == 0, lanes


def abandoned(kind, **order):
    """
    Events left by a panic or Goexit are counted and have no duration. They are found when their goroutine, or another under
    the same g, runs a pipeline again, and the rest when the process has ended.
    """
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        run = worker.start(events=200, fail_attempts=1, fail_every=7, **order)
        lost = worker.wait(id=run)["lanes"][0][kind]
        assert lost == 10, lost
        scrape = compare.counters(observer, worker)
        compare.durations(scrape, worker, run)
        assert scrape.one("philoscope_drops_total", reason="span_abandoned") <= lost
        worker.stop()
        until(lambda: observer.scrape().one("philoscope_drops_total", reason="span_abandoned") >= lost,
              "the abandoned events")
        compare.no_drops(observer.scrape(), span_abandoned=lost)


def case_panics_abandon_their_event(_):
    abandoned("panics", panic_every=20)


def case_goexit_abandons_its_event(_):
    abandoned("goexits", goexit_every=20)


def case_labels_of_all_kinds(_):
    counted(sources=["postgres-shop", "postgres-billing", "källa"], events=40,
            tables=["public.orders", "a.b", "ä.ö", "public.line\\nfeed", "x." + "y" * 90],
            operations=[*ALL_OPERATIONS, "REINDEX"])


def case_labels_on_the_heap(_):
    counted(tables=THREE_TABLES, operations=ALL_OPERATIONS, events=200, heap_operations=True, fresh_strings=True)


def case_bytes_that_are_no_utf8(_):
    counted(tables=["public.bad\\xff", "public.bad\\xc3\\x28", "public.fine"], events=50)


def case_labels_beyond_the_short_key(_):
    counted(tables=THREE_TABLES, events=50, label_bytes=200)


def case_labels_over_255_bytes_are_cut_and_counted(_):
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        worker.run(tables=["public.orders"], events=50, label_bytes=300)
        scrape = compare.counters(observer, worker)
        compare.no_drops(scrape, label_cut=50)


def case_timestamps_of_all_kinds(_):
    for kind in ("wall", "mono"):
        counted(tables=THREE_TABLES, events=50, timestamp=kind, lag_ms=[0, 2500, -4000])


def case_zero_timestamps_have_no_lag(_):
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        worker.run(events=50, timestamp="zero")
        scrape = compare.counters(observer, worker)
        compare.no_drops(scrape)
        assert not scrape.select("philotes_cdc_lag_seconds", pid=str(worker.pid))
        assert not scrape.select("philotes_cdc_last_event_timestamp_seconds", pid=str(worker.pid))


def case_newest_timestamp_equals_the_oracle(_):
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        worker.run(tables=THREE_TABLES, events=20, lag_ms=[100, 5000, 0])
        name = "philotes_cdc_last_event_timestamp_seconds"
        seen = observer.scrape().select(name, drop=("service",), pid=str(worker.pid))
        expected = worker.oracle().select(name)
        assert seen.keys() == expected.keys()
        for key, value in expected.items():
            assert abs(seen[key] - value) < 1e-5, f"{dict(key)}: {seen[key]} and {value}"


def case_states_follow_the_pipeline(_):
    """Each state that lasts is shown; the last one of a pipeline that ended is the oracle's."""
    name = "philotes_cdc_pipeline_state"
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        run = worker.start(end="hold", backpressure={"check_ms": 1, "high": 8000, "low": 5000})
        for size, state in ((0, 1), (9000, 2), (0, 1)):
            worker.post("/size", id=run, size=size)
            worker.wait(id=run, state=state)
            assert observer.scrape().one(name, pid=str(worker.pid)) == state
        worker.post("/end", id=run, how="error")
        worker.wait(id=run)
        compare.same(observer.scrape().select(name, drop=("service",), pid=str(worker.pid)),
                     worker.oracle().select(name), name)
