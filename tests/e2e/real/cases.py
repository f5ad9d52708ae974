# SPDX-License-Identifier: Apache-2.0
"""What is done to a worker, and what must then be true.

A case is a function of a Bench. It raises nothing for a wrong number: those are checks of the
section; an exception means that the set-up did not get that far, and fails the case.
"""

import random
import signal
import threading
import time
from datetime import datetime

import workload
from checks import (check_after_exit, check_audit, check_counter, check_drops, check_durations, check_events,
                    check_lag_gauges, check_lag_histograms, check_newest, check_probes, check_state,
                    check_unharmed, equal_rows, settled_scrape, wait_buffered, whole)
from util import settle, wait_for
from worker import MSG_DROPPED, MSG_PAUSED, MSG_RESUMED
from workload import TABLES, Workload

RUNNING, PAUSED, STOPPING, STOPPED = 1, 2, 3, 4
_POISON, _FLAKY, _SOUND = ("public", "poison"), ("public", "flaky"), ("public", "sound")


# --- cases without an observer: the ground is sound -------------------------------------------

def setup_events(bench):
    """The worker delivers every change and only those: the other cases' oracle is right."""
    pair = bench.pair()
    worker = bench.worker(pair)
    work = Workload(pair.source)
    work.run_mixed(100)
    wait_buffered(pair, work.total())
    check_unharmed(bench, worker)
    equal_rows(bench, pair, work.expected)


def setup_batches(bench):
    """Rows that the batch path accepts reach both stand-ins."""
    pair = bench.pair()
    worker = bench.worker(pair)
    pair.buffer.execute(
        "INSERT INTO philotes.cdc_events (source_id, schema_name, table_name, operation, lsn, "
        f"after_data, event_time) SELECT '{pair.source_label}', 'public', 'orders', 'INSERT', '0/1', "
        "jsonb_build_object('id', i, 'note', 'n'), now() FROM generate_series(1, 30) i")
    wait_for("the batch is marked", lambda: pair.buffer.value(
        "SELECT count(*) FROM philotes.cdc_events WHERE processed_at IS NOT NULL") == "30")
    check_unharmed(bench, worker)
    files = [file for name in {name for _, name, _ in bench.catalog.commits}
             for file in bench.catalog.appended_files(name)]
    bench.equal("rows committed to the catalog", 30, sum(rows for rows, _ in files))
    bench.equal("bytes stored", sorted(size for _, size in files),
                sorted(len(body) for body in bench.store.objects.values()))


# --- cases with an observer -------------------------------------------------------------------

def observer_first(bench):
    """Everything this stage counts, exactly, with the observer there before the worker."""
    pair = bench.pair()
    observer = bench.observer()
    worker = bench.worker(pair)
    observer.wait_attached(pair)
    check_state(bench, observer, pair.source_label, RUNNING, "at start")
    work = Workload(pair.source)
    begun = time.monotonic()
    work.run_mixed(400)
    wait_buffered(pair, work.total())
    check_lag_gauges(bench, settled_scrape(observer, pair.source_label, work.expected), pair)
    # Without a queue the lag is small, and what hides in 5 % of a large one shows.
    for table in TABLES:
        work.insert(table, 1)
    wait_buffered(pair, work.total())
    scrape = settled_scrape(observer, pair.source_label, work.expected)
    elapsed = time.monotonic() - begun
    equal_rows(bench, pair, work.expected)
    check_events(bench, scrape, pair.source_label, work.expected)
    check_durations(bench, scrape, pair.source_label, work.total())
    spent = scrape.value("philotes_cdc_event_duration_seconds_sum", source=pair.source_label)
    # One goroutine handles one event after the other.
    bench.check(spent is not None and 0 < spent <= elapsed, "philotes_cdc_event_duration_seconds_sum",
                f"above 0, at most {elapsed:.3f}", spent, pair.source_label)
    check_lag_gauges(bench, scrape, pair)
    check_lag_histograms(bench, scrape, pair)
    check_newest(bench, scrape, pair)
    check_probes(bench, scrape)
    check_audit(bench, observer, pair.source_label)
    check_unharmed(bench, worker)
    check_after_exit(bench, observer, pair.source_label, work.expected)
    check_drops(bench, observer.scrape())


def observer_late(bench):
    """A worker that has been idle since its last event: the state comes with the next tick."""
    pair = bench.pair()
    worker = bench.worker(pair)
    before = Workload(pair.source)
    before.insert(TABLES[0], 200)
    wait_buffered(pair, before.total())
    observer = bench.observer()
    observer.wait_attached(pair)
    check_state(bench, observer, pair.source_label, RUNNING, "idle, attached late")
    check_events(bench, observer.scrape(), pair.source_label, {})
    after = Workload(pair.source)
    after.run_mixed_on(TABLES[1], 150)
    wait_buffered(pair, before.total() + after.total())
    scrape = settled_scrape(observer, pair.source_label, after.expected)
    check_events(bench, scrape, pair.source_label, after.expected)
    # The first event may have been begun before the attach, for all that can be seen: it has no duration.
    check_durations(bench, scrape, pair.source_label, after.total() - 1)
    check_audit(bench, observer, pair.source_label)
    check_unharmed(bench, worker)
    check_after_exit(bench, observer, pair.source_label, after.expected)
    check_drops(bench, observer.scrape())


def _load(bench, pair, work, stop):
    """Keeps the worker busy without ever being far ahead of it."""
    with bench.connect(pair.buffer_db) as db:
        while not stop.is_set():
            behind = work.total() - int(db.value("SELECT count(*) FROM philotes.cdc_events"))
            if behind < 500:
                work.insert(TABLES[0], 100)


def observer_during_load(bench):
    """Attached in the middle of a stream: all after the attach, nothing twice."""
    pair = bench.pair()
    worker = bench.worker(pair)
    work = Workload(pair.source)
    stop = threading.Event()
    loader = threading.Thread(target=_load, args=(bench, pair, work, stop))
    loader.start()
    try:
        wait_buffered(pair, 100)
        observer = bench.observer()
        observer.wait_attached(pair)
        missed = pair.buffered_total()
        wait_buffered(pair, missed + 500)
    finally:
        stop.set()
        loader.join()
    wait_buffered(pair, work.total())
    # One event may have begun before the attach and come in after the look at the buffer.
    least = work.total() - missed - 1
    settle(lambda: sum(observer.scrape().events(pair.source_label).values()) >= least)
    check_audit(bench, observer, pair.source_label)
    check_unharmed(bench, worker)
    scrape = observer.scrape()
    seen = sum(scrape.events(pair.source_label).values())
    bench.check(least <= seen <= work.total(), "philotes_cdc_events_total",
                f"{least} to {work.total()}", seen, pair.source_label)
    # The first event may have been begun before the attach: it has no duration, unless the end of another was seen.
    timed = scrape.value("philotes_cdc_event_duration_seconds_count", source=pair.source_label)
    bench.check(timed in (seen - 1, seen), "philotes_cdc_event_duration_seconds_count", f"{seen - 1} or {seen}", timed,
                pair.source_label)
    check_drops(bench, scrape)


def observer_killed(bench):
    """Killed at any moment of the load, five times: what nobody watched is counted all the same."""
    pair = bench.pair()
    state = "--state.dir=" + bench.state()
    observer = bench.observer(state)
    worker = bench.worker(pair)
    observer.wait_attached(pair)
    work = Workload(pair.source)
    stop = threading.Event()
    loader = threading.Thread(target=_load, args=(bench, pair, work, stop))
    loader.start()
    try:
        for kill in range(1, 6):
            wait_buffered(pair, 300 * kill + random.randrange(100))
            observer.process.signal(signal.SIGKILL)
            observer.process.wait()
            if kill == 3:  # without an observer for a while
                wait_buffered(pair, pair.buffered_total() + 200)
            observer = bench.observer(state)
    finally:
        stop.set()
        loader.join()
    wait_buffered(pair, work.total())
    scrape = settled_scrape(observer, pair.source_label, work.expected)
    check_events(bench, scrape, pair.source_label, work.expected)
    check_durations(bench, scrape, pair.source_label, work.total())
    check_state(bench, observer, pair.source_label, RUNNING, "after five kills")
    check_lag_histograms(bench, scrape, pair)
    check_audit(bench, observer, pair.source_label)
    check_unharmed(bench, worker)
    check_after_exit(bench, observer, pair.source_label, work.expected)
    check_drops(bench, observer.scrape())


def other_time_zone(bench):
    """Time stamps the worker can't parse: it takes its own clock, with a monotonic reading."""
    pair = bench.pair(timezone="Asia/Kolkata")
    observer = bench.observer()
    worker = bench.worker(pair)
    observer.wait_attached(pair)
    work = Workload(pair.source)
    work.run_mixed_on(TABLES[0], 100)
    wait_buffered(pair, work.total())
    scrape = settled_scrape(observer, pair.source_label, work.expected)
    check_events(bench, scrape, pair.source_label, work.expected)
    check_lag_gauges(bench, scrape, pair)
    check_lag_histograms(bench, scrape, pair)
    check_newest(bench, scrape, pair)
    check_audit(bench, observer, pair.source_label)
    check_unharmed(bench, worker)
    check_drops(bench, observer.scrape())


def _refuse_writes(pair):
    """Rows of one table never get in, those of another at the third attempt.

    A sequence is not rolled back with the failed write: it holds the number of attempts.
    """
    pair.buffer.execute(
        "CREATE SEQUENCE poison_attempts; CREATE SEQUENCE flaky_attempts;"
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN "
        " IF NEW.table_name = 'poison' THEN PERFORM nextval('poison_attempts'); RAISE 'refused'; END IF;"
        " IF NEW.table_name = 'flaky' AND nextval('flaky_attempts') % 3 <> 0 THEN RAISE 'later'; END IF;"
        " RETURN NEW; END$$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON philotes.cdc_events FOR EACH ROW "
        "EXECUTE FUNCTION refuse()")


def _attempts(pair, name):
    return int(pair.buffer.value(f"SELECT last_value FROM {name}_attempts"))


def failed_writes(bench):
    """Events are counted once per attempt, their durations once per event, waits included."""
    pair = bench.pair((_POISON, _FLAKY, _SOUND))
    _refuse_writes(pair)
    observer = bench.observer()
    worker = bench.worker(pair)
    observer.wait_attached(pair)
    work = Workload(pair.source)
    for table, rows in ((_POISON, 4), (_FLAKY, 5), (_POISON, 3), (_SOUND, 6)):
        work.insert(table, rows)
    wait_buffered(pair, 5 + 6)
    attempts = {(workload.label(table), "INSERT"): count for table, count in
                ((_POISON, _attempts(pair, "poison")), (_FLAKY, _attempts(pair, "flaky")), (_SOUND, 6))}
    bench.equal("attempts seen by PostgreSQL", [21, 15, 6], list(attempts.values()))
    bench.equal("events given up, by the log", 7, len(worker.process.log_records(MSG_DROPPED)))
    scrape = settled_scrape(observer, pair.source_label, attempts, work.total())
    check_events(bench, scrape, pair.source_label, attempts)
    check_durations(bench, scrape, pair.source_label, work.total())
    for (table, _), count in attempts.items():
        bench.equal("philotes_cdc_event_lag_seconds_count", count, whole(scrape.value(
            "philotes_cdc_event_lag_seconds_count", source=pair.source_label, table=table)), table)
    _check_waits(bench, scrape, pair.source_label, retried=12)
    # Every attempt of the seven, two of three of the five; two more attempts each.
    check_counter(bench, observer, "philotes_cdc_errors_total", 21 + 10, source=pair.source_label, error_type="buffer")
    check_counter(bench, observer, "philotes_cdc_retries_total", 2 * 12, source=pair.source_label)
    check_audit(bench, observer, pair.source_label)
    check_unharmed(bench, worker)
    check_drops(bench, observer.scrape())


def _check_waits(bench, scrape, source, retried):
    # Two back-offs of 20 and 40 ms each, shortened by at most a quarter.
    least = retried * 0.75 * (0.020 + 0.040)
    spent = scrape.value("philotes_cdc_event_duration_seconds_sum", source=source)
    bench.check(spent is not None and spent >= least, "philotes_cdc_event_duration_seconds_sum",
                f"at least {least:.3f}", spent, source)
    quick = scrape.value("philotes_cdc_event_duration_seconds_bucket", source=source, le="0.025")
    bench.check(quick is not None and quick <= scrape.total(
        "philotes_cdc_event_duration_seconds_count", source=source) - retried,
        "philotes_cdc_event_duration_seconds_bucket", f"none of {retried} retried events below 25 ms",
        quick, source)


_LOW_WATERMARKS = {"BACKPRESSURE_HIGH_WATERMARK": 60, "BACKPRESSURE_LOW_WATERMARK": 50}


def paused_and_resumed(bench):
    """Back-pressure: 1, 2, 1, and what waited is counted once it is processed."""
    pair = bench.pair()
    observer = bench.observer()
    worker = bench.worker(pair, **_LOW_WATERMARKS)
    observer.wait_attached(pair)
    check_state(bench, observer, pair.source_label, RUNNING, "at start")
    work = Workload(pair.source)
    work.insert(TABLES[0], 100)
    worker.wait_log(MSG_PAUSED)
    check_state(bench, observer, pair.source_label, PAUSED, "paused")
    work.insert(TABLES[1], 30)
    _check_waiting(bench, observer, pair)
    pair.buffer.execute("UPDATE philotes.cdc_events SET processed_at = now()")
    worker.wait_log(MSG_RESUMED)
    check_state(bench, observer, pair.source_label, RUNNING, "resumed")
    _check_pause(bench, observer, worker, pair.source_label)
    _drain(pair, work.total())
    scrape = settled_scrape(observer, pair.source_label, work.expected)
    check_events(bench, scrape, pair.source_label, work.expected)
    check_durations(bench, scrape, pair.source_label, work.total())
    check_audit(bench, observer, pair.source_label)
    check_unharmed(bench, worker)
    check_drops(bench, observer.scrape())


def _check_pause(bench, observer, worker, source):
    """One pause, as long as the worker's log says."""
    begun, ended = (datetime.fromisoformat(worker.process.log_records(message)[0]["time"]).timestamp()
                    for message in (MSG_PAUSED, MSG_RESUMED))
    check_counter(bench, observer, "philotes_cdc_pauses_total", 1, source=source)
    spent = observer.scrape().value("philotes_cdc_paused_seconds_total", source=source)
    bench.check(spent is not None and abs(spent - (ended - begun)) <= 0.05, "philotes_cdc_paused_seconds_total",
                f"{ended - begun:.3f} ± 50 ms", spent, source)


def _check_waiting(bench, observer, pair):
    buffered = pair.buffered()
    scrape = settled_scrape(observer, pair.source_label, buffered)
    check_events(bench, scrape, pair.source_label, buffered)


def _drain(pair, rows):
    """Keeps the buffer's unprocessed rows low until all have come."""
    def drained():
        pair.buffer.execute("UPDATE philotes.cdc_events SET processed_at = now() "
                            "WHERE processed_at IS NULL")
        return pair.buffered_total() >= rows
    wait_for(f"{rows} rows in the buffer", drained)


def paused_for_good(bench):
    """Attached to a pipeline that was paused before and stays so: only its ticks tell."""
    pair = bench.pair()
    worker = bench.worker(pair, **_LOW_WATERMARKS)
    work = Workload(pair.source)
    work.insert(TABLES[0], 100)
    worker.wait_log(MSG_PAUSED)
    work.insert(TABLES[1], 30)
    pair.wait_sent()
    before = pair.buffered()
    observer = bench.observer()
    check_state(bench, observer, pair.source_label, PAUSED, "paused before the attach")
    check_events(bench, observer.scrape(), pair.source_label, {})
    equal_rows(bench, pair, before)
    # With an event in hand the stock worker does not get from paused to stopped: exit code 1.
    worker.process.signal(signal.SIGTERM)
    check_unharmed(bench, worker, code=1)
    check_after_exit(bench, observer, pair.source_label, {})
    check_drops(bench, observer.scrape())


def stopping(bench):
    """3 and 4, made to last: the final checkpoint waits for a lock, the end for a request."""
    pair = bench.pair()
    observer = bench.observer()
    worker = bench.worker(pair)
    observer.wait_attached(pair)
    work = Workload(pair.source)
    work.insert(TABLES[0], 1)  # without a position there is no last checkpoint
    wait_buffered(pair, 1)
    worker.hold_shutdown()
    with bench.connect(pair.buffer_db) as locker:
        locker.execute("BEGIN; LOCK TABLE philotes.cdc_checkpoints IN ACCESS EXCLUSIVE MODE")
        worker.process.signal(signal.SIGTERM)
        check_state(bench, observer, pair.source_label, STOPPING, "after SIGTERM")
        locker.execute("ROLLBACK")
    check_state(bench, observer, pair.source_label, STOPPED, "after the last checkpoint")
    worker.release_shutdown()
    bench.equal("worker exit code", 0, worker.process.wait())
    check_after_exit(bench, observer, pair.source_label, work.expected)
    check_drops(bench, observer.scrape())


def source_lost(bench):
    """The source ends the connection: the worker fails, its counters stay."""
    pair = bench.pair()
    observer = bench.observer()
    worker = bench.worker(pair)
    observer.wait_attached(pair)
    work = Workload(pair.source)
    work.insert(TABLES[2], 50)
    wait_buffered(pair, work.total())
    pair.source.execute("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots "
                        f"WHERE slot_name = '{pair.slot}'")
    bench.equal("worker exit code", 1, worker.process.wait())
    check_after_exit(bench, observer, pair.source_label, work.expected)
    check_counter(bench, observer, "philotes_cdc_errors_total", 1, source=pair.source_label, error_type="source")
    check_drops(bench, observer.scrape())


def restarted(bench):
    """One identity, two processes: the slot delivers all again, and the counter goes on."""
    pair = bench.pair()
    observer = bench.observer()
    worker = bench.worker(pair)
    observer.wait_attached(pair)
    work = Workload(pair.source)
    work.insert(TABLES[0], 40)
    work.update(TABLES[0], 10)
    wait_buffered(pair, work.total())
    check_unharmed(bench, worker)
    again = bench.worker(pair)
    wait_buffered(pair, 2 * work.total())
    doubled = {key: 2 * count for key, count in work.expected.items()}
    scrape = settled_scrape(observer, pair.source_label, doubled)
    check_events(bench, scrape, pair.source_label, doubled)
    check_unharmed(bench, again)
    check_drops(bench, observer.scrape())


def two_workers(bench):
    """Two processes of one image at once, told apart by source, and by pid where that is asked."""
    observer = bench.observer("--identity.pid")
    pairs = [bench.pair(), bench.pair()]
    workers = [bench.worker(pair) for pair in pairs]
    works = [Workload(pair.source) for pair in pairs]
    for pair in pairs:
        observer.wait_attached(pair)
    for _ in range(20):
        for work, table in zip(works, TABLES):
            work.insert(table, 15)
    for pair, work, worker in zip(pairs, works, workers):
        wait_buffered(pair, work.total())
        scrape = settled_scrape(observer, pair.source_label, work.expected)
        check_events(bench, scrape, pair.source_label, work.expected)
        pids = {labels.get("pid") for labels, _ in
                scrape.select("philotes_cdc_events_total", source=pair.source_label)}
        bench.equal("label pid", {str(worker.pid)}, pids, pair.source_label)
        check_unharmed(bench, worker)
    check_drops(bench, observer.scrape())


# name, function, needs the observer, needs working back-pressure
CASES = (
    ("setup_events", setup_events, False, False),
    ("setup_batches", setup_batches, False, False),
    ("observer_first", observer_first, True, False),
    ("observer_late", observer_late, True, False),
    ("observer_during_load", observer_during_load, True, False),
    ("observer_killed", observer_killed, True, False),
    ("other_time_zone", other_time_zone, True, False),
    ("failed_writes", failed_writes, True, False),
    ("paused_and_resumed", paused_and_resumed, True, True),
    ("paused_for_good", paused_for_good, True, True),
    ("stopping", stopping, True, False),
    ("source_lost", source_lost, True, False),
    ("restarted", restarted, True, False),
    ("two_workers", two_workers, True, False),
)
