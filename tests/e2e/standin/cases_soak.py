# SPDX-License-Identifier: Apache-2.0
"""What takes longer than a check may: `make soak`."""
import os
import random
import time

import compare
from cases_counting import ALL_OPERATIONS, THREE_TABLES
from programs import Observer, Worker

MINUTES = float(os.environ.get("PHILOSCOPE_SOAK_MINUTES", "10"))


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def soak_ten_million_events(_):
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        for _ in range(10):
            worker.run(tables=THREE_TABLES, operations=ALL_OPERATIONS, events=83334, stack_depth=40, write_depth=20,
                       events_per_run=5000, gc_ms=20, churn=4, no_stamps=True)
            compare.no_drops(compare.counters(observer, worker))


def soak_mixed_load_with_faults(_):
    """Orders of all kinds, one after the other; the numbers stay equal and the observer's memory flat."""
    chance = random.Random(20261122)
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        deadline, rounds, early = time.monotonic() + MINUTES * 60, 0, None
        while time.monotonic() < deadline:
            worker.run(tables=THREE_TABLES, operations=ALL_OPERATIONS, events=chance.randint(10, 2000),
                       stack_depth=chance.randint(0, 60), write_depth=chance.randint(0, 40),
                       events_per_run=chance.choice([0, 100, 1000]), gc_ms=chance.choice([0, 5, 50]),
                       churn=chance.randint(0, 8), fail_attempts=chance.randint(0, 3),
                       fail_every=chance.randint(5, 50), permanent_every=chance.choice([0, 17]),
                       timestamp=chance.choice(["wall", "mono"]), lag_ms=[0, chance.randint(-5000, 5000)],
                       fresh_strings=chance.random() < 0.5, no_stamps=True)
            compare.no_drops(compare.counters(observer, worker))
            rounds += 1
            if rounds == 20:
                early = resident_kib(observer.pid)
        late = resident_kib(observer.pid)
        assert early and late <= early * 1.1 + 1024, f"the observer grew from {early} to {late} KiB in {rounds} rounds"
