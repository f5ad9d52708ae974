# SPDX-License-Identifier: Apache-2.0
"""JSON for people: what fits into a line, or has no more parts in its parts, is one; the rest is broken up."""

import json

WIDTH = 140


def is_flat(value):
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return not any(isinstance(item, (dict, list)) for item in items)


def dumps(value, indent=0):
    """Text without a newline at its end. indent: columns that are taken already."""
    line = json.dumps(value, ensure_ascii=False)
    if indent + len(line) <= WIDTH or is_flat(value):
        return line
    inner = indent + 1
    if isinstance(value, dict):
        parts = [f"{json.dumps(key, ensure_ascii=False)}: {dumps(item, inner)}" for key, item in value.items()]
        begin, end = "{}"
    else:
        parts = [dumps(item, inner) for item in value]
        begin, end = "[]"
    space = "\n" + " " * inner
    return f"{begin}{space}{f',{space}'.join(parts)}\n{' ' * indent}{end}"
