# SPDX-License-Identifier: Apache-2.0
"""Comparisons of what philoscope says with what the stand-in knows."""
import contextlib
from itertools import accumulate

import hostview
from programs import until

EVENTS = "philotes_cdc_events_total"
DURATION = "philotes_cdc_event_duration_seconds"


def same(seen, expected, what):
    """Series by series, with the differences named."""
    wrong = {key: (seen.get(key), expected.get(key)) for key in seen.keys() | expected.keys()
             if seen.get(key) != expected.get(key)}
    named = [f"{dict(key)}: seen {s}, expected {e}" for key, (s, e) in list(wrong.items())[:5]]
    assert not wrong, f"{what} differs in {len(wrong)} series: " + "; ".join(named)


def difference(after, before):
    return {key: value - before.get(key, 0) for key, value in after.items()}


def added(*parts):
    total = {}
    for part in parts:
        for key, value in part.items():
            total[key] = total.get(key, 0) + value
    return total


@contextlib.contextmanager
def explained(observer, pid):
    """What failed says also what the kernel has for this target."""
    try:
        yield
    except AssertionError as error:
        scrape = observer.scrape()
        drops = {dict(key)["reason"]: value for key, value in scrape.select("philoscope_drops_total").items() if value}
        raise AssertionError(f"{error}\ncounted in all: {scrape.total(EVENTS, pid=str(pid))}, drops: {drops}, "
                             f"breakpoints: {hostview.changed_text(pid)}, other observers: "
                             f"{hostview.probes_of_others(observer.pid)}\n{''.join(observer.log)}") from error


def counters(observer, *workers):
    """Every counted event of every worker, and the lag histogram's counts, equal its own oracle's."""
    scrape = observer.scrape()
    for worker in workers:
        oracle, pid = worker.oracle(), str(worker.pid)
        with explained(observer, pid):
            for name in (EVENTS, "philotes_cdc_event_lag_seconds_count"):
                same(scrape.select(name, drop=("service",), pid=pid), oracle.select(name), name)
    return scrape


def unprobed(pid, *observers):
    """
    No breakpoint is left in the code of a process: the kernel takes them out a moment after their links have gone. Others than these
    observers that hold probes: then nothing can be said.
    """
    others = hostview.probes_of_others(*observers)
    if not others:
        until(lambda: not hostview.changed_text(pid), "the end of the breakpoints")
    return others


def no_drift(scrape):
    """What the targets say themselves is what was counted of them, wherever it was compared."""
    wrong = {tuple(sorted(key)): value for key, value in scrape.select("philoscope_audit_drift").items() if value}
    assert not wrong, f"audit: {wrong}"


# A process may end, or this machine be busy, while its own numbers are read: nothing that was counted is missing then.
OF_SAMPLES = ("sample_gone", "sample_late")


def no_drops(scrape, **allowed):
    """Nothing was dropped but for these reasons, exactly so often."""
    drops = {dict(key)["reason"]: value for key, value in scrape.select("philoscope_drops_total").items()}
    assert len(drops) >= 10, "the drop reasons are not all shown"
    drops = {reason: value for reason, value in drops.items() if reason not in OF_SAMPLES}
    wrong = {reason: value for reason, value in drops.items() if value != allowed.get(reason, 0)}
    assert not wrong, f"drops: {wrong}, expected {allowed}"
    no_drift(scrape)


def near(seen, expected, worker, stamped, most, what):
    """
    Seconds that both sides took from the clock for themselves, between the outer and the inner stamps of what is `stamped`, differ by
    most(expected) at most; or, if the machine did something else just then, by no more than such stamps do.
    """
    off = {key: (seen[key], value) for key, value in expected.items() if abs(seen[key] - value) > most(value)}
    held_up = worker.held_up(stamped) if off else 0
    wrong = {tuple(key): pair for key, pair in off.items() if abs(pair[0] - pair[1]) > held_up}
    assert not wrong, f"{what}, seen and expected: {wrong}; the worker was held up for {held_up} s at most"


def lag(scrape, worker):
    """Every lag gauge is the oracle's within 20 ms or 5 %."""
    name = "philotes_cdc_lag_seconds"
    seen = scrape.select(name, drop=("service",), pid=str(worker.pid))
    expected = worker.oracle().select(name)
    assert seen.keys() == expected.keys(), f"lag series {seen.keys()} and {expected.keys()}"
    near(seen, expected, worker, "events", lambda value: max(0.020, 0.05 * abs(value)), "lag")


def states(scrape, worker):
    """Every pipeline's state is the oracle's."""
    name = "philotes_cdc_pipeline_state"
    same(scrape.select(name, drop=("service",), pid=str(worker.pid)), worker.oracle().select(name), name)


def buckets(scrape, name, **labels):
    """Cumulative counts by bound, +Inf last; monotone, and equal to the count."""
    found = {float(dict(key)["le"]): value
             for key, value in scrape.select(f"{name}_bucket", drop=("service",), **labels).items()}
    counts = [found[bound] for bound in sorted(found)]
    assert counts == sorted(counts), f"buckets of {name} are not monotone: {counts}"
    assert counts[-1] == scrape.one(f"{name}_count", **labels), "+Inf is not the count"
    return counts


def between(scrape, name, stamps, things, **labels):
    """The histogram of so many `things` (events, requests) between their inner and outer stamps: sum, and count under every bound."""
    seen = buckets(scrape, name, **labels)
    total = scrape.one(f"{name}_sum", **labels)
    what = f"{name}{labels}"
    assert seen[-1] == stamps[things], f"{what}: {seen[-1]} durations of {stamps[things]} {things}"
    assert stamps["inner_ns"] / 1e9 <= total + 1e-9, f"{what}: sum {total} below the inner {stamps['inner_ns']} ns"
    assert total <= stamps["outer_ns"] / 1e9 + 1e-9, f"{what}: sum {total} above the outer {stamps['outer_ns']} ns"
    inner, outer = (list(accumulate(stamps[side])) for side in ("inner_buckets", "outer_buckets"))
    for i, count in enumerate(seen):
        assert outer[i] <= count <= inner[i], f"{what}, bucket {i}: {count} not within {outer[i]}..{inner[i]}"
    return seen


def bracketed(scrape, name, stamps, things, **labels):
    """The same; and what has both stamps in one bucket is in that bucket."""
    seen = between(scrape, name, stamps, things, **labels)
    for i, (count, below) in enumerate(zip(seen, [0, *seen])):
        assert count - below >= stamps["same_buckets"][i], f"{name}{labels}: bucket {i} lacks {things} whose stamps are both in it"


def durations(scrape, worker, run):
    """
    Every event that came to an end has a duration, which lies between its inner and outer stamp: so do the sums, the number of events under every bound,
    and an event whose stamps share a bucket is in that bucket.
    """
    for stamps in worker.stamps(run):
        bracketed(scrape, DURATION, stamps, "events", source=stamps["source"], pid=str(worker.pid))


def worker_is_off(scrape):
    """Every metric says so; those of API servers that a worker has none of them."""
    infos = [dict(key) for key in scrape.select("philoscope_probe_info", service="worker")]
    wrong = [info for info in infos if info["state"] != "skipped" or
             info["reason"] != ("other_service" if info["family"] == "api" else "family_off")]
    assert infos and not wrong, wrong
