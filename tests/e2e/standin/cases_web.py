# SPDX-License-Identifier: Apache-2.0
"""How it is served: TLS, users, headers, sockets of systemd, what systemd is told, what is refused in one line."""
import base64
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error

import certificates
from cases_cli import fails, philoscope
from hostview import resident_kib
from programs import HANG_GUARD, PHILOSCOPE, Observer, Worker, fetch, until
from prometheus import Prometheus

# Nothing is attached: these tests are about serving alone.
OFF = {"PHILOTES_METRICS_ENABLED": "false"}
# bcrypt of "secret" and of "other", as little work as there can be.
SECRET = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"
OTHER = "$2b$04$abcdefghijklmnopqrstuu0HtfOlPbTiymk5tcV.3TsFPDd3SYZqu"


class Server(Observer):
    """philoscope that attaches nothing, with a web configuration file."""

    def __init__(self, folder, config, *flags, env=None):
        self.file = folder / "web.yml"
        if config is not None:
            self.configure(config)
        super().__init__(f"--web.config.file={self.file}", *flags, env={**OFF, **(env or {})})

    def configure(self, text):
        """As editors do: another file in its place."""
        draft = self.file.with_suffix(".new")
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, self.file)


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def ask(port, path="/metrics", **headers):
    """(status, headers) without TLS."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HANG_GUARD)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers
    finally:
        connection.close()


def tls_config(folder, more="", name="server"):
    return f"tls_server_config:\n  cert_file: {name}.crt\n  key_file: {folder}/{name}.key\n{more}"


def refused(port, client):
    """The handshake, or at the latest the first answer, fails."""
    try:
        certificates.fetch(port, client)
    except (ssl.SSLError, ConnectionError, http.client.HTTPException):
        return
    raise AssertionError("it was answered")


# ---- TLS ----

def case_tls_versions(folder):
    authority = certificates.Authority(folder)
    authority.server()
    versions = {ssl.TLSVersion.TLSv1_1: "TLSv1.1", ssl.TLSVersion.TLSv1_2: "TLSv1.2", ssl.TLSVersion.TLSv1_3: "TLSv1.3"}
    for more, spoken in (("", {"TLSv1.2", "TLSv1.3"}), ("  min_version: TLS13\n", {"TLSv1.3"}),
                         ("  max_version: TLS12\n", {"TLSv1.2"}), ("  curve_preferences: [X25519]\n", {"TLSv1.2", "TLSv1.3"})):
        with Server(folder, tls_config(folder, more)) as server:
            for version, name in versions.items():
                client = certificates.context(authority, version=version)
                if name not in spoken:
                    refused(server.port, client)
                    continue
                status, body, _, used, _ = certificates.fetch(server.port, client)
                assert status == 200 and b"philoscope_build_info" in body and used == name, (more, status, used)
            # Whoever does not speak TLS gets nothing, and does no harm.
            try:
                fetch(server.port, "/metrics")
                raise AssertionError("HTTP was answered")
            except (urllib.error.URLError, ConnectionError, http.client.HTTPException):
                pass


def case_client_certificates(folder):
    authority, stranger = certificates.Authority(folder), certificates.Authority(folder, "stranger")
    authority.server()
    good, other_name = authority.client("good", "DNS:scraper,IP:10.0.0.1"), authority.client("other", "DNS:somebody")
    foreign, not_for_clients = stranger.client("foreign"), authority.server("server2")
    ca = f"  client_ca_file: {authority.certificate}\n"
    none = certificates.context(authority)
    shows = {name: certificates.context(authority, pair) for name, pair in
             (("good", good), ("other", other_name), ("foreign", foreign), ("server", not_for_clients))}
    everybody = {"none", *shows}
    for more, welcome in (
            (f"  client_auth_type: RequireAndVerifyClientCert\n{ca}", {"good", "other"}),
            (f"  client_auth_type: RequireAndVerifyClientCert\n{ca}  client_allowed_sans: [x, scraper]\n", {"good"}),
            (f"  client_auth_type: RequireAndVerifyClientCert\n{ca}  client_allowed_sans: [10.0.0.1]\n", {"good"}),
            (f"  client_auth_type: VerifyClientCertIfGiven\n{ca}", {"none", "good", "other"}),
            ("  client_auth_type: RequireAnyClientCert\n", everybody - {"none"}),
            ("  client_auth_type: RequestClientCert\n", everybody),
            ("", everybody)):
        with Server(folder, tls_config(folder, more)) as server:
            for name in sorted(everybody):
                client = shows.get(name, none)
                if name in welcome:
                    assert certificates.fetch(server.port, client)[0] == 200, (more, name)
                else:
                    refused(server.port, client)


# ---- users ----

def case_passwords(folder):
    config = f"basic_auth_users:\n  alice: {SECRET}\n  bob: {OTHER}\n"
    with Server(folder, config) as server:
        for path in ("/metrics", "/", "/-/healthy", "/-/ready", "/nothing"):
            status, headers = ask(server.port, path)
            assert status == 401 and headers["WWW-Authenticate"].startswith("Basic"), f"{path}: {status}"
        for user, password, status in (("alice", "secret", 200), ("alice", "other", 401), ("bob", "other", 200),
                                       ("bob", "secret", 401), ("carol", "secret", 401), ("alice", "", 401),
                                       ("", "", 401), ("alice", "secret ", 401), ("carol", "other", 401)) * 2:
            assert ask(server.port, Authorization=basic(user, password))[0] == status, (user, password)
        for header in ("Basic", "Basic ???", "Bearer x", basic("alice", "secret")[:-3], "Basic " + "A" * 3000):
            assert ask(server.port, Authorization=header)[0] == 401, header
        assert ask(server.port, "/nothing", Authorization=basic("alice", "secret"))[0] == 404


def case_wrong_passwords_delay_nobody(folder):
    """However many guess at the same time, whoever has been let in before goes on."""
    slow = subprocess.run([sys.executable, "-c", "import crypt; print(crypt.crypt('secret', crypt.mksalt(crypt.METHOD_BLOWFISH,"
                           " rounds=1024)))"], capture_output=True, text=True, check=True).stdout.strip()
    with Server(folder, f"basic_auth_users:\n  alice: {slow}\n") as server:
        right = basic("alice", "secret")
        assert ask(server.port, Authorization=right)[0] == 200
        stop, seen = threading.Event(), set()

        def guess(number):
            tries = 0
            while not stop.is_set():
                seen.add(ask(server.port, Authorization=basic("alice", f"guess {number} {tries}"))[0])
                tries += 1
        guessers = [threading.Thread(target=guess, args=(i,)) for i in range(24)]
        for guesser in guessers:
            guesser.start()
        until(lambda: 401 in seen, "a refusal")
        answers = [ask(server.port, Authorization=right)[0] for _ in range(50)]
        stop.set()
        for guesser in guessers:
            guesser.join()
        assert set(answers) == {200}, answers
        assert seen <= {401, 503}, seen


def case_headers(folder):
    config = ("http_server_config:\n  http2: true\n  headers:\n    X-Frame-Options: deny\n"
              "    Strict-Transport-Security: max-age=31536000\n    Content-Security-Policy: ''\n")
    with Server(folder, config) as server:
        for path in ("/metrics", "/-/healthy", "/nothing"):
            _, headers = ask(server.port, path)
            assert headers["X-Frame-Options"] == "deny", path
            assert headers["Strict-Transport-Security"] == "max-age=31536000", path
            assert "Content-Security-Policy" not in headers and "X-XSS-Protection" not in headers
        assert server.logged("http2 has no effect")


# ---- the file changes ----

def case_the_file_is_followed(folder):
    with Server(folder, f"basic_auth_users:\n  alice: {SECRET}\n") as server:
        alice, bob = basic("alice", "secret"), basic("bob", "other")
        complaints = lambda: [line for line in list(server.log) if "goes on, ignoring" in line]  # noqa: E731
        assert ask(server.port, Authorization=alice)[0] == 200
        server.configure(f"basic_auth_users:\n  bob: {OTHER}\n")
        assert ask(server.port, Authorization=alice)[0] == 401
        assert ask(server.port, Authorization=bob)[0] == 200
        # What is bad is said once, and changes nothing; also that it is gone.
        for bad, said in (("basic_auth_users:\n  bob: plain\n", "line 2"), ("x: [\n", "line 2"), (None, "No such file"),
                          (tls_config(folder), "cannot read")):
            if bad is None:
                server.file.unlink()
            else:
                server.configure(bad)
            for _ in range(3):
                assert ask(server.port, Authorization=bob)[0] == 200, bad
                assert ask(server.port, Authorization=alice)[0] == 401, bad
            until(lambda s=said: any(s in line for line in complaints()), f"a complaint: {said}")
        # Written in place, as long as before, and sooner than file times can tell.
        for turn in range(40):
            server.file.write_text(f"basic_auth_users:\n  bob: {(SECRET, OTHER)[turn % 2]}\n", encoding="utf-8")
            assert ask(server.port, Authorization=bob)[0] == (401, 200)[turn % 2], turn
        assert len(complaints()) == 4, complaints()
        server.configure("")
        assert ask(server.port)[0] == 200
        certificates.Authority(folder).server()
        server.configure(tls_config(folder))
        assert ask(server.port)[0] == 200
        until(lambda: server.logged("without a restart"), "the word about TLS")


def serial(port, client):
    """Of the certificate that a new connection is shown."""
    with socket.create_connection(("127.0.0.1", port), HANG_GUARD) as plain:
        with client.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped:
            return wrapped.getpeercert()["serialNumber"]


class Scraper(threading.Thread):
    """Scrapes over one kept connection, or a new one each time; all must be well."""

    def __init__(self, port, client, keep):
        super().__init__()
        self.port, self.client, self.keep = port, client, keep
        self.done, self.statuses, self.failure = threading.Event(), set(), None
        self.scrapes = 0

    def run(self):
        connection = None
        try:
            while not self.done.is_set():
                connection = connection or http.client.HTTPSConnection("127.0.0.1", self.port, context=self.client,
                                                                       timeout=HANG_GUARD)
                connection.request("GET", "/metrics", headers={"Authorization": basic("bob", "other")})
                answer = connection.getresponse()
                answer.read()
                self.statuses.add(answer.status)
                self.scrapes += 1
                if not self.keep:
                    connection.close()
                    connection = None
        except Exception as error:  # whatever it is fails the test
            self.failure = error


def case_reload_under_load(folder):
    """Certificates and users change, also for the worse, while others scrape: nobody is refused who should not be."""
    authority = certificates.Authority(folder)
    for name in ("server", "second"):
        authority.server(name)
    users = (f"basic_auth_users:\n  bob: {OTHER}\n", f"basic_auth_users:\n  alice: {SECRET}\n  bob: {OTHER}\n")
    client = certificates.context(authority)
    with Server(folder, tls_config(folder) + users[0]) as server:
        scrapers = [Scraper(server.port, client, keep) for keep in (True, True, False)]
        for scraper in scrapers:
            scraper.start()
        serials = set()
        for turn in range(20):
            name = ("server", "second")[turn % 2]
            server.configure(tls_config(folder, name=name) + users[turn // 2 % 2])
            serials.add((name, serial(server.port, client)))
            if turn % 5 == 4:
                server.configure("tls_server_config: {cert_file: missing, key_file: missing}\n")
                serials.add((name, serial(server.port, client)))
            before = [scraper.scrapes for scraper in scrapers]
            until(lambda: all(s.scrapes > b or s.failure for s, b in zip(scrapers, before)), "scrapes to go on")
        for scraper in scrapers:
            scraper.done.set()
        for scraper in scrapers:
            scraper.join()
            assert scraper.failure is None, repr(scraper.failure)
            assert scraper.statuses == {200}, scraper.statuses
        assert len(serials) == 2, f"a new connection was shown the wrong certificate: {serials}"


# ---- a real Prometheus, over TLS and with a password ----

def case_prometheus_over_tls(folder):
    authority = certificates.Authority(folder)
    authority.server()
    certificate, key = authority.client("scraper")
    config = tls_config(folder, f"  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: {authority.certificate}\n")
    with Server(folder, config + f"basic_auth_users:\n  bob: {OTHER}\n") as server:
        with Prometheus(folder, f"127.0.0.1:{server.port}", scheme="https",
                        tls_config={"ca_file": str(authority.certificate), "cert_file": str(certificate), "key_file": str(key)},
                        basic_auth={"username": "bob", "password": "other"}) as prometheus:
            until(lambda: prometheus.scrapes() >= 3, "three scrapes")
            assert prometheus.target()["lastError"] == "", prometheus.target()
            assert prometheus.number("min_over_time(up[1h])") == 1
            assert not prometheus.complaints(), prometheus.complaints()


# ---- what is wrong is one line ----

def case_bad_configurations_are_one_line(folder):
    authority = certificates.Authority(folder)
    authority.server()
    certificates.Authority(folder, "other").server("mismatched")
    (folder / "empty.pem").touch()
    for text, part in (
            ("basic_auth_users: [\n", "line 2"), ("colour: red\n", "colour"), ("basic_auth_users:\n  a: b\n", "bcrypt"),
            ("tls_server_config:\n  cert_file: server.crt\n", "key_file"),
            (tls_config(folder, name="absent"), "absent.crt"),
            (f"tls_server_config:\n  cert_file: server.crt\n  key_file: {folder}\n", "directory"),
            (f"tls_server_config:\n  cert_file: server.crt\n  key_file: mismatched.key\n", "key"),
            (f"tls_server_config:\n  cert_file: empty.pem\n  key_file: server.key\n", "certificate"),
            (tls_config(folder, "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: empty.pem\n"), "client_ca"),
            (tls_config(folder, "  min_version: SSL3\n"), "min_version")):
        (folder / "web.yml").write_text(text, encoding="utf-8")
        line = fails(philoscope("--state.dir=none", "--web.listen-address=127.0.0.1:0", f"--web.config.file={folder}/web.yml"), text)
        assert part in line and "web.yml" in line, f"{part} is not in {line}"
    line = fails(philoscope("--state.dir=none", "--web.listen-address=127.0.0.1:0", "--web.config.file=/nonexistent"), "no file")
    assert "/nonexistent" in line
    line = fails(philoscope("--state.dir=none", "--web.listen-address=unix:/nonexistent/socket"), "no folder")
    assert "/nonexistent/socket" in line
    line = fails(philoscope("--state.dir=none", "--web.systemd-socket"), "no sockets")
    assert "systemd" in line


# ---- systemd ----

class Manager:
    """Stands in for systemd: what it is told, in order."""

    def __init__(self, folder):
        self.path = str(folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(HANG_GUARD)

    def wait_for(self, pattern):
        while True:
            message = self.socket.recv(4096).decode()
            if re.fullmatch(pattern, message):
                return message

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def case_systemd_is_told(folder):
    with Manager(folder) as manager, Worker() as worker:
        with Observer(env={**OFF, "NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "200000"}) as observer:
            manager.wait_for("READY=1")
            # The first scan is done: the worker was looked at, and refused for a reason.
            assert observer.logged(f"process {worker.pid} is philotes-worker"), observer.log
            assert ask(observer.port, "/-/ready")[0] == 200
            refusals = int(manager.wait_for(r"STATUS=targets: 0 attached, 0 partial, (\d+) refused").split()[-2])
            for _ in range(5):
                manager.wait_for("WATCHDOG=1")
            with Worker():
                more = manager.wait_for(rf"STATUS=targets: 0 attached, 0 partial, (?!{refusals} )\d+ refused")
                assert int(more.split()[-2]) > refusals
            observer.process.terminate()
            manager.wait_for("STOPPING=1\nSTATUS=stopping")
            assert observer.process.wait(HANG_GUARD) == 0


def case_sockets_of_systemd(_):
    """Two sockets, a port and a path, that somebody else opened."""
    with socket.socket() as port, socket.socket(socket.AF_UNIX) as path:
        port.bind(("127.0.0.1", 0))
        path.bind("\0philoscope-test-%d" % os.getpid())
        for sock in (port, path):
            sock.listen()
        # As systemd does: descriptors 3 and 4, and the number of the process that it becomes.
        script = ("import os, sys\n"
                  "for i, fd in enumerate(sys.argv[1:3]): os.dup2(int(fd), 3 + i)\n"
                  "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='2'); os.execv(sys.argv[3], sys.argv[3:])")
        moved = [os.dup2(sock.fileno(), 100 + i) for i, sock in enumerate((port, path))]
        process = subprocess.Popen([sys.executable, "-c", script, *map(str, moved), PHILOSCOPE, "--state.dir=none",
                                    "--web.systemd-socket"], pass_fds=moved, env={**os.environ, **OFF},
                                   stderr=subprocess.PIPE, text=True)
        try:
            assert ask(port.getsockname()[1], "/-/healthy")[0] == 200
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(HANG_GUARD)
                client.connect(path.getsockname())
                client.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")
                assert b"200 OK" in client.recv(4096)
        finally:
            process.terminate()
            log = process.stderr.read()
            process.wait(HANG_GUARD)
            for fd in moved:
                os.close(fd)
        assert process.returncode == 0, log


def case_several_addresses(folder):
    path = folder / "socket"
    with Observer(f"--web.listen-address=unix:{path}", "--web.listen-address=[::1]:0" if has_ipv6() else
                  "--web.listen-address=localhost:0", env=OFF) as observer:
        places = [line.split("serving on ")[1].split('"')[0] for line in observer.log if "serving on " in line]
        assert len(places) == 3 and f"unix:{path}" in places, places
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(HANG_GUARD)
            client.connect(str(path))
            client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200")
        assert observer.stop() == 0
    assert not path.exists()


def has_ipv6():
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


# ---- the log, and flags by way of the environment ----

def case_json_log(_):
    with Observer(env={**OFF, "PHILOSCOPE_LOG_FORMAT": "json", "PHILOSCOPE_LOG_LEVEL": "debug"}) as observer:
        lines = [json.loads(line) for line in list(observer.log)]
        assert lines and all(set(line) == {"ts", "level", "msg"} for line in lines)
        assert any(line["msg"].startswith("serving on") for line in lines)
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["ts"]) for line in lines)


def case_flags_by_environment(_):
    env = {**OFF, "PHILOSCOPE_WEB_TELEMETRY_PATH": "/elsewhere", "PHILOSCOPE_METRICS_NAMESPACE": "seen"}
    with Observer("--web.telemetry-path=/here", env=env) as observer:
        assert ask(observer.port, "/here")[0] == 200
        assert ask(observer.port, "/elsewhere")[0] == 404
    line = philoscope(env={"PHILOSCOPE_WEB_MAX_REQUESTS": "many"}).stderr
    assert "PHILOSCOPE_WEB_MAX_REQUESTS" in line and line.count("\n") == 1, line


# ---- slow clients and garbage ----

def crowd_of_scrapers(port, done):
    """Statuses that 16 clients get who ask again and again until done(statuses)."""
    statuses = set()

    def scrape():
        while not done(statuses):
            try:
                statuses.add(ask(port)[0])
            except (ConnectionError, http.client.HTTPException):
                pass  # shown out while it was reading
    clients = [threading.Thread(target=scrape) for _ in range(16)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(HANG_GUARD)
    return statuses


def case_max_requests(_):
    """One page at a time, by flag or variable: somebody is refused; with the room that there is without it, nobody is."""
    for flags, env in ((["--web.max-requests=1"], {}), ([], {"PHILOSCOPE_WEB_MAX_REQUESTS": "1"})):
        with Observer(*flags, env={**OFF, **env}) as observer:
            end = time.monotonic() + HANG_GUARD
            statuses = crowd_of_scrapers(observer.port, lambda seen, end=end: {200, 503} <= seen or time.monotonic() > end)
            assert statuses == {200, 503}, statuses
    with Observer(env=OFF) as observer:
        left = iter(range(500))
        assert crowd_of_scrapers(observer.port, lambda _: next(left, None) is None) == {200}


def scrape_times(port, n):
    times = []
    for _ in range(n):
        begun = time.monotonic()
        assert ask(port, "/metrics", **{"Accept-Encoding": "gzip"})[0] == 200
        times.append(time.monotonic() - begun)
    return times


def scrape_time(port):
    """The median of some, the least of some rounds: what holds up the server is in all of them, what else the machine does is not."""
    return min(sorted(scrape_times(port, 31))[15] for _ in range(4))


class Crowd:
    """1,000 clients that are slow in different ways: say nothing, half a request, do not read, trickle a body."""

    def __init__(self, port):
        self.sockets = []
        requests = (b"", b"GET /metr", b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n" * 3,
                    b"GET /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nx")
        for i in range(1000):
            client = socket.create_connection(("127.0.0.1", port), HANG_GUARD)
            self.sockets.append(client)
            try:
                client.sendall(requests[i % len(requests)])
            except OSError:
                pass  # shown out already

    def close(self):
        for client in self.sockets:
            client.close()


class Flood(threading.Thread):
    """Garbage as fast as one thread can send it."""

    def __init__(self, port):
        super().__init__()
        self.port, self.done, self.sent = port, threading.Event(), 0

    def run(self):
        noise = os.urandom(1 << 16)
        while not self.done.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self.port), HANG_GUARD) as client:
                    begin = self.sent * 61 % (len(noise) - 600)
                    client.sendall((b"GET /metrics HTTP/1.1\r\n" if self.sent % 3 else b"") + noise[begin:begin + 600])
            except OSError:
                pass  # shown out
            self.sent += 1


def times_of_scrapes(server):
    """Seconds when it is quiet, among slow clients, among garbage, and when it is quiet again; KiB of memory then."""
    quiet, crowd = scrape_time(server.port), Crowd(server.port)
    slow = scrape_time(server.port)
    flood = Flood(server.port)
    flood.start()
    until(lambda: flood.sent > 200, "garbage")
    noisy = scrape_time(server.port)
    memory = resident_kib(server.pid)
    flood.done.set()
    flood.join()
    crowd.close()
    return quiet, slow, noisy, scrape_time(server.port), memory


def case_slow_clients_and_garbage(folder):
    """Scrapes go on, at most three times as long as when it is quiet, and memory stays bounded."""
    with Server(folder, "") as server:
        scrape_times(server.port, 20)
        before = resident_kib(server.pid)
        for _ in range(20):
            quiet, slow, noisy, again, after = times_of_scrapes(server)
            assert ask(server.port, "/-/ready")[0] == 200
            print(f"  scrape: quiet {quiet * 1e3:.2f} ms, 1,000 slow clients {slow * 1e3:.2f}, and garbage {noisy * 1e3:.2f}, quiet again "
                  f"{again * 1e3:.2f}; memory {before} to {after} KiB")
            # 256 connections of 16 KiB and what belongs to them; 40 pages.
            assert after - before < 16384, f"from {before} to {after} KiB"
            # A machine that has become faster or slower meanwhile has measured itself.
            if max(quiet, again) <= 1.5 * min(quiet, again):
                break
        else:
            raise AssertionError("this machine is never the same for so long as this takes")
        assert slow <= 3 * quiet, f"{slow * 1e3:.2f} ms among slow clients, {quiet * 1e3:.2f} when it is quiet"
        assert noisy <= 3 * quiet, f"{noisy * 1e3:.2f} ms among garbage, {quiet * 1e3:.2f} when it is quiet"
