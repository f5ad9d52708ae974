# SPDX-License-Identifier: Apache-2.0
"""Every query of dashboards, rules and ScaledObjects, by a real Prometheus that has scraped philoscope under load."""
import json
import re
import subprocess
from collections import Counter

import yaml

import families
import measure_scaling
import panel_load
from programs import ROOT
from document import read_block  # found by way of measure_scaling
from queried import RULES, has_data, rate_by_hand

DASHBOARDS = sorted((ROOT / "dashboards").glob("*.json"))
# What Grafana puts in the place of its variables; all of each.
VARIABLES = {"__rate_interval": "5s", "__range": "30s", "namespace": ".*", "service": "(worker|api)", "pod": ".*", "source": ".*",
             "table": ".*", "instance": ".*", "datasource": "prometheus"}
# How far a panel looks back here.
SHOWN_S = 8
# The three that users of Philotes have.
CONTRACT = {"max(philotes_cdc_lag_seconds)", "max(philotes_buffer_depth)",
            "sum(rate(philotes_buffer_events_processed_total[5m]))"}


def boards():
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in DASHBOARDS}


def panels(board):
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries():
    """(where it is, expression, whether over time) of every target of every panel."""
    for name, board in boards().items():
        for panel in panels(board):
            for target in panel["targets"]:
                yield f"{name}: {panel['title']} {target['refId']}", target["expr"], target["range"]


def filled_in(expression):
    found = re.sub(r"\$(\w+)", lambda match: VARIABLES[match[1]], expression)
    assert "$" not in found, expression
    return found


def rules():
    return [rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]


def triggers():
    """(file, trigger) of every ScaledObject."""
    for path in sorted((ROOT / "deploy/keda").glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            for trigger in document["spec"]["triggers"]:
                yield path.name, trigger


def needed(expression):
    """An expression with what is recorded written out."""
    recorded = {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}
    return re.sub(r"\w+:\w+:\w+", lambda match: recorded[match[0]], expression)


# ---- names ----

def case_every_name_is_in_the_table_of_metrics(_):
    everywhere = [*((where, expression) for where, expression, _ in queries()), *((str(rule), rule["expr"]) for rule in rules()),
                  *((name, trigger["metadata"]["query"]) for name, trigger in triggers()),
                  *((name, variable.get("definition", "")) for name, board in boards().items()
                    for variable in board["templating"]["list"])]
    unknown = {name: where for where, expression in everywhere for name in families.names(expression) if not families.of(name)}
    assert not unknown, unknown


def case_recorded_names_are_recorded(_):
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert all(re.fullmatch(r"[a-z_]+:[a-z0-9_]+:[a-z0-9_]+", name) for name in recorded), recorded
    used = {name for _, expression, _ in queries() for name in re.findall(r"\w+:\w+:\w+", expression)}
    used |= {name for rule in rules() for name in re.findall(r"\w+:\w+:\w+", rule["expr"])}
    assert used <= recorded, used - recorded


# ---- dashboards ----

def case_dashboards_are_what_grafana_takes(_):
    """Ids, places, units, descriptions and variables; what Grafana itself says is not known here."""
    for name, board in boards().items():
        ids = Counter(panel["id"] for panel in board["panels"])
        assert max(ids.values()) == 1, f"{name}: {ids}"
        cells = Counter((x, y) for panel in board["panels"] for g in [panel["gridPos"]]
                        for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"]))
        assert max(cells.values()) == 1 and max(x for x, _ in cells) < 24, f"{name}: panels overlap"
        for panel in panels(board):
            assert panel["title"] and panel["description"] and panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            assert panel["datasource"]["uid"] == "${datasource}" and panel["targets"], panel["title"]
        known = {variable["name"] for variable in board["templating"]["list"]}
        used = set(re.findall(r"\$\{?(\w+)", json.dumps(board))) - {"__rate_interval", "__range", "__all", "1"}
        assert used == known, f"{name}: {used ^ known}"
        for panel in panels(board):
            for target in panel["targets"]:
                assert "rate(" not in target["expr"] or "$__rate_interval" in target["expr"], target["expr"]


def everything_shown():
    """(where it is, expression, whether over time) of every panel and every recording rule."""
    yield from queries()
    yield from ((rule["record"], rule["record"], False) for rule in rules() if "record" in rule)


def has_data_of(family):
    """Every query has data."""
    mine = [query for query in everything_shown() if families.owner(needed(query[1])) == family]
    assert mine, f"nobody asks for {family}"
    world, dead = panel_load.load(), []
    for where, expression, is_range in mine:
        query = filled_in(expression)
        rows = world.prometheus.over_time(query, world.at, SHOWN_S) if is_range else world.prometheus.instant(query, world.at)
        if not has_data(rows):
            dead.append(f"{where}: {query}")
    assert not dead, f"{len(dead)} of {len(mine)} without data:\n" + "\n".join(dead)
    print(f"    {len(mine)} queries")


# A case for each family, so that each counts by itself.
for one in families.ALL:
    globals()[f"case_every_query_has_data_{one}"] = lambda _, family=one: has_data_of(family)


def case_every_variable_has_values(_):
    """label_values(metric{...}, label) is what Grafana asks the API for series about."""
    world = panel_load.load()
    of_containers = {"namespace", "pod"}  # the workers of this test run on the host
    for name, board in boards().items():
        for variable in board["templating"]["list"]:
            if variable["type"] != "query":
                continue
            matcher, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
            found = world.prometheus.api("series", **{"match[]": filled_in(matcher)})
            assert found, f"{name}: {variable['name']}"
            assert label in of_containers or {row.get(label) for row in found} - {None}, f"{name}: no {label}"


# ---- rules ----

def case_every_rule_is_evaluated(_):
    """All of them, without an error."""
    found = [rule for group in panel_load.load().prometheus.api("rules")["groups"] for rule in group["rules"]]
    assert {rule["name"] for rule in found} == {rule.get("record") or rule["alert"] for rule in rules()}
    assert all(rule["health"] == "ok" for rule in found), [rule for rule in found if rule["health"] != "ok"]


def case_every_alert_is_explained(_):
    """Duration, severity, summary, description, and its section in the runbook; no section without an alert."""
    sections = set(re.findall(r"^## (\w+)", (ROOT / "docs/runbook.md").read_text(encoding="utf-8"), re.M))
    alerts = {rule["alert"]: rule for rule in rules() if "alert" in rule}
    assert sections == set(alerts), sections ^ set(alerts)
    for name, rule in alerts.items():
        assert rule["for"] and rule["labels"]["severity"] in ("warning", "critical"), name
        assert rule["annotations"]["summary"] and rule["annotations"]["description"], name
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{name.lower()}", name


def case_rules_fire_and_are_silent(_):
    """promtool's own tests; each alert has one case that fires and one that does not."""
    tests = sorted((ROOT / "tests/rules").glob("*.test.yml"))
    done = subprocess.run(["promtool", "test", "rules", *map(str, tests)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    cases = [case for path in tests for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
             for case in test.get("alert_rule_test", [])]
    alerts = {rule["alert"] for rule in rules() if "alert" in rule}
    for kind, found in (("fires", {case["alertname"] for case in cases if case["exp_alerts"]}),
                        ("is silent", {case["alertname"] for case in cases if not case["exp_alerts"]})):
        assert found == alerts, f"no case in which it {kind}: {alerts - found}"


# ---- many nodes ----

def cells_of(table):
    """Of the rows below the head."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in list(table)[2:]]


def case_what_is_said_of_many_nodes_is_what_one_gives_multiplied(_):
    """The document's own rows, and the rules as they are; but for bytes, which are rounded there."""
    node = cells_of(read_block(measure_scaling.DOCUMENT, "measured"))[-1]
    assert node[:2] == [str(measure_scaling.PODS), str(measure_scaling.TABLES)]
    expected = measure_scaling.multiplied_table({"series": int(node[2]), "own": int(node[3]), "gzip": 1000 * int(node[5])})
    for found, wanted in zip(cells_of(read_block(measure_scaling.DOCUMENT, "multiplied")), cells_of(expected), strict=True):
        assert found[:3] + found[4:] == wanted[:3] + wanted[4:], f"{found}, not {wanted}"
        assert abs(int(found[3].split()[0].replace(",", "")) / int(wanted[3].split()[0].replace(",", "")) - 1) < 0.05, found


def case_the_global_view_has_all_that_is_recorded(_):
    """Federation and remote write as the document has them."""
    text = measure_scaling.DOCUMENT.read_text(encoding="utf-8")
    federated = re.findall(r'__name__=~"([^"]+)"', text)
    [written] = re.findall(r'source_labels: \[__name__\], regex: "([^"]+)", action: keep', text)
    for pattern in ("|".join(federated), written):
        for name in [*measure_scaling.records(), "ALERTS", "philoscope_audit_drift"]:
            assert re.fullmatch(pattern, name), f"{name} is not taken by {pattern}"


# ---- autoscaling ----

def case_scaled_objects_ask_the_three_queries(_):
    assert {trigger["metadata"]["query"] for _, trigger in triggers()} == CONTRACT
    for name, trigger in triggers():
        assert trigger["type"] == "prometheus" and float(trigger["metadata"]["threshold"]) > 0, name
        assert all(isinstance(value, str) for value in trigger["metadata"].values()), name


def answer(world, query):
    [(_, value)] = world.prometheus.instant(query, world.at)
    return value


def case_scaled_objects_see_the_lag(_):
    """Of the table with the oldest events. Both sides take the time for themselves."""
    world = panel_load.load()
    expected = max(world.oracle.select("philotes_cdc_lag_seconds").values())
    assert abs(answer(world, "max(philotes_cdc_lag_seconds)") - expected) < 0.05


def case_scaled_objects_see_the_depth(_):
    world = panel_load.load()
    expected = max(world.oracle.select("philotes_buffer_depth").values())
    assert answer(world, "max(philotes_buffer_depth)") == expected


def case_scaled_objects_see_the_throughput(_):
    """The rate is what its definition gives for the samples that were scraped, and the last of these are the oracle's."""
    world = panel_load.load()
    name = "philotes_buffer_events_processed_total"
    rows = world.prometheus.series(f"{name}[5m]", world.at)
    oracle = {dict(labels)["source"]: value for labels, value in world.oracle.select(name).items()}
    assert {labels["source"]: samples[-1][1] for labels, samples in rows} == oracle and oracle
    expected = sum(rate_by_hand(samples, world.at, 300) for _, samples in rows)
    assert expected > 0 and abs(answer(world, f"sum(rate({name}[5m]))") / expected - 1) < 1e-6
