# SPDX-License-Identifier: Apache-2.0
"""The tables that benchmarks write into the documentation."""

END = "<!-- end -->"


def write_table(path, marker, rows):
    """Puts rows between <!-- marker --> and the next <!-- end -->, in place of what is there."""
    begin = f"<!-- {marker} -->\n"
    head, found, rest = path.read_text().partition(begin)
    _, ended, tail = rest.partition(END)
    if not found or not ended:
        raise SystemExit(f"bench: {path} has no table marked `{marker}`: write its two marks first")
    path.write_text(head + begin + "\n".join(rows) + f"\n{END}" + tail)
