# SPDX-License-Identifier: Apache-2.0
"""The batch path of a real worker: buffer, Iceberg writer, dead letters and checkpoints.

Philotes stores its own events under an id that its batch reader never asks for; rows for this path
are inserted by SQL. What happened is read from PostgreSQL, the catalog and the object store.
"""

import time

from checks import check_audit, check_drops, check_unharmed, whole
from util import settle, wait_for

_STAGES = ("ensure_table", "parquet", "upload", "commit")
_ATTEMPTS = 3  # of the handler, Philotes' default


class Batches:
    """One worker with an observer, and the rows that it is given."""

    def __init__(self, bench, from_the_start=False, **settings):
        self.bench = bench
        self.pair = bench.pair()
        self.source = self.pair.source_label
        self.observer = bench.observer()
        self.worker = bench.worker(self.pair, observed_by=self.observer if from_the_start else None, **settings)
        self.observer.wait_attached(self.pair)
        # The look for a batch that was under way at that moment is over: the next one's begin is seen.
        self.observer.wait("two looks for a batch", lambda s: s.select("philoscope_audit_drift", source=self.source, counter="batches"))
        self.inserted = 0
        self.begun = time.time()

    def insert(self, *tables, rows=10):
        """One statement: all its rows are in one batch, or follow each other."""
        selects = " UNION ALL ".join(f"SELECT '{table}' AS name, i FROM generate_series(1, {rows}) i" for table in tables)
        self.pair.buffer.execute(
            "INSERT INTO philotes.cdc_events (source_id, schema_name, table_name, operation, lsn, after_data, event_time) "
            f"SELECT '{self.source}', 'public', name, 'INSERT', '0/1', jsonb_build_object('id', i, 'note', 'n'), now() "
            f"FROM ({selects}) rows")
        self.inserted += rows * len(tables)

    def processed(self):
        return int(self.pair.buffer.value("SELECT count(processed_at) FROM philotes.cdc_events"))

    def wait_processed(self):
        wait_for("all rows are marked", lambda: self.processed() == self.inserted)

    def marks(self):
        """Each batch is marked in a transaction of its own."""
        return int(self.pair.buffer.value("SELECT count(DISTINCT processed_at) FROM philotes.cdc_events"))

    def dead(self):
        return int(self.pair.buffer.value("SELECT count(*) FROM philotes.dead_letter_events"))

    def value(self, name, **labels):
        return whole(self.observer.scrape().value(name, source=self.source, **labels)) or 0

    def expect(self, name, wanted, **labels):
        """At rest the counter is this; an absent series is 0."""
        settle(lambda: self.value(name, **labels) == wanted)
        self.bench.equal(name, wanted, self.value(name, **labels), " ".join([self.source, *labels.values()]))

    def expect_batches(self, success, failed, events):
        self.expect("philotes_buffer_batches_total", success, status="success")
        self.expect("philotes_buffer_batches_total", failed, status="failed")
        self.expect("philotes_buffer_events_processed_total", events)
        self.expect("philotes_buffer_batch_duration_seconds_count", success, status="success")
        self.expect("philotes_buffer_batch_duration_seconds_count", failed, status="failed")

    def expect_commits(self, *tables):
        """What the catalog took, table by table; and the object store's sizes are those it was told."""
        for table in tables:
            files, label = self.bench.catalog.appended_files(table), f"public.{table}"
            for name, wanted in (("commits_total", len(files)), ("files_written_total", len(files)),
                                 ("rows_written_total", sum(rows for rows, _ in files)),
                                 ("bytes_written_total", sum(size for _, size in files)),
                                 ("commit_duration_seconds_count", len(files))):
                self.expect("philotes_iceberg_" + name, wanted, table=label)
        self._expect_durations()

    def _expect_durations(self):
        scrape, elapsed = self.observer.scrape(), time.time() - self.begun
        for name in ("philotes_iceberg_commit_duration_seconds_sum", "philotes_buffer_batch_duration_seconds_sum"):
            spent = scrape.total(name, source=self.source)
            # One batch after the other, one table after the other.
            self.bench.check(0 < spent <= elapsed, name, f"above 0, at most {elapsed:.3f}", spent, self.source)

    def expect_failures(self, table, stage, wanted):
        for each in _STAGES:
            self.expect("philotes_iceberg_failures_total", wanted if each == stage else 0, table=f"public.{table}", stage=each)

    def close(self):
        self.bench.equal("iceberg series without a source", [],
                         [labels for labels, _ in self.observer.scrape().select("philotes_iceberg_commits_total", source="unknown")])
        if self.worker.process.exit_code() is None:
            check_audit(self.bench, self.observer, self.source)
        check_unharmed(self.bench, self.worker)
        check_drops(self.bench, self.observer.scrape())


def batches(bench):
    """The good path: rows of one table, then of two in one batch."""
    run = Batches(bench)
    for rows in (30, 20):
        run.insert("orders", rows=rows)
        run.wait_processed()
    run.insert("orders", "items")
    run.wait_processed()
    run.expect_batches(run.marks(), 0, run.inserted)
    run.expect("philotes_buffer_batch_events_count", run.marks())
    run.expect("philotes_buffer_batch_events_sum", run.inserted)
    run.expect_commits("orders", "items")
    commits = sum(len(bench.catalog.appended_files(table)) for table in ("orders", "items"))
    for stage in _STAGES:
        run.expect("philotes_iceberg_stage_duration_seconds_count", commits, stage=stage)
    _check_freshness(run)
    run.expect_failures("orders", None, 0)
    run.expect("philotes_buffer_dlq_total", 0)
    run.close()


def _check_freshness(run):
    """The rows were made when they were inserted: the age at the commit is the time they waited."""
    for table in ("orders", "items"):
        age = run.observer.scrape().value("philotes_iceberg_freshness_seconds", source=run.source, table=f"public.{table}")
        run.bench.check(age is not None and 0 < age < time.time() - run.begun, "philotes_iceberg_freshness_seconds",
                        "above 0, below the time since the start", age, f"{run.source} public.{table}")


def buffer_depth(bench):
    """Rows that nobody asks for stay: the depth is what PostgreSQL counts."""
    run = Batches(bench)
    run.pair.buffer.execute(
        "INSERT INTO philotes.cdc_events (source_id, schema_name, table_name, operation, lsn, after_data, event_time, created_at) "
        "SELECT 'nobody', 'public', 'orders', 'INSERT', '0/1', '{}', now(), now() - interval '100 s' FROM generate_series(1, 17)")
    run.insert("orders")  # a tick has passed when it is done with
    run.wait_processed()
    scrape = run.observer.scrape()
    states = {labels["metric"]: labels for labels, _ in scrape.select("philoscope_probe_info", service="worker")}
    told = bench.has_backpressure or states["philotes_buffer_oldest_event_age_seconds"]["state"] == "attached"
    depth = states["philotes_buffer_depth"]
    bench.equal("philoscope_probe_info", ("attached", "") if told else ("skipped", "backpressure_off"),
                (depth["state"], depth["reason"]), "philotes_buffer_depth")
    if not told:  # a Philotes without metrics asks for it in the back-pressure check alone
        bench.equal("philotes_buffer_depth", [], scrape.select("philotes_buffer_depth"))
        run.close()
        return
    run.expect("philotes_buffer_depth", 17)
    if states["philotes_buffer_oldest_event_age_seconds"]["state"] == "attached":
        age = run.observer.scrape().value("philotes_buffer_oldest_event_age_seconds", source=run.source)
        bench.check(age is not None and 100 <= age <= 100 + time.time() - run.begun + 1,
                    "philotes_buffer_oldest_event_age_seconds", "100 and the time since", age, run.source)
    run.pair.buffer.execute("UPDATE philotes.cdc_events SET processed_at = now()")
    run.expect("philotes_buffer_depth", 0)
    run.close()


def upload_fails_once(bench):
    """The next attempt works: nothing but a failure is counted of the first."""
    run = Batches(bench)
    run.insert("orders")
    run.wait_processed()
    bench.store.fail(1, 403, methods=("PUT",))
    run.insert("orders")
    run.wait_processed()
    run.expect_failures("orders", "upload", 1)
    run.expect_commits("orders")
    run.expect_batches(run.marks(), 0, run.inserted)
    run.close()


def catalog_refuses_once(bench):
    run = Batches(bench)
    run.insert("orders")
    run.wait_processed()
    bench.catalog.fail(1, 500, methods=("POST",))
    run.insert("orders")
    run.wait_processed()
    run.expect_failures("orders", "commit", 1)
    run.expect_commits("orders")
    run.expect_batches(run.marks(), 0, run.inserted)
    run.close()


def table_cannot_be_made(bench):
    """Every answer of the catalog is a refusal until the attempts are used up."""
    run = Batches(bench)
    bench.catalog.fail(_ATTEMPTS, 500)
    run.insert("orders")
    run.wait_processed()
    run.expect_failures("orders", "ensure_table", _ATTEMPTS)
    run.expect_batches(0, 1, 0)
    run.expect("philotes_buffer_dlq_total", run.dead())
    run.close()


def attempts_exhausted(bench):
    """Every row becomes a dead letter, and the next batch is as ever."""
    run = Batches(bench)
    run.insert("orders")
    run.wait_processed()
    good = run.marks()
    bench.store.fail(_ATTEMPTS, 403, methods=("PUT",))
    run.insert("orders", rows=7)
    run.wait_processed()
    bench.equal("rows of philotes.dead_letter_events", 7, run.dead())
    run.expect("philotes_buffer_dlq_total", 7)
    run.expect_batches(good, 1, run.inserted - 7)
    run.expect_failures("orders", "upload", _ATTEMPTS)
    run.insert("orders")
    run.wait_processed()
    run.expect_batches(run.marks() - 1, 1, run.inserted - 7)
    run.expect_commits("orders")
    run.close()


def dead_letters_refused(bench):
    """The batch has failed all the same; no dead letter is counted."""
    run = Batches(bench)
    run.pair.buffer.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'refused'; END$$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON philotes.dead_letter_events FOR EACH ROW EXECUTE FUNCTION refuse()")
    bench.store.fail(1000, 403, methods=("PUT",))
    run.insert("orders", rows=4)
    run.wait_processed()
    run.expect("philotes_buffer_dlq_total", 0)
    run.expect_batches(0, 1, 0)
    run.close()


def dead_letters_off(bench):
    run = Batches(bench, DLQ_ENABLED="false")
    bench.store.fail(1000, 403, methods=("PUT",))
    run.insert("orders", rows=4)
    run.wait_processed()
    run.expect("philotes_buffer_dlq_total", 0)
    run.expect_batches(0, 1, 0)
    run.close()


def marks_refused(bench):
    """Written but not marked: committed again and again, and no batch is counted before it is marked."""
    run = Batches(bench)
    run.pair.buffer.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'refused'; END$$;"
        "CREATE TRIGGER refuse BEFORE UPDATE ON philotes.cdc_events FOR EACH ROW EXECUTE FUNCTION refuse()")
    run.insert("orders")
    wait_for("the same rows are committed again", lambda: len(bench.catalog.appended_files("orders")) >= 3)
    run.expect_batches(0, 0, 0)
    run.pair.buffer.execute("DROP TRIGGER refuse ON philotes.cdc_events")
    run.wait_processed()
    run.expect_batches(1, 0, run.inserted)
    run.expect_commits("orders")
    run.close()


def checkpoints(bench):
    """Every save, good and bad, by sequences: they are not rolled back with a refused one."""
    run = Batches(bench)
    run.pair.buffer.execute(
        "CREATE SEQUENCE saves; CREATE SEQUENCE refusals; CREATE TABLE refusing (yes boolean);"
        "CREATE FUNCTION save() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN "
        " IF EXISTS (SELECT FROM refusing) THEN PERFORM nextval('refusals'); RAISE 'refused'; END IF;"
        " PERFORM nextval('saves'); RETURN NEW; END$$;"
        "CREATE TRIGGER save BEFORE INSERT OR UPDATE ON philotes.cdc_checkpoints FOR EACH ROW EXECUTE FUNCTION save()")

    def counted(sequence):
        return int(run.pair.buffer.value(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}"))

    def changed(until):
        """One event: the next tick saves."""
        run.pair.source.execute("INSERT INTO public.orders SELECT coalesce(max(id), 0) + 1, 'x' FROM public.orders")
        wait_for("a save", until)

    for wanted in (1, 2):
        changed(lambda n=wanted: counted("saves") >= n)
    run.pair.buffer.execute("INSERT INTO refusing VALUES (true)")
    changed(lambda: counted("refusals") >= 1)
    run.pair.buffer.execute("DELETE FROM refusing")
    changed(lambda: counted("saves") >= 3)
    settle(lambda: run.value("philotes_cdc_checkpoints_total", status="success") >= 3)
    run.worker.stop()  # the last one may save once more
    # An INSERT that becomes an UPDATE passes the trigger twice.
    saves = run.value("philotes_cdc_checkpoints_total", status="success")
    seen = counted("saves")
    bench.check(saves in (seen, (seen + 1) // 2), "philotes_cdc_checkpoints_total", f"{seen} passes of the trigger", saves, "success")
    failed = run.value("philotes_cdc_checkpoints_total", status="failed")
    bench.equal("philotes_cdc_checkpoints_total", counted("refusals"), failed, f"{run.source} failed")
    scrape = run.observer.scrape()
    bench.equal("philotes_cdc_checkpoint_duration_seconds_count", saves + failed,
                whole(scrape.value("philotes_cdc_checkpoint_duration_seconds_count", source=run.source)), run.source)
    run.close()


# name, function, needs the observer, needs working back-pressure
CASES = tuple((case.__name__, case, True, False) for case in (
    batches, upload_fails_once, catalog_refuses_once, table_cannot_be_made, attempts_exhausted,
    dead_letters_refused, dead_letters_off, marks_refused, checkpoints,
)) + (("buffer_depth", buffer_depth, True, False),)
