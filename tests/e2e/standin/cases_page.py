# SPDX-License-Identifier: Apache-2.0
"""The page, the state as JSON and `philoscope top`: the numbers of the metrics page, shown in three ways."""
import contextlib
import html.parser
import json
import os
import pathlib
import re
import subprocess
import time
import urllib.request

import compare
from browser import Browser
from cases_cli import FAILED, OK, USAGE, philoscope, refuses
from programs import PHILOSCOPE, Api, Observer, Skip, Worker, fetch, fixture, until

NASTY = '</script><script>alert(1)</script>"\'&<img src=x onerror=alert(1)>\x1b[31m\u202e\x00end'
TABLES = ["public.orders", "public.customers", "stock.items"]
WRITES = {"rows": [120, 80, 40], "hold_us": {"ensure_table": 2000, "parquet": 30000, "upload": 90000, "commit": 25000}}
# Pictures of the page under load go there, for docs/, when it is asked for.
PICTURES = os.environ.get("PHILOSCOPE_PICTURES")


def state(observer):
    return json.loads(fetch(observer.port, "/api/v1/state"))


def begin_load(shop, billing=None):
    """Two pipelines that go on until their workers end; one of them writes, the other fails now and then."""
    shop.start(sources=["postgres-shop"], tables=TABLES, operations=["INSERT", "UPDATE", "DELETE"], events=4_000_000, rate=900,
               lag_ms=[8, 20, 35], end="hold",
               batches={"processors": ["postgres-shop"], "script": [WRITES], "repeat": 3000, "flush_ms": 100})
    if billing:
        billing.start(sources=["postgres-billing"], tables=["public.invoices"], operations=["INSERT"], events=4_000_000, rate=120,
                      lag_ms=[120, 400], end="hold", fail_every=50, fail_attempts=1)


@contextlib.contextmanager
def busy():
    """An observer, and two workers under load."""
    with Observer(identity_pid=False) as observer, Worker() as shop, Worker(fixture("worker-1.27")) as billing:
        observer.sees(shop.pid).sees(billing.pid)
        begin_load(shop, billing)
        yield observer, shop, billing


def ask_until(deadline, server):
    """Requests of some kinds, not in a hurry."""
    while time.monotonic() < deadline:
        server.load(21, "GET /health", "GET /api/v1/sources/known", "GET /drive/bytes/20000", "POST /drive/read 1500", "GET /health",
                    "GET /health", "GET /drive/status/503", connections=2)
        time.sleep(0.5)


# ---- JSON ----

def case_state_has_the_numbers_of_the_metrics(_):
    """At rest they are the same."""
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        worker.run(sources=["postgres-a", NASTY], tables=TABLES, operations=["INSERT", "DELETE"], events=300, fail_every=50,
                   fail_attempts=1, end="hold", batches={"processors": ["postgres-a"], "script": [{"rows": [5, 3]}], "repeat": 4})
        compare.counters(observer, worker)
        scrape, board = observer.scrape(), state(observer)
        pipelines = {row["source"]: row for row in board["pipelines"]}
        sources = {dict(key)["source"] for key in scrape.select("philotes_cdc_events_total")}
        assert sources == {name.replace(" end", "\x00end") if "script" in name else name for name in pipelines}, (sources, pipelines.keys())
        for source in sources:
            row = pipelines[source.replace("\x00", " ")]
            of = {"source": source}
            assert row["pid"] == worker.pid and row["service"] == "worker" and row["state"] == "running", row
            for field, name in (("events", "philotes_cdc_events_total"), ("errors", "philotes_cdc_errors_total"),
                                ("retries", "philotes_cdc_retries_total"), ("processed", "philotes_buffer_events_processed_total"),
                                ("dead_letters", "philotes_buffer_dlq_total")):
                assert row[field] == scrape.total(name, **of), f"{source!r} {field}: {row[field]}, {scrape.total(name, **of)}"
            assert row["lag_seconds"] == max(scrape.select("philotes_cdc_lag_seconds", **of).values())
            depths = list(scrape.select("philotes_buffer_depth", **of).values())
            assert [row["depth"]] == (depths or [None]), (source, row["depth"], depths)
        commit, = board["commits"]
        assert commit["rows"] == scrape.total("philotes_iceberg_rows_written_total") > 0
        assert commit["bytes"] == scrape.total("philotes_iceberg_bytes_written_total") > 0
        assert all(commit[f"{stage}_seconds"] > 0 for stage in ("ensure_table", "parquet", "upload", "commit")), commit
        for row in board["audit"]:
            assert row["drift"] == scrape.one("philoscope_audit_drift", source=row["source"].replace(" end", "\x00end") if "script" in row["source"] else row["source"], counter=row["counter"])
        infos = scrape.select("philoscope_probe_info")
        assert len(board["probes"]) == len(infos)
        told = {row["reason"]: row["drops"] for row in board["drops"]}
        dropped = {dict(key)["reason"]: value for key, value in scrape.select("philoscope_drops_total").items()}
        # Each page takes samples of its own: a busy machine may be late with those of the second.
        assert told.keys() == dropped.keys() and all(told[reason] >= dropped[reason] for reason in compare.OF_SAMPLES), (told, dropped)
        assert all(told[reason] == value for reason, value in dropped.items() if reason not in compare.OF_SAMPLES), (told, dropped)
        target, = [row for row in board["targets"] if row["pid"] == worker.pid]
        assert target["state"] == "attached" and target["go_version"].startswith("go1.25"), target
        assert target["metrics"] == target["metrics_known"] and re.fullmatch("[0-9a-f]{12}", target["binary"]), target


def case_state_says_why_nothing_is_collected(_):
    with Observer(env={"PHILOTES_METRICS_ENABLED": "false"}) as observer, Worker() as worker:
        observer.sees(worker.pid, "refused")
        board = state(observer)
        target, = [row for row in board["targets"] if row["pid"] == worker.pid]
        assert (target["state"], target["reason"], target["metrics"]) == ("refused", "family_off", 0), target
        reasons = {row["reason"] for row in board["probes"] if row["binary"] == target["binary"]}
        assert target["explanation"] and reasons - {"other_service"} == {"family_off"}, reasons


def quantile(q, buckets):
    """histogram_quantile of PromQL: {upper bound: requests at most so long}."""
    bounds = sorted(buckets)
    rank = q * buckets[bounds[-1]]
    at = next(i for i, bound in enumerate(bounds) if buckets[bound] >= rank)
    below, low = (buckets[bounds[at - 1]], bounds[at - 1]) if at else (0, 0)
    return low + (bounds[at] - low) * (rank - below) / (buckets[bounds[at]] - below)


def case_state_has_the_requests_of_a_server(_):
    """Counts are the metrics'; quantiles are PromQL's, of all requests since the page was first looked at."""
    with Observer() as observer, Api() as server:
        observer.sees(server.pid)
        assert state(observer)["endpoints"] == []
        server.load(90, "GET /health", "GET /drive/status/503", "GET /drive/panic", connections=3)
        scrape = observer.scrape()
        rows = {(row["method"], row["endpoint"]): row for row in state(observer)["endpoints"]}
        seen = {tuple(dict(key)[label] for label in ("method", "endpoint")) for key in scrape.select("philotes_api_requests_total")}
        assert seen and seen <= rows.keys(), (seen, rows.keys())
        for (method, endpoint), row in rows.items():
            of = {"method": method, "endpoint": endpoint}
            assert row["requests"] == scrape.total("philotes_api_requests_total", **of), row
            assert row["server_errors"] == scrape.total("philotes_api_requests_total", status="503", **of), row
            assert row["aborted"] == scrape.total("philotes_api_requests_aborted_total", **of), row
            buckets = {float(dict(key)["le"]): count
                       for key, count in scrape.select("philotes_api_request_duration_seconds_bucket", **of).items()}
            for field, q in (("p50_seconds", 0.5), ("p95_seconds", 0.95), ("p99_seconds", 0.99)):
                expected = quantile(q, buckets) if row["requests"] else None
                assert row[field] == expected or abs(row[field] - expected) < 1e-9, (field, row, expected)


# ---- the page, as it is sent ----

class Tags(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


def case_page_is_one_document_under_a_policy(_):
    with Observer(env={"PHILOTES_METRICS_ENABLED": "false"}) as observer:
        with urllib.request.urlopen(f"http://127.0.0.1:{observer.port}/") as answer:
            text, headers = answer.read().decode(), answer.headers
        assert headers["Content-Type"] == "text/html; charset=utf-8" and headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
        policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'" and "unsafe" not in str(policy), policy
        assert all(policy[name].startswith("'sha256-") for name in ("script-src", "style-src"))
        for tag, attributes in Tags(text).tags:
            assert "style" not in attributes and not any(name.startswith("on") for name in attributes), (tag, attributes)
            for name in ("src", "href"):
                assert attributes.get(name, "/").startswith(("/", "#", "data:")), (tag, attributes)


def case_page_escapes_what_targets_hold(_):
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        worker.run(sources=[NASTY], tables=["x.y"], events=3, end="hold")
        text = fetch(observer.port, "/")
        tags = Tags(text)
        assert [tag for tag, _ in tags.tags].count("script") == 1 and "img" not in [tag for tag, _ in tags.tags]
        assert "\x1b" not in text and "\u202e" not in text and "\x00" not in text
        assert "</script><script>alert(1)</script>\"'&<img src=x onerror=alert(1)>" in "".join(tags.words)
        once = philoscope("top", "--once", f"127.0.0.1:{observer.port}")
        assert once.returncode == OK and "<img src=x" in once.stdout and "\x1b" not in once.stdout and "\u202e" not in once.stdout


# ---- in a browser ----

def case_page_in_a_browser(folder):
    """It loads, goes on while load runs, filters, pauses, works without its script; nothing is complained about."""
    with busy() as (observer, shop, _), Browser(folder) as browser:
        browser.window(1280, 900)
        browser.open(f"http://127.0.0.1:{observer.port}/")
        assert browser.run("return document.title") == "philoscope"
        until(lambda: len(browser.texts("#pipelines tbody tr")) == 2, "both pipelines")
        until(lambda: any("/s" in row and "–/s" not in row for row in browser.texts("#pipelines tbody .value")), "a rate")
        before = browser.texts("#time")
        until(lambda: browser.texts("#time") != before, "an update")
        until(lambda: browser.run("return document.querySelectorAll('#pipelines path.line').length") > 0, "a trend")
        until(lambda: browser.run("return document.querySelectorAll('#commits .bar rect').length") == 4, "the stages")
        # What was opened stays open, and what has the focus keeps it.
        browser.run("document.querySelector('#probes details').open = true; document.getElementById('filter').focus()")
        browser.type("billing")
        until(lambda: browser.texts("#pipelines tbody tr:not([hidden])") and len(browser.texts("#pipelines tbody tr:not([hidden])")) == 1,
              "the filter")
        before = browser.texts("#time")
        until(lambda: browser.texts("#time") != before, "an update")
        assert len(browser.texts("#pipelines tbody tr:not([hidden])")) == 1, "the filter is forgotten"
        assert browser.run("return document.querySelector('#probes details').open")
        assert browser.run("return document.activeElement.id") == "filter"
        assert re.search(r"\d+ of \d+ rows", browser.texts("#news")[0])
        # By the keyboard alone: the next one is the button, which stops it.
        browser.press("Tab", 9)
        assert browser.run("return document.activeElement.id") == "pause"
        browser.press("Enter", 13)
        until(lambda: browser.run("return document.getElementById('pause').getAttribute('aria-pressed')") == "true", "the pause")
        # One may be under way. Two looks, a period apart, are never the same while it goes on.
        def rests():
            before = browser.texts("#time")
            time.sleep(2.5)
            return browser.texts("#time") == before
        until(rests, "the end of updates")
        for width in (1280, 360):
            browser.window(width, 740)
            assert browser.run("return document.documentElement.scrollWidth <= innerWidth"), f"{width} px: it is too wide"
        assert browser.console() == [], "complaints"
        without_scripts(browser, observer)
        assert browser.console() == [], "complaints without scripts"


def without_scripts(browser, observer):
    browser.scripts(False)
    browser.open(f"http://127.0.0.1:{observer.port}/")
    tree = browser.devtools("Accessibility.getFullAXTree")["nodes"]
    browser.scripts(True)
    roles = [(node.get("role", {}).get("value"), node.get("name", {}).get("value")) for node in tree]
    assert ("table", "Pipelines") in roles and ("heading", "Pipelines") in roles, roles
    assert any(role == "rowheader" and "postgres-shop" in (name or "") for role, name in roles), roles
    assert not any(role == "searchbox" for role, _ in roles), "there are tools that do nothing"


def case_page_says_when_nobody_answers(folder):
    with Observer(env={"PHILOTES_METRICS_ENABLED": "false"}) as observer, Browser(folder) as browser:
        browser.open(f"http://127.0.0.1:{observer.port}/")
        observer.stop()
        until(lambda: any("These numbers are old" in text for text in browser.texts("#news")), "the word about it")


def soak_pictures_of_the_page(folder):
    """Under load, for docs/: wide and narrow, light and dark."""
    if not PICTURES:
        raise Skip("PHILOSCOPE_PICTURES names no folder")
    with busy() as (observer, *_), Api() as server, Browser(folder) as browser:
        browser.window(1280, 900)
        browser.open(f"http://127.0.0.1:{observer.port}/")
        ask_until(time.monotonic() + float(os.environ.get("PHILOSCOPE_PICTURES_AFTER", "240")), server)
        for width, dark, name in ((1280, False, "page"), (1280, True, "page-dark"), (360, False, "page-360"), (360, True, "page-360-dark")):
            browser.window(width, 900, dark)
            browser.picture(pathlib.Path(PICTURES) / f"{name}.png")
        assert browser.console() == []


# ---- in a terminal ----

class Screen:
    """A terminal of tmux's, of its own server."""

    def __init__(self, folder, width, height, *command):
        self.socket = str(folder / "tmux")
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), "--", "env", "LANG=C.UTF-8", *command)

    def _tmux(self, *arguments, check=True):
        return subprocess.run(["tmux", "-u", "-S", self.socket, *arguments], capture_output=True, text=True, check=check,
                              env={**os.environ, "LANG": "C.UTF-8"}).stdout

    def text(self):
        return self._tmux("capture-pane", "-p", check=False)

    def press(self, *keys):
        self._tmux("send-keys", *keys)

    def is_over(self):
        return subprocess.run(["tmux", "-S", self.socket, "has-session"], capture_output=True, check=False).returncode != 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._tmux("kill-server", check=False)


def case_top_in_a_terminal(folder):
    with busy() as (observer, *_):
        for width, height in ((120, 40), (60, 20)):
            place = folder / str(width)
            place.mkdir()
            with Screen(place, width, height, PHILOSCOPE, "top", f"127.0.0.1:{observer.port}") as screen:
                until(lambda: "postgres-billing" in screen.text() and "/s" in screen.text(), "pipelines and rates")
                lines = screen.text().splitlines()
                assert all(len(line) <= width for line in lines) and lines[0].startswith("2 targets attached."), lines
                seen = screen.text()
                until(lambda: screen.text() != seen, "an update")
                if height == 20:
                    screen.press(*["j"] * 60)
                    until(lambda: not screen.text().startswith("2 targets"), "scrolling")
                screen.press("q")
                until(screen.is_over, "the end")


def case_top_waits_for_the_observer(folder):
    with Observer(env={"PHILOTES_METRICS_ENABLED": "false"}) as observer:
        with Screen(folder, 80, 24, PHILOSCOPE, "top", f"127.0.0.1:{observer.port}") as screen:
            until(lambda: "Observer" in screen.text(), "the board")
            observer.stop()
            until(lambda: "trying again" in screen.text(), "the word about it")
            assert "Observer" in screen.text()
            screen.press("C-c")
            until(screen.is_over, "the end")


def case_top_once(folder):
    with Observer(f"--web.listen-address=unix:{folder}/it") as observer, Worker() as worker:
        observer.sees(worker.pid)
        begin_load(worker)
        until(lambda: state(observer)["pipelines"], "a pipeline")
        for address in (f"127.0.0.1:{observer.port}", f"localhost:{observer.port}", f"unix:{folder}/it"):
            done = philoscope("top", "--once", address)
            assert done.returncode == OK and not done.stderr and "\x1b" not in done.stdout, done
            assert re.search(r"postgres-shop +worker · pid \d+ +running +[\d,.]+/s", done.stdout), done.stdout
    for address in (f"127.0.0.1:{observer.port}", f"unix:{folder}/nothing", "no-such-host.invalid:1"):
        refuses(philoscope("top", "--once", address), FAILED, address)
    for arguments in (["--once", "x"], ["--all"], ["a:1", "b:2"]):
        refuses(philoscope("top", *arguments), USAGE, arguments)
    refuses(philoscope("top", f"127.0.0.1:{observer.port}"), FAILED, "no terminal")
