# SPDX-License-Identifier: Apache-2.0
"""What a real worker moves on its connections, by role, equals what its peers counted."""

from cases_batches import Batches
from checks import check_drops, check_unharmed
from util import settle

_MOVED = (("philotes_socket_sent_bytes_total", "received"), ("philotes_socket_received_bytes_total", "sent"))


def sockets(bench):
    """PostgreSQL behind relays that count, the two HTTP stand-ins by themselves."""
    peers = {"source": bench.relay(), "buffer": bench.relay(), "object_store": bench.store, "catalog": bench.catalog}
    run = Batches(bench, from_the_start=True, CDC_SOURCE_PORT=peers["source"].port, DB_PORT=peers["buffer"].port)
    for rows in (30, 200):
        run.insert("orders", "items", rows=rows)
        run.wait_processed()
    run.pair.source.execute("INSERT INTO public.orders SELECT i, 'x' FROM generate_series(1, 50) i")
    run.pair.wait_sent()
    bench.equal("labels peer", {*peers}, {labels["peer"] for labels, _ in
                                          run.observer.scrape().select("philotes_socket_sent_bytes_total")} - {"client"})
    _check_answers(bench, run, peers)
    _check_bytes(bench, run.observer, peers)
    check_unharmed(bench, run.worker)
    for role, peer in peers.items():
        bench.equal("philotes_socket_connects_total", peer.accepted,
                    int(run.observer.scrape().total("philotes_socket_connects_total", peer=role, result="success")), role)
    check_drops(bench, run.observer.scrape())


def _check_answers(bench, run, peers):
    scrape = run.observer.scrape()
    for role in peers:
        answers = scrape.total("philotes_socket_response_duration_seconds_count", peer=role)
        bench.check(answers > 0, "philotes_socket_response_duration_seconds_count", "above 0", answers, role)
        rtt = scrape.total("philotes_socket_rtt_seconds", peer=role)
        bench.check(0 < rtt < 1, "philotes_socket_rtt_seconds", "above 0, below 1", rtt, role)


def _counted(peers):
    """{(metric, role): bytes} by the peers."""
    return {(name, role): getattr(peer, counter) for role, peer in peers.items() for name, counter in _MOVED}


def _check_bytes(bench, observer, peers):
    """The worker asks its buffer five times a second: compared is a moment between two questions."""
    last = {}

    def is_equal():
        before, scrape = _counted(peers), observer.scrape()
        last["wanted"] = _counted(peers)
        last["seen"] = {(name, role): int(scrape.total(name, peer=role)) for name, role in last["wanted"]}
        return before == last["wanted"] == last["seen"]
    settle(is_equal)
    for (name, role), wanted in last["wanted"].items():
        bench.equal(name, wanted, last["seen"][name, role], role)


# name, function, needs the observer, needs working back-pressure
CASES = (("sockets", sockets, True, False),)
