#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measure what one node gives Prometheus to do, and what its observer needs; write docs/scaling.md's tables (make scaling).

Workers with so many tables each are counted by one observer; from two sizes of each kind what one more pod or table adds is
taken. Nodes, and what Prometheus holds for them, are then multiplied."""

import gzip
import re
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "scripts"), str(HERE.parent / "e2e/standin"), str(HERE)]
sys.dont_write_bytecode = True

from document import write_block  # noqa: E402
from exposition import Samples  # noqa: E402
from hostview import cpu_s, resident_kib  # noqa: E402
from programs import ROOT, Observer, Worker  # noqa: E402

DOCUMENT = ROOT / "docs/scaling.md"
RULES = ROOT / "deploy/rules/philoscope.rules.yml"
SCRAPES = 30
INTERVAL_S = 15
NODES = (10, 100, 1000)
# A node that is reckoned with: so many worker pods of one source, so many tables each.
PODS, TABLES = 4, 25
# In the whole cluster.
SOURCES = 10
# Bytes that Prometheus needs in memory for a series, with its index; its own documentation and field reports say 3 to 4 KiB.
SERIES_BYTES = 4096


AS_PROMETHEUS = {"Accept": "application/openmetrics-text;version=1.0.0", "Accept-Encoding": "gzip"}


def order(tables):
    names = [f"public.table_{number}" for number in range(tables)]
    return {"sources": ["postgres-shop"], "tables": names, "operations": ["INSERT", "UPDATE", "DELETE"], "events": 5,
            "checkpoint": {"ms": 20}, "lag_ms": [20], "end": "hold",
            "batches": {"processors": ["postgres-shop"], "script": [{"rows": [5] * tables}], "repeat": 2}}


def page(port):
    """(bytes, seconds it took), asked for as Prometheus does."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers=AS_PROMETHEUS)
    begun = time.monotonic()
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read(), time.monotonic() - begun


def map_bytes(pid):
    """What the kernel keeps for the maps that the observer has open, each once."""
    found = {}
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        text = info.read_text(encoding="utf-8")
        number, size = re.search(r"^map_id:\s*(\d+)", text, re.M), re.search(r"^memlock:\s*(\d+)", text, re.M)
        if number and size:
            found[number[1]] = int(size[1])
    return sum(found.values())


def series_of(text, pids):
    """Samples about these processes, how many of them say since when something is counted, and those about the observer itself."""
    rows = Samples(text.decode()).values
    mine = [name for name, pairs in rows if dict(pairs).get("pid") in pids]
    own = [name for name, pairs in rows if name.startswith("philoscope_") and "pid" not in dict(pairs)]
    return len(mine), sum(name.endswith("_created") for name in mine), len(own)


def measure(pods, tables):
    with ExitStack() as stack:
        observer = stack.enter_context(Observer())
        workers = [stack.enter_context(Worker()) for _ in range(pods)]
        for worker in workers:
            observer.sees(worker.pid)
            worker.start(**order(tables))
        for worker in workers:
            worker.get("/wait?phase=drained")
        packed, _ = page(observer.port)
        text = gzip.decompress(packed)
        before = cpu_s(observer.pid)
        seconds = sorted(page(observer.port)[1] for _ in range(SCRAPES))
        mine, created, own = series_of(text, {str(worker.pid) for worker in workers})
        return {"pods": pods, "tables": tables, "series": mine, "created": created, "own": own, "bytes": len(text), "gzip": len(packed),
                "milliseconds": seconds[SCRAPES // 2] * 1000, "cpu": (cpu_s(observer.pid) - before) / SCRAPES * 1000,
                "resident": resident_kib(observer.pid) * 1024, "maps": map_bytes(observer.pid)}


def measured_table(rows):
    yield "| worker pods | tables of each | series of targets | own series | page, kB | gzip, kB | scrape, ms | CPU of a scrape, ms |"\
          " resident, MB | kernel maps, MB |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        yield (f"| {row['pods']} | {row['tables']} | {row['series']} | {row['own']} | {row['bytes'] / 1e3:.0f} | {row['gzip'] / 1e3:.0f} | "
               f"{row['milliseconds']:.1f} | {row['cpu']:.1f} | {row['resident'] / 1e6:.0f} | {row['maps'] / 1e6:.0f} |")


def parts(rows):
    """What one more table and one more pod add, and what is there without any."""
    few, many, pods = rows[0], rows[1], rows[2]
    table = (many["series"] - few["series"]) / (many["tables"] - few["tables"])
    pod = (pods["series"] - few["series"]) / (pods["pods"] - few["pods"]) - table * few["tables"]
    return table, pod, few["own"]


def records():
    """Names of what is recorded."""
    return re.findall(r"^ *- record: (\S+)$", RULES.read_text(encoding="utf-8"), re.M)


def cluster_view():
    """Recorded series: (whatever the number of nodes, for each node)."""
    states, services, namespaces = 4, 2, 1
    sizes = {"namespace": namespaces, "namespace_source": SOURCES, "namespace_source_table": SOURCES * TABLES,
             "namespace_service": namespaces * services, "service_state": services * states, "reason": drop_reasons()}
    levels = [name.split(":")[0] for name in records()]
    return sum(sizes[level] for level in levels if level != "instance"), levels.count("instance")


def drop_reasons():
    text = (ROOT / "include/ps_reasons.h").read_text(encoding="utf-8")
    return len(re.findall(r"^\tX\(\w+, \"", text, re.M))


def multiplied_table(node):
    yield "| nodes | series | samples per second | scrape bytes per second (gzip) | memory of Prometheus, about | recorded series |"
    yield "|---|---|---|---|---|---|"
    fixed, each = cluster_view()
    per_node = node["series"] + node["own"]
    for nodes in NODES:
        series = nodes * per_node
        yield (f"| {nodes:,} | {series:,} | {series / INTERVAL_S:,.0f} | {nodes * node['gzip'] / INTERVAL_S / 1e3:,.0f} kB | "
               f"{series * SERIES_BYTES / 1e9:,.1f} GB | {fixed + each * nodes:,} |")


def main():
    rows = [measure(1, 10), measure(1, 60), measure(5, 10)]
    node = measure(PODS, TABLES)
    table, pod, own = parts(rows)
    write_block(DOCUMENT, "measured", measured_table([*rows, node]))
    write_block(DOCUMENT, "parts", [
        f"A worker pod has {pod:.0f} series and {table:.0f} for each of its tables (three operations); an observer has {own} of its own.",
        f"{node['created'] / node['series'] * 100:.0f} % of the former are `_created`: see below."])
    write_block(DOCUMENT, "multiplied", multiplied_table(node))
    revision = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True, check=True)
    print("\n".join([f"at {revision.stdout.strip()}", *measured_table([*rows, node])]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
