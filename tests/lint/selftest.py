#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each rule finds what it is there to find, and leaves alone what is right."""

import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import layers  # noqa: E402
import rules  # noqa: E402
from rules import counts  # noqa: E402

APACHE = "/* SPDX-License-Identifier: Apache-2.0 */\n"
DUAL = "/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */\n"


def function(lines):
    return "static int f(void)\n{\n" + "\tg();\n" * (lines - 2) + "}\n"


def program(lines):
    return 'SEC("uprobe")\nint stub(struct pt_regs *ctx)\n' + function(lines + 2).partition("\n")[2]


# (rule, path, text that is wrong, text that is right)
RULE_CASES = (
    (rules.rule_spdx, "user/a.c", "int a;\n", APACHE),
    (rules.rule_spdx, "bpf/a.bpf.c", APACHE, DUAL),
    (rules.rule_spdx, "scripts/tool", "#!/bin/sh\n", "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n"),
    (rules.rule_file_length, "user/a.c", "\n" * 601, "\n" * 600),
    (rules.rule_file_length, "user/main.c", "\n" * 121, "\n" * 120),
    (rules.rule_function_length, "user/a.c", function(81), function(80)),
    (rules.rule_function_length, "tests/a.py", "def f():\n" + "    g()\n" * 80, "def f():\n" + "    g()\n" * 79),
    (rules.rule_function_length, "tests/a.go", "func f() {\n" + "\tg()\n" * 79 + "}\n", "func f() {\n}\n"),
    (rules.rule_forbidden, "README.md", "see /wor" + "k/main\n", "see /var/cache/philoscope\n"),
    (rules.rule_forbidden, "README.md", "GOPROXY=https://prox" + "y.golang.org\n", "GOPROXY\n"),
    (rules.rule_helper_errors, "bpf/a.bpf.h", "\tbpf_map_update_elem(&m, &k, &v, 0);\n",
     "\tif (bpf_map_update_elem(&m, &k, &v, 0))\n\tlong err =\n\t\tbpf_map_update_elem(&m, &k, &v, 0);\n"),
    (rules.rule_helper_errors, "bpf/a.bpf.h", "\tbpf_map_update_elem(&m, &k, &v, BPF_NOEXIST);\n\tg();\n",
     "\tbpf_map_update_elem(&m, &k, &v, BPF_NOEXIST);\n\tslot = bpf_map_lookup_elem(&m, &k);\n"),
    (rules.rule_stub_size, "bpf/a.bpf.c", program(6), program(5)),
    (rules.rule_unit_tests, "tests/unit/a.c", "int main(void)\n{\n}\n", "int helper(void)\n{\n}\n"),
    (rules.rule_unit_tests, "tests/unit/test_a.c", "int main(void)\n{\n}\n", "cmocka_run_group_tests(t);\n"),
    (rules.rule_uretprobes, "bpf/a.bpf.c", 'SEC("uretprobe")\n', 'SEC("uprobe")\n'),
)

# (path, include that is wrong, include that is right)
LAYER_CASES = (
    ("user/binary/elf.c", "plan/plan.h", "util/view.h"),
    ("user/plan/plan.c", "http/server.h", "binary/elf.h"),
    ("user/util/log.c", "kernel/features.h", "util/log.h"),
    ("user/metric/text.c", "cdc.skel.h", "ps_types.h"),
    ("user/http/server.c", "app.h", "metric/text.h"),
    ("user/metric/text.c", "ps_nothing.h", "snapshot/snapshot.h"),
    ("bpf/cdc.bpf.c", "util/log.h", "ps_types.h"),
    ("include/ps_types.h", "span.bpf.h", "ps_sites.h"),
)
PRESENT = ("user/app.h", "include/ps_types.h", "include/ps_sites.h", "bpf/span.bpf.h",
           "user/util/log.h", "user/util/view.h", "user/binary/elf.h")


def put(top, path, text):
    file = top / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def rule_holds(rule, path, wrong, right):
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        found = [bool(list(rule(top, [put(top, path, text)]))) for text in (wrong, right)]
    return found == [True, False]


def layer_holds(path, wrong, right):
    found = []
    for included in (wrong, right):
        with tempfile.TemporaryDirectory() as folder:
            top = Path(folder)
            for present in PRESENT:
                put(top, present, "")
            put(top, path, f'#include "{included}"\n')
            found.append(bool(list(layers.problems(top))))
    return found == [True, False]


def main():
    results = [(f"{case[0].__name__} {case[1]}", rule_holds(*case)) for case in RULE_CASES]
    results += [(f"layers {path}: {wrong}", layer_holds(path, wrong, right))
                for path, wrong, right in LAYER_CASES]
    for name, good in results:
        if not good:
            print(f"FAIL {name}")
    good = sum(good for _, good in results)
    print(counts.Counts(passed=good, failed=len(results) - good))
    return 0 if good == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
