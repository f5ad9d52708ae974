# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus with the rules of this project, and what its queries answer."""
import json
import math
import time
import urllib.error

from programs import ROOT, until
from prometheus import Prometheus

RULES = ROOT / "deploy/rules/philoscope.rules.yml"


class Queried(Prometheus):
    """
    It scrapes each half a second, and takes labels as the chart's monitors do. Other Philotes processes of the host do not matter:
    series with the pid of another process are dropped, and then the label itself.
    """

    def __init__(self, folder, target, pids):
        kept = "|".join(["", *map(str, pids)])
        super().__init__(folder, target, interval="500ms", rules=[RULES], honor_labels=True, metric_relabel_configs=[
            {"source_labels": ["pid"], "regex": kept, "action": "keep"}, {"regex": "pid", "action": "labeldrop"}])

    def ask(self, query, path="query", **arguments):
        """[(labels, sample or samples)]; Prometheus' own words when it can't."""
        try:
            found = self.api(path, query=query, **arguments)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query}: {json.load(error)['error']}") from None
        if found["resultType"] == "scalar":
            return [({}, found["result"])]
        return [(row["metric"], row["value"] if "value" in row else row["values"]) for row in found["result"]]

    def instant(self, query, at):
        """[(labels, value)] at a time."""
        return [(labels, float(value)) for labels, (_, value) in self.ask(query, time=at)]

    def series(self, query, at):
        """[(labels, [(time, value)])] of a query for a range like `metric[5m]`."""
        return [(labels, [(when, float(value)) for when, value in values]) for labels, values in self.ask(query, time=at)]

    def over_time(self, query, at, seconds):
        """[(labels, [value])] for each half a second."""
        return [(labels, [float(value) for _, value in values])
                for labels, values in self.ask(query, "query_range", start=at - seconds, end=at, step=0.5)]

    def scraped_since(self, moment):
        """Waits for a scrape that began after the moment and was answered; its time."""
        def last():
            newest = [values[-1] for _, values in self.series("up[1m]", time.time())]
            return newest and all(up and when > moment for when, up in newest) and max(when for when, _ in newest)

        return until(last, "a scrape")


def has_data(rows):
    """Something is there, and it is a number."""
    return any(not math.isnan(value) for _, values in rows for value in (values if isinstance(values, list) else [values]))


def rate_by_hand(samples, at, window):
    """What rate() is documented to give for samples of one counter that was not reset: extrapolated to the window's ends."""
    first, last = samples[0], samples[-1]
    increase, seen = last[1] - first[1], last[0] - first[0]
    gap = seen / (len(samples) - 1)
    to_start, to_end = first[0] - (at - window), at - last[0]
    if increase > 0:
        to_start = min(to_start, seen * first[1] / increase)
    reached = seen + sum(part if part < gap * 1.1 else gap / 2 for part in (to_start, to_end))
    return increase * reached / seen / window
