# SPDX-License-Identifier: Apache-2.0
"""What is compared, each with the tolerance that it needs and why."""

import time

from util import settle, wait_for

# Lag from outside ends when the buffer's transaction begins, a moment after the worker took its own.
_LAG_SLACK_S, _LAG_SLACK_RATIO = 0.020, 0.05
# Metrics of this stage that must be produced for every worker.
_FAMILY_METRICS = ("philotes_cdc_events_total", "philotes_cdc_lag_seconds",
                   "philotes_cdc_pipeline_state", "philotes_cdc_event_duration_seconds",
                   "philotes_cdc_event_lag_seconds", "philotes_cdc_last_event_timestamp_seconds")

_AUDITED = {"events", "source_errors", "events_buffered", "batches", "events_processed", "dlq"}

# A process may end, or the machine be busy, while its own numbers are read: nothing that was counted is missing then.
_OF_SAMPLES = ("sample_gone", "sample_late")


def wait_buffered(pair, rows):
    wait_for(f"{rows} rows in the buffer", lambda: pair.buffered_total() >= rows)


def settled_scrape(observer, source, expected, finished=None):
    """The first scrape with all of `expected` counted and finished, or the last one tried."""
    begun = sum(expected.values())
    finished = begun if finished is None else finished

    def done(scrape):
        return (sum(scrape.events(source).values()) >= begun and
                scrape.total("philotes_cdc_event_duration_seconds_count", source=source) >= finished)
    settle(lambda: done(observer.scrape()))
    return observer.scrape()


def equal_rows(bench, pair, expected):
    """The buffer holds exactly the executed changes."""
    seen = pair.buffered()
    differ = {key: (expected.get(key, 0), seen.get(key, 0)) for key in set(expected) | set(seen)
              if expected.get(key, 0) != seen.get(key, 0)}
    bench.check(not differ, "rows in philotes.cdc_events", f"{sum(expected.values())} rows",
                differ or f"{sum(seen.values())} rows", f"by table and operation, {len(seen)} of them")


def check_events(bench, scrape, source, expected):
    seen = scrape.events(source)
    for table, operation in sorted(set(expected) | set(seen)):
        bench.equal("philotes_cdc_events_total", expected.get((table, operation), 0),
                    seen.get((table, operation), 0), f"{source} {table} {operation}")


def check_durations(bench, scrape, source, events):
    bench.equal("philotes_cdc_event_duration_seconds_count", events,
                whole(scrape.value("philotes_cdc_event_duration_seconds_count", source=source)), source)


def whole(value):
    """A counter as an integer, an absent series as None."""
    return None if value is None else int(value)


def check_drops(bench, scrape):
    drops = scrape.select("philoscope_drops_total")
    wrong = {labels.get("reason"): value for labels, value in drops if value and labels.get("reason") not in _OF_SAMPLES}
    bench.check(bool(drops) and not wrong, "philoscope_drops_total", "exported, all 0 (but of samples)",
                wrong or (f"{len(drops)} reasons, all 0" if drops else "nothing exported"))


# Two looks of the worker for a batch, and its back-pressure's, on a host that is busy with other things.
AUDIT_PATIENCE_S = 60.0


def check_audit(bench, observer, source):
    """What the worker, which has to run still, says of itself is what was counted of it: all pairs, in a comparison that is new."""
    begun = time.monotonic()

    def drifts():
        scrape = observer.scrape()
        ages = scrape.select("philoscope_audit_age_seconds", source=source)
        newer = {labels["counter"] for labels, age in ages if age < time.monotonic() - begun}
        return {labels["counter"]: value for labels, value in scrape.select("philoscope_audit_drift", source=source)
                if labels["counter"] in newer}
    def all_drifts():
        seen = drifts()
        return seen if seen.keys() == _AUDITED else None
    seen = settle(all_drifts, AUDIT_PATIENCE_S) or drifts()
    bench.equal("philoscope_audit_drift", dict.fromkeys(sorted(_AUDITED), 0), dict(sorted(seen.items())), source)


def check_counter(bench, observer, name, wanted, **labels):
    """At rest the counter is this; an absent series is 0."""
    def seen():
        return int(observer.scrape().total(name, **labels))
    settle(lambda: seen() == wanted)
    bench.equal(name, wanted, seen(), " ".join(labels.values()))


def check_state(bench, observer, source, state, when):
    shown = settle(lambda: observer.scrape().state(source) == state)
    bench.equal("philotes_cdc_pipeline_state", state, state if shown
                else whole(observer.scrape().state(source)), f"{source} {when}")


def check_unharmed(bench, worker, code=0):
    exit_code = worker.stop()
    bench.equal("worker exit code", code, exit_code)
    bench.equal("worker's last words", [], worker.crashed())


def check_after_exit(bench, observer, source, expected):
    """Gauges go at once, counters stay for the last scrapes, and nothing was counted twice."""
    gone = settle(lambda: observer.scrape().state(source) is None)
    scrape = observer.scrape()
    bench.check(bool(gone), "philotes_cdc_pipeline_state", "no series", scrape.state(source),
                f"{source} after exit")
    bench.equal("philotes_cdc_events_total", sum(expected.values()),
                sum(scrape.events(source).values()), f"{source} all, after exit")


def lags_of(pair):
    """{table: rows' lags in order of arrival}, seen from PostgreSQL."""
    lags = {}
    for table, lag in pair.buffer.rows(
            "SELECT schema_name||'.'||table_name, extract(epoch FROM created_at - event_time) "
            "FROM philotes.cdc_events ORDER BY id"):
        lags.setdefault(table, []).append(float(lag))
    return lags


def _close(seen, lag):
    return seen is not None and abs(seen - lag) <= max(_LAG_SLACK_S, abs(lag) * _LAG_SLACK_RATIO)


def check_lag_gauges(bench, scrape, pair):
    """At rest the gauge is the lag of each table's last row."""
    for table, lags in sorted(lags_of(pair).items()):
        gauge = scrape.value("philotes_cdc_lag_seconds", source=pair.source_label, table=table)
        bench.check(_close(gauge, lags[-1]), "philotes_cdc_lag_seconds",
                    f"{lags[-1]:.6f} ± 20 ms or 5 %", gauge, f"{pair.source_label} {table}")


def check_lag_histograms(bench, scrape, pair):
    """Count exactly; sum and buckets as far as PostgreSQL's times bound them."""
    source, name = pair.source_label, "philotes_cdc_event_lag_seconds"
    for table, lags in sorted(lags_of(pair).items()):
        labels = f"{source} {table}"
        bench.equal(name + "_count", len(lags),
                    whole(scrape.value(name + "_count", source=source, table=table)), labels)
        _check_lag_sum(bench, scrape.value(name + "_sum", source=source, table=table), lags, labels)
        _check_lag_buckets(bench, scrape, source, table, lags)


def _check_lag_sum(bench, seen, lags, labels):
    # The worker's own clock reading comes first, so its lags are the smaller ones.
    high = sum(lags) + 1e-6 * len(lags)
    low = sum(lags) * (1 - _LAG_SLACK_RATIO) - len(lags) * _LAG_SLACK_S
    bench.check(seen is not None and low <= seen <= high, "philotes_cdc_event_lag_seconds_sum",
                f"{max(low, 0):.3f} to {high:.3f}", seen, labels)


def _check_lag_buckets(bench, scrape, source, table, lags):
    wrong, bounds = [], 0
    for labels, seen in scrape.select("philotes_cdc_event_lag_seconds_bucket", source=source,
                                      table=table):
        bounds += 1
        at_least = sum(lag <= float(labels["le"]) for lag in lags)
        if not at_least <= seen <= len(lags):
            wrong.append((labels["le"], at_least, seen))
    bench.check(bounds == 13 and not wrong, "philotes_cdc_event_lag_seconds_bucket",
                "13, none below what PostgreSQL's times allow", wrong or f"{bounds} as allowed",
                f"{source} {table}")


def check_newest(bench, scrape, pair):
    rows = pair.buffer.rows("SELECT schema_name||'.'||table_name, extract(epoch FROM max(event_time)) "
                            "FROM philotes.cdc_events GROUP BY 1 ORDER BY 1")
    for table, newest in rows:
        seen = scrape.value("philotes_cdc_last_event_timestamp_seconds",
                            source=pair.source_label, table=table)
        bench.check(seen is not None and abs(seen - float(newest)) <= 0.001,
                    "philotes_cdc_last_event_timestamp_seconds", f"{newest} ± 1 ms",
                    seen and f"{seen:.6f}", f"{pair.source_label} {table}")


def check_probes(bench, scrape):
    info = scrape.select("philoscope_probe_info", service="worker")
    bench.section.probe_info = sorted({(l.get("family", ""), l.get("metric", ""), l.get("state", ""),
                                        l.get("reason", "")) for l, _ in info})
    # The namespace is the reader's choice, so the label may do without it.
    states = {"philotes_" + labels.get("metric", "").removeprefix("philotes_"): labels.get("state") for labels, _ in info}
    for metric in _FAMILY_METRICS:
        bench.equal("philoscope_probe_info", "attached", states.get(metric), metric)
    attached = scrape.total("philoscope_probe_sites", service="worker", family="cdc", state="attached")
    failed = scrape.total("philoscope_probe_sites", service="worker", state="failed")
    bench.check(attached > 0 and not failed, "philoscope_probe_sites", "some attached, none failed",
                f"{attached:g} attached, {failed:g} failed", "cdc")
