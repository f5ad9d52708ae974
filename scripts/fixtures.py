#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Build the programs that the tests look into and run: the stand-ins for worker and API server, the load generator and
the parser matrix.

What was built is kept under $PHILOSCOPE_CACHE/fixtures, named by a hash of the sources and of how it was built, so that
another clone only copies it. Needs what scripts/go-env exports.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections import namedtuple
from pathlib import Path

import counts

TOP = Path(__file__).resolve().parent.parent
STANDIN = TOP / "tests/fixtures/philotes"
LOAD = TOP / "tests/fixtures/load"
MATRIX = TOP / "tests/fixtures/build-matrix.sh"
MATRIX_SOURCES = (TOP / "tests/fixtures/bare", MATRIX)

STRIPPED = ("-ldflags=-s -w",)
Variant = namedtuple("Variant", "go flags environment")
# 1.25.5 is what real releases are built with.
VARIANTS = {
    "worker-1.23": Variant("1.23.12", STRIPPED, {}),
    "worker-1.24": Variant("1.24.13", STRIPPED, {}),
    "worker-1.25": Variant("1.25.5", STRIPPED, {}),
    "worker-1.26": Variant("1.26.8", STRIPPED, {}),
    "worker-1.27": Variant("1.27.3", STRIPPED, {}),
    "worker-1.25-pie": Variant("1.25.5", (*STRIPPED, "-buildmode=pie"), {}),
    # As Philotes was before it had metrics.
    "worker-1.25-old": Variant("1.25.5", (*STRIPPED, "-tags=nometrics"), {}),
    "worker-1.25-sym": Variant("1.25.5", (), {}),
    "worker-1.25-arm64": Variant("1.25.5", STRIPPED, {"GOARCH": "arm64"}),
    "api-1.23": Variant("1.23.12", STRIPPED, {}),
    "api-1.24": Variant("1.24.13", STRIPPED, {}),
    "api-1.25": Variant("1.25.5", STRIPPED, {}),
    "api-1.26": Variant("1.26.8", STRIPPED, {}),
    "api-1.27": Variant("1.27.3", STRIPPED, {}),
    "api-1.25-pie": Variant("1.25.5", (*STRIPPED, "-buildmode=pie"), {}),
    "api-1.25-old": Variant("1.25.5", (*STRIPPED, "-tags=nometrics"), {}),
    "api-1.25-sym": Variant("1.25.5", (), {}),
    "api-1.25-arm64": Variant("1.25.5", STRIPPED, {"GOARCH": "arm64"}),
    # Sends requests; nothing looks into it.
    "load": Variant("1.25.5", STRIPPED, {}),
}


def hash_of(paths, *texts):
    """What decides the result: contents and names of files, and how they are built."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(f"{file.relative_to(TOP)}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    digest.update(repr(texts).encode())
    return digest.hexdigest()[:20]


def cache_folder():
    folder = Path(os.environ.get("PHILOSCOPE_CACHE", "/var/cache/philoscope")) / "fixtures"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def sources(name):
    """Folder of the module, and the main package in it."""
    return (LOAD, ".") if name == "load" else (STANDIN, f"./cmd/philotes-{name.partition('-')[0]}")


def go_build(name, variant, output):
    folder, package = sources(name)
    command = [os.environ["GO"], "build", "-trimpath", "-buildvcs=false", *variant.flags, "-o", str(output), package]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOOS": "linux", "GOARCH": "amd64",
                   **variant.environment, "GOTOOLCHAIN": f"go{variant.go}", "GOFLAGS": ""}
    subprocess.run(command, cwd=folder, env=environment, check=True, stdin=subprocess.DEVNULL)


def go_test(*flags):
    """The stand-in's own tests: what it counts about itself is what it did. Go keeps the result of what did not change."""
    command = [os.environ["GO"], "test", "-timeout=300s", *flags, "./..."]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": ""}
    done = subprocess.run(command, cwd=STANDIN, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        print(done.stdout, flush=True)
    done.check_returncode()


def build_standin(name, variant):
    """The cached file of one variant; it appears there whole or not at all."""
    cached = cache_folder() / f"{name}-{hash_of([sources(name)[0]], variant)}"
    if not cached.exists():
        print(f"build {name}", flush=True)
        with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=".build-") as scratch:
            go_build(name, variant, Path(scratch) / "built")
            os.rename(Path(scratch) / "built", cached)
    return cached


def install(cached, target):
    """A copy, not a link: uprobes are set on inodes, and clones must not share one."""
    marker = target.with_name(f".{target.name}.from")
    if target.exists() and marker.exists() and marker.read_text(encoding="utf-8") == cached.name:
        return
    partial = target.with_name(f"{target.name}.part")
    shutil.copy2(cached, partial)
    os.replace(partial, target)
    marker.write_text(cached.name, encoding="utf-8")


def build_matrix(out):
    """The parser matrix is only read: a link to the cached folder does."""
    folder = cache_folder() / f"bare-{hash_of(MATRIX_SOURCES, os.environ.get('FULL', ''))}"
    if not (folder / ".complete").exists():
        folder.mkdir(exist_ok=True)
        subprocess.run(["sh", str(MATRIX), str(folder)], check=True, stdin=subprocess.DEVNULL)
        (folder / ".complete").touch()
    link = out / "bare"
    if not link.is_symlink() or os.readlink(link) != str(folder):
        link.unlink(missing_ok=True)
        link.symlink_to(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", action="append", help="only this variant of the stand-in, no matrix")
    parser.add_argument("--test", action="store_true", help="run the stand-in's own tests too")
    parser.add_argument("--count", action="store_true", help="end with a line of totals")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    total = counts.Counts()
    steps = [(name, lambda name=name: install(build_standin(name, VARIANTS[name]), options.out / name))
             for name in options.only or VARIANTS]
    if not options.only:
        steps.append(("bare", lambda: build_matrix(options.out)))
    if options.test:
        steps += [("go test", go_test), ("go test of the old shape", lambda: go_test("-tags=nometrics"))]
    for name, step in steps:
        try:
            step()
            total.passed += 1
        except (subprocess.CalledProcessError, OSError) as error:
            print(f"FAIL {name}: {error}", flush=True)
            total.failed += 1
    if options.count:
        print(total)
    return total.status()


if __name__ == "__main__":
    sys.exit(main())
