# SPDX-License-Identifier: Apache-2.0
"""The page as clients see it: a real Prometheus, and scrapes while the numbers move."""
import gzip
import http.client
import pathlib
import shutil
import subprocess
import threading
import time

import compare
import hostview
from exposition import Samples
from programs import HANG_GUARD, Observer, Worker, fixture, until
from prometheus import Prometheus, find

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
THREE_TABLES = ["public.orders", "public.items", "sales.customers"]
HISTOGRAMS = ("philotes_cdc_event_duration_seconds", "philotes_cdc_event_lag_seconds")


def request(port, path="/metrics", method="GET", **headers):
    """(answer, body) of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HANG_GUARD)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


# ---- a real Prometheus ----

def agrees(prometheus, worker):
    """At rest it has, after another scrape, what the worker has counted."""
    before = prometheus.scrapes()
    until(lambda: prometheus.scrapes() > before + 1, "another scrape")
    oracle, pid = worker.oracle(), str(worker.pid)
    for name in (compare.EVENTS, "philotes_cdc_event_lag_seconds_count"):
        seen = prometheus.query(f'{name}{{pid="{pid}"}}')
        strip = {"__name__", "job", "instance", "service", "pid"}
        named = {frozenset((k, v) for k, v in key if k not in strip): value for key, value in seen.items()}
        expected = {frozenset((k, v) for k, v in key if k != "pid"): value for key, value in oracle.select(name).items()}
        compare.same(named, expected, name)


def scraped_by(folder, version):
    """No scrape fails, nothing is complained of, and the numbers, types and units are those that were served."""
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        worker.run(tables=THREE_TABLES, events=50)
        with Prometheus(folder, f"127.0.0.1:{observer.port}", version) as prometheus:
            until(lambda: prometheus.scrapes() >= 3, "three scrapes")
            worker.run(tables=THREE_TABLES, events=70)
            agrees(prometheus, worker)
            target = prometheus.target()
            assert target["health"] == "up" and not target["lastError"], target
            assert prometheus.number("min_over_time(up[1h])") == 1
            for query in ("max(philotes_cdc_lag_seconds)", "sum(rate(philotes_cdc_events_total[5m]))",
                          "histogram_quantile(0.5, sum by (le) (philotes_cdc_event_lag_seconds_bucket))"):
                assert prometheus.number(query) is not None, query
            known = {row["metric"]: row for row in prometheus.api("targets/metadata")}
            assert known["philotes_cdc_events"]["type"] == "counter", known["philotes_cdc_events"]
            assert known["philotes_cdc_event_lag_seconds"]["unit"] == "seconds"
            # The worker's counts began when it was first hit.
            created = prometheus.number(f'max(philotes_cdc_events_created{{pid="{worker.pid}"}})')
            assert 0 <= time.time() - created < HANG_GUARD, created
            assert not prometheus.complaints(), prometheus.complaints()


def case_scraped_by_prometheus_2(folder):
    scraped_by(folder, 2)


def soak_scraped_by_prometheus_3(folder):
    scraped_by(folder, 3)


def soak_promtool_3(_):
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        worker.run(tables=["public.orders", "odd.\xff\"name"], events=20)
        done = subprocess.run([find("promtool", 3), "check", "metrics"], input=request(observer.port)[1], capture_output=True,
                              check=False, timeout=HANG_GUARD)
        assert done.returncode == 0 and not done.stderr, done


# ---- formats ----

def case_both_formats_say_the_same(_):
    """Also compressed, and only what is asked for."""
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        worker.run(tables=THREE_TABLES, events=20)
        answer, body = request(observer.port, Accept="text/plain")
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        text = Samples(body.decode())
        answer, body = request(observer.port, Accept=OPENMETRICS, Accept_Encoding="gzip")
        assert answer.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        assert answer.headers["Content-Encoding"] == "gzip"
        page = gzip.decompress(body).decode()
        assert page.endswith("# EOF\n")
        both = Samples(page)
        for name in (compare.EVENTS, f"{HISTOGRAMS[0]}_sum", f"{HISTOGRAMS[1]}_count", "philotes_cdc_lag_seconds"):
            compare.same(both.select(name, pid=str(worker.pid)), text.select(name, pid=str(worker.pid)), name)
        _, body = request(observer.port, f"/metrics?name[]={compare.EVENTS}&name[]=philoscope_targets")
        some = Samples(body.decode())
        assert {name for name, _ in some.values} == {compare.EVENTS, "philoscope_targets"}
        compare.same(some.select(compare.EVENTS), Samples(request(observer.port)[1].decode()).select(compare.EVENTS), "filter")


def case_heads_and_refusals(_):
    with Observer() as observer:
        for path, method, status in (("/metrics", "HEAD", 200), ("/-/healthy", "GET", 200), ("/-/ready", "GET", 200),
                                     ("/metrics", "POST", 405), ("/metrics/", "GET", 404), ("/nothing", "HEAD", 404)):
            answer, body = request(observer.port, path, method)
            assert answer.status == status, f"{method} {path}: {answer.status}"
            assert (method != "HEAD" or not body) and answer.headers["Content-Length"], f"{method} {path}"


# ---- scrapes while the numbers move ----

def check_histograms(samples):
    """Buckets are cumulative, the last one is the count."""
    for name in HISTOGRAMS:
        series = {}
        for key, value in samples.select(f"{name}_bucket").items():
            labels = dict(key)
            bound = float(labels.pop("le").replace("+Inf", "inf"))
            series.setdefault(frozenset(labels.items()), []).append((bound, value))
        counts = samples.select(f"{name}_count")
        assert series.keys() == counts.keys()
        for labels, buckets in series.items():
            values = [value for _, value in sorted(buckets)]
            assert values == sorted(values), f"{name}{dict(labels)} falls: {values}"
            assert values[-1] == counts[labels], f"{name}{dict(labels)}: +Inf {values[-1]}, count {counts[labels]}"


def never_falls(before, after):
    for key, value in before.values.items():
        name, labels = key
        if name.endswith(("_total", "_bucket", "_count", "_sum")):
            assert after.values.get(key, -1) >= value, f"{name}{dict(labels)} fell from {value} to {after.values.get(key)}"


class Scraper(threading.Thread):
    """Scrapes until it is told to stop, and looks at each page."""

    def __init__(self, port):
        super().__init__()
        self.port, self.scrapes, self.failure, self.done = port, 0, None, threading.Event()

    def run(self):
        last = None
        try:
            while not self.done.is_set():
                samples = Samples(request(self.port)[1].decode())
                check_histograms(samples)
                if last:
                    never_falls(last, samples)
                last, self.scrapes = samples, self.scrapes + 1
        except AssertionError as error:
            self.failure = error

    def finish(self):
        self.done.set()
        self.join()
        if self.failure:
            raise self.failure
        return self.scrapes


def case_scrapes_under_load_agree_with_themselves(_):
    """Two at the same time: buckets are monotone, +Inf is the count, counters never fall; at rest all is exact."""
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        scrapers = [Scraper(observer.port) for _ in range(2)]
        for scraper in scrapers:
            scraper.start()
        rounds = 0
        while rounds < 4 or min(scraper.scrapes for scraper in scrapers) <= 3 and all(scraper.is_alive() for scraper in scrapers):
            worker.run(tables=THREE_TABLES, events=5000, no_stamps=True)
            rounds += 1
        for scraper in scrapers:
            scraper.finish()
        compare.no_drops(compare.counters(observer, worker))


# ---- the observer's own numbers ----

def limit_of_files(pid):
    lines = pathlib.Path(f"/proc/{pid}/limits").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("Max open files")).split()[3])


def case_own_process_is_what_the_kernel_says_of_it(_):
    begun = time.time()
    with Observer() as observer:
        started, pid = time.time(), observer.pid
        before, held = hostview.cpu_s(pid), hostview.resident_kib(pid) * 1024
        asked = time.monotonic()
        observer.scrape()
        took = time.monotonic() - asked
        scrape = observer.scrape()
        own = {name: scrape.one(f"philoscope_process_{name}") for name in (
            "cpu_seconds_total", "resident_memory_bytes", "start_time_seconds", "open_fds", "max_fds")}
        assert before <= own["cpu_seconds_total"] <= hostview.cpu_s(pid), own
        holds = hostview.resident_kib(pid) * 1024
        assert min(held, holds) * 0.8 <= own["resident_memory_bytes"] <= max(held, holds) * 1.2, own
        assert begun - 1 <= own["start_time_seconds"] <= started + 1, own
        # The connection of the scrape, and of one that has just ended.
        assert abs(own["open_fds"] - hostview.descriptors(pid)) <= 3, own
        assert own["max_fds"] == limit_of_files(pid), own
        # That of the scrape before.
        assert 0 < scrape.one("philoscope_scrape_duration_seconds") <= took


def timings(scrape):
    return {name: (scrape.one(f"philoscope_{name}_seconds_count"), scrape.one(f"philoscope_{name}_seconds_sum"))
            for name in ("target_analysis_duration", "attach_duration")}


def case_a_new_executable_is_looked_into_and_attached_once(folder):
    """Both take time, and not longer than until it is seen. Others of the host may come meanwhile."""
    path = shutil.copy(fixture("worker-1.25"), folder / "new")
    with Observer() as observer:
        before, begun = timings(observer.scrape()), time.monotonic()
        with Worker(str(path)) as worker:
            observer.sees(worker.pid)
            after, took = timings(observer.scrape()), time.monotonic() - begun
    for name, (count, total) in after.items():
        assert count > before[name][0] and 0 < total - before[name][1] <= took, f"{name}: {before[name]}, {after[name]}, {took}"


def case_what_is_said_of_series_and_maps_agrees_with_the_page(_):
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        worker.run(tables=THREE_TABLES, events=20)
        scrape = observer.scrape()
        names = {name for name, _ in scrape.values}
        said = {dict(key)["metric"]: value for key, value in scrape.select("philoscope_series").items()}
        shown = {name: len(scrape.select(f"{name}_count" if f"{name}_count" in names else name)) for name in said}
        compare.same(said, shown, "philoscope_series")
        assert sum(said.values()) > len(THREE_TABLES)
        entries, capacity = (scrape.select(f"philoscope_map_{what}") for what in ("entries", "capacity"))
        assert entries.keys() == capacity.keys()
        full = {dict(key)["map"]: (value, capacity[key]) for key, value in entries.items() if not value < capacity[key]}
        assert not full and entries[frozenset({("map", "tables")})] > 0, full
