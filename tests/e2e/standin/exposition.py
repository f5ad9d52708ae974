# SPDX-License-Identifier: Apache-2.0
"""Reads the Prometheus text format as far as tests need it."""
import re

_SAMPLE = re.compile(r'([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$')
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


class Samples:
    """All samples of one scrape: (name, labels) -> value."""

    def __init__(self, text):
        self.values = {}
        for line in text.splitlines():
            if not line or line[0] == "#":
                continue
            name, labels, value = _SAMPLE.match(line).groups()
            pairs = {key: re.sub(r'\\[\\"n]', lambda m: _ESCAPES[m[0]], text)
                     for key, text in _LABEL.findall(labels or "")}
            self.values[name, frozenset(pairs.items())] = float(value)

    def select(self, name, drop=(), **labels):
        """{labels without those given and dropped: value} of the samples that have these labels."""
        found = {}
        for (sample, pairs), value in self.values.items():
            if sample == name and labels.items() <= dict(pairs).items():
                rest = frozenset((k, v) for k, v in pairs if k not in labels and k not in drop)
                assert rest not in found, f"{name} has the label set {dict(rest)} twice"
                found[rest] = value
        return found

    def one(self, name, **labels):
        """The value of the only such sample."""
        found = self.select(name, **labels)
        assert len(found) == 1, f"{name}{labels}: {len(found)} samples, not one"
        return next(iter(found.values()))

    def total(self, name, **labels):
        return sum(self.select(name, **labels).values())
