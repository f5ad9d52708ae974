# SPDX-License-Identifier: Apache-2.0
"""What is done to an API server, and what must then be true.

The test's own record of requests and answers is one oracle; where the server has metrics of its own,
they are the other one, series by series.
"""

import json
import socket
import threading

from api import Log
from checks import check_drops
from checks_runtime import check_runtime

REQUESTS, DURATION = "philotes_api_requests_total", "philotes_api_request_duration_seconds"
SIZES = ("philotes_api_request_size_bytes", "philotes_api_response_size_bytes")
IN_FLIGHT, ABORTED = "philotes_api_requests_in_flight", "philotes_api_requests_aborted_total"
_NO_ID = "00000000-0000-0000-0000-000000000000"
_SOURCE = {"name": "shop", "host": "127.0.0.1", "port": 1, "database_name": "shop", "username": "u", "password": "p"}


def _series(scrape, name):
    """{labels without those of the target: value}."""
    return {frozenset(item for item in labels.items() if item[0] not in ("service", "pid")): value
            for labels, value in scrape.select(name)}


def _differences(seen, expected):
    return sorted(f"{dict(key)}: {seen.get(key)}, not {expected.get(key)}" for key in seen.keys() | expected.keys()
                  if seen.get(key) != expected.get(key))[:5]


def _wait_attached(observer):
    observer.wait("the API server is attached to", lambda s: s.total("philoscope_targets", service="api", state="attached") == 1)


def _stock_requests(log, api):
    """Each stock route, in the ways it can be asked for."""
    with api.connect() as connection:
        def ask(method, path, template, body=None, **headers):
            return log.ask(connection, method, path, template, body, **headers)
        for path in ("/health", "/health/live", "/health/ready", "/api/v1/version", "/api/v1/config", "/api/v1/sources",
                     "/api/v1/pipelines"):
            ask("GET", path, path)
        for method, path in (("GET", "/nowhere"), ("HEAD", "/health"), ("PURGE", "/api/v1/version"), ("POST", "/health")):
            ask(method, path, "/not_found")
        ask("OPTIONS", "/api/v1/sources", "/not_found", Origin="http://elsewhere.example",
            **{"Access-Control-Request-Method": "GET"})
        ask("GET", f"/api/v1/sources/{_NO_ID}", "/api/v1/sources/:id")
        ask("GET", "/api/v1/sources/none", "/api/v1/sources/:id")
        ask("POST", "/api/v1/sources", "/api/v1/sources", b"no JSON")
        made = json.loads(ask("POST", "/api/v1/sources", "/api/v1/sources", json.dumps(_SOURCE).encode()))
        source = made.get("source", made).get("id", _NO_ID)
        ask("GET", f"/api/v1/sources/{source}", "/api/v1/sources/:id")
        ask("PUT", f"/api/v1/sources/{source}", "/api/v1/sources/:id", json.dumps({"name": "other"}).encode())
        ask("POST", f"/api/v1/sources/{source}/test", "/api/v1/sources/:id/test")
        pipeline = {"name": "p", "source_id": source, "tables": [{"source_schema": "public", "source_table": "orders"}]}
        made = json.loads(ask("POST", "/api/v1/pipelines", "/api/v1/pipelines", json.dumps(pipeline).encode()))
        number = made.get("pipeline", made).get("id", _NO_ID)
        ask("GET", f"/api/v1/pipelines/{number}/status", "/api/v1/pipelines/:id/status")
        ask("POST", f"/api/v1/pipelines/{number}/start", "/api/v1/pipelines/:id/start")
        ask("DELETE", f"/api/v1/pipelines/{number}", "/api/v1/pipelines/:id")
        ask("DELETE", f"/api/v1/sources/{source}", "/api/v1/sources/:id")
        ask("POST", "/api/v1/sources", "/api/v1/sources", iter([b"{", b"}"]))  # chunked: no length


def _load(log, api, threads, each):
    def work(number):
        with api.connect() as connection:
            for i in range(each):
                path = ("/health/live", "/api/v1/version", "/nowhere")[(number + i) % 3]
                log.ask(connection, "GET", path, "/not_found" if path == "/nowhere" else path)
    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def _check_own(bench, scrape, own):
    """Every series equals the server's own."""
    for name in (REQUESTS, f"{DURATION}_count", *(f"{size}_{part}" for size in SIZES for part in ("bucket", "sum", "count"))):
        bench.equal(name, [], _differences(_series(scrape, name), _series(own, name)), "all series")
    for labels, value in own.select(f"{DURATION}_sum"):
        seen = scrape.value(f"{DURATION}_sum", service="api", **labels)
        count = own.value(f"{DURATION}_count", **labels)
        # Both clocks are read within a few instructions of each other; a thread may lose its CPU there.
        bench.check(seen is not None and abs(seen - value) <= 0.02 * value + 0.0003 * count + 0.005, f"{DURATION}_sum",
                    f"{value:.6f} within 2 %, 0.3 ms a request and 5 ms", seen, f"{labels['method']} {labels['endpoint']}")


def _check_log(bench, scrape, log):
    """Every series is what the test itself has sent and got."""
    expected = {frozenset(zip(("endpoint", "method", "status"), labels)): float(n) for labels, n in log.count().items()}
    bench.equal(REQUESTS, [], _differences(_series(scrape, REQUESTS), expected), "all series")
    for which, name in enumerate(SIZES):
        bodies = log.by_endpoint(which)
        if which == 1 and bench.has_metrics:
            # Written behind the middleware: clients get it, Philotes does not count it.
            bodies = {labels: sizes for labels, sizes in bodies.items() if labels[0] != "/not_found"}
        for part, index in (("count", 0), ("sum", 1)):
            wanted = {frozenset(zip(("endpoint", "method"), labels)): float(sizes[index]) for labels, sizes in bodies.items()}
            bench.equal(f"{name}_{part}", [], _differences(_series(scrape, f"{name}_{part}"), wanted), "all series")


def _settled(observer, total):
    return observer.wait("all requests are counted", lambda s: s.total(REQUESTS, service="api") >= total)


def _finish(bench, observer, api, log):
    # philoscope first: asking the server for its metrics is a request too, which its answer does not have.
    scrape = _settled(observer, sum(log.count().values()))
    own = api.own_metrics()
    if bench.has_metrics:
        _check_own(bench, scrape, own)
    _check_log(bench, scrape, log)
    bench.equal(IN_FLIGHT, 0, scrape.value(IN_FLIGHT, service="api"))
    bench.equal(ABORTED, 0, scrape.total(ABORTED))
    bench.equal("what a harmed server prints", [], api.crashed())


def api_requests(bench):
    """Every stock route, then load on kept connections; then the end of the process."""
    pair = bench.pair()
    observer = bench.observer()
    api = bench.api(pair)
    _wait_attached(observer)
    log = Log()
    _stock_requests(log, api)
    _load(log, api, 16, 150)
    _finish(bench, observer, api, log)
    check_drops(bench, observer.scrape())
    bench.equal("exit code", 0, api.stop())
    scrape = observer.wait("its gauge is gone", lambda s: not s.select(IN_FLIGHT, service="api"))
    # The one request more asked for the server's own metrics.
    bench.equal(REQUESTS, sum(log.count().values()) + 1, scrape.total(REQUESTS), "after its end")


def _begin_body(connection):
    """A request that waits for its body: the handler's first read of it makes the server say so."""
    connection.sendall(b"POST /api/v1/sources HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\nExpect: 100-continue\r\n\r\n")
    assert connection.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"


def api_late(bench):
    """Attached in the middle of a request that waits for its body: it is in flight, then counted, without a duration."""
    pair = bench.pair()
    api = bench.api(pair)
    with socket.create_connection(("127.0.0.1", api.port)) as early, socket.create_connection(("127.0.0.1", api.port)) as late:
        _begin_body(early)
        observer = bench.observer()
        _wait_attached(observer)
        _begin_body(late)
        observer.wait("the second is in flight", lambda s: s.value(IN_FLIGHT, service="api") == 1)
        for connection in (early, late):
            connection.sendall(b"x" * 20)
            bench.equal("status", b"HTTP/1.1 400", connection.recv(12))
    scrape = _settled(observer, 2)
    bench.equal(REQUESTS, 2, scrape.value(REQUESTS, endpoint="/api/v1/sources", method="POST", status="400"))
    bench.equal(f"{DURATION}_count", 1, scrape.total(f"{DURATION}_count"))
    bench.equal("philoscope_drops_total", 1, scrape.value("philoscope_drops_total", reason="begin_unseen"), "begin_unseen")
    bench.equal(IN_FLIGHT, 0, scrape.value(IN_FLIGHT, service="api"))


def api_runtime(bench):
    """Its runtime and its process, by client_golang's own collectors; a server without them has nothing to compare with."""
    observer = bench.observer()
    api = bench.api(bench.pair())
    _wait_attached(observer)
    if bench.has_metrics:
        check_runtime(bench, observer, "api", api.pid, api.own_metrics)
    bench.equal("what a harmed server prints", [], api.crashed())


CASES = (
    ("api_requests", api_requests),
    ("api_runtime", api_runtime),
    ("api_late", api_late),
)
