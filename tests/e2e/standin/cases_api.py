# SPDX-License-Identifier: Apache-2.0
"""The API server: every series equals that of its own metrics, whatever its requests do."""
import contextlib

import bpffs
import compare_api
from cases_cli import report_of
from programs import Api, Observer, fixture, until
from talk import Connection, ask, ask_http2

OLD = "api-1.25-old"  # without the metrics middleware
RARE = {"api_unwound", "api_goexit"}  # a panic was recovered, a goroutine is ended
WITH_MIDDLEWARE = {"api_begin", "api_end", *RARE}
WITHOUT_MIDDLEWARE = {"api_enter", "api_return", "api_panicked", *RARE}


@contextlib.contextmanager
def observed(name="api-1.25", *flags):
    """philoscope, and an API server that it sees; at the end everything is equal, and nothing was dropped."""
    with Observer() as observer, Api(fixture(name), *flags) as server:
        observer.sees(server.pid)
        yield server, observer
        compare_api.everything(observer, server)


# ---- where the probes are ----


def case_api_both_sites_of_a_request_are_emulated(_):
    """On the path of a request that goes well two sites, and no site anywhere that the kernel has to single-step."""
    for name in ("api-1.23", "api-1.24", "api-1.25", "api-1.25-pie", OLD, "api-1.26", "api-1.27"):
        attached = {site["site"]: site["cost"] for site in report_of(fixture(name))["sites"] if site["state"] == "attach"}
        assert attached.keys() == (WITHOUT_MIDDLEWARE if name == OLD else WITH_MIDDLEWARE), f"{name}: {attached.keys()}"
        assert set(attached.values()) == {"emulated"}, f"{name}: {attached}"


# ---- what requests are like ----


def stock_requests(port):
    """One of each kind that Philotes answers."""
    wanted = [
        ("GET", "/health", 200), ("GET", "/health/live", 200), ("GET", "/metrics", 200), ("GET", "/api/v1/version", 200),
        ("GET", "/api/v1/sources/known", 200), ("GET", "/api/v1/sources/other", 404), ("PUT", "/api/v1/sources/known", 200),
        ("DELETE", "/api/v1/sources/known", 204), ("GET", "/api/v1/pipelines", 200), ("GET", "/api/v1/api-keys", 401),
        ("HEAD", "/drive/bytes/5000", 200), ("GET", "/drive/bytes/5000", 200), ("HEAD", "/health", 404),
        ("PURGE", "/health", 404), ("POST", "/health", 404), ("GET", "/nowhere", 404), ("GET", "/", 404), ("GET", "/health/", 301),
        ("PUT", "/api/v1/sources/known/", 307), ("GET", "/drive/status/418", 418), ("GET", "/drive/status/503", 503),
        ("GET", "/drive/status/304", 304), ("GET", "/drive/bytes/0", 200), ("GET", "/drive/stream/7", 200),
    ]
    for method, path, status in wanted:
        assert ask(port, method, path) == status, f"{method} {path}"
    assert ask(port, "OPTIONS", "/api/v1/sources", Origin="http://elsewhere") == 204
    assert ask(port, "OPTIONS", "/nowhere", Origin="http://elsewhere") == 204
    assert ask(port, "GET", "/health", X_Over_Limit="1") == 429
    assert ask(port, "GET", "/api/v1/api-keys", Authorization="Bearer x") == 200


def case_api_requests_of_all_kinds(_):
    with observed() as (server, _):
        stock_requests(server.http)


def case_api_requests_of_all_kinds_without_the_middleware(_):
    with observed(OLD) as (server, _):
        stock_requests(server.http)


def case_api_wrong_method_may_be_405(_):
    for name in ("api-1.25", OLD):
        with observed(name, "-method-not-allowed") as (server, _):
            assert ask(server.http, "POST", "/health") == 405
            assert ask(server.http, "GET", "/nowhere") == 404


def bodies(port):
    assert ask(port, "POST", "/api/v1/sources", b'{"name":"x"}') == 201
    assert ask(port, "POST", "/api/v1/sources", b"no JSON") == 400
    for size in (1, 99, 100, 101, 1000, 1001, 100000, 1000000):
        assert ask(port, "POST", "/drive/read", b"x" * size) == 200
    assert ask(port, "POST", "/drive/read") == 200
    chunks = b"5\r\nabcde\r\n3\r\nfgh\r\n0\r\n\r\n"
    assert ask(port, "POST", "/drive/read", chunks, Transfer_Encoding="chunked") == 200
    assert ask(port, "POST", "/drive/ignore", b"x" * 3000) == 202
    with Connection(port) as connection:  # less than announced, and then no more
        connection.send("POST", "/drive/read", b"x" * 10, Content_Length=20)
        connection.socket.shutdown(1)
        assert connection.answer()[0] == 400
    assert ask(port, "GET", "/health", b"a body all the same") == 200


def case_api_bodies_with_and_without_length(_):
    for name in ("api-1.25", OLD):
        with observed(name) as (server, _):
            bodies(server.http)


def case_api_sizes_beyond_4_gib(_):
    for name in ("api-1.25", OLD):
        with observed(name) as (server, observer):
            assert ask(server.http, "HEAD", "/drive/huge/5") == 200
            with Connection(server.http) as connection:
                assert connection.send("POST", "/drive/ignore", Content_Length=6 << 30).answer()[0] == 202
            scrape = observer.scrape()
            assert scrape.one(f"{compare_api.RESPONSE_SIZE}_sum", pid=str(server.pid), method="HEAD") == (5 << 30) + 9
            assert scrape.one(f"{compare_api.REQUEST_SIZE}_sum", pid=str(server.pid)) == 6 << 30


def case_api_refused_before_gin(_):
    """What net/http answers by itself is no request to anybody."""
    with observed() as (server, _):
        for request in (b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GE T / HTTP/1.1\r\nHost: x\r\n\r\n", b"G\xff /health HTTP/1.1\r\nHost: x\r\n\r\n"):
            with Connection(server.http) as connection:
                connection.socket.sendall(request)
                assert connection.status() == 400
        assert ask(server.http, "GET", "/health") == 200


def case_api_labels_that_are_hostile(_):
    for name in ("api-1.25", OLD):
        with Observer() as observer, Api(fixture(name)) as server:
            observer.sees(server.pid)
            for path in ("/drive/gr%C3%B6%C3%9Fe/7", "/drive/quote%22back%5Cslash%0Aline"):
                assert ask(server.http, "GET", path) == 200
            assert ask(server.http, "MKCOL", "/drive/method") == 200
            for method in ("!#$%&'*+-.^_`|~", "x" * 100, "M" * 255):
                assert ask(server.http, method, "/drive/method") == 404
            compare_api.everything(observer, server)
            for method in ("x" * 256, "x" * 300, "VERYLONG" * 40):
                assert ask(server.http, method, "/drive/method") in (200, 404)
            assert ask(server.http, "GET", "/drive/" + "long-" * 60 + "/7") == 200
            compare_api.everything(observer, server, label_cut=4)


def case_api_methods_that_are_no_utf8(_):
    """Only over HTTP/2. Philotes' own counters panic at them: it does not count them, and answers 500."""
    not_found, failed = 0x8d, 0x8e  # as HPACK has the statuses
    with observed() as (server, _):
        assert ask_http2(server.https, b"GET", b"/nowhere") == not_found
        assert ask_http2(server.https, "GÉT".encode(), b"/nowhere") == not_found
        assert ask_http2(server.https, b"GE\xff", b"/nowhere") == failed
        assert ask_http2(server.https, b"LONGMETHOD\xe2\x82", b"/nowhere") == failed
    with observed(OLD) as (server, _):  # here nobody minds, and the bad byte becomes U+FFFD
        assert ask_http2(server.https, b"GE\xff", b"/nowhere") == not_found


# ---- connections ----


def case_api_kept_and_pipelined_connections(_):
    for name in ("api-1.25", OLD):
        with observed(name) as (server, _):
            kinds = ("GET /health", "POST /drive/read 2000", "HEAD /drive/bytes/100", "GET /nowhere", "GET /drive/bytes/20000")
            assert sum(server.load(2000, *kinds, connections=4, flags=("-pipeline=16",)).values()) == 2000
            assert sum(server.load(2000, *kinds, connections=16).values()) == 2000


def case_api_100000_requests_at_saturation(_):
    with observed() as (server, _):
        kinds = ("GET /health", "POST /drive/read 1500", "GET /api/v1/sources/known", "GET /drive/bytes/3000", "GET /nowhere")
        assert server.load(100000, *kinds, connections=64) == {200: 80000, 404: 20000}


def case_api_100000_requests_without_the_middleware(_):
    with observed(OLD) as (server, _):
        assert server.load(100000, "GET /health", "GET /nowhere", connections=64) == {200: 50000, 404: 50000}


def soak_api_1000000_requests(_):
    for name in ("api-1.25", OLD):
        with observed(name) as (server, _):
            kinds = ("GET /health", "POST /drive/read 1500", "GET /drive/panic", "GET /drive/nested/1", "GET /drive/shrink/50")
            assert sum(server.load(1000000, *kinds, connections=64).values()) == 1000000


def in_flight(observer, server):
    return observer.scrape().one(compare_api.IN_FLIGHT, pid=str(server.pid))


def case_api_256_connections_at_once(_):
    """All of them are in flight, and then none is."""
    for name in ("api-1.25", OLD):
        with observed(name) as (server, observer), contextlib.ExitStack() as stack:
            connections = [stack.enter_context(Connection(server.http)) for _ in range(256)]
            for connection in connections:
                connection.send("GET", "/drive/wait/all")
            server.held("all", 256)
            assert in_flight(observer, server) == 256
            server.open("all")
            assert {connection.answer()[0] for connection in connections} == {204}
            assert sum(server.load(5000, "GET /health", connections=256).values()) == 5000


def case_api_clients_that_leave(_):
    for name in ("api-1.25", OLD):
        with observed(name) as (server, observer):
            for count in (1, 20):
                with contextlib.ExitStack() as stack:
                    for _ in range(count):
                        stack.enter_context(Connection(server.http)).send("GET", "/drive/wait/gone")
                    server.held("gone", count)
                    assert in_flight(observer, server) == count
                server.held("gone", 0)
            with Connection(server.http) as connection:
                connection.send("GET", "/drive/stream/100000")
                assert connection.status() == 200  # and leaves in the middle of it
            until(lambda: in_flight(observer, server) == 0, "the end of the stream")
            with Connection(server.http) as connection:
                connection.send("POST", "/drive/read", b"x" * 10, Content_Length=1000)
                until(lambda: in_flight(observer, server) == 1, "the begin of the request")


def case_api_hijacked_connections(_):
    for name in ("api-1.25", OLD):
        with observed(name) as (server, observer):
            for path, serving in (("/drive/hijack", 1), ("/drive/hijack-leave", 0)):
                with Connection(server.http) as connection:
                    assert connection.send("GET", path, Connection="Upgrade", Upgrade="lines").answer()[0] == 101
                    for line in (b"first\n", b"second\n"):
                        connection.socket.sendall(line)
                        assert connection.input.readline() == line
                    until(lambda serving=serving: in_flight(observer, server) == serving, "the handler's return")
            assert ask(server.http, "GET", "/drive/hijack-panic") is None


def http2_requests(server, flag):
    kinds = ("GET /health", "POST /drive/read 20000", "HEAD /drive/bytes/100", "GET /drive/stream/5", "GET /nowhere", "GET /drive/panic")
    answers = server.load(6000, *kinds, connections=32, flags=(flag,))
    assert answers == {200: 4000, 404: 1000, 500: 1000}, answers
    broken = server.load(60, "GET /drive/goexit", "GET /drive/inner-goroutine/panic", "GET /drive/panic-late", connections=4,
                         flags=(flag, "-careless"))
    assert broken == {0: 20, 200: 40}, broken


def case_api_http2(_):
    for name in ("api-1.25", OLD):
        with observed(name) as (server, _):
            http2_requests(server, "-http2")


def case_api_http2_without_tls(_):
    for name in ("api-1.25", OLD):
        with observed(name, "-h2c") as (server, _):
            http2_requests(server, "-h2c")
            assert ask(server.http, "GET", "/health") == 200  # HTTP/1 goes on


# ---- how handlers end ----

FAULTS = ("panic", "panic-late", "panic-nil", "abort-handler", "goexit", "recovered", "hijack-panic")


def case_api_panics_and_goexit(_):
    for name in ("api-1.25", OLD):
        with observed(name) as (server, observer):
            for path in FAULTS:
                for _ in range(3):
                    ask(server.http, "GET", f"/drive/{path}")
            with Connection(server.http) as connection:  # the same goroutine goes on
                for path in ("panic", "recovered", "panic", "panic"):
                    assert connection.send("GET", f"/drive/{path}").answer()[0] in (200, 500)
                assert in_flight(observer, server) == 0
            assert ask(server.http, "POST", "/drive/panic", b"x" * 50) == 500


def case_api_panic_outside_of_the_middleware(_):
    """Nobody recovers it but net/http; it never got as far as to be counted, where there is a middleware."""
    for name, aborted in (("api-1.25", 0), (OLD, 2)):
        with observed(name) as (server, observer):
            for _ in range(2):
                assert ask(server.http, "GET", "/health", X_Request_ID="panic") is None
            assert ask(server.http, "GET", "/health") == 200
            until(lambda a=aborted: observer.scrape().total(compare_api.ABORTED, pid=str(server.pid)) == a, "the end of the panics")


def case_api_faults_under_load(_):
    for name in ("api-1.25", OLD):
        with observed(name) as (server, _):
            kinds = ("GET /health", "GET /drive/panic", "GET /drive/goexit", "GET /drive/nested-panic/2", "GET /drive/inner-panic",
                     "GET /drive/inner-recovered", "GET /drive/shrink/40", "GET /drive/inner-goroutine/panic")
            answers = server.load(8000, *kinds, connections=32, flags=("-careless",))
            assert sum(answers.values()) == 8000 and answers[0] == 1000, answers


def case_api_nested_calls(_):
    """HandleContext, and other engines: with the middleware each of them counts, without it those that gin itself was asked for."""
    paths = ("nested/1", "nested/5", "other-route", "no-route", "nested-panic/0", "nested-panic/3", "nested-goexit", "nested-deep/60", "inner",
             "inner-panic", "inner-recovered", "inner-goroutine/fine", "inner-goroutine/panic", "inner-goroutine/faults/goexit")
    for name in ("api-1.25", OLD):
        with observed(name) as (server, observer):
            with Connection(server.http) as kept:
                for path in paths:
                    ask(server.http, "GET", f"/drive/{path}")
                    if "goexit" not in path:
                        assert kept.send("GET", f"/drive/{path}").answer()[0]
                assert in_flight(observer, server) == 0


def case_api_nested_too_deep_is_counted_as_dropped(_):
    """More than sixteen inside of each other: the innermost are not counted, all others are."""
    with Observer() as observer, Api() as server:
        observer.sees(server.pid)
        assert ask(server.http, "GET", "/drive/nested/19") == 200
        server.oracle()
        scrape = observer.scrape()
        assert scrape.total(compare_api.REQUESTS, pid=str(server.pid)) == 17
        assert scrape.one("philoscope_drops_total", reason="requests_nested") == 6  # begin and end of three
        assert scrape.one(compare_api.IN_FLIGHT, pid=str(server.pid)) == 0
        assert ask(server.http, "GET", "/drive/nested/16") == 200
        assert observer.scrape().total(compare_api.REQUESTS, pid=str(server.pid)) == 34


def case_api_in_flight_while_nested(_):
    """A request inside of another is not one more; what is left by a panic is none."""
    with observed() as (server, observer):
        for path in ("nested-wait", "inner-recovered-wait"):
            with Connection(server.http) as connection:
                connection.send("GET", f"/drive/{path}/here")
                server.held("here", 1)
                assert in_flight(observer, server) == 1
                server.open("here")
                assert connection.answer()[0] in (200, 204)
                assert in_flight(observer, server) == 0


def case_api_stacks_that_move(_):
    for name in ("api-1.25", OLD):
        with observed(name) as (server, _):
            kinds = ("GET /drive/deep/300", "GET /drive/shrink/300", "GET /drive/nested-deep/100")
            assert server.load(300, *kinds, connections=8) == {200: 300}


def case_api_labels_are_those_of_the_begin(_):
    with observed() as (server, _):
        assert ask(server.http, "GET", "/drive/rewrite") == 200


# ---- time ----


def case_api_durations_fall_into_the_middle_of_each_bucket(_):
    holds = (300, 3000, 7000, 17000, 35000, 75000, 175000, 375000, 750000, 1750000)
    for name in ("api-1.25", OLD):
        with observed(name) as (server, _):
            for us in holds:
                assert ask(server.http, "GET", f"/drive/hold/{us}") == 204
            same = next(s for s in server.stamps() if s["endpoint"] == "/drive/hold/:us")["same_buckets"]
            assert sum(same) >= len(holds) - 2, f"the stand-in did not hold its requests: {same}"


def case_api_every_go_version(_):
    for version in ("1.23", "1.24", "1.26", "1.27", "1.25-pie"):
        with observed(f"api-{version}") as (server, _):
            stock_requests(server.http)
            bodies(server.http)
            for path in (*FAULTS, "nested/3", "nested-panic/2", "inner-panic", "inner-recovered", "shrink/100", "hold/3000"):
                ask(server.http, "GET", f"/drive/{path}")
            server.load(2000, "GET /health", "GET /drive/panic", connections=16)


# ---- when observer and target come and go ----


def case_api_requests_under_way_when_philoscope_comes(_):
    """They are counted when they end; how long they took is not known."""
    for name in ("api-1.25", OLD):
        with Api(fixture(name)) as server, contextlib.ExitStack() as stack:
            connections = [stack.enter_context(Connection(server.http)).send("GET", "/drive/wait/early") for _ in range(5)]
            server.held("early", 5)
            with Observer() as observer:
                observer.sees(server.pid)
                server.open("early")
                assert {connection.answer()[0] for connection in connections} == {204}
                compare_api.everything(observer, server, late=5, begin_unseen=5)
                assert connections[0].send("GET", "/drive/hold/100").answer()[0] == 204
                compare_api.everything(observer, server, late=5, begin_unseen=5)


def abandoned(observer):
    """How many requests were, when any was."""
    return until(lambda: observer.scrape().one("philoscope_drops_total", reason="span_abandoned"), "the abandoned request")


def case_api_server_killed_while_it_serves(_):
    """What it counted stays, what was in flight does not, and is said to be lost."""
    with Observer() as observer, Api() as server:
        observer.sees(server.pid)
        assert ask(server.http, "GET", "/health") == 200
        with Connection(server.http) as connection:
            connection.send("GET", "/drive/wait/ever")
            server.held("ever", 1)
            assert in_flight(observer, server) == 1
            server.process.kill()
            server.process.wait()
        until(lambda: not observer.scrape().select(compare_api.IN_FLIGHT), "the end of the process")
        assert abandoned(observer) == 1
        scrape = observer.scrape()
        assert scrape.total(compare_api.REQUESTS, pid=str(server.pid)) == 1
        assert scrape.one("philoscope_map_entries", map="serving") == 0


def case_api_server_killed_while_nobody_looks(folder):
    """What was in flight is found to be lost by the next philoscope."""
    with bpffs.mounted(folder) as place, Api() as server:
        with Observer(state=place / "state") as observer, Connection(server.http) as connection:
            observer.sees(server.pid)
            connection.send("GET", "/drive/wait/ever")
            server.held("ever", 1)
            assert in_flight(observer, server) == 1
            observer.process.kill()
            observer.process.wait()
            server.process.kill()
            server.process.wait()
        with Observer(state=place / "state") as observer:
            assert abandoned(observer) == 1
            scrape = observer.scrape()
            assert not scrape.select(compare_api.IN_FLIGHT, pid=str(server.pid))
            assert scrape.one("philoscope_map_entries", map="serving") == 0
            observer.stop()


def case_api_philoscope_killed_while_it_serves(folder):
    """What is in flight outlives philoscope, with the moment it began, like all that was counted."""
    for name in ("api-1.25", OLD):
        (folder / name).mkdir()
        with bpffs.mounted(folder / name) as place, Api(fixture(name)) as server, contextlib.ExitStack() as stack:
            connections = [stack.enter_context(Connection(server.http)) for _ in range(3)]
            with Observer(state=place / "state") as observer:
                observer.sees(server.pid)
                connections[0].send("GET", "/drive/wait/before")
                server.held("before", 1)
                observer.process.kill()
                observer.process.wait()
            server.load(2000, "GET /health", "GET /drive/panic", connections=8)
            connections[1].send("GET", "/drive/wait/between")
            server.held("between", 1)
            with Observer(state=place / "state") as observer:
                observer.sees(server.pid)
                connections[2].send("GET", "/drive/wait/after")
                server.held("after", 1)
                assert in_flight(observer, server) == 3
                for wait in ("before", "between", "after"):
                    server.open(wait)
                assert {connection.answer()[0] for connection in connections} == {204}
                compare_api.everything(observer, server)
                observer.stop()


def case_api_switched_off(_):
    with Observer("--no-collector.api") as observer, Api() as server:
        observer.sees(server.pid, "refused")
        assert ask(server.http, "GET", "/health") == 200
        scrape = observer.scrape()
        assert not scrape.select(compare_api.REQUESTS)
        assert scrape.total("philoscope_probe_info", metric=compare_api.REQUESTS, reason="family_off") == 1
