# SPDX-License-Identifier: Apache-2.0
"""Collects what was expected and seen, prints it as it comes, and writes the document."""

import platform

_INTRO = """\
<!-- Written by `make e2e`; changes by hand are lost with the next run. -->
# Seen on real Philotes

Philoscope is tested against a stand-in that follows its contract, and judged by the real thing: this
page is the record of the last `make e2e` run. Unmodified worker binaries replicate from a private
PostgreSQL into its buffer table while philoscope counts from outside; expected values are the row
changes that were executed (command tags and arithmetic) and what PostgreSQL holds afterwards, never
something that philoscope or the worker counted; bytes of connections are those that relays before
PostgreSQL and the stand-ins of object store and catalog counted. API servers are sent requests whose
fate the test writes down; where they have metrics of their own, these are the second oracle.

```sh
make e2e PHILOTES_SRC=CHECKOUT PHILOTES_WORKER=BINARY[,BINARY]... [PHILOTES_API=BINARY,...] [ARGS="--label NAME ..."]
make e2e PHILOTES_SRC=CHECKOUT PHILOTES_WORKER=BINARY ARGS="--case sockets"    # one case, which leaves this page alone
```
"""


def _shown(value):
    return f"{value:.6f}" if isinstance(value, float) and not value.is_integer() else str(value)


class Check:
    def __init__(self, case, metric, labels, expected, seen, verdict):
        self.case, self.metric, self.labels = case, metric, labels
        self.expected, self.seen, self.verdict = expected, seen, verdict


class Section:
    """All about one binary. Every check is one passed, failed or skipped test."""

    def __init__(self, title, info, commit, size_bytes):
        self.title, self.info, self.commit, self.size_bytes = title, info, commit, size_bytes
        self.checks = []
        self.sites = []
        self.sites_note = "not inspected"
        self.probe_info = []

    def _add(self, verdict, case, metric, expected, seen, labels):
        expected, seen = _shown(expected), _shown(seen)
        self.checks.append(Check(case, metric, labels, expected, seen, verdict))
        line = ": ".join(filter(None, (self.title, case, f"{metric} {labels}".strip())))
        if verdict == "FAIL":
            line += f": expected {expected}, seen {seen}"
        elif verdict == "skip":
            line += f": {seen}"
        print(f"{verdict:4} {line}", flush=True)

    def check(self, ok, case, metric, expected, seen, labels=""):
        self._add("ok" if ok else "FAIL", case, metric, expected, seen, labels)

    def equal(self, case, metric, expected, seen, labels=""):
        self.check(expected == seen, case, metric, expected, seen, labels)

    def skip(self, case, reason):
        self._add("skip", case, "", "", reason, "")

    def fail(self, case, reason):
        self._add("FAIL", case, "", "the case to run to its end", reason, "")

    def count(self, verdict):
        return sum(check.verdict == verdict for check in self.checks)


def _cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


def _table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _binaries(sections):
    rows = []
    for section in sections:
        settings = section.info.get("settings", {})
        commit, known_from = section.commit
        rows.append((section.title, f"{commit} ({known_from})", section.info.get("go", "?"),
                     settings.get("-buildmode", "?"), settings.get("-ldflags", ""),
                     f"{section.size_bytes / 1e6:.1f} MB",
                     *(section.count(verdict) for verdict in ("ok", "FAIL", "skip"))))
    return _table(("binary", "commit (known from)", "Go", "build mode", "ldflags", "size",
                   "passed", "failed", "skipped"), rows)


def _by_metric(sections):
    """Passed of all checks per metric and binary."""
    metrics = list(dict.fromkeys(c.metric for s in sections for c in s.checks if c.metric))
    rows = []
    for metric in metrics:
        row = [f"`{metric}`"]
        for section in sections:
            verdicts = [c.verdict for c in section.checks if c.metric == metric]
            row.append(f"{verdicts.count('ok')} of {len(verdicts)}" if verdicts else "")
        rows.append(row)
    return _table(["compared"] + [section.title for section in sections], rows)


def _checks(section):
    """What went otherwise in the open, all of it folded."""
    rows = [(c.case, f"`{c.metric}`" if c.metric else "", c.labels, c.expected, c.seen, c.verdict)
            for c in section.checks]
    head = ("case", "compared", "labels", "expected", "seen", "")
    parts = []
    if any(row[-1] != "ok" for row in rows):
        parts.append(_table(head, [row for row in rows if row[-1] != "ok"]))
    parts.append(f"<details><summary>All {len(rows)} comparisons: expected and seen</summary>\n")
    parts.append(_table(head, rows))
    parts.append("</details>\n")
    return parts


def _section(section):
    parts = [f"## {section.title}\n", *_checks(section), "### Probe sites found\n"]
    if section.sites:
        head = list(section.sites[0])
        parts.append(_table(head, [[site.get(key, "") for key in head] for site in section.sites]))
    else:
        parts.append(section.sites_note + "\n")
    if section.probe_info:
        parts.append("### What is produced, and why not\n")
        parts.append(_table(("family", "metric", "state", "reason"), section.probe_info))
    return "\n".join(parts)


def render(sections, facts):
    """The whole document; `facts` are (name, value) pairs of the surroundings."""
    facts = list(facts) + [("kernel", ".".join(platform.release().split(".")[:2])),
                           ("architecture", platform.machine())]
    lines = "".join(f"- {name}: {value}\n" for name, value in facts)
    return "\n".join([_INTRO, lines, _binaries(sections), _by_metric(sections),
                      *map(_section, sections)])


def summary(sections):
    return ", ".join(f"{sum(section.count(verdict) for section in sections)} {word}" for verdict, word
                     in (("ok", "passed"), ("FAIL", "failed"), ("skip", "skipped")))
