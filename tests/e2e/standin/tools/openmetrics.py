#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads an OpenMetrics page on standard input with the strict parser of prometheus-client, and says what it found."""
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families


def main():
    # As bytes: a page ends its lines with \n alone, and Python would make that of other ends, too.
    text = sys.stdin.buffer.read().decode()
    try:
        families = list(text_string_to_metric_families(text))
    except ValueError as error:
        print(f"not OpenMetrics: {error}")
        return 1
    print(f"{len(families)} families, {sum(len(family.samples) for family in families)} samples")
    return 0


if __name__ == "__main__":
    sys.exit(main())
