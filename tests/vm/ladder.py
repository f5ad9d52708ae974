# SPDX-License-Identifier: Apache-2.0
"""What the guests found, side by side: docs/kernels.md and the README's table, and what programs cost the verifier against what they cost before."""

import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "scripts"))

from document import write_block  # noqa: E402

BASELINE = HERE / "verifier.json"
DOCUMENT = HERE.parents[1] / "docs/kernels.md"
README = HERE.parents[1] / "README.md"
MARKER = "kernels: made by `make vmtest`"
PREFIX = "verifier."
REFUSED = "refused"
# Kernels differ from one build to the next, and so does what their verifier has to follow.
TOLERANCE, SLACK = 1.25, 500

HEAD = """<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Made by `make vmtest`; edits here are lost. -->
# Kernels

What `make vmtest` saw when it last ran on all of them: stock Debian cloud kernels in QEMU, x86-64, cgroup v2, the released kinds of
load, everything compared with what the stand-in worker and the peers of its connections counted themselves, and what the worker says
of its own runtime and process. What a kernel can't do is refused, with its reason.
"""


def costs(report):
    """{program: instructions, or None where the kernel refuses it}."""
    return {name[len(PREFIX):]: None if text == REFUSED else int(text)
            for name, text in report.facts.items() if name.startswith(PREFIX)}


def _difference(program, before, now):
    if before == now:
        return None
    if now is None:
        return f"{program} is refused, was {before}"
    if before is None:
        return None  # more than before
    return f"{program} {now}, was {before}" if now > before * TOLERANCE + SLACK else None


def compare(kernel, report):
    """(pass or fail, detail) of one kernel's programs; None when they were not measured."""
    now = costs(report)
    if not now:
        return None
    before = json.loads(BASELINE.read_text(encoding="utf-8")).get(kernel, {}) if BASELINE.exists() else {}
    unknown = sorted(set(now) - set(before))
    if unknown:
        return "fail", f"no baseline for {', '.join(unknown)}: look at them, then run with --accept"
    found = [text for program in now if (text := _difference(program, before[program], now[program]))]
    if found:
        return "fail", "; ".join(found)
    return "pass", f"{len(now)} programs cost what they did, the most {max(n or 0 for n in now.values())} instructions"


def accept(reports):
    """What they cost now is the baseline."""
    baseline = json.loads(BASELINE.read_text(encoding="utf-8")) if BASELINE.exists() else {}
    baseline.update({kernel: costs(report) for kernel, report in reports.items() if costs(report)})
    BASELINE.write_text(json.dumps(baseline, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _cell(result):
    if result is None:
        return "–"
    kind, detail = result
    detail = re.sub(r" \(\d+ s\)$", "", detail)
    return detail if kind == "pass" else f"{'FAILED' if kind == 'fail' else 'no'}: {detail}"


def _table(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


# Row of the document, check of the guest. The README has the families.
FAMILIES = (("family `cdc`", "family-cdc"), ("family `buffer`", "family-buffer"), ("family `iceberg`", "family-iceberg"),
            ("family `api`", "family-api"), ("family `runtime`", "family-runtime"), ("family `process`", "family-process"),
            ("family `socket`, fentry", "sockets-fentry"), ("family `socket`, tracepoints", "sockets-tracepoint"),
            ("family `socket`, kprobes", "sockets-kprobe"))
ROWS = (("uprobes", "attach"), ("events", "count-1000"), ("two workers on one CPU", "labels-one-cpu"), *FAMILIES,
        ("what a byte sent and received costs more", "socket-cost"),
        ("the observer is killed and comes back", "state"), ("the kernel's log", "kernel-log"))


def _counted(reports, rows):
    """Kernels side by side."""
    return _table(["", *(report.facts.get("kernel", "?").split(",")[0] for report in reports.values())],
                  [[title, *(_cell(report.results.get(check)) for report in reports.values())] for title, check in rows])


def render(reports):
    lines = [HEAD, "## What was counted", "", *_counted(reports, ROWS)]
    programs = sorted({program for report in reports.values() for program in costs(report)})
    lines += ["", "## What programs cost the verifier", "",
              "Instructions that it followed; the limit is 1,000,000. `tests/vm/verifier.json` is what they are compared with.", ""]
    lines += _table(["program", *reports],
                    [[f"`{program}`", *(_count(costs(report).get(program, "–")) for report in reports.values())]
                     for program in programs])
    return "\n".join(lines) + "\n"


def _count(number):
    return REFUSED if number is None else f"{number:,}" if isinstance(number, int) else number


def write(reports):
    DOCUMENT.write_text(render(reports), encoding="utf-8")
    write_block(README, MARKER, _counted(reports, FAMILIES))
