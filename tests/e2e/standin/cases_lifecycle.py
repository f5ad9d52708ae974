# SPDX-License-Identifier: Apache-2.0
"""Observers and workers that come and go in every order: what is counted is exact from the first sight on."""
import os
import pathlib
import random
import shutil
import signal
import sys

import compare
import hostview
from compare import added, difference
from programs import Observer, Skip, Worker, fixture, until

ALL_OPERATIONS = ["INSERT", "UPDATE", "DELETE", "TRUNCATE"]
TWO_TABLES = ["public.orders", "public.items"]
LAG_COUNT = "philotes_cdc_event_lag_seconds_count"
STATE = "philotes_cdc_pipeline_state"
# The usual ends of a pipeline's pauses are out of the way.
QUIET = {"checkpoint": {"ms": 0}, "backpressure": {"check_ms": 3600000}}


def as_pid(pid):
    return (sys.executable, str(pathlib.Path(__file__).parent / "tools/as_pid.py"), str(pid))


def of(samples, name, pid=None):
    """A metric's series without identity."""
    return samples.select(name, drop=("service",), **({"pid": str(pid)} if pid else {}))


def states_agree(observer, worker):
    compare.same(of(observer.scrape(), STATE, worker.pid), of(worker.oracle(), STATE), STATE)


def suffix_durations(scrape, worker, run):
    """
    An observer that came later has timed the newest events, all of them from some event on: as many stamps enclose its sum, and
    no bucket is emptier or fuller than they allow. How many were timed.
    """
    labels = {"pid": str(worker.pid), "source": "postgres-shop"}
    if not scrape.select(f"{compare.DURATION}_count", **labels):
        return 0
    seen = compare.buckets(scrape, compare.DURATION, **labels)
    timed = int(seen[-1])
    raw = worker.get(f"/stamps?id={run}&raw=1")["sources"][0]
    stamps = raw["raw"][len(raw["raw"]) - timed:]
    assert len(stamps) == timed, f"{timed} durations of {len(raw['raw'])} events"
    total = scrape.one(f"{compare.DURATION}_sum", **labels)
    inner, outer = (sum(stamp[side] for stamp in stamps) / 1e9 for side in (0, 1))
    assert inner <= total + 1e-9 and total <= outer + 1e-9, f"sum {total} not within {inner}..{outer}"
    for count, bound in zip(seen, raw["bounds_ns"]):
        low, high = (sum(stamp[side] <= bound for stamp in stamps) for side in (1, 0))
        assert low <= count <= high, f"{count} durations up to {bound} ns, not within {low}..{high}"
    return timed


# ---- in what order they start ----

def case_observer_before_the_worker(_):
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        run = worker.start(tables=TWO_TABLES, operations=ALL_OPERATIONS, events=50)
        worker.wait(id=run)
        compare.no_drops(compare.counters(observer, worker))
        states_agree(observer, worker)


def case_observer_after_the_worker_counts_what_comes_then(_):
    before, after = 37, 23
    with Worker() as worker:
        run = worker.start(tables=TWO_TABLES, operations=ALL_OPERATIONS, events=before, end="hold", **QUIET)
        worker.wait(id=run)
        at_start = worker.oracle()
        with Observer() as observer:
            observer.sees(worker.pid)
            assert not of(observer.scrape(), compare.EVENTS, worker.pid), "events of the past were counted"
            worker.post("/feed", id=run, events=after)
            worker.wait(id=run)
            scrape, oracle = observer.scrape(), worker.oracle()
            for name in (compare.EVENTS, LAG_COUNT):
                seen = of(scrape, name, worker.pid)
                compare.same(seen, difference(of(oracle, name), of(at_start, name)), name)
                assert set(seen.values()) == ({after} if name == compare.EVENTS else {after * 4}), seen
            suffix_durations(scrape, worker, run)
            compare.lag(scrape, worker)
            compare.no_drops(scrape)
            states_agree(observer, worker)


def comes_in_the_middle(events):
    """Whether the observer came before the load was over; if so, the rest is looked at."""
    with Worker() as worker:
        run = worker.start(tables=TWO_TABLES, operations=ALL_OPERATIONS, events=events, rate=8000, burst=20, stack_depth=30,
                           gc_ms=10, fail_attempts=1, fail_every=7, end="hold")
        until(lambda: worker.oracle().total(compare.EVENTS) > 1000, "load")
        with Observer() as observer:
            observer.sees(worker.pid)
            if worker.oracle().total(compare.EVENTS) > 0.9 * 8 * events:
                return False
            worker.wait(id=run)
            first, rest = observer.scrape(), worker.oracle()
            seen, done = (sum(of(s, compare.EVENTS, p).values()) for s, p in ((first, worker.pid), (rest, None)))
            assert 0 < seen < done - 1000, f"not in the middle: {seen} of {done}"
            timed = suffix_durations(first, worker, run)
            assert 0 < timed < 8 * events, timed
            worker.post("/feed", id=run, events=100)
            worker.wait(id=run)
            last, oracle = observer.scrape(), worker.oracle()
            for name in (compare.EVENTS, LAG_COUNT):
                compare.same(difference(of(last, name, worker.pid), of(first, name, worker.pid)),
                             difference(of(oracle, name), of(rest, name)), name)
            assert suffix_durations(last, worker, run) == timed + 800
            states_agree(observer, worker)
            compare.no_drops(last)
    return True


def case_observer_in_the_middle_of_load(_):
    """Exact once all is at rest and from there on; between, durations are those of the last events."""
    assert any(comes_in_the_middle(events) for events in (2500, 10000, 40000)), "the load was always over too early"


def comes_during_a_back_off(backoff_s):
    """Whether the observer came before the second attempt did; if so, the rest is looked at."""
    with Worker() as worker:
        run = worker.start(events=1, fail_attempts=1, retry={"max_attempts": 3, "backoff_us": backoff_s * 1000000}, end="hold", **QUIET)
        until(lambda: worker.oracle().total("philotes_cdc_retries_total"), "the back-off")
        with Observer() as observer:
            observer.sees(worker.pid)
            if worker.oracle().total(compare.EVENTS) != 1:
                return False
            worker.wait(id=run)
            scrape = observer.scrape()
            assert scrape.total(compare.EVENTS, pid=str(worker.pid)) == 1, "the second attempt was not counted"
            assert suffix_durations(scrape, worker, run) == 0
            worker.post("/feed", id=run, events=1)
            worker.wait(id=run)
            scrape = observer.scrape()
            assert suffix_durations(scrape, worker, run) == 1, "the next event has one"
            compare.no_drops(scrape)
    return True


def case_an_event_begun_before_the_observer_has_no_duration(_):
    """The observer comes while the only event waits for its second attempt: it can't know when the first one was."""
    assert any(comes_during_a_back_off(seconds) for seconds in (4, 16, 64)), "the second attempt always came too early"


def case_observer_that_comes_twice(_):
    """What a first observer leaves behind does not disturb the next one."""
    with Worker() as worker:
        run = worker.start(tables=TWO_TABLES, events=0, end="hold", **QUIET)
        for events in (11, 13):
            at_start = worker.oracle()
            with Observer() as observer:
                observer.sees(worker.pid)
                worker.post("/feed", id=run, events=events)
                worker.wait(id=run)
                compare.same(of(observer.scrape(), compare.EVENTS, worker.pid),
                             difference(of(worker.oracle(), compare.EVENTS), of(at_start, compare.EVENTS)), compare.EVENTS)
                assert observer.stop() == 0


def case_two_observers_count_both(_):
    """Breakpoints of somebody else are no reason to believe that an executable is covered."""
    with Observer() as first, Observer() as second, Worker() as worker:
        first.sees(worker.pid)
        second.sees(worker.pid)
        worker.run(tables=TWO_TABLES, events=50)
        compare.counters(first, worker)
        compare.counters(second, worker)
        with Observer() as third:
            third.sees(worker.pid)
            before = worker.oracle()
            worker.run(tables=TWO_TABLES, events=20)
            compare.counters(first, worker)
            compare.same(of(third.scrape(), compare.EVENTS, worker.pid),
                         difference(of(worker.oracle(), compare.EVENTS), of(before, compare.EVENTS)), compare.EVENTS)


# ---- several at once ----

def case_two_workers_of_one_image_and_images_of_other_versions(_):
    images = ["worker-1.25", "worker-1.25", "worker-1.24", "worker-1.25-pie"]
    with Observer() as observer, Worker(fixture(images[0])) as a, Worker(fixture(images[1])) as b, \
            Worker(fixture(images[2])) as c, Worker(fixture(images[3])) as d:
        workers = [a, b, c, d]
        runs = []
        for worker in workers:
            observer.sees(worker.pid)
        for i, worker in enumerate(workers):
            runs.append(worker.start(tables=TWO_TABLES, operations=ALL_OPERATIONS, events=1000 + 10 * i, stack_depth=30,
                                     events_per_run=200, gc_ms=20, sources=["postgres-shop", f"postgres-{i}"]))
        for worker, run in zip(workers, runs):
            worker.wait(id=run)
        scrape = compare.counters(observer, *workers)
        compare.no_drops(scrape)
        for worker, run in zip(workers, runs):
            compare.durations(scrape, worker, run)
            states_agree(observer, worker)
        binaries = {dict(key)["binary"] for key in scrape.select("philoscope_probe_info")}
        assert len(binaries) >= 3, f"three images, {binaries}"


def case_processes_of_one_identity_add_up(_):
    """Without pids two workers are one identity; other Philotes processes of the host would be, too, so this uses own sources."""
    source = f"postgres-{random.randrange(1 << 40):x}"
    with Observer() as observer, Worker() as a, Worker() as b:
        for worker in (a, b):
            observer.sees(worker.pid)
            worker.run(sources=[source], events=40)
        with_pid = observer.scrape().select(compare.EVENTS, source=source)
        assert len(with_pid) == 2 and set(with_pid.values()) == {40}, with_pid
    with Observer(identity_pid=False) as observer, Worker() as a, Worker() as b:
        for worker in (a, b):
            observer.sees(worker.pid)
            worker.run(sources=[source], events=40)
        assert observer.scrape().one(compare.EVENTS, source=source) == 80


# ---- one pid, several processes ----

def case_a_pid_that_is_used_again(_):
    pid = hostview.free_pid()
    with Observer() as observer:
        counted = []
        for tables, lag_ms, end in ((["public.orders", "public.first"], [4000, 4000], "stop"),
                                    (["public.orders", "public.second"], [9000, 9000], "close")):
            with Worker(command=as_pid(pid)) as worker:
                assert worker.pid == pid
                observer.sees(pid)
                observer.log.clear()  # the next one says the same
                worker.run(tables=tables, events=30, lag_ms=lag_ms, end=end)
                oracle = worker.oracle()
                counted.append(oracle)
                scrape = observer.scrape()
                compare.same(of(scrape, compare.EVENTS, pid), added(*(of(o, compare.EVENTS) for o in counted)), compare.EVENTS)
                compare.same(of(scrape, LAG_COUNT, pid), added(*(of(o, LAG_COUNT) for o in counted)), LAG_COUNT)
                compare.same(of(scrape, STATE, pid), of(oracle, STATE), STATE)
                compare.lag(scrape, worker)
                assert worker.stop()[0] == 0
        gone = observer.scrape()
        compare.same(of(gone, compare.EVENTS, pid), added(*(of(o, compare.EVENTS) for o in counted)), "counters of the dead")
        assert not of(gone, STATE, pid) and not of(gone, "philotes_cdc_lag_seconds", pid), "gauges of the dead"
        compare.no_drops(gone)


def case_a_pid_that_is_used_again_after_a_kill(_):
    """The first one dies inside an event; the second one's first event has nothing to do with it."""
    pid = hostview.free_pid()
    with Observer() as observer:
        with Worker(command=as_pid(pid)) as worker:
            observer.sees(pid)
            observer.log.clear()
            worker.start(events=1, hold_us=[60000000])
            until(lambda: observer.scrape().total(compare.EVENTS, pid=str(pid)), "the event's begin")
            os.kill(pid, signal.SIGKILL)
            worker.process.wait()
        with Worker(command=as_pid(pid)) as worker:
            observer.sees(pid)
            run = worker.start(events=10)
            worker.wait(id=run)
            scrape = observer.scrape()
            assert scrape.one(compare.EVENTS, pid=str(pid)) == 11
            compare.durations(scrape, worker, run)
            compare.no_drops(scrape, span_abandoned=1)


def case_a_process_that_becomes_another_image(_):
    """exec keeps pid and start time: counters add up under the pid, gauges are the new program's."""
    with Observer() as observer, Worker(fixture("worker-1.25")) as worker:
        pid, counted = worker.pid, []
        for image in (None, "worker-1.25", "worker-1.24", "worker-1.25"):
            if image:
                worker.exec(fixture(image))
                assert worker.pid == pid
            observer.sees(pid)
            observer.log.clear()
            run = worker.start(tables=["public.orders", f"public.t{len(counted)}"], events=20, lag_ms=[1000, 1000], end="stop")
            worker.wait(id=run)
            counted.append(worker.oracle())
            scrape = observer.scrape()
            compare.same(of(scrape, compare.EVENTS, pid), added(*(of(o, compare.EVENTS) for o in counted)), compare.EVENTS)
            compare.same(of(scrape, STATE, pid), of(counted[-1], STATE), STATE)
            compare.lag(scrape, worker)
        compare.no_drops(scrape)


def case_exec_inside_an_event_leaves_no_duration(_):
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        observer.log.clear()
        worker.start(events=1, hold_us=[60000000])
        until(lambda: observer.scrape().total(compare.EVENTS, pid=str(worker.pid)), "the event's begin")
        worker.exec(fixture("worker-1.25"))
        observer.sees(worker.pid)
        run = worker.start(events=10)
        worker.wait(id=run)
        scrape = observer.scrape()
        assert scrape.one(compare.EVENTS, pid=str(worker.pid)) == 11
        compare.durations(scrape, worker, run)
        compare.no_drops(scrape, span_abandoned=1)


# ---- ends ----

def ended(observer, worker, end):
    """The observer ends, and nothing of it is left: no breakpoint, no program, no map, no link."""
    objects = hostview.bpf_ids(observer.pid)
    kinds = {kind for kind, _ in objects}
    assert {"prog", "map", "link"} <= kinds, f"the observer has no {kinds ^ {'prog', 'map', 'link'}}"
    code = end(observer)
    until(lambda: not any(hostview.bpf_exists(*item) for item in objects), "the end of all BPF objects")
    return code, compare.unprobed(worker.pid, worker.pid)


def kill(observer):
    observer.process.kill()
    return observer.process.wait()


def interrupt(observer):
    observer.process.send_signal(signal.SIGINT)
    return observer.process.wait()


def case_nothing_is_left_behind(_):
    """Terminated, interrupted or killed, during load; only the last one is not a good end."""
    with Worker() as worker:
        for end, expected in ((Observer.stop, 0), (interrupt, 0), (kill, -9)):
            with Observer() as observer:
                observer.sees(worker.pid)
                assert len(hostview.changed_text(worker.pid)) >= 7, "no breakpoints: this would prove nothing"
                run = worker.start(events=400, rate=2000, stack_depth=20, gc_ms=5)
                until(lambda: observer.scrape().total(compare.EVENTS, pid=str(worker.pid)), "load")
                code, others = ended(observer, worker, end)
                assert code == expected, f"exit {code}, not {expected}: {''.join(observer.log)}"
                assert not [line for line in observer.log if "level=error" in line or "level=warn" in line], observer.log
            assert worker.wait(id=run)["lanes"][0]["events"] == 400
        assert worker.stop()[0] == 0
    if others:
        raise Skip(f"code in memory could not be compared: processes {others} hold probes, too")


def case_workers_that_die_do_not_stop_the_others(_):
    with Observer() as observer, Worker() as stays:
        observer.sees(stays.pid)
        for _ in range(3):
            with Worker() as worker:
                observer.sees(worker.pid)
                worker.start(events=200000, stack_depth=10)
                until(lambda: observer.scrape().total(compare.EVENTS, pid=str(worker.pid)), "load")
                worker.process.kill()
                worker.process.wait()
            until(lambda: observer.logged(f"process {worker.pid} is gone"), "notice of the death")
            assert not of(observer.scrape(), STATE, worker.pid)
        stays.run(events=50)
        compare.counters(observer, stays)


def case_ended_processes_leave_totals_and_no_records(_):
    """Restarts add up under one identity and leave nothing in the kernel; the totals go with --identity.ttl."""
    runs = 4
    with Observer(identity_pid=False) as keeper, Observer("--identity.ttl=1s", identity_pid=False) as forgetter:
        source = f"postgres-retired-{keeper.pid}"
        labels = {"source": source, "table": "public.orders", "operation": "INSERT"}
        for _ in range(runs):
            with Worker() as worker:
                keeper.sees(worker.pid)
                forgetter.sees(worker.pid)
                worker.run(sources=[source], events=25)
                worker.stop()

        def records(observer):
            return observer.scrape().one("philoscope_map_entries", map="processes")

        until(lambda: records(keeper) == 0 and records(forgetter) == 0, "the end of all records")
        scrape = keeper.scrape()
        assert scrape.one(compare.EVENTS, **labels) == 25 * runs
        assert scrape.one(f"{compare.DURATION}_count", source=source) == 25 * runs
        assert scrape.one(LAG_COUNT, source=source) == 25 * runs
        assert not scrape.select(STATE, source=source), "a gauge of processes that are gone"
        assert scrape.one("philoscope_map_entries", map="tables") == 0
        with Worker() as worker:
            keeper.sees(worker.pid)
            worker.run(sources=[source], events=25)
            assert keeper.scrape().one(compare.EVENTS, **labels) == 25 * (runs + 1)
        until(lambda: not forgetter.scrape().select(compare.EVENTS, source=source), "the end of the identity")


def case_an_executable_that_is_overwritten_loses_its_probes(folder):
    """Breakpoints of one build in another's code would break it: `cp` over a stopped worker's file."""
    path = folder / "philotes-worker"
    with Observer() as observer:
        for writes, version in enumerate(("1.25", "1.26", "1.25")):
            shutil.copyfile(fixture(f"worker-{version}"), path)
            path.chmod(0o755)
            until(lambda n=writes: sum("was written to" in line for line in list(observer.log)) >= n,
                  "the loss of the probes")
            with Worker(str(path)) as worker:
                observer.sees(worker.pid)
                worker.run(tables=["public.orders", "public.items"], events=100)
                compare.counters(observer, worker)
                assert worker.stop()[0] == 0
