# SPDX-License-Identifier: Apache-2.0
"""The line of totals that every part of the tests ends with."""

import re

# How a test says why it did not run.
SKIP_REASON = re.compile(r"^\s*(?:SKIP|skipped)\b")
_LINE = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$")


class Counts:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def __add__(self, other):
        return Counts(self.passed + other.passed, self.failed + other.failed,
                      self.skipped + other.skipped)

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"

    def status(self):
        return 1 if self.failed else 0


def parse(line):
    """Counts of a line of totals, or None."""
    match = _LINE.match(line.strip())
    return Counts(*map(int, match.groups())) if match else None
