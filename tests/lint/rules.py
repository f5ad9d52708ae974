#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""House rules that no compiler holds. Each rule is one test; each violation is one line."""

import ast
import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "scripts"))
import counts  # noqa: E402

MAX_FUNCTION_LINES = 80
MAX_FILE_LINES = 600
MAX_MAIN_LINES = 120
DUAL = "(GPL-2.0-only OR BSD-2-Clause)"
DUAL_FOLDERS = ("bpf", "include", "vmlinux")
SOURCE_SUFFIXES = {".c", ".h", ".S", ".py", ".go", ".sh", ".mk"}
SOURCE_NAMES = {"Makefile", "Containerfile", "Dockerfile", "init", ".clang-tidy"}
NOT_TEXT = {".bin", ".png", ".gz", ".xz"}
# Written so that this file does not match itself.
FORBIDDEN = {
    "a path of one machine": r"/(?:wor[k]|roo[t])/(?!\.)\w|/home/\w+/",
    "the host of a registry or mirror":
        r"(?:prox[y]\.golang\.org|su[m]\.golang\.org|de[b]\.debian\.org|snapsho[t]\.debian|pyp[i]\.org|"
        r"files\.pythonhoste[d]|registr[y]\.npmjs|crate[s]\.io|(?:gh[c]r|qua[y])\.io|docke[r]\.io)",
}


def listed(top):
    """Files that are, or would be, in the repository."""
    done = subprocess.run(["git", "-C", str(top), "ls-files", "-co", "--exclude-standard"],
                          capture_output=True, text=True, check=False)
    if done.returncode == 0:
        paths = [top / name for name in done.stdout.splitlines()]
    else:
        paths = [path for path in top.rglob("*") if not {".git", "build"} & set(path.parts)]
    return sorted(path for path in paths if path.is_file() and path.suffix not in NOT_TEXT)


def read(path):
    return path.read_text(encoding="utf-8", errors="replace")


def is_source(path):
    if path.suffix in SOURCE_SUFFIXES or path.name in SOURCE_NAMES:
        return True
    return path.suffix == "" and read(path).startswith("#!")


def rule_spdx(top, files):
    """Every source file names its licence in its first lines."""
    for path in files:
        if not is_source(path):
            continue
        folder = path.relative_to(top).parts[0]
        want = DUAL if folder in DUAL_FOLDERS or ".bpf." in path.name else "Apache-2.0"
        head = "\n".join(read(path).splitlines()[:2])
        if not re.search(r"SPDX-License-Identifier: " + re.escape(want) + r"\s*(\*/)?$", head, re.M):
            yield f"{path.relative_to(top)}:1: no `SPDX-License-Identifier: {want}`"


def rule_file_length(top, files):
    """Files are split before they are long."""
    for path in files:
        limit = MAX_MAIN_LINES if path == top / "user/main.c" else MAX_FILE_LINES
        lines = len(read(path).splitlines())
        if is_source(path) and lines > limit:
            yield f"{path.relative_to(top)}: {lines} lines, at most {limit}"


def c_functions(text):
    """(first line, lines) of each body that begins and ends in the first column."""
    start = None
    for number, line in enumerate(text.splitlines(), 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            yield start, number - start + 1
            start = None


def go_functions(text):
    start = None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("func ") and line.endswith("{"):
            start = number
        elif line == "}" and start:
            yield start, number - start + 1
            start = None


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno - node.lineno + 1


FUNCTIONS = {".c": c_functions, ".h": c_functions, ".go": go_functions, ".py": python_functions}


def rule_function_length(top, files):
    """No function is over 80 lines."""
    for path in files:
        text = read(path)
        suffix = path.suffix or (".py" if text.startswith("#!/usr/bin/env python3") else "")
        if suffix not in FUNCTIONS:
            continue
        for line, length in FUNCTIONS[suffix](text):
            if length > MAX_FUNCTION_LINES:
                yield f"{path.relative_to(top)}:{line}: function of {length} lines"


def rule_forbidden(top, files):
    """Nothing that only one machine or network knows."""
    for path in files:
        for number, line in enumerate(read(path).splitlines(), 1):
            for what, pattern in FORBIDDEN.items():
                if re.search(pattern, line):
                    yield f"{path.relative_to(top)}:{number}: {what}: {line.strip()[:80]}"


def rule_helper_errors(top, files):
    """No ignored result of a BPF helper that can fail (but insert-if-absent, when a lookup follows)."""
    pattern = re.compile(r"^\s*(?:\(void\)\s*)?(bpf_(?:map_update_elem|probe_read\w*|core_read\w*))\(")
    for path in files:
        if path.relative_to(top).parts[0] != "bpf":
            continue
        # A call is a statement of its own only when what came before it ended one.
        before = ";"
        lines = read(path).splitlines()
        for number, line in enumerate(lines, 1):
            match = pattern.match(line)
            looked_up = "BPF_NOEXIST" in line and "bpf_map_lookup_elem(" in "".join(lines[number:number + 1])
            if match and before[-1:] in ";{}" and not looked_up:
                yield f"{path.relative_to(top)}:{number}: result of {match.group(1)} is ignored"
            before = line.rstrip() or before


def statements(lines):
    """How many lines of a body are more than a declaration without a value."""
    plain = re.compile(r"^\s*((const |volatile |struct |enum |unsigned |\w+ )+\**\w+(, \**\w+)*;)?$")
    return sum(1 for line in lines if not plain.match(line) or line.lstrip().startswith("return "))


def rule_stub_size(top, files):
    """SEC() shims have at most 5 statements: the body is a function that the host can test."""
    for path in files:
        if not path.name.endswith(".bpf.c"):
            continue
        lines = read(path).splitlines()
        for start, length in c_functions("\n".join(lines)):
            head = lines[max(0, start - 4):start - 1]
            count = statements(lines[start:start + length - 2])
            if any(re.match(r'SEC\("(?!\.maps|license)', line) for line in head) and count > 5:
                yield f"{path.relative_to(top)}:{start}: program of {count} statements, at most 5"


def rule_unit_tests(top, files):
    """Every file with cmocka tests is a program (that its tests are in its table, the compiler holds)."""
    for path in files:
        parts = path.relative_to(top).parts
        if parts[:2] != ("tests", "unit") or path.suffix != ".c":
            continue
        text = read(path)
        is_program = path.name.startswith("test_")
        if not is_program and re.search(r"cmocka_run_group_tests|^int main\(", text, re.M):
            yield f"{path.relative_to(top)}: runs tests, but is not called test_*.c"
        if is_program and "cmocka_run_group_tests" not in text:
            yield f"{path.relative_to(top)}: is called test_*.c, but runs no tests"


def rule_uretprobes(top, files):
    """User space never uses uretprobes: they crash Go programs."""
    for path in files:
        if path.relative_to(top).parts[0] in ("user", "bpf") and re.search(
                r'SEC\("uretprobe|\bretprobe\s*=\s*true', read(path)):
            yield f"{path.relative_to(top)}: uretprobe"


RULES = (rule_spdx, rule_file_length, rule_function_length, rule_forbidden, rule_helper_errors,
         rule_stub_size, rule_unit_tests, rule_uretprobes)


def main():
    total = counts.Counts()
    files = listed(TOP)
    for rule in RULES:
        found = list(rule(TOP, files))
        print(f"{'FAIL' if found else 'ok  '} {rule.__name__[5:]}: {rule.__doc__}")
        for text in found:
            print(f"  {text}")
        total += counts.Counts(passed=int(not found), failed=int(bool(found)))
    print(total)
    return total.status()


if __name__ == "__main__":
    sys.exit(main())
