# SPDX-License-Identifier: Apache-2.0
"""A bpffs of one's own, what is pinned there, and the kernel's BPF objects: read by bpf(2), without the program under test."""
import contextlib
import ctypes
import os
import pathlib
import re
import struct
import subprocess

import hostview
from programs import Skip

# bpf(2): commands, map types
MAP_LOOKUP, MAP_UPDATE, MAP_NEXT_KEY, OBJ_GET, INFO_BY_FD = 1, 2, 4, 7, 15
NEXT_ID = {"prog": 11, "map": 12, "link": 31}
HASH, ARRAY, PROG_ARRAY = 1, 2, 3


@contextlib.contextmanager
def mounted(folder):
    """A new bpffs below this folder; unmounted whatever happens, and with it go all its pins."""
    place = folder / "bpffs"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "bpf", "bpf", str(place)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skip(f"no bpffs can be mounted: {done.stderr.strip()}")
    try:
        yield place
    finally:
        if subprocess.run(["umount", str(place)], capture_output=True, check=False).returncode:
            subprocess.run(["umount", "--lazy", str(place)], check=False)


def _bpf(command, form, *values):
    """The answer and the attributes as the kernel left them."""
    attributes = ctypes.create_string_buffer(struct.pack(form, *values), 128)
    answer = hostview.bpf(command, attributes)
    return answer, attributes.raw


def _address(buffer):
    return ctypes.addressof(buffer)


class Pin:
    """What is pinned at a path, opened."""

    def __init__(self, path):
        self.path = path
        name = ctypes.create_string_buffer(os.fsencode(path))
        self.fd, _ = _bpf(OBJ_GET, "QII", _address(name), 0, 0)
        if self.fd < 0:
            raise OSError(-self.fd, os.strerror(-self.fd), str(path))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def identity(self):
        """(kind, id) of the object."""
        text = pathlib.Path(f"/proc/self/fdinfo/{self.fd}").read_text(encoding="ascii")
        kind, number = re.search(r"^(link|map|prog)_id:\s*(\d+)", text, re.M).groups()
        return kind, int(number)


class Map(Pin):
    """A pinned map."""

    def __init__(self, path):
        super().__init__(path)
        info = ctypes.create_string_buffer(80)
        _bpf(INFO_BY_FD, "IIQ", self.fd, len(info), _address(info))
        self.type, _, self.key_size, self.value_size = struct.unpack_from("4I", info)

    def keys(self):
        key, following = None, ctypes.create_string_buffer(self.key_size)
        found = []
        while True:
            answer, _ = _bpf(MAP_NEXT_KEY, "IIQQ", self.fd, 0, _address(key) if key else 0, _address(following))
            if answer:
                return found
            found.append(following.raw)
            key = ctypes.create_string_buffer(following.raw, self.key_size)

    def get(self, key):
        """The value, or None."""
        wanted, value = ctypes.create_string_buffer(key, self.key_size), ctypes.create_string_buffer(self.value_size)
        answer, _ = _bpf(MAP_LOOKUP, "IIQQQ", self.fd, 0, _address(wanted), _address(value), 0)
        return None if answer else value.raw

    def put(self, key, value):
        wanted, given = ctypes.create_string_buffer(key, self.key_size), ctypes.create_string_buffer(value, self.value_size)
        answer, _ = _bpf(MAP_UPDATE, "IIQQQ", self.fd, 0, _address(wanted), _address(given), 0)
        assert answer == 0, f"{self.path} can't be written: {answer}"

    def items(self):
        found = ((key, self.get(key)) for key in self.keys())
        return {key: value for key, value in found if value is not None}


def pins(state):
    """Every pin below the folder."""
    return sorted(path for path in pathlib.Path(state).rglob("*") if not path.is_dir())


def objects(state):
    """(kind, id) of everything that is pinned there, and of the programs behind the stubs."""
    found = set()
    for path in pins(state):
        with Pin(path) as pin:
            found.add(pin.identity())
    for path in pathlib.Path(state).glob("image_*/dispatch"):
        with Map(path) as dispatch:
            found |= {("prog", struct.unpack("I", value)[0]) for value in dispatch.items().values()}
    return found


def entries(state):
    """{map: how many entries} of its hashes."""
    found = {}
    for path in (pathlib.Path(state) / "maps").iterdir():
        with Map(path) as opened:
            if opened.type == HASH:
                found[path.name] = len(opened.keys())
    return found


def shape(state):
    """What is kept, without the numbers that images have: pins, programs per dispatch, entries per map, rows of links."""
    state = pathlib.Path(state)
    numbers = sorted(int(path.name[len("image_"):]) for path in state.glob("image_*"))
    order = {number: f"image#{i}" for i, number in enumerate(numbers)}
    tree = [re.sub(r"^image_(\d+)", lambda match: order[int(match[1])], str(path.relative_to(state)))
            for path in state.rglob("*")]
    programs = []
    for number in numbers:
        if (state / f"image_{number}/dispatch").exists():
            with Map(state / f"image_{number}/dispatch") as dispatch:
                programs.append((order[number], len(dispatch.items())))
    with Map(state / "maps/links") as links:
        # struct state_link_key and, at the end of struct state_link, nsites and complete
        rows = sorted((order.get(struct.unpack_from("I", key)[0]), *struct.unpack("II", value[-8:]))
                      for key, value in links.items().items())
    return {"pins": sorted(tree), "programs": programs, "entries": entries(state), "links": rows}


def same_shape(seen, expected, forgotten=()):
    """
    Equal, but for entries of maps that may have been forgotten, connections (the test's own come and go) and goroutines (whether
    the next run is on the same one is up to Go).
    """
    for name in ("sockets", "goroutines", *forgotten):
        seen["entries"].pop(name, None)
        expected["entries"].pop(name, None)
    wrong = {part: (seen[part], expected[part]) for part in expected if seen[part] != expected[part]}
    assert not wrong, "what is kept differs: " + "; ".join(f"{part} {s}, not {e}" for part, (s, e) in wrong.items())


def host_objects():
    """{kind: how many} BPF objects the kernel has."""
    counts = {}
    for kind, command in NEXT_ID.items():
        number, counts[kind] = 0, 0
        while True:
            answer, attributes = _bpf(command, "III", number, 0, 0)
            if answer:
                break
            number = struct.unpack_from("II", attributes)[1]
            counts[kind] += 1
    return counts


# ---- the header: struct state_header of user/probe/state.c ----

def schema(state):
    with Map(pathlib.Path(state) / "header") as header:
        return struct.unpack_from("I", header.get(bytes(4)))[0]


def set_schema(state, number):
    with Map(pathlib.Path(state) / "header") as header:
        header.put(bytes(4), struct.pack("I", number) + header.get(bytes(4))[4:])
