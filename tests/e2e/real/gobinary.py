# SPDX-License-Identifier: Apache-2.0
"""Which build a Go binary is, from the information its linker left in it.

Layout since Go 1.18: the magic below at a multiple of 16 bytes, a pointer size and flags byte (bit 1:
strings follow inline), then at offset 32 two strings with varint lengths: the Go version, and the
module information between two 16-byte sentinels.
"""

import os
import re
import subprocess

_MAGIC = b"\xff Go buildinf:"
_INLINE = 2


def _read_string(data, at):
    length = shift = 0
    while True:
        byte = data[at]
        at += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return data[at:at + length], at + length


def read_build_info(path):
    """{'go': version, 'path': main package, 'mod': module, 'settings': {...}}; {} if not Go."""
    with open(path, "rb") as file:
        data = file.read()
    for match in re.finditer(re.escape(_MAGIC), data):
        at = match.start()
        if at % 16 == 0 and data[at + 15] & _INLINE:
            version, after = _read_string(data, at + 32)
            modinfo, _ = _read_string(data, after)
            return _parse(version.decode(), modinfo[16:-16].decode(errors="replace"))
    return {}


def _parse(version, text):
    info = {"go": version, "path": "", "mod": "", "settings": {}}
    for line in text.splitlines():
        fields = line.split("\t")
        if fields[0] in ("path", "mod"):
            info[fields[0]] = fields[1]
        elif fields[0] == "build":
            name, _, value = fields[1].partition("=")
            info["settings"][name] = value.strip('"')
    return info


def _checkout_commit(checkout):
    # Only when the checkout itself is a repository, not a folder inside another one.
    if not os.path.exists(os.path.join(checkout, ".git")):
        return None
    run = subprocess.run(["git", "-C", checkout, "rev-parse", "--short", "HEAD"],
                         capture_output=True, text=True)
    return run.stdout.strip() if run.returncode == 0 else None


def commit_of(path, info, checkout):
    """(commit, where that is known from); what the build says goes before names."""
    revision = info.get("settings", {}).get("vcs.revision")
    if revision:
        return revision[:12], "build info"
    named = re.search(r"[-_.]([0-9a-f]{7,40})(?![0-9a-f])", os.path.basename(path))
    if named:
        return named.group(1), "file name"
    commit = _checkout_commit(checkout)
    return (commit, "checkout") if commit else ("unknown", "nothing")
