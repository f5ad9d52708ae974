#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hold the order of the stages: who may include whom.

A stage of user/ includes the leaves, itself, and stages to its left; leaves include leaves to their left; the files on top
of user/ (app, main and what is theirs) include everything. bpf/ sees only include/ and vmlinux/, include/ only itself.
"""

import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "scripts"))
import counts  # noqa: E402

# The order data takes.
LAYERS = ("util", "kernel", "target", "binary", "plan", "sample", "probe", "snapshot", "metric", "board", "http")
# Skeletons are the loader's; nobody else holds a BPF object.
SKELETON_LAYERS = ("probe",)
# Stands in for the kernel where bodies of BPF programs are compiled for the host's tests.
HOST_MOCKS = "host.h"
_INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')


def includes(path):
    """(line number, is it local, what) of each #include."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = _INCLUDE.match(line)
        if match:
            yield number, match.group(1) == '"', match.group(2)


def layer_of(path):
    """The layer a path inside user/ is in; None for the files on top."""
    return path.parts[0] if len(path.parts) > 1 else None


def check_user(top, path, included):
    """What is wrong with one local include of a file of user/."""
    mine = layer_of(path.relative_to(top / "user"))
    if mine is None:
        return None
    if included.endswith(".skel.h"):
        return None if mine in SKELETON_LAYERS else "only probe/ includes skeletons"
    theirs = layer_of(Path(included))
    if theirs is None:
        if (top / "include" / included).exists() or (path.parent / included).exists():
            return None
        return f"{included} is on top of all stages" if (top / "user" / included).exists() else \
            "no such file in include/, nor beside it"
    if theirs not in LAYERS:
        return f"{theirs}/ is no stage of user/"
    if LAYERS.index(theirs) > LAYERS.index(mine):
        return f"{theirs}/ is to the right of {mine}/"
    return None


def check_kernel_side(top, path, included):
    """What is wrong with one include of a file of bpf/, include/ or vmlinux/."""
    folders = {"bpf": ("bpf", "include", "vmlinux"), "include": ("include", "vmlinux"),
               "vmlinux": ("vmlinux",)}[path.relative_to(top).parts[0]]
    if included == HOST_MOCKS or any((top / folder / included).exists() for folder in folders):
        return None
    return f"not in {', '.join(folders)}"


def problems(top):
    """One line of text per violation."""
    for path in sorted((top / "user").rglob("*.[ch]")):
        inside = path.relative_to(top / "user")
        layer = layer_of(inside)
        if layer is not None and layer not in LAYERS:
            yield f"{path.relative_to(top)}: {layer}/ is no stage"
            continue
        for number, local, included in includes(path):
            text = check_user(top, path, included) if local else None
            if text:
                yield f"{path.relative_to(top)}:{number}: includes {included}: {text}"
    for folder in ("bpf", "include", "vmlinux"):
        for path in sorted((top / folder).rglob("*.[ch]")):
            for number, local, included in includes(path):
                text = check_kernel_side(top, path, included) if local else None
                if text:
                    yield f"{path.relative_to(top)}:{number}: includes {included}: {text}"


def main():
    found = list(problems(TOP))
    for text in found:
        print(text)
    print(counts.Counts(passed=int(not found), failed=len(found)))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
