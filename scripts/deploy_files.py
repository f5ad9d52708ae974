#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write what is made from something else: dashboards, plain manifests out of the chart, and what the chart gives for each values
file of the tests. `make deploy-files`; a test compares."""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
CHART = Path("deploy/helm/philoscope")
RULES = Path("deploy/rules/philoscope.rules.yml")
GOLDEN = Path("tests/deploy/golden")
KUBERNETES = Path("deploy/kubernetes")
NAMESPACE = "philoscope"
# Of the release that the manifests are checked against.
KUBE_VERSION = "1.36.3"

HEAD = "# SPDX-License-Identifier: Apache-2.0\n# Made from deploy/helm/philoscope by `make deploy-files`; edits here are lost.\n"
NAMESPACE_OBJECT = f"""---
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    # hostPID and host folders.
    pod-security.kubernetes.io/enforce: privileged
"""
# File: which values, and which kinds are taken of what they give.
MANIFESTS = {
    "philoscope.yaml": ([], None),
    "unprivileged.yaml": (["privileged=false"], None),
    "monitoring.yaml": (["podMonitor.enabled=true", "prometheusRule.enabled=true"], {"PodMonitor", "PrometheusRule"}),
}


def template(chart, *arguments):
    """What helm makes of the chart."""
    return subprocess.run(["helm", "template", "philoscope", str(chart), "--namespace", NAMESPACE, "--kube-version", KUBE_VERSION,
                           *arguments], check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout


def plain(text):
    """Nothing in it says that helm manages it."""
    return re.sub(r"^ *(helm\.sh/chart|app\.kubernetes\.io/managed-by): .*\n", "", text, flags=re.M)


def documents(text):
    for document in re.split(r"^---\n", text, flags=re.M):
        document = re.sub(r"^# (Source|SPDX).*\n", "", document, flags=re.M).strip("\n")
        if document:
            yield document + "\n"


def kind_of(document):
    return re.search(r"^kind: (\w+)", document, re.M)[1]


def write_manifests(out, chart):
    for name, (settings, kinds) in MANIFESTS.items():
        text = plain(template(chart, *(part for setting in settings for part in ("--set", setting))))
        found = [document for document in documents(text) if kinds is None or kind_of(document) in kinds]
        first = NAMESPACE_OBJECT if kinds is None else ""
        (out / KUBERNETES / name).write_text(HEAD + first + "".join(f"---\n{document}" for document in found), encoding="utf-8")


def shortened(text):
    """Without dashboards and rules themselves: they are files already."""
    text = re.sub(r"^(  (\S+\.json): \|-\n)(    .*\n)+", r"\1    (dashboards/\2)\n", text, flags=re.M)
    return re.sub(r"^(  groups:\n)(  .*\n|\n)+", rf"\1  # ({RULES})\n", text, flags=re.M)


def write_golden(out, chart):
    """Of default.values.yaml everything, of the others what differs."""
    found = {path.name.replace(".values.yaml", ".yaml"): list(documents(shortened(template(chart, "--values", str(path)))))
             for path in sorted((TOP / GOLDEN).glob("*.values.yaml"))}
    default = found["default.yaml"]
    for name, objects in found.items():
        same = [one for one in objects if one in default and name != "default.yaml"]
        text = f"# As in default.yaml: {', '.join(map(kind_of, same)) or 'nothing'}.\n" if name != "default.yaml" else ""
        text += "".join(f"---\n{one}" for one in objects if one not in same)
        (out / GOLDEN / name).write_text("# SPDX-License-Identifier: Apache-2.0\n" + text, encoding="utf-8")


def generate(out):
    """All of it below out; what the chart is made of comes from there, too."""
    for folder in (KUBERNETES, GOLDEN, RULES.parent, Path("dashboards")):
        (out / folder).mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, str(TOP / "scripts/dashboards.py"), "--out", str(out / "dashboards")], check=True)
    if out != TOP:
        # Its files/ are links to dashboards and rules.
        shutil.copytree(TOP / CHART, out / CHART, symlinks=True, dirs_exist_ok=True)
        shutil.copyfile(TOP / RULES, out / RULES)
    write_manifests(out, out / CHART)
    write_golden(out, out / CHART)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--out", type=Path, default=TOP)
    generate(parser.parse_args().out.resolve())
    return 0


if __name__ == "__main__":
    sys.exit(main())
