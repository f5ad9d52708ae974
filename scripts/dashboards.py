#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write dashboards/*.json for Grafana from the tables below: one line for each query, everything that Grafana wants around it
made here. `make deploy-files` runs this."""

import argparse
import sys
from pathlib import Path

import compact_json

TOP = Path(__file__).resolve().parent.parent
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24

# What a panel of each row is about. The variables' values are regular expressions.
TARGET = 'namespace=~"$namespace",service=~"$service",pod=~"$pod"'
SOURCE = TARGET + ',source=~"$source"'
TABLE = SOURCE + ',table=~"$table"'
RATE = "$__rate_interval"


# ---- how queries are put together ----

def rate(metric, matchers, by, extra=""):
    return f"sum by ({by}) (rate({metric}{{{matchers}{extra}}}[{RATE}]))"


def average(histogram, matchers, by):
    return f"{rate(histogram + '_sum', matchers, by)} / {rate(histogram + '_count', matchers, by)}"


def quantile(share, histogram, matchers, by=""):
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(histogram + '_bucket', matchers, labels)})"


def quantiles(histogram, matchers):
    return [(quantile(share, histogram, matchers), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99)]


def largest(metric, matchers, by):
    return f"max by ({by}) ({metric}{{{matchers}}})"


def total(metric, matchers, by):
    return f"sum by ({by}) ({metric}{{{matchers}}})"


# ---- panels ----

STATES = {0: ("starting", "blue"), 1: ("running", "green"), 2: ("paused", "orange"), 3: ("stopping", "yellow"),
          4: ("stopped", "text"), 5: ("failed", "red")}
STATE_MAPPING = [{"type": "value", "options": {str(value): {"text": text, "color": color, "index": value}
                                               for value, (text, color) in STATES.items()}}]


class Panel:
    """kind: Grafana's type. queries: (expression, legend) each. limits: (value, colour) from where on a colour is used."""

    def __init__(self, title, description, unit, *queries, kind="timeseries", width=8, height=8, stack=False, limits=(),
                 mappings=None):
        self.title, self.description, self.unit, self.queries, self.kind = title, description, unit, queries, kind
        self.width, self.height, self.stack, self.limits, self.mappings = width, height, stack, limits, mappings

    def targets(self):
        instant = self.kind in ("stat", "table", "bargauge")
        for letter, (expression, legend) in zip("ABCDEFGH", self.queries):
            yield {"refId": letter, "expr": expression, "legendFormat": legend,
                   "instant": instant, "range": not instant, "format": "table" if self.kind == "table" else "time_series"}

    def defaults(self):
        steps = [{"color": "green", "value": None}, *({"color": color, "value": value} for value, color in self.limits)]
        fields = {"unit": self.unit, "thresholds": {"mode": "absolute", "steps": steps},
                  "color": {"mode": "thresholds" if self.kind in ("stat", "bargauge") else "palette-classic"}}
        if self.mappings:
            fields["mappings"] = self.mappings
        if self.kind == "timeseries":
            fields["custom"] = {"lineWidth": 1, "fillOpacity": 30 if self.stack else 8, "showPoints": "never",
                                "stacking": {"mode": "normal" if self.stack else "none", "group": "A"}}
            fields["min"] = 0
        return fields

    def options(self):
        return {
            "timeseries": {"legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
                           "tooltip": {"mode": "multi", "sort": "desc"}},
            "stat": {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "graphMode": "area",
                     "colorMode": "value", "textMode": "auto"},
            "bargauge": {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
                         "orientation": "horizontal", "displayMode": "gradient"},
            "state-timeline": {"mergeValues": True, "showValue": "auto", "legend": {"displayMode": "list", "placement": "bottom"}},
            "table": {"showHeader": True, "cellHeight": "sm"},
        }[self.kind]

    def json(self, number, x, y):
        panel = {"id": number, "type": self.kind, "title": self.title, "description": self.description,
                 "datasource": DATASOURCE, "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
                 "targets": list(self.targets()), "options": self.options(),
                 "fieldConfig": {"defaults": self.defaults(), "overrides": []}}
        if self.kind == "table":
            panel["transformations"] = [{"id": "organize", "options": {"excludeByName": {"Time": True}}}]
        return panel


def stat(*arguments, **settings):
    return Panel(*arguments, kind="stat", **{"width": 4, "height": 4, **settings})


def lay_out(rows):
    """Panels from left to right, each row below the last one; ids count up."""
    panels, y = [], 0
    for title, members in rows:
        panels.append({"id": len(panels) + 1, "type": "row", "title": title, "collapsed": False, "panels": [],
                       "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1}})
        y, x, tallest = y + 1, 0, 0
        for member in members:
            if x + member.width > COLUMNS:
                y, x, tallest = y + tallest, 0, 0
            panels.append(member.json(len(panels) + 1, x, y))
            x, tallest = x + member.width, max(tallest, member.height)
        y += tallest
    return panels


# ---- variables ----

def variable(name, query, *, every=".*", label=None):
    """every: what All stands for; None leaves it to Grafana, which then names each value."""
    found = {"name": name, "type": "query", "label": label or name, "datasource": DATASOURCE, "refresh": 2, "sort": 1,
             "query": {"query": query, "refId": name}, "definition": query, "multi": True, "includeAll": True,
             "current": {"text": ["All"], "value": ["$__all"]}, "options": [], "hide": 0, "regex": "", "skipUrlSync": False}
    return {**found, "allValue": every} if every else found


DATASOURCE_VARIABLE = {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "datasource", "hide": 0,
                       "current": {}, "options": [], "refresh": 1, "regex": "", "multi": False, "includeAll": False}
ANY_TARGET = '{__name__=~"philotes_cdc_pipeline_state|philotes_api_requests_total"'
PHILOTES_VARIABLES = [
    DATASOURCE_VARIABLE,
    variable("namespace", f"label_values({ANY_TARGET}}}, namespace)"),
    # Named one by one: others also export go_* and process_*.
    variable("service", "label_values(philoscope_targets, service)", every=None),
    variable("pod", f'label_values({ANY_TARGET},namespace=~"$namespace"}}, pod)'),
    variable("source", 'label_values(philotes_cdc_pipeline_state{namespace=~"$namespace",pod=~"$pod"}, source)'),
    variable("table", 'label_values(philotes_cdc_events_total{namespace=~"$namespace",pod=~"$pod",source=~"$source"}, table)'),
]
FLEET_VARIABLES = [
    DATASOURCE_VARIABLE,
    variable("namespace", f"label_values({ANY_TARGET}}}, namespace)"),
    variable("instance", "label_values(philoscope_build_info, instance)", label="observer"),
]

# ---- what Philotes does ----

CDC_OVERVIEW = ("CDC overview", [
    stat("Events", "Change events handed to pipelines, each attempt counted.", "ops",
         (f"sum(rate(philotes_cdc_events_total{{{TABLE}}}[{RATE}]))", "events"), width=5),
    stat("Lag", "Largest age of the change event that was handed over last.", "s",
         (f"max(philotes_cdc_lag_seconds{{{TABLE}}})", "lag"), limits=[(30, "orange"), (300, "red")], width=5),
    stat("Errors", "Failed buffer writes and source errors in the range shown.", "short",
         (f"sum(increase(philotes_cdc_errors_total{{{SOURCE}}}[$__range]))", "errors"), limits=[(1, "red")], width=5),
    stat("State", "Of each pipeline, as the program numbers it.", "none",
         (largest("philotes_cdc_pipeline_state", SOURCE, "source, pod"), "{{source}} {{pod}}"), mappings=STATE_MAPPING, width=9),
])
CDC = ("CDC", [
    Panel("Event rate by table", "Change events handed to the pipeline.", "ops",
          (rate("philotes_cdc_events_total", TABLE, "source, table"), "{{source}} {{table}}")),
    Panel("Event rate by operation", "The same, by what happened to the row.", "ops",
          (rate("philotes_cdc_events_total", TABLE, "operation"), "{{operation}}"), stack=True),
    Panel("Lag over time", "Age of the last event of each table at the moment it was handed over.", "s",
          (largest("philotes_cdc_lag_seconds", TABLE, "source, table"), "{{source}} {{table}}")),
    Panel("Lag, distribution", "Of all events, where the gauge shows the last one only.", "s",
          *quantiles("philotes_cdc_event_lag_seconds", TABLE)),
    Panel("Newest event", "Seconds since the commit of the newest event: grows while a database is idle, or a pipeline stuck.",
          "s", (f"time() - {largest('philotes_cdc_last_event_timestamp_seconds', TABLE, 'source, table')}",
                "{{source}} {{table}}")),
    Panel("Handling of an event", "From the first attempt to the end, retries and their waits included.", "s",
          *quantiles("philotes_cdc_event_duration_seconds", SOURCE)),
    Panel("Errors and retries", "buffer: a write failed. source: the source gave an error and the pipeline ends.", "ops",
          (rate("philotes_cdc_errors_total", SOURCE, "source, error_type"), "{{source}} {{error_type}}"),
          (rate("philotes_cdc_retries_total", SOURCE, "source"), "{{source}} retries")),
    Panel("State over time", "States under a second are over before Prometheus looks.", "none",
          (largest("philotes_cdc_pipeline_state", SOURCE, "source, pod"), "{{source}} {{pod}}"),
          kind="state-timeline", mappings=STATE_MAPPING),
    Panel("Back-pressure", "Share of the time that pipelines are paused, and how often they pause.", "percentunit",
          (rate("philotes_cdc_paused_seconds_total", SOURCE, "source"), "{{source}} paused"),
          (rate("philotes_cdc_pauses_total", SOURCE, "source"), "{{source}} pauses/s")),
    Panel("Checkpoints", "Saves by outcome.", "ops",
          (rate("philotes_cdc_checkpoints_total", SOURCE, "source, status"), "{{source}} {{status}}")),
    Panel("Checkpoint duration", "Time of one save.", "s", *quantiles("philotes_cdc_checkpoint_duration_seconds", SOURCE)),
])
API = ("API", [
    stat("Requests", "Requests served.", "reqps", (f"sum(rate(philotes_api_requests_total{{{TARGET}}}[{RATE}]))", "requests"),
         width=6),
    stat("p95", "95 of 100 requests took no longer.", "s",
         (quantile(0.95, "philotes_api_request_duration_seconds", TARGET), "p95"), limits=[(0.5, "orange"), (2.5, "red")], width=6),
    stat("Error rate", "Share of requests answered with 5xx.", "percentunit",
         (f'sum(rate(philotes_api_requests_total{{{TARGET},status=~"5.."}}[{RATE}])) / '
          f"sum(rate(philotes_api_requests_total{{{TARGET}}}[{RATE}]))", "5xx"), limits=[(0.01, "orange"), (0.05, "red")], width=6),
    stat("In flight", "Requests being served.", "short", (f"sum(philotes_api_requests_in_flight{{{TARGET}}})", "requests"),
         width=6),
    Panel("Request rate by endpoint", "By gin's route.", "reqps",
          (rate("philotes_api_requests_total", TARGET, "method, endpoint"), "{{method}} {{endpoint}}")),
    Panel("Latency by endpoint, p95", "By gin's route.", "s",
          (quantile(0.95, "philotes_api_request_duration_seconds", TARGET, "method, endpoint"), "{{method}} {{endpoint}}")),
    Panel("Request rate by status", "As answered.", "reqps", (rate("philotes_api_requests_total", TARGET, "status"), "{{status}}"),
          stack=True),
    Panel("Latency", "Of all requests.", "s", *quantiles("philotes_api_request_duration_seconds", TARGET)),
    Panel("Aborted", "Handlers that ended in a panic; Philotes' own counters never see these requests.", "reqps",
          (rate("philotes_api_requests_aborted_total", TARGET, "method, endpoint"), "{{method}} {{endpoint}}")),
    Panel("Sizes", "Average of the bodies that were announced, and of what was written.", "bytes",
          (average("philotes_api_request_size_bytes", TARGET, "service"), "request"),
          (average("philotes_api_response_size_bytes", TARGET, "service"), "response")),
])
BUFFER = ("Buffer", [
    Panel("Depth", "Unprocessed rows of the whole buffer table: every worker shows the same number.", "short",
          (largest("philotes_buffer_depth", SOURCE, "source, pod"), "{{source}} {{pod}}")),
    Panel("Oldest event", "Age of the oldest unprocessed event.", "s",
          (largest("philotes_buffer_oldest_event_age_seconds", SOURCE, "source"), "{{source}}")),
    Panel("Events processed", "Events of batches that were handled and marked.", "ops",
          (rate("philotes_buffer_events_processed_total", SOURCE, "source"), "{{source}}")),
    Panel("Batches", "By outcome.", "ops",
          (rate("philotes_buffer_batches_total", SOURCE, "source, status"), "{{source}} {{status}}")),
    Panel("Batch duration", "One batch from read to mark.", "s", *quantiles("philotes_buffer_batch_duration_seconds", SOURCE)),
    Panel("Events per batch", "Average, and 95 of 100 batches have no more.", "short",
          (average("philotes_buffer_batch_events", SOURCE, "source"), "{{source}}"),
          (quantile(0.95, "philotes_buffer_batch_events", SOURCE), "p95")),
    Panel("Dead letters", "Events given up and written to the dead-letter table.", "ops",
          (rate("philotes_buffer_dlq_total", SOURCE, "source"), "{{source}}")),
])
ICEBERG = ("Iceberg", [
    Panel("Commits", "Commits that succeeded.", "ops",
          (rate("philotes_iceberg_commits_total", TABLE, "source, table"), "{{source}} {{table}}")),
    Panel("Commit latency", "Table check, Parquet, upload and catalog.", "s",
          *quantiles("philotes_iceberg_commit_duration_seconds", TABLE)),
    Panel("Stages of a commit", "Where its time goes: average of each stage.", "s",
          (average("philotes_iceberg_stage_duration_seconds", SOURCE, "stage"), "{{stage}}"), stack=True),
    Panel("Freshness", "Age of the oldest event of a commit when it became queryable.", "s",
          (largest("philotes_iceberg_freshness_seconds", TABLE, "source, table"), "{{source}} {{table}}")),
    Panel("Failures", "Writes that ended in an error, by the stage that failed.", "ops",
          (rate("philotes_iceberg_failures_total", TABLE, "table, stage"), "{{table}} {{stage}}")),
    Panel("Rows", "Events in committed files.", "ops",
          (rate("philotes_iceberg_rows_written_total", TABLE, "source, table"), "{{source}} {{table}}")),
    Panel("Bytes", "Parquet committed.", "Bps",
          (rate("philotes_iceberg_bytes_written_total", TABLE, "source, table"), "{{source}} {{table}}")),
    Panel("File size", "Average of a committed file: small files make queries slow.", "bytes",
          (f"{rate('philotes_iceberg_bytes_written_total', TABLE, 'source, table')} / "
           f"{rate('philotes_iceberg_files_written_total', TABLE, 'source, table')}", "{{source}} {{table}}")),
])
PEERS = ("Peers", [
    Panel("Sent", "Payload bytes to each peer.", "Bps", (rate("philotes_socket_sent_bytes_total", TARGET, "peer"), "{{peer}}")),
    Panel("Received", "Payload bytes from each peer.", "Bps",
          (rate("philotes_socket_received_bytes_total", TARGET, "peer"), "{{peer}}")),
    Panel("Answer time, p95", "From the last byte sent to the first byte back.", "s",
          (quantile(0.95, "philotes_socket_response_duration_seconds", TARGET, "peer"), "{{peer}}")),
    Panel("Connects", "Outgoing connections by result.", "ops",
          (rate("philotes_socket_connects_total", TARGET, "peer, result"), "{{peer}} {{result}}")),
    Panel("Connect time, p95", "From SYN to established.", "s",
          (quantile(0.95, "philotes_socket_connect_duration_seconds", TARGET, "peer"), "{{peer}}")),
    Panel("Open connections", "Established now.", "short", (total("philotes_socket_open", TARGET, "peer"), "{{peer}}")),
    Panel("Round trip", "Smoothed, of the connection that was used last.", "s",
          (largest("philotes_socket_rtt_seconds", TARGET, "peer"), "{{peer}}")),
    Panel("Retransmits", "Segments sent again.", "ops",
          (rate("philotes_socket_retransmits_total", TARGET, "peer"), "{{peer}}")),
])
RUNTIME = ("Processes", [
    Panel("Goroutines", "Of each process.", "short", (total("go_goroutines", TARGET, "service, pod"), "{{service}} {{pod}}")),
    Panel("Memory", "Resident, and what the heap holds.", "bytes",
          (total("process_resident_memory_bytes", TARGET, "service, pod"), "{{service}} {{pod}} resident"),
          (total("go_memstats_heap_inuse_bytes", TARGET, "service, pod"), "{{service}} {{pod}} heap in use"),
          (total("go_memstats_alloc_bytes", TARGET, "service, pod"), "{{service}} {{pod}} allocated")),
    Panel("CPU", "Cores in use.", "short",
          (rate("process_cpu_seconds_total", TARGET, "service, pod"), "{{service}} {{pod}}")),
    Panel("Garbage collection", "Cycles per second.", "ops",
          (rate("go_gc_duration_seconds_count", TARGET, "service, pod"), "{{service}} {{pod}}")),
    Panel("Threads", "Of the operating system.", "short", (total("go_threads", TARGET, "service, pod"), "{{service}} {{pod}}")),
    Panel("File descriptors", "Open, of those a process may have.", "percentunit",
          (f"max by (service, pod) (process_open_fds{{{TARGET}}} / process_max_fds{{{TARGET}}})", "{{service}} {{pod}}")),
])
TRUST = ("Can these numbers be trusted?", [
    Panel("Audit drift", "What the programs counted themselves, less what was counted from outside: always 0.", "short",
          ('max by (service, source, counter) (philoscope_audit_drift{service=~"$service"})', "{{source}} {{counter}}"),
          limits=[(1, "red")]),
    Panel("Age of the audit", "Since the last comparison.", "s",
          ('max by (service, source) (philoscope_audit_age_seconds{service=~"$service"})', "{{service}} {{source}}")),
    Panel("Drops", "What could not be counted as it should, by reason.", "ops",
          (f"sum by (reason) (rate(philoscope_drops_total[{RATE}]))", "{{reason}}")),
    Panel("Metrics by state", "Of each distinct executable: attached, or not and why.", "short",
          ('count by (state, reason) (philoscope_probe_info{service=~"$service"})', "{{state}} {{reason}}"), kind="bargauge"),
    Panel("CPU of philoscope", "Cores, all nodes together.", "short",
          (f"sum(rate(philoscope_process_cpu_seconds_total[{RATE}]))", "cores")),
    Panel("Memory of philoscope", "Resident, all nodes together; the kernel's maps come on top.", "bytes",
          ("sum(philoscope_process_resident_memory_bytes)", "resident")),
    Panel("Not attached", "Each metric of each executable that is not there, and why.", "none",
          ('max by (service, binary, family, metric, state, reason) (philoscope_probe_info{service=~"$service",state!="attached"})',
           ""), kind="table", width=16),
])

# ---- the fleet ----

NODE = 'instance=~"$instance"'
WHERE = 'namespace=~"$namespace"'
FLEET_NOW = ("Now", [
    stat("Observers", "Nodes whose observer answers.", "short", (f"count(philoscope_build_info{{{NODE}}})", "observers")),
    stat("Targets", "Processes being observed.", "short", (f"sum(philoscope_targets{{{NODE}}})", "targets")),
    stat("Events", "Of all pipelines.", "ops", (f"sum(namespace_source:philotes_cdc_events:rate5m{{{WHERE}}})", "events")),
    stat("Worst lag", "Of all pipelines.", "s", (f"max(namespace_source:philotes_cdc_lag_seconds:max{{{WHERE}}})", "lag"),
         limits=[(30, "orange"), (300, "red")]),
    stat("Worst freshness", "Of all tables.", "s",
         (f"max(namespace_source_table:philotes_iceberg_freshness_seconds:max{{{WHERE}}})", "freshness"),
         limits=[(300, "orange"), (900, "red")]),
    stat("Audit drift", "Sum of all; always 0.", "short", (f"sum(abs(philoscope_audit_drift{{{NODE}}}))", "drift"),
         limits=[(1, "red")]),
])
FLEET_PIPELINES = ("Pipelines", [
    Panel("Pipelines by state", "How many are in each state.", "short",
          (f'count_values("state", philotes_cdc_pipeline_state{{{WHERE}}})', "state {{state}}"), stack=True),
    Panel("Busiest sources", "Events per second.", "ops",
          (f"topk(10, namespace_source:philotes_cdc_events:rate5m{{{WHERE}}})", "{{namespace}} {{source}}")),
    Panel("Largest lag", "By source.", "s",
          (f"topk(10, namespace_source:philotes_cdc_lag_seconds:max{{{WHERE}}})", "{{namespace}} {{source}}")),
    Panel("Stalest tables", "Freshness of the last commit.", "s",
          (f"topk(10, namespace_source_table:philotes_iceberg_freshness_seconds:max{{{WHERE}}})", "{{namespace}} {{table}}")),
    Panel("Buffers", "Unprocessed rows.", "short",
          (f"topk(10, namespace:philotes_buffer_depth:max{{{WHERE}}})", "{{namespace}}")),
    Panel("Commit latency, p95", "By namespace.", "s",
          (f"namespace:philotes_iceberg_commit_duration_seconds:p95{{{WHERE}}}", "{{namespace}}")),
    Panel("API requests", "By namespace.", "reqps", (f"namespace:philotes_api_requests:rate5m{{{WHERE}}}", "{{namespace}}")),
    Panel("API errors", "Share of 5xx.", "percentunit",
          (f"namespace:philotes_api_errors:ratio_rate5m{{{WHERE}}}", "{{namespace}}")),
    Panel("CPU of Philotes", "Cores, by service.", "short",
          (f"namespace_service:process_cpu_seconds:rate5m{{{WHERE}}}", "{{namespace}} {{service}}")),
])
FLEET_OBSERVERS = ("Observers", [
    Panel("Targets by state", "partial: some metrics are missing; refused: none could be had.", "short",
          (f"sum by (service, state) (philoscope_targets{{{NODE}}})", "{{service}} {{state}}"), stack=True),
    Panel("Drops by reason", "All observers.", "ops",
          (f"sum by (reason) (rate(philoscope_drops_total{{{NODE}}}[{RATE}]))", "{{reason}}")),
    Panel("Fullest maps", "Entries of each kernel map, as a share of its room.", "percentunit",
          (f"topk(10, max by (instance, map) (philoscope_map_entries{{{NODE}}} / philoscope_map_capacity{{{NODE}}}))",
           "{{instance}} {{map}}")),
    Panel("CPU of an observer", "Cores.", "short",
          (f"topk(10, rate(philoscope_process_cpu_seconds_total{{{NODE}}}[{RATE}]))", "{{instance}}")),
    Panel("Memory of an observer", "Resident; the kernel's maps come on top.", "bytes",
          (f"topk(10, philoscope_process_resident_memory_bytes{{{NODE}}})", "{{instance}}")),
    Panel("Series per observer", "Of targets, on one page.", "short",
          (f"topk(10, sum by (instance) (philoscope_series{{{NODE}}}))", "{{instance}}")),
    Panel("Scrape duration", "As Prometheus sees it, and the part of it that the page takes to make.", "s",
          (f"topk(10, scrape_duration_seconds{{{NODE}}} and on (instance, job) philoscope_build_info)", "{{instance}}"),
          (f"topk(10, philoscope_scrape_duration_seconds{{{NODE}}})", "{{instance}} page")),
    Panel("File descriptors of an observer", "Open, of those it may have.", "percentunit",
          (f"topk(10, philoscope_process_open_fds{{{NODE}}} / philoscope_process_max_fds{{{NODE}}})", "{{instance}}")),
    Panel("Attach duration, p95", "From the decision to the last probe.", "s",
          (f"histogram_quantile(0.95, sum by (le) (philoscope_attach_duration_seconds_bucket{{{NODE}}}))", "attach"),
          (f"histogram_quantile(0.95, sum by (le) (philoscope_target_analysis_duration_seconds_bucket{{{NODE}}}))", "analysis")),
    Panel("Versions", "What runs where.", "none",
          (f"count by (version, revision, libbpf_version) (philoscope_build_info{{{NODE}}})", ""), kind="table"),
])

DASHBOARDS = {
    "philotes": ("Philotes", [CDC_OVERVIEW, CDC, API, BUFFER, ICEBERG, PEERS, RUNTIME, TRUST], PHILOTES_VARIABLES),
    "philoscope-fleet": ("philoscope fleet", [FLEET_NOW, FLEET_PIPELINES, FLEET_OBSERVERS], FLEET_VARIABLES),
}


def dashboard(uid, title, rows, variables):
    return {"uid": uid, "title": title, "tags": ["philotes", "philoscope"], "schemaVersion": 39, "version": 1, "editable": True,
            "graphTooltip": 1, "refresh": "30s", "timezone": "", "time": {"from": "now-1h", "to": "now"}, "annotations": {"list": []},
            "links": [{"type": "dashboards", "tags": ["philoscope"], "title": "Philotes", "asDropdown": False, "includeVars": True,
                       "keepTime": True, "icon": "dashboard", "targetBlank": False, "tooltip": "", "url": ""}],
            "templating": {"list": variables}, "panels": lay_out(rows)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--out", type=Path, default=TOP / "dashboards")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for uid, (title, rows, variables) in DASHBOARDS.items():
        text = compact_json.dumps(dashboard(uid, title, rows, variables)) + "\n"
        (options.out / f"{uid}.json").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
