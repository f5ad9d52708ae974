# SPDX-License-Identifier: Apache-2.0
"""The families of metrics: which names philoscope's own table gives to each."""
import functools
import re
import subprocess

from programs import PHILOSCOPE

# Not a family that can be switched off.
OWN = "philoscope"
ALL = ("cdc", "buffer", "iceberg", "api", "socket", "runtime", "process", OWN)
PARTS = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}


@functools.cache
def table():
    """{every name that may be asked for: its family}"""
    text = subprocess.run([PHILOSCOPE, "docs", "metrics"], capture_output=True, text=True, check=True).stdout
    found = {}
    for name, kind, rest in re.findall(r"^\| `(\w+)` \| (\w+) \|(.*)$", text, re.M):
        family = OWN if name.startswith(f"{OWN}_") else rest.split("|")[2].strip(" `")
        found.update({name + part: family for part in PARTS.get(kind, ("",))})
    assert set(found.values()) <= set(ALL), set(found.values())
    return found


def names(expression):
    """Metrics of philoscope and its targets in it, without recorded series."""
    bare = re.sub(r"\w+:[\w:]+", "", expression)
    return sorted(set(re.findall(r"\b(?:philotes|philoscope|go|process)_\w+", bare)))


def of(name):
    """The family of a metric; None for a name that there is not."""
    return table().get(name)


def owner(expression):
    """The family whose case has this query."""
    return of(names(expression)[0])
