# SPDX-License-Identifier: Apache-2.0
"""An initramfs, written without cpio(1).

Format ("newc", Documentation/driver-api/early-userspace/buffer-format.rst in the kernel): for each
file the magic 070701, thirteen fields of eight hex digits (inode, mode, uid, gid, links, mtime,
size, device major and minor, rdev major and minor, length of the name with its NUL, checksum), the
name, and the content; name and content are each padded to four bytes. An entry named TRAILER!!!
ends the archive. Directories must come before what is in them.
"""

import gzip
import re
import stat
import subprocess
from pathlib import Path, PurePosixPath


class Archive:
    def __init__(self):
        self._parts = []
        self._names = set()

    def _entry(self, name, mode, content=b""):
        encoded = name.encode() + b"\0"
        inode = len(self._names) + 1
        fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        self._parts += [head, bytes(-len(head) % 4), content, bytes(-len(content) % 4)]
        self._names.add(name)

    def directory(self, path):
        for parent in [*reversed(PurePosixPath(path).parents), PurePosixPath(path)]:
            name = str(parent).strip("/.")
            if name and name not in self._names:
                self._entry(name, stat.S_IFDIR | 0o755)

    def write(self, path, content):
        name = path.lstrip("/")
        if name in self._names:
            return
        self.directory(PurePosixPath(path).parent)
        self._entry(name, stat.S_IFREG | 0o755, content)

    def program(self, path, source):
        """A program and, at the paths the host has them, the shared libraries it is linked to."""
        self.write(path, Path(source).read_bytes())
        for library in shared_libraries(source):
            self.write(library, Path(library).read_bytes())

    def compressed(self):
        self._entry("TRAILER!!!", 0)
        return gzip.compress(b"".join(self._parts), compresslevel=1, mtime=0)


def shared_libraries(program):
    """What ldd lists with a path, the dynamic loader included; nothing for a static program."""
    listed = subprocess.run(["ldd", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            text=True, check=False)
    if "not found" in listed.stdout:
        raise FileNotFoundError(f"{program} lacks a library:\n{listed.stdout}")
    return re.findall(r"(/\S+) \(0x", listed.stdout)
