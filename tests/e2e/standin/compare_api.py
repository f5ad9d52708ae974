# SPDX-License-Identifier: Apache-2.0
"""Comparisons of what philoscope says of an API server with what the stand-in knows."""

import compare
import hostview

REQUESTS = "philotes_api_requests_total"
ABORTED = "philotes_api_requests_aborted_total"
IN_FLIGHT = "philotes_api_requests_in_flight"
DURATION = "philotes_api_request_duration_seconds"
REQUEST_SIZE = "philotes_api_request_size_bytes"
RESPONSE_SIZE = "philotes_api_response_size_bytes"
NAMES = (REQUESTS, ABORTED, IN_FLIGHT, f"{DURATION}_count",
         *(f"{name}_{part}" for name in (REQUEST_SIZE, RESPONSE_SIZE) for part in ("bucket", "sum", "count")))
LABEL_BYTES = 255


def cut(text):
    """As a label is cut: at a character."""
    return text.encode()[:LABEL_BYTES].decode(errors="ignore")


def series(samples, name, **select):
    """As select(), with labels cut; those that are equal then are one."""
    found = {}
    for labels, value in samples.select(name, drop=("service",), **select).items():
        key = frozenset((k, cut(v)) for k, v in labels)
        found[key] = found.get(key, 0) + value
    return found


def everything(observer, server, late=0, **dropped):
    """
    Every series equals the oracle's, and the time that requests took is between their stamps; `late` requests were under way when
    philoscope came, which therefore have no duration. Nothing is dropped but what is named, with its number. The scrape.
    """
    oracle, pid = server.oracle(), str(server.pid)
    scrape = observer.scrape()
    try:
        for name in NAMES:
            if not (late and name == f"{DURATION}_count"):
                compare.same(series(scrape, name, pid=pid), series(oracle, name), name)
        seen, counted = (scrape.total(name, pid=pid) for name in (f"{DURATION}_count", REQUESTS))
        assert counted - seen == late, f"{counted} requests, {seen} durations"
        if not late:
            durations(scrape, server)
        compare.no_drops(scrape, **dropped)
    except AssertionError as error:
        drops = {dict(key)["reason"]: value for key, value in scrape.select("philoscope_drops_total").items() if value}
        raise AssertionError(f"{error}\ndrops: {drops}, breakpoints: {hostview.changed_text(server.pid)}, other observers: "
                             f"{hostview.probes_of_others(observer.pid)}\n{''.join(observer.log)}") from error
    return scrape


def durations(scrape, server):
    """
    Every request's duration lies between its inner and its outer stamp: so do the sums, the numbers of requests under every
    bound, and one whose stamps share a bucket is in that bucket.
    """
    for stamps in server.stamps():
        labels = {"pid": str(server.pid), "endpoint": stamps["endpoint"], "method": stamps["method"]}
        if any(len(text.encode()) > LABEL_BYTES for text in labels.values()):
            continue  # several may have become one
        compare.bracketed(scrape, DURATION, stamps, "requests", **labels)
