# SPDX-License-Identifier: Apache-2.0
"""Sockets by peer: bytes, connects, answers and retransmits equal what the peers saw."""
import contextlib
import pathlib
import re
import socket
import struct
import subprocess
import threading
import time

import bpffs
import compare
from programs import Observer, Skip, all_collectors_off, until
from traffic import (Client, Namespace, Peer, Socketed, answering_after, assert_bytes, buffer_at, echo, relay_to, sink,
                     source_of)

FAMILY_DROPS = ("sockets_full", "socket_orphaned", "recursion")


@contextlib.contextmanager
def watched(environment, *flags, state="attached"):
    """An observer and a worker that it counts."""
    with Observer(*flags) as observer, Client(env=environment) as client:
        observer.sees(client.pid, state)
        yield observer, client


def no_drops(observer):
    scrape = observer.scrape()
    assert not any(scrape.one("philoscope_drops_total", reason=reason) for reason in FAMILY_DROPS)


@contextlib.contextmanager
def between(serve, **peer):
    """An observer, a worker and one peer, its buffer."""
    with Peer(serve, **peer) as server, watched(buffer_at(server.port)) as (observer, client):
        yield observer, client, server
        no_drops(observer)


# ---- bytes ----

def case_socket_bytes_written_and_read(_):
    with between(echo) as (observer, client, server):
        for piece in (1, 7, 4096, 1 << 20):
            connection = client.dial(server.port)
            size = 3 * piece + 5
            writer = threading.Thread(target=client.do, args=("write",), kwargs=dict(id=connection, bytes=size, piece=piece))
            writer.start()
            assert client.do("read", id=connection, bytes=size)["bytes"] == size
            writer.join()
            assert_bytes(observer, client, "buffer", server)  # at rest, and still open
            client.do("close", id=connection)
        server.settled(4)
        sent, received = assert_bytes(observer, client, "buffer", server)
        assert sent == received > 3 << 20


def case_socket_bytes_peeked_at_count_once(_):
    with between(source_of(5000)) as (observer, client, server):
        connection = client.dial(server.port)
        client.do("write", id=connection, bytes=1)
        for size in (100, 5000, 1):
            client.do("peek", id=connection, bytes=size)
        assert Socketed(observer.scrape(), client.pid).bytes("buffer") == (1, 0)
        client.do("read", id=connection, bytes=5000)
        assert assert_bytes(observer, client, "buffer", server) == (1, 5000)
        client.do("close", id=connection)


def case_socket_bytes_of_sendfile(_):
    with between(sink) as (observer, client, server):
        connection = client.dial(server.port)
        assert client.do("sendfile", id=connection, bytes=3000001)["bytes"] == 3000001
        assert Socketed(observer.scrape(), client.pid).bytes("buffer")[0] == 3000001
        client.do("close", id=connection)
        server.settled()
        assert_bytes(observer, client, "buffer", server)


def case_socket_bytes_of_splice(_):
    """From one peer to another one, without the worker ever reading them."""
    with Peer(source_of(2000000)) as store, Peer(sink) as server:
        with watched({**buffer_at(server.port), "PHILOTES_STORAGE_ENDPOINT": f"127.0.0.1:{store.port}"}) as (observer, client):
            source, target = client.dial(store.port), client.dial(server.port)
            client.do("write", id=source, bytes=1)
            client.do("splice", id=source, to=target, bytes=2000000)
            assert Socketed(observer.scrape(), client.pid).bytes("object_store") == (1, 2000000)
            for connection in (source, target):
                client.do("close", id=connection)
            server.settled()
            assert assert_bytes(observer, client, "buffer", server) == (2000000, 0)
            assert_bytes(observer, client, "object_store", store)
            no_drops(observer)


def case_socket_bytes_without_copies(_):
    """MSG_ZEROCOPY, and TCP_ZEROCOPY_RECEIVE, which is a getsockopt."""
    with between(source_of(1000003)) as (observer, client, server):
        connection = client.dial(server.port)
        client.do("write", id=connection, bytes=1)
        assert client.do("receive-zerocopy", id=connection, bytes=1000003)["bytes"] == 1000003
        assert client.do("send-zerocopy", id=connection, bytes=700001)["bytes"] == 700001
        client.do("close", id=connection)
        server.settled()
        assert assert_bytes(observer, client, "buffer", server) == (700002, 1000003)


def case_socket_bytes_that_did_not_fit(_):
    """A peer that does not read: writes are cut short, and then EAGAIN."""
    go_on = threading.Event()

    def late(connection):
        go_on.wait()
        sink(connection)

    with between(late) as (observer, client, server):
        connection = client.dial(server.port)
        filled = client.do("fill", id=connection)["bytes"]
        assert client.do("fill", id=connection)["bytes"] == 0
        assert Socketed(observer.scrape(), client.pid).bytes("buffer") == (filled, 0)
        go_on.set()
        client.do("close", id=connection)
        server.settled()
        assert assert_bytes(observer, client, "buffer", server) == (filled, 0)


def case_socket_bytes_behind_a_half_close(_):
    def answer_at_the_end(connection):
        sink(connection)
        connection.sendall(bytes(300000))

    with between(answer_at_the_end) as (observer, client, server):
        connection = client.dial(server.port)
        client.do("write", id=connection, bytes=1000)
        client.do("shutdown", id=connection, write=True)
        server.settled()  # its end was sent, too: for TCP all is over, but the worker has read nothing
        assert Socketed(observer.scrape(), client.pid).bytes("buffer") == (1000, 0)
        client.finish(connection)
        assert assert_bytes(observer, client, "buffer", server) == (1000, 300000)


def case_socket_bytes_before_a_reset(_):
    """By either side; what had come before it is still read."""
    def reset(connection):
        connection.recv(65536)
        connection.sendall(bytes(2000))
        connection.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with between(reset) as (observer, client, server):
        connection = client.dial(server.port)
        client.do("write", id=connection, bytes=500)
        client.do("peek", id=connection, bytes=2000)
        server.settled()
        client.move("write", id=connection, bytes=100)
        client.finish(connection)
        connection = client.dial(server.port)
        client.do("write", id=connection, bytes=50)
        client.do("peek", id=connection, bytes=2000)
        client.do("close", id=connection, reset=True)  # unread
        server.settled(2)
        sent, received = Socketed(observer.scrape(), client.pid).bytes("buffer")
        assert sent == server.received == 550, (sent, server.received)
        assert received in (0, 2000), received  # Linux may throw away what came before a reset


def case_socket_bytes_of_tls_and_http2(_):
    """Counted by a relay: what TCP carries, not what is in it. At rest, for at its end a client leaves things unread."""
    with Client() as far:
        port = far.do("serve-http2")["port"]
        with between(relay_to(port)) as (observer, client, server):
            for requests, size in ((1, 0), (20, 300), (3, 500000)):
                outcome = client.do("http2", address=f"127.0.0.1:{server.port}", requests=requests, bytes=size)
                assert outcome["proto"] == "HTTP/2.0", outcome
            until(lambda: is_equal(observer, client, server), "equal bytes")
            assert min(assert_bytes(observer, client, "buffer", server)) > 1500000
        port = far.do("listen", address="127.0.0.1:0", tls=True)["port"]
        with between(relay_to(port)) as (observer, client, server):
            connection = client.dial(server.port, tls=True)
            for size in (1, 100000):
                client.do("write", id=connection, bytes=size)
                client.do("read", id=connection, bytes=size)
            assert min(assert_bytes(observer, client, "buffer", server)) > 100001


def is_equal(observer, client, server):
    """The client of HTTP/2 reads by itself: the last it was sent may be on its way."""
    return Socketed(observer.scrape(), client.pid).bytes("buffer") == (server.received, server.sent)


def case_socket_bytes_over_ipv6(_):
    with Peer(echo, address=("::1", 0), family=socket.AF_INET6) as server:
        with watched(buffer_at(server.port, "::1")) as (observer, client):
            connection = client.dial(server.port, host="[::1]")
            client.do("write", id=connection, bytes=1234)
            client.do("read", id=connection, bytes=1234)
            client.do("close", id=connection)
            server.settled()
            assert assert_bytes(observer, client, "buffer", server) == (1234, 1234)


def case_socket_bytes_of_clients(_):
    """Inbound, over IPv4, IPv6, and IPv4 on a socket of IPv6."""
    with watched({}) as (observer, client):
        for address, family in (("127.0.0.1", "127.0.0.1:0"), ("::1", "[::1]:0"), ("127.0.0.1", "[::]:0")):
            listening = client.do("listen", address=family)
            before = at_rest(observer, client)
            with socket.create_connection((address, listening["port"])) as connection:
                for size in (1, 5000):
                    connection.sendall(bytes(size))
                    assert len(connection.recv(size, socket.MSG_WAITALL)) == size
                assert_inbound(observer, client, before, 5001)
            client.do("close", id=listening["id"])
        no_drops(observer)


def at_rest(observer, client):
    """
    What is counted of clients, in a state that stays: two looks at it agree. A call is counted as it returns, so whoever has got its
    bytes may look before that: the test's own questions to the worker are clients, too.
    """
    def look():
        first, second = (Socketed(observer.scrape(), client.pid) for _ in range(2))
        return first.bytes("client") == second.bytes("client") and second
    return until(look, "rest")


def echoed(connection, size):
    connection.sendall(bytes(size))
    assert len(connection.recv(size, socket.MSG_WAITALL)) == size


@contextlib.contextmanager
def accepted(client):
    """A connection that the client has accepted, and 700 bytes each way on it."""
    listening = client.do("listen", address="127.0.0.1:0")
    with socket.create_connection(("127.0.0.1", listening["port"])) as inbound:
        echoed(inbound, 700)
        yield inbound


def assert_counts_from_now_on(observer, client, inbound):
    """Of what was accepted before, what comes now is counted, and nothing else."""
    before = at_rest(observer, client)
    echoed(inbound, 13)
    assert_inbound(observer, client, before, 13)


def assert_inbound(observer, client, before, size):
    """So many bytes in each direction came after `before`."""
    def came():
        return tuple(b - a for a, b in zip(before.bytes("client"), at_rest(observer, client).bytes("client")))
    until(lambda: min(came()) >= size, f"{size} bytes")
    assert came() == (size, size), came()


# ---- roles ----

def case_socket_roles(_):
    """Each role's server, by what is known of it: an address, localhost, a name, a default; and the rest."""
    with contextlib.ExitStack() as stack:
        server = {role: stack.enter_context(Peer(echo)) for role in ("source", "object_store", "catalog", "vault", "other")}
        server["buffer"] = stack.enter_context(Peer(echo, address=("127.0.0.2", server["source"].port)))
        port = {role: peer.port for role, peer in server.items()}
        observer, client = stack.enter_context(watched({
            "PHILOTES_CDC_SOURCE_HOST": "127.0.0.1", "PHILOTES_CDC_SOURCE_PORT": str(port["source"]),
            "PHILOTES_DB_HOST": "127.0.0.2", "PHILOTES_DB_PORT": str(port["buffer"]),
            "PHILOTES_STORAGE_ENDPOINT": f"localhost:{port['object_store']}",
            "PHILOTES_ICEBERG_CATALOG_URL": f"http://catalog.invalid:{port['catalog']}/x",
            "PHILOTES_VAULT_ADDRESS": f"https://user:sesame@[::ffff:127.0.0.1]:{port['vault']}"}))
        for number, (role, peer) in enumerate(server.items()):
            connection = client.dial(peer.port, host="127.0.0.2" if role == "buffer" else "127.0.0.1")
            client.do("write", id=connection, bytes=100 + number)
            client.do("read", id=connection, bytes=100 + number)
            assert_bytes(observer, client, role, peer)
        scrape = observer.scrape()
        assert Socketed(scrape, client.pid).roles() == {*server, "client"}
        assert scrape.select("philoscope_probe_info", family="socket", state="attached", reason="")


def case_socket_roles_that_share_an_address(_):
    with Peer(echo) as server:
        with watched({"PHILOTES_CDC_SOURCE_HOST": "127.0.0.1", "PHILOTES_CDC_SOURCE_PORT": str(server.port),
                      **buffer_at(server.port)}) as (observer, client):
            connection = client.dial(server.port)
            client.do("write", id=connection, bytes=10)
            client.do("read", id=connection, bytes=10)
            assert_bytes(observer, client, "other", server)
            scrape = observer.scrape()
            # Other workers of this host have peers of their own.
            ambiguous, all_metrics = ({dict(key)["metric"] for key in scrape.select("philoscope_probe_info", family="socket", **labels)}
                                      for labels in ({"state": "attached", "reason": "ambiguous_peer"}, {}))
            assert ambiguous == all_metrics != set(), (ambiguous, all_metrics)


def case_socket_of_a_process_without_probes(_):
    """What an executable can't be probed for has nothing to do with its connections."""
    with Peer(echo) as server, Observer(*all_collectors_off(but=("socket",))) as observer, Client(env=buffer_at(server.port)) as client:
        observer.sees(client.pid, "refused")
        connection = client.dial(server.port)
        client.do("write", id=connection, bytes=10)
        client.do("read", id=connection, bytes=10)
        assert assert_bytes(observer, client, "buffer", server) == (10, 10)


def case_socket_family_off(_):
    with Peer(echo) as server, watched(buffer_at(server.port), "--no-collector.socket", state="partial") as (observer, client):
        connection = client.dial(server.port)
        client.do("write", id=connection, bytes=10)
        client.do("read", id=connection, bytes=10)
        client.run(events=10)
        scrape = compare.counters(observer, client)
        assert not Socketed(scrape, client.pid).roles()
        assert not scrape.select("philoscope_socket_backend")
        infos = scrape.select("philoscope_probe_info", family="socket")
        assert infos and all(dict(key)["reason"] == "family_off" for key in infos), infos


# ---- whose connection ----

def case_socket_open_before_the_observer(_):
    with Peer(echo) as server, Client(env=buffer_at(server.port)) as client:
        connection = client.dial(server.port)
        client.do("write", id=connection, bytes=5000)
        client.do("read", id=connection, bytes=5000)
        with accepted(client) as inbound:
            with Observer() as observer:
                observer.sees(client.pid)
                seen = Socketed(observer.scrape(), client.pid)
                assert seen.bytes("buffer") == seen.bytes("client") == (0, 0)
                assert seen.value("open", "buffer") == seen.value("open", "client") == 1
                client.do("write", id=connection, bytes=11)
                client.do("read", id=connection, bytes=11)
                assert at_rest(observer, client).bytes("buffer") == (11, 11)
                assert_counts_from_now_on(observer, client, inbound)


def case_socket_accepted_while_the_family_was_off(folder):
    """A target of before: its connections count from the moment when the family is there again."""
    with bpffs.mounted(folder) as place, Client() as client:
        state = place / "state"
        for flags, seen in ([], "attached"), (["--no-collector.socket"], "partial"):
            with Observer(*flags, state=state) as observer:
                observer.sees(client.pid, seen)
        with accepted(client) as inbound, Observer(state=state) as observer:
            observer.sees(client.pid)
            assert_counts_from_now_on(observer, client, inbound)


def case_socket_passed_to_another_process(folder):
    """Both are targets: each has what it moved itself."""
    door = str(folder / "passing")
    with Peer(echo) as server, Observer() as observer:
        with Client(env=buffer_at(server.port)) as giver, Client(env=buffer_at(server.port)) as taker:
            for client in (giver, taker):
                observer.sees(client.pid)
            connection = giver.dial(server.port)
            giver.do("write", id=connection, bytes=100)
            giver.do("read", id=connection, bytes=100)
            got = {}
            receiver = threading.Thread(target=lambda: got.update(taker.do("receive", door=door)))
            receiver.start()
            until(lambda: "error" not in giver.move("pass", id=connection, door=door), "the passing")
            receiver.join()
            taker.do("write", id=got["id"], bytes=30)
            taker.do("read", id=got["id"], bytes=30)
            scrape = observer.scrape()
            assert Socketed(scrape, giver.pid).bytes("buffer") == (100, 100)
            assert Socketed(scrape, taker.pid).bytes("buffer") == (30, 30)
            assert Socketed(scrape, giver.pid).value("open", "buffer") == 0
            assert Socketed(scrape, taker.pid).value("open", "buffer") == 1
            taker.do("close", id=got["id"])
            server.settled()
            scrape = observer.scrape()
            assert sum(Socketed(scrape, client.pid).value("open", "buffer") for client in (giver, taker)) == 0
            assert server.received == 130


def case_socket_open_connections(_):
    with between(echo) as (observer, client, server):
        connections = [client.dial(server.port) for _ in range(5)]
        opened = lambda: Socketed(observer.scrape(), client.pid).value("open", "buffer")  # noqa: E731
        assert opened() == 5
        client.do("close", id=connections.pop())
        client.do("close", id=connections.pop(), reset=True)
        assert opened() == 3
        client.do("shutdown", id=connections[0], write=True)
        assert opened() == 2
        for connection in connections:
            client.do("close", id=connection)
        assert opened() == 0
        client.stop()
        assert observer.scrape().total("philotes_socket_open", pid=str(client.pid)) == 0
        assert Socketed(observer.scrape(), client.pid).value("connects_total", "buffer", result="success") == 5


# ---- connects ----

def case_socket_connects(_):
    with between(sink) as (observer, client, server):
        for _ in range(7):
            client.do("close", id=client.dial(server.port))
        server.refuse()
        for _ in range(3):
            assert "refused" in client.move("dial", address=f"127.0.0.1:{server.port}")["error"]
        seen = Socketed(observer.scrape(), client.pid)
        assert seen.value("connects_total", "buffer", result="success") == 7
        assert seen.value("connects_total", "buffer", result="failed") == 3
        assert seen.value("connect_duration_seconds_count", "buffer") == 7
        assert 0 < seen.value("connect_duration_seconds_sum", "buffer") < 7
        assert seen.value("retransmits_total", "buffer") == 0


def case_socket_connect_to_nowhere(_):
    """The SYN is sent, and again, and nothing comes."""
    with Namespace() as space, watched(buffer_at(5432, space.far)) as (observer, client):
        space.run("iptables", "-A", "INPUT", "-p", "tcp", "-j", "DROP")
        outcome = client.move("dial", address=f"{space.far}:5432", timeout_ms=3500)
        assert "timeout" in outcome["error"], outcome
        seen = Socketed(observer.scrape(), client.pid)
        assert seen.value("connects_total", "buffer", result="failed") == 1
        assert seen.value("connects_total", "buffer", result="success") == 0
        assert seen.value("connect_duration_seconds_count", "buffer") == 0
        assert seen.value("retransmits_total", "buffer") >= 1


def case_socket_connect_that_is_slow(_):
    """Its SYN is lost, and sent again: the time from the first one until it is established, as long as the client waits at most."""
    with Namespace() as space, Peer(sink, address=(space.far, 0), namespace=space.path) as server:
        with watched(buffer_at(server.port, space.far)) as (observer, client):
            lose = ("INPUT", "-p", "tcp", "--syn", "-j", "DROP")
            space.run("iptables", "-A", *lose)
            took = []

            def dial():
                begun = time.monotonic()
                client.do("close", id=client.dial(server.port, host=space.far))
                took.append(time.monotonic() - begun)

            dialing = threading.Thread(target=dial)
            dialing.start()
            until(lambda: Socketed(observer.scrape(), client.pid).value("retransmits_total", "buffer") >= 1, "a SYN that is sent again")
            space.run("iptables", "-D", *lose)
            dialing.join()
            seen = Socketed(observer.scrape(), client.pid)
            assert seen.value("connect_duration_seconds_count", "buffer") == seen.value("connects_total", "buffer", result="success") == 1
            total = seen.value("connect_duration_seconds_sum", "buffer")
            assert 1 <= total <= took[0], f"{total} s, of {took} s of the client; a SYN is sent again after a second"


def smoothed_rtt(port):
    """As TCP itself has it of the only connection to this port, in seconds."""
    text = subprocess.run(["ss", "-tinH", "dport", "=", f":{port}"], check=True, capture_output=True, text=True).stdout
    return float(re.search(r"\brtt:([0-9.]+)/", text)[1]) / 1000


def case_socket_round_trip(_):
    """Of the connection that was used last, what TCP says of it, when nothing moves any more."""
    with between(echo) as (observer, client, server):
        connection = client.dial(server.port)
        for _ in range(20):
            client.do("write", id=connection, bytes=100)
            client.do("read", id=connection, bytes=100)
        seen, expected = Socketed(observer.scrape(), client.pid).value("rtt_seconds", "buffer"), smoothed_rtt(server.port)
        assert abs(seen - expected) <= 1.5e-6, f"{seen} s, TCP says {expected} s"
        client.do("close", id=connection)


def case_socket_in_another_network_namespace(_):
    with Namespace() as space, Peer(echo, address=(space.far, 0), namespace=space.path) as server:
        with watched(buffer_at(server.port, space.far)) as (observer, client):
            connection = client.dial(server.port, host=space.far, namespace=space.path)
            client.do("write", id=connection, bytes=4321)
            client.do("read", id=connection, bytes=4321)
            assert assert_bytes(observer, client, "buffer", server) == (4321, 4321)
            client.do("close", id=connection)
            no_drops(observer)


# ---- answers ----

def case_socket_response_times(_):
    """Not below what the peer waited, and not above the time from before the question to behind the answer."""
    for wait, rounds in ((0.030, 20), (0.120, 8)):
        with between(answering_after(wait)) as (observer, client, server):
            connection, asking = client.dial(server.port), 0
            for _ in range(rounds):
                asked = time.monotonic()
                client.do("write", id=connection, bytes=10)
                client.do("read", id=connection, bytes=100)
                asking += time.monotonic() - asked
            seen = Socketed(observer.scrape(), client.pid)
            total, count = (seen.value(f"response_duration_seconds_{what}", "buffer") for what in ("sum", "count"))
            assert count == rounds, count
            assert server.waited <= total <= asking, f"{total} s in all, not {server.waited} to {asking} s"
            counts = compare.buckets(seen.scrape, "philotes_socket_response_duration_seconds", pid=seen.pid, peer="buffer")
            assert counts[-1] == rounds
            client.do("close", id=connection)


# ---- the network ----

def retransmitted():
    """By the whole network namespace."""
    names, values = (line.split() for line in pathlib.Path("/proc/net/snmp").read_text(encoding="ascii").splitlines() if line.startswith("Tcp:"))
    return int(values[names.index("RetransSegs")])


def case_socket_retransmits(_):
    """
    Of a network that loses packets, and of one that does not: there TCP does it only when a busy machine lets an acknowledgement wait,
    and then the kernel's own count has it. What is lost must have left the host for TCP.
    """
    with Namespace() as space, Peer(echo, address=(space.far, 0), namespace=space.path) as server:
        with watched(buffer_at(server.port, space.far)) as (observer, client):
            def exchange(number):
                before = retransmitted()
                connection = client.dial(server.port, host=space.far)
                for _ in range(30):
                    client.do("write", id=connection, bytes=20000)
                    client.do("read", id=connection, bytes=20000)
                client.do("close", id=connection)
                server.settled(number)
                assert_bytes(observer, client, "buffer", server)
                return Socketed(observer.scrape(), client.pid).value("retransmits_total", "buffer"), retransmitted() - before

            without, most = exchange(1)
            assert without <= most, f"{without} are counted, the kernel has sent {most} again"
            space.run("iptables", "-A", "INPUT", "-p", "tcp", "-m", "statistic", "--mode", "random",
                      "--probability", "0.1", "-j", "DROP")
            assert exchange(2)[0] > without
            rtt = Socketed(observer.scrape(), client.pid).value("rtt_seconds", "buffer")
            assert 0 < rtt < 10, rtt


# ---- what it says of itself ----

def case_socket_backend_says_what_it_is(_):
    with Observer() as observer:
        rows = [dict(key) for key in observer.scrape().select("philoscope_socket_backend")]
        assert len({row["backend"] for row in rows}) == 1 and rows[0]["backend"] in ("fentry", "tracepoint", "kprobe"), rows
        assert {"unix", "mptcp", "unrouted"} <= {row["unseen"] for row in rows}, rows
        assert all(row["exact"] == ("false" if row["backend"] == "kprobe" else "true") for row in rows), rows


def case_socket_backend_of_ones_choice(_):
    """Each one counts, or says that the kernel has it not."""
    worked = 0
    for backend in ("fentry", "tracepoint", "kprobe"):
        with Peer(echo) as server, watched(
                buffer_at(server.port), f"--socket.backend={backend}", state="") as (observer, client):
            shown = {dict(key)["backend"] for key in observer.scrape().select("philoscope_socket_backend")}
            if shown == {"none"}:
                infos = observer.scrape().select("philoscope_probe_info", family="socket")
                assert all(dict(key)["reason"] == "no_backend" for key in infos), infos
                assert observer.logged("cannot attach to sockets")
                continue
            assert shown == {backend}, shown
            worked += 1
            connection = client.dial(server.port)
            client.do("write", id=connection, bytes=10)
            client.do("read", id=connection, bytes=10)
            assert assert_bytes(observer, client, "buffer", server) == (10, 10)
    if not worked:
        raise Skip("this kernel has no way to see sockets")
