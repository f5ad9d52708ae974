# SPDX-License-Identifier: Apache-2.0
"""What measurements write into the documentation, and what is read there."""

END = "<!-- end -->"


def _parts(path, marker):
    """What is before the block, in it, and behind it, without its marks' lines."""
    head, begun, rest = path.read_text(encoding="utf-8").partition(f"<!-- {marker} -->\n")
    block, ended, tail = rest.partition(END)
    if not begun or not ended:
        raise SystemExit(f"{path} has nothing marked `{marker}`: write its two marks first")
    return head + begun, block, END + tail


def write_block(path, marker, lines):
    """Puts lines between <!-- marker --> and the next <!-- end -->, in place of what is there."""
    head, _, tail = _parts(path, marker)
    path.write_text(head + "\n".join(lines) + "\n" + tail, encoding="utf-8")


def read_block(path, marker):
    """The lines that stand there."""
    return _parts(path, marker)[1].splitlines()
